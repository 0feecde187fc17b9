/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Companions, as git has them: `minirun X` for an X that is not built in executes
 * minirun-X, wherever mr_companion_find() finds it.
 */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int unknown(struct context *ctx, const char *name, struct mr_error *err)
{
	/* Engines call these two of every OCI runtime, and read the text. */
	if (strcmp(name, "checkpoint") == 0 || strcmp(name, "restore") == 0) {
		ctx->failure = EXIT_OCI_ERROR;
		return fail(err, EOPNOTSUPP, "%s is not supported: minirun is built without CRIU",
			name);
	}
	const char *nearest = command_nearest(name);
	int r = fail(err, EINVAL, "unknown command '%s'", name);

	snprintf(err->hint, sizeof(err->hint), "%s%s%sminirun --help lists the commands",
		nearest ? "did you mean minirun " : "", nearest ? nearest : "",
		nearest ? "? " : "");
	return r;
}

int companion_exec(
	struct context *ctx, const char *name, char **argv, struct mr_error *err)
{
	char path[PATH_MAX], self[PATH_MAX];

	ctx->failure = EXIT_UNKNOWN_COMMAND;
	if (mr_companion_find(name, path, sizeof(path)) < 0)
		return unknown(ctx, name, err);
	if (ctx->root)
		setenv("MINIRUN_ROOT", ctx->root, 1);
	if (mr_own_path(self, sizeof(self)) == 0)
		setenv("MINIRUN", self, 1);
	char *first = argv[0];
	argv[0] = path;
	execv(path, argv);
	argv[0] = first;
	return fail(err, errno == ENOENT ? EINVAL : errno, "cannot execute '%s' (%s)", path,
		mr_errno_name(errno));
}
