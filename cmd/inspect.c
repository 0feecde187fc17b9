/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun inspect: docker's array of records, or a template's result a line; with --expect
 * no output but an answer.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct inspect {
	const char *format;
	struct option_list expect;
	bool skip_unknown;
	int n;       /* printed so far */
	bool failed; /* an expectation */
};

static const struct option options[] = {
	{"format", 'f', OPTION_TEXT, offsetof(struct inspect, format), "TEMPLATE",
		"as '{{.State.OOMKilled}}' or '{{json .State}}'", GROUP_COMMON, NULL},
	{"expect", 0, OPTION_LIST, offsetof(struct inspect, expect), "EXPR",
		"no output, but exit 0 or 1 (an error: 125), as run --expect", GROUP_COMMON, NULL},
	{"skip-unknown", 0, OPTION_FLAG, offsetof(struct inspect, skip_unknown), NULL,
		"what is not known fails no --expect", GROUP_COMMON, NULL},
	{0},
};

/* The object inside the array: every line one level deeper. A JSON text has line ends
 * only between its tokens. */
static void print_object(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		printf("    %.*s", (int)n, text);
		text += n;
		while (*text == '\n')
			text++;
		if (*text)
			putchar('\n');
	}
}

static int hold_one(
	const struct context *ctx, const char *name, void *arg, struct mr_error *err)
{
	struct inspect *in = arg;
	char *record = NULL;
	int r = mr_inspect(ctx->root, name, NULL, &record, err);

	if (r == 0)
		r = expect_report(&in->expect, record, in->skip_unknown, false, err);
	in->failed |= r > 0;
	free(record);
	return r < 0 ? r : 0;
}

static int inspect_one(
	const struct context *ctx, const char *name, void *arg, struct mr_error *err)
{
	struct inspect *in = arg;
	char *text = NULL;
	int r = mr_inspect(ctx->root, name, in->format, &text, err);

	if (r < 0)
		return r;
	if (in->format) {
		printf("%s\n", text);
	} else {
		fputs(in->n ? ",\n" : "\n", stdout);
		print_object(text);
	}
	in->n++;
	free(text);
	return 0;
}

static int inspect_all(struct context *ctx, struct inspect *in, char *const *ids,
	struct mr_error *err)
{
	int r;

	if (in->expect.n > 0) {
		/* 1 is the answer that one does not hold: a mistake must look different. */
		ctx->failure = MR_EXIT_FAILURE;
		if (in->format)
			return fail(err, EINVAL, "--format and --expect exclude each other");
		r = expect_check(&in->expect, err);
		if (r == 0)
			r = ids_each(ctx, ids, hold_one, in, err);
		return r < 0 ? r : in->failed;
	}
	if (!in->format)
		putchar('[');
	r = ids_each(ctx, ids, inspect_one, in, err);
	if (!in->format)
		printf("%s]\n", in->n ? "\n" : "");
	return r;
}

int cmd_inspect(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct inspect in = {0};
	struct arguments args;
	int r = command_parse(ctx, options, &in, argc, argv, &args, err);

	if (r == 1) {
		r = command_count(ctx, &args, 1, -1, err);
		if (r == 0)
			r = inspect_all(ctx, &in, args.items, err);
	}
	option_list_clear(&in.expect);
	return r;
}
