/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeze, signal and kill everything in a container's cgroups.
 *
 * cgroup.kill (kernel 5.14) takes the whole tree at once, forks included; a hybrid host
 * has it as well, in its cgroup2 tree. Without it a fork bomb would outrun a loop of
 * signals, so the tree is frozen first: a frozen task cannot fork. SIGKILL ends a task
 * frozen by v2 at once, but one frozen by v1 only when it is thawed, and the container
 * may have frozen cgroups of its own: so v1 freezers are thawed from top to bottom
 * afterwards.
 *
 * A pid read from cgroup.procs can be another process's a moment later. So each signal
 * goes through a pidfd, and only after the pid was seen in the cgroup once more: if the
 * process behind the pidfd is alive then, the pid is still its own, and it is a member.
 *
 * Which processes are left is the union over all hierarchies: the container's root may
 * have moved some in one of them.
 *
 * pidfd_open(2), pidfd_send_signal(2), cgroups(7),
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#define NS_PER_MS INT64_C(1000000)

/* --- waiting --- */

static int64_t deadline_in(int timeout_ms)
{
	return mr_now_mono_ns() + timeout_ms * NS_PER_MS;
}

static int wait_for(int fd, short events, int64_t deadline_ns, int at_most_ms)
{
	int64_t left = deadline_ns - mr_now_mono_ns();
	if (left > at_most_ms * NS_PER_MS)
		left = at_most_ms * NS_PER_MS;
	if (left < 0)
		left = 0;
	struct pollfd p = {.fd = fd, .events = events};
	struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
	return ppoll(&p, 1, &t, NULL);
}

void mr_cgroup_wait_event(int fd, int64_t deadline_ns, int at_most_ms)
{
	wait_for(fd, POLLPRI, deadline_ns, at_most_ms);
}

/* --- freezing --- */

static int v2_dir(const struct mr_cgroup *cg)
{
	return cg->host && cg->host->unified >= 0 ? cg->dir[cg->host->unified] : -1;
}

static int v1_freezer_dir(const struct mr_cgroup *cg)
{
	return mr_host_is_v2(cg->host, MR_CTL_FREEZER)
		       ? -1
		       : mr_cgroup_dir(cg, MR_CTL_FREEZER);
}

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
		wait_for(-1, 0, deadline, pause_ms);
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
static void thaw_all_v1(const struct mr_cgroup *cg)
{
	const struct mr_cgroup_visitor visitor = {.enter = thaw_one};
	const int h = cg->host->owner[MR_CTL_FREEZER];
	char full[MR_CGROUP_FULL_MAX];

	if (h < 0 || cg->host->hierarchies[h].v2)
		return;
	mr_cgroup_full(cg->host, h, cg->path, full);
	autoclose int dir = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		mr_cgroup_walk(dir, &visitor);
}

static int freeze(const struct mr_cgroup *cg, bool frozen, int64_t deadline)
{
	const int dir = v2_dir(cg), v1 = v1_freezer_dir(cg);
	int r = -ENOENT;

	if (dir >= 0)
		r = freeze_v2(dir, frozen, deadline);
	/* kernel < 5.2 has no cgroup.freeze; and thawing undoes whoever froze it */
	if (v1 >= 0 && (r == -ENOENT || !frozen))
		r = freeze_v1(v1, frozen, deadline);
	return r;
}

static int refuse_own(const struct mr_cgroup *cg, const char *what, struct mr_error *err)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	int r = mr_cgroup_pids(cg, &pids, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (pids[i] == getpid())
			r = mr_fail_text(err, EDEADLK,
				"%s the cgroup %s: this very process (%d) is in it", what,
				cg->path, (int)getpid());
	}
	return r;
}

int mr_cgroup_set_frozen(
	struct mr_cgroup *cg, bool frozen, int timeout_ms, struct mr_error *err)
{
	const char *what = frozen ? "freeze" : "thaw";
	int r = frozen ? refuse_own(cg, what, err) : 0;
	if (r < 0)
		return r;

	r = freeze(cg, frozen, deadline_in(timeout_ms));
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
		freeze(cg, false, deadline_in(timeout_ms));
	}
	return r;
}

/* --- signals --- */

#define BATCH 64

struct batch {
	pid_t pids[BATCH];
	int fds[BATCH];
	size_t n;
};

/* Open pidfds from pids[*next] on, as many as fit. */
static int open_batch(const pid_t *pids, size_t n, size_t *next, struct batch *b)
{
	b->n = 0;
	for (; *next < n && b->n < BATCH; (*next)++) {
		int fd = pidfd_open(pids[*next], 0);
		if (fd < 0 && errno == ESRCH)
			continue;
		if (fd < 0 && b->n > 0 && (errno == EMFILE || errno == ENFILE))
			return 0; /* those that are open first */
		if (fd < 0)
			return -errno;
		b->pids[b->n] = pids[*next];
		b->fds[b->n++] = fd;
	}
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

/* Signal those of the batch that are members still, and close it. */
static int signal_batch(const struct mr_cgroup *cg, struct batch *b, int sig, int *count,
	struct mr_error *err)
{
	autofree pid_t *members = NULL;
	size_t n = 0;
	int r = mr_cgroup_pids(cg, &members, &n, err);

	for (size_t i = 0; i < b->n; i++) {
		bool member =
			r == 0 && n > 0 &&
			bsearch(&b->pids[i], members, n, sizeof(*members), compare_pids);
		int sent = member ? mr_pidfd_send_signal(b->fds[i], sig) : -ESRCH;
		if (sent == 0)
			(*count)++;
		else if (sent != -ESRCH && r == 0)
			r = mr_fail(err, -sent, "send signal %d to process %d", sig,
				(int)b->pids[i]);
		mr_close(&b->fds[i]);
	}
	return r;
}

static int signal_all(
	const struct mr_cgroup *cg, int sig, int *count, struct mr_error *err)
{
	autofree pid_t *pids = NULL;
	size_t n = 0, next = 0;
	int r = mr_cgroup_pids(cg, &pids, &n, err);

	*count = 0;
	while (r == 0 && next < n) {
		struct batch b;
		int opened = open_batch(pids, n, &next, &b);
		r = signal_batch(cg, &b, sig, count, err);
		if (r == 0 && opened < 0)
			r = mr_fail(err, -opened, "open a pidfd of process %d",
				(int)pids[next]);
	}
	return r;
}

int mr_cgroup_signal(struct mr_cgroup *cg, int sig, struct mr_error *err)
{
	int count = 0, r = refuse_own(cg, "signal", err);
	if (r == 0)
		r = signal_all(cg, sig, &count, err);
	return r < 0 ? r : count;
}

/* --- killing --- */

/*
 * Wait a little for the first process that has not ended. One that has ended but was not
 * waited for by its parent counts as gone: a signal cannot do more.
 *
 * @return 1 somebody is left, 0 nobody, -errno
 */
static int wait_gone(const struct mr_cgroup *cg, int64_t deadline, struct mr_error *err)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	int r = mr_cgroup_pids(cg, &pids, &n, err);
	if (r < 0)
		return r;

	for (size_t i = 0; i < n; i++) {
		autoclose int fd = pidfd_open(pids[i], 0);
		if (fd < 0 && errno == ESRCH)
			continue;
		if (fd < 0)
			return mr_fail(
				err, errno, "open a pidfd of process %d", (int)pids[i]);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 0) > 0)
			continue;
		wait_for(fd, POLLIN, deadline, 50);
		return 1;
	}
	return 0;
}

/* Freeze, signal, thaw: for kernels without cgroup.kill. */
static int kill_frozen(const struct mr_cgroup *cg, int64_t deadline, struct mr_error *err)
{
	int count;
	int64_t soon = deadline_in(200);

	/* If it does not freeze in time the signals go out all the same, and again. */
	freeze(cg, true, soon < deadline ? soon : deadline);
	int r = signal_all(cg, SIGKILL, &count, err);
	freeze(cg, false, mr_now_mono_ns());
	return r;
}

static int kill_once(const struct mr_cgroup *cg, int64_t deadline, struct mr_error *err)
{
	const int dir = v2_dir(cg);
	int count, r = dir >= 0 ? mr_write_file_at(dir, "cgroup.kill", "1") : -ENOENT;

	/* Also those that are in the container's cgroup in another hierarchy only. */
	r = r == 0 ? signal_all(cg, SIGKILL, &count, err)
		   : kill_frozen(cg, deadline, err);
	thaw_all_v1(cg);
	return r;
}

int mr_cgroup_kill(struct mr_cgroup *cg, int timeout_ms, struct mr_error *err)
{
	const int64_t deadline = deadline_in(timeout_ms);
	int r = refuse_own(cg, "kill", err);

	while (r == 0) {
		r = kill_once(cg, deadline, err);
		if (r == 0)
			r = wait_gone(cg, deadline, err);
		if (r <= 0)
			return r;
		if (mr_now_mono_ns() >= deadline)
			break;
		r = 0;
	}
	if (r < 0)
		return r;
	auto_str left = {0};
	mr_cgroup_describe_pids(cg, &left);
	r = mr_fail_text(err, ETIMEDOUT,
		"kill the cgroup %s: after %d ms these processes are left: %s", cg->path,
		timeout_ms, mr_str_text(&left));
	mr_hint(err,
		"a process in state D (see ps) waits for the kernel and dies when that ends");
	return r;
}
