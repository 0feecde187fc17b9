/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container: the verdict, the record, the removal. The order at the end is the promise:
 * counters after the last process is gone, the record on disk before the evidence goes.
 */
#include "launch/launch.h"
#include "launch/launch_state.h"

#include "base/io.h"
#include "launch/low_limit.h"
#include "launch/oci_state.h"
#include "launch/plan_error.h"
#include "launch/updated.h"
#include "oom/emulate.h"
#include "sandbox/hooks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int mr_launch_take_verdict(struct mr_launch *l, bool figures, struct mr_error *err)
{
	const struct mr_monitor *m = &l->monitor;
	struct mr_error stale;
	int fresh = mr_updated_refresh(&l->state, &l->cgroup, &l->limits, &stale);
	int usage = figures ? mr_cgroup_read_usage(&l->cgroup, &l->usage, err) : -ENODATA;
	const struct mr_uint *most = &l->usage.pids_peak;
	struct mr_verdict_input in = {
		.init_status = l->live.engine && !m->has_status ? -1 : m->status,
		.init_alone = usage == 0 && most->set && most->value == 1,
		.we_killed_init = m->we_killed,
		.started = m->started,
	};
	mr_launch_name_init(l, &in);
	mr_oom_emulate_end(&l->watch);
	mr_verdict_clear(&l->verdict);
	int ret = mr_verdict_take(&l->watch, &in, &l->verdict, err);

	/* None at all would read as "not killed". */
	l->record.verdict = &l->verdict;
	if (l->verdict.kills > 0)
		mr_launch_read_execs(l);
	if (ret < 0) {
		l->verdict = (struct mr_verdict){ .version = l->watch.version };
		snprintf(l->verdict.why, sizeof(l->verdict.why), "%.159s", err->message);
		return ret;
	}
	if (!figures)
		return l->verdict.kills > 0 ? mr_launch_take_verdict(l, true, err) : 0;
	if (usage < 0)
		return usage;
	l->record.usage = &l->usage;
	if (fresh < 0)
		*err = stale;
	return fresh;
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
	r->wall_usec = m->started_mono_ns ? (m->ended_mono_ns - m->started_mono_ns) / 1000 : -1;
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
	if (ret == 0 && l->has_resctrl) {
		ret = mr_resctrl_remove(&l->plan->resctrl, err);
		l->has_resctrl = ret < 0;
	}
	if (ret == 0 && l->has_scope) {
		ret = mr_scope_stop(&l->plan->host, l->plan->cgroup.path, l->plan->scope.user, err);
		l->has_scope = ret < 0;
		if (ret == 0)
			waitpid(l->keeper, NULL, 0); /* unless it was our launcher's child */
	}
	return ret;
}

/* Too late to fail: each runs, and what fails is a warning. */
static void run_poststop(const struct mr_launch *l)
{
	const struct mr_hook_list *hooks = &l->plan->spec->hooks[MR_HOOK_POSTSTOP];
	auto_strv failures = { 0 };
	autofree char *state = NULL;
	struct mr_error err = { 0 };

	if (hooks->n == 0)
		return;
	if (mr_oci_state_of_plan(l->plan, "stopped", 0, &state, &err) < 0)
		(void)mr_strv_add(&failures, err.message);
	else
		mr_hooks_run_all(
			hooks, MR_HOOK_POSTSTOP, l->plan->bundle, state, &failures);
	mr_plan_warn(l->plan, &failures);
}

/* @forget: it would be removed at once (--rm); the copy that --status asks for is not. */
static int write_end(struct mr_launch *l, bool forget, struct mr_error *err)
{
	int ret = mr_state_lock(&l->state, 5000, err);

	return ret == 0 ? mr_launch_write_end(l, forget, err) : ret;
}

static int hand_out_record(const struct mr_launch *l, struct mr_result *ret, struct mr_error *err)
{
	const struct mr_run_options *o = &l->plan->options;

	return o->want_record && !o->detach ? mr_launch_format_record(l, &ret->record, err) : 0;
}

/* Of several failures the first is told. */
static int first_of(int ret, int later, struct mr_error *err, const struct mr_error *later_err)
{
	if (ret < 0 || later >= 0)
		return ret;
	*err = *later_err;
	return later;
}

int mr_launch_warn_low_limit(struct mr_launch *l, struct mr_error *err)
{
	auto_strv texts = { 0 };

	if (mr_warn_low_limit(&l->verdict, l->record.wall_usec, &texts) < 0)
		return mr_fail(err, ENOMEM, "warning of a low memory limit");
	return mr_plan_add_warnings(l->plan, &texts, err);
}

int mr_launch_oom_killed(const struct mr_launch *l)
{
	return l->verdict.known ? l->verdict.kills > 0 : -1;
}

enum end_step { END_VERDICT, END_RECORD, END_CGROUPS, N_END_STEPS };

static const struct {
	const char *name, *manual;
	mr_describe_fn describe; /* may be NULL */
} end_steps[N_END_STEPS] = {
	[END_VERDICT] = { "verdict", "cgroups(7)", NULL },
	[END_RECORD] = { "record", "rename(2)", mr_launch_describe_record },
	[END_CGROUPS] = { "remove-cgroups", "cgroups(7)", mr_launch_describe_cgroup },
};

void mr_launch_describe_end(const struct mr_plan *plan, struct mr_str *out)
{
	for (int i = 0; i < N_END_STEPS; i++)
		mr_plan_describe_step(plan, end_steps[i].name, end_steps[i].manual,
			end_steps[i].describe, out);
}

/* @begin of this step, then of the next one */
static void trace(const struct mr_launch *l, enum end_step step, int64_t *begin)
{
	mr_plan_trace_step(l->plan, "parent", end_steps[step].name, end_steps[step].describe,
		mr_now_mono_ns() - *begin);
	*begin = mr_now_mono_ns();
}

/* Every part is done, whatever became of those before: nobody comes after us. */
int mr_launch_finish(struct mr_launch *l, struct mr_result *ret_result, struct mr_error *err)
{
	struct mr_error later = { 0 };
	auto_str summary = { 0 };
	const struct mr_run_options *o = &l->plan->options;
	bool forget = o->remove;
	int64_t begin = mr_now_mono_ns();
	int ret = 0, r = 0;

	if (!l->plan->ns.create[MR_NS_PID])
		ret = mr_cgroup_kill(&l->cgroup, 5000, err);
	r = mr_launch_take_verdict(
		l, !forget || o->want_record || l->plan->status_path[0], &later);
	ret = first_of(ret, r, err, &later);
	trace(l, END_VERDICT, &begin);
	mr_launch_fill_end(l);
	r = mr_launch_warn_low_limit(l, &later);
	ret = first_of(ret, r, err, &later);
	r = mr_launch_finish_timeline(l, &later);
	ret = first_of(ret, r, err, &later);
	mr_logs_finish(&l->monitor.logs);
	const bool watched = mr_state_is_watched(&l->state);
	r = write_end(l, forget && !watched, &later);
	ret = first_of(ret, r, err, &later);
	if (r < 0 && o->detach)
		forget = false; /* there it is told, and nowhere else */
	trace(l, END_RECORD, &begin);
	if (watched)
		mr_state_await_watchers(&l->state);
	r = o->keep ? 0 : drop_cgroup(l, false, &later);
	ret = first_of(ret, r, err, &later);
	trace(l, END_CGROUPS, &begin);
	if (forget && (l->has_cgroup || l->has_scope) && !o->keep) {
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
	const struct mr_resources *r = l->plan->spec->linux_->resources;
	uint64_t kills = 0;

	if (l->has_watch && mr_oom_watch_kills(&l->watch, &kills, &ignored) == 0)
		mr_explain_low_limit(
			&l->limits, r && r->memory ? r->memory->limit.value : 0, kills, err);
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
	if (mr_launch_write_status_copy(l, &later) < 0 && o->message)
		o->message(o->message_arg, MR_MESSAGE_WARNING, later.message);
}

void mr_launch_give_up(struct mr_launch *l, struct mr_error *err)
{
	struct mr_result result;
	struct mr_error cleanup_err = { 0 };

	/* Record, hooks, cgroups are of a container that goes on. */
	if (l->plan->exec)
		return;
	/* The caller has heard that it runs: the record is where to hear the rest. */
	if (l->monitor.started && l->plan->options.detach && l->ready_fd < 0) {
		l->record.error = err->message;
		mr_launch_finish(l, &result, &cleanup_err);
		return;
	}
	if (!l->monitor.started) {
		explain_failure(l, err);
		mr_plan_name_cause(l->plan, err);
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
