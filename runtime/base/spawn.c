/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start another program. posix_spawn(3) could do it but for what it leaves out: not every C
 * library closes "all other descriptors", and its default signal actions leave out those that
 * the library uses itself, which the program would then inherit as ignored.
 *
 * The child borrows the caller's memory until execve(2), so it calls nothing but the kernel.
 * vfork(2), signal(7), close_range(2)
 */
#include "base/spawn.h"

#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool default_signals(void)
{
	unsigned long none = 0; /* as the kernel has it */

	return mr_signal_defaults() == 0 &&
	       syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none)) == 0;
}

/* Lift the descriptors above the standard ones first: one may stand in another's place. */
static bool place_stdio(const int stdio[3])
{
	int lifted[3] = {-1, -1, -1};

	for (int i = 0; i < 3; i++)
		if (stdio[i] >= 0 && (lifted[i] = fcntl(stdio[i], F_DUPFD, 3)) < 0)
			return false;
	for (int i = 0; i < 3; i++)
		if (lifted[i] >= 0 && dup2(lifted[i], i) < 0)
			return false;
	return true;
}

int mr_spawn(const char *path, const struct mr_spawn *how, pid_t *ret)
{
	volatile int failed = 0;
	sigset_t all, before;

	/* No handler of ours may run in the borrowed memory. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	const pid_t parent = getpid();
	pid_t pid = vfork();
	if (pid == 0) {
		if (how->ends_with_us &&
			(prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
			_exit(127); /* the caller is dead already */
		if (default_signals() && (!how->own_group || setpgid(0, 0) == 0) &&
			(how->dir < 0 || fchdir(how->dir) == 0) && place_stdio(how->stdio) &&
			close_range(3, ~0U, 0) == 0)
			execve(path, how->args, how->env);
		failed = errno;
		_exit(127);
	}
	int e = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -e;
	if (failed == 0) {
		*ret = pid;
		return 0;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -failed;
}
