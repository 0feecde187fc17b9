/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remove a container's cgroups, with all that the container made below them.
 *
 * A cgroup can be removed when it has neither processes nor children, so it goes
 * bottom-up. The kernel may say EBUSY for a moment after the last process was waited for:
 * a task leaves its cgroup late in its exit. That is waited out, with a bound, on
 * cgroup.events where the hierarchy is v2; v1 has nothing to wait on, so it is asked
 * again at growing intervals.
 *
 * Success means that nothing remains.
 *
 * rmdir(2), cgroups(7)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 1000
#define LONGEST_PAUSE_MS 16

static int remove_child(int parent_fd, const char *name, void *arg)
{
	(void)arg;
	/* What is busy is tried again with the next round. */
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == EBUSY ||
		errno == ENOENT || errno == ENOTEMPTY)
		return 0;
	return -errno;
}

/* @return 0 gone, -EBUSY somebody or something is in it, other -errno */
static int try_remove(const char *full, int dir)
{
	static const struct mr_cgroup_visitor visitor = {.leave = remove_child};

	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	int r = mr_cgroup_walk(dir, &visitor);
	if (r < 0)
		return r;
	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	return errno == ENOTEMPTY ? -EBUSY : -errno;
}

/* Reading is what arms the next poll. */
static void read_events(int fd)
{
	char text[128];
	if (fd >= 0 && pread(fd, text, sizeof(text), 0) < 0)
		return;
}

static int remove_tree(
	const struct mr_cgroup *cg, int h, int64_t deadline, struct mr_error *err)
{
	char full[MR_CGROUP_FULL_MAX];
	autoclose int events = -1;

	mr_cgroup_full(cg->host, h, cg->path, full);
	for (int pause_ms = 1;;) {
		int r = try_remove(full, cg->dir[h]);
		if (r == 0)
			return 0;
		if (r != -EBUSY)
			return mr_fail(err, -r, "remove the cgroup %s", full);
		if (mr_now_mono_ns() >= deadline)
			break;
		if (events < 0 && cg->host->hierarchies[h].v2)
			events =
				openat(cg->dir[h], "cgroup.events", O_RDONLY | O_CLOEXEC);
		read_events(events);
		mr_poll_until(events, POLLPRI, deadline, pause_ms);
		pause_ms = pause_ms < LONGEST_PAUSE_MS ? 2 * pause_ms : LONGEST_PAUSE_MS;
	}
	auto_str left = {0};
	mr_cgroup_describe_pids(cg, &left);
	mr_fail(err, EBUSY, "remove the cgroup %s: processes in it: %s", full,
		mr_str_text(&left));
	mr_hint(err, "kill them first");
	return -EBUSY;
}

/* Others come and go at the same time: if one is in it, the kernel says so; if one is being
 * made, its maker tries again. */
void mr_cgroup_remove_parents(const struct mr_cgroup *cg, int h)
{
	char full[MR_CGROUP_FULL_MAX], path[MR_CGROUP_PATH_MAX];
	const size_t parent = mr_cgroup_default_parent(cg);
	const bool v1 = !cg->host->hierarchies[h].v2;

	snprintf(path, sizeof(path), "%s", cg->path);
	for (;;) {
		*strrchr(path, '/') = '\0';
		/* A v1 hierarchy that systemd does not manage has its scope and slices from us. */
		bool unit = v1 && (mr_has_suffix(path, ".scope") || mr_has_suffix(path, ".slice"));
		if (!unit && (parent == 0 || strlen(path) < parent))
			return;
		mr_cgroup_full(cg->host, h, path, full);
		if (rmdir(full) < 0)
			return;
	}
}

/* Cgroups that the container itself made in a hierarchy which it did not join. Below the
 * default parent nobody else uses the container's path; elsewhere somebody may. */
static void find_unjoined(struct mr_cgroup *cg)
{
	char full[MR_CGROUP_FULL_MAX];

	if (!cg->host || mr_cgroup_default_parent(cg) == 0)
		return;
	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (cg->dir[h] >= 0)
			continue;
		mr_cgroup_full(cg->host, h, cg->path, full);
		cg->dir[h] = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

int mr_cgroup_remove(struct mr_cgroup *cg, struct mr_error *err)
{
	const int64_t deadline = mr_now_mono_ns() + WAIT_MS * INT64_C(1000000);
	int result = 0;

	find_unjoined(cg);
	for (int h = 0; cg->host && h < cg->host->n_hierarchies; h++) {
		struct mr_error later = {0};
		if (cg->dir[h] < 0)
			continue;
		int r = remove_tree(cg, h, deadline, result == 0 ? err : &later);
		if (r == 0)
			mr_cgroup_remove_parents(cg, h);
		else if (result == 0)
			result = r;
	}
	return result;
}
