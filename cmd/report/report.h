/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_REPORT_REPORT_H
#define CMD_REPORT_REPORT_H

#include "base/json.h"
#include "base/str.h"
#include "minirun.h"

#include <stdio.h>

/*
 * minirun-report: one direction, record and timeline -> struct run -> gnuplot's script, a
 * text or a page. Names that a container gave itself pass through clean_name() or
 * put_html() on every way out.
 */

/** The layers of the chart, from below. */
enum layer { KERNEL, ANON, SHMEM, FILE_CACHE, SWAP, LAYERS };
struct layer_style {
	const char *color, *name, *short_name, *key; /* key: the timeline's */
	char letter;                                 /* in a terminal */
	int pattern;                                 /* gnuplot's, 0: plain */
	const char *pattern_color;
	bool light_text;
};
extern const struct layer_style layer_styles[LAYERS];
#define LIMIT_COLOR "#C00000"
#define HIGH_COLOR  "#6B3D00"

/** Lines over the areas, when asked for. */
enum extra { VIRT, RSS, WORKING_SET, DIRTY, PROCESSES, EXTRAS };
struct extra_style {
	const char *word, *name, *color; /* word: as the option has it */
};
extern const struct extra_style extra_styles[EXTRAS];

/** One sample; bytes, NAN where not known. Times are seconds since the exec. */
struct point {
	double t, part[LAYERS], usage, limit, above, high, some, full, inactive,
		dirty;
};

struct event {
	double t;
	enum event_kind { EVENT_KILL, EVENT_LIMIT, EVENT_REFUSED, EVENT_STILL, EVENT_GOES_ON } kind;
	char name[32]; /* the victim, clean, "" unknown */
	double bytes;  /* the new limit, NAN: none */
};

/** What went on until @t, in the words of --notes. */
struct note {
	double t;
	char text[40]; /* clean */
};

struct lane_point {
	double t, rss, vm;
};

/** One process. */
struct lane {
	char name[32]; /* clean */
	int pid;       /* in the container, 0 unknown */
	double begin, end, max_rss, max_vm;
	enum lane_end { LIVES, EXITED, SIGNALLED, OOM_KILLED, GONE } how;
	char how_text[24]; /* "exit 3", "SIGTERM" */
	struct lane_point *points;
	size_t n;
};

/** One container, as a chart wants it. */
struct run {
	char *status_text;
	struct mr_json_doc doc;
	const struct mr_json *status; /* root of doc */
	char name[64];                /* clean */
	struct point *points;
	size_t n_points, cap_points;
	struct event events[64];
	size_t n_events, more_kills;
	struct lane *lanes;
	size_t n_lanes, lanes_not_kept;
	struct note notes[32];
	size_t n_notes;
	double end;  /* of the life, seconds */
	double from; /* drawn from here on; 0: the whole */
	bool has_psi;
	double peak[LAYERS]; /* bytes, NAN */
	bool extras[EXTRAS]; /* asked for */
	double max_bytes;    /* largest of usage, and of limits that it comes near */
};

int run_load(struct run *r, const char *status_path, const char *timeline_path,
	struct mr_error *err);
/** Lines "SECONDS TEXT": what the program did until then, counted from its exec. */
int run_take_notes(struct run *r, const char *path, struct mr_error *err);
void run_clear(struct run *r);
/** The point of it in one sentence, and what the shape says or "". */
void run_headline(const struct run *r, struct mr_str *out);
void run_subline(const struct run *r, struct mr_str *out);
/** Lines for the margin: how it ended, the limit, the peaks. */
void run_facts(const struct run *r, struct mr_strv *out);

/** Where a short death after a long life began, for a panel of its own; 0: no need. */
double run_death(const struct run *r);

/** Printable ASCII without quotes, backticks, braces and backslashes. */
void clean_name(const char *text, char *ret, size_t size);
/** The unit for amounts up to @bytes. */
struct unit {
	double bytes;
	const char *name;
};
struct unit unit_of(double bytes);
/** "63.8 MiB" */
const char *size_text(double bytes, char buf[static 24]);
/** At @t, between two points; NAN outside. @layer LAYERS: usage */
double value_at(const struct run *r, double t, int layer);

/** The same for a line: of all processes together, or of the cgroup; NAN unknown. */
double extra_at(const struct run *r, double t, enum extra which);
/** The resident size of a process at @t, 0 before and after its life. */
double rss_at(const struct lane *l, double t);
#define MAX_SHOWN_LANES 8
/** The largest, in the order of their start. @return how many */
int largest_lanes(const struct run *r, const struct lane *ret[MAX_SHOWN_LANES]);
/** Draw that line too. @word as in --line. -EINVAL: there is none of that name */
int run_ask(struct run *r, const char *word);

/* --- outputs --- */

enum picture { SVG, PNG };
/** gnuplot's script for one run, or two side by side on one scale. */
void chart_script(
	const struct run *const *runs, int n, enum picture kind, struct mr_str *out);
/** Where the plot of panel @i is, in pixels of a @chart_width() x CHART_HEIGHT picture.
 */
struct box {
	double left, right, top, bottom, t0, t1, max_bytes;
};
struct box chart_box(const struct run *const *runs, int n, int i);
int chart_width(int n);
#define CHART_HEIGHT 640

/** @return 0, or a negative errno; -ENOENT: gnuplot is not installed */
int gnuplot_run(const char *script, size_t len, char **ret, size_t *ret_len,
	struct mr_error *err);
/** gnuplot's SVG with our title, description and colours for dark screens. */
void svg_finish(
	const struct run *const *runs, int n, const char *svg, struct mr_str *out);

/** The samples as a table; seconds count from the exec, what is not known is empty. */
void csv_table(const struct run *r, struct mr_str *out);
/** 90 columns, 22 lines. */
void term_print(const struct run *r, bool color, FILE *out);
void html_page(const struct run *const *runs, int n, const char *svg, struct mr_str *out);
/** With &lt; and so on. */
void put_html(struct mr_str *out, const char *text);

#endif
