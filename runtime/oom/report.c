/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From lines to kills: see kmsg.h.
 *
 * The kernel writes a report under one lock (oom_lock), so reports never mix with each
 * other; other messages may stand between their lines. In order, kernel 6.18:
 *
 *   w invoked oom-killer: ...            who asked for the page: the trigger
 *   CPU: 0 UID: 0 PID: 7 Comm: w ...     and its pid
 *   memory: usage 1kB, limit 1kB, ...    the cgroup that is full
 *   [  pid  ]   uid  tgid total_vm ...   all candidates
 *   oom-kill:constraint=...              which cgroup, which victim
 *   Memory cgroup out of memory: Killed process 7 (w) ...
 *   Tasks in /c are going to be killed due to memory.oom.group set
 *   Memory cgroup out of memory: Killed process ...      one for each of them
 *
 * All before "Killed process" may be missing (rate limit), so a Killed line is joined
 * with what stands before it only if that names the same victim. Kernels before 5.0 write
 * "Task in A killed as a result of limit of B" instead of oom-kill:, and before 5.2 a
 * line "Kill process" says whose limit it was. The oom-kill: line is put together from
 * several printk calls, and another CPU's message can split it into records.
 */
#include "oom/report.h"

#include <stdio.h>
#include <string.h>

void mr_oom_log_init(struct mr_oom_log *log, long page_size, const char *own)
{
	memset(log, 0, sizeof(*log));
	log->page_size = page_size;
	mr_oom_copy(log->own, sizeof(log->own), own, strlen(own));
}

void mr_oom_log_clear(struct mr_oom_log *log)
{
	free(log->kills);
	free(log->table.items);
	free(log->report.table.items);
	mr_str_clear(&log->report.oom_line);
	mr_strv_clear(&log->lines);
	memset(log, 0, sizeof(*log));
}

/* --- lines that are kept --- */

static void keep_line(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	if (log->lines.n < MR_OOM_MAX_LINES)
		mr_strv_addf(&log->lines, "%.*s", (int)line->raw_len, line->raw);
}

static void forget_lines(struct mr_oom_log *log)
{
	while (log->lines.n > log->report.first_line)
		free(log->lines.items[--log->lines.n]);
	if (log->lines.items)
		log->lines.items[log->lines.n] = NULL;
}

void mr_oom_log_forget(struct mr_oom_log *log)
{
	struct mr_strv *v = &log->lines;
	size_t kept = v->n - log->report.first_line;
	for (size_t i = 0; i < log->report.first_line; i++)
		free(v->items[i]);
	if (v->items)
		memmove(v->items, v->items + log->report.first_line,
			(kept + 1) * sizeof(*v->items));
	v->n = kept;
	log->report.first_line = 0;
	log->n_kills = 0;
}

/* A new report: what an older one left behind without a kill is forgotten. */
static void begin_report(struct mr_oom_log *log)
{
	struct mr_oom_report *r = &log->report;
	struct mr_oom_table table = {.items = r->table.items, .cap = r->table.cap};

	forget_lines(log);
	mr_str_clear(&r->oom_line);
	memset(r, 0, sizeof(*r));
	r->table = table;
	r->first_line = log->lines.n;
}

/* --- Killed process --- */

static bool in_table(const struct mr_oom_table *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->items[i].pid == pid)
			return true;
	}
	return false;
}

/* Whose cgroup? The three ways in which a report tells it. */
static void attribute(struct mr_oom_log *log, struct mr_oom_kill *kill)
{
	struct mr_oom_report *r = &log->report;
	const struct mr_oom_table *table = r->keep ? &log->table : &r->table;

	if (r->open && kill->memcg) {
		kill->memory_limit = r->memory_limit;
		kill->memsw_limit = r->memsw_limit;
		kill->swap_limit = r->swap_limit;
	} else if (r->open && r->ram_pages.set && r->reserved_pages.set &&
		   r->ram_pages.value >= r->reserved_pages.value) {
		kill->host_ram = (struct mr_uint){.set = true,
			.value = (r->ram_pages.value - r->reserved_pages.value) *
				 (uint64_t)log->page_size};
		kill->host_swap = r->host_swap;
	}
	if (r->oom_line.len && mr_oom_line_complete(mr_str_text(&r->oom_line)) &&
		mr_oom_parse_oom_kill(mr_str_text(&r->oom_line), kill->comm, kill->pid,
			r->follows, kill))
		return;
	if (r->task_memcg[0]) {
		mr_oom_copy(kill->task_memcg, sizeof(kill->task_memcg), r->task_memcg,
			strlen(r->task_memcg));
		mr_oom_copy(kill->oom_memcg, sizeof(kill->oom_memcg), r->oom_memcg,
			strlen(r->oom_memcg));
		return;
	}
	/* A foreign kill may follow a group's: only who stood in its table belongs to it.
	 */
	if (r->group[0] && in_table(table, kill->pid)) {
		kill->group = true;
		mr_oom_copy(kill->task_memcg, sizeof(kill->task_memcg), r->group,
			strlen(r->group));
		mr_oom_copy(kill->oom_memcg, sizeof(kill->oom_memcg), r->group_limit,
			strlen(r->group_limit));
	}
}

static bool is_told(const struct mr_oom_kill *kill)
{
	return kill->oom_memcg[0] || kill->task_memcg[0];
}

static bool is_ours(const struct mr_oom_log *log, const struct mr_oom_kill *kill)
{
	return log->own[0] == '\0' || mr_path_is_below(kill->oom_memcg, log->own) ||
	       mr_path_is_below(kill->task_memcg, log->own);
}

static void commit_table(struct mr_oom_log *log)
{
	struct mr_oom_report *r = &log->report;
	if (r->keep || r->table.n == 0)
		return;
	struct mr_oom_table old = log->table;
	log->table = r->table;
	r->table = (struct mr_oom_table){.items = old.items, .cap = old.cap};
	log->trigger_pid = r->trigger_pid;
	mr_oom_copy(log->trigger_comm, sizeof(log->trigger_comm), r->trigger_comm,
		strlen(r->trigger_comm));
	r->keep = true;
}

static void add_kill(struct mr_oom_log *log, const struct mr_oom_kill *kill)
{
	if (log->n_kills == MR_OOM_MAX_KILLS) {
		log->dropped++;
		return;
	}
	if ((log->n_kills & (log->n_kills - 1)) == 0) { /* grown at powers of two */
		size_t cap = log->n_kills ? log->n_kills * 2 : 1;
		struct mr_oom_kill *grown = realloc(log->kills, cap * sizeof(*grown));
		if (!grown) {
			log->dropped++;
			return;
		}
		log->kills = grown;
	}
	log->kills[log->n_kills++] = *kill;
}

/* The next Killed line stands for itself unless a group's lines follow. */
static void end_report(struct mr_oom_log *log, const struct mr_oom_kill *kill)
{
	struct mr_oom_report *r = &log->report;
	mr_oom_copy(r->group_limit, sizeof(r->group_limit), kill->oom_memcg,
		strlen(kill->oom_memcg));
	mr_str_clear(&r->oom_line);
	r->oom_memcg[0] = r->task_memcg[0] = '\0';
	r->memory_limit.set = r->memsw_limit.set = r->swap_limit.set = false;
	r->ram_pages.set = r->reserved_pages.set = r->host_swap.set = false;
	r->open = r->in_table = r->follows = false;
	r->first_line = log->lines.n;
}

static bool take_killed(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	enum mr_killed_prefix prefix;
	struct mr_oom_kill kill = {
		.sequence = line->sequence, .time_usec = line->time_usec};

	if (!mr_oom_parse_killed(line->text, &kill, &prefix))
		return false;
	kill.memcg = prefix == MR_KILLED_MEMCG ||
		     (prefix == MR_KILLED_BARE && r->follows && r->old_memcg);
	attribute(log, &kill);
	if (!is_ours(log, &kill) && is_told(&kill)) {
		forget_lines(log);
	} else {
		/* Nobody knows whose report an unnamed kill ended: only its own line
		 * stays. */
		if (!is_ours(log, &kill))
			forget_lines(log);
		else
			commit_table(log);
		keep_line(log, line);
		kill.first_line = r->first_line;
		kill.n_lines = log->lines.n - r->first_line;
		add_kill(log, &kill);
	}
	end_report(log, &kill);
	return true;
}

/* kernels before 5.2: "Memory cgroup out of memory: Kill process 7 (x) score 1000 or ..."
 */
static bool take_kill_old(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	bool memcg =
		mr_has_prefix(line->text, "Memory cgroup out of memory: Kill process ");
	if (!memcg && !mr_has_prefix(line->text, "Out of memory: Kill process "))
		return false;
	r->follows = true;
	r->old_memcg = memcg;
	keep_line(log, line);
	return true;
}

static bool take_group(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	static const char head[] = "Tasks in ",
			  tail[] = " are going to be killed due to memory.oom.group set";
	struct mr_oom_report *r = &log->report;
	size_t n = strlen(line->text);
	if (!mr_has_prefix(line->text, head) || !mr_has_suffix(line->text, tail) ||
		n < sizeof(head) + sizeof(tail))
		return false;
	mr_oom_copy(r->group, sizeof(r->group), line->text + strlen(head),
		n - strlen(head) - strlen(tail));
	struct mr_oom_kill *last = log->n_kills ? &log->kills[log->n_kills - 1] : NULL;
	if (!last || !mr_path_is_below(last->task_memcg, r->group) ||
		!mr_path_is_below(r->group, log->own[0] ? log->own : "/"))
		return true;
	/* Its victim was the first of the group. */
	last->group = true;
	keep_line(log, line);
	last->n_lines = log->lines.n - last->first_line;
	r->first_line = log->lines.n;
	return true;
}

/* --- the report before the kill --- */

static bool take_invoked(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	const char *p = strstr(line->text, " invoked oom-killer: ");
	if (!p || p - line->text > 16)
		return false;
	begin_report(log);
	r->open = true;
	mr_oom_copy(r->trigger_comm, sizeof(r->trigger_comm), line->text,
		(size_t)(p - line->text));
	keep_line(log, line);
	return true;
}

static bool take_oom_kill(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	if (!mr_has_prefix(line->text, "oom-kill:constraint="))
		return false;
	if (!r->open)
		begin_report(log);
	r->in_table = false;
	mr_str_clear(&r->oom_line);
	mr_str_append(&r->oom_line, line->text);
	keep_line(log, line);
	return true;
}

/* A part that another CPU's message cut off; the beginning itself may be lost. */
static bool take_continuation(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	static const char *const heads[] = {",cpuset=", ",mems_allowed=", ",oom_memcg=",
		",global_oom,", ",task_memcg=", ",task=", NULL};
	struct mr_str *s = &log->report.oom_line;
	bool starts = line->text[0] == '/' && mr_has_suffix(mr_str_text(s), "_memcg=");
	for (size_t i = 0; !starts && heads[i]; i++)
		starts = mr_has_prefix(line->text, heads[i]);
	if (!starts || (s->len && mr_oom_line_complete(s->data)) || s->len > 4096)
		return false;
	mr_str_append(s, line->text);
	keep_line(log, line);
	return true;
}

static bool take_task_in(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	if (!mr_oom_parse_task_in(line->text, r->task_memcg, r->oom_memcg))
		return false;
	keep_line(log, line);
	return true;
}

static bool take_trigger(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	int pid;
	const char *p = strstr(line->text, "PID: ");
	if (!mr_has_prefix(line->text, "CPU: ") || !p ||
		sscanf(p, "PID: %9d ", &pid) != 1 || pid <= 0)
		return false;
	log->report.trigger_pid = pid;
	keep_line(log, line);
	return true;
}

static bool take_host_swap(struct mr_oom_report *r, const char *text)
{
	if (!mr_oom_parse_count(text, "Total swap = ", "kB", &r->host_swap))
		return false;
	r->host_swap.value *= 1024;
	return true;
}

static bool take_usage(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	struct mr_uint other;
	if (!mr_oom_parse_usage(line->text, "memory", &r->memory_limit) &&
		!mr_oom_parse_usage(line->text, "memory+swap", &r->memsw_limit) &&
		!mr_oom_parse_usage(line->text, "swap", &r->swap_limit) &&
		!mr_oom_parse_usage(line->text, "kmem", &other) &&
		!mr_oom_parse_count(line->text, "", " pages RAM", &r->ram_pages) &&
		!mr_oom_parse_count(
			line->text, "", " pages reserved", &r->reserved_pages) &&
		!take_host_swap(r, line->text) &&
		!mr_has_prefix(line->text, "Memory cgroup stats for "))
		return false;
	keep_line(log, line);
	return true;
}

static void add_task(struct mr_oom_table *t, const struct mr_oom_task *task)
{
	if (t->n == MR_OOM_MAX_TASKS)
		return;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 8;
		struct mr_oom_task *grown = realloc(t->items, cap * sizeof(*grown));
		if (!grown)
			return;
		t->items = grown;
		t->cap = cap;
	}
	t->items[t->n++] = *task;
}

static bool take_table(struct mr_oom_log *log, const struct mr_oom_line *line)
{
	struct mr_oom_report *r = &log->report;
	struct mr_oom_task task;

	if (mr_has_prefix(line->text, "Tasks state (memory values in pages)")) {
		keep_line(log, line);
		return true;
	}
	if (mr_oom_parse_header(line->text, r->column, &r->n_columns)) {
		r->in_table = true;
		r->table.n = 0;
		keep_line(log, line);
		return true;
	}
	if (!r->in_table || !mr_oom_parse_row(line->text, r->column, r->n_columns,
				    log->page_size, &task))
		return false;
	add_task(&r->table, &task);
	keep_line(log, line);
	return true;
}

typedef bool (*take_fn)(struct mr_oom_log *log, const struct mr_oom_line *line);

void mr_oom_log_feed(struct mr_oom_log *log, const char *text, size_t len)
{
	/* invoked before oom-kill: a process can be called "oom-kill:constr". */
	static const take_fn always[] = {take_killed, take_invoked, take_kill_old,
		take_oom_kill, take_group, take_task_in, take_continuation};
	static const take_fn inside[] = {take_trigger, take_usage, take_table};
	struct mr_oom_line line;

	if (!mr_oom_line_split(text, len, &line))
		return;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (always[i](log, &line))
			return;
	}
	for (size_t i = 0; log->report.open && i < sizeof(inside) / sizeof(inside[0]);
		i++) {
		if (inside[i](log, &line))
			return;
	}
}
