/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun ps: docker's list of containers; with an id, the processes of that container as
 * an OCI runtime (ps_processes.c).
 */
#include "ps.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMMAND_WIDTH 30

#define AT(member) offsetof(struct ps, member)
static const struct option options[] = {
	{"all", 'a', OPTION_FLAG, AT(all), NULL, "ended ones too", GROUP_COMMON, NULL},
	{"format", 'f', OPTION_TEXT, AT(format), "FORMAT", "table or json", GROUP_COMMON,
		NULL},
	{"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "ids only", GROUP_COMMON, NULL},
	{0},
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* docker's words: "Up 3 minutes (Paused)", "Exited (137) 4 minutes ago", and ours:
 * "(OOM)". */
static void status_text(const struct mr_status *s, int64_t now, char *ret, size_t size)
{
	const char *oom = s->oom_killed == 1 ? " (OOM)" : "";
	char span[32], code[16] = "?";

	if (!strcmp(s->status, "running") || !strcmp(s->status, "paused")) {
		format_span(now - s->started_ns, span);
		snprintf(ret, size, "Up%s%s%s%s", s->started_ns ? " " : "",
			s->started_ns ? span : "",
			!strcmp(s->status, "paused") ? " (Paused)" : "", oom);
	} else if (!strcmp(s->status, "exited")) {
		format_span(now - s->finished_ns, span);
		if (s->exit_code >= 0)
			snprintf(code, sizeof(code), "%d", s->exit_code);
		snprintf(ret, size, "Exited (%s)%s%s%s%s", code,
			s->finished_ns ? " " : "", s->finished_ns ? span : "",
			s->finished_ns ? " ago" : "", oom);
	} else {
		snprintf(ret, size, "%c%s", s->status[0] & ~0x20, s->status + 1);
	}
}

static void print_json(const struct mr_status *s, int64_t now)
{
	char status[96], created[TIME_TEXT_SIZE] = "";

	status_text(s, now, status, sizeof(status));
	if (s->created_ns)
		format_time(s->created_ns, created);
	const char *const texts[][2] = {
		{"ID", s->id},
		{"Names", s->id},
		{"Command", s->command},
		{"CreatedAt", created},
		{"State", s->status},
		{"Status", status},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		printf("%c\"%s\":", i ? ',' : '{', texts[i][0]);
		put_json_text(stdout, texts[i][1]);
	}
	printf(",\"Pid\":%d,\"ExitCode\":", (int)s->pid);
	printf(s->exit_code < 0 ? "null" : "%d", s->exit_code);
	printf(",\"OOMKilled\":%s}\n", s->oom_killed < 0    ? "null"
				       : s->oom_killed == 1 ? "true"
							    : "false");
}

/* How many bytes of a command the table shows: not cut inside of a character. */
static int shorten(const char *command)
{
	size_t n = strlen(command);

	if (n > COMMAND_WIDTH) {
		n = COMMAND_WIDTH - 1;
		while (n > 0 && ((unsigned char)command[n] & 0xc0) == 0x80)
			n--;
	}
	return (int)n;
}

static void add_row(struct table *t, const struct mr_status *s, int64_t now)
{
	char text[160], span[32];

	table_add(t, s->id);
	int shown = shorten(s->command);
	snprintf(text, sizeof(text), "\"%.*s%s\"", shown, s->command,
		s->command[shown] ? "\u2026" : "");
	table_add(t, text);
	format_span(now - s->created_ns, span);
	snprintf(text, sizeof(text), "%s ago", span);
	table_add(t, s->created_ns ? text : "");
	status_text(s, now, text, sizeof(text));
	table_add(t, text);
	table_add(t, s->id);
}

static bool is_live(const struct mr_status *s)
{
	return !strcmp(s->status, "running") || !strcmp(s->status, "paused");
}

/* As docker: the newest first. */
static int compare_age(const void *a, const void *b)
{
	const struct mr_status *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? 1 : -1;
	return strcmp(x->id, y->id);
}

static int print_containers(
	const struct context *ctx, const struct ps *ps, bool json, struct mr_error *err)
{
	static const char *const head[] = {
		"CONTAINER ID", "COMMAND", "CREATED", "STATUS", "NAME"};
	struct table t = {.columns = 5};
	struct mr_status *all = NULL;
	size_t n = 0;
	int64_t now = now_ns();
	int r = mr_list(ctx->root, &all, &n, err);

	if (r < 0)
		return r;
	qsort(all, n, sizeof(*all), compare_age);
	for (size_t i = 0; i < 5; i++)
		table_add(&t, head[i]);
	for (size_t i = 0; i < n; i++) {
		if (!ps->all && !is_live(&all[i]))
			continue;
		if (ps->quiet)
			puts(all[i].id);
		else if (json)
			print_json(&all[i], now);
		else
			add_row(&t, &all[i], now);
	}
	if (!ps->quiet && !json)
		table_print(&t, stdout);
	table_clear(&t);
	free(all);
	return 0;
}

int cmd_ps(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct ps ps = {0};
	struct arguments args;
	bool json;

	int r = command_parse(ctx, options, &ps, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = parse_format(ps.format, &json, err);
	if (r < 0)
		return r;
	if (args.n == 0)
		return print_containers(ctx, &ps, json, err);
	return ps_processes(ctx, args.items[0], args.items + 1, json, err);
}
