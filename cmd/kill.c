/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun kill: a signal to init, or with --all to every process. Engines call
 * `kill ID NUMBER`, `kill ID NAME`, `kill --all ID 9`; docker's users `kill -s NAME ID`.
 */
#include "cmd.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct kill {
	bool all, regex;
	const char *signal;
	int number;
};

#define AT(member) offsetof(struct kill, member)
static const struct option options[] = {
	{"all", 'a', OPTION_FLAG, AT(all), NULL, "every process; also when init is gone",
		GROUP_COMMON, NULL},
	{"regex", 'r', OPTION_FLAG, AT(regex), NULL,
		"ID is an extended regular expression", GROUP_COMMON, NULL},
	{"signal", 's', OPTION_TEXT, AT(signal), "SIGNAL", "name or number; default TERM",
		GROUP_COMMON, NULL},
	{0},
};

static int kill_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	const struct kill *k = arg;
	struct mr_container *c = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	r = mr_container_kill(c, k->number, k->all, err);
	mr_container_close(c);
	return r;
}

static int unknown_signal(const char *text, struct mr_error *err)
{
	fail(err, EINVAL, "unknown signal '%s'", text);
	snprintf(err->hint, sizeof(err->hint),
		"a number, or a name such as TERM or SIGTERM (kill -l lists them)");
	return -EINVAL;
}

int cmd_kill(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct kill k = {.number = SIGTERM};
	struct arguments args;
	int r = command_parse(ctx, options, &k, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, k.signal ? 1 : 2, err);
	if (r < 0)
		return r;
	const char *text = args.n == 2 ? args.items[1] : k.signal;
	/* 0 only asks whether there is somebody to be signalled. */
	if (text)
		k.number = strcmp(text, "0") == 0 ? 0 : mr_signal_number(text);
	if (k.number < 0)
		return unknown_signal(text, err);
	if (k.regex)
		return ids_matching(ctx, mr_list, args.items[0], kill_one, &k, err);
	return kill_one(ctx, args.items[0], &k, err);
}
