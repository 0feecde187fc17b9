/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_REPORT_PANEL_H
#define CMD_REPORT_PANEL_H

#include "report/report.h"

/* One run's part of the picture, and what the files that draw it share. All places are
 * pixels from the upper left corner. */

/* The height of the memory pane above the data, for marks: rows of text. */
#define HEADROOM 1.30

struct panel {
	const struct run *run;
	int index, n; /* which of how many */
	struct box box;
	struct unit unit;
	double second; /* what the time axis counts in: 1, or 0.001 */
	struct mr_str *out;
};

/** printf into the script. */
void put(const struct panel *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
double x_of(const struct panel *p, double px);
double y_of(double px);
double memory_y(const struct panel *p, double bytes);
double time_x(const struct panel *p, double t);
/** A text at pixels; @more: where it hangs, color, font. */
void text_at(
	const struct panel *p, double x, double y, const char *more, const char *text);
void swatch(const struct panel *p, double x, double y, const char *color);

/* labels.c: what is written into the memory pane and beside it. */
void label_layers(const struct panel *p);
void label_processes(const struct panel *p);
void label_limits(const struct panel *p);
void label_extras(const struct panel *p);
void label_notes(const struct panel *p);
void mark_events(const struct panel *p);
void put_margin(const struct panel *p);
void put_titles(const struct panel *p);

#endif
