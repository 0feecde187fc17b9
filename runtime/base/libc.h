/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_LIBC_H
#define MR_BASE_LIBC_H

/*
 * What glibc 2.36 has and musl 1.2.3 lacks, under glibc's names: the mount interface of
 * kernel 5.2, pidfds, close_range(2), execveat(2), and the names of errors and signals.
 * Include this in place of <sys/mount.h> and <sys/pidfd.h>.
 */
#include <fcntl.h>
#include <sys/mount.h>

#ifdef __GLIBC__
#include <sys/pidfd.h>
#else
#include <linux/mount.h>
#include <stddef.h>
#include <sys/types.h>

/** fsopen(2) and its family, kernel 5.2; mount_setattr(2), kernel 5.12: -1 and errno */
int fsopen(const char *type, unsigned flags);
int fsconfig(int fd, unsigned command, const char *key, const void *value, int aux);
int fsmount(int fd, unsigned flags, unsigned attributes);
int fspick(int dirfd, const char *path, unsigned flags);
int open_tree(int dirfd, const char *path, unsigned flags);
int move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags);
int mount_setattr(
	int dirfd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);

/** pidfd_open(2), kernel 5.3 */
int pidfd_open(pid_t pid, unsigned flags);
/** close_range(2), kernel 5.9 */
int close_range(unsigned first, unsigned last, int flags);
/** execveat(2), kernel 3.19 */
int execveat(int dirfd, const char *path, char *const *argv, char *const *envp, int flags);

/** "ENOENT"; NULL: no such error */
const char *strerrorname_np(int errnum);
/** "No such file or directory", as glibc words it; NULL: no such error */
const char *strerrordesc_np(int errnum);
/** "KILL"; NULL: no such signal, or a real-time one */
const char *sigabbrev_np(int sig);
#endif

#endif
