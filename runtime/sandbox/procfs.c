/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every access to procfs goes through a descriptor from here.
 *
 * A string such as /proc/self/attr/exec means whatever is mounted or linked there; a
 * container that shares a volume with one being started can make it mean another file of
 * procfs, and a harmless write becomes a dangerous one (CVE-2019-16884, CVE-2025-52881).
 * A mount made by fsopen(2) and attached nowhere cannot be covered, and openat2(2) keeps
 * a walk inside of it: RESOLVE_NO_XDEV refuses anything mounted over its files.
 *
 * Manual pages: proc(5), fsopen(2), openat2(2).
 */
#include "sandbox/procfs.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"
#include "sandbox/mount_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_ROOT_INODE 1

int mr_procfs_open_host(struct mr_error *err)
{
	autoclose int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return mr_fail(err, errno, "open /proc");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return mr_fail(err, errno, "stat /proc");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return mr_fail_text(err, EXDEV, "/proc is not the root of a procfs");
	return mr_take_fd(&fd);
}

int mr_procfs_open_private(void)
{
	autoclose int fs = fsopen("proc", FSOPEN_CLOEXEC);

	/* The source is what mount(8) shows should it be attached. */
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "source", "proc", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = fsmount(fs, FSMOUNT_CLOEXEC,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

int mr_procfs_fd(struct mr_rootfs *r, struct mr_error *err)
{
	if (!r->proc_exposed)
		return r->proc_fd;
	int clone = mr_mount_fd_clone(r->proc_fd, false);
	if (clone < 0)
		return mr_fail(err, -clone, "clone the procfs");
	mr_close(&r->proc_fd);
	r->proc_exposed = false;
	return r->proc_fd = clone;
}

int mr_procfs_open_at(int proc_fd, const char *path, int flags)
{
	/* openat2 refuses flags that O_PATH would ignore. */
	uint64_t how = (unsigned)flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY);

	return mr_openat2(proc_fd, path, how, 0,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			RESOLVE_NO_XDEV);
}

int mr_procfs_write(int proc_fd, const char *path, const char *text)
{
	size_t len = strlen(text);
	autoclose int fd = mr_procfs_open_at(proc_fd, path, O_WRONLY);

	if (fd < 0)
		return fd;
	ssize_t n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int mr_procfs_self_path(
	int proc_fd, const char *name, char buf[static MR_PROCFS_PATH_MAX])
{
	/* The link's text, not getpid(): without a private instance this procfs may
	 * belong to an outer pid namespace, which counts differently. */
	char self[24];
	ssize_t n = readlinkat(proc_fd, "self", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	if (self[0] == '\0' || strspn(self, "0123456789") != (size_t)n)
		return -EXDEV;
	n = snprintf(buf, MR_PROCFS_PATH_MAX, "%s/%s", self, name);
	return n < MR_PROCFS_PATH_MAX ? 0 : -ENAMETOOLONG;
}
