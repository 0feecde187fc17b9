/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_compile - a seccomp profile becomes a BPF program, by libseccomp.
 *
 * The kernel idea: at each system call the kernel runs a classic BPF program over
 * {number, architecture, instruction pointer, six arguments}; its result is the action.
 * Numbers differ between architectures, and one process can use several of them (64 and
 * 32 bit), so the program tests the architecture first. libseccomp knows the numbers and
 * orders the tests.
 *
 * In front of libseccomp's program stands one of ours: a profile that denies by default
 * answers EPERM to calls that are younger than the profile, and libraries take that for
 * a final refusal, while ENOSYS makes them use the older call.
 *
 * Manual pages: seccomp(2), seccomp_rule_add(3), seccomp_export_bpf(3), bpf(4) of the
 * BSDs.
 */
#include "sandbox/seccomp_compile.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_ERRNO 4095        /* the kernel cuts larger ones */
#define MAX_INSTRUCTIONS 4096 /* BPF_MAXINSNS */
#define X32_BIT 0x40000000u   /* x32 shares x86_64's architecture and marks the number */

typedef void *mr_scmp;

static void release_ctx(const mr_scmp *ctx)
{
	if (*ctx != NULL)
		seccomp_release(*ctx);
}
#define auto_scmp __attribute__((cleanup(release_ctx))) mr_scmp

static const struct {
	const char *name;
	uint32_t action;
	bool takes_errno;
} actions[] = {
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
	{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
};

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* @where "linux.seccomp.defaultAction" and the like. */
static int parse_action(const char *name, const struct mr_uint *errno_ret,
	const char *where, uint32_t *ret, struct mr_error *err)
{
	size_t i = 0;

	if (name == NULL)
		return mr_fail_text(err, EINVAL, "%s: an action is required", where);
	while (i < N_ELEMENTS(actions) && !mr_streq(actions[i].name, name))
		i++;
	if (i == N_ELEMENTS(actions))
		return mr_fail_text(err, EINVAL, "%s: unknown action '%s'", where, name);
	*ret = actions[i].action;
	if (!actions[i].takes_errno) {
		if (errno_ret->set)
			return mr_fail_text(err, EINVAL,
				"%s: action %s cannot return an errno (only "
				"SCMP_ACT_ERRNO and SCMP_ACT_TRACE can)",
				where, name);
		return 0;
	}
	uint64_t value = errno_ret->set ? errno_ret->value : EPERM;
	if (value > MAX_ERRNO)
		return mr_fail_text(err, EINVAL, "%s: errno %llu is above %d", where,
			(unsigned long long)value, MAX_ERRNO);
	*ret |= (uint32_t)value;
	return 0;
}

/* libseccomp's own name of an architecture is the specification's without the prefix, in
 * lower case. */
uint32_t mr_seccomp_arch(const char *name)
{
	char lower[32];
	size_t n = 0;

	if (!mr_has_prefix(name, "SCMP_ARCH_"))
		return 0;
	for (name += strlen("SCMP_ARCH_"); name[n] != '\0' && n < sizeof(lower) - 1; n++)
		lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] - 'A' + 'a')
							    : name[n];
	lower[n] = '\0';
	return mr_streq(lower, "native") ? seccomp_arch_native()
					 : seccomp_arch_resolve_name(lower);
}

/* A process only ever makes system calls of its machine's family; rules for others are
 * never reached. Engines list all that they know, and each doubles program and compile
 * time. */
static bool is_of_this_machine(uint32_t token)
{
	static const uint32_t families[][3] = {
		{SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32},
		{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, SCMP_ARCH_ARM},
		{SCMP_ARCH_S390X, SCMP_ARCH_S390, SCMP_ARCH_S390},
		{SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE},
		{SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64},
	};
	uint32_t native = seccomp_arch_native();

	for (size_t i = 0; i < N_ELEMENTS(families); i++) {
		const uint32_t *family = families[i];
		if (family[0] == native)
			return token == family[0] || token == family[1] ||
			       token == family[2];
	}
	return true;
}

static int add_architectures(
	mr_scmp ctx, const struct mr_list *list, struct mr_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		uint32_t token = mr_seccomp_arch(list->items[i]);
		if (token == 0)
			return mr_fail_text(err, EINVAL,
				"linux.seccomp.architectures[%zu]: unknown architecture "
				"'%s'",
				i, list->items[i]);
		if (!is_of_this_machine(token))
			continue;
		int r = seccomp_arch_add(ctx, token);
		if (r < 0 && r != -EEXIST)
			return mr_fail(err, -r,
				"linux.seccomp.architectures[%zu]: add '%s' beside the "
				"host's own",
				i, list->items[i]);
	}
	return 0;
}

static int parse_args(const struct mr_seccomp_rule *rule, size_t index,
	struct scmp_arg_cmp *cmp, bool *ret_repeated, struct mr_error *err)
{
	unsigned seen[6] = {0};

	*ret_repeated = false;
	for (size_t i = 0; i < rule->args.n; i++) {
		const struct mr_seccomp_arg *arg = &rule->args.items[i];
		size_t op = 0;

		while (op < N_ELEMENTS(operators) &&
			!mr_streq(operators[op].name, arg->op))
			op++;
		if (op == N_ELEMENTS(operators))
			return mr_fail_text(err, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].op: unknown "
				"operator '%s'",
				index, i, arg->op ? arg->op : "");
		if (arg->index > 5)
			return mr_fail_text(err, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].index: %u is "
				"above 5",
				index, i, arg->index);
		if (seen[arg->index]++ > 0)
			*ret_repeated = true;
		cmp[i] = (struct scmp_arg_cmp){
			.arg = arg->index,
			.op = operators[op].op,
			.datum_a = arg->value,
			.datum_b = arg->value_two,
		};
	}
	return 0;
}

/*
 * Conditions of one rule are joined by AND; libseccomp takes one condition for an
 * argument. Several on the same argument have always been read as alternatives by
 * runtimes, each a rule by itself, and profiles in use depend on it.
 */
static int add_rule(mr_scmp ctx, const struct mr_seccomp_rule *rule, uint32_t action,
	int nr, const struct scmp_arg_cmp *cmp, bool repeated)
{
	if (!repeated) {
		int r = seccomp_rule_add_array(
			ctx, action, nr, (unsigned)rule->args.n, cmp);
		return r == -EEXIST ? 0 : r;
	}
	for (size_t i = 0; i < rule->args.n; i++) {
		int r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp[i]);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static int add_rules_of(mr_scmp ctx, const struct mr_seccomp *profile, size_t index,
	uint32_t default_action, struct scmp_arg_cmp *cmp, struct mr_error *err)
{
	const struct mr_seccomp_rule *rule = &profile->syscalls.items[index];
	char where[64];
	uint32_t action = 0;
	bool repeated = false;

	snprintf(where, sizeof(where), "linux.seccomp.syscalls[%zu].action", index);
	int r = parse_action(rule->action, &rule->errno_ret, where, &action, err);
	if (r == 0)
		r = parse_args(rule, index, cmp, &repeated, err);
	if (r < 0)
		return r;
	if (action == default_action)
		return 0; /* says nothing new, and libseccomp refuses it */
	for (size_t i = 0; i < rule->names.n; i++) {
		const char *name = rule->names.items[i];
		int nr = seccomp_syscall_resolve_name(name);

		if (nr == __NR_SCMP_ERROR)
			continue;
		/* The listener's descriptor leaves the container process by this call. */
		if (action == SCMP_ACT_NOTIFY && mr_streq(name, "sendmsg"))
			return mr_fail_text(err, EINVAL,
				"linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be "
				"used for sendmsg: nobody listens yet when the listener "
				"is handed over",
				index);
		r = add_rule(ctx, rule, action, nr, cmp, repeated);
		if (r < 0)
			return mr_fail(err, -r,
				"linux.seccomp.syscalls[%zu]: add a rule for '%s'", index,
				name);
	}
	return 0;
}

static int add_all_rules(mr_scmp ctx, const struct mr_seccomp *profile,
	uint32_t default_action, struct mr_error *err)
{
	size_t most = 1;

	for (size_t i = 0; i < profile->syscalls.n; i++) {
		if (profile->syscalls.items[i].args.n > most)
			most = profile->syscalls.items[i].args.n;
	}
	autofree struct scmp_arg_cmp *cmp = calloc(most, sizeof(*cmp));
	if (cmp == NULL)
		return mr_fail(err, ENOMEM, "linux.seccomp: conditions");
	for (size_t i = 0; i < profile->syscalls.n; i++) {
		int r = add_rules_of(ctx, profile, i, default_action, cmp, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the ENOSYS program in front --- */

/* The highest number on @token that the profile names; -1: none. */
static int64_t last_syscall(const struct mr_seccomp *profile, uint32_t token)
{
	int64_t last = -1;

	for (size_t i = 0; i < profile->syscalls.n; i++) {
		const struct mr_list *names = &profile->syscalls.items[i].names;
		for (size_t k = 0; k < names->n; k++) {
			int nr =
				seccomp_syscall_resolve_name_arch(token, names->items[k]);
			if (nr > last)
				last = nr;
		}
	}
	return last;
}

static bool has_arch(const struct mr_seccomp *profile, uint32_t token)
{
	if (token == seccomp_arch_native())
		return true;
	for (size_t i = 0; i < profile->architectures.n; i++) {
		if (mr_seccomp_arch(profile->architectures.items[i]) == token)
			return true;
	}
	return false;
}

/* Eight instructions for one architecture; jumps count from the next instruction. */
#define STUB_LENGTH 8
static void put_stub(
	struct sock_filter *out, uint32_t arch, uint32_t last, uint32_t last_x32)
{
	const struct sock_filter stub[STUB_LENGTH] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 2, 0),
		BPF_STMT(BPF_JMP | BPF_JA, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_x32, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	memcpy(out, stub, sizeof(stub));
}

/* @return number of instructions written to @out, which has room for @max */
static size_t put_stubs(
	const struct mr_seccomp *profile, struct sock_filter *out, size_t max)
{
	uint32_t tokens[32] = {seccomp_arch_native()};
	size_t n_tokens = 1, n = 0;

	for (size_t i = 0; i < profile->architectures.n && n_tokens < N_ELEMENTS(tokens);
		i++) {
		uint32_t token = mr_seccomp_arch(profile->architectures.items[i]);
		size_t k = 0;
		while (k < n_tokens && tokens[k] != token)
			k++;
		if (k == n_tokens && token != SCMP_ARCH_X32 && is_of_this_machine(token))
			tokens[n_tokens++] = token;
	}
	for (size_t i = 0; i < n_tokens && n + STUB_LENGTH <= max; i++) {
		int64_t last = last_syscall(profile, tokens[i]);
		int64_t x32 = -1;

		if (tokens[i] == SCMP_ARCH_X86_64 && has_arch(profile, SCMP_ARCH_X32))
			x32 = last_syscall(profile, SCMP_ARCH_X32);
		if (last < 0)
			continue;
		put_stub(out + n, tokens[i], (uint32_t)last,
			x32 < 0 ? UINT32_MAX : (uint32_t)x32);
		n += STUB_LENGTH;
	}
	return n;
}

/* --- the whole --- */

static int export_program(mr_scmp ctx, const struct mr_seccomp *profile, bool stubs,
	struct sock_filter **ret_filter, unsigned short *ret_n, struct mr_error *err)
{
	/* libseccomp before 2.6 exports to a descriptor only. */
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return mr_fail(err, errno, "memfd_create for the seccomp program");
	int r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return mr_fail(err, -r, "compile the seccomp profile");
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return mr_fail(err, errno, "read the seccomp program");

	size_t size = (size_t)st.st_size, room = (size_t)32 * STUB_LENGTH;
	autofree struct sock_filter *filter = malloc(size + room * sizeof(*filter));
	if (filter == NULL)
		return mr_fail(err, ENOMEM, "seccomp program of %zu bytes", size);
	size_t n = stubs ? put_stubs(profile, filter, room) : 0;
	ssize_t got = mr_read_full(fd, filter + n, size);
	if (got != (ssize_t)size || size % sizeof(*filter) != 0)
		return mr_fail(err, EIO, "read the seccomp program of %zu bytes", size);
	n += size / sizeof(*filter);
	if (n > MAX_INSTRUCTIONS)
		return mr_fail_text(err, E2BIG,
			"linux.seccomp: the profile needs %zu instructions, the kernel "
			"takes %d",
			n, MAX_INSTRUCTIONS);
	*ret_n = (unsigned short)n;
	*ret_filter = mr_take_ptr(filter);
	return 0;
}

int mr_seccomp_compile(const struct mr_seccomp *profile, struct sock_filter **ret_filter,
	unsigned short *ret_n, struct mr_error *err)
{
	uint32_t default_action = 0;
	int r = parse_action(profile->default_action, &profile->default_errno_ret,
		"linux.seccomp.defaultAction", &default_action, err);

	if (r < 0)
		return r;
	if (default_action == SCMP_ACT_NOTIFY)
		return mr_fail_text(err, EINVAL,
			"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop the "
			"container process before anybody listens");

	auto_scmp ctx = seccomp_init(default_action);
	if (ctx == NULL)
		return mr_fail_text(err, EINVAL,
			"linux.seccomp: seccomp_init for %s failed",
			profile->default_action);
	/* 2: a search tree over the numbers instead of a list (libseccomp 2.5). */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return mr_fail(err, -r, "seccomp_attr_set(SCMP_FLTATR_CTL_OPTIMIZE, 2)");
	r = add_architectures(ctx, &profile->architectures, err);
	if (r == 0)
		r = add_all_rules(ctx, profile, default_action, err);
	if (r < 0)
		return r;
	bool stubs = (default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
		     default_action != SCMP_ACT_ERRNO(ENOSYS);
	return export_program(ctx, profile, stubs, ret_filter, ret_n, err);
}

/* --- the cache's key --- */

/* Texts hold no NUL, so one after each makes the sequence unambiguous. */
static void key_text(struct mr_str *key, const char *text)
{
	mr_str_append_n(key, text ? text : "\1", (text ? strlen(text) : 1) + 1);
}

static void key_number(struct mr_str *key, uint64_t value)
{
	mr_str_append_n(key, (const char *)&value, sizeof(value));
}

static void key_optional(struct mr_str *key, const struct mr_uint *value)
{
	key_number(key, value->set);
	key_number(key, value->set ? value->value : 0);
}

static void key_list(struct mr_str *key, const struct mr_list *list)
{
	key_number(key, list->n);
	for (size_t i = 0; i < list->n; i++)
		key_text(key, list->items[i]);
}

void mr_seccomp_key(const struct mr_seccomp *profile, struct mr_str *key)
{
	const struct scmp_version *version = seccomp_version();

	key_text(key,
		"minirun seccomp 1"); /* counts up when mr_seccomp_compile() changes */
	key_number(key, seccomp_arch_native());
	key_number(key, version->major);
	key_number(key, version->minor);
	key_number(key, version->micro);
	key_text(key, profile->default_action);
	key_optional(key, &profile->default_errno_ret);
	key_list(key, &profile->architectures);
	key_number(key, profile->syscalls.n);
	for (size_t i = 0; i < profile->syscalls.n; i++) {
		const struct mr_seccomp_rule *rule = &profile->syscalls.items[i];

		key_list(key, &rule->names);
		key_text(key, rule->action);
		key_optional(key, &rule->errno_ret);
		key_number(key, rule->args.n);
		for (size_t k = 0; k < rule->args.n; k++) {
			const struct mr_seccomp_arg *arg = &rule->args.items[k];

			key_number(key, arg->index);
			key_number(key, arg->value);
			key_number(key, arg->value_two);
			key_text(key, arg->op);
		}
	}
}
