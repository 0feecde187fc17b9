/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of minirun.h that wait for the end of a container: stop, wait.
 *
 * Its last words, the exit code, are in state.json, written by whoever supervised it. With --rm
 * that goes at once, unless somebody has asked to be waited for: then it is written, and stays
 * for as long as it takes to read it.
 */
#include "launch/container.h"

#include "base/io.h"
#include "launch/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static int poll_again(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int ready;

	do
		ready = poll(fds, n, timeout_ms);
	while (ready < 0 && errno == EINTR);
	return ready < 0 ? -errno : ready;
}

/* @return 1 ended, 0 not, or -errno */
static int wait_process(const struct mr_process_id *id, int timeout_ms)
{
	autoclose int pidfd = id->pid ? mr_process_id_open(id) : -ESRCH;
	struct pollfd p = { pidfd, POLLIN, 0 };

	if (pidfd < 0)
		return pidfd == -ESRCH ? 1 : pidfd;
	return poll_again(&p, 1, timeout_ms);
}

/* For init's end and for that of the supervisor, which writes the record. */
static int wait_end(struct mr_container *c, int timeout_ms)
{
	int ret = wait_process(&c->live.init, timeout_ms);

	return ret > 0 ? wait_process(&c->live.monitor, timeout_ms) : ret;
}

int mr_container_stop(struct mr_container *c, int64_t timeout_ms, struct mr_error *err)
{
	int ret = mr_container_kill(c, SIGTERM, false, err);

	if (ret == 0 && mr_streq(c->live.status, "paused"))
		ret = mr_container_resume(c, err);
	if (ret < 0)
		return ret == -ESRCH && mr_streq(mr_container_oci_status(c), "stopped") ? 0 : ret;
	ret = wait_end(c, (int)timeout_ms);
	if (ret != 0)
		return ret > 0 ? 0 : mr_fail(err, -ret, "wait for container '%s'", c->state.id);
	ret = mr_container_kill(c, SIGKILL, false, err);
	if (ret < 0 && ret != -ESRCH)
		return ret;
	return wait_end(c, MR_LOCK_TIMEOUT_MS) > 0
		       ? 0
		       : mr_fail_text(err, ETIMEDOUT,
				 "container '%s' has not ended 10 s after SIGKILL", c->state.id);
}

/* --- wait --- */

/* Documents replaced in its directory; by its descriptor: the name may be another's by now.
 * @return descriptor, or -1 (a user has 128 of them): then only the supervisor's end tells */
static int watch_documents(const struct mr_container *c)
{
	char path[32];
	autoclose int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->state.dir);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -1;
	return mr_take_fd(&fd);
}

static void drain(int fd)
{
	char events[1024];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

/* Read them again until they tell the end, or there is nobody to write it. */
static int read_last_words(struct mr_container *c, int documents, struct mr_error *err)
{
	autoclose int supervisor = c->live.monitor.pid ? mr_process_id_open(&c->live.monitor) : -1;
	int ret;

	for (bool last = supervisor < 0;;) {
		mr_live_clear(&c->live);
		ret = mr_state_read_live(&c->state, &c->live, err);
		if (ret < 0 || last || mr_streq(c->live.status, "exited"))
			return ret;
		struct pollfd fds[2] = { { documents, POLLIN, 0 }, { supervisor, POLLIN, 0 } };
		ret = poll_again(fds, 2, -1);
		if (ret < 0)
			return mr_fail(err, -ret, "wait for container '%s'", c->state.id);
		drain(documents);
		last = fds[1].revents;
	}
}

static int await_words(struct mr_container *c, struct mr_error *err)
{
	autoclose int turn = mr_state_watch(&c->state, err);
	autoclose int documents = watch_documents(c);

	if (turn < 0)
		return mr_take_fd(&turn);
	int ret = wait_process(&c->live.init, -1);
	return ret < 0 ? mr_fail(err, -ret, "wait for container '%s'", c->state.id)
		       : read_last_words(c, documents, err);
}

int mr_container_wait(struct mr_container *c, int *ret_exit_code, struct mr_error *err)
{
	int ret = mr_container_refuse_damaged(c, err);

	if (ret == 0)
		ret = await_words(c, err);
	if (ret < 0)
		return ret;
	/* Whoever waits may expect that nothing is left. */
	ret = wait_process(&c->live.monitor, -1);
	if (ret < 0)
		return mr_fail(err, -ret, "wait for container '%s'", c->state.id);
	ret = mr_container_is_lost(&c->live) ? mr_container_write_lost(c, err) : 0;
	if (ret == 0 && c->live.exit_code < 0)
		ret = mr_fail_text(err, ENODATA, "the exit code of '%s' is not known: %s",
			c->state.id,
			c->live.engine ? "only its parent is told it before kernel 6.15"
				       : MR_LOST);
	if (ret == 0)
		*ret_exit_code = c->live.exit_code;
	return ret;
}
