/* SPDX-License-Identifier: Apache-2.0 */
/* score.c, candidates.c, ranking.c: the kernel's choice as arithmetic. Runs in the
 * source's root. */
#include "oom/candidates.h"

#include "base/io.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PAGE 4096
#define NONE ((struct mr_uint){0})

static struct mr_uint some(uint64_t value)
{
	return (struct mr_uint){.set = true, .value = value};
}

static struct mr_oom_task task(pid_t pid, uint64_t rss, int adj)
{
	return (struct mr_oom_task){.pid = pid,
		.rss = some(rss * PAGE),
		.swap = some(0),
		.pgtables = some(0),
		.oom_score_adj = {.set = true, .value = adj}};
}

static int64_t points(const struct mr_oom_task *t, struct mr_uint total)
{
	struct mr_score s;
	mr_score_task(t, total, PAGE, &s);
	assert_true(s.known);
	return s.points;
}

static void all_parts_count(void **state)
{
	(void)state;
	struct mr_oom_task t = task(7, 1000, 0);
	t.swap = some(20 * PAGE);
	t.pgtables = some(3 * PAGE);
	assert_int_equal(points(&t, NONE), 1023);
	t.oom_score_adj.value = 500;
	assert_int_equal(points(&t, some(16384)), 1023 + 500 * 16);
	t.oom_score_adj.value = -500;
	assert_int_equal(points(&t, some(16384)), 1023 - 500 * 16);
}

/* adj * (total / 1000), in integers: a tiny limit takes its meaning away. */
static void the_total_is_divided_first(void **state)
{
	(void)state;
	struct mr_oom_task t = task(7, 100, 1000);
	assert_int_equal(points(&t, some(999)), 100);
	assert_int_equal(points(&t, some(1999)), 100 + 1000);
}

static void exempt_and_unknown_are_told_apart(void **state)
{
	(void)state;
	struct mr_score s;
	struct mr_oom_task t = task(7, 100, -1000);
	mr_score_task(&t, some(1 << 20), PAGE, &s);
	assert_true(s.exempt);
	t.oom_score_adj.value = -999;
	mr_score_task(&t, some(1 << 20), PAGE, &s);
	assert_true(s.known && !s.exempt);
	mr_score_task(&t, NONE, PAGE, &s);
	assert_false(s.known);
	t = task(7, 100, 0);
	t.pgtables.set = false;
	mr_score_task(&t, some(1 << 20), PAGE, &s);
	assert_false(s.known);
}

static void total_is_limit_and_usable_swap(void **state)
{
	(void)state;
	const struct mr_uint limit = some(100 * PAGE);
	assert_int_equal(mr_score_total(limit, NONE, 50 * PAGE, PAGE).value, 150);
	assert_int_equal(
		mr_score_total(limit, some(20 * PAGE), 50 * PAGE, PAGE).value, 120);
	assert_int_equal(mr_score_total(limit, some(0), 50 * PAGE, PAGE).value, 100);
	assert_false(mr_score_total(NONE, some(0), 50 * PAGE, PAGE).set);
}

static void the_last_of_equals_is_predicted(void **state)
{
	(void)state;
	const struct mr_oom_task tasks[] = {
		task(1, 10, 0), task(2, 30, 0), task(3, 30, 0), task(4, 90, -1000)};
	struct mr_score scores[4];
	struct mr_prediction p;
	for (size_t i = 0; i < 4; i++)
		mr_score_task(&tasks[i], some(5000), PAGE, &scores[i]);
	mr_score_predict(scores, tasks, 4, 3, 0, &p);
	assert_int_equal(p.first, 2);
	assert_int_equal(p.second, 1);
	assert_int_equal(p.lead, 0);
	assert_int_equal(p.choice, MR_CHOICE_AGREES);
	mr_score_predict(scores, tasks, 4, 2, 0, &p);
	assert_int_equal(p.choice, MR_CHOICE_CLOSE);
	mr_score_predict(scores, tasks, 4, 1, 19, &p);
	assert_int_equal(p.choice, MR_CHOICE_DIFFERS);
	mr_score_predict(scores, tasks, 4, 1, 20, &p);
	assert_int_equal(p.choice, MR_CHOICE_CLOSE);
	mr_score_predict(scores, tasks, 4, 4, 1000, &p);
	assert_int_equal(p.choice, MR_CHOICE_DIFFERS);
	mr_score_predict(scores, tasks, 4, 99, 1000, &p);
	assert_int_equal(p.choice, MR_CHOICE_UNKNOWN);
	mr_score_predict(scores, tasks, 0, 99, 1000, &p);
	assert_int_equal(p.first, 0);
	assert_int_equal(p.choice, MR_CHOICE_UNKNOWN);
}

/* What the kernels themselves chose. */
static void kernels_choose_as_the_formula_does(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		uint64_t total;
		int64_t victim_points;
	} logs[] = {
		{"6.18-v1-own-limit", 5120, 5137 + 19 + 500 * 5},
		{"6.1-v2-own-limit", 4096, 4331 + 18},
		{"6.1-v2-host", 130942 - 10932, 0},
		{"5.10-v1-own-limit", 8192, 0},
		{"5.10-v2-own-limit", 8192, 1425 + 11 + 400 * 8},
		{"5.10-v2-ancestor-limit", 6144, 0},
		{"5.10-v2-hostile-names", 4096, 3206 + 16},
		{"6.12-v2-own-limit", 8192, 1412 + 13 + 400 * 8},
		{"6.12-v2-ancestor-limit", 6144, 2596 + 14 + 200 * 6},
		{"6.12-v2-hostile-comm", 4096, 3172 + 16},
	};
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		char path[200];
		autofree char *text = NULL;
		struct mr_oom_log log;
		struct mr_score scores[8];
		struct mr_prediction p;
		snprintf(path, sizeof(path), "tests/fixtures/kmsg/%s.kmsg", logs[i].file);
		assert_int_equal(
			mr_read_file_at(AT_FDCWD, path, 1u << 20, &text, NULL), 0);
		mr_oom_log_init(&log, PAGE, "");
		for (const char *line = text; *line;
			line += strcspn(line, "\n"), line += *line == '\n')
			mr_oom_log_feed(&log, line, strcspn(line, "\n"));
		assert_int_equal(log.n_kills, 1);
		struct mr_uint total = mr_score_total_of_kill(&log.kills[0], NONE, PAGE);
		assert_true(total.set);
		assert_int_equal(total.value, logs[i].total);
		assert_in_range(log.table.n, 1, 8);
		for (size_t k = 0; k < log.table.n; k++)
			mr_score_task(&log.table.items[k], total, PAGE, &scores[k]);
		mr_score_predict(
			scores, log.table.items, log.table.n, log.kills[0].pid, 0, &p);
		if (p.choice != MR_CHOICE_AGREES)
			fail_msg("%s: choice %d", path, (int)p.choice);
		if (logs[i].victim_points)
			assert_int_equal(scores[p.first].points, logs[i].victim_points);
		mr_oom_log_clear(&log);
	}
}

/* --- candidates --- */

static void status_is_read(void **state)
{
	(void)state;
	static const char text[] =
		"Name:\tw\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t0\t1000\t0\t0\n"
		"NSpid:\t4711\t17\t3\nVmPeak:\t 2000 kB\nVmSize:\t 1000 kB\n"
		"VmRSS:\t  400 kB\nRssAnon:\t 300 kB\nRssFile:\t  60 kB\n"
		"RssShmem:\t  40 kB\nVmPTE:\t      44 kB\nVmSwap:\t       8 kB\n";
	struct mr_candidate c = {.task.pid = 4711};
	assert_true(mr_candidate_parse(text, &c));
	assert_int_equal(c.container_pid, 3);
	assert_int_equal(c.task.uid.value, 1000);
	assert_int_equal(c.task.rss.value, 400 * 1024);
	assert_int_equal(c.task.rss_anon.value, 300 * 1024);
	assert_int_equal(c.task.rss_file.value, 60 * 1024);
	assert_int_equal(c.task.rss_shmem.value, 40 * 1024);
	assert_int_equal(c.task.pgtables.value, 44 * 1024);
	assert_int_equal(c.task.swap.value, 8 * 1024);
	assert_false(mr_candidate_parse("Name:\tkthreadd\nNSpid:\t2\n", &c));
}

static struct mr_ranking ranking(struct mr_candidate *items, size_t n)
{
	return (struct mr_ranking){.items = items,
		.n = n,
		.scope = "container",
		.cgroup = "/c",
		.limit = some(5000 * PAGE),
		.total = some(5000),
		.noise = 128,
		.page_size = PAGE};
}

static void order_of_death(void **state)
{
	(void)state;
	struct mr_candidate items[] = {
		{.task = task(10, 100, 0), .inside = true},
		{.task = task(11, 9000, -1000), .inside = true},
		{.task = task(12, 100, 400), .inside = true, .container_pid = 5},
		{.task = task(1, 9999, 0), .host_init = true},
	};
	struct mr_ranking r = ranking(items, 4);
	auto_str text = {0};
	memcpy(items[2].task.comm, "a\x1b[b", 5);
	mr_ranking_sort(&r);
	assert_int_equal(r.n_live, 2);
	assert_int_equal(items[0].task.pid, 12);
	assert_int_equal(items[0].score.points, 100 + 400 * 5);
	assert_int_equal(items[1].task.pid, 10);
	mr_ranking_text(&r, &text);
	assert_true(mr_has_prefix(mr_str_text(&text),
		"Next to be killed would be PID 5 (a\\x1b[b) with 2100 points, 2000 more than "
		"process 10 of the host ()"));
}

static void nobody_can_be_killed(void **state)
{
	(void)state;
	struct mr_candidate items[] = {{.task = task(11, 9000, -1000)}};
	struct mr_ranking r = ranking(items, 1);
	auto_str text = {0};
	autofree char *json = NULL;
	struct mr_error err;
	mr_ranking_sort(&r);
	mr_ranking_text(&r, &text);
	assert_true(mr_has_prefix(mr_str_text(&text), "Nobody can be killed"));
	assert_int_equal(mr_ranking_json(&r, "x", &json, &err), 0);
	assert_non_null(strstr(json, "\"Next\": null"));
	assert_non_null(strstr(json, "\"Points\": null"));
	r.n = 0;
	mr_ranking_sort(&r);
	mr_str_clear(&text);
	mr_ranking_text(&r, &text);
	assert_true(mr_has_prefix(mr_str_text(&text), "Nobody can be killed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_count),
		cmocka_unit_test(the_total_is_divided_first),
		cmocka_unit_test(exempt_and_unknown_are_told_apart),
		cmocka_unit_test(total_is_limit_and_usable_swap),
		cmocka_unit_test(the_last_of_equals_is_predicted),
		cmocka_unit_test(kernels_choose_as_the_formula_does),
		cmocka_unit_test(status_is_read),
		cmocka_unit_test(order_of_death),
		cmocka_unit_test(nobody_can_be_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
