/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent/child protocol: see sync.h. SOCK_SEQPACKET keeps message borders, so a frame
 * arrives whole or not at all (unix(7)); a descriptor travels with its frame.
 */
#include "base/sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is on the wire; `fd` travels as SCM_RIGHTS. The text part is sent only as needed. */
#define SHORT_FRAME offsetof(struct mr_frame, error)

int mr_sync_open(int ret[2], struct mr_error *err)
{
	int on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return mr_fail(err, errno, "socketpair");
	if (setsockopt(ret[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return mr_fail(err, errno, "setsockopt SO_PASSCRED");
	return 0;
}

static int send_frame(int sock, const struct mr_frame *frame, size_t len, int fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = (void *)(uintptr_t)frame, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(control, 0, sizeof(control));
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t n;
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int mr_sync_send(int sock, enum mr_frame_kind kind, uint32_t which, int64_t value)
{
	struct mr_frame frame = { .kind = kind, .which = which, .value = value, .fd = -1 };
	return send_frame(sock, &frame, SHORT_FRAME, -1);
}

int mr_sync_send_fd(int sock, enum mr_fd_purpose purpose, int fd)
{
	struct mr_frame frame = { .kind = MR_FRAME_FD, .which = purpose, .fd = -1 };
	return send_frame(sock, &frame, SHORT_FRAME, fd);
}

int mr_sync_send_error(int sock, const struct mr_error *error)
{
	struct mr_frame frame = { .kind = MR_FRAME_ERROR, .fd = -1, .error = *error };
	return send_frame(sock, &frame, sizeof(frame), -1);
}

/* Take descriptor and sender out of the control messages. */
static void take_control(struct msghdr *msg, struct mr_frame *ret)
{
	ret->fd = -1;
	ret->sender = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&ret->fd, CMSG_DATA(c), sizeof(ret->fd));
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred who;
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			ret->sender = who.pid;
		}
	}
}

int mr_sync_receive(int sock, struct mr_frame *ret)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	memset(ret, 0, SHORT_FRAME);
	ssize_t n;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	/* A peer that died with frames unread resets the socket: that is an end, too. */
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return -errno;
	take_control(&msg, ret);
	if ((size_t)n != (ret->kind == MR_FRAME_ERROR ? sizeof(*ret) : SHORT_FRAME)) {
		if (ret->fd >= 0)
			close(ret->fd);
		return -EPROTO;
	}
	return 1;
}

int mr_sync_wait(int sock, enum mr_barrier b)
{
	struct mr_frame frame;
	int ret = mr_sync_send(sock, MR_FRAME_BARRIER, b, 0);
	if (ret < 0)
		return ret;
	ret = mr_sync_receive(sock, &frame);
	if (ret <= 0)
		return ret < 0 ? ret : -EPIPE;
	return frame.kind == MR_FRAME_PASS && frame.which == (uint32_t)b ? 0 : -EPROTO;
}
