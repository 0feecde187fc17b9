/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure - one launch, timed from outside, and the figures of many.
 *
 * The clock runs from before posix_spawn(3) until wait4(2) has reaped the process, so
 * everything that a user waits for is in it: exec, the dynamic loader, the launch, the
 * removal of the cgroup. posix_spawn shares this process's memory until the exec (vfork),
 * so the size of the benchmark is not measured along. What each launch prints goes to a
 * file: a terminal would be measured, and a pipe would need somebody to read it.
 *
 * Only a launch that ended with status 0 is a measurement.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { LAUNCH_SECONDS = 30 };

extern char **environ;

static int log_fd = -1;
static volatile sig_atomic_t interrupted, alarmed;

/* ---- series ---- */

void series_add(struct series *series, double value)
{
	if (series->count == series->room) {
		size_t room = series->room ? 2 * series->room : 64;
		double *values = realloc(series->values, room * sizeof(*values));

		if (values == NULL)
			bench_die("out of memory");
		series->values = values;
		series->room = room;
	}
	series->values[series->count++] = value;
}

static int compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

void series_sort(struct series *series)
{
	if (series->count > 0)
		qsort(series->values, series->count, sizeof(*series->values), compare);
}

double series_median(const struct series *series)
{
	size_t half = series->count / 2;

	if (series->count == 0)
		return 0;
	if (series->count % 2 == 1)
		return series->values[half];
	return (series->values[half - 1] + series->values[half]) / 2;
}

/* Nearest rank: always a time that was measured. */
double series_percentile(const struct series *series, double percent)
{
	double exact = percent / 100 * (double)series->count;
	size_t rank = (size_t)exact;

	if (series->count == 0)
		return 0;
	if ((double)rank < exact)
		rank++;
	return series->values[rank > 0 ? rank - 1 : 0];
}

void series_clear(struct series *series)
{
	free(series->values);
	*series = (struct series){0};
}

/* ---- time and signals ---- */

double measure_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void measure_pause(long milliseconds)
{
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR && !interrupted)
		;
}

static void on_signal(int number)
{
	if (number == SIGALRM)
		alarmed = 1;
	else
		interrupted = 1;
}

/* Without SA_RESTART: a waiting wait4 comes back to look at the flags. */
void measure_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
}

bool measure_interrupted(void)
{
	return interrupted != 0;
}

/* ---- launches ---- */

int measure_open_log(const char *path)
{
	log_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	return log_fd;
}

const char *measure_log_text(void)
{
	static char text[8192];
	ssize_t size = pread(log_fd, text, sizeof(text) - 1, 0);

	text[size < 0 ? 0 : size] = '\0';
	return text;
}

/* last_line - of the log, for a message. */
static const char *last_line(void)
{
	static char line[160];
	const char *text = measure_log_text();
	size_t end = strlen(text), begin;

	while (end > 0 && text[end - 1] == '\n')
		end--;
	begin = end;
	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	snprintf(line, sizeof(line), "%.*s", (int)(end - begin), text + begin);
	return line;
}

pid_t measure_spawn(char *const argv[], char reason[BENCH_REASON])
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int code;

	if (ftruncate(log_fd, 0) < 0)
		bench_die("empty the log: %m");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
		&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, log_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
	code = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (code == 0)
		return pid;
	snprintf(reason, BENCH_REASON, "cannot run %s: %s", argv[0], strerror(code));
	return -1;
}

static bool judge(const struct launch *launch, char reason[BENCH_REASON])
{
	int status = launch->status;

	if (launch->timed_out)
		snprintf(reason, BENCH_REASON, "no end after %d s", LAUNCH_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(reason, BENCH_REASON, "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(reason, BENCH_REASON, "exit status %d: %s", WEXITSTATUS(status),
			last_line());
	else
		return true;
	return false;
}

/* It rings again every second: the first may come just before wait4 begins to wait. */
static void set_alarm(time_t seconds)
{
	struct itimerval timer = {{seconds ? 1 : 0, 0}, {seconds, 0}};

	alarmed = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

bool measure_launch(char *const argv[], struct launch *launch, char reason[BENCH_REASON])
{
	struct rusage usage = {0};
	double begin;
	pid_t pid;

	*launch = (struct launch){0};
	set_alarm(LAUNCH_SECONDS);
	begin = measure_now();
	pid = measure_spawn(argv, reason);
	if (pid < 0) {
		set_alarm(0);
		return false;
	}
	while (wait4(pid, &launch->status, 0, &usage) < 0) {
		if (errno != EINTR)
			bench_die("wait4: %m");
		if (alarmed && !launch->timed_out) {
			launch->timed_out = true;
			kill(pid, SIGKILL);
		}
	}
	launch->milliseconds = measure_now() - begin;
	set_alarm(0);
	launch->maxrss_kib = usage.ru_maxrss;
	return judge(launch, reason);
}
