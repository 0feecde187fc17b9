/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeze and thaw everything in a container's cgroups.
 *
 * cgroup2 freezes by its core (kernel 5.2). A v1 freezer is a hierarchy of its own, which
 * most containers do not join: each cgroup costs time at the launch, and hardly any
 * container is ever frozen. When one is to be, its freezer cgroup is made and all
 * processes are moved in, pass by pass, until nobody new is found outside: who forks
 * outside meanwhile has children outside. The freezer is told to freeze before that; so
 * who was moved in stands still, and those who can fork grow fewer. Hundreds of processes
 * that do nothing but fork still outrun it: each move waits until nobody is in the midst
 * of a fork. Then freezing fails in its time.
 *
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroups(7)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int freeze_v2(int dir, bool frozen, int64_t deadline)
{
	int r = mr_write_file_at(dir, "cgroup.freeze", frozen ? "1" : "0");
	if (r < 0)
		return r;
	autoclose int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return -errno;
	for (;;) {
		char text[128];
		uint64_t now_frozen;
		ssize_t n = pread(events, text, sizeof(text) - 1, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (mr_cgroup_keyed(text, "frozen", &now_frozen) && now_frozen == frozen)
			return 0;
		if (mr_now_mono_ns() >= deadline)
			return -ETIMEDOUT;
		mr_cgroup_wait_event(events, deadline, 50);
	}
}

/* v1 tells of the end of freezing only when asked; writing again takes in tasks that were
 * forked or moved in meanwhile. */
static int freeze_v1(int dir, bool frozen, int64_t deadline)
{
	const char *wanted = frozen ? "FROZEN" : "THAWED";

	for (int pause_ms = 1;; pause_ms = pause_ms < 16 ? 2 * pause_ms : 16) {
		char state[32];
		int r = mr_write_file_at(dir, "freezer.state", wanted);
		if (r < 0)
			return r;
		ssize_t n = mr_read_line_at(dir, "freezer.state", state, sizeof(state));
		if (n < 0)
			return (int)n;
		if (mr_streq(state, wanted))
			return 0;
		if (mr_now_mono_ns() >= deadline)
			return -ETIMEDOUT;
		mr_cgroup_wait_event(-1, deadline, pause_ms);
	}
}

static int thaw_one(int fd, void *arg)
{
	char state[32];
	ssize_t n;

	(void)arg;
	/* "1" only where this very cgroup was told to freeze; elsewhere nothing to do. */
	n = mr_read_line_at(fd, "freezer.self_freezing", state, sizeof(state));
	if (n == 1 && state[0] == '1')
		mr_write_file_at(fd, "freezer.state", "THAWED");
	return 0;
}

/* Also where the container did not join the freezer: its root may have made cgroups of
 * the same path there, and processes frozen in them cannot die. */
void mr_cgroup_thaw_all_v1(const struct mr_cgroup *cg)
{
	const struct mr_cgroup_visitor visitor = {.enter = thaw_one};
	autoclose int dir = mr_cgroup_open_v1_freezer(cg);

	if (dir >= 0)
		mr_cgroup_walk(dir, &visitor);
}

int mr_cgroup_freeze(const struct mr_cgroup *cg, bool frozen, int64_t deadline)
{
	const int dir = mr_cgroup_clone_fd(cg);
	autoclose int v1 = mr_cgroup_open_v1_freezer(cg);
	int r = -ENOENT;

	if (dir >= 0)
		r = freeze_v2(dir, frozen, deadline);
	/* kernel < 5.2 has no cgroup.freeze; and thawing undoes whoever froze it */
	if (v1 >= 0 && (r == -ENOENT || !frozen))
		r = freeze_v1(v1, frozen, deadline);
	else if (v1 == -ENOENT && r == -ENOENT && !frozen)
		r = 0; /* it was never frozen, or it would be there */
	return r;
}

/* --- joining a v1 freezer --- */

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
	struct mr_cgroup joined, freezer; /* all but the freezer, and nothing else */
	int dir;
	int64_t deadline;
	struct pid_set moved; /* by the last pass */
};

/*
 * Move in those who are not in the freezer or below it. The kernel leaves a process that
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
		r = mr_cgroup_pids(&m->freezer, &inside.items, &inside.n, err);
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
			mr_fail(err, -r, "move process %d into the freezer cgroup %s",
				(int)pid, m->joined.path);
		more = more || !has(&last, pid);
		all.items[missing++] = pid;
	}
	free(last.items);
	free(inside.items);
	m->moved = (struct pid_set){all.items, missing};
	return r < 0 ? r : more;
}

static int open_or_make(const struct mr_cgroup *cg, int h, struct mr_error *err)
{
	struct mr_cgroup_plan plan = {0};
	struct mr_cgroup made;

	int fd = mr_cgroup_open_v1_freezer(cg);
	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return mr_fail(err, -fd, "open the freezer cgroup %s", cg->path);
	snprintf(plan.path, sizeof(plan.path), "%s", cg->path);
	plan.hierarchy[h] = true;
	int r = mr_cgroup_create(&plan, cg->host, &made, err);
	return r < 0 ? r : made.dir[h];
}

int mr_cgroup_enter_v1_freezer(
	const struct mr_cgroup *cg, int64_t deadline, struct mr_error *err)
{
	const int h = cg->host->owner[MR_CTL_FREEZER];
	struct mover m = {.joined = *cg, .freezer = *cg, .deadline = deadline};

	if (mr_cgroup_clone_fd(cg) >= 0 || h < 0 || cg->host->hierarchies[h].v2)
		return 0;
	autoclose int dir = m.dir = open_or_make(cg, h, err);
	if (dir < 0)
		return dir;
	for (int i = 0; i < MR_MAX_HIERARCHIES; i++)
		m.freezer.dir[i] = i == h ? dir : -1;
	m.joined.dir[h] = -1;
	int r = mr_write_file_at(dir, "freezer.state", "FROZEN");
	if (r < 0)
		return mr_fail(err, -r, "freeze the cgroup %s", cg->path);
	while ((r = move_missing(&m, err)) > 0)
		;
	free(m.moved.items);
	if (r == -ETIMEDOUT)
		mr_hint(err, "its processes fork faster than they can be moved; "
			     "nothing is frozen now");
	return r;
}

/* --- freeze and thaw --- */

int mr_cgroup_set_frozen(
	struct mr_cgroup *cg, bool frozen, int timeout_ms, struct mr_error *err)
{
	const int64_t ns = timeout_ms * INT64_C(1000000);
	const int64_t deadline = mr_now_mono_ns() + ns;
	const char *what = frozen ? "freeze" : "thaw";
	int r = frozen ? mr_cgroup_refuse_own(cg, what, err) : 0;
	if (r < 0)
		return r;

	r = frozen ? mr_cgroup_enter_v1_freezer(cg, deadline, err) : 0;
	if (r < 0) {
		mr_cgroup_freeze(cg, false, mr_now_mono_ns() + ns);
		return r;
	}
	r = mr_cgroup_freeze(cg, frozen, deadline);
	if (r == 0)
		return 0;
	if (r == -ENOENT) {
		mr_fail_text(err, EOPNOTSUPP, "%s the cgroup %s: it has no freezer", what,
			cg->path);
		mr_hint(err,
			"a freezer needs cgroup v2 (kernel 5.2) or the v1 freezer controller");
		return -EOPNOTSUPP;
	}
	mr_fail(err, -r, "%s the cgroup %s within %d ms", what, cg->path, timeout_ms);
	if (r == -ETIMEDOUT && frozen) {
		mr_hint(err,
			"a process waits in the kernel, perhaps for a disk or the network; "
			"nothing is frozen now");
		mr_cgroup_freeze(cg, false, mr_now_mono_ns() + ns);
	}
	return r;
}
