/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option parser: see options.h.
 *
 * Engines decide its rules. containerd sends `-no-subreaper`, so a long option has one
 * dash or two, and therefore short ones cannot be bundled; `exec ID cmd -x` hands -x on,
 * so parsing stops at the first argument. getopt_long(3) and argp(3) do neither.
 */
#include "options.h"
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* One option as it was written. */
struct written {
	const char *text; /* with its dashes and value, for messages */
	const char *name; /* without dashes */
	size_t name_len;
	const char *value; /* behind '=', or NULL */
};

void option_list_clear(struct option_list *list)
{
	free(list->items);
	*list = (struct option_list){0};
}

static int list_add(struct option_list *list, const char *text, struct mr_error *err)
{
	const char **items = realloc(list->items, (list->n + 2) * sizeof(*items));
	if (!items)
		return fail(err, ENOMEM, "out of memory");
	items[list->n++] = text;
	items[list->n] = NULL;
	list->items = items;
	return 0;
}

static void split(const char *text, struct written *ret)
{
	ret->text = text;
	ret->name = text + (text[1] == '-' ? 2 : 1);
	ret->name_len = strcspn(ret->name, "=");
	ret->value = ret->name[ret->name_len] ? ret->name + ret->name_len + 1 : NULL;
}

static bool row_matches(const struct option *row, const struct written *w)
{
	if (row->kind == OPTION_TITLE)
		return false;
	if (w->name_len == 1 && row->letter)
		return w->name[0] == row->letter;
	return strlen(row->name) == w->name_len &&
	       !strncmp(row->name, w->name, w->name_len);
}

static const struct option *find(
	const struct option_set *sets, const struct written *w, void **ret_target)
{
	for (; sets->rows; sets++) {
		for (const struct option *row = sets->rows; row->name; row++) {
			if (row_matches(row, w)) {
				*ret_target = sets->target;
				return row;
			}
		}
	}
	return NULL;
}

static bool takes_value(enum option_kind kind)
{
	return kind != OPTION_FLAG && kind != OPTION_ON && kind != OPTION_OFF &&
	       kind != OPTION_WORD;
}

static int parse_bool(const char *text, bool *ret)
{
	if (!text || !strcmp(text, "true") || !strcmp(text, "1") || !strcmp(text, "t"))
		*ret = true;
	else if (!strcmp(text, "false") || !strcmp(text, "0") || !strcmp(text, "f"))
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

static int parse_number(const char *text, int *ret)
{
	int v = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > (INT_MAX - 9) / 10)
			return -EINVAL;
		v = v * 10 + (*text - '0');
	}
	*ret = v;
	return 0;
}

static int bad_value(const struct option *row, const char *value, const char *expected,
	struct mr_error *err)
{
	return fail(err, EINVAL, "option --%s: expected %s, found '%s'", row->name,
		expected, value);
}

static int store(
	const struct option *row, char *target, const char *value, struct mr_error *err)
{
	void *at = target + row->offset;
	bool on;

	switch (row->kind) {
	case OPTION_FLAG:
		if (parse_bool(value, at) < 0)
			return bad_value(row, value, "true or false", err);
		return 0;
	case OPTION_ON:
	case OPTION_OFF:
		if (parse_bool(value, &on) < 0)
			return bad_value(row, value, "true or false", err);
		*(int *)at = on == (row->kind == OPTION_ON);
		return 0;
	case OPTION_TEXT:
	case OPTION_WORD:
		*(const char **)at = value ? value : "true";
		return 0;
	case OPTION_LIST:
		return list_add(at, value, err);
	case OPTION_NUMBER:
		if (parse_number(value, at) < 0)
			return bad_value(row, value, "a number", err);
		return 0;
	case OPTION_DURATION:
		if (mr_duration_value(value, at) < 0)
			return bad_value(
				row, value, "a time as 10, 1.5s, 300ms, 2m or 1h", err);
		return 0;
	case OPTION_IGNORED:
	case OPTION_REFUSED:
	case OPTION_TITLE:
		break;
	}
	return 0;
}

/* "-it" is what hands trained on docker type: say what to type here. */
static void hint_bundled(
	const struct option_set *sets, const struct written *w, struct mr_error *err)
{
	char text[64] = "";
	size_t len = 0;
	void *target;

	if (w->text[1] == '-' || w->name_len < 2 || w->name_len > 8)
		return;
	for (size_t i = 0; i < w->name_len; i++) {
		struct written one = {.name = w->name + i, .name_len = 1};
		const struct option *row = find(sets, &one, &target);
		if (!row || !row->letter)
			return;
		if (i == 0 && takes_value(row->kind)) {
			snprintf(err->hint, sizeof(err->hint), "write -%c %s", w->name[0],
				w->name + 1);
			return;
		}
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " -%c", w->name[i]);
	}
	snprintf(err->hint, sizeof(err->hint), "short options stand alone:%s", text);
}

static int unknown(
	const struct option_set *sets, const struct written *w, struct mr_error *err)
{
	int dashes = w->text[1] == '-' ? 2 : 1;
	int r = fail(
		err, EINVAL, "unknown option '%.*s'", dashes + (int)w->name_len, w->text);
	hint_bundled(sets, w, err);
	return r;
}

static bool is_help(const struct written *w, const struct option *row)
{
	if (w->name_len == 1)
		return w->name[0] == 'h' && (!row || !strcmp(row->name, "help"));
	return w->name_len == 4 && !strncmp(w->name, "help", 4);
}

/* Handle the option at argv[*i]; moves *i to the value when that is a word of its own. */
static int take_option(const struct option_set *sets, char **argv, int *i,
	struct arguments *ret, struct mr_error *err)
{
	struct written w;
	void *target = NULL;

	split(argv[*i], &w);
	const struct option *row = find(sets, &w, &target);
	if (is_help(&w, row)) {
		if (parse_bool(w.value, &ret->help) == 0)
			return 0;
		return fail(err, EINVAL, "option --help: expected true or false, found '%s'",
			w.value);
	}
	if (!row)
		return unknown(sets, &w, err);
	if (row->kind == OPTION_REFUSED)
		return fail(err, EINVAL, "option --%s: %s", row->name, row->help);
	if (takes_value(row->kind) && !w.value) {
		if (!argv[*i + 1])
			return fail(err, EINVAL, "option '%s' needs a value", w.text);
		w.value = argv[++*i];
	}
	if (!ret->seen[row->group])
		ret->seen[row->group] = row;
	return store(row, target, w.value, err);
}

int options_parse(const struct option_set *sets, int argc, char **argv, bool mixed,
	struct arguments *ret, struct mr_error *err)
{
	int i = 1, kept = 1; /* arguments found so far stand at argv[1 .. kept-1] */

	*ret = (struct arguments){0};
	for (; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			ret->dashes = true;
			i++;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			if (!mixed)
				break;
			argv[kept++] = argv[i];
			continue;
		}
		int r = take_option(sets, argv, &i, ret, err);
		if (r < 0 || ret->help)
			return r;
	}
	if (mixed) {
		memmove(argv + kept, argv + i, (size_t)(argc - i + 1) * sizeof(*argv));
		argc -= i - kept;
		i = 1;
	}
	ret->n = argc - i;
	ret->items = argv + i;
	return 0;
}

void options_print(const struct option *rows, FILE *out)
{
	for (; rows->name; rows++) {
		char left[64];

		if (rows->kind == OPTION_TITLE) {
			fprintf(out, "\n%s:\n", rows->help);
			continue;
		}
		if (rows->kind == OPTION_REFUSED || !rows->help)
			continue;
		int n = rows->letter
				? snprintf(left, sizeof(left), "-%c, --%s", rows->letter,
					  rows->name)
				: snprintf(left, sizeof(left), "    --%s", rows->name);
		if (rows->value)
			snprintf(left + n, sizeof(left) - (size_t)n, " %s", rows->value);
		fprintf(out, "  %-32s %s\n", left, rows->help);
	}
}
