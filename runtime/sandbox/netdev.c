/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices of the host for a container: see netdev.h.
 *
 * A device belongs to one network namespace. One netlink request moves and renames it, and
 * the kernel takes it down and forgets its addresses on the way; so these are read before,
 * and added again in the new namespace. That has to be asked by a socket of the new
 * namespace: a socket keeps the namespace it was made in, so we only visit there to make
 * it.
 *
 * The name can be a pattern such as eth%d, of which the kernel makes the first free one. So
 * the device is found again by its number, which the kernel keeps if it is free over there;
 * otherwise we ask for one that is (IFLA_NEW_IFINDEX, kernel 5.13).
 *
 * Manual pages: rtnetlink(7), netlink(7), setns(2).
 */
#include "sandbox/netdev.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REQUEST 1024
#define MAX_ANSWER (64u << 10)

struct request {
	struct nlmsghdr head;
	char body[MAX_REQUEST];
};

/* One permanent global address, as it was listed. */
struct address {
	struct ifaddrmsg head;
	char attributes[256];
	size_t len;
};

struct addresses {
	struct address *items;
	size_t n;
};

static void addresses_clear(struct addresses *a)
{
	free(a->items);
}

/* --- netlink --- */

static int open_netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void begin(struct request *r, unsigned short type, unsigned flags, const void *head,
	size_t len)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
	r->head.nlmsg_len = (unsigned)NLMSG_LENGTH(len);
	memcpy(r->body, head, len);
}

/* The caller keeps within MAX_REQUEST: names and numbers, or a bounded copy. */
static void put(struct request *r, const void *bytes, size_t len)
{
	memcpy((char *)r + NLMSG_ALIGN(r->head.nlmsg_len), bytes, len);
	r->head.nlmsg_len = (unsigned)(NLMSG_ALIGN(r->head.nlmsg_len) + len);
}

static void put_attribute(struct request *r, unsigned short type, const void *value, size_t len)
{
	struct rtattr attribute = {(unsigned short)RTA_LENGTH(len), type};

	put(r, &attribute, sizeof(attribute));
	put(r, value, len);
}

/* @return bytes of the next answer in @buffer, or -errno */
static ssize_t receive(int fd, char *buffer, size_t cap)
{
	ssize_t n;

	do
		n = recv(fd, buffer, cap, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n > cap ? -EMSGSIZE : n;
}

/* A request that is only acknowledged. */
static int ask(int fd, struct request *r)
{
	char answer[MAX_REQUEST + 256];

	r->head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0)
		return -errno;
	ssize_t n = receive(fd, answer, sizeof(answer));
	if (n < 0)
		return (int)n;
	struct nlmsghdr *h = (void *)answer;
	if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

/* --- addresses --- */

static bool is_kept(struct nlmsghdr *h, unsigned index)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);

	return h->nlmsg_type == RTM_NEWADDR && a->ifa_index == index &&
	       a->ifa_scope == RT_SCOPE_UNIVERSE && a->ifa_flags & IFA_F_PERMANENT;
}

/* All but what the kernel works out, and the label, which begins with the old name. */
static bool is_copied(unsigned short type)
{
	return type == IFA_ADDRESS || type == IFA_LOCAL || type == IFA_BROADCAST ||
	       type == IFA_ANYCAST || type == IFA_FLAGS || type == IFA_RT_PRIORITY ||
	       type == IFA_PROTO;
}

static int keep(struct addresses *list, struct nlmsghdr *h)
{
	struct address *grown = realloc(list->items, (list->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	struct address *to = &grown[list->n];
	*to = (struct address){.head = *(struct ifaddrmsg *)NLMSG_DATA(h)};
	const char *body = (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(to->head));
	const size_t end = h->nlmsg_len - NLMSG_LENGTH(sizeof(to->head));
	const struct rtattr *a;
	for (size_t at = 0; at + sizeof(*a) <= end; at += RTA_ALIGN(a->rta_len)) {
		a = (const void *)(body + at);
		if (a->rta_len < sizeof(*a) || at + a->rta_len > end)
			return -EPROTO;
		if (!is_copied(a->rta_type))
			continue;
		if (to->len + RTA_ALIGN(a->rta_len) > sizeof(to->attributes))
			return -EMSGSIZE;
		memcpy(to->attributes + to->len, a, a->rta_len);
		to->len += RTA_ALIGN(a->rta_len);
	}
	list->n++;
	return 0;
}

static int list_addresses(int fd, unsigned index, struct addresses *ret)
{
	const struct ifaddrmsg all = {.ifa_family = AF_UNSPEC};
	autofree char *buffer = malloc(MAX_ANSWER);
	struct request r;

	begin(&r, RTM_GETADDR, NLM_F_DUMP, &all, sizeof(all));
	if (!buffer)
		return -ENOMEM;
	if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = receive(fd, buffer, MAX_ANSWER);
		if (n < 0)
			return (int)n;
		unsigned left = (unsigned)n;
		for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, left);
			h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			int e = is_kept(h, index) ? keep(ret, h) : 0;
			if (e < 0)
				return e;
		}
	}
}

static int add_address(int fd, const struct address *a, unsigned index)
{
	struct ifaddrmsg head = a->head;
	struct request r;

	head.ifa_index = index;
	begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	put(&r, a->attributes, a->len);
	int e = ask(fd, &r);
	return e == -EEXIST ? 0 : e;
}

/* --- links --- */

/* By @name, or by @index. @return the number of a device, or -errno */
static int find_link(int fd, const char *name, int index)
{
	const struct ifinfomsg which = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	char answer[16u << 10];
	struct request r;

	begin(&r, RTM_GETLINK, 0, &which, sizeof(which));
	if (name)
		put_attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
	if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
		return -errno;
	ssize_t n = receive(fd, answer, sizeof(answer));
	if (n < 0)
		return (int)n;
	struct nlmsghdr *h = (void *)answer;
	if (h->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
	if (h->nlmsg_type != RTM_NEWLINK)
		return -EPROTO;
	return ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
}

static int free_number(int fd, int index)
{
	int found;

	while ((found = find_link(fd, NULL, index)) >= 0)
		index++;
	return found == -ENODEV ? index : found;
}

static int move_link(int fd, int index, const char *name, int netns, int new_index)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &head, sizeof(head));
	put_attribute(&r, IFLA_NET_NS_FD, &netns, sizeof(netns));
	put_attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
	if (new_index != index)
		put_attribute(&r, IFLA_NEW_IFINDEX, &new_index, sizeof(new_index));
	return ask(fd, &r);
}

static int set_up(int fd, int index)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP};
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &head, sizeof(head));
	return ask(fd, &r);
}

struct mover {
	int here, there; /* netlink sockets of the two namespaces */
	int netns;       /* the container's */
	struct mr_error *err;
};

static int fail_device(const struct mover *m, const struct mr_net_device *d, int e,
	const char *what)
{
	mr_fail(m->err, -e, "linux.netDevices: %s '%s'", what, d->host_name);
	if (e == -ENODEV)
		mr_hint(m->err, "the caller's network namespace has no such device: ip link");
	else if (e == -EPERM)
		mr_hint(m->err, "CAP_NET_ADMIN is needed in the network namespace that it is in");
	else if (e == -EEXIST)
		mr_hint(m->err, "the container has a device of that name: choose another one by "
				"\"name\"");
	else if (e == -EINVAL)
		mr_hint(m->err, "some devices, such as lo, cannot leave their namespace");
	return e;
}

static int move_device(const struct mover *m, const struct mr_net_device *d)
{
	__attribute__((cleanup(addresses_clear))) struct addresses kept = {0};
	const char *name = d->name && *d->name ? d->name : d->host_name;
	int index = find_link(m->here, d->host_name, 0);

	if (index < 0)
		return fail_device(m, d, index, "find");
	int e = list_addresses(m->here, (unsigned)index, &kept);
	if (e < 0)
		return fail_device(m, d, e, "list the addresses of");
	int new_index = free_number(m->there, index);
	e = new_index < 0 ? new_index : move_link(m->here, index, name, m->netns, new_index);
	if (e < 0)
		return fail_device(m, d, e, "move");
	for (size_t i = 0; i < kept.n && e == 0; i++)
		e = add_address(m->there, &kept.items[i], (unsigned)new_index);
	if (e < 0)
		return fail_device(m, d, e, "give its addresses back to");
	e = set_up(m->there, new_index);
	return e < 0 ? fail_device(m, d, e, "set up") : 0;
}

/* Visit the container's namespace. */
static int open_there(int pidfd, int own, struct mover *m)
{
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return mr_fail(m->err, errno, "linux.netDevices: enter the container's network namespace");
	m->there = open_netlink();
	m->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int e = m->there < 0 ? -m->there : m->netns < 0 ? errno : 0;
	if (setns(own, CLONE_NEWNET) < 0)
		return mr_fail(m->err, errno, "linux.netDevices: return to the own network namespace");
	return e ? mr_fail(m->err, e, "linux.netDevices: netlink in the container") : 0;
}

int mr_netdev_move(const struct mr_linux *l, int pidfd, struct mr_error *err)
{
	autoclose int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	autoclose int here = open_netlink();
	struct mover m = {.here = here, .there = -1, .netns = -1, .err = err};

	if (own < 0)
		return mr_fail(err, errno, "linux.netDevices: the own network namespace");
	if (here < 0)
		return mr_fail(err, -here, "linux.netDevices: netlink");
	int ret = open_there(pidfd, own, &m);
	for (size_t i = 0; ret == 0 && i < l->net_devices.n; i++)
		ret = move_device(&m, &l->net_devices.items[i]);
	mr_close(&m.there);
	mr_close(&m.netns);
	return ret;
}
