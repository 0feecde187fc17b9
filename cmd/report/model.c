/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record (minirun-status(5)) and its timeline (minirun-timeline(5)) to struct run.
 * Both are files of others by the time they are read: what has another type than expected
 * is not known.
 */
#include "report/report.h"

#include "base/errors.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#define MAX_FILE (64u << 20)
#define MAX_LANES 64

const struct layer_style layer_styles[LAYERS] = {
	[KERNEL] = {"#7B3294", "kernel memory", "kernel", "kernel", 'k', 6, "#A569BD",
		true},
	[ANON] = {"#E69F00", "anonymous memory", "anon", "anon", 'a', 0, NULL, false},
	[SHMEM] = {"#009E73", "shared memory, tmpfs", "shmem", "shmem", 's', 4, "#33C29B",
		false},
	[FILE_CACHE] = {"#56B4E9", "page cache", "cache", "file", 'c', 5, "#86CCF3",
		false},
	[SWAP] = {"#999999", "swapped out", "swap", "swap", 'w', 2, "#BBBBBB", false},
};

const struct extra_style extra_styles[EXTRAS] = {
	[VIRT] = {"virt", "VIRT of all processes", "#000000"},
	[RSS] = {"rss", "RSS of all processes", "#0072B2"},
	[WORKING_SET] = {"working-set", "working set (usage less inactive file)",
		"#D55E00"},
	[DIRTY] = {"dirty", "not yet written to disk", "#0B3C5D"},
	[PROCESSES] = {"processes", "", ""}, /* no line: an area for each */
};

void clean_name(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		bool fine = *text >= ' ' && *text < 0x7f && !strchr("'\"`{}\\", *text);
		ret[n++] = fine ? *text : '?';
	}
	ret[n] = '\0';
}

struct unit unit_of(double bytes)
{
	static const struct unit units[] = {
		{1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"}};

	return units[bytes >= 2.0 * units[2].bytes ? 2 : bytes >= units[1].bytes ? 1 : 0];
}

const char *size_text(double bytes, char buf[static 24])
{
	struct unit u = unit_of(bytes);
	double v = bytes / u.bytes;

	if (isnan(bytes))
		snprintf(buf, 24, "unknown");
	else
		snprintf(buf, 24, fabs(v - round(v)) < 0.005 ? "%.0f %s" : "%.1f %s", v,
			u.name);
	return buf;
}

/* --- the timeline --- */

static double number(const struct mr_json *line, const char *key)
{
	int64_t v = mr_json_int(line, key, -1);
	return v < 0 ? NAN : (double)v;
}

static double seconds(const struct mr_json *line, const char *key)
{
	return number(line, key) / 1e6;
}

static int add_point(struct run *r, const struct mr_json *line)
{
	if (r->n_points == r->cap_points) {
		size_t cap = r->cap_points ? 2 * r->cap_points : 256;
		struct point *p = realloc(r->points, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		r->points = p;
		r->cap_points = cap;
	}
	struct point *p = &r->points[r->n_points++];
	*p = (struct point){.t = seconds(line, "t"),
		.usage = number(line, "usage"),
		.limit = number(line, "limit"),
		.above = number(line, "ancestor_limit"),
		.high = number(line, "high"),
		.some = number(line, "psi_some"),
		.full = number(line, "psi_full"),
		.inactive = number(line, "inactive_file"),
		.dirty = number(line, "dirty")};
	for (int i = 0; i < LAYERS; i++)
		p->part[i] = number(line, layer_styles[i].key);
	r->has_psi |= !isnan(p->some);
	if (isnan(p->t) || isnan(p->usage))
		r->n_points--;
	return 0;
}

static void add_event(
	struct run *r, const struct mr_json *line, double *exec, double *exit)
{
	const char *kind = mr_json_text(line, "event", "");
	struct event e = {.t = seconds(line, "t"), .bytes = number(line, "to")};

	if (isnan(e.t))
		return;
	if (mr_streq(kind, "exec"))
		*exec = e.t;
	if (mr_streq(kind, "exit"))
		*exit = e.t;
	if (mr_streq(kind, "oom-kill"))
		e.kind = EVENT_KILL;
	else if (mr_streq(kind, "limit"))
		e.kind = EVENT_LIMIT;
	else if (mr_streq(kind, "limit-refused"))
		e.kind = EVENT_REFUSED;
	else if (mr_streq(kind, "under-oom"))
		e.kind = mr_json_bool(line, "hanging", false) ? EVENT_STILL
							      : EVENT_GOES_ON;
	else
		return;
	clean_name(mr_json_text(line, "comm", ""), e.name, sizeof(e.name));
	if (r->n_events < sizeof(r->events) / sizeof(r->events[0]))
		r->events[r->n_events++] = e;
	else
		r->more_kills += e.kind == EVENT_KILL;
}

/* @exit: the record's. Ends of others than init the kernel tells only since 6.15. */
static void take_end(struct lane *l, const struct mr_json *line, const struct mr_json *exit)
{
	int64_t code = mr_json_int(line, "code", -1);
	const char *signal = mr_json_text(line, "signal", NULL);

	if (isnan(l->end))
		return;
	if (code < 0 && !signal && l->pid == 1 && exit) {
		code = mr_json_int(exit, "Code", -1);
		signal = mr_json_text(exit, "Signal", NULL);
	}
	l->how = GONE;
	if (code >= 0) {
		l->how = EXITED;
		snprintf(l->how_text, sizeof(l->how_text), "exit %d", (int)(code & 0xff));
	} else if (signal) {
		l->how = SIGNALLED;
		clean_name(signal, l->how_text, sizeof(l->how_text));
	}
	if (mr_json_bool(line, "oom_killed", false)) {
		l->how = OOM_KILLED;
		snprintf(l->how_text, sizeof(l->how_text), "OOM-killed");
	}
}

static int add_lane(struct run *r, const struct mr_json *line)
{
	const struct mr_json *points = mr_json_get(line, "points");
	const char *comm = mr_json_text(line, "comm", "");

	/* minirun's own: the minimal init, and a start that went no further. */
	if (mr_has_prefix(comm, "minirun-") || r->n_lanes == MAX_LANES)
		return 0;
	struct lane *lanes = realloc(r->lanes, (r->n_lanes + 1) * sizeof(*lanes));
	if (!lanes)
		return -ENOMEM;
	r->lanes = lanes;
	struct lane *l = &lanes[r->n_lanes++];
	*l = (struct lane){.pid = (int)mr_json_int(line, "pid", 0),
		.begin = seconds(line, "begin"),
		.end = seconds(line, "end"),
		.max_rss = number(line, "max_rss"),
		.max_vm = number(line, "max_vm")};
	clean_name(comm, l->name, sizeof(l->name));
	take_end(l, line, mr_json_get(r->status, "Exit"));
	l->points = calloc(points ? points->n + 1 : 1, sizeof(*l->points));
	for (const struct mr_json *p = points ? points->child : NULL; p && l->points;
		p = p->next) {
		const struct mr_json *t = p->child, *rss = t ? t->next : NULL;
		const struct mr_json *vm = rss ? rss->next : NULL;
		if (vm && t->type == MR_JSON_NUMBER && rss->type == MR_JSON_NUMBER &&
			vm->type == MR_JSON_NUMBER)
			l->points[l->n++] =
				(struct lane_point){strtod(t->text, NULL) / 1e6,
					strtod(rss->text, NULL), strtod(vm->text, NULL)};
	}
	return l->points ? 0 : -ENOMEM;
}

static int add_line(struct run *r, const struct mr_json *line, double *exec, double *exit)
{
	if (mr_json_get(line, "usage"))
		return add_point(r, line);
	if (mr_json_get(line, "process"))
		return add_lane(r, line);
	if (mr_json_get(line, "event"))
		add_event(r, line, exec, exit);
	r->lanes_not_kept += (size_t)mr_json_int(line, "processes_not_kept", 0);
	return 0;
}

/* The end of a process is seen late, its kill at once: if there is one of that name. */
static void end_the_killed(struct run *r)
{
	for (size_t i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];
		const struct event *kill = NULL;
		size_t n = 0;
		for (size_t k = 0; k < r->n_events; k++) {
			const struct event *e = &r->events[k];
			if (e->kind == EVENT_KILL && !strcmp(e->name, l->name)) {
				kill = e;
				n++;
			}
		}
		if (l->how == OOM_KILLED && n == 1 && kill->t > l->begin)
			l->end = fmin(l->end, kill->t);
	}
}

/* Times from now on count from the exec. */
static void shift(struct run *r, double by)
{
	for (size_t i = 0; i < r->n_points; i++)
		r->points[i].t -= by;
	for (size_t i = 0; i < r->n_events; i++)
		r->events[i].t -= by;
	for (size_t i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];
		l->begin -= by;
		l->end -= by;
		for (size_t k = 0; k < l->n; k++)
			l->points[k].t -= by;
	}
}

static int read_timeline(struct run *r, const char *path, struct mr_error *err)
{
	autofree char *text = NULL;
	double exec = 0, exit = NAN;
	int ret = mr_read_file_at(AT_FDCWD, path, MAX_FILE, &text, NULL), n = 0;

	if (ret < 0)
		return mr_fail(err, -ret, "cannot read the timeline '%s'", path);
	for (char *line = text, *end; ret == 0 && *line; line = end) {
		auto_json doc = {0};
		struct mr_error bad;
		end = strchrnul(line, '\n');
		/* A last line without its end is what a crash leaves. */
		if (mr_json_parse(path, line, (size_t)(end - line), &doc, &bad) == 0)
			ret = add_line(r, doc.root, &exec, &exit);
		else if (*end)
			return mr_fail_text(err, EINVAL,
				"timeline '%s', line %d: no JSON object", path, n + 1);
		end += *end == '\n';
		n++;
	}
	if (ret < 0)
		return mr_fail(err, -ret, "timeline '%s'", path);
	if (r->n_points < 2)
		return mr_fail_text(err, EINVAL,
			"timeline '%s' has %zu samples: nothing to draw", path,
			r->n_points);
	end_the_killed(r);
	double last = r->points[r->n_points - 1].t;
	r->end = (isnan(exit) ? last : exit) - exec;
	shift(r, exec);
	return 0;
}

/* --- all of it --- */

/* What a look at the whole tells: peaks, and how high the chart must be. */
static void measure(struct run *r)
{
	double usage = 0, limit = 0;

	for (int i = 0; i < LAYERS; i++)
		r->peak[i] = NAN;
	for (size_t k = 0; k < r->n_points; k++) {
		const struct point *p = &r->points[k];
		double swap = isnan(p->part[SWAP]) ? 0 : p->part[SWAP];
		usage = fmax(usage, p->usage + swap);
		for (int i = 0; i < LAYERS; i++)
			r->peak[i] = fmax(r->peak[i], p->part[i]);
		if (!isnan(p->limit))
			limit = fmax(limit, p->limit);
	}
	/* A limit out of reach would flatten everything else. */
	r->max_bytes = limit > 5 * usage ? usage : fmax(usage, limit);
	if (r->max_bytes <= 0)
		r->max_bytes = 1048576;
}

static char *timeline_of(const struct run *r, const char *status_path)
{
	const char *name = mr_json_text(r->status, "Timeline", NULL);
	const char *base = mr_path_base(status_path);
	char *path = NULL;

	if (name &&
		asprintf(&path, "%.*s%s", name[0] == '/' ? 0 : (int)(base - status_path),
			status_path, name) < 0)
		path = NULL;
	return path;
}

static int is_timeline(const char *path, struct mr_error *err)
{
	mr_fail_text(err, EINVAL, "'%s' is a timeline: the record of its run is needed", path);
	mr_hint(err, "that is the file of run --status, which names its timeline itself");
	return -EINVAL;
}

static int has_no_timeline(const struct run *r, const char *path, struct mr_error *err)
{
	const struct mr_json *state = mr_json_get(r->status, "State");

	if (mr_streq(mr_json_text(state, "Status", ""), "created"))
		return mr_fail_text(err, EINVAL, "nothing to draw in '%s': it did not start: %s", path,
			mr_json_text(state, "Error", ""));
	mr_fail_text(err, EINVAL, "the record '%s' has no timeline", path);
	mr_hint(err, "minirun run --timeline FILE --status FILE ... records one");
	return -EINVAL;
}

int run_load(struct run *r, const char *status_path, const char *timeline_path,
	struct mr_error *err)
{
	size_t len;
	autofree char *found = NULL;
	int ret = mr_read_file_at(AT_FDCWD, status_path, MAX_FILE, &r->status_text, &len);

	if (ret < 0)
		return mr_fail(err, -ret, "cannot read the record '%s'", status_path);
	if (mr_has_prefix(r->status_text, "{\"timeline\":"))
		return is_timeline(status_path, err);
	ret = mr_json_parse(status_path, r->status_text, len, &r->doc, err);
	if (ret < 0)
		return ret;
	r->status = r->doc.root;
	if (!mr_json_get(r->status, "State"))
		return mr_fail_text(err, EINVAL,
			"'%s' is no record of minirun: it has no State", status_path);
	const char *name = mr_json_text(r->status, "Name", "");
	clean_name(name + (*name == '/'), r->name, sizeof(r->name));
	if (!timeline_path)
		timeline_path = found = timeline_of(r, status_path);
	if (!timeline_path)
		return has_no_timeline(r, status_path, err);
	ret = read_timeline(r, timeline_path, err);
	if (ret == 0)
		measure(r);
	return ret;
}

int run_take_notes(struct run *r, const char *path, struct mr_error *err)
{
	autofree char *text = NULL;
	int ret = mr_read_file_at(AT_FDCWD, path, MAX_FILE, &text, NULL);

	if (ret < 0)
		return mr_fail(err, -ret, "cannot read the notes '%s'", path);
	for (char *line = text, *next; *line; line = next) {
		char *end = strchrnul(line, '\n'), *rest;
		double t = strtod(line, &rest);
		next = end + (*end == '\n');
		*end = '\0';
		if (rest == line || *rest != ' ' || !isfinite(t))
			return mr_fail_text(err, EINVAL,
				"notes '%s': expected SECONDS TEXT, found '%s'", path, line);
		if (r->n_notes == sizeof(r->notes) / sizeof(r->notes[0]))
			break;
		struct note *n = &r->notes[r->n_notes++];
		n->t = t;
		clean_name(rest + 1, n->text, sizeof(n->text));
	}
	return 0;
}

void run_clear(struct run *r)
{
	for (size_t i = 0; i < r->n_lanes; i++)
		free(r->lanes[i].points);
	free(r->lanes);
	free(r->points);
	mr_json_clear(&r->doc);
	free(r->status_text);
}

double value_at(const struct run *r, double t, int layer)
{
	size_t i = 1;

	while (i < r->n_points && r->points[i].t < t)
		i++;
	if (i == r->n_points || t < r->points[0].t)
		return NAN;
	const struct point *a = &r->points[i - 1], *b = &r->points[i];
	double from = layer == LAYERS ? a->usage : a->part[layer];
	double to = layer == LAYERS ? b->usage : b->part[layer];
	return b->t > a->t ? from + (to - from) * (t - a->t) / (b->t - a->t) : to;
}

static const struct lane_point *lane_at(const struct lane *l, double t)
{
	const struct lane_point *at = NULL;

	for (size_t k = 0; k < l->n && l->points[k].t <= t; k++)
		at = &l->points[k];
	return t > l->end ? NULL : at;
}

double rss_at(const struct lane *l, double t)
{
	const struct lane_point *at = lane_at(l, t);
	return at ? at->rss : 0;
}

int largest_lanes(const struct run *r, const struct lane *ret[MAX_SHOWN_LANES])
{
	int n = 0;

	for (size_t i = 0; i < r->n_lanes; i++) {
		int larger = 0;
		for (size_t k = 0; k < r->n_lanes; k++)
			larger += r->lanes[k].max_rss > r->lanes[i].max_rss ||
				  (r->lanes[k].max_rss == r->lanes[i].max_rss && k < i);
		if (larger < MAX_SHOWN_LANES)
			ret[n++] = &r->lanes[i];
	}
	return n;
}

double extra_at(const struct run *r, double t, enum extra which)
{
	double sum = 0;

	if (which == WORKING_SET || which == DIRTY) {
		size_t i = 0;
		while (i + 1 < r->n_points && r->points[i + 1].t <= t)
			i++;
		const struct point *p = &r->points[i];
		return which == DIRTY ? p->dirty : p->usage - p->inactive;
	}
	for (size_t i = 0; i < r->n_lanes; i++) {
		const struct lane_point *at = lane_at(&r->lanes[i], t);
		if (at)
			sum += which == VIRT ? at->vm : at->rss;
	}
	return sum;
}

int run_ask(struct run *r, const char *word)
{
	for (int i = 0; i < EXTRAS; i++) {
		if (strcmp(word, extra_styles[i].word) != 0)
			continue;
		r->extras[i] = true;
		for (int k = 0; k <= 400; k++)
			r->max_bytes = fmax(r->max_bytes,
				extra_at(r, r->end * k / 400, (enum extra)i));
		return 0;
	}
	return -EINVAL;
}

/* The life without its last 2 s tells nothing of how it ended, if that took less than a
 * twentieth of it: from the half of the peak to the first kill. */
double run_death(const struct run *r)
{
	double kill = NAN, begin = 0, peak = 0;

	for (size_t i = 0; i < r->n_events && isnan(kill); i++)
		kill = r->events[i].kind == EVENT_KILL ? r->events[i].t : NAN;
	if (isnan(kill) || r->end < 2)
		return 0;
	for (size_t i = 0; i < r->n_points && r->points[i].t <= kill; i++)
		peak = fmax(peak, r->points[i].usage);
	for (size_t i = 0; i < r->n_points && r->points[i].t <= kill; i++)
		if (r->points[i].usage < peak / 2)
			begin = r->points[i].t;
	double took = fmax(kill - begin, 0.01);
	return begin > 0 && took < 0.05 * r->end ? fmax(0.001, begin - 3 * took) : 0;
}
