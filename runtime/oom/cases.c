/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a long log to its newest kills: see cases.h. The parser keeps what belongs to the
 * last report only; here it is copied before the next one replaces it.
 */
#include "oom/cases.h"

#include "oom/report.h"

#include <string.h>

void mr_oom_cases_init(struct mr_oom_cases *cases, long page_size)
{
	*cases = (struct mr_oom_cases){0};
	mr_oom_log_init(&cases->log, page_size, "");
}

static void clear_case(struct mr_oom_case *c)
{
	free(c->table.items);
	mr_strv_clear(&c->lines);
}

void mr_oom_cases_clear(struct mr_oom_cases *cases)
{
	for (size_t i = 0; i < cases->n; i++)
		clear_case(&cases->items[i]);
	free(cases->items);
	mr_oom_log_clear(&cases->log);
	*cases = (struct mr_oom_cases){0};
}

/* The kill and its lines as the parser has them now: "Tasks in G are going to be killed"
 * comes behind the first one of a group and belongs to it. */
static int copy_kill(struct mr_oom_case *c, const struct mr_oom_log *log)
{
	c->kill = log->kills[log->n_kills - 1];
	for (size_t i = c->lines.n; i < c->kill.n_lines; i++) {
		if (mr_strv_add(&c->lines, log->lines.items[c->kill.first_line + i]) < 0)
			return -1;
	}
	return 0;
}

static int copy_table(struct mr_oom_case *c, const struct mr_oom_log *log)
{
	c->table.items = malloc(log->table.n * sizeof(*c->table.items));
	if (!c->table.items)
		return -1;
	memcpy(c->table.items, log->table.items, log->table.n * sizeof(*c->table.items));
	c->table.n = c->table.cap = log->table.n;
	c->trigger_pid = log->trigger_pid;
	memcpy(c->trigger_comm, log->trigger_comm, sizeof(c->trigger_comm));
	return 0;
}

static void copy_stamp(struct mr_oom_case *c, const char *line, size_t len)
{
	struct mr_oom_line split;
	mr_oom_line_split(line, len, &split);
	size_t n = (size_t)(split.raw - line);
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == ';'))
		n--;
	mr_oom_copy(c->stamp, sizeof(c->stamp), line, n);
}

static struct mr_oom_case *new_case(struct mr_oom_cases *cases)
{
	if (!cases->items)
		cases->items = calloc(MR_OOM_CASES, sizeof(*cases->items));
	if (!cases->items)
		return NULL;
	if (cases->n == MR_OOM_CASES) {
		clear_case(&cases->items[0]);
		cases->n--;
		memmove(cases->items, cases->items + 1, cases->n * sizeof(*cases->items));
	}
	struct mr_oom_case *c = &cases->items[cases->n++];
	*c = (struct mr_oom_case){.line = cases->n_lines};
	return c;
}

void mr_oom_cases_feed(struct mr_oom_cases *cases, const char *line, size_t len)
{
	struct mr_oom_log *log = &cases->log;
	const bool has_table = log->report.open && log->report.table.n > 0;
	const size_t before = log->n_kills;

	/* The last kill of the log may be in no case. */
	if (cases->failed)
		return;
	cases->n_lines++;
	mr_oom_log_feed(log, line, len);
	if (log->n_kills > before) {
		struct mr_oom_case *c = new_case(cases);
		cases->n_kills++;
		if (!c || copy_kill(c, log) < 0 ||
			(has_table && copy_table(c, log) < 0)) {
			cases->failed = true;
			return;
		}
		copy_stamp(c, line, len);
	} else if (before > 0) {
		cases->failed |= copy_kill(&cases->items[cases->n - 1], log) < 0;
	}
	/* Nothing that comes now belongs to a kill before. */
	if (log->n_kills > 0 && (log->report.open || log->n_kills == MR_OOM_MAX_KILLS))
		mr_oom_log_forget(log);
}
