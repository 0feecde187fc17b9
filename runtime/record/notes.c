/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes in a container's directory, a line each, by whoever has something for its record:
 * limits that could not be set, processes of `exec`. An append is one write(2), so readers need
 * no lock. A file that has grown too long is replaced by its newer half; writers lock it, so
 * that none appends to one that was replaced.
 *
 * open(2) O_APPEND, flock(2)
 */
#include "record/state.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NOTES_MAX 65536 /* bytes */

static int lock(int fd)
{
	int r;

	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r;
}

/* With its lock, and not one that was replaced while we waited for that. */
static int open_notes(int dir, const char *name, off_t *ret_size)
{
	for (;;) {
		struct stat st;
		autoclose int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || lock(fd) < 0 || fstat(fd, &st) < 0)
			return -errno;
		*ret_size = st.st_size;
		if (st.st_nlink > 0)
			return mr_take_fd(&fd);
	}
}

static int replace_older_half(int dir, const char *name, const char *line)
{
	autofree char *text = NULL;
	auto_str newer = { 0 };
	size_t len;

	int r = mr_read_file_at(dir, name, 2 * NOTES_MAX, &text, &len);
	if (r < 0)
		return r;
	const char *end = strchr(text + len / 2, '\n');
	mr_str_append(&newer, end ? end + 1 : "");
	mr_str_append(&newer, line);
	return mr_str_ok(&newer) ? mr_write_atomic_at(dir, name, newer.data, newer.len, 0600)
				 : -ENOMEM;
}

static int add_note(int dir, const char *name, const char *line)
{
	off_t size = 0;
	autoclose int fd = open_notes(dir, name, &size);

	if (fd < 0)
		return fd;
	return size > NOTES_MAX ? replace_older_half(dir, name, line)
				: mr_write_all(fd, line, strlen(line));
}

int mr_state_add_refused(const struct mr_state *s, const struct mr_refused *r)
{
	char line[64];

	snprintf(line, sizeof(line), "%" PRId64 " %" PRIu64 "\n", r->mono_ns, r->bytes);
	return add_note(s->dir, "refused", line);
}

ssize_t mr_state_read_refused(
	const struct mr_state *s, struct mr_refused *ret, size_t room)
{
	autofree char *text = NULL;
	size_t n = 0;

	int r = mr_read_file_at(s->dir, "refused", 2 * NOTES_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *line = text, *end; n < room && (end = strchr(line, '\n')); line = end + 1)
		n += sscanf(line, "%" SCNd64 " %" SCNu64, &ret[n].mono_ns, &ret[n].bytes) == 2;
	return (ssize_t)n;
}

int mr_state_add_exec(int dir, pid_t pid)
{
	char line[16];

	snprintf(line, sizeof(line), "%d\n", (int)pid);
	return add_note(dir, "execs", line);
}

ssize_t mr_state_read_execs(const struct mr_state *s, pid_t **ret_pids)
{
	autofree char *text = NULL;
	size_t len, n = 0;

	*ret_pids = NULL;
	int r = mr_read_file_at(s->dir, "execs", 2 * NOTES_MAX, &text, &len);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	pid_t *pids = malloc((len / 2 + 1) * sizeof(*pids));
	if (!pids)
		return -ENOMEM;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		int64_t pid;
		*end = '\0';
		if (mr_parse_i64(line, &pid) == 0)
			pids[n++] = (pid_t)pid;
	}
	*ret_pids = pids;
	return (ssize_t)n;
}
