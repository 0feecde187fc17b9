/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimal init. The kernel gives pid 1 of a pid namespace two duties that ordinary
 * programs do not fulfil: orphans become its children and want to be reaped, and signals
 * without a handler are ignored (pid_namespaces(7)), so a program as pid 1 survives SIGTERM.
 * With this init between, the program is an ordinary process.
 *
 * It blocks all signals and takes them with sigwaitinfo(2), one loop, no handlers. The
 * descriptors of the program are not kept open: they would keep pipes alive.
 */
#include "launch/init.h"

#include "base/libc.h"
#include "base/sync.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Close everything but the socket: stdio and descriptors to pass on are the program's. */
static void keep_only(int sock)
{
	if (sock > 0)
		close_range(0, (unsigned)sock - 1, 0);
	close_range((unsigned)sock + 1, ~0U, 0);
}

static void reap(pid_t program, int *status, bool *ended)
{
	int s;
	pid_t pid;

	while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
		if (pid == program) {
			*status = s;
			*ended = true;
		}
	}
}

/* @all: blocked */
_Noreturn static void serve(int sock, pid_t program, bool own_session, const sigset_t *all)
{
	int status = 0;
	bool ended = false;

	while (!ended) {
		siginfo_t info;
		int sig = sigwaitinfo(all, &info);
		if (sig < 0)
			continue; /* EINTR: stopped and continued */
		if (sig == SIGCHLD)
			reap(program, &status, &ended);
		else if (own_session || info.si_code != SI_KERNEL)
			kill(program, sig);
	}
	mr_sync_send(sock, MR_FRAME_STATUS, 0, status);
	mr_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int mr_init_fork(int sock, bool own_session)
{
	sigset_t all, old;
	int executed[2];
	char byte;

	/* Its write end closes at the program's exec or death, whichever comes. */
	if (pipe2(executed, O_CLOEXEC) < 0)
		return -errno;
	sigfillset(&all);
	mr_signal_add(&all, MR_SIGRTMIN);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid_t pid = fork();
	if (pid < 0) {
		int saved = errno;
		close(executed[0]);
		close(executed[1]);
		return -saved;
	}
	if (pid == 0) {
		close(executed[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		return 0;
	}
	close(executed[1]);
	prctl(PR_SET_NAME, "minirun-init");
	while (read(executed[0], &byte, 1) < 0 && errno == EINTR)
		;
	mr_sync_send(sock, MR_FRAME_STARTED, 0, pid);
	keep_only(sock);
	serve(sock, pid, own_session, &all);
}
