/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun plan: what run would do, every step with its values, doing nothing.
 */
#include "run.h"

#include <errno.h>

static const struct option options[] = {
	{"bundle", 'b', OPTION_TEXT, AT(run.bundle), "DIR", "holds config.json",
		GROUP_BUNDLE, NULL},
	{"config", 'f', OPTION_TEXT, AT(run.config), "FILE", "instead of DIR/config.json",
		GROUP_BUNDLE, NULL},
	{"name", 0, OPTION_TEXT, AT(name), "ID", "id of the container", GROUP_COMMON,
		NULL},
	{"init", 0, OPTION_ON, AT(init), NULL, "run a minimal init as pid 1",
		GROUP_COMMON, NULL},
	{"cgroup-parent", 0, OPTION_TEXT, AT(run.cgroup_parent), "PATH",
		"parent of the container's cgroup", GROUP_COMMON, NULL},
	{"host", 0, OPTION_TEXT, AT(run.host_root), "DIR",
		"plan for the machine whose proc and sys lie below DIR", GROUP_COMMON, NULL},
	{0},
};

static int plan(struct context *ctx, struct run_args *a, const struct arguments *args,
	struct mr_error *err)
{
	bool bundle = args->seen[GROUP_BUNDLE];

	if (args->dashes) {
		fail(err, EINVAL, "plan takes a spec file or a bundle, not a program");
		snprintf(err->hint, sizeof(err->hint),
			"the steps of a command: minirun run --dry-run [OPTION...] -- PROGRAM");
		return -EINVAL;
	}
	int r = command_count(ctx, args, bundle ? 0 : 1, 1, err);

	if (r < 0)
		return r;
	if (bundle && args->n == 1 && a->name)
		return fail(err, EINVAL, "option --name: the id '%s' is already given",
			args->items[0]);
	run_take_context(a, ctx);
	a->run.id = a->name;
	a->run.stand_alone = !bundle;
	a->run.init = a->init > 0;
	if (!bundle)
		a->run.spec_path = args->items[0];
	else
		a->run.id = args->n ? args->items[0] : a->name;
	if (bundle && !a->run.bundle)
		a->run.bundle = ".";
	return run_show_plan(a, err);
}

int cmd_plan(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct run_args a;
	struct arguments args;

	run_args_init(&a);
	int r = command_parse(ctx, options, &a, argc, argv, &args, err);
	if (r == 1)
		r = plan(ctx, &a, &args, err);
	run_args_clear(&a);
	return r;
}
