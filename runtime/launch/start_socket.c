/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket between `start` and a created container: see start_socket.h.
 *
 * SOCK_SEQPACKET that listens at a path, never at an abstract name, which could be reached from
 * any container that shares the network namespace (CVE-2020-15257). The path goes through the
 * directory's descriptor, so that its length does not matter.
 *
 * unix(7), prctl(2)
 */
#include "launch/start_socket.h"

#include "base/io.h"
#include "base/sync.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "start"

static int open_socket(const struct mr_state *state, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/" NAME, state->dir);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int mr_start_listen(const struct mr_state *state, struct mr_error *err)
{
	struct sockaddr_un addr;
	autoclose int fd = open_socket(state, &addr);

	if (fd < 0)
		return mr_fail(err, -fd, "socket");
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return mr_fail(err, errno, "listen on '%s/%s/" NAME "'", state->root, state->id);
	return mr_take_fd(&fd);
}

int mr_start_connect(const struct mr_state *state, struct mr_error *err)
{
	struct sockaddr_un addr;
	autoclose int fd = open_socket(state, &addr);

	if (fd < 0)
		return mr_fail(err, -fd, "socket");
	/* Who sends is the program, or a minimal init. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0)
		return mr_fail(err, errno, "setsockopt SO_PASSCRED");
	while (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		if (errno != EINTR)
			return mr_fail(err, errno, "connect to '%s/%s/" NAME "'", state->root,
				state->id);
	return mr_take_fd(&fd);
}

int mr_start_await(int *sock, int *listen)
{
	/* In this order: a launcher that died before shows as the end of the socket. */
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return -errno;
	int ret = mr_sync_wait(*sock, MR_BARRIER_START);
	if (ret < 0)
		return ret;
	mr_close(sock);
	do
		*sock = accept4(*listen, NULL, NULL, SOCK_CLOEXEC);
	while (*sock < 0 && errno == EINTR);
	ret = *sock < 0 ? -errno : 0;
	mr_close(listen);
	return ret;
}
