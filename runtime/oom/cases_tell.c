/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills in words: see cases.h.
 *
 * The report has three parts. The table shows whom the kernel could choose from; the
 * points are computed here and held against its choice. The oom-kill line tells whose
 * limit it was and where the victim lived. The Killed line tells who died, holding what;
 * it alone is never suppressed. Names that processes and cgroups gave themselves are
 * written in printable ASCII.
 */
#include "oom/cases_judge.h"
#include "oom/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In the text; the JSON has all. */
#define MAX_ROWS 30   /* of a table */
#define MAX_OTHERS 10 /* kills before those that are told in full */

static void put_size(struct mr_uint bytes, struct mr_str *out)
{
	char size[24];
	mr_str_append(
		out, bytes.set ? mr_format_size(bytes.value, size) : "an unknown amount");
}

static void put_line(const char *line, struct mr_str *out)
{
	mr_str_append(out, "   | ");
	mr_str_append_printable(out, line);
	mr_str_append(out, "\n");
}

static void put_task(const struct mr_oom_task *t, struct mr_str *out)
{
	mr_str_append_printable(out, t->comm);
	mr_str_appendf(out, " (%d)", (int)t->pid);
}

static void put_pages(struct mr_uint bytes, long page_size, struct mr_str *out)
{
	if (bytes.set)
		mr_str_appendf(out, " %9" PRIu64, bytes.value / (uint64_t)page_size);
	else
		mr_str_appendf(out, " %9s", "?");
}

static void put_row(const struct mr_oom_case *c, const struct mr_judged *j, size_t i,
	long page_size, struct mr_str *out)
{
	const struct mr_oom_task *t = &c->table.items[i];
	const struct mr_score *s = &j->scores[i];
	char mib[24] = "?", points[24] = "?", adj[24] = "?";

	if (t->rss.set)
		snprintf(mib, sizeof(mib), "%.1f", (double)t->rss.value / (1024 * 1024));
	if (s->exempt)
		snprintf(points, sizeof(points), "exempt");
	else if (s->known)
		snprintf(points, sizeof(points), "%" PRId64, s->points);
	if (t->oom_score_adj.set)
		snprintf(adj, sizeof(adj), "%" PRId64, t->oom_score_adj.value);
	mr_str_appendf(out, " %c %8d", t->pid == c->kill.pid ? '>' : ' ', (int)t->pid);
	put_pages(t->rss, page_size, out);
	mr_str_appendf(out, " %9s", mib);
	put_pages(t->swap, page_size, out);
	put_pages(t->pgtables, page_size, out);
	mr_str_appendf(out, " %6s %10s  ", adj, points);
	mr_str_append_printable(out, t->comm);
	mr_str_append(out, "\n");
}

static void put_total(const struct mr_oom_case *c, const struct mr_judged *j,
	const struct mr_oom_judge *judge, struct mr_str *out)
{
	const struct mr_oom_kill *k = &c->kill;
	mr_str_append(out,
		"   Points: rss + swap + page tables, in pages, + adj x (total / 1000). ");
	if (!j->total.set) {
		mr_str_append(out, "The total is not known.\n");
		return;
	}
	mr_str_appendf(out, "The total is %" PRIu64 " pages: ", j->total.value);
	put_size(k->memcg ? k->memory_limit : k->host_ram, out);
	const uint64_t base = (k->memcg ? k->memory_limit : k->host_ram).value /
			      (uint64_t)judge->page_size;
	mr_str_append(out, k->memcg ? " of limit" : " of RAM");
	if (j->total.value > base)
		mr_str_append(out, " and the swap that may be used");
	mr_str_appendf(out, ", so adj 1 is %" PRIu64 ".\n", j->total.value / 1000);
	bool adjusted = false;
	for (size_t i = 0; i < c->table.n; i++)
		adjusted |= c->table.items[i].oom_score_adj.value != 0;
	if (j->swap_unknown && adjusted)
		mr_str_append(out,
			"   (How much swap the host had is not in the log: none is assumed.)\n");
}

static const char *const causes =
	"   Known causes: the table was taken a moment later; a process in vfork(2) or being\n"
	"   reaped is passed over; kernels before 4.17 take 3 % off root's processes.\n";

static void put_choice(const struct mr_oom_case *c, const struct mr_judged *j,
	const struct mr_oom_judge *judge, struct mr_str *out)
{
	const struct mr_prediction *p = &j->prediction;
	const struct mr_oom_task *tasks = c->table.items;
	if (p->first >= c->table.n)
		return;
	mr_str_append(out, "   Most points has ");
	put_task(&tasks[p->first], out);
	if (p->second < c->table.n) {
		mr_str_appendf(out, ", %" PRId64 " more than ", p->lead);
		put_task(&tasks[p->second], out);
	}
	switch (p->choice) {
	case MR_CHOICE_AGREES:
		mr_str_append(out, ": the kernel chose the same.\n");
		break;
	case MR_CHOICE_CLOSE:
		mr_str_appendf(out,
			": the kernel chose %d, too close to call (%" PRId64
			" pages of noise).\n",
			(int)j->chosen, judge->noise);
		break;
	case MR_CHOICE_DIFFERS:
		mr_str_appendf(out, ": the kernel chose %d instead.\n%s", (int)j->chosen,
			causes);
		break;
	case MR_CHOICE_UNKNOWN:
		mr_str_appendf(out,
			": whether the kernel chose %d by that cannot be told.\n",
			(int)j->chosen);
		break;
	}
	if (j->chosen != c->kill.pid)
		mr_str_append(out,
			"   It killed a child in place of the one it chose, as kernels "
			"before 5.2 do.\n");
}

static void put_table_part(const struct mr_oom_case *c, const struct mr_judged *j,
	const struct mr_oom_judge *judge, struct mr_str *out)
{
	mr_str_append(out, "1. The task table: whom the kernel could choose\n");
	if (c->table.n == 0) {
		mr_str_append(out,
			c->kill.group && c->lines.n == 1
				? "   None of its own: it died with the group of the kill before.\n"
				: "   Missing: the kernel prints 10 reports in 5 s at most, of all "
				  "kills on the host.\n");
		return;
	}
	mr_str_appendf(out, "   %8s %9s %9s %9s %9s %6s %10s  %s\n", "PID", "RSS",
		"= MiB", "SWAP", "PGTABLES", "ADJ", "POINTS", "NAME");
	for (size_t i = 0; i < c->table.n; i++) {
		const size_t row = j->order[i];
		if (i < MAX_ROWS || c->table.items[row].pid == c->kill.pid)
			put_row(c, j, row, judge->page_size, out);
	}
	if (c->table.n > MAX_ROWS)
		mr_str_appendf(out,
			"   ... of %zu, those with most points and the victim\n",
			c->table.n);
	mr_str_appendf(
		out, "   In pages of %ld bytes; > marks the victim.\n", judge->page_size);
	put_total(c, j, judge, out);
	put_choice(c, j, judge, out);
}

static void put_limit_part(const struct mr_oom_case *c, struct mr_str *out)
{
	const struct mr_oom_kill *k = &c->kill;
	static const char *const heads[] = {"oom-kill:constraint=", "Task in /", NULL};
	const char *line = mr_case_find_line(c, heads);
	mr_str_append(
		out, "2. The oom-kill line: whose limit, and where the victim lived\n");
	if (line)
		put_line(line, out);
	if (!k->memcg) {
		mr_str_append(out, "   No cgroup's limit: the host ran out of memory.\n");
	} else if (k->oom_memcg[0]) {
		mr_str_append(out, "   Limit: of ");
		mr_str_append_printable(out, k->oom_memcg);
		mr_str_append(out, ", ");
		put_size(k->memory_limit, out);
		if (k->memsw_limit.set) {
			mr_str_append(out, "; with swap ");
			put_size(k->memsw_limit, out);
		}
		mr_str_append(out, ".\n");
	} else {
		mr_str_append(out,
			"   Missing; but the next line says that it was a cgroup's "
			"limit.\n");
	}
	if (k->task_memcg[0]) {
		mr_str_append(out, "   Victim: in ");
		mr_str_append_printable(out, k->task_memcg);
		mr_str_append(out, strcmp(k->task_memcg, k->oom_memcg) == 0
					   ? ", the same cgroup.\n"
				   : k->memcg ? ", below it.\n"
					      : ".\n");
	}
}

static void put_killed_part(const struct mr_oom_case *c, struct mr_str *out)
{
	const struct mr_oom_kill *k = &c->kill;
	mr_str_append(out, "3. The Killed line: who died, holding what\n");
	static const char *const heads[] = {"Killed process ",
		"Memory cgroup out of memory: Killed process ",
		"Out of memory: Killed process ", "Out of memory (", NULL};
	const char *line = mr_case_find_line(c, heads);
	if (line)
		put_line(line, out);
	mr_str_append(out, "   Process ");
	mr_str_appendf(out, "%d of the host (", (int)k->pid);
	mr_str_append_printable(out, k->comm);
	mr_str_append(out, "): ");
	put_size(k->anon_rss, out);
	mr_str_append(out, " of anonymous memory, ");
	put_size(k->file_rss, out);
	mr_str_append(out, " of files, ");
	put_size(k->shmem_rss, out);
	mr_str_append(out, " of shared memory");
	if (k->pgtables.set) {
		mr_str_append(out, ", ");
		put_size(k->pgtables, out);
		mr_str_append(out, " of page tables");
	}
	if (k->oom_score_adj.set)
		mr_str_appendf(out, "; oom_score_adj %" PRId64, k->oom_score_adj.value);
	mr_str_append(out, ".\n");
	if (!c->trigger_comm[0] && c->trigger_pid <= 0)
		return;
	mr_str_append(out, "   Asked for the memory: ");
	mr_str_append_printable(out, c->trigger_comm);
	if (c->trigger_pid > 0)
		mr_str_appendf(out, " (%d)", (int)c->trigger_pid);
	mr_str_append(out, c->trigger_pid == k->pid ? ", the victim itself.\n"
						    : "; that is no reason to die.\n");
}

void mr_oom_case_sentence(const struct mr_oom_case *c, struct mr_str *out)
{
	mr_kill_explain(&c->kill, out);
	mr_str_append(out, " Evidence: kernel log");
	if (c->kill.sequence)
		mr_str_appendf(out, " #%" PRIu64, c->kill.sequence);
	else if (c->line)
		mr_str_appendf(out, ", line %" PRIu64, c->line);
	mr_str_append(out, ".");
}

static void put_case(
	const struct mr_oom_case *c, const struct mr_oom_judge *judge, struct mr_str *out)
{
	struct mr_judged j;
	if (mr_case_judge(c, judge, &j)) {
		put_table_part(c, &j, judge, out);
		put_limit_part(c, out);
		put_killed_part(c, out);
	} else {
		out->failed = true;
	}
	mr_judged_clear(&j);
}

size_t mr_oom_cases_lead(const struct mr_oom_cases *cases, size_t i)
{
	while (i > 0 && cases->items[i].kill.group && cases->items[i].table.n == 0 &&
		cases->items[i - 1].kill.group)
		i--;
	return i;
}

static void put_when(const struct mr_oom_case *c, struct mr_str *out)
{
	if (c->kill.time_usec >= 0) {
		mr_str_appendf(out, "[%5" PRId64 ".%06" PRId64 "] ",
			c->kill.time_usec / 1000000, c->kill.time_usec % 1000000);
	} else if (c->stamp[0]) {
		mr_str_append_printable(out, c->stamp);
		mr_str_append(out, " ");
	}
}

/* Those that were not told in full, the newest of them. */
static void put_others(const struct mr_oom_cases *cases, size_t n, struct mr_str *out)
{
	const size_t from = n > MAX_OTHERS ? n - MAX_OTHERS : 0;
	const uint64_t missing = cases->n_kills - cases->n + from;
	if (n > 0)
		mr_str_append(out, "\nBefore:\n");
	if (n > 0 && missing > 0)
		mr_str_appendf(out, "   ... and %" PRIu64 " more\n", missing);
	for (size_t i = from; i < n; i++) {
		mr_str_append(out, "   ");
		put_when(&cases->items[i], out);
		mr_kill_explain(&cases->items[i].kill, out);
		mr_str_append(out, "\n");
	}
}

void mr_oom_cases_text(const struct mr_oom_cases *cases, size_t last,
	const struct mr_oom_judge *judge, struct mr_str *out)
{
	size_t end = cases->n;
	for (size_t told = 0; end > 0 && told < last; told++) {
		const size_t lead = mr_oom_cases_lead(cases, end - 1);
		mr_str_append(out, "\n");
		if (told > 0) {
			put_when(&cases->items[lead], out);
			mr_oom_case_sentence(&cases->items[lead], out);
			mr_str_append(out, "\n");
		}
		put_case(&cases->items[lead], judge, out);
		for (size_t i = lead + 1; i < end; i++) {
			mr_str_append(out, "   With it: ");
			mr_kill_explain(&cases->items[i].kill, out);
			mr_str_append(out, "\n");
		}
		end = lead;
	}
	put_others(cases, end, out);
}
