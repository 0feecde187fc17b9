/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_RESCTRL_H
#define MR_CGROUP_RESCTRL_H

#include "base/errors.h"
#include "spec/spec.h"

#include <sys/types.h>

/** A container's place in the resctrl file system; all of it empty: none. */
struct mr_resctrl {
	char group[384];   /* directory of its class of service */
	char monitor[640]; /* directory of its monitoring group, or "" */
	bool own;          /* the group is made for this container, and goes with it */
};

/**
 * Where linux.intelRdt puts the container. Looks whether resctrl is mounted and whether the
 * group is there; changes nothing. @rdt NULL: nowhere.
 *
 * @param host_root "" for the real machine
 */
int mr_resctrl_plan(const struct mr_intel_rdt *rdt, const char *host_root, const char *id,
	struct mr_resctrl *ret, struct mr_error *err);

/** Make what is missing and write the schemata; those of a group that was there before must
 * be what the spec wants. */
int mr_resctrl_create(const struct mr_intel_rdt *rdt, const struct mr_resctrl *where,
	struct mr_error *err);
/** Move one process in; its children are born there. */
int mr_resctrl_enter(const struct mr_resctrl *where, pid_t pid, struct mr_error *err);
/** Change the schemata of the container's group; NULL leaves one as it is. */
int mr_resctrl_update(const struct mr_resctrl *where, const char *l3, const char *mem_bw,
	struct mr_error *err);
/** Remove what is the container's own; what is gone already is no error. */
int mr_resctrl_remove(const struct mr_resctrl *where, struct mr_error *err);

#endif
