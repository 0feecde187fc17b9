/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LATE_HOOKS_H
#define MR_LAUNCH_LATE_HOOKS_H

#include "record/state.h"
#include "spec/spec.h"

/*
 * Hooks that run when the launcher is gone: poststart at `start`, poststop at `delete`.
 * state.json carries them, because the bundle may have changed by then, or be gone.
 */

/** The poststart and poststop hooks of @spec as a spec of nothing else; *ret stays NULL
 * when there are none. malloc()ed */
int mr_late_hooks_format(const struct mr_spec *spec, char **ret, struct mr_error *err);

/** Run those of @kind in order, with the state document saying @status. @return 0, or the
 * error of the first that failed; the others do not run then */
int mr_late_hooks_run(const struct mr_state *state, const struct mr_live *live,
	enum mr_hook_kind kind, const char *status, struct mr_error *err);

/** Run all poststop hooks: too late for anything to fail. What does is added to @failures. */
void mr_late_hooks_poststop(
	const struct mr_state *state, const struct mr_live *live, struct mr_strv *failures);

#endif
