/* SPDX-License-Identifier: Apache-2.0 */
/* str.c and number.c: texts, lists, the arena, strict numbers, lexical paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "minirun.h" /* mr_signal_number() */

#include <errno.h>
#include <string.h>

static void test_growing_string(void **state)
{
	(void)state;
	auto_str s = {0};
	assert_string_equal(mr_str_text(&s), "");
	for (int i = 0; i < 1000; i++)
		mr_str_appendf(&s, "%d,", i % 10);
	mr_str_append(&s, "end");
	mr_str_append_n(&s, "xyz", 1);
	assert_true(mr_str_ok(&s));
	assert_int_equal(s.len, 2004);
	assert_memory_equal(s.data + 1996, "8,9,endx", 8);

	autofree char *taken = mr_str_take(&s);
	assert_int_equal(strlen(taken), 2004);
	assert_null(s.data);
	assert_int_equal(s.len, 0);
}

static void test_empty_string_can_be_taken(void **state)
{
	(void)state;
	struct mr_str s = {0};
	autofree char *taken = mr_str_take(&s);
	assert_string_equal(taken, "");
}

static void test_impossible_size_is_remembered(void **state)
{
	(void)state;
	auto_str s = {0};
	mr_str_append_n(&s, "", SIZE_MAX / 2);
	assert_false(mr_str_ok(&s));
	mr_str_append(&s, "more");
	assert_int_equal(s.len, 0);
	assert_null(mr_str_take(&s));
	assert_true(mr_str_ok(&s));
}

static void test_list(void **state)
{
	(void)state;
	auto_strv v = {0};
	assert_null(v.items);
	for (int i = 0; i < 20; i++)
		assert_int_equal(mr_strv_addf(&v, "item %d", i), 0);
	assert_int_equal(mr_strv_add(&v, "last"), 0);
	assert_int_equal(v.n, 21);
	assert_string_equal(v.items[7], "item 7");
	assert_string_equal(v.items[20], "last");
	assert_null(v.items[21]);
}

static void test_arena(void **state)
{
	(void)state;
	struct mr_arena a = {0};
	char *small = mr_arena_strdup(&a, "small");
	unsigned char *large = mr_arena_alloc(&a, 1 << 20);
	assert_non_null(large);
	for (size_t i = 0; i < 1 << 20; i += 4096)
		assert_int_equal(large[i], 0);
	for (size_t n = 1; n < 200; n++) {
		void *p = mr_arena_alloc(&a, n);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		memset(p, 0xff, n);
	}
	assert_string_equal(small, "small");
	assert_string_equal(mr_arena_strndup(&a, "abcdef", 3), "abc");
	assert_string_equal(mr_arena_printf(&a, "%s-%d", "x", 42), "x-42");
	assert_null(mr_arena_alloc(&a, SIZE_MAX - 8));
	mr_arena_clear(&a);
	assert_null(a.blocks);
}

static void test_i64(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} rows[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"42", 0, 42},
		{"-42", 0, -42},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"--1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1\n", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"99999999999999999999999x", -EINVAL, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t v = 0;
		assert_int_equal(mr_parse_i64(rows[i].text, &v), rows[i].result);
		if (rows[i].result == 0)
			assert_true(v == rows[i].value);
	}
}

static void test_u64_and_ids(void **state)
{
	(void)state;
	uint64_t u;
	assert_int_equal(mr_parse_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(mr_parse_u64("18446744073709551616", &u), -ERANGE);
	assert_int_equal(mr_parse_u64("-1", &u), -EINVAL);

	uint32_t id;
	assert_int_equal(mr_parse_id("2147483647", &id), 0);
	assert_int_equal(id, INT32_MAX);
	assert_int_equal(mr_parse_id("2147483648", &id), -ERANGE);
	assert_int_equal(mr_parse_id("4294967295", &id), -ERANGE);
	assert_int_equal(mr_parse_id("4294967296", &id), -ERANGE);
	assert_int_equal(mr_parse_id("0x1", &id), -EINVAL);
	assert_int_equal(mr_parse_id("", &id), -EINVAL);
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} rows[] = {
		{"100", 0, 100},
		{"100b", 0, 100},
		{"512k", 0, 524288},
		{"512K", 0, 524288},
		{"64m", 0, 67108864},
		{"64MB", 0, 67108864},
		{"64Mi", 0, 67108864},
		{"64MiB", 0, 67108864},
		{"1.5g", 0, 1610612736},
		{"0.1k", 0, 102},
		{"0.3333333333333333333333333333333333333333t", 0, 366503875925},
		{"2Ti", 0, INT64_C(2) << 40},
		{"8191p", 0, INT64_C(8191) << 50},
		{"8192p", -ERANGE, 0},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"m", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1.", -EINVAL, 0},
		{".5m", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"1.5b", -EINVAL, 0},
		{"64q", -EINVAL, 0},
		{"64 m", -EINVAL, 0},
		{"64mm", -EINVAL, 0},
		{"64i", -EINVAL, 0},
		{"max", -EINVAL, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t v = 0;
		assert_int_equal(mr_parse_size(rows[i].text, &v), rows[i].result);
		if (rows[i].result == 0)
			assert_true(v == rows[i].value);
	}
}

static void test_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} rows[] = {
		{"10", 0, 10000},
		{"1.5", 0, 1500},
		{"1.5s", 0, 1500},
		{"300ms", 0, 300},
		{"2m", 0, 120000},
		{"1h", 0, 3600000},
		{"1h2m3.5s", 0, 3723500},
		{"0", 0, 0},
		{"0.5ms", -EINVAL, 0},
		{"1m30", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1d", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"9223372036854775807h", -ERANGE, 0},
		{"9223372036854775s9223372036854775s", -ERANGE, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t v = 0;
		assert_int_equal(mr_parse_duration(rows[i].text, &v), rows[i].result);
		if (rows[i].result == 0)
			assert_true(v == rows[i].value);
	}
}

static void test_format_size(void **state)
{
	(void)state;
	char buf[24];
	assert_string_equal(mr_format_size(0, buf), "0 B");
	assert_string_equal(mr_format_size(12, buf), "12 B");
	assert_string_equal(mr_format_size(1023, buf), "1023 B");
	assert_string_equal(mr_format_size(1024, buf), "1 KiB");
	assert_string_equal(mr_format_size(1536, buf), "1.5 KiB");
	assert_string_equal(mr_format_size(67108864, buf), "64 MiB");
	assert_string_equal(mr_format_size(67108863, buf), "64.0 MiB");
	assert_string_equal(mr_format_size(1048575, buf), "1.0 MiB");
	assert_string_equal(mr_format_size(1610612736, buf), "1.5 GiB");
	assert_string_equal(mr_format_size(UINT64_MAX, buf), "16.0 EiB");
	assert_string_equal(mr_format_size(UINT64_C(1) << 63, buf), "8 EiB");
}

static void test_texts(void **state)
{
	(void)state;
	assert_true(mr_has_prefix("memory.max", "memory."));
	assert_false(mr_has_prefix("mem", "memory"));
	assert_true(mr_has_suffix("spec.json", ".json"));
	assert_false(mr_has_suffix("json", "spec.json"));
	assert_true(mr_streq("a", "a"));
	assert_false(mr_streq("a", NULL));
	assert_true(mr_streq(NULL, NULL));

	auto_str s = {0};
	mr_str_append_printable(&s, "a\nb\x7f\xc3\xa4~");
	assert_string_equal(mr_str_text(&s), "a\\x0ab\\x7f\\xc3\\xa4~");
}

static void test_ids_of_containers(void **state)
{
	(void)state;
	static const char *const good[] = {"a", "spec.json", "a_b+c-d.9", "...", "0"};
	static const char *const bad[] = {"", ".", "..", "-x", "a/b", "a b", "a\nb",
		"a/../b", "\xc3\xa4", "a:b", "*"};
	char longest[257];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(mr_is_id(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mr_is_id(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	assert_false(mr_is_id(longest));
	longest[255] = '\0';
	assert_true(mr_is_id(longest));
}

static void test_clean_paths(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"/", "/"},
		{"", "."},
		{".", "."},
		{"..", "."},
		{"/..", "/"},
		{"/../../etc", "/etc"},
		{"//a///b/", "/a/b"},
		{"/a/./b/../c", "/a/c"},
		{"a/../..", "."},
		{"a/b/../../../c", "c"},
		{"/a/b/..", "/a"},
		{"/a/..", "/"},
		{"...", "..."},
		{"/..a/.b", "/..a/.b"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		autofree char *clean = mr_path_clean(rows[i].in);
		assert_string_equal(clean, rows[i].out);
	}
}

static void test_join_never_leaves_the_base(void **state)
{
	(void)state;
	static const struct {
		const char *base, *name, *out;
	} rows[] = {
		{"/run/minirun", "id", "/run/minirun/id"},
		{"/run/minirun/", "../../etc", "/run/minirun/etc"},
		{"/run/minirun", "a/../../..", "/run/minirun"},
		{"/run/minirun", "/abs", "/run/minirun/abs"},
		{"/", "a", "/a"},
		{"/", "..", "/"},
		{"rel", "../x", "rel/x"},
		{".", "x", "./x"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		autofree char *joined = mr_path_join(rows[i].base, rows[i].name);
		assert_string_equal(joined, rows[i].out);
	}
}

static void test_path_questions(void **state)
{
	(void)state;
	assert_true(mr_path_has_dotdot("/a/../b"));
	assert_true(mr_path_has_dotdot(".."));
	assert_true(mr_path_has_dotdot("a/.."));
	assert_false(mr_path_has_dotdot("/a..b/...c"));
	assert_string_equal(mr_path_base("/a/b.json"), "b.json");
	assert_string_equal(mr_path_base("b.json"), "b.json");
	assert_string_equal(mr_path_base("/a/"), "");
	assert_true(mr_path_is_below("/proc/sys", "/proc"));
	assert_true(mr_path_is_below("/proc", "/proc"));
	assert_false(mr_path_is_below("/process", "/proc"));
	assert_true(mr_path_is_below("/anything", "/"));
	assert_true(mr_path_is_below("/", "/"));
	assert_false(mr_path_is_below("/", "/a"));
	assert_false(mr_path_is_below("", "/"));
	assert_false(mr_path_is_below("/a", ""));
}

static void test_hash(void **state)
{
	(void)state;
	/* Published FNV-1a values. */
	assert_true(mr_hash64("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(mr_hash64("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(mr_hash64("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

static void test_signals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int number;
	} rows[] = {
		{"9", 9}, {"KILL", 9}, {"SIGKILL", 9}, {"sigterm", 15}, {"34", 34}, {"64", 64},
		{"RTMIN", 34}, {"SIGRTMIN+3", 37}, {"RTMIN+30", 64}, {"rtmax", 64}, {"RTMAX-1", 63},
		{"RTMAX-30", 34}, {"RTMAX-31", -EINVAL}, {"RTMIN+31", -EINVAL}, {"RTMIN-1", -EINVAL},
		{"RTMAX+1", -EINVAL}, {"RTMIN+", -EINVAL}, {"RTMIN+-1", -EINVAL}, {"RT", -EINVAL},
		{"0", -EINVAL}, {"65", -EINVAL}, {"-1", -EINVAL}, {"9x", -EINVAL}, {"", -EINVAL},
		{"SIG", -EINVAL}, {"NOSUCH", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mr_signal_number(rows[i].text), rows[i].number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growing_string),
		cmocka_unit_test(test_empty_string_can_be_taken),
		cmocka_unit_test(test_impossible_size_is_remembered),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_u64_and_ids),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_ids_of_containers),
		cmocka_unit_test(test_clean_paths),
		cmocka_unit_test(test_join_never_leaves_the_base),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_path_questions),
		cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
