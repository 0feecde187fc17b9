/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_LSM_H
#define MR_SANDBOX_LSM_H

#include "base/errors.h"
#include "spec/spec.h"

/**
 * Child: ask the LSM for the label at the next exec, by attr/exec below the private
 * procfs, and read it back: a label that is not in force is an error. A label that is
 * asked for on a host without that LSM is an error, too. Before the user is set.
 */
int mr_lsm_apply(const struct mr_spec_process *process, int proc_fd, struct mr_error *err);

#endif
