/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_OUTER_H
#define MR_SANDBOX_OUTER_H

#include "base/errors.h"

/*
 * The caller's tree as the child sees it before pivot_root. Normally that is "/". When
 * minirun itself was started by chroot(2), "/" is no mount: its propagation cannot be
 * changed, and pivot_root(2) refuses. Then the child steps out of the chroot, which it may
 * (it is about to enter another root anyway), and host paths start from a descriptor.
 */

/**
 * Step out of a chroot, up to the root of the mount namespace (chroot(2), "breaking out"
 * needs CAP_SYS_CHROOT only).
 * @return the old root as a directory descriptor that host paths start from, or -errno
 */
int mr_outer_leave_chroot(struct mr_error *err);
/** Go back into it, for a container that shares the caller's tree. */
int mr_outer_return(int outer_fd, struct mr_error *err);

/** open_tree(2) of a host path. @outer_fd -1: from "/" */
int mr_outer_open_tree(int outer_fd, const char *path, unsigned flags);

#endif
