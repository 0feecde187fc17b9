/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PS_H
#define CMD_PS_H

#include "cmd.h"

struct ps {
	bool all, quiet;
	const char *format;
};

/** The processes of a container: a JSON array of host pids, or the lines of ps(1) with
 * @ps_args (NULL-terminated, empty: -ef) that are about them. */
int ps_processes(const struct context *ctx, const char *id, char *const *ps_args,
	bool json, struct mr_error *err);

#endif
