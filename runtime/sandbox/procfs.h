/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_PROCFS_H
#define MR_SANDBOX_PROCFS_H

#include "base/errors.h"
#include "sandbox/resolve.h"

#include <stddef.h>

/* Access to procfs that no mount and no link in a root file system can redirect. */

#define MR_PROCFS_PATH_MAX 64

/**
 * The /proc of this mount namespace as an O_PATH descriptor, checked to be the root of a
 * procfs. @return descriptor or -errno
 */
int mr_procfs_open_host(struct mr_error *err);

/**
 * A procfs of the caller's pid namespace that is mounted nowhere (kernel 5.2: fsopen).
 * @return mount descriptor or -errno without a message: the caller may have a fallback
 */
int mr_procfs_open_private(void);

/**
 * The procfs that the set-up uses: an instance of its own, mounted nowhere, or the host's, checked.
 * When that instance has become the container's /proc, a clone of the mount takes its place,
 * attached to nothing, so that what is mounted over /proc does not show in it; before kernel 6.15
 * only what is attached can be cloned. Only now: most containers need none any more, and whoever
 * gives up a detached mount waits for an RCU grace period.
 *
 * @return descriptor, owned by @r, or negative errno
 */
int mr_procfs_fd(struct mr_rootfs *r, struct mr_error *err);

/** Open @path below @proc_fd: no links, no other mount, nothing above. @return fd or
 * -errno */
int mr_procfs_open_at(int proc_fd, const char *path, int flags);

/** One write(2) of @text into an existing file. @return 0 or -errno */
int mr_procfs_write(int proc_fd, const char *path, const char *text);

/** "PID/name" with the caller's pid as this instance counts it. @return 0 or -errno */
int mr_procfs_self_path(
	int proc_fd, const char *name, char buf[static MR_PROCFS_PATH_MAX]);

#endif
