/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_MOUNT_FD_H
#define MR_SANDBOX_MOUNT_FD_H

#include "base/errors.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <stdint.h>

/* Mounts as descriptors: made detached, changed, attached to a directory's descriptor. */

/** What fsopen(2) and fsconfig(2) are told. */
struct mr_fs_config {
	const char *type, *source;
	uint64_t sb_flags;          /* MS_RDONLY, MS_SYNCHRONOUS, ... */
	const struct mr_list *data; /* "key=value" and flags; may be NULL */
	uint64_t attr;              /* MOUNT_ATTR_* of the mount */
};

/**
 * A new, detached mount. Errors carry what the file system itself says.
 * @return descriptor or -errno
 */
int mr_mount_fd_create(const struct mr_fs_config *config, struct mr_error *err);

/** Change a mounted file system itself, as mount -o remount does; @fd is on it. */
int mr_mount_fd_reconfigure(
	int fd, const struct mr_fs_config *config, struct mr_error *err);

struct mr_mount_change {
	bool recursive;
	uint64_t set, clear;  /* MOUNT_ATTR_* */
	uint64_t propagation; /* MS_PRIVATE, ... or 0 */
	int userns_fd;        /* with MOUNT_ATTR_IDMAP in @set */
};

/**
 * mount_setattr(2). Restrictions that a mount inherited from a more privileged mount
 * namespace cannot be lifted (mount_namespaces(7)): asked to lift one, this leaves it.
 * @return 0 or -errno
 */
int mr_mount_fd_change(int fd, const struct mr_mount_change *change);

/** Set MS_PRIVATE, MS_SLAVE|MS_REC, ... @return 0 or -errno */
int mr_mount_fd_propagate(int fd, uint64_t propagation);

/** A detached copy of the mount (tree) behind @fd. @return descriptor or -errno */
int mr_mount_fd_clone(int fd, bool recursive);

/** Attach the mount @fd over what @target refers to. @return 0 or -errno */
int mr_mount_fd_attach(int fd, int target);

#endif
