/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_INTERNAL_H
#define MR_CGROUP_INTERNAL_H

#include "cgroup/cgroup.h"

#include <stdint.h>

/* Shared by the cgroup*.c files only. */

#define MR_CGROUP_FULL_MAX (MR_CGROUP_PATH_MAX + 256)

/** Host path of @path in a hierarchy. What the mount shows is the mount's root, so the
 * path is appended to the mount point also where only a part of the hierarchy is mounted.
 */
void mr_cgroup_full(const struct mr_host *host, int h, const char *path,
	char ret[static MR_CGROUP_FULL_MAX]);

/** Open the v1 freezer cgroup of the container's path, joined at the start or not.
 * @return fd, -ENOENT: not made, -EOPNOTSUPP: the host has no v1 freezer, other -errno */
int mr_cgroup_open_v1_freezer(const struct mr_cgroup *cg);

/** Absolute, not "/", no "..", not too long. */
int mr_cgroup_check_path(const char *path, struct mr_error *err);

/** disableOOMKiller emulated: the row for memory.high that goes with a limit. */
int mr_cgroup_plan_high(const struct mr_int *limit, const struct mr_host *host,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_error *err);

/** A user namespace has no say over devices; the list of the cgroup's parent stays in
 * force. */
int mr_cgroup_warn_devices(struct mr_strv *warnings, struct mr_error *err);

/** How much of the path is the default parent, which comes and goes with its containers;
 * 0: another place. */
size_t mr_cgroup_default_parent(const struct mr_cgroup *cg);

/** Is the controller switched on by a parent's cgroup.subtree_control? The others of v2
 * are part of the core, or not there. */
bool mr_cgroup_in_subtree_control(enum mr_controller c);

/** Switch the plan's controllers on in cgroup.subtree_control of each ancestor. Those
 * that are wanted but not required may fail. */
int mr_cgroup_enable_controllers(const struct mr_cgroup_plan *plan,
	const struct mr_host *host, int h, struct mr_error *err);

struct mr_cgroup_visitor {
	/* Called for the top and each cgroup below it, parents first. May be NULL. */
	int (*enter)(int fd, void *arg);
	/* Called for each cgroup below the top when all below it was visited. May be
	 * NULL. */
	int (*leave)(int parent_fd, const char *name, void *arg);
	void *arg;
};

/** Walk a tree of cgroups, at most three more descriptors open at a time, whatever its
 * depth. Cgroups that vanish meanwhile are left out. @return 0, or the first negative
 * result */
int mr_cgroup_walk(int dirfd, const struct mr_cgroup_visitor *visitor);

/** Open the container's cgroup in a v1 hierarchy that it did not join, made if need be.
 * @return fd or -errno */
int mr_cgroup_open_late(const struct mr_cgroup *cg, int h, struct mr_error *err);
/** Move all its processes into @dir, that cgroup. @return 0, -ETIMEDOUT: they fork faster
 * than that, other -errno */
int mr_cgroup_move_in(const struct mr_cgroup *cg, int h, int dir, int64_t deadline,
	struct mr_error *err);
/** Move all that are in @dir to the root of hierarchy @h: where each came from is not known. */
void mr_cgroup_move_out(const struct mr_cgroup *cg, int h, int dir, int64_t deadline);

/** Begin to freeze where only v1 can: make the container's freezer cgroup if need be and
 * move in who is not. mr_cgroup_freeze() must follow, after a failure to thaw. */
int mr_cgroup_enter_v1_freezer(
	const struct mr_cgroup *cg, int64_t deadline_ns, struct mr_error *err);

/** Freeze or thaw those that are in the freezer, and wait until the kernel says so.
 * @return 0, -ENOENT: no freezer, -ETIMEDOUT, other -errno */
int mr_cgroup_freeze(const struct mr_cgroup *cg, bool frozen, int64_t deadline_ns);

/** Thaw the v1 freezer cgroup of the container's path and all below it, top to bottom. */
void mr_cgroup_thaw_all_v1(const struct mr_cgroup *cg);

/** -EDEADLK if this process is in the cgroup. */
int mr_cgroup_refuse_own(
	const struct mr_cgroup *cg, const char *what, struct mr_error *err);

/** Is @pid among those that mr_cgroup_pids() returned? */
bool mr_cgroup_has_pid(const pid_t *pids, size_t n, pid_t pid);

/** "12 (sleep), 14 (sh)", at most eight of them. */
void mr_cgroup_describe_pids(const struct mr_cgroup *cg, struct mr_str *out);

/** The default parent goes with its last container. */
void mr_cgroup_remove_parents(const struct mr_cgroup *cg, int h);

/** A memory limit that the kernel did not reach: "61 MiB cannot be reclaimed below 40 MiB",
 * with usage and peak. @return -EBUSY */
int mr_cgroup_fail_busy(int dir, const char *field, const char *file, const char *value,
	struct mr_error *err);

/** Is a "key value" line of a flat keyed file (memory.events, cgroup.events) there? */
bool mr_cgroup_keyed(const char *text, const char *key, uint64_t *ret);

/* Unset: no such file, or not a number. */
struct mr_uint mr_cgroup_keyed_uint(const char *text, const char *key);
/** "max" gives UINT64_MAX. */
struct mr_uint mr_cgroup_read_number(int dir, const char *file);

/** Flat keyed files: memory.stat of the newest kernels has less than 3 KiB. */
struct mr_cgroup_text {
	char data[16384];
};
/** The text, or NULL when it cannot be read. @param dir may be -1 */
const char *mr_cgroup_read_text(int dir, const char *file, struct mr_cgroup_text *buffer);

#endif
