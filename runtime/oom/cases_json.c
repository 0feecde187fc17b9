/* SPDX-License-Identifier: Apache-2.0 */
/* Kills as JSON: see cases.h. */
#include "oom/cases_judge.h"

void mr_oom_kill_json(const struct mr_oom_kill *k, struct mr_json_writer *w)
{
	mr_json_put_known_uint(w, "TotalVmBytes", k->total_vm);
	mr_json_put_known_uint(w, "AnonRssBytes", k->anon_rss);
	mr_json_put_known_uint(w, "FileRssBytes", k->file_rss);
	mr_json_put_known_uint(w, "ShmemRssBytes", k->shmem_rss);
	mr_json_put_known_uint(w, "PgtablesBytes", k->pgtables);
	mr_json_put_known_int(w, "OomScoreAdj", k->oom_score_adj);
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
		mr_json_put_known_uint(w, "Uid", t->uid);
		mr_json_put_known_uint(w, "RssBytes", t->rss);
		mr_json_put_known_uint(w, "RssAnonBytes", t->rss_anon);
		mr_json_put_known_uint(w, "RssFileBytes", t->rss_file);
		mr_json_put_known_uint(w, "RssShmemBytes", t->rss_shmem);
		mr_json_put_known_uint(w, "PgtablesBytes", t->pgtables);
		mr_json_put_known_uint(w, "SwapBytes", t->swap);
		mr_json_put_known_int(w, "OomScoreAdj", t->oom_score_adj);
		mr_json_put_bool(w, "Exempt", s->exempt);
		mr_json_put_known_int(w, "Points", mr_score_points(s));
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
	mr_json_put_pid(w, "HostPid", j->chosen);
	mr_json_put_pid(w, "Predicted", known ? c->table.items[p->first].pid : 0);
	mr_json_put_known_int(w, "Lead",
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
	mr_json_put_name(w, "Cgroup", k->task_memcg);
	mr_json_put_known_uint(w, "Uid", k->uid);
	mr_oom_kill_json(k, w);
	mr_json_end(w);
}

static void json_report(const struct mr_oom_case *c, const struct mr_judged *j,
	const struct mr_oom_judge *judge, struct mr_json_writer *w)
{
	const struct mr_oom_kill *k = &c->kill;
	json_victim(c, w);
	mr_json_begin_object(w, "Trigger");
	mr_json_put_pid(w, "HostPid", c->trigger_pid);
	mr_json_put_name(w, "Comm", c->trigger_comm);
	mr_json_end(w);
	mr_json_begin_object(w, "Limit");
	mr_json_put_text(w, "Scope", k->memcg ? "cgroup" : "host");
	mr_json_put_name(w, "Cgroup", k->oom_memcg);
	mr_json_put_known_uint(w, "LimitBytes", k->memcg ? k->memory_limit : k->host_ram);
	mr_json_put_known_uint(w, "MemorySwapBytes", k->memsw_limit);
	mr_json_put_known_uint(w, "TotalPages", j->total);
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
	mr_json_put_known_uint(w, "Sequence",
		(struct mr_uint){.set = k->sequence > 0, .value = k->sequence});
	mr_json_put_known_uint(w, "Line", (struct mr_uint){.set = c->line > 0, .value = c->line});
	mr_json_put_known_int(w, "KernelUsec",
		(struct mr_int){.set = k->time_usec >= 0, .value = k->time_usec});
	mr_json_put_name(w, "Stamp", c->stamp);
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
