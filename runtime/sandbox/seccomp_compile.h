/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_SECCOMP_COMPILE_H
#define MR_SANDBOX_SECCOMP_COMPILE_H

#include "base/errors.h"
#include "base/str.h"
#include "spec/spec.h"

#include <linux/filter.h>

/**
 * Profile to BPF program. Pure but for libseccomp's tables and a memfd.
 *
 * Names that libseccomp does not know are skipped: profiles are written for more kernels
 * than one. With a default action SCMP_ACT_ERRNO, system calls that are newer than the
 * newest one that the profile names fail with ENOSYS, so that libraries fall back.
 *
 * @param ret_filter malloc()ed
 */
int mr_seccomp_compile(const struct mr_seccomp *profile, struct sock_filter **ret_filter,
	unsigned short *ret_n, struct mr_error *err);

/** Everything that mr_seccomp_compile() depends on, as bytes: equal keys, equal programs.
 */
void mr_seccomp_key(const struct mr_seccomp *profile, struct mr_str *key);

/** libseccomp's token of "SCMP_ARCH_X86_64" and so on; 0: unknown. */
uint32_t mr_seccomp_arch(const char *name);

#endif
