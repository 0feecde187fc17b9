/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.c: the device program, run here instruction by instruction as the kernel would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/bpf.h"

#include <errno.h>
#include <string.h>

enum {
	MKNOD = BPF_DEVCG_ACC_MKNOD,
	READ = BPF_DEVCG_ACC_READ,
	WRITE = BPF_DEVCG_ACC_WRITE
};

struct access {
	char type;
	uint32_t major, minor;
	uint32_t bits;
};

static uint64_t load_word(const struct bpf_cgroup_dev_ctx *ctx, int offset)
{
	uint32_t word;
	assert_true(offset >= 0 && (size_t)offset + sizeof(word) <= sizeof(*ctx));
	memcpy(&word, (const char *)ctx + offset, sizeof(word));
	return word;
}

/* Only what the generator uses; anything else fails the test. */
static int run_program(const struct bpf_insn *insns, size_t n, struct access a)
{
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type = a.bits << 16 |
			       (a.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = a.major,
		.minor = a.minor,
	};
	uint64_t reg[11] = {0};
	uint32_t set = 1u << 1; /* r1: context */

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insns[pc];
		uint64_t *dst = &reg[i->dst_reg], imm = (uint64_t)(int64_t)i->imm;
		if (i->code == (BPF_LDX | BPF_MEM | BPF_W)) {
			assert_int_equal(i->src_reg, 1);
			assert_int_equal(set & 1u << 1, 1u << 1);
			*dst = load_word(&ctx, i->off);
			set |= 1u << i->dst_reg;
			continue;
		}
		if (i->code == (BPF_JMP | BPF_EXIT)) {
			assert_true(set & 1);
			return (int)reg[0];
		}
		if (i->code == (BPF_ALU64 | BPF_MOV | BPF_K) ||
			i->code == (BPF_ALU64 | BPF_MOV | BPF_X)) {
			*dst = BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : imm;
			set |= 1u << i->dst_reg;
			continue;
		}
		assert_true(set & 1u << i->dst_reg); /* the verifier's rule */
		if (i->code == (BPF_ALU64 | BPF_AND | BPF_K))
			*dst &= imm;
		else if (i->code == (BPF_ALU64 | BPF_RSH | BPF_K))
			*dst >>= imm;
		else if (i->code == (BPF_JMP | BPF_JNE | BPF_K))
			pc += *dst != imm ? (size_t)i->off : 0;
		else if (i->code == (BPF_JMP | BPF_JEQ | BPF_K))
			pc += *dst == imm ? (size_t)i->off : 0;
		else
			fail_msg("instruction %zu: unexpected code 0x%x", pc, i->code);
	}
	fail_msg("the program runs past its end");
	return -1;
}

/* Every instruction must be reachable, or the verifier refuses the program. */
static void check_reachable(const struct bpf_insn *insns, size_t n)
{
	bool reached[4096] = {true};
	assert_true(n <= 4096);
	for (size_t pc = 0; pc < n; pc++) {
		assert_true(reached[pc]);
		uint8_t code = insns[pc].code;
		bool jump = code == (BPF_JMP | BPF_JNE | BPF_K) ||
			    code == (BPF_JMP | BPF_JEQ | BPF_K);
		if (jump) {
			assert_true(insns[pc].off >= 0);
			assert_true(pc + 1 + (size_t)insns[pc].off < n);
			reached[pc + 1 + (size_t)insns[pc].off] = true;
		}
		if (code != (BPF_JMP | BPF_EXIT)) {
			assert_true(pc + 1 < n);
			reached[pc + 1] = true;
		}
	}
}

static bool allowed(const struct mr_device_rule *rules, size_t n_rules, struct access a)
{
	struct bpf_insn *insns = NULL;
	struct mr_error err = {0};
	size_t n = 0;

	assert_int_equal(mr_bpf_device_program(rules, n_rules, &insns, &n, &err), 0);
	check_reachable(insns, n);
	int r = run_program(insns, n, a);
	free(insns);
	assert_in_range(r, 0, 1);
	return r;
}

static char rwm[] = "rwm", rw[] = "rw", only_r[] = "r", only_w[] = "w", only_m[] = "m";
#define ANY                                                                              \
	{                                                                                \
		false, 0                                                                 \
	}
#define IS(v)                                                                            \
	{                                                                                \
		true, v                                                                  \
	}

static void test_no_rules_deny(void **state)
{
	(void)state;
	assert_false(allowed(NULL, 0, (struct access){'c', 1, 3, READ}));
}

static void test_allow_list(void **state)
{
	(void)state;
	const struct mr_device_rule rules[] = {
		{false, 'a', ANY, ANY, rwm},
		{true, 'c', IS(1), IS(3), rwm},
		{true, 'b', IS(8), ANY, only_r},
		{true, 'c', ANY, ANY, only_m},
	};

	assert_true(allowed(rules, 4, (struct access){'c', 1, 3, READ | WRITE}));
	assert_true(allowed(rules, 4, (struct access){'c', 1, 3, MKNOD | READ | WRITE}));
	assert_false(allowed(rules, 4, (struct access){'b', 1, 3, READ}));
	assert_false(allowed(rules, 4, (struct access){'c', 1, 5, READ}));
	assert_true(allowed(rules, 4, (struct access){'c', 1, 5, MKNOD}));
	assert_false(allowed(rules, 4, (struct access){'c', 1, 5, MKNOD | READ}));
	assert_true(allowed(rules, 4, (struct access){'b', 8, 17, READ}));
	assert_false(allowed(rules, 4, (struct access){'b', 8, 17, WRITE}));
	assert_false(allowed(rules, 4, (struct access){'b', 8, 17, READ | WRITE}));
	assert_false(allowed(rules, 4, (struct access){'b', 8, 17, MKNOD}));
}

static void test_last_match_wins_bit_by_bit(void **state)
{
	(void)state;
	const struct mr_device_rule rules[] = {
		{true, 'c', IS(10), ANY, rw},
		{false, 'c', IS(10), IS(5), only_r},
		{true, 'c', IS(10), IS(6), only_m},
	};

	assert_true(allowed(rules, 3, (struct access){'c', 10, 4, READ | WRITE}));
	assert_false(allowed(rules, 3, (struct access){'c', 10, 5, READ}));
	assert_true(allowed(rules, 3, (struct access){'c', 10, 5, WRITE}));
	assert_false(allowed(rules, 3, (struct access){'c', 10, 5, READ | WRITE}));
	/* Two rules grant it together. */
	assert_true(allowed(rules, 3, (struct access){'c', 10, 6, MKNOD | READ | WRITE}));
	assert_false(
		allowed(rules, 3, (struct access){'c', 10, 7, MKNOD | READ | WRITE}));
}

static void test_everything_but(void **state)
{
	(void)state;
	const struct mr_device_rule rules[] = {
		{false, 'c', IS(1), IS(3), rwm}, /* made void by the next */
		{true, 'a', ANY, ANY, NULL},
		{false, 'c', IS(1), IS(11), only_w},
		{false, 'b', IS(8), ANY, NULL},
	};

	assert_true(allowed(rules, 4, (struct access){'c', 1, 3, READ | WRITE}));
	assert_true(allowed(rules, 4, (struct access){'c', 1, 11, READ}));
	assert_false(allowed(rules, 4, (struct access){'c', 1, 11, READ | WRITE}));
	assert_false(allowed(rules, 4, (struct access){'b', 8, 0, MKNOD}));
	assert_true(allowed(rules, 4, (struct access){'b', 9, 0, READ}));
}

/* docker writes -1 for "any"; the parser may leave the type out. */
static void test_wildcards(void **state)
{
	(void)state;
	const struct mr_device_rule rules[] = {
		{true, 'c', IS(42), IS(-1), rw},
		{true, '\0', IS(7), ANY, only_r},
	};

	assert_true(allowed(rules, 2, (struct access){'c', 42, 12345, READ}));
	assert_false(allowed(rules, 2, (struct access){'b', 42, 1, READ}));
	assert_true(allowed(rules, 2, (struct access){'b', 7, 1, READ}));
	assert_true(allowed(rules, 2, (struct access){'c', 7, 1, READ}));
}

/* The rule of the spec, word for word, against the program, over all accesses. */
static bool by_the_book(const struct mr_device_rule *rules, size_t n, struct access a)
{
	for (uint32_t bit = 1; bit <= WRITE; bit <<= 1) {
		bool allow = false;
		if (!(a.bits & bit))
			continue;
		for (size_t i = 0; i < n; i++) {
			const struct mr_device_rule *r = &rules[i];
			char letter = bit == READ ? 'r' : bit == WRITE ? 'w' : 'm';
			if ((r->type == 'a' || r->type == a.type) &&
				(!r->major.set || r->major.value == a.major) &&
				(!r->minor.set || r->minor.value == a.minor) &&
				strchr(r->access, letter))
				allow = r->allow;
		}
		if (!allow)
			return false;
	}
	return true;
}

static void test_against_the_definition(void **state)
{
	(void)state;
	char *accesses[] = {rwm, rw, only_r, only_w, only_m};
	uint32_t seed = 1;

	for (int round = 0; round < 300; round++) {
		struct mr_device_rule rules[6];
		for (size_t i = 0; i < 6; i++) {
			seed = seed * 1103515245u + 12345u;
			uint32_t x = seed >> 8;
			rules[i] = (struct mr_device_rule){x & 1, "abc" [(x >> 1) % 3],
				{ x >> 4 & 1, x >> 5 & 1 }, {x >> 6 & 1, x >> 7 & 1},
				accesses[(x >> 8) % 5]};
		}
		for (uint32_t k = 0; k < 2 * 2 * 2 * 7; k++) {
			struct access a = {
				k & 1 ? 'b' : 'c', k >> 1 & 1, k >> 2 & 1, 1 + (k >> 3)};
			assert_int_equal(allowed(rules, 6, a), by_the_book(rules, 6, a));
		}
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct mr_device_rule rule = {true, 'c', IS(INT64_C(1) << 32), ANY, rwm};
	struct bpf_insn *insns = NULL;
	struct mr_error err = {0};
	size_t n;

	assert_int_equal(mr_bpf_device_program(&rule, 1, &insns, &n, &err), -ERANGE);
	assert_non_null(strstr(err.message, "linux.resources.devices[0]"));
	rule = (struct mr_device_rule){true, 'x', ANY, ANY, rwm};
	assert_int_equal(mr_bpf_device_program(&rule, 1, &insns, &n, &err), -EINVAL);
	struct mr_device_rule *many = calloc(1000, sizeof(*many));
	assert_non_null(many);
	assert_int_equal(mr_bpf_device_program(many, 1000, &insns, &n, &err), -E2BIG);
	assert_non_null(strstr(err.message, "1000 rules"));
	free(many);
	assert_null(insns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rules_deny),
		cmocka_unit_test(test_allow_list),
		cmocka_unit_test(test_last_match_wins_bit_by_bit),
		cmocka_unit_test(test_everything_but),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_against_the_definition),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
