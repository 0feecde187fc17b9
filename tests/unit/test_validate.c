/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate*.c: what must pass, what must not, and the warnings. The exact texts of the
 * refusals are in tests/fixtures/bad-specs (see test_parse.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spec/parse.h"
#include "spec/validate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct mr_error err;
static struct mr_strv warnings;

static int drop_warnings(void **state)
{
	(void)state;
	mr_strv_clear(&warnings);
	return 0;
}

/* A small valid document with members added to process, at the top and in linux. */
static int check(
	const char *version, const char *process, const char *top, const char *in_linux)
{
	auto_spec *s = NULL;
	auto_str text = {0};
	mr_str_appendf(&text,
		"{\"ociVersion\": \"%s\", \"root\": {\"path\": \"/\"}, \"process\": {\"cwd\": \"/\", "
		"\"args\": [\"true\"]%s}%s, \"linux\": {%s}}",
		version, process, top, in_linux);
	int r = mr_spec_parse("c.json", text.data, text.len, &s, &warnings, &err);
	if (r < 0)
		fail_msg("%s", err.message);
	return mr_spec_validate(s, "c.json", &warnings, &err);
}

static int check_linux(const char *in_linux)
{
	return check("1.3.0", "", "", in_linux);
}

static void test_versions(void **state)
{
	(void)state;
	static const char *const good[] = {"1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.2.1",
		"1.3.0", "1.99.0", "1.1.0+build"};
	static const char *const bad[] = {"0.5.0", "2.0.0", "10.0.0", "1", "1.0",
		"v1.0.0", "", " 1.0.0", "1.0.0.0", "1.0.0x", "+1.0.0", "1.-0.0"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(check(good[i], "", "", ""), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(check(bad[i], "", "", ""), -EINVAL);
}

static int check_mount(
	const char *destination, const char *type, const char *source, const char *option)
{
	char top[400];
	snprintf(top, sizeof(top),
		", \"mounts\": [{\"destination\": \"%s\", \"type\": \"%s\", \"source\": \"%s\", "
		"\"options\": [\"%s\"]}]",
		destination, type, source, option);
	return check("1.3.0", "", top, "");
}

static void test_what_may_lie_on_proc(void **state)
{
	(void)state;
	static const char *const files[] = {"/proc/cpuinfo", "/proc/meminfo",
		"/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/diskstats",
		"/proc/swaps", "/proc/net/dev", "/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid", "/proc//./meminfo"};
	static const char *const refused[] = {"/proc/self", "/proc/sys", "/proc/1/attr",
		"/proc/sys/kernel", "/proc/sysrq-trigger", "/a/../proc/self", "proc/self",
		"/proc/cpuinfo/x", "/proc/meminfo/.."};

	assert_int_equal(check_mount("/proc", "proc", "proc", "ro"), 0);
	assert_int_equal(check_mount("proc/", "proc", "proc", "ro"), 0);
	assert_int_equal(check_mount("/proc", "none", "/proc", "rbind"), 0);
	assert_int_equal(check_mount("/proc", "tmpfs", "tmpfs", "ro"), -EINVAL);
	assert_int_equal(check_mount("/proc", "none", "/proc/..", "rbind"), -EINVAL);
	assert_int_equal(check_mount("/", "proc", "proc", "ro"), 0);
	assert_int_equal(check_mount("/processes", "tmpfs", "tmpfs", "ro"), 0);
	assert_int_equal(check_mount("/sys", "sysfs", "sysfs", "ro"), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(check_mount(files[i], "bind", "/tmp/x", "bind"), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
			check_mount(refused[i], "bind", "/tmp/x", "bind"), -EINVAL);
}

static void test_id_mapped_mounts(void **state)
{
	(void)state;
	static const char map[] = "[{\"containerID\": 0, \"hostID\": 1, \"size\": 1}]";
	char user_ns[300], top[400];
	snprintf(user_ns, sizeof(user_ns),
		"\"namespaces\": [{\"type\": \"user\"}], \"uidMappings\": %s, \"gidMappings\": %s",
		map, map);
	static const char option[] =
		", \"mounts\": [{\"destination\": \"/m\", \"source\": \"/s\", "
		"\"options\": [\"bind\", \"ridmap\"]}]";
	assert_int_equal(check("1.3.0", "", option, ""), -EINVAL);
	assert_int_equal(check("1.3.0", "", option, user_ns), 0);
	snprintf(top, sizeof(top),
		", \"mounts\": [{\"destination\": \"/m\", \"type\": \"%s\", \"source\": \"/s\", "
		"\"uidMappings\": %s, \"gidMappings\": %s}]",
		"bind", map, map);
	assert_int_equal(check("1.3.0", "", top, ""), 0);
	memcpy(strstr(top, "bind"), "ext4", 4);
	assert_int_equal(check("1.3.0", "", top, ""), -EINVAL);
}

static int check_sysctl(const char *key, const char *namespace)
{
	char in_linux[300];
	snprintf(in_linux, sizeof(in_linux),
		"\"namespaces\": [{\"type\": \"%s\"}], \"sysctl\": {\"%s\": \"1\"}",
		namespace, key);
	return check_linux(in_linux);
}

static void test_sysctls(void **state)
{
	(void)state;
	static const struct {
		const char *key, *namespace;
		int result;
	} rows[] = {
		{"net.core.somaxconn", "network", 0},
		{"net/core/somaxconn", "network", 0},
		{"net.ipv4.conf.eth0/1.forwarding", "network", 0},
		{"net/ipv4/conf/eth0.1/forwarding", "network", 0},
		{"net.core.somaxconn", "ipc", -EINVAL},
		{"kernel.msgmax", "ipc", 0},
		{"kernel.shm_rmid_forced", "ipc", 0},
		{"kernel.sem", "ipc", 0},
		{"kernel.semx", "ipc", -EINVAL},
		{"fs.mqueue.msg_max", "ipc", 0},
		{"fs.mqueue.msg_max", "mount", -EINVAL},
		{"kernel.domainname", "uts", 0},
		{"kernel.domainname", "ipc", -EINVAL},
		{"kernel.hostname", "uts", -EINVAL},
		{"vm.overcommit_memory", "ipc", -EINVAL},
		{"kernel.pid_max", "pid", -EINVAL},
		{"user.max_user_namespaces", "mount", -EINVAL},
		{"net", "network", -EINVAL},
		{"", "network", -EINVAL},
		{"net.", "network", -EINVAL},
		{"net..core", "network", -EINVAL},
		{".net.core", "network", -EINVAL},
		{"/net/core/x", "network", -EINVAL},
		{"net/./core", "network", -EINVAL},
		{"net.core.a b", "network", -EINVAL},
		{"net.core.a+b", "network", -EINVAL},
		{"net.ipv4.conf.vethA.forwarding", "network", 0},
		{"NET.core.somaxconn", "network", -EINVAL},
		{"net.core.a\\nb", "network", -EINVAL},
		{"network.core.x", "network", -EINVAL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = check_sysctl(rows[i].key, rows[i].namespace);
		if (r != rows[i].result)
			print_error("%s with %s\n", rows[i].key, rows[i].namespace);
		assert_int_equal(r, rows[i].result);
	}
}

static int check_memory(const char *members)
{
	char in_linux[200];
	snprintf(
		in_linux, sizeof(in_linux), "\"resources\": {\"memory\": {%s}}", members);
	return check_linux(in_linux);
}

static void test_swap(void **state)
{
	(void)state;
	assert_int_equal(check_memory("\"limit\": 10, \"swap\": 10"), 0);
	assert_int_equal(check_memory("\"limit\": 10, \"swap\": 20"), 0);
	assert_int_equal(check_memory("\"limit\": 10, \"swap\": 0"), 0);
	assert_int_equal(check_memory("\"limit\": 10, \"swap\": -1"), 0);
	assert_int_equal(check_memory("\"swap\": -1"), 0);
	assert_int_equal(check_memory("\"swap\": 0"), 0);
	assert_int_equal(check_memory("\"limit\": 0, \"swap\": 0"), 0);
	assert_int_equal(check_memory("\"limit\": 10, \"swap\": 9"), -EINVAL);
	assert_int_equal(check_memory("\"swap\": 9"), -EINVAL);
	assert_int_equal(check_memory("\"limit\": 0, \"swap\": 9"), -EINVAL);
	assert_int_equal(check_memory("\"limit\": -1, \"swap\": 9"), -EINVAL);
	assert_int_equal(warnings.n, 0);
}

static void test_reservation_above_limit_is_a_warning(void **state)
{
	(void)state;
	assert_int_equal(check_memory("\"limit\": 10, \"reservation\": 10"), 0);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(check_memory("\"limit\": 10, \"reservation\": 11"), 0);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"c.json:1:154: linux.resources.memory.reservation: 11 is above the limit 10 and has no "
		"effect");
}

static void test_a_handler_is_warned_of(void **state)
{
	(void)state;
	assert_int_equal(check("1.3.0", "", ", \"annotations\": {\"run.oci.handler\": \"krun\"}", ""), 0);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"c.json:1:106: annotations: run.oci.handler=krun is ignored: the program runs in "
		"namespaces, as any other");
}

static void test_unknown_capability_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(
		check("1.3.0", ", \"capabilities\": {\"bounding\": [\"CAP_NOT_YET\"]}",
			"", ""),
		0);
}

static void test_user_namespaces(void **state)
{
	(void)state;
	static const char maps[] =
		"\"uidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": "
		"4294967295}], \"gidMappings\": [{\"containerID\": 0, \"hostID\": 0, "
		"\"size\": 1}]";
	char in_linux[400];
	snprintf(in_linux, sizeof(in_linux), "\"namespaces\": [{\"type\": \"user\"}], %s",
		maps);
	assert_int_equal(check_linux(in_linux), 0);
	/* Joining one: with mappings (as engines send them in pods) and without. */
	snprintf(in_linux, sizeof(in_linux),
		"\"namespaces\": [{\"type\": \"user\", \"path\": \"/proc/1/ns/user\"}], %s",
		maps);
	assert_int_equal(check_linux(in_linux), 0);
	assert_int_equal(
		check_linux(
			"\"namespaces\": [{\"type\": \"user\", \"path\": \"/proc/1/ns/user\"}]"),
		0);
}

static void test_mappings_are_never_cut(void **state)
{
	(void)state;
	for (unsigned n = 340; n <= 341; n++) {
		auto_str text = {0};
		mr_str_append(&text,
			"\"namespaces\": [{\"type\": \"user\"}], \"gidMappings\": "
			"[{\"containerID\": 0, \"hostID\": 0, \"size\": 1}], "
			"\"uidMappings\": [");
		for (unsigned i = 0; i < n; i++)
			mr_str_appendf(&text,
				"%s{\"containerID\": %u, \"hostID\": %u, \"size\": 1}",
				i ? "," : "", i, i);
		mr_str_append(&text, "]");
		assert_int_equal(check_linux(text.data), n <= 340 ? 0 : -EINVAL);
	}
	assert_string_equal(err.message,
		"c.json:1:211: linux.uidMappings: has 341 entries, the kernel takes 340");
}

static int check_scheduler(const char *members)
{
	char process[300];
	snprintf(process, sizeof(process), ", \"scheduler\": {%s}", members);
	return check("1.3.0", process, "", "");
}

static void test_schedulers(void **state)
{
	(void)state;
	assert_int_equal(check_scheduler("\"policy\": \"SCHED_OTHER\", \"nice\": -5"), 0);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_OTHER\", \"priority\": 1"), -EINVAL);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_FIFO\", \"priority\": 99"), 0);
	assert_int_equal(check_scheduler("\"policy\": \"SCHED_RR\""), -EINVAL);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_IDLE\", \"nice\": 1"), -EINVAL);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_IDLE\", \"runtime\": 1"), -EINVAL);
	assert_int_equal(
		check_scheduler(
			"\"policy\": \"SCHED_DEADLINE\", \"runtime\": 1, \"deadline\": 2"),
		0);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_DEADLINE\", \"runtime\": 3, "
				"\"deadline\": 2"),
		-EINVAL);
	assert_int_equal(
		check_scheduler("\"policy\": \"SCHED_DEADLINE\", \"runtime\": 1, "
				"\"deadline\": 3, \"period\": 2"),
		-EINVAL);
	assert_int_equal(check_scheduler("\"policy\": \"SCHED_DEADLINE\""), -EINVAL);
}

static int check_seccomp(const char *members)
{
	char in_linux[500];
	snprintf(in_linux, sizeof(in_linux),
		"\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\", %s}", members);
	return check_linux(in_linux);
}

static void test_seccomp_rules(void **state)
{
	(void)state;
	static const char notify[] =
		"\"syscalls\": [{\"names\": [\"%s\"], \"action\": \"SCMP_ACT_NOTIFY\"}]%s";
	char text[300];
	snprintf(text, sizeof(text), notify, "mkdir", ", \"listenerPath\": \"/run/s\"");
	assert_int_equal(check_seccomp(text), 0);
	snprintf(text, sizeof(text), notify, "mkdir", "");
	assert_int_equal(check_seccomp(text), -EINVAL);
	snprintf(text, sizeof(text), notify, "write", ", \"listenerPath\": \"/run/s\"");
	assert_int_equal(check_seccomp(text), -EINVAL);
	assert_int_equal(check_seccomp("\"listenerMetadata\": \"x\""), -EINVAL);
	assert_int_equal(check_seccomp("\"syscalls\": [{\"names\": [], \"action\": "
				       "\"SCMP_ACT_ALLOW\"}]"),
		-EINVAL);
	assert_int_equal(check_seccomp("\"syscalls\": [{\"names\": [\"a\"], \"action\": "
				       "\"SCMP_ACT_KILL\", \"errnoRet\": 1}]"),
		-EINVAL);
	assert_int_equal(check_seccomp("\"syscalls\": [{\"names\": [\"a\"], \"action\": "
				       "\"SCMP_ACT_TRACE\", \"errnoRet\": 1}]"),
		0);
	assert_int_equal(
		check_linux("\"seccomp\": {\"defaultAction\": \"SCMP_ACT_NOTIFY\"}"),
		-EINVAL);
}

static int check_resources(const char *members)
{
	char in_linux[400];
	snprintf(in_linux, sizeof(in_linux), "\"resources\": {%s}", members);
	return check_linux(in_linux);
}

static void test_resources(void **state)
{
	(void)state;
	static const char *const good[] = {
		"\"unified\": {\"memory.high\": \"1\", \"cgroup.type\": \"x\"}",
		"\"hugepageLimits\": [{\"pageSize\": \"1GB\", \"limit\": 0}]",
		"\"devices\": [{\"allow\": true, \"access\": \"\"}]",
		"\"blockIO\": {\"weight\": 0}",
		"\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0, \"weight\": 10}]}",
		"\"rdma\": {\"mlx\": {\"hcaHandles\": 0}}",
		"\"cpu\": {\"cpus\": \"0-3,7\", \"idle\": 0}",
	};
	static const char *const bad[] = {
		"\"unified\": {\"memory\": \"1\"}",
		"\"unified\": {\".max\": \"1\"}",
		"\"unified\": {\"a/memory.max\": \"1\"}",
		"\"unified\": {\"memory.\": \"1\"}",
		"\"hugepageLimits\": [{\"pageSize\": \"02MB\", \"limit\": 0}]",
		"\"hugepageLimits\": [{\"pageSize\": \"../x\", \"limit\": 0}]",
		"\"blockIO\": {\"leafWeight\": 1001}",
		"\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0}]}",
		"\"rdma\": {\"mlx\": {}}",
		"\"rdma\": {\"a b\": {\"hcaHandles\": 0}}",
		"\"cpu\": {\"cpus\": \"all\"}",
		"\"cpu\": {\"mems\": \"0;1\"}",
		"\"cpu\": {\"idle\": 2}",
		"\"network\": {\"priorities\": [{\"name\": \"\", \"priority\": 1}]}",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(check_resources(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(check_resources(bad[i]), -EINVAL);
}

static void test_error_is_one_line(void **state)
{
	(void)state;
	assert_int_equal(check("1.3.0", ", \"env\": [\"\\u001b[31m\\n\\u007f\"]", "", ""),
		-EINVAL);
	assert_string_equal(err.message,
		"c.json:1:98: process.env[0]: \"?[31m??\" has not the form NAME=VALUE");
}

static void test_lone_process_has_its_own_places(void **state)
{
	(void)state;
	static const char config[] = "{\"ociVersion\": \"1.3.0\", \"root\": {\"path\": \"/\"}}",
			  process[] = "{\n\"cwd\": \"/\",\n\"args\": [\"true\"],\n\"env\": [\"A=1\", \"B\"]}";
	auto_spec *s = NULL;
	assert_int_equal(
		mr_spec_parse("c.json", config, strlen(config), &s, &warnings, &err), 0);
	assert_int_equal(mr_spec_validate_process(s, "c.json", &warnings, &err), -EINVAL);
	assert_string_equal(err.message,
		"c.json:1:1: process: the member is missing (\"process\": {\"cwd\": "
		"\"/\", \"args\": [...]})");
	assert_int_equal(mr_spec_parse_process("p.json", process, strlen(process), s,
				 &warnings, &err),
		0);
	assert_int_equal(mr_spec_validate_process(s, "p.json", &warnings, &err), -EINVAL);
	assert_string_equal(err.message,
		"p.json:4:16: process.env[1]: \"B\" has not the form NAME=VALUE");
}

#define TEST(f) cmocka_unit_test_teardown(f, drop_warnings)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions),
		TEST(test_what_may_lie_on_proc),
		TEST(test_id_mapped_mounts),
		TEST(test_sysctls),
		TEST(test_swap),
		TEST(test_reservation_above_limit_is_a_warning),
		TEST(test_a_handler_is_warned_of),
		TEST(test_unknown_capability_is_no_error),
		TEST(test_user_namespaces),
		TEST(test_mappings_are_never_cut),
		TEST(test_schedulers),
		TEST(test_seccomp_rules),
		TEST(test_resources),
		TEST(test_error_is_one_line),
		TEST(test_lone_process_has_its_own_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
