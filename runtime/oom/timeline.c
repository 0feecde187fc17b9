/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure half of the timeline: a buffer that never grows, and its text. minirun-timeline(5)
 * has the format.
 */
#include "oom/timeline.h"

#include "base/io.h"
#include "base/json.h"
#include "base/libc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const char *const series_names[MR_SERIES_N] = {
	[MR_SERIES_USAGE] = "usage",
	[MR_SERIES_ANON] = "anon",
	[MR_SERIES_FILE] = "file",
	[MR_SERIES_SHMEM] = "shmem",
	[MR_SERIES_KERNEL] = "kernel",
	[MR_SERIES_SWAP] = "swap",
	[MR_SERIES_INACTIVE_FILE] = "inactive_file",
	[MR_SERIES_DIRTY] = "dirty",
	[MR_SERIES_LIMIT] = "limit",
	[MR_SERIES_ANCESTOR_LIMIT] = "ancestor_limit",
	[MR_SERIES_HIGH] = "high",
	[MR_SERIES_PSI_SOME] = "psi_some",
	[MR_SERIES_PSI_FULL] = "psi_full",
};

static const char *const event_names[] = {
	[MR_EVENT_START] = "start",
	[MR_EVENT_EXEC] = "exec",
	[MR_EVENT_LIMIT] = "limit",
	[MR_EVENT_ANCESTOR_LIMIT] = "ancestor-limit",
	[MR_EVENT_LIMIT_REFUSED] = "limit-refused",
	[MR_EVENT_OOM] = "oom",
	[MR_EVENT_OOM_KILL] = "oom-kill",
	[MR_EVENT_UNDER_OOM] = "under-oom",
	[MR_EVENT_EXIT] = "exit",
};

/* --- the buffer --- */

static struct mr_sample merge(const struct mr_sample *a, const struct mr_sample *b)
{
	struct mr_sample m =
		a->value[MR_SERIES_USAGE] > b->value[MR_SERIES_USAGE] ? *a : *b;

	m.usage_min = a->usage_min < b->usage_min ? a->usage_min : b->usage_min;
	if (a->anon_max == MR_UNKNOWN || b->anon_max == MR_UNKNOWN)
		m.anon_max = m.value[MR_SERIES_ANON];
	else
		m.anon_max = a->anon_max > b->anon_max ? a->anon_max : b->anon_max;
	return m;
}

/* Before neighbours merge: of all series but two a merged sample keeps no peak. */
static void note_peaks(struct mr_samples *s, const struct mr_sample *sample)
{
	for (int i = 0; i < MR_SERIES_N; i++) {
		const uint64_t v = sample->value[i];
		if (v != MR_UNKNOWN && (!s->peak[i].set || v > s->peak[i].value))
			s->peak[i] = (struct mr_uint){ .set = true, .value = v };
	}
}

bool mr_samples_add(struct mr_samples *s, const struct mr_sample *sample)
{
	bool full = s->n == MR_TIMELINE_SAMPLES;

	note_peaks(s, sample);
	if (full) {
		s->n /= 2;
		for (size_t i = 0; i < s->n; i++)
			s->items[i] = merge(&s->items[2 * i], &s->items[2 * i + 1]);
		s->interval_ms *= 2;
	}
	s->items[s->n++] = *sample;
	return full;
}

void mr_timeline_add_event(struct mr_timeline *t, const struct mr_timeline_event *event)
{
	if (t->n_events == MR_TIMELINE_EVENTS)
		t->events_dropped++;
	else
		t->events[t->n_events++] = *event;
}

int64_t mr_timeline_first(const struct mr_timeline *t, enum mr_event_kind kind)
{
	for (size_t i = 0; i < t->n_events; i++)
		if (t->events[i].kind == kind)
			return t->events[i].usec;
	return -1;
}

#define BAR 20

static unsigned mib(uint64_t bytes)
{
	return (unsigned)((bytes + (1u << 19)) >> 20);
}

/* In percent of the time between the last two readings that are a fifth of a second apart; -1
 * unknown. */
static int pressure_now(const struct mr_samples *all)
{
	const struct mr_sample *last = NULL;

	for (size_t i = all->n; i-- > 0;) {
		const struct mr_sample *s = &all->items[i];
		if (s->value[MR_SERIES_PSI_SOME] == MR_UNKNOWN)
			continue;
		if (!last)
			last = s;
		else if (last->usec - s->usec >= 200000)
			return (int)((last->value[MR_SERIES_PSI_SOME] -
					     s->value[MR_SERIES_PSI_SOME]) *
				     100 / (uint64_t)(last->usec - s->usec));
	}
	return -1;
}

bool mr_timeline_progress(struct mr_timeline *t, char *buf, size_t size)
{
	static const struct {
		enum mr_series series;
		const char *name;
	} parts[] = { { MR_SERIES_ANON, "anon" }, { MR_SERIES_FILE, "cache" },
		{ MR_SERIES_SHMEM, "shmem" }, { MR_SERIES_KERNEL, "kern" },
		{ MR_SERIES_SWAP, "swap" } };
	char bar[BAR + 1] = "";

	const struct mr_sample *s = t->samples.n ? &t->samples.items[t->samples.n - 1] : NULL;

	if (!s || (t->shown_usec && s->usec - t->shown_usec < 100000))
		return false;
	t->shown_usec = s->usec;
	const uint64_t *v = s->value;
	uint64_t used = v[MR_SERIES_USAGE], limit = v[MR_SERIES_LIMIT];
	limit = v[MR_SERIES_ANCESTOR_LIMIT] < limit ? v[MR_SERIES_ANCESTOR_LIMIT] : limit;
	bool bound = limit > 0 && limit < INT64_MAX / 4096 * 4096;
	size_t full = bound ? (size_t)((double)used / (double)limit * BAR + 0.5) : 0;
	memset(bar, '.', BAR);
	memset(bar, '#', full < BAR ? full : BAR);
	int n = bound ? snprintf(buf, size, "[%s] %u/%uM", bar, mib(used), mib(limit))
		      : snprintf(buf, size, "%uM", mib(used));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && (size_t)n < size; i++)
		if (v[parts[i].series] != MR_UNKNOWN && (i < 2 || mib(v[parts[i].series])))
			n += snprintf(buf + n, size - (size_t)n, " %s %u", parts[i].name,
				mib(v[parts[i].series]));
	int psi = pressure_now(&t->samples);
	if (psi >= 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " psi %d%%", psi < 100 ? psi : 100);
	return true;
}

struct mr_uint mr_timeline_peak(const struct mr_timeline *t, enum mr_series series)
{
	return t->samples.peak[series];
}

/* --- text --- */

static void begin_line(struct mr_json_writer *w)
{
	*w = (struct mr_json_writer){ .out = w->out };
	mr_json_begin_object(w, NULL);
}

static void end_line(struct mr_json_writer *w)
{
	mr_json_end(w);
	mr_str_append(&w->out, "\n");
}

/* By hand: 200 a second, and printf would be a third of what a sample costs. */
static char *put_digits(char *p, const char *key, uint64_t v)
{
	char digits[24];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	p = stpcpy(stpcpy(stpcpy(p, ",\""), key), "\":");
	memcpy(p, digits + n, sizeof(digits) - n);
	return p + sizeof(digits) - n;
}

static void put_known(struct mr_json_writer *w, const char *key, uint64_t v)
{
	if (v != MR_UNKNOWN)
		mr_json_put_uint(w, key, v);
}

static void put_head(const struct mr_timeline *t, struct mr_json_writer *w)
{
	char time[40];

	begin_line(w);
	mr_json_put_int(w, "timeline", 1);
	mr_json_put_text(w, "id", t->id);
	mr_json_put_text(w, "time", mr_format_time(t->opened, time));
	mr_json_put_int(w, "interval_ms", t->samples.interval_ms);
	mr_json_put_int(w, "cgroup_version", t->v2 ? 2 : 1);
	if (t->events_dropped)
		mr_json_put_uint(w, "events_dropped", t->events_dropped);
	end_line(w);
}

void mr_timeline_format_sample(const struct mr_sample *s, struct mr_str *out)
{
	char line[48 * (MR_SERIES_N + 3)], *p = put_digits(line, "t", (uint64_t)s->usec);

	for (int i = 0; i < MR_SERIES_N; i++)
		if (s->value[i] != MR_UNKNOWN)
			p = put_digits(p, series_names[i], s->value[i]);
	if (s->usage_min != s->value[MR_SERIES_USAGE])
		p = put_digits(p, "usage_min", s->usage_min);
	if (s->anon_max != s->value[MR_SERIES_ANON])
		p = put_digits(p, "anon_max", s->anon_max);
	line[0] = '{';
	p = stpcpy(p, "}\n");
	mr_str_append_n(out, line, (size_t)(p - line));
}

static void put_end(struct mr_json_writer *w, int status)
{
	char name[24] = "";

	if (status < 0)
		return;
	if (!WIFSIGNALED(status)) {
		mr_json_put_int(w, "code", WEXITSTATUS(status));
		return;
	}
	const char *known = sigabbrev_np(WTERMSIG(status));
	snprintf(name, sizeof(name), known ? "SIG%s" : "SIG%.0s%d", known ? known : "",
		WTERMSIG(status));
	mr_json_put_text(w, "signal", name);
}

static void put_event(const struct mr_timeline_event *e, struct mr_json_writer *w)
{
	begin_line(w);
	mr_json_put_int(w, "t", e->usec);
	mr_json_put_text(w, "event", event_names[e->kind]);
	switch (e->kind) {
	case MR_EVENT_LIMIT:
	case MR_EVENT_ANCESTOR_LIMIT:
		put_known(w, "from", e->from);
		put_known(w, "to", e->to);
		break;
	case MR_EVENT_LIMIT_REFUSED:
		put_known(w, "to", e->to);
		break;
	case MR_EVENT_OOM_KILL:
		if (e->victim) {
			mr_json_put_int(w, "pid", e->victim);
			mr_json_put_text(w, "comm", e->comm);
		}
		break;
	case MR_EVENT_UNDER_OOM:
		mr_json_put_bool(w, "hanging", e->to != 0);
		break;
	case MR_EVENT_EXIT:
		put_end(w, (int)e->to);
		break;
	default:
		break;
	}
	end_line(w);
}

static void put_lane(const struct mr_lane *l, struct mr_json_writer *w)
{
	begin_line(w);
	mr_json_put_int(w, "process", l->pid);
	if (l->inner)
		mr_json_put_int(w, "pid", l->inner);
	mr_json_put_text(w, "comm", l->comm);
	mr_json_put_int(w, "begin", l->begin);
	if (l->end >= 0)
		mr_json_put_int(w, "end", l->end);
	put_end(w, l->status);
	if (l->oom_killed)
		mr_json_put_bool(w, "oom_killed", true);
	mr_json_put_uint(w, "max_rss", l->max_rss);
	mr_json_put_uint(w, "max_vm", l->max_vm);
	mr_json_begin_array(w, "points"); /* t, rss, vm */
	for (size_t i = 0; i < l->n; i++) {
		mr_json_begin_array(w, NULL);
		mr_json_put_int(w, NULL, l->points[i].usec);
		mr_json_put_uint(w, NULL, l->points[i].rss);
		mr_json_put_uint(w, NULL, l->points[i].vm);
		mr_json_end(w);
	}
	mr_json_end(w);
	end_line(w);
}

void mr_timeline_format_event(const struct mr_timeline_event *e, struct mr_str *out)
{
	struct mr_json_writer w = { .out = *out };

	put_event(e, &w);
	*out = w.out;
}

void mr_timeline_format(const struct mr_timeline *t, struct mr_str *out)
{
	struct mr_json_writer w = { .out = *out };
	size_t e = 0;

	put_head(t, &w);
	for (size_t i = 0; i < t->samples.n; i++) {
		const struct mr_sample *s = &t->samples.items[i];
		while (e < t->n_events && t->events[e].usec < s->usec)
			put_event(&t->events[e++], &w);
		mr_timeline_format_sample(s, &w.out);
	}
	while (e < t->n_events)
		put_event(&t->events[e++], &w);
	for (size_t i = 0; i < t->lanes.n; i++)
		put_lane(&t->lanes.items[i], &w);
	if (t->lanes.not_kept) {
		begin_line(&w);
		mr_json_put_uint(&w, "processes_not_kept", t->lanes.not_kept);
		end_line(&w);
	}
	*out = w.out;
}
