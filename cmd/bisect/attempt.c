/* SPDX-License-Identifier: Apache-2.0 */
/* One run: `minirun run`, as anybody would call it, and what its record says. */
#include "bisect/bisect.h"

#include "base/errors.h"
#include "base/io.h"
#include "base/json.h"
#include "base/libc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static int arguments(
	const struct search *s, int64_t limit, const char *status, struct mr_strv *v)
{
	int r = mr_strv_add(v, s->minirun);

	r = r ? r : mr_strv_add(v, "run");
	r = r ? r : mr_strv_add(v, "--rm");
	r = r ? r : mr_strv_addf(v, "--status=%s", status);
	r = r ? r : mr_strv_addf(v, "--timeout=%s", s->timeout);
	r = r ? r : mr_strv_addf(v, "--memory=%lld", (long long)limit);
	for (size_t i = 0; r == 0 && s->expect[i]; i++)
		r = mr_strv_addf(v, "--expect=%s", s->expect[i]);
	r = r ? r : mr_strv_add(v, "--");
	for (size_t i = 0; r == 0 && s->command[i]; i++)
		r = mr_strv_add(v, s->command[i]);
	return r;
}

_Noreturn static void become_minirun(const struct search *s, char **argv, int said)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0 && dup2(null, 0) >= 0 && (s->output || dup2(null, 1) >= 0) &&
		(s->output || dup2(said, 2) >= 0))
		execvp(argv[0], argv);
	dprintf(said, "minirun: cannot execute '%s': %s\n", argv[0], mr_reason(errno));
	_exit(MR_EXIT_FAILURE);
}

/* A signal to us ends the run, and then the search. */
static int wait_for_end(const struct search *s, int pidfd, pid_t pid, int *ret_status,
	struct mr_error *err)
{
	struct pollfd fds[] = {{pidfd, POLLIN, 0}, {s->signal_fd, POLLIN, 0}};
	struct signalfd_siginfo info;
	bool interrupted = false;

	while (!(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return mr_fail(err, errno, "poll");
		if (fds[1].revents && read(s->signal_fd, &info, sizeof(info)) > 0) {
			interrupted = true;
			kill(pid, SIGTERM);
		}
	}
	if (waitpid(pid, ret_status, 0) < 0)
		return mr_fail(err, errno, "waiting for minirun run");
	return interrupted ? mr_fail_text(err, EINTR, "interrupted") : 0;
}

static int run_once(const struct search *s, char **argv, int said, int *ret_code,
	struct mr_error *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return mr_fail(err, errno, "fork");
	if (pid == 0)
		become_minirun(s, argv, said);
	autoclose int pidfd = (int)pidfd_open(pid, 0);
	int r = wait_for_end(s, pidfd, pid, &status, err);
	if (r == 0)
		*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : MR_EXIT_FAILURE;
	return r;
}

static double number(const struct mr_json *root, const char *path)
{
	const struct mr_json *v = mr_json_path(root, path);
	return v && v->type == MR_JSON_NUMBER ? strtod(v->text, NULL) : NAN;
}

static int64_t integer(const struct mr_json *root, const char *path)
{
	double v = number(root, path);
	return isnan(v) ? -1 : (int64_t)v;
}

static void read_record(const struct mr_json *r, struct attempt *ret)
{
	const struct mr_json *signal = mr_json_path(r, "Exit.Signal");
	int64_t code = integer(r, "Exit.Code");

	ret->oom_kills = integer(r, "OOM.Kills");
	ret->anon = integer(r, "Memory.PeakAnonBytes");
	ret->wall = number(r, "Exit.WallUsec") / 1e6;
	ret->waited = number(r, "Memory.Pressure.FullTotalUsec") / 1e6;
	if (ret->oom_kills > 0)
		snprintf(ret->how, sizeof(ret->how), "OOM-killed%s",
			mr_json_bool(mr_json_get(r, "OOM"), "InitKilled", false)
				? ""
				: " (a child)");
	else if (mr_json_bool(mr_json_get(r, "Exit"), "TimedOut", false))
		snprintf(ret->how, sizeof(ret->how), "timed out");
	else if (signal && signal->type == MR_JSON_STRING)
		snprintf(ret->how, sizeof(ret->how), "%.30s", signal->text);
	else if (code >= 0)
		snprintf(ret->how, sizeof(ret->how), "exit %lld", (long long)code);
}

static int fail_as_told(int said, struct mr_error *err)
{
	char text[900];
	ssize_t n = pread(said, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	const char *from =
		mr_has_prefix(text, "minirun: ") ? text + strlen("minirun: ") : text;
	return mr_fail_text(err, ECHILD, "%s", *from ? from : "minirun run failed");
}

int attempt_run(const struct search *s, int64_t limit, bool fatal, struct attempt *ret,
	struct mr_error *err)
{
	char path[PATH_MAX];
	auto_strv argv = {0};
	auto_json doc = {0};
	autofree char *text = NULL;
	size_t len;
	int code = MR_EXIT_FAILURE;
	autoclose int said = memfd_create("said", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "%s/status.json", s->directory);
	*ret = (struct attempt){.wall = NAN,
		.waited = NAN,
		.oom_kills = -1,
		.anon = -1,
		.slowdown = NAN,
		.how = "did not start"};
	if (said < 0 || arguments(s, limit, path, &argv) < 0)
		return mr_fail(err, ENOMEM, "run");
	int r = run_once(s, argv.items, said, &code, err);
	if (r < 0)
		return r;
	/* With --expect it is 0 or 1 unless minirun itself failed; too low a limit to
	 * start in is an answer, but not under the largest. */
	if (code > 1 || mr_read_file_at(AT_FDCWD, path, 1 << 24, &text, &len) < 0)
		return fatal ? fail_as_told(said, err) : 0;
	r = mr_json_parse("the record", text, len, &doc, err);
	if (r == 0) {
		read_record(doc.root, ret);
		ret->works = code == 0;
		unlink(path);
	}
	return r;
}
