/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks - programs that the spec wants to be run at fixed points of a container's life.
 *
 * The kernel idea: vfork(2) starts them: nothing is copied, and a failure of execve(2)
 * comes back as an error number. A pidfd turns "has it
 * ended?" into something that poll(2) waits for, together with the pipe and the timeout.
 *
 * The state goes through a pipe that never blocks us: a hook need not read its stdin, and
 * may end before it has. A hook leads a process group of its own, so that a timeout also
 * ends what it started. It is killed before it is waited for: until then its pid, and so
 * the number of the group, cannot belong to anybody else.
 *
 * Manual pages: vfork(2), pidfd_open(2), waitid(2), poll(2), pipe(7).
 */
#include "sandbox/hooks.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/spawn.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000
#define MAX_TIMEOUT_S 1000000000 /* 31 years: larger values would overflow */

/* Handlers, blocked signals and open descriptors of the caller are not the hook's. */
static int spawn_hook(
	const struct mr_hook *hook, int dir, char *const *env, int stdin_fd, pid_t *ret)
{
	char *only_path[] = {hook->path, NULL}, *no_env[] = {NULL};
	char *const *own = hook->env.n > 0 ? hook->env.items : no_env;
	const struct mr_spawn how = {
		.args = hook->args.n > 0 ? hook->args.items : only_path,
		.env = hook->env.set ? own : env,
		.stdio = {stdin_fd, -1, -1},
		.dir = dir,
		.own_group = true,
		.ends_with_us = true,
	};

	return mr_spawn(hook->path, &how, ret);
}

/* Write what the pipe takes; close it at the end, or when the hook has closed its end. */
static void feed(int *pipe_fd, const char **text, size_t *len)
{
	ssize_t n = mr_write_no_sigpipe(*pipe_fd, *text, *len);

	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n > 0) {
		*text += n;
		*len -= (size_t)n;
	}
	if (n < 0 || *len == 0)
		mr_close(pipe_fd);
}

/* @return 1 ended, 0 timeout, -errno, with a message if it is the guard's. @deadline in ns of
 * CLOCK_MONOTONIC, 0: none */
static int wait_for_end(int pidfd, int *pipe_fd, const char *text, int64_t deadline,
	const struct mr_hook_guard *guard, struct mr_error *err)
{
	size_t len = strlen(text);

	while (true) {
		struct pollfd fds[] = {
			{.fd = pidfd, .events = POLLIN},
			{.fd = *pipe_fd, .events = POLLOUT}, /* -1 is skipped */
			{.fd = guard ? *guard->fds[0] : -1, .events = POLLIN},
			{.fd = guard ? *guard->fds[1] : -1, .events = POLLIN},
		};
		int64_t left = -1;

		if (deadline != 0) {
			left = (deadline - mr_now_mono_ns()) / NS_PER_MS + 1;
			if (left <= 0)
				return 0;
		}
		int n = poll(fds, 4, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return mr_fail(err, errno, "wait for its end");
		if (n <= 0)
			continue;
		if (fds[0].revents != 0)
			return 1;
		if (fds[1].revents != 0)
			feed(pipe_fd, &text, &len);
		int stop = fds[2].revents || fds[3].revents ? guard->check(guard->arg, err) : 0;
		if (stop < 0)
			return stop;
	}
}

static int fail_hook(struct mr_error *err, const struct mr_hook *hook,
	const siginfo_t *end, bool timed_out)
{
	if (timed_out)
		return mr_fail_text(err, ETIMEDOUT,
			"did not end within its timeout of %lld s, and was killed",
			(long long)hook->timeout.value);
	if (end->si_code == CLD_EXITED)
		return mr_fail_text(err, EIO, "exited with status %d", end->si_status);
	const char *name = sigabbrev_np(end->si_status);
	return mr_fail_text(err, EIO, "was killed by signal %d (%s%s)", end->si_status,
		name ? "SIG" : "", name ? name : "real-time");
}

static int run_hook(const struct mr_hook *hook, int dir, char *const *env,
	const char *state_json, const struct mr_hook_guard *guard, struct mr_error *err)
{
	int ends[2];
	siginfo_t end = {0};
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mr_fail(err, errno, "make a pipe");
	autoclose int reader = ends[0];
	autoclose int writer = ends[1];
	/* Only our end: the hook reads as from any pipe. */
	if (fcntl(writer, F_SETFL, O_NONBLOCK) < 0)
		return mr_fail(err, errno, "make the pipe non-blocking");
	int64_t deadline = 0, timeout = hook->timeout.set ? hook->timeout.value : 0;
	if (timeout > 0 && timeout < MAX_TIMEOUT_S)
		deadline = mr_now_mono_ns() + timeout * NS_PER_S;
	int r = spawn_hook(hook, dir, env, reader, &pid);
	if (r < 0)
		return mr_fail(err, -r, "execute");
	mr_close(&reader);

	autoclose int pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? mr_fail(err, errno, "watch it")
		      : wait_for_end(pidfd, &writer, state_json, deadline, guard, err);
	if (r <= 0)
		kill(-pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &end, WEXITED) < 0 && errno == EINTR)
		continue;
	if (r < 0)
		return r;
	if (r == 0 || end.si_code != CLD_EXITED || end.si_status != 0)
		return fail_hook(err, hook, &end, r == 0);
	return 0;
}

/* An engine may have taken the bundle away before poststop; it is no reason to fail. */
static int open_bundle(const char *bundle)
{
	return bundle ? open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int run_one(const struct mr_hook_list *hooks, size_t i, enum mr_hook_kind kind,
	int dir, char *const *env, const char *state_json, const struct mr_hook_guard *guard,
	struct mr_error *err)
{
	if (run_hook(&hooks->items[i], dir, env ? env : environ, state_json, guard, err) == 0)
		return 0;
	return mr_prefix(err, "error running %s hook #%zu: '%s'", mr_hook_kind_name(kind), i,
		hooks->items[i].path);
}

int mr_hooks_run(const struct mr_hook_list *hooks, enum mr_hook_kind kind, const char *bundle,
	char *const *env, const char *state_json, const struct mr_hook_guard *guard,
	struct mr_error *err)
{
	autoclose int dir = open_bundle(bundle);
	int r = 0;

	for (size_t i = 0; i < hooks->n && r == 0; i++) {
		r = run_one(hooks, i, kind, dir, env, state_json, guard, err);
		if (r < 0)
			mr_prefix(err, "hooks.%s[%zu]", mr_hook_kind_name(kind), i);
	}
	return r;
}

void mr_hooks_run_all(const struct mr_hook_list *hooks, enum mr_hook_kind kind,
	const char *bundle, const char *state_json, struct mr_strv *failures)
{
	autoclose int dir = open_bundle(bundle);

	for (size_t i = 0; i < hooks->n; i++) {
		struct mr_error err = {0};

		if (run_one(hooks, i, kind, dir, NULL, state_json, NULL, &err) < 0)
			(void)mr_strv_add(failures, err.message);
	}
}
