/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun stop: SIGTERM, SIGKILL if that was not enough; returns when it has ended.
 */
#include "cmd.h"

struct stop {
	int64_t time_ms;
};

static const struct option options[] = {
	{"time", 't', OPTION_DURATION, offsetof(struct stop, time_ms), "TIME",
		"from TERM to KILL; default 10s", GROUP_COMMON, NULL},
	{0},
};

static int stop_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	const struct stop *s = arg;
	struct mr_container *c = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	r = mr_container_stop(c, s->time_ms, err);
	mr_container_close(c);
	return r;
}

int cmd_stop(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct stop s = {.time_ms = 10000};
	struct arguments args;
	int r = command_parse(ctx, options, &s, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, -1, err);
	return r < 0 ? r : ids_each(ctx, args.items, stop_one, &s, err);
}
