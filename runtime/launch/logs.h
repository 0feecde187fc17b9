/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LOGS_H
#define MR_LAUNCH_LOGS_H

#include "base/errors.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Output of a detached container: two pipes, written to log.json line by line as docker's
 * json-file does: {"log":"text\n","stream":"stdout","time":"..."}. Bounded memory: a line
 * longer than the buffer is written in pieces, each without its newline.
 *
 * A short line grows to 36 times its size, and the state directory is in memory as a rule. So
 * the log is bounded: when log.json has half of `max` it becomes log.json.1, and the one
 * before is gone. And the record goes before it: mr_logs_give_way().
 */

#define MR_LOG_BUFFER 8192
#define MR_LOG_MAX (16 << 20) /* bytes, unless asked for otherwise */

struct mr_log_stream {
	int fd; /* read end, -1: at its end */
	size_t len; /* in its buffer */
};

struct mr_logs {
	int log_fd;
	int dir;     /* the container's, borrowed */
	int64_t max; /* bytes of both files */
	int64_t size; /* of log.json */
	uint64_t text[2]; /* bytes of output in log.json, in log.json.1 */
	uint64_t lost;    /* bytes of output that are in neither */
	int write_error;  /* errno of the last one; 0: none */
	bool gave_way;
	char loss[200]; /* of mr_logs_loss() */
	struct mr_log_stream stream[2]; /* stdout, stderr */
	int write_end[2];               /* for the child; closed by mr_logs_started() */
	char buf[2][MR_LOG_BUFFER];     /* last: untouched pages cost nothing */
};

void mr_logs_init(struct mr_logs *l);
/** Make the pipes and the file (O_NOFOLLOW, 0600) in the container's directory.
 * @max bytes; 0: MR_LOG_MAX */
int mr_logs_open(struct mr_logs *l, int state_dir, int64_t max, struct mr_error *err);
/** The child has its ends: close ours. */
void mr_logs_started(struct mr_logs *l);
/** At most 2 entries. @return how many */
int mr_logs_poll(const struct mr_logs *l, struct pollfd *fds);
/** Read what is there and write whole lines. */
void mr_logs_step(struct mr_logs *l, const struct pollfd *fds, int n);
/** Read until both pipes are empty, without waiting for writers; close them. */
void mr_logs_finish(struct mr_logs *l);
/** There is no space for something that matters more: drop the older file, or else all.
 * @return whether that has freed anything */
bool mr_logs_give_way(struct mr_logs *l);
/** What became of output that is not in the log, for the record; NULL: all of it is. */
const char *mr_logs_loss(struct mr_logs *l);
void mr_logs_close(struct mr_logs *l);

/** One log line back to its text; malloc()ed. @return 1 stdout, 2 stderr, -EINVAL */
int mr_logs_parse(const char *line, size_t len, char **ret_text, size_t *ret_len);

#endif
