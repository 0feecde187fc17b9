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
	int dir;           /* directory descriptor */
	int event_fd;      /* v1: OOM handling began here or above; -1: not to be had */
	uint64_t base_oom; /* v2: `oom` in memory.events.local */
	uint64_t events;   /* OOMs at this level's limit or above (v1), at its own limit
			      (v2) */
	bool has_events;   /* events are known */
};

/** v1: one sub-cgroup of the container, held so that its counter can be read. */
struct mr_oom_nested {
	char path[512]; /* below the container's own, without a leading '/' */
	int counter;    /* memory.oom_control */
	int inotify_wd; /* its own sub-cgroups */
	uint64_t kills; /* last reading */
};
#define MR_OOM_MAX_NESTED 128

/** What the own cgroup's counter file says. */
struct mr_oom_counts {
	uint64_t kills;       /* of the subtree */
	uint64_t oom, groups; /* v2 only: `oom`, `oom_group_kill` */
};

/** Limits of one cgroup, bytes; unset: none. */
struct mr_oom_limits {
	struct mr_uint memory, memsw; /* memsw: memory+swap, v1 only */
};

/** Are the kernel log's paths and pids ours? Not in a cgroup or pid namespace. */
enum mr_oom_view {
	MR_OOM_VIEW_UNKNOWN, /* looked up when it is needed */
	MR_OOM_VIEW_HOST,
	MR_OOM_VIEW_FOREIGN,
};

/** Everything needed to decide later; opened before the container starts. */
struct mr_oom_watch {
	int version; /* of the memory hierarchy: 1, 2; 0: no memory controller */
	int n_levels;
	int counter; /* v1 memory.oom_control, v2 memory.events of the own cgroup */
	struct mr_oom_counts base;
	uint64_t kills_seen;  /* largest so far: it never falls */
	enum mr_oom_view view;
	struct mr_oom_limits hit; /* the own ones when an OOM was seen last: they can be
				     changed meanwhile */
	bool gone; /* somebody else removed the cgroup */
	/* v2: a disabled killer is emulated (emulate.h), and by that it stands still now. */
	bool emulate, held;
	uint64_t held_high; /* memory.high at that time */
	bool listens;
	bool late; /* listened only after the container's first process existed */

	/* v1 only: sub-cgroups, whose kills the own counter does not contain. */
	char directory[MR_CGROUP_PATH_MAX + 128]; /* host path of the own cgroup */
	int inotify_fd; /* -1: nobody makes any, as far as we know */
	struct timespec
		made; /* mtime of the own directory: moves with mkdir and rmdir in it */
	struct mr_oom_nested *nested;
	size_t n_nested;
	int nested_event;       /* one eventfd for all of them, -1: none so far */
	uint64_t nested_debt;   /* removals whose own event has not come so far */
	uint64_t nested_gone;   /* removals */
	bool nested_oom;        /* OOM handling began in one of them, or above */
	uint64_t removed_kills; /* in sub-cgroups that were removed meanwhile */
	bool nested_unseen;     /* one may have gone unread: the kernel log is asked */
	bool await_log;         /* an OOM began: its kill shows in the kernel log next */

	/* v1, killer disabled: CLOCK_MONOTONIC of the step that saw tasks stand still (0:
	 * they do not), and how long they did before that. */
	int64_t hanging_since, hung_ns;

	struct mr_kmsg kmsg;
	struct mr_oom_log log;
	struct mr_oom_level level[MR_OOM_MAX_LEVELS]; /* n_levels of them are filled */
};

/** The part that must come before the container's first process: the counter. 45 us. */
int mr_oom_watch_prepare(
	struct mr_oom_watch *w, const struct mr_cgroup *cg, struct mr_error *err);
/** v1: from now on any mkdir and rmdir in the own directory shows, by its time. Only for the
 * one whose verdict it is, before the first process: it would hide from another what
 * happened before. */
void mr_oom_watch_mark(struct mr_oom_watch *w);
/**
 * The advisory part, which may be missing: events of all levels, the kernel log. It can
 * run beside the child's set-up (@late), at the latest before the program is executed;
 * what an OOM kill in the set-up before it was about may then be unknown. Who listens
 * already goes on. 40 us, and 60
 * to 120 us for opening a kernel log that has wrapped (kernel 6.18).
 */
void mr_oom_watch_listen(struct mr_oom_watch *w, bool late);
/** v1: the container can make cgroups (a writable cgroup mount): follow them from the
 * start. Costs 8 ms at the close: inotify waits for an RCU grace period. Otherwise they
 * are followed from the step or tick that finds the first. */
void mr_oom_watch_follow(struct mr_oom_watch *w);
void mr_oom_watch_close(struct mr_oom_watch *w);

/** Up to MR_OOM_MAX_LEVELS + 2 entries. @return how many. They differ from step to step,
 * and not all wait for POLLIN: take any `revents` for a reason to step. */
int mr_oom_watch_poll(const struct mr_oom_watch *w, struct pollfd *fds);
/** v1: kills may come that nothing wakes us up for, since the kernel's log may not be read:
 * step from time to time. */
bool mr_oom_watch_deaf(const struct mr_oom_watch *w);
/** Take in what happened; cheap when nothing did. @ret_kills kills so far in the subtree
 */
int mr_oom_watch_step(struct mr_oom_watch *w, uint64_t *ret_kills, struct mr_error *err);
/** v1: has the container begun to make sub-cgroups? 1 us; for a regular tick. */
void mr_oom_watch_tick(struct mr_oom_watch *w);
/** Kills in the subtree now, relative to the baseline. -ENODEV: the cgroup is gone. */
int mr_oom_watch_kills(struct mr_oom_watch *w, uint64_t *ret, struct mr_error *err);
/** Look whether tasks stand still because the killer is disabled: v1 under_oom, v2 held by
 * us. Nobody tells when that ends: ask from time to time. */
bool mr_oom_watch_hanging(struct mr_oom_watch *w);
/** Bring level[].events up to date, until a whole pass finds nothing new. */
void mr_oom_watch_events(struct mr_oom_watch *w);
/** The last look before the verdict: what of the sub-cgroups was never seen? */
void mr_oom_watch_settle(struct mr_oom_watch *w);

#endif
