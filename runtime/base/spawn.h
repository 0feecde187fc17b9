/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_SPAWN_H
#define MR_BASE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct mr_spawn {
	char *const *args; /* NULL-terminated, as @env */
	char *const *env;
	int stdio[3]; /* what becomes stdin, stdout, stderr; -1: the caller's */
	int dir; /* its working directory; -1: the caller's */
	bool own_group; /* a process group of its own */
	bool ends_with_us; /* SIGKILL when the caller dies, see PR_SET_PDEATHSIG(2const) */
};

/**
 * Start the program at @path as vfork(2) does: nothing is copied, and the caller goes on when
 * the program has begun or has failed to. Every signal has its default action there and none
 * is blocked; no other descriptor of the caller's stays open (close_range(2), kernel 5.9).
 * @return 0 or -errno, that of execve(2) included: then there is no process
 */
int mr_spawn(const char *path, const struct mr_spawn *how, pid_t *ret);

#endif
