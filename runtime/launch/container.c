/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a container that exists. Ids are checked by the record floor in every verb.
 * Processes are reached through pidfds that are matched with the identity in the record,
 * never by a bare pid. A record whose supervisor was killed is set right here, whichever
 * verb comes first.
 */
#include "launch/container.h"

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "launch/cleanup.h"
#include "oom/watch.h"
#include "record/patch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CREATION_TIMEOUT_MS 200

bool mr_container_is_lost(const struct mr_live *live)
{
	return !mr_streq(live->status, "exited") && !mr_cleanup_is_live(live) &&
	       !mr_cleanup_is_alive(&live->monitor);
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

/* The cgroup of an engine's container stays until `delete`, and so do its counters. That
 * they have risen is certain; that they have not does not speak for sub-cgroups that were
 * removed (v1). */
static uint64_t kills_counted(struct mr_container *c)
{
	struct mr_error ignored;
	struct mr_oom_watch watch;
	struct mr_cgroup cg;
	uint64_t kills = 0;

	if (!c->live.engine || mr_container_open_cgroup(c, &cg, &ignored) < 0)
		return 0;
	if (mr_oom_watch_prepare(&watch, &cg, &ignored) == 0) {
		if (watch.base.kills > c->live.oom_base)
			kills = watch.base.kills - c->live.oom_base;
		mr_oom_watch_close(&watch);
	}
	mr_cgroup_close(&cg);
	return kills;
}

static int patch_lost(struct mr_container *c, struct mr_error *err)
{
	const struct mr_state_patch patch = {
		.status = "exited", .lost = MR_LOST, .kills = kills_counted(c) };
	autofree char *json = NULL;
	autofree char *patched = NULL;

	snprintf(c->live.status, sizeof(c->live.status), "exited");
	c->live.init.pid = 0;
	/* -ENOENT: killed in the set-up, there is no record to correct. */
	int ret = mr_state_read_status(&c->state, &json, err);
	if (ret == 0 && !tells_the_end(c, json)) {
		ret = mr_record_patch(json, &patch, &patched, err);
		if (ret == 0)
			ret = mr_state_write_status(&c->state, patched, true, err);
	}
	return ret == 0 || ret == -ENOENT ? mr_state_write_live(&c->state, &c->live, err) : ret;
}

int mr_container_write_lost(struct mr_container *c, struct mr_error *err)
{
	int ret = mr_state_lock(&c->state, MR_LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	/* Its last words may have been written between our reading and our looking. */
	mr_live_clear(&c->live);
	ret = mr_state_read_live(&c->state, &c->live, err);
	if (ret == 0 && mr_container_is_lost(&c->live))
		ret = patch_lost(c, err);
	mr_state_unlock(&c->state);
	return ret;
}

/*
 * Who sets a container up holds its lock until the program runs, which is a matter of
 * milliseconds if no hooks take longer: then a verb that comes in between waits for it.
 * Without a state.json and without a holder the launcher was killed early.
 */
static int read_live(struct mr_container *c, struct mr_error *err)
{
	struct mr_error ignored;
	int r = mr_state_read_live(&c->state, &c->live, err);

	if (r != -ENOENT && !(r == 0 && mr_streq(c->live.status, "creating")))
		return r;
	if (mr_state_lock(&c->state, CREATION_TIMEOUT_MS, &ignored) < 0)
		return r;
	mr_live_clear(&c->live);
	r = mr_state_read_live(&c->state, &c->live, err);
	mr_state_unlock(&c->state);
	return r;
}

int mr_container_open(const char *root, const char *id, struct mr_container **ret,
	struct mr_error *err)
{
	struct mr_container *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return mr_fail(err, ENOMEM, "container '%s'", id);
	mr_state_init(&c->state);
	r = mr_state_open(root ? root : mr_default_root(), id, &c->state, err);
	if (r < 0) {
		mr_container_close(c);
		return r;
	}
	r = read_live(c, err);
	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		mr_container_close(c);
		return r;
	}
	c->damaged = r < 0;
	if (!c->damaged && mr_container_is_lost(&c->live) && (r = mr_container_write_lost(c, err)) < 0) {
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

int mr_container_refuse_damaged(const struct mr_container *c, struct mr_error *err)
{
	if (!c->damaged)
		return 0;
	mr_fail_text(err, EBADMSG, "the state of container '%s' is damaged", c->state.id);
	mr_hint(err, "minirun delete --force %s removes what is left of it", c->state.id);
	return -EBADMSG;
}

const char *mr_container_oci_status(const struct mr_container *c)
{
	const bool creating =
		mr_streq(c->live.status, "creating") && !mr_container_is_lost(&c->live);

	return creating || mr_cleanup_is_live(&c->live) ? c->live.status : "stopped";
}

int mr_container_not_running(const struct mr_container *c, struct mr_error *err)
{
	if (!mr_streq(mr_container_oci_status(c), "creating"))
		return mr_fail_text(
			err, ESRCH, "container not running: '%s' is stopped", c->state.id);
	mr_fail_text(err, ESRCH, "container not running: '%s' is still being set up", c->state.id);
	mr_hint(err, "minirun delete --force %s ends that", c->state.id);
	return -ESRCH;
}

int mr_container_open_init(struct mr_container *c, struct mr_error *err)
{
	int ret = mr_container_refuse_damaged(c, err);

	if (ret < 0)
		return ret;
	if (!mr_cleanup_is_live(&c->live))
		return mr_container_not_running(c, err);
	ret = mr_process_id_open(&c->live.init);
	return ret < 0 ? mr_container_not_running(c, err) : ret;
}

int mr_container_open_cgroup(struct mr_container *c, struct mr_cgroup *ret, struct mr_error *err)
{
	struct mr_intent intent;

	mr_cgroup_init(ret);
	int r = mr_state_read_intent(&c->state, &intent, err);
	if (r == 0 && !c->has_host) {
		r = mr_host_read(&c->host, "", err);
		c->has_host = r == 0;
	}
	if (r == 0 && intent.n_mount_points == 0)
		r = mr_fail_text(err, EOPNOTSUPP, "container '%s' was made without a cgroup",
			c->state.id);
	if (r == 0)
		r = mr_cgroup_open(&c->host, intent.cgroup_path, ret, err);
	if (r == 0)
		r = mr_container_not_running(c, err);
	return r < 0 ? r : 0;
}
