/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun explain: why was it killed, or not? One sentence, then what it stands on.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>

struct explain {
	bool json;
	int last;
};

static const struct option options[] = {
	{"last", 'n', OPTION_NUMBER, offsetof(struct explain, last), "N",
		"tell all of the N newest kills (default 1)", GROUP_COMMON, NULL},
	{"json", 0, OPTION_FLAG, offsetof(struct explain, json), NULL,
		"as one JSON object", GROUP_COMMON, NULL},
	{0},
};

int cmd_explain(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct explain explain = {.last = 1};
	struct arguments args;
	char *text = NULL;

	int r = command_parse(ctx, options, &explain, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 1, err);
	if (r == 0)
		r = mr_explain(ctx->root, args.n ? args.items[0] : NULL, explain.json,
			explain.last, &text, err);
	if (r < 0)
		return r;
	fputs(text, stdout);
	free(text);
	return 0;
}
