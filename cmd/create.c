/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun create and start, as engines call them.
 */
#include "run.h"

#include <errno.h>

static const struct option create_options[] = {
	OCI_ROWS,
	ROW("cgroup-parent", 0, OPTION_TEXT, run.cgroup_parent, "PATH",
		"parent of the container's cgroup"),
	ROW("trace", 0, OPTION_FLAG, run.trace, NULL,
		"show every step with its values and duration"),
	{0},
};

int cmd_create(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct run_args a;
	struct arguments args;

	run_args_init(&a);
	int r = command_parse(ctx, create_options, &a, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_protect_own_binary(ctx->argv, err);
	if (r < 0)
		return r;
	run_take_context(&a, ctx);
	a.run.id = args.items[0];
	if (!a.run.bundle)
		a.run.bundle = ".";
	return mr_create(&a.run, err);
}

int cmd_start(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct mr_container *c = NULL;
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_container_open(ctx->root, args.items[0], &c, err);
	if (r == 0)
		r = mr_container_start(c, err);
	mr_container_close(c);
	return r;
}
