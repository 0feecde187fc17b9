/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun wait: block until containers have ended; their exit codes go to stdout.
 */
#include "cmd.h"

static int wait_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	struct mr_container *c = NULL;
	int exit_code = 0;
	int r = mr_container_open(ctx->root, id, &c, err);

	(void)arg;
	if (r < 0)
		return r;
	r = mr_container_wait(c, &exit_code, err);
	mr_container_close(c);
	if (r < 0)
		return r;
	printf("%d\n", exit_code);
	fflush(stdout);
	return 0;
}

int cmd_wait(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, -1, err);
	return r < 0 ? r : ids_each(ctx, args.items, wait_one, NULL, err);
}
