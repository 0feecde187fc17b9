/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protection of the own binary (CVE-2019-5736). Until the container process executes its
 * program, /proc/PID/exe leads to this program's file, and an image can make "/proc/self/exe"
 * the program to execute. Whoever holds that file later can write into the host's binary.
 * So everything that launches into an image runs from a detached read-only bind of itself:
 * the mount is in no namespace, cannot be remounted from inside, and is gone with the last
 * process that uses it: nothing to leak, whenever we are killed.
 *
 * Cost: one execve of a small static binary, 0.1 ms. Whoever closes the last descriptor of a
 * detached mount waits for an RCU grace period, 0.05 ms and more. So the one that made the
 * bind is carried over the execve, and closed while the container runs. Older kernels
 * (mount_setattr(2) is of 5.12) and callers without CAP_SYS_ADMIN run from a sealed copy in
 * memory instead.
 */
#include "launch/protect.h"

#include "base/errors.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/str.h"
#include "minirun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Where the bind's descriptor is carried over the execve: out of the way of those that the
 * caller passes on, and still in a descriptor table of the first size. */
#define CARRIED_FD 63

extern char **environ;

static int carried_bind = -1;

static int open_read_only_bind(int exe)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
	autoclose int tree = open_tree(exe, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	/* Without CLOEXEC; where the limit on descriptors is too low for it, the other one does. */
	int carried = fcntl(tree, F_DUPFD, CARRIED_FD);
	return carried >= 0 ? carried : mr_take_fd(&tree);
}

/* execveat(2) names what it executes "/dev/fd/N", getauxval(3). */
static void find_carried_bind(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	int64_t fd;

	if (name && mr_has_prefix(name, "/dev/fd/") &&
		mr_parse_i64(name + strlen("/dev/fd/"), &fd) == 0 && fd >= CARRIED_FD &&
		fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		carried_bind = (int)fd;
}

void mr_protect_release(void)
{
	mr_close(&carried_bind);
}

static int open_sealed_copy(void)
{
	struct stat st;
	autoclose int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	autoclose int copy = memfd_create("minirun", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (from < 0 || copy < 0 || fstat(from, &st) < 0)
		return -errno;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, from, NULL, (size_t)left);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		left -= n;
	}
	if (fchmod(copy, 0500) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return mr_take_fd(&copy);
}

/* Is it one of the two already? A read-only mount or a sealed file, which is a tmpfs's. */
static bool is_protected(int exe)
{
	struct statfs fs;

	if (fstatfs(exe, &fs) < 0)
		return false;
	if (fs.f_flags & ST_RDONLY)
		return true;
	if (fs.f_type != TMPFS_MAGIC)
		return false;
	autoclose int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int seals = file < 0 ? -1 : fcntl(file, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_WRITE);
}

int mr_protect_own_binary(char *const argv[], struct mr_error *err)
{
	autoclose int exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	if (exe < 0)
		return mr_fail(err, errno, "cannot open /proc/self/exe");
	if (is_protected(exe)) {
		/* Before kernel 6.14 execveat() of a descriptor calls the process by its number. */
		prctl(PR_SET_NAME, "minirun");
		find_carried_bind();
		return 0;
	}
	autoclose int fd = open_read_only_bind(exe);
	if (fd < 0)
		fd = open_sealed_copy();
	if (fd < 0)
		return mr_fail(err, -fd, "cannot make a read-only copy of this program");
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return mr_fail(err, errno, "cannot execute this program from its read-only copy");
}
