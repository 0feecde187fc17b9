/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_INIT_H
#define MR_LAUNCH_INIT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * A minimal init, for command mode: pid 1 of the container stays in this program, reaps
 * orphans, forwards signals to the one program, and ends when that ends.
 *
 * Forks. Returns in the child, which goes on to execute the program; the caller, pid 1,
 * never returns.
 *
 * @param sock        protocol socket: STARTED after the exec, STATUS at the end
 * @param own_session the container has a session of its own: terminal signals (SI_KERNEL)
 *                    have not reached the program by themselves
 * @return 0 in the program's process, -errno when fork failed
 */
int mr_init_fork(int sock, bool own_session);

#endif
