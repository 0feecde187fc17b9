/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's tree when it is a chroot: see outer.h. chroot(2), pivot_root(2). */
#include "sandbox/outer.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* With the root below us, ".." is not stopped by it, up to where it leads to itself. */
static int climb(void)
{
	struct stat here, up;

	do {
		if (stat(".", &here) < 0 || chdir("..") < 0 || stat(".", &up) < 0)
			return -errno;
	} while (!is_same(&here, &up));
	return 0;
}

int mr_outer_leave_chroot(struct mr_error *err)
{
	autoclose int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (old < 0 || chroot("/proc") < 0 || fchdir(old) < 0)
		ret = -errno;
	if (ret == 0)
		ret = climb();
	if (ret == 0 && chroot(".") < 0)
		ret = -errno;
	if (ret < 0)
		return mr_fail(err, -ret, "leave the chroot that this program was started in");
	return mr_take_fd(&old);
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
