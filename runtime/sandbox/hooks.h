/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_HOOKS_H
#define MR_SANDBOX_HOOKS_H

#include "spec/spec.h"

/** Who may not be kept waiting by a hook: @check is asked when a descriptor is readable. */
struct mr_hook_guard {
	const int *fds[2]; /* -1: none, also from now on */
	int (*check)(void *arg, struct mr_error *err); /* negative: the hook is killed */
	void *arg;
};

/**
 * Run the hooks of one list in order: state JSON (compact, '/' not escaped) on stdin, the
 * hook's own args and env, stdout and stderr as ours. A hook that does
 * not end within its timeout is killed, and so is one that we do not outlive. No shell,
 * vfork-like cost, SIGPIPE-safe.
 *
 * @param bundle their working directory, if it is there and can be seen; NULL: ours
 *
 * @param env of hooks without an own one; NULL: ours
 * @param guard NULL: nothing but the timeout ends a hook
 *
 * @return 0, or an error that names path, kind, index, and how the hook ended
 */
int mr_hooks_run(const struct mr_hook_list *hooks, enum mr_hook_kind kind, const char *bundle,
	char *const *env, const char *state_json, const struct mr_hook_guard *guard,
	struct mr_error *err);

/** The same for hooks whose failure must not keep the others from running (poststop): the
 * messages of those that failed are appended to @failures. */
void mr_hooks_run_all(const struct mr_hook_list *hooks, enum mr_hook_kind kind,
	const char *bundle, const char *state_json, struct mr_strv *failures);

#endif
