/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's cgroup driver, the effects. What is said on the bus, the companion
 * minirun-systemd says, the only program that is linked with libsystemd.
 *
 * The keeper. A scope must be started with a process, and when its last process is gone
 * systemd removes its cgroup at once, with the counters that tell whether somebody was
 * OOM-killed (conmon#426, containerd#8893). So one process that does nothing is there from
 * the start to the stop, in a cgroup of its own beside the container's: with controllers
 * switched on for its children the scope itself can have none. It is forked while its
 * memory still counts for the caller, and takes none afterwards. It ends by SIGTERM, as
 * everything in a scope that is stopped.
 *
 * Whoever launches may be killed at any moment: until the scope is complete, and for `run`
 * to the end, the keeper dies with its parent, and systemd forgets an empty scope.
 */
#include "cgroup/cgroup_internal.h"
#include "base/libc.h"
#include "cgroup/systemd.h"

#include "base/helper.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AWAIT_MS 2000

/* --- the companion --- */

static int fail_helper(const char *verb, const char *unit, int status, char *output,
	struct mr_error *err)
{
	char *hint = strchr(output, '\n');

	if (status < 0)
		return mr_fail(err, -status, "run minirun-systemd");
	if (WIFSIGNALED(status))
		mr_fail_text(err, ETIMEDOUT,
			"%s the unit %s: %s (minirun-systemd ended by signal %d)", verb, unit,
			WTERMSIG(status) == SIGALRM ? "systemd or the bus did not answer in time"
						    : "not done",
			WTERMSIG(status));
	else {
		if (hint)
			*hint++ = '\0';
		mr_fail_text(err, EIO, "%s the unit %s: %s", verb, unit, output);
	}
	if (hint && *hint) {
		hint[strcspn(hint, "\n")] = '\0';
		mr_hint(err, "%s", hint);
	}
	return -err->err;
}

/* @ret_answer what it says, without the newline; may be NULL */
static int ask(const char *verb, const char *unit, bool user, const struct mr_strv *more,
	char *ret_answer, size_t cap, struct mr_error *err)
{
	char path[PATH_MAX], output[MR_CGROUP_PATH_MAX + 512] = "";
	auto_strv args = {0};

	if (mr_helper_find("systemd", path, sizeof(path)) < 0) {
		mr_fail_text(err, ENOSYS, "the systemd driver needs minirun-systemd, which is not "
					  "installed");
		mr_hint(err, "it is built where libsystemd-dev is; or use --cgroup-manager "
			     "cgroupfs");
		return -ENOSYS;
	}
	if (mr_strv_add(&args, path) < 0 || mr_strv_add(&args, verb) < 0 ||
		(user && mr_strv_add(&args, "--user") < 0) || mr_strv_add(&args, "--unit") < 0 ||
		mr_strv_add(&args, unit) < 0)
		return mr_fail(err, ENOMEM, "run minirun-systemd");
	for (size_t i = 0; more && i < more->n; i++)
		if (mr_strv_add(&args, more->items[i]) < 0)
			return mr_fail(err, ENOMEM, "run minirun-systemd");
	int status = mr_helper_run(args.items, NULL, output, sizeof(output));
	if (status != 0)
		return fail_helper(verb, unit, status, output, err);
	output[strcspn(output, "\n")] = '\0';
	if (ret_answer)
		snprintf(ret_answer, cap, "%s", output);
	return 0;
}

/* --- the keeper --- */

struct keeper {
	pid_t pid;
	int channel; /* one byte: stay, even without a parent; end of file: go */
};

_Noreturn static void keeper_main(int channel, pid_t parent)
{
	sigset_t none;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "minirun-scope");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(channel, 0);
	/* Nothing of the caller's is kept in use: locks, pipes, directories. */
	close_range(1, ~0u, 0);
	if (chdir("/") < 0 || read(0, &byte, 1) != 1)
		_exit(0);
	if (byte == 's')
		prctl(PR_SET_PDEATHSIG, 0);
	close(0);
	for (;;)
		pause();
}

static int start_keeper(struct keeper *ret, struct mr_error *err)
{
	int ends[2];
	const pid_t self = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mr_fail(err, errno, "pipe");
	ret->pid = fork();
	if (ret->pid == 0)
		keeper_main(ends[0], self);
	int saved = errno;
	close(ends[0]);
	ret->channel = ends[1];
	if (ret->pid > 0)
		return 0;
	mr_close(&ret->channel);
	return mr_fail(err, saved, "fork of the scope's keeper");
}

static void end_keeper(struct keeper *keeper)
{
	kill(keeper->pid, SIGKILL); /* our own child: nobody else reaps it */
	waitpid(keeper->pid, NULL, 0);
}

/* Out of the scope's own cgroup, where cgroup2 is. */
static int move_keeper(const struct mr_scope_plan *plan, const struct mr_host *host, pid_t pid,
	struct mr_error *err)
{
	char full[MR_CGROUP_FULL_MAX], dir[MR_CGROUP_PATH_MAX + 16], text[24];

	if (host->unified < 0)
		return 0;
	snprintf(dir, sizeof(dir), "%.*s/" MR_SCOPE_KEEPER, MR_CGROUP_PATH_MAX - 1, plan->path);
	snprintf(full, sizeof(full), "%s%s", host->hierarchies[host->unified].mount_point, dir);
	if (mkdir(full, 0755) < 0)
		return mr_fail(err, errno, "make the cgroup %s", full);
	autoclose int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = fd < 0 ? -errno : mr_write_file_at(fd, "cgroup.procs", text);
	return r < 0 ? mr_fail(err, -r, "move a process into the cgroup %s", full) : 0;
}

/* --- start, update, stop --- */

static int start_args(const struct mr_scope_plan *plan, pid_t keeper, struct mr_strv *args)
{
	int r = mr_strv_add(args, "--slice");

	if (r == 0)
		r = mr_strv_add(args, plan->slice);
	if (r == 0)
		r = mr_strv_add(args, "--pid");
	if (r == 0)
		r = mr_strv_addf(args, "%d", (int)keeper);
	for (size_t i = 0; r == 0 && i < plan->properties.n; i++)
		r = mr_strv_addf(args, "--property=%s", plan->properties.items[i]);
	for (size_t i = 0; r == 0 && i < plan->annotations.n; i++)
		r = mr_strv_addf(args, "--annotation=%s", plan->annotations.items[i]);
	return r;
}

static int check_place(const struct mr_scope_plan *plan, const char *place, struct mr_error *err)
{
	if (mr_streq(place, plan->path))
		return 0;
	return mr_fail_text(err, EIO, "systemd has put the unit %s at the cgroup '%.200s', not at '%s'",
		plan->unit, place, plan->path);
}

int mr_scope_start(const struct mr_scope_plan *plan, const struct mr_host *host,
	pid_t *ret_keeper, struct mr_error *err)
{
	char place[MR_CGROUP_PATH_MAX];
	struct keeper keeper = {0, -1};
	struct mr_error ignored;
	auto_strv args = {0};

	int r = start_keeper(&keeper, err);
	if (r < 0)
		return r;
	autoclose int channel = keeper.channel;
	r = start_args(plan, keeper.pid, &args);
	if (r < 0)
		r = mr_fail(err, ENOMEM, "start the scope");
	else
		r = ask("start", plan->unit, plan->user, &args, place, sizeof(place), err);
	bool started = r == 0;
	if (r == 0)
		r = check_place(plan, place, err);
	if (r == 0)
		r = move_keeper(plan, host, keeper.pid, err);
	if (r == 0 && (r = mr_write_all(channel, plan->stays ? "s" : "d", 1)) < 0)
		mr_fail(err, -r, "the scope's keeper has ended");
	if (r < 0) {
		end_keeper(&keeper);
		if (started)
			ask("stop", plan->unit, plan->user, NULL, NULL, 0, &ignored);
		return r;
	}
	*ret_keeper = keeper.pid;
	return 0;
}

int mr_scope_unit(const char *path, char ret[static MR_UNIT_MAX], struct mr_error *err)
{
	size_t end = (size_t)(mr_path_base(path) - path);
	size_t begin = end > 1 ? end - 1 : 0;

	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	if (begin == 0 || end - 1 - begin >= MR_UNIT_MAX)
		return mr_fail_text(err, EINVAL, "cgroup '%.200s': not in a scope", path);
	snprintf(ret, MR_UNIT_MAX, "%.*s", (int)(end - 1 - begin), path + begin);
	return 0;
}

int mr_scope_attach(const char *path, pid_t pid, struct mr_error *err)
{
	char unit[MR_UNIT_MAX];
	auto_strv args = {0};
	int r = mr_scope_unit(path, unit, err);

	if (r < 0)
		return r;
	if (mr_strv_add(&args, "--pid") < 0 || mr_strv_addf(&args, "%d", (int)pid) < 0 ||
		mr_strv_add(&args, "--cgroup") < 0 ||
		mr_strv_addf(&args, "/%s", mr_path_base(path)) < 0)
		return mr_fail(err, ENOMEM, "join the scope");
	return ask("attach", unit, true, &args, NULL, 0, err);
}

int mr_scope_update(const char *path, bool user, const struct mr_strv *properties,
	struct mr_error *err)
{
	char unit[MR_UNIT_MAX];
	auto_strv args = {0};
	int r = mr_scope_unit(path, unit, err);

	for (size_t i = 0; r == 0 && i < properties->n; i++)
		if (mr_strv_addf(&args, "--property=%s", properties->items[i]) < 0)
			r = mr_fail(err, ENOMEM, "change the scope");
	if (r < 0 || properties->n == 0)
		return r;
	return ask("update", unit, user, &args, NULL, 0, err);
}

/* systemd, should it run, removes an empty scope's cgroup itself. It must: of one that is gone
 * when it looks, it never learns that it was empty. */
static void await_systemd(const struct mr_cgroup *cg)
{
	const int64_t deadline = mr_now_mono_ns() + AWAIT_MS * INT64_C(1000000);
	char full[MR_CGROUP_FULL_MAX];
	const int h = cg->host->unified;

	if (h < 0 || access("/run/systemd/system", F_OK) < 0)
		return;
	mr_cgroup_full(cg->host, h, cg->path, full);
	while (access(full, F_OK) == 0 && mr_now_mono_ns() < deadline)
		mr_poll_until(-1, 0, deadline, 10);
}

/* What a scope that nobody can stop is: a cgroup that goes when it is empty. systemd forgets
 * the unit then. */
static int remove_cgroup(const struct mr_host *host, const char *path)
{
	struct mr_error ignored;
	struct mr_cgroup cg;
	char scope[MR_CGROUP_PATH_MAX];

	snprintf(scope, sizeof(scope), "%.*s", (int)(mr_path_base(path) - path - 1), path);
	int r = mr_cgroup_open(host, scope, &cg, &ignored);
	if (r > 0)
		r = mr_cgroup_kill(&cg, 5000, &ignored);
	if (r == 0) {
		await_systemd(&cg);
		r = mr_cgroup_remove(&cg, &ignored);
	}
	mr_cgroup_close(&cg);
	return r;
}

int mr_scope_stop(
	const struct mr_host *host, const char *path, bool user, struct mr_error *err)
{
	char unit[MR_UNIT_MAX];
	int r = mr_scope_unit(path, unit, err);

	if (r == 0)
		r = ask("stop", unit, user, NULL, NULL, 0, err);
	return r == 0 || remove_cgroup(host, path) == 0 ? 0 : r;
}
