/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record for users: a document shaped like docker's inspect, see status.h and
 * minirun-status(5).
 *
 * State has docker's keys and no other; what docker cannot say stands in objects of our
 * own (Memory, OOM, Exit). What is not known is null or absent, never 0. Requested and
 * accepted limits stand side by side: the kernel rounds to pages, and an ancestor's limit
 * can be lower.
 */
#include "record/status_parts.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* --- helpers --- */

static void put_time(struct mr_json_writer *w, const char *key, struct timespec t)
{
	char buf[40];
	mr_json_put_text(
		w, key, t.tv_sec ? mr_format_time(t, buf) : "0001-01-01T00:00:00Z");
}

const char *mr_status_signal_name(int sig, char buf[static 24])
{
	const char *name = sigabbrev_np(sig);
	if (name)
		snprintf(buf, 24, "SIG%s", name);
	else if (sig >= MR_SIGRTMIN && sig <= MR_SIGRTMAX)
		snprintf(buf, 24, "SIGRTMIN+%d", sig - MR_SIGRTMIN);
	else
		snprintf(buf, 24, "SIG%d", sig);
	return buf;
}

static struct mr_uint larger(struct mr_uint a, struct mr_uint b)
{
	return !a.set || (b.set && b.value > a.value) ? b : a;
}

struct mr_uint mr_status_peak_anon(const struct mr_record *r)
{
	struct mr_uint peak = r->peak_anon;
	if (r->usage)
		peak = larger(peak, r->usage->anon);
	/* The last reading before a kill is the kernel's own. */
	for (size_t i = 0; r->verdict && i < r->verdict->n_victims; i++)
		peak = larger(peak, r->verdict->victims[i].kill.anon_rss);
	return peak;
}

struct mr_uint mr_status_peak_kernel(const struct mr_record *r)
{
	return r->usage && r->usage->kernel_peak.set ? r->usage->kernel_peak
						     : r->peak_kernel;
}

/* --- State --- */

static void put_oom_killed(struct mr_json_writer *w, const struct mr_record *r)
{
	if (!mr_status_has_memory(r))
		return;
	if (r->verdict && !r->verdict->known)
		mr_json_put_null(w, "OOMKilled");
	else
		mr_json_put_bool(w, "OOMKilled", r->verdict && r->verdict->kills > 0);
}

static bool has_failed(const struct mr_record *r)
{
	return r->error && *r->error;
}

static void put_state(struct mr_json_writer *w, const struct mr_record *r)
{
	bool paused = mr_streq(r->status, "paused");
	bool ended = r->has_exit || has_failed(r);
	mr_json_begin_object(w, "State");
	mr_json_put_text(w, "Status", r->status);
	mr_json_put_bool(w, "Running", paused || mr_streq(r->status, "running"));
	mr_json_put_bool(w, "Paused", paused);
	mr_json_put_bool(w, "Restarting", false);
	put_oom_killed(w, r);
	mr_json_put_bool(w, "Dead", mr_streq(r->status, "dead"));
	mr_json_put_int(w, "Pid", r->pid);
	if (!ended && mr_streq(r->status, "exited"))
		mr_json_put_null(w, "ExitCode"); /* nobody could tell */
	else
		mr_json_put_int(w, "ExitCode", ended ? r->exit_code & 0xff : 0);
	mr_json_put_text(w, "Error", r->error ? r->error : "");
	put_time(w, "StartedAt", r->started);
	put_time(w, "FinishedAt", r->finished);
	mr_json_end(w);
}

/* --- Memory --- */

/* As the spec asks; -1 asks for no limit. */
static struct mr_uint requested(const struct mr_int *v)
{
	return (struct mr_uint){
		.set = v->set && v->value >= 0, .value = (uint64_t)v->value};
}

static void put_requests(struct mr_json_writer *w, const struct mr_spec *spec)
{
	static const struct mr_memory none;
	const struct mr_resources *res =
		spec && spec->linux_ ? spec->linux_->resources : NULL;
	const struct mr_memory *m = res && res->memory ? res->memory : &none;
	mr_json_put_known_uint(w, "RequestedLimitBytes", requested(&m->limit));
	mr_json_put_known_uint(w, "RequestedSwapBytes", requested(&m->swap));
}

static void put_stat(struct mr_json_writer *w, const struct mr_cgroup_usage *u)
{
	if (u->n_stat == 0) {
		mr_json_put_null(w, "Stat");
		return;
	}
	mr_json_begin_object(w, "Stat");
	for (size_t i = 0; i < u->n_stat; i++)
		mr_json_put_uint(w, u->stat[i].name, u->stat[i].value);
	mr_json_end(w);
}

static void put_pressure(struct mr_json_writer *w, const struct mr_cgroup_usage *u)
{
	if (!u->psi_some_usec.set && !u->psi_full_usec.set) {
		mr_json_put_null(w, "Pressure");
		return;
	}
	mr_json_begin_object(w, "Pressure");
	mr_json_put_known_uint(w, "SomeTotalUsec", u->psi_some_usec);
	mr_json_put_known_uint(w, "FullTotalUsec", u->psi_full_usec);
	mr_json_end(w);
}

/* With memory+swap no higher than memory, that is the limit that refuses (v1). Its refusals
 * are not counted by every kernel (kernel 6.18: always 0): 0 beside a peak at the limit is no
 * knowledge. */
static struct mr_uint failcnt(
	const struct mr_cgroup_limits *l, const struct mr_cgroup_usage *u)
{
	bool memsw = l->memory_version == 1 && l->memory_swap.set && l->memory.set &&
		     l->memory_swap.value <= l->memory.value && u->memsw_failcnt.set;
	if (!memsw)
		return u->failcnt;
	bool counted = u->memsw_failcnt.value > 0 || !u->memory_peak.set ||
		       u->memory_peak.value < l->memory_swap.value;
	return counted ? u->memsw_failcnt : (struct mr_uint){0};
}

static struct mr_uint max_rss(const struct mr_record *r)
{
	struct mr_uint v = {.set = r->has_rusage && r->rusage.ru_maxrss > 0};
	v.value = v.set ? (uint64_t)r->rusage.ru_maxrss * 1024 : 0;
	return v;
}

static void put_memory(struct mr_json_writer *w, const struct mr_record *r)
{
	static const struct mr_cgroup_limits no_limits;
	static const struct mr_cgroup_usage no_usage;
	const struct mr_cgroup_limits *l = r->limits ? r->limits : &no_limits;
	const struct mr_cgroup_usage *u = r->usage ? r->usage : &no_usage;

	mr_json_begin_object(w, "Memory");
	mr_json_put_known_uint(w, "LimitBytes", l->memory);
	mr_json_put_known_uint(w, "SwapLimitBytes", l->memory_swap);
	put_requests(w, r->spec);
	mr_json_put_known_uint(w, "EffectiveLimitBytes", l->effective_memory);
	mr_json_put_name(w, "EffectiveLimitCgroup", l->effective_cgroup);
	mr_json_put_known_uint(w, "PeakBytes", u->memory_peak);
	mr_json_put_known_uint(w, "PeakAnonBytes", mr_status_peak_anon(r));
	mr_json_put_known_uint(w, "PeakKernelBytes", mr_status_peak_kernel(r));
	mr_json_put_known_uint(w, "MaxRssBytes", max_rss(r));
	mr_json_put_known_uint(w, "Failcnt", failcnt(l, u));
	mr_json_put_known_uint(
		w, "SwapPeakBytes", u->swap_peak.set ? u->swap_peak : r->peak_swap);
	put_stat(w, u);
	put_pressure(w, u);
	if (l->memory_version)
		mr_json_put_int(w, "CgroupVersion", l->memory_version);
	else
		mr_json_put_null(w, "CgroupVersion");
	mr_json_end(w);
}

/* --- Exit --- */

static uint64_t usec(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void put_cpu(struct mr_json_writer *w, const struct mr_record *r)
{
	struct mr_uint user = {0}, system = {0};
	if (r->has_rusage) {
		user = (struct mr_uint){.set = true, .value = usec(r->rusage.ru_utime)};
		system = (struct mr_uint){.set = true, .value = usec(r->rusage.ru_stime)};
	}
	/* The whole tree, where somebody counts it. */
	if (r->usage && r->usage->cpu_user_usec.set && r->usage->cpu_system_usec.set) {
		user = r->usage->cpu_user_usec;
		system = r->usage->cpu_system_usec;
	}
	mr_json_put_known_uint(w, "UserUsec", user);
	mr_json_put_known_uint(w, "SystemUsec", system);
}

static void put_exit(struct mr_json_writer *w, const struct mr_record *r)
{
	char buf[24];
	if (!r->has_exit && !has_failed(r)) {
		mr_json_put_null(w, "Exit");
		return;
	}
	bool by_code = r->has_exit && !r->ours && WIFEXITED(r->wait_status);
	bool by_signal = r->has_exit && WIFSIGNALED(r->wait_status);
	mr_json_begin_object(w, "Exit");
	mr_json_put_known_int(w, "Code",
		(struct mr_int){.set = by_code, .value = WEXITSTATUS(r->wait_status)});
	mr_json_put_text(w, "Signal",
		by_signal ? mr_status_signal_name(WTERMSIG(r->wait_status), buf) : NULL);
	mr_json_put_bool(w, "CoreDumped", by_signal && WCOREDUMP(r->wait_status));
	mr_json_put_bool(w, "TimedOut", r->timed_out);
	put_cpu(w, r);
	mr_json_put_known_int(w, "WallUsec",
		(struct mr_int){.set = r->wall_usec >= 0 && r->has_exit, .value = r->wall_usec});
	mr_json_end(w);
}

/* --- the whole --- */

static void put_command(struct mr_json_writer *w, const struct mr_spec *spec)
{
	static const struct mr_list none;
	const struct mr_list *args = spec && spec->process ? &spec->process->args : &none;
	mr_json_put_text(w, "Path", args->n ? args->items[0] : "");
	mr_json_begin_array(w, "Args");
	for (size_t i = 1; i < args->n; i++)
		mr_json_put_text(w, NULL, args->items[i]);
	mr_json_end(w);
}

/* Without samples there is no word on leak or limit. */
static void put_shape(struct mr_json_writer *w, const struct mr_shape *shape)
{
	if (!shape)
		return;
	mr_json_begin_object(w, "Verdict");
	mr_json_put_text(w, "Kind", shape->kind);
	mr_json_put_text(w, "Reason", shape->reason);
	mr_json_end(w);
}

static void put_warnings(struct mr_json_writer *w, const struct mr_record *r)
{
	mr_json_begin_array(w, "Warnings");
	for (size_t i = 0; r->warnings && i < r->warnings->n; i++)
		mr_json_put_text(w, NULL, r->warnings->items[i]);
	if (r->output_loss)
		mr_json_put_text(w, NULL, r->output_loss);
	mr_json_end(w);
}

int mr_status_format(const struct mr_record *r, char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = {.pretty = true};
	char name[300];

	snprintf(name, sizeof(name), "/%s", r->id);
	mr_json_begin_object(&w, NULL);
	mr_json_put_int(&w, "schemaVersion", 1);
	mr_json_put_text(&w, "Id", r->full_id);
	mr_json_put_text(&w, "Name", name);
	put_time(&w, "Created", r->created);
	put_command(&w, r->spec);
	put_state(&w, r);
	put_memory(&w, r);
	mr_status_put_oom(&w, r);
	put_exit(&w, r);
	put_shape(&w, r->shape);
	mr_json_put_text(&w, "Timeline", r->timeline);
	put_warnings(&w, r);
	mr_status_put_host_config(&w, r);
	mr_status_put_config(&w, r);
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	*ret_json = mr_str_take(&w.out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "status document of '%s'", r->id);
}
