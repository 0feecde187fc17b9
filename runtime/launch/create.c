/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a launcher to a watcher: how an engine's container is left alone.
 *
 * An engine wants the container to be its own child, so that it can wait for it: the
 * launcher ends, and its orphan goes to the engine's subreaper (prctl(2)). But what an OOM
 * kill was about, and how the container ended, only a process knows that was there. So the
 * launcher forks once more, and the fork keeps what was opened for the watch: pidfd,
 * counters, notifications, the kernel's log. It is no parent of the container: the exit
 * status comes from /proc while the container is a zombie, or from the pidfd afterwards.
 *
 * The watcher changes nothing: cgroup and state stay until `delete`, which waits for the
 * watcher's last word. If the launcher is killed before the record says "created", the
 * child ends by itself and the watcher brings everything down.
 *
 * Order: the watcher exists before the record names it, and the record is written before
 * the child may go on without us. `start` holds the lock until the record says "running",
 * and the watcher takes the lock before it writes: so it reads whether the program ran.
 */
#include "launch/create.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_TIMEOUT_MS 60000 /* start hooks run under the lock of `start` */

/* --- the watcher --- */

static void write_end(struct mr_launch *l, struct mr_error *err)
{
	struct mr_error ignored;

	mr_launch_take_verdict(l, true, &ignored); /* what cannot be known the record says */
	mr_launch_fill_end(l);
	mr_launch_warn_low_limit(l, &ignored);
	l->record.has_rusage = false; /* it was not our child */
	l->record.has_exit = l->monitor.has_status;
	if (!l->monitor.has_status)
		l->live.exit_code = -1;
	mr_launch_write_end(l, false, err);
}

/* The end: `start` or its absence is on disk by now. */
static void finish(struct mr_launch *l)
{
	struct mr_error err = { 0 };

	/* It is gone when `delete --force` came first. */
	if (mr_state_lock(&l->state, LOCK_TIMEOUT_MS, &err) < 0)
		return;
	bool fresh = mr_launch_refresh(l);
	l->monitor.started = l->monitor.started && l->live.started[0];
	/* Our launcher was killed before it wrote that the container is created. */
	if (mr_streq(l->live.status, "creating"))
		mr_launch_give_up(l, &err);
	else if (fresh)
		write_end(l, &err);
	mr_state_unlock(&l->state);
}

_Noreturn static void watcher_main(struct mr_launch *l)
{
	struct mr_error err = { 0 };
	struct mr_monitor *m = &l->monitor;

	setsid();
	(void)mr_leave_caller();
	mr_close(&l->state.lock); /* the launcher's */
	mr_close(&m->sock);
	mr_close(&m->signal_fd);
	mr_close(&l->start_fd);
	l->plan->options.message = NULL; /* there is nobody to tell */
	m->created = false;
	m->started = true; /* until the end tells otherwise */
	if (mr_monitor_watch(m, &err) == 0)
		finish(l);
	mr_launch_clear(l);
	_exit(0);
}

/* --- the launcher --- */

static int record_created(struct mr_launch *l, int watcher_fd, pid_t watcher, struct mr_error *err)
{
	struct mr_monitor *m = &l->monitor;

	l->record.pid = m->pid;
	int ret = mr_process_id_read(watcher_fd, watcher, &l->live.monitor, err);
	if (ret == 0)
		ret = mr_process_id_read(m->pidfd, m->pid, &l->live.init, err);
	if (ret == 0)
		ret = mr_launch_tell_pid(l, err);
	if (ret == 0)
		ret = mr_launch_write_record(l, "created", err);
	if (ret == 0 && (ret = mr_sync_send(m->sock, MR_FRAME_PASS, MR_BARRIER_START, 0)) < 0)
		mr_fail(err, -ret, "releasing the child");
	return ret;
}

int mr_launch_hand_over(struct mr_launch *l, struct mr_error *err)
{
	pid_t watcher = fork();

	if (watcher == 0)
		watcher_main(l);
	autoclose int fd = watcher > 0 ? (int)pidfd_open(watcher, 0) : -1;
	int ret = fd < 0 ? mr_fail(err, errno, "fork of the watcher")
			 : record_created(l, fd, watcher, err);
	if (ret == 0)
		return 0;
	if (watcher > 0) {
		kill(watcher, SIGKILL); /* our own child: nobody else reaps it */
		waitpid(watcher, NULL, 0);
	}
	mr_pidfd_send_signal(l->monitor.pidfd, SIGKILL);
	waitpid(l->monitor.pid, NULL, 0);
	mr_launch_give_up(l, err);
	return ret;
}
