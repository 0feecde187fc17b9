/* SPDX-License-Identifier: Apache-2.0 */
/* Find and run helper programs: companions of ours, newuidmap. */
#include "base/helper.h"

#include "base/io.h"
#include "base/spawn.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

#define ANY_OWNER ((uid_t)-1)

/* --- this program --- */

static bool is_this_program(const char *path)
{
	struct stat a, b;

	return path[0] == '/' && stat("/proc/self/exe", &a) == 0 && lstat(path, &b) == 0 &&
	       S_ISREG(b.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Where the shell found it. @return 0 or -ENOENT */
static int search_own_name(const char *name, char *ret, size_t cap)
{
	const char *path = strchr(name, '/') ? NULL : getenv("PATH");
	autofree char *full = path ? NULL : realpath(name, NULL);

	if (full && strlen(full) < cap && is_this_program(full)) {
		memcpy(ret, full, strlen(full) + 1);
		return 0;
	}
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret, cap, "%.*s/%s", (int)len, path, name);
		if (n > 0 && (size_t)n < cap && is_this_program(ret))
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

int mr_helper_own_path(char *ret, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", ret, cap - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	/* A detached bind has no path, a copy in memory another file behind it. */
	return is_this_program(ret) ? 0
				    : search_own_name(program_invocation_name, ret, cap);
}

/* --- find --- */

static int try_dir(const char *dir, size_t len, uid_t owner, const char *name, char *ret,
	size_t cap)
{
	struct stat st;

	if (len == 0 || dir[0] != '/')
		return -ENOENT;
	int n = snprintf(ret, cap, "%.*s/minirun-%s", (int)len, dir, name);
	if (n < 0 || (size_t)n >= cap || lstat(ret, &st) != 0)
		return -ENOENT;
	return owner == ANY_OWNER || (st.st_uid == owner && S_ISREG(st.st_mode)) ? 0 : -ENOENT;
}

static int try_near(const char *name, char *ret, size_t cap)
{
	char self[PATH_MAX], libexec[PATH_MAX + 32];
	struct stat st;

	if (mr_helper_own_path(self, sizeof(self)) < 0 || lstat(self, &st) < 0)
		return -ENOENT;
	size_t len = (size_t)(mr_path_base(self) - self) - 1;
	if (try_dir(self, len, st.st_uid, name, ret, cap) == 0)
		return 0;
	int n = snprintf(libexec, sizeof(libexec), "%.*s/../libexec/minirun", (int)len, self);
	return len ? try_dir(libexec, (size_t)n, st.st_uid, name, ret, cap) : -ENOENT;
}

int mr_helper_find(const char *name, char *ret, size_t cap)
{
	static const char libexec[] = MINIRUN_LIBEXECDIR;
	const char *path = getenv("PATH");

	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != strlen(name))
		return -EINVAL;
	if (try_near(name, ret, cap) == 0 ||
		try_dir(libexec, strlen(libexec), ANY_OWNER, name, ret, cap) == 0)
		return 0;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		if (try_dir(path, len, ANY_OWNER, name, ret, cap) == 0)
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

/* --- run --- */

int mr_helper_run(char *const *args, char *const *env, char *output, size_t cap)
{
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	autoclose int reader = -1;
	int ends[2], status = 0;
	pid_t pid;

	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	reader = ends[0];
	const struct mr_spawn how = {
		.args = args,
		.env = env ? env : environ,
		.stdio = {null, ends[1], ends[1]},
		.dir = -1,
	};
	int r = mr_spawn(args[0], &how, &pid);
	close(ends[1]);
	if (r < 0)
		return r;
	ssize_t n = mr_read_full(reader, output, cap - 1);
	output[n > 0 ? n : 0] = '\0';
	/* A reader that is gone ends a helper that writes more than we keep. */
	mr_close(&reader);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}
