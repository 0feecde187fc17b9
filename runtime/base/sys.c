/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that glibc 2.36 lacks: clone3(2), openat2(2), pivot_root(2),
 * pidfd_send_signal(2), prlimit(2), keyctl(2), and the questions to a pidfd of newer kernels; what
 * the kernel says of a process' signals. */
#include "base/sys.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t mr_clone3(struct clone_args *args)
{
	long ret = syscall(SYS_clone3, args, sizeof(*args));
	return ret < 0 ? -errno : (pid_t)ret;
}

int mr_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };
	long ret;
	int tries = 128;

	do
		ret = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (ret < 0 && (errno == EINTR || (errno == EAGAIN && --tries > 0)));
	return ret < 0 ? -errno : (int)ret;
}

int mr_pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old) < 0 ? -errno : 0;
}

_Noreturn void mr_exit(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_trap();
}

int mr_signal_is_in(pid_t pid, const char *mask, int sig)
{
	autofree char *text = NULL;
	char path[32], name[16];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	snprintf(name, sizeof(name), "\n%s:", mask);
	int r = mr_read_file_at(AT_FDCWD, path, 1 << 16, &text, NULL);
	const char *at = r < 0 ? NULL : strstr(text, name);
	if (!at)
		return r < 0 ? r : -ENODATA;
	return strtoull(at + strlen(name), NULL, 16) >> (sig - 1) & 1;
}

int mr_pidfd_send_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int mr_prlimit(int resource, const struct rlimit *wanted, struct rlimit *ret)
{
	return syscall(SYS_prlimit64, 0, resource, wanted, ret) < 0 ? -errno : 0;
}

int mr_join_session_keyring(const char *name, unsigned permissions)
{
	long keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);

	if (keyring >= 0 && permissions != 0)
		keyring = syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, permissions);
	return keyring < 0 ? -errno : 0;
}

/* --- the wait status of somebody else's child --- */

/* include/uapi/linux/pidfd.h, first published form (kernel 6.13; exit_code 6.15) */
struct pidfd_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define PIDFD_GET_INFO _IOWR(0xFF, 11, struct pidfd_info)
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)

/* Field 52, behind the name in parentheses, which may hold anything. */
static int status_of_zombie(pid_t pid, int *ret)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n - 1 : 0] = '\0'; /* without the newline */
	const char *p = strrchr(text, ')');
	if (!p || p[1] != ' ' || (p[2] != 'Z' && p[2] != 'X'))
		return -ENODATA;
	p += 2;
	for (int field = 3; field < 52; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -ENODATA;
		p++;
	}
	int64_t status;
	if (mr_parse_i64(p, &status) < 0)
		return -ENODATA;
	*ret = (int)status;
	return 0;
}

int mr_pidfd_wait_status(int pidfd, pid_t pid, int *ret_status)
{
	struct pidfd_info info = { .mask = PIDFD_INFO_EXIT };
	int status;

	/* It is still that process's pid if it has not been reaped after the reading. */
	if (status_of_zombie(pid, &status) == 0 && mr_pidfd_send_signal(pidfd, 0) == 0) {
		*ret_status = status;
		return 0;
	}
	if (ioctl(pidfd, PIDFD_GET_INFO, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT))
		return -ENODATA;
	*ret_status = info.exit_code;
	return 0;
}

void mr_signal_add(sigset_t *set, int sig)
{
	unsigned long *bits = (unsigned long *)set; /* as the kernel has it */
	const int size = 8 * (int)sizeof(*bits);

	bits[(sig - 1) / size] |= 1UL << (sig - 1) % size;
}

/* As the kernel has it, without the library's additions. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

int mr_signal_defaults(void)
{
	static const struct kernel_sigaction by_default = { .handler = SIG_DFL };

	for (int sig = 1; sig <= MR_SIGRTMAX; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue; /* they always act */
		if (syscall(SYS_rt_sigaction, sig, &by_default, NULL, sizeof(by_default.mask)) < 0)
			return -errno;
	}
	return 0;
}
