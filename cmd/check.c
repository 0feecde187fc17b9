/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun check: what this host can do, and how to get what it lacks. Exit status 0 says
 * that a memory-limited run is possible.
 */
#include "cmd.h"

#include <stdlib.h>

struct check {
	bool json;
};

static const struct option options[] = {
	{"json", 0, OPTION_FLAG, offsetof(struct check, json), NULL, "as one JSON object",
		GROUP_COMMON, NULL},
	{0},
};

int cmd_check(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct check check = {0};
	struct arguments args;
	char *text = NULL;
	bool ok = false;

	int r = command_parse(ctx, options, &check, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 0, err);
	if (r == 0)
		r = mr_check_text(check.json, &text, &ok, err);
	if (r < 0)
		return r;
	fputs(text, stdout);
	free(text);
	return ok ? 0 : 1;
}
