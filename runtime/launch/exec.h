/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_EXEC_H
#define MR_LAUNCH_EXEC_H

#include "launch/container.h"
#include "launch/plan.h"

/**
 * Plan a further process of a container: the container's own specification with another
 * process, in which every namespace is joined and nothing is made. It goes through the same
 * steps as a launch; those that make something are not wanted.
 *
 * @param container borrowed until the plan is cleared
 * @param init      pidfd of its init, borrowed likewise
 */
int mr_exec_plan(struct mr_container *container, int init, const struct mr_exec_options *options,
	struct mr_plan *ret, struct mr_error *err);

#endif
