/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leak or limit. Both end in the same kill; only the way there differs: an honest program
 * reaches a working set, stays, and then needs more than it may have; a leak grows for as long
 * as it lives. The first rule that fits wins, and always says by which figures.
 *
 * 1. Too few samples: undecided.
 * 2. Less than half of the usage is anonymous memory: the question is another one.
 * 3. A flat stretch and then a rise that is shorter than the stretch: the limit.
 * 4. A straight line upward through the last third: growing.
 */
#include "oom/shape.h"

#include <stdio.h>

#define LEAST_SAMPLES 20
#define MIB (1024.0 * 1024.0)

struct life {
	const struct mr_sample *s;
	size_t n;
	int64_t usec;
	double limit;
};

static double anon(const struct life *l, size_t i)
{
	uint64_t v = l->s[i].value[MR_SERIES_ANON];
	return v == MR_UNKNOWN ? 0 : (double)v;
}

static double seconds(const struct life *l, size_t i)
{
	return (double)(l->s[i].usec - l->s[0].usec) / 1e6;
}

static uint64_t known(uint64_t v)
{
	return v == MR_UNKNOWN ? 0 : v;
}

/* @return is anonymous memory the smaller part at the fullest moment? */
static bool other_memory(const struct life *l, struct mr_shape *ret)
{
	static const struct {
		enum mr_series series;
		const char *kind, *text;
	} parts[] = {
		{ MR_SERIES_KERNEL, "kernel-memory", "kernel memory (page tables, pipes, sockets)" },
		{ MR_SERIES_SHMEM, "shared-memory", "shared memory and tmpfs" },
		{ MR_SERIES_FILE, "cache-dominated", "page cache" },
	};
	const struct mr_sample *top = &l->s[0];
	size_t most = 0;

	for (size_t i = 1; i < l->n; i++)
		if (l->s[i].value[MR_SERIES_USAGE] >= top->value[MR_SERIES_USAGE])
			top = &l->s[i];
	uint64_t usage = top->value[MR_SERIES_USAGE], a = known(top->value[MR_SERIES_ANON]);
	if (a >= usage / 2)
		return false;
	for (size_t i = 1; i < sizeof(parts) / sizeof(*parts); i++)
		if (known(top->value[parts[i].series]) > known(top->value[parts[most].series]))
			most = i;
	ret->kind = parts[most].kind;
	snprintf(ret->reason, sizeof(ret->reason),
		"%s held %.1f of %.1f MiB when the limit was reached, anonymous memory only %.1f",
		parts[most].text, (double)known(top->value[parts[most].series]) / MIB,
		(double)usage / MIB, (double)a / MIB);
	return true;
}

/* The longest stretch from @i on in which anon moves by less than 2 % of the limit. */
static size_t flat_until(const struct life *l, size_t i)
{
	double low = anon(l, i), high = low;

	for (size_t k = i + 1; k < l->n; k++) {
		double v = anon(l, k);
		low = v < low ? v : low;
		high = v > high ? v : high;
		if (high - low >= 0.02 * l->limit)
			return k - 1;
	}
	return l->n - 1;
}

static bool flat_then_rise(const struct life *l, struct mr_shape *ret)
{
	size_t from = 0, to = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t k = flat_until(l, i);
		if (seconds(l, k) - seconds(l, i) > seconds(l, to) - seconds(l, from))
			from = i, to = k;
	}
	double flat = seconds(l, to) - seconds(l, from), life = (double)l->usec / 1e6, top = 0;
	for (size_t i = to; i < l->n; i++)
		top = anon(l, i) > top ? anon(l, i) : top;
	double level = anon(l, (from + to) / 2), rise = top - level, rest = seconds(l, l->n - 1) - seconds(l, to);
	if (flat < 0.2 * life || rise < 0.05 * l->limit || rest > flat)
		return false;
	ret->kind = "limit-too-small";
	snprintf(ret->reason, sizeof(ret->reason),
		"anonymous memory stood at %.1f MiB for %.0f %% of the life (%.2f s), then rose by "
		"%.1f MiB within %.0f ms; minirun bisect finds a limit that works, if there is one",
		level / MIB, 100 * flat / life, flat, rise / MIB, 1000 * rest);
	return true;
}

/* Least squares of anon over time through the last third. */
static bool straight_up(const struct life *l, struct mr_shape *ret)
{
	double st = 0, sa = 0, stt = 0, saa = 0, sta = 0, n = 0;
	size_t first = 0;

	while (first < l->n - 1 && seconds(l, first) < seconds(l, l->n - 1) * 2 / 3)
		first++;
	for (size_t i = first; i < l->n; i++) {
		double t = seconds(l, i) - seconds(l, first), a = anon(l, i) / MIB;
		st += t, sa += a, stt += t * t, saa += a * a, sta += t * a, n++;
	}
	double vt = stt - st * st / n, va = saa - sa * sa / n, c = sta - st * sa / n;
	double grown = anon(l, l->n - 1) - anon(l, first);
	if (n < 3 || vt <= 0 || va <= 0 || c <= 0 || c * c / (vt * va) < 0.9 ||
		grown < 0.02 * l->limit)
		return false;
	ret->kind = "still-growing";
	snprintf(ret->reason, sizeof(ret->reason),
		"anonymous memory grew by %.1f MiB in the last third of the life, in a straight line "
		"(r2 %.2f, %.1f MiB a second): leak-like; minirun bisect tells whether any limit "
		"works",
		grown / MIB, c * c / (vt * va), c / vt);
	return true;
}

/* What was seen after the kill began is no part of the way there. */
static void trim(struct life *l)
{
	double top = 0;

	for (size_t i = 0; i < l->n; i++)
		top = anon(l, i) > top ? anon(l, i) : top;
	while (l->n > 0 && anon(l, l->n - 1) < 0.9 * top)
		l->n--;
}

void mr_shape_take(const struct mr_samples *s, int64_t begin_usec, int64_t end_usec,
	uint64_t limit, struct mr_shape *ret)
{
	struct life l = { .s = s->items, .usec = end_usec - begin_usec, .limit = (double)limit };

	while (l.s < s->items + s->n && l.s->usec < begin_usec)
		l.s++;
	while (l.s + l.n < s->items + s->n && l.s[l.n].usec <= end_usec)
		l.n++;
	trim(&l);
	ret->kind = "undecided";
	if (l.n < LEAST_SAMPLES)
		snprintf(ret->reason, sizeof(ret->reason),
			"life too short: %zu samples in %.0f ms, %d are needed", l.n,
			(double)l.usec / 1000, LEAST_SAMPLES);
	else if (!other_memory(&l, ret) && !flat_then_rise(&l, ret) && !straight_up(&l, ret))
		snprintf(ret->reason, sizeof(ret->reason),
			"anonymous memory neither stood still before a rise nor grew in a straight "
			"line; minirun bisect tells whether a larger limit works");
}
