/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device access list on cgroup v2: an eBPF program of type CGROUP_DEVICE that the
 * kernel asks at every open and mknod of a device (kernel 4.15). It returns 1 to allow, 0
 * to deny; the programs of the ancestors must allow as well.
 *
 * Later rules win, so the program tests them from the last to the first, and bit by bit:
 * it starts with the wanted accesses (read, write, mknod). An allow rule that fits takes
 * its bits away, and when none is left the answer is yes; a deny rule that fits and names
 * one of the bits left is a no; so is the end. There is no loop and no memory access but
 * the three words of the context, so that the oldest verifiers take it.
 *
 * bpf(2), Documentation/bpf/prog_cgroup_device (struct bpf_cgroup_dev_ctx in linux/bpf.h)
 */
#include "cgroup/bpf.h"

#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Registers: where the program keeps what it was asked. r1 comes in with the context. */
enum {
	REG_RESULT = BPF_REG_0,
	REG_CONTEXT = BPF_REG_1,
	REG_TYPE = BPF_REG_2,
	REG_LEFT = BPF_REG_3, /* accesses that no rule has decided yet */
	REG_MAJOR = BPF_REG_4,
	REG_MINOR = BPF_REG_5,
	REG_SCRATCH = BPF_REG_1, /* the context is read once, at the start */
};

#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define RULE_MAX_INSNS 9
#define FRAME_INSNS 8
/* Until kernel 5.2 a program could not be longer. */
#define MAX_INSNS 4096

static const char prog_name[] = "minirun_devices";

struct assembler {
	struct bpf_insn *out;
	size_t n;
};

static struct bpf_insn *emit(
	struct assembler *a, int code, int dst, int src, int off, int imm)
{
	struct bpf_insn *i = &a->out[a->n++];
	*i = (struct bpf_insn){.code = (__u8)code,
		.dst_reg = (__u8)(dst & 0xf),
		.src_reg = (__u8)(src & 0xf),
		.off = (__s16)off,
		.imm = imm};
	return i;
}

static void emit_load(struct assembler *a, int dst, size_t offset)
{
	emit(a, BPF_LDX | BPF_MEM | BPF_W, dst, REG_CONTEXT, (int)offset, 0);
}

static void emit_return(struct assembler *a, int value)
{
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, REG_RESULT, 0, 0, value);
	emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_start(struct assembler *a)
{
	/* access_type: type in the low half, accesses in the high half. Old verifiers
	 * allow only whole words of it. */
	emit_load(a, REG_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(a, REG_LEFT, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(a, REG_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(a, REG_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	emit(a, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, 0xffff);
	emit(a, BPF_ALU64 | BPF_RSH | BPF_K, REG_LEFT, 0, 0, 16);
}

static int access_bits(const char *text)
{
	int bits = 0;

	if (!text || !*text)
		return ALL_ACCESS;
	for (; *text; text++) {
		bits |= *text == 'r' ? BPF_DEVCG_ACC_READ : 0;
		bits |= *text == 'w' ? BPF_DEVCG_ACC_WRITE : 0;
		bits |= *text == 'm' ? BPF_DEVCG_ACC_MKNOD : 0;
	}
	return bits;
}

static bool is_any_type(const struct mr_device_rule *rule)
{
	return rule->type == 'a' || rule->type == '\0';
}

static bool is_number(const struct mr_int *v)
{
	return v->set && v->value >= 0; /* docker writes -1 for "any" */
}

static int check_rule(
	const struct mr_device_rule *rule, size_t index, struct mr_error *err)
{
	if ((is_number(&rule->major) && rule->major.value > INT32_MAX) ||
		(is_number(&rule->minor) && rule->minor.value > INT32_MAX))
		return mr_fail_text(err, ERANGE,
			"linux.resources.devices[%zu]: %" PRId64 ":%" PRId64
			" is no device number",
			index, rule->major.value, rule->minor.value);
	if (!is_any_type(rule) && rule->type != 'b' && rule->type != 'c')
		return mr_fail_text(err, EINVAL,
			"linux.resources.devices[%zu]: type '%c' is none of a, b, c",
			index, rule->type);
	return 0;
}

/* @return true when the rule fits every access, so that no earlier one can matter */
static bool emit_rule(struct assembler *a, const struct mr_device_rule *rule)
{
	const int jump = BPF_JMP | BPF_JNE | BPF_K;
	const size_t first = a->n;
	int access = access_bits(rule->access);

	if (!is_any_type(rule))
		emit(a, jump, REG_TYPE, 0, 0,
			rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (is_number(&rule->major))
		emit(a, jump, REG_MAJOR, 0, 0, (int)rule->major.value);
	if (is_number(&rule->minor))
		emit(a, jump, REG_MINOR, 0, 0, (int)rule->minor.value);
	const size_t end_of_match = a->n;

	if (access == ALL_ACCESS) {
		emit_return(a, rule->allow);
	} else if (rule->allow) {
		emit(a, BPF_ALU64 | BPF_AND | BPF_K, REG_LEFT, 0, 0,
			ALL_ACCESS & ~access);
		emit(a, BPF_JMP | BPF_JNE | BPF_K, REG_LEFT, 0, 2, 0);
		emit_return(a, 1);
	} else {
		emit(a, BPF_ALU64 | BPF_MOV | BPF_X, REG_SCRATCH, REG_LEFT, 0, 0);
		emit(a, BPF_ALU64 | BPF_AND | BPF_K, REG_SCRATCH, 0, 0, access);
		emit(a, BPF_JMP | BPF_JEQ | BPF_K, REG_SCRATCH, 0, 2, 0);
		emit_return(a, 0);
	}
	for (size_t i = first; i < end_of_match; i++)
		a->out[i].off = (__s16)(a->n - i - 1);
	return first == end_of_match && access == ALL_ACCESS;
}

int mr_bpf_device_program(const struct mr_device_rule *rules, size_t n_rules,
	struct bpf_insn **ret, size_t *ret_n, struct mr_error *err)
{
	if (n_rules > (MAX_INSNS - FRAME_INSNS) / RULE_MAX_INSNS)
		return mr_fail_text(err, E2BIG,
			"linux.resources.devices: %zu rules are too many", n_rules);
	struct assembler a = {
		calloc(n_rules * RULE_MAX_INSNS + FRAME_INSNS, sizeof(*a.out)), 0};
	autofree struct bpf_insn *out = a.out;
	if (!out)
		return mr_fail(err, ENOMEM, "write the device program");

	emit_start(&a);
	bool decided = false;
	for (size_t i = n_rules; i > 0 && !decided; i--) {
		int r = check_rule(&rules[i - 1], i - 1, err);
		if (r < 0)
			return r;
		/* The verifier refuses instructions that cannot be reached. */
		decided = emit_rule(&a, &rules[i - 1]);
	}
	if (!decided)
		emit_return(&a, 0);
	*ret = mr_take_ptr(out);
	*ret_n = a.n;
	return 0;
}

/* --- the kernel --- */

static int sys_bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));
	return r < 0 ? -errno : (int)r;
}

static __u64 address(const void *p)
{
	return (__u64)(uintptr_t)p;
}

static int load(const struct bpf_insn *insns, size_t n, struct mr_error *err)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr = {0};

	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = address(insns);
	attr.insn_cnt = (__u32)n;
	attr.license = address(license);
	memcpy(attr.prog_name, prog_name, sizeof(prog_name));
	int fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;

	/* Again, with the verifier's words for the error. */
	char log[512] = "";
	attr.log_buf = address(log);
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	int again = sys_bpf(BPF_PROG_LOAD, &attr);
	if (again >= 0)
		return again;
	log[sizeof(log) - 1] = '\0';
	log[strcspn(log, "\n")] = '\0';
	int r = mr_fail(err, -fd, "load the device program (%zu instructions)%s%s", n,
		*log ? ": " : "", log);
	if (fd == -EPERM)
		mr_hint(err,
			"CAP_BPF or CAP_SYS_ADMIN in the initial user namespace is needed");
	if (fd == -EINVAL || fd == -ENOSYS)
		mr_hint(err, "the kernel needs CONFIG_CGROUP_BPF");
	return r;
}

/* The program that an earlier call attached to this very cgroup; -1: none. */
static int find_own(int cgroup_fd)
{
	__u32 ids[64];
	union bpf_attr attr = {0};

	attr.query.target_fd = (__u32)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = address(ids);
	attr.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
	if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;
	const __u32 count = attr.query.prog_cnt;

	for (__u32 i = 0; i < count && i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct bpf_prog_info info = {0};
		union bpf_attr get = {0}, ask = {0};

		get.prog_id = ids[i];
		autoclose int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get);
		if (fd < 0)
			continue;
		ask.info.bpf_fd = (__u32)fd;
		ask.info.info_len = sizeof(info);
		ask.info.info = address(&info);
		if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &ask) == 0 &&
			strncmp(info.name, prog_name, sizeof(info.name)) == 0)
			return mr_take_fd(&fd);
	}
	return -1;
}

static int detach(int cgroup_fd, int prog)
{
	union bpf_attr attr = {0};
	attr.target_fd = (__u32)cgroup_fd;
	attr.attach_bpf_fd = (__u32)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return sys_bpf(BPF_PROG_DETACH, &attr);
}

int mr_bpf_device_attach(
	int cgroup_fd, const struct bpf_insn *insns, size_t n, struct mr_error *err)
{
	autoclose int prog = load(insns, n, err);
	if (prog < 0)
		return prog;
	autoclose int old = find_own(cgroup_fd);

	union bpf_attr attr = {0};
	attr.target_fd = (__u32)cgroup_fd;
	attr.attach_bpf_fd = (__u32)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (__u32)old;
	}
	int r = sys_bpf(BPF_PROG_ATTACH, &attr);
	if (r == -EINVAL && old >= 0) {
		/* Before kernel 5.6 there is no replacing. Both are attached for a
		 * moment, and both must allow: nothing is open that was closed before or
		 * after. */
		attr.attach_flags = BPF_F_ALLOW_MULTI;
		attr.replace_bpf_fd = 0;
		r = sys_bpf(BPF_PROG_ATTACH, &attr);
		if (r == 0)
			r = detach(cgroup_fd, old);
	}
	return r < 0 ? mr_fail(err, -r, "attach the device program to the cgroup") : 0;
}
