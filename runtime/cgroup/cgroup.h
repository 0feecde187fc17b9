/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_CGROUP_H
#define MR_CGROUP_CGROUP_H

#include "base/json.h"
#include "cgroup/v1.h"
#include "spec/host.h"
#include "spec/spec.h"

#include <sys/types.h>

#define MR_CGROUP_PATH_MAX 1024
/** Where containers go whose spec names no absolute place; made and removed as needed. */
#define MR_CGROUP_PARENT "/minirun"

/** Where the container's cgroups go and what is written into them. */
struct mr_cgroup_plan {
	char path[MR_CGROUP_PATH_MAX]; /* below each hierarchy's root: "/minirun/ID" */
	bool hierarchy[MR_MAX_HIERARCHIES]; /* which hierarchies get a directory */
	unsigned controllers; /* bit per enum mr_controller: joined on purpose */
	unsigned required; /* those of them without which the spec cannot be honoured */
	struct mr_cgroup_rows rows;
	/* Device access list for the BPF program, when v2 holds devices; NULL: none. */
	const struct mr_device_rule *device_rules;
	size_t n_device_rules;
	/* v2: disableOOMKiller is emulated: memory.high below memory.max, see oom/emulate.h */
	bool emulate_oom_disable;
	bool memory_limited; /* limit, swap or an ancestor's: something can kill */
};

/**
 * Pure. Absolute cgroupsPath: there. Relative or absent: below @parent ("/minirun" when
 * NULL) at the root of each hierarchy, or of what is delegated to an ordinary user, never
 * below the caller's own cgroup. Below the default parent only the hierarchies that the
 * spec uses are touched, plus: memory (for the verdict) wherever it is; on hybrid hosts the
 * cgroup2 tree (freeze, kill, PSI); on pure v1 freezer, unless the container has a pid
 * namespace of its own: then that is made only for who pauses it. Elsewhere every
 * controller is joined.
 */
int mr_cgroup_plan(const struct mr_spec *spec, const struct mr_host *host, const char *id,
	const char *parent, struct mr_arena *arena, struct mr_cgroup_plan *ret,
	struct mr_strv *warnings, struct mr_error *err);

/** Does the spec or @parent name an absolute place for the cgroups? */
bool mr_cgroup_is_placed(const struct mr_spec *spec, const char *parent);

/** What is known of a cgroup's limits before any is read. */
enum mr_cgroup_origin {
	MR_CGROUP_FOUND,   /* nothing */
	MR_CGROUP_MADE,    /* by us: what its plan does not limit is not limited */
	MR_CGROUP_TOPMOST, /* with all parents below the hierarchy's root: nor do they limit it */
};

/** Open directories of one container, one per hierarchy. */
struct mr_cgroup {
	const struct mr_host *host; /* borrowed */
	char path[MR_CGROUP_PATH_MAX];
	int dir[MR_MAX_HIERARCHIES];   /* O_PATH or O_DIRECTORY, -1: none there */
	int tasks[MR_MAX_HIERARCHIES]; /* v1: `tasks` opened for the child, -1: none */
	enum mr_cgroup_origin memory_origin; /* in the hierarchy that holds memory */
};

void mr_cgroup_init(struct mr_cgroup *cg);
/** Close descriptors; removes nothing. */
void mr_cgroup_close(struct mr_cgroup *cg);

/**
 * Make the directories (and missing parents), v2: enable the controllers on the way down
 * (cgroup.subtree_control). A directory that exists is used if it is empty and not
 * frozen, else -EBUSY; below the default parent it is made anew. On failure everything made
 * here is removed again.
 */
int mr_cgroup_create(const struct mr_cgroup_plan *plan, const struct mr_host *host,
	struct mr_cgroup *ret, struct mr_error *err);
/** Write the rows, attach the device program. Errors name field, value, file; EBUSY on a
 * limit names usage and peak. Also copies cpuset.cpus and .mems down from the parents. */
int mr_cgroup_apply(const struct mr_cgroup_plan *plan, struct mr_cgroup *cg,
	struct mr_strv *warnings, struct mr_error *err);

/** The cgroup2 directory for clone3(CLONE_INTO_CGROUP), or -1. */
int mr_cgroup_clone_fd(const struct mr_cgroup *cg);
/** Open `tasks` in each v1 directory, in the parent: since kernel 5.16 the opener's
 * credentials decide, which lets a child in a user namespace use them. */
int mr_cgroup_open_tasks(struct mr_cgroup *cg, struct mr_error *err);
/** Child, still single-threaded: write "0" into each; moves only itself and waits for no
 * RCU grace period, unlike another's pid in cgroup.procs. @skip_v2 when cloned into it */
int mr_cgroup_enter(struct mr_cgroup *cg, bool skip_v2, struct mr_error *err);
/** Open the existing directories of a container by path. Missing ones stay -1.
 * @return number found, or negative errno */
int mr_cgroup_open(const struct mr_host *host, const char *path, struct mr_cgroup *ret,
	struct mr_error *err);

/** Exchange opened directories for sub-cgroups: @where is PATH, in every hierarchy, or
 * CONTROLLER[,CONTROLLER]...:PATH, in those that hold them. PATH may begin with '/', but never
 * leaves the container's cgroup. */
int mr_cgroup_open_below(struct mr_cgroup *cg, const char *where, struct mr_error *err);

/** Exchange the cgroup2 directory for that of process @pid, which is in ours or below. A cgroup
 * that has controllers switched on for its children holds no process itself (cgroups(7), "no
 * internal processes"): who joins a container whose init has moved goes where it is. */
int mr_cgroup_follow(struct mr_cgroup *cg, pid_t pid, struct mr_error *err);

/** All host pids in the cgroup and below, deduplicated over hierarchies; malloc()ed. */
int mr_cgroup_pids(
	const struct mr_cgroup *cg, pid_t **ret, size_t *ret_n, struct mr_error *err);
/** Freeze or thaw and wait until the kernel says so, at most @timeout_ms. Where only v1
 * can freeze, all processes are moved into the container's freezer cgroup, which is made
 * if need be; without one there is nothing to thaw. */
int mr_cgroup_set_frozen(
	struct mr_cgroup *cg, bool frozen, int timeout_ms, struct mr_error *err);
/** SIGKILL everything in it and below: cgroup.kill (kernel 5.14), else freeze, signal,
 * thaw, repeat; nested frozen cgroups are thawed. Waits until empty, at most @timeout_ms.
 */
int mr_cgroup_kill(struct mr_cgroup *cg, int timeout_ms, struct mr_error *err);
/** Send @sig to every process. @return how many were signalled */
int mr_cgroup_signal(struct mr_cgroup *cg, int sig, struct mr_error *err);
/** Remove bottom-up with all sub-cgroups, and the default parent when it is empty then;
 * also a v1 freezer cgroup that another process made for the container. 0 only when
 * nothing of it remains; waits out EBUSY for at most 1 s, then names the pids. */
int mr_cgroup_remove(struct mr_cgroup *cg, struct mr_error *err);

/** Directory of the hierarchy that holds @c, or -1. */
int mr_cgroup_dir(const struct mr_cgroup *cg, enum mr_controller c);

/** Limits as the kernel accepted them. Unset: unlimited or unknown. */
struct mr_cgroup_limits {
	struct mr_uint memory, memory_swap, reservation; /* bytes */
	struct mr_uint effective_memory;           /* smallest on the path to the root */
	char effective_cgroup[MR_CGROUP_PATH_MAX]; /* whose it is, "" if none */
	struct mr_bool oom_kill_disable;
	struct mr_uint pids;
	struct mr_int cpu_quota;
	struct mr_uint cpu_period; /* microseconds */
	int memory_version;        /* 1, 2, 0: no memory controller */
};
/** @param plan by which @cg was made just now: then the files are left out of which is known
 *             what they say; NULL: read them all */
void mr_cgroup_read_limits(const struct mr_cgroup *cg, const struct mr_cgroup_plan *plan,
	struct mr_cgroup_limits *ret);

/** Make a change of memory limits whole by what holds now. Pure: unlimited memory makes
 * memory+swap unlimited; memory+swap alone goes with the limit that holds; a limit alone
 * leaves the amount of swap as it is (v1). */
void mr_cgroup_complete_memory(struct mr_memory *m, const struct mr_cgroup_limits *now);
/**
 * Change the limits of a container that runs. All or nothing; see cgroup_update.c.
 *
 * @param wanted linux_->resources is what to change, completed and validated; its devices
 *               are left out, its cgroupsPath is set
 * @param emulate a disabled OOM killer is emulated: memory.high moves with the limit
 * @param user_scope systemd's driver: is the scope around it the user's, which is changed
 *                   too; NULL: there is none
 * @param arena  for the rows
 */
int mr_cgroup_update(struct mr_spec *wanted, bool emulate, const bool *user_scope,
	struct mr_cgroup *cg,
	struct mr_arena *arena, struct mr_strv *warnings, struct mr_error *err);

struct mr_stat_entry {
	char name[40];
	uint64_t value;
};
/** What was used; read at the end, before the removal. Unset: unknown, never 0. */
struct mr_cgroup_usage {
	struct mr_uint memory, memory_peak, kernel_peak, swap, swap_peak; /* bytes */
	struct mr_uint anon;                         /* v1 total_rss, v2 anon */
	struct mr_uint failcnt, memsw_failcnt;       /* v2: failcnt = events `max` */
	struct mr_uint psi_some_usec, psi_full_usec; /* memory.pressure totals */
	struct mr_uint cpu_user_usec, cpu_system_usec, cpu_usage_usec;
	struct mr_uint pids_peak;
	struct mr_stat_entry *stat; /* memory.stat, malloc()ed; mr_cgroup_usage_clear() */
	size_t n_stat;
};
int mr_cgroup_read_usage(
	const struct mr_cgroup *cg, struct mr_cgroup_usage *ret, struct mr_error *err);
void mr_cgroup_usage_clear(struct mr_cgroup_usage *u);

/** The object `data` of runc's stats events; see cgroup_stats.c. */
int mr_cgroup_put_stats(const struct mr_cgroup *cg, const char *key,
	struct mr_json_writer *w, struct mr_error *err);

#endif
