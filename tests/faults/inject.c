/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject - break a program at one system call: run a command with its children under
 * ptrace(2), count system call entries of a chosen set over all of them, and at entry N
 * kill the process, kill them all, or let the call fail without being made.
 *
 *     inject [-n N] [-k | -K | -e ERRNO] [-s SET] [-v DEPTH] [-t S] [-o FILE] [-l] -- CMD...
 *
 * -n 0 only counts. -k kills the one that makes the call, -K every traced process. SET is
 * "effect" (calls that change the world), "fail" (calls that can fail; not those of which
 * the C library's start makes an abort), "slow" (calls that can be interrupted by a
 * signal; not open, which waits for FIFOs only), or names separated by commas. DEPTH 0 is
 * the command itself, 1 its children, and so on; without -v all count. A descendant that
 * executes a program is the container's: it is let go. -l ends with the command and lets go of
 * all that it leaves behind. FILE gets "COUNT SYSCALL DEPTH
 * DETAIL" of the entry that was hit, or "COUNT -" when there were fewer.
 *
 * Exit: that of the command, 128+n by signal, 124 when it did not end in time, 125 for a
 * failure of our own.
 *
 * ptrace(2), syscall(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "how a system call is replaced is known for x86_64 only"
#endif

enum {
	EFFECT = 1,
	FAIL = 2,
	SLOW = 4,
	PATH1 = 8,
	PATH2 = 16,
	FD1 = 32,
	ALL = EFFECT | FAIL
};

/* clang-format off */
#define CALL(name, flags) { #name, SYS_##name, flags }
/* The C libraries differ in which call they make of one function: told as the newer one. */
#define AS(as, name, flags) { #as, SYS_##name, flags }

static const struct call {
	const char *name;
	long nr;
	int flags;
} calls[] = {
	CALL(accept4, ALL | SLOW | FD1), CALL(bpf, ALL), CALL(capget, FAIL),
	CALL(capset, ALL), CALL(chdir, ALL | PATH1), CALL(chroot, ALL | PATH1),
	CALL(clone, ALL), CALL(clone3, ALL), CALL(close_range, ALL),
	CALL(connect, ALL | SLOW | FD1), CALL(dup2, ALL), CALL(dup3, ALL),
	CALL(eventfd2, ALL), CALL(execve, ALL | PATH1), CALL(execveat, ALL | PATH2),
	CALL(exit_group, EFFECT), CALL(faccessat2, FAIL | PATH2),
	CALL(fchdir, ALL | FD1), CALL(fchmod, ALL | FD1), CALL(fchmodat, ALL | PATH2),
	CALL(fchown, ALL | FD1), CALL(fchownat, ALL | PATH2), CALL(fcntl, FAIL | FD1),
	CALL(flock, ALL | SLOW | FD1), CALL(fork, ALL), CALL(fsconfig, ALL | FD1),
	CALL(fsmount, ALL | FD1), CALL(fsopen, ALL | PATH1), CALL(fspick, ALL | PATH2),
	AS(newfstatat, fstat, FAIL | FD1), CALL(fstatfs, FAIL | FD1),
	CALL(fsync, ALL | FD1),
	CALL(ftruncate, ALL | FD1), CALL(getcwd, FAIL), CALL(getdents64, FAIL | FD1),
	CALL(inotify_add_watch, ALL | PATH2), CALL(inotify_init1, ALL),
	CALL(ioctl, ALL | FD1), CALL(keyctl, ALL), CALL(kill, ALL),
	CALL(linkat, ALL | PATH2), CALL(lseek, FAIL | FD1),
	AS(newfstatat, lstat, FAIL | PATH1),
	CALL(memfd_create, ALL | PATH1), CALL(mkdir, ALL | PATH1),
	CALL(mkdirat, ALL | PATH2), CALL(mknodat, ALL | PATH2), CALL(mmap, FAIL),
	CALL(mount, ALL | PATH2), CALL(mount_setattr, ALL | PATH2),
	CALL(move_mount, ALL | PATH2), CALL(newfstatat, FAIL | PATH2),
	AS(openat, open, ALL | PATH1), CALL(open_tree, ALL | PATH2),
	CALL(openat, ALL | PATH2),
	CALL(openat2, ALL | PATH2), CALL(pidfd_open, ALL),
	CALL(pidfd_send_signal, ALL | FD1), CALL(pipe2, ALL),
	CALL(pivot_root, ALL | PATH1), CALL(poll, ALL | SLOW), CALL(ppoll, ALL | SLOW),
	CALL(prctl, ALL), CALL(pread64, FAIL | SLOW | FD1), CALL(prlimit64, ALL),
	CALL(read, FAIL | SLOW | FD1), CALL(readlink, FAIL | PATH1),
	CALL(readlinkat, FAIL | PATH2), CALL(recvmsg, ALL | SLOW | FD1),
	CALL(rename, ALL | PATH1), CALL(renameat, ALL | PATH2),
	CALL(renameat2, ALL | PATH2), CALL(rmdir, ALL | PATH1), CALL(rt_sigaction, FAIL),
	CALL(rt_sigprocmask, FAIL), CALL(rt_sigtimedwait, ALL | SLOW),
	CALL(seccomp, ALL), CALL(sendfile, ALL | SLOW), CALL(sendmsg, ALL | SLOW | FD1),
	CALL(setdomainname, ALL), CALL(setgid, ALL), CALL(setgroups, ALL),
	CALL(sethostname, ALL), CALL(setns, ALL | FD1), CALL(setresgid, ALL),
	CALL(setresuid, ALL), CALL(setsid, ALL), CALL(setsockopt, ALL | FD1),
	CALL(setuid, ALL), CALL(signalfd4, ALL), CALL(socket, ALL),
	CALL(socketpair, ALL), AS(newfstatat, stat, FAIL | PATH1),
	CALL(statfs, FAIL | PATH1), CALL(statx, FAIL | PATH2),
	CALL(symlinkat, ALL | PATH1), CALL(tgkill, ALL), CALL(timerfd_create, ALL),
	CALL(timerfd_settime, ALL | FD1), CALL(umount2, ALL | PATH1),
	CALL(unlink, ALL | PATH1), CALL(unlinkat, ALL | PATH2), CALL(unshare, ALL),
	CALL(vfork, ALL), CALL(wait4, ALL | SLOW), CALL(waitid, ALL | SLOW),
	CALL(write, ALL | SLOW | FD1), AS(write, writev, ALL | SLOW | FD1),
};
/* clang-format on */

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))
#define MAX_TASKS 64

static struct task {
	pid_t pid;
	int depth; /* -1: it stopped before its parent told of it */
	bool fail;
} tasks[MAX_TASKS];

static struct {
	long n, count;
	int action, error, depth, flags; /* action: 'k', 'K', 'e' or 0 */
	const char *names, *file;
	bool leave; /* end with the command, let go of what it leaves */
	unsigned seconds;
	bool done;
	const struct call *hit;
	int hit_depth;
	char detail[256];
} o = {.depth = -1, .flags = EFFECT, .seconds = 15};

static bool begun; /* the command was executed */
static volatile sig_atomic_t timed_out;

static void on_alarm(int sig)
{
	(void)sig;
	timed_out = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(125);
}

static struct task *find(pid_t pid, bool add)
{
	struct task *unused = NULL;

	for (int i = 0; i < MAX_TASKS; i++) {
		if (tasks[i].pid == pid)
			return &tasks[i];
		if (tasks[i].pid == 0 && !unused)
			unused = &tasks[i];
	}
	if (!add)
		return NULL;
	if (!unused) {
		errno = EMFILE;
		die("too many processes");
	}
	*unused = (struct task){.pid = pid, .depth = -1};
	return unused;
}

static bool is_named(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = o.names; (p = strstr(p, name)) != NULL; p += len)
		if ((p == o.names || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static const struct call *chosen(uint64_t nr)
{
	for (size_t i = 0; i < N_CALLS; i++)
		if ((uint64_t)calls[i].nr == nr)
			return (o.names ? is_named(calls[i].name)
					: calls[i].flags & o.flags)
				       ? &calls[i]
				       : NULL;
	return NULL;
}

/* What the call is about: its path (with ">" if it is opened for writing), or what its
 * descriptor is. */
static void describe(pid_t pid, const struct call *c, const uint64_t *args)
{
	char link[64];
	bool writes = (c->nr == SYS_openat && (args[2] & O_ACCMODE) != O_RDONLY) ||
		      (c->nr == SYS_open && (args[1] & O_ACCMODE) != O_RDONLY);
	struct iovec to = {o.detail, sizeof(o.detail) - 1};
	struct iovec from = {(void *)(uintptr_t)args[c->flags & PATH1 ? 0 : 1], 128};

	memset(o.detail, 0, sizeof(o.detail));
	if (writes) {
		o.detail[0] = '>';
		to.iov_base = o.detail + 1;
		to.iov_len--;
	}
	/* Strings may end near the end of what is mapped. */
	while (c->flags & (PATH1 | PATH2) && from.iov_len > 0 &&
		process_vm_readv(pid, &to, 1, &from, 1, 0) < 0)
		from.iov_len /= 2;
	if (c->flags & FD1 || (c->flags & PATH2 && !o.detail[0])) {
		memset(o.detail, 0, sizeof(o.detail));
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, (int)args[0]);
		if (readlink(link, o.detail, sizeof(o.detail) - 1) < 0)
			o.detail[0] = '\0';
	} else if (!(c->flags & (PATH1 | PATH2))) {
		snprintf(o.detail, sizeof(o.detail), "%lld", (long long)args[0]);
	}
	for (char *p = o.detail; *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '?';
}

static void on_entry(struct task *t, const struct call *c, const uint64_t *args)
{
	struct user_regs_struct regs;

	if (!begun || o.done || !c || (o.depth >= 0 && t->depth != o.depth) ||
		++o.count != o.n)
		return;
	o.done = true;
	o.hit = c;
	o.hit_depth = t->depth;
	describe(t->pid, c, args);
	if (o.action == 'k')
		kill(t->pid, SIGKILL);
	for (int i = 0; o.action == 'K' && i < MAX_TASKS; i++)
		if (tasks[i].pid > 0)
			kill(tasks[i].pid, SIGKILL);
	if (o.action != 'e' || ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) < 0)
		return;
	regs.orig_rax = (unsigned long long)-1; /* no such call: nothing happens */
	t->fail = ptrace(PTRACE_SETREGS, t->pid, NULL, &regs) == 0;
}

static void on_syscall(struct task *t)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, chosen(info.entry.nr), (const uint64_t *)info.entry.args);
	else if (t->fail && ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) == 0) {
		regs.rax = (unsigned long long)-(long long)o.error;
		ptrace(PTRACE_SETREGS, t->pid, NULL, &regs);
		t->fail = false;
	}
}

/* The new process may have stopped already, and is waiting to be known. */
static void on_birth(const struct task *parent)
{
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid) < 0)
		return;
	struct task *t = find((pid_t)pid, false);
	bool stopped = t != NULL;
	if (!t)
		t = find((pid_t)pid, true);
	t->depth = parent->depth + 1;
	if (stopped)
		ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL);
}

/* One stop of one process. */
static void on_stop(pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	struct task *t = find(pid, false);

	if (!t) {
		find(pid, true); /* held until its parent tells of it */
		return;
	}
	if (sig == (SIGTRAP | 0x80)) {
		on_syscall(t);
		sig = 0;
	} else if (event == PTRACE_EVENT_EXEC && t->depth > 0) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		t->pid = 0;
		return;
	} else if (event == PTRACE_EVENT_EXEC) {
		begun = true;
		sig = 0;
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		   event == PTRACE_EVENT_CLONE) {
		on_birth(t);
		sig = 0;
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, pid, NULL, NULL); /* really stopped */
		return;
	} else if (event) {
		sig = 0;
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)sig);
}

static int end_all(void)
{
	for (int i = 0; i < MAX_TASKS; i++)
		if (tasks[i].pid > 0)
			kill(tasks[i].pid, SIGKILL);
	fprintf(stderr, "inject: not ended after %u s\n", o.seconds);
	return 124;
}

/* Until all traced processes have ended or were let go. @return status of @command */
static int trace(pid_t command)
{
	int status, result = 125;

	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR && timed_out)
			return end_all();
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return result;
		if (WIFSTOPPED(status)) {
			on_stop(pid, status);
			continue;
		}
		struct task *t = find(pid, false);
		if (t)
			t->pid = 0;
		if (pid == command)
			result = WIFEXITED(status) ? WEXITSTATUS(status)
						   : 128 + WTERMSIG(status);
		if (pid == command && o.leave)
			return result;
	}
}

static pid_t start(char **argv)
{
	/* Whoever is still traced when we end goes on, unless EXITKILL says otherwise. */
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | (o.leave ? 0 : PTRACE_O_EXITKILL);
	int go[2];
	char byte;

	if (pipe(go) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) < 0)
			_exit(125);
		close(go[0]);
		execvp(argv[0], argv);
		_exit(125);
	}
	close(go[0]);
	find(pid, true)->depth = 0;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		die("ptrace");
	close(go[1]);
	return pid;
}

static void report(void)
{
	FILE *f = o.file ? fopen(o.file, "w") : stdout;

	if (!f)
		die(o.file);
	if (o.hit)
		fprintf(f, "%ld %s %d %s\n", o.count, o.hit->name, o.hit_depth, o.detail);
	else
		fprintf(f, "%ld -\n", o.count);
	if (fclose(f) != 0)
		die("write");
}

static void choose_set(const char *set)
{
	o.flags = !strcmp(set, "effect") ? EFFECT
		  : !strcmp(set, "fail") ? FAIL
		  : !strcmp(set, "slow") ? SLOW
					 : 0;
	o.names = o.flags ? NULL : set;
}

static int error_number(const char *name)
{
	for (int e = 1; e < 134; e++)
		if (strerrorname_np(e) && !strcmp(strerrorname_np(e), name))
			return e;
	errno = EINVAL;
	die(name);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction alarm_action = {.sa_handler = on_alarm};
	int option;

	while ((option = getopt(argc, argv, "+n:kKle:s:v:t:o:")) >= 0) {
		switch (option) {
		case 'n':
			o.n = strtol(optarg, NULL, 10);
			break;
		case 'k':
		case 'K':
			o.action = option;
			break;
		case 'l':
			o.leave = true;
			break;
		case 'e':
			o.action = 'e', o.error = error_number(optarg);
			break;
		case 's':
			choose_set(optarg);
			break;
		case 'v':
			o.depth = (int)strtol(optarg, NULL, 10);
			break;
		case 't':
			o.seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			o.file = optarg;
			break;
		default:
			return 125;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "inject: no command\n");
		return 125;
	}
	sigaction(SIGALRM, &alarm_action, NULL);
	alarm(o.seconds);
	int result = trace(start(argv + optind));
	report();
	return result;
}
