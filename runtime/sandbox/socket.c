/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket - hand a descriptor to a program that listens on an AF_UNIX path.
 *
 * The kernel idea: a descriptor travels as ancillary data (SCM_RIGHTS) of ordinary bytes;
 * the receiver gets a new number for the same open file. On a stream socket it comes with
 * the first of the bytes that were sent with it.
 *
 * Manual pages: unix(7), cmsg(3), sendmsg(2), sigtimedwait(2).
 */
#include "sandbox/socket.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define TIMEOUT_SECONDS 10

/* @dir stays open while the address is in use: the path goes through it. */
static int make_address(const char *path, struct sockaddr_un *addr, int *dir)
{
	if (strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path) + 1);
		return 0;
	}

	const char *base = mr_path_base(path);
	autofree char *parent = strndup(path, (size_t)(base - path));
	if (parent == NULL)
		return -ENOMEM;
	*dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return -errno;
	int n = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s",
		*dir, base);
	return n < 0 || (size_t)n >= sizeof(addr->sun_path) ? -ENAMETOOLONG : 0;
}

int mr_socket_connect(const char *path, const char *what, struct mr_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	autoclose int dir = -1;
	autoclose int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return mr_fail(err, errno, "%s: socket", what);
	int r = make_address(path, &addr, &dir);
	if (r < 0)
		return mr_fail(err, -r, "%s: path '%s'", what, path);
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return mr_fail(err, errno, "%s: set the send timeout", what);
	while (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int e = errno;
		if (e == EINTR)
			continue;
		if (e == EAGAIN)
			e = ETIMEDOUT;
		mr_fail(err, e, "%s: connect to '%s'", what, path);
		if (e == ECONNREFUSED || e == ENOENT)
			mr_hint(err, "something must listen there before the container "
				     "starts");
		return -e;
	}
	return mr_take_fd(&sock);
}

int mr_socket_send(int socket, const void *data, size_t len, int fd)
{
	const char *at = data;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;

	while (len > 0) {
		struct iovec iov = {.iov_len = len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		memcpy(&iov.iov_base, &at, sizeof(at));
		if (fd >= 0) {
			memset(&control, 0, sizeof(control));
			msg.msg_control = control.bytes;
			msg.msg_controllen = sizeof(control.bytes);
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &fd, sizeof(int));
		}
		ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		fd = -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* MSG_NOSIGNAL exists for sockets only. SIGPIPE is sent to the writing thread, so it is
 * pending when write(2) returns, and can be taken away before the mask is restored. */
ssize_t mr_write_no_sigpipe(int fd, const void *data, size_t len)
{
	sigset_t pipe_only, old, pending;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	sigprocmask(SIG_BLOCK, &pipe_only, &old);
	ssize_t n = write(fd, data, len);
	int e = errno;
	if (n < 0 && e == EPIPE && sigismember(&pending, SIGPIPE) != 1) {
		struct timespec zero = {0};
		while (sigtimedwait(&pipe_only, NULL, &zero) < 0 && errno == EINTR)
			continue;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return n < 0 ? -e : n;
}
