/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun score: who would be killed next if memory ran out now.
 */
#include "cmd.h"

#include <stdlib.h>

struct score {
	bool json;
};

static const struct option options[] = {
	{"json", 0, OPTION_FLAG, offsetof(struct score, json), NULL, "as one JSON object",
		GROUP_COMMON, NULL},
	{0},
};

int cmd_score(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct score score = {0};
	struct arguments args;
	struct mr_container *c = NULL;
	char *text = NULL;

	int r = command_parse(ctx, options, &score, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_container_open(ctx->root, args.items[0], &c, err);
	if (r == 0)
		r = mr_container_score(c, score.json, &text, err);
	mr_container_close(c);
	if (r < 0)
		return r;
	fputs(text, stdout);
	free(text);
	return 0;
}
