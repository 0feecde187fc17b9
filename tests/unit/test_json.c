/* SPDX-License-Identifier: Apache-2.0 */
/* json.c, json_value.c, json_write.c: the tree and its positions, the caps, the writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct mr_error err;

static void parse(const char *text, struct mr_json_doc *doc)
{
	assert_int_equal(mr_json_parse("f.json", text, strlen(text), doc, &err), 0);
}

static void refuse(const char *text, size_t len, const char *message)
{
	auto_json doc = {0};
	assert_int_equal(mr_json_parse("f.json", text, len, &doc, &err), -EINVAL);
	assert_string_equal(err.message, message);
}

static void test_tree(void **state)
{
	(void)state;
	auto_json doc = {0};
	parse("{\"a\": [1, true, null, \"x\\u00e4\\ud83d\\ude00\"], \"b\": {\"c\": -1.5e3}}",
		&doc);
	const struct mr_json *a = mr_json_get(doc.root, "a");
	assert_int_equal(doc.root->type, MR_JSON_OBJECT);
	assert_int_equal(doc.root->n, 2);
	assert_int_equal(a->type, MR_JSON_ARRAY);
	assert_int_equal(a->n, 4);
	assert_string_equal(a->child->text, "1");
	assert_true(a->child->next->boolean);
	assert_int_equal(a->child->next->next->type, MR_JSON_NULL);
	assert_string_equal(
		a->child->next->next->next->text, "x\xc3\xa4\xf0\x9f\x98\x80");
	assert_null(a->child->next->next->next->next);
	assert_string_equal(mr_json_path(doc.root, "b.c")->text, "-1.5e3");
	assert_null(mr_json_path(doc.root, "b.c.d"));
	assert_null(mr_json_path(doc.root, "b.x"));
	assert_ptr_equal(mr_json_path(doc.root, ""), doc.root);
	assert_null(mr_json_get(a, "a"));
	assert_null(mr_json_get(NULL, "a"));
}

static void test_offsets(void **state)
{
	(void)state;
	auto_json doc = {0};
	const char *text = " {\n \"a\" : [ 10 ,\"s\\n\", {}, [ ] ] ,\"b\":false}";
	parse(text, &doc);
	assert_int_equal(doc.root->offset, 1);
	const struct mr_json *e = mr_json_get(doc.root, "a");
	assert_int_equal(text[e->offset], '[');
	e = e->child;
	assert_memory_equal(text + e->offset, "10", 2);
	e = e->next;
	assert_memory_equal(text + e->offset, "\"s\\n\"", 5);
	e = e->next;
	assert_memory_equal(text + e->offset, "{}", 2);
	e = e->next;
	assert_memory_equal(text + e->offset, "[ ]", 3);
	assert_memory_equal(text + mr_json_get(doc.root, "b")->offset, "false", 5);
}

static void test_lone_values(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"0", " 12 ", "-1", "true", "null", "\"\"", "[]", "{}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		auto_json doc = {0};
		parse(texts[i], &doc);
		assert_int_equal(doc.root->offset, i == 1);
	}
}

static void test_text_need_not_end_with_nul(void **state)
{
	(void)state;
	auto_json doc = {0};
	char text[] = {'[', '1', ',', '2', ']', '9', '9'};
	assert_int_equal(mr_json_parse("f.json", text, 5, &doc, &err), 0);
	assert_int_equal(doc.root->n, 2);
}

static void test_paths(void **state)
{
	(void)state;
	auto_json doc = {0};
	parse("{\"mounts\": [{}, {\"source\": 1}], \"annotations\": {\"a.b/c\": 2, \"\": 3}}",
		&doc);
	const struct mr_json *mounts = mr_json_get(doc.root, "mounts");
	const struct mr_json *notes = mr_json_get(doc.root, "annotations");
	const struct {
		const struct mr_json *node;
		const char *path;
	} rows[] = {
		{doc.root, ""},
		{mounts, "mounts"},
		{mounts->child->next, "mounts[1]"},
		{mounts->child->next->child, "mounts[1].source"},
		{notes->child, "annotations[\"a.b/c\"]"},
		{notes->child->next, "annotations[\"\"]"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_str path = {0};
		mr_json_format_path(rows[i].node, &path);
		assert_string_equal(mr_str_text(&path), rows[i].path);
	}
	auto_str after = {0};
	mr_str_append(&after, "see ");
	mr_json_format_path(mounts, &after);
	assert_string_equal(mr_str_text(&after), "see mounts");
}

/* Whole paths; and the last value on the way where one ends early. */
static void test_places_of_paths(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		size_t line, column;
	} cases[] = {
		{"a[1].b", 3, 8},
		{"c[\"x.y[0]\"]", 4, 17},
		{"a", 2, 7},
		{"", 1, 1},
		{"a[2].b", 2, 7},
		{"a[1].none.below", 3, 2},
		{"c.none", 4, 6},
		{"none", 1, 1},
	};
	auto_json doc = {0};
	parse("{\n \"a\": [1,\n {\"b\": 2}],\n\"c\": {\"x.y[0]\": 3}}", &doc);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t line, column;
		mr_json_locate(&doc, cases[i].path, &line, &column);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(column, cases[i].column);
	}
}

static void test_fail_names_the_place(void **state)
{
	(void)state;
	auto_json doc = {0};
	parse("{\n  \"a\": [\n    7\n  ]\n}", &doc);
	const struct mr_json *e = mr_json_get(doc.root, "a")->child;
	assert_int_equal(mr_json_fail(&doc, e, &err, "is %s", "odd"), -EINVAL);
	assert_string_equal(err.message, "f.json:3:5: a[0]: is odd");
	mr_json_fail(&doc, doc.root, &err, "whole");
	assert_string_equal(err.message, "f.json:1:1: whole");
}

static void test_syntax_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"", "f.json: empty: expected a JSON document"},
		{" \r\n\t", "f.json: nothing but blanks: expected a JSON document"},
		{"[1,2", "f.json:1:5: the text ends too early: the outermost array is not closed"},
		{"{\"a\":", "f.json:1:6: the text ends too early: the outermost object is not closed"},
		{"\"abc", "f.json:1:5: the text ends too early: a string is not closed"},
		{"{\"a\": {\"b\": [1, ", "f.json:1:17: the text ends too early: the array a.b is not closed"},
		{"[1,,2]", "f.json:1:4: expected a value, found ','"},
		{"[1,]", "f.json:1:3: a comma before the closing ']'"},
		{"{\"a\":1 ,\n}", "f.json:1:8: a comma before the closing '}'"},
		{"[] x", "f.json:1:4: parse error: trailing garbage"},
		{"1 2", "f.json:1:3: parse error: trailing garbage"},
		{"[\n /* c */ 1]", "f.json:2:2: JSON has no comments: remove it"},
		{"\xef\xbb\xbf{}",
			"f.json:1:1: a byte order mark (EF BB BF) is no JSON: remove "
			"these three bytes"},
		{"{\"a\":1,\n \"a\":2}",
			"f.json:2:6: a: a member of this name stands twice in the object"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuse(rows[i].text, strlen(rows[i].text), rows[i].message);
	static const char *const bad[] = {"tru", "nul", "[01]", "[1.]", "[.5]", "[+1]",
		"[-]", "{a:1}", "{'a':1}", "[NaN]", "[Infinity]", "]", ",", "[,1]",
		"[1 2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{1:2}", "\"\\x\"",
		"\"\\u12\"", "\"a\nb\"", "[1]]", "{}}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_json doc = {0};
		assert_int_equal(
			mr_json_parse("f.json", bad[i], strlen(bad[i]), &doc, &err),
			-EINVAL);
		assert_memory_equal(err.message, "f.json:1:", 9);
		assert_null(strchr(err.message, '\n'));
	}
}

static void test_bytes_that_are_refused(void **state)
{
	(void)state;
	static const char raw[] = "\"a\0b\"";
	refuse(raw, sizeof(raw) - 1, "f.json:1:3: a NUL byte is not allowed");
	refuse("\"\\u0000\"", 8, "f.json:1:2: a NUL (\\u0000) is not allowed");
	refuse("{\"\\u0000\":1}", 12, "f.json:1:3: a NUL (\\u0000) is not allowed");
	refuse("\"\\\\\\u0000\"", 10, "f.json:1:4: a NUL (\\u0000) is not allowed");
	refuse("\"\\ud800\"", 8, "f.json:1:2: \\ud800 is half of a surrogate pair");
	refuse("\"\\ud800\\u0041\"", 14,
		"f.json:1:2: \\ud800 is half of a surrogate pair");
	refuse("\"\\udc00\"", 8, "f.json:1:2: \\udc00 is half of a surrogate pair");

	static const char *const bad[] = {"\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82", "\x80"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[20], message[60];
		snprintf(text, sizeof(text), "\"%s\"", bad[i]);
		snprintf(message, sizeof(message),
			"f.json:1:2: invalid UTF-8 (byte 0x%02x)",
			(unsigned char)bad[i][0]);
		refuse(text, strlen(text), message);
	}
	auto_json doc = {0};
	parse("\"\\\\u0000 \\u0001 \xf4\x8f\xbf\xbf \xee\x80\x80\"", &doc);
	assert_string_equal(doc.root->text, "\\u0000 \x01 \xf4\x8f\xbf\xbf \xee\x80\x80");
}

static char *repeat(const char *head, const char *part, size_t n, const char *tail)
{
	struct mr_str s = {0};
	mr_str_append(&s, head);
	for (size_t i = 0; i < n; i++)
		mr_str_append(&s, part);
	mr_str_append(&s, tail);
	return mr_str_take(&s);
}

static void test_depth_cap(void **state)
{
	(void)state;
	auto_json doc = {0};
	autofree char *opens = repeat("", "[", 128, ""), *fits = NULL;
	fits = repeat(opens, "]", 128, "");
	parse(fits, &doc);
	autofree char *deep = repeat("", "[", 129, "");
	refuse(deep, strlen(deep), "f.json:1:129: nested deeper than 128: refused");
	autofree char *objects = repeat("", "{\"a\":", 100000, "");
	refuse(objects, strlen(objects), "f.json:1:641: nested deeper than 128: refused");
}

static void test_node_cap(void **state)
{
	(void)state;
	auto_json doc = {0};
	autofree char *fits = repeat("[0", ",0", MR_JSON_MAX_NODES - 2, "]");
	parse(fits, &doc);
	assert_int_equal(doc.root->n, MR_JSON_MAX_NODES - 1);
	autofree char *many = repeat("[0", ",0", MR_JSON_MAX_NODES - 1, "]");
	refuse(many, strlen(many), "f.json:1:800000: more than 400000 values: refused");
}

static void test_size_cap(void **state)
{
	(void)state;
	auto_json doc = {0};
	autofree char *big = repeat("[]", " ", MR_JSON_MAX_BYTES - 1, "");
	assert_int_equal(
		mr_json_parse("f.json", big, MR_JSON_MAX_BYTES + 1, &doc, &err), -EFBIG);
	assert_string_equal(err.message, "f.json: larger than 16 MiB: refused");
	assert_int_equal(mr_json_parse("f.json", big, MR_JSON_MAX_BYTES, &doc, &err), 0);
}

/* 300 000 members with long common prefixes: what is quadratic takes minutes. */
static void test_many_members_are_fast(void **state)
{
	(void)state;
	auto_str s = {0};
	mr_str_append(&s, "{\"first\":0");
	for (int i = 0; i < 300000; i++)
		mr_str_appendf(&s, ",\"common prefix %d\":%d", i, i);
	size_t fine = s.len;
	mr_str_append(&s, ",\"common prefix 77\":1}");

	auto_json doc = {0};
	clock_t start = clock();
	assert_int_equal(mr_json_parse("f.json", s.data, s.len, &doc, &err), -EINVAL);
	assert_non_null(strstr(err.message,
		"[\"common prefix 77\"]: a member of this name stands "
		"twice"));
	mr_json_clear(&doc);
	s.data[fine] = '}';
	assert_int_equal(mr_json_parse("f.json", s.data, fine + 1, &doc, &err), 0);
	assert_true((clock() - start) / CLOCKS_PER_SEC < 10);
}

static void test_lenient_getters(void **state)
{
	(void)state;
	auto_json doc = {0};
	parse("{\"s\":\"x\",\"i\":-7,\"f\":1.5,\"b\":true,\"big\":9223372036854775808}",
		&doc);
	assert_string_equal(mr_json_text(doc.root, "s", "-"), "x");
	assert_string_equal(mr_json_text(doc.root, "i", "-"), "-");
	assert_string_equal(mr_json_text(doc.root, "none", "-"), "-");
	assert_int_equal(mr_json_int(doc.root, "i", 1), -7);
	assert_int_equal(mr_json_int(doc.root, "f", 1), 1);
	assert_int_equal(mr_json_int(doc.root, "big", 1), 1);
	assert_true(mr_json_bool(doc.root, "b", false));
	assert_true(mr_json_bool(doc.root, "s", true));
}

static void test_strict_integers(void **state)
{
	(void)state;
	auto_json doc = {0};
	int64_t i = 0;
	uint64_t u = 0;
	parse("[18446744073709551615, -9223372036854775808, 18446744073709551616, 1.0, 1e3, "
	      "\"64m\", \"12\", \"x\", -1, 4095]",
		&doc);
	const struct mr_json *e[10], *node = doc.root->child;
	for (size_t k = 0; k < 10; k++, node = node->next)
		e[k] = node;

	assert_int_equal(mr_json_as_u64(&doc, e[0], UINT64_MAX, &u, &err), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(mr_json_as_i64(&doc, e[1], INT64_MIN, INT64_MAX, &i, &err), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(mr_json_as_u64(&doc, e[2], UINT64_MAX, &u, &err), -EINVAL);
	assert_string_equal(err.message,
		"f.json:1:46: [2]: 18446744073709551616 is out of range "
		"(0 to 18446744073709551615)");
	assert_int_equal(mr_json_as_i64(&doc, e[3], 0, 10, &i, &err), -EINVAL);
	assert_non_null(strstr(err.message, "expected an integer, found 1.0"));
	assert_int_equal(mr_json_as_u64(&doc, e[4], 10000, &u, &err), -EINVAL);
	assert_non_null(strstr(err.message, "expected an integer, found 1e3"));
	assert_int_equal(mr_json_as_i64(&doc, e[5], 0, INT64_MAX, &i, &err), -EINVAL);
	assert_non_null(strstr(err.message,
		"expected an integer, found \"64m\" (bytes; 64 MiB is 67108864)"));
	mr_json_as_i64(&doc, e[6], 0, INT64_MAX, &i, &err);
	assert_non_null(strstr(err.message, "found \"12\" (write it without quotes)"));
	mr_json_as_i64(&doc, e[7], 0, INT64_MAX, &i, &err);
	assert_non_null(strstr(err.message, "expected an integer, found \"x\""));
	assert_int_equal(mr_json_as_u64(&doc, e[8], 10, &u, &err), -EINVAL);
	assert_non_null(strstr(err.message, "-1 is out of range (0 to 10)"));
	assert_int_equal(mr_json_as_i64(&doc, e[9], 0, 4095, &i, &err), 0);
	assert_int_equal(mr_json_as_i64(&doc, e[9], 0, 4094, &i, &err), -EINVAL);
}

static void test_strict_types(void **state)
{
	(void)state;
	auto_json doc = {0};
	const char *text;
	bool b;
	parse("[\"s\", true, null, {}]", &doc);
	const struct mr_json *s = doc.root->child;
	assert_int_equal(mr_json_as_string(&doc, s, &text, &err), 0);
	assert_string_equal(text, "s");
	assert_int_equal(mr_json_as_bool(&doc, s, &b, &err), -EINVAL);
	assert_string_equal(
		err.message, "f.json:1:2: [0]: expected true or false, found \"s\"");
	assert_int_equal(mr_json_as_bool(&doc, s->next, &b, &err), 0);
	assert_true(b);
	assert_int_equal(mr_json_as_string(&doc, s->next->next, &text, &err), -EINVAL);
	assert_non_null(strstr(err.message, "expected a string, found null"));
	assert_int_equal(
		mr_json_as_string(&doc, s->next->next->next, &text, &err), -EINVAL);
	assert_non_null(strstr(err.message, "found an object"));
}

static void write_sample(struct mr_json_writer *w)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "t", "a/\"\\\n\x01\x7f\xc3\xa4\xff");
	mr_json_put_text(w, "n", NULL);
	mr_json_put_int(w, "i", INT64_MIN);
	mr_json_put_uint(w, "u", UINT64_MAX);
	mr_json_begin_array(w, "a");
	mr_json_put_bool(w, NULL, true);
	mr_json_put_null(w, NULL);
	mr_json_begin_object(w, NULL);
	mr_json_end(w);
	mr_json_end(w);
	mr_json_begin_array(w, "e");
	mr_json_end(w);
	mr_json_put_raw(w, "r", "[1]");
	mr_json_end(w);
}

static void test_compact_writer(void **state)
{
	(void)state;
	struct mr_json_writer w = {0};
	write_sample(&w);
	autofree char *text = mr_str_take(&w.out);
	assert_string_equal(text,
		"{\"t\":\"a/\\\"\\\\\\n\\u0001\\u007f\xc3\xa4\xef\xbf\xbd\",\"n\":null,"
		"\"i\":-9223372036854775808,\"u\":18446744073709551615,"
		"\"a\":[true,null,{}],\"e\":[],\"r\":[1]}");
	auto_json doc = {0};
	parse(text, &doc);
}

static void test_pretty_writer(void **state)
{
	(void)state;
	struct mr_json_writer w = {.pretty = true};
	mr_json_begin_object(&w, NULL);
	mr_json_begin_array(&w, "a");
	mr_json_put_int(&w, NULL, 1);
	mr_json_put_int(&w, NULL, 2);
	mr_json_end(&w);
	mr_json_begin_object(&w, "e");
	mr_json_end(&w);
	mr_json_end(&w);
	autofree char *text = mr_str_take(&w.out);
	assert_string_equal(
		text, "{\n    \"a\": [\n        1,\n        2\n    ],\n    \"e\": {}\n}");
}

static void test_copy_of_a_tree(void **state)
{
	(void)state;
	auto_json doc = {0};
	const char *text =
		"{\"a\":[1,2.50,{\"b\":\"x/\\\"y\"}],\"c\":{},\"d\":null,\"e\":false}";
	parse(text, &doc);
	struct mr_json_writer w = {0};
	mr_json_put_node(&w, NULL, doc.root);
	autofree char *copy = mr_str_take(&w.out);
	assert_string_equal(copy, text);
}

static void test_writer_nested_too_deep(void **state)
{
	(void)state;
	struct mr_json_writer w = {.pretty = true};
	for (int i = 0; i < 100; i++)
		mr_json_begin_array(&w, NULL);
	for (int i = 0; i < 100; i++)
		mr_json_end(&w);
	assert_false(mr_str_ok(&w.out));
	assert_null(mr_str_take(&w.out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_lone_values),
		cmocka_unit_test(test_text_need_not_end_with_nul),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_places_of_paths),
		cmocka_unit_test(test_fail_names_the_place),
		cmocka_unit_test(test_syntax_errors),
		cmocka_unit_test(test_bytes_that_are_refused),
		cmocka_unit_test(test_depth_cap),
		cmocka_unit_test(test_node_cap),
		cmocka_unit_test(test_size_cap),
		cmocka_unit_test(test_many_members_are_fast),
		cmocka_unit_test(test_lenient_getters),
		cmocka_unit_test(test_strict_integers),
		cmocka_unit_test(test_strict_types),
		cmocka_unit_test(test_compact_writer),
		cmocka_unit_test(test_pretty_writer),
		cmocka_unit_test(test_copy_of_a_tree),
		cmocka_unit_test(test_writer_nested_too_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
