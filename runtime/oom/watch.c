/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be open and noted before a container starts, so that its OOM kills can be told
 * afterwards: see watch.h.
 *
 * The counter decides (counters.c). Everything else is advisory and tells which limit it was:
 *
 * v1: an eventfd per level, own cgroup and each ancestor. The kernel notifies the cgroup
 *     whose limit was hit and all its descendants, before it looks for a victim and even if
 *     it kills nobody. So the own one also fires for a sibling's trouble, and the difference
 *     between one level and the next above is what began at that level.
 * v2: `oom` in memory.events.local counts at the cgroup whose limit was hit and nowhere else.
 *     inotify on memory.events wakes us up, often after the victim was waited for.
 *
 * Order: ancestors are noted before the container's processes exist; registering is no
 * moment in time, so what came in meanwhile is read away at the end of the opening.
 *
 * eventfd(2), inotify(7), cgroups(7), the kernel's admin-guide/cgroup-v1/memory.rst and
 * admin-guide/cgroup-v2.rst
 */
#include "oom/watch.h"

#include "base/io.h"
#include "oom/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* --- opening --- */

/* Inodes of the initial namespaces: fixed, include/linux/proc_ns.h. */
#define INIT_CGROUP_NS 0xeffffffbu
#define INIT_PID_NS    0xeffffffcu

static bool in_foreign_view(const struct mr_hierarchy *h)
{
	struct stat st;
	return strcmp(h->root, "/") != 0 ||
		(stat("/proc/self/ns/cgroup", &st) == 0 && st.st_ino != INIT_CGROUP_NS) ||
		(stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != INIT_PID_NS);
}

static int open_at(int dir, const char *file)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_one_at(int dir, const char *file, const char *name, uint64_t *ret)
{
	autoclose int fd = open_at(dir, file);
	return fd < 0 ? fd : mr_counter_read_one(fd, name, ret);
}

/* Directories: the own one and those above it, below the root. The root has no limit; seen
 * from a cgroup namespace it is somebody's container and has one. */
static int open_levels(struct mr_oom_watch *w, const struct mr_cgroup *cg, int dir,
	struct mr_error *err)
{
	struct mr_oom_level *l = &w->level[0];
	snprintf(l->path, sizeof(l->path), "%s", cg->path);
	l->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (l->dir < 0)
		return mr_fail(err, errno, "duplicate the directory of cgroup '%s'", cg->path);
	w->n_levels = 1;
	while (w->n_levels < MR_OOM_MAX_LEVELS) {
		char above[MR_CGROUP_PATH_MAX];
		snprintf(above, sizeof(above), "%s", l->path);
		char *slash = strrchr(above, '/');
		if (!slash || strcmp(above, "/") == 0)
			return 0;
		slash[slash == above] = '\0';
		if (strcmp(above, "/") == 0 && !w->foreign_view)
			return 0;
		int fd = openat(l->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return 0; /* advisory */
		l = &w->level[w->n_levels++];
		l->dir = fd;
		snprintf(l->path, sizeof(l->path), "%s", above);
	}
	return 0;
}

static void register_v1(struct mr_oom_level *l, int counter)
{
	autoclose int own = -1;
	if (counter < 0)
		counter = own = open_at(l->dir, "memory.oom_control");
	if (counter < 0)
		return;
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->event_fd >= 0 && mr_v1_register(l->dir, counter, l->event_fd) < 0)
		mr_close(&l->event_fd); /* e.g. PREEMPT_RT has no event_control */
	l->has_events = l->event_fd >= 0;
	mr_read_u64_at(l->dir, "memory.memsw.failcnt", &l->base_memsw_failcnt);
}

static void note_v2(struct mr_oom_level *l)
{
	/* kernel 5.2: memory.events.local */
	l->has_events =
		read_one_at(l->dir, "memory.events.local", "oom", &l->base_oom) == 0;
}

static const char *counter_file(const struct mr_oom_watch *w)
{
	return w->version == 1 ? "memory.oom_control" : "memory.events";
}

/* Kills counted in the subtree, without a baseline. */
static int raw_kills(struct mr_oom_watch *w, uint64_t *ret)
{
	uint64_t own, below = 0;
	int r = mr_counter_read_one(w->counter, "oom_kill", &own);
	if (r < 0)
		return r;
	if (mr_counter_has_children(w->level[0].dir) == 1) {
		const char *file = w->version == 1 ? "memory.oom_control" : "memory.events.local";
		r = mr_counter_sum_below(w->level[0].dir, file, "oom_kill", &below);
		if (r < 0 && w->version == 1)
			return r;
		if (w->version == 2 && r == 0) {
			uint64_t local = 0;
			read_one_at(w->level[0].dir, file, "oom_kill", &local);
			below += local;
		}
	}
	/* v2 is hierarchical unless mounted with memory_localevents: the larger is right. */
	*ret = w->version == 1 ? own + below + w->removed_kills : own > below ? own : below;
	return 0;
}

static int open_counter(struct mr_oom_watch *w, struct mr_error *err)
{
	const char *path = w->level[0].path, *file = counter_file(w);
	w->counter = open_at(w->level[0].dir, file);
	if (w->counter < 0)
		return mr_fail(err, -w->counter, "open %s of cgroup '%s'", file, path);
	int r = raw_kills(w, &w->base_kills);
	if (r == -EOPNOTSUPP)
		return mr_fail_text(err, EOPNOTSUPP, "%s of cgroup '%s' has no oom_kill count: "
			"needs kernel 4.13", file, path);
	if (r < 0)
		return mr_fail(err, -r, "read %s of cgroup '%s'", file, path);
	return 0;
}

/* Events that came in while we registered are nobody's of ours. */
static void forget_events(struct mr_oom_watch *w)
{
	mr_oom_watch_events(w);
	for (int i = 0; i < w->n_levels; i++)
		w->level[i].events = 0;
}

static void open_v1(struct mr_oom_watch *w, const struct mr_hierarchy *h)
{
	char path[sizeof(h->mount_point) + MR_CGROUP_PATH_MAX];
	for (int i = w->n_levels - 1; i >= 0; i--)
		register_v1(&w->level[i], i == 0 ? w->counter : -1);
	snprintf(path, sizeof(path), "%s%s", h->mount_point, w->level[0].path);
	mr_nested_open(w, path);
	forget_events(w);
}

static void open_v2(struct mr_oom_watch *w, const struct mr_hierarchy *h)
{
	char path[sizeof(h->mount_point) + MR_CGROUP_PATH_MAX + 16];
	for (int i = 0; i < w->n_levels; i++)
		note_v2(&w->level[i]);
	mr_counter_read_one(w->counter, "oom", &w->base_events);
	mr_counter_read_one(w->counter, "oom_group_kill", &w->base_group_kills);
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "%s%s/memory.events", h->mount_point, w->level[0].path);
	if (w->inotify_fd >= 0 && inotify_add_watch(w->inotify_fd, path, IN_MODIFY) < 0)
		mr_close(&w->inotify_fd);
}

static void watch_init(struct mr_oom_watch *w)
{
	memset(w, 0, sizeof(*w));
	w->counter = w->inotify_fd = w->nested_event = w->kmsg.fd = -1;
	for (int i = 0; i < MR_OOM_MAX_LEVELS; i++)
		w->level[i].dir = w->level[i].event_fd = -1;
}

int mr_oom_watch_open(struct mr_oom_watch *w, const struct mr_cgroup *cg, struct mr_error *err)
{
	watch_init(w);
	int owner = cg->host->owner[MR_CTL_MEMORY], dir = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	if (owner < 0)
		return 0;
	if (dir < 0)
		return mr_fail_text(err, ENODEV, "cgroup '%s' has no directory in the hierarchy of "
			"the memory controller", cg->path);
	const struct mr_hierarchy *h = &cg->host->hierarchies[owner];
	w->version = h->v2 ? 2 : 1;
	w->foreign_view = in_foreign_view(h);
	int r = open_levels(w, cg, dir, err);
	if (r == 0)
		r = open_counter(w, err);
	if (r < 0) {
		mr_oom_watch_close(w);
		return r;
	}
	snprintf(w->kernel_path, sizeof(w->kernel_path), "%s", cg->path);
	mr_oom_log_init(&w->log, cg->host->page_size, w->kernel_path);
	mr_kmsg_open(&w->kmsg);
	if (w->version == 1)
		open_v1(w, h);
	else
		open_v2(w, h);
	return 0;
}

void mr_oom_watch_close(struct mr_oom_watch *w)
{
	for (int i = 0; i < w->n_levels; i++) {
		mr_close(&w->level[i].dir);
		mr_close(&w->level[i].event_fd);
	}
	w->n_levels = 0;
	mr_close(&w->counter);
	mr_close(&w->inotify_fd);
	mr_nested_close(w);
	mr_kmsg_close(&w->kmsg);
	mr_oom_log_clear(&w->log);
	w->version = 0;
}

/* --- while it runs --- */

int mr_oom_watch_poll(const struct mr_oom_watch *w, struct pollfd *fds)
{
	/* Ancestors' events reach the own eventfd too: one is enough to wake up. The kernel log
	 * is polled only while it is about to speak: it is everybody's. */
	const int wanted[] = {w->level[0].event_fd, w->inotify_fd, w->nested_event,
		w->await_log ? w->kmsg.fd : -1};
	int n = 0;
	if (w->version == 0)
		return 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i] >= 0)
			fds[n++] = (struct pollfd){.fd = wanted[i], .events = POLLIN};
	}
	return n;
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
			read_one_at(l->dir, "memory.events.local", "oom", &v) == 0 &&
			v - l->base_oom != l->events) {
			l->events = v - l->base_oom;
			any = true;
		}
	}
	return any;
}

void mr_oom_watch_events(struct mr_oom_watch *w)
{
	/* Siblings may be in trouble right now: the levels belong together only if nothing
	 * came in between. */
	for (int i = 0; i < 4 && events_pass(w); i++)
		;
}

int mr_oom_watch_kills(struct mr_oom_watch *w, uint64_t *ret, struct mr_error *err)
{
	uint64_t raw;
	*ret = w->kills_seen;
	if (w->version == 0)
		return 0;
	int r = raw_kills(w, &raw);
	if (r < 0)
		return mr_fail(err, -r, "read %s of cgroup '%s'", counter_file(w),
			w->level[0].path);
	uint64_t kills = raw > w->base_kills ? raw - w->base_kills : 0;
	if (kills > w->kills_seen) {
		w->kills_seen = kills;
		w->last_kill_ns = mr_now_mono_ns();
		w->await_log = false;
	}
	*ret = w->kills_seen;
	return 0;
}

static bool drain_inotify(const struct mr_oom_watch *w)
{
	char buf[4096];
	bool any = false;
	while (w->inotify_fd >= 0 && read(w->inotify_fd, buf, sizeof(buf)) > 0)
		any = true;
	return any;
}

int mr_oom_watch_step(struct mr_oom_watch *w, uint64_t *ret_kills, struct mr_error *err)
{
	uint64_t v, before = w->kills_seen;
	bool any = false;

	if (w->version == 1) {
		if (w->level[0].event_fd >= 0 &&
			read(w->level[0].event_fd, &v, sizeof(v)) == (ssize_t)sizeof(v)) {
			w->level[0].events += v;
			any = true;
		}
		any = mr_nested_step(w) || any || w->await_log;
	} else if (w->version == 2) {
		any = drain_inotify(w);
	}
	int r = mr_oom_watch_kills(w, ret_kills, err);
	/* The log's ring is short and everybody's: read it while it still has our report. */
	if (any || w->kills_seen != before)
		mr_kmsg_drain(&w->kmsg, &w->log);
	return r;
}

/* --- v1: killer disabled --- */

static int control_flag(const struct mr_oom_watch *w, const char *name)
{
	uint64_t v;
	if (w->version != 1)
		return 0;
	int r = mr_counter_read_one(w->counter, name, &v);
	return r < 0 ? r : v != 0;
}

int mr_oom_watch_disabled(const struct mr_oom_watch *w)
{
	return control_flag(w, "oom_kill_disable");
}

int mr_oom_watch_hanging(const struct mr_oom_watch *w)
{
	int disabled = mr_oom_watch_disabled(w);
	return disabled > 0 ? control_flag(w, "under_oom") : disabled;
}
