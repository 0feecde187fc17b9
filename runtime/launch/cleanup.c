/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of what a container has left, whoever died when. The intent record was on disk
 * before the first cgroup was made, and names them; processes are found through the
 * cgroups, never through a bare pid from a file: a pid may belong to somebody else by now.
 * After a reboot (another boot id) there is nothing but files.
 */
#include "launch/cleanup.h"

#include "base/io.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "cgroup/systemd.h"
#include "launch/late_hooks.h"
#include "record/kept.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KILL_TIMEOUT_MS 5000

/* poll(2) for POLLIN on one descriptor that goes on after EINTR. */
static int poll_in(int fd, int timeout_ms)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n;
}

bool mr_cleanup_is_alive(const struct mr_process_id *id)
{
	if (id->pid == 0)
		return false;
	autoclose int pidfd = mr_process_id_open(id);
	if (pidfd < 0)
		return pidfd != -ESRCH;
	/* A pidfd is readable once the process is a zombie (pidfd_open(2)). */
	return poll_in(pidfd, 0) <= 0;
}

bool mr_cleanup_is_live(const struct mr_live *live)
{
	return mr_cleanup_is_alive(&live->init);
}

/* Signal exactly that process; wait for its end. @signal 0: only wait */
static void end_process(const struct mr_process_id *id, int signal)
{
	if (id->pid == 0 || id->pid == getpid())
		return;
	autoclose int pidfd = mr_process_id_open(id);
	if (pidfd < 0 || (signal && mr_pidfd_send_signal(pidfd, signal) < 0))
		return;
	poll_in(pidfd, KILL_TIMEOUT_MS);
}

static int kill_cgroups(const struct mr_intent *intent, const struct mr_host *host,
	struct mr_cgroup *cg, struct mr_error *err)
{
	mr_cgroup_init(cg);
	if (intent->n_mount_points == 0)
		return 0; /* made without one */
	int ret = mr_cgroup_open(host, intent->cgroup_path, cg, err);
	return ret > 0 ? mr_cgroup_kill(cg, KILL_TIMEOUT_MS, err) : ret;
}

/*
 * What was to be made, from the intent record. Without one it was killed before anything was
 * made. Of a damaged one only the place is guessed: where containers are by default.
 *
 * @return 1 something of this boot, 0 nothing, or -errno
 */
static int read_intent(const struct mr_state *state, struct mr_intent *ret, struct mr_error *err)
{
	struct mr_error reason = { 0 };
	char boot[40];

	int r = mr_boot_id(boot, err);
	if (r < 0)
		return r;
	r = mr_state_read_intent(state, ret, &reason);
	if (r == -ENOENT)
		return 0;
	if (r == -EBADMSG) {
		snprintf(ret->cgroup_path, sizeof(ret->cgroup_path), "%s/%s", MR_CGROUP_PARENT,
			state->id);
		ret->n_mount_points = 1; /* not by their list: wherever it is found */
		return 1;
	}
	if (r < 0) {
		*err = reason;
		return r;
	}
	return strcmp(ret->boot_id, boot) == 0;
}

/* By the pidfd of init, and by the cgroup: a frozen process dies only when it is thawed (v1),
 * and there may be others without a pid namespace of their own. */
static void kill_container(const struct mr_live *live, const struct mr_intent *intent,
	const struct mr_host *host)
{
	struct mr_error ignored;
	struct mr_cgroup cg;
	autoclose int pidfd = mr_process_id_open(&live->init);

	if (pidfd >= 0)
		mr_pidfd_send_signal(pidfd, SIGKILL);
	kill_cgroups(intent, host, &cg, &ignored);
	mr_cgroup_close(&cg);
	if (pidfd >= 0)
		poll_in(pidfd, KILL_TIMEOUT_MS);
}

void mr_cleanup_stop(const struct mr_state *state, const struct mr_host *host)
{
	struct mr_error ignored;
	struct mr_intent intent;
	struct mr_live live;

	/* The processes of another boot are not these. */
	if (read_intent(state, &intent, &ignored) <= 0 ||
		mr_state_read_live(state, &live, &ignored) < 0)
		return;
	if (live.init.pid > 0)
		kill_container(&live, &intent, host);
	end_process(&live.monitor, strcmp(live.status, "creating") == 0 ? SIGTERM : 0);
	end_process(&live.monitor, SIGKILL);
	mr_live_clear(&live);
}

void mr_cleanup_await(const struct mr_state *state)
{
	struct mr_error ignored;
	struct mr_live live;

	if (mr_state_read_live(state, &live, &ignored) < 0)
		return;
	/* Has SIGKILL been sent to it? The bit stays set until the process is gone. */
	if (mr_signal_is_in(live.init.pid, "ShdPnd", SIGKILL) == 1)
		end_process(&live.init, 0);
	if (!mr_cleanup_is_live(&live))
		end_process(&live.monitor, 0);
	mr_live_clear(&live);
}

/* What is owed to the one who launched it: hooks, unless whoever supervised the container to
 * its end has run them, and the record. @keep: asked for now */
static int settle_debts(const struct mr_state *state, bool keep, struct mr_strv *warnings,
	struct mr_error *err)
{
	struct mr_error ignored;
	struct mr_live live = { 0 };
	bool readable = mr_state_read_live(state, &live, &ignored) == 0;

	if (readable && (live.engine || live.exit_code < 0))
		mr_late_hooks_poststop(state, &live, warnings);
	int ret = keep || live.keep_record ? mr_kept_add(state, err) : 0;
	/* Launched when that was not refused yet: it could never be deleted. */
	if (ret == -ENAMETOOLONG && !keep)
		ret = mr_strv_add(warnings, err->message) < 0 ? mr_fail(err, ENOMEM, "warn") : 0;
	mr_live_clear(&live);
	return ret;
}

int mr_cleanup(struct mr_state *state, const struct mr_host *host, bool keep_record,
	struct mr_strv *warnings, struct mr_error *err)
{
	struct mr_intent intent;
	struct mr_cgroup cg;

	int ret = read_intent(state, &intent, err);
	if (ret > 0) {
		ret = kill_cgroups(&intent, host, &cg, err);
		mr_state_await_watchers(state);
		if (ret >= 0)
			ret = mr_cgroup_remove(&cg, err);
		mr_cgroup_close(&cg);
		if (ret >= 0)
			ret = mr_resctrl_remove(&intent.resctrl, err);
		if (ret >= 0 && intent.scope)
			ret = mr_scope_stop(host, intent.cgroup_path, intent.user_scope, err);
	}
	if (ret >= 0)
		ret = settle_debts(state, keep_record, warnings, err);
	return ret < 0 ? ret : mr_state_remove(state, err);
}
