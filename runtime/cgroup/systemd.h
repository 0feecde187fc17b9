/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_SYSTEMD_H
#define MR_CGROUP_SYSTEMD_H

#include "cgroup/cgroup.h"

#define MR_UNIT_MAX 256
#define MR_SCOPE_KEEPER "keeper" /* a cgroup beside the container's, see scope.c */

/** The transient scope of systemd in which a container's cgroup is. */
struct mr_scope_plan {
	bool used;
	bool user;                     /* asked of the user's manager */
	bool stays;                    /* also when the launcher ends */
	char unit[MR_UNIT_MAX];        /* "minirun-ID.scope" */
	char slice[MR_UNIT_MAX];       /* "system.slice" */
	char path[MR_CGROUP_PATH_MAX]; /* its cgroup; the container's is below */
	size_t manager_len;            /* so much of the path is the manager's own cgroup */
	/* What goes to the companion: "NAME:TYPE=VALUE", and "NAME=TEXT" for annotations. */
	struct mr_strv properties, annotations;
};

/**
 * Where a container goes, from cgroupsPath "SLICE:PREFIX:NAME". Without one it is
 * "minirun-ID.scope" in system.slice, or the user's user.slice; so is an empty SLICE.
 * Sets spec->linux_->cgroups_path to the container's own cgroup for mr_cgroup_plan().
 *
 * @param annotations take org.systemd.property.*; otherwise they are told as a warning
 * @param root        as mr_host_read()'s
 */
int mr_scope_plan(struct mr_spec *spec, const struct mr_host *host, const char *root,
	const char *id, bool annotations, struct mr_scope_plan *ret, struct mr_strv *warnings,
	struct mr_error *err);
/** Pure. The limits in @rows as properties of a unit, appended to @ret. */
int mr_scope_properties(
	const struct mr_cgroup_rows *rows, struct mr_strv *ret, struct mr_error *err);
void mr_scope_plan_clear(struct mr_scope_plan *plan);

/* --- effects: scope.c --- */

/**
 * Start the scope, with a process in it that does nothing: it keeps the cgroup, and with it
 * the counters that are the evidence, when the container has ended.
 *
 * @param ret_keeper its pid, a child of the caller
 */
int mr_scope_start(const struct mr_scope_plan *plan, const struct mr_host *host,
	pid_t *ret_keeper, struct mr_error *err);
/** The unit's name, from the container's cgroup ".../UNIT/container". */
int mr_scope_unit(const char *path, char ret[static MR_UNIT_MAX], struct mr_error *err);
/** Have a process moved into the container's cgroup, @path, of a user's scope, who may not do
 * it: from outside of what belongs to the user. */
int mr_scope_attach(const char *path, pid_t pid, struct mr_error *err);
/** Change properties of the unit. @path the container's cgroup */
int mr_scope_update(const char *path, bool user, const struct mr_strv *properties,
	struct mr_error *err);
/**
 * Stop the unit, whatever is in it, and wait until systemd has forgotten it. Fine when there
 * is none. When the bus does not answer, the cgroup alone is emptied and removed.
 *
 * @param path the container's cgroup
 */
int mr_scope_stop(const struct mr_host *host, const char *path, bool user,
	struct mr_error *err);

#endif
