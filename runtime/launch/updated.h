/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_UPDATED_H
#define MR_LAUNCH_UPDATED_H

#include "cgroup/cgroup.h"
#include "record/state.h"

/**
 * A record that the supervisor has just made, corrected by what `update` has changed since
 * the start; 2 us when nothing was.
 *
 * @param limits read again when something was
 * @param json   replaced
 */
int mr_updated_apply(const struct mr_state *state, const struct mr_cgroup *cg,
	struct mr_cgroup_limits *limits, char **json, struct mr_error *err);

#endif
