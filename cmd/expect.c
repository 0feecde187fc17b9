/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --expect: the table of what was expected, what the record says, and whether it holds.
 */
#include "cmd.h"
#include "output.h"

#include <string.h>

int expect_check(const struct option_list *list, struct mr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = mr_expect(list->items[i], NULL, NULL, err);
	return r;
}

int expect_report(const struct option_list *list, const char *record, bool skip_unknown,
	bool quiet, struct mr_error *err)
{
	struct table t = {.columns = 3};
	struct mr_expectation e = {0};
	int ret = 0, r = 0;

	table_add(&t, "EXPECTATION");
	table_add(&t, "ACTUAL");
	table_add(&t, "OK");
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		r = mr_expect(list->items[i], record, &e, err);
		bool skip = e.held < 0 && skip_unknown;
		table_add(&t, list->items[i]);
		table_add(&t, e.actual);
		table_add(&t, skip ? "skip" : e.held > 0 ? "yes" : "NO");
		if (!skip && e.held <= 0)
			ret = 1;
	}
	if (r == 0 && (!quiet || ret != 0))
		table_print(&t, stderr);
	table_clear(&t);
	return r < 0 ? r : ret;
}
