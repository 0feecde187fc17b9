/* SPDX-License-Identifier: Apache-2.0 */
/* host.c on trees of fixtures, one for each cgroup layout. Runs in the source's root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spec/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct mr_error err;

static void read_host(const char *name, struct mr_host *ret)
{
	char root[100];
	snprintf(root, sizeof(root), "tests/fixtures/host/%s", name);
	int r = mr_host_read(ret, root, &err);
	if (r < 0)
		print_error("%s\n", err.message);
	assert_int_equal(r, 0);
}

static const char *owner(const struct mr_host *h, enum mr_controller c)
{
	return mr_host_has_controller(h, c) ? h->hierarchies[h->owner[c]].mount_point
					    : "-";
}

static void test_v2(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("v2", &h);
	assert_int_equal(h.layout, MR_LAYOUT_V2);
	assert_string_equal(mr_layout_name(h.layout), "v2");
	assert_int_equal(h.n_hierarchies, 1);
	assert_int_equal(h.unified, 0);
	assert_string_equal(h.hierarchies[0].mount_point, "/sys/fs/cgroup");
	assert_string_equal(h.hierarchies[0].root, "/");
	static const enum mr_controller held[] = {MR_CTL_MEMORY, MR_CTL_PIDS, MR_CTL_CPU,
		MR_CTL_CPUACCT, MR_CTL_CPUSET, MR_CTL_BLKIO, MR_CTL_HUGETLB,
		MR_CTL_DEVICES, MR_CTL_FREEZER, MR_CTL_RDMA, MR_CTL_MISC,
		MR_CTL_PERF_EVENT};
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		assert_true(mr_host_is_v2(&h, held[i]));
	assert_false(mr_host_has_controller(&h, MR_CTL_NET_CLS));
	assert_false(mr_host_has_controller(&h, MR_CTL_NET_PRIO));
	assert_int_equal(h.kernel_major, 6);
	assert_int_equal(h.kernel_minor, 1);
	assert_int_equal(h.euid, 0);
	assert_true(mr_host_has_cap(&h, 21));
	assert_false(mr_host_has_cap(&h, 41));
	assert_false(mr_host_has_cap(&h, -1));
	assert_false(mr_host_has_cap(&h, 64));
}

static void test_v2_without_memory(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("v2-no-memory", &h);
	assert_int_equal(h.layout, MR_LAYOUT_V2);
	assert_false(mr_host_has_controller(&h, MR_CTL_MEMORY));
	assert_false(mr_host_is_v2(&h, MR_CTL_MEMORY));
	assert_true(mr_host_is_v2(&h, MR_CTL_PIDS));
	assert_true(mr_host_is_v2(&h, MR_CTL_FREEZER));
	assert_int_equal(h.euid, 1000);
	assert_int_equal(h.effective_caps, 0);
	assert_false(mr_host_has_cap(&h, 21));
}

static void test_v1(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("v1", &h);
	assert_int_equal(h.layout, MR_LAYOUT_V1);
	assert_int_equal(h.unified, -1);
	assert_int_equal(h.n_hierarchies, 14);
	for (int c = 0; c < MR_CONTROLLERS; c++) {
		char expected[64];
		snprintf(expected, sizeof(expected), "/sys/fs/cgroup/%s",
			mr_controller_name((enum mr_controller)c, false));
		assert_string_equal(owner(&h, (enum mr_controller)c), expected);
		assert_false(mr_host_is_v2(&h, (enum mr_controller)c));
	}
}

static void test_v1_with_shared_hierarchies(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("v1-comounted", &h);
	assert_int_equal(h.layout, MR_LAYOUT_V1);
	assert_int_equal(h.n_hierarchies, 5);
	assert_string_equal(owner(&h, MR_CTL_CPU), "/sys/fs/cgroup/cpu,cpuacct");
	assert_int_equal(h.owner[MR_CTL_CPU], h.owner[MR_CTL_CPUACCT]);
	assert_int_equal(h.owner[MR_CTL_NET_CLS], h.owner[MR_CTL_NET_PRIO]);
	assert_true(h.owner[MR_CTL_CPU] != h.owner[MR_CTL_NET_CLS]);
	assert_string_equal(owner(&h, MR_CTL_CPUSET), "-");
	assert_string_equal(owner(&h, MR_CTL_DEVICES), "-");
}

static void test_hybrid(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("hybrid", &h);
	assert_int_equal(h.layout, MR_LAYOUT_HYBRID);
	assert_string_equal(mr_layout_name(h.layout), "hybrid");
	assert_string_equal(owner(&h, MR_CTL_MEMORY), "/sys/fs/cgroup/memory");
	assert_false(mr_host_is_v2(&h, MR_CTL_MEMORY));
	assert_string_equal(owner(&h, MR_CTL_FREEZER), "/sys/fs/cgroup/freezer");
	assert_string_equal(owner(&h, MR_CTL_HUGETLB), "/sys/fs/cgroup/unified");
	assert_true(mr_host_is_v2(&h, MR_CTL_HUGETLB));
	assert_string_equal(owner(&h, MR_CTL_PERF_EVENT), "/sys/fs/cgroup/unified");
	assert_string_equal(owner(&h, MR_CTL_RDMA), "-");
	assert_string_equal(
		h.hierarchies[h.unified].mount_point, "/sys/fs/cgroup/unified");
	assert_true(h.hierarchies[h.unified].v2);
}

static void test_none_is_no_error(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("none", &h);
	assert_int_equal(h.layout, MR_LAYOUT_NONE);
	assert_string_equal(mr_layout_name(h.layout), "none");
	assert_int_equal(h.n_hierarchies, 0);
	for (int c = 0; c < MR_CONTROLLERS; c++)
		assert_int_equal(h.owner[c], -1);
}

/* Mounted twice, blanks in paths, an empty source, a hidden cgroup2, a line cut short. */
static void test_odd_mounts(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("odd", &h);
	assert_int_equal(h.layout, MR_LAYOUT_V1);
	assert_int_equal(h.unified, -1);
	assert_string_equal(owner(&h, MR_CTL_MEMORY), "/sys/fs/cgroup/memory");
	assert_string_equal(h.hierarchies[h.owner[MR_CTL_MEMORY]].root, "/");
	assert_string_equal(owner(&h, MR_CTL_PIDS), "/mnt/tab\there");
	assert_string_equal(owner(&h, MR_CTL_FREEZER), "-");
}

static void test_kernel_order(void **state)
{
	(void)state;
	struct mr_host h;
	read_host("v1", &h);
	assert_true(mr_host_kernel(&h, 4, 19));
	assert_true(mr_host_kernel(&h, 4, 5));
	assert_true(mr_host_kernel(&h, 3, 99));
	assert_false(mr_host_kernel(&h, 4, 20));
	assert_false(mr_host_kernel(&h, 5, 0));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(mr_controller_name(MR_CTL_BLKIO, false), "blkio");
	assert_string_equal(mr_controller_name(MR_CTL_BLKIO, true), "io");
	assert_string_equal(mr_controller_name(MR_CTL_MEMORY, true), "memory");
}

static void test_missing_tree(void **state)
{
	(void)state;
	struct mr_host h;
	assert_int_equal(mr_host_read(&h, "tests/fixtures/host/no-such", &err), -ENOENT);
	assert_string_equal(
		err.message, "open 'tests/fixtures/host/no-such': missing (ENOENT)");
	assert_int_equal(mr_host_read(&h, "tests/fixtures/host", &err), -ENOENT);
	assert_string_equal(err.message, "read /proc/self/mountinfo: missing (ENOENT)");
}

static void test_this_machine(void **state)
{
	(void)state;
	struct mr_host h;
	struct utsname uts;
	unsigned major, minor;
	assert_int_equal(mr_host_read(&h, "", &err), 0);
	assert_int_equal(uname(&uts), 0);
	assert_int_equal(sscanf(uts.release, "%u.%u", &major, &minor), 2);
	assert_int_equal(h.kernel_major, major);
	assert_int_equal(h.kernel_minor, minor);
	assert_int_equal(h.euid, geteuid());
	assert_int_equal(h.page_size, sysconf(_SC_PAGESIZE));
	for (int c = 0; c < MR_CONTROLLERS; c++)
		assert_true(h.owner[c] >= -1 && h.owner[c] < h.n_hierarchies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v2_without_memory),
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v1_with_shared_hierarchies),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_none_is_no_error),
		cmocka_unit_test(test_odd_mounts),
		cmocka_unit_test(test_kernel_order),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_missing_tree),
		cmocka_unit_test(test_this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
