/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_SYS_H
#define MR_BASE_SYS_H

#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * System calls that glibc lacks. Each returns its result or -errno, unlike libc's.
 * What only musl lacks is in base/libc.h.
 */

/** clone3(2), kernel 5.3. @return pid in the parent, 0 in the child */
pid_t mr_clone3(struct clone_args *args);
/** openat2(2), kernel 5.6; repeated on EAGAIN (a rename raced with "..") up to 128 times. */
int mr_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
/** pivot_root(2) */
int mr_pivot_root(const char *new_root, const char *put_old);
/** exit_group(2); where a seccomp filter refuses it, a death by SIGILL. _exit(3) would try again
 * for ever. */
_Noreturn void mr_exit(int status);
/** Is @sig in a mask of proc(5) status: "SigCgt", "ShdPnd"? @return 1, 0, or -errno */
int mr_signal_is_in(pid_t pid, const char *mask, int sig);
/** pidfd_send_signal(2), kernel 5.1 */
int mr_pidfd_send_signal(int pidfd, int sig);
/**
 * Wait status of a process that is somebody else's child. Call it when the pidfd is readable.
 * Of a zombie /proc tells it (proc(5), field 52 of stat); of one that was reaped only the
 * pidfd, held since before its end (PIDFD_GET_INFO, kernel 6.15).
 * @return 0, or -ENODATA: nobody can tell any more
 */
int mr_pidfd_wait_status(int pidfd, pid_t pid, int *ret_status);
/** prlimit(2) of the caller itself; the C libraries disagree on the type of @resource */
int mr_prlimit(int resource, const struct rlimit *wanted, struct rlimit *ret);
/** keyctl(KEYCTL_JOIN_SESSION_KEYRING): a session keyring, a new one if none of that name may
 * be searched for. @permissions are set, but for 0: keyctl_setperm(3). */
int mr_join_session_keyring(const char *name, unsigned permissions);

/* Real-time signals as glibc, and so kill(1) and the engines, count them (signal(7)); musl
 * keeps 34 for itself. */
#define MR_SIGRTMIN 34
#define MR_SIGRTMAX 64
/** As sigaddset(3), with those that the C library keeps for itself. */
void mr_signal_add(sigset_t *set, int sig);
/** Every signal acts by default, with those again; only system calls. For who executes a
 * program, which would inherit what is ignored. @return 0, or -errno, which errno has, too */
int mr_signal_defaults(void);

/* Kernel facts newer than the headers of the oldest supported build host. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

#endif
