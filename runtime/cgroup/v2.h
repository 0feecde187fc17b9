/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_V2_H
#define MR_CGROUP_V2_H

#include "cgroup/v1.h"

/** As mr_cgroup_v1_rows(), for a controller that the cgroup2 hierarchy holds. What v2
 * cannot express (swappiness, disableOOMKiller, realtime, network) is an error. */
int mr_cgroup_v2_rows(const struct mr_resources *r, enum mr_controller c,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_strv *warnings,
	struct mr_error *err);

/** disableOOMKiller emulated: where memory.high goes below a limit, so far that the tasks can
 * be stopped between the two. Bytes. */
uint64_t mr_cgroup_v2_high(uint64_t limit, long page_size);

/** linux.resources.unified: any file of a controller that the cgroup2 hierarchy holds, or
 * of the core (cgroup.*, *.pressure). */
int mr_cgroup_unified_rows(const struct mr_resources *r, const struct mr_host *host,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_error *err);

/** cpu.shares (2..262144) to cpu.weight (1..10000), the log2-based formula of 2025. */
uint64_t mr_cgroup_shares_to_weight(uint64_t shares);

#endif
