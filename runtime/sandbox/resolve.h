/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_RESOLVE_H
#define MR_SANDBOX_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Paths below the container's root, which is hostile: every link in it is followed as if
 * the root were already "/", by the kernel, and what is missing is made relative to
 * descriptors of directories that were reached that way.
 */

/** What the child holds while it sets up. Start from MR_ROOTFS_INIT. */
struct mr_rootfs {
	int root_fd;    /* O_PATH, the new root */
	int proc_fd;    /* see mr_procfs_fd() */
	int console_fd; /* pty slave to bind at /dev/console, or -1; borrowed */
	int outer_fd;   /* started in a chroot: what host paths start from (outer.h), or -1 */
	int null_fd;    /* detached mount of the host's /dev/null for masks, or -1 */
	bool proc_is_private; /* proc_fd is an own instance of our pid namespace */
	bool proc_attached;   /* that instance is mounted in the container already */
	bool proc_exposed;    /* proc_fd is that mount itself */
};

#define MR_ROOTFS_INIT                                                                   \
	{                                                                                \
		.root_fd = -1, .proc_fd = -1, .console_fd = -1, .outer_fd = -1,             \
		.null_fd = -1            \
	}

enum {
	MR_RESOLVE_NOFOLLOW = 1,    /* a link as the last component is meant itself */
	MR_RESOLVE_NO_SYMLINKS = 2, /* -ELOOP when any component is a link */
};

/** Open @path below @root_fd with O_PATH; @flags as above. @return fd or -errno */
int mr_resolve(int root_fd, const char *path, unsigned flags);

/**
 * As mr_resolve(), and make what is missing: directories (0755), the last component by
 * @type: S_IFDIR, or S_IFREG for an empty file (0644). Links to something missing are
 * followed inside the root and their target is made. An existing last component is
 * returned whatever its type. The caller sets umask(2).
 */
int mr_resolve_make(int root_fd, const char *path, mode_t type, unsigned flags);

/** Make the directory that holds @path's last component. @ret_name points into @path */
int mr_resolve_make_parent(int root_fd, const char *path, const char **ret_name);

#endif
