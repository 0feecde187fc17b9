/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object OOM of the status document: the verdict, its victims and its evidence.
 *
 * The kernel's log counts microseconds since boot by a clock of its own, which is not
 * corrected by NTP: a time that falls out of the container's life is left out.
 */
#include "record/status_parts.h"

#include "base/io.h"
#include "oom/candidates.h"
#include "oom/cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- victims --- */

static int64_t to_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put_log_time(
	struct mr_json_writer *w, const struct mr_record *r, int64_t usec)
{
	char buf[40];
	const int64_t slack = 5000000;
	int64_t end = r->finished.tv_sec ? to_ns(r->finished) : to_ns(mr_now_real());
	int64_t t = to_ns(mr_now_real()) - mr_now_mono_ns() + usec * 1000;
	if (usec < 0 || t > end + slack || t < to_ns(r->created) - slack) {
		mr_json_put_null(w, "Time");
		return;
	}
	struct timespec at = {.tv_sec = t / 1000000000, .tv_nsec = t % 1000000000};
	mr_json_put_text(w, "Time", mr_format_time(at, buf));
}

static bool is_exec(const struct mr_record *r, const struct mr_victim *v)
{
	for (size_t i = 0; i < r->n_execs && !v->is_init; i++)
		if (r->execs[i] == v->kill.pid)
			return true;
	return false;
}

static const char *phase(const struct mr_record *r, const struct mr_verdict *v)
{
	size_t execs = 0;

	for (size_t i = 0; i < v->n_victims; i++)
		execs += is_exec(r, &v->victims[i]);
	if (v->kills == 0)
		return NULL;
	if (v->setup)
		return "setup";
	if (r->execs_lost)
		return NULL;
	return execs == v->kills ? "exec" : "run";
}

static void put_victim(
	struct mr_json_writer *w, const struct mr_record *r, const struct mr_victim *v)
{
	const struct mr_oom_kill *k = &v->kill;
	mr_json_begin_object(w, NULL);
	mr_json_put_pid(w, "Pid", v->container_pid);
	mr_json_put_int(w, "HostPid", k->pid);
	mr_json_put_text(w, "Comm", k->comm);
	mr_json_put_bool(w, "IsInit", v->is_init);
	char exec[16] = "";
	if (is_exec(r, v))
		snprintf(exec, sizeof(exec), "%d", (int)k->pid);
	mr_json_put_name(w, "Exec", exec);
	mr_json_put_name(w, "Cgroup", k->task_memcg);
	put_log_time(w, r, k->time_usec);
	mr_json_put_known_uint(w, "LogSequence",
		(struct mr_uint){.set = k->sequence > 0, .value = k->sequence});
	mr_oom_kill_json(k, w);
	mr_json_end(w);
}

/* --- task table --- */

/* What oom_score_adj's thousandths are of, in pages: by the report that has the table. */
static struct mr_uint total_of_table(const struct mr_verdict *v, long page_size)
{
	uint64_t ram, swap;
	struct mr_uint total = {0}, host_swap = {0};
	host_swap.set = mr_host_memory(&ram, &swap) == 0;
	host_swap.value = host_swap.set ? swap : 0;
	for (size_t i = v->n_victims; i-- > 0 && !total.set;)
		total = mr_score_total_of_kill(&v->victims[i].kill, host_swap, page_size);
	return total;
}

static void put_points(struct mr_json_writer *w, const struct mr_oom_task *t,
	struct mr_uint total, long page_size)
{
	struct mr_score score;
	mr_score_task(t, total, page_size, &score);
	mr_json_put_known_int(w, "Points", mr_score_points(&score));
}

static void put_processes(struct mr_json_writer *w, const struct mr_verdict *v)
{
	const long page_size = sysconf(_SC_PAGESIZE);
	const struct mr_uint total =
		v->n_tasks ? total_of_table(v, page_size) : (struct mr_uint){0};

	mr_json_put_known_uint(w, "TotalPages", total);
	mr_json_begin_array(w, "Processes");
	for (size_t i = 0; i < v->n_tasks; i++) {
		const struct mr_oom_task *t = &v->tasks[i];
		mr_json_begin_object(w, NULL);
		mr_json_put_int(w, "HostPid", t->pid);
		mr_json_put_text(w, "Comm", t->comm);
		mr_json_put_known_uint(w, "RssBytes", t->rss);
		mr_json_put_known_uint(w, "PgtablesBytes", t->pgtables);
		mr_json_put_known_uint(w, "SwapBytes", t->swap);
		mr_json_put_known_int(w, "OomScoreAdj", t->oom_score_adj);
		put_points(w, t, total, page_size);
		mr_json_end(w);
	}
	mr_json_end(w);
}

/* --- evidence --- */

static void put_trigger(struct mr_json_writer *w, const struct mr_verdict *v)
{
	if (v->trigger_pid == 0 && !v->trigger_comm[0]) {
		mr_json_put_null(w, "Trigger");
		return;
	}
	mr_json_begin_object(w, "Trigger");
	mr_json_put_pid(w, "HostPid", v->trigger_pid);
	mr_json_put_name(w, "Comm", v->trigger_comm);
	mr_json_end(w);
}

static void put_evidence(struct mr_json_writer *w, const struct mr_verdict *v)
{
	mr_json_begin_array(w, "KernelLog");
	for (size_t i = 0; i < v->kernel_log.n; i++)
		mr_json_put_text(w, NULL, v->kernel_log.items[i]);
	mr_json_end(w);
	mr_json_put_text(w, "Source", v->source);
	if (v->incomplete)
		mr_json_put_bool(w, "Incomplete", true);
	mr_json_begin_array(w, "Evidence");
	if (v->by_counter)
		mr_json_put_text(w, NULL, "counter");
	if (v->by_ladder)
		mr_json_put_text(w, NULL, "ladder");
	if (v->by_kmsg)
		mr_json_put_text(w, NULL, "kmsg");
	mr_json_end(w);
	mr_json_put_bool(w, "Certain", v->certain);
}

static void put_hang_time(struct mr_json_writer *w, int64_t ns)
{
	char text[32];
	if (ns == 0)
		return;
	snprintf(text, sizeof(text), "%.3f", (double)ns / 1e9);
	mr_json_put_raw(w, "HangSeconds", text);
}

static void put_judgement(
	struct mr_json_writer *w, const struct mr_record *r, const struct mr_verdict *v)
{
	mr_json_put_known_uint(w, "Kills", (struct mr_uint){.set = v->known, .value = v->kills});
	if (v->why[0])
		mr_json_put_text(w, "Why", v->why);
	if (v->init_killed < 0)
		mr_json_put_null(w, "InitKilled");
	else
		mr_json_put_bool(w, "InitKilled", v->init_killed > 0);
	mr_json_put_bool(w, "GroupKill", v->group_kill);
	mr_json_put_uint(w, "Events", v->events);
	mr_json_put_text(w, "Scope", mr_oom_scope_name(v->scope));
	mr_json_put_name(w, "LimitCgroup", v->limit_cgroup);
	mr_json_put_known_uint(w, "LimitBytes", v->limit);
	mr_json_put_text(w, "LimitKind", v->limit_kind);
	mr_json_put_text(w, "Phase", phase(r, v));
	mr_json_put_bool(w, "Hanging", v->hanging);
	put_hang_time(w, v->hung_ns);
	if (r->cgroup && r->cgroup->emulate_oom_disable)
		mr_json_put_bool(w, "Approximate", true);
	if (v->bystander)
		mr_json_put_text(w, "Note", "bystander");
}

void mr_status_put_oom(struct mr_json_writer *w, const struct mr_record *r)
{
	/* Before a verdict is taken nobody was killed: whoever sees a kill takes one. */
	static const struct mr_verdict none = {.known = true};
	const struct mr_verdict *v = r->verdict ? r->verdict : &none;

	if (!mr_status_has_memory(r)) {
		mr_json_put_null(w, "OOM");
		return;
	}
	mr_json_begin_object(w, "OOM");
	put_judgement(w, r, v);
	put_trigger(w, v);
	mr_json_begin_array(w, "Victims");
	for (size_t i = 0; i < v->n_victims; i++)
		put_victim(w, r, &v->victims[i]);
	mr_json_end(w);
	mr_json_put_uint(w, "VictimsWithoutDetail", v->victims_without_detail);
	put_processes(w, v);
	put_evidence(w, v);
	if (r->history)
		mr_json_put_raw(w, "History", r->history);
	mr_json_end(w);
}
