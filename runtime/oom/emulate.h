/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_EMULATE_H
#define MR_OOM_EMULATE_H

#include "oom/watch.h"

/*
 * cgroup v2: a disabled OOM killer, emulated. memory.high stands below memory.max; what goes
 * above it is slowed down by the kernel and wakes us (memory.events), and if reclaiming does
 * not help we freeze the container until there is room again. v1's meaning, but approximate:
 * all tasks stop and not only those that ask for memory, a bit below the limit.
 */

/** Look, and freeze or thaw. @param keep_frozen the user has paused it: do not thaw
 * @return does it stand still now? */
bool mr_oom_emulate_step(struct mr_oom_watch *w, bool keep_frozen);
/** It has ended: a cgroup that is kept is not left frozen. */
void mr_oom_emulate_end(struct mr_oom_watch *w);

#endif
