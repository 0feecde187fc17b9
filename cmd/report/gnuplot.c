/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gnuplot as a child process: the script through a pipe, the picture into an unnamed
 * file. No shell is between, and its start-up files are not read.
 */
#include "report/report.h"

#include "base/errors.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void become_gnuplot(int script, int picture, int said, int failed)
{
	char name[] = "gnuplot", defaults[] = "-d", from_stdin[] = "-";
	char *argv[] = {name, defaults, from_stdin, NULL};

	if (dup2(script, 0) >= 0 && dup2(picture, 1) >= 0 && dup2(said, 2) >= 0)
		execvp(name, argv);
	(void)mr_write_all(failed, &errno, sizeof(errno));
	_exit(127);
}

static int read_back(int fd, char **ret, size_t *ret_len)
{
	off_t len = lseek(fd, 0, SEEK_END);

	*ret = len < 0 ? NULL : malloc((size_t)len + 1);
	if (!*ret)
		return -ENOMEM;
	ssize_t n = pread(fd, *ret, (size_t)len, 0);
	*ret_len = n > 0 ? (size_t)n : 0;
	(*ret)[*ret_len] = '\0';
	return n < 0 ? -errno : 0;
}

static int take_result(int status, int picture, int said, char **ret, size_t *ret_len,
	struct mr_error *err)
{
	autofree char *words = NULL;
	size_t n;
	int r = read_back(picture, ret, ret_len);

	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && *ret_len > 0)
		return 0;
	if (read_back(said, &words, &n) < 0 || n == 0)
		return mr_fail_text(err, EIO, "gnuplot failed without a word");
	/* The last line names the fault. */
	while (n > 0 && words[n - 1] == '\n')
		words[--n] = '\0';
	const char *last = strrchr(words, '\n');
	return mr_fail_text(err, EIO, "gnuplot failed: %s", last ? last + 1 : words);
}

int gnuplot_run(
	const char *script, size_t len, char **ret, size_t *ret_len, struct mr_error *err)
{
	autoclose int picture = memfd_create("picture", MFD_CLOEXEC);
	autoclose int said = memfd_create("said", MFD_CLOEXEC);
	int in[2], failed[2], status, cause = 0;

	if (picture < 0 || said < 0 || pipe2(in, O_CLOEXEC) < 0)
		return mr_fail(err, errno, "pipe for gnuplot");
	autoclose int read_end = in[0], write_end = in[1];
	if (pipe2(failed, O_CLOEXEC) < 0)
		return mr_fail(err, errno, "pipe for gnuplot");
	autoclose int heard = failed[0], told = failed[1];
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	pid_t pid = fork();
	if (pid < 0)
		return mr_fail(err, errno, "fork");
	if (pid == 0)
		become_gnuplot(read_end, picture, said, told);
	mr_close(&read_end);
	mr_close(&told);
	bool started =
		mr_read_full(heard, &cause, sizeof(cause)) != (ssize_t)sizeof(cause);
	/* If it ends before it has read everything, its own words say why. */
	if (started)
		(void)mr_write_all(write_end, script, len);
	mr_close(&write_end);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return mr_fail(err, errno, "waiting for gnuplot");
	if (!started)
		return mr_fail(err, cause, "cannot start gnuplot");
	return take_result(status, picture, said, ret, ret_len, err);
}
