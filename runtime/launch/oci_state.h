/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_OCI_STATE_H
#define MR_LAUNCH_OCI_STATE_H

#include "launch/plan.h"
#include "record/state.h"

/**
 * The state document of the runtime-spec, compact JSON, '/' not escaped: for hooks.
 * @param pid of init, as who reads it sees it; 0 leaves it out
 */
int mr_oci_state_of_plan(const struct mr_plan *plan, const char *status, pid_t pid,
	char **ret_json, struct mr_error *err);

/** The same from the files of a container, for the `state` verb and poststop hooks. */
int mr_oci_state_of_live(const struct mr_state *state, const struct mr_live *live,
	const char *status, char **ret_json, struct mr_error *err);

#endif
