/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/subids.h"

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

static void put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/etc/%s", root, name);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int set_up(void **state)
{
	(void)state;
	char path[80];
	snprintf(root, sizeof(root), "/tmp/test_subids.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/etc", root);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = {
		"etc/passwd", "etc/subuid", "etc/subgid", "etc"};
	autoclose int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 4; i++)
		unlinkat(dir, names[i], i == 3 ? AT_REMOVEDIR : 0);
	return rmdir(root);
}

static int read_uids(uid_t uid, struct mr_subid_range *ret)
{
	return mr_subids_read(root, "etc/subuid", uid, ret, &err);
}

static void a_name_or_a_number_has_a_range(void **state)
{
	(void)state;
	struct mr_subid_range r = {0};
	put("passwd", "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n");
	put("subuid", "bob:1:2\n\nann:100000:65536\nann:900000:5\n1001:300000:7\n");
	assert_int_equal(read_uids(1000, &r), 1);
	assert_int_equal(r.start, 100000);
	assert_int_equal(r.count, 65536);
	assert_int_equal(read_uids(1001, &r), 1);
	assert_int_equal(r.start, 300000);
	assert_int_equal(r.count, 7);
	assert_int_equal(read_uids(1002, &r), 0);
	assert_int_equal(read_uids(0, &r), 0);
}

static void what_is_no_range_is_passed_over(void **state)
{
	(void)state;
	struct mr_subid_range r = {0};
	put("passwd", "ann:x:1000\nbroken\n");
	put("subuid", "ann\nann:1\nann:x:5\nann:5:0\nann:-1:5\nann:4294967296:1\n1000:7:8\n");
	assert_int_equal(read_uids(1000, &r), 1);
	assert_int_equal(r.start, 7);
	assert_int_equal(r.count, 8);
}

static void no_file_is_no_range_and_no_error(void **state)
{
	(void)state;
	struct mr_subid_range u = {0}, g = {0};
	assert_int_equal(read_uids(1000, &u), 0);
	put("subuid", "1000:7:8\n");
	assert_int_equal(read_uids(1000, &u), 1); /* also without /etc/passwd */
	assert_int_equal(mr_subids_find(root, 1000, &u, &g, &err), 0); /* both, or none */
	put("subgid", "1000:9:8\n");
	assert_int_equal(mr_subids_find(root, 1000, &u, &g, &err), 1);
	assert_int_equal(g.start, 9);
}

static void the_own_id_is_mapped_and_the_others_around_it(void **state)
{
	(void)state;
	struct mr_id_mapping m[3];
	const struct mr_subid_range range = {100000, 65536}, none = {0, 0}, few = {7, 2};
	assert_int_equal(mr_subids_map(&range, 0, 1000, m), 2);
	assert_memory_equal(m, ((struct mr_id_mapping[]){{0, 1000, 1}, {1, 100000, 65536}}),
		2 * sizeof(*m));
	assert_int_equal(mr_subids_map(&range, 5, 1000, m), 3);
	assert_memory_equal(m,
		((struct mr_id_mapping[]){{0, 100000, 5}, {5, 1000, 1}, {6, 100005, 65531}}),
		3 * sizeof(*m));
	assert_int_equal(mr_subids_map(&none, 5, 1000, m), 1);
	assert_memory_equal(m, ((struct mr_id_mapping[]){{5, 1000, 1}}), sizeof(*m));
	assert_int_equal(mr_subids_map(&few, 5, 1000, m), 2);
	assert_memory_equal(
		m, ((struct mr_id_mapping[]){{0, 7, 2}, {5, 1000, 1}}), 2 * sizeof(*m));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_or_a_number_has_a_range),
		TEST(what_is_no_range_is_passed_over),
		TEST(no_file_is_no_range_and_no_error),
		TEST(the_own_id_is_mapped_and_the_others_around_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
