/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Companions, as git has them: `minirun X` for an X that is not built in executes
 * minirun-X. They are searched beside this program (a build directory), in
 * ../libexec/minirun from there, in the libexec directory of the build, then in PATH; its
 * empty and relative parts are passed over, because the current directory may be
 * anybody's.
 *
 * Near this program only files of the program's own owner count, and no symbolic links:
 * whoever could make those could have replaced the program as well, and a copy in /tmp
 * executes nothing that a stranger left there.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not known when this program runs from a copy of itself: the runtime's protection. */
static int own_path(char *ret, size_t size, uid_t *ret_owner)
{
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	if (ret[0] != '/' || lstat(ret, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	*ret_owner = st.st_uid;
	return 0;
}

static bool is_name(const char *name)
{
	return *name &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

#define ANY_OWNER ((uid_t)-1)

/* @return only when it cannot be executed; -ENOENT: it is not there */
static int try_dir(const char *dir, size_t len, uid_t owner, const char *name, char **argv,
	struct mr_error *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (len == 0 || dir[0] != '/')
		return -ENOENT;
	int n = snprintf(path, sizeof(path), "%.*s/minirun-%s", (int)len, dir, name);
	if (n < 0 || (size_t)n >= sizeof(path) || lstat(path, &st) != 0)
		return -ENOENT;
	if (owner != ANY_OWNER && (st.st_uid != owner || !S_ISREG(st.st_mode)))
		return -ENOENT;
	char *first = argv[0];
	argv[0] = path;
	execv(path, argv);
	argv[0] = first;
	return fail(err, errno == ENOENT ? EINVAL : errno, "cannot execute '%s' (%s)",
		path, errno_name(errno));
}

static int try_path(const char *name, char **argv, struct mr_error *err)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");
		int r = try_dir(path, len, ANY_OWNER, name, argv, err);
		if (r != -ENOENT)
			return r;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

static int try_near(const char *self, uid_t owner, const char *name, char **argv,
	struct mr_error *err)
{
	char libexec[PATH_MAX];
	size_t len = (size_t)(strrchr(self, '/') - self);
	int r = try_dir(self, len, owner, name, argv, err);
	int n = snprintf(
		libexec, sizeof(libexec), "%.*s/../libexec/minirun", (int)len, self);

	if (r != -ENOENT || len == 0 || n >= (int)sizeof(libexec))
		return r;
	return try_dir(libexec, (size_t)n, owner, name, argv, err);
}

int companion_exec(
	struct context *ctx, const char *name, char **argv, struct mr_error *err)
{
	static const char libexec[] = MINIRUN_LIBEXECDIR;
	char self[PATH_MAX];
	uid_t owner = 0;
	int r = -ENOENT;

	ctx->failure = EXIT_UNKNOWN_COMMAND;
	if (!is_name(name))
		return fail(err, EINVAL, "unknown command '%s'", name);
	if (ctx->root)
		setenv("MINIRUN_ROOT", ctx->root, 1);
	if (own_path(self, sizeof(self), &owner) == 0) {
		setenv("MINIRUN", self, 1);
		r = try_near(self, owner, name, argv, err);
	}
	if (r == -ENOENT)
		r = try_dir(libexec, strlen(libexec), ANY_OWNER, name, argv, err);
	if (r == -ENOENT)
		r = try_path(name, argv, err);
	return r == -ENOENT ? fail(err, EINVAL, "unknown command '%s'", name) : r;
}
