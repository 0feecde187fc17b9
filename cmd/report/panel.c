/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things stand in the picture, and how a place gets into gnuplot's script: in pixels
 * from the upper left corner here, in parts of the screen from the lower left one there.
 */
#include "report/panel.h"

#include <math.h>
#include <stdarg.h>

#define PANEL_WIDTH 1000
#define PANEL_WIDTH_OF_TWO 800
#define MARGIN_LEFT 64
#define GUTTER 208
#define MEMORY_TOP 84.0
#define MEMORY_BOTTOM 416.0
#define NOTES_HEIGHT 40.0 /* two rows above the memory pane */

int chart_width(int n)
{
	return n > 1 ? 2 * PANEL_WIDTH_OF_TWO : PANEL_WIDTH;
}

struct box chart_box(const struct run *const *runs, int n, int i)
{
	double width = n > 1 ? PANEL_WIDTH_OF_TWO : PANEL_WIDTH, end = 0,
	       shortest = INFINITY;
	struct box b = {.left = i * width + MARGIN_LEFT,
		.right = (i + 1) * width - GUTTER,
		.top = MEMORY_TOP,
		.bottom = MEMORY_BOTTOM};

	for (int k = 0; k < n; k++) {
		end = fmax(end, runs[k]->end);
		shortest = fmin(shortest, runs[k]->end);
		b.max_bytes = fmax(b.max_bytes, runs[k]->max_bytes * HEADROOM);
		if (runs[k]->n_notes)
			b.top = MEMORY_TOP + NOTES_HEIGHT;
	}
	/* One scale, unless one of them would be a stroke. */
	b.t1 = (end > 10 * shortest ? runs[i]->end : end) * 1.015;
	b.t0 = runs[i]->from;
	if (b.t0 > 0)
		b.t1 = runs[i]->end + (runs[i]->end - b.t0) * 0.015;
	if (b.t1 <= b.t0)
		b.t1 = b.t0 + 0.001;
	return b;
}

void put(const struct panel *p, const char *fmt, ...)
{
	char buf[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	mr_str_append(p->out, buf);
}

double x_of(const struct panel *p, double px)
{
	return px / chart_width(p->n);
}

double y_of(double px)
{
	return 1 - px / CHART_HEIGHT;
}

void swatch(const struct panel *p, double x, double y, const char *color)
{
	put(p, "set label '' at screen %.5f,%.5f point pt 5 ps 1.6 lc rgb '%s' front\n",
		x_of(p, x), y_of(y), color);
}

void text_at(
	const struct panel *p, double x, double y, const char *more, const char *text)
{
	put(p, "set label '%s' at screen %.5f,%.5f front %s\n", text, x_of(p, x), y_of(y),
		more);
}

double memory_y(const struct panel *p, double bytes)
{
	return p->box.bottom - bytes / p->box.max_bytes * (p->box.bottom - p->box.top);
}

double time_x(const struct panel *p, double t)
{
	return p->box.left +
	       (t - p->box.t0) / (p->box.t1 - p->box.t0) * (p->box.right - p->box.left);
}
