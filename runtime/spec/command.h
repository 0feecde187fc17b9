/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_COMMAND_H
#define MR_SPEC_COMMAND_H

#include "minirun.h"

/**
 * Command mode: docker's flags to the text of the equivalent config.json. The text is what
 * `--print-spec` prints, and what is parsed and run: one path for both.
 *
 * The program sees the host's files (root.path "/") or those of --rootfs, the caller's
 * cwd, user, environment and network; it gets new pid, mount, ipc and cgroup namespaces
 * (uts too with --hostname; network with --network none) and a fresh /proc.
 *
 * @param ret_json malloc()ed, pretty-printed, ends with a newline
 */
int mr_command_to_spec(const struct mr_command *command, char **ret_json, struct mr_error *err);

#endif
