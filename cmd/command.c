/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command does first: its options, --help, the number of arguments.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_lines(const char *name, const char *synopsis, FILE *out)
{
	const char *head = "Usage:";

	for (;;) {
		size_t n = strcspn(synopsis, "\n");
		fprintf(out, "%-6s minirun %s%s%.*s\n", head, name, n ? " " : "", (int)n,
			synopsis);
		if (!synopsis[n])
			return;
		synopsis += n + 1;
		head = "";
	}
}

static void print_command_help(const struct command *command, const struct option *rows)
{
	print_lines(command->name, command->synopsis, stdout);
	printf("\n%s\n", command->help);
	if (rows->name && rows->kind != OPTION_TITLE)
		printf("\nOptions:\n");
	options_print(rows, stdout);
	printf("\n--root, --log, --log-format, --log-level and --debug of minirun(1) may "
	       "stand "
	       "here too.\n");
}

int common_check(struct context *ctx, struct mr_error *err)
{
	int r = log_check(ctx, err);

	if (r < 0)
		return r;
	if (!ctx->root)
		ctx->root = getenv("MINIRUN_ROOT");
	if (ctx->root && strspn(ctx->root, "/") == strlen(ctx->root))
		return fail(err, EINVAL, "--root '%s' is no place for state directories",
			ctx->root);
	return 0;
}

int command_parse(struct context *ctx, const struct option *rows, void *target, int argc,
	char **argv, struct arguments *ret, struct mr_error *err)
{
	const struct option_set sets[] = {
		{rows, target},
		{common_options, ctx},
		{NULL, NULL},
	};
	int r = options_parse(sets, argc, argv, !ctx->command->own_tail, ret, err);

	if (r < 0) {
		if (!err->hint[0])
			snprintf(err->hint, sizeof(err->hint), "see minirun %s --help",
				ctx->command->name);
		return r;
	}
	if (ret->help) {
		print_command_help(ctx->command, rows);
		return 0;
	}
	r = common_check(ctx, err);
	return r < 0 ? r : 1;
}

int command_count(const struct context *ctx, const struct arguments *args, int min,
	int max, struct mr_error *err)
{
	const char *name = ctx->command->name;

	if (args->n < min)
		fail(err, EINVAL, "%s needs an argument", name);
	else if (max >= 0 && args->n > max)
		fail(err, EINVAL, "%s: '%s' is one argument too many", name,
			args->items[max]);
	else
		return 0;
	snprintf(err->hint, sizeof(err->hint), "usage: minirun %s %.*s", name,
		(int)strcspn(ctx->command->synopsis, "\n"), ctx->command->synopsis);
	return -EINVAL;
}

int parse_format(const char *text, bool *ret_json, struct mr_error *err)
{
	*ret_json = text && !strcmp(text, "json");
	if (!text || *ret_json || !strcmp(text, "table"))
		return 0;
	return fail(
		err, EINVAL, "option --format: expected table or json, found '%s'", text);
}

int cmd_help(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	char help[] = "--help";
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	if (args.n == 0) {
		print_usage(stdout);
		return 0;
	}
	r = command_count(ctx, &args, 0, 1, err);
	if (r < 0)
		return r;
	char *words[] = {args.items[0], help, NULL};
	ctx->command = command_find(words[0]);
	return ctx->command ? ctx->command->function(ctx, 2, words, err)
			    : companion_exec(ctx, words[0], words, err);
}
