/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a failure is told: a plain line on stderr (and a second one with the cure), and with
 * --log one more where that says (log.c).
 *
 * Messages may hold texts that a container made (names, paths): control characters are
 * written as \xNN so that they cannot drive the reader's terminal.
 */
#include "cmd.h"
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int parse_level(const char *text, enum log_level *ret)
{
	static const char *const names[] = {"error", "warning", "debug"};

	for (int i = 0; i < 3; i++) {
		if (!strcmp(text, names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_check(struct context *ctx, struct mr_error *err)
{
	const char *format = ctx->log_format ? ctx->log_format : "text";

	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return fail(err, EINVAL,
			"option --log-format: expected text or json, found '%s'", format);
	ctx->log_json = !strcmp(format, "json");
	if (ctx->debug)
		ctx->level = LOG_LEVEL_DEBUG;
	if (ctx->log_level && parse_level(ctx->log_level, &ctx->level) < 0)
		return fail(err, EINVAL,
			"option --log-level: expected error, warning or debug, found "
			"'%s'",
			ctx->log_level);
	return log_parse_destination(ctx, err);
}

/* The line of progress, without an end, over the one before; "" takes it away. */
static void show_progress(const char *text)
{
	static int shown;
	int n = (int)strlen(text);

	if (n > 0 || shown > 0)
		fprintf(stderr, "\r%s%*s%s", text, shown > n ? shown - n : 0, "",
			n > 0 ? "" : "\r");
	shown = n;
}

static void stderr_line(const char *kind, const char *text)
{
	char *line = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&line, &len);

	if (!out)
		return;
	show_progress("");
	fprintf(out, "minirun: %s", kind);
	put_clean_text(out, text);
	fputc('\n', out);
	if (fclose(out) == 0)
		fwrite(line, 1, len, stderr);
	free(line);
}

void report_error(const struct context *ctx, const struct mr_error *err)
{
	char text[sizeof(err->step) + sizeof(err->message) + 4];
	size_t n = strlen(err->step);
	bool named = n == 0 ||
		     (!strncmp(err->message, err->step, n) && err->message[n] == ':');

	snprintf(text, sizeof(text), "%s%s%s", named ? "" : err->step, named ? "" : ": ",
		err->message[0] ? err->message : mr_errno_name(err->err));
	stderr_line("", text);
	if (err->hint[0])
		stderr_line("hint: ", err->hint);
	if (ctx->log_path)
		log_line(ctx, LOG_LEVEL_ERROR, text);
}

void report_message(void *arg, enum mr_message_kind kind, const char *text)
{
	static const char *const prefixes[] = {
		[MR_MESSAGE_WARNING] = "warning: ",
		[MR_MESSAGE_TRACE] = "trace: ",
		[MR_MESSAGE_NOTE] = "",
	};
	const struct context *ctx = arg;

	if (kind == MR_MESSAGE_PROGRESS) {
		show_progress(text);
		return;
	}
	enum log_level level =
		kind == MR_MESSAGE_TRACE ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;

	if (kind == MR_MESSAGE_TRACE ? ctx->trace : !ctx->quiet)
		stderr_line(prefixes[kind], text);
	else if (kind == MR_MESSAGE_TRACE && !ctx->log_path)
		log_put(stderr, ctx, level, text);
	if (ctx->log_path && ctx->level >= level)
		log_line(ctx, level, text);
}
