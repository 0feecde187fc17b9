/* SPDX-License-Identifier: Apache-2.0 */
/* kmsg.c, report.c, report_lines.c: the kernel's OOM reports, old, new and hostile. Runs
 * in the source's root. */
#include "oom/kmsg.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KIB 1024u

static void feed_text(struct mr_oom_log *log, const char *text)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		mr_oom_log_feed(log, p, n);
		p += n + (p[n] == '\n');
	}
}

static void feed_file(struct mr_oom_log *log, const char *own, const char *name)
{
	char path[200];
	autofree char *text = NULL;
	snprintf(path, sizeof(path), "tests/fixtures/kmsg/%s", name);
	assert_int_equal(mr_read_file_at(AT_FDCWD, path, 1u << 20, &text, NULL), 0);
	mr_oom_log_init(log, 4096, own);
	feed_text(log, text);
}

static void assert_bytes(struct mr_uint v, uint64_t bytes)
{
	assert_true(v.set);
	assert_int_equal(v.value, bytes);
}

static void v1_own_limit_of_6_18(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/oomlab-dump", "6.18-v1-own-limit.kmsg");
	assert_int_equal(log.n_kills, 1);
	const struct mr_oom_kill *k = &log.kills[0];
	assert_int_equal(k->sequence, 58057);
	assert_int_equal(k->time_usec, 2924453730);
	assert_int_equal(k->pid, 32685);
	assert_string_equal(k->comm, "w");
	assert_true(k->memcg && !k->global && !k->group);
	assert_string_equal(k->oom_memcg, "/oomlab-dump");
	assert_string_equal(k->task_memcg, "/oomlab-dump/sub");
	assert_bytes(k->total_vm, 22256 * KIB);
	assert_bytes(k->anon_rss, 20224 * KIB);
	assert_bytes(k->file_rss, 324 * KIB);
	assert_bytes(k->shmem_rss, 0);
	assert_bytes(k->pgtables, 76 * KIB);
	assert_bytes(k->uid, 0);
	assert_true(k->oom_score_adj.set);
	assert_int_equal(k->oom_score_adj.value, 500);
	assert_bytes(k->memory_limit, 20480 * KIB);
	assert_false(k->memsw_limit.set);
	assert_int_equal(log.trigger_pid, 32685);
	assert_string_equal(log.trigger_comm, "w");
	mr_oom_log_clear(&log);
}

static void table_is_read_by_header_names(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/oomlab-dump", "6.18-v1-own-limit.kmsg");
	assert_int_equal(log.table.n, 2);
	const struct mr_oom_task *t = &log.table.items[1];
	assert_int_equal(t->pid, 32685);
	assert_string_equal(t->comm, "w");
	assert_bytes(t->uid, 0);
	assert_bytes(t->total_vm, 5564 * 4096);
	assert_bytes(t->rss, 5137 * 4096);
	assert_bytes(t->pgtables, 77824);
	assert_bytes(t->swap, 0);
	assert_int_equal(t->oom_score_adj.value, 500);
	mr_oom_log_clear(&log);
}

/* Invoked, trigger, three limits, whose stats, table of four lines, oom-kill, Killed. */
static void raw_lines_leave_the_trace_out(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "", "6.18-v1-own-limit.kmsg");
	assert_int_equal(log.lines.n, 12);
	assert_int_equal(log.kills[0].first_line, 0);
	assert_int_equal(log.kills[0].n_lines, 12);
	assert_true(mr_has_prefix(log.lines.items[0], "w invoked oom-killer: "));
	assert_true(mr_has_prefix(log.lines.items[10], "oom-kill:constraint="));
	assert_true(mr_has_prefix(log.lines.items[11], "Memory cgroup out of memory: "));
	mr_oom_log_clear(&log);
}

static void foreign_reports_leave_nothing(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/oomlab-dum", "6.18-v1-own-limit.kmsg");
	assert_int_equal(log.n_kills, 0);
	assert_int_equal(log.lines.n, 0);
	assert_int_equal(log.table.n, 0);
	assert_int_equal(log.trigger_pid, 0);
	mr_oom_log_clear(&log);
	/* The victim was in our sub-cgroup, the limit an ancestor's: ours. */
	feed_file(&log, "/oomlab-dump/sub", "6.18-v1-own-limit.kmsg");
	assert_int_equal(log.n_kills, 1);
	mr_oom_log_clear(&log);
}

static void v2_own_limit_of_6_1(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c", "6.1-v2-own-limit.kmsg");
	assert_int_equal(log.n_kills, 1);
	assert_string_equal(log.kills[0].oom_memcg, "/lab/c");
	assert_bytes(log.kills[0].memory_limit, 16384 * KIB);
	assert_int_equal(log.table.n, 1);
	assert_bytes(log.table.items[0].rss, 4331 * 4096);
	assert_bytes(log.table.items[0].pgtables, 73728);
	mr_oom_log_clear(&log);
}

static void group_names_its_first_victim_twice(void **state)
{
	(void)state;
	static const pid_t pids[] = {130, 130, 131, 132};
	struct mr_oom_log log;
	feed_file(&log, "/lab/c", "6.1-v2-group.kmsg");
	assert_int_equal(log.n_kills, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(log.kills[i].pid, pids[i]);
		assert_true(log.kills[i].group);
		assert_true(log.kills[i].memcg);
		assert_string_equal(log.kills[i].task_memcg, "/lab/c");
		assert_string_equal(log.kills[i].oom_memcg, "/lab/c");
	}
	assert_int_equal(log.table.n, 3);
	mr_oom_log_clear(&log);
}

/* After a group kill, a kill whose report was suppressed: nobody says it is of the group.
 */
static void kill_behind_a_group_is_not_of_it(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c", "6.1-v2-group.kmsg");
	feed_text(&log,
		"3,431,20300000,-;Memory cgroup out of memory: Killed process 999 (z) "
		"total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB "
		"oom_score_adj:0\n");
	assert_int_equal(log.n_kills, 5);
	assert_false(log.kills[4].group);
	assert_string_equal(log.kills[4].task_memcg, "");
	mr_oom_log_clear(&log);
}

static void foreign_group_leaves_nothing(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/other", "6.1-v2-group.kmsg");
	assert_int_equal(log.n_kills, 0);
	assert_int_equal(log.lines.n, 0);
	mr_oom_log_clear(&log);
}

static void host_ran_out(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c", "6.1-v2-host.kmsg");
	assert_int_equal(log.n_kills, 1);
	const struct mr_oom_kill *k = &log.kills[0];
	assert_false(k->memcg);
	assert_true(k->global);
	assert_string_equal(k->oom_memcg, "");
	assert_string_equal(k->task_memcg, "/lab/c");
	assert_bytes(k->anon_rss, 310252 * KIB);
	assert_false(k->memory_limit.set);
	assert_int_equal(log.table.n, 4);
	mr_oom_log_clear(&log);
}

static void el7_kernel_3_10(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c1", "3.10-v1-el7.kmsg");
	assert_int_equal(log.n_kills, 1);
	const struct mr_oom_kill *k = &log.kills[0];
	assert_int_equal(k->pid, 11554);
	assert_string_equal(k->comm, "thrash");
	assert_true(k->memcg);
	assert_string_equal(k->oom_memcg, "/lab/c1");
	assert_string_equal(k->task_memcg, "/lab/c1/in");
	assert_bytes(k->total_vm, 24820 * KIB);
	assert_false(k->pgtables.set);
	assert_false(k->oom_score_adj.set);
	assert_bytes(log.table.items[1].pgtables, 21 * 4096);
	assert_bytes(log.table.items[1].swap, 17 * 4096);
	assert_int_equal(log.trigger_pid, 11554);
	mr_oom_log_clear(&log);
}

/* The line before names the parent; its child died instead. */
static void kernel_4_18_sacrifices_a_child(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c1", "4.18-v1-sacrificed-child.kmsg");
	assert_int_equal(log.n_kills, 1);
	assert_int_equal(log.kills[0].pid, 19388);
	assert_string_equal(log.kills[0].comm, "node");
	assert_true(log.kills[0].memcg);
	assert_string_equal(log.kills[0].oom_memcg, "/lab");
	assert_string_equal(log.kills[0].task_memcg, "/lab/c1");
	assert_string_equal(log.table.items[0].comm, "npm start");
	assert_string_equal(log.trigger_comm, "npm start");
	mr_oom_log_clear(&log);
}

static void kernel_5_0_has_two_lines(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab", "5.0-v1-two-lines.kmsg");
	assert_int_equal(log.n_kills, 1);
	assert_true(log.kills[0].memcg);
	assert_string_equal(log.kills[0].oom_memcg, "/lab");
	assert_bytes(log.kills[0].memory_limit, 20480 * KIB);
	assert_bytes(log.kills[0].memsw_limit, 20480 * KIB);
	mr_oom_log_clear(&log);
}

static void impossible_page_tables_are_unknown(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/c1", "5.4-v2-pgtables-in-bytes.kmsg");
	assert_int_equal(log.n_kills, 1);
	assert_false(log.kills[0].pgtables.set);
	assert_bytes(log.kills[0].uid, 1000);
	assert_int_equal(log.kills[0].oom_score_adj.value, 300);
	mr_oom_log_clear(&log);
}

static void hostile_names(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab/a,task_memcg=,b", "6.12-v2-hostile-names.kmsg");
	assert_int_equal(log.n_kills, 3);
	assert_string_equal(log.kills[0].comm, ") total-vm:,\n1");
	assert_int_equal(log.kills[0].pid, 801);
	assert_bytes(log.kills[0].total_vm, 22256 * KIB);
	assert_string_equal(log.kills[0].oom_memcg, "/lab/a,task_memcg=,b");
	assert_string_equal(log.kills[0].task_memcg, "/lab/a,task_memcg=,b/in");
	assert_string_equal(log.trigger_comm, "oom-kill:constr");
	assert_int_equal(log.trigger_pid, 800);
	assert_string_equal(log.table.items[1].comm, ") total-vm:,\n1");
	assert_int_equal(log.table.items[1].oom_score_adj.value, -500);

	assert_int_equal(log.kills[1].pid, 802);
	assert_string_equal(log.kills[1].comm, "a,task=,pid=9");
	assert_string_equal(log.kills[1].task_memcg, "/lab/a,task_memcg=,b");
	/* An escaped backslash is not the beginning of another escape. */
	assert_string_equal(log.kills[2].comm, "b\\x5c");
	mr_oom_log_clear(&log);
}

static void suppressed_reports_keep_the_kill(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab", "6.18-v1-suppressed.kmsg");
	assert_int_equal(log.n_kills, 3);
	assert_true(log.kills[0].memcg && log.kills[1].memcg && !log.kills[2].memcg);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(log.kills[i].pid, 910 + i);
		assert_string_equal(log.kills[i].oom_memcg, "");
		assert_int_equal(log.kills[i].n_lines, 1);
	}
	mr_oom_log_clear(&log);
}

static void split_lines_are_put_together(void **state)
{
	(void)state;
	struct mr_oom_log log;
	feed_file(&log, "/lab", "6.18-v1-split-line.kmsg");
	assert_int_equal(log.n_kills, 3);
	assert_string_equal(log.kills[0].oom_memcg, "/lab");
	assert_string_equal(log.kills[0].task_memcg, "/lab/c1");
	assert_string_equal(log.kills[1].task_memcg, "/lab/c2");
	/* The end never came: nothing is known, rather than something wrong. */
	assert_int_equal(log.kills[2].pid, 922);
	assert_string_equal(log.kills[2].oom_memcg, "");
	mr_oom_log_clear(&log);
}

static void another_victims_line_is_not_taken(void **state)
{
	(void)state;
	struct mr_oom_log log;
	mr_oom_log_init(&log, 4096, "/lab");
	feed_text(&log,
		"6,1,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,"
		"mems_allowed=0,oom_memcg=/lab,task_memcg=/lab,task=w,pid=5,uid=0\n"
		"3,2,2,-;Memory cgroup out of memory: Killed process 6 (w) total-vm:1kB, "
		"anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0\n");
	assert_int_equal(log.n_kills, 1);
	assert_string_equal(log.kills[0].oom_memcg, "");
	mr_oom_log_clear(&log);
}

/* Facility 1 and more: written to /dev/kmsg by a program. */
static void programs_are_not_believed(void **state)
{
	(void)state;
	struct mr_oom_log log;
	mr_oom_log_init(&log, 4096, "");
	feed_text(&log,
		"12,1,1,-;Memory cgroup out of memory: Killed process 6 (w) total-vm:1kB, "
		"anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0\n");
	assert_int_equal(log.n_kills, 0);
	mr_oom_log_clear(&log);
}

static void other_lines_are_no_kills(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"3,1,1,-;Memory cgroup out of memory: Killed process x (w) total-vm:1kB",
		"3,1,1,-;Memory cgroup out of memory: Killed process 6 w total-vm:1kB",
		"3,1,1,-;Memory cgroup out of memory: Killed process 6 (w)",
		"3,1,1,-;Killed process [77]: segfault at 0 ip 0 sp 0 error 4 in (x) total-vm:1kB",
		"6,1,1,-;oom_reaper: reaped process 6 (w), now anon-rss:0kB, file-rss:0kB",
		"3,1,1,-;Out of memory and no killable processes...",
		"3,1,1,-;Killed process 99999999999 (w) total-vm:1kB",
		"3,1,1,-;Killed process 0 (w) total-vm:1kB",
		"3,1,1,-",
		"3,1",
		"",
		";",
		"[ 12345",
		"[ pid ]",
		"<6>",
	};
	struct mr_oom_log log;
	mr_oom_log_init(&log, 4096, "");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		feed_text(&log, lines[i]);
	assert_int_equal(log.n_kills, 0);
	mr_oom_log_clear(&log);
}

static void saved_logs_have_other_prefixes(void **state)
{
	(void)state;
	static const char *const heads[] = {"", "[   12.345678] ", "<3>[   12.345678] "};
	for (size_t i = 0; i < 3; i++) {
		char line[300];
		struct mr_oom_log log;
		mr_oom_log_init(&log, 4096, "");
		snprintf(line, sizeof(line),
			"%sOut of memory: Killed process 6 (a\\x5cb) "
			"total-vm:1kB, anon-rss:1kB, file-rss:0kB",
			heads[i]);
		feed_text(&log, line);
		assert_int_equal(log.n_kills, 1);
		assert_int_equal(log.kills[0].sequence, 0);
		assert_int_equal(log.kills[0].time_usec, i == 0 ? -1 : 12345678);
		assert_string_equal(log.kills[0].comm, "a\\x5cb"); /* not escaped there */
		mr_oom_log_clear(&log);
	}
}

static void too_many_kills_are_counted(void **state)
{
	(void)state;
	struct mr_oom_log log;
	mr_oom_log_init(&log, 4096, "");
	for (int i = 1; i <= MR_OOM_MAX_KILLS + 7; i++) {
		char line[200];
		snprintf(line, sizeof(line),
			"3,%d,5,-;Memory cgroup out of memory: Killed process "
			"%d (w) total-vm:1kB",
			i, i);
		feed_text(&log, line);
	}
	assert_int_equal(log.n_kills, MR_OOM_MAX_KILLS);
	assert_int_equal(log.dropped, 7);
	mr_oom_log_clear(&log);
}

/* A packet socket gives one record a read, as /dev/kmsg does. */
static void gaps_are_noticed(void **state)
{
	(void)state;
	static const char *const records[] = {"6,10,1,-;a\n SUBSYSTEM=x\n",
		"6,11,2,-;b\n",
		"3,12,3,-;Out of memory: Killed process 6 (w) total-vm:1kB\n",
		"6,14,4,-;c\n"};
	int s[2];
	struct mr_oom_log log;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s), 0);
	struct mr_kmsg k = {.fd = s[0]};
	mr_oom_log_init(&log, 4096, "");
	for (size_t i = 0; i < 4; i++) {
		assert_false(log.lost);
		assert_int_equal(
			write(s[1], records[i], strlen(records[i])), strlen(records[i]));
		assert_int_equal(mr_kmsg_drain(&k, &log), 1);
	}
	assert_true(log.lost);
	assert_int_equal(log.n_kills, 1);
	assert_int_equal(k.next_sequence, 15);
	assert_int_equal(mr_kmsg_drain(&k, &log), 0);
	mr_kmsg_close(&k);
	close(s[1]);
	mr_oom_log_clear(&log);
}

static void log_is_readable_or_says_why_not(void **state)
{
	(void)state;
	struct mr_kmsg k;
	mr_kmsg_open(&k);
	if (k.fd < 0)
		assert_true(mr_has_prefix(k.why, "/dev/kmsg: "));
	else
		assert_string_equal(k.why, "");
	mr_kmsg_close(&k);
	assert_int_equal(k.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v1_own_limit_of_6_18),
		cmocka_unit_test(table_is_read_by_header_names),
		cmocka_unit_test(raw_lines_leave_the_trace_out),
		cmocka_unit_test(foreign_reports_leave_nothing),
		cmocka_unit_test(v2_own_limit_of_6_1),
		cmocka_unit_test(group_names_its_first_victim_twice),
		cmocka_unit_test(kill_behind_a_group_is_not_of_it),
		cmocka_unit_test(foreign_group_leaves_nothing),
		cmocka_unit_test(host_ran_out),
		cmocka_unit_test(el7_kernel_3_10),
		cmocka_unit_test(kernel_4_18_sacrifices_a_child),
		cmocka_unit_test(kernel_5_0_has_two_lines),
		cmocka_unit_test(impossible_page_tables_are_unknown),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(suppressed_reports_keep_the_kill),
		cmocka_unit_test(split_lines_are_put_together),
		cmocka_unit_test(another_victims_line_is_not_taken),
		cmocka_unit_test(programs_are_not_believed),
		cmocka_unit_test(other_lines_are_no_kills),
		cmocka_unit_test(saved_logs_have_other_prefixes),
		cmocka_unit_test(too_many_kills_are_counted),
		cmocka_unit_test(gaps_are_noticed),
		cmocka_unit_test(log_is_readable_or_says_why_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
