/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun ps ID: the processes of one container, as host pids or as ps(1) shows them.
 *
 * ps(1) knows no cgroups, so its whole output is read and the lines with the container's
 * pids are kept. Engines look for a column named PID. PATH may be unset (podman calls
 * with XDG_RUNTIME_DIR only): ps is taken from fixed places.
 */
#include "ps.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int get_pids(const struct context *ctx, const char *id, pid_t **ret, size_t *ret_n,
	struct mr_error *err)
{
	struct mr_container *c = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	r = mr_container_pids(c, ret, ret_n, err);
	mr_container_close(c);
	return r;
}

static int start_ps(char *const *ps_args, pid_t *ret_pid, struct mr_error *err)
{
	static const char *const places[] = {
		"/usr/bin/ps", "/bin/ps", "/usr/local/bin/ps"};
	posix_spawn_file_actions_t actions;
	char *argv[64];
	char name[] = "ps", standard[] = "-ef";
	int fds[2], n = 0, r = ENOENT;

	argv[n++] = name;
	for (; *ps_args && n < 62; ps_args++)
		argv[n++] = *ps_args;
	if (n == 1)
		argv[n++] = standard;
	argv[n] = NULL;
	if (*ps_args)
		return fail(err, E2BIG, "too many arguments for ps(1)");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(err, errno, "cannot create a pipe (%s)", mr_errno_name(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	for (size_t i = 0; r != 0 && i < sizeof(places) / sizeof(*places); i++)
		r = posix_spawn(ret_pid, places[i], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (r == 0)
		return fds[0];
	close(fds[0]);
	fail(err, r, "cannot execute ps(1) (%s)", mr_errno_name(r));
	snprintf(err->hint, sizeof(err->hint),
		"install procps, or use minirun ps --format json");
	return -r;
}

/* Where the number of the column PID ends; -1: there is none. ps(1) aligns it to the
 * right, so this also holds behind a column of several words. */
static int pid_column_end(const char *head)
{
	for (size_t at = 0;;) {
		at += strspn(head + at, " \t\n");
		size_t n = strcspn(head + at, " \t\n");
		if (n == 0)
			return -1;
		if (n == 3 && !strncmp(head + at, "PID", 3))
			return (int)(at + n);
		at += n;
	}
}

static bool is_ours(const char *line, int end, const pid_t *pids, size_t n)
{
	int start = end;

	if (strnlen(line, (size_t)end) < (size_t)end)
		return false;
	while (start > 0 && line[start - 1] >= '0' && line[start - 1] <= '9')
		start--;
	long pid = strtol(line + start, NULL, 10);
	for (size_t i = 0; start < end && i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

static int filter(FILE *in, const pid_t *pids, size_t n, struct mr_error *err)
{
	char *line = NULL;
	size_t size = 0;
	int end = -1, r = 0;

	if (getline(&line, &size, in) > 0)
		end = pid_column_end(line);
	if (end < 0)
		r = fail(err, EINVAL, "the output of ps(1) has no column PID");
	else
		fputs(line, stdout);
	while (r == 0 && getline(&line, &size, in) > 0) {
		if (is_ours(line, end, pids, n))
			fputs(line, stdout);
	}
	free(line);
	return r;
}

static int print_table(
	const pid_t *pids, size_t n, char *const *ps_args, struct mr_error *err)
{
	pid_t pid;
	int status;
	int fd = start_ps(ps_args, &pid, err);

	if (fd < 0)
		return fd;
	FILE *in = fdopen(fd, "re");
	int r = in ? filter(in, pids, n, err) : fail(err, ENOMEM, "out of memory");
	if (in)
		fclose(in);
	else
		close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r;
}

int ps_processes(const struct context *ctx, const char *id, char *const *ps_args,
	bool json, struct mr_error *err)
{
	pid_t *pids = NULL;
	size_t n = 0;
	int r = get_pids(ctx, id, &pids, &n, err);

	if (r >= 0 && json) {
		putchar('[');
		for (size_t i = 0; i < n; i++)
			printf("%s%d", i ? "," : "", (int)pids[i]);
		printf("]\n");
	} else if (r >= 0) {
		r = print_table(pids, n, ps_args, err);
	}
	free(pids);
	return r < 0 ? r : 0;
}
