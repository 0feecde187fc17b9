/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of minirun.h on containers that exist. Ids are checked by the record floor in
 * every one of them. Processes are signalled through pidfds that are matched with the
 * identity in the record, never by a bare pid.
 */
#include "minirun.h"

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "launch/cleanup.h"
#include "launch/logs.h"
#include "launch/oci_state.h"
#include "record/patch.h"
#include "record/state.h"
#include "record/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOCK_TIMEOUT_MS 10000
#define FREEZE_TIMEOUT_MS 2000
#define LOST "the supervisor was killed before it could take the verdict"

struct mr_container {
	struct mr_state state;
	struct mr_host host;
	struct mr_live live;
	bool damaged; /* state.json cannot be read; only delete helps */
};

/* --- open --- */

/* The record says running, but neither init nor a monitor that would write its end lives. */
static bool is_lost(const struct mr_live *live)
{
	bool ended = mr_streq(live->status, "exited") || mr_streq(live->status, "created");

	return !ended && !mr_cleanup_is_live(live) && !mr_cleanup_is_alive(&live->monitor);
}

/* Does the users' record tell of the end? It is written first. */
static bool tells_the_end(struct mr_container *c, const char *json)
{
	struct mr_error ignored;
	auto_json doc = { 0 };

	if (mr_json_parse("status.json", json, strlen(json), &doc, &ignored) < 0)
		return false;
	const struct mr_json *state = mr_json_get(doc.root, "State");
	if (!mr_streq(mr_json_text(state, "Status", NULL), "exited"))
		return false;
	c->live.exit_code = (int)mr_json_int(state, "ExitCode", -1);
	return true;
}

static int patch_lost(struct mr_container *c, struct mr_error *err)
{
	const struct mr_state_patch patch = { .status = "exited", .lost = LOST };
	autofree char *json = NULL;
	autofree char *patched = NULL;

	snprintf(c->live.status, sizeof(c->live.status), "exited");
	c->live.init.pid = 0;
	/* -ENOENT: killed in the set-up, there is no record to correct. */
	int ret = mr_state_read_status(&c->state, &json, err);
	if (ret == 0 && !tells_the_end(c, json)) {
		ret = mr_record_patch(json, &patch, &patched, err);
		if (ret == 0)
			ret = mr_state_write_status(&c->state, patched, err);
	}
	return ret == 0 || ret == -ENOENT ? mr_state_write_live(&c->state, &c->live, err) : ret;
}

static int write_lost(struct mr_container *c, struct mr_error *err)
{
	int ret = mr_state_lock(&c->state, LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	/* Its last words may have been written between our reading and our looking. */
	mr_live_clear(&c->live);
	ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0 && is_lost(&c->live))
		ret = patch_lost(c, err);
	mr_state_unlock(&c->state);
	return ret;
}

int mr_container_open(const char *root, const char *id, struct mr_container **ret,
	struct mr_error *err)
{
	struct mr_container *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return mr_fail(err, ENOMEM, "container '%s'", id);
	mr_state_init(&c->state);
	if ((r = mr_state_open(root ? root : mr_default_root(), id, &c->state, err)) < 0 ||
		(r = mr_host_read(&c->host, "", err)) < 0) {
		mr_container_close(c);
		return r;
	}
	r = mr_state_read_live(&c->state, &c->live, err);
	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		mr_container_close(c);
		return r;
	}
	c->damaged = r < 0;
	if (!c->damaged && is_lost(&c->live) && (r = write_lost(c, err)) < 0) {
		mr_container_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void mr_container_close(struct mr_container *c)
{
	if (!c)
		return;
	mr_live_clear(&c->live);
	mr_state_close(&c->state);
	free(c);
}

static int refuse_damaged(const struct mr_container *c, struct mr_error *err)
{
	if (!c->damaged)
		return 0;
	mr_fail_text(err, EBADMSG, "the state of container '%s' is damaged", c->state.id);
	mr_hint(err, "minirun delete --force %s removes what is left of it", c->state.id);
	return -EBADMSG;
}

/* A pidfd of init, or the error that engines know. */
static int open_init(struct mr_container *c, struct mr_error *err)
{
	int ret = refuse_damaged(c, err);

	if (ret < 0)
		return ret;
	if (!mr_cleanup_is_live(&c->live))
		return mr_fail_text(err, ESRCH, "container not running");
	ret = mr_process_id_open(&c->live.init);
	return ret < 0 ? mr_fail_text(err, ESRCH, "container not running") : ret;
}

static int open_cgroup(struct mr_container *c, struct mr_cgroup *ret, struct mr_error *err)
{
	struct mr_intent intent;

	mr_cgroup_init(ret);
	int r = mr_state_read_intent(&c->state, &intent, err);
	if (r == 0)
		r = mr_cgroup_open(&c->host, intent.cgroup_path, ret, err);
	if (r == 0)
		r = mr_fail_text(err, ESRCH, "container not running");
	return r < 0 ? r : 0;
}

/* --- queries --- */

static int64_t to_ns(const char *rfc3339)
{
	struct tm tm = { 0 };
	const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ns = 0;

	if (!rest || tm.tm_year <= 0)
		return 0;
	if (*rest == '.')
		for (int64_t unit = 100000000; *++rest >= '0' && *rest <= '9'; unit /= 10)
			ns += (*rest - '0') * unit;
	return (int64_t)timegm(&tm) * 1000000000 + ns;
}

static void status_from_record(const char *json, struct mr_status *ret)
{
	struct mr_error ignored;
	auto_json doc = { 0 };

	if (mr_json_parse("status.json", json, strlen(json), &doc, &ignored) < 0)
		return;
	const struct mr_json *state = mr_json_get(doc.root, "State");
	const struct mr_json *oom = mr_json_get(state, "OOMKilled");
	auto_str command = { 0 };

	if (oom && oom->type == MR_JSON_BOOL)
		ret->oom_killed = oom->boolean;
	ret->created_ns = to_ns(mr_json_text(doc.root, "Created", ""));
	ret->started_ns = to_ns(mr_json_text(state, "StartedAt", ""));
	ret->finished_ns = to_ns(mr_json_text(state, "FinishedAt", ""));
	mr_str_append_printable(&command, mr_json_text(doc.root, "Path", ""));
	const struct mr_json *args = mr_json_get(doc.root, "Args");
	for (const struct mr_json *a = args ? args->child : NULL; a; a = a->next) {
		mr_str_append(&command, " ");
		mr_str_append_printable(&command, a->text);
	}
	snprintf(ret->command, sizeof(ret->command), "%s", mr_str_text(&command));
}

int mr_container_status(struct mr_container *c, struct mr_status *ret, struct mr_error *err)
{
	autofree char *json = NULL;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->id, c->state.id, sizeof(ret->id));
	ret->exit_code = ret->oom_killed = -1;
	if (c->damaged) {
		snprintf(ret->status, sizeof(ret->status), "broken");
		return 0;
	}
	/* Whoever asks again wants to know what has changed since. */
	mr_live_clear(&c->live);
	int r = mr_state_read_live(&c->state, &c->live, err);
	if (r < 0)
		return r;
	memcpy(ret->status, c->live.status, sizeof(ret->status));
	ret->pid = c->live.init.pid;
	ret->exit_code = c->live.exit_code;
	snprintf(ret->bundle, sizeof(ret->bundle), "%.511s", c->live.bundle);
	ret->created_ns = to_ns(c->live.created);
	struct mr_error ignored;
	if (mr_state_read_status(&c->state, &json, &ignored) == 0)
		status_from_record(json, ret);
	return 0;
}

int mr_list(const char *root, struct mr_status **ret, size_t *ret_n, struct mr_error *err)
{
	auto_strv ids = { 0 };
	int r = mr_state_list(root ? root : mr_default_root(), &ids, err);

	if (r < 0)
		return r;
	autofree struct mr_status *list = calloc(ids.n + 1, sizeof(*list));
	if (!list)
		return mr_fail(err, ENOMEM, "list of containers");
	size_t n = 0;
	for (size_t i = 0; i < ids.n; i++) {
		struct mr_container *c;
		struct mr_error ignored;
		/* One that vanishes meanwhile is not listed; a bad one never hides others. */
		if (mr_container_open(root, ids.items[i], &c, &ignored) < 0)
			continue;
		if (mr_container_status(c, &list[n], &ignored) == 0)
			n++;
		mr_container_close(c);
	}
	*ret = mr_take_ptr(list);
	*ret_n = n;
	return 0;
}

int mr_container_pids(struct mr_container *c, pid_t **ret, size_t *ret_n, struct mr_error *err)
{
	struct mr_cgroup cg;
	int r = open_cgroup(c, &cg, err);

	if (r == 0)
		r = mr_cgroup_pids(&cg, ret, ret_n, err);
	mr_cgroup_close(&cg);
	return r;
}

int mr_container_log_path(struct mr_container *c, char **ret, struct mr_error *err)
{
	auto_str path = { 0 };

	mr_str_appendf(&path, "%s/%s/log.json", c->state.root, c->state.id);
	*ret = mr_str_take(&path);
	return *ret ? 0 : mr_fail(err, ENOMEM, "path of the log");
}

int mr_container_state_json(struct mr_container *c, char **ret, struct mr_error *err)
{
	int r = refuse_damaged(c, err);

	if (r < 0)
		return r;
	const char *status = mr_cleanup_is_live(&c->live) ? c->live.status : "stopped";
	return mr_oci_state_of_live(&c->state, &c->live, status, ret, err);
}

int mr_inspect(const char *root, const char *name, const char *format, char **ret,
	struct mr_error *err)
{
	struct mr_container *c = NULL;
	autofree char *json = NULL;
	int r = mr_is_id(name) ? mr_container_open(root, name, &c, err) : -ENOENT;

	if (r == 0) {
		r = mr_state_read_status(&c->state, &json, err);
		mr_container_close(c);
	} else if (r == -ENOENT) {
		r = mr_read_file_at(AT_FDCWD, name, MR_JSON_MAX_BYTES, &json, NULL);
		if (r == -ENOENT)
			mr_fail_text(err, ENOENT,
				"no container and no status file named '%s'", name);
		else if (r < 0)
			mr_fail(err, -r, "cannot read '%s'", name);
	}
	return r < 0 ? r : mr_status_template(name, json, format, ret, err);
}

/* --- changes --- */

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
		ret = mr_state_write_status(&c->state, patched, err);
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
	autoclose int init = open_init(c, err);
	const char *wanted = paused ? "running" : "paused";

	if (init < 0)
		return init;
	int ret = mr_state_lock(&c->state, LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	mr_live_clear(&c->live);
	ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0 && !mr_streq(c->live.status, wanted))
		ret = mr_fail_text(err, EINVAL, "container '%s' is not %s but %s", c->state.id,
			wanted, c->live.status);
	if (ret == 0)
		ret = open_cgroup(c, &cg, err);
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

static int signal_all(struct mr_container *c, int sig, struct mr_error *err)
{
	struct mr_cgroup cg;
	int ret = open_cgroup(c, &cg, err);

	if (ret == 0)
		ret = mr_cgroup_signal(&cg, sig, err);
	mr_cgroup_close(&cg);
	return ret < 0 ? ret : 0;
}

int mr_container_kill(struct mr_container *c, int sig, bool all, struct mr_error *err)
{
	autoclose int init = open_init(c, err);

	/* What is left of a stopped container may be signalled, and if nothing is, that is
	 * no failure: runc's --all. */
	if (init < 0 && !(all && init == -ESRCH))
		return init;
	if (all) {
		int ret = signal_all(c, sig, err);
		return ret == -ESRCH ? 0 : ret;
	}
	int ret = mr_pidfd_send_signal(init, sig);
	if (ret < 0)
		return ret == -ESRCH ? mr_fail_text(err, ESRCH, "container not running")
				     : mr_fail(err, -ret, "signal %d to container '%s'", sig,
					       c->state.id);
	/* A frozen process dies when it is thawed (v1), so that it can. On v2 it is dead by
	 * now, and a resume too late. */
	if (sig != SIGKILL || !mr_streq(c->live.status, "paused"))
		return 0;
	ret = mr_container_resume(c, err);
	return ret < 0 && mr_cleanup_is_live(&c->live) ? ret : 0;
}

/* Wait for init's end and for the monitor, which writes the record.
 * @return 1 ended, 0 not, or -errno */
static int wait_end(struct mr_container *c, int timeout_ms)
{
	const struct mr_process_id *ids[] = { &c->live.init, &c->live.monitor };

	for (int i = 0; i < 2; i++) {
		autoclose int pidfd = ids[i]->pid ? mr_process_id_open(ids[i]) : -1;
		struct pollfd p = { pidfd, POLLIN, 0 };
		int n;
		if (pidfd < 0 && ids[i]->pid && pidfd != -ESRCH)
			return pidfd;
		if (pidfd < 0)
			continue;
		do
			n = poll(&p, 1, timeout_ms);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return n < 0 ? -errno : 0;
	}
	return 1;
}

int mr_container_stop(struct mr_container *c, int64_t timeout_ms, struct mr_error *err)
{
	int ret = mr_container_kill(c, SIGTERM, false, err);

	if (ret == 0 && mr_streq(c->live.status, "paused"))
		ret = mr_container_resume(c, err);
	if (ret < 0)
		return ret == -ESRCH ? 0 : ret;
	ret = wait_end(c, (int)timeout_ms);
	if (ret != 0)
		return ret > 0 ? 0 : mr_fail(err, -ret, "wait for container '%s'", c->state.id);
	ret = mr_container_kill(c, SIGKILL, false, err);
	if (ret < 0 && ret != -ESRCH)
		return ret;
	return wait_end(c, LOCK_TIMEOUT_MS) > 0
		       ? 0
		       : mr_fail_text(err, ETIMEDOUT,
				 "container '%s' has not ended 10 s after SIGKILL", c->state.id);
}

int mr_container_wait(struct mr_container *c, int *ret_exit_code, struct mr_error *err)
{
	int ret = refuse_damaged(c, err);

	if (ret < 0)
		return ret;
	ret = wait_end(c, -1);
	if (ret < 0)
		return mr_fail(err, -ret, "wait for container '%s'", c->state.id);
	/* With --rm the record may be gone: then the exit code is not known any more. */
	mr_live_clear(&c->live);
	ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0 && is_lost(&c->live))
		ret = write_lost(c, err);
	if (ret == 0 && c->live.exit_code < 0)
		ret = mr_fail_text(err, ENODATA, "the exit code of '%s' is not known: " LOST,
			c->state.id);
	if (ret == 0)
		*ret_exit_code = c->live.exit_code;
	return ret;
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

int mr_delete(const char *root, const char *id, bool force, struct mr_error *err)
{
	struct mr_state state;
	struct mr_host host;

	mr_state_init(&state);
	int ret = mr_state_open(root ? root : mr_default_root(), id, &state, err);
	if (ret == 0)
		ret = mr_host_read(&host, "", err);
	if (ret == 0 && force)
		mr_cleanup_stop(&state, &host);
	if (ret == 0)
		ret = mr_state_lock(&state, LOCK_TIMEOUT_MS, err);
	if (ret == 0 && !force)
		ret = check_ended(&state, err);
	if (ret == 0)
		ret = mr_cleanup(&state, &host, err);
	mr_state_close(&state);
	return ret;
}
