/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_OUTER_H
#define MR_SANDBOX_OUTER_H

#include "base/errors.h"

/*
 * The caller's tree as the child sees it before pivot_root. Normally that is the root of the
 * mount namespace. When minirun itself was started by chroot(2), it is not. If "/" is no mount
 * then, its propagation cannot be changed and pivot_root(2) refuses. If it is one, pivot_root(2)
 * would put the new root there, and the tree outside of the chroot would stay in the container's
 * namespace, one setns(2) away. So the child steps out of the chroot, which it may (it is about to
 * enter another root anyway), and host paths start from a descriptor.
 */

/**
 * Go to the root of the mount namespace, if that is not "/" already (setns(2) needs
 * CAP_SYS_CHROOT and CAP_SYS_ADMIN).
 * @param ret_root the chroot that was left, which host paths start from; -1: there was none
 * @return 0 or -errno
 */
int mr_outer_leave_chroot(int *ret_root, struct mr_error *err);
/** Go back into it, for a container that shares the caller's tree. */
int mr_outer_return(int outer_fd, struct mr_error *err);

/** open_tree(2) of a host path. @outer_fd -1: from "/" */
int mr_outer_open_tree(int outer_fd, const char *path, unsigned flags);

#endif
