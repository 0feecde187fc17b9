/* SPDX-License-Identifier: Apache-2.0 */
/* mount: options in the kernel's terms, kinds, id mappings, and the cgroup view. */
#include "sandbox/mount.h"
#include "sandbox/mount_cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

struct fixture {
	struct mr_linux linux_;
	struct mr_spec spec;
	struct mr_spec_mount mount;
	struct mr_spec_namespace namespaces[2];
	struct mr_id_mapping ids;
	struct mr_host host;
	struct mr_arena arena;
	struct mr_strv warnings;
	struct mr_error err;
	struct mr_mount_plan plan;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->spec.linux_ = &f->linux_;
	f->spec.mounts.items = &f->mount;
	f->spec.mounts.n = 1;
	f->linux_.namespaces.items = f->namespaces;
	f->ids = (struct mr_id_mapping){0, 1000, 10};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mr_arena_clear(&f->arena);
	mr_strv_clear(&f->warnings);
	free(f);
	return 0;
}

static int plan(struct fixture *f)
{
	return mr_mount_plan(
		&f->spec, &f->host, false, &f->arena, &f->plan, &f->warnings, &f->err);
}

/** Plan one mount; the options are comma separated in @options. */
static const struct mr_mount *plan_mount(
	struct fixture *f, char *type, char *destination, const char *options)
{
	static char text[256];
	static char *items[32];
	snprintf(text, sizeof(text), "%s", options);
	f->mount.options = (struct mr_list){.items = items};
	for (char *save = NULL, *p = strtok_r(text, ",", &save); p;
		p = strtok_r(NULL, ",", &save))
		items[f->mount.options.n++] = p;
	f->mount.type = type;
	f->mount.destination = destination;
	int ret = plan(f);
	if (ret < 0)
		print_message("%s\n", f->err.message);
	assert_int_equal(ret, 0);
	assert_int_equal(f->plan.n, 1);
	return &f->plan.items[0];
}

static char tmpfs[] = "tmpfs", bind[] = "bind", proc[] = "proc", dst[] = "/t",
	    src[] = "/src";

static void attributes_belong_to_the_mount(void **state)
{
	static const struct {
		const char *options;
		uint64_t set, clear;
	} rows[] = {
		{"ro", MOUNT_ATTR_RDONLY, 0},
		{"rw", 0, MOUNT_ATTR_RDONLY},
		{"nosuid,nodev,noexec",
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0},
		{"suid,dev,exec", 0,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
		{"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
		{"atime", 0, MOUNT_ATTR__ATIME},
		{"relatime", 0, MOUNT_ATTR__ATIME},
		{"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
		{"norelatime", 0, 0},
		{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
		{"diratime", 0, MOUNT_ATTR_NODIRATIME},
		{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
		{"defaults", 0, 0},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mr_mount *m = plan_mount(f, tmpfs, dst, rows[i].options);
		assert_int_equal(m->attr_set, rows[i].set);
		assert_int_equal(m->attr_clear, rows[i].clear);
		assert_int_equal(m->rec_set | m->rec_clear | m->sb_flags, 0);
		assert_int_equal(m->data.n, 0);
	}
}

static void later_options_win(void **state)
{
	struct fixture *f = *state;
	const struct mr_mount *m =
		plan_mount(f, tmpfs, dst, "ro,nosuid,noatime,rw,suid,strictatime");
	assert_int_equal(m->attr_set, MOUNT_ATTR_STRICTATIME);
	assert_int_equal(
		m->attr_clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
	m = plan_mount(f, tmpfs, dst, "rw,ro");
	assert_int_equal(m->attr_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(m->attr_clear, 0);
	m = plan_mount(f, tmpfs, dst, "rshared,private");
	assert_int_equal(m->propagation, MS_PRIVATE);
}

static void recursive_attributes_are_kept_apart(void **state)
{
	struct fixture *f = *state;
	f->mount.source = src;
	const struct mr_mount *m = plan_mount(f, bind, dst,
		"rbind,ro,rro,rnosuid,rdev,rnoatime,rnosymfollow,rnorelatime");
	assert_int_equal(m->attr_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(m->rec_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					     MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOSYMFOLLOW);
	assert_int_equal(m->rec_clear, MOUNT_ATTR_NODEV | MOUNT_ATTR__ATIME);
	assert_true(m->recursive);
	assert_int_equal(f->warnings.n, 0);
}

static void every_recursive_name_is_known(void **state)
{
	static const char *const names[] = {"rro", "rrw", "rnosuid", "rsuid", "rnodev",
		"rdev", "rnoexec", "rexec", "rnodiratime", "rdiratime", "rrelatime",
		"rnorelatime", "rnoatime", "ratime", "rstrictatime", "rnostrictatime",
		"rnosymfollow", "rsymfollow"};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct mr_mount *m = plan_mount(f, tmpfs, dst, names[i]);
		assert_int_equal(m->data.n, 0);
		assert_int_equal(m->attr_set | m->attr_clear, 0);
	}
}

static void file_system_flags_and_data(void **state)
{
	static char ext4[] = "ext4";
	struct fixture *f = *state;
	const struct mr_mount *m = plan_mount(f, ext4, dst,
		"ro,sync,dirsync,lazytime,mand,data=ordered,iversion,async");
	assert_int_equal(m->sb_flags, MS_RDONLY | MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK);
	assert_int_equal(m->data.n, 2);
	assert_string_equal(m->data.items[0], "data=ordered");
	assert_string_equal(m->data.items[1], "iversion");
	/* In memory, read-only is a matter of the mount: the tree may still have to be
	 * filled. */
	assert_int_equal(plan_mount(f, tmpfs, dst, "ro")->sb_flags, 0);
}

static void propagation_names(void **state)
{
	(void)state;
	assert_int_equal(mr_mount_propagation("rslave"), MS_SLAVE | MS_REC);
	assert_int_equal(mr_mount_propagation("shared"), MS_SHARED);
	assert_int_equal(mr_mount_propagation("runbindable"), MS_UNBINDABLE | MS_REC);
	assert_int_equal(mr_mount_propagation("ro"), 0);
	assert_int_equal(mr_mount_propagation("rsharedx"), 0);
}

static void kinds(void **state)
{
	static char cgroup[] = "cgroup", rbind[] = "rbind", none[] = "none";
	struct fixture *f = *state;
	f->mount.source = src;
	assert_int_equal(plan_mount(f, tmpfs, dst, "")->kind, MR_MOUNT_FS);
	assert_int_equal(plan_mount(f, proc, dst, "")->kind, MR_MOUNT_PROC);
	assert_int_equal(plan_mount(f, cgroup, dst, "")->kind, MR_MOUNT_CGROUP);
	assert_int_equal(plan_mount(f, bind, dst, "")->kind, MR_MOUNT_BIND);
	assert_int_equal(plan_mount(f, none, dst, "bind")->kind, MR_MOUNT_BIND);
	assert_int_equal(plan_mount(f, NULL, dst, "rbind,ro")->kind, MR_MOUNT_BIND);
	assert_true(plan_mount(f, rbind, dst, "")->recursive);
	assert_int_equal(plan_mount(f, NULL, dst, "remount,ro")->kind, MR_MOUNT_REMOUNT);
	assert_int_equal(
		plan_mount(f, bind, dst, "remount,bind,ro")->kind, MR_MOUNT_REMOUNT);
}

static void switches(void **state)
{
	struct fixture *f = *state;
	const struct mr_mount *m = plan_mount(f, tmpfs, dst, "tmpcopyup,dest-nofollow");
	assert_true(m->copy_up && m->dest_nofollow);
	assert_false(m->src_nofollow || m->copy_symlink || m->idmap);
	f->mount.source = src;
	m = plan_mount(f, bind, dst, "bind,src-nofollow,copy-symlink");
	assert_true(m->src_nofollow && m->copy_symlink);
	assert_int_equal(m->tree_fd, -1);
}

static void destinations_become_absolute(void **state)
{
	static char relative[] = "data//x/", dots[] = "/a/../b", messy[] = "//proc/./";
	struct fixture *f = *state;
	assert_string_equal(plan_mount(f, tmpfs, relative, "")->destination, "/data/x");
	assert_string_equal(plan_mount(f, proc, messy, "")->destination, "/proc");
	/* "a" may be a link: only the kernel knows what is above it. */
	assert_string_equal(plan_mount(f, tmpfs, dots, "")->destination, "/a/../b");
}

static void unknown_options_of_a_bind_warn(void **state)
{
	struct fixture *f = *state;
	f->mount.source = src;
	const struct mr_mount *m = plan_mount(f, bind, dst, "rbind,size=5m,ro");
	assert_int_equal(m->data.n, 0);
	assert_int_equal(f->warnings.n, 1);
	assert_non_null(strstr(f->warnings.items[0], "size=5m"));
}

static void a_label_is_data_of_what_can_have_one(void **state)
{
	static char label[] = "system_u:object_r:container_file_t:s0:c1,c2",
		    sysfs[] = "sysfs";
	struct fixture *f = *state;
	f->linux_.mount_label = label;
	const struct mr_mount *m = plan_mount(f, tmpfs, dst, "size=1m");
	assert_int_equal(m->data.n, 2);
	assert_string_equal(
		m->data.items[1], "context=system_u:object_r:container_file_t:s0:c1,c2");
	assert_int_equal(plan_mount(f, sysfs, dst, "")->data.n, 0);
	assert_int_equal(plan_mount(f, proc, dst, "")->data.n, 0);
	f->mount.source = src;
	assert_int_equal(plan_mount(f, bind, dst, "bind")->data.n, 0);
}

static void dev_is_protected_after_its_nodes(void **state)
{
	static char dev[] = "/dev/";
	struct fixture *f = *state;
	const struct mr_mount *m = plan_mount(f, tmpfs, dev, "ro,nosuid");
	assert_true(m->late_readonly);
	assert_int_equal(m->attr_set, MOUNT_ATTR_NOSUID);
	assert_false(plan_mount(f, tmpfs, dst, "ro")->late_readonly);
}

static void a_bound_sys_is_read_only_with_its_cgroups(void **state)
{
	static char sys[] = "/sys";
	struct fixture *f = *state;
	f->mount.source = sys;
	assert_int_equal(
		plan_mount(f, bind, sys, "rbind,ro")->rec_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(plan_mount(f, bind, sys, "rbind")->rec_set, 0);
	assert_int_equal(plan_mount(f, bind, dst, "rbind,ro")->rec_set, 0);
}

static void idmap_takes_the_mounts_or_the_containers_mapping(void **state)
{
	static char path[] = "/run/userns";
	struct fixture *f = *state;
	f->mount.source = src;
	f->mount.uid_mappings = (struct mr_id_mappings){&f->ids, 1};
	f->mount.gid_mappings = (struct mr_id_mappings){&f->ids, 1};
	const struct mr_mount *m = plan_mount(f, bind, dst, "bind");
	assert_true(m->idmap && !m->idmap_recursive);
	assert_ptr_equal(m->uid_mappings.items, &f->ids);
	m = plan_mount(f, bind, dst, "rbind,ridmap");
	assert_true(m->idmap && m->idmap_recursive);

	memset(&f->mount.uid_mappings, 0, sizeof(f->mount.uid_mappings));
	memset(&f->mount.gid_mappings, 0, sizeof(f->mount.gid_mappings));
	f->namespaces[0] = (struct mr_spec_namespace){.type = MR_NS_USER};
	f->linux_.namespaces.n = 1;
	f->linux_.uid_mappings = (struct mr_id_mappings){&f->ids, 1};
	f->linux_.gid_mappings = (struct mr_id_mappings){&f->ids, 1};
	m = plan_mount(f, bind, dst, "bind,idmap");
	assert_int_equal(m->uid_mappings.n, 1);
	assert_null(m->idmap_ns_path);
	f->namespaces[0].path = path;
	assert_string_equal(plan_mount(f, bind, dst, "bind,idmap")->idmap_ns_path, path);
}

static void mistakes(void **state)
{
	char *idmap[] = {(char[]){"bind"}, (char[]){"idmap"}, NULL};
	char *copy_up[] = {(char[]){"tmpcopyup"}, NULL};
	static char root[] = "/", empty[] = "", sysfs[] = "sysfs";
	struct fixture *f = *state;
	const struct {
		char *type, *source, *destination;
		char **options;
		const char *text;
	} rows[] = {
		{NULL, src, dst, NULL, "type"},
		{bind, NULL, dst, NULL, "source"},
		{bind, empty, dst, NULL, "source"},
		{tmpfs, NULL, root, NULL, "root.path"},
		{tmpfs, NULL, NULL, NULL, "destination"},
		{tmpfs, NULL, empty, NULL, "destination"},
		{bind, src, dst, idmap, "user namespace"},
		{sysfs, NULL, dst, copy_up, "tmpfs"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->mount = (struct mr_spec_mount){.type = rows[i].type,
			.source = rows[i].source,
			.destination = rows[i].destination};
		f->mount.options.items = rows[i].options;
		while (rows[i].options && rows[i].options[f->mount.options.n])
			f->mount.options.n++;
		assert_int_equal(plan(f), -EINVAL);
		assert_non_null(strstr(f->err.message, "mounts[0]"));
		assert_non_null(strstr(f->err.message, rows[i].text));
	}
}

/* --- the cgroup view --- */

static void hierarchy(
	struct mr_host *h, bool v2, const char *point, const char *root, int a, int b)
{
	struct mr_hierarchy *one = &h->hierarchies[h->n_hierarchies];
	one->v2 = v2;
	snprintf(one->mount_point, sizeof(one->mount_point), "%s", point);
	snprintf(one->root, sizeof(one->root), "%s", root);
	if (a >= 0)
		h->owner[a] = h->n_hierarchies;
	if (b >= 0)
		h->owner[b] = h->n_hierarchies;
	if (v2)
		h->unified = h->n_hierarchies;
	h->n_hierarchies++;
}

static void clear_host(struct mr_host *h, enum mr_cgroup_layout layout)
{
	memset(h, 0, sizeof(*h));
	h->layout = layout;
	h->unified = -1;
	for (int c = 0; c < MR_CONTROLLERS; c++)
		h->owner[c] = -1;
}

static void view_of_a_hybrid_host(void **state)
{
	struct fixture *f = *state;
	struct mr_cgroup_view rows[MR_MAX_HIERARCHIES];
	clear_host(&f->host, MR_LAYOUT_HYBRID);
	hierarchy(&f->host, false, "/sys/fs/cgroup/cpu,cpuacct", "/", MR_CTL_CPU,
		MR_CTL_CPUACCT);
	hierarchy(
		&f->host, false, "/sys/fs/cgroup/memory", "/docker/x", MR_CTL_MEMORY, -1);
	hierarchy(&f->host, true, "/sys/fs/cgroup/unified", "/", -1, -1);
	int n = mr_cgroup_views(&f->host,
		"9:name=systemd:/c\n5:memory:/docker/x/c\n4:cpu,cpuacct:/\n3:pids:/c\n"
		"2:memory\n0::/u\n",
		rows);
	assert_int_equal(
		n, 4); /* pids is mounted nowhere; a line without a path is none */
	assert_string_equal(rows[0].name, "systemd");
	assert_string_equal(rows[0].options, "none,name=systemd");
	assert_string_equal(rows[0].host_path, "");
	assert_string_equal(rows[1].name, "memory");
	assert_string_equal(rows[1].host_path, "/sys/fs/cgroup/memory/c");
	assert_string_equal(rows[1].links, "");
	assert_string_equal(rows[2].name, "cpu,cpuacct");
	assert_string_equal(rows[2].links, "cpu,cpuacct");
	assert_string_equal(rows[2].host_path, "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(rows[3].name, "unified");
	assert_string_equal(rows[3].host_path, "/sys/fs/cgroup/unified/u");
	assert_true(rows[3].v2);
}

static void view_never_leads_above_the_mount(void **state)
{
	struct fixture *f = *state;
	struct mr_cgroup_view rows[MR_MAX_HIERARCHIES];
	clear_host(&f->host, MR_LAYOUT_V1);
	hierarchy(
		&f->host, false, "/sys/fs/cgroup/memory", "/docker/x", MR_CTL_MEMORY, -1);
	assert_int_equal(mr_cgroup_views(&f->host, "5:memory:/docker/xy\n", rows), 1);
	assert_string_equal(rows[0].host_path, "");
	assert_int_equal(
		mr_cgroup_views(&f->host, "5:memory:/docker/x/../../y\n", rows), 1);
	assert_string_equal(rows[0].host_path, "");
}

static void view_of_a_v2_host(void **state)
{
	struct fixture *f = *state;
	struct mr_cgroup_view rows[MR_MAX_HIERARCHIES];
	clear_host(&f->host, MR_LAYOUT_V2);
	hierarchy(&f->host, true, "/sys/fs/cgroup", "/", MR_CTL_MEMORY, MR_CTL_PIDS);
	assert_int_equal(
		mr_cgroup_views(&f->host, "1:name=x:/\n0::/minirun/a\n", rows), 1);
	assert_string_equal(rows[0].host_path, "/sys/fs/cgroup/minirun/a");
	assert_string_equal(rows[0].name, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attributes_belong_to_the_mount),
		TEST(later_options_win),
		TEST(recursive_attributes_are_kept_apart),
		TEST(every_recursive_name_is_known),
		TEST(file_system_flags_and_data),
		TEST(propagation_names),
		TEST(kinds),
		TEST(switches),
		TEST(destinations_become_absolute),
		TEST(unknown_options_of_a_bind_warn),
		TEST(a_label_is_data_of_what_can_have_one),
		TEST(dev_is_protected_after_its_nodes),
		TEST(a_bound_sys_is_read_only_with_its_cgroups),
		TEST(idmap_takes_the_mounts_or_the_containers_mapping),
		TEST(mistakes),
		TEST(view_of_a_hybrid_host),
		TEST(view_never_leads_above_the_mount),
		TEST(view_of_a_v2_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
