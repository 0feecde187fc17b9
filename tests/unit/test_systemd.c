/* SPDX-License-Identifier: Apache-2.0 */
/* systemd.c: names and places of scopes, limits as properties; and the companion's values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/systemd.h"
#include "systemd/variant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- names and places --- */

static struct {
	char root[64];
	struct mr_spec spec;
	struct mr_linux linux_;
	struct mr_scope_plan plan;
	struct mr_strv warnings;
	struct mr_error err;
} t;

static void put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_host(void **state)
{
	char path[256];

	(void)state;
	memset(&t, 0, sizeof(t));
	snprintf(t.root, sizeof(t.root), "/tmp/test_systemd.XXXXXX");
	if (!mkdtemp(t.root))
		return -1;
	const char *const dirs[] = {"proc", "proc/1", "proc/self"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", t.root, dirs[i]);
		if (mkdir(path, 0700) < 0)
			return -1;
	}
	put("proc/1/cgroup", "0::/init.scope\n");
	put("proc/self/uid_map", "         0          0 4294967295\n");
	return 0;
}

static int remove_host(void **state)
{
	static const char *const names[] = {"proc/1/cgroup", "proc/self/uid_map", "proc/1",
		"proc/self", "proc", ""};
	char path[256];

	(void)state;
	mr_arena_clear(&t.spec.arena);
	mr_strv_clear(&t.warnings);
	mr_scope_plan_clear(&t.plan);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", t.root, names[i]);
		if (remove(path) < 0)
			return -1;
	}
	return 0;
}

static int plan_as(const char *cgroups_path, uid_t euid, bool rootless, bool annotations)
{
	struct mr_host host = {.euid = euid, .rootless = rootless};
	char *copy = cgroups_path ? mr_arena_strdup(&t.spec.arena, cgroups_path) : NULL;

	mr_scope_plan_clear(&t.plan);
	memset(&t.plan, 0, sizeof(t.plan));
	memset(&t.err, 0, sizeof(t.err));
	t.linux_.cgroups_path = copy;
	t.spec.linux_ = &t.linux_;
	return mr_scope_plan(&t.spec, &host, t.root, "web+1", annotations, &t.plan,
		&t.warnings, &t.err);
}

static int plan(const char *cgroups_path, uid_t euid, bool annotations)
{
	return plan_as(cgroups_path, euid, euid != 0, annotations);
}

static void expect_place(
	const char *wanted, uid_t euid, const char *unit, const char *slice, const char *path)
{
	char own[1100];

	assert_int_equal(plan(wanted, euid, false), 0);
	assert_string_equal(t.plan.unit, unit);
	assert_string_equal(t.plan.slice, slice);
	assert_string_equal(t.plan.path, path);
	assert_int_equal(t.plan.user, euid != 0);
	snprintf(own, sizeof(own), "%s/container", path);
	assert_string_equal(t.linux_.cgroups_path, own);
}

static void test_places(void **state)
{
	(void)state;
	expect_place("machine.slice:libpod:abc", 0, "libpod-abc.scope", "machine.slice",
		"/machine.slice/libpod-abc.scope");
	expect_place("kubepods-burstable-pod1_2.slice:crio:abc", 0, "crio-abc.scope",
		"kubepods-burstable-pod1_2.slice",
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
		"crio-abc.scope");
	expect_place(":docker:abc", 0, "docker-abc.scope", "system.slice",
		"/system.slice/docker-abc.scope");
	expect_place("-.slice::abc", 0, "abc.scope", "-.slice", "/abc.scope");
	expect_place(NULL, 0, "minirun-web\\x2b1.scope", "system.slice",
		"/system.slice/minirun-web\\x2b1.scope");
}

static void test_places_of_a_user(void **state)
{
	(void)state;
	put("proc/self/uid_map", "0 0 4294967295\n");
	expect_place("", 1000, "minirun-web\\x2b1.scope", "user.slice",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/"
		"minirun-web\\x2b1.scope");
	/* Root of a user namespace is somebody else outside. */
	put("proc/self/uid_map", "0 1234 1\n1 100000 65536\n");
	assert_int_equal(plan_as("a.slice:b:c", 0, true, false), 0);
	assert_true(t.plan.user);
	assert_string_equal(t.plan.path,
		"/user.slice/user-1234.slice/user@1234.service/a.slice/b-c.scope");
}

static void test_root_of_the_manager(void **state)
{
	(void)state;
	put("proc/1/cgroup", "3:cpu:/\n1:name=systemd:/lxc/x/init.scope\n0::/\n");
	expect_place("a.slice:b:c", 0, "b-c.scope", "a.slice", "/lxc/x/a.slice/b-c.scope");
	put("proc/1/cgroup", "0::/lxc/y/init.scope\n");
	expect_place("a.slice:b:c", 0, "b-c.scope", "a.slice", "/lxc/y/a.slice/b-c.scope");
}

static void test_bad_places(void **state)
{
	static const char *const bad[] = {"/a", "a", "a:b", "a.slice:b:c:d", "a:b:c",
		".slice:b:c", "-a.slice:b:c", "a--b.slice:b:c", "a-.slice:b:c", "a.slice:b:",
		"a/b.slice:b:c", "a.slice:b/x:c", "a.slice:b:c d", "a.slice:b:\xc3\xa4"};
	char name[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(plan(bad[i], 0, false), -EINVAL);
		assert_true(mr_has_prefix(t.err.message, "linux.cgroupsPath: "));
	}
	memset(name, 'a', sizeof(name));
	snprintf(name + 300, sizeof(name) - 300, ".slice:b:c");
	assert_int_equal(plan(name, 0, false), -ENAMETOOLONG);
	memcpy(name, "a.slice:b:", 10);
	assert_int_equal(plan(name, 0, false), -EINVAL);
	name[300] = '\0';
	assert_int_equal(plan(name, 0, false), -ENAMETOOLONG);
}

static void test_annotations(void **state)
{
	char key[] = "org.systemd.property.TimeoutStopSec", other[] = "org.example", value[] = "7";
	struct mr_pair items[] = {{key, value}, {other, value}};

	(void)state;
	t.spec.annotations.items = items;
	t.spec.annotations.n = 2;
	assert_int_equal(plan(NULL, 0, true), 0);
	assert_int_equal(t.plan.annotations.n, 1);
	assert_string_equal(t.plan.annotations.items[0], "TimeoutStopSec=7");
	assert_int_equal(t.warnings.n, 0);
	assert_int_equal(plan(NULL, 0, false), 0);
	assert_int_equal(t.plan.annotations.n, 0);
	assert_int_equal(t.warnings.n, 1);
	assert_non_null(strstr(t.warnings.items[0], "--systemd-properties"));
}

static void test_subgroup(void **state)
{
	static const char *const bad[] = {"a/b", "..", "keeper", "cgroup.procs"};
	char key[] = "run.oci.systemd.subgroup", value[] = "payload", none[] = "", name[16];
	struct mr_pair item = {key, value};

	(void)state;
	t.spec.annotations.items = &item;
	t.spec.annotations.n = 1;
	assert_int_equal(plan("a.slice:b:c", 0, false), 0);
	assert_string_equal(t.linux_.cgroups_path, "/a.slice/b-c.scope/payload");
	assert_int_equal(t.warnings.n, 0);
	item.value = none;
	assert_int_equal(plan("a.slice:b:c", 0, false), 0);
	assert_string_equal(t.linux_.cgroups_path, "/a.slice/b-c.scope/container");
	assert_int_equal(t.warnings.n, 1);
	item.value = name;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(name, sizeof(name), "%s", bad[i]);
		assert_int_equal(plan("a.slice:b:c", 0, false), -EINVAL);
		assert_non_null(strstr(t.err.message, "run.oci.systemd.subgroup"));
	}
}

static void test_no_cgroup2(void **state)
{
	struct mr_host host = {.unified = -1};

	(void)state;
	t.spec.linux_ = &t.linux_;
	assert_int_equal(mr_scope_plan(&t.spec, &host, t.root, "a", false, &t.plan, &t.warnings,
				 &t.err),
		-EOPNOTSUPP);
	assert_non_null(strstr(t.err.hint, "--cgroup-manager cgroupfs"));
}

/* --- limits --- */

static void expect_properties(const char *const (*rows)[2], const char *wanted)
{
	struct mr_cgroup_row items[8] = {{0}};
	struct mr_cgroup_rows all = {items, 0};
	struct mr_strv properties = {0};
	struct mr_error err;
	auto_str text = {0};

	for (; rows[all.n][0]; all.n++) {
		items[all.n].file = rows[all.n][0];
		items[all.n].value = rows[all.n][1];
	}
	assert_int_equal(mr_scope_properties(&all, &properties, &err), 0);
	for (size_t i = 0; i < properties.n; i++)
		mr_str_appendf(&text, "%s\n", properties.items[i]);
	assert_string_equal(mr_str_text(&text), wanted);
	mr_strv_clear(&properties);
}

static void test_limits(void **state)
{
	(void)state;
	static const char *const v2[][2] = {{"memory.max", "67108864"},
		{"memory.swap.max", "0"}, {"memory.low", "4096"}, {"pids.max", "20"},
		{"cpu.weight", "20"}, {"cpu.max", "25500 50000"}, {"cpuset.cpus", "0-2"}, {0}};
	expect_properties(v2, "MemoryMax:t=71303168\nMemorySwapMax:t=0\nMemoryLow:t=4096\n"
			      "TasksMax:t=21\nCPUWeight:t=20\n"
			      "CPUQuotaPerSecUSec:t=510000\nCPUQuotaPeriodUSec:t=50000\n"
			      "AllowedCPUs:ay=0-2\n");
	static const char *const unlimited[][2] = {{"memory.max", "max"}, {"pids.max", "max"},
		{"cpu.max", "max 100000"}, {"memory.high", "18446744073709551615"}, {0}};
	expect_properties(unlimited, "MemoryMax:t=18446744073709551615\n"
				     "TasksMax:t=18446744073709551615\n"
				     "MemoryHigh:t=18446744073709551615\n"
				     "CPUQuotaPerSecUSec:t=18446744073709551615\n"
				     "CPUQuotaPeriodUSec:t=100000\n");
	static const char *const none[][2] = {{"pids.max", "0"}, {"cpu.idle", "1"},
		{"cpuset.mems", "0"}, {"memory.oom.group", "1"}, {"memory.min", "64M"}, {0}};
	expect_properties(none, "TasksMax:t=1\nCPUWeight:t=0\nAllowedMemoryNodes:ay=0\n");
	static const char *const v1[][2] = {{"memory.limit_in_bytes", "1048576"},
		{"cpu.shares", "512"}, {"cpu.cfs_period_us", "50000"},
		{"cpu.cfs_quota_us", "-1"}, {0}};
	expect_properties(v1, "MemoryLimit:t=5242880\nCPUShares:t=512\n"
			      "CPUQuotaPerSecUSec:t=18446744073709551615\n"
			      "CPUQuotaPeriodUSec:t=50000\n");
}

static void test_quota_is_rounded_up(void **state)
{
	(void)state;
	static const char *const odd[][2] = {{"cpu.max", "1001 100000"}, {0}};
	expect_properties(odd, "CPUQuotaPerSecUSec:t=20000\nCPUQuotaPeriodUSec:t=100000\n");
	static const char *const alone[][2] = {{"cpu.cfs_quota_us", "50000"}, {0}};
	expect_properties(alone, "CPUQuotaPerSecUSec:t=500000\nCPUQuotaPeriodUSec:t=100000\n");
}

/* --- the companion's values --- */

static void test_mask(void **state)
{
	static const char *const bad[] = {"x", "1-", "3-1", "-1", "1 2", "8192", "1,,2", "0-9999"};
	uint8_t mask[MASK_BYTES];

	(void)state;
	assert_int_equal(mask_parse("0-2,8", mask), 2);
	assert_int_equal(mask[0], 7);
	assert_int_equal(mask[1], 1);
	assert_int_equal(mask_parse("8191", mask), 1024);
	assert_int_equal(mask[1023], 0x80);
	assert_int_equal(mask_parse("", mask), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mask_parse(bad[i], mask) < 0);
}

static void expect_number(const char *text, char type, uint64_t value)
{
	struct variant v;

	assert_int_equal(variant_parse(text, &v), 0);
	assert_false(v.list);
	assert_int_equal(v.type, type);
	assert_int_equal(v.items[0].u, value);
	variant_clear(&v);
}

static void test_variant_numbers(void **state)
{
	(void)state;
	expect_number("true", 'b', 1);
	expect_number(" false ", 'b', 0);
	expect_number("12", 'i', 12);
	expect_number("-12", 'i', (uint64_t)-12);
	expect_number("uint64 18446744073709551615", 't', UINT64_MAX);
	expect_number("int16 -32768", 'n', (uint64_t)-32768);
	expect_number("byte 0x1f", 'y', 31);
	expect_number("uint32 4294967295", 'u', UINT32_MAX);
}

static void test_variant_texts(void **state)
{
	struct variant v;

	(void)state;
	assert_int_equal(variant_parse("'it\\'s'", &v), 0);
	assert_int_equal(v.type, 's');
	assert_string_equal(v.items[0].text, "it's");
	variant_clear(&v);
	assert_int_equal(variant_parse("[ \"a\" , 'b,]' ]", &v), 0);
	assert_true(v.list);
	assert_int_equal(v.n, 2);
	assert_string_equal(v.items[0].text, "a");
	assert_string_equal(v.items[1].text, "b,]");
	variant_clear(&v);
	assert_int_equal(variant_parse("1.5", &v), 0);
	assert_int_equal(v.type, 'd');
	assert_true(v.items[0].d > 1.4 && v.items[0].d < 1.6);
	variant_clear(&v);
}

static void test_variant_bad(void **state)
{
	static const char *const bad[] = {"", "word", "'open", "[", "[]", "[1", "[1,]",
		"[1, 'a']", "1 2", "byte 256", "uint16 -1", "int32 2147483648", "true1", "uint64",
		"(1, 2)", "int64 9223372036854775808"};
	struct variant v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (variant_parse(bad[i], &v) >= 0)
			fail_msg("'%s' was taken", bad[i]);
		variant_clear(&v);
	}
}

static void expect_usec(const char *text, int r, uint64_t usec)
{
	struct variant v;

	assert_int_equal(variant_parse(text, &v), 0);
	assert_int_equal(variant_to_usec(&v), r);
	if (r == 0) {
		assert_int_equal(v.type, 't');
		assert_int_equal(v.items[0].u, usec);
	}
	variant_clear(&v);
}

static void test_seconds(void **state)
{
	(void)state;
	expect_usec("7", 0, 7000000);
	expect_usec("uint64 90", 0, 90000000);
	expect_usec("0.25", 0, 250000);
	expect_usec("'7'", -EINVAL, 0);
	expect_usec("true", -EINVAL, 0);
	expect_usec("[1, 2]", -EINVAL, 0);
	expect_usec("uint64 18446744073709551615", -ERANGE, 0);
	expect_usec("-7", -ERANGE, 0);
	expect_usec("-0.5", -ERANGE, 0);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, make_host, remove_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(test_places),
		WITH_HOST(test_places_of_a_user),
		WITH_HOST(test_root_of_the_manager),
		WITH_HOST(test_bad_places),
		WITH_HOST(test_annotations),
		WITH_HOST(test_subgroup),
		WITH_HOST(test_no_cgroup2),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_quota_is_rounded_up),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_variant_numbers),
		cmocka_unit_test(test_variant_texts),
		cmocka_unit_test(test_variant_bad),
		cmocka_unit_test(test_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
