/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_stats.c: files of v1 and v2 to runc's schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/json.h"
#include "cgroup/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	const char *name, *text;
};

/* A directory with these files. @return descriptor */
static int tree(char *path, const struct file *files)
{
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	for (; files->name; files++) {
		autoclose int fd =
			openat(dir, files->name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(mr_write_all(fd, files->text, strlen(files->text)), 0);
	}
	return dir;
}

static void remove_tree(const char *path, int dir, const struct file *files)
{
	for (; files->name; files++)
		assert_int_equal(unlinkat(dir, files->name, 0), 0);
	close(dir);
	assert_int_equal(rmdir(path), 0);
}

/* What is printed for a host whose one hierarchy is @dir. */
static void stats_are(bool v2, int dir, const char *expected)
{
	struct mr_host host = {.layout = v2 ? MR_LAYOUT_V2 : MR_LAYOUT_V1,
		.n_hierarchies = 1,
		.unified = v2 ? 0 : -1};
	struct mr_cgroup cg;
	struct mr_json_writer w = {0};
	struct mr_error err = {0};

	host.hierarchies[0].v2 = v2;
	mr_cgroup_init(&cg);
	cg.host = &host;
	cg.dir[0] = dir;
	assert_int_equal(mr_cgroup_put_stats(&cg, NULL, &w, &err), 0);
	assert_string_equal(mr_str_text(&w.out), expected);
	mr_str_clear(&w.out);
}

static void test_v2(void **state)
{
	(void)state;
	const struct file files[] = {
		{"cpu.stat", "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 4\n"
			     "nr_throttled 2\nthrottled_usec 7\n"},
		{"cpuset.cpus.effective", "0-2,5\n"},
		{"cpuset.mems.effective", "0\n"},
		{"memory.current", "100\n"},
		{"memory.max", "200\n"},
		{"memory.peak", "150\n"},
		{"memory.swap.current", "5\n"},
		{"memory.swap.max", "max\n"},
		{"memory.stat", "anon 60\nfile 30\nkernel 8\nsock 1\n"},
		{"memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n"},
		{"memory.pressure",
			"some avg10=1.50 avg60=0.00 avg300=0.00 total=12\n"
			"full avg10=0.00 avg60=0.00 avg300=0.25 total=3\n"},
		{"pids.current", "3\n"},
		{"pids.max", "max\n"},
		{"io.stat", "8:16 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"},
		{"hugetlb.2MB.current", "4\n"},
		{"hugetlb.2MB.rsvd.current", "5\n"},
		{"hugetlb.2MB.events", "max 6\n"},
		{0},
	};
	char path[] = "/tmp/minirun-stats-XXXXXX";
	int dir = tree(path, files);

	stats_are(true, dir,
		"{\"cpu\":{\"usage\":{\"total\":30000,\"kernel\":20000,\"user\":10000},"
		"\"throttling\":{\"periods\":4,\"throttledPeriods\":2,"
		"\"throttledTime\":7000}},"
		"\"cpuset\":{\"cpus\":[0,1,2,5],\"mems\":[0]},"
		"\"memory\":{\"cache\":30,"
		"\"usage\":{\"limit\":200,\"usage\":100,\"max\":150,\"failcnt\":9},"
		"\"swap\":{\"limit\":18446744073709551615,\"usage\":105},"
		"\"kernel\":{\"usage\":8},\"kernelTCP\":{\"usage\":1},\"peak\":150,"
		"\"raw\":{\"anon\":60,\"file\":30,\"kernel\":8,\"sock\":1},"
		"\"psi\":{\"some\":{\"avg10\":1.50,\"avg60\":0.00,\"avg300\":0.00,"
		"\"total\":12},\"full\":{\"avg10\":0.00,\"avg60\":0.00,\"avg300\":0.25,"
		"\"total\":3}}},"
		"\"pids\":{\"current\":3,\"limit\":0},"
		"\"blkio\":{\"ioServiceBytesRecursive\":["
		"{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":10},"
		"{\"major\":8,\"minor\":16,\"op\":\"Write\",\"value\":20},"
		"{\"major\":8,\"minor\":16,\"op\":\"Discard\",\"value\":0}],"
		"\"ioServicedRecursive\":["
		"{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":1},"
		"{\"major\":8,\"minor\":16,\"op\":\"Write\",\"value\":2},"
		"{\"major\":8,\"minor\":16,\"op\":\"Discard\",\"value\":0}]},"
		"\"hugetlb\":{\"2MB\":{\"usage\":4,\"failcnt\":6}},"
		"\"intel_rdt\":{},\"network_interfaces\":null}");
	remove_tree(path, dir, files);
}

static void test_v1(void **state)
{
	(void)state;
	const struct file files[] = {
		{"cpuacct.usage", "300\n"},
		{"cpuacct.usage_percpu", "100 200 \n"},
		{"cpuacct.usage_sys", "120\n"},
		{"cpuacct.usage_user", "180\n"},
		{"cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 7\n"},
		{"cpuset.cpus", "1\n"},
		{"cpuset.cpu_exclusive", "0\n"},
		{"cpuset.sched_relax_domain_level", "-1\n"},
		{"memory.limit_in_bytes", "9223372036854771712\n"},
		{"memory.usage_in_bytes", "100\n"},
		{"memory.max_usage_in_bytes", "150\n"},
		{"memory.failcnt", "0\n"},
		{"memory.kmem.usage_in_bytes", "8\n"},
		{"memory.stat", "cache 30\ntotal_rss 60\n"},
		{"pids.max", "17\n"},
		{"blkio.throttle.io_service_bytes_recursive", "8:0 Read 5\nTotal 5\n"},
		{"hugetlb.1GB.usage_in_bytes", "4\n"},
		{"hugetlb.1GB.max_usage_in_bytes", "5\n"},
		{"hugetlb.1GB.failcnt", "6\n"},
		{0},
	};
	char path[] = "/tmp/minirun-stats-XXXXXX";
	int dir = tree(path, files);

	stats_are(false, dir,
		"{\"cpu\":{\"usage\":{\"total\":300,\"percpu\":[100,200],\"kernel\":120,"
		"\"user\":180},\"throttling\":{\"periods\":4,\"throttledPeriods\":2,"
		"\"throttledTime\":7}},"
		"\"cpuset\":{\"cpus\":[1],\"cpu_exclusive\":0,"
		"\"sched_relax_domain_level\":-1},"
		"\"memory\":{\"cache\":30,"
		"\"usage\":{\"limit\":9223372036854771712,\"usage\":100,\"max\":150,"
		"\"failcnt\":0},\"swap\":{},\"kernel\":{\"usage\":8},\"kernelTCP\":{},"
		"\"peak\":150,\"raw\":{\"cache\":30,\"total_rss\":60}},"
		"\"pids\":{\"limit\":17},"
		"\"blkio\":{\"ioServiceBytesRecursive\":["
		"{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":5}],"
		"\"ioServicedRecursive\":[]},"
		"\"hugetlb\":{\"1GB\":{\"usage\":4,\"max\":5,\"failcnt\":6}},"
		"\"intel_rdt\":{},\"network_interfaces\":null}");
	remove_tree(path, dir, files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
