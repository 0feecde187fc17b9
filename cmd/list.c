/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun list: all containers as an OCI runtime shows them. Its JSON is an array of
 * state documents; a record that cannot be read appears with the status "broken".
 */
#include "cmd.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

struct list {
	const char *format;
	bool quiet;
};

#define AT(member) offsetof(struct list, member)
static const struct option options[] = {
	{"format", 'f', OPTION_TEXT, AT(format), "FORMAT", "table or json", GROUP_COMMON,
		NULL},
	{"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "ids only", GROUP_COMMON, NULL},
	{0},
};

/* The specification's word for containers that have ended. */
static const char *oci_status(const char *status)
{
	bool ended = !strcmp(status, "exited") || !strcmp(status, "dead");
	return ended ? "stopped" : status;
}

static void print_table(const struct mr_status *all, size_t n)
{
	static const char *const head[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	struct table t = {.columns = 6};

	for (size_t i = 0; i < 6; i++)
		table_add(&t, head[i]);
	for (size_t i = 0; i < n; i++) {
		char pid[16], created[TIME_TEXT_SIZE] = "";
		snprintf(pid, sizeof(pid), "%d", (int)all[i].pid);
		if (all[i].created_ns)
			format_time(all[i].created_ns, created);
		table_add(&t, all[i].id);
		table_add(&t, pid);
		table_add(&t, oci_status(all[i].status));
		table_add(&t, all[i].bundle);
		table_add(&t, created);
		table_add(&t, all[i].owner);
	}
	table_print(&t, stdout);
	table_clear(&t);
}

static void print_json_one(const struct context *ctx, const struct mr_status *s)
{
	struct mr_container *c = NULL;
	struct mr_error ignored = {0};
	char *state = NULL;

	int r = mr_container_open(ctx->root, s->id, &c, &ignored);
	if (r >= 0)
		r = mr_container_state_json(c, &state, &ignored);
	if (r >= 0) {
		size_t len = strlen(state);
		while (len > 0 && state[len - 1] == '\n')
			len--;
		fwrite(state, 1, len, stdout);
	} else {
		fputs("{\"id\":", stdout);
		put_json_text(stdout, s->id);
		printf(",\"pid\":0,\"status\":\"broken\"}");
	}
	free(state);
	mr_container_close(c);
}

static void print_json(const struct context *ctx, const struct mr_status *all, size_t n)
{
	putchar('[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			putchar(',');
		print_json_one(ctx, &all[i]);
	}
	printf("]\n");
}

int cmd_list(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct list list = {0};
	struct arguments args;
	struct mr_status *all = NULL;
	size_t n = 0;
	bool json;

	int r = command_parse(ctx, options, &list, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 0, err);
	if (r == 0)
		r = parse_format(list.format, &json, err);
	if (r == 0)
		r = mr_list(ctx->root, &all, &n, err);
	if (r < 0)
		return r;
	if (list.quiet) {
		for (size_t i = 0; i < n; i++)
			puts(all[i].id);
	} else if (json) {
		print_json(ctx, all, n);
	} else {
		print_table(all, n);
	}
	free(all);
	return 0;
}
