/* SPDX-License-Identifier: Apache-2.0 */
/* expect.c: assertions on a record. */
#include "minirun.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Ended by itself; two children were killed at the container's own limit. */
static const char children[] =
	"{\"State\":{\"OOMKilled\":true},"
	"\"Memory\":{\"PeakBytes\":67108864,\"PeakAnonBytes\":66060288,"
	"\"PeakKernelBytes\":524288,\"MaxRssBytes\":62914560,\"Failcnt\":87,"
	"\"Pressure\":{\"SomeTotalUsec\":100000,\"FullTotalUsec\":50000}},"
	"\"OOM\":{\"Kills\":2,\"InitKilled\":false,\"Scope\":\"container\","
	"\"Victims\":[{\"Comm\":\"kid\"},{\"Comm\":\"fifteen-letters\"}],"
	"\"VictimsWithoutDetail\":0},"
	"\"Exit\":{\"Code\":3,\"Signal\":null,\"TimedOut\":false,\"UserUsec\":200000,"
	"\"SystemUsec\":300000,\"WallUsec\":1000000}}";

/* Killed by a signal at the timeout, no OOM at all. */
static const char quiet[] =
	"{\"State\":{\"OOMKilled\":false},"
	"\"Memory\":{\"PeakBytes\":0,\"Failcnt\":0},"
	"\"OOM\":{\"Kills\":0,\"InitKilled\":false,\"Scope\":null,\"Victims\":[],"
	"\"VictimsWithoutDetail\":0},"
	"\"Exit\":{\"Code\":null,\"Signal\":\"SIGTERM\",\"TimedOut\":true,"
	"\"WallUsec\":0}}";

/* The supervisor was killed. */
static const char lost[] =
	"{\"State\":{\"OOMKilled\":null},"
	"\"Memory\":{\"PeakBytes\":null,\"Pressure\":null},"
	"\"OOM\":{\"Kills\":null,\"Why\":\"the supervisor was killed\",\"InitKilled\":null,"
	"\"Scope\":null,\"Victims\":[],\"VictimsWithoutDetail\":0},"
	"\"Exit\":null}";

/* One of two kills is not in the log; the limit is not known. */
static const char nameless[] =
	"{\"State\":{\"OOMKilled\":true},"
	"\"OOM\":{\"Kills\":2,\"InitKilled\":null,\"Scope\":null,"
	"\"Victims\":[{\"Comm\":\"kid\\n\"}],\"VictimsWithoutDetail\":1}}";

struct row {
	const char *expr, *record;
	int held;
	const char *actual; /* NULL: whatever */
};

static void expect_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mr_expectation e = {.held = 7};
		struct mr_error err = {0};

		print_message("%s\n", rows[i].expr);
		assert_int_equal(mr_expect(rows[i].expr, rows[i].record, &e, &err), 0);
		assert_int_equal(e.held, rows[i].held);
		if (rows[i].actual)
			assert_string_equal(e.actual, rows[i].actual);
	}
}
#define EXPECT_ROWS(rows) expect_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_outcome(void **state)
{
	static const struct row rows[] = {
		{"oomkilled", children, 1, "OOM-killed"},
		{"oomkilled", quiet, 0, "not OOM-killed"},
		{"no-oom", children, 0, "OOM-killed"},
		{"no-oom", quiet, 1, "not OOM-killed"},
		{"init-killed", children, 0, "init not OOM-killed"},
		{"timeout", children, 0, "not timed out"},
		{"timeout", quiet, 1, "timed out"},
		{"exit=3", children, 1, "exit 3"},
		{"exit=0", children, 0, "exit 3"},
		{"exit!=0", children, 1, NULL},
		{"signal=TERM", children, 0, "exit 3"},
		{"signal=TERM", quiet, 1, "signal TERM"},
		{"signal=SIGTERM", quiet, 1, NULL},
		{"signal=15", quiet, 1, NULL},
		{"signal=KILL", quiet, 0, NULL},
		{"signal!=KILL", quiet, 1, NULL},
		/* A signal is no exit code, not even 128+15. */
		{"exit=143", quiet, 0, "signal TERM"},
		{"exit!=0", quiet, 1, "signal TERM"},
	};

	(void)state;
	EXPECT_ROWS(rows);
}

static void test_kill(void **state)
{
	static const struct row rows[] = {
		{"oom_kills=2", children, 1, "2"},
		{"oom_kills>=3", children, 0, "2"},
		{"oom_kills=0", quiet, 1, "0"},
		{"victim=kid", children, 1, "kid, fifteen-letters"},
		{"victim=kids", children, 0, NULL},
		{"victim!=kids", children, 1, NULL},
		{"victim=ki", children, 0, NULL},
		/* The kernel keeps 15 characters of a name. */
		{"victim=fifteen-letters-and-more", children, 1, NULL},
		{"victim=kid", quiet, 0, "nobody"},
		{"limit_cgroup=own", children, 1, "own"},
		{"limit_cgroup=ancestor", children, 0, "own"},
		{"limit_cgroup!=host", children, 1, NULL},
		{"limit_cgroup=own", quiet, 0, "none"},
	};

	(void)state;
	EXPECT_ROWS(rows);
}

static void test_figures(void **state)
{
	static const struct row rows[] = {
		{"peak<64m", children, 0, "64 MiB"},
		{"peak<=64m", children, 1, NULL},
		{"peak=64MiB", children, 1, NULL},
		{"peak!=67108864", children, 0, NULL},
		{"peak>=64m", children, 1, NULL},
		{"peak>64m", children, 0, NULL},
		{"peak > 63.9m", children, 1, NULL},
		{"peak=0", quiet, 1, "0 B"},
		{"peak_anon<63m", children, 0, "63 MiB"},
		{"peak_kernel<1m", children, 1, "512 KiB"},
		{"max_rss>=60m", children, 1, "60 MiB"},
		{"failcnt=87", children, 1, "87"},
		{"wall<1", children, 0, "1.000 s"},
		{"wall<=1000ms", children, 1, NULL},
		{"cpu>=0.5", children, 1, "0.500 s"},
		{"cpu<50%", children, 0, "50.0% of 1.000 s"},
		{"cpu<=50%", children, 1, NULL},
		{"psi_some<10.1%", children, 1, "10.0% of 1.000 s"},
		{"psi_some<100ms", children, 0, "0.100 s"},
		{"psi_full<=50ms", children, 1, NULL},
	};

	(void)state;
	EXPECT_ROWS(rows);
}

/* Neither an assertion nor its opposite holds on what is not known. */
static void test_unknown(void **state)
{
	static const struct row rows[] = {
		{"oomkilled", lost, -1, "unknown (the supervisor was killed)"},
		{"no-oom", lost, -1, "unknown (the supervisor was killed)"},
		{"no-oom", "{}", -1, "unknown (no memory counter)"},
		{"init-killed", lost, -1, NULL},
		{"timeout", lost, -1, NULL},
		{"exit=0", lost, -1, "unknown (no end of the program)"},
		{"exit!=0", lost, -1, NULL},
		{"signal=KILL", lost, -1, NULL},
		{"oom_kills=0", lost, -1, "unknown (the supervisor was killed)"},
		{"victim=kid", lost, -1, NULL},
		{"victim!=kid", lost, -1, NULL},
		{"limit_cgroup=own", lost, -1, NULL},
		{"limit_cgroup!=own", nameless, -1, "unknown (no evidence)"},
		{"victim=other", nameless, -1, "unknown (not all are in the kernel log)"},
		{"victim=kid\n", nameless, 1, "kid\\x0a"},
		{"peak<1t", lost, -1, NULL},
		{"peak_anon<1t", quiet, -1, "unknown (no sample)"},
		{"wall<1h", lost, -1, NULL},
		{"cpu<1h", quiet, -1, NULL},
		{"psi_some<100%", lost, -1, "unknown (no PSI)"},
		{"psi_some>=0", quiet, -1, "unknown (no PSI)"},
		{"cpu<100%", "{\"Exit\":{\"UserUsec\":0,\"SystemUsec\":0,\"WallUsec\":0}}", -1,
			NULL},
	};

	(void)state;
	EXPECT_ROWS(rows);
}

static void test_syntax(void **state)
{
	static const char *const bad[] = {"", " ", "peak", "peak=", "peak<", "peak<x",
		"peak=<1m", "peak<1m ", "peaks<1m", "Peak<1m", "oomkilled ", "oomkilled=1",
		"no-oom!", "exit", "exit=", "exit=256", "exit=-1", "exit<3", "exit=0x1",
		"signal=NO", "signal=0", "signal>1", "oom_kills=-1", "oom_kills=one",
		"victim=", "victim<a", "limit_cgroup=/own", "limit_cgroup=", "failcnt<10%",
		"wall<10%", "wall<1x", "cpu<1.2.3%", "cpu<%", "cpu<10%%", "psi_some<1m%",
		"psi_full<99999999999999999999s", "peak<99999999999g", "wall<9223372036854775s"};
	static const char *const good[] = {"oomkilled", "exit=255", "exit != 1",
		"signal=RTMIN+1", "peak<=1.5g", "psi_some<0.5%", "cpu>1m30s",
		"limit_cgroup=nested", "limit_cgroup=mixed", "limit_cgroup=host"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_error err = {0};

		print_message("'%s'\n", bad[i]);
		assert_int_equal(mr_expect(bad[i], NULL, NULL, &err), -EINVAL);
		assert_non_null(strstr(err.message, bad[i]));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct mr_error err = {0};
		assert_int_equal(mr_expect(good[i], NULL, NULL, &err), 0);
	}
}

static void test_no_record(void **state)
{
	struct mr_expectation e = {.held = 7};
	struct mr_error err = {0};

	(void)state;
	assert_int_equal(mr_expect("oomkilled", "{", &e, &err), -EINVAL);
	assert_int_equal(e.held, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcome),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
