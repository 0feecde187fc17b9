/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_SYNC_H
#define MR_BASE_SYNC_H

#include "base/errors.h"

#include <stdint.h>

/*
 * The protocol between the launcher (parent) and the container process (child): one
 * SOCK_SEQPACKET socketpair, one frame type.
 *
 *   child -> parent   BARRIER b    "I have reached b and wait for PASS b"
 *   parent -> child   PASS b
 *   child -> parent   FD purpose   with one descriptor (SCM_RIGHTS)
 *   child -> parent   TRACE        index of the finished step, its nanoseconds
 *   child -> parent   ERROR        struct mr_error; the child then exits
 *   child -> parent   PROGRAM      the sender executes the program next
 *   child -> parent   STARTED      under a minimal init: the program was executed, or died
 *   child -> parent   STATUS       wait status of the program under a minimal init
 *
 * The kernel tells the parent who sent a frame (SCM_CREDENTIALS, translated into the
 * parent's pid namespace): that is how it learns the host pid of a process that a middle
 * process or the minimal init has cloned.
 *
 * End of file: both ends are O_CLOEXEC, so the parent reads EOF when the program was executed,
 * or when the child died: without PROGRAM before, certainly in the set-up; so with STARTED. The
 * child reading EOF means that the parent died: it exits.
 */

enum mr_frame_kind {
	MR_FRAME_BARRIER = 1,
	MR_FRAME_PASS,
	MR_FRAME_FD,
	MR_FRAME_TRACE,
	MR_FRAME_ERROR,
	MR_FRAME_PROGRAM,
	MR_FRAME_STARTED,
	MR_FRAME_STATUS,
};

enum mr_barrier {
	MR_BARRIER_CLONED = 1, /* the child of a middle process has told its pid */
	MR_BARRIER_MAPS,       /* user namespace exists: the parent writes the id maps */
	MR_BARRIER_CGROUP,     /* we may not join it ourselves: systemd moves us */
	MR_BARRIER_HOOKS,      /* mounts are made, before pivot_root: runtime hooks run */
	MR_BARRIER_START,      /* everything is set up, next is the program */
};

enum mr_fd_purpose {
	MR_FD_CONSOLE = 1,        /* pty master */
	MR_FD_SECCOMP_NOTIFY = 2, /* seccomp listener */
};

struct mr_frame {
	uint32_t kind;  /* enum mr_frame_kind */
	uint32_t which; /* barrier, purpose or step index */
	int64_t value;  /* nanoseconds, wait status, pid */
	int fd;         /* received descriptor or -1; owned by the receiver */
	int32_t sender; /* pid of the sender in the receiver's pid namespace; 0: not known */
	struct mr_error error; /* ERROR */
};

/** @param ret ret[0] parent's end, ret[1] child's end; both O_CLOEXEC */
int mr_sync_open(int ret[2], struct mr_error *err);

/** Send one frame without payload or descriptor. @return 0 or -errno */
int mr_sync_send(int sock, enum mr_frame_kind kind, uint32_t which, int64_t value);
int mr_sync_send_fd(int sock, enum mr_fd_purpose purpose, int fd);
int mr_sync_send_error(int sock, const struct mr_error *error);

/** Receive one frame; blocks. @return 1 frame, 0 end of file, -errno */
int mr_sync_receive(int sock, struct mr_frame *ret);

/** The child's side of a barrier: send BARRIER @b and wait for PASS @b.
 * @return 0; -EPIPE when the parent is gone; -EPROTO for anything else */
int mr_sync_wait(int sock, enum mr_barrier b);

#endif
