/* SPDX-License-Identifier: Apache-2.0 */
/* v1.c, v1_devices.c, rows.c: resources as rows of cgroup v1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/v1.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *text(const char *s)
{
	static char pool[64][64];
	static size_t next;
	char *p = pool[next++ % 64];
	assert_true(strlen(s) < 64);
	memcpy(p, s, strlen(s) + 1);
	return p;
}

static struct mr_int integer(int64_t v)
{
	return (struct mr_int){true, v};
}

static struct mr_uint natural(uint64_t v)
{
	return (struct mr_uint){true, v};
}

struct result {
	int r;
	struct mr_str rows;
	struct mr_strv warnings;
	struct mr_error err;
};

static struct result rows_of(const struct mr_resources *r, enum mr_controller c)
{
	struct result ret = {0};
	struct mr_arena arena = {0};
	struct mr_cgroup_rows rows = {0};

	ret.r = mr_cgroup_v1_rows(r, c, &arena, &rows, &ret.warnings, &ret.err);
	for (size_t i = 0; i < rows.n; i++) {
		const struct mr_cgroup_row *row = &rows.items[i];
		assert_int_equal(row->controller, c);
		assert_true(mr_has_prefix(row->field, "linux.resources."));
		mr_str_appendf(&ret.rows, "%s%s=%s", row->file, row->optional ? "?" : "",
			row->value);
		if (row->else_file)
			mr_str_appendf(
				&ret.rows, "|%s=%s", row->else_file, row->else_value);
		mr_str_append(&ret.rows, "\n");
	}
	mr_arena_clear(&arena);
	return ret;
}

static void clear(struct result *r)
{
	mr_str_clear(&r->rows);
	mr_strv_clear(&r->warnings);
}

static void expect_rows(
	const struct mr_resources *r, enum mr_controller c, const char *rows)
{
	struct result got = rows_of(r, c);
	assert_int_equal(got.r, 0);
	assert_string_equal(mr_str_text(&got.rows), rows);
	clear(&got);
}

static void expect_error(
	const struct mr_resources *r, enum mr_controller c, int errnum, const char *part)
{
	struct result got = rows_of(r, c);
	assert_int_equal(got.r, -errnum);
	assert_int_equal(got.err.err, errnum);
	assert_non_null(strstr(got.err.message, part));
	clear(&got);
}

static void test_nothing_asked_nothing_written(void **state)
{
	(void)state;
	struct mr_memory m = {0};
	struct mr_cpu cpu = {0};
	struct mr_block_io b = {0};
	struct mr_network n = {0};
	struct mr_resources r = {
		.memory = &m, .cpu = &cpu, .block_io = &b, .network = &n};

	for (int c = 0; c < MR_CONTROLLERS; c++) {
		expect_rows(&r, (enum mr_controller)c, "");
		expect_rows(NULL, (enum mr_controller)c, "");
	}
	/* Engines write zeros for what was not asked. */
	m.limit = m.swap = m.reservation = integer(0);
	cpu.shares = cpu.period = natural(0);
	cpu.quota = cpu.realtime_runtime = integer(0);
	b.weight = natural(0);
	for (int c = 0; c < MR_CONTROLLERS; c++)
		expect_rows(&r, (enum mr_controller)c, "");
}

static void test_memory(void **state)
{
	(void)state;
	struct mr_memory m = {
		.swap = integer(100 << 20),
		.limit = integer(64 << 20),
		.reservation = integer(32 << 20),
		.swappiness = natural(0),
		.disable_oom_killer = {true, true},
		.use_hierarchy = {true, true},
	};
	struct mr_resources r = {.memory = &m};

	expect_rows(&r, MR_CTL_MEMORY,
		"memory.use_hierarchy?=1\n"
		"memory.limit_in_bytes=67108864\n"
		"memory.memsw.limit_in_bytes=104857600\n"
		"memory.soft_limit_in_bytes=33554432\n"
		"memory.swappiness=0\n"
		"memory.oom_control=1\n");

	m = (struct mr_memory){.limit = integer(-1),
		.swap = integer(-1),
		.disable_oom_killer = {true, false},
		.use_hierarchy = {true, false}};
	expect_rows(&r, MR_CTL_MEMORY,
		"memory.use_hierarchy=0\n"
		"memory.limit_in_bytes=-1\n"
		"memory.memsw.limit_in_bytes?=-1\n"
		"memory.oom_control?=0\n");

	/* swap absent: memory+swap is left alone */
	m = (struct mr_memory){.limit = integer(64 << 20)};
	expect_rows(&r, MR_CTL_MEMORY, "memory.limit_in_bytes=67108864\n");
}

static void test_memory_that_cannot_be(void **state)
{
	(void)state;
	struct mr_memory m = {.swap = integer(1 << 20)};
	struct mr_resources r = {.memory = &m};

	expect_error(&r, MR_CTL_MEMORY, EINVAL,
		"linux.resources.memory.swap: 1048576 without");
	m.limit = integer(-1);
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "without a memory limit");
	m.limit = integer(2 << 20);
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "less than the memory limit 2097152");
	m = (struct mr_memory){.limit = integer(-2)};
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "linux.resources.memory.limit: -2");
	m = (struct mr_memory){.reservation = integer(-7)};
	expect_error(&r, MR_CTL_MEMORY, EINVAL, "linux.resources.memory.reservation: -7");
}

static void test_kernel_memory_is_warned_of(void **state)
{
	(void)state;
	struct mr_memory m = {.kernel = integer(1 << 20), .kernel_tcp = integer(1)};
	struct mr_resources r = {.memory = &m};
	struct result got = rows_of(&r, MR_CTL_MEMORY);

	assert_int_equal(got.r, 0);
	assert_string_equal(mr_str_text(&got.rows), "");
	assert_int_equal(got.warnings.n, 2);
	assert_non_null(
		strstr(got.warnings.items[0], "linux.resources.memory.kernel: ignored"));
	assert_non_null(
		strstr(got.warnings.items[1], "linux.resources.memory.kernelTCP"));
	clear(&got);
	/* No limit is what the kernel does anyway. */
	m.kernel = m.kernel_tcp = integer(-1);
	got = rows_of(&r, MR_CTL_MEMORY);
	assert_int_equal(got.warnings.n, 0);
	clear(&got);
}

static void test_pids(void **state)
{
	(void)state;
	struct mr_resources r = {.has_pids = true, .pids_limit = integer(100)};

	expect_rows(&r, MR_CTL_PIDS, "pids.max=100\n");
	r.pids_limit = integer(0);
	expect_rows(&r, MR_CTL_PIDS, "pids.max=0\n");
	r.pids_limit = integer(-1);
	expect_rows(&r, MR_CTL_PIDS, "pids.max=max\n");
	r.pids_limit = integer(-2);
	expect_error(&r, MR_CTL_PIDS, EINVAL, "linux.resources.pids.limit: -2");
	r.pids_limit = (struct mr_int){0};
	expect_rows(&r, MR_CTL_PIDS, "");
	r = (struct mr_resources){.pids_limit = integer(5)};
	expect_rows(&r, MR_CTL_PIDS, "");
}

static void test_cpu(void **state)
{
	(void)state;
	struct mr_cpu cpu = {.shares = natural(512),
		.quota = integer(50000),
		.period = natural(100000),
		.burst = integer(1000),
		.idle = integer(1),
		.realtime_period = natural(1000000),
		.realtime_runtime = integer(950000),
		.cpus = text("0-1"),
		.mems = text("0")};
	struct mr_resources r = {.cpu = &cpu};

	expect_rows(&r, MR_CTL_CPU,
		"cpu.shares=512\n"
		"cpu.cfs_period_us=100000\n"
		"cpu.cfs_quota_us=50000\n"
		"cpu.cfs_burst_us=1000\n"
		"cpu.rt_period_us=1000000\n"
		"cpu.rt_runtime_us=950000\n"
		"cpu.idle=1\n");
	expect_rows(&r, MR_CTL_CPUSET, "cpuset.cpus=0-1\ncpuset.mems=0\n");

	cpu = (struct mr_cpu){.quota = integer(-1), .shares = natural(1)};
	struct result got = rows_of(&r, MR_CTL_CPU);
	assert_string_equal(
		mr_str_text(&got.rows), "cpu.shares=1\ncpu.cfs_quota_us=-1\n");
	assert_int_equal(got.warnings.n, 1);
	assert_non_null(strstr(got.warnings.items[0], "2 to 262144"));
	clear(&got);
}

static void test_block_io(void **state)
{
	(void)state;
	struct mr_weight_device w = {8, 0, natural(300), natural(400)};
	struct mr_throttle_device t[2] = {{8, 0, 1000}, {8, 16, 0}};
	struct mr_block_io b = {.weight = natural(500),
		.leaf_weight = natural(250),
		.weight_device = {&w, 1},
		.throttle_read_bps_device = {t, 2},
		.throttle_write_bps_device = {t, 1},
		.throttle_read_iops_device = {t, 1},
		.throttle_write_iops_device = {t, 1}};
	struct mr_resources r = {.block_io = &b};

	expect_rows(&r, MR_CTL_BLKIO,
		"blkio.bfq.weight=500|blkio.weight=500\n"
		"blkio.leaf_weight=250\n"
		"blkio.bfq.weight_device=8:0 300|blkio.weight_device=8:0 300\n"
		"blkio.leaf_weight_device=8:0 400\n"
		"blkio.throttle.read_bps_device=8:0 1000\n"
		"blkio.throttle.read_bps_device=8:16 0\n"
		"blkio.throttle.write_bps_device=8:0 1000\n"
		"blkio.throttle.read_iops_device=8:0 1000\n"
		"blkio.throttle.write_iops_device=8:0 1000\n");
	t[1].minor = -1;
	expect_error(&r, MR_CTL_BLKIO, EINVAL, "throttleReadBpsDevice[1]: 8:-1");
}

static void test_the_rest(void **state)
{
	(void)state;
	struct mr_hugepage_limit h[] = {{text("2MB"), 4 << 20}, {text("1GB"), 0}};
	struct mr_interface_priority p[] = {{text("eth0"), 3}};
	struct mr_network n = {.class_id = natural(0x100001), .priorities = {p, 1}};
	struct mr_rdma d[] = {{text("mlx5_0"), natural(3), natural(10000)},
		{text("mlx5_1"), {0}, natural(7)}, {text("mlx5_2"), {0}, {0}}};
	struct mr_resources r = {
		.hugepage_limits = {h, 2}, .network = &n, .rdma = {d, 3}};

	expect_rows(&r, MR_CTL_HUGETLB,
		"hugetlb.2MB.rsvd.limit_in_bytes=4194304|hugetlb.2MB.limit_in_bytes=4194304\n"
		"hugetlb.1GB.rsvd.limit_in_bytes=0|hugetlb.1GB.limit_in_bytes=0\n");
	expect_rows(&r, MR_CTL_NET_CLS, "net_cls.classid=1048577\n");
	expect_rows(&r, MR_CTL_NET_PRIO, "net_prio.ifpriomap=eth0 3\n");
	expect_rows(&r, MR_CTL_RDMA,
		"rdma.max=mlx5_0 hca_handle=3 hca_object=10000\n"
		"rdma.max=mlx5_1 hca_object=7\n");
	n.class_id = natural(0);
	expect_rows(&r, MR_CTL_NET_CLS, "net_cls.classid?=0\n");

	h[0].page_size = text("../../x");
	expect_error(&r, MR_CTL_HUGETLB, EINVAL, "hugepageLimits[0].pageSize");
	p[0].name = text("eth0 9\neth1");
	expect_error(&r, MR_CTL_NET_PRIO, EINVAL, "network.priorities[0]");
	d[0].device = text("");
	expect_error(&r, MR_CTL_RDMA, EINVAL, "linux.resources.rdma.");
}

/* --- devices --- */

#define DEFAULT_ROWS                                                                     \
	"devices.allow=c *:* m\n"                                                        \
	"devices.allow=b *:* m\n"                                                        \
	"devices.allow=c 1:3 rwm\n"                                                      \
	"devices.allow=c 1:5 rwm\n"                                                      \
	"devices.allow=c 1:7 rwm\n"                                                      \
	"devices.allow=c 1:8 rwm\n"                                                      \
	"devices.allow=c 1:9 rwm\n"                                                      \
	"devices.allow=c 5:0 rwm\n"                                                      \
	"devices.allow=c 5:2 rwm\n"                                                      \
	"devices.allow=c 136:* rwm\n"

static struct mr_device_rule rule(
	bool allow, char type, int64_t major, int64_t minor, const char *access)
{
	return (struct mr_device_rule){allow, type, {major >= 0, major},
		{minor >= 0, minor}, access ? text(access) : NULL};
}

static void test_device_list(void **state)
{
	(void)state;
	struct mr_device_rule rules[4] = {
		rule(false, 'a', -1, -1, "rwm"),
		rule(true, 'c', 10, 229, "rw"),
		rule(true, 'b', 8, -1, "r"),
		rule(true, 'c', 10, 229, "m"),
	};
	struct mr_resources r = {.devices = {rules, 1}};

	expect_rows(&r, MR_CTL_DEVICES, "devices.deny=a\n" DEFAULT_ROWS);
	r.devices.n = 4;
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=c 10:229 rwm\n"
		"devices.allow=b 8:* r\n" DEFAULT_ROWS);
	/* A list without a general rule denies in general, as on v2. */
	r.devices.items = rules + 1;
	r.devices.n = 1;
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=c 10:229 rw\n" DEFAULT_ROWS);
}

static void test_device_list_of_a_privileged_container(void **state)
{
	(void)state;
	struct mr_device_rule rules[3] = {
		rule(true, 'a', -1, -1, NULL),
		rule(false, 'c', 1, 11, "w"),
		rule(false, 'b', 8, 0, "rwm"),
	};
	struct mr_resources r = {.devices = {rules, 1}};
	const struct mr_device_rule *all;
	struct mr_arena arena = {0};
	struct mr_error err = {0};
	size_t n;

	expect_rows(&r, MR_CTL_DEVICES, "devices.allow=a\n");
	assert_int_equal(mr_cgroup_device_rules(&r, &arena, &all, &n, &err), 0);
	assert_int_equal(n, 11);
	assert_true(mr_cgroup_devices_allow_all(all, n));

	/* The default list allows mknod of everything, whatever was denied before it. */
	r.devices.n = 3;
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.allow=a\n"
		"devices.deny=c 1:11 w\n"
		"devices.deny=b 8:0 rw\n");
	assert_int_equal(mr_cgroup_device_rules(&r, &arena, &all, &n, &err), 0);
	assert_false(mr_cgroup_devices_allow_all(all, n));
	r.devices.n = 0;
	assert_int_equal(mr_cgroup_device_rules(&r, &arena, &all, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_false(mr_cgroup_devices_allow_all(all, n));
	mr_arena_clear(&arena);
}

static void test_device_rules_take_back_earlier_ones(void **state)
{
	(void)state;
	struct mr_device_rule rules[3] = {
		rule(true, 'c', 10, 5, "rw"),
		rule(true, 'c', 10, 6, "rw"),
		rule(false, 'c', 10, -1, "w"),
	};
	struct mr_resources r = {.devices = {rules, 3}};

	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=c 10:5 r\n"
		"devices.allow=c 10:6 r\n" DEFAULT_ROWS);
	rules[2] = rule(false, 'c', 10, 6, NULL);
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=c 10:5 rw\n" DEFAULT_ROWS);
	/* Type a with numbers stands for both b and c. */
	rules[2] = rule(true, 'a', 7, -1, "m");
	r.devices.items = &rules[2];
	r.devices.n = 1;
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=b 7:* m\n"
		"devices.allow=c 7:* m\n" DEFAULT_ROWS);
}

/* The kernel would accept the write and leave the device open. */
static void test_hole_in_a_wildcard_is_refused(void **state)
{
	(void)state;
	struct mr_device_rule rules[2] = {
		rule(true, 'c', 10, -1, "rw"),
		rule(false, 'c', 10, 5, "r"),
	};
	struct mr_resources r = {.devices = {rules, 2}};

	expect_error(&r, MR_CTL_DEVICES, EINVAL, "linux.resources.devices[1]");
	rules[1] = rule(false, 'c', 10, 5, "m"); /* was not allowed anyway */
	expect_rows(&r, MR_CTL_DEVICES,
		"devices.deny=a\n"
		"devices.allow=c 10:* rw\n" DEFAULT_ROWS);
}

static void test_many_rows(void **state)
{
	(void)state;
	struct mr_arena arena = {0};
	struct mr_cgroup_rows rows = {0};
	char value[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(value, sizeof(value), "%d", i);
		struct mr_cgroup_row row = {.controller = MR_CTL_CPU,
			.file = "f",
			.value = value,
			.field = "x",
			.optional = i % 2};
		assert_int_equal(mr_cgroup_rows_add(&rows, &arena, row), 0);
	}
	assert_int_equal(rows.n, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(value, sizeof(value), "%d", i);
		assert_string_equal(rows.items[i].value, value);
		assert_int_equal(rows.items[i].optional, i % 2);
		assert_null(rows.items[i].else_file);
	}
	mr_arena_clear(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_asked_nothing_written),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_that_cannot_be),
		cmocka_unit_test(test_kernel_memory_is_warned_of),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_block_io),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_device_list),
		cmocka_unit_test(test_device_list_of_a_privileged_container),
		cmocka_unit_test(test_device_rules_take_back_earlier_ones),
		cmocka_unit_test(test_hole_in_a_wildcard_is_refused),
		cmocka_unit_test(test_many_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
