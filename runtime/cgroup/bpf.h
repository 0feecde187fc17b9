/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_BPF_H
#define MR_CGROUP_BPF_H

#include "spec/spec.h"

#include <linux/bpf.h>

/**
 * The device access list as an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE, kernel 4.15).
 * Pure: later rules win, so they are tested from the last to the first; the end denies.
 * @param ret malloc()ed instructions
 */
int mr_bpf_device_program(const struct mr_device_rule *rules, size_t n_rules,
	struct bpf_insn **ret, size_t *ret_n, struct mr_error *err);

/** Load and attach to a cgroup2 directory, replacing atomically what we attached before.
 */
int mr_bpf_device_attach(
	int cgroup_fd, const struct bpf_insn *insns, size_t n, struct mr_error *err);

#endif
