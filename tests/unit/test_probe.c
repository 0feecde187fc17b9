/* SPDX-License-Identifier: Apache-2.0 */
/* probe: what files of a made-up machine answer, what this machine answers, and the
 * texts. */
#include "spec/probe_internal.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct mr_host host;
static struct mr_probe probe;

/* Write a file below the made-up root, with the directories on the way. */
static void put(const char *path, const char *text)
{
	char full[512];

	int n = snprintf(full, sizeof(full), "%s/%s", dir, path);
	assert_in_range(n, 1, sizeof(full) - 1);
	for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
	FILE *f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mr-test-probe-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	host = (struct mr_host){
		.layout = MR_LAYOUT_NONE, .unified = -1, .page_size = 4096};
	for (int i = 0; i < MR_CONTROLLERS; i++)
		host.owner[i] = -1;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void add_hierarchy(const char *mount_point, bool v2, enum mr_controller c)
{
	int i = host.n_hierarchies++;

	snprintf(host.hierarchies[i].mount_point, sizeof(host.hierarchies[i].mount_point),
		"%s", mount_point);
	snprintf(host.hierarchies[i].root, sizeof(host.hierarchies[i].root), "/");
	host.hierarchies[i].v2 = v2;
	host.owner[c] = i;
	if (v2)
		host.unified = i;
	host.layout = v2 ? MR_LAYOUT_V2 : MR_LAYOUT_V1;
}

static void ask(void)
{
	struct mr_probe_env env = {.host = &host};

	env.root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(env.root >= 0);
	memset(&probe, 0, sizeof(probe));
	mr_probe_rows(&env, mr_probe_file_rows, &probe);
	mr_probe_controllers(&env, &probe);
	close(env.root);
}

static const struct mr_probe_item *item(const char *name)
{
	for (int i = 0; i < probe.n; i++) {
		if (!strcmp(probe.items[i].name, name))
			return &probe.items[i];
	}
	fail_msg("no item %s", name);
	return NULL;
}

static void check(const char *name, enum mr_probe_state state, const char *value)
{
	const struct mr_probe_item *it = item(name);

	assert_string_equal(it->value, value);
	assert_int_equal(it->state, state);
	if (state == MR_PROBE_OK) {
		assert_null(it->affects);
		assert_null(it->cure);
	} else {
		assert_non_null(it->affects);
	}
}

static void test_empty_machine(void **state)
{
	(void)state;
	ask();
	check("cgroup", MR_PROBE_MISSING, "none");
	assert_true(item("cgroup")->required);
	check("memory", MR_PROBE_MISSING, "in no hierarchy");
	assert_string_equal(item("memory")->cure, "mount -t cgroup2 none /sys/fs/cgroup");
	check("swap", MR_PROBE_MISSING, "missing (ENOENT)");
	check("psi", MR_PROBE_MISSING, "missing (ENOENT)");
	check("kmsg", MR_PROBE_MISSING, "missing (ENOENT)");
	assert_string_equal(item("kmsg")->cure, "mknod /dev/kmsg c 1 11");
	check("swap-accounting", MR_PROBE_MISSING, "no memory controller");
	check("overcommit", MR_PROBE_UNKNOWN, "missing (ENOENT)");
	check("cap_sys_admin", MR_PROBE_MISSING, "not held");
	check("delegation", MR_PROBE_MISSING, "missing (ENOENT)");
}

static void test_v1(void **state)
{
	(void)state;
	add_hierarchy("/sys/fs/cgroup/memory", false, MR_CTL_MEMORY);
	host.effective_caps = UINT64_C(1) << 21;
	put("sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "1\n");
	put("sys/fs/cgroup/memory/memory.kmem.usage_in_bytes", "1\n");
	put("proc/cmdline", "quiet\n");
	put("proc/swaps", "Filename Type Size Used Priority\n"
			  "/dev/vda2 partition 1048576 0 -2\n/swap file 524288 12 -3\n");
	put("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put("proc/meminfo",
		"MemTotal: 1 kB\nHugePages_Total:      20\nHugePages_Free:       7\n");
	put("proc/sys/vm/overcommit_memory", "2\n");
	put("dev/kmsg", "6,1,2,-;hello\n");
	put("etc/subuid", "");
	put("etc/subgid", "");
	ask();
	check("cgroup", MR_PROBE_OK, "v1");
	check("memory", MR_PROBE_OK, "v1 at /sys/fs/cgroup/memory");
	check("pids", MR_PROBE_MISSING, "in no hierarchy");
	check("delegation", MR_PROBE_OK, "/sys/fs/cgroup/memory is writable");
	check("swap", MR_PROBE_OK, "1.5 GiB in 2 areas");
	check("swap-accounting", MR_PROBE_OK, "memory.memsw.limit_in_bytes");
	check("kmem", MR_PROBE_OK, "memory.kmem.usage_in_bytes");
	check("psi", MR_PROBE_OK, "/proc/pressure/memory");
	check("hugepages", MR_PROBE_OK, "7 free");
	check("overcommit", MR_PROBE_MISSING, "mode 2");
	check("kmsg", MR_PROBE_OK, "/dev/kmsg is readable");
	check("subids", MR_PROBE_OK, "/etc/subuid and /etc/subgid");
	check("cap_sys_admin", MR_PROBE_OK, "held");
	check("cap_sys_resource", MR_PROBE_MISSING, "not held");
}

static void test_v1_without_swap_accounting(void **state)
{
	(void)state;
	add_hierarchy("/sys/fs/cgroup/memory", false, MR_CTL_MEMORY);
	put("sys/fs/cgroup/memory/tasks", "");
	put("proc/swaps", "Filename Type Size Used Priority\n");
	put("proc/cmdline", "cgroup.memory=nokmem\n");
	ask();
	check("swap", MR_PROBE_MISSING, "no swap area");
	check("swap-accounting", MR_PROBE_MISSING, "missing (ENOENT)");
	assert_string_equal(item("swap-accounting")->cure, "boot with swapaccount=1");
	check("kmem", MR_PROBE_MISSING, "booted with cgroup.memory=nokmem");
}

static void test_v2_user(void **state)
{
	(void)state;
	add_hierarchy("/sys/fs/cgroup", true, MR_CTL_MEMORY);
	host.euid = 1000;
	put("proc/self/cgroup", "1:name=systemd:/x\n0::/user.slice/me\n");
	put("sys/fs/cgroup/user.slice/me/memory.swap.max", "max\n");
	ask();
	check("cgroup", MR_PROBE_OK, "v2");
	check("memory", MR_PROBE_OK, "v2 at /sys/fs/cgroup");
	check("delegation", MR_PROBE_OK, "/sys/fs/cgroup/user.slice/me is writable");
	check("kmem", MR_PROBE_OK, "part of memory.current");
	/* Only two levels below the root: found through the own cgroup. */
	check("swap-accounting", MR_PROBE_OK, "memory.swap.max");
	/* What v2 cannot have needs no cure. */
	assert_null(item("net_cls")->cure);
}

static void test_v2_without_cgroups(void **state)
{
	(void)state;
	add_hierarchy("/sys/fs/cgroup", true, MR_CTL_MEMORY);
	put("sys/fs/cgroup/cgroup.procs", "");
	ask();
	check("swap-accounting", MR_PROBE_UNKNOWN, "no cgroup to look into");
}

static void test_this_machine(void **state)
{
	struct mr_error err = {0};
	struct mr_host here;

	(void)state;
	assert_int_equal(mr_host_read(&here, "", &err), 0);
	assert_int_equal(mr_probe_run(&here, &probe, &err), 0);
	assert_in_range(probe.n, 40, MR_PROBE_MAX - 1);
	for (int i = 0; i < probe.n; i++) {
		const struct mr_probe_item *a = &probe.items[i];
		assert_true(a->name[0] && a->value[0]);
		assert_int_equal(a->affects == NULL, a->state == MR_PROBE_OK);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(a->name, probe.items[k].name);
	}
	/* The kernel that runs this has these, whatever a container may forbid. */
	if (mr_host_kernel(&here, 5, 6)) {
		assert_int_not_equal(item("openat2")->state, MR_PROBE_MISSING);
		assert_int_not_equal(item("pidfd")->state, MR_PROBE_MISSING);
		assert_int_not_equal(item("clone3")->state, MR_PROBE_MISSING);
	}
	assert_int_equal(item("memory")->state == MR_PROBE_OK,
		mr_host_has_controller(&here, MR_CTL_MEMORY));
}

static void test_json(void **state)
{
	struct mr_error err = {0};
	struct mr_probe p = {.n = 2,
		.items = {{.name = "swap",
				  .state = MR_PROBE_MISSING,
				  .value = "a \"b\"",
				  .affects = "x",
				  .cure = "y"},
			{.name = "memory",
				.state = MR_PROBE_OK,
				.value = "v1",
				.required = true}}};
	char *text = NULL;
	auto_json doc = {0};

	(void)state;
	host.kernel_major = 6;
	host.kernel_minor = 18;
	assert_int_equal(mr_probe_format(&p, &host, true, &text, &err), 0);
	assert_int_equal(mr_json_parse("check", text, strlen(text), &doc, &err), 0);
	assert_false(mr_json_bool(doc.root, "ok", true));
	assert_string_equal(mr_json_text(doc.root, "kernel", ""), "6.18");
	assert_string_equal(mr_json_text(doc.root, "layout", ""), "none");
	const struct mr_json *first = mr_json_get(doc.root, "items")->child;
	assert_string_equal(mr_json_text(first, "name", ""), "swap");
	assert_string_equal(mr_json_text(first, "state", ""), "missing");
	assert_string_equal(mr_json_text(first, "value", ""), "a \"b\"");
	assert_string_equal(mr_json_text(first, "cure", ""), "y");
	assert_int_equal(mr_json_get(first->next, "cure")->type, MR_JSON_NULL);
	assert_true(mr_json_bool(first->next, "required", false));
	assert_null(first->next->next);
	free(text);
}

static void check_end(const struct mr_probe *p, const char *end)
{
	struct mr_error err = {0};
	char *text = NULL;

	assert_int_equal(mr_probe_format(p, &host, false, &text, &err), 0);
	size_t n = strlen(text), k = strlen(end);
	assert_true(n >= k);
	assert_string_equal(text + n - k, end);
	free(text);
}

static void test_text(void **state)
{
	struct mr_probe p = {.n = 2,
		.items = {{.name = "memory",
				  .state = MR_PROBE_MISSING,
				  .value = "none",
				  .affects = "no limit",
				  .cure = "boot",
				  .required = true},
			{.name = "cgroup",
				.state = MR_PROBE_MISSING,
				.value = "\x1b[1m",
				.affects = "no cgroup",
				.required = true}}};

	(void)state;
	check_end(&p, "memory             missing  none; no limit; cure: boot\n"
		      "cgroup             missing  \\x1b[1m; no cgroup\n"
		      "\nA memory-limited run is not possible: memory, cgroup\n");
	p.n = 1;
	p.items[0].state = MR_PROBE_OK;
	check_end(
		&p, "\nA memory-limited run is not possible: cap_sys_admin or userns\n");
	p.ok = true;
	check_end(&p, "\nA memory-limited run is possible.\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_machine),
		TEST(test_v1),
		TEST(test_v1_without_swap_accounting),
		TEST(test_v2_user),
		TEST(test_v2_without_cgroups),
		TEST(test_this_machine),
		TEST(test_json),
		TEST(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
