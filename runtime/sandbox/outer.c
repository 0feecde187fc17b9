/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's tree when it is a chroot: see outer.h. setns(2), statx(2), chroot(2). */
#include "sandbox/outer.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static int look(int fd, const char *path, struct statx *ret)
{
	const unsigned wanted = STATX_INO | STATX_MNT_ID;
	return (int)syscall(SYS_statx, fd, path, AT_EMPTY_PATH, wanted, ret);
}

/* Two mounts of one directory are two roots (STATX_MNT_ID, kernel 5.8). */
static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor &&
	       a->stx_ino == b->stx_ino && a->stx_mnt_id == b->stx_mnt_id;
}

int mr_outer_leave_chroot(int *ret_root, struct mr_error *err)
{
	autoclose int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int self = pidfd_open(getpid(), 0);
	struct statx before = {0}, after = {0};

	*ret_root = -1;
	/* setns(2) to the namespace that we are in leads to the root of it; by a pidfd since
	 * kernel 5.8. */
	if (old < 0 || self < 0 || look(old, "", &before) < 0 || setns(self, CLONE_NEWNS) < 0 ||
		look(AT_FDCWD, "/", &after) < 0)
		return mr_fail(err, errno, "go to the root of the mount namespace");
	if (!is_same(&before, &after))
		*ret_root = mr_take_fd(&old);
	return 0;
}

int mr_outer_return(int outer_fd, struct mr_error *err)
{
	if (fchdir(outer_fd) < 0 || chroot(".") < 0)
		return mr_fail(err, errno, "return into the chroot");
	return 0;
}

int mr_outer_open_tree(int outer_fd, const char *path, unsigned flags)
{
	unsigned nofollow = (flags & AT_SYMLINK_NOFOLLOW) ? O_NOFOLLOW : 0;
	int fd;

	if (outer_fd < 0) {
		fd = open_tree(AT_FDCWD, path, flags);
		return fd < 0 ? -errno : fd;
	}
	autoclose int at = mr_openat2(outer_fd, path, O_PATH | O_CLOEXEC | nofollow, 0,
		RESOLVE_IN_ROOT);
	if (at < 0)
		return mr_take_fd(&at);
	fd = open_tree(at, "", (flags & ~(unsigned)AT_SYMLINK_NOFOLLOW) | AT_EMPTY_PATH);
	return fd < 0 ? -errno : fd;
}
