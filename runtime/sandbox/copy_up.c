/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpcopyup: a tmpfs that starts with the content of the directory it covers.
 *
 * The source is part of a hostile image: each entry is looked at by its name in an open
 * directory without following links, only regular files are opened for reading, and what
 * was opened is looked at again. The size is bounded by the tmpfs, the depth by a
 * constant.
 */
#include "sandbox/copy_up.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64

static int copy_dir(int from, int to, int depth, struct mr_error *err);

static int copy_owner(
	int dir, const char *name, const struct stat *st, struct mr_error *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return mr_fail(err, errno, "copy the owner of '%s'", name);
	/* chown(2) clears set-user-ID bits, so the mode comes after it. */
	if (!S_ISLNK(st->st_mode) && fchmodat(dir, name, st->st_mode & 07777, 0) < 0)
		return mr_fail(err, errno, "copy the mode of '%s'", name);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return mr_fail(err, errno, "copy the times of '%s'", name);
	return 0;
}

static int copy_file(int from, int to, const char *name, struct mr_error *err)
{
	autoclose int in = openat(
		from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return mr_fail(err, errno, "read '%s'", name);
	if (!S_ISREG(st.st_mode))
		return mr_fail_text(
			err, EINVAL, "'%s' has changed while it was copied", name);
	autoclose int out = openat(
		to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return mr_fail(err, errno, "create '%s'", name);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mr_fail(err, errno, "copy '%s'", name);
		if (n == 0)
			break;
		left -= n;
	}
	return 0;
}

static int copy_link(int from, int to, const char *name, struct mr_error *err)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return mr_fail(err, errno, "read the link '%s'", name);
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0)
		return mr_fail(err, errno, "create the link '%s'", name);
	return 0;
}

static int copy_subdir(
	int from, int to, const char *name, int depth, struct mr_error *err)
{
	if (mkdirat(to, name, 0700) < 0)
		return mr_fail(err, errno, "create '%s'", name);
	autoclose int in =
		openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int out =
		openat(to, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return mr_fail(err, errno, "open '%s'", name);
	return copy_dir(in, out, depth + 1, err);
}

static int copy_entry(int from, int to, const char *name, int depth, struct mr_error *err)
{
	struct stat st;
	int ret = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return mr_fail(err, errno, "stat '%s'", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		ret = copy_subdir(from, to, name, depth, err);
		break;
	case S_IFREG:
		ret = copy_file(from, to, name, err);
		break;
	case S_IFLNK:
		ret = copy_link(from, to, name, err);
		break;
	case S_IFSOCK:
		return 0; /* dead without its owner */
	default:
		if (mknodat(to, name, st.st_mode, st.st_rdev) < 0)
			ret = mr_fail(err, errno, "create '%s'", name);
	}
	return ret < 0 ? ret : copy_owner(to, name, &st, err);
}

static int copy_dir(int from, int to, int depth, struct mr_error *err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	int ret = 0;

	if (depth > MAX_DEPTH)
		ret = mr_fail_text(
			err, ELOOP, "more than %d directories deep", MAX_DEPTH);
	DIR *dir = fd < 0 || ret < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ret = ret < 0 ? ret : mr_fail(err, errno, "read the directory");
		mr_close(&fd);
		return ret;
	}
	while (ret == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = copy_entry(from, to, entry->d_name, depth, err);
	}
	if (ret == 0 && errno != 0)
		ret = mr_fail(err, errno, "read the directory");
	closedir(dir);
	return ret;
}

int mr_copy_up(int from, int to, struct mr_error *err)
{
	struct stat st;
	int ret = copy_dir(from, to, 0, err);

	if (ret < 0)
		return mr_prefix(err, "copy up into the tmpfs");
	if (fstat(from, &st) < 0)
		return mr_fail(err, errno, "stat the directory under the tmpfs");
	return copy_owner(to, ".", &st, err);
}
