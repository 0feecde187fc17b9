/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_SYSCTL_H
#define MR_SANDBOX_SYSCTL_H

#include "base/errors.h"
#include "spec/spec.h"

/**
 * Pure: "net.ipv4.ip_forward" or "net/ipv4/conf/eth0.100/forwarding" to the path below
 * /proc/sys: the first separator decides, as sysctl(8) has it.
 * @param ret malloc()ed
 */
int mr_sysctl_path(const char *key, char **ret, struct mr_error *err);

/** Pure: are all keys and values well-formed? */
int mr_sysctl_check(const struct mr_map *sysctl, struct mr_error *err);

/** Write them through the procfs @proc_fd. */
int mr_sysctl_apply(const struct mr_map *sysctl, int proc_fd, struct mr_error *err);

#endif
