/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where --log goes: a file, the journal, or syslog.
 *
 * Engines read the file: podman takes it whole as one JSON value, containerd takes the last
 * object of level "error". So a failed invocation appends exactly one line with one
 * write(2), and at the default level nothing else is ever logged.
 *
 * The journal takes a datagram of FIELD=VALUE lines, syslog one of "<priority>tag: text":
 * both simple enough to do without libsystemd and syslog(3), which hides failures.
 *
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL, syslog(3), unix(7)
 */
#include "cmd.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char journal_socket[] = "/run/systemd/journal/socket";
static const char syslog_socket[] = "/dev/log";

static int open_file(const char *path)
{
	return open(path,
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0644);
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static int open_destination(const struct context *ctx)
{
	return ctx->log_tag ? open_socket(ctx->log_path) : open_file(ctx->log_path);
}

static bool take_prefix(const char **text, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*text, prefix, n) != 0)
		return false;
	*text += n;
	return true;
}

/* A path may hold ':', so only the known prefixes are taken for destinations. */
int log_parse_destination(struct context *ctx, struct mr_error *err)
{
	const char *log = ctx->log;

	ctx->log_path = ctx->log_tag = NULL;
	if (!log)
		return 0;
	if (take_prefix(&log, "journald:"))
		ctx->log_path = journal_socket;
	else if (take_prefix(&log, "syslog:"))
		ctx->log_path = syslog_socket;
	else
		take_prefix(&log, "file:");
	if (ctx->log_path && !*log)
		return fail(err, EINVAL, "option --log: '%s' lacks the identifier behind ':'",
			ctx->log);
	if (ctx->log_path)
		ctx->log_tag = log;
	else
		ctx->log_path = log;
	int fd = open_destination(ctx);
	if (fd < 0) {
		int e = errno;
		const char *path = ctx->log_path;
		ctx->log_path = NULL; /* nor can this error be told there */
		return fail(err, e, "cannot open the log '%s' (%s)", path, mr_errno_name(e));
	}
	close(fd);
	return 0;
}

void log_put(FILE *out, const struct context *ctx, enum log_level level, const char *text)
{
	static const char *const names[] = {"error", "warning", "debug"};
	char when[TIME_TEXT_SIZE];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	format_time((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, when);
	fprintf(out,
		ctx->log_json ? "{\"level\":\"%s\",\"msg\":" : "level=%s msg=", names[level]);
	put_json_text(out, text);
	fprintf(out, ctx->log_json ? ",\"time\":\"%s\"}\n" : " time=\"%s\"\n", when);
}

static void put_datagram(
	FILE *out, const struct context *ctx, enum log_level level, const char *text)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_DEBUG};
	const bool journal = ctx->log_path == journal_socket;

	/* Clean texts hold no newline, which would begin another field. */
	fprintf(out, journal ? "PRIORITY=%d\nSYSLOG_IDENTIFIER=" : "<%d>",
		journal ? priorities[level] : LOG_USER | priorities[level]);
	put_clean_text(out, ctx->log_tag);
	fprintf(out, journal ? "\nSYSLOG_PID=%d\nMESSAGE=" : "[%d]: ", (int)getpid());
	put_clean_text(out, text);
	if (journal)
		fputc('\n', out);
}

void log_line(const struct context *ctx, enum log_level level, const char *text)
{
	char *line = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&line, &len);

	if (!out)
		return;
	if (ctx->log_tag)
		put_datagram(out, ctx, level, text);
	else
		log_put(out, ctx, level, text);
	if (fclose(out) == 0) {
		int fd = open_destination(ctx);
		if (fd < 0 || write(fd, line, len) != (ssize_t)len)
			fprintf(stderr, "minirun: the log '%s' could not be written\n",
				ctx->log_path);
		if (fd >= 0)
			close(fd);
	}
	free(line);
}
