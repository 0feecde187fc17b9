/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun inspect: docker's array of records, or a template's result a line.
 */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

struct inspect {
	const char *format;
	int n; /* printed so far */
};

static const struct option options[] = {
	{"format", 'f', OPTION_TEXT, offsetof(struct inspect, format), "TEMPLATE",
		"as '{{.State.OOMKilled}}' or '{{json .State}}'", GROUP_COMMON, NULL},
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

int cmd_inspect(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct inspect in = {0};
	struct arguments args;
	int r = command_parse(ctx, options, &in, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, -1, err);
	if (r < 0)
		return r;
	if (!in.format)
		putchar('[');
	r = ids_each(ctx, args.items, inspect_one, &in, err);
	if (!in.format)
		printf("%s]\n", in.n ? "\n" : "");
	return r;
}
