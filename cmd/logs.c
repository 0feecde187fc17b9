/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun logs: what a detached container wrote, each stream to its own.
 *
 * Following sleeps in inotify(7) on the directory of the log: it wakes for new output,
 * for the record that is replaced when the container ends, and when all of it is deleted.
 * The state is read before the log: what came before the end is then never missed.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct logs {
	bool follow;
};

static const struct option options[] = {
	{"follow", 'f', OPTION_FLAG, offsetof(struct logs, follow), NULL,
		"go on until the container ends", GROUP_COMMON, NULL},
	{0},
};

/* stdout has a buffer, stderr has none: keep their order where both go to one place. */
static void put(FILE *out, const char *text, size_t len)
{
	if (out == stderr)
		fflush(stdout);
	fwrite(text, 1, len, out);
}

/* Print the whole lines from where @in stands; a line that is still being written is left
 * for the next time. */
static int print_lines(FILE *in, struct mr_error *err)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	while (r >= 0 && (n = getline(&line, &size, in)) > 0) {
		char *text = NULL;
		size_t len = 0;
		if (line[n - 1] != '\n') {
			fseeko(in, -(off_t)n, SEEK_CUR);
			break;
		}
		r = mr_log_line(line, (size_t)n, &text, &len);
		if (r < 0)
			fail(err, -r, "the log holds a line that is no JSON object");
		else
			put(r == 2 ? stderr : stdout, text, len);
		free(text);
	}
	clearerr(in);
	free(line);
	fflush(stdout);
	return r < 0 ? r : 0;
}

static bool has_ended(struct mr_container *c)
{
	struct mr_status status;
	struct mr_error gone = {0};

	if (mr_container_status(c, &status, &gone) < 0)
		return true;
	return strcmp(status.status, "created") != 0 &&
	       strcmp(status.status, "running") != 0 &&
	       strcmp(status.status, "paused") != 0;
}

static int watch_dir(const char *path, struct mr_error *err)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	int fd = inotify_init1(IN_CLOEXEC);
	if (fd >= 0 && inotify_add_watch(fd, dirname(dir),
			       IN_MODIFY | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF) >= 0)
		return fd;
	int r = errno;
	if (fd >= 0)
		close(fd);
	return fail(err, r, "cannot watch '%s' (%s)", path, mr_errno_name(r));
}

static int follow(
	struct mr_container *c, const char *path, FILE *in, struct mr_error *err)
{
	_Alignas(struct inotify_event) char events[4096];
	int fd = watch_dir(path, err);
	int r = fd;

	while (r >= 0) {
		bool ended = has_ended(c);
		r = print_lines(in, err);
		if (r < 0 || ended)
			break;
		if (read(fd, events, sizeof(events)) < 0 && errno != EINTR)
			r = fail(err, errno, "inotify (%s)", mr_errno_name(errno));
	}
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : 0;
}

static int print_log(struct mr_container *c, bool follow_it, struct mr_error *err)
{
	char *path = NULL;
	int r = mr_container_log_path(c, &path, err);

	if (r < 0)
		return r;
	FILE *in = fopen(path, "re");
	if (!in) {
		r = fail(err, errno, "cannot open the log '%s' (%s)", path,
			mr_errno_name(errno));
		snprintf(err->hint, sizeof(err->hint),
			"only a detached container has one (minirun run --detach)");
	} else {
		r = follow_it ? follow(c, path, in, err) : print_lines(in, err);
		fclose(in);
	}
	free(path);
	return r;
}

int cmd_logs(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct logs logs = {0};
	struct arguments args;
	struct mr_container *c = NULL;

	int r = command_parse(ctx, options, &logs, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_container_open(ctx->root, args.items[0], &c, err);
	if (r < 0)
		return r;
	r = print_log(c, logs.follow, err);
	mr_container_close(c);
	return r;
}
