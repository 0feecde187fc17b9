/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun delete: remove what is left of containers. Engines call `delete --force` after
 * every failure, also for what never was: that is a success.
 */
#include "cmd.h"

#include <errno.h>

struct del {
	bool force, regex, record;
};

#define AT(member) offsetof(struct del, member)
static const struct option options[] = {
	{"force", 'f', OPTION_FLAG, AT(force), NULL, "kill it first; none is fine too",
		GROUP_COMMON, NULL},
	{"record", 0, OPTION_FLAG, AT(record), NULL,
		"only the record that was kept of a deleted one", GROUP_COMMON, NULL},
	{"regex", 'r', OPTION_FLAG, AT(regex), NULL,
		"ID is an extended regular expression", GROUP_COMMON, NULL},
	{0},
};

static int delete_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	const struct del *d = arg;
	struct context copy = *ctx;
	int r = d->record ? mr_forget(ctx->root, id, err)
			  : mr_delete(ctx->root, id, d->force, ctx->keep_record,
				    report_message, &copy, err);

	return r == -ENOENT && d->force ? 0 : r;
}

int cmd_delete(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct del d = {0};
	struct arguments args;
	int r = command_parse(ctx, options, &d, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, d.regex ? 1 : -1, err);
	if (r < 0)
		return r;
	if (d.regex)
		return ids_matching(ctx, d.record ? mr_list_kept : mr_list,
			args.items[0], delete_one, &d, err);
	return ids_each(ctx, args.items, delete_one, &d, err);
}
