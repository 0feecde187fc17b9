/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first steps of a launch: its name and directory, which an ended container of that name has
 * to leave first, and what is to be made, written down before it is.
 */
#include "launch/launch_state.h"

#include "launch/cleanup.h"
#include "record/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLACE_TRIES 10

/* Without a state.json its launcher was killed early, since we hold the lock. Who supervised it
 * has its verdict to take and its cgroups to remove, by the names that ours will have. */
static int check_ended(const struct mr_state *old, struct mr_error *err)
{
	struct mr_live live;
	int ret = mr_state_read_live(old, &live, err);

	if (ret < 0) {
		if (ret != -ENOENT)
			mr_hint(err, "minirun delete --force %s removes it", old->id);
		return ret == -ENOENT ? 0 : ret;
	}
	if (mr_cleanup_is_live(&live)) {
		ret = mr_fail_text(err, EEXIST, "container '%s' exists and is %s", old->id,
			live.status);
		mr_hint(err, "stop it, or choose another --name");
	} else if (mr_cleanup_is_alive(&live.monitor)) {
		ret = mr_fail_text(err, EBUSY,
			"container '%s' has ended, but its supervisor, process %d, has not finished",
			old->id, (int)live.monitor.pid);
		mr_hint(err, "let it go on, or choose another --name");
	}
	mr_live_clear(&live);
	return ret;
}

/* An ended record gives way to a new container of its name, as with docker run --name after
 * docker rm; a live one does not. 0 also when somebody else removed it meanwhile. */
static int replace_ended(struct mr_launch *l, struct mr_error *err)
{
	struct mr_state old;
	struct mr_error ignored;
	autofree char *json = NULL;
	auto_strv warnings = { 0 };

	mr_state_init(&old);
	int ret = mr_state_open(l->plan->root, l->plan->id, &old, err);
	if (ret == 0) {
		mr_cleanup_await(&old);
		ret = mr_state_lock(&old, 1000, err);
	}
	if (ret == -ENOENT) {
		mr_state_close(&old);
		return 0;
	}
	if (ret == 0)
		ret = check_ended(&old, err);
	free(l->history);
	l->record.history = l->history = NULL;
	/* A record that cannot be read has nothing to tell. */
	if (ret == 0 && mr_state_read_status(&old, &json, &ignored) == 0 &&
		mr_record_history(json, &l->history, &ignored) == 0)
		l->record.history = l->history;
	if (ret == 0)
		ret = mr_cleanup(&old, &l->plan->host, false, &warnings, err);
	mr_plan_warn(l->plan, &warnings);
	mr_state_close(&old);
	return ret;
}

int mr_launch_step_record(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_plan *p = l->plan;
	int ret = mr_state_create(p->root, p->id, &l->state, err);

	/* Again when another launcher was faster: then it is live, or has ended already. */
	for (int tries = 0; tries < REPLACE_TRIES && ret == -EEXIST && p->options.stand_alone; tries++) {
		int replaced = replace_ended(l, err);
		if (replaced < 0)
			return replaced;
		ret = mr_state_create(p->root, p->id, &l->state, err);
	}
	l->has_state = ret == 0;
	return ret;
}

int mr_launch_step_intent(struct mr_launch *l, struct mr_error *err)
{
	struct mr_intent intent = { 0 };
	int ret = mr_boot_id(intent.boot_id, err);

	if (ret < 0)
		return ret;
	memcpy(intent.cgroup_path, l->plan->cgroup.path, sizeof(intent.cgroup_path));
	for (int i = 0; i < l->plan->host.n_hierarchies; i++)
		if (l->plan->cgroup.hierarchy[i])
			memcpy(intent.mount_points[intent.n_mount_points++],
				l->plan->host.hierarchies[i].mount_point,
				sizeof(intent.mount_points[0]));
	intent.scope = l->plan->scope.used;
	intent.user_scope = l->plan->scope.user;
	intent.resctrl = l->plan->resctrl;
	ret = mr_state_write_intent(&l->state, &intent, err);
	if (ret == 0 && l->plan->options.spec_text)
		ret = mr_state_write_config(&l->state, l->plan->options.spec_text, err);
	return ret;
}

void mr_launch_describe_record(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s/%s", p->root, p->id);
}
