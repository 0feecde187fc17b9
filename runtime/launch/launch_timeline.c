/* SPDX-License-Identifier: Apache-2.0 */
/* What --timeline adds to a launch: the step that opens it, and the end. */
#include "launch/launch_state.h"

bool mr_launch_wants_timeline(const struct mr_plan *p)
{
	return p->timeline_path[0] || p->options.progress;
}

int mr_launch_step_timeline(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_plan *p = l->plan;
	int ret = mr_timeline_open(&l->timeline, p->timeline_path,
		(int)p->options.timeline_interval_ms, p->id, &l->cgroup, err);

	l->has_timeline = ret == 0;
	l->monitor.timeline = ret == 0 ? &l->timeline : NULL;
	return ret;
}

void mr_launch_describe_timeline(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s", p->timeline_path);
}

/* The log may have told fewer victims than were counted: then nobody is named. */
static void judge_shape(struct mr_launch *l)
{
	struct mr_timeline *t = &l->timeline;
	const struct mr_verdict *v = &l->verdict;
	int64_t end = mr_timeline_first(t, MR_EVENT_OOM_KILL);
	uint64_t limit = v->limit.set ? v->limit.value : l->limits.effective_memory.value;

	for (size_t i = 0; i < v->n_victims && v->n_victims == v->kills; i++)
		mr_timeline_victim(t, i, v->victims[i].kill.pid, v->victims[i].kill.comm);
	if (!v->known || v->kills == 0 || end < 0 || limit == 0)
		return;
	mr_shape_take(&t->samples, mr_timeline_first(t, MR_EVENT_EXEC), end, limit, &l->shape);
	l->record.shape = &l->shape;
}

/* What another process has tried, as far as it is known. */
static void take_refused(struct mr_launch *l)
{
	struct mr_refused refused[64];
	ssize_t n = mr_state_read_refused(&l->state, refused, 64);

	for (ssize_t i = 0; i < n; i++)
		mr_timeline_refused(&l->timeline, refused[i].mono_ns, refused[i].bytes);
}

int mr_launch_finish_timeline(struct mr_launch *l, struct mr_error *err)
{
	struct mr_timeline *t = &l->timeline;
	struct mr_record *r = &l->record;

	if (!l->has_timeline)
		return 0;
	take_refused(l);
	mr_timeline_event(t, MR_EVENT_EXIT, (uint64_t)l->monitor.status);
	mr_timeline_oom(t, t->ooms, l->verdict.kills, t->hanging);
	judge_shape(l);
	r->timeline = l->plan->timeline_path[0] ? l->plan->timeline_path : NULL;
	r->peak_anon = mr_timeline_peak(t, MR_SERIES_ANON);
	r->peak_kernel = mr_timeline_peak(t, MR_SERIES_KERNEL);
	r->peak_swap = mr_timeline_peak(t, MR_SERIES_SWAP);
	return mr_timeline_finish(t, err);
}
