/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LOW_LIMIT_H
#define MR_LAUNCH_LOW_LIMIT_H

#include "cgroup/cgroup.h"
#include "oom/verdict.h"

/** May the very first instructions of the set-up be too much? */
bool mr_limit_is_low(const struct mr_resources *r);

/** A program was not executed, for @err: if the memory limit is the cause, say so instead,
 * and how much would have been enough. @kills OOM kills in the set-up. @asked bytes in the
 * spec, which the kernel has rounded to pages; 0: not known */
void mr_explain_low_limit(const struct mr_cgroup_limits *limits, int64_t asked, uint64_t kills,
	struct mr_error *err);

/** The program was executed, and init OOM-killed within a moment under a limit that is below
 * what small programs need: then add that, and how much would have been enough. */
int mr_warn_low_limit(const struct mr_verdict *v, int64_t wall_usec, struct mr_strv *warnings);

#endif
