/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v1: kills in sub-cgroups that the container makes and removes, whose count goes with
 * them (v1's oom_kill is not hierarchical).
 *
 * Few containers can make cgroups, and inotify is dear (closing it waits for an RCU grace
 * period, 8 ms): it begins when asked for, or when the link count of the own directory
 * shows a first sub-directory. Whether one came and went before that, its modification
 * time tells; kernfs keeps one from the moment on that somebody has set it.
 *
 * Each sub-cgroup's memory.oom_control is held open and read at each wake-up, because
 * reading it after the rmdir(2) gives ENODEV. One eventfd is registered for all of them.
 * It fires when OOM handling begins in one of them or above, which is before the kernel
 * has chosen a victim: the count can still be old when we wake. So it is read again for
 * some milliseconds, and from then on the kernel log is polled too: its Killed line comes
 * after the count, but wakes its readers up only at the next tick.
 *
 * rmdir(2) itself adds one to each registered eventfd, later, from a work queue. So
 * events beyond that debt are OOMs; events in the same step as a removal are of either
 * kind.
 *
 * A sub-cgroup that may have gone with a count that nobody read is `unseen`: then the
 * verdict asks the kernel log, and says "unknown" rather than 0 if that knows of a
 * victim. A process that makes, fills and removes them in a row within milliseconds
 * outruns us: kills are then missing in the sum, never in the yes or no.
 *
 * inotify(7), eventfd(2), the kernel's Documentation/admin-guide/cgroup-v1/memory.rst
 */
#include "oom/counters.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

static int own_dir(const struct mr_oom_watch *w)
{
	return w->level[0].dir;
}

static struct mr_oom_nested *find(struct mr_oom_watch *w, const char *path)
{
	for (size_t i = 0; i < w->n_nested; i++) {
		if (strcmp(w->nested[i].path, path) == 0)
			return &w->nested[i];
	}
	return NULL;
}

static int watch_directory(const struct mr_oom_watch *w, int dir)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return inotify_add_watch(w->inotify_fd, path, IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

static int grow(struct mr_oom_watch *w)
{
	if (w->nested)
		return 0;
	w->nested = calloc(MR_OOM_MAX_NESTED, sizeof(*w->nested));
	if (w->nested && w->nested_event < 0)
		w->nested_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->nested ? 0 : -ENOMEM;
}

static bool is_empty(int dir)
{
	char pids[16];
	return mr_read_line_at(dir, "cgroup.procs", pids, sizeof(pids)) == 0;
}

static void follow_children(struct mr_oom_watch *w, int dir, const char *path);

/* It was removed: its last reading stays. */
static void drop(struct mr_oom_watch *w, struct mr_oom_nested *n)
{
	w->removed_kills += n->kills;
	w->nested_debt++;
	w->nested_gone++;
	mr_close(&n->counter);
	*n = w->nested[--w->n_nested];
}

/* Begin to hold the sub-cgroup @path (relative to the own one). */
static void follow(struct mr_oom_watch *w, const char *path)
{
	uint64_t kills;
	struct mr_oom_nested *same = find(w, path);
	if (same && mr_counter_read_one(same->counter, "oom_kill", &kills) == 0)
		return;
	if (same)
		drop(w, same); /* removed and made again */
	if (w->n_nested == MR_OOM_MAX_NESTED || grow(w) < 0 ||
		strlen(path) >= sizeof(w->nested->path)) {
		w->nested_unseen = true;
		return;
	}
	struct mr_oom_nested n = {.counter = -1, .inotify_wd = -1};
	snprintf(n.path, sizeof(n.path), "%s", path);
	autoclose int dir =
		openat(own_dir(w), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir >= 0)
		n.counter = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (n.counter < 0) {
		w->nested_unseen = true; /* gone already, or no descriptors left */
		return;
	}
	bool listening = w->nested_event >= 0 &&
			 mr_v1_register(dir, n.counter, w->nested_event) == 0;
	/* Somebody may have been in trouble there before we listened. */
	if (!listening || !is_empty(dir))
		w->nested_unseen = true;
	mr_counter_read_one(n.counter, "oom_kill", &n.kills);
	n.inotify_wd = watch_directory(w, dir);
	if (n.inotify_wd < 0)
		w->nested_unseen = true; /* what is made in there shows nowhere */
	w->nested[w->n_nested++] = n;
	/* What was made between mkdir and our watch. */
	follow_children(w, dir, path);
}

static void follow_children(struct mr_oom_watch *w, int dir, const char *path)
{
	if (mr_counter_has_children(dir) != 1)
		return;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		mr_close(&fd);
		w->nested_unseen = true;
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char child[1024];
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0)
			continue;
		int n = snprintf(child, sizeof(child), "%s%s%s", path, *path ? "/" : "",
			e->d_name);
		if (n > 0 && (size_t)n < sizeof(child))
			follow(w, child);
	}
	closedir(d);
}

void mr_nested_open(struct mr_oom_watch *w)
{
	if (w->inotify_fd >= 0)
		return;
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->inotify_fd >= 0 && inotify_add_watch(w->inotify_fd, w->directory,
					  IN_CREATE | IN_DELETE | IN_ONLYDIR) < 0)
		mr_close(&w->inotify_fd);
	if (w->inotify_fd >= 0)
		follow_children(w, own_dir(w), "");
}

void mr_nested_close(struct mr_oom_watch *w)
{
	for (size_t i = 0; i < w->n_nested; i++)
		mr_close(&w->nested[i].counter);
	free(w->nested);
	w->nested = NULL;
	w->n_nested = 0;
	mr_close(&w->nested_event);
	mr_close(&w->inotify_fd);
}

static void take_creation(struct mr_oom_watch *w, int wd, const char *name)
{
	char path[1024];
	const char *above = "";
	for (size_t i = 0; i < w->n_nested; i++) {
		if (w->nested[i].inotify_wd == wd)
			above = w->nested[i].path;
	}
	int n = snprintf(path, sizeof(path), "%s%s%s", above, *above ? "/" : "", name);
	if (n > 0 && (size_t)n < sizeof(path))
		follow(w, path);
}

/* @return did directories come or go */
static bool take_inotify(struct mr_oom_watch *w)
{
	_Alignas(struct inotify_event) char buf[8192];
	bool any = false;

	for (;;) {
		ssize_t n =
			w->inotify_fd < 0 ? -1 : read(w->inotify_fd, buf, sizeof(buf));
		if (n <= 0)
			return any;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);
			at += (ssize_t)(sizeof(*e) + e->len);
			any = true;
			if (e->mask & IN_Q_OVERFLOW)
				w->nested_unseen = true;
			if ((e->mask & IN_CREATE) && (e->mask & IN_ISDIR))
				take_creation(w, e->wd, e->name);
		}
	}
}

/* Readings of all that are held. @return did a count move */
static bool read_all(struct mr_oom_watch *w)
{
	bool moved = false;
	for (size_t i = 0; i < w->n_nested;) {
		struct mr_oom_nested *n = &w->nested[i];
		uint64_t now;
		if (mr_counter_read_one(n->counter, "oom_kill", &now) < 0) {
			drop(w, n);
			continue;
		}
		moved = moved || now != n->kills;
		n->kills = now;
		i++;
	}
	return moved;
}

/* The event comes before the kill, and for the count no event comes at all: look again,
 * for as long as writing the report may take. Else the victim's parent may remove it
 * first. */
static bool await_count(struct mr_oom_watch *w)
{
	const struct timespec pause = {.tv_nsec = 100000};
	bool moved = false;
	for (int i = 0; i < 100 && !moved && w->n_nested > 0; i++) {
		ppoll(NULL, 0, &pause, NULL);
		moved = read_all(w);
	}
	return moved;
}

bool mr_nested_step(struct mr_oom_watch *w)
{
	uint64_t gone = w->nested_gone, events = 0;
	bool any = take_inotify(w);
	if (!w->nested)
		return any;
	if (w->nested_event >= 0 && read(w->nested_event, &events, sizeof(events)) < 0)
		events = 0;
	bool moved = read_all(w);
	uint64_t paid = events < w->nested_debt ? events : w->nested_debt;
	bool began = events > paid;
	w->nested_debt -= paid;
	w->nested_oom = w->nested_oom || began;
	if (began && !moved)
		moved = await_count(w);
	gone = w->nested_gone - gone;
	if (gone && (events || w->await_log))
		w->nested_unseen = true;
	w->await_log = !moved && (began || w->await_log);
	return any || events || gone || moved;
}
