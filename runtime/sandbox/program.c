/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program - find and execute the program: the last thing that the container process does
 * as part of minirun.
 *
 * Everything here happens inside the container's root, on files that are hostile: a
 * passwd or a program may be a FIFO, an endless device, a directory, a loop of links. So
 * nothing is opened before its type is known, nothing blocks, and no read is without
 * bound.
 *
 * The only place with the words that engines match to tell "command not found" (127) and
 * "not executable" (126) from other failures; every other room avoids them (see
 * errors.h).
 *
 * Order constraints: after pivot_root and chdir (PATH may be relative), after the user is
 * set: access is decided with the container user's rights.
 *
 * Manual pages: execve(2), faccessat(2), passwd(5), openat2(2).
 */
#include "sandbox/process.h"

#include "base/io.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- HOME --- */

#define PASSWD_MAX_BYTES (1u << 20)
#define PASSWD_MAX_NS 200000000
#define PASSWD_MAX_LINE 4096

static int open_passwd(void)
{
	struct stat st;

	/* Look before opening: opening a device can have effects. Look again after it,
	 * since another container may share the file system and exchange the file. */
	if (stat("/etc/passwd", &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	int fd = mr_openat2(AT_FDCWD, "/etc/passwd",
		O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* @return the home directory in a line of passwd(5), if it is that of @uid; cuts @line */
static const char *home_in_line(char *line, uid_t uid)
{
	char *fields[7];
	uint32_t line_uid;

	for (int i = 0; i < 7; i++) {
		fields[i] = line;
		line = strchr(line, ':');
		if (i < 6 && line == NULL)
			return NULL;
		if (line != NULL)
			*line++ = '\0';
	}
	if (mr_parse_id(fields[2], &line_uid) < 0 || line_uid != uid ||
		fields[5][0] != '/')
		return NULL;
	return fields[5];
}

/* Look at every complete line, keep the incomplete rest at the start of the buffer.
 * @param too_long the first line is the rest of one that did not fit. @return 1 found */
static int search_lines(
	char *buf, size_t *used, bool *too_long, uid_t uid, const char **ret_home)
{
	char *at = buf, *end;

	while ((end = memchr(at, '\n', *used)) != NULL) {
		size_t len = (size_t)(end - at) + 1;
		*end = '\0';
		if (!*too_long && strlen(at) == len - 1 &&
			(*ret_home = home_in_line(at, uid)) != NULL)
			return 1;
		*too_long = false;
		*used -= len;
		at += len;
	}
	memmove(buf, at, *used);
	return 0;
}

/* Lines longer than the buffer belong to nobody and are skipped. @return 1 found */
static int search_passwd(
	int fd, uid_t uid, char buf[static PASSWD_MAX_LINE], const char **ret_home)
{
	int64_t deadline = mr_now_mono_ns() + PASSWD_MAX_NS;
	size_t used = 0, total = 0;
	bool too_long = false;

	while (total < PASSWD_MAX_BYTES && mr_now_mono_ns() < deadline) {
		ssize_t n = read(fd, buf + used, PASSWD_MAX_LINE - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && used == 0)
			return 0;
		if (n > 0) {
			used += (size_t)n;
			total += (size_t)n;
		} else {
			buf[used++] = '\n'; /* the last line may lack it */
		}
		if (search_lines(buf, &used, &too_long, uid, ret_home) == 1)
			return 1;
		if (used == PASSWD_MAX_LINE - 1) {
			too_long = true;
			used = 0;
		}
	}
	return 0;
}

int mr_process_find_home(
	struct mr_process_plan *plan, struct mr_arena *arena, struct mr_error *err)
{
	char line[PASSWD_MAX_LINE];
	const char *home = "/";

	if (plan->has_home)
		return 0;
	autoclose int fd = open_passwd();
	if (fd >= 0 && search_passwd(fd, plan->process->uid, line, &home) == 0)
		home = "/";
	char *entry = mr_arena_printf(arena, "HOME=%s", home);
	if (entry == NULL)
		return mr_fail(err, ENOMEM, "add HOME to the environment");
	plan->env[plan->n_env++] = entry;
	plan->env[plan->n_env] = NULL;
	plan->has_home = true;
	return 0;
}

/* --- the program --- */

/* Errors about the program itself, in the words that engines match. */
static int fail_program(struct mr_error *err, int e, const char *program)
{
	auto_str shown = {0};

	mr_str_append_printable(&shown, program);
	const char *name = mr_str_text(&shown);
	switch (e) {
	case ENOENT:
	case ENOTDIR:
		mr_fail_text(err, e, "exec \"%s\": no such file or directory", name);
		err->exit_code = MR_EXIT_NOT_FOUND;
		break;
	case EACCES:
	case EPERM:
	case EISDIR:
		mr_fail_text(err, e, "exec \"%s\": permission denied", name);
		err->exit_code = MR_EXIT_NOT_EXECUTABLE;
		break;
	case ENOEXEC:
		mr_fail_text(err, e, "exec \"%s\": exec format error", name);
		mr_hint(err,
			"built for another architecture, or a script without #! line");
		err->exit_code = MR_EXIT_NOT_EXECUTABLE;
		break;
	default:
		mr_fail(err, e, "exec \"%s\"", name);
		if (e == E2BIG)
			mr_hint(err, "one argument or variable may have 128 KiB, all together a "
				     "quarter of the stack's limit (execve(2))");
		err->exit_code = MR_EXIT_NOT_EXECUTABLE;
	}
	return -e;
}

/* Can the user execute this file? Never opens it. */
static int check_program(const char *path, mode_t *ret_mode)
{
	struct stat st;

	*ret_mode = 0;
	if (stat(path, &st) < 0)
		return -errno;
	*ret_mode = st.st_mode;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	/* Also finds a mount with noexec. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static void hint_access(
	struct mr_error *err, const struct mr_process_plan *plan, mode_t mode)
{
	if (mode == 0)
		mr_hint(err, "user %u may not search a directory of the path",
			plan->process->uid);
	else if (S_ISDIR(mode))
		mr_hint(err, "the path names a directory");
	else if (!S_ISREG(mode))
		mr_hint(err, "the path names a device, FIFO or socket");
	else if ((mode & 0111) == 0)
		mr_hint(err, "the file has no execute permission (mode %04o): chmod +x",
			(unsigned)(mode & 07777));
	else
		mr_hint(err,
			"user %u has no execute permission (mode %04o), or the file is "
			"on a mount with noexec",
			plan->process->uid, (unsigned)(mode & 07777));
}

static const char *find_path_variable(const struct mr_process_plan *plan)
{
	for (size_t i = 0; i < plan->n_env; i++) {
		if (mr_has_prefix(plan->env[i], "PATH="))
			return plan->env[i] + strlen("PATH=");
	}
	return NULL;
}

static int fail_not_in_path(const struct mr_process_plan *plan, const char *name,
	const char *path_variable, struct mr_error *err)
{
	auto_str shown = {0};

	mr_str_append_printable(&shown, name);
	mr_fail_text(err, ENOENT, "exec \"%s\": executable file not found in $PATH",
		mr_str_text(&shown));
	err->exit_code = MR_EXIT_NOT_FOUND;
	if (path_variable == NULL)
		mr_hint(err, "process.env has no PATH");
	else if (plan->process->args.n == 1 && strchr(name, ' ') != NULL)
		mr_hint(err,
			"program and arguments are separate elements of process.args");
	else
		mr_hint(err, "PATH is \"%.200s\"", path_variable);
	return -ENOENT;
}

/* As execvp(3): a file without permission does not end the search, but is the answer when
 * nothing better comes. */
static int search_path(const struct mr_process_plan *plan, const char *name,
	const char *dirs, char path[static PATH_MAX], struct mr_error *err)
{
	char denied[PATH_MAX] = "";
	mode_t denied_mode = 0, mode;

	for (const char *at = dirs; at != NULL && name[0] != '\0';) {
		size_t len = strcspn(at, ":");
		/* An empty element is the working directory. */
		int n = len == 0
				? snprintf(path, PATH_MAX, "./%s", name)
				: snprintf(path, PATH_MAX, "%.*s/%s", (int)len, at, name);
		at = at[len] == ':' ? at + len + 1 : NULL;
		if (n < 0 || n >= PATH_MAX)
			continue;
		int r = check_program(path, &mode);
		if (r == 0)
			return 0;
		if (r == -EACCES && S_ISREG(mode) && denied[0] == '\0') {
			memcpy(denied, path, (size_t)n + 1);
			denied_mode = mode;
		}
	}
	if (denied[0] == '\0')
		return fail_not_in_path(plan, name, dirs, err);
	fail_program(err, EACCES, denied);
	hint_access(err, plan, denied_mode);
	return -EACCES;
}

int mr_process_find_program(const struct mr_process_plan *plan, struct mr_arena *arena,
	const char **ret_path, struct mr_error *err)
{
	const char *name = plan->process->args.items[0];
	char path[PATH_MAX];
	mode_t mode;

	if (strchr(name, '/') != NULL) {
		int r = check_program(name, &mode);
		if (r < 0) {
			fail_program(err, -r, name);
			if (r == -EACCES || r == -EISDIR)
				hint_access(err, plan, mode);
			else if (r == -ENOENT && name[0] != '/')
				mr_hint(err, "it is looked for from the working directory, %s",
					plan->process->cwd);
			return r;
		}
		*ret_path = name;
		return 0;
	}
	int r = search_path(plan, name, find_path_variable(plan), path, err);
	if (r < 0)
		return r;
	*ret_path = mr_arena_strdup(arena, path);
	return *ret_path == NULL ? mr_fail(err, ENOMEM, "path of the program") : 0;
}

/* One line, as what other runtimes say of it. */
static void fail_interpreter(struct mr_error *err, const char *program)
{
	auto_str shown = { 0 };

	mr_str_append_printable(&shown, program);
	mr_fail_text(err, ENOENT,
		"exec %s: no such file or directory: it exists, but not the interpreter in its "
		"#! line, or its dynamic loader",
		mr_str_text(&shown));
	err->exit_code = MR_EXIT_NOT_FOUND;
}

int mr_process_exec(
	const struct mr_process_plan *plan, const char *path, struct mr_error *err)
{
	execve(path, plan->process->args.items, plan->env);
	int e = errno;
	mode_t mode;

	if (e == ENOENT && check_program(path, &mode) == 0)
		fail_interpreter(err, path);
	else
		fail_program(err, e, path);
	return -e;
}
