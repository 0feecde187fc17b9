/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of minirun.h that act: pause, resume, kill, delete. */
#include "launch/container.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "launch/cleanup.h"
#include "launch/plan.h"
#include "record/kept.h"
#include "record/patch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FREEZE_TIMEOUT_MS 2000

/* "paused" is the first word to be written and the last to go: what says so can be resumed. */
static int set_status(struct mr_container *c, bool paused, struct mr_error *err)
{
	const struct mr_state_patch patch = { .status = paused ? "paused" : "running" };
	autofree char *json = NULL;
	autofree char *patched = NULL;

	snprintf(c->live.status, sizeof(c->live.status), "%s", patch.status);
	int ret = paused ? mr_state_write_live(&c->state, &c->live, err) : 0;
	if (ret == 0)
		ret = mr_state_read_status(&c->state, &json, err);
	if (ret == 0)
		ret = mr_record_patch(json, &patch, &patched, err);
	if (ret == 0)
		ret = mr_state_write_status(&c->state, patched, false, err);
	return ret < 0 || paused ? ret : mr_state_write_live(&c->state, &c->live, err);
}

/* "paused" is written before the freezing and taken back after the thawing: whenever we are
 * killed, a frozen container is one that `resume` helps. */
static int freeze_and_record(struct mr_container *c, struct mr_cgroup *cg, bool paused,
	struct mr_error *err)
{
	struct mr_error ignored;
	int ret = paused ? set_status(c, true, err) : 0;

	if (ret == 0)
		ret = mr_cgroup_set_frozen(cg, paused, FREEZE_TIMEOUT_MS, err);
	if (ret == 0 && !paused)
		ret = set_status(c, false, err);
	if (ret < 0 && paused) {
		mr_cgroup_set_frozen(cg, false, FREEZE_TIMEOUT_MS, &ignored);
		set_status(c, false, &ignored);
	}
	return ret;
}

static int set_paused(struct mr_container *c, bool paused, struct mr_error *err)
{
	struct mr_cgroup cg;
	autoclose int init = mr_container_open_init(c, err);
	const char *wanted = paused ? "running" : "paused";

	if (init < 0)
		return init;
	int ret = mr_state_lock(&c->state, MR_LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	mr_live_clear(&c->live);
	ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0 && !mr_streq(c->live.status, wanted))
		ret = mr_fail_text(err, EINVAL, "container '%s' is not %s but %s", c->state.id,
			wanted, c->live.status);
	if (ret == 0)
		ret = mr_container_open_cgroup(c, &cg, err);
	if (ret == 0) {
		ret = freeze_and_record(c, &cg, paused, err);
		mr_cgroup_close(&cg);
	}
	mr_state_unlock(&c->state);
	return ret;
}

int mr_container_pause(struct mr_container *c, struct mr_error *err)
{
	return set_paused(c, true, err);
}

int mr_container_resume(struct mr_container *c, struct mr_error *err)
{
	return set_paused(c, false, err);
}

/* @return how many */
static int signal_all(struct mr_container *c, int sig, struct mr_error *err)
{
	struct mr_cgroup cg;
	int ret = mr_container_open_cgroup(c, &cg, err);

	if (ret == 0)
		ret = mr_cgroup_signal(&cg, sig, err);
	mr_cgroup_close(&cg);
	return ret;
}

/* Processes that share a pid namespace with others outlive init; SIGKILL is for them, too, be
 * init still there or not. @return 0, or 1 if init alone is to be signalled */
static int kill_shared(struct mr_container *c, bool running, struct mr_error *err)
{
	struct mr_error ignored;
	int ret = signal_all(c, SIGKILL, running ? err : &ignored);

	if (ret > 0)
		return 0;
	if (!running)
		return -ESRCH;
	return ret == 0 || ret == -EOPNOTSUPP || ret == -ESRCH ? 1 : ret;
}

int mr_container_kill(struct mr_container *c, int sig, bool all, struct mr_error *err)
{
	autoclose int init = mr_container_open_init(c, err);
	int ret;

	bool shared = sig == SIGKILL && !all && !c->live.pid_namespace &&
		      (init >= 0 || init == -ESRCH);

	/* What is left of a stopped container may be signalled, and if nothing is, or is known
	 * for want of a cgroup, that is no failure: runc's --all. */
	if (init < 0 && !((all || shared) && init == -ESRCH))
		return init;
	ret = shared ? kill_shared(c, init >= 0, err) : 1;
	if (ret < 0 || (shared && init < 0))
		return ret;
	if (all) {
		ret = signal_all(c, sig, err);
		ret = ret > 0 ? 0 : ret;
		if (init < 0 && ret == -EOPNOTSUPP)
			ret = 0;
		if (ret < 0 || init < 0)
			return ret == -ESRCH ? 0 : ret;
	} else if (ret > 0) {
		ret = mr_pidfd_send_signal(init, sig);
	}
	if (ret < 0)
		return ret == -ESRCH ? mr_container_not_running(c, err)
				     : mr_fail(err, -ret, "signal %d to container '%s'", sig,
					       c->state.id);
	/* A frozen process dies when it is thawed (v1), so that it can. On v2 it is dead by
	 * now, and a resume too late. */
	if (sig != SIGKILL || !mr_streq(c->live.status, "paused"))
		return 0;
	ret = mr_container_resume(c, err);
	return ret < 0 && mr_cleanup_is_live(&c->live) ? ret : 0;
}

/* Without a state.json its launcher was killed early, since we hold the lock. */
static int check_ended(const struct mr_state *state, struct mr_error *err)
{
	struct mr_live live;
	int ret = mr_state_read_live(state, &live, err);

	if (ret == 0) {
		if (mr_cleanup_is_live(&live))
			ret = mr_fail_text(
				err, EBUSY, "container '%s' is %s", state->id, live.status);
		mr_live_clear(&live);
	}
	if (ret < 0 && ret != -ENOENT)
		mr_hint(err, "stop it first, or use --force");
	return ret == -ENOENT ? 0 : ret;
}

/* Is the record to outlive the container? Then it must have an end, which it lacks so far if
 * its watcher was killed; opening the container writes it. */
static void complete_kept_record(const struct mr_state *state, const char *root, bool keep)
{
	struct mr_error ignored;
	struct mr_container *c = NULL;
	struct mr_live live = { 0 };

	keep = (mr_state_read_live(state, &live, &ignored) == 0 && live.keep_record) || keep;
	mr_live_clear(&live);
	if (keep && mr_container_open(root, state->id, &c, &ignored) == 0)
		mr_container_close(c);
}

int mr_delete(const char *root, const char *id, bool force, bool keep_record,
	mr_message_fn message, void *arg, struct mr_error *err)
{
	auto_strv warnings = { 0 };
	struct mr_state state;
	struct mr_host host;

	mr_state_init(&state);
	int ret = mr_state_open(root ? root : mr_default_root(), id, &state, err);
	if (ret == 0 && keep_record)
		ret = mr_kept_check_id(id, err);
	if (ret == 0)
		ret = mr_host_read(&host, "", err);
	if (ret == 0 && force)
		mr_cleanup_stop(&state, &host);
	else if (ret == 0)
		mr_cleanup_await(&state);
	if (ret == 0)
		complete_kept_record(&state, root, keep_record);
	if (ret == 0)
		ret = mr_state_lock(&state, MR_LOCK_TIMEOUT_MS, err);
	if (ret == 0 && !force)
		ret = check_ended(&state, err);
	if (ret == 0)
		ret = mr_cleanup(&state, &host, keep_record, &warnings, err);
	mr_state_close(&state);
	mr_warn(message, arg, &warnings);
	return ret;
}
