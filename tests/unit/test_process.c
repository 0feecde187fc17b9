/* SPDX-License-Identifier: Apache-2.0 */
/* process, program, schedule: the plan; the program and its exact error texts; HOME; what
 * is in force afterwards. Effects are tried in a child. */
#include "sandbox/process.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mr-test-process-XXXXXX";

struct fixture {
	struct mr_linux linux_;
	struct mr_spec_process process;
	struct mr_spec spec;
	struct mr_host host;
	struct mr_arena arena;
	struct mr_strv warnings;
	struct mr_process_plan plan;
};

/* What a child did, seen by the test. */
struct outcome {
	int r;
	struct mr_error err;
	int64_t values[4];
	char text[256];
};
static struct outcome *out;

static int set_up(void **state)
{
	(void)state;
	out = mmap(NULL, sizeof(*out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (out == MAP_FAILED || mkdtemp(dir) == NULL)
		return -1;
	/* PATH and modes are looked at by other users, too. */
	return chmod(dir, 0755);
}

static int tear_down(void **state)
{
	(void)state;
	munmap(out, sizeof(*out));
	return rmdir(dir);
}

static struct mr_list list_of(char **items)
{
	struct mr_list list = {.items = items, .set = true};
	while (items[list.n] != NULL)
		list.n++;
	return list;
}
#define LIST(...) list_of((char *[]){__VA_ARGS__, NULL})

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	memset(out, 0, sizeof(*out));
	f->spec.process = &f->process;
	f->spec.linux_ = &f->linux_;
	f->process.oom_score_adj = (struct mr_int){.set = true, .value = 0};
	f->process.uid = geteuid();
	f->process.gid = getegid();
}

static void plan(struct fixture *f)
{
	struct mr_error err = {0};
	assert_int_equal(mr_process_plan(&f->spec, &f->host, &f->arena, &f->plan,
				 &f->warnings, &err),
		0);
}

static void clear(struct fixture *f)
{
	mr_arena_clear(&f->arena);
	mr_strv_clear(&f->warnings);
}

/* Run @child in a process of its own, at most @seconds. */
static void in_child(void (*child)(struct fixture *), struct fixture *f, unsigned seconds)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(seconds);
		child(f);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static int next;
	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(mr_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* --- plan --- */

static void last_value_of_a_variable_stands(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.process.env = LIST("PATH=/a", "A=1", "PATHX=z", "PATH=/b", "A=2", "A=3");
	plan(&f);
	assert_int_equal(f.plan.n_env, 3);
	assert_string_equal(f.plan.env[0], "PATHX=z");
	assert_string_equal(f.plan.env[1], "PATH=/b");
	assert_string_equal(f.plan.env[2], "A=3");
	assert_null(f.plan.env[3]);
	assert_false(f.plan.has_home);
	clear(&f);
}

static void huge_environment_is_fast(void **state)
{
	(void)state;
	struct fixture f;
	size_t n = 100000;
	auto_strv env = {0};
	init(&f);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mr_strv_addf(&env, "V%zu=%zu", i % 60000, i), 0);
	f.process.env = (struct mr_list){.items = env.items, .n = env.n, .set = true};
	int64_t start = mr_now_mono_ns();
	plan(&f);
	assert_true(mr_now_mono_ns() - start < 2000000000);
	assert_int_equal(f.plan.n_env, 60000);
	assert_string_equal(f.plan.env[0], "V40000=40000");
	assert_string_equal(f.plan.env[59999], "V39999=99999");
	clear(&f);
}

static void personality_flags_warn(void **state)
{
	(void)state;
	struct fixture f;
	char domain[] = "LINUX";
	struct mr_personality p = {.domain = domain};
	init(&f);
	p.flags = LIST("SOMETHING");
	f.linux_.personality = &p;
	plan(&f);
	assert_int_equal(f.warnings.n, 1);
	assert_non_null(strstr(f.warnings.items[0], "linux.personality.flags"));
	clear(&f);
}

/* --- the program --- */

/* Find args[0] with PATH=dir, with the exit code and the exact end of the message. */
static void assert_found(char *name, const char *path)
{
	struct fixture f;
	struct mr_error err = {0};
	char variable[512];
	const char *found = NULL;
	init(&f);
	snprintf(variable, sizeof(variable), "PATH=/nonexistent:%s:%s/dir", dir, dir);
	f.process.env = LIST(variable);
	f.process.args = LIST(name);
	plan(&f);
	int r = mr_process_find_program(&f.plan, &f.arena, &found, &err);
	if (r < 0)
		print_message("%s | %s\n", err.message, err.hint);
	assert_int_equal(r, 0);
	assert_string_equal(found, path);
	clear(&f);
}

static void assert_not_found(
	const char *name, const char *variable, int exit_code, const char *end)
{
	struct fixture f;
	struct mr_error err = {0};
	const char *found = NULL;
	autofree char *arg = strdup(name), *env = strdup(variable);
	init(&f);
	f.process.env = LIST(env);
	f.process.args = LIST(arg);
	plan(&f);
	assert_true(mr_process_find_program(&f.plan, &f.arena, &found, &err) < 0);
	assert_null(found);
	if (!mr_has_suffix(err.message, end))
		print_message("got '%s', expected '%s'\n", err.message, end);
	assert_true(mr_has_suffix(err.message, end));
	assert_int_equal(err.exit_code, exit_code);
	clear(&f);
}

static void program_is_found(void **state)
{
	(void)state;
	char name[] = "prog";
	char path[256];
	snprintf(path, sizeof(path), "%s/prog", dir);
	put_file(path, "#!/bin/sh\n", 0755);
	assert_found(name, path);
	assert_found(path, path);
	unlink(path);
}

static void program_errors_are_those_that_engines_match(void **state)
{
	(void)state;
	char variable[512];
	snprintf(variable, sizeof(variable), "PATH=%s", dir);
	put_file(in_dir("plain"), "text", 0644);
	assert_int_equal(mkdir(in_dir("sub"), 0755), 0);
	assert_int_equal(mkfifo(in_dir("fifo"), 0755), 0);
	assert_int_equal(symlink("loop", in_dir("loop")), 0);

	assert_not_found("nosuch", variable, 127, ": executable file not found in $PATH");
	assert_not_found("nosuch", "A=B", 127, ": executable file not found in $PATH");
	assert_not_found("", variable, 127, ": executable file not found in $PATH");
	assert_not_found("sub", variable, 127, ": executable file not found in $PATH");
	assert_not_found("plain", variable, 126, ": permission denied");
	assert_not_found(in_dir("nosuch"), variable, 127, ": no such file or directory");
	assert_not_found(in_dir("plain/x"), variable, 127, ": no such file or directory");
	assert_not_found(in_dir("plain"), variable, 126, ": permission denied");
	assert_not_found(in_dir("sub"), variable, 126, ": permission denied");
	assert_not_found(in_dir("fifo"), variable, 126, ": permission denied");
	assert_not_found("/dev/null", variable, 126, ": permission denied");
	assert_not_found(in_dir("loop"), variable, 126, strerror(ELOOP));

	unlink(in_dir("plain"));
	unlink(in_dir("fifo"));
	unlink(in_dir("loop"));
	rmdir(in_dir("sub"));
}

static void exec_child(struct fixture *f)
{
	out->r = mr_process_exec(&f->plan, f->process.args.items[0], &out->err);
}

static void assert_exec_fails(const char *path, int exit_code, const char *end)
{
	struct fixture f;
	autofree char *arg = strdup(path);
	init(&f);
	f.process.args = LIST(arg);
	plan(&f);
	in_child(exec_child, &f, 5);
	assert_true(out->r < 0);
	assert_true(mr_has_suffix(out->err.message, end));
	assert_int_equal(out->err.exit_code, exit_code);
	clear(&f);
}

static void exec_errors(void **state)
{
	(void)state;
	put_file(in_dir("garbage"), "\1\2\3", 0755);
	put_file(in_dir("script"), "#!/nonexistent/interpreter\n", 0755);
	put_file(in_dir("plain"), "#!/bin/sh\n", 0644);
	assert_exec_fails(in_dir("garbage"), 126, ": exec format error");
	assert_exec_fails(in_dir("script"), 127, ", or its dynamic loader");
	assert_non_null(strstr(out->err.message, ": no such file or directory: "));
	assert_exec_fails(in_dir("plain"), 126, ": permission denied");
	unlink(in_dir("garbage"));
	unlink(in_dir("script"));
	unlink(in_dir("plain"));
}

/* --- HOME --- */

static void home_child(struct fixture *f)
{
	if (chroot(dir) < 0) {
		out->r = -errno;
		return;
	}
	int64_t start = mr_now_mono_ns();
	out->r = mr_process_find_home(&f->plan, &f->arena, &out->err);
	out->values[0] = mr_now_mono_ns() - start;
	snprintf(out->text, sizeof(out->text), "%s", f->plan.env[f->plan.n_env - 1]);
}

static void assert_home(uint32_t uid, const char *expected)
{
	struct fixture f;
	init(&f);
	f.process.uid = uid;
	f.process.env = LIST("A=1");
	plan(&f);
	in_child(home_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_string_equal(out->text, expected);
	assert_true(out->values[0] < 1000000000);
	clear(&f);
}

static void make_passwd(const char *text)
{
	unlink(in_dir("etc/passwd"));
	if (text != NULL)
		put_file(in_dir("etc/passwd"), text, 0644);
}

static void chroot_child(struct fixture *f)
{
	(void)f;
	out->r = chroot(dir);
}

static void home_comes_from_passwd(void **state)
{
	(void)state;
	in_child(chroot_child, NULL, 5);
	if (out->r != 0) {
		print_message("needs CAP_SYS_CHROOT\n");
		skip();
	}
	size_t n = 3u << 20;
	autofree char *huge = malloc(n + 64);
	assert_non_null(huge);
	assert_int_equal(mkdir(in_dir("etc"), 0755), 0);

	make_passwd("root:x:0:0:r:/root:/bin/sh\nbad\na:x:1000x:1:::/x\nu:x:1000:1::/"
		    "home/u:/bin/sh");
	assert_home(0, "HOME=/root");
	assert_home(1000, "HOME=/home/u");
	assert_home(1001, "HOME=/");
	make_passwd("1000:x:0:0::/root:/bin/"
		    "sh\nu:x:1000:1:::\nv:x:1000:1::rel:\nw:x:1000:1::/w:");
	assert_home(1000, "HOME=/w");
	make_passwd(NULL);
	assert_home(0, "HOME=/");

	memset(huge, 'x', n);
	snprintf(huge + 8000, 64, "\nu:x:5:5::/five:/bin/sh\n");
	huge[8000 + strlen("\nu:x:5:5::/five:/bin/sh\n")] = 'x';
	snprintf(huge + n, 64, "\nu:x:6:6::/six:/bin/sh\n");
	make_passwd(huge);
	assert_home(5, "HOME=/five"); /* a line too long before it */
	assert_home(6, "HOME=/");     /* too far into the file */

	make_passwd(NULL);
	assert_int_equal(mkfifo(in_dir("etc/passwd"), 0644), 0);
	assert_home(0, "HOME=/");
	make_passwd(NULL);
	assert_int_equal(symlink("passwd", in_dir("etc/passwd")), 0);
	assert_home(0, "HOME=/");
	make_passwd(NULL);
	rmdir(in_dir("etc"));
}

static void home_that_was_given_stays(void **state)
{
	(void)state;
	struct fixture f;
	struct mr_error err = {0};
	init(&f);
	f.process.env = LIST("HOME=/mine");
	plan(&f);
	assert_true(f.plan.has_home);
	assert_int_equal(mr_process_find_home(&f.plan, &f.arena, &err), 0);
	assert_int_equal(f.plan.n_env, 1);
	assert_string_equal(f.plan.env[0], "HOME=/mine");
	clear(&f);
}

/* --- effects --- */

static void limits_child(struct fixture *f)
{
	struct rlimit now;

	out->r = mr_process_set_rlimits(&f->plan, &out->err);
	getrlimit(RLIMIT_NOFILE, &now);
	out->values[0] = (int64_t)now.rlim_cur;
	out->values[1] = (int64_t)now.rlim_max;
}

static void rlimits_are_set(void **state)
{
	(void)state;
	struct fixture f;
	char type[] = "RLIMIT_NOFILE", unknown[] = "RLIMIT_NOSUCH";
	struct mr_rlimit limit = {.type = type, .soft = 60, .hard = 70};
	init(&f);
	f.process.rlimits.items = &limit;
	f.process.rlimits.n = 1;
	plan(&f);
	in_child(limits_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 60);
	assert_int_equal(out->values[1], 70);

	limit.type = unknown;
	in_child(limits_child, &f, 5);
	assert_int_equal(out->r, -EINVAL);
	assert_non_null(strstr(out->err.message, "RLIMIT_NOSUCH"));
	clear(&f);
}

static void lowered_limits_child(struct fixture *f)
{
	struct rlimit low = {.rlim_cur = 50, .rlim_max = 50};
	setrlimit(RLIMIT_NOFILE, &low);
	if (geteuid() == 0 && setresuid(1234, 1234, 1234) < 0)
		_exit(1);
	out->r = mr_process_set_rlimits(&f->plan, &out->err);
}

static void refused_rlimit_names_the_cure(void **state)
{
	(void)state;
	struct fixture f;
	char type[] = "RLIMIT_NOFILE";
	struct mr_rlimit limit = {.type = type, .soft = 60, .hard = 60};
	init(&f);
	f.process.rlimits.items = &limit;
	f.process.rlimits.n = 1;
	plan(&f);
	in_child(lowered_limits_child, &f, 5);
	assert_int_equal(out->r, -EPERM);
	assert_non_null(strstr(out->err.message, "RLIMIT_NOFILE to soft 60, hard 60"));
	assert_null(strstr(out->err.message, "ermitted"));
	assert_non_null(strstr(out->err.hint, "in force is 50"));
	assert_non_null(strstr(out->err.hint, "CAP_SYS_RESOURCE"));
	clear(&f);
}

static void oom_child(struct fixture *f)
{
	char text[32] = "";
	autoclose int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	out->r = mr_process_set_oom_score_adj(&f->plan, proc, &out->err);
	mr_read_line_at(proc, "self/oom_score_adj", text, sizeof(text));
	mr_parse_i64(text, &out->values[0]);
}

static void oom_score_adj_is_set(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.process.oom_score_adj.value = 777;
	plan(&f);
	in_child(oom_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 777);

	f.process.oom_score_adj.set = false;
	in_child(oom_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_not_equal(out->values[0], 777);
	clear(&f);
}

static void user_child(struct fixture *f)
{
	gid_t groups[8];
	uid_t r, e, s;

	umask(0051);
	out->r = mr_process_set_user(&f->plan, false, &out->err);
	getresuid(&r, &e, &s);
	out->values[0] = r == e && e == s ? (int64_t)r : -1;
	out->values[1] = getegid();
	out->values[2] = getgroups(8, groups);
	out->values[3] = umask(0);
}

static void user_groups_and_umask(void **state)
{
	(void)state;
	struct fixture f;
	uint32_t groups[] = {7, 8};
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	init(&f);
	f.process.uid = 1234;
	f.process.gid = 2345;
	f.process.additional_gids.items = groups;
	f.process.additional_gids.n = 2;
	f.process.umask = (struct mr_uint){.set = true, .value = 0027};
	plan(&f);
	in_child(user_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 1234);
	assert_int_equal(out->values[1], 2345);
	assert_int_equal(out->values[2], 2);
	assert_int_equal(out->values[3], 0027);

	f.process.additional_gids.n = 0;
	f.process.umask.set = false;
	in_child(user_child, &f, 5);
	assert_int_equal(out->values[2], 0);
	assert_int_equal(out->values[3], 0051);
	clear(&f);
}

static void groups_cannot_be_set_where_denied(void **state)
{
	(void)state;
	struct fixture f;
	struct mr_error err = {0};
	uint32_t groups[] = {7};
	init(&f);
	f.process.additional_gids.items = groups;
	f.process.additional_gids.n = 1;
	plan(&f);
	assert_int_equal(mr_process_set_user(&f.plan, true, &err), -EPERM);
	assert_non_null(strstr(err.message, "additionalGids"));
	clear(&f);
}

static void stdio_child(struct fixture *f)
{
	int ends[2];
	struct stat st = {0}, before = {0}, null = {0};
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fstat(nothing, &before);
	if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], 1) < 0 || dup2(nothing, 0) < 0)
		_exit(1);
	out->r = mr_process_own_stdio(&f->plan, &out->err);
	fstat(1, &st);
	fstat(0, &null);
	out->values[0] = st.st_uid;
	out->values[1] = null.st_uid == before.st_uid;
}

static void stdio_belongs_to_the_user(void **state)
{
	(void)state;
	struct fixture f;
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	init(&f);
	f.process.uid = 1234;
	plan(&f);
	in_child(stdio_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 1234);
	assert_int_equal(out->values[1], 1);
	clear(&f);
}

static void schedule_child(struct fixture *f)
{
	out->r = mr_process_set_scheduling(&f->plan, &f->spec, &out->err);
	errno = 0;
	out->values[0] = getpriority(PRIO_PROCESS, 0);
	out->values[1] = syscall(SYS_sched_getscheduler, 0);
	out->values[2] = syscall(SYS_ioprio_get, 1, 0);
	out->values[3] = personality(0xffffffff);
}

static void scheduling_is_set(void **state)
{
	(void)state;
	struct fixture f;
	char batch[] = "SCHED_BATCH", be[] = "IOPRIO_CLASS_BE", domain[] = "LINUX32";
	struct mr_scheduler s = {.policy = batch, .nice = {.set = true, .value = 7}};
	struct mr_io_priority io = {.class = be, .priority = {.set = true, .value = 6}};
	struct mr_personality p = {.domain = domain};
	init(&f);
	f.process.scheduler = &s;
	f.process.io_priority = &io;
	f.linux_.personality = &p;
	plan(&f);
	in_child(schedule_child, &f, 5);
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 7);
	assert_int_equal(out->values[1], 3);
	assert_int_equal(out->values[2], (2 << 13) | 6);
	assert_int_equal(out->values[3], PER_LINUX32);

	char wrong[] = "SCHED_NOSUCH";
	s.policy = wrong;
	in_child(schedule_child, &f, 5);
	assert_int_equal(out->r, -EINVAL);
	assert_non_null(strstr(out->err.message, "SCHED_NOSUCH"));
	clear(&f);
}

static void memory_child(struct fixture *f)
{
	int mode = -1;
	unsigned long mask[16] = {0};
	out->r = mr_process_set_scheduling(&f->plan, &f->spec, &out->err);
	syscall(SYS_get_mempolicy, &mode, mask, 1024UL, NULL, 0UL);
	out->values[0] = mode;
	out->values[1] = (int64_t)mask[0];
}

static void memory_policy_is_set(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"x", "0-", "3-1", "0,,1", ",", "1024", "0 ", "-1", "0-1-2"};
	struct fixture f;
	char bind[] = "MPOL_BIND", zero[] = "0";
	struct mr_memory_policy policy = {.mode = bind, .nodes = zero};
	init(&f);
	f.linux_.memory_policy = &policy;
	plan(&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		autofree char *nodes = strdup(bad[i]);
		policy.nodes = nodes;
		in_child(memory_child, &f, 5);
		assert_int_equal(out->r, -EINVAL);
		assert_non_null(strstr(out->err.message, "is no list"));
	}
	policy.nodes = zero;
	in_child(memory_child, &f, 5);
	clear(&f);
	if (out->r == -ENOSYS)
		skip(); /* kernel without CONFIG_NUMA */
	assert_int_equal(out->r, 0);
	assert_int_equal(out->values[0], 2);
	assert_int_equal(out->values[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_value_of_a_variable_stands),
		cmocka_unit_test(huge_environment_is_fast),
		cmocka_unit_test(personality_flags_warn),
		cmocka_unit_test(program_is_found),
		cmocka_unit_test(program_errors_are_those_that_engines_match),
		cmocka_unit_test(exec_errors),
		cmocka_unit_test(home_comes_from_passwd),
		cmocka_unit_test(home_that_was_given_stays),
		cmocka_unit_test(rlimits_are_set),
		cmocka_unit_test(refused_rlimit_names_the_cure),
		cmocka_unit_test(oom_score_adj_is_set),
		cmocka_unit_test(user_groups_and_umask),
		cmocka_unit_test(groups_cannot_be_set_where_denied),
		cmocka_unit_test(stdio_belongs_to_the_user),
		cmocka_unit_test(scheduling_is_set),
		cmocka_unit_test(memory_policy_is_set),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
