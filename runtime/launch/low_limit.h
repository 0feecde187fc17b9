/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LOW_LIMIT_H
#define MR_LAUNCH_LOW_LIMIT_H

#include "cgroup/cgroup.h"

/** A program was not executed, for @err: if the memory limit is the cause, say so instead,
 * and how much would have been enough. @kills OOM kills in the set-up. @asked bytes, which the
 * kernel has rounded to pages; 0: not known */
void mr_explain_low_limit(const struct mr_cgroup_limits *limits, int64_t asked, uint64_t kills,
	struct mr_error *err);

#endif
