/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun events: runc's lines, `events --stats ID` and `events --interval=5s ID`, or with
 * --format json docker's.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct events {
	bool stats;
	const char *format;
	int64_t interval_ms;
};

#define AT(member) offsetof(struct events, member)
static const struct option options[] = {
	{"stats", 0, OPTION_FLAG, AT(stats), NULL, "one line of figures, then leave",
		GROUP_COMMON, NULL},
	{"interval", 0, OPTION_DURATION, AT(interval_ms), "TIME",
		"between two lines of figures; default 5s", GROUP_COMMON, NULL},
	{"format", 'f', OPTION_TEXT, AT(format), "json", "docker's events, no figures",
		GROUP_COMMON, NULL},
	{0},
};

static int print_line(void *arg, const char *json)
{
	struct mr_error *err = arg;

	printf("%s\n", json);
	if (fflush(stdout) == 0)
		return 0;
	return fail(err, EIO, "standard output could not be written (%s)",
		mr_errno_name(errno));
}

static int print_stats(struct mr_container *c, struct mr_error *err)
{
	char *text = NULL;
	int r = mr_container_stats_json(c, &text, err);

	if (r == 0)
		printf("%s\n", text);
	free(text);
	return r;
}

int cmd_events(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct events e = {.interval_ms = 5000};
	struct mr_container *c = NULL;
	struct arguments args;
	int r = command_parse(ctx, options, &e, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0 && e.format && strcmp(e.format, "json") != 0)
		r = fail(err, EINVAL, "option --format: expected json, found '%s'", e.format);
	if (r == 0 && e.interval_ms <= 0)
		r = fail(err, EINVAL, "option --interval: it must be greater than 0");
	if (r == 0)
		r = mr_container_open(ctx->root, args.items[0], &c, err);
	if (r < 0)
		return r;
	const struct mr_events events = {
		.interval_ms = e.format ? 0 : e.interval_ms,
		.docker = e.format,
		.line = print_line,
		.arg = err,
	};
	r = e.stats ? print_stats(c, err) : mr_container_events(c, &events, err);
	mr_container_close(c);
	return r;
}
