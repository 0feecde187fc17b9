/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command*.c: docker's flags to a spec. What is generated goes through the parser and the
 * rules, as it does in a run. Works as any user: what depends on the caller is compared
 * with the caller, or given by hand to the parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "spec/command.h"
#include "spec/command_parts.h"
#include "spec/parse.h"
#include "spec/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mr_error err;
static char *program[] = {(char[]){"true"}, NULL};
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define BIT(cap) (UINT64_C(1) << (cap))

/* Generate, parse and check. */
static struct mr_spec *spec_of(struct mr_command c)
{
	autofree char *json = NULL;
	auto_strv warnings = {0};
	struct mr_spec *spec = NULL;
	if (!c.args)
		c.args = program;
	if (mr_command_to_spec(&c, &json, &err) < 0 ||
		mr_spec_parse("command", json, strlen(json), &spec, &warnings, &err) <
			0 ||
		mr_spec_validate(spec, "command", &warnings, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(json[strlen(json) - 1], '\n');
	return spec;
}

static void refuse(struct mr_command c, const char *message)
{
	char *json = NULL;
	if (!c.args)
		c.args = program;
	assert_true(mr_command_to_spec(&c, &json, &err) < 0);
	assert_string_equal(err.message, message);
	assert_null(json);
}

static bool has_env(const struct mr_spec *s, const char *entry)
{
	for (size_t i = 0; i < s->process->env.n; i++) {
		if (strcmp(s->process->env.items[i], entry) == 0)
			return true;
	}
	return false;
}

static const struct mr_spec_mount *mount_at(
	const struct mr_spec *s, const char *destination)
{
	for (size_t i = 0; i < s->mounts.n; i++) {
		if (strcmp(s->mounts.items[i].destination, destination) == 0)
			return &s->mounts.items[i];
	}
	return NULL;
}

static bool has_option(const struct mr_spec_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++) {
		if (strcmp(m->options.items[i], option) == 0)
			return true;
	}
	return false;
}

/* --- the whole --- */

static void test_defaults(void **state)
{
	(void)state;
	char cwd[4096];
	auto_spec *s = spec_of((struct mr_command){0});
	assert_string_equal(s->oci_version, MR_SPEC_VERSION);
	assert_string_equal(s->root.path, "/");
	assert_false(s->root.readonly);
	assert_int_equal(s->process->args.n, 1);
	assert_string_equal(s->process->args.items[0], "true");
	assert_string_equal(s->process->cwd, getcwd(cwd, sizeof(cwd)));
	assert_int_equal(s->process->uid, geteuid());
	assert_int_equal(s->process->gid, getegid());
	assert_false(s->process->terminal);
	assert_true(s->process->oom_score_adj.set);
	assert_non_null(s->process->capabilities);
	assert_int_equal(s->process->rlimits.n, 0);
	assert_null(s->linux_->seccomp);
	assert_null(s->linux_->resources->memory);
	assert_false(s->linux_->resources->has_pids);
	assert_null(s->hostname);

	static const enum mr_ns_type new_ones[] = {
		MR_NS_PID, MR_NS_MOUNT, MR_NS_IPC, MR_NS_CGROUP};
	for (size_t i = 0; i < 4; i++)
		assert_non_null(mr_spec_namespace_of(s, new_ones[i]));
	assert_null(mr_spec_namespace_of(s, MR_NS_NETWORK));
	assert_null(mr_spec_namespace_of(s, MR_NS_UTS));
	assert_int_equal(s->mounts.n, 1);
	assert_string_equal(s->mounts.items[0].destination, "/proc");
	assert_string_equal(s->mounts.items[0].type, "proc");
}

static void test_args_are_left_alone(void **state)
{
	(void)state;
	char *args[] = {(char[]){"./prog"}, (char[]){"--flag=\"x\"\n\t\\"}, (char[]){""},
		(char[]){"\xc3\xa4"}, NULL};
	auto_spec *s = spec_of((struct mr_command){.args = args});
	assert_int_equal(s->process->args.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(s->process->args.items[i], args[i]);

	char *bad[] = {(char[]){"a\xff"}, NULL}, *none[] = {NULL},
	     *empty[] = {(char[]){""}, NULL};
	refuse((struct mr_command){.args = bad},
		"an argument is not UTF-8 and cannot stand in a spec: \"a\\xff\"");
	refuse((struct mr_command){.args = none}, "no program is given");
	refuse((struct mr_command){.args = empty}, "no program is given");
}

static void test_environment(void **state)
{
	(void)state;
	setenv("MINIRUN_A", "1", 1);
	setenv("MINIRUN_AB", "2", 1);
	unsetenv("MINIRUN_NONE");
	auto_spec *s =
		spec_of((struct mr_command){.env = LIST("MINIRUN_A=new", "MINIRUN_AB",
						    "MINIRUN_NONE", "MINIRUN_EMPTY=")});
	assert_true(has_env(s, "MINIRUN_A=new"));
	assert_false(has_env(s, "MINIRUN_A=1"));
	assert_true(has_env(s, "MINIRUN_AB=2"));
	assert_true(has_env(s, "MINIRUN_EMPTY="));
	assert_false(has_env(s, "MINIRUN_NONE"));
	assert_false(has_env(s, "MINIRUN_NONE="));

	refuse((struct mr_command){.env = LIST("=x")},
		"invalid argument \"=x\" for --env: expected NAME=VALUE or NAME");
	setenv("MINIRUN_A", "\xff", 1);
	refuse((struct mr_command){0},
		"the environment variable MINIRUN_A is not UTF-8 and cannot "
		"stand in a spec: \"MINIRUN_A=\\xff\"");
	assert_non_null(strstr(err.hint, "unset it"));
	mr_spec_free(spec_of((struct mr_command){.env = LIST("MINIRUN_A=x")}));
	unsetenv("MINIRUN_A");
}

static void test_network_hostname_terminal(void **state)
{
	(void)state;
	auto_spec *none = spec_of((struct mr_command){
		.network = "none", .hostname = "box", .tty = true, .read_only = true});
	assert_non_null(mr_spec_namespace_of(none, MR_NS_NETWORK));
	assert_non_null(mr_spec_namespace_of(none, MR_NS_UTS));
	assert_string_equal(none->hostname, "box");
	assert_true(none->process->terminal);
	assert_true(none->root.readonly);
	auto_spec *host = spec_of((struct mr_command){.network = "host"});
	assert_null(mr_spec_namespace_of(host, MR_NS_NETWORK));
	refuse((struct mr_command){.network = "bridge"},
		"invalid argument \"bridge\" for --network: only none (no network but loopback) and "
		"host are known");
}

static void test_oom_score_adj_and_cwd(void **state)
{
	(void)state;
	auto_spec *s =
		spec_of((struct mr_command){.oom_score_adj = "-1000", .workdir = "/tmp"});
	assert_int_equal(s->process->oom_score_adj.value, -1000);
	assert_string_equal(s->process->cwd, "/tmp");
	refuse((struct mr_command){.oom_score_adj = "1001"},
		"invalid argument \"1001\" for --oom-score-adj: expected -1000 to 1000");
	refuse((struct mr_command){.workdir = "tmp"},
		"invalid argument \"tmp\" for --workdir: expected an absolute path");
}

/* --- limits --- */

static void check_memory(
	const char *memory, const char *swap, int64_t limit, int64_t expected)
{
	auto_spec *s =
		spec_of((struct mr_command){.memory = memory, .memory_swap = swap});
	assert_int_equal(s->linux_->resources->memory->limit.value, limit);
	assert_true(s->linux_->resources->memory->swap.set);
	assert_int_equal(s->linux_->resources->memory->swap.value, expected);
}

static void test_memory(void **state)
{
	(void)state;
	check_memory("64m", NULL, 67108864, 67108864);
	check_memory("64m", "0", 67108864, 67108864);
	check_memory("64m", "-1", 67108864, -1);
	check_memory("64m", "1.5g", 67108864, 1610612736);
	check_memory("64m", "64M", 67108864, 67108864);
	check_memory("65536", NULL, 65536, 65536);

	static const char *const without[] = {NULL, "0"};
	for (size_t i = 0; i < 2; i++) {
		auto_spec *s = spec_of(
			(struct mr_command){.memory = without[i], .memory_swap = "-1"});
		assert_null(s->linux_->resources->memory);
	}
	auto_spec *all = spec_of((struct mr_command){.memory = "64m",
		.memory_reservation = "32m",
		.memory_swappiness = "0",
		.oom_kill_disable = "emulate"});
	const struct mr_memory *m = all->linux_->resources->memory;
	assert_int_equal(m->reservation.value, 33554432);
	assert_true(m->swappiness.set && m->swappiness.value == 0);
	assert_true(m->disable_oom_killer.value);
	assert_int_equal(mr_spec_oom_disable_policy(all), MR_OOM_DISABLE_EMULATE);
	auto_spec *plain = spec_of(
		(struct mr_command){.memory = "64m", .oom_kill_disable = "true"});
	assert_true(plain->linux_->resources->memory->disable_oom_killer.value);
	assert_int_equal(plain->annotations.n, 0);
	auto_spec *off = spec_of(
		(struct mr_command){.memory = "64m", .oom_kill_disable = "false"});
	assert_false(off->linux_->resources->memory->disable_oom_killer.set);
}

static void test_bad_memory(void **state)
{
	(void)state;
	refuse((struct mr_command){.oom_kill_disable = "perhaps"},
		"invalid argument \"perhaps\" for --oom-kill-disable: expected true or "
		"false; for cgroup v2 error, warn or emulate");
	refuse((struct mr_command){.memory = "64q"},
		"invalid argument \"64q\" for --memory: expected a size such as 64m, 1.5g or "
		"67108864");
	refuse((struct mr_command){.memory = "-1"},
		"invalid argument \"-1\" for --memory: expected a size such as 64m, 1.5g or 67108864");
	refuse((struct mr_command){.memory_swap = "1g"},
		"invalid argument \"1g\" for --memory-swap: it is memory plus swap, so --memory must "
		"be given too");
	refuse((struct mr_command){.memory = "64m", .memory_swap = "32m"},
		"invalid argument \"32m\" for --memory-swap: it is memory plus swap and cannot be "
		"less than --memory 64m");
	refuse((struct mr_command){.memory = "64m", .memory_reservation = "65m"},
		"invalid argument \"65m\" for --memory-reservation: it cannot be more than --memory "
		"64m");
	refuse((struct mr_command){.memory_swappiness = "101"},
		"invalid argument \"101\" for --memory-swappiness: expected 0 to 100, or -1 for the "
		"host's");
}

static void test_cpu_and_pids(void **state)
{
	(void)state;
	static const struct {
		const char *cpus;
		int64_t quota;
	} rows[] = {{"1.5", 150000}, {"2", 200000}, {"0.01", 1000},
		{"0.123456789", 12345}, {"64.0", 6400000}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_spec *s = spec_of((struct mr_command){.cpus = rows[i].cpus});
		assert_int_equal(s->linux_->resources->cpu->quota.value, rows[i].quota);
		assert_int_equal(s->linux_->resources->cpu->period.value, 100000);
	}
	static const char *const bad[] = {
		"0.001", "1.", ".5", "-1", "x", "1x", "1e3", "", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *json;
		struct mr_command c = {.args = program, .cpus = bad[i]};
		assert_int_equal(mr_command_to_spec(&c, &json, &err), -EINVAL);
		assert_non_null(strstr(err.message, "for --cpus: "));
	}
	auto_spec *s = spec_of((struct mr_command){
		.cpus = "0", .cpuset_cpus = "0-1,3", .pids_limit = "100"});
	assert_false(s->linux_->resources->cpu->quota.set);
	assert_string_equal(s->linux_->resources->cpu->cpus, "0-1,3");
	assert_int_equal(s->linux_->resources->pids_limit.value, 100);
	/* docker: 0 is no limit. */
	auto_spec *zero = spec_of((struct mr_command){.pids_limit = "0"});
	assert_int_equal(zero->linux_->resources->pids_limit.value, -1);
	refuse((struct mr_command){.cpuset_cpus = "a"},
		"invalid argument \"a\" for --cpuset-cpus: expected a list of CPUs such as 0-3,7");
	refuse((struct mr_command){.pids_limit = "-2"},
		"invalid argument \"-2\" for --pids-limit: expected a number of processes, or -1 for "
		"no limit");
}

static void test_cgroup_conf(void **state)
{
	(void)state;
	auto_spec *s = spec_of(
		(struct mr_command){.cgroup_conf = LIST("memory.high=60M",
					    "io.max=8:0 rbps=1", "memory.oom.group=")});
	assert_int_equal(s->linux_->resources->unified.n, 3);
	assert_string_equal(s->linux_->resources->unified.items[1].key, "io.max");
	assert_string_equal(s->linux_->resources->unified.items[1].value, "8:0 rbps=1");
	assert_string_equal(s->linux_->resources->unified.items[2].value, "");
	refuse((struct mr_command){.cgroup_conf = LIST("a.b=1", "a.b=2")},
		"invalid argument \"a.b=2\" for --cgroup-conf: the key was given before");
	refuse((struct mr_command){.cgroup_conf = LIST("memory.high")},
		"invalid argument \"memory.high\" for --cgroup-conf: expected KEY=VALUE such as "
		"memory.high=60M");
}

static void test_ulimits(void **state)
{
	(void)state;
	auto_spec *s =
		spec_of((struct mr_command){.ulimits = LIST("nofile=1024:4096", "core=-1",
						    "stack=0", "nproc=5:unlimited")});
	const struct mr_rlimit *l = s->process->rlimits.items;
	assert_int_equal(s->process->rlimits.n, 4);
	assert_string_equal(l[0].type, "RLIMIT_NOFILE");
	assert_int_equal(l[0].soft, 1024);
	assert_int_equal(l[0].hard, 4096);
	assert_true(l[1].soft == UINT64_MAX && l[1].hard == UINT64_MAX);
	assert_true(l[2].soft == 0 && l[2].hard == 0);
	assert_true(l[3].soft == 5 && l[3].hard == UINT64_MAX);
	static const char *const bad[] = {"nofile", "nofile=", "nofile=x", "nofile=2:1",
		"nofile=-2", "files=1", "=1", "nofile=1:2:3", "nofile=-1:5"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *json;
		struct mr_command c = {.args = program, .ulimits = LIST(bad[i])};
		assert_int_equal(mr_command_to_spec(&c, &json, &err), -EINVAL);
		assert_non_null(strstr(err.message, "for --ulimit: "));
	}
	refuse((struct mr_command){.ulimits = LIST("core=1", "core=2")},
		"invalid argument \"core=2\" for --ulimit: core was given before");
}

/* --- mounts --- */

static void test_volumes(void **state)
{
	(void)state;
	auto_spec *s = spec_of(
		(struct mr_command){.volumes = LIST("/tmp:/mnt/a/../b:ro,nosuid",
					    "/tmp/.:/mnt/c", ".:/mnt/d:rw,rslave")});
	const struct mr_spec_mount *m = mount_at(s, "/mnt/b");
	assert_non_null(m);
	assert_string_equal(m->type, "bind");
	assert_string_equal(m->source, "/tmp");
	assert_true(has_option(m, "rbind") && has_option(m, "rprivate"));
	assert_true(has_option(m, "rro") && has_option(m, "nosuid"));
	assert_string_equal(mount_at(s, "/mnt/c")->source, "/tmp");
	assert_int_equal(mount_at(s, "/mnt/c")->options.n, 2);
	m = mount_at(s, "/mnt/d");
	assert_int_equal(m->source[0], '/');
	assert_true(has_option(m, "rw") && has_option(m, "rslave"));

	static const struct {
		const char *volume, *message;
	} bad[] = {
		{"/tmp", "expected SOURCE:DESTINATION[:ro] with an absolute destination"},
		{"/tmp:x",
			"expected SOURCE:DESTINATION[:ro] with an absolute destination"},
		{":/x", "expected SOURCE:DESTINATION[:ro] with an absolute destination"},
		{"/tmp:/x:ro:rw",
			"expected SOURCE:DESTINATION[:ro] with an absolute destination"},
		{"/tmp:/x:zz", "unknown option \"zz\""},
		{"/tmp:/a/..", "the destination cannot be / (see --rootfs)"},
		{"data:/x", "named volumes do not exist here, give a path (\"./data\")"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char message[200];
		snprintf(message, sizeof(message),
			"invalid argument \"%s\" for --volume: %s", bad[i].volume,
			bad[i].message);
		refuse((struct mr_command){.volumes = LIST(bad[i].volume)}, message);
	}
	refuse((struct mr_command){.volumes = LIST("/no/such:/x")},
		"--volume: source '/no/such': missing (ENOENT)");
}

static void test_rootfs(void **state)
{
	(void)state;
	static const char *const expected[] = {
		"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"};
	auto_spec *s = spec_of((struct mr_command){.rootfs = "/tmp/..//tmp"});
	assert_string_equal(s->root.path, "/tmp");
	assert_string_equal(s->process->cwd, "/");
	assert_int_equal(s->mounts.n, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(s->mounts.items[i].destination, expected[i]);
	assert_true(has_option(mount_at(s, "/dev/shm"), "size=67108864"));
	assert_true(has_option(mount_at(s, "/sys"), "ro") ||
		    has_option(mount_at(s, "/sys"), "rro"));

	auto_spec *sized = spec_of((struct mr_command){.shm_size = "1g"});
	assert_int_equal(sized->mounts.n, 2);
	assert_true(has_option(mount_at(sized, "/dev/shm"), "size=1073741824"));
	refuse((struct mr_command){.rootfs = "/no/such"},
		"--rootfs '/no/such': missing (ENOENT)");
	refuse((struct mr_command){.shm_size = "0"},
		"invalid argument \"0\" for --shm-size: expected a size such as 64m or 1.5g");
}

/* --- users: a rootfs with a passwd of its own --- */

static char rootfs[] = "/tmp/minirun-test-command-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", rootfs, name);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(mr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void remove_file(const char *name)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", rootfs, name);
	unlink(path);
}

static int make_rootfs(void **state)
{
	(void)state;
	char path[100];
	if (!mkdtemp(rootfs))
		return -1;
	snprintf(path, sizeof(path), "%s/etc", rootfs);
	if (mkdir(path, 0755) < 0)
		return -1;
	put_file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
			       "# a comment\n"
			       "broken:x:abc:0::/:/bin/sh\n"
			       "huge:x:4294967296:0::/:/bin/sh\n"
			       "short:x:5\n"
			       "1000:x:0:0:a trap:/root:/bin/sh\n"
			       "alice:x:1001:100:Alice:/home/alice:/bin/sh\n"
			       "alice:x:0:0:too late:/root:/bin/sh\n");
	put_file("etc/group", "root:x:0:\n"
			      "users:x:100:alice\n"
			      "audio:x:29:bob,alice\n"
			      "video:x:44:alice2,xalice\n"
			      "wheel:x:10:alice\n"
			      "bad:x:-1:alice\n");
	return 0;
}

static int remove_rootfs(void **state)
{
	(void)state;
	char path[100];
	remove_file("etc/passwd");
	remove_file("etc/group");
	snprintf(path, sizeof(path), "%s/etc", rootfs);
	return rmdir(path) < 0 || rmdir(rootfs) < 0 ? -1 : 0;
}

static const struct mr_caller root_caller = {
	.effective = BIT(CAP_SYS_ADMIN) | BIT(CAP_KILL) | BIT(CAP_NET_RAW),
	.bounding = UINT64_MAX >> 23,
};
static const struct mr_caller plain_caller = {
	.uid = 1000, .gid = 1000, .bounding = UINT64_MAX >> 23, .user_ns = true};

static int look_up(const char *text, struct mr_command_user *ret)
{
	return mr_command_user(text, rootfs, &root_caller, ret, &err);
}

static void check_user(const char *text, uint32_t uid, uint32_t gid, size_t n_groups)
{
	struct mr_command_user u;
	if (look_up(text, &u) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_int_equal(u.n_groups, n_groups);
	mr_command_user_clear(&u);
}

static void test_users(void **state)
{
	(void)state;
	check_user("0", 0, 0, 0);
	check_user("root", 0, 0, 0);
	check_user("1000", 1000, 0, 0); /* never the name */
	check_user("1001", 1001, 100, 2);
	check_user("alice", 1001, 100, 2);
	check_user("alice:video", 1001, 44, 0);
	check_user("alice:7", 1001, 7, 0);
	check_user("7:audio", 7, 29, 0);
	check_user("2147483647:2147483647", INT32_MAX, INT32_MAX, 0);

	struct mr_command_user u;
	assert_int_equal(look_up("alice", &u), 0);
	assert_int_equal(u.groups[0], 29);
	assert_int_equal(u.groups[1], 10);
	mr_command_user_clear(&u);
}

static void test_bad_users(void **state)
{
	(void)state;
	static const char *const bad[] = {"", ":", ":2", "1:", "1:2:3", "0x1", "1 ", " 1",
		"-1", "+1", "4294967295", "4294967296", "2147483648", "1:4294967295",
		"1:-1", "nobody", "broken", "huge", "short", "alice:nobody", "alice:bad",
		"Alice", "1000a"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_command_user u;
		int r = look_up(bad[i], &u);
		if (r >= 0)
			print_error("\"%s\" was taken\n", bad[i]);
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err.message, "for --user: "));
		mr_command_user_clear(&u);
	}
}

static void test_no_user_is_the_caller(void **state)
{
	(void)state;
	gid_t groups[] = {4, 24};
	struct mr_caller caller = root_caller;
	caller.uid = 5;
	caller.gid = 6;
	caller.groups = groups;
	caller.n_groups = 2;
	struct mr_command_user u;
	assert_int_equal(mr_command_user(NULL, rootfs, &caller, &u, &err), 0);
	assert_int_equal(u.uid, 5);
	assert_int_equal(u.gid, 6);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(u.groups[1], 24);
	mr_command_user_clear(&u);

	/* setgroups(2) is denied in a user namespace that everybody may make. */
	caller.user_ns = true;
	assert_int_equal(mr_command_user(NULL, rootfs, &caller, &u, &err), 0);
	assert_int_equal(u.n_groups, 0);
	mr_command_user_clear(&u);
}

static void test_hostile_databases(void **state)
{
	(void)state;
	char path[100], target[100];
	struct mr_command_user u;
	snprintf(path, sizeof(path), "%s/etc/passwd", rootfs);
	alarm(5);

	/* A link out of the rootfs ends inside it. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/../../../../../../etc/hostname", path), 0);
	check_user("7", 7, 0, 0);
	assert_int_equal(look_up("root", &u), -EINVAL);
	mr_command_user_clear(&u);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(look_up("alice", &u), -EINVAL);
	assert_non_null(strstr(err.message, "is not a regular file"));
	mr_command_user_clear(&u);

	assert_int_equal(unlink(path), 0);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, INT64_C(1) << 30), 0);
	close(fd);
	assert_int_equal(look_up("alice", &u), -EFBIG);
	assert_non_null(strstr(err.message, "is larger than 4 MiB"));
	mr_command_user_clear(&u);

	/* Inside the rootfs a link is as good as a file. */
	snprintf(target, sizeof(target), "%s/etc/passwd.real", rootfs);
	assert_int_equal(rename(path, target), 0);
	put_file("etc/passwd.real", "eve:x:3:4::/:\n");
	assert_int_equal(symlink("/etc/passwd.real", path), 0);
	check_user("eve", 3, 4, 0);
	remove_file("etc/passwd.real");
	alarm(0);
}

static void test_user_namespace_only_where_needed(void **state)
{
	(void)state;
	struct mr_caller caller;
	assert_int_equal(mr_caller_read(&caller, &err), 0);
	auto_spec *s = spec_of((struct mr_command){.user = "0:0"});
	assert_int_equal(mr_spec_namespace_of(s, MR_NS_USER) != NULL, caller.user_ns);
	assert_int_equal(s->linux_->uid_mappings.n, caller.user_ns);
	assert_int_equal(s->linux_->gid_mappings.n, caller.user_ns);
	if (caller.user_ns) {
		assert_int_equal(s->linux_->uid_mappings.items[0].container_id, 0);
		assert_int_equal(s->linux_->uid_mappings.items[0].host_id, geteuid());
		assert_int_equal(s->linux_->gid_mappings.items[0].size, 1);
	}
	mr_caller_clear(&caller);
}

/* --- capabilities --- */

static struct mr_spec *caps_of(
	const struct mr_command *c, const struct mr_caller *caller, uint32_t uid)
{
	struct mr_json_writer w = {0};
	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "cwd", "/");
	if (mr_command_capabilities(c, caller, uid, &w, &err) < 0) {
		mr_str_clear(&w.out);
		return NULL;
	}
	mr_json_end(&w);
	autofree char *json = mr_str_take(&w.out);
	struct mr_spec *holder = calloc(1, sizeof(*holder));
	assert_int_equal(
		mr_spec_parse_process("caps", json, strlen(json), holder, NULL, &err), 0);
	return holder;
}

static bool equals(const struct mr_list *list, const char *const *names)
{
	size_t n = 0;
	while (names[n] && n < list->n && strcmp(names[n], list->items[n]) == 0)
		n++;
	return !names[n] && n == list->n;
}

static void test_root_keeps_what_it_has(void **state)
{
	(void)state;
	auto_spec *s = caps_of(&(struct mr_command){0}, &root_caller, 0);
	const char *const *held = LIST("CAP_KILL", "CAP_NET_RAW", "CAP_SYS_ADMIN");
	assert_true(equals(&s->process->capabilities->effective, held));
	assert_true(equals(&s->process->capabilities->permitted, held));
	assert_true(equals(&s->process->capabilities->bounding, held));
	assert_true(s->process->capabilities->inheritable.set);
	assert_int_equal(s->process->capabilities->inheritable.n, 0);
	assert_int_equal(s->process->capabilities->ambient.n, 0);
}

static void test_add_and_drop(void **state)
{
	(void)state;
	const struct mr_command dropped = {.cap_drop = LIST("CAP_KILL", "net_raw")};
	auto_spec *a = caps_of(&dropped, &root_caller, 0);
	assert_true(equals(&a->process->capabilities->effective, LIST("CAP_SYS_ADMIN")));
	assert_true(equals(&a->process->capabilities->bounding, LIST("CAP_SYS_ADMIN")));

	const struct mr_command one = {.cap_drop = LIST("ALL"), .cap_add = LIST("KILL")};
	auto_spec *b = caps_of(&one, &root_caller, 0);
	assert_true(equals(&b->process->capabilities->permitted, LIST("CAP_KILL")));
	assert_true(equals(&b->process->capabilities->bounding, LIST("CAP_KILL")));

	const struct mr_command all = {.cap_add = LIST("all"), .cap_drop = LIST("KILL")};
	auto_spec *c = caps_of(&all, &root_caller, 0);
	assert_true(equals(&c->process->capabilities->effective,
		LIST("CAP_NET_RAW", "CAP_SYS_ADMIN")));

	const struct mr_command unknown = {.cap_add = LIST("CAP_FOO")};
	assert_null(caps_of(&unknown, &root_caller, 0));
	assert_non_null(strstr(
		err.message, "invalid argument \"CAP_FOO\" for --cap-add: unknown"));
}

static void test_other_user_has_none_unless_added(void **state)
{
	(void)state;
	const struct mr_command none = {.user = "1000"};
	auto_spec *a = caps_of(&none, &root_caller, 1000);
	assert_int_equal(a->process->capabilities->effective.n, 0);
	assert_int_equal(a->process->capabilities->permitted.n, 0);
	assert_int_equal(a->process->capabilities->bounding.n, 3);

	const struct mr_command added = {.user = "1000", .cap_add = LIST("NET_RAW")};
	auto_spec *b = caps_of(&added, &root_caller, 1000);
	const char *const *one = LIST("CAP_NET_RAW");
	assert_true(equals(&b->process->capabilities->effective, one));
	assert_true(equals(&b->process->capabilities->inheritable, one));
	assert_true(equals(&b->process->capabilities->ambient, one));
}

static void test_ordinary_caller(void **state)
{
	(void)state;
	auto_spec *a = caps_of(&(struct mr_command){0}, &plain_caller, 1000);
	assert_int_equal(a->process->capabilities->effective.n, 0);
	assert_int_equal(a->process->capabilities->bounding.n, 41);
	/* Root of a user namespace of its own. */
	const struct mr_command root = {.user = "0"};
	auto_spec *b = caps_of(&root, &plain_caller, 0);
	assert_int_equal(b->process->capabilities->effective.n, 41);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_args_are_left_alone),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_network_hostname_terminal),
		cmocka_unit_test(test_oom_score_adj_and_cwd),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bad_memory),
		cmocka_unit_test(test_cpu_and_pids),
		cmocka_unit_test(test_cgroup_conf),
		cmocka_unit_test(test_ulimits),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_rootfs),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_bad_users),
		cmocka_unit_test(test_no_user_is_the_caller),
		cmocka_unit_test(test_user_namespace_only_where_needed),
		cmocka_unit_test(test_root_keeps_what_it_has),
		cmocka_unit_test(test_add_and_drop),
		cmocka_unit_test(test_other_user_has_none_unless_added),
		cmocka_unit_test(test_ordinary_caller),
		cmocka_unit_test(test_hostile_databases),
	};
	return cmocka_run_group_tests(tests, make_rootfs, remove_rootfs);
}
