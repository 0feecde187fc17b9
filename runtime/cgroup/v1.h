/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_V1_H
#define MR_CGROUP_V1_H

#include "cgroup/rows.h"

/**
 * The rows of one controller on a v1 hierarchy. Pure. Order matters where the kernel
 * demands it: memory limit before memory+swap, cpu period before quota, cpuset before
 * tasks, devices deny-all before the allow list.
 */
int mr_cgroup_v1_rows(const struct mr_resources *r, enum mr_controller c,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_strv *warnings,
	struct mr_error *err);

/**
 * The spec's device rules followed by the default allow list: mknod of any device, the
 * default nodes, pseudo terminals. Later rules win. Empty when the spec has no rule: then
 * device access is not restricted at all. Pure.
 */
int mr_cgroup_device_rules(const struct mr_resources *r, struct mr_arena *arena,
	const struct mr_device_rule **ret, size_t *ret_n, struct mr_error *err);

/** Do these rules allow every access to every device? */
bool mr_cgroup_devices_allow_all(const struct mr_device_rule *rules, size_t n);

/** The rules as writes into devices.deny and devices.allow of v1; see v1_devices.c. */
int mr_cgroup_v1_device_rows(const struct mr_resources *r, struct mr_arena *arena,
	struct mr_cgroup_rows *rows, struct mr_error *err);

#endif
