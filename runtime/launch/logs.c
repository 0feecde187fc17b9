/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a detached container: see logs.h. A full disk loses log lines, never the
 * container: the pipe is still read, and the record tells how much was lost. */
#include "launch/logs.h"

#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG "log.json"
#define OLDER "log.json.1"
#define NEWER ".log.json.0" /* goes with the directory, see state.h */

static const char *const stream_name[2] = { "stdout", "stderr" };

void mr_logs_init(struct mr_logs *l)
{
	l->log_fd = l->dir = -1;
	l->max = l->size = 0;
	l->text[0] = l->text[1] = l->lost = 0;
	l->write_error = 0;
	l->gave_way = false;
	for (int i = 0; i < 2; i++) {
		l->stream[i].fd = l->write_end[i] = -1;
		l->stream[i].len = 0;
	}
}

static int open_log(int dir, const char *name)
{
	return openat(dir, name,
		O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int mr_logs_open(struct mr_logs *l, int state_dir, int64_t max, struct mr_error *err)
{
	l->dir = state_dir;
	l->max = max ? max : MR_LOG_MAX;
	l->log_fd = open_log(state_dir, LOG);
	if (l->log_fd < 0)
		return mr_fail(err, errno, "cannot make " LOG);
	for (int i = 0; i < 2; i++) {
		int fds[2];
		if (pipe2(fds, O_CLOEXEC) < 0)
			return mr_fail(err, errno, "pipe for %s", stream_name[i]);
		l->stream[i].fd = fds[0];
		l->write_end[i] = fds[1];
		/* Only our end: the container's must block when we are slow. */
		if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
			return mr_fail(err, errno, "fcntl O_NONBLOCK");
	}
	return 0;
}

void mr_logs_started(struct mr_logs *l)
{
	mr_close(&l->write_end[0]);
	mr_close(&l->write_end[1]);
}

int mr_logs_poll(const struct mr_logs *l, struct pollfd *fds)
{
	int n = 0;

	for (int i = 0; i < 2; i++)
		if (l->stream[i].fd >= 0)
			fds[n++] = (struct pollfd){ l->stream[i].fd, POLLIN, 0 };
	return n;
}

/* --- the two files --- */

static void drop_older(struct mr_logs *l)
{
	(void)unlinkat(l->dir, OLDER, 0); /* it may not be there */
	l->lost += l->text[1];
	l->text[1] = 0;
}

/* There always is a log.json, whenever a reader comes. */
static int rotate(struct mr_logs *l)
{
	autoclose int fd = open_log(l->dir, NEWER);
	if (fd < 0)
		return -errno;
	drop_older(l);
	if (linkat(l->dir, LOG, l->dir, OLDER, 0) < 0 ||
		renameat(l->dir, NEWER, l->dir, LOG) < 0) {
		int saved = errno;
		unlinkat(l->dir, OLDER, 0);
		unlinkat(l->dir, NEWER, 0);
		return -saved;
	}
	mr_close(&l->log_fd);
	l->log_fd = mr_take_fd(&fd);
	l->size = 0;
	l->text[1] = l->text[0];
	l->text[0] = 0;
	return 0;
}

/* @text_len bytes of output as the line @line; all of it or nothing. */
static void append(struct mr_logs *l, const char *line, size_t len, size_t text_len)
{
	int ret = 0;

	if (l->size > 0 && l->size + (int64_t)len > l->max / 2)
		ret = rotate(l);
	if (ret == 0)
		ret = mr_write_all(l->log_fd, line, len);
	if (ret == 0) {
		l->size += (int64_t)len;
		l->text[0] += text_len;
		return;
	}
	l->lost += text_len;
	l->write_error = -ret;
	if (ftruncate(l->log_fd, l->size) < 0) /* half a line would be no JSON */
		l->write_error = errno;
}

bool mr_logs_give_way(struct mr_logs *l)
{
	if (l->log_fd < 0 || (l->text[0] == 0 && l->text[1] == 0))
		return false;
	if (l->text[1] > 0) {
		drop_older(l);
	} else {
		if (ftruncate(l->log_fd, 0) < 0)
			return false;
		l->lost += l->text[0];
		l->size = 0;
		l->text[0] = 0;
	}
	l->gave_way = true;
	return true;
}

const char *mr_logs_loss(struct mr_logs *l)
{
	const char *why = "more came than --log-size has room for";

	if (l->lost == 0)
		return NULL;
	if (l->gave_way)
		why = "no space was left, and the record comes first";
	else if (l->write_error)
		why = mr_reason(l->write_error);
	snprintf(l->loss, sizeof(l->loss),
		"%" PRIu64 " bytes of the output are not in the log: %s", l->lost, why);
	return l->loss;
}

/* --- lines --- */

static void put_line(struct mr_logs *l, int which, const char *text, size_t len)
{
	struct mr_json_writer w = { 0 };
	auto_str line = { 0 };
	char time[40];

	/* A NUL would end the text: it becomes U+FFFD, as every byte that is not UTF-8. */
	for (const char *at = text, *end = text + len, *nul; at < end; at = nul + 1) {
		nul = memchr(at, '\0', (size_t)(end - at));
		if (!nul)
			nul = end;
		mr_str_append_n(&line, at, (size_t)(nul - at));
		mr_str_append(&line, nul < end ? "\xef\xbf\xbd" : "");
	}
	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "log", mr_str_text(&line));
	mr_json_put_text(&w, "stream", stream_name[which]);
	mr_json_put_text(&w, "time", mr_format_time(mr_now_real(), time));
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	if (mr_str_ok(&w.out)) {
		append(l, w.out.data, w.out.len, len);
	} else {
		l->lost += len;
		l->write_error = ENOMEM;
	}
	mr_str_clear(&w.out);
}

/* Write the whole lines of the buffer; @all: also what has no newline. */
static void put_lines(struct mr_logs *l, int which, bool all)
{
	struct mr_log_stream *s = &l->stream[which];
	char *buf = l->buf[which];
	size_t begin = 0;

	while (begin < s->len) {
		char *newline = memchr(buf + begin, '\n', s->len - begin);
		if (!newline)
			break;
		size_t end = (size_t)(newline - buf) + 1;
		put_line(l, which, buf + begin, end - begin);
		begin = end;
	}
	if (begin < s->len && (all || s->len - begin == sizeof(l->buf[0]))) {
		put_line(l, which, buf + begin, s->len - begin);
		begin = s->len;
	}
	if (begin > 0)
		memmove(buf, buf + begin, s->len - begin);
	s->len -= begin;
}

/* @return whether there may be more */
static bool take(struct mr_logs *l, int which)
{
	struct mr_log_stream *s = &l->stream[which];
	ssize_t n = read(s->fd, l->buf[which] + s->len, sizeof(l->buf[0]) - s->len);

	if (n < 0 && (errno == EINTR))
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		s->len += (size_t)n;
	put_lines(l, which, n <= 0);
	if (n <= 0)
		mr_close(&s->fd);
	return n > 0;
}

void mr_logs_step(struct mr_logs *l, const struct pollfd *fds, int n)
{
	for (int k = 0; k < n; k++)
		for (int i = 0; i < 2; i++)
			if (fds[k].revents && fds[k].fd == l->stream[i].fd)
				take(l, i);
}

void mr_logs_finish(struct mr_logs *l)
{
	mr_logs_started(l);
	for (int i = 0; i < 2; i++) {
		while (l->stream[i].fd >= 0 && take(l, i))
			;
		put_lines(l, i, true);
		mr_close(&l->stream[i].fd);
	}
}

void mr_logs_close(struct mr_logs *l)
{
	mr_logs_finish(l);
	mr_close(&l->log_fd);
}

int mr_logs_parse(const char *line, size_t len, char **ret_text, size_t *ret_len)
{
	struct mr_error err;
	auto_json doc = { 0 };

	if (mr_json_parse("log", line, len, &doc, &err) < 0)
		return -EINVAL;
	const char *text = mr_json_text(doc.root, "log", NULL);
	const char *stream = mr_json_text(doc.root, "stream", NULL);
	if (!text || !stream)
		return -EINVAL;
	*ret_text = strdup(text);
	if (!*ret_text)
		return -ENOMEM;
	*ret_len = strlen(text);
	return strcmp(stream, "stderr") == 0 ? 2 : 1;
}
