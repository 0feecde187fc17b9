/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_TEMPLATE_H
#define MR_SPEC_TEMPLATE_H

#include "base/errors.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * The config.json that `minirun spec` prints: configs/spec.json (or spec-rootless.json, with
 * the ids of the caller) with configs/seccomp-default.json as linux.seccomp.
 * @param unified the host has cgroup v2 only; else there is no cgroup namespace, as of other
 *	runtimes: with one a v1 container could not be told where its cgroups are
 * @param ret_json malloc()ed, pretty, ends with a newline
 */
int mr_template_format(bool rootless, bool unified, uint32_t uid, uint32_t gid,
	char **ret_json, struct mr_error *err);

#endif
