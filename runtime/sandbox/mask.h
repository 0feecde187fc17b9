/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_MASK_H
#define MR_SANDBOX_MASK_H

#include "base/errors.h"
#include "sandbox/resolve.h"
#include "spec/spec.h"

/**
 * Before pivot_root: take the host's /dev/null as a detached mount (r->null_fd), checked
 * to be that device. Must be called before masked files can be.
 */
int mr_mask_open_null(struct mr_rootfs *r, struct mr_error *err);

/** Hide @paths: files by the null device, directories by an empty one. */
int mr_mask_paths(const struct mr_list *paths, struct mr_rootfs *r, struct mr_error *err);

/** Make @paths, with all that is mounted below, read-only. Missing ones are skipped. */
int mr_mask_readonly(
	const struct mr_list *paths, struct mr_rootfs *r, struct mr_error *err);

/** Cover each procfs and sysfs outside of the container's root, before that is moved over "/":
 * while one can be seen in full in this mount namespace, the kernel lets a process of the
 * container with a user namespace of its own mount one without our masks. */
int mr_mask_outer(struct mr_rootfs *r, struct mr_error *err);

#endif
