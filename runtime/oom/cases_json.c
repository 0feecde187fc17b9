/* SPDX-License-Identifier: Apache-2.0 */
/* Kills as JSON: see cases.h. */
#include "oom/cases_judge.h"

static void json_uint(struct mr_json_writer *w, const char *key, struct mr_uint v)
{
	if (v.set)
		mr_json_put_uint(w, key, v.value);
	else
		mr_json_put_null(w, key);
}

static void json_int(struct mr_json_writer *w, const char *key, struct mr_int v)
{
	if (v.set)
		mr_json_put_int(w, key, v.value);
	else
		mr_json_put_null(w, key);
}

static void json_name(struct mr_json_writer *w, const char *key, const char *name)
{
	mr_json_put_text(w, key, name[0] ? name : NULL);
}

static void json_pid(struct mr_json_writer *w, const char *key, pid_t pid)
{
	json_int(w, key, (struct mr_int){.set = pid > 0, .value = pid});
}

static void json_processes(
	const struct mr_oom_case *c, const struct mr_judged *j, struct mr_json_writer *w)
{
	mr_json_begin_array(w, "Processes");
	for (size_t i = 0; i < c->table.n; i++) {
		const struct mr_oom_task *t = &c->table.items[i];
		const struct mr_score *s = &j->scores[i];
		mr_json_begin_object(w, NULL);
		mr_json_put_int(w, "HostPid", t->pid);
		mr_json_put_text(w, "Comm", t->comm);
		json_uint(w, "Uid", t->uid);
		json_uint(w, "RssBytes", t->rss);
		json_uint(w, "RssAnonBytes", t->rss_anon);
		json_uint(w, "RssFileBytes", t->rss_file);
		json_uint(w, "RssShmemBytes", t->rss_shmem);
		json_uint(w, "PgtablesBytes", t->pgtables);
		json_uint(w, "SwapBytes", t->swap);
		json_int(w, "OomScoreAdj", t->oom_score_adj);
		mr_json_put_bool(w, "Exempt", s->exempt);
		json_int(w, "Points",
			(struct mr_int){.set = mr_score_counts(s), .value = s->points});
		mr_json_end(w);
	}
	mr_json_end(w);
}

static void json_choice(
	const struct mr_oom_case *c, const struct mr_judged *j, struct mr_json_writer *w)
{
	static const char *const names[] = {
		[MR_CHOICE_UNKNOWN] = NULL,
		[MR_CHOICE_AGREES] = "agrees",
		[MR_CHOICE_CLOSE] = "too-close",
		[MR_CHOICE_DIFFERS] = "differs",
	};
	const struct mr_prediction *p = &j->prediction;
	const bool known = p->first < c->table.n;
	mr_json_begin_object(w, "Choice");
	json_pid(w, "HostPid", j->chosen);
	json_pid(w, "Predicted", known ? c->table.items[p->first].pid : 0);
	json_int(w, "Lead",
		(struct mr_int){
			.set = known && p->second < c->table.n, .value = p->lead});
	mr_json_put_text(w, "Formula", names[p->choice]);
	mr_json_end(w);
}

static void json_victim(const struct mr_oom_case *c, struct mr_json_writer *w)
{
	const struct mr_oom_kill *k = &c->kill;
	mr_json_begin_object(w, "Victim");
	mr_json_put_int(w, "HostPid", k->pid);
	mr_json_put_text(w, "Comm", k->comm);
	json_name(w, "Cgroup", k->task_memcg);
	json_uint(w, "Uid", k->uid);
	json_uint(w, "TotalVmBytes", k->total_vm);
	json_uint(w, "AnonRssBytes", k->anon_rss);
	json_uint(w, "FileRssBytes", k->file_rss);
	json_uint(w, "ShmemRssBytes", k->shmem_rss);
	json_uint(w, "PgtablesBytes", k->pgtables);
	json_int(w, "OomScoreAdj", k->oom_score_adj);
	mr_json_end(w);
}

static void json_report(const struct mr_oom_case *c, const struct mr_judged *j,
	const struct mr_oom_judge *judge, struct mr_json_writer *w)
{
	const struct mr_oom_kill *k = &c->kill;
	json_victim(c, w);
	mr_json_begin_object(w, "Trigger");
	json_pid(w, "HostPid", c->trigger_pid);
	json_name(w, "Comm", c->trigger_comm);
	mr_json_end(w);
	mr_json_begin_object(w, "Limit");
	mr_json_put_text(w, "Scope", k->memcg ? "cgroup" : "host");
	json_name(w, "Cgroup", k->oom_memcg);
	json_uint(w, "LimitBytes", k->memcg ? k->memory_limit : k->host_ram);
	json_uint(w, "MemorySwapBytes", k->memsw_limit);
	json_uint(w, "TotalPages", j->total);
	mr_json_put_int(w, "PageSize", judge->page_size);
	mr_json_end(w);
	mr_json_put_bool(w, "Group", k->group);
	json_processes(c, j, w);
	json_choice(c, j, w);
	mr_json_begin_array(w, "KernelLog");
	for (size_t i = 0; i < c->lines.n; i++)
		mr_json_put_text(w, NULL, c->lines.items[i]);
	mr_json_end(w);
}

static void json_case(const struct mr_oom_case *c, const struct mr_oom_judge *judge,
	struct mr_json_writer *w)
{
	struct mr_judged j;
	auto_str sentence = {0};
	const struct mr_oom_kill *k = &c->kill;

	mr_oom_case_sentence(c, &sentence);
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "Explanation", mr_str_text(&sentence));
	json_uint(w, "Sequence",
		(struct mr_uint){.set = k->sequence > 0, .value = k->sequence});
	json_uint(w, "Line", (struct mr_uint){.set = c->line > 0, .value = c->line});
	json_int(w, "KernelUsec",
		(struct mr_int){.set = k->time_usec >= 0, .value = k->time_usec});
	json_name(w, "Stamp", c->stamp);
	if (mr_case_judge(c, judge, &j))
		json_report(c, &j, judge, w);
	else
		w->out.failed = true;
	mr_judged_clear(&j);
	mr_json_end(w);
}

void mr_oom_cases_json(const struct mr_oom_cases *cases, const struct mr_oom_judge *judge,
	struct mr_json_writer *w)
{
	mr_json_begin_array(w, "Kills");
	for (size_t i = 0; i < cases->n; i++)
		json_case(&cases->items[i], judge, w);
	mr_json_end(w);
}
