/* SPDX-License-Identifier: Apache-2.0 */
/* timeline, lanes, shape: a buffer that never grows and keeps the extremes, its text, and the
 * hint on leak or limit that is read from it. */
#include "oom/shape.h"
#include "oom/timeline.h"

#include "base/io.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define LIMIT (64 * MIB)

static struct mr_sample room[MR_TIMELINE_SAMPLES];

static struct mr_sample sample(int64_t usec, uint64_t usage, uint64_t anon)
{
	struct mr_sample s = { .usec = usec };

	for (int i = 0; i < MR_SERIES_N; i++)
		s.value[i] = MR_UNKNOWN;
	s.value[MR_SERIES_USAGE] = s.usage_min = usage;
	s.value[MR_SERIES_ANON] = s.anon_max = anon;
	return s;
}

/* --- the buffer --- */

static void test_merge(void **state)
{
	(void)state;
	struct mr_samples all = { .items = room, .interval_ms = 5 };
	for (size_t i = 0; i < MR_TIMELINE_SAMPLES; i++) {
		/* A peak of usage with little anon beside a peak of anon. */
		struct mr_sample s = sample((int64_t)i * 5000, 10 * MIB, 5 * MIB);
		if (i == 1000)
			s = sample((int64_t)i * 5000, 60 * MIB, 1 * MIB);
		if (i == 1001)
			s = sample((int64_t)i * 5000, 8 * MIB, 7 * MIB);
		if (i == 1001) {
			s.value[MR_SERIES_KERNEL] = 6 * MIB;
			s.value[MR_SERIES_SWAP] = 9 * MIB;
		}
		assert_false(mr_samples_add(&all, &s));
	}
	struct mr_sample last = sample(MR_TIMELINE_SAMPLES * 5000, 3 * MIB, 1 * MIB);
	assert_true(mr_samples_add(&all, &last));
	assert_int_equal(all.n, MR_TIMELINE_SAMPLES / 2 + 1);
	assert_int_equal(all.interval_ms, 10);
	const struct mr_sample *m = &all.items[500];
	assert_int_equal(m->usec, 5000000);
	assert_int_equal(m->value[MR_SERIES_USAGE], 60 * MIB);
	assert_int_equal(m->value[MR_SERIES_ANON], 1 * MIB);
	assert_int_equal(m->usage_min, 8 * MIB);
	assert_int_equal(m->anon_max, 7 * MIB);
	assert_int_equal(all.items[all.n - 1].usec, MR_TIMELINE_SAMPLES * 5000);

	/* A week of it needs no more room, and the order stays. */
	for (int64_t usec = last.usec; usec < INT64_C(7) * 86400 * 1000000;) {
		usec += all.interval_ms * 1000;
		struct mr_sample s = sample(usec, 10 * MIB, 5 * MIB);
		mr_samples_add(&all, &s);
		assert_true(all.n <= MR_TIMELINE_SAMPLES);
	}
	assert_int_equal(all.interval_ms, 5 << 15); /* 164 s */
	for (size_t i = 1; i < all.n; i++)
		assert_true(all.items[i].usec > all.items[i - 1].usec);
	struct mr_timeline t = { .samples = all };
	assert_int_equal(mr_timeline_peak(&t, MR_SERIES_USAGE).value, 60 * MIB);
	assert_int_equal(mr_timeline_peak(&t, MR_SERIES_ANON).value, 7 * MIB);
	/* Of a sample that did not stay. */
	assert_int_equal(mr_timeline_peak(&t, MR_SERIES_KERNEL).value, 6 * MIB);
	assert_int_equal(mr_timeline_peak(&t, MR_SERIES_SWAP).value, 9 * MIB);
	assert_false(mr_timeline_peak(&t, MR_SERIES_SHMEM).set);
}

static void test_lane(void **state)
{
	(void)state;
	static struct mr_lane lane;
	for (int64_t i = 0; i <= MR_LANE_POINTS; i++)
		mr_lane_add(&lane, (struct mr_lane_point){ i * 1000, (uint64_t)i, 2 });
	assert_int_equal(lane.n, MR_LANE_POINTS / 2 + 1);
	assert_int_equal(lane.points[0].rss, 1); /* of 0 and 1 the larger */
	assert_int_equal(lane.points[1].usec, 2000);
	assert_int_equal(lane.points[1].rss, 3);
	/* Too near for a point of its own: the peak stays. */
	size_t n = lane.n;
	int64_t usec = lane.points[n - 1].usec;
	mr_lane_add(&lane, (struct mr_lane_point){ usec + 10, 9999, 1 });
	assert_int_equal(lane.n, n);
	assert_int_equal(lane.points[n - 1].rss, 9999);
	assert_int_equal(lane.points[n - 1].vm, 2);
}

static void test_text(void **state)
{
	(void)state;
	struct mr_sample items[2] = { sample(1000, 3, 0), sample(6000, 5, 4) };
	struct mr_lane lane = { .pid = 77, .inner = 2, .comm = "a\"b\n", .begin = 5, .end = 6001,
		.status = 9, .oom_killed = true, .max_rss = 4096, .max_vm = 8192, .n = 1,
		.points = { { 5, 4096, 8192 } } };
	struct mr_timeline t = {
		.samples = { .items = items, .n = 2, .interval_ms = 5 },
		.lanes = { .items = &lane, .n = 1, .not_kept = 3 },
		.id = "x",
		.v2 = true,
	};
	items[1].value[MR_SERIES_LIMIT] = 64;
	items[1].value[MR_SERIES_PSI_FULL] = UINT64_C(12345678901);
	items[1].usage_min = 2;
	items[1].anon_max = 9;
	struct mr_timeline_event events[] = {
		{ .usec = 900, .kind = MR_EVENT_START },
		{ .usec = 5000, .kind = MR_EVENT_LIMIT, .from = 64, .to = MR_UNKNOWN },
		{ .usec = 6001, .kind = MR_EVENT_OOM_KILL, .victim = 77, .comm = "a\"b\n" },
		{ .usec = 6001, .kind = MR_EVENT_OOM_KILL },
		{ .usec = 6002, .kind = MR_EVENT_UNDER_OOM, .to = 1 },
		{ .usec = 6003, .kind = MR_EVENT_EXIT, .to = 3 << 8 },
	};
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		mr_timeline_add_event(&t, &events[i]);
	auto_str out = { 0 };
	mr_timeline_format(&t, &out);
	assert_string_equal(mr_str_text(&out),
		"{\"timeline\":1,\"id\":\"x\",\"time\":\"1970-01-01T00:00:00.000000000Z\","
		"\"interval_ms\":5,\"cgroup_version\":2}\n"
		"{\"t\":900,\"event\":\"start\"}\n"
		"{\"t\":1000,\"usage\":3,\"anon\":0}\n"
		"{\"t\":5000,\"event\":\"limit\",\"from\":64}\n"
		"{\"t\":6000,\"usage\":5,\"anon\":4,\"limit\":64,\"psi_full\":12345678901,"
		"\"usage_min\":2,\"anon_max\":9}\n"
		"{\"t\":6001,\"event\":\"oom-kill\",\"pid\":77,\"comm\":\"a\\\"b\\n\"}\n"
		"{\"t\":6001,\"event\":\"oom-kill\"}\n"
		"{\"t\":6002,\"event\":\"under-oom\",\"hanging\":true}\n"
		"{\"t\":6003,\"event\":\"exit\",\"code\":3}\n"
		"{\"process\":77,\"pid\":2,\"comm\":\"a\\\"b\\n\",\"begin\":5,\"end\":6001,"
		"\"signal\":\"SIGKILL\",\"oom_killed\":true,\"max_rss\":4096,\"max_vm\":8192,"
		"\"points\":[[5,4096,8192]]}\n"
		"{\"processes_not_kept\":3}\n");
	assert_int_equal(mr_timeline_first(&t, MR_EVENT_OOM_KILL), 6001);
	assert_int_equal(mr_timeline_first(&t, MR_EVENT_EXEC), -1);
}

static void test_events_are_bounded(void **state)
{
	(void)state;
	static struct mr_timeline t;
	const struct mr_timeline_event e = { .kind = MR_EVENT_OOM };
	for (int i = 0; i < MR_TIMELINE_EVENTS + 7; i++)
		mr_timeline_add_event(&t, &e);
	assert_int_equal(t.n_events, MR_TIMELINE_EVENTS);
	assert_int_equal(t.events_dropped, 7);
}

/* --- reading, on trees made by hand --- */

static char top[] = "/tmp/mr-test-timeline-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(mr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int make_tree(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(top))
		return -1;
	snprintf(path, sizeof(path), "%s/pod", top);
	if (mkdir(path, 0755) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/pod/box", top);
	return mkdir(path, 0755);
}

static int remove_tree(void **state)
{
	static const char *const names[] = { "pod/box/memory.current", "pod/box/memory.stat",
		"pod/box/memory.max", "pod/box/memory.high", "pod/box/memory.swap.current",
		"pod/box/memory.pressure", "pod/box/memory.usage_in_bytes",
		"pod/box/memory.limit_in_bytes", "pod/box/memory.kmem.usage_in_bytes",
		"pod/box/cgroup.procs", "pod/memory.max", "t.jsonl" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/pod/box", top);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/pod", top);
	rmdir(path);
	return rmdir(top);
}

/* One look at pod/box, with everything that it found. */
static void look(struct mr_timeline *t, bool v2, struct mr_host *host, struct mr_cgroup *cg)
{
	static char file[256];
	char dir[256];
	struct mr_error err = { 0 };

	*host = (struct mr_host){ .n_hierarchies = 1, .unified = 0 };
	host->hierarchies[0].v2 = v2;
	host->owner[MR_CTL_MEMORY] = 0;
	mr_cgroup_init(cg);
	cg->host = host;
	snprintf(dir, sizeof(dir), "%s/pod/box", top);
	cg->dir[0] = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(file, sizeof(file), "%s/t.jsonl", top);
	assert_int_equal(mr_timeline_open(t, file, 5, "box", cg, &err), 0);
	assert_int_equal(mr_timeline_tick(t), 5);
	assert_int_equal(t->samples.n, 1);
}

static bool host_has_swap(void)
{
	struct sysinfo info;
	return sysinfo(&info) == 0 && info.totalswap > 0;
}

static void series_is(const struct mr_timeline *t, enum mr_series series, uint64_t value)
{
	assert_int_equal(t->samples.items[t->samples.n - 1].value[series], value);
}

static void test_read_v2(void **state)
{
	(void)state;
	static struct mr_timeline t;
	struct mr_host host;
	struct mr_cgroup cg;
	struct mr_error err = { 0 };
	autofree char *text = NULL;

	put_file("pod/memory.max", "20971520\n");
	put_file("pod/box/memory.max", "max\n");
	put_file("pod/box/memory.high", "15728640\n");
	put_file("pod/box/memory.current", "10485760\n");
	put_file("pod/box/memory.swap.current", "4096\n");
	put_file("pod/box/memory.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1234\n"
		"full avg10=0.50 avg60=0.00 avg300=0.00 total=567\n");
	put_file("pod/box/memory.stat", "anon 5242880\nfile 4194304\nkernel 1048576\n"
		"kernel_stack 16384\nshmem 1048576\nfile_mapped 1\nfile_dirty 4096\n"
		"file_writeback 8192\ninactive_anon 7\ninactive_file 2097152\n");
	look(&t, true, &host, &cg);
	series_is(&t, MR_SERIES_USAGE, 10485760);
	series_is(&t, MR_SERIES_ANON, 5242880);
	series_is(&t, MR_SERIES_SHMEM, 1048576);
	series_is(&t, MR_SERIES_FILE, 3145728); /* without shmem: the parts add up */
	series_is(&t, MR_SERIES_KERNEL, 1048576);
	series_is(&t, MR_SERIES_DIRTY, 12288);
	series_is(&t, MR_SERIES_INACTIVE_FILE, 2097152);
	series_is(&t, MR_SERIES_SWAP, host_has_swap() ? 4096 : MR_UNKNOWN);
	series_is(&t, MR_SERIES_LIMIT, MR_UNKNOWN);
	series_is(&t, MR_SERIES_ANCESTOR_LIMIT, 20971520);
	series_is(&t, MR_SERIES_HIGH, 15728640);
	series_is(&t, MR_SERIES_PSI_SOME, 1234);
	series_is(&t, MR_SERIES_PSI_FULL, 567);
	/* An ancestor's limit that does not bind is none. */
	put_file("pod/box/memory.max", "16777216\n");
	put_file("pod/box/memory.current", "10489856\n");
	t.ticks = 0;
	t.opened_ns -= 10000000;
	mr_timeline_tick(&t);
	assert_int_equal(t.samples.n, 2);
	series_is(&t, MR_SERIES_LIMIT, 16777216);
	series_is(&t, MR_SERIES_ANCESTOR_LIMIT, MR_UNKNOWN);
	assert_true(mr_timeline_first(&t, MR_EVENT_LIMIT) >= 10000);
	assert_true(mr_timeline_first(&t, MR_EVENT_ANCESTOR_LIMIT) >= 10000);
	assert_int_equal(mr_timeline_finish(&t, &err), 0);
	assert_int_equal(mr_read_file_at(AT_FDCWD, t.path, 65536, &text, NULL), 0);
	assert_non_null(strstr(text, "\"event\":\"limit\",\"to\":16777216}"));
	assert_non_null(strstr(text, "\"event\":\"ancestor-limit\",\"from\":20971520}"));
	mr_timeline_close(&t);
	mr_cgroup_close(&cg);
}

static void test_read_v1(void **state)
{
	(void)state;
	static struct mr_timeline t;
	struct mr_host host;
	struct mr_cgroup cg;

	put_file("pod/box/memory.usage_in_bytes", "10485760\n");
	put_file("pod/box/memory.limit_in_bytes", "52428800\n");
	put_file("pod/box/memory.kmem.usage_in_bytes", "1048576\n");
	put_file("pod/box/memory.stat", "cache 1\nrss 2\nhierarchical_memory_limit 20971520\n"
		"total_cache 4194304\ntotal_rss 5242880\ntotal_shmem 1048576\n"
		"total_dirty 4096\ntotal_writeback 0\ntotal_inactive_file 2097152\n");
	look(&t, false, &host, &cg);
	series_is(&t, MR_SERIES_USAGE, 10485760);
	series_is(&t, MR_SERIES_ANON, 5242880);
	series_is(&t, MR_SERIES_FILE, 3145728);
	series_is(&t, MR_SERIES_KERNEL, 1048576);
	series_is(&t, MR_SERIES_DIRTY, 4096);
	series_is(&t, MR_SERIES_LIMIT, 52428800);
	series_is(&t, MR_SERIES_ANCESTOR_LIMIT, 20971520);
	series_is(&t, MR_SERIES_HIGH, MR_UNKNOWN);
	series_is(&t, MR_SERIES_SWAP, MR_UNKNOWN); /* not in memory.stat */
	mr_timeline_close(&t);
	mr_cgroup_close(&cg);
}

static int open_box(void)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/pod/box", top);
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Of a list that is too long the last number may be the beginning of another. */
static void test_cut_pid(void **state)
{
	(void)state;
	struct mr_lanes lanes = { 0 };
	autoclose int dir = open_box();
	auto_str text = { 0 };
	char pid[16];

	/* 4095 bytes are read; the zeroes count for nothing, and this pid just fits. */
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	mr_str_appendf(&text, "999999999\n%0*d0000\n", 4095 - 10, (int)getpid());
	put_file("pod/box/cgroup.procs", mr_str_text(&text));
	assert_int_equal(mr_lanes_open(&lanes, dir), 0);
	mr_lanes_tick(&lanes, 0);
	assert_int_equal(lanes.n, 0);
	put_file("pod/box/cgroup.procs", pid);
	mr_lanes_tick(&lanes, 1);
	assert_non_null(mr_lanes_find(&lanes, getpid()));
	mr_lanes_close(&lanes);
}

#define CROWD (MR_LANES + 6)

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void put_crowd(const pid_t *pids, size_t n)
{
	auto_str text = { 0 };

	for (size_t i = 0; i < n; i++)
		mr_str_appendf(&text, "%d\n", (int)pids[i]);
	put_file("pod/box/cgroup.procs", mr_str_text(&text));
}

/* However often it is looked at, and though it gets a lane later, a process counts once. */
static void test_not_kept(void **state)
{
	(void)state;
	struct mr_lanes lanes = { 0 };
	autoclose int dir = open_box();
	pid_t pids[CROWD + 2];

	for (size_t i = 0; i < CROWD + 2; i++)
		pids[i] = sleeper();
	assert_int_equal(mr_lanes_open(&lanes, dir), 0);
	put_crowd(pids, CROWD);
	for (int64_t i = 0; i < 5; i++)
		mr_lanes_tick(&lanes, i);
	assert_int_equal(lanes.n, MR_LANES);
	assert_int_equal(lanes.not_kept, 6);
	/* Six that have one end: their lanes go to those who wait. */
	for (size_t i = 0; i < 6; i++)
		end(pids[i]);
	put_crowd(pids + 6, CROWD - 6);
	for (int64_t i = 5; i < 9; i++)
		mr_lanes_tick(&lanes, i);
	assert_non_null(mr_lanes_find(&lanes, pids[CROWD - 1]));
	assert_int_equal(lanes.not_kept, 6);
	/* Two more, for which there is no room. */
	put_crowd(pids + 6, CROWD + 2 - 6);
	for (int64_t i = 9; i < 12; i++)
		mr_lanes_tick(&lanes, i);
	assert_int_equal(lanes.not_kept, 8);
	for (size_t i = 6; i < CROWD + 2; i++)
		end(pids[i]);
	mr_lanes_close(&lanes);
}

/* What was not in the file when it was written anew is in it once all the same. */
static void test_rewrite(void **state)
{
	(void)state;
	static struct mr_timeline t;
	struct mr_host host;
	struct mr_cgroup cg;
	autofree char *text = NULL;
	long long usec, last = -1;
	size_t n = 0;

	put_file("pod/box/memory.current", "10485760\n");
	look(&t, true, &host, &cg);
	while (t.samples.interval_ms == 5) {
		t.opened_ns -= 5000000;
		mr_timeline_tick(&t);
	}
	mr_timeline_event(&t, MR_EVENT_EXEC, 0);
	assert_int_equal(t.lines.len, 0);
	assert_int_equal(mr_read_file_at(AT_FDCWD, t.path, 1 << 20, &text, NULL), 0);
	for (const char *p = text; (p = strstr(p, "{\"t\":")); p++) {
		assert_int_equal(sscanf(p, "{\"t\":%lld", &usec), 1);
		assert_true(usec >= last);
		last = usec;
		n++;
	}
	assert_int_equal(n, t.samples.n + t.n_events);
	mr_timeline_close(&t);
	mr_cgroup_close(&cg);
}

/* --- leak or limit --- */

/* @anon in MiB at every 5 ms */
static struct mr_shape shape_of(double (*anon)(int ms), int n)
{
	struct mr_samples all = { .items = room };
	struct mr_shape shape;

	for (int i = 0; i < n; i++) {
		uint64_t a = (uint64_t)(anon(5 * i) * (double)MIB);
		room[all.n++] = sample(5000 * i, a + MIB, a);
	}
	mr_shape_take(&all, 0, 5000 * n, LIMIT, &shape);
	return shape;
}

static double leak(int ms)
{
	return 0.063 * ms;
}

static double plateau(int ms)
{
	return ms < 450 ? 45 : 45 + 0.4 * (ms - 450);
}

static double leak_after_sleep(int ms)
{
	return ms < 300 ? 1 : 1 + 0.089 * (ms - 300);
}

static double sawtooth(int ms)
{
	return 20 + (ms / 50 % 2 ? 40 - 0.6 * (ms % 50) : 0.7 * (ms % 50));
}

static void test_shapes(void **state)
{
	(void)state;
	struct mr_shape s = shape_of(leak, 200);
	assert_string_equal(s.kind, "still-growing");
	assert_non_null(strstr(s.reason, "63.0 MiB a second"));
	assert_non_null(strstr(s.reason, "minirun bisect"));
	s = shape_of(plateau, 99);
	assert_string_equal(s.kind, "limit-too-small");
	assert_non_null(strstr(s.reason, "stood at 45.0 MiB for 91 %"));
	assert_string_equal(shape_of(leak_after_sleep, 200).kind, "still-growing");
	assert_string_equal(shape_of(sawtooth, 200).kind, "undecided");
	s = shape_of(leak, 19);
	assert_string_equal(s.kind, "undecided");
	assert_non_null(strstr(s.reason, "19 samples in 95 ms"));
	/* After the kill the memory is gone: that is no part of the shape. */
	assert_string_equal(shape_of(leak, 200).kind, "still-growing");
	struct mr_samples all = { .items = room, .n = 200 };
	room[199] = sample(room[199].usec, MIB, 0);
	mr_shape_take(&all, 0, 1000000, LIMIT, &s);
	assert_string_equal(s.kind, "still-growing");
}

static void other_kind(enum mr_series series, const char *kind)
{
	struct mr_samples all = { .items = room };
	struct mr_shape shape;

	for (int i = 0; i < 40; i++) {
		room[all.n] = sample(5000 * i, (uint64_t)i * MIB, MIB);
		room[all.n++].value[series] = (uint64_t)i * MIB;
	}
	mr_shape_take(&all, 0, 200000, LIMIT, &shape);
	assert_string_equal(shape.kind, kind);
	assert_non_null(strstr(shape.reason, "39.0 of 39.0 MiB"));
}

static void test_other_memory(void **state)
{
	(void)state;
	other_kind(MR_SERIES_KERNEL, "kernel-memory");
	other_kind(MR_SERIES_SHMEM, "shared-memory");
	other_kind(MR_SERIES_FILE, "cache-dominated");
}

static void test_no_samples(void **state)
{
	(void)state;
	struct mr_samples all = { .items = room };
	struct mr_shape shape;
	mr_shape_take(&all, 0, 1000, LIMIT, &shape);
	assert_string_equal(shape.kind, "undecided");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_lane),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_events_are_bounded),
		cmocka_unit_test(test_read_v2),
		cmocka_unit_test(test_read_v1),
		cmocka_unit_test(test_cut_pid),
		cmocka_unit_test(test_not_kept),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_other_memory),
		cmocka_unit_test(test_no_samples),
	};
	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
