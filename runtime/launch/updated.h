/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_UPDATED_H
#define MR_LAUNCH_UPDATED_H

#include "cgroup/cgroup.h"
#include "record/state.h"

/* What `update` has changed since the start, as the supervisor learns of it. Both cost 2 us
 * when nothing was. */

/** Read @limits again if something was. */
int mr_updated_refresh(const struct mr_state *state, const struct mr_cgroup *cg,
	struct mr_cgroup_limits *limits, struct mr_error *err);
/** Correct a record that was just made from the spec and @limits. @param json replaced */
int mr_updated_apply(const struct mr_state *state, const struct mr_cgroup_limits *limits,
	char **json, struct mr_error *err);

#endif
