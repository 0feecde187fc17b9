/* SPDX-License-Identifier: Apache-2.0 */
/* The texts and marks of a chart: each where it covers no data, or inside of the area
 * that it names. */
#include "report/panel.h"

#include <math.h>
#include <string.h>

#define CHAR_WIDTH 6.9 /* of the 12 pixel font, on average */
#define NOTE_CHAR_WIDTH 6.3 /* of the 11 pixel font */
#define COLUMNS 200    /* of the grid on which labels are placed */

/* --- the areas and their labels --- */

struct grid {
	double low[COLUMNS],
		high[COLUMNS]; /* pixels from above; low is the larger number */
};

static void fill_grid(const struct panel *p, int layer, struct grid *g)
{
	for (int c = 0; c < COLUMNS; c++) {
		double t = p->box.t0 + (p->box.t1 - p->box.t0) * (c + 0.5) / COLUMNS,
		       below = 0, part = 0;
		for (int i = 0; i <= layer; i++) {
			below += part;
			part = value_at(p->run, t, i);
			part = isnan(part) ? 0 : part;
		}
		g->low[c] = memory_y(p, below);
		g->high[c] = memory_y(p, below + part);
	}
}

/* The middle of the tallest place in which a text of that width stays inside the layer.
 * @return its height in pixels */
static double tallest(const struct panel *p, const struct grid *g, double width,
	double *ret_x, double *ret_y)
{
	int n = (int)(width / (p->box.right - p->box.left) * COLUMNS) + 1;
	double best = 0;

	for (int c = 0; c + n <= COLUMNS; c++) {
		double low = INFINITY, high = 0;
		for (int k = c; k < c + n; k++) {
			low = fmin(low, g->low[k]);
			high = fmax(high, g->high[k]);
		}
		if (low - high > best) {
			best = low - high;
			*ret_x = p->box.left +
				 (c + n / 2.0) / COLUMNS * (p->box.right - p->box.left);
			*ret_y = (low + high) / 2;
		}
	}
	return best;
}

void label_processes(const struct panel *p)
{
	const struct lane *lanes[MAX_SHOWN_LANES];
	int n = p->run->extras[PROCESSES] ? largest_lanes(p->run, lanes) : 0;

	for (int i = 0; i < n; i++) {
		struct grid g;
		double x = 0, y = 0;
		for (int c = 0; c < COLUMNS; c++) {
			double t = p->box.t0 +
				   (p->box.t1 - p->box.t0) * (c + 0.5) / COLUMNS,
			       below = 0;
			for (int j = 0; j < i; j++)
				below += rss_at(lanes[j], t);
			g.low[c] = memory_y(p, below);
			g.high[c] = memory_y(p, below + rss_at(lanes[i], t));
		}
		double width = (double)strlen(lanes[i]->name) * CHAR_WIDTH + 24;
		if (tallest(p, &g, width, &x, &y) >= 15)
			text_at(p, x, y, "center", lanes[i]->name);
	}
}

void label_layers(const struct panel *p)
{
	for (int i = 0; i < LAYERS; i++) {
		if (i == ANON && p->run->extras[PROCESSES])
			continue;
		const struct layer_style *s = &layer_styles[i];
		const char *names[] = {s->name, s->short_name};
		struct grid g;
		fill_grid(p, i, &g);
		for (int k = 0; k < 2; k++) {
			double x = 0, y = 0,
			       width = (double)strlen(names[k]) * CHAR_WIDTH + 24;
			if (tallest(p, &g, width, &x, &y) < 17)
				continue;
			text_at(p, x, y,
				s->light_text ? "center textcolor rgb '#FFFFFF'"
					      : "center",
				names[k]);
			break;
		}
	}
}

/* --- limits and events --- */

/* Above its line, on the left, where a container has not yet grown; behind its end when the
 * mark of a kill is there. */
static void label_limit(
	const struct panel *p, double bytes, const char *what, const char *color)
{
	const struct run *r = p->run;
	char size[24], text[96], more[40];

	if (isnan(bytes))
		return;
	bool far = bytes * 1.02 > p->box.max_bytes, taken = false;
	snprintf(text, sizeof(text), "%s %s%s", what, size_text(bytes, size),
		far ? ", far above" : "");
	double width = (double)strlen(text) * CHAR_WIDTH;
	double x = p->box.left + (far ? 8 : 24), y = memory_y(p, bytes) - 9;
	double end = time_x(p, r->end);
	for (size_t i = 0; i < r->n_events && !far; i++)
		taken |= r->events[i].kind == EVENT_KILL &&
			 time_x(p, r->events[i].t) < x + width;
	bool room = p->box.right - end > width + 6;
	snprintf(more, sizeof(more), "%s textcolor rgb '%s'",
		taken && !room ? "right" : "left", color);
	if (taken)
		x = room ? end + 6 : end - 2;
	text_at(p, x, far ? p->box.top + 30 : taken && room ? y + 9 : y, more, text);
}

void label_limits(const struct panel *p)
{
	const struct run *r = p->run;
	const struct point *first = &r->points[0], *last = &r->points[r->n_points - 1];
	double above = isnan(last->above) ? first->above : last->above;
	bool changed = false;
	char size[24], text[64], more[40];

	for (size_t i = 0; i < r->n_events; i++) {
		const struct event *e = &r->events[i];
		bool refused = e->kind == EVENT_REFUSED;
		if ((e->kind != EVENT_LIMIT && !refused) || isnan(e->bytes) ||
			e->t < r->from)
			continue;
		changed |= !refused;
		double x = time_x(p, e->t), y = memory_y(p, e->bytes);
		bool right = x > (p->box.left + p->box.right) / 2;
		if (refused)
			put(p,
				"set label '' at screen %.5f,%.5f point pt 6 ps 1.6 lw 2.5 lc rgb "
				"'" LIMIT_COLOR "' front\n",
				x_of(p, x), y_of(y));
		snprintf(text, sizeof(text), refused ? "limit %s refused" : "limit now %s",
			size_text(e->bytes, size));
		snprintf(more, sizeof(more), "%s textcolor rgb '%s'",
			right ? "right" : "left", refused ? "#000000" : LIMIT_COLOR);
		text_at(p, x + (right ? -6 : 6) * (refused ? 2 : 1), refused ? y : y - 9,
			more, text);
	}
	label_limit(p, first->limit,
		changed        ? "limit at first"
		: isnan(above) ? "limit"
			       : "own limit",
		LIMIT_COLOR);
	label_limit(p, above, "limit of a parent cgroup", LIMIT_COLOR);
	label_limit(p, last->high, "memory.high", HIGH_COLOR);
}

/* Above the line where it is highest; one that lies on another gets a row of its own. */
void label_extras(const struct panel *p)
{
	double rows[EXTRAS] = {0};
	char text[96], size[24], more[64];

	for (int i = 0; i < PROCESSES; i++) {
		double at = 0, most = -1;
		if (!p->run->extras[i])
			continue;
		for (int k = 0; k < 400; k++) {
			double t = p->run->from + (p->run->end - p->run->from) * k / 400;
			double v = extra_at(p->run, t, (enum extra)i);
			if (v > most * 1.001) {
				most = v;
				at = t;
			}
		}
		double y = memory_y(p, most) - 10, x = time_x(p, at);
		double limit = memory_y(p, p->run->points[0].limit) - 9;
		if (fabs(y - limit) < 14)
			y = limit - 15;
		for (int k = 0; k < i; k++)
			if (rows[k] > 0 && y > rows[k] - 15 && y < rows[k] + 15)
				y = rows[k] - 16;
		rows[i] = y;
		bool right = x > (p->box.left + p->box.right) / 2;
		snprintf(more, sizeof(more), "%s textcolor rgb '%s'",
			right ? "right" : "left", extra_styles[i].color);
		snprintf(text, sizeof(text), "%s %s", extra_styles[i].name,
			size_text(most, size));
		text_at(p, right ? fmin(x + 60, p->box.right) : x + 4, y, more, text);
	}
}

/* What went on, above the pane: each text over its own stretch of time, in the second row
 * where the first is taken, and not at all where both are. */
void label_notes(const struct panel *p)
{
	const struct run *r = p->run;
	double from = r->from, taken[2] = {p->box.left, p->box.left};

	for (size_t i = 0; i < r->n_notes; from = r->notes[i++].t) {
		const struct note *n = &r->notes[i];
		double end = fmin(time_x(p, n->t), time_x(p, r->end));
		double width = (double)strlen(n->text) * NOTE_CHAR_WIDTH + 8;
		double x = fmin((time_x(p, fmax(from, r->from)) + end) / 2,
			p->box.right + 20 - width / 2);

		if (n->t <= r->from)
			continue;
		if (i + 1 < r->n_notes)
			put(p,
				"set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead "
				"back lc rgb '#888888' lw 1 dt (2,4)\n",
				x_of(p, end), y_of(p->box.bottom), x_of(p, end),
				y_of(p->box.top - 4));
		x = fmax(x, p->box.left + width / 2);
		int row = x - width / 2 < taken[0];
		if (x - width / 2 < taken[row])
			continue;
		taken[row] = x + width / 2;
		text_at(p, x, p->box.top - 12 - 15 * row,
			"center font ',11' textcolor rgb '#333333'", n->text);
	}
}

static void mark_kill(const struct panel *p, const struct event *e, int row)
{
	double x = time_x(p, e->t), usage = value_at(p->run, e->t, LAYERS);
	double y = memory_y(p, isnan(usage) ? 0 : usage);
	char text[96];

	/* The mark stands where the usage was at its highest shortly before. */
	double life = p->box.t1 - p->box.t0;
	for (double t = e->t; t > e->t - life * 0.05; t -= life * 0.002) {
		double v = value_at(p->run, t, LAYERS);
		y = isnan(v) ? y : fmin(y, memory_y(p, v));
	}
	put(p,
		"set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead front lc rgb '" LIMIT_COLOR
		"' lw 1.2 dt (4,3)\n",
		x_of(p, x), y_of(y), x_of(p, x), y_of(p->box.top + 24 + 16 * row));
	put(p,
		"set label '' at screen %.5f,%.5f point pt 2 ps 2 lw 4 lc rgb '" LIMIT_COLOR
		"' front\n",
		x_of(p, x), y_of(y));
	if (row > 1)
		return;
	snprintf(text, sizeof(text), "OOM kill%s%s", e->name[0] ? ": " : "", e->name);
	if (row == 1 && p->run->n_events > 2)
		snprintf(text, sizeof(text), "and more OOM kills");
	bool right = x > (p->box.left + p->box.right) / 2;
	text_at(p, x + (right ? 2 : -2), p->box.top + 14 + 16 * row,
		right ? "right textcolor rgb '" LIMIT_COLOR "' font ',13'"
		      : "left textcolor rgb '" LIMIT_COLOR "' font ',13'",
		text);
}

/* With the killer disabled everybody waits: a band, so that the pause has a name. */
static void mark_still(const struct panel *p, double from, double to)
{
	double x0 = time_x(p, from), x1 = time_x(p, to);

	put(p,
		"set object rectangle from screen %.5f,%.5f to screen %.5f,%.5f back fc rgb '#E8E8E8' "
		"fs solid noborder\n",
		x_of(p, x0), y_of(p->box.bottom), x_of(p, x1), y_of(p->box.top));
	text_at(p, (x0 + x1) / 2, p->box.top + 14, "center",
		x1 - x0 > 230  ? "stands still: killer disabled"
		: x1 - x0 > 90 ? "stands still"
			       : "still");
}

void mark_events(const struct panel *p)
{
	const struct run *r = p->run;
	double still = NAN;
	int row = 0;

	for (size_t i = 0; i < r->n_events; i++) {
		const struct event *e = &r->events[i];
		if (e->t < r->from)
			continue;
		if (e->kind == EVENT_KILL)
			mark_kill(p, e, row++);
		if (e->kind == EVENT_STILL)
			still = e->t;
		if (e->kind == EVENT_GOES_ON && !isnan(still)) {
			mark_still(p, still, e->t);
			still = NAN;
		}
	}
	if (!isnan(still))
		mark_still(p, still, r->end);
}

/* --- the margin --- */

void put_margin(const struct panel *p)
{
	auto_strv facts = {0};
	double x = p->box.right + 16, y = p->box.top + 8;
	char size[24], text[96];

	run_facts(p->run, &facts);
	for (size_t i = 0; i < facts.n; i++, y += 18) {
		clean_name(facts.items[i], text, sizeof(text));
		text_at(p, x, y, i == 0 ? "left font ',14'" : "left", text);
	}
	y += 10;
	text_at(p, x, y, "left", "largest of each part:");
	y += 20;
	for (int i = LAYERS - 1; i >= 0; i--) {
		const struct layer_style *s = &layer_styles[i];
		if (isnan(p->run->peak[i]) || p->run->peak[i] < 65536)
			continue;
		swatch(p, x + 6, y, s->color);
		snprintf(text, sizeof(text), "%s %s", s->short_name,
			size_text(p->run->peak[i], size));
		text_at(p, x + 20, y, "left", text);
		y += 18;
	}
}

void put_titles(const struct panel *p)
{
	auto_str head = {0}, sub = {0};
	char text[160];
	double x = p->index * (chart_width(p->n) / (double)p->n) + 16;

	run_headline(p->run, &head);
	run_subline(p->run, &sub);
	clean_name(mr_str_text(&head), text, sizeof(text));
	text_at(p, x, 26, p->n > 1 ? "left font ',15'" : "left font ',18'", text);
	snprintf(text, sizeof(text), "%s%s%s", p->run->name,
		mr_str_text(&sub)[0] ? "  -  " : "", mr_str_text(&sub));
	if (p->run->from > 0)
		snprintf(text, sizeof(text), "the last %.2f s",
			p->run->end - p->run->from);
	text_at(p, x, 54, "left font ',13' textcolor rgb '#444444'", text);
}
