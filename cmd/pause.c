/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun pause and resume: the cgroup freezer.
 */
#include "cmd.h"

static int freeze_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	const bool *pause = arg;
	struct mr_container *c = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	r = *pause ? mr_container_pause(c, err) : mr_container_resume(c, err);
	mr_container_close(c);
	return r;
}

static int freeze(
	struct context *ctx, int argc, char **argv, bool pause, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, -1, err);
	return r < 0 ? r : ids_each(ctx, args.items, freeze_one, &pause, err);
}

int cmd_pause(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	return freeze(ctx, argc, argv, true, err);
}

int cmd_resume(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	return freeze(ctx, argc, argv, false, err);
}
