/* SPDX-License-Identifier: Apache-2.0 */
/* What a chart says in words: the point of it, and the facts in its margin. */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct mr_json *get(const struct run *r, const char *path)
{
	return mr_json_path(r->status, path);
}

static const char *text_of(const struct run *r, const char *path, char *buf, size_t size)
{
	const struct mr_json *v = get(r, path);
	bool fine = v && v->type == MR_JSON_STRING && v->text[0];

	if (!fine)
		return NULL;
	clean_name(v->text, buf, size);
	return buf;
}

static double bytes_of(const struct run *r, const char *path)
{
	const struct mr_json *v = get(r, path);

	return v && v->type == MR_JSON_NUMBER ? strtod(v->text, NULL) : NAN;
}

static void put_end(const struct run *r, struct mr_str *out)
{
	char buf[32];
	double code = bytes_of(r, "Exit.Code");

	if (text_of(r, "Exit.Signal", buf, sizeof(buf)))
		mr_str_appendf(out, "ended by %s", buf);
	else if (!isnan(code))
		mr_str_appendf(out, "ended with exit code %.0f", code);
	else
		mr_str_append(out, mr_json_bool(get(r, "Exit"), "TimedOut", false)
					   ? "was ended by the timeout"
					   : "has not ended");
}

static void put_victim(const struct run *r, struct mr_str *out)
{
	const struct mr_json *victims = get(r, "OOM.Victims");
	const struct mr_json *first = victims ? victims->child : NULL;
	int64_t adj = mr_json_int(first, "OomScoreAdj", 0);
	char name[32];

	clean_name(mr_json_text(first, "Comm", "a process"), name, sizeof(name));
	mr_str_append(out, name);
	if (adj)
		mr_str_appendf(out, " (oom_score_adj %lld)", (long long)adj);
}

/* The largest layer where usage is highest, if it is more than half of it; else LAYERS.
 */
static int main_layer(const struct run *r)
{
	const struct point *top = &r->points[0];

	for (size_t i = 1; i < r->n_points; i++)
		if (r->points[i].usage > top->usage)
			top = &r->points[i];
	for (int i = 0; i < SWAP; i++)
		if (top->part[i] > top->usage / 2)
			return i;
	return LAYERS;
}

static void put_whose_limit(const struct run *r, struct mr_str *out)
{
	char scope[32] = "", size[24], cgroup[128] = "";
	double limit = bytes_of(r, "OOM.LimitBytes");

	text_of(r, "OOM.Scope", scope, sizeof(scope));
	text_of(r, "OOM.LimitCgroup", cgroup, sizeof(cgroup));
	if (!strcmp(scope, "host")) {
		mr_str_append(out, "the host ran out of memory");
		return;
	}
	if (isnan(limit)) {
		mr_str_append(out, "at a limit that is not known");
		return;
	}
	mr_str_appendf(out, "at the limit of %s%s",
		!strcmp(scope, "ancestor") ? "a parent cgroup, " : "",
		size_text(limit, size));
}

void run_headline(const struct run *r, struct mr_str *out)
{
	char size[24];
	double kills = bytes_of(r, "OOM.Kills");
	const struct mr_json *init = get(r, "OOM.InitKilled");

	if (isnan(kills) || kills < 1) {
		put_end(r, out);
		mr_str_appendf(out, ", %s; peak %s",
			isnan(kills) ? "OOM kills unknown" : "no OOM kill",
			size_text(bytes_of(r, "Memory.PeakBytes"), size));
		return;
	}
	put_victim(r, out);
	mr_str_append(out, " was OOM-killed ");
	put_whose_limit(r, out);
	if (kills > 1)
		mr_str_appendf(out, ", and %.0f more", kills - 1);
	if (init && init->type == MR_JSON_BOOL && !init->boolean) {
		mr_str_append(out, "; PID 1 lived on and ");
		put_end(r, out);
	}
}

void run_subline(const struct run *r, struct mr_str *out)
{
	static const char *const kinds[][2] = {
		{"limit-too-small",
			"Shape: flat, then a jump: the limit is too small for it"},
		{"still-growing",
			"Shape: a straight line up: still growing, as a leak does"},
	};
	static const char *const most[LAYERS + 1] = {
		[KERNEL] = "Most of it was kernel memory",
		[SHMEM] = "Most of it was shared memory or tmpfs"};
	const char *kind = mr_json_text(get(r, "Verdict"), "Kind", "");
	const struct point *last = &r->points[r->n_points - 1];
	int layer = main_layer(r);
	double limit = bytes_of(r, "Memory.EffectiveLimitBytes"), waited = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kind, kinds[i][0]))
			mr_str_append(out, kinds[i][1]);
	for (size_t i = 0; i < r->n_events && !out->len; i++)
		if (r->events[i].kind == EVENT_STILL)
			mr_str_append(out,
				"At the limit it stood still: the OOM killer is disabled");
	if (out->len)
		return;
	for (size_t i = 0; i < r->n_points; i++)
		waited = fmax(
			waited, isnan(r->points[i].full) ? 0 : r->points[i].full / 1e6);
	if (waited > 0.2 * last->t)
		mr_str_appendf(out,
			"For %.0f %% of its life everybody in it waited for memory",
			fmin(100, 100 * waited / r->end));
	else if (bytes_of(r, "OOM.Kills") == 0 && r->peak[FILE_CACHE] > 0.3 * limit &&
		 r->max_bytes >= 0.97 * limit &&
		 bytes_of(r, "Memory.PeakBytes") >= 0.97 * limit)
		mr_str_append(out,
			"At the limit the kernel dropped page cache, and killed nobody");
	else if (most[layer])
		mr_str_append(out, most[layer]);
}

void run_facts(const struct run *r, struct mr_strv *out)
{
	char buf[96], size[24], own[24];
	double kills = bytes_of(r, "OOM.Kills"), limit = bytes_of(r, "Memory.LimitBytes");
	double effective = bytes_of(r, "Memory.EffectiveLimitBytes");
	auto_str end = {0};

	if (isnan(kills))
		mr_strv_add(out, "OOM kills: unknown");
	else
		mr_strv_addf(out, kills > 0 ? "OOMKilled: yes (%.0f)" : "OOMKilled: no",
			kills);
	put_end(r, &end);
	mr_strv_add(out, mr_str_text(&end));
	double wall = bytes_of(r, "Exit.WallUsec") / 1e6;
	if (!isnan(wall))
		mr_strv_addf(out, wall < 2 ? "after %.0f ms" : "after %.2f s",
			wall < 2 ? wall * 1000 : wall);
	mr_strv_addf(out, "limit: %s", isnan(limit) ? "none" : size_text(limit, own));
	if (!isnan(effective) && (isnan(limit) || effective < limit)) {
		mr_strv_addf(out, "in force: %s of", size_text(effective, size));
		mr_strv_addf(out, "  %s",
			text_of(r, "Memory.EffectiveLimitCgroup", buf, sizeof(buf))
				? buf
				: "?");
	}
	mr_strv_addf(out, "peak: %s", size_text(bytes_of(r, "Memory.PeakBytes"), size));
}
