/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_PATCH_H
#define MR_RECORD_PATCH_H

#include "cgroup/cgroup.h"
#include "record/state.h"

#include <stdbool.h>

/** A change of State that is made by another process than the one that wrote the record. */
struct mr_state_patch {
	const char *status; /* "running", "paused", "exited" */
	const char *started; /* when; NULL: unchanged */
	/* The supervisor was killed: the end was seen by nobody. OOMKilled becomes null
	 * unless a kill had been seen, OOM.Why says this text. NULL otherwise. */
	const char *lost;
	uint64_t kills; /* with `lost`: what the kernel's counter still tells; 0: nothing */
};

/** Limits that `update` has changed. @updated as asked for, in HostConfig; @limits as the
 * kernel took them, in Memory. @param ret_json malloc()ed */
int mr_record_patch_limits(const char *json, const struct mr_updated *updated,
	const struct mr_cgroup_limits *limits, char **ret_json, struct mr_error *err);

/** Copy a record with State (and OOM) changed. @param ret_json malloc()ed */
int mr_record_patch(const char *json, const struct mr_state_patch *patch, char **ret_json,
	struct mr_error *err);

#endif
