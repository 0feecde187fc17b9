/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_START_SOCKET_H
#define MR_LAUNCH_START_SOCKET_H

#include "record/state.h"

/*
 * Where a created container waits: an AF_UNIX socket in its state directory, which only
 * root can reach. Whoever connects starts it, and hears over that connection what a
 * launcher hears over its socketpair (base/sync.h).
 */

/** Launcher: bind and listen. @return O_CLOEXEC descriptor */
int mr_start_listen(const struct mr_state *state, struct mr_error *err);

/**
 * Child: tell the launcher that everything is set up, let it go, and wait for `start`.
 * From then on the launcher's death is not ours any more.
 *
 * @param sock   the protocol's end; becomes that of the connection
 * @param listen from mr_start_listen(); closed
 * @return 0 or -errno; -EPIPE: the launcher died before the container was on record
 */
int mr_start_await(int *sock, int *listen);

/** `start`: connect. @return O_CLOEXEC descriptor */
int mr_start_connect(const struct mr_state *state, struct mr_error *err);

#endif
