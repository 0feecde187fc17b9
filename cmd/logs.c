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
#include <sys/stat.h>
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
	return strcmp(status.status, "creating") != 0 &&
	       strcmp(status.status, "created") != 0 &&
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

/* --- the two files: log.json, and log.json.1 with what came before --- */

struct source {
	struct context *ctx;
	char path[PATH_MAX], older[PATH_MAX];
	FILE *in;
};

static bool is_open_at(FILE *in, const char *path)
{
	struct stat here, there;

	return fstat(fileno(in), &here) == 0 && stat(path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static int open_source(struct source *s, const char *path, struct mr_error *err)
{
	if (s->in)
		fclose(s->in);
	s->in = fopen(path, "re");
	if (s->in)
		return 0;
	int r = fail(err, errno, "cannot open the log '%s' (%s)", path, mr_errno_name(errno));
	snprintf(err->hint, sizeof(err->hint),
		"only a detached container has one (minirun run --detach)");
	return r;
}

/* The newer one is opened first: if it becomes the older one meanwhile, it is read once. */
static int print_older(const struct source *s, struct mr_error *err)
{
	FILE *older = fopen(s->older, "re");
	int r = 0;

	if (!older)
		return errno == ENOENT ? 0
				       : fail(err, errno, "cannot open the log '%s' (%s)",
						 s->older, mr_errno_name(errno));
	if (!is_open_at(s->in, s->older))
		r = print_lines(older, err);
	fclose(older);
	return r;
}

static void tell_gap(const struct source *s)
{
	report_message(s->ctx, MR_MESSAGE_WARNING,
		"the log has dropped output before it could be shown");
}

/* To the end of what is there, also when the log has gone on in other files. */
static int print_new(struct source *s, struct mr_error *err)
{
	struct stat st;

	if (fstat(fileno(s->in), &st) == 0 && st.st_size < ftello(s->in)) {
		tell_gap(s); /* emptied, for want of space */
		rewind(s->in);
	}
	int r = print_lines(s->in, err);
	while (r == 0 && access(s->path, F_OK) == 0 && !is_open_at(s->in, s->path)) {
		r = print_lines(s->in, err); /* its last lines may have come since */
		bool next = is_open_at(s->in, s->older) || access(s->older, F_OK) < 0;
		if (!next)
			tell_gap(s);
		if (r == 0)
			r = open_source(s, next ? s->path : s->older, err);
		if (r == 0)
			r = print_lines(s->in, err);
	}
	return r;
}

static int follow(struct mr_container *c, struct source *s, struct mr_error *err)
{
	_Alignas(struct inotify_event) char events[4096];
	int fd = watch_dir(s->path, err);
	int r = fd;

	while (r >= 0) {
		bool ended = has_ended(c);
		r = print_new(s, err);
		if (r < 0 || ended)
			break;
		if (read(fd, events, sizeof(events)) < 0 && errno != EINTR)
			r = fail(err, errno, "inotify (%s)", mr_errno_name(errno));
	}
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : 0;
}

static int print_log(
	struct context *ctx, struct mr_container *c, bool follow_it, struct mr_error *err)
{
	struct source s = {.ctx = ctx};
	char *path = NULL;
	int r = mr_container_log_path(c, &path, err);

	if (r < 0)
		return r;
	snprintf(s.path, sizeof(s.path), "%s", path);
	snprintf(s.older, sizeof(s.older), "%s.1", path);
	free(path);
	r = open_source(&s, s.path, err);
	if (r == 0)
		r = print_older(&s, err);
	if (r == 0)
		r = follow_it ? follow(c, &s, err) : print_lines(s.in, err);
	if (s.in)
		fclose(s.in);
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
	r = print_log(ctx, c, logs.follow, err);
	mr_container_close(c);
	return r;
}
