/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal and kill everything in a container's cgroups.
 *
 * cgroup.kill (kernel 5.14) takes the whole tree at once, forks included; a hybrid host
 * has it as well, in its cgroup2 tree. Without it a fork bomb would outrun a loop of
 * signals, so the tree is frozen first: a frozen task cannot fork. SIGKILL ends a task
 * frozen by v2 at once, but one frozen by v1 only when it is thawed, and the container
 * may have frozen cgroups of its own: so v1 freezers are thawed from top to bottom
 * afterwards. A container whose pid namespace dies with its init may not have joined the
 * v1 freezer. But whoever lives on for long may have been frozen in a cgroup of another
 * path; so it is moved to where it is thawed.
 *
 * A pid read from cgroup.procs can be another process's a moment later. So each signal
 * goes through a pidfd, and only after the pid was seen in the cgroup once more: if the
 * process behind the pidfd is alive then, the pid is still its own, and it is a member.
 *
 * Which processes are left is the union over all hierarchies: the container's root may
 * have moved some in one of them.
 *
 * pidfd_open(2), pidfd_send_signal(2), cgroups(7)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

static int64_t deadline_in(int timeout_ms)
{
	return mr_now_mono_ns() + timeout_ms * NS_PER_MS;
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

/* Signal those of the batch that are members still, and close it. */
static int signal_batch(const struct mr_cgroup *cg, struct batch *b, int sig, int *count,
	struct mr_error *err)
{
	autofree pid_t *members = NULL;
	size_t n = 0;
	int r = mr_cgroup_pids(cg, &members, &n, err);

	for (size_t i = 0; i < b->n; i++) {
		bool member = r == 0 && mr_cgroup_has_pid(members, n, b->pids[i]);
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
	int count = 0, r = mr_cgroup_refuse_own(cg, "signal", err);
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
		mr_poll_until(fd, POLLIN, deadline, 50);
		return 1;
	}
	return 0;
}

static bool is_empty(const struct mr_cgroup *cg)
{
	autofree pid_t *pids = NULL;
	struct mr_error ignored;
	size_t n = 0;

	return mr_cgroup_pids(cg, &pids, &n, &ignored) == 0 && n == 0;
}

/* Freeze, signal, thaw: for kernels without cgroup.kill. */
static int kill_frozen(
	const struct mr_cgroup *cg, bool late, int64_t deadline, struct mr_error *err)
{
	struct mr_error ignored;
	int count;
	int64_t soon = deadline_in(200);

	/* If it does not freeze in time the signals go out all the same, and again. */
	soon = soon < deadline ? soon : deadline;
	if (late && !is_empty(cg))
		mr_cgroup_enter_v1_freezer(cg, soon, &ignored);
	mr_cgroup_freeze(cg, true, soon);
	int r = signal_all(cg, SIGKILL, &count, err);
	mr_cgroup_freeze(cg, false, mr_now_mono_ns());
	return r;
}

static int kill_once(
	const struct mr_cgroup *cg, bool late, int64_t deadline, struct mr_error *err)
{
	const int dir = mr_cgroup_clone_fd(cg);
	int count, r = dir >= 0 ? mr_write_file_at(dir, "cgroup.kill", "1") : -ENOENT;

	/* Also those that are in the container's cgroup in another hierarchy only. */
	r = r == 0 ? signal_all(cg, SIGKILL, &count, err)
		   : kill_frozen(cg, late, deadline, err);
	mr_cgroup_thaw_all_v1(cg);
	return r;
}

int mr_cgroup_kill(struct mr_cgroup *cg, int timeout_ms, struct mr_error *err)
{
	const int64_t deadline = deadline_in(timeout_ms), late = deadline_in(500);
	int r = mr_cgroup_refuse_own(cg, "kill", err);

	if (r == 0 && is_empty(cg))
		return 0;
	while (r == 0) {
		r = kill_once(cg, mr_now_mono_ns() >= late, deadline, err);
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
