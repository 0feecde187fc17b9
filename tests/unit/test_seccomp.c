/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp: what the compiled program answers (run by a small interpreter of classic BPF),
 * errors of the profile, the cache, and a loaded filter. */
#include "sandbox/seccomp.h"

#include "base/io.h"
#include "base/json.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static char dir[] = "/tmp/mr-test-seccomp-XXXXXX";
static char cache[64];

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* --- the profile under test --- */

struct fixture {
	struct mr_seccomp profile;
	struct mr_seccomp_rule rules[4];
	struct mr_seccomp_arg args[4];
	struct mr_linux linux_;
	struct mr_spec spec;
	struct mr_seccomp_plan plan;
	struct mr_strv warnings;
	struct mr_error err;
};

static struct mr_list list_of(char **items)
{
	struct mr_list list = {.items = items, .set = true};
	while (items[list.n] != NULL)
		list.n++;
	return list;
}
#define LIST(...) list_of((char *[]){__VA_ARGS__, NULL})

/* Literals are never written to; the spec's members are not const. */
static char *text(const char *literal)
{
	char *p;
	memcpy(&p, &literal, sizeof(p));
	return p;
}

static void init(struct fixture *f, const char *default_action)
{
	memset(f, 0, sizeof(*f));
	f->profile.default_action = text(default_action);
	f->profile.syscalls.items = f->rules;
	f->linux_.seccomp = &f->profile;
	f->spec.linux_ = &f->linux_;
}

static struct mr_seccomp_rule *add(
	struct fixture *f, const char *action, struct mr_list names)
{
	struct mr_seccomp_rule *rule = &f->rules[f->profile.syscalls.n++];
	rule->names = names;
	rule->action = text(action);
	return rule;
}

static int plan(struct fixture *f, const char *cache_dir)
{
	mr_seccomp_clear(&f->plan);
	return mr_seccomp_plan(&f->spec, cache_dir, &f->plan, &f->warnings, &f->err);
}

static void clear(struct fixture *f)
{
	mr_seccomp_clear(&f->plan);
	mr_strv_clear(&f->warnings);
}

/* --- the interpreter --- */

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;
	assert_true(offset + sizeof(word) <= sizeof(*data));
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool compare(unsigned code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		fail_msg("unexpected jump %#x", code);
	}
	return false;
}

static uint32_t run(const struct mr_seccomp_plan *p, uint32_t arch, uint32_t nr,
	uint64_t arg0, uint64_t arg1)
{
	struct seccomp_data data = {.arch = arch, .nr = (int)nr, .args = {arg0, arg1}};
	uint32_t a = 0;

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->filter[pc];
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			a = load(&data, i->k);
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(i->code), BPF_AND);
			a &= i->k;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				pc += i->k;
			else
				pc += compare(i->code, a, i->k) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return i->k;
		default:
			fail_msg("unexpected instruction %#x", i->code);
		}
	}
	fail_msg("ran off the end");
	return 0;
}

#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define RUN(f, nr) run(&(f).plan, NATIVE, (uint32_t)(nr), 0, 0)

/* --- tests --- */

static void no_profile_is_no_filter(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ALLOW");
	f.linux_.seccomp = NULL;
	assert_int_equal(plan(&f, NULL), 0);
	assert_false(f.plan.active);
	assert_int_equal(mr_seccomp_apply(&f.plan, &f.err), 0);
}

static void every_action(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t ret;
	} actions[] = {
		{"SCMP_ACT_ERRNO", ERRNO(EPERM)},
		{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
		{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
		{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
		{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM},
		{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
		{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
	};
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		struct fixture f;
		init(&f, "SCMP_ACT_ALLOW");
		f.profile.listener_path = text("/run/agent");
		add(&f, actions[i].name, LIST("getpid"));
		assert_int_equal(plan(&f, NULL), 0);
		assert_true(f.plan.active);
		assert_int_equal(RUN(f, SYS_getpid), actions[i].ret);
		assert_int_equal(RUN(f, SYS_getppid), SECCOMP_RET_ALLOW);
		assert_int_equal(f.plan.notify, actions[i].ret == SECCOMP_RET_USER_NOTIF);
		clear(&f);
	}
}

static void errno_values(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ERRNO");
	f.profile.default_errno_ret = (struct mr_uint){.set = true, .value = ENOSYS};
	add(&f, "SCMP_ACT_ALLOW", LIST("getpid"));
	add(&f, "SCMP_ACT_ERRNO", LIST("getppid"))->errno_ret =
		(struct mr_uint){.set = true, .value = 0};
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(RUN(f, SYS_getpid), SECCOMP_RET_ALLOW);
	assert_int_equal(RUN(f, SYS_getppid), ERRNO(0));
	assert_int_equal(RUN(f, SYS_getuid), ERRNO(ENOSYS));
	clear(&f);
}

static void conditions(void **state)
{
	(void)state;
	static const struct {
		const char *op;
		uint64_t value, value_two, yes, no;
	} cases[] = {
		{"SCMP_CMP_EQ", 5, 0, 5, 6},
		{"SCMP_CMP_NE", 5, 0, 6, 5},
		{"SCMP_CMP_LT", 5, 0, 4, 5},
		{"SCMP_CMP_LE", 5, 0, 5, 6},
		{"SCMP_CMP_GE", 5, 0, 5, 4},
		{"SCMP_CMP_GT", 5, 0, 6, 5},
		{"SCMP_CMP_MASKED_EQ", 0x7e020000, 0, 0x11, 0x10000000},
		{"SCMP_CMP_EQ", 0x100000005, 0, 0x100000005, 5},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		init(&f, "SCMP_ACT_ALLOW");
		struct mr_seccomp_rule *rule = add(&f, "SCMP_ACT_TRAP", LIST("dup"));
		f.args[0] = (struct mr_seccomp_arg){.index = 0,
			.value = cases[i].value,
			.value_two = cases[i].value_two,
			.op = text(cases[i].op)};
		rule->args.items = f.args;
		rule->args.n = 1;
		assert_int_equal(plan(&f, NULL), 0);
		assert_int_equal(
			run(&f.plan, NATIVE, SYS_dup, cases[i].yes, 0), SECCOMP_RET_TRAP);
		assert_int_equal(
			run(&f.plan, NATIVE, SYS_dup, cases[i].no, 0), SECCOMP_RET_ALLOW);
		clear(&f);
	}
}

static void conditions_are_and_but_or_on_one_argument(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ERRNO");
	struct mr_seccomp_rule *both = add(&f, "SCMP_ACT_ALLOW", LIST("dup"));
	f.args[0] = (struct mr_seccomp_arg){
		.index = 0, .value = 1, .op = text("SCMP_CMP_EQ")};
	f.args[1] = (struct mr_seccomp_arg){
		.index = 1, .value = 2, .op = text("SCMP_CMP_EQ")};
	both->args.items = f.args;
	both->args.n = 2;
	struct mr_seccomp_rule *either = add(&f, "SCMP_ACT_ALLOW", LIST("close"));
	f.args[2] = (struct mr_seccomp_arg){
		.index = 0, .value = 3, .op = text("SCMP_CMP_EQ")};
	f.args[3] = (struct mr_seccomp_arg){
		.index = 0, .value = 4, .op = text("SCMP_CMP_EQ")};
	either->args.items = f.args + 2;
	either->args.n = 2;
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(run(&f.plan, NATIVE, SYS_dup, 1, 2), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&f.plan, NATIVE, SYS_dup, 1, 3), ERRNO(EPERM));
	assert_int_equal(run(&f.plan, NATIVE, SYS_dup, 0, 2), ERRNO(EPERM));
	assert_int_equal(run(&f.plan, NATIVE, SYS_close, 3, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&f.plan, NATIVE, SYS_close, 4, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&f.plan, NATIVE, SYS_close, 5, 0), ERRNO(EPERM));
	clear(&f);
}

static void unknown_and_redundant_rules_are_skipped(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ALLOW");
	add(&f, "SCMP_ACT_TRAP", LIST("no_such_call_at_all", "getpid", "getpid"));
	add(&f, "SCMP_ACT_ALLOW", LIST("getppid"));
	add(&f, "SCMP_ACT_TRAP", LIST("getpid"));
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(RUN(f, SYS_getpid), SECCOMP_RET_TRAP);
	assert_int_equal(RUN(f, SYS_getppid), SECCOMP_RET_ALLOW);
	assert_int_equal(f.warnings.n, 0);
	clear(&f);
}

static void newer_calls_give_enosys(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ERRNO");
	add(&f, "SCMP_ACT_ALLOW", LIST("read", "openat2"));
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(RUN(f, SYS_read), SECCOMP_RET_ALLOW);
	assert_int_equal(RUN(f, SYS_openat2), SECCOMP_RET_ALLOW);
	assert_int_equal(RUN(f, SYS_write), ERRNO(EPERM));
	assert_int_equal(RUN(f, SYS_openat2 + 1), ERRNO(ENOSYS));
	assert_int_equal(RUN(f, 100000), ERRNO(ENOSYS));
	clear(&f);

	/* Nothing of the kind when the profile does not answer with an errno. */
	init(&f, "SCMP_ACT_KILL_PROCESS");
	add(&f, "SCMP_ACT_ALLOW", LIST("read", "openat2"));
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(RUN(f, SYS_openat2 + 1), SECCOMP_RET_KILL_PROCESS);
	clear(&f);
}

#if defined(__x86_64__)
#define X32 0x40000000u
static void several_architectures(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ERRNO");
	add(&f, "SCMP_ACT_ALLOW", LIST("read", "openat2"));
	f.profile.architectures =
		LIST("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(RUN(f, SYS_read), SECCOMP_RET_ALLOW);
	assert_int_equal(RUN(f, SYS_write), ERRNO(EPERM));
	assert_int_equal(RUN(f, 500), ERRNO(ENOSYS));
	assert_int_equal(RUN(f, X32 | SYS_read), SECCOMP_RET_ALLOW);
	assert_int_equal(RUN(f, X32 | SYS_write), ERRNO(EPERM));
	assert_int_equal(RUN(f, X32 | 500), ERRNO(ENOSYS));
	/* On i386 read is 3, write 4, openat2 437. */
	assert_int_equal(run(&f.plan, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&f.plan, AUDIT_ARCH_I386, 437, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run(&f.plan, AUDIT_ARCH_I386, 4, 0, 0), ERRNO(EPERM));
	assert_int_equal(run(&f.plan, AUDIT_ARCH_I386, 438, 0, 0), ERRNO(ENOSYS));
	clear(&f);

	/* An architecture that is not listed is refused for good. */
	init(&f, "SCMP_ACT_ERRNO");
	add(&f, "SCMP_ACT_ALLOW", LIST("read"));
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(run(&f.plan, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(RUN(f, X32 | SYS_read), SECCOMP_RET_KILL_THREAD);
	clear(&f);
}
#endif

static void assert_refused(struct fixture *f, const char *part)
{
	assert_int_equal(plan(f, NULL), -EINVAL);
	assert_non_null(strstr(f->err.message, part));
	assert_false(f->plan.active);
	assert_null(f->plan.filter);
	clear(f);
}

static void wrong_profiles_are_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct mr_uint one = {.set = true, .value = 1},
		       much = {.set = true, .value = 4096};

	init(&f, "SCMP_ACT_NOSUCH");
	assert_refused(
		&f, "linux.seccomp.defaultAction: unknown action 'SCMP_ACT_NOSUCH'");
	init(&f, "SCMP_ACT_NOTIFY");
	assert_refused(&f, "defaultAction");
	init(&f, "SCMP_ACT_ALLOW");
	f.profile.default_errno_ret = one;
	assert_refused(&f, "cannot return an errno");
	init(&f, "SCMP_ACT_ERRNO");
	f.profile.default_errno_ret = much;
	assert_refused(&f, "4096 is above 4095");
	init(&f, "SCMP_ACT_ALLOW");
	add(&f, "ALLOW", LIST("read"));
	assert_refused(&f, "linux.seccomp.syscalls[0].action: unknown action 'ALLOW'");
	init(&f, "SCMP_ACT_ALLOW");
	add(&f, "SCMP_ACT_NOTIFY", LIST("mkdir"));
	assert_refused(&f, "listenerPath: required");
	init(&f, "SCMP_ACT_ALLOW");
	f.profile.listener_path = text("/run/agent");
	add(&f, "SCMP_ACT_NOTIFY", LIST("sendmsg"));
	assert_refused(&f, "sendmsg");
	init(&f, "SCMP_ACT_ALLOW");
	f.profile.architectures = LIST("SCMP_ARCH_NOSUCH");
	assert_refused(&f, "architectures[0]: unknown architecture 'SCMP_ARCH_NOSUCH'");
	init(&f, "SCMP_ACT_ALLOW");
	f.profile.flags = LIST("SECCOMP_FILTER_FLAG_NOSUCH");
	assert_refused(&f, "flags[0]: unknown flag");
	init(&f, "SCMP_ACT_ALLOW");
	struct mr_seccomp_rule *rule = add(&f, "SCMP_ACT_TRAP", LIST("dup"));
	rule->args.items = f.args;
	rule->args.n = 1;
	f.args[0].op = text("SCMP_CMP_NOSUCH");
	assert_refused(&f, "syscalls[0].args[0].op: unknown operator");
	f.args[0] = (struct mr_seccomp_arg){.index = 6, .op = text("SCMP_CMP_EQ")};
	assert_refused(&f, "index: 6 is above 5");
}

static void flags_are_translated(void **state)
{
	(void)state;
	struct fixture f;
	init(&f, "SCMP_ACT_ALLOW");
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(f.plan.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	f.profile.flags.set = true;
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(f.plan.flags, 0);
	f.profile.flags = LIST("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC",
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(
		f.plan.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
	assert_int_equal(f.warnings.n, 1);
	f.profile.listener_path = text("/run/agent");
	add(&f, "SCMP_ACT_NOTIFY", LIST("mkdir"));
	assert_int_equal(plan(&f, NULL), 0);
	assert_int_equal(
		f.plan.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC |
				      SECCOMP_FILTER_FLAG_NEW_LISTENER | 1 << 4 | 1 << 5);
	assert_int_equal(f.warnings.n, 1);
	clear(&f);
}

/* --- cache --- */

/* The only file in the cache, "" when there is none. */
static void cache_file(char path[static 256])
{
	char command[160];
	snprintf(command, sizeof(command), "ls -d %s/* 2>/dev/null", cache);
	FILE *p = popen(command, "re");
	assert_non_null(p);
	path[0] = '\0';
	if (fgets(path, 256, p) != NULL)
		path[strcspn(path, "\n")] = '\0';
	assert_int_equal(fgetc(p), EOF);
	pclose(p);
}

static void init_cached(struct fixture *f)
{
	static char *names[] = {NULL, NULL, NULL};
	names[0] = text("read");
	names[1] = text("write");
	init(f, "SCMP_ACT_ERRNO");
	add(f, "SCMP_ACT_ALLOW", list_of(names));
}

static void second_plan_comes_from_the_cache(void **state)
{
	(void)state;
	struct fixture f, g;
	struct stat st;
	char path[256];
	init_cached(&f);
	init_cached(&g);
	assert_int_equal(plan(&f, cache), 0);
	assert_false(f.plan.from_cache);
	assert_int_equal(plan(&g, cache), 0);
	assert_true(g.plan.from_cache);
	assert_int_equal(f.plan.n, g.plan.n);
	assert_memory_equal(
		f.plan.filter, g.plan.filter, f.plan.n * sizeof(*f.plan.filter));
	cache_file(path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(cache, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	/* A profile that differs is another file. */
	g.rules[0].names = LIST("read");
	assert_int_equal(plan(&g, cache), 0);
	assert_false(g.plan.from_cache);
	assert_int_equal(RUN(g, SYS_write), ERRNO(ENOSYS));
	clear(&g);
	clear(&f);
}

static void empty_cache(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", cache);
	FILE *p = popen(command, "re");
	assert_non_null(p);
	assert_int_equal(pclose(p), 0);
}

/* After @damage the file must not be used, and must be good again afterwards. */
static void assert_rejected(void (*damage)(const char *path))
{
	struct fixture f;
	struct stat st;
	char path[256];
	init_cached(&f);
	assert_int_equal(plan(&f, cache), 0);
	cache_file(path);
	damage(path);
	assert_int_equal(plan(&f, cache), 0);
	assert_false(f.plan.from_cache);
	assert_int_equal(RUN(f, SYS_read), SECCOMP_RET_ALLOW);
	assert_int_equal(plan(&f, cache), 0);
	assert_true(f.plan.from_cache);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	clear(&f);
	empty_cache();
}

static void damage_last_byte(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;
	assert_int_equal(lseek(fd, -1, SEEK_END) > 0, 1);
	assert_int_equal(read(fd, &c, 1), 1);
	c ^= 1;
	assert_int_equal(lseek(fd, -1, SEEK_END) > 0, 1);
	assert_int_equal(write(fd, &c, 1), 1);
	close(fd);
}
static void damage_truncate(const char *path)
{
	assert_int_equal(truncate(path, 20), 0);
}
static void damage_empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}
static void damage_mode(const char *path)
{
	assert_int_equal(chmod(path, 0644), 0);
}
static void damage_symlink(const char *path)
{
	char other[300];
	snprintf(other, sizeof(other), "%s.x", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
}
static void damage_fifo(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}
static void damage_owner(const char *path)
{
	assert_int_equal(chown(path, 1234, (gid_t)-1), 0);
}

static void damaged_files_are_replaced(void **state)
{
	(void)state;
	empty_cache();
	assert_rejected(damage_last_byte);
	assert_rejected(damage_truncate);
	assert_rejected(damage_empty);
	assert_rejected(damage_mode);
	assert_rejected(damage_symlink);
	assert_rejected(damage_fifo);
	if (geteuid() == 0)
		assert_rejected(damage_owner);
}

static void directory_of_others_is_not_used(void **state)
{
	(void)state;
	struct fixture f;
	init_cached(&f);
	assert_int_equal(mkdir(cache, 0700), 0);
	assert_int_equal(chmod(cache, 0755), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(plan(&f, cache), 0);
		assert_false(f.plan.from_cache);
	}
	assert_int_equal(rmdir(cache), 0);
	assert_int_equal(symlink(dir, cache), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(plan(&f, cache), 0);
		assert_false(f.plan.from_cache);
	}
	assert_int_equal(unlink(cache), 0);
	assert_int_equal(plan(&f, "/nonexistent/dir/cache"), 0);
	assert_true(f.plan.active);
	clear(&f);
}

static void cache_does_not_grow_without_bound(void **state)
{
	(void)state;
	struct fixture f;
	char name[32], command[160], line[32] = "";
	init_cached(&f);
	for (int i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "unknown_%d", i);
		f.rules[0].names = LIST("read", name);
		assert_int_equal(plan(&f, cache), 0);
		assert_false(f.plan.from_cache);
	}
	snprintf(command, sizeof(command), "ls -A %s | wc -l", cache);
	FILE *p = popen(command, "re");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	int64_t n;
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(mr_parse_i64(line, &n), 0);
	assert_true(n >= 1 && n <= 64);
	clear(&f);
	empty_cache();
}

/* --- loaded --- */

static void loaded_filter_is_in_force(void **state)
{
	(void)state;
	struct fixture f;
	int status = -1;
	init(&f, "SCMP_ACT_ALLOW");
	struct mr_uint number = {.set = true, .value = 77};
	add(&f, "SCMP_ACT_ERRNO", LIST("getppid"))->errno_ret = number;
	assert_int_equal(plan(&f, NULL), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (mr_seccomp_apply(&f.plan, &f.err) != 0)
			_exit(1);
		long r = syscall(SYS_getppid);
		_exit(r == -1 && errno == 77 && getuid() == geteuid() ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	clear(&f);
}

static void loading_gives_the_listener(void **state)
{
	(void)state;
	struct fixture f;
	int status = -1;
	init(&f, "SCMP_ACT_ALLOW");
	f.profile.listener_path = text("/run/agent");
	f.profile.flags = LIST(
		"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	add(&f, "SCMP_ACT_NOTIFY", LIST("mkdir", "mkdirat"));
	assert_int_equal(plan(&f, NULL), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		int fd = mr_seccomp_apply(&f.plan, &f.err);
		if (fd == -EINVAL)
			_exit(77);
		_exit(fd > 2 && fcntl(fd, F_GETFD) & FD_CLOEXEC ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	clear(&f);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("needs kernel 5.19\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static int make_listener(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void listener_reaches_the_agent(void **state)
{
	(void)state;
	struct fixture f;
	char path[64], buf[1024];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf) - 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	init(&f, "SCMP_ACT_ALLOW");
	snprintf(path, sizeof(path), "%s/agent", dir);
	f.plan.listener_path = path;
	f.plan.listener_metadata = "meta";
	assert_int_equal(
		mr_seccomp_send_listener(&f.plan, 0, 43, "{\"pid\":42}", &f.err), -ENOENT);
	assert_non_null(strstr(f.err.message, path));

	int server = make_listener(path);
	int sent = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(
		mr_seccomp_send_listener(&f.plan, sent, 43,
			"{\"ociVersion\":\"1.2.0\",\"id\":\"c/1\",\"pid\":42}", &f.err),
		0);
	int client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n = recvmsg(client, &msg, MSG_CMSG_CLOEXEC);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf,
		"{\"ociVersion\":\"1.2.0\",\"fds\":[\"seccompFd\"],\"pid\":43,"
		"\"metadata\":\"meta\","
		"\"state\":{\"ociVersion\":\"1.2.0\",\"id\":\"c/1\",\"pid\":42}}");
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	assert_non_null(c);
	assert_int_equal(c->cmsg_type, SCM_RIGHTS);
	int got;
	memcpy(&got, CMSG_DATA(c), sizeof(got));
	struct stat a, b;
	assert_int_equal(fstat(got, &a), 0);
	assert_int_equal(fstat(sent, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(got);
	close(client);
	close(sent);
	close(server);
	unlink(path);
}

static void long_socket_paths_work(void **state)
{
	(void)state;
	char deep[300], path[320], old[256];
	struct mr_error err = {0};
	snprintf(deep, sizeof(deep), "%s/%0120d", dir, 7);
	snprintf(path, sizeof(path), "%s/s", deep);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(deep), 0);
	int server = make_listener("s");
	assert_int_equal(chdir(old), 0);
	int fd = mr_socket_connect(path, "test", &err);
	assert_true(fd >= 0);
	close(fd);
	close(server);
	unlink(path);
	rmdir(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_profile_is_no_filter),
		cmocka_unit_test(every_action),
		cmocka_unit_test(errno_values),
		cmocka_unit_test(conditions),
		cmocka_unit_test(conditions_are_and_but_or_on_one_argument),
		cmocka_unit_test(unknown_and_redundant_rules_are_skipped),
		cmocka_unit_test(newer_calls_give_enosys),
#if defined(__x86_64__)
		cmocka_unit_test(several_architectures),
#endif
		cmocka_unit_test(wrong_profiles_are_refused),
		cmocka_unit_test(flags_are_translated),
		cmocka_unit_test(second_plan_comes_from_the_cache),
		cmocka_unit_test(damaged_files_are_replaced),
		cmocka_unit_test(directory_of_others_is_not_used),
		cmocka_unit_test(cache_does_not_grow_without_bound),
		cmocka_unit_test(loaded_filter_is_in_force),
		cmocka_unit_test(loading_gives_the_listener),
		cmocka_unit_test(listener_reaches_the_agent),
		cmocka_unit_test(long_socket_paths_work),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
