/* SPDX-License-Identifier: Apache-2.0 */
/* ns: which namespaces are new, which are joined, and the texts that go into them. */
#include "sandbox/ns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct mr_linux linux_;
	struct mr_spec spec;
	struct mr_host host;
	struct mr_arena arena;
	struct mr_error err;
	struct mr_ns_plan plan;
	struct mr_spec_namespace namespaces[10];
	struct mr_id_mapping uids[2], gids[2];
	struct mr_time_offset offsets[2];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->spec.linux_ = &f->linux_;
	f->linux_.namespaces.items = f->namespaces;
	f->linux_.uid_mappings.items = f->uids;
	f->linux_.gid_mappings.items = f->gids;
	f->linux_.time_offsets.items = f->offsets;
	f->host.effective_caps = UINT64_MAX;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mr_arena_clear(&f->arena);
	free(f);
	return 0;
}

static void add(struct fixture *f, enum mr_ns_type type, char *path)
{
	f->namespaces[f->linux_.namespaces.n++] =
		(struct mr_spec_namespace){.type = type, .path = path};
}

static void map(struct fixture *f, uint32_t host_id, uint32_t size)
{
	f->uids[f->linux_.uid_mappings.n] = (struct mr_id_mapping){0, host_id, size};
	f->gids[f->linux_.gid_mappings.n] = (struct mr_id_mapping){0, host_id, size};
	f->linux_.uid_mappings.n++;
	f->linux_.gid_mappings.n++;
}

static int plan(struct fixture *f)
{
	return mr_ns_plan(&f->spec, &f->host, &f->arena, &f->plan, &f->err);
}

static void new_ones_are_cloned_but_cgroup_and_time(void **state)
{
	struct fixture *f = *state;
	add(f, MR_NS_PID, NULL);
	add(f, MR_NS_MOUNT, NULL);
	add(f, MR_NS_NETWORK, NULL);
	add(f, MR_NS_CGROUP, NULL);
	add(f, MR_NS_TIME, NULL);
	assert_int_equal(plan(f), 0);
	assert_int_equal(f->plan.clone_flags, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET);
	assert_true(f->plan.create[MR_NS_CGROUP] && f->plan.create[MR_NS_TIME]);
	assert_false(f->plan.create[MR_NS_USER] || f->plan.create[MR_NS_IPC]);
	assert_true(f->plan.loopback);
	assert_false(f->plan.middle);
	assert_null(f->plan.uid_map);
}

static void joined_ones_are_not_cloned(void **state)
{
	struct fixture *f = *state;
	char path[] = "/proc/1/ns/net";
	add(f, MR_NS_NETWORK, path);
	assert_int_equal(plan(f), 0);
	assert_int_equal(f->plan.clone_flags, 0);
	assert_string_equal(f->plan.join[MR_NS_NETWORK], path);
	assert_false(f->plan.loopback);
}

static void new_ones_in_a_joined_user_namespace_need_a_middle_process(void **state)
{
	struct fixture *f = *state;
	char path[] = "/proc/1/ns/user";
	add(f, MR_NS_USER, path);
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.middle);
	add(f, MR_NS_CGROUP, NULL);
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.middle);
	add(f, MR_NS_PID, NULL);
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.middle);
}

static void a_pid_namespace_waits_for_the_user_namespace_without_privilege(void **state)
{
	struct fixture *f = *state;
	char user[] = "/proc/1/ns/user", pid[] = "/proc/1/ns/pid";
	add(f, MR_NS_USER, user);
	add(f, MR_NS_PID, pid);
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.middle || f->plan.pid_by_middle);
	f->host.effective_caps = 0;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.middle && f->plan.pid_by_middle);
}

static void root_of_a_user_namespace_leaves_the_pid_namespace_to_a_middle_process(void **state)
{
	struct fixture *f = *state;
	char pid[] = "/proc/1/ns/pid";
	add(f, MR_NS_PID, pid);
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.middle || f->plan.pid_by_middle);
	f->host.rootless = true;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.middle && f->plan.pid_by_middle);
}

static void twice_or_relative_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[] = "ns/net";
	add(f, MR_NS_IPC, NULL);
	add(f, MR_NS_IPC, NULL);
	assert_int_equal(plan(f), -EINVAL);
	assert_non_null(strstr(f->err.message, "'ipc' is there twice"));
	f->linux_.namespaces.n = 1;
	add(f, MR_NS_NETWORK, path);
	assert_int_equal(plan(f), -EINVAL);
	assert_non_null(strstr(f->err.message, "ns/net"));
}

static void maps_are_written_directly_with_privilege(void **state)
{
	struct fixture *f = *state;
	add(f, MR_NS_USER, NULL);
	map(f, 100000, 65536);
	f->uids[1] = (struct mr_id_mapping){65536, 4294901760u, 10};
	f->linux_.uid_mappings.n = 2;
	assert_int_equal(plan(f), 0);
	assert_string_equal(f->plan.uid_map, "0 100000 65536\n65536 4294901760 10\n");
	assert_string_equal(f->plan.gid_map, "0 100000 65536\n");
	assert_false(f->plan.map_by_helper || f->plan.deny_setgroups);
}

static void own_id_alone_needs_no_helper_but_no_setgroups(void **state)
{
	struct fixture *f = *state;
	f->host.effective_caps = 0;
	f->host.euid = 1000;
	add(f, MR_NS_USER, NULL);
	map(f, 1000, 1);
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.map_by_helper);
	assert_true(f->plan.deny_setgroups);
}

static void other_ids_without_privilege_need_the_helper(void **state)
{
	struct fixture *f = *state;
	f->host.effective_caps = UINT64_C(1) << CAP_SETUID; /* CAP_SETGID is missing */
	f->host.euid = 1000;
	add(f, MR_NS_USER, NULL);
	map(f, 1001, 1);
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.map_by_helper);
	assert_false(f->plan.deny_setgroups);
	f->uids[0].host_id = f->gids[0].host_id = 1000;
	f->uids[0].size = 2;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.map_by_helper);
}

static void a_new_user_namespace_needs_both_maps(void **state)
{
	struct fixture *f = *state;
	add(f, MR_NS_USER, NULL);
	map(f, 1000, 1);
	f->linux_.gid_mappings.n = 0;
	assert_int_equal(plan(f), -EINVAL);
	assert_non_null(strstr(f->err.message, "gidMappings"));
}

static void time_offsets_become_the_kernels_text(void **state)
{
	struct fixture *f = *state;
	char monotonic[] = "monotonic", boottime[] = "boottime", wrong[] = "realtime";
	f->offsets[0] = (struct mr_time_offset){monotonic, -86400, 5};
	f->offsets[1] = (struct mr_time_offset){boottime, 7, 999999999};
	f->linux_.time_offsets.n = 2;
	assert_int_equal(plan(f), -EINVAL); /* no time namespace */
	add(f, MR_NS_TIME, NULL);
	assert_int_equal(plan(f), 0);
	assert_string_equal(
		f->plan.time_offsets, "monotonic -86400 5\nboottime 7 999999999\n");
	f->offsets[1].nanosecs = 1000000000;
	assert_int_equal(plan(f), -ERANGE);
	f->offsets[1] = (struct mr_time_offset){wrong, 7, 0};
	assert_int_equal(plan(f), -EINVAL);
	assert_non_null(strstr(f->err.message, "realtime"));
}

static void hints_name_the_switches(void **state)
{
	struct fixture *f = *state;
	f->plan.create[MR_NS_USER] = true;
	mr_ns_hint(&f->plan, EPERM, &f->err);
	assert_non_null(strstr(f->err.hint, "kernel.unprivileged_userns_clone"));
	assert_non_null(strstr(f->err.hint, "user.max_user_namespaces"));
	f->plan.create[MR_NS_USER] = false;
	mr_ns_hint(&f->plan, EPERM, &f->err);
	assert_non_null(strstr(f->err.hint, "CAP_SYS_ADMIN"));
	mr_ns_hint(&f->plan, ENOSPC, &f->err);
	assert_non_null(strstr(f->err.hint, "/proc/sys/user/"));
}

static void only_a_namespace_of_the_type_is_opened(void **state)
{
	struct fixture *f = *state;
	int fds[MR_NS_TYPES];
	f->plan.join[MR_NS_NETWORK] = "/proc/self/ns/net";
	f->plan.join[MR_NS_UTS] = "/proc/self/ns/uts";
	assert_int_equal(mr_ns_open(&f->plan, fds, &f->err), 0);
	assert_true(fds[MR_NS_NETWORK] >= 0 && fds[MR_NS_UTS] >= 0);
	assert_int_equal(fds[MR_NS_USER], -1);
	mr_ns_close(fds);
	assert_int_equal(fds[MR_NS_NETWORK], -1);

	f->plan.join[MR_NS_UTS] = "/proc/self/ns/net";
	assert_int_equal(mr_ns_open(&f->plan, fds, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.message, "not a uts namespace"));
	assert_int_equal(fds[MR_NS_NETWORK], -1);
	f->plan.join[MR_NS_UTS] = "/dev/null";
	assert_int_equal(mr_ns_open(&f->plan, fds, &f->err), -EINVAL);
	f->plan.join[MR_NS_UTS] = "/nonexistent/ns";
	assert_int_equal(mr_ns_open(&f->plan, fds, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.message, "missing (ENOENT)"));
}

static void a_fifo_in_place_of_a_namespace_does_not_block(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/test_ns_fifo.XXXXXX";
	int fds[MR_NS_TYPES];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	f->plan.join[MR_NS_NETWORK] = path;
	int ret = mr_ns_open(&f->plan, fds, &f->err);
	unlink(path);
	assert_int_equal(ret, -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_ones_are_cloned_but_cgroup_and_time),
		TEST(joined_ones_are_not_cloned),
		TEST(new_ones_in_a_joined_user_namespace_need_a_middle_process),
		TEST(a_pid_namespace_waits_for_the_user_namespace_without_privilege),
		TEST(root_of_a_user_namespace_leaves_the_pid_namespace_to_a_middle_process),
		TEST(twice_or_relative_is_refused),
		TEST(maps_are_written_directly_with_privilege),
		TEST(own_id_alone_needs_no_helper_but_no_setgroups),
		TEST(other_ids_without_privilege_need_the_helper),
		TEST(a_new_user_namespace_needs_both_maps),
		TEST(time_offsets_become_the_kernels_text),
		TEST(hints_name_the_switches),
		TEST(only_a_namespace_of_the_type_is_opened),
		TEST(a_fifo_in_place_of_a_namespace_does_not_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
