/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/resctrl.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static struct mr_error err;
static struct mr_intel_rdt rdt;
static struct mr_resctrl where;

static const char *in_root(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *text)
{
	autoclose int fd = open(in_root(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect_content(const char *name, const char *expected)
{
	autofree char *text = NULL;
	assert_int_equal(mr_read_file_at(AT_FDCWD, in_root(name), 4096, &text, NULL), 0);
	assert_string_equal(text, expected);
}

/* A host with a group "gold", whose files a test writes where the kernel would. */
static int set_up(void **state)
{
	(void)state;
	static const char *const dirs[] = {"proc", "proc/self", "r", "r/gold", "r/gold/mon_groups"};
	snprintf(root, sizeof(root), "/tmp/test_resctrl.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(in_root(dirs[i]), 0700) < 0)
			return -1;
	put("proc/self/mountinfo",
		"1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /r rw shared:1 - resctrl resctrl rw\n");
	put("r/gold/schemata", "    MB:0=100;1=100\n    L3:0=7f0;1=1f\n");
	put("r/gold/tasks", "");
	memset(&rdt, 0, sizeof(rdt));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const files[] = {"proc/self/mountinfo", "r/gold/schemata",
		"r/gold/tasks"};
	static const char *const dirs[] = {"r/gold/mon_groups/box", "r/gold/mon_groups", "r/gold",
		"r/box", "r", "proc/self", "proc", ""};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in_root(files[i]));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		rmdir(in_root(dirs[i]));
	return access(root, F_OK) == 0 ? -1 : 0;
}

static int plan(void)
{
	return mr_resctrl_plan(&rdt, root, "box", &where, &err);
}

static char gold[] = "gold", lead[] = "lead";

static void nothing_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(mr_resctrl_plan(NULL, root, "box", &where, &err), 0);
	assert_string_equal(where.group, "");
	assert_int_equal(mr_resctrl_remove(&where, &err), 0);
}

static void without_the_file_system_it_is_an_error(void **state)
{
	(void)state;
	put("proc/self/mountinfo", "1 0 0:1 / / rw - ext4 resctrl rw\n");
	assert_int_equal(plan(), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "linux.intelRdt: no resctrl file system"));
}

static void a_group_of_its_own_has_the_containers_name(void **state)
{
	(void)state;
	assert_int_equal(plan(), 0);
	assert_string_equal(where.group, in_root("r/box"));
	assert_string_equal(where.monitor, "");
	assert_true(where.own);
	assert_int_equal(mr_resctrl_create(&rdt, &where, &err), 0);
	assert_int_equal(access(where.group, F_OK), 0);
	assert_int_equal(plan(), -EEXIST);
	assert_int_equal(mr_resctrl_remove(&where, &err), 0);
	assert_int_equal(access(in_root("r/box"), F_OK), -1);
	assert_int_equal(mr_resctrl_remove(&where, &err), 0);
}

static void a_named_group_must_be_there_or_have_schemata(void **state)
{
	(void)state;
	char l3[] = "L3:0=f";
	rdt.clos_id = lead;
	assert_int_equal(plan(), -ENOENT);
	assert_non_null(strstr(err.message, "closID"));
	rdt.l3_cache_schema = l3;
	assert_int_equal(plan(), 0);
	assert_false(where.own);
	/* The kernel would have made its schemata: here the write fails, and the group goes. */
	assert_int_equal(mr_resctrl_create(&rdt, &where, &err), -ENOENT);
	assert_int_equal(access(in_root("r/lead"), F_OK), -1);
}

static void a_group_that_is_there_must_have_what_is_wanted(void **state)
{
	(void)state;
	char same[] = "L3:1=1f", other[] = "L3:0=7f", bw[] = "MB:0=100;1=100";
	rdt.clos_id = gold;
	rdt.l3_cache_schema = same;
	rdt.mem_bw_schema = bw;
	assert_int_equal(plan(), 0);
	assert_int_equal(mr_resctrl_create(&rdt, &where, &err), 0);
	rdt.l3_cache_schema = other;
	assert_int_equal(mr_resctrl_create(&rdt, &where, &err), -EINVAL);
	assert_non_null(strstr(err.message, "L3:0=7f"));
	assert_int_equal(mr_resctrl_remove(&where, &err), 0);
	assert_int_equal(access(in_root("r/gold"), F_OK), 0); /* it is not ours */
}

static void a_monitoring_group_goes_and_the_class_stays(void **state)
{
	(void)state;
	rdt.clos_id = gold;
	rdt.enable_monitoring = true;
	assert_int_equal(plan(), 0);
	assert_string_equal(where.monitor, in_root("r/gold/mon_groups/box"));
	assert_int_equal(mr_resctrl_create(&rdt, &where, &err), 0);
	assert_int_equal(access(where.monitor, F_OK), 0);
	assert_int_equal(mr_resctrl_remove(&where, &err), 0);
	assert_int_equal(access(where.monitor, F_OK), -1);
	assert_int_equal(access(in_root("r/gold"), F_OK), 0);
}

static void a_process_enters_and_an_update_is_written(void **state)
{
	(void)state;
	rdt.clos_id = gold;
	assert_int_equal(plan(), 0);
	assert_int_equal(mr_resctrl_enter(&where, 4711, &err), 0);
	expect_content("r/gold/tasks", "4711\n");
	put("r/gold/schemata", "");
	assert_int_equal(mr_resctrl_update(&where, "MB:0=7\nL3:0=3\n", "MB:0=20", &err), 0);
	/* A line a write, as the kernel wants it: the file keeps the last here. */
	expect_content("r/gold/schemata", "MB:0=20\n");
	memset(&where, 0, sizeof(where));
	assert_int_equal(mr_resctrl_update(&where, "L3:0=3", NULL, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_asked_for),
		TEST(without_the_file_system_it_is_an_error),
		TEST(a_group_of_its_own_has_the_containers_name),
		TEST(a_named_group_must_be_there_or_have_schemata),
		TEST(a_group_that_is_there_must_have_what_is_wanted),
		TEST(a_monitoring_group_goes_and_the_class_stays),
		TEST(a_process_enters_and_an_update_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
