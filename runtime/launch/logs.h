/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LOGS_H
#define MR_LAUNCH_LOGS_H

#include "base/errors.h"

#include <poll.h>
#include <stdbool.h>

/*
 * Output of a detached container: two pipes, written to log.json line by line as docker's
 * json-file does: {"log":"text\n","stream":"stdout","time":"..."}. Bounded memory: a line
 * longer than the buffer is written in pieces, each without its newline.
 */

#define MR_LOG_BUFFER 8192

struct mr_log_stream {
	int fd; /* read end, -1: at its end */
	size_t len; /* in its buffer */
};

struct mr_logs {
	int log_fd;
	struct mr_log_stream stream[2]; /* stdout, stderr */
	int write_end[2];               /* for the child; closed by mr_logs_started() */
	char buf[2][MR_LOG_BUFFER];     /* last: untouched pages cost nothing */
};

void mr_logs_init(struct mr_logs *l);
/** Make the pipes and the file (O_NOFOLLOW, 0600) in the container's directory. */
int mr_logs_open(struct mr_logs *l, int state_dir, struct mr_error *err);
/** The child has its ends: close ours. */
void mr_logs_started(struct mr_logs *l);
/** At most 2 entries. @return how many */
int mr_logs_poll(const struct mr_logs *l, struct pollfd *fds);
/** Read what is there and write whole lines. */
void mr_logs_step(struct mr_logs *l, const struct pollfd *fds, int n);
/** Read until both pipes are empty, without waiting for writers; close everything. */
void mr_logs_finish(struct mr_logs *l);

/** One log line back to its text; malloc()ed. @return 1 stdout, 2 stderr, -EINVAL */
int mr_logs_parse(const char *line, size_t len, char **ret_text, size_t *ret_len);

#endif
