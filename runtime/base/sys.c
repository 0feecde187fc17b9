/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that glibc 2.36 lacks: clone3(2), openat2(2), pivot_root(2),
 * pidfd_send_signal(2), keyctl(2). */
#include "base/sys.h"

#include <errno.h>
#include <linux/keyctl.h>
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

int mr_pidfd_send_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int mr_join_session_keyring(const char *name)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 ? -errno : 0;
}
