/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs: the plan of the tree, devices, sysctl names; and paths below a hostile root,
 * which need no privilege: a forest of links in a temporary directory.
 */
#include "sandbox/resolve.h"
#include "sandbox/rootfs.h"
#include "sandbox/sysctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct mr_linux linux_;
	struct mr_spec spec;
	struct mr_spec_process process;
	struct mr_spec_namespace namespaces[3];
	struct mr_spec_mount mount;
	struct mr_device device;
	struct mr_pair sysctl;
	struct mr_host host;
	struct mr_arena arena;
	struct mr_error err;
	struct mr_rootfs_plan plan;
	char dir[64]; /* holds root/ and outside/ */
	int root;
};

static char rootfs_path[] = "rootfs", slash[] = "/";

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->spec.linux_ = &f->linux_;
	f->spec.process = &f->process;
	f->spec.root.path = rootfs_path;
	f->process.cwd = slash;
	f->linux_.namespaces.items = f->namespaces;
	f->namespaces[0].type = MR_NS_MOUNT;
	f->linux_.namespaces.n = 1;
	f->spec.mounts.items = &f->mount;
	f->linux_.devices.items = &f->device;
	f->linux_.sysctl.items = &f->sysctl;
	f->host.effective_caps = UINT64_MAX;
	f->root = -1;
	*state = f;
	return 0;
}

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	if (f->root >= 0)
		close(f->root);
	if (f->dir[0])
		nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	mr_arena_clear(&f->arena);
	free(f);
	return 0;
}

static int plan(struct fixture *f)
{
	return mr_rootfs_plan(
		&f->spec, &f->host, "/bundle", false, &f->arena, &f->plan, NULL, &f->err);
}

/* --- plan --- */

static void the_root_starts_at_the_bundle(void **state)
{
	static char dots[] = "./x/", absolute[] = "/a//b";
	struct fixture *f = *state;
	assert_int_equal(plan(f), 0);
	assert_string_equal(f->plan.path, "/bundle/rootfs");
	assert_true(f->plan.new_mount_ns);
	assert_false(f->plan.is_host || f->plan.in_userns || f->plan.open_sources);
	f->spec.root.path = dots;
	assert_int_equal(plan(f), 0);
	assert_string_equal(f->plan.path, "/bundle/x");
	f->spec.root.path = absolute;
	assert_int_equal(plan(f), 0);
	assert_string_equal(f->plan.path, "/a/b");
	f->spec.root.path = slash;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.is_host);
	f->spec.root.path = NULL;
	assert_int_equal(plan(f), -EINVAL);
}

static void propagation_never_lets_the_set_up_out(void **state)
{
	char *names[] = {NULL, (char[]){"slave"}, (char[]){"rprivate"},
		(char[]){"rshared"}, (char[]){"unbindable"}};
	static const uint64_t tree[] = {MS_SLAVE | MS_REC, MS_SLAVE | MS_REC,
		MS_PRIVATE | MS_REC, 0, MS_PRIVATE | MS_REC};
	static const uint64_t root[] = {0, 0, 0, MS_SHARED | MS_REC, MS_UNBINDABLE};
	static char wrong[] = "ro";
	struct fixture *f = *state;
	for (size_t i = 0; i < 5; i++) {
		f->linux_.rootfs_propagation = names[i];
		assert_int_equal(plan(f), 0);
		assert_int_equal(f->plan.propagation, tree[i]);
		assert_int_equal(f->plan.root_propagation, root[i]);
	}
	f->linux_.rootfs_propagation = wrong;
	assert_int_equal(plan(f), -EINVAL);
}

static void relative_bind_sources_start_at_the_bundle(void **state)
{
	static char type[] = "bind", source[] = "data/x", destination[] = "/d";
	struct fixture *f = *state;
	f->mount = (struct mr_spec_mount){
		.type = type, .source = source, .destination = destination};
	f->spec.mounts.n = 1;
	assert_int_equal(plan(f), 0);
	assert_string_equal(f->plan.mounts.items[0].source, "/bundle/data/x");
}

static void sources_are_opened_early_only_for_a_user_namespace(void **state)
{
	struct fixture *f = *state;
	f->namespaces[1].type = MR_NS_USER;
	f->linux_.namespaces.n = 2;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.in_userns && f->plan.open_sources && f->plan.devices.bind);
	f->host.effective_caps = 0;
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.open_sources);
}

static void default_devices_come_first(void **state)
{
	static char fuse[] = "/dev/fuse";
	struct fixture *f = *state;
	f->device =
		(struct mr_device){.type = 'c', .path = fuse, .major = 10, .minor = 229};
	f->linux_.devices.n = 1;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.devices.needed);
	assert_int_equal(f->plan.devices.nodes.n, 7);
	assert_string_equal(f->plan.devices.nodes.items[0].path, "/dev/null");
	assert_int_equal(f->plan.devices.nodes.items[0].minor, 3);
	assert_string_equal(f->plan.devices.nodes.items[6].path, "/dev/fuse");
}

static void a_device_of_the_spec_replaces_a_default(void **state)
{
	static char path[] = "/dev/null";
	struct fixture *f = *state;
	f->device = (struct mr_device){.type = 'c', .path = path, .major = 1, .minor = 3};
	f->device.file_mode.set = true;
	f->device.file_mode.value = 0600;
	f->linux_.devices.n = 1;
	assert_int_equal(plan(f), 0);
	assert_int_equal(f->plan.devices.nodes.n, 6);
	assert_int_equal(f->plan.devices.nodes.items[5].file_mode.value, 0600);
}

static void wrong_devices_are_refused(void **state)
{
	static char good[] = "/dev/x", relative[] = "dev/x", dots[] = "/dev/../x",
		    dir[] = "//";
	static const struct mr_device rows[] = {
		{.type = 'c', .path = relative, .major = 1},
		{.type = 'c', .path = dots, .major = 1},
		{.type = 'c', .path = dir, .major = 1},
		{.type = 'c', .path = NULL, .major = 1},
		{.type = 'x', .path = good, .major = 1},
		{.type = 'c', .path = good, .major = -1},
		{.type = 'b', .path = good, .major = 0x1000},
		{.type = 'b', .path = good, .major = 8, .minor = 0x100000},
	};
	struct fixture *f = *state;
	f->linux_.devices.n = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->device = rows[i];
		assert_true(plan(f) < 0);
		assert_non_null(strstr(f->err.message, "linux.devices[0]"));
	}
}

static void a_dev_that_is_not_ours_is_left_alone(void **state)
{
	static char dev[] = "/dev", bind[] = "bind", tmpfs[] = "tmpfs", none[] = "none";
	char *options[] = {(char[]){"rbind"}, NULL};
	struct fixture *f = *state;
	f->mount =
		(struct mr_spec_mount){.type = bind, .source = dev, .destination = dev};
	f->spec.mounts.n = 1;
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.devices.needed);
	f->mount.type = none;
	f->mount.options = (struct mr_list){.items = options, .n = 1};
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.devices.needed);
	/* The host's tree: only when /dev is covered by a tmpfs. */
	f->spec.root.path = slash;
	f->spec.mounts.n = 0;
	assert_int_equal(plan(f), 0);
	assert_false(f->plan.devices.needed);
	f->mount = (struct mr_spec_mount){.type = tmpfs, .destination = dev};
	f->spec.mounts.n = 1;
	assert_int_equal(plan(f), 0);
	assert_true(f->plan.devices.needed);
}

static void names_of_sysctls(void **state)
{
	static const char *const good[][2] = {
		{"kernel.domainname", "sys/kernel/domainname"},
		{"net.ipv4.conf.eth0/100.forwarding",
			"sys/net/ipv4/conf/eth0.100/forwarding"},
		{"net/ipv4/conf/eth0.100/forwarding",
			"sys/net/ipv4/conf/eth0.100/forwarding"},
		{"fs.mqueue.msg_max", "sys/fs/mqueue/msg_max"},
		{"net.ipv4.conf.vethA.forwarding", "sys/net/ipv4/conf/vethA/forwarding"},
	};
	static const char *const bad[] = {"", "kernel", "kernel.", ".kernel.x",
		"kernel..x", "kernel/../x", "kernel.//.x", "kernel.sh max", "kernel.x+y",
		"kernel.x\n", "../../etc/passwd", "kernel.\xc3\xa4"};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		autofree char *path = NULL;
		assert_int_equal(mr_sysctl_path(good[i][0], &path, &f->err), 0);
		assert_string_equal(path, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		autofree char *path = NULL;
		assert_int_equal(mr_sysctl_path(bad[i], &path, &f->err), -EINVAL);
		assert_null(path);
	}
}

static void sysctl_values_hold_no_newline(void **state)
{
	static char key[] = "kernel.domainname", value[] = "a\n+b";
	struct fixture *f = *state;
	f->sysctl = (struct mr_pair){key, value};
	f->linux_.sysctl.n = 1;
	assert_int_equal(plan(f), -EINVAL);
	assert_non_null(strstr(f->err.message, key));
}

/* --- paths below a hostile root --- */

static void make_forest(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_rootfs.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	int dir = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(mkdirat(dir, "outside", 0755), 0);
	assert_int_equal(mkdirat(dir, "root", 0755), 0);
	f->root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(dir);
	assert_true(f->root >= 0);
	assert_int_equal(mkdirat(f->root, "real", 0755), 0);
	assert_int_equal(mkfifoat(f->root, "fifo", 0600), 0);
	static const char *const links[][2] = {
		{"../outside", "up"},
		{"../../../../../../outside/new", "dangling"},
		{"/real", "absolute"},
		{"real/../real/sub", "inner"},
		{"loop2", "loop1"},
		{"loop1", "loop2"},
		{"/", "self"},
	};
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		assert_int_equal(symlinkat(links[i][0], f->root, links[i][1]), 0);
}

/** What stands at @path below the root, as the kernel reads it there. */
static bool same(struct fixture *f, int fd, const char *path)
{
	struct stat a, b;
	return fd >= 0 && fstat(fd, &a) == 0 &&
	       fstatat(f->root, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool outside_is_empty(const struct fixture *f)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/outside", f->dir);
	/* rmdir(2) succeeds only on an empty directory. */
	return rmdir(path) == 0 && mkdir(path, 0755) == 0;
}

static void what_is_made_stays_inside(void **state)
{
	static const struct {
		const char *path, *made;
		mode_t type;
	} rows[] = {
		{"/a/b/c", "a/b/c", S_IFDIR},
		{"/a/b/file", "a/b/file", S_IFREG},
		{"/up/x", "outside/x", S_IFDIR},
		{"/dangling", "outside/new", S_IFREG},
		{"/dangling2/../q", "q", S_IFDIR},
		{"/absolute/y", "real/y", S_IFDIR},
		{"/inner/z", "real/sub/z", S_IFREG},
		{"/self/self/self/w", "w", S_IFDIR},
		{"/../../../v", "v", S_IFDIR},
		{"relative/./u//", "relative/u", S_IFDIR},
		{"/real", "real", S_IFDIR},
	};
	struct fixture *f = *state;
	make_forest(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = mr_resolve_make(f->root, rows[i].path, rows[i].type, 0);
		struct stat st;
		if (!same(f, fd, rows[i].made))
			fail_msg("%s: %d", rows[i].path, fd);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & S_IFMT, rows[i].type);
		close(fd);
		/* Now that it is there, the kernel alone must agree. */
		fd = mr_resolve(f->root, rows[i].path, 0);
		assert_true(same(f, fd, rows[i].made));
		close(fd);
	}
	assert_true(outside_is_empty(f));
}

static void what_cannot_be_reached_is_an_error(void **state)
{
	struct fixture *f = *state;
	make_forest(f);
	assert_int_equal(mr_resolve_make(f->root, "/loop1", S_IFDIR, 0), -ELOOP);
	assert_int_equal(mr_resolve_make(f->root, "/loop1/x", S_IFDIR, 0), -ELOOP);
	assert_int_equal(mr_resolve_make(f->root, "/fifo/x", S_IFDIR, 0), -ENOTDIR);
	assert_int_equal(mr_resolve(f->root, "/absent", 0), -ENOENT);
	assert_int_equal(mr_resolve(f->root, "/dangling", 0), -ENOENT);
	assert_int_equal(
		mr_resolve_make(f->root, "/absolute", S_IFDIR, MR_RESOLVE_NO_SYMLINKS),
		-ELOOP);
	assert_int_equal(
		mr_resolve_make(f->root, "/dangling", S_IFDIR, MR_RESOLVE_NO_SYMLINKS),
		-ELOOP);
	assert_int_equal(mr_resolve_make(f->root, "/absolute/new/x", S_IFDIR,
				 MR_RESOLVE_NO_SYMLINKS),
		-ELOOP);
	assert_int_equal(mr_resolve(f->root, "/real/new", 0), -ENOENT);
	assert_true(outside_is_empty(f));
}

static void the_last_component_can_be_meant_itself(void **state)
{
	struct fixture *f = *state;
	make_forest(f);
	int fd = mr_resolve_make(f->root, "/dangling", S_IFREG, MR_RESOLVE_NOFOLLOW);
	assert_true(same(f, fd, "dangling"));
	close(fd);
	fd = mr_resolve_make(
		f->root, "/fifo", S_IFREG, 0); /* neither opened nor replaced */
	assert_true(same(f, fd, "fifo"));
	close(fd);
	const char *name = NULL;
	fd = mr_resolve_make_parent(f->root, "/up/deep/name", &name);
	assert_true(same(f, fd, "outside/deep"));
	assert_string_equal(name, "name");
	close(fd);
	assert_int_equal(mr_resolve_make_parent(f->root, "/a/..", &name), -EINVAL);
	assert_true(outside_is_empty(f));
}

static void a_cwd_behind_a_link_of_proc_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[64], before[512], after[512];
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f->plan.cwd = path;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(mr_rootfs_enter_cwd(&f->plan, &f->err), -ELOOP);
	assert_non_null(getcwd(after, sizeof(after)));
	assert_string_equal(before, after);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_root_starts_at_the_bundle),
		TEST(propagation_never_lets_the_set_up_out),
		TEST(relative_bind_sources_start_at_the_bundle),
		TEST(sources_are_opened_early_only_for_a_user_namespace),
		TEST(default_devices_come_first),
		TEST(a_device_of_the_spec_replaces_a_default),
		TEST(wrong_devices_are_refused),
		TEST(a_dev_that_is_not_ours_is_left_alone),
		TEST(names_of_sysctls),
		TEST(sysctl_values_hold_no_newline),
		TEST(what_is_made_stays_inside),
		TEST(what_cannot_be_reached_is_an_error),
		TEST(the_last_component_can_be_meant_itself),
		TEST(a_cwd_behind_a_link_of_proc_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
