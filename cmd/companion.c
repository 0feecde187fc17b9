/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Companions, as git has them: `minirun X` for an X that is not built in executes
 * minirun-X. They are searched in the libexec directory first, then in PATH; its empty
 * and relative parts are passed over, because the current directory may be anybody's.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int own_path(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return ret[0] == '/' ? 0 : -ENOENT;
}

static int libexec_dir(char ret[static PATH_MAX])
{
#ifdef MINIRUN_LIBEXECDIR
	snprintf(ret, PATH_MAX, "%s", MINIRUN_LIBEXECDIR);
	return 0;
#else
	int r = own_path(ret, PATH_MAX);
	if (r == 0)
		*strrchr(ret, '/') = '\0';
	return r;
#endif
}

static bool is_name(const char *name)
{
	return *name &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

/* @return only when it cannot be executed; -ENOENT: it is not there */
static int try_dir(
	const char *dir, size_t len, const char *name, char **argv, struct mr_error *err)
{
	char path[PATH_MAX];

	if (len == 0 || dir[0] != '/')
		return -ENOENT;
	int n = snprintf(path, sizeof(path), "%.*s/minirun-%s", (int)len, dir, name);
	if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
		return -ENOENT;
	char *first = argv[0];
	argv[0] = path;
	execv(path, argv);
	argv[0] = first;
	return fail(err, errno == ENOENT ? EINVAL : errno, "cannot execute '%s' (%s)",
		path, errno_name(errno));
}

int companion_exec(
	const struct context *ctx, const char *name, char **argv, struct mr_error *err)
{
	char dir[PATH_MAX], self[PATH_MAX];
	const char *path = getenv("PATH");

	if (!is_name(name))
		return -ENOENT;
	if (own_path(self, sizeof(self)) == 0)
		setenv("MINIRUN", self, 1);
	if (ctx->root)
		setenv("MINIRUN_ROOT", ctx->root, 1);
	if (libexec_dir(dir) == 0) {
		int r = try_dir(dir, strlen(dir), name, argv, err);
		if (r != -ENOENT)
			return r;
	}
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int r = try_dir(path, len, name, argv, err);
		if (r != -ENOENT)
			return r;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}
