/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the container's first process: its wait status, and whether it ever executed
 * the program.
 *
 * waitpid(2), proc(5)
 */
#include "launch/reap.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"
#include "launch/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static bool has_launch_name(const struct mr_monitor *m)
{
	char path[32], comm[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)m->pid);
	return mr_read_line_at(AT_FDCWD, path, comm, sizeof(comm)) > 0 &&
	       strcmp(comm, MR_CHILD_COMM) == 0;
}

/* Asked before the zombie is reaped: did it die with the name it had before its exec? That
 * can only be by a signal: whoever exits has run. */
static bool died_unexecuted(const struct mr_monitor *m)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)m->pid, &info, WEXITED | WNOWAIT) == 0 &&
	       info.si_code != CLD_EXITED && has_launch_name(m);
}
int mr_reap(struct mr_monitor *m, struct mr_error *err)
{
	int status;
	pid_t pid;
	bool unexecuted = !m->plan->options.init && died_unexecuted(m);

	do
		pid = wait4(m->pid, &status, 0, &m->rusage);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return mr_fail(err, errno, "waiting for the container");
	m->ended_mono_ns = mr_now_mono_ns();
	if (!m->has_status)
		m->status = status;
	if (unexecuted)
		m->started = false;
	return 0;
}

int mr_reap_unexecuted(const struct mr_monitor *m, struct mr_error *err)
{
	const int sig = WIFSIGNALED(m->status) ? WTERMSIG(m->status) : 0;

	/* SIGILL: it was refused even its exit, mr_exit(). */
	if (m->plan->seccomp.n > 0 && (sig == SIGSYS || sig == SIGILL)) {
		mr_fail_text(err, EPERM, "linux.seccomp: the filter forbids what the start needs: it is "
					 "in force when the program is executed (SIG%s)",
			sigabbrev_np(sig));
		mr_hint(err, "allow execve, exit_group and what the program itself begins with");
		return -EPERM;
	}
	return mr_fail_text(err, ECHILD, "the container process died before the program ran%s%s",
		sig ? ": SIG" : "", sig ? sigabbrev_np(sig) : "");
}

void mr_reap_foreign(struct mr_monitor *m)
{
	m->ended_mono_ns = mr_now_mono_ns();
	bool unexecuted = has_launch_name(m);
	m->has_status = mr_pidfd_wait_status(m->pidfd, m->pid, &m->status) == 0;
	m->started = m->started && !(unexecuted && m->has_status && WIFSIGNALED(m->status));
}
