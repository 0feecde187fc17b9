/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `start`: let a created container execute its program.
 *
 * What a launcher reads from its socketpair is read here from the connection: an error of
 * the last steps, or PROGRAM and then the end of the socket, which closes at the exec, or
 * STARTED by a minimal init. The lock is held until the record says "running": whoever writes
 * how the container ended waits for it.
 */
#include "launch/container.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/sys.h"
#include "launch/cleanup.h"
#include "launch/late_hooks.h"
#include "launch/low_limit.h"
#include "launch/notify.h"
#include "launch/start_socket.h"
#include "oom/watch.h"
#include "record/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_created(const struct mr_container *c, struct mr_error *err)
{
	const char *status = mr_container_oci_status(c);

	if (mr_streq(status, "created"))
		return 0;
	if (mr_streq(status, "creating"))
		return mr_container_not_running(c, err);
	if (mr_streq(status, "stopped"))
		return mr_fail_text(err, EINVAL, "cannot start a container that has stopped: '%s'",
			c->state.id);
	return mr_fail_text(err, EINVAL, "cannot start container '%s' again: it is %s",
		c->state.id, status);
}

/* What the container tells of its program. */
struct news {
	pid_t program;    /* 0: nothing so far */
	int64_t heard_ns; /* CLOCK_MONOTONIC when it did */
};

/* A minimal init keeps the socket: it says when the program was executed, or is dead.
 * @return 0 it was executed, or an error */
static int hear(int sock, struct news *news, struct mr_error *err)
{
	for (;;) {
		struct mr_frame f;
		int ret = mr_sync_receive(sock, &f);
		if (ret < 0)
			return mr_fail(err, -ret, "reading from the container");
		if (ret == 0 || f.kind == MR_FRAME_STARTED)
			return news->program ? 0
					     : mr_fail_text(err, ECHILD,
						       "the container process died before the program ran");
		mr_close(&f.fd);
		if (f.kind == MR_FRAME_PROGRAM)
			*news = (struct news){f.sender, mr_now_mono_ns()};
		if (f.kind == MR_FRAME_ERROR) {
			*err = f.error;
			return -(err->err ? err->err : EPROTO);
		}
	}
}

/* The limits and counters are the container's own: nobody else was in its cgroup. */
static void explain(struct mr_container *c, struct mr_error *err)
{
	struct mr_error ignored;
	struct mr_cgroup_limits limits;
	struct mr_oom_watch watch;
	struct mr_cgroup cg;

	if (mr_container_open_cgroup(c, &cg, &ignored) < 0)
		return;
	mr_cgroup_read_limits(&cg, NULL, &limits);
	if (mr_oom_watch_prepare(&watch, &cg, &ignored) == 0) {
		mr_explain_low_limit(&limits, 0, watch.base.kills, err);
		mr_oom_watch_close(&watch);
	}
	mr_cgroup_close(&cg);
}

/* @started CLOCK_MONOTONIC */
static int record_running(struct mr_container *c, int64_t started, struct mr_error *err)
{
	struct mr_state_patch patch = { .status = "running" };
	autofree char *json = NULL;
	autofree char *patched = NULL;

	mr_format_time(mr_now_real(), c->live.started);
	c->live.started_mono_ns = started;
	patch.started = c->live.started;
	snprintf(c->live.status, sizeof(c->live.status), "running");
	int ret = mr_state_read_status(&c->state, &json, err);
	if (ret == 0)
		ret = mr_record_patch(json, &patch, &patched, err);
	if (ret == 0)
		ret = mr_state_write_status(&c->state, patched, false, err);
	if (ret == 0)
		ret = mr_state_write_live(&c->state, &c->live, err);
	if (ret == 0 && unlinkat(c->state.dir, "start", 0) < 0)
		ret = mr_fail(err, errno, "remove '%s/%s/start'", c->state.root, c->state.id);
	return ret;
}

/* @ret_notify our end of the container's sd_notify(3), or negative */
static int start_locked(struct mr_container *c, int *ret_notify, struct mr_error *err)
{
	mr_live_clear(&c->live);
	int ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0)
		ret = check_created(c, err);
	if (ret == 0 && getenv("NOTIFY_SOCKET"))
		ret = mr_notify_bind(&c->state, ret_notify, err);
	if (ret < 0)
		return ret;
	const int64_t released = mr_now_mono_ns();
	autoclose int sock = mr_start_connect(&c->state, err);
	if (sock < 0)
		return sock;
	struct news news = {0};
	ret = hear(sock, &news, err);
	if (ret < 0) {
		explain(c, err);
		return ret;
	}
	c->live.program = news.program;
	/* One that has ended by now may have done so before we heard of it. */
	return record_running(c, mr_cleanup_is_live(&c->live) ? news.heard_ns : released, err);
}

/* Who starts a service returns when it is ready. */
static int await_ready(struct mr_container *c, int notify, struct mr_error *err)
{
	autoclose int pidfd = mr_process_id_open(&c->live.init);

	return pidfd < 0 ? 0 : mr_notify_wait(notify, pidfd, c->live.init.pid, err);
}

int mr_container_start(struct mr_container *c, struct mr_error *err)
{
	struct mr_error ignored;

	int ret = mr_container_refuse_damaged(c, err);
	if (ret == 0)
		ret = mr_state_lock(&c->state, MR_LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	autoclose int notify = -1;
	ret = start_locked(c, &notify, err);
	mr_state_unlock(&c->state);
	if (ret < 0)
		return ret;
	ret = mr_late_hooks_run(&c->state, &c->live, MR_HOOK_POSTSTART, "running", err);
	if (ret < 0)
		mr_container_kill(c, SIGKILL, false, &ignored);
	else if (notify >= 0)
		ret = await_ready(c, notify, err);
	return ret;
}
