/* SPDX-License-Identifier: Apache-2.0 */
/* One kill: whom did the kernel choose, and whom does the formula? See cases_judge.h. */
#include "oom/cases_judge.h"

#include <stdio.h>
#include <string.h>

/* The last line that begins with one of @heads: only a comm can stand before them. */
const char *mr_case_find_line(const struct mr_oom_case *c, const char *const *heads)
{
	for (size_t i = c->lines.n; i-- > 0;) {
		for (size_t k = 0; heads[k]; k++) {
			if (mr_has_prefix(c->lines.items[i], heads[k]))
				return c->lines.items[i];
		}
	}
	return NULL;
}

static int by_points(const void *a, const void *b, void *scores)
{
	const struct mr_score *x = (const struct mr_score *)scores + *(const size_t *)a,
			      *y = (const struct mr_score *)scores + *(const size_t *)b;
	if (mr_score_counts(x) != mr_score_counts(y))
		return mr_score_counts(x) ? -1 : 1;
	return (y->points > x->points) - (y->points < x->points);
}

/* Kernels before 5.2: "Kill process 7 (x) score 1 or sacrifice child" names who was
 * chosen. */
static pid_t chosen_of(const struct mr_oom_case *c)
{
	static const char *const heads[] = {"Memory cgroup out of memory: Kill process ",
		"Out of memory: Kill process ", NULL};
	const char *line = mr_case_find_line(c, heads);
	int pid;
	for (size_t i = 0; line && heads[i]; i++) {
		if (mr_has_prefix(line, heads[i]) &&
			sscanf(line + strlen(heads[i]), "%9d", &pid) == 1 && pid > 0)
			return pid;
	}
	return c->kill.pid;
}

bool mr_case_judge(const struct mr_oom_case *c, const struct mr_oom_judge *judge,
	struct mr_judged *ret)
{
	const struct mr_oom_kill *k = &c->kill;
	*ret = (struct mr_judged){.chosen = chosen_of(c)};
	ret->total = mr_score_total_of_kill(k, judge->host_swap, judge->page_size);
	ret->swap_unknown = k->memcg && !judge->host_swap.set &&
			    !(k->swap_limit.set && k->swap_limit.value == 0) &&
			    !(k->memsw_limit.set && k->memory_limit.set &&
				    k->memsw_limit.value <= k->memory_limit.value);
	ret->scores = calloc(c->table.n + 1, sizeof(*ret->scores));
	ret->order = calloc(c->table.n + 1, sizeof(*ret->order));
	if (!ret->scores || !ret->order)
		return false;
	for (size_t i = 0; i < c->table.n; i++) {
		mr_score_task(&c->table.items[i], ret->total, judge->page_size,
			&ret->scores[i]);
		ret->order[i] = i;
	}
	mr_score_predict(ret->scores, c->table.items, c->table.n, ret->chosen,
		judge->noise, &ret->prediction);
	if (c->table.n > 1)
		qsort_r(ret->order, c->table.n, sizeof(*ret->order), by_points,
			ret->scores);
	return true;
}

void mr_judged_clear(struct mr_judged *j)
{
	free(j->scores);
	free(j->order);
}
