/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chart for a terminal, 90 columns and 22 lines: a letter a layer, so that it can be
 * read without colour, and needs no gnuplot.
 */
#include "report/report.h"

#include <math.h>
#include <string.h>

#define COLS 56
#define ROWS 14
#define FACT_WIDTH 22

static const char *const colors[LAYERS] = {
	"\033[35m", "\033[33m", "\033[32m", "\033[36m", "\033[90m"};

/* The layer at a height, or ' '. */
static char letter_at(const struct run *r, double t, double bytes)
{
	double top = 0;

	for (int i = 0; i < LAYERS; i++) {
		double part = value_at(r, t, i);
		top += isnan(part) ? 0 : part;
		if (bytes < top)
			return layer_styles[i].letter;
	}
	return ' ';
}

static double limit_at(const struct run *r, double t, bool above)
{
	double limit = NAN;

	for (size_t i = 0; i < r->n_points && r->points[i].t <= t; i++)
		limit = above ? r->points[i].above : r->points[i].limit;
	return limit;
}

static bool killed_in(const struct run *r, double t0, double t1)
{
	for (size_t i = 0; i < r->n_events; i++)
		if (r->events[i].kind == EVENT_KILL && r->events[i].t >= t0 &&
			r->events[i].t < t1)
			return true;
	return false;
}

static void draw(const struct run *r, char grid[ROWS][COLS + 1])
{
	double top = r->max_bytes * 1.1, row = top / ROWS, width = r->end / COLS;

	for (int y = 0; y < ROWS; y++) {
		double low = top - row * (y + 1);
		for (int x = 0; x < COLS; x++) {
			double t = (x + 0.5) * width, own = limit_at(r, t, false);
			double above = limit_at(r, t, true);
			char c = letter_at(r, t, low + row / 2);
			if (c == ' ' && own >= low && own < low + row)
				c = '=';
			if (c == ' ' && above >= low && above < low + row)
				c = '-';
			if (killed_in(r, x * width, (x + 1) * width))
				c = c == ' ' || y == 0 ? '!' : 'X';
			grid[y][x] = c;
		}
		grid[y][COLS] = '\0';
	}
}

static void put_row(const char *row, bool color, FILE *out)
{
	for (; *row; row++) {
		const char *on = strchr("=-!X", *row) ? "\033[31m" : NULL;
		for (int i = 0; i < LAYERS; i++)
			if (*row == layer_styles[i].letter)
				on = colors[i];
		fprintf(out, color && on ? "%s%c\033[0m" : "%.0s%c",
			color && on ? on : "", *row);
	}
}

/* What went on, each text in the columns of its own time and cut off at their end. */
static void put_notes(const struct run *r, FILE *out)
{
	char row[COLS + 1];
	int from = 0;

	if (!r->n_notes)
		return;
	memset(row, ' ', COLS);
	row[COLS] = '\0';
	for (size_t i = 0; i < r->n_notes; i++) {
		int to = (int)fmin(COLS, r->notes[i].t / r->end * COLS + 0.5);
		size_t n = strlen(r->notes[i].text), room = to > from ? (size_t)(to - from) : 0;
		memcpy(row + from, r->notes[i].text, n < room ? n : room);
		if (to > from && to < COLS)
			row[to - 1] = '|';
		from = to > from ? to : from;
	}
	fprintf(out, "%10s%s\n", "", row);
}

static void legend(const struct run *r, struct mr_strv *facts)
{
	char size[24];

	for (int i = LAYERS - 1; i >= 0; i--)
		if (!isnan(r->peak[i]) && r->peak[i] >= 65536)
			mr_strv_addf(facts, "%c %s %s", layer_styles[i].letter,
				layer_styles[i].short_name, size_text(r->peak[i], size));
	mr_strv_add(facts, "= limit, X OOM kill");
	if (!isnan(r->points[r->n_points - 1].above))
		mr_strv_add(facts, "- a lower one above");
}

void term_print(const struct run *r, bool color, FILE *out)
{
	char grid[ROWS][COLS + 1], text[96], size[24];
	auto_strv facts = {0};
	auto_str head = {0}, sub = {0};
	double top = r->max_bytes * 1.1;

	run_headline(r, &head);
	run_subline(r, &sub);
	run_facts(r, &facts);
	legend(r, &facts);
	draw(r, grid);
	fprintf(out, "%.90s\n%.90s\n", mr_str_text(&head), mr_str_text(&sub));
	put_notes(r, out);
	for (int y = 0; y < ROWS; y++) {
		clean_name((size_t)y < facts.n ? facts.items[y] : "", text, sizeof(text));
		size_text(top * (ROWS - y) / ROWS, size);
		fprintf(out, "%9s|", y % 4 == 0 ? size : "");
		put_row(grid[y], color, out);
		fprintf(out, "%s%.*s\n", text[0] ? "  " : "", FACT_WIDTH, text);
	}
	fprintf(out, "%9s+%.*s\n", "", COLS,
		"------------------------------------------------------------");
	fprintf(out, "%10s0%*.*f s\n", "", COLS - 2, r->end < 1 ? 3 : 1, r->end);
	for (size_t i = 0; i < r->n_lanes && i < 3; i++)
		fprintf(out, "          %s (%d) %s%s%s\n", r->lanes[i].name,
			r->lanes[i].pid, size_text(r->lanes[i].max_rss, size),
			r->lanes[i].how_text[0] ? ", " : "", r->lanes[i].how_text);
}
