/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeze and thaw everything in a container's cgroups.
 *
 * cgroup2 freezes by its core (kernel 5.2). A v1 freezer is a hierarchy of its own, which
 * most containers do not join: each cgroup costs time at the launch, and hardly any
 * container is ever frozen. When one is to be, its freezer cgroup is made and all
 * processes are moved in (cgroup_move.c). The freezer is told to freeze before that; so
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
#include <poll.h>
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
		mr_poll_until(events, POLLPRI, deadline, 50);
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
		mr_poll_until(-1, POLLPRI, deadline, pause_ms);
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

int mr_cgroup_enter_v1_freezer(
	const struct mr_cgroup *cg, int64_t deadline, struct mr_error *err)
{
	const int h = cg->host->owner[MR_CTL_FREEZER];

	if (mr_cgroup_clone_fd(cg) >= 0 || h < 0 || cg->host->hierarchies[h].v2)
		return 0;
	autoclose int dir = mr_cgroup_open_late(cg, h, err);
	if (dir < 0)
		return dir;
	int r = mr_write_file_at(dir, "freezer.state", "FROZEN");
	if (r < 0)
		return mr_fail(err, -r, "freeze the cgroup %s", cg->path);
	r = mr_cgroup_move_in(cg, h, dir, deadline, err);
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
