/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gnuplot's script for one run, or two side by side: memory above, pressure and processes
 * below on the same time axis, facts in a margin of their own so that no text covers
 * data.
 *
 * Everything is placed here, by pixels; gnuplot only draws. Texts stand in single quotes,
 * with noenhanced, and hold nothing but what clean_name() lets through or this program
 * says.
 */
#include "report/panel.h"

#include <math.h>
#include <string.h>

#define MAX_POINTS 400

/* Edges in pixels from above. */
#define PSI_TOP 430.0
#define PSI_BOTTOM 474.0
#define LANES_TOP 488.0
#define LANES_BOTTOM 592.0

#define TICS "nomirror out scale 0.6 textcolor rgb '#333333'"

static void margins(const struct panel *p, double top, double bottom)
{
	put(p, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n",
		x_of(p, p->box.left), x_of(p, p->box.right));
	put(p, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n", y_of(top),
		y_of(bottom));
	put(p, "unset label\nunset arrow\nunset object\n");
}

/* --- data --- */

static void put_value(const struct panel *p, double bytes)
{
	if (isnan(bytes))
		put(p, " NaN");
	else
		put(p, " %.5g", bytes / p->unit.bytes);
}

static void put_point(const struct panel *p, const struct point *q)
{
	double top = 0;

	put(p, "%.9g", q->t / p->second);
	for (int i = 0; i < LAYERS; i++) {
		top += isnan(q->part[i]) ? 0 : q->part[i];
		put_value(p, top);
	}
	put_value(p, q->usage);
	put_value(p, q->limit);
	put_value(p, q->above);
	put_value(p, q->high);
	put(p, "\n");
}

/* Of many points in one stroke's width the highest and the lowest are drawn. */
static void put_points(const struct panel *p)
{
	const struct run *r = p->run;
	size_t first = 0, step;

	while (first + 1 < r->n_points && r->points[first + 1].t < p->box.t0)
		first++;
	step = (r->n_points - first + MAX_POINTS / 2 - 1) / (MAX_POINTS / 2);

	put(p, "$m%d << EOD\n", p->index);
	for (size_t i = first; i < r->n_points; i += step) {
		size_t low = i, high = i;
		for (size_t k = i; k < i + step && k < r->n_points; k++) {
			low = r->points[k].usage < r->points[low].usage ? k : low;
			high = r->points[k].usage > r->points[high].usage ? k : high;
		}
		put_point(p, &r->points[low < high ? low : high]);
		if (low != high)
			put_point(p, &r->points[low < high ? high : low]);
	}
	put(p, "EOD\n");
}

/* Shares of time between two readings, in percent. */
static void put_pressure(const struct panel *p)
{
	const struct run *r = p->run;
	const struct point *last = NULL;
	size_t known = 0, step, k = 0;

	for (size_t i = 0; i < r->n_points; i++)
		known += isnan(r->points[i].some) ? 0 : 1;
	step = known / MAX_POINTS + 1;
	put(p, "$p%d << EOD\n", p->index);
	for (size_t i = 0; i < r->n_points; i++) {
		const struct point *q = &r->points[i];
		if (isnan(q->some) || isnan(q->full) || k++ % step != 0)
			continue;
		double us = last ? (q->t - last->t) * 1e6 : 0;
		if (us > 0)
			put(p, "%.9g %.9g %.2f %.2f\n", last->t / p->second,
				q->t / p->second,
				fmin(100, 100 * (q->some - last->some) / us),
				fmin(100, 100 * (q->full - last->full) / us));
		last = q;
	}
	put(p, "EOD\n");
}

/* --- the panes --- */

static double moment(const struct panel *p, int k)
{
	return p->run->from + (p->run->end - p->run->from) * (k + 0.5) / MAX_POINTS;
}

/* Each on top of those that began before it. */
static void put_processes(const struct panel *p)
{
	const struct lane *lanes[MAX_SHOWN_LANES];
	int n = p->run->extras[PROCESSES] ? largest_lanes(p->run, lanes) : 0;

	for (int i = 0; i < n; i++) {
		put(p, "$s%d_%d << EOD\n", p->index, i);
		for (int k = 0; k < MAX_POINTS; k++) {
			double below = 0, t = moment(p, k);
			for (int j = 0; j < i; j++)
				below += rss_at(lanes[j], t);
			put(p, "%.9g", t / p->second);
			put_value(p, below);
			put_value(p, below + rss_at(lanes[i], t));
			put(p, "\n");
		}
		put(p, "EOD\n");
	}
}

static void plot_processes(const struct panel *p)
{
	static const char *const shades[] = {"#E69F00", "#FBD98A", "#B87A00", "#F5C04D"};
	const struct lane *lanes[MAX_SHOWN_LANES];
	int n = p->run->extras[PROCESSES] ? largest_lanes(p->run, lanes) : 0;

	for (int i = 0; i < n; i++)
		put(p, "$s%d_%d using 1:2:3 with filledcurves fs solid fc rgb '%s' notitle, ",
			p->index, i, shades[i % 4]);
}

static void plot_layers(const struct panel *p)
{
	put(p, "plot -1 notitle, "); /* so that there always is something to draw */
	for (int i = LAYERS - 1; i >= 0; i--) {
		const struct layer_style *s = &layer_styles[i];
		char low[16] = "(0)";
		if (isnan(p->run->peak[i]) || p->run->peak[i] <= 0)
			continue;
		if (i > 0)
			snprintf(low, sizeof(low), "%d", i + 1);
		put(p, "$m%d using 1:%s:%d with filledcurves fs solid fc rgb '%s' notitle, ",
			p->index, low, i + 2, s->color);
		if (s->pattern && p->run->peak[i] > 0.03 * p->run->max_bytes)
			put(p,
				"$m%d using 1:%s:%d with filledcurves fs transparent pattern %d fc rgb "
				"'%s' notitle, ",
				p->index, low, i + 2, s->pattern, s->pattern_color);
	}
	plot_processes(p);
	/* What is nowhere known gnuplot would warn of. */
	static const char *const lines[] = {"lc rgb '" LIMIT_COLOR "' lw 3",
		"lc rgb '" LIMIT_COLOR "' lw 2.5 dt (12,6)",
		"lc rgb '" HIGH_COLOR "' lw 2 dt (3,4)"};
	bool known[3] = {0};
	for (size_t i = 0; i < p->run->n_points; i++) {
		const struct point *q = &p->run->points[i];
		known[0] |= !isnan(q->limit);
		known[1] |= !isnan(q->above);
		known[2] |= !isnan(q->high);
	}
	for (int i = 0; i < 3; i++)
		if (known[i])
			put(p, "$m%d using 1:%d with steps %s notitle, ", p->index,
				LAYERS + 3 + i, lines[i]);
	for (int i = 0; i < PROCESSES; i++)
		if (p->run->extras[i])
			put(p, "$x%d_%d using 1:2 with lines lc rgb '%s' lw 2.5 dt (8,4) notitle, ",
				p->index, i, extra_styles[i].color);
	put(p, "$m%d using 1:%d with lines lc rgb '#000000' lw 1.5 notitle\n", p->index,
		LAYERS + 2);
}

static void put_extras(const struct panel *p)
{
	for (int i = 0; i < PROCESSES; i++) {
		if (!p->run->extras[i])
			continue;
		put(p, "$x%d_%d << EOD\n", p->index, i);
		for (int k = 0; k < MAX_POINTS; k++) {
			double t = moment(p, k);
			put(p, "%.9g", t / p->second);
			put_value(p, extra_at(p->run, t, (enum extra)i));
			put(p, "\n");
		}
		put(p, "EOD\n");
	}
}

static void memory_pane(const struct panel *p)
{
	margins(p, p->box.top, p->box.bottom);
	put_extras(p);
	put_processes(p);
	put_titles(p);
	put_margin(p);
	label_layers(p);
	label_processes(p);
	label_limits(p);
	label_extras(p);
	label_notes(p);
	mark_events(p);
	put(p,
		"set yrange [0:%.6g]\nset ytics autofreq " TICS
		"\nset format x ''\nset ylabel '%s' offset 1.5,0\n",
		p->box.max_bytes / p->unit.bytes, p->unit.name);
	plot_layers(p);
}

static void pressure_pane(const struct panel *p)
{
	const struct run *r = p->run;
	double some = NAN;

	for (size_t i = 0; i < r->n_points; i++)
		some = fmax(some, r->points[i].some);
	margins(p, PSI_TOP, PSI_BOTTOM);
	text_at(p, p->box.right + 16, (PSI_TOP + PSI_BOTTOM) / 2 - 8, "left",
		"waiting for memory");
	if (!(some > 0)) {
		text_at(p, (p->box.left + p->box.right) / 2, (PSI_TOP + PSI_BOTTOM) / 2,
			"center textcolor rgb '#666666'",
			r->has_psi ? "no task waited for memory" : "not known: no PSI");
		put(p, "set yrange [0:100]\nset ytics ('0' 0, '100%%%%' 100) " TICS
		       "\nset ylabel ''\nplot -1 notitle\n");
		return;
	}
	double y = (PSI_TOP + PSI_BOTTOM) / 2 + 10, x = p->box.right;
	swatch(p, x + 22, y, "#BBBBBB");
	text_at(p, x + 36, y, "left", "some task");
	swatch(p, x + 116, y, "#444444");
	text_at(p, x + 130, y, "left", "all");
	put(p, "set yrange [0:100]\nset ytics ('0' 0, '100%%%%' 100) " TICS
	       "\nset ylabel ''\n");
	put(p,
		"plot -1 notitle, $p%d using (($1+$2)/2):($3/2):1:2:(0):3 with boxxyerror fs solid noborder fc rgb "
		"'#BBBBBB' notitle, $p%d using (($1+$2)/2):($4/2):1:2:(0):4 with boxxyerror fs solid "
		"noborder fc rgb '#444444' notitle\n",
		p->index, p->index);
}

static void lane_data(
	const struct panel *p, const struct lane *l, int i, double base, double scale)
{
	double end = isnan(l->end) ? p->run->end : l->end, last = 0;
	size_t k = 0;

	while (k < l->n && l->points[k].t < p->box.t0)
		last = l->points[k++].rss * scale;
	size_t step = (l->n - k) / 100 + 1;
	put(p, "$l%d_%d << EOD\n", p->index, i);
	put(p, "%.9g %.4f %.4f\n", fmax(p->box.t0, l->begin) / p->second, base,
		base + last);
	for (; k < l->n && l->points[k].t <= end; k += step) {
		last = l->points[k].rss * scale;
		put(p, "%.9g %.4f %.4f\n", l->points[k].t / p->second, base, base + last);
	}
	put(p, "%.9g %.4f %.4f\nEOD\n", fmax(p->box.t0, end) / p->second, base,
		base + last);
}

static void label_lane(const struct panel *p, const struct lane *l, double y)
{
	static const char *const points[] = {[LIVES] = "",
		[EXITED] = "point pt 7 ps 1.1 lc rgb '#000000'",
		[SIGNALLED] = "point pt 9 ps 1.4 lc rgb '#000000'",
		[OOM_KILLED] = "point pt 2 ps 1.5 lw 4 lc rgb '" LIMIT_COLOR "'",
		[GONE] = "point pt 6 ps 1.1 lc rgb '#000000'"};
	char size[24], text[128];
	int n;

	n = snprintf(text, sizeof(text), "%s", l->name);
	if (l->pid)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " (%d)", l->pid);
	n += snprintf(
		text + n, sizeof(text) - (size_t)n, " %s", size_text(l->max_rss, size));
	if (l->how_text[0])
		snprintf(text + n, sizeof(text) - (size_t)n, ", %s", l->how_text);
	text_at(p, p->box.right + 16, y,
		l->how == OOM_KILLED ? "left font ',11' textcolor rgb '" LIMIT_COLOR "'"
				     : "left font ',11'",
		text);
	if (l->how != LIVES && l->end >= p->box.t0)
		put(p, "set label '' at screen %.5f,%.5f %s front\n",
			x_of(p, time_x(p, l->end)), y_of(y), points[l->how]);
}

static void lanes_pane(const struct panel *p)
{
	const struct lane *lanes[MAX_SHOWN_LANES];
	int n = largest_lanes(p->run, lanes);
	size_t more = p->run->n_lanes - (size_t)n + p->run->lanes_not_kept;
	double height = (LANES_BOTTOM - LANES_TOP) / (n ? n : 1);
	char text[64];

	margins(p, LANES_TOP, LANES_BOTTOM);
	for (int i = 0; i < n; i++) {
		lane_data(p, lanes[i], i, n - 1 - i + 0.04,
			0.9 * HEADROOM / p->box.max_bytes);
		label_lane(p, lanes[i], LANES_TOP + (i + 0.5) * height);
	}
	if (more) {
		snprintf(text, sizeof(text), "and %zu smaller ones", more);
		text_at(p, p->box.right + 16, LANES_BOTTOM + 10, "left font ',11'", text);
	}
	put(p, "set yrange [0:%d]\nunset ytics\nset ylabel 'processes' offset 1.5,0\nset format x '%%g'\n",
		n ? n : 1);
	put(p, "set xlabel 'time since the program started (%s)' offset 0,0.6\n",
		p->second < 1 ? "ms" : "s");
	put(p, "plot -1 notitle, "); /* so that there always is something to draw */
	for (int i = 0; i < n; i++)
		put(p,
			"$l%d_%d using 1:2:3 with filledcurves fs solid fc rgb '%s' notitle, $l%d_%d using "
			"1:2 with lines lc rgb '#666666' lw 1 notitle, $l%d_%d using 1:3 with lines lc rgb "
			"'#000000' lw 1 notitle, ",
			p->index, i, lanes[i]->how == OOM_KILLED ? "#F4B183" : "#D9D9D9",
			p->index, i, p->index, i);
	put(p, "-1 notitle\nunset xlabel\n");
}

void chart_script(
	const struct run *const *runs, int n, enum picture kind, struct mr_str *out)
{
	/* Of a PNG the font is in points, at 96 dots an inch; else in pixels. */
	mr_str_appendf(out,
		"set terminal %s size %d,%d font '%s,12' noenhanced background '#FFFFFF'\n",
		kind == PNG ? "pngcairo fontscale 0.75" : "svg fixed", chart_width(n),
		CHART_HEIGHT, kind == PNG ? "sans" : "sans-serif");
	mr_str_append(out, "set multiplot\nset border 3 lc rgb '#666666'\nset tics " TICS
			   "\nset key off\nset datafile missing 'NaN'\n");
	for (int i = 0; i < n; i++) {
		struct panel p = {.run = runs[i],
			.index = i,
			.n = n,
			.out = out,
			.box = chart_box(runs, n, i)};
		p.unit = unit_of(p.box.max_bytes);
		p.second = p.box.t1 - p.box.t0 < 2.5 ? 0.001 : 1;
		put(&p, "set xrange [%.9g:%.9g]\n", p.box.t0 / p.second,
			p.box.t1 / p.second);
		put_points(&p);
		put_pressure(&p);
		memory_pane(&p);
		pressure_pane(&p);
		lanes_pane(&p);
	}
	mr_str_append(out, "unset multiplot\n");
}
