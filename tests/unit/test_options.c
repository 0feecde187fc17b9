/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option parser of the commands, the words of the OCI form, and what goes out as
 * text.
 */
#include "../../cmd/output.h"
#include "../../cmd/run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct target {
	bool flag, other;
	int on, number;
	const char *text;
	int64_t time_ms;
	struct option_list list;
};

#define IN(member) offsetof(struct target, member)
static const struct option rows[] = {
	{"flag", 'F', OPTION_FLAG, IN(flag), NULL, "a flag", GROUP_COMMON, NULL},
	{"init", 0, OPTION_ON, IN(on), NULL, "on", GROUP_COMMON, NULL},
	{"no-init", 0, OPTION_OFF, IN(on), NULL, "off", GROUP_COMMON, NULL},
	{"-", 0, OPTION_TITLE, 0, NULL, "Others", GROUP_COMMON, NULL},
	{"text", 't', OPTION_TEXT, IN(text), "TEXT", "a text", GROUP_DOCKER,
		"some.field"},
	{"item", 'i', OPTION_LIST, IN(list), "ITEM", "a list", GROUP_BUNDLE, NULL},
	{"number", 'n', OPTION_NUMBER, IN(number), "N", "a number", GROUP_COMMON, NULL},
	{"time", 0, OPTION_DURATION, IN(time_ms), "TIME", "a time", GROUP_COMMON, NULL},
	{"old", 0, OPTION_IGNORED, 0, "X", "nothing", GROUP_COMMON, NULL},
	{"bad", 0, OPTION_REFUSED, 0, NULL, "it is not offered", GROUP_COMMON, NULL},
	{0},
};
static const struct option more_rows[] = {
	{"other", 'o', OPTION_FLAG, IN(other), NULL, "second set", GROUP_COMMON, NULL},
	{"text", 0, OPTION_FLAG, IN(other), NULL, "hidden by the first set", GROUP_COMMON,
		NULL},
	{0},
};

static int parse(
	char **argv, struct target *t, struct arguments *args, struct mr_error *err)
{
	const struct option_set sets[] = {{rows, t}, {more_rows, t}, {NULL, NULL}};
	int argc = 0;

	while (argv[argc])
		argc++;
	*t = (struct target){.on = -1};
	*err = (struct mr_error){0};
	return options_parse(sets, argc, argv, false, args, err);
}
/* A statement's own argv: what was parsed points into it. */
#define PARSE(...) parse((char *[]){"command", __VA_ARGS__, NULL}, &t, &args, &err)

static void test_forms(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("--text", "a"), 0);
	assert_string_equal(t.text, "a");
	assert_int_equal(PARSE("-text", "b"), 0);
	assert_string_equal(t.text, "b");
	assert_int_equal(PARSE("--text=c"), 0);
	assert_string_equal(t.text, "c");
	assert_int_equal(PARSE("-text=d=e"), 0);
	assert_string_equal(t.text, "d=e");
	assert_int_equal(PARSE("-t", "-1"), 0);
	assert_string_equal(t.text, "-1");
	assert_int_equal(PARSE("-t="), 0);
	assert_string_equal(t.text, "");
	assert_int_equal(PARSE("-other"), 0);
	assert_true(t.other);
	assert_int_equal(PARSE("--text", "x"), 0);
	assert_false(t.other);
}

static void test_flags(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("--flag"), 0);
	assert_true(t.flag);
	assert_int_equal(PARSE("-F", "--flag=false"), 0);
	assert_false(t.flag);
	assert_int_equal(PARSE("--flag", "false"), 0);
	assert_true(t.flag);
	assert_string_equal(args.items[0], "false");
	assert_int_equal(PARSE("--flag=yes"), -EINVAL);
	assert_string_equal(
		err.message, "option --flag: expected true or false, found 'yes'");
	assert_int_equal(PARSE("x"), 0);
	assert_int_equal(t.on, -1);
	assert_int_equal(PARSE("--init"), 0);
	assert_int_equal(t.on, 1);
	assert_int_equal(PARSE("--init", "--no-init"), 0);
	assert_int_equal(t.on, 0);
	assert_int_equal(PARSE("--no-init=false"), 0);
	assert_int_equal(t.on, 1);
}

static void test_values(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("-i", "a", "--item=b", "-item", "c"), 0);
	assert_int_equal(t.list.n, 3);
	assert_string_equal(t.list.items[0], "a");
	assert_string_equal(t.list.items[2], "c");
	assert_null(t.list.items[3]);
	option_list_clear(&t.list);
	assert_int_equal(PARSE("-n", "2147483639"), 0);
	assert_int_equal(t.number, 2147483639);
	assert_int_equal(PARSE("-n", "4294967296"), -EINVAL);
	assert_int_equal(PARSE("-n", "-1"), -EINVAL);
	assert_int_equal(PARSE("-n", "1x"), -EINVAL);
	assert_int_equal(PARSE("-n="), -EINVAL);
	assert_int_equal(PARSE("--time", "1.5s"), 0);
	assert_int_equal(t.time_ms, 1500);
	assert_int_equal(PARSE("--time", "soon"), -EINVAL);
	assert_non_null(strstr(err.message, "found 'soon'"));
	assert_int_equal(PARSE("--old", "anything", "x"), 0);
	assert_int_equal(args.n, 1);
}

static void test_where_it_stops(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("id", "--flag"), 0);
	assert_false(t.flag);
	assert_int_equal(args.n, 2);
	assert_false(args.dashes);
	assert_int_equal(PARSE("--flag", "--", "--text", "x"), 0);
	assert_true(args.dashes);
	assert_int_equal(args.n, 2);
	assert_string_equal(args.items[0], "--text");
	assert_int_equal(PARSE("-", "x"), 0);
	assert_int_equal(args.n, 2);
	assert_string_equal(args.items[0], "-");
	assert_int_equal(PARSE("--flag"), 0);
	assert_int_equal(args.n, 0);
	assert_null(args.items[0]);
}

static void test_errors(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("--none"), -EINVAL);
	assert_string_equal(err.message, "unknown option '--none'");
	assert_int_equal(PARSE("-none=3"), -EINVAL);
	assert_string_equal(err.message, "unknown option '-none'");
	assert_int_equal(PARSE("--text"), -EINVAL);
	assert_string_equal(err.message, "option '--text' needs a value");
	assert_int_equal(PARSE("--bad", "x"), -EINVAL);
	assert_string_equal(err.message, "option --bad: it is not offered");
	/* A title is no option. */
	assert_int_equal(PARSE("---"), -EINVAL);
	assert_string_equal(err.hint, "");
}

static void test_bundles(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("-Fo"), -EINVAL);
	assert_string_equal(err.hint, "short options stand alone: -F -o");
	assert_int_equal(PARSE("-t64m"), -EINVAL);
	assert_string_equal(err.hint, "write -t 64m");
	assert_int_equal(PARSE("-Fz"), -EINVAL);
	assert_string_equal(err.hint, "");
}

static void test_help(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("--flag", "--help", "--none"), 0);
	assert_true(args.help);
	assert_int_equal(PARSE("-help"), 0);
	assert_true(args.help);
	assert_int_equal(PARSE("-h"), 0);
	assert_true(args.help);
	assert_int_equal(PARSE("--text", "--help"), 0);
	assert_false(args.help);
}

/* In run, -h is --hostname. */
static void test_help_of_run(void **state)
{
	struct run_args a;
	struct arguments args;
	struct mr_error err = {0};
	char *argv[] = {"run", "-h", "box", "-m", "64m", "ls", NULL};

	(void)state;
	run_args_init(&a);
	const struct option_set sets[] = {{run_options, &a}, {NULL, NULL}};
	assert_int_equal(options_parse(sets, 6, argv, false, &args, &err), 0);
	assert_false(args.help);
	assert_string_equal(a.command.hostname, "box");
	assert_string_equal(a.command.memory, "64m");
	assert_string_equal(args.seen[GROUP_DOCKER]->name, "hostname");
	enum run_mode mode;
	assert_int_equal(run_choose_mode(&a, &args, &mode, &err), 0);
	assert_int_equal(mode, RUN_COMMAND);
	run_args_clear(&a);
}

/* docker's habit: inspect ID --format T. What follows "--" is never an option. */
static void test_mixed(void **state)
{
	struct run_args a;
	struct arguments args;
	struct mr_error err = {0};
	char *argv[] = {"inspect", "one", "-m", "64m", "two", "--", "-m", NULL};

	(void)state;
	run_args_init(&a);
	const struct option_set sets[] = {{run_options, &a}, {NULL, NULL}};
	assert_int_equal(options_parse(sets, 7, argv, true, &args, &err), 0);
	assert_string_equal(a.command.memory, "64m");
	assert_int_equal(args.n, 3);
	assert_string_equal(args.items[0], "one");
	assert_string_equal(args.items[1], "two");
	assert_string_equal(args.items[2], "-m");
	assert_null(args.items[3]);
	run_args_clear(&a);
}

static void test_groups(void **state)
{
	struct target t;
	struct arguments args;
	struct mr_error err;

	(void)state;
	assert_int_equal(PARSE("--flag", "--text", "x"), 0);
	assert_string_equal(args.seen[GROUP_DOCKER]->field, "some.field");
	assert_null(args.seen[GROUP_BUNDLE]);
}

static bool is_oci(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return run_is_oci(argc, argv);
}
#define IS_OCI(...) is_oci((char *[]){"run", __VA_ARGS__, NULL})

static void test_is_oci(void **state)
{
	(void)state;
	assert_true(IS_OCI("--bundle", "/b", "id"));
	assert_true(IS_OCI("-bundle=/b", "id"));
	assert_true(IS_OCI("--none", "-f", "x"));
	assert_false(IS_OCI("spec.json"));
	assert_false(IS_OCI("--name", "bundle", "spec.json"));
	assert_false(IS_OCI("--", "prog", "--bundle", "x"));
}

static char *written(void (*put)(FILE *, const char *), const char *text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	put(f, text);
	assert_int_equal(fclose(f), 0);
	return out;
}

static void check_text(
	void (*put)(FILE *, const char *), const char *in, const char *expected)
{
	char *out = written(put, in);

	assert_string_equal(out, expected);
	free(out);
}

static void test_texts(void **state)
{
	(void)state;
	check_text(put_json_text, "a\"b\\c/\n\t", "\"a\\\"b\\\\c/\\n\\u0009\"");
	check_text(put_json_text, "\xc3\xa9 \xff \xc0\xaf \xed\xa0\x80",
		"\"\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
		"\xef\xbf\xbd\xef\xbf\xbd\xef"
		"\xbf\xbd\"");
	check_text(put_json_text, "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	check_text(put_clean_text, "\xc3\xa9\x1b[1m\n\xc2\x9b\xff",
		"\xc3\xa9\\x1b[1m\\x0a\\xc2\\x9b\\xff");
}

static void test_times(void **state)
{
	char text[TIME_TEXT_SIZE], span[32];

	(void)state;
	format_time(INT64_C(1795406043123456789), text);
	assert_string_equal(text, "2026-11-23T03:54:03.123456789Z");
	static const struct {
		int64_t s;
		const char *text;
	} spans[] = {{0, "Less than a second"}, {1, "1 second"}, {59, "59 seconds"},
		{60, "About a minute"}, {240, "4 minutes"}, {3600, "About an hour"},
		{47 * 3600, "47 hours"}, {48 * 3600, "2 days"}, {21 * 86400, "3 weeks"},
		{90 * 86400, "3 months"}, {800 * 86400, "2 years"}};
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		format_span(spans[i].s * 1000000000, span);
		assert_string_equal(span, spans[i].text);
	}
}

static void test_table(void **state)
{
	struct table t = {.columns = 2};
	char *out = NULL;
	size_t len = 0;

	(void)state;
	table_add(&t, "ID");
	table_add(&t, "X");
	table_add(&t, "long");
	table_add(&t, "y\n");
	FILE *f = open_memstream(&out, &len);
	table_print(&t, f);
	fclose(f);
	assert_string_equal(out, "ID     X\nlong   y\\x0a\n");
	free(out);
	table_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_where_it_stops),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_of_run),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_is_oci),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
