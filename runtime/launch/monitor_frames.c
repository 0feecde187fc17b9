/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the child says, on its way to the program: questions at barriers, descriptors, traces,
 * an error. It says PROGRAM just before execve(2), and its socket end closes at the exec
 * (O_CLOEXEC); a minimal init keeps the socket and says STARTED when its child was executed or is
 * dead. Either without PROGRAM before tells of a child that died in the set-up. One that dies
 * inside execve is found at the end, by the name that it still has.
 */
#include "launch/monitor_frames.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"
#include "launch/child.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

/* The child of a middle process: from now on it is the container's init. */
static int adopt_sibling(struct mr_monitor *m, pid_t pid, struct mr_error *err)
{
	pid_t middle;

	do
		middle = waitpid(m->pid, NULL, 0);
	while (middle < 0 && errno == EINTR);
	if (middle < 0)
		return mr_fail(err, errno, "waiting for the middle process");
	mr_close(&m->pidfd);
	m->pid = pid;
	m->adopted = true;
	m->pidfd = (int)pidfd_open(pid, 0);
	if (m->pidfd < 0)
		return mr_fail(err, errno, "pidfd_open of the container process");
	return 0;
}

static int on_barrier(struct mr_monitor *m, const struct mr_frame *f, struct mr_error *err)
{
	int ret;

	/* Let pass by mr_launch_hand_over(), when there is a record. */
	if (f->which == MR_BARRIER_START) {
		m->created = true;
		return 0;
	}
	if (f->which == MR_BARRIER_CLONED)
		ret = adopt_sibling(m, f->sender, err);
	else
		ret = m->events.barrier(m->events.arg, (enum mr_barrier)f->which, err);
	if (ret < 0)
		return ret;
	ret = mr_sync_send(m->sock, MR_FRAME_PASS, f->which, 0);
	return ret < 0 && ret != -EPIPE ? mr_fail(err, -ret, "releasing the child") : 0;
}

static int on_fd(struct mr_monitor *m, struct mr_frame *f, struct mr_error *err)
{
	autoclose int fd = mr_take_fd(&f->fd);

	if (fd < 0)
		return mr_fail_text(err, EPROTO, "the child sent no descriptor");
	if (f->which == MR_FD_SECCOMP_NOTIFY)
		return m->events.listener(m->events.arg, fd, err);
	if (m->plan->options.console_socket)
		return mr_terminal_send(m->plan->options.console_socket, fd, err);
	int ret = mr_terminal_relay_start(&m->relay, mr_take_fd(&fd), err);
	m->relaying = ret >= 0;
	return ret;
}

/* Without PROGRAM nothing started: the child, or that of the minimal init, died before. */
static int now_started(struct mr_monitor *m, struct mr_error *err)
{
	if (m->started || !m->program)
		return 0;
	m->started = true;
	m->slow_ns = 0;
	m->started_mono_ns = mr_now_mono_ns();
	mr_timeline_event(m->timeline, MR_EVENT_EXEC, 0);
	mr_logs_started(&m->logs);
	return m->events.started(m->events.arg, err);
}

int mr_monitor_on_frame(struct mr_monitor *m, struct mr_error *err)
{
	struct mr_frame f;
	int ret = mr_sync_receive(m->sock, &f);

	if (ret <= 0)
		return ret < 0 ? mr_fail(err, -ret, "reading from the child") : 0;
	switch (f.kind) {
	case MR_FRAME_BARRIER:
		ret = on_barrier(m, &f, err);
		break;
	case MR_FRAME_FD:
		ret = on_fd(m, &f, err);
		break;
	case MR_FRAME_TRACE:
		mr_child_trace(m->plan, f.which, f.value);
		break;
	case MR_FRAME_ERROR:
		*err = f.error;
		ret = -(err->err ? err->err : EPROTO);
		break;
	case MR_FRAME_PROGRAM:
		m->program = f.sender;
		break;
	case MR_FRAME_STARTED:
		ret = now_started(m, err);
		break;
	case MR_FRAME_STATUS:
		m->status = (int)f.value;
		m->has_status = true;
		break;
	default:
		ret = mr_fail_text(err, EPROTO, "unknown frame %u from the child", f.kind);
	}
	mr_close(&f.fd);
	return ret < 0 ? ret : 1;
}

int mr_monitor_on_closed(struct mr_monitor *m, struct mr_error *err)
{
	mr_close(&m->sock);
	return now_started(m, err);
}

int mr_monitor_drain_frames(struct mr_monitor *m, struct mr_error *err)
{
	int ret = 1;

	while (ret > 0 && m->sock >= 0)
		ret = mr_monitor_on_frame(m, err);
	if (ret == 0)
		ret = now_started(m, err);
	return ret < 0 ? ret : 0;
}
