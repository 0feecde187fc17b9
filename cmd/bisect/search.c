/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search: the largest limit, then the smallest, then halving by the geometric mean,
 * because a tolerance is a part of the limit. Each probe is decided by the majority of
 * its runs.
 */
#include "bisect/bisect.h"

#include "base/errors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAGE 4096

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double probe_wall(const struct probe *p)
{
	double wall[MAX_RUNS];
	int n = 0;

	for (int i = 0; i < p->n; i++)
		if (!isnan(p->attempts[i].wall) && (p->attempts[i].works || !p->n_works))
			wall[n++] = p->attempts[i].wall;
	qsort(wall, (size_t)n, sizeof(wall[0]), by_size);
	return n ? wall[n / 2] : NAN;
}

static void judge_speed(const struct search *s, struct attempt *a)
{
	a->slowdown = s->slowdown > 0 ? a->wall / s->wall_at_max : NAN;
	if (!isnan(a->slowdown) && a->slowdown > s->slowdown)
		a->works = false;
}

/* All runs, unless the majority is known before: at the largest limit all, they are the
 * measure of the others. */
static int probe(struct search *s, int64_t limit, bool first, struct probe **ret,
	struct mr_error *err)
{
	if (s->n == MAX_PROBES)
		return mr_fail_text(err, ERANGE, "no end after %d limits", MAX_PROBES);
	struct probe *p = &s->probes[s->n++];

	*p = (struct probe){.limit = limit};
	while (p->n < s->runs) {
		struct attempt *a = &p->attempts[p->n];
		int r = attempt_run(s, limit, first, a, err);
		if (r < 0)
			return r;
		judge_speed(s, a);
		p->n++;
		p->n_works += a->works;
		if (!first &&
			(2 * p->n_works > s->runs || 2 * (p->n - p->n_works) > s->runs))
			break;
	}
	p->works = 2 * p->n_works > s->runs;
	*ret = p;
	return 0;
}

static int64_t between(int64_t low, int64_t high)
{
	int64_t mid = (int64_t)sqrt((double)low * (double)high) / PAGE * PAGE;

	return mid > low ? mid : low + PAGE;
}

int bisect_search(struct search *s,
	void (*tell)(const struct search *, const struct probe *), int64_t *ret,
	struct mr_error *err)
{
	int64_t low = s->min, high = s->max, next = s->max;
	struct probe *p = NULL;

	s->wall_at_max = NAN;
	for (;;) {
		int r = probe(s, next, s->n == 0, &p, err);
		if (r < 0)
			return r;
		if (s->n == 1)
			s->wall_at_max = probe_wall(p);
		tell(s, p);
		if (s->n == 1 && !p->works)
			return 0;
		if (p->works)
			high = next;
		else
			low = next;
		if (high <= s->min || (double)high <= (double)low * (1 + s->tolerance) ||
			high - low <= PAGE)
			break;
		next = s->n == 1 ? s->min : between(low, high);
	}
	*ret = high;
	return 1;
}

bool bisect_is_noisy(const struct search *s)
{
	int64_t largest_failed = 0, smallest_worked = INT64_MAX;

	for (int i = 0; i < s->n; i++)
		for (int k = 0; k < s->probes[i].n; k++) {
			int64_t limit = s->probes[i].limit;
			if (s->probes[i].attempts[k].works)
				smallest_worked =
					limit < smallest_worked ? limit : smallest_worked;
			else
				largest_failed =
					limit > largest_failed ? limit : largest_failed;
		}
	return largest_failed >= smallest_worked;
}
