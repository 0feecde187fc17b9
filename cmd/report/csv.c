/* SPDX-License-Identifier: Apache-2.0 */
/* The samples of a timeline as a table, for whatever else draws: RFC 4180, one header line. */
#include "report/report.h"

#include <math.h>

static void put_number(struct mr_str *out, double v, int digits)
{
	mr_str_append(out, ",");
	if (!isnan(v))
		mr_str_appendf(out, "%.*f", digits, v);
}

void csv_table(const struct run *r, struct mr_str *out)
{
	mr_str_append(out, "seconds,usage");
	for (int i = 0; i < LAYERS; i++)
		mr_str_appendf(out, ",%s", layer_styles[i].key);
	mr_str_append(out, ",inactive_file,dirty,limit,ancestor_limit,high,"
			   "psi_some_seconds,psi_full_seconds\r\n");
	for (size_t k = 0; k < r->n_points; k++) {
		const struct point *p = &r->points[k];
		const double bytes[] = {p->inactive, p->dirty, p->limit, p->above, p->high};
		mr_str_appendf(out, "%.6f,%.0f", p->t, p->usage);
		for (int i = 0; i < LAYERS; i++)
			put_number(out, p->part[i], 0);
		for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
			put_number(out, bytes[i], 0);
		put_number(out, p->some / 1e6, 6);
		put_number(out, p->full / 1e6, 6);
		mr_str_append(out, "\r\n");
	}
}
