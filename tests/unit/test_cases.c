/* SPDX-License-Identifier: Apache-2.0 */
/* cases.c, cases_tell.c, report_prefix.c, explain_record.c: saved logs and records
 * explained. Runs in the source's root. */
#include "oom/cases.h"

#include "base/io.h"
#include "record/status.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct mr_oom_judge judge = {.page_size = 4096, .noise = 128};

static void feed(struct mr_oom_cases *cases, const char *text)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		mr_oom_cases_feed(cases, p, n);
		p += n + (p[n] == '\n');
	}
}

static char *fixture(const char *name)
{
	char path[200], *text = NULL;
	snprintf(path, sizeof(path), "tests/fixtures/kmsg/%s.kmsg", name);
	assert_int_equal(mr_read_file_at(AT_FDCWD, path, 1u << 20, &text, NULL), 0);
	return text;
}

static void feed_file(struct mr_oom_cases *cases, const char *name)
{
	autofree char *text = fixture(name);
	mr_oom_cases_init(cases, 4096);
	feed(cases, text);
	assert_false(cases->failed);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("lacks \"%s\":\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("has \"%s\":\n%s", part, text);
}

static char *tell(const struct mr_oom_cases *cases, size_t last)
{
	struct mr_str out = {0};
	mr_oom_cases_text(cases, last, &judge, &out);
	char *text = mr_str_take(&out);
	assert_non_null(text);
	return text;
}

/* --- prefixes --- */

/* The lines of a report as each tool saves them. */
static void every_tools_prefix_is_taken_off(void **state)
{
	(void)state;
	static const char *const heads[] = {
		"",
		"[ 2924.453661] ",
		"<6>[ 2924.453661] ",
		"[ 2924.453661][ T4711] ",
		"[ 2924.453661] [   C0] ",
		"[Mon Nov 23 03:54:03 2026] ",
		"[ 2924.453661 <    0.000002>] ",
		"[  +0.000002] ",
		"[Nov23 03:54] ",
		"kern  :info  : [ 2924.453661] ",
		"kern  :err   : [Mon Nov 23 03:54:03 2026] ",
		"2026-11-23T03:54:03,453661+00:00 ",
		"Nov 23 03:54:03 vm-1 kernel: ",
		"Nov  3 03:54:03 vm-1 kernel: [ 2924.453661] ",
		"2026-11-23T03:54:03.453661+00:00 vm-1 kernel: [ 2924.453661] ",
		"2026-11-23T03:54:03+0000 vm-1 kernel: ",
		"2026-11-23 03:54:03 vm-1 kernel: ",
		"[ 2924.453661] vm-1 kernel: ",
	};
	static const char *const lines[] = {
		"w invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
		"memory: usage 20480kB, limit 20480kB, failcnt 120",
		"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
		"[  32685]     0 32685     5564     5137    77824        0             0 w",
		"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
		"oom_memcg=/c,task_memcg=/c/sub,task=w,pid=32685,uid=0",
		"Memory cgroup out of memory: Killed process 32685 (w) total-vm:22256kB, "
		"anon-rss:20224kB, file-rss:324kB, shmem-rss:0kB, UID:0 pgtables:76kB "
		"oom_score_adj:0",
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct mr_oom_cases cases;
		mr_oom_cases_init(&cases, 4096);
		for (size_t k = 0; k < 6; k++) {
			char line[400];
			int n = snprintf(line, sizeof(line), "%s%s%s\n", heads[i],
				lines[k], i % 2 ? "\r" : "");
			mr_oom_cases_feed(&cases, line, (size_t)n);
		}
		if (cases.n != 1 || cases.items[0].table.n != 1)
			fail_msg("with '%s': %zu kills", heads[i], cases.n);
		const struct mr_oom_case *c = &cases.items[0];
		assert_int_equal(c->kill.pid, 32685);
		assert_string_equal(c->kill.oom_memcg, "/c");
		assert_string_equal(c->kill.task_memcg, "/c/sub");
		assert_string_equal(c->table.items[0].comm, "w");
		assert_int_equal(c->line, 6);
		assert_true(mr_has_prefix(heads[i], c->stamp));
		mr_oom_cases_clear(&cases);
	}
}

static void lines_of_programs_are_passed_over(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"<12>[ 1.000000] Out of memory: Killed process 6 (w) total-vm:1kB",
		"user  :warn  : [ 1.000000] Out of memory: Killed process 6 (w) total-vm:1kB",
		"Nov 23 03:54:03 vm-1 prog[77]: Out of memory: Killed process 6 (w) total-vm:1kB",
		"12,1,1,-;Out of memory: Killed process 6 (w) total-vm:1kB",
	};
	struct mr_oom_cases cases;
	mr_oom_cases_init(&cases, 4096);
	for (size_t i = 0; i < 4; i++)
		mr_oom_cases_feed(&cases, lines[i], strlen(lines[i]));
	assert_int_equal(cases.n, 0);
	assert_int_equal(cases.n_lines, 4);
	mr_oom_cases_clear(&cases);
}

/* --- cases --- */

static void three_parts_are_told(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	auto_str sentence = {0};
	feed_file(&cases, "5.10-v2-own-limit");
	autofree char *text = tell(&cases, 1);
	assert_has(text, "1. The task table");
	assert_has(text,
		" >      114      1425       5.6         0        11    400       4636  keeper\n"
		"        113      3735      14.6         0        16      0       3751  big\n");
	assert_has(text, "The total is 8192 pages: 32 MiB of limit, so adj 1 is 8.");
	assert_has(text,
		"Most points has keeper (114), 885 more than big (113): the kernel chose the same.");
	assert_has(text, "2. The oom-kill line");
	assert_has(text, "Limit: of /lab/c1, 32 MiB.");
	assert_has(text, "Victim: in /lab/c1, the same cgroup.");
	assert_has(text, "3. The Killed line");
	assert_has(
		text, "Asked for the memory: trigger (122); that is no reason to die.");
	mr_oom_case_sentence(&cases.items[0], &sentence);
	assert_string_equal(mr_str_text(&sentence),
		"The kernel killed process 114 of the host (keeper, 4.8 MiB anonymous) because "
		"/lab/c1 reached its own limit of 32 MiB. Evidence: kernel log #389.");
	mr_oom_cases_clear(&cases);
}

static void old_kernels_kill_a_child_instead(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	feed_file(&cases, "4.18-v1-sacrificed-child");
	autofree char *text = tell(&cases, 1);
	assert_has(text,
		"npm start (19331), 110051 more than node (19388): the kernel chose the same.");
	assert_has(text, "It killed a child in place of the one it chose");
	assert_has(text, "| Task in /lab/c1 killed as a result of limit of /lab\n");
	mr_oom_cases_clear(&cases);
}

static void a_host_without_memory(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	feed_file(&cases, "6.1-v2-host");
	autofree char *text = tell(&cases, 1);
	assert_has(text, "The total is 120010 pages: 468.8 MiB of RAM, so adj 1 is 120.");
	assert_has(text, "No cgroup's limit: the host ran out of memory.");
	mr_oom_cases_clear(&cases);
}

static void a_group_is_one_case_with_its_members(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	feed_file(&cases, "6.12-v2-group");
	assert_int_equal(cases.n, 3);
	assert_true(cases.items[0].kill.group);
	assert_int_equal(mr_oom_cases_lead(&cases, 2), 0);
	assert_int_equal(cases.items[0].table.n, 2);
	assert_int_equal(cases.items[1].table.n, 0);
	/* Behind its Killed line stands "Tasks in /lab/g are going to be killed". */
	const struct mr_strv *lines = &cases.items[0].lines;
	assert_true(
		mr_has_prefix(lines->items[lines->n - 1], "Tasks in /lab/g are going"));
	autofree char *text = tell(&cases, 1);
	assert_has(text, "With it: The kernel killed process 1198 of the host (member");
	assert_lacks(text, "Before:");
	mr_oom_cases_clear(&cases);
}

static void what_is_suppressed_is_said_to_be(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	feed_file(&cases, "6.18-v1-suppressed");
	assert_int_equal(cases.n, 3);
	autofree char *text = tell(&cases, 2);
	assert_has(text, "Missing: the kernel prints 10 reports in 5 s at most");
	assert_has(text, "Missing; but the next line says that it was a cgroup's limit.");
	assert_has(text, "\nBefore:\n   [   61.000110] The kernel killed process 910 ");
	mr_oom_cases_clear(&cases);
}

/* Control characters of a name never reach a terminal, its words never the meaning. */
static void hostile_names_stay_names(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	feed_file(&cases, "6.12-v2-hostile-comm");
	autofree char *text = tell(&cases, 1);
	assert_has(text, "Limit: of /lab/a,task_memcg=,b, 16 MiB.");
	assert_has(text, "Process 1193 of the host () total-vm:,): 11.8 MiB");
	assert_has(
		text, "1989 more than a,task=,pid=9 (1189): the kernel chose the same.");
	mr_oom_cases_clear(&cases);

	mr_oom_cases_init(&cases, 4096);
	feed(&cases,
		"Out of memory: Killed process 6 (\x1b[31mred) total-vm:1kB, anon-rss:1kB, "
		"file-rss:0kB\n");
	autofree char *red = tell(&cases, 1);
	assert_has(red, "\\x1b[31mred");
	assert_lacks(red, "\x1b");
	mr_oom_cases_clear(&cases);
}

static void a_wrong_choice_is_not_explained_away(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	autofree char *log = fixture("5.10-v2-own-limit");
	/* As if the kernel had chosen the one with least points. */
	for (char *p; (p = strstr(log, "task=keeper,pid=114")) != NULL;)
		memcpy(p, "task=keeper,pid=122", 19);
	for (char *p; (p = strstr(log, "Killed process 114")) != NULL;)
		memcpy(p, "Killed process 122", 18);
	mr_oom_cases_init(&cases, 4096);
	feed(&cases, log);
	autofree char *text = tell(&cases, 1);
	assert_has(text,
		"more than big (113): the kernel chose 122 instead.\n   Known causes: ");
	mr_oom_cases_clear(&cases);
}

/* A log of any length: the newest are kept, all are counted, the memory is bounded. */
static void long_logs_keep_the_newest(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	autofree char *log = fixture("6.12-v2-own-limit");
	mr_oom_cases_init(&cases, 4096);
	for (int i = 0; i < 300; i++)
		feed(&cases, log);
	for (int i = 0; i < 1200; i++)
		feed(&cases, "Out of memory: Killed process 6 (x) total-vm:1kB\n");
	feed(&cases, log);
	assert_false(cases.failed);
	assert_int_equal(cases.n_kills, 1501);
	assert_int_equal(cases.n, MR_OOM_CASES);
	assert_true(cases.log.lines.n < 64 && cases.log.n_kills <= 1);
	const struct mr_oom_case *newest = &cases.items[cases.n - 1];
	assert_int_equal(newest->table.n, 3);
	assert_int_equal(newest->kill.pid, 171);
	assert_int_equal(cases.items[0].table.n, 0);
	autofree char *text = tell(&cases, 1);
	assert_has(text, "\nBefore:\n   ... and 1490 more\n");
	mr_oom_cases_clear(&cases);
}

/* Without memory for a case there is none to add to. */
static void a_failure_is_the_end(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	autofree char *log = fixture("6.12-v2-own-limit");
	mr_oom_cases_init(&cases, 4096);
	cases.failed = true;
	feed(&cases, log);
	assert_int_equal(cases.n, 0);
	assert_int_equal(cases.log.n_kills, 0);
	mr_oom_cases_clear(&cases);
}

static void json_of_a_log(void **state)
{
	(void)state;
	struct mr_oom_cases cases;
	struct mr_json_writer w = {0};
	struct mr_error err;
	auto_json doc = {0};
	feed_file(&cases, "6.12-v2-own-limit");
	mr_json_begin_object(&w, NULL);
	mr_oom_cases_json(&cases, &judge, &w);
	mr_json_end(&w);
	autofree char *text = mr_str_take(&w.out);
	assert_int_equal(mr_json_parse("out", text, strlen(text), &doc, &err), 0);
	const struct mr_json *kill = mr_json_get(doc.root, "Kills")->child;
	const struct mr_json *choice = mr_json_get(kill, "Choice");
	assert_int_equal(mr_json_int(choice, "Predicted", 0), 171);
	assert_string_equal(mr_json_text(choice, "Formula", ""), "agrees");
	assert_int_equal(mr_json_int(mr_json_get(kill, "Limit"), "TotalPages", 0), 8192);
	const struct mr_json *first = mr_json_get(kill, "Processes")->child;
	assert_int_equal(mr_json_int(first, "Points", 0), 3764);
	assert_int_equal(mr_json_int(first, "RssAnonBytes", 0), 3584 * 4096);
	mr_oom_cases_clear(&cases);
}

/* --- records --- */

static int explain(const char *json, struct mr_str *out)
{
	struct mr_error err;
	return mr_status_explain("x", json, false, 1, out, &err);
}

static void a_record_is_told_as_its_verdict(void **state)
{
	(void)state;
	static const char json[] =
		"{\"schemaVersion\":1,\"State\":{\"Status\":\"exited\",\"OOMKilled\":true,"
		"\"ExitCode\":0},\"Memory\":{\"CgroupVersion\":2,\"PeakBytes\":67108864},"
		"\"OOM\":{\"Kills\":1,\"InitKilled\":false,\"Scope\":\"ancestor\","
		"\"LimitCgroup\":\"/g\",\"LimitBytes\":67108864,\"LimitKind\":\"memory\","
		"\"Victims\":[{\"Pid\":null,\"HostPid\":7,\"Comm\":\"w\\u001b\",\"IsInit\":false,"
		"\"Cgroup\":\"/g/c\",\"LogSequence\":42,\"AnonRssBytes\":1048576}],"
		"\"VictimsWithoutDetail\":0,\"KernelLog\":[\"Memory cgroup out of memory: Killed "
		"process 7 (w\\\\x1b) total-vm:1kB, anon-rss:1024kB, file-rss:0kB\"],"
		"\"Source\":\"/dev/kmsg\",\"Evidence\":[\"counter\",\"ladder\",\"kmsg\"],"
		"\"Certain\":true},\"Exit\":{\"Code\":0,\"Signal\":null}}";
	auto_str out = {0};
	assert_int_equal(explain(json, &out), 0);
	const char *text = mr_str_text(&out);
	assert_true(mr_has_prefix(text,
		"OOMKilled: yes. The kernel killed process 7 of the host (w\\x1b, 1 MiB anonymous) "
		"because the parent cgroup /g reached its limit of 64 MiB (memory). 1 kill. "
		"Evidence: counter, memory.events, kernel log #42.\n\nWhat this stands on:\n"));
	assert_has(text,
		"exit      code 0; a killed child does not show in the exit code\n");
	assert_has(text, "3. The Killed line");
	assert_has(text, "Process 7 of the host (w\\x1b): ");
	assert_lacks(text, "\x1b");
}

static void records_that_do_not_know_say_so(void **state)
{
	(void)state;
	auto_str out = {0};
	assert_int_equal(
		explain("[{\"schemaVersion\":1,\"State\":{\"Status\":\"exited\",\"ExitCode\":137,"
			"\"OOMKilled\":null},\"OOM\":{\"Kills\":null,\"Why\":\"Because\\u001b\"},"
			"\"Exit\":null}]",
			&out),
		0);
	const char *text = mr_str_text(&out);
	assert_true(mr_has_prefix(text, "OOMKilled: unknown: Because\\x1b.\n"));
	assert_has(text, "counter   not read; nothing else decides\n");
	assert_lacks(text, "nobody");
	assert_lacks(text, "0 OOM kills");
}

static void other_json_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{}", "[]", "[{},{}]", "{\"State\":{}}", "{", "[1]"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		auto_str out = {0};
		assert_true(explain(texts[i], &out) < 0);
		assert_int_equal(out.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tools_prefix_is_taken_off),
		cmocka_unit_test(lines_of_programs_are_passed_over),
		cmocka_unit_test(three_parts_are_told),
		cmocka_unit_test(old_kernels_kill_a_child_instead),
		cmocka_unit_test(a_host_without_memory),
		cmocka_unit_test(a_group_is_one_case_with_its_members),
		cmocka_unit_test(what_is_suppressed_is_said_to_be),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(a_wrong_choice_is_not_explained_away),
		cmocka_unit_test(long_logs_keep_the_newest),
		cmocka_unit_test(a_failure_is_the_end),
		cmocka_unit_test(json_of_a_log),
		cmocka_unit_test(a_record_is_told_as_its_verdict),
		cmocka_unit_test(records_that_do_not_know_say_so),
		cmocka_unit_test(other_json_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
