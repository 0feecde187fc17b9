/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be open and noted before a container starts, so that its OOM kills can be
 * told afterwards: see watch.h.
 *
 * The counter decides (counters.c). Everything else is advisory and tells which limit it
 * was:
 *
 * v1: an eventfd per level, own cgroup and each ancestor. The kernel notifies the cgroup
 *     whose limit was hit and all its descendants, before it looks for a victim and even
 * if it kills nobody. So the own one also fires for a sibling's trouble, and the
 * difference between one level and the next above is what began at that level. v2: `oom`
 * in memory.events.local counts at the cgroup whose limit was hit and nowhere else.
 *     poll(2) on memory.events wakes us up, often after the victim was waited for;
 * inotify would do the same and cost an RCU grace period of 8 ms at its close.
 *
 * Order: registering several levels is no moment in time, so what came in meanwhile is
 * read away at the end of it.
 *
 * eventfd(2), poll(2), cgroups(7), the kernel's admin-guide/cgroup-v1/memory.rst and
 * admin-guide/cgroup-v2.rst
 */
#include "oom/watch.h"

#include "base/io.h"
#include "oom/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

/* --- opening --- */

/* Only the root of a hierarchy has no limit; seen from a cgroup namespace the top is
 * somebody's container and has one. */
static bool is_real_root(const struct mr_oom_watch *w, int dir)
{
	if (w->version == 1)
		return faccessat(dir, "release_agent", F_OK, 0) == 0;
	return faccessat(dir, "cgroup.type", F_OK, 0) < 0;
}

/* Directories: the own one and those above it. */
static int open_levels(
	struct mr_oom_watch *w, const struct mr_cgroup *cg, int dir, struct mr_error *err)
{
	struct mr_oom_level *l = &w->level[0];
	*l = (struct mr_oom_level){.dir = -1, .event_fd = -1};
	snprintf(l->path, sizeof(l->path), "%s", cg->path);
	l->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (l->dir < 0)
		return mr_fail(
			err, errno, "duplicate the directory of cgroup '%s'", cg->path);
	w->n_levels = 1;
	while (w->n_levels < MR_OOM_MAX_LEVELS) {
		char above[MR_CGROUP_PATH_MAX];
		snprintf(above, sizeof(above), "%s", l->path);
		char *slash = strrchr(above, '/');
		if (!slash || strcmp(above, "/") == 0)
			return 0;
		slash[slash == above] = '\0';
		autoclose int fd = openat(l->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || (strcmp(above, "/") == 0 && is_real_root(w, fd)))
			return 0;
		l = &w->level[w->n_levels++];
		*l = (struct mr_oom_level){.dir = mr_take_fd(&fd), .event_fd = -1};
		snprintf(l->path, sizeof(l->path), "%s", above);
	}
	return 0;
}

static const char *counter_file(const struct mr_oom_watch *w)
{
	return w->version == 1 ? "memory.oom_control" : "memory.events";
}

/* Kills in existing sub-cgroups (v2: in all of the subtree, by local counts). */
static int count_below(const struct mr_oom_watch *w, uint64_t *ret)
{
	uint64_t local;
	int dir = w->level[0].dir;
	*ret = 0;
	if (mr_counter_has_children(dir) != 1)
		return 0;
	if (w->version == 1)
		return mr_counter_sum_below(dir, "memory.oom_control", "oom_kill", ret);
	/* kernel 5.2: memory.events.local; without it the hierarchical count stands
	 * alone. */
	if (mr_counter_read_at(dir, "memory.events.local", "oom_kill", &local) < 0 ||
		mr_counter_sum_below(dir, "memory.events.local", "oom_kill", ret) < 0)
		local = *ret = 0;
	*ret += local;
	return 0;
}

/* Without a baseline. */
static int read_counts(const struct mr_oom_watch *w, struct mr_oom_counts *ret)
{
	char buf[512];
	uint64_t below;
	*ret = (struct mr_oom_counts){0};
	int r = mr_counter_read(w->counter, buf, sizeof(buf));
	if (r < 0)
		return r;
	if (!mr_counter_find(buf, "oom_kill", &ret->kills))
		return -EOPNOTSUPP;
	mr_counter_find(buf, "oom", &ret->oom);
	mr_counter_find(buf, "oom_group_kill", &ret->groups); /* kernel 5.17 */
	r = count_below(w, &below);
	if (r < 0)
		return r;
	if (w->version == 1)
		ret->kills += below + w->removed_kills;
	else if (below > ret->kills) /* mounted with memory_localevents */
		ret->kills = below;
	return 0;
}

static int open_counter(struct mr_oom_watch *w, struct mr_error *err)
{
	const char *path = w->level[0].path, *file = counter_file(w);
	w->counter = openat(w->level[0].dir, file, O_RDONLY | O_CLOEXEC);
	if (w->counter < 0)
		return mr_fail(err, errno, "open %s of cgroup '%s'", file, path);
	int r = read_counts(w, &w->base);
	if (r == -EOPNOTSUPP)
		return mr_fail_text(err, EOPNOTSUPP,
			"%s of cgroup '%s' has no oom_kill count: "
			"needs kernel 4.13",
			file, path);
	if (r < 0)
		return mr_fail(err, -r, "read %s of cgroup '%s'", file, path);
	/* Somebody else's, from before: a new cgroup has none. Kernel 5.2. */
	if (w->version == 2 && w->base.oom > 0)
		(void)mr_counter_read_at(w->level[0].dir, "memory.events.local", "oom",
			&w->level[0].base_oom);
	return 0;
}

/* kernfs keeps times of a directory only after somebody has set one. */
void mr_oom_watch_mark(struct mr_oom_watch *w)
{
	static const struct timespec now[2] = {
		{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	struct stat st;
	if (w->version != 1)
		return;
	if (utimensat(AT_FDCWD, w->directory, now, 0) == 0 &&
		fstatat(w->level[0].dir, "", &st, AT_EMPTY_PATH) == 0)
		w->made = st.st_mtim;
}

_Static_assert(sizeof(((struct mr_oom_log *)NULL)->own) >= MR_CGROUP_PATH_MAX,
	"a path that does not fit would keep everybody's kills");

static void watch_init(struct mr_oom_watch *w)
{
	memset(w, 0, offsetof(struct mr_oom_watch, level));
	w->counter = w->inotify_fd = w->nested_event = w->kmsg.fd = -1;
}

int mr_oom_watch_prepare(
	struct mr_oom_watch *w, const struct mr_cgroup *cg, struct mr_error *err)
{
	watch_init(w);
	int owner = cg->host->owner[MR_CTL_MEMORY],
	    dir = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	if (owner < 0)
		return 0;
	if (dir < 0)
		return mr_fail_text(err, ENODEV,
			"cgroup '%s' has no directory in the hierarchy of "
			"the memory controller",
			cg->path);
	const struct mr_hierarchy *h = &cg->host->hierarchies[owner];
	w->version = h->v2 ? 2 : 1;
	if (strcmp(h->root, "/") != 0)
		w->view = MR_OOM_VIEW_FOREIGN;
	snprintf(w->directory, sizeof(w->directory), "%s%s", h->mount_point, cg->path);
	mr_oom_log_init(&w->log, cg->host->page_size, cg->path);
	int r = open_levels(w, cg, dir, err);
	if (r == 0)
		r = open_counter(w, err);
	if (r < 0) {
		mr_oom_watch_close(w);
		return r;
	}
	return 0;
}

static void register_v1(struct mr_oom_level *l, int counter)
{
	autoclose int own = -1;
	if (counter < 0)
		counter = own =
			openat(l->dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (counter < 0)
		return;
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->event_fd >= 0 && mr_v1_register(l->dir, counter, l->event_fd) < 0)
		mr_close(&l->event_fd); /* e.g. PREEMPT_RT has no event_control */
	l->has_events = l->event_fd >= 0;
}

/* Events that came in while we registered are nobody's of ours. */
static void forget_events(struct mr_oom_watch *w)
{
	mr_oom_watch_events(w);
	for (int i = 0; i < w->n_levels; i++)
		w->level[i].events = 0;
}

/* Kernel 5.2: memory.events.local. Of the own level it was read with the counter: what came
 * since is ours. */
static void read_base_oom(struct mr_oom_level *l, bool own)
{
	uint64_t now = 0;

	l->has_events =
		mr_counter_read_at(l->dir, "memory.events.local", "oom", &now) == 0;
	if (!own)
		l->base_oom = now;
}

void mr_oom_watch_listen(struct mr_oom_watch *w, bool late)
{
	if (w->version == 0 || w->listens)
		return;
	w->listens = true;
	w->late = late;
	mr_kmsg_open(&w->kmsg);
	if (w->version == 2) {
		for (int i = 0; i < w->n_levels; i++)
			read_base_oom(&w->level[i], i == 0);
		return;
	}
	for (int i = w->n_levels - 1; i >= 0; i--)
		register_v1(&w->level[i], i == 0 ? w->counter : -1);
	forget_events(w);
}

void mr_oom_watch_follow(struct mr_oom_watch *w)
{
	if (w->version == 1)
		mr_nested_open(w);
}

void mr_oom_watch_close(struct mr_oom_watch *w)
{
	for (int i = 0; i < w->n_levels; i++) {
		mr_close(&w->level[i].dir);
		mr_close(&w->level[i].event_fd);
	}
	w->n_levels = 0;
	mr_close(&w->counter);
	mr_nested_close(w);
	mr_kmsg_close(&w->kmsg);
	mr_oom_log_clear(&w->log);
	w->version = 0;
}

/* --- while it runs --- */

static int add(struct pollfd *fds, int n, int fd, short events)
{
	if (fd < 0)
		return n;
	fds[n] = (struct pollfd){.fd = fd, .events = events};
	return n + 1;
}

/* v1: the kernel log tells of kills that no event tells: of the one whose event has come
 * already, and of those by a task that found its cgroup in OOM handling, waited for its turn
 * and then had a victim of its own. Until there was an OOM it stays out: it is everybody's. */
static bool needs_log(const struct mr_oom_watch *w)
{
	return w->version == 1 && (w->await_log || w->kills_seen > 0);
}

int mr_oom_watch_poll(const struct mr_oom_watch *w, struct pollfd *fds)
{
	int n = 0;
	if (w->version == 0 || w->gone)
		return 0;
	if (w->version == 2)
		return add(fds, n, w->counter, POLLPRI); /* since the last read of it */
	/* Ancestors' events reach the own eventfd too: one is enough to wake up. */
	n = add(fds, n, w->level[0].event_fd, POLLIN);
	n = add(fds, n, w->inotify_fd, POLLIN);
	n = add(fds, n, w->nested_event, POLLIN);
	return add(fds, n, needs_log(w) ? w->kmsg.fd : -1, POLLIN);
}

bool mr_oom_watch_deaf(const struct mr_oom_watch *w)
{
	return needs_log(w) && w->kmsg.fd < 0;
}

/* One pass over all levels, own first. @return did anything come in */
static bool events_pass(struct mr_oom_watch *w)
{
	bool any = false;
	for (int i = 0; i < w->n_levels; i++) {
		struct mr_oom_level *l = &w->level[i];
		uint64_t v;
		if (w->version == 1 && l->event_fd >= 0 &&
			read(l->event_fd, &v, sizeof(v)) == (ssize_t)sizeof(v)) {
			l->events += v;
			any = true;
		}
		if (w->version == 2 && l->has_events &&
			mr_counter_read_at(l->dir, "memory.events.local", "oom", &v) ==
				0 &&
			v - l->base_oom != l->events) {
			l->events = v - l->base_oom;
			any = true;
		}
	}
	return any;
}

void mr_oom_watch_events(struct mr_oom_watch *w)
{
	/* Siblings may be in trouble right now: the levels belong together only if
	 * nothing came in between. */
	for (int i = 0; i < 4 && events_pass(w); i++)
		;
}

int mr_oom_watch_kills(struct mr_oom_watch *w, uint64_t *ret, struct mr_error *err)
{
	struct mr_oom_counts now;
	*ret = w->kills_seen;
	if (w->version == 0)
		return 0;
	int r = read_counts(w, &now);
	w->gone = r == -ENODEV;
	if (r < 0)
		return mr_fail(err, -r, "read %s of cgroup '%s'", counter_file(w),
			w->level[0].path);
	uint64_t kills = now.kills > w->base.kills ? now.kills - w->base.kills : 0;
	if (kills > w->kills_seen) {
		w->kills_seen = kills;
		w->await_log = false;
	}
	*ret = w->kills_seen;
	return 0;
}

void mr_oom_watch_tick(struct mr_oom_watch *w)
{
	if (w->version != 1 || w->inotify_fd >= 0 ||
		mr_counter_has_children(w->level[0].dir) != 1)
		return;
	/* Others may have come and gone before this one. */
	w->nested_unseen = true;
	mr_nested_open(w);
}

void mr_oom_watch_settle(struct mr_oom_watch *w)
{
	struct stat st;
	if (w->version != 1)
		return;
	mr_nested_step(w);
	if (w->inotify_fd >= 0 || w->made.tv_sec == 0)
		return;
	if (fstatat(w->level[0].dir, "", &st, AT_EMPTY_PATH) < 0 ||
		st.st_mtim.tv_sec != w->made.tv_sec ||
		st.st_mtim.tv_nsec != w->made.tv_nsec)
		w->nested_unseen = true;
}

static bool is_reached(int dir, const char *peak_file, struct mr_uint limit)
{
	const uint64_t largest_charge = 2 << 20; /* a huge page */
	uint64_t peak;
	return limit.set && mr_read_u64_at(dir, peak_file, &peak) == 0 &&
	       peak + largest_charge >= limit.value;
}

/* A notification can be read after somebody raised the limit that was hit (update writes
 * memory+swap first, which wakes a task that stands still to be refused once more): limits
 * that usage never came up to are not the ones. */
static void note_limits(struct mr_oom_watch *w)
{
	int dir = w->level[0].dir;
	bool noted = w->hit.memory.set || w->hit.memsw.set;
	struct mr_oom_limits now;

	mr_counter_limits(dir, w->version, &now);
	if (!noted || w->version != 1 ||
		is_reached(dir, "memory.max_usage_in_bytes", now.memory) ||
		is_reached(dir, "memory.memsw.max_usage_in_bytes", now.memsw))
		w->hit = now;
}

/* Count, and note the limits if there is news. */
static int count(struct mr_oom_watch *w, bool began, uint64_t *ret_kills, struct mr_error *err)
{
	const uint64_t before = w->kills_seen;
	int r = mr_oom_watch_kills(w, ret_kills, err);
	if (began || w->kills_seen != before)
		note_limits(w);
	return r;
}

int mr_oom_watch_step(struct mr_oom_watch *w, uint64_t *ret_kills, struct mr_error *err)
{
	uint64_t v, before = w->kills_seen;
	bool any = needs_log(w), began = false, told = false;

	if (w->version == 1) {
		began = w->level[0].event_fd >= 0 &&
			read(w->level[0].event_fd, &v, sizeof(v)) == (ssize_t)sizeof(v);
		w->level[0].events += began ? v : 0;
		mr_oom_watch_tick(w);
		any = mr_nested_step(w) || began || any;
	}
	int r = count(w, began, ret_kills, err);
	/* The log's ring is short and everybody's: read it while it still has our report.
	 */
	if (any || w->kills_seen != before)
		told = mr_kmsg_drain(&w->kmsg, &w->log) > 0;
	/* v1 notifies before it kills. Of two that began at a time one may have killed. */
	if (began && w->kills_seen - before < v)
		w->await_log = true;
	/* The counter rises before the log tells: what was just read from it wakes nobody up
	 * any more, what comes from here on does. */
	if (r == 0 && (told || began))
		r = count(w, false, ret_kills, err);
	return r;
}

/* --- killer disabled --- */

bool mr_oom_watch_hanging(struct mr_oom_watch *w)
{
	char text[128];
	uint64_t disabled, under;
	bool hangs = w->held;

	if (w->version == 1)
		hangs = mr_counter_read(w->counter, text, sizeof(text)) > 0 &&
			mr_counter_find(text, "oom_kill_disable", &disabled) && disabled &&
			mr_counter_find(text, "under_oom", &under) && under;

	if (hangs && !w->hanging_since)
		w->hanging_since = mr_now_mono_ns();
	if (!hangs && w->hanging_since) {
		w->hung_ns += mr_now_mono_ns() - w->hanging_since;
		w->hanging_since = 0;
	}
	return hangs;
}
