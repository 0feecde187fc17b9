/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining a v1 hierarchy late: the freezer of whom somebody pauses, a controller that
 * `update` is the first to use. A launch joins only what its spec needs.
 *
 * All processes are moved in, pass by pass, until nobody new is found outside: who forks
 * outside meanwhile has children outside.
 *
 * cgroups(7)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Sorted, as mr_cgroup_pids() gives them. */
struct pid_set {
	pid_t *items;
	size_t n;
};

static bool has(const struct pid_set *set, pid_t pid)
{
	return mr_cgroup_has_pid(set->items, set->n, pid);
}

static int move(int dir, const char *file, pid_t pid)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = mr_write_file_at(dir, file, text);
	return r == -ESRCH ? 0 : r;
}

struct mover {
	struct mr_cgroup joined, late; /* all but the late one, and nothing else */
	int dir;
	const char *name; /* of the hierarchy */
	int64_t deadline;
	struct pid_set moved; /* by the last pass */
};

/*
 * Move in those who are not in the late cgroup or below it. The kernel leaves a process that
 * is ending where it is. A pid can be another process's when it is written: who is then
 * found inside without being the container's is put out again.
 *
 * @return 1 there were others than those of the last pass: look again, 0 all are in, or
 * -errno
 */
static int move_missing(struct mover *m, struct mr_error *err)
{
	struct pid_set all = {0}, inside = {0}, last = m->moved;
	size_t missing = 0;
	bool more = false;

	/* In this order, or who is born inside between the two would seem missing. */
	int r = mr_cgroup_pids(&m->joined, &all.items, &all.n, err);
	if (r == 0)
		r = mr_cgroup_pids(&m->late, &inside.items, &inside.n, err);
	for (size_t i = 0; r == 0 && i < last.n; i++) {
		if (!has(&all, last.items[i]) && has(&inside, last.items[i]))
			move(m->dir, "../cgroup.procs", last.items[i]);
	}
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const pid_t pid = all.items[i];
		if (has(&inside, pid))
			continue;
		r = mr_now_mono_ns() < m->deadline ? move(m->dir, "cgroup.procs", pid)
						   : -ETIMEDOUT;
		if (r < 0)
			mr_fail(err, -r, "move process %d into the %s cgroup %s",
				(int)pid, m->name, m->joined.path);
		more = more || !has(&last, pid);
		all.items[missing++] = pid;
	}
	free(last.items);
	free(inside.items);
	m->moved = (struct pid_set){all.items, missing};
	return r < 0 ? r : more;
}

int mr_cgroup_open_late(const struct mr_cgroup *cg, int h, struct mr_error *err)
{
	struct mr_cgroup_plan plan = {0};
	struct mr_cgroup made;
	char full[MR_CGROUP_FULL_MAX];

	mr_cgroup_full(cg->host, h, cg->path, full);
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return mr_fail(err, errno, "open the cgroup %s", full);
	snprintf(plan.path, sizeof(plan.path), "%s", cg->path);
	plan.hierarchy[h] = true;
	int r = mr_cgroup_create(&plan, cg->host, &made, err);
	return r < 0 ? r : made.dir[h];
}

static struct mr_cgroup only(const struct mr_cgroup *cg, int h, int dir)
{
	struct mr_cgroup one = *cg;

	for (int i = 0; i < MR_MAX_HIERARCHIES; i++)
		one.dir[i] = i == h ? dir : -1;
	return one;
}

int mr_cgroup_move_in(const struct mr_cgroup *cg, int h, int dir, int64_t deadline,
	struct mr_error *err)
{
	struct mover m = {.joined = *cg,
		.late = only(cg, h, dir),
		.dir = dir,
		.name = mr_path_base(cg->host->hierarchies[h].mount_point),
		.deadline = deadline};
	int r;

	m.joined.dir[h] = -1;
	while ((r = move_missing(&m, err)) > 0)
		;
	free(m.moved.items);
	return r;
}

void mr_cgroup_move_out(const struct mr_cgroup *cg, int h, int dir, int64_t deadline)
{
	const struct mr_cgroup late = only(cg, h, dir);
	char root[MR_CGROUP_FULL_MAX];
	struct mr_error ignored;
	bool moved;

	mr_cgroup_full(cg->host, h, "/cgroup.procs", root);
	/* Again, for those who were born meanwhile. */
	do {
		struct pid_set inside = {0};
		moved = false;
		if (mr_cgroup_pids(&late, &inside.items, &inside.n, &ignored) < 0)
			return;
		for (size_t i = 0; i < inside.n; i++)
			moved |= move(AT_FDCWD, root, inside.items[i]) == 0;
		free(inside.items);
	} while (moved && mr_now_mono_ns() < deadline);
}
