/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps about processes: children, signals, time and the end.
 *
 * Manual pages: fork(2), waitpid(2), kill(2), pid_namespaces(7) for why a signal
 * to oneself does nothing as PID 1.
 */
#include "memlab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHILDREN 256

static struct {
	pid_t pid;
	const char *name;
} children[MAX_CHILDREN];
static size_t child_count;

/* In a child: the pipe on which its parent waits, until it has said that it is ready. */
static int ready = -1;

static int say_ready(void)
{
	int error = write(ready, "", 1) < 0 ? -errno : 0;

	close(ready);
	ready = -1;
	return error;
}

static bool has_ready(const struct step *step)
{
	while (step != NULL && step->verb->run != step_ready)
		step = step->next;
	return step != NULL;
}

static _Noreturn void be_child(const struct step *step, int pipe_end)
{
	struct outcome out = {.bytes = 0};
	int error = memlab_set_name(step->name);

	child_count = 0;
	close(ready);
	ready = pipe_end;
	if (error == 0 && step->has_adj)
		error = memlab_set_adj(step->adj);
	if (error < 0) {
		report("spawn", &out, 0, -error);
		_exit(MEMLAB_STEP_FAILED);
	}
	if (!has_ready(step->body) && say_ready() < 0)
		_exit(MEMLAB_STEP_FAILED);
	_exit(memlab_run(step->body));
}

/*
 * The parent goes on only when name and adjustment are in force: otherwise its
 * next step could bring the OOM killer before the child is what it is meant to be.
 * With a step `ready` in its steps, the child says when.
 */
static int await_ready(int pipe_end)
{
	ssize_t got;
	char byte;

	do
		got = read(pipe_end, &byte, 1);
	while (got < 0 && errno == EINTR);
	return got == 1 ? 0 : -ECHILD;
}

int step_spawn(const struct step *step, struct outcome *out)
{
	int ends[2], error;
	pid_t pid;

	if (child_count == MAX_CHILDREN)
		return -EAGAIN;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_child(step, ends[1]);
	}
	error = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (error == 0) {
		children[child_count].pid = pid;
		children[child_count++].name = step->name;
		outcome_add(out, ",\"name\":\"%s\",\"pid\":%d", step->name, pid);
		error = await_ready(ends[0]);
	}
	close(ends[0]);
	return error;
}

int step_ready(const struct step *step, struct outcome *out)
{
	(void)step;
	(void)out;
	return ready < 0 ? -EINVAL : say_ready();
}

/* An orphan that PID 1 inherited has no name here. */
static const char *forget_child(pid_t pid)
{
	for (size_t i = 0; i < child_count; i++) {
		const char *name = children[i].name;

		if (children[i].pid != pid)
			continue;
		children[i] = children[--child_count];
		return name;
	}
	return NULL;
}

static bool report_end(pid_t pid, int status, double begin)
{
	struct outcome out = {.bytes = 0};
	const char *name = forget_child(pid);
	const char *sig = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

	if (name != NULL)
		outcome_add(&out, ",\"name\":\"%s\"", name);
	else
		outcome_add(&out, ",\"name\":null");
	outcome_add(&out, ",\"pid\":%d", pid);
	if (WIFEXITED(status))
		outcome_add(&out, ",\"code\":%d,\"signal\":null", WEXITSTATUS(status));
	else if (sig != NULL)
		outcome_add(&out, ",\"code\":null,\"signal\":\"%s\"", sig);
	else
		outcome_add(&out, ",\"code\":null,\"signal\":\"%d\"", WTERMSIG(status));
	report("end", &out, now() - begin, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int step_wait(const struct step *step, struct outcome *out)
{
	unsigned reaped = 0, unexpected = 0;
	double begin = now();

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		reaped++;
		unexpected += !report_end(pid, status, begin);
	}
	if (errno != ECHILD)
		return -errno;
	outcome_add(out, ",\"reaped\":%u,\"unexpected\":%u", reaped, unexpected);
	return step->strict && unexpected > 0 ? MEMLAB_CHILD_FAILED : 0;
}

int step_signal(const struct step *step, struct outcome *out)
{
	outcome_add(out, ",\"signal\":%d", step->signal);
	return kill(getpid(), step->signal) < 0 ? -errno : 0;
}

static char handled_line[64];
static size_t handled_len;

static void exit_at_once(int sig)
{
	ssize_t written = write(STDOUT_FILENO, handled_line, handled_len);

	(void)sig;
	(void)written;
	_exit(0);
}

int step_handle(const struct step *step, struct outcome *out)
{
	struct sigaction action = {.sa_handler = exit_at_once};
	int len = snprintf(handled_line, sizeof(handled_line),
		"{\"step\":\"handled\",\"signal\":%d}\n", step->signal);

	handled_len = (size_t)len;
	sigemptyset(&action.sa_mask);
	outcome_add(out, ",\"signal\":%d", step->signal);
	return sigaction(step->signal, &action, NULL) < 0 ? -errno : 0;
}

int step_hold(const struct step *step, struct outcome *out)
{
	(void)out;
	sleep_until(now() + step->seconds);
	return 0;
}

/* The next three end the process at once and print nothing. */
int step_exit(const struct step *step, struct outcome *out)
{
	(void)out;
	_exit(step->exit_code);
}

int step_true(const struct step *step, struct outcome *out)
{
	(void)step;
	(void)out;
	_exit(0);
}

int step_abort(const struct step *step, struct outcome *out)
{
	(void)step;
	(void)out;
	abort();
}
