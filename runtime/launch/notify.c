/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy for sd_notify(3).
 *
 * A service manager names a socket in NOTIFY_SOCKET and waits there for READY=1. The
 * container cannot reach it, and what it sent would be refused: the manager asks the kernel
 * whether the sender is the unit's main process. So the container is shown a directory of
 * its own with a socket that is ours, and we pass on what is harmless. Who supervises the
 * container is the main process itself; who leaves it behind says with READY=1 that from now
 * on its init is (MAINPID).
 *
 * Order: the directory exists before its mount is opened; the socket is bound before the
 * program runs, by `start` for a container that was only created: its launcher is gone.
 *
 * sd_notify(3), unix(7)
 */
#include "launch/notify.h"

#include "base/errors.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DIRECTORY "notify"
#define SOCKET "notify.sock"
#define DESTINATION "/run/notify"
#define MAX_DATAGRAM 4096
#define MAX_AT_ONCE 16
#define BARRIER_MS 5000

/* --- plan --- */

/* A path, or "@name": what the managers of today give. */
static const char *receiver(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a;

	return name && (name[0] == '/' || name[0] == '@') && name[1] &&
			       strlen(name) < sizeof(a.sun_path)
		       ? name
		       : NULL;
}

static int add_mount(struct mr_plan *plan, struct mr_error *err)
{
	static char *options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	const size_t n = plan->spec->mounts.n;
	struct mr_spec_mount *items = mr_arena_alloc(&plan->arena, (n + 1) * sizeof(*items));

	if (!items)
		return mr_fail(err, ENOMEM, "NOTIFY_SOCKET");
	if (n > 0)
		memcpy(items, plan->spec->mounts.items, n * sizeof(*items));
	items[n] = (struct mr_spec_mount){
		.destination = DESTINATION,
		.type = "bind",
		.source = mr_arena_printf(&plan->arena, "%s/%s/" DIRECTORY, plan->root, plan->id),
		.options = { .items = options, .n = 5, .set = true },
	};
	if (!items[n].source)
		return mr_fail(err, ENOMEM, "NOTIFY_SOCKET");
	plan->spec->mounts.items = items;
	plan->spec->mounts.n = n + 1;
	return 0;
}

int mr_notify_plan(struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_spec_namespace *ns = mr_spec_namespace_of(plan->spec, MR_NS_MOUNT);
	struct mr_list *env = &plan->spec->process->env;

	/* A command sees the host's socket where it is, and inherits the variable. */
	if (!receiver() || plan->options.command || !ns || ns->path)
		return 0;
	char **items = mr_arena_alloc(&plan->arena, (env->n + 1) * sizeof(*items));
	if (!items)
		return mr_fail(err, ENOMEM, "NOTIFY_SOCKET");
	if (env->n > 0)
		memcpy(items, env->items, env->n * sizeof(*items));
	items[env->n] = "NOTIFY_SOCKET=" DESTINATION "/" SOCKET;
	*env = (struct mr_list){ .items = items, .n = env->n + 1, .set = true };
	plan->notify = true;
	return add_mount(plan, err);
}

/* --- our socket --- */

int mr_notify_make(const struct mr_state *state, struct mr_error *err)
{
	if (mkdirat(state->dir, DIRECTORY, 0755) < 0 ||
		fchmodat(state->dir, DIRECTORY, 0755, 0) < 0) /* whatever the umask is */
		return mr_fail(err, errno, "make '%s/%s/" DIRECTORY "'", state->root, state->id);
	return 0;
}

int mr_notify_bind(const struct mr_state *state, int *ret, struct mr_error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	autoclose int dir = openat(
		state->dir, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0)
		return mr_fail(err, errno, "open '%s/%s/" DIRECTORY "'", state->root, state->id);
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" SOCKET, dir);
	unlinkat(dir, SOCKET, 0); /* of a start that failed */
	/* The container's user, whoever that is, must be able to write to it. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		fchmodat(dir, SOCKET, 0666, 0) < 0)
		return mr_fail(err, errno, "bind '%s/%s/" DIRECTORY "/" SOCKET "'", state->root,
			state->id);
	*ret = mr_take_fd(&fd);
	return 0;
}

/* --- passing on --- */

static int connect_receiver(void)
{
	const char *name = receiver();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 1 };

	if (!name)
		return -ENOENT;
	memcpy(a.sun_path, name, strlen(name));
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	/* A manager that does not read must not hold up the supervisor. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
		connect(fd, (const struct sockaddr *)&a, len) < 0)
		return -errno;
	return mr_take_fd(&fd);
}

static bool is_passed_on(const char *line)
{
	static const char *const prefixes[] = { "READY=", "RELOADING=", "STOPPING=", "STATUS=",
		"ERRNO=", "WATCHDOG=", "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC=" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (mr_has_prefix(line, prefixes[i]))
			return true;
	return false;
}

/* @main_pid with READY=1 this is the main process from now on; 0: we are
 * @return 1 READY=1 was passed on, 0 something else, -EAGAIN: there is nothing, or -errno of
 * the receiver */
static int relay(int fd, pid_t main_pid)
{
	char datagram[MAX_DATAGRAM + 1];
	auto_str out = { 0 };
	bool is_ready = false;

	/* Descriptors that come along are closed by the kernel: there is no room for them. */
	ssize_t n = recv(fd, datagram, MAX_DATAGRAM, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	datagram[n] = '\0';
	for (char *rest = datagram, *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (is_passed_on(line))
			mr_str_appendf(&out, "%s\n", line);
		is_ready |= mr_streq(line, "READY=1");
	}
	if (is_ready && main_pid > 0)
		mr_str_appendf(&out, "MAINPID=%d\n", (int)main_pid);
	if (out.len == 0)
		return mr_str_ok(&out) ? 0 : -ENOMEM;
	autoclose int to = connect_receiver();
	if (to < 0)
		return to;
	return send(to, out.data, out.len, MSG_NOSIGNAL) < 0 ? -errno : is_ready;
}

void mr_notify_step(const struct mr_plan *plan, int fd, pid_t init)
{
	char text[128];
	int ret = 0;

	/* What was sent before the end is there by the end; but a flood must not keep us. */
	for (int i = 0; i < MAX_AT_ONCE && ret >= 0; i++)
		ret = relay(fd, plan->options.detach ? init : 0);
	if (ret >= 0 || ret == -EAGAIN || !plan->options.message)
		return;
	snprintf(text, sizeof(text), "NOTIFY_SOCKET: a message could not be passed on (%s)",
		mr_errno_name(-ret));
	plan->options.message(plan->options.message_arg, MR_MESSAGE_WARNING, text);
}

/* The receiver closes the descriptor that comes with it once it has read all before. */
static int send_barrier(void)
{
	static char text[] = "BARRIER=1";
	autoclose int to = connect_receiver();
	union {
		char buffer[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.buffer,
		.msg_controllen = sizeof(control.buffer) };
	int ends[2];

	if (to < 0)
		return to;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
	int ret = sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
	close(ends[1]);
	struct pollfd p = { ends[0], 0, 0 };
	while (ret == 0 && poll(&p, 1, BARRIER_MS) < 0)
		if (errno != EINTR)
			ret = -errno;
	close(ends[0]);
	return ret;
}

int mr_notify_wait(int fd, int pidfd, pid_t main_pid, struct mr_error *err)
{
	struct pollfd p[] = { { fd, POLLIN, 0 }, { pidfd, POLLIN, 0 } };
	int ret = 0;

	while (ret == 0 || ret == -EAGAIN) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return mr_fail(err, errno, "poll");
		if (p[0].revents)
			ret = relay(fd, main_pid);
		else if (p[1].revents)
			return 0; /* it has ended without a word */
	}
	if (ret > 0)
		ret = send_barrier();
	return ret < 0 ? mr_fail(err, -ret, "notify '%s'", getenv("NOTIFY_SOCKET")) : 0;
}
