/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup*.c: the plan on v1, v2 and hybrid hosts; reading, writing and walking fixture
 * trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "cgroup/cgroup_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- hosts --- */

static int add_hierarchy(struct mr_host *host, bool v2, const char *mount)
{
	struct mr_hierarchy *h = &host->hierarchies[host->n_hierarchies];

	h->v2 = v2;
	snprintf(h->mount_point, sizeof(h->mount_point), "%s", mount);
	snprintf(h->root, sizeof(h->root), "/");
	return host->n_hierarchies++;
}

static struct mr_host no_host(void)
{
	struct mr_host host = {.unified = -1};
	for (int c = 0; c < MR_CONTROLLERS; c++)
		host.owner[c] = -1;
	return host;
}

static struct mr_host v2_host(const char *mount)
{
	static const enum mr_controller held[] = {MR_CTL_MEMORY, MR_CTL_PIDS, MR_CTL_CPU,
		MR_CTL_CPUSET, MR_CTL_BLKIO, MR_CTL_CPUACCT, MR_CTL_DEVICES,
		MR_CTL_FREEZER};
	struct mr_host host = no_host();

	host.layout = MR_LAYOUT_V2;
	host.unified = add_hierarchy(&host, true, mount);
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		host.owner[held[i]] = host.unified;
	return host;
}

static struct mr_host v1_host(void)
{
	struct mr_host host = no_host();

	host.layout = MR_LAYOUT_V1;
	host.owner[MR_CTL_MEMORY] = add_hierarchy(&host, false, "/sys/fs/cgroup/memory");
	host.owner[MR_CTL_CPU] = host.owner[MR_CTL_CPUACCT] =
		add_hierarchy(&host, false, "/sys/fs/cgroup/cpu,cpuacct");
	host.owner[MR_CTL_FREEZER] =
		add_hierarchy(&host, false, "/sys/fs/cgroup/freezer");
	host.owner[MR_CTL_DEVICES] =
		add_hierarchy(&host, false, "/sys/fs/cgroup/devices");
	host.owner[MR_CTL_PIDS] = add_hierarchy(&host, false, "/sys/fs/cgroup/pids");
	return host;
}

static struct mr_host hybrid_host(void)
{
	struct mr_host host = v1_host();

	host.layout = MR_LAYOUT_HYBRID;
	host.unified = add_hierarchy(&host, true, "/sys/fs/cgroup/unified");
	host.owner[MR_CTL_HUGETLB] = host.unified;
	return host;
}

/* --- plans --- */

struct case_ {
	struct mr_linux linux_;
	struct mr_resources resources;
	struct mr_memory memory;
	struct mr_spec spec;
	struct mr_arena arena;
	struct mr_cgroup_plan plan;
	struct mr_strv warnings;
	struct mr_error err;
};

static struct case_ *new_case(void)
{
	struct case_ *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->spec.linux_ = &c->linux_;
	c->linux_.resources = &c->resources;
	c->resources.memory = &c->memory;
	return c;
}

static void free_case(struct case_ *c)
{
	mr_arena_clear(&c->arena);
	mr_strv_clear(&c->warnings);
	free(c);
}

static int plan(struct case_ *c, const struct mr_host *host, const char *parent)
{
	c->err = (struct mr_error){0};
	return mr_cgroup_plan(&c->spec, host, "web-1", parent, &c->arena, &c->plan,
		&c->warnings, &c->err);
}

/* "memory freezer": the mount points that the plan touches. */
static void expect_hierarchies(
	const struct case_ *c, const struct mr_host *host, const char *expected)
{
	auto_str out = {0};
	for (int h = 0; h < MR_MAX_HIERARCHIES; h++) {
		if (c->plan.hierarchy[h])
			mr_str_appendf(&out, "%s%s", out.len ? " " : "",
				mr_path_base(host->hierarchies[h].mount_point));
	}
	assert_string_equal(mr_str_text(&out), expected);
}

static void test_path(void **state)
{
	(void)state;
	static const struct {
		const char *wanted, *parent, *path;
	} good[] = {
		{NULL, NULL, "/minirun/web-1"},
		{"", NULL, "/minirun/web-1"},
		{NULL, "/judges/a", "/judges/a/web-1"},
		{NULL, "judges", "/judges/web-1"},
		{"x/y", NULL, "/minirun/x/y"},
		{"/abs//p/./q/", NULL, "/abs/p/q"},
		{"system.slice:cri:1", NULL, "/minirun/system.slice:cri:1"},
	};
	static const char *const bad[] = {"/", "..", "/a/../b", "a/..", "../x"};
	struct mr_host host = v1_host();
	struct case_ *c = new_case();
	char wanted[64];

	c->linux_.cgroups_path = wanted;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		c->linux_.cgroups_path = good[i].wanted ? wanted : NULL;
		snprintf(wanted, sizeof(wanted), "%s",
			good[i].wanted ? good[i].wanted : "");
		assert_int_equal(plan(c, &host, good[i].parent), 0);
		assert_string_equal(c->plan.path, good[i].path);
	}
	c->linux_.cgroups_path = wanted;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(wanted, sizeof(wanted), "%s", bad[i]);
		assert_int_equal(plan(c, &host, NULL), -EINVAL);
		assert_non_null(strstr(c->err.message, "linux.cgroupsPath"));
	}
	char *longest = malloc(3000);
	assert_non_null(longest);
	memset(longest, 'a', 2999);
	longest[0] = '/';
	longest[2999] = '\0';
	c->linux_.cgroups_path = longest;
	assert_int_equal(plan(c, &host, NULL), -ENAMETOOLONG);
	free(longest);
	free_case(c);
}

static void test_only_what_is_asked(void **state)
{
	(void)state;
	char joined[] = "/proc/1/ns/pid";
	struct mr_host v1 = v1_host(), hybrid = hybrid_host(),
		       v2 = v2_host("/sys/fs/cgroup");
	struct case_ *c = new_case();

	/* For the verdict, and for killing what outlives its init. */
	assert_int_equal(plan(c, &v1, NULL), 0);
	expect_hierarchies(c, &v1, "memory freezer");
	struct mr_spec_namespace pid = {.type = MR_NS_PID};
	c->linux_.namespaces.items = &pid;
	c->linux_.namespaces.n = 1;
	assert_int_equal(plan(c, &v1, NULL), 0);
	expect_hierarchies(c, &v1, "memory");
	pid.path = joined;
	assert_int_equal(plan(c, &v1, NULL), 0);
	expect_hierarchies(c, &v1, "memory freezer");
	pid.path = NULL;
	c->linux_.cgroups_path = "/an/engines";
	assert_int_equal(plan(c, &v1, NULL), 0);
	c->linux_.cgroups_path = NULL;
	expect_hierarchies(c, &v1, "memory cpu,cpuacct freezer devices pids");
	const int memory = v1.owner[MR_CTL_MEMORY];
	v1.owner[MR_CTL_MEMORY] = -1;
	assert_int_equal(plan(c, &v1, NULL), 0);
	expect_hierarchies(c, &v1, "freezer");
	v1.owner[MR_CTL_MEMORY] = memory;
	assert_int_equal(plan(c, &v1, NULL), 0);
	assert_false(c->plan.memory_limited);
	assert_int_equal(plan(c, &hybrid, NULL), 0);
	expect_hierarchies(c, &hybrid, "memory unified");
	assert_int_equal(plan(c, &v2, NULL), 0);
	expect_hierarchies(c, &v2, "cgroup");
	assert_int_equal(c->plan.controllers, 1u << MR_CTL_MEMORY);
	assert_int_equal(c->plan.required, 0);

	c->memory.limit = (struct mr_int){true, 64 << 20};
	c->resources.has_pids = true;
	c->resources.pids_limit = (struct mr_int){true, 50};
	assert_int_equal(plan(c, &hybrid, NULL), 0);
	expect_hierarchies(c, &hybrid, "memory pids unified");
	assert_true(c->plan.memory_limited);
	assert_int_equal(c->plan.rows.n, 2);
	assert_string_equal(c->plan.rows.items[0].file, "memory.limit_in_bytes");
	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_string_equal(c->plan.rows.items[0].file, "memory.max");
	assert_int_equal(c->plan.required, 1u << MR_CTL_MEMORY | 1u << MR_CTL_PIDS);

	c->linux_.cgroups_path = "/an/engines";
	assert_int_equal(plan(c, &hybrid, NULL), 0);
	c->linux_.cgroups_path = NULL;
	expect_hierarchies(c, &hybrid, "memory cpu,cpuacct freezer devices pids unified");
	c->memory.limit.value = -1;
	assert_int_equal(plan(c, &hybrid, NULL), 0);
	assert_false(c->plan.memory_limited);
	c->linux_.resources = NULL;
	assert_int_equal(plan(c, &hybrid, NULL), 0);
	expect_hierarchies(c, &hybrid, "memory unified");
	free_case(c);
}

static void test_oom_disable_policy(void **state)
{
	(void)state;
	char key[] = MR_ANNOTATION_OOM_DISABLE, warn[] = "warn", emulate[] = "emulate";
	struct mr_pair policy = {key, warn};
	struct mr_host v2 = v2_host("/sys/fs/cgroup"), v1 = v1_host();
	struct case_ *c = new_case();

	v2.page_size = 4096;
	c->memory.limit = (struct mr_int){true, 64 << 20};
	c->memory.disable_oom_killer = (struct mr_bool){true, true};
	assert_int_equal(plan(c, &v2, NULL), -EOPNOTSUPP);
	c->spec.annotations = (struct mr_map){&policy, 1};
	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_false(c->plan.emulate_oom_disable);
	assert_int_equal(c->plan.rows.n, 1);
	assert_non_null(strstr(c->warnings.items[0], "not done"));

	policy.value = emulate;
	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_true(c->plan.emulate_oom_disable);
	assert_int_equal(c->plan.rows.n, 2);
	assert_string_equal(c->plan.rows.items[1].file, "memory.high");
	assert_string_equal(c->plan.rows.items[1].value, "58720256");
	/* v1 does it itself. */
	assert_int_equal(plan(c, &v1, NULL), 0);
	assert_false(c->plan.emulate_oom_disable);
	assert_string_equal(c->plan.rows.items[1].file, "memory.oom_control");
	free_case(c);
}

static void test_missing_controller(void **state)
{
	(void)state;
	struct mr_host host = hybrid_host();
	struct case_ *c = new_case();

	host.owner[MR_CTL_MEMORY] = -1;
	c->memory.disable_oom_killer = (struct mr_bool){true, false};
	assert_int_equal(plan(c, &host, NULL), 0); /* nothing is lost */
	expect_hierarchies(c, &host, "unified");
	c->memory.limit = (struct mr_int){true, 64 << 20};
	assert_int_equal(plan(c, &host, NULL), -EOPNOTSUPP);
	assert_string_equal(c->err.message,
		"linux.resources.memory.limit: this host has no memory controller (cgroup2 at "
		"/sys/fs/cgroup/unified holds only: hugetlb; v1: pids, cpu, cpuacct, devices, "
		"freezer)");
	assert_non_null(strstr(c->err.hint, "mount -t cgroup -o memory"));

	host = v2_host("/sys/fs/cgroup");
	host.owner[MR_CTL_MEMORY] = -1;
	assert_int_equal(plan(c, &host, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(c->err.message, "holds only: pids, cpu, cpuset, io)"));
	host = no_host();
	assert_int_equal(plan(c, &host, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(c->err.message, "no cgroup hierarchy is mounted"));
	c->memory.limit.set = false;
	assert_int_equal(plan(c, &host, NULL), 0);
	expect_hierarchies(c, &host, "");
	free_case(c);
}

static void test_devices(void **state)
{
	(void)state;
	struct mr_host v1 = v1_host(), v2 = v2_host("/sys/fs/cgroup");
	struct mr_device_rule rule = {.allow = false, .type = 'a'};
	struct case_ *c = new_case();

	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_int_equal(c->plan.n_device_rules, 0);
	c->resources.devices.items = &rule;
	c->resources.devices.n = 1;
	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_int_equal(c->plan.n_device_rules, 11);
	assert_int_equal(c->plan.rows.n, 0);
	assert_int_equal(plan(c, &v1, NULL), 0);
	assert_int_equal(c->plan.n_device_rules, 0);
	assert_int_equal(c->plan.rows.n, 11);
	assert_string_equal(c->plan.rows.items[0].file, "devices.deny");
	expect_hierarchies(c, &v1, "memory freezer devices");
	rule.allow = true; /* privileged: no program at all */
	assert_int_equal(plan(c, &v2, NULL), 0);
	assert_int_equal(c->plan.n_device_rules, 0);
	free_case(c);
}

/* --- fixture trees --- */

static char top[64];

static int make_top(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/minirun-test-cgroup-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_entry(int dirfd, const char *path);

static int remove_top(void **state)
{
	(void)state;
	return remove_entry(AT_FDCWD, top);
}

static int remove_entry(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return unlinkat(dirfd, path, 0);
	DIR *dir = fdopendir(fd);
	const struct dirent *e;
	while (dir && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_entry(fd, e->d_name);
	}
	closedir(dir);
	return unlinkat(dirfd, path, AT_REMOVEDIR);
}

static void put(const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *p = full + strlen(top) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void expect_file(const char *path, const char *text)
{
	char full[512], got[512] = "";
	snprintf(full, sizeof(full), "%s/%s", top, path);
	FILE *f = fopen(full, "r");
	assert_non_null(f);
	size_t n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	assert_string_equal(got, text);
}

static struct mr_host fixture_host(bool v2)
{
	char mount[128];
	snprintf(mount, sizeof(mount), "%s/mnt", top);
	if (v2)
		return v2_host(mount);
	struct mr_host host = no_host();
	host.layout = MR_LAYOUT_V1;
	int h = add_hierarchy(&host, false, mount);
	host.owner[MR_CTL_MEMORY] = host.owner[MR_CTL_CPU] = host.owner[MR_CTL_CPUACCT] =
		h;
	host.owner[MR_CTL_PIDS] = host.owner[MR_CTL_CPUSET] = h;
	return host;
}

static void test_limits_v1(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct mr_cgroup_limits l;

	put("mnt/memory.limit_in_bytes", "9223372036854771712\n");
	put("mnt/a/memory.limit_in_bytes", "200000000\n");
	put("mnt/a/c/memory.limit_in_bytes", "500002816\n");
	put("mnt/a/c/memory.memsw.limit_in_bytes", "9223372036854771712\n");
	put("mnt/a/c/memory.soft_limit_in_bytes", "1000\n");
	put("mnt/a/c/memory.stat", "cache 1\nhierarchical_memory_limit 200000000\n");
	put("mnt/a/c/memory.oom_control",
		"oom_kill_disable 1\nunder_oom 0\noom_kill 3\n");
	put("mnt/a/c/pids.max", "max\n");
	put("mnt/a/c/cpu.cfs_quota_us", "-1\n");
	put("mnt/a/c/cpu.cfs_period_us", "100000\n");
	assert_int_equal(mr_cgroup_open(&host, "/a/c", &cg, &err), 1);
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_int_equal(l.memory_version, 1);
	assert_int_equal(l.memory.value, 500002816);
	assert_false(l.memory_swap.set);
	assert_int_equal(l.reservation.value, 1000);
	assert_true(l.oom_kill_disable.set && l.oom_kill_disable.value);
	assert_int_equal(l.effective_memory.value, 200000000);
	assert_string_equal(l.effective_cgroup, "/a");
	assert_false(l.pids.set);
	assert_false(l.cpu_quota.set);
	assert_int_equal(l.cpu_period.value, 100000);

	/* The kernel knows of a limit above what can be seen from here. */
	put("mnt/a/c/memory.stat", "hierarchical_memory_limit 1000000\n");
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_int_equal(l.effective_memory.value, 1000000);
	assert_string_equal(l.effective_cgroup, "/..");
	/* The same limit above: the nearest is hit first. */
	put("mnt/a/memory.limit_in_bytes", "500002816\n");
	put("mnt/a/c/memory.stat", "hierarchical_memory_limit 500002816\n");
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_string_equal(l.effective_cgroup, "/a/c");
	put("mnt/a/c/memory.stat", "hierarchical_memory_limit 9223372036854771712\n");
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_false(l.effective_memory.set);
	assert_string_equal(l.effective_cgroup, "");
	mr_cgroup_close(&cg);
}

static void test_limits_v2(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct mr_cgroup_limits l;

	put("mnt/a/memory.max", "200000000\n");
	put("mnt/a/c/memory.max", "500002816\n");
	put("mnt/a/c/memory.swap.max", "1000\n");
	put("mnt/a/c/memory.low", "0\n");
	put("mnt/a/c/pids.max", "7\n");
	put("mnt/a/c/cpu.max", "50000 100000\n");
	assert_int_equal(mr_cgroup_open(&host, "/a/c", &cg, &err), 1);
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_int_equal(l.memory_version, 2);
	assert_int_equal(l.memory_swap.value, 500003816);
	assert_false(l.reservation.set);
	assert_false(l.oom_kill_disable.set);
	assert_int_equal(l.effective_memory.value, 200000000);
	assert_string_equal(l.effective_cgroup, "/a");
	assert_int_equal(l.pids.value, 7);
	assert_int_equal(l.cpu_quota.value, 50000);
	assert_int_equal(l.cpu_period.value, 100000);
	put("mnt/a/c/cpu.max", "max 100000\n");
	put("mnt/a/c/memory.max", "max\n");
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_false(l.cpu_quota.set);
	assert_false(l.memory.set || l.memory_swap.set);
	assert_string_equal(l.effective_cgroup, "/a");
	mr_cgroup_close(&cg);

	/* The controller was not passed on to this cgroup. */
	put("mnt/b/cgroup.procs", "");
	assert_int_equal(mr_cgroup_open(&host, "/b", &cg, &err), 1);
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_int_equal(l.memory_version, 0);
	mr_cgroup_close(&cg);
}

/* Files of a new cgroup that nobody has written say nothing: here they hold what they never
 * would, to show that they were not read. */
static void test_limits_of_a_new_cgroup_v1(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup_row row = {.file = "memory.limit_in_bytes", .value = "4096"};
	struct mr_cgroup_plan plan = {.rows = {.items = &row, .n = 1}};
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct mr_cgroup_limits l;

	put("mnt/n/memory.limit_in_bytes", "8192\n");
	put("mnt/n/c/memory.limit_in_bytes", "4096\n");
	put("mnt/n/c/memory.memsw.limit_in_bytes", "1\n");
	put("mnt/n/c/memory.soft_limit_in_bytes", "1\n");
	put("mnt/n/c/memory.stat", "hierarchical_memory_limit 2048\n");
	put("mnt/n/c/memory.oom_control", "oom_kill_disable 1\n");
	assert_int_equal(mr_cgroup_open(&host, "/n/c", &cg, &err), 1);
	cg.memory_origin = MR_CGROUP_MADE;
	mr_cgroup_read_limits(&cg, &plan, &l);
	assert_int_equal(l.memory.value, 4096);
	assert_false(l.memory_swap.set || l.reservation.set);
	/* These two come from above. */
	assert_true(l.oom_kill_disable.value);
	assert_int_equal(l.effective_memory.value, 2048);

	cg.memory_origin = MR_CGROUP_TOPMOST;
	mr_cgroup_read_limits(&cg, &plan, &l);
	assert_true(l.oom_kill_disable.set && !l.oom_kill_disable.value);
	assert_int_equal(l.effective_memory.value, 4096);
	assert_string_equal(l.effective_cgroup, "/n/c");
	plan.rows.n = 0;
	mr_cgroup_read_limits(&cg, &plan, &l);
	assert_false(l.memory.set || l.effective_memory.set);
	assert_string_equal(l.effective_cgroup, "");
	/* Later it is as any other. */
	mr_cgroup_read_limits(&cg, NULL, &l);
	assert_int_equal(l.memory_swap.value, 1);
	assert_int_equal(l.effective_memory.value, 2048);
	mr_cgroup_close(&cg);
}

static void test_usage_v1(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct mr_cgroup_usage u;

	put("mnt/c/memory.usage_in_bytes", "1000\n");
	put("mnt/c/memory.max_usage_in_bytes", "2000\n");
	put("mnt/c/memory.kmem.max_usage_in_bytes", "300\n");
	put("mnt/c/memory.failcnt", "82\n");
	put("mnt/c/memory.stat", "cache 5\nrss 7\ntotal_rss 77\n");
	put("mnt/c/cpuacct.usage", "5000\n");
	put("mnt/c/cpuacct.usage_user", "3000\n");
	put("mnt/c/pids.peak", "4\n");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_read_usage(&cg, &u, &err), 0);
	assert_int_equal(u.memory.value, 1000);
	assert_int_equal(u.memory_peak.value, 2000);
	assert_int_equal(u.kernel_peak.value, 300);
	assert_int_equal(u.failcnt.value, 82);
	assert_int_equal(u.anon.value, 77);
	assert_int_equal(u.cpu_usage_usec.value, 5);
	assert_int_equal(u.cpu_user_usec.value, 3);
	assert_int_equal(u.pids_peak.value, 4);
	/* Unknown is not zero. */
	assert_false(u.cpu_system_usec.set || u.memsw_failcnt.set || u.swap.set ||
		     u.swap_peak.set || u.psi_some_usec.set);
	assert_int_equal(u.n_stat, 3);
	assert_string_equal(u.stat[2].name, "total_rss");
	assert_int_equal(u.stat[2].value, 77);
	mr_cgroup_usage_clear(&u);
	assert_int_equal(u.n_stat, 0);
	mr_cgroup_close(&cg);
}

static void test_usage_v2(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct mr_cgroup_usage u;

	put("mnt/c/memory.current", "1000\n");
	put("mnt/c/memory.peak", "2000\n");
	put("mnt/c/memory.swap.peak", "30\n");
	put("mnt/c/memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n");
	put("mnt/c/memory.stat", "anon 55\nfile 66\n");
	put("mnt/c/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\n"
				     "full avg10=0.00 avg60=0.00 avg300=0.00 total=45\n");
	put("mnt/c/cpu.stat", "usage_usec 10\nuser_usec 6\nsystem_usec 4\n");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_read_usage(&cg, &u, &err), 0);
	assert_int_equal(u.memory_peak.value, 2000);
	assert_int_equal(u.swap_peak.value, 30);
	assert_int_equal(u.failcnt.value, 9);
	assert_int_equal(u.anon.value, 55);
	assert_int_equal(u.psi_some_usec.value, 123);
	assert_int_equal(u.psi_full_usec.value, 45);
	assert_int_equal(u.cpu_system_usec.value, 4);
	assert_false(u.kernel_peak.set || u.swap.set || u.pids_peak.set);
	assert_int_equal(u.n_stat, 2);
	mr_cgroup_usage_clear(&u);
	mr_cgroup_close(&cg);
}

static void test_open_refuses_the_root(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup cg;
	struct mr_error err = {0};

	assert_int_equal(mr_cgroup_open(&host, "/", &cg, &err), -EINVAL);
	assert_int_equal(mr_cgroup_open(&host, "", &cg, &err), -EINVAL);
	assert_int_equal(mr_cgroup_open(&host, "/a/../..", &cg, &err), -EINVAL);
	put("mnt/cgroup.procs", "");
	assert_int_equal(mr_cgroup_open(&host, "/none", &cg, &err), 0);
	assert_int_equal(mr_cgroup_clone_fd(&cg), -1);
	mr_cgroup_close(&cg);
}

static void test_pids_of_a_tree(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	pid_t *pids;
	size_t n;

	put("mnt/c/cgroup.procs", "30\n4\n");
	put("mnt/c/x/cgroup.procs", "0\n17\n30\n");
	put("mnt/c/x/.y/z/cgroup.procs", "5\n");
	put("mnt/c/w/other", "");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_pids(&cg, &pids, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_int_equal(pids[0], 4);
	assert_int_equal(pids[1], 5);
	assert_int_equal(pids[2], 17);
	assert_int_equal(pids[3], 30);
	free(pids);

	/* Never its own process: somebody's path leads here by mistake. */
	char own[32];
	snprintf(own, sizeof(own), "%d\n", (int)getpid());
	put("mnt/c/x/.y/z/cgroup.procs", own);
	assert_int_equal(mr_cgroup_kill(&cg, 100, &err), -EDEADLK);
	assert_int_equal(mr_cgroup_signal(&cg, 9, &err), -EDEADLK);
	assert_int_equal(mr_cgroup_set_frozen(&cg, true, 100, &err), -EDEADLK);
	assert_non_null(strstr(err.message, "this very process"));
	mr_cgroup_close(&cg);
}

static void test_remove_bottom_up(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	char dir[256];
	struct stat st;

	put("mnt/keep", "");
	put("mnt/minirun/c/a/b/f", "");
	for (int i = 0; i < 100; i++) {
		snprintf(dir, sizeof(dir), "mnt/minirun/c/s%d/t/f", i);
		put(dir, "");
		snprintf(dir, sizeof(dir), "%s/mnt/minirun/c/s%d/t/f", top, i);
		unlink(dir);
	}
	snprintf(dir, sizeof(dir), "%s/mnt/minirun/c/a/b/f", top);
	assert_int_equal(mr_cgroup_open(&host, "/minirun/c", &cg, &err), 1);
	/* What cannot be removed is an error that says so, after a bounded time. */
	assert_int_equal(mr_cgroup_remove(&cg, &err), -EBUSY);
	assert_non_null(strstr(err.message, "/mnt/minirun/c"));
	unlink(dir);
	assert_int_equal(mr_cgroup_remove(&cg, &err), 0);
	snprintf(dir, sizeof(dir), "%s/mnt/minirun", top);
	assert_int_equal(stat(dir, &st), -1);
	assert_int_equal(mr_cgroup_remove(&cg, &err), 0); /* once more changes nothing */
	mr_cgroup_close(&cg);
}

/* The files do not act as the kernel's: what was written last is who is inside. */
static void test_freezer_that_was_not_joined(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup cg;
	struct mr_error err = {0};
	char dir[128];

	put("mnt/c/cgroup.procs", "4711\n4712\n");
	put("mnt/c/sub/cgroup.procs", "4713\n");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_set_frozen(&cg, true, 50, &err), -EOPNOTSUPP);
	assert_int_equal(mr_cgroup_set_frozen(&cg, false, 50, &err), -EOPNOTSUPP);

	snprintf(dir, sizeof(dir), "%s/freezer", top);
	host.owner[MR_CTL_FREEZER] = add_hierarchy(&host, false, dir);
	assert_int_equal(mr_cgroup_set_frozen(&cg, false, 50, &err), 0);
	/* The mount point is missing, so it cannot be made. */
	assert_int_equal(mr_cgroup_set_frozen(&cg, true, 50, &err), -ENOENT);
	assert_non_null(strstr(err.message, "make the cgroup"));

	/* Of another process: it is found though it was not there at the opening. */
	put("freezer/c/freezer.state", "THAWED");
	put("freezer/c/cgroup.procs", "");
	assert_int_equal(mr_cgroup_set_frozen(&cg, true, 50, &err), 0);
	expect_file("freezer/c/freezer.state", "FROZEN");
	expect_file("freezer/c/cgroup.procs", "4712"); /* the second pass */
	assert_int_equal(mr_cgroup_set_frozen(&cg, false, 50, &err), 0);
	expect_file("freezer/c/freezer.state", "THAWED");

	/* Whoever cannot be moved: an error, and nothing stays frozen. */
	snprintf(dir, sizeof(dir), "%s/freezer/c/cgroup.procs", top);
	assert_int_equal(unlink(dir), 0);
	assert_int_equal(mr_cgroup_set_frozen(&cg, true, 50, &err), -ENOENT);
	assert_string_equal(err.message,
		"move process 4711 into the freezer cgroup /c: missing (ENOENT)");
	expect_file("freezer/c/freezer.state", "THAWED");
	mr_cgroup_close(&cg);
}

static void test_create_and_undo(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup_plan p = {.path = "/x/y/z"};
	struct mr_cgroup cg;
	struct mr_error err = {0};
	struct stat st;
	char dir[256];

	put("mnt/keep", "");
	p.hierarchy[0] = true;
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), 0);
	assert_true(cg.dir[0] >= 0);
	assert_int_equal(mr_cgroup_dir(&cg, MR_CTL_MEMORY), cg.dir[0]);
	assert_int_equal(mr_cgroup_dir(&cg, MR_CTL_DEVICES), -1);
	snprintf(dir, sizeof(dir), "%s/mnt/x/y/z", top);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(mr_cgroup_remove(&cg, &err), 0);
	mr_cgroup_close(&cg);
	snprintf(dir, sizeof(dir), "%s/mnt/x/y", top);
	assert_int_equal(rmdir(dir), 0);

	/* The second hierarchy fails: what was made in the first goes again, parents too.
	 */
	add_hierarchy(&host, false, "/nonexistent/minirun-test");
	p.hierarchy[1] = true;
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), -ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/minirun-test/x/y/z"));
	assert_int_equal(stat(dir, &st), -1);
	assert_int_equal(cg.dir[0], -1);
	snprintf(dir, sizeof(dir), "%s/mnt/x", top); /* was there before */
	assert_int_equal(stat(dir, &st), 0);
}

static void test_directory_that_exists(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup_plan p = {.path = "/c"};
	struct mr_cgroup cg;
	struct mr_error err = {0};

	p.hierarchy[0] = true;
	put("mnt/c/cgroup.procs", "1\n2\n");
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), -EBUSY);
	assert_non_null(strstr(err.message, "is not empty"));
	put("mnt/c/cgroup.procs", "");
	put("mnt/c/freezer.state", "FROZEN\n");
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), -EBUSY);
	assert_non_null(strstr(err.message, "unexpectedly frozen"));
	put("mnt/c/freezer.state", "THAWED\n");
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), 0);
	mr_cgroup_close(&cg);
	put("mnt/c/sub/cgroup.procs", "");
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), -EBUSY);
	assert_non_null(strstr(err.message, "has cgroups below it"));
}

/* What a list was before: empty, which is a value, or long. The weight fails. */
static void test_update_is_taken_back(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct case_ *c = new_case();
	struct mr_cpu cpu = {.cpus = "0-1", .mems = "0"};
	struct mr_cgroup cg;
	char list[400] = "", line[402];

	for (int i = 0; strlen(list) < 300; i += 2)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%d", i ? "," : "", i);
	snprintf(line, sizeof(line), "%s\n", list);
	put("mnt/cgroup.subtree_control", "cpuset io\n");
	put("mnt/minirun/cgroup.subtree_control", "cpuset io\n");
	put("mnt/minirun/c/cpuset.cpus", "\n");
	put("mnt/minirun/c/cpuset.mems", line);
	assert_int_equal(mr_cgroup_open(&host, "/minirun/c", &cg, &c->err), 1);
	c->resources.cpu = &cpu;
	struct mr_block_io io = {.weight = {true, 100}};
	c->resources.block_io = &io;
	c->resources.memory = NULL;
	assert_true(mr_cgroup_update(&c->spec, false, NULL, &cg, &c->arena, &c->warnings,
			    &c->err) < 0);
	assert_non_null(strstr(c->err.message, "io.weight"));
	/* No truncation here: what was longer shows behind. */
	expect_file("mnt/minirun/c/cpuset.cpus", "\n-1");
	expect_file("mnt/minirun/c/cpuset.mems", line);
	mr_cgroup_close(&cg);
	free_case(c);
}

static void test_late_joining_fails(void **state)
{
	(void)state;
	struct mr_host host = no_host();
	struct case_ *c = new_case();
	struct mr_cgroup cg;
	char mount[128];

	host.layout = MR_LAYOUT_V1;
	snprintf(mount, sizeof(mount), "%s/memory", top);
	host.owner[MR_CTL_MEMORY] = add_hierarchy(&host, false, mount);
	put("memory/minirun/c/memory.limit_in_bytes", "536870912\n");
	put("memory/minirun/c/cgroup.procs", "4194303\n");
	assert_int_equal(mr_cgroup_open(&host, "/minirun/c", &cg, &c->err), 1);
	/* As if somebody made it meanwhile: it can be limited, but there is no way in. */
	snprintf(mount, sizeof(mount), "%s/pids", top);
	host.owner[MR_CTL_PIDS] = add_hierarchy(&host, false, mount);
	put("pids/minirun/c/pids.max", "max\n");
	c->memory.limit = (struct mr_int){true, 67108864};
	c->resources.has_pids = true;
	c->resources.pids_limit = (struct mr_int){true, 5};
	assert_int_equal(mr_cgroup_update(&c->spec, false, NULL, &cg, &c->arena, &c->warnings,
				 &c->err),
		-ENOENT);
	assert_non_null(strstr(c->err.message, "move process 4194303 into the pids cgroup"));
	expect_file("memory/minirun/c/memory.limit_in_bytes", "536870912\n");
	expect_file("pids/minirun/c/pids.max", "max\n");
	/* It has files here, so it stays, and that is said. */
	assert_non_null(strstr(c->err.hint, "/pids/minirun/c stays"));
	mr_cgroup_close(&cg);
	free_case(c);
}

/* A file is no list that shrinks: what can be seen is where they were sent. */
static void test_move_out(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup cg;
	struct mr_error err = {0};

	put("mnt/cgroup.procs", "");
	put("mnt/a/c/cgroup.procs", "4194303\n");
	assert_int_equal(mr_cgroup_open(&host, "/a/c", &cg, &err), 1);
	mr_cgroup_move_out(&cg, 0, cg.dir[0], mr_now_mono_ns() + 1000000);
	expect_file("mnt/cgroup.procs", "4194303");
	mr_cgroup_close(&cg);
}

static void test_apply(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup_row items[] = {
		{.controller = MR_CTL_MEMORY,
			.file = "memory.limit_in_bytes",
			.value = "100",
			.field = "linux.resources.memory.limit"},
		{.controller = MR_CTL_CPU,
			.file = "bfq",
			.value = "5",
			.field = "f",
			.else_file = "plain",
			.else_value = "50"},
		{.controller = MR_CTL_PIDS,
			.file = "missing",
			.value = "1",
			.field = "g",
			.optional = true},
	};
	struct mr_cgroup_plan p = {.rows = {items, 3}};
	struct mr_cgroup cg;
	struct mr_error err = {0};
	auto_strv warnings = {0};

	put("mnt/cpuset.cpus", "0-3\n");
	put("mnt/cpuset.mems", "0\n");
	put("mnt/a/cpuset.cpus", "\n");
	put("mnt/a/cpuset.mems", "1\n");
	put("mnt/a/c/cpuset.cpus", "\n");
	put("mnt/a/c/cpuset.mems", "\n");
	put("mnt/a/c/memory.limit_in_bytes", "");
	put("mnt/a/c/plain", "");
	assert_int_equal(mr_cgroup_open(&host, "/a/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_apply(&p, &cg, &warnings, &err), 0);
	expect_file("mnt/a/c/memory.limit_in_bytes", "100");
	expect_file("mnt/a/c/plain", "50");
	assert_int_equal(warnings.n, 1);
	assert_true(mr_has_prefix(warnings.items[0], "g: "));
	/* The nearest ancestor that has a value, and those in between as well. */
	expect_file("mnt/a/cpuset.cpus", "0-3");
	expect_file("mnt/a/c/cpuset.cpus", "0-3");
	expect_file("mnt/a/c/cpuset.mems", "1");

	items[2].optional = false;
	items[2].file = "memory.memsw.limit_in_bytes";
	assert_int_equal(mr_cgroup_apply(&p, &cg, &warnings, &err), -ENOENT);
	assert_true(mr_has_prefix(err.message, "g: write '1' to "));
	assert_non_null(
		strstr(err.message, "mnt/a/c/memory.memsw.limit_in_bytes: missing"));
	assert_non_null(strstr(err.hint, "swapaccount=1"));
	mr_cgroup_close(&cg);
}

static void test_enter(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(false);
	struct mr_cgroup cg;
	struct mr_error err = {0};

	put("mnt/c/tasks", "");
	put("mnt/c/cgroup.procs", "");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_enter(&cg, true, &err), 0);
	expect_file("mnt/c/tasks", "0");
	expect_file("mnt/c/cgroup.procs", "");
	put("mnt/c/tasks", "");
	assert_int_equal(mr_cgroup_open_tasks(&cg, &err), 0);
	assert_true(cg.tasks[0] >= 0);
	assert_int_equal(mr_cgroup_enter(&cg, false, &err), 0);
	expect_file("mnt/c/tasks", "0");
	mr_cgroup_close(&cg);
	assert_int_equal(cg.tasks[0], -1);

	host = fixture_host(true);
	put("mnt/c/tasks", "");
	put("mnt/c/cgroup.procs", "");
	assert_int_equal(mr_cgroup_open(&host, "/c", &cg, &err), 1);
	assert_int_equal(mr_cgroup_clone_fd(&cg), cg.dir[0]);
	assert_int_equal(mr_cgroup_enter(&cg, true, &err), 0);
	expect_file("mnt/c/cgroup.procs", "");
	assert_int_equal(mr_cgroup_enter(&cg, false, &err), 0);
	expect_file("mnt/c/cgroup.procs", "0");
	expect_file("mnt/c/tasks", "");
	mr_cgroup_close(&cg);
}

static void test_controllers_on_the_way_down(void **state)
{
	(void)state;
	struct mr_host host = fixture_host(true);
	struct mr_cgroup_plan p = {.path = "/a/b/c"};
	struct mr_cgroup cg;
	struct mr_error err = {0};

	p.hierarchy[0] = true;
	p.controllers = 1u << MR_CTL_MEMORY | 1u << MR_CTL_CPU | 1u << MR_CTL_DEVICES;
	p.required = 1u << MR_CTL_MEMORY;
	put("mnt/cgroup.subtree_control", "cpuset memory\n");
	put("mnt/a/cgroup.subtree_control", "memory cpu\n");
	put("mnt/a/b/cgroup.subtree_control", "cpuset\n");
	assert_int_equal(mr_cgroup_create(&p, &host, &cg, &err), 0);
	/* An ordinary file keeps the tail of what was longer. */
	expect_file("mnt/cgroup.subtree_control", "+cpuet memory\n");
	expect_file("mnt/a/cgroup.subtree_control", "memory cpu\n");
	expect_file("mnt/a/b/cgroup.subtree_control", "+memory +cpu");
	mr_cgroup_close(&cg);
}

static void test_keyed(void **state)
{
	(void)state;
	uint64_t v = 0;

	assert_true(mr_cgroup_keyed("a 1\nab 2\nb 3", "ab", &v));
	assert_int_equal(v, 2);
	assert_true(mr_cgroup_keyed("a 1\nab 2\nb 3", "b", &v));
	assert_int_equal(v, 3);
	assert_false(mr_cgroup_keyed("a 1\nab 2\n", "c", &v));
	assert_false(mr_cgroup_keyed("", "c", &v));
	assert_false(mr_cgroup_keyed("c x\n", "c", &v));
	assert_false(mr_cgroup_keyed("c 99999999999999999999999999\n", "c", &v));
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_only_what_is_asked),
		cmocka_unit_test(test_oom_disable_policy),
		cmocka_unit_test(test_missing_controller),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_keyed),
		FIXTURE_TEST(test_limits_v1),
		FIXTURE_TEST(test_limits_v2),
		FIXTURE_TEST(test_limits_of_a_new_cgroup_v1),
		FIXTURE_TEST(test_usage_v1),
		FIXTURE_TEST(test_usage_v2),
		FIXTURE_TEST(test_open_refuses_the_root),
		FIXTURE_TEST(test_pids_of_a_tree),
		FIXTURE_TEST(test_remove_bottom_up),
		FIXTURE_TEST(test_freezer_that_was_not_joined),
		FIXTURE_TEST(test_create_and_undo),
		FIXTURE_TEST(test_directory_that_exists),
		FIXTURE_TEST(test_update_is_taken_back),
		FIXTURE_TEST(test_late_joining_fails),
		FIXTURE_TEST(test_move_out),
		FIXTURE_TEST(test_apply),
		FIXTURE_TEST(test_enter),
		FIXTURE_TEST(test_controllers_on_the_way_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
