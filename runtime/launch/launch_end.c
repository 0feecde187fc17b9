/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first instruction of the program to the last trace of the container: records at
 * every transition, hooks, the verdict, the removal. The order at the end is the promise:
 * counters after the last process is gone, the record on disk before the evidence goes.
 */
#include "launch/launch_state.h"

#include "base/io.h"
#include "launch/low_limit.h"
#include "launch/oci_state.h"
#include "launch/updated.h"
#include "sandbox/hooks.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- records --- */

static int format_record(const struct mr_launch *l, char **ret_json, struct mr_error *err)
{
	int ret = mr_status_format(&l->record, ret_json, err);

	return ret < 0 ? ret : mr_updated_apply(&l->state, &l->limits, ret_json, err);
}

int mr_launch_write_record(struct mr_launch *l, const char *status, struct mr_error *err)
{
	autofree char *json = NULL;

	l->record.status = status;
	if (status != l->live.status)
		snprintf(l->live.status, sizeof(l->live.status), "%s", status);
	/* The users' record first: whoever finds that the other says "running" and nobody
	 * runs completes this one, unless it tells of the end already. */
	int ret = format_record(l, &json, err);
	if (ret == 0)
		ret = mr_state_write_status(&l->state, json, err);
	return ret == 0 ? mr_state_write_live(&l->state, &l->live, err) : ret;
}

static int write_status_copy(struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->status_path;
	autofree char *json = NULL;

	if (!path[0])
		return 0;
	/* Beside it, so that the two can be moved together. */
	const char *timeline = l->record.timeline;
	size_t dir = (size_t)(mr_path_base(path) - path);
	if (timeline && strncmp(path, timeline, dir) == 0 && !strchr(timeline + dir, '/'))
		l->record.timeline += dir;
	int ret = format_record(l, &json, err);
	l->record.timeline = timeline;
	if (ret < 0)
		return ret;
	if (strcmp(path, "-") == 0)
		ret = mr_write_all(STDOUT_FILENO, json, strlen(json));
	else
		ret = mr_write_atomic_at(AT_FDCWD, path, json, strlen(json), 0644);
	return ret < 0 ? mr_fail(err, -ret, "cannot write the status file '%s'", path) : 0;
}

/* --- while it runs --- */

static int run_hooks(struct mr_launch *l, enum mr_hook_kind kind, const char *status,
	struct mr_error *err)
{
	autofree char *state = NULL;

	if (l->plan->spec->hooks[kind].n == 0)
		return 0;
	int ret = mr_oci_state_of_plan(l->plan, status,
		strcmp(status, "stopped") ? l->monitor.pid : 0, &state, err);
	return ret < 0 ? ret
		       : mr_hooks_run(&l->plan->spec->hooks[kind], kind, state, err);
}

/* Only for a start that hooks make long: otherwise "running" replaces it within a
 * millisecond. */
static int write_created(struct mr_launch *l, struct mr_error *err)
{
	autofree char *json = NULL;

	l->record.status = "created";
	int ret = mr_status_format(&l->record, &json, err);
	return ret == 0 ? mr_state_write_status(&l->state, json, err) : ret;
}

static int on_barrier(void *arg, enum mr_barrier b, struct mr_error *err)
{
	struct mr_launch *l = arg;

	if (b == MR_BARRIER_MAPS)
		return mr_ns_write_maps(&l->plan->ns, l->monitor.pid, err);
	int ret = write_created(l, err);
	if (ret == 0)
		ret = run_hooks(l, MR_HOOK_PRESTART, "creating", err);
	return ret < 0 ? ret : run_hooks(l, MR_HOOK_CREATE_RUNTIME, "creating", err);
}

static int on_listener(void *arg, int fd, struct mr_error *err)
{
	struct mr_launch *l = arg;
	autofree char *state = NULL;
	int ret = mr_oci_state_of_plan(l->plan, "creating", l->monitor.pid, &state, err);

	return ret < 0 ? ret : mr_seccomp_send_listener(&l->plan->seccomp, fd, state, err);
}

int mr_launch_write_pid_file(const struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->options.pid_file;
	char text[16];

	if (!path)
		return 0;
	int n = snprintf(text, sizeof(text), "%d", (int)l->monitor.pid);
	int ret = mr_write_atomic_at(AT_FDCWD, path, text, (size_t)n, 0644);
	return ret < 0 ? mr_fail(err, -ret, "cannot write the pid file '%s'", path) : 0;
}

int mr_launch_send_pidfd(const struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->options.pidfd_socket;

	if (!path)
		return 0;
	autoclose int sock = mr_socket_connect(path, "--pidfd-socket", err);
	if (sock < 0)
		return sock;
	int ret = mr_socket_send(sock, "pidfd", 5, l->monitor.pidfd);
	return ret < 0 ? mr_fail(err, -ret, "--pidfd-socket: send to '%s'", path) : 0;
}

/* The one who waits for a detached start hears that it is done. */
static void tell_ready(struct mr_launch *l)
{
	struct mr_error none = { 0 };

	if (l->ready_fd < 0)
		return;
	(void)mr_write_all(l->ready_fd, &none, sizeof(none));
	/* The caller's stdio and directory are not ours to keep in use. Nor the pipe; but its
	 * number must stay: a later failure is written to it. */
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (null < 0 || dup3(null, l->ready_fd, O_CLOEXEC) < 0)
		close(l->ready_fd);
	l->ready_fd = -1;
	if (chdir("/") < 0)
		return; /* then it stays in use; nothing else depends on it */
}

/* A further process: it has no record of its own, and detached we are done. */
static int on_exec_started(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_launch_send_pidfd(l, err);

	if (ret == 0)
		ret = mr_launch_write_pid_file(l, err);
	if (ret == 0 && (ret = mr_state_add_exec(l->plan->exec_state, l->monitor.pid)) < 0)
		mr_fail(err, -ret, "note the process in the state of '%s'", l->plan->id);
	l->monitor.created = ret == 0 && l->plan->options.detach;
	return ret;
}

static int on_started(void *arg, struct mr_error *err)
{
	struct mr_launch *l = arg;

	if (l->plan->exec)
		return on_exec_started(l, err);
	l->record.started = mr_now_real();
	l->record.pid = l->monitor.pid;
	int ret = mr_process_id_read(l->monitor.pidfd, l->monitor.pid, &l->live.init, err);
	if (ret == 0)
		ret = mr_launch_write_record(l, "running", err);
	mr_state_unlock(&l->state);
	if (ret == 0)
		ret = mr_launch_write_pid_file(l, err);
	if (ret == 0)
		ret = run_hooks(l, MR_HOOK_POSTSTART, "running", err);
	if (ret == 0)
		tell_ready(l);
	return ret;
}

/* The program's pid in its own pid namespace: 1, or the first child of the minimal init. */
static pid_t container_pid(const struct mr_launch *l)
{
	if (!l->plan->ns.create[MR_NS_PID])
		return 0;
	return l->plan->options.init ? 2 : 1;
}

bool mr_launch_refresh(struct mr_launch *l)
{
	struct mr_error ignored;
	struct mr_live now;

	if (mr_state_read_live(&l->state, &now, &ignored) < 0)
		return false;
	mr_updated_refresh(&l->state, &l->cgroup, &l->limits);
	memcpy(l->live.status, now.status, sizeof(now.status));
	memcpy(l->live.started, now.started, sizeof(now.started));
	if (l->live.engine)
		l->record.started = mr_parse_time(now.started);
	mr_live_clear(&now);
	return true;
}

/* Who of the victims was a process of `exec`? Unknown is none. */
static void read_execs(struct mr_launch *l)
{
	free(l->record.execs);
	ssize_t n = mr_state_read_execs(&l->state, &l->record.execs);
	l->record.n_execs = n > 0 ? (size_t)n : 0;
}

/* While it runs the record tells a kill at once: who, if the log has it by now; and that it
 * hangs, which no exit will ever tell. */
static void on_oom(void *arg, bool hangs)
{
	struct mr_launch *l = arg;
	const struct mr_run_options *o = &l->plan->options;
	struct mr_error ignored;
	const struct mr_verdict_input in = {
		.init_pid = l->monitor.program,
		.init_container_pid = container_pid(l),
		.init_status = -1,
		.started = true,
	};

	if (hangs && o->message)
		o->message(o->message_arg, MR_MESSAGE_NOTE,
			"the memory limit is reached and the OOM killer disabled: "
			"the container stands still until memory is freed or it is killed");
	if (!l->monitor.started || mr_state_lock(&l->state, 1000, &ignored) < 0)
		return; /* the record at the end will tell */
	mr_verdict_clear(&l->verdict);
	if (mr_verdict_take(&l->watch, &in, &l->verdict, &ignored) == 0) {
		l->record.verdict = &l->verdict;
		read_execs(l);
		if (mr_launch_refresh(l))
			mr_launch_write_record(l, l->live.status, &ignored);
	}
	mr_state_unlock(&l->state);
}

struct mr_monitor_events mr_launch_events(struct mr_launch *l)
{
	return (struct mr_monitor_events){
		.arg = l,
		.barrier = on_barrier,
		.started = on_started,
		.listener = on_listener,
		.oom = on_oom,
	};
}

/* --- the end --- */

int mr_launch_take_verdict(struct mr_launch *l, bool figures, struct mr_error *err)
{
	const struct mr_monitor *m = &l->monitor;
	int usage = figures ? mr_cgroup_read_usage(&l->cgroup, &l->usage, err) : -ENODATA;
	const struct mr_uint *most = &l->usage.pids_peak;
	struct mr_verdict_input in = {
		.init_pid = m->program ? m->program : m->pid,
		.init_container_pid = container_pid(l),
		.init_status = l->live.engine && !m->has_status ? -1 : m->status,
		.init_end_ns = m->ended_mono_ns,
		.init_alone = usage == 0 && most->set && most->value == 1,
		.we_killed_init = m->we_killed,
		.started = m->started,
	};
	mr_updated_refresh(&l->state, &l->cgroup, &l->limits);
	mr_verdict_clear(&l->verdict);
	int ret = mr_verdict_take(&l->watch, &in, &l->verdict, err);

	/* None at all would read as "not killed". */
	l->record.verdict = &l->verdict;
	if (l->verdict.kills > 0)
		read_execs(l);
	if (ret < 0) {
		l->verdict = (struct mr_verdict){ .version = l->watch.version };
		snprintf(l->verdict.why, sizeof(l->verdict.why), "%.159s", err->message);
		return ret;
	}
	if (!figures)
		return l->verdict.kills > 0 ? mr_launch_take_verdict(l, true, err) : 0;
	if (usage == 0)
		l->record.usage = &l->usage;
	return usage;
}

void mr_launch_fill_end(struct mr_launch *l)
{
	struct mr_record *r = &l->record;
	const struct mr_monitor *m = &l->monitor;

	r->status = "exited";
	r->finished = mr_now_real();
	r->pid = 0;
	r->has_exit = true;
	r->wait_status = m->status;
	r->exit_code = WIFSIGNALED(m->status) ? 128 + WTERMSIG(m->status)
					      : WEXITSTATUS(m->status);
	r->timed_out = m->timed_out;
	r->wall_usec = (m->ended_mono_ns - m->started_mono_ns) / 1000;
	r->has_rusage = true;
	r->rusage = m->rusage;
	r->peak_anon = m->sampler.peak_anon;
	r->peak_kernel = m->sampler.peak_kernel;
	r->peak_swap = m->sampler.peak_swap;
	l->live.init.pid = 0;
	l->live.exit_code = r->exit_code;
	l->live.exit_signal = WIFSIGNALED(m->status) ? WTERMSIG(m->status) : 0;
}

/* Give the cgroup back; kill what still is in it (no pid namespace, or a failed start). There
 * is nobody to do it later, so what fails is tried once more. */
static int drop_cgroup(struct mr_launch *l, bool kill, struct mr_error *err)
{
	int ret = 0;

	for (int tries = 0; tries < 2 && l->has_cgroup; tries++) {
		ret = kill || tries ? mr_cgroup_kill(&l->cgroup, 5000, err) : 0;
		if (ret == 0)
			ret = mr_cgroup_remove(&l->cgroup, err);
		l->has_cgroup = ret < 0;
	}
	return ret;
}

/* Too late to fail: each runs, and what fails is a warning. */
static void run_poststop(const struct mr_launch *l)
{
	const struct mr_run_options *o = &l->plan->options;
	const struct mr_hook_list *hooks = &l->plan->spec->hooks[MR_HOOK_POSTSTOP];
	auto_strv failures = { 0 };
	autofree char *state = NULL;
	struct mr_error err = { 0 };

	if (hooks->n == 0)
		return;
	if (mr_oci_state_of_plan(l->plan, "stopped", 0, &state, &err) < 0)
		(void)mr_strv_add(&failures, err.message);
	else
		mr_hooks_run_all(hooks, MR_HOOK_POSTSTOP, state, &failures);
	for (size_t i = 0; i < failures.n && o->message; i++)
		o->message(o->message_arg, MR_MESSAGE_WARNING, failures.items[i]);
}

/* @forget: it would be removed at once (--rm); the copy that --status asks for is not. */
static int write_end(struct mr_launch *l, bool forget, struct mr_error *err)
{
	int ret = mr_state_lock(&l->state, 5000, err);

	if (ret == 0 && !forget)
		ret = mr_launch_write_record(l, "exited", err);
	return ret == 0 ? write_status_copy(l, err) : ret;
}

static int hand_out_record(const struct mr_launch *l, struct mr_result *ret, struct mr_error *err)
{
	const struct mr_run_options *o = &l->plan->options;

	return o->want_record && !o->detach ? format_record(l, &ret->record, err) : 0;
}

/* Of several failures the first is told. */
static int first_of(int ret, int later, struct mr_error *err, const struct mr_error *later_err)
{
	if (ret < 0 || later >= 0)
		return ret;
	*err = *later_err;
	return later;
}

int mr_launch_oom_killed(const struct mr_launch *l)
{
	return l->verdict.known ? l->verdict.kills > 0 : -1;
}

/* Every part is done, whatever became of those before: nobody comes after us. */
int mr_launch_finish(struct mr_launch *l, struct mr_result *ret_result, struct mr_error *err)
{
	struct mr_error later = { 0 };
	auto_str summary = { 0 };
	const struct mr_run_options *o = &l->plan->options;
	bool forget = o->remove;
	int ret = 0, r = 0;

	if (!l->plan->ns.create[MR_NS_PID])
		ret = mr_cgroup_kill(&l->cgroup, 5000, err);
	r = mr_launch_take_verdict(
		l, !forget || o->want_record || l->plan->status_path[0], &later);
	ret = first_of(ret, r, err, &later);
	mr_launch_fill_end(l);
	r = mr_launch_finish_timeline(l, &later);
	ret = first_of(ret, r, err, &later);
	mr_logs_finish(&l->monitor.logs);
	r = write_end(l, forget, &later);
	ret = first_of(ret, r, err, &later);
	mr_state_await_watchers(&l->state);
	r = o->keep ? 0 : drop_cgroup(l, false, &later);
	ret = first_of(ret, r, err, &later);
	if (forget && l->has_cgroup && !o->keep) {
		forget = false; /* what is left of the cgroup is found again by the state only */
		(void)write_end(l, false, &later);
	}
	r = hand_out_record(l, ret_result, &later);
	ret = first_of(ret, r, err, &later);
	run_poststop(l);
	mr_status_summary(&l->record, &summary);
	snprintf(ret_result->summary, sizeof(ret_result->summary), "%s", mr_str_text(&summary));
	if (l->record.shape)
		snprintf(ret_result->shape, sizeof(ret_result->shape), "%s: %s", l->shape.kind,
			l->shape.reason);
	ret_result->exit_code =
		l->monitor.timed_out ? MR_EXIT_TIMEOUT : l->record.exit_code;
	ret_result->timed_out = l->monitor.timed_out;
	ret_result->oom_killed = mr_launch_oom_killed(l);
	if (forget) {
		r = mr_state_remove(&l->state, &later);
		ret = first_of(ret, r, err, &later);
	}
	return ret;
}

void mr_launch_end_exec(struct mr_launch *l, struct mr_result *ret)
{
	const int status = l->monitor.status;

	if (!l->plan->options.detach)
		ret->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The program never ran. Say so with the cause that only the parent can see: the kernel has
 * killed the set-up for its memory limit. */
static void explain_failure(struct mr_launch *l, struct mr_error *err)
{
	struct mr_error ignored;
	uint64_t kills = 0;

	if (l->has_watch && mr_oom_watch_kills(&l->watch, &kills, &ignored) == 0)
		mr_explain_low_limit(&l->limits, kills, err);
}

/* Who asked for a copy of the record gets one of a failed start as well: an OOM kill in the
 * set-up is told nowhere else. */
static void record_failure(struct mr_launch *l, const struct mr_error *err)
{
	const struct mr_run_options *o = &l->plan->options;
	struct mr_error later = { 0 };

	if (l->has_watch)
		mr_launch_take_verdict(l, true, &later);
	l->record.status = "created";
	l->record.timeline = NULL;
	l->record.started = (struct timespec){ 0 }; /* it had seemed so, inside execve */
	l->record.pid = 0;
	l->record.error = err->message;
	l->record.exit_code = err->exit_code ? err->exit_code : MR_EXIT_FAILURE;
	if (write_status_copy(l, &later) < 0 && o->message)
		o->message(o->message_arg, MR_MESSAGE_WARNING, later.message);
}

void mr_launch_give_up(struct mr_launch *l, struct mr_error *err)
{
	struct mr_result result;
	struct mr_error cleanup_err = { 0 };

	/* The caller has heard that it runs: the record is where to hear the rest. */
	if (l->monitor.started && l->plan->options.detach && l->ready_fd < 0) {
		l->record.error = err->message;
		mr_launch_finish(l, &result, &cleanup_err);
		return;
	}
	if (!l->monitor.started) {
		explain_failure(l, err);
		record_failure(l, err);
		if (l->has_timeline)
			unlink(l->timeline.path);
	}
	int removed = drop_cgroup(l, l->monitor.pid > 0, &cleanup_err);
	if (l->monitor.pid > 0)
		run_poststop(l); /* as runtime-spec's life cycle has it for a failed start */
	if (removed == 0 && l->has_state &&
		mr_state_lock(&l->state, 1000, &cleanup_err) == 0)
		removed = mr_state_remove(&l->state, &cleanup_err);
	if (removed < 0 && l->plan->options.message)
		l->plan->options.message(l->plan->options.message_arg, MR_MESSAGE_WARNING,
			cleanup_err.message);
}
