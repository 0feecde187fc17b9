/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_WATCH_H
#define MR_OOM_WATCH_H

#include "cgroup/cgroup.h"
#include "oom/kmsg.h"

#include <poll.h>

#define MR_OOM_MAX_LEVELS 16

/** One cgroup on the way up: [0] is the container's own. */
struct mr_oom_level {
	char path[MR_CGROUP_PATH_MAX];
	int dir;      /* directory descriptor */
	int event_fd; /* v1: OOM handling began here or above; -1: not to be had */
	uint64_t base_oom;           /* v2: `oom` in memory.events.local */
	uint64_t base_memsw_failcnt; /* v1: charges refused by memory+swap */
	uint64_t events; /* OOMs at this level's limit or above (v1), at its own limit (v2) */
	bool has_events; /* events are known */
};

/** v1: one sub-cgroup of the container, held so that its counter can be read. */
struct mr_oom_nested {
	char path[512];  /* below the container's own, without a leading '/' */
	int counter;     /* memory.oom_control */
	int inotify_wd;  /* its own sub-cgroups */
	uint64_t kills;  /* last reading */
};
#define MR_OOM_MAX_NESTED 128

/** Everything needed to decide later; opened before the container starts. */
struct mr_oom_watch {
	int version; /* of the memory hierarchy: 1, 2; 0: no memory controller */
	bool foreign_view; /* own cgroup or pid namespace: the log's names are not ours */
	char kernel_path[MR_CGROUP_PATH_MAX]; /* own cgroup as the kernel log names it */
	struct mr_oom_level level[MR_OOM_MAX_LEVELS];
	int n_levels;
	int counter;        /* v1 memory.oom_control, v2 memory.events of the own cgroup */
	uint64_t base_kills, base_group_kills, base_events; /* of the subtree */
	int inotify_fd;     /* v2: memory.events changed (late: a wake-up only); v1: sub-cgroups */
	uint64_t kills_seen;  /* largest so far: it never falls */
	int64_t last_kill_ns; /* CLOCK_MONOTONIC of the step that saw the last one; 0: none */

	/* v1 only: sub-cgroups, whose kills the own counter does not contain. */
	struct mr_oom_nested *nested;
	size_t n_nested;
	int nested_event;       /* one eventfd for all of them, -1: none so far */
	uint64_t nested_events, nested_removed; /* rmdir counts as one event */
	uint64_t removed_kills; /* in sub-cgroups that were removed meanwhile */
	bool nested_unseen;     /* one went that was never read, or after an event */
	bool await_log;         /* an OOM began: its kill shows in the kernel log next */

	struct mr_kmsg kmsg;
	struct mr_oom_log log;
};

/** Take baselines, register events. Advisory parts may be missing; the counter may not. */
int mr_oom_watch_open(struct mr_oom_watch *w, const struct mr_cgroup *cg, struct mr_error *err);
void mr_oom_watch_close(struct mr_oom_watch *w);
/** Up to MR_OOM_MAX_LEVELS + 2 entries. @return how many. They differ from step to step. */
int mr_oom_watch_poll(const struct mr_oom_watch *w, struct pollfd *fds);
/** Take in what happened; cheap when nothing did. @ret_kills kills so far in the subtree */
int mr_oom_watch_step(struct mr_oom_watch *w, uint64_t *ret_kills, struct mr_error *err);
/** Kills in the subtree now, relative to the baseline. -ENODEV: the cgroup is gone. */
int mr_oom_watch_kills(struct mr_oom_watch *w, uint64_t *ret, struct mr_error *err);
/** v1: tasks stand still because the killer is disabled (under_oom). @return 1, 0, -errno */
int mr_oom_watch_hanging(const struct mr_oom_watch *w);
/** v1: is the killer disabled? @return 1, 0, -errno */
int mr_oom_watch_disabled(const struct mr_oom_watch *w);
/** Bring level[].events up to date, until a whole pass finds nothing new. */
void mr_oom_watch_events(struct mr_oom_watch *w);

#endif
