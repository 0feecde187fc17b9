/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_IDMAP_H
#define MR_SANDBOX_IDMAP_H

#include "base/errors.h"
#include "spec/spec.h"

/**
 * A user namespace that holds nothing but these mappings, for MOUNT_ATTR_IDMAP (kernel
 * 5.12). Needs CAP_SETUID and CAP_SETGID in the caller's user namespace.
 *
 * @return descriptor of the namespace or -errno
 */
int mr_idmap_open(const struct mr_id_mappings *uids, const struct mr_id_mappings *gids,
	int proc_fd, struct mr_error *err);

#endif
