/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_SOCKET_H
#define MR_SANDBOX_SOCKET_H

#include "base/errors.h"

#include <stddef.h>
#include <sys/types.h>

/* What engines and agents listen on: AF_UNIX stream sockets that take a descriptor. */

/**
 * Connect to a listening stream socket. Paths longer than sun_path are reached through a
 * descriptor of their directory. Neither this nor a send blocks for more than 10 seconds.
 *
 * @param what the field or flag that gave @path, for errors
 * @return the socket (O_CLOEXEC) or -errno
 */
int mr_socket_connect(const char *path, const char *what, struct mr_error *err);

/** Send @len > 0 bytes; @fd travels with the first one. SIGPIPE-safe. @return 0 or -errno
 */
int mr_socket_send(int socket, const void *data, size_t len, int fd);

/** write(2) that gives EPIPE without raising SIGPIPE. @return bytes or -errno */
ssize_t mr_write_no_sigpipe(int fd, const void *data, size_t len);

#endif
