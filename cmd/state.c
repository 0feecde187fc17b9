/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun state: the OCI state document of a container.
 */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

static int print_state(const struct context *ctx, const char *id, struct mr_error *err)
{
	struct mr_container *c = NULL;
	char *text = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	r = mr_container_state_json(c, &text, err);
	mr_container_close(c);
	if (r < 0)
		return r;
	size_t n = strlen(text);
	printf("%s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
	free(text);
	return 0;
}

int cmd_state(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	return r < 0 ? r : print_state(ctx, args.items[0], err);
}
