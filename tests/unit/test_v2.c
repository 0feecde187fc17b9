/* SPDX-License-Identifier: Apache-2.0 */
/* v2.c: resources as rows of cgroup v2, and what v2 cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/v2.h"

#include <errno.h>
#include <string.h>

static struct mr_int integer(int64_t v)
{
	return (struct mr_int){true, v};
}

static struct mr_uint natural(uint64_t v)
{
	return (struct mr_uint){true, v};
}

static void put_rows(const struct mr_cgroup_rows *rows, struct mr_str *out)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct mr_cgroup_row *row = &rows->items[i];
		assert_true(mr_has_prefix(row->field, "linux.resources."));
		mr_str_appendf(out, "%s%s%s=%s", row->core ? "core " : "", row->file,
			row->optional ? "?" : "", row->value);
		if (row->else_file)
			mr_str_appendf(out, "|%s=%s", row->else_file, row->else_value);
		mr_str_append(out, "\n");
	}
}

static void expect_rows(
	const struct mr_resources *r, enum mr_controller c, const char *rows)
{
	struct mr_arena arena = {0};
	struct mr_cgroup_rows got = {0};
	auto_strv warnings = {0};
	struct mr_error err = {0};
	auto_str out = {0};

	assert_int_equal(mr_cgroup_v2_rows(r, c, &arena, &got, &warnings, &err), 0);
	put_rows(&got, &out);
	assert_string_equal(mr_str_text(&out), rows);
	mr_arena_clear(&arena);
}

static void expect_error(const struct mr_resources *r, enum mr_controller c, int errnum,
	const char *part, const char *hint)
{
	struct mr_arena arena = {0};
	struct mr_cgroup_rows got = {0};
	auto_strv warnings = {0};
	struct mr_error err = {0};

	assert_int_equal(mr_cgroup_v2_rows(r, c, &arena, &got, &warnings, &err), -errnum);
	assert_non_null(strstr(err.message, part));
	assert_non_null(strstr(err.hint, hint));
	mr_arena_clear(&arena);
}

static void test_nothing_asked_nothing_written(void **state)
{
	(void)state;
	struct mr_memory m = {
		.limit = integer(0), .swap = integer(0), .reservation = integer(0)};
	struct mr_cpu cpu = {.shares = natural(0),
		.quota = integer(0),
		.period = natural(0),
		.realtime_period = natural(0),
		.realtime_runtime = integer(0)};
	struct mr_block_io b = {.weight = natural(0), .leaf_weight = natural(0)};
	struct mr_network n = {.class_id = natural(0)};
	struct mr_resources r = {
		.memory = &m, .cpu = &cpu, .block_io = &b, .network = &n};

	for (int c = 0; c < MR_CONTROLLERS; c++) {
		expect_rows(&r, (enum mr_controller)c, "");
		expect_rows(NULL, (enum mr_controller)c, "");
	}
}

static void test_memory(void **state)
{
	(void)state;
	struct mr_memory m = {.limit = integer(64 << 20),
		.swap = integer(100 << 20),
		.reservation = integer(32 << 20),
		.use_hierarchy = {true, true},
		.disable_oom_killer = {true, false}};
	struct mr_resources r = {.memory = &m};

	expect_rows(&r, MR_CTL_MEMORY,
		"memory.swap.max=37748736\n"
		"memory.max=67108864\n"
		"memory.low=33554432\n");
	m = (struct mr_memory){.limit = integer(64 << 20), .swap = integer(64 << 20)};
	expect_rows(&r, MR_CTL_MEMORY, "memory.swap.max=0\nmemory.max=67108864\n");
	m.swap = integer(-1);
	expect_rows(&r, MR_CTL_MEMORY, "memory.swap.max?=max\nmemory.max=67108864\n");
	m = (struct mr_memory){.limit = integer(-1)};
	expect_rows(&r, MR_CTL_MEMORY, "memory.swap.max?=max\nmemory.max=max\n");
	m = (struct mr_memory){.limit = integer(1 << 20)};
	expect_rows(&r, MR_CTL_MEMORY, "memory.max=1048576\n");
}

static void test_high_below_a_limit(void **state)
{
	(void)state;
	const uint64_t mib = 1 << 20;

	assert_int_equal(mr_cgroup_v2_high(64 * mib, 4096), 56 * mib);
	assert_int_equal(mr_cgroup_v2_high(16384 * mib, 4096), (16384 - 256) * mib);
	assert_int_equal(mr_cgroup_v2_high(mib, 4096), mib - 256 * 1024);
	assert_int_equal(mr_cgroup_v2_high(100 * 1024, 4096), 49152);
	assert_int_equal(mr_cgroup_v2_high(4096, 4096), 0);
}

static void test_what_memory_cannot_do(void **state)
{
	(void)state;
	struct mr_memory m = {.disable_oom_killer = {true, true}};
	struct mr_resources r = {.memory = &m};

	expect_error(&r, MR_CTL_MEMORY, EOPNOTSUPP, "disableOOMKiller",
		"oomKillDisablePolicy=emulate");
	expect_error(&r, MR_CTL_MEMORY, EOPNOTSUPP, "--oom-kill-disable",
		"--oom-kill-disable=emulate");
	m = (struct mr_memory){.swappiness = natural(60)};
	expect_error(&r, MR_CTL_MEMORY, EOPNOTSUPP, "memory.swappiness", "leave it out");
	m = (struct mr_memory){.use_hierarchy = {true, false}};
	expect_error(
		&r, MR_CTL_MEMORY, EOPNOTSUPP, "memory.useHierarchy", "leave it out");
	m = (struct mr_memory){.swap = integer(5)};
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "without a memory limit", "memory.limit");
	m = (struct mr_memory){.swap = integer(5), .limit = integer(6)};
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "less than the memory limit", "");
}

static void test_cpu(void **state)
{
	(void)state;
	struct mr_cpu cpu = {.shares = natural(1024),
		.quota = integer(50000),
		.period = natural(200000),
		.burst = integer(1000),
		.idle = integer(1)};
	struct mr_resources r = {.cpu = &cpu};

	expect_rows(&r, MR_CTL_CPU,
		"cpu.weight=100\n"
		"cpu.max=50000 200000\n"
		"cpu.max.burst=1000\n"
		"cpu.idle=1\n");
	cpu = (struct mr_cpu){.quota = integer(50000)};
	expect_rows(&r, MR_CTL_CPU, "cpu.max=50000 100000\n");
	cpu = (struct mr_cpu){.period = natural(50000)};
	expect_rows(&r, MR_CTL_CPU, "cpu.max=max 50000\n");
	cpu = (struct mr_cpu){.quota = integer(-1)};
	expect_rows(&r, MR_CTL_CPU, "cpu.max=max 100000\n");

	char cpus[] = "0-1", mems[] = "0";
	cpu = (struct mr_cpu){.cpus = cpus, .mems = mems};
	expect_rows(&r, MR_CTL_CPUSET, "cpuset.cpus=0-1\ncpuset.mems=0\n");
	cpu = (struct mr_cpu){.realtime_runtime = integer(1)};
	expect_error(
		&r, MR_CTL_CPU, EOPNOTSUPP, "linux.resources.cpu.realtimeRuntime", "v1");
	cpu = (struct mr_cpu){.realtime_period = natural(1)};
	expect_error(
		&r, MR_CTL_CPU, EOPNOTSUPP, "linux.resources.cpu.realtimePeriod", "v1");
}

static void test_shares_to_weight(void **state)
{
	(void)state;
	/* Computed with 80 digits from the published formula. */
	static const struct {
		uint64_t shares, weight;
	} known[] = {{0, 1}, {1, 1}, {2, 1}, {1024, 100}, {262144, 10000},
		{1u << 30, 10000}, {3, 2}, {10, 4}, {102, 17}, {256, 35}, {512, 59},
		{2048, 174}, {4096, 303}, {10240, 639}, {100000, 4340}, {11372, 697},
		{26809, 1421}, {262143, 10000}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(
			mr_cgroup_shares_to_weight(known[i].shares), known[i].weight);
	uint64_t last = 1;
	for (uint64_t s = 2; s <= 262144; s += 7) {
		uint64_t w = mr_cgroup_shares_to_weight(s);
		assert_in_range(w, last, 10000);
		last = w;
	}
}

static void test_io(void **state)
{
	(void)state;
	struct mr_weight_device w = {8, 0, natural(1000), {0}};
	struct mr_throttle_device t[2] = {{8, 0, 1000}, {8, 16, 0}};
	struct mr_block_io b = {.weight = natural(10),
		.weight_device = {&w, 1},
		.throttle_read_bps_device = {t, 2},
		.throttle_write_bps_device = {t, 1},
		.throttle_read_iops_device = {t, 1},
		.throttle_write_iops_device = {t, 1}};
	struct mr_resources r = {.block_io = &b};

	expect_rows(&r, MR_CTL_BLKIO,
		"io.bfq.weight=10|io.weight=1\n"
		"io.bfq.weight=8:0 1000|io.weight=8:0 10000\n"
		"io.max=8:0 rbps=1000\n"
		"io.max=8:16 rbps=max\n"
		"io.max=8:0 wbps=1000\n"
		"io.max=8:0 riops=1000\n"
		"io.max=8:0 wiops=1000\n");
	b.leaf_weight = natural(5);
	expect_error(&r, MR_CTL_BLKIO, EOPNOTSUPP, "linux.resources.blockIO.leafWeight",
		"leave");
}

static void test_the_rest(void **state)
{
	(void)state;
	char size[] = "64KB", device[] = "mlx", interface[] = "lo";
	struct mr_hugepage_limit h = {size, 65536};
	struct mr_rdma d = {device, natural(1), natural(2)};
	struct mr_interface_priority p = {interface, 3};
	struct mr_network n = {.class_id = natural(5), .priorities = {&p, 1}};
	struct mr_resources r = {.hugepage_limits = {&h, 1},
		.rdma = {&d, 1},
		.network = &n,
		.has_pids = true,
		.pids_limit = integer(0)};

	expect_rows(&r, MR_CTL_HUGETLB,
		"hugetlb.64KB.rsvd.max=65536|hugetlb.64KB.max=65536\n");
	expect_rows(&r, MR_CTL_RDMA, "rdma.max=mlx hca_handle=1 hca_object=2\n");
	expect_rows(&r, MR_CTL_PIDS, "pids.max=0\n");
	expect_error(
		&r, MR_CTL_NET_CLS, EOPNOTSUPP, "linux.resources.network.classID", "nft");
	expect_error(&r, MR_CTL_NET_PRIO, EOPNOTSUPP,
		"linux.resources.network.priorities", "");
}

/* --- unified --- */

static struct mr_host hybrid_host(void)
{
	struct mr_host host = {
		.layout = MR_LAYOUT_HYBRID, .n_hierarchies = 2, .unified = 1};

	host.hierarchies[0] = (struct mr_hierarchy){false, "/sys/fs/cgroup/memory", "/"};
	host.hierarchies[1] = (struct mr_hierarchy){true, "/sys/fs/cgroup/unified", "/"};
	for (int c = 0; c < MR_CONTROLLERS; c++)
		host.owner[c] = -1;
	host.owner[MR_CTL_MEMORY] = 0;
	host.owner[MR_CTL_HUGETLB] = 1;
	host.owner[MR_CTL_BLKIO] = 1;
	return host;
}

static int unified(const struct mr_host *host, const char *key, const char *value,
	struct mr_str *out, struct mr_error *err)
{
	char k[64], v[64];
	assert_true(strlen(key) < sizeof(k) && strlen(value) < sizeof(v));
	memcpy(k, key, strlen(key) + 1);
	memcpy(v, value, strlen(value) + 1);
	struct mr_pair pair = {k, v};
	struct mr_resources r = {.unified = {&pair, 1}};
	struct mr_arena arena = {0};
	struct mr_cgroup_rows rows = {0};

	*err = (struct mr_error){0};
	int ret = mr_cgroup_unified_rows(&r, host, &arena, &rows, err);
	put_rows(&rows, out);
	mr_arena_clear(&arena);
	return ret;
}

static void expect_unified(const struct mr_host *host, const char *key, const char *rows)
{
	auto_str out = {0};
	struct mr_error err;
	assert_int_equal(unified(host, key, "1 2", &out, &err), 0);
	assert_string_equal(mr_str_text(&out), rows);
}

static void expect_no_unified(
	const struct mr_host *host, const char *key, int errnum, const char *part)
{
	auto_str out = {0};
	struct mr_error err;
	assert_int_equal(unified(host, key, "1", &out, &err), -errnum);
	assert_non_null(strstr(err.message, part));
	assert_non_null(strstr(err.message, "linux.resources.unified."));
	assert_string_equal(mr_str_text(&out), "");
}

static void test_unified(void **state)
{
	(void)state;
	struct mr_host host = hybrid_host();

	expect_unified(&host, "hugetlb.2MB.max", "hugetlb.2MB.max=1 2\n");
	expect_unified(&host, "io.max", "io.max=1 2\n");
	expect_unified(&host, "cgroup.max.depth", "core cgroup.max.depth=1 2\n");
	expect_unified(&host, "memory.pressure", "core memory.pressure=1 2\n");
	expect_no_unified(&host, "memory.high", EOPNOTSUPP, "belongs to cgroup v1");
	expect_no_unified(&host, "pids.max", EOPNOTSUPP, "has no pids controller");
	expect_no_unified(
		&host, "blkio.weight", EINVAL, "'blkio' is no cgroup v2 controller");
	expect_no_unified(&host, "foo.bar", EINVAL, "'foo' is no cgroup v2 controller");
	expect_no_unified(&host, "io", EINVAL, "the name of a cgroup v2 file");
	expect_no_unified(&host, "io.../../x", EINVAL, "the name of a cgroup v2 file");
	expect_no_unified(&host, "../io.max", EINVAL, "the name of a cgroup v2 file");
	expect_no_unified(&host, "", EINVAL, "a name without blanks");
	expect_no_unified(&host, "cgroup.procs", EINVAL, "the launcher's own");
	expect_no_unified(&host, "cgroup.subtree_control", EINVAL, "the launcher's own");
	host.unified = -1;
	expect_no_unified(&host, "memory.high", EOPNOTSUPP, "no cgroup2 hierarchy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_asked_nothing_written),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_high_below_a_limit),
		cmocka_unit_test(test_what_memory_cannot_do),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_shares_to_weight),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_unified),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
