/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of minirun.h that ask: list, status, inspect, state, pids, log. */
#include "launch/container.h"

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "launch/cleanup.h"
#include "launch/oci_state.h"
#include "oom/candidates.h"
#include "record/kept.h"
#include "record/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int64_t to_ns(const char *rfc3339)
{
	struct timespec t = mr_parse_time(rfc3339);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
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
	(void)mr_state_read_owner(&c->state, ret->owner);
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

/* Nothing more is known of it. */
static void set_broken(const char *id, struct mr_status *ret)
{
	*ret = (struct mr_status){ .status = "broken", .exit_code = -1, .oom_killed = -1 };
	snprintf(ret->id, sizeof(ret->id), "%s", id);
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
		/* One that vanishes meanwhile is not listed; a bad one is, and hides no others. */
		int got = mr_container_open(root, ids.items[i], &c, &ignored);
		if (got == 0) {
			got = mr_container_status(c, &list[n], &ignored);
			mr_container_close(c);
		}
		if (got < 0 && got != -ENOENT)
			set_broken(ids.items[i], &list[n]);
		n += got != -ENOENT;
	}
	*ret = mr_take_ptr(list);
	*ret_n = n;
	return 0;
}

int mr_container_pids(struct mr_container *c, pid_t **ret, size_t *ret_n, struct mr_error *err)
{
	struct mr_cgroup cg;
	int r = mr_container_open_cgroup(c, &cg, err);

	if (r == 0)
		r = mr_cgroup_pids(&cg, ret, ret_n, err);
	mr_cgroup_close(&cg);
	return r;
}

int mr_container_score(struct mr_container *c, bool json, char **ret, struct mr_error *err)
{
	struct mr_cgroup cg;
	struct mr_cgroup_limits limits;
	struct mr_ranking ranking = { 0 };
	auto_str text = { 0 };

	/* Whom the kernel can kill is in the cgroup, whether or not the state says "running"
	 * already: it is written after the program was executed. */
	int r = mr_container_open_cgroup(c, &cg, err);
	if (r == 0) {
		mr_cgroup_read_limits(&cg, NULL, &limits);
		r = mr_ranking_read(&cg, &limits, &ranking, err);
	}
	if (r == -ESRCH)
		mr_hint(err, "minirun explain %s tells how it ended", c->state.id);
	if (r == 0 && json) {
		r = mr_ranking_json(&ranking, c->state.id, ret, err);
	} else if (r == 0) {
		mr_ranking_text(&ranking, &text);
		*ret = mr_str_take(&text);
		r = *ret ? 0 : mr_fail(err, ENOMEM, "order of death");
	}
	mr_ranking_clear(&ranking);
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
	int r = mr_container_refuse_damaged(c, err);

	if (r < 0)
		return r;
	return mr_oci_state_of_live(
		&c->state, &c->live, mr_container_oci_status(c), ret, err);
}

/* Whatever the user names: any other JSON would be printed, and every --expect fail. */
static int read_status_file(const char *path, char **ret, struct mr_error *err)
{
	auto_json doc = { 0 };
	autofree char *json = NULL;
	int r = mr_read_file_at(AT_FDCWD, path, MR_JSON_MAX_BYTES, &json, NULL);

	if (r == -ENOENT)
		return mr_fail_text(
			err, ENOENT, "no container and no status file named '%s'", path);
	if (r < 0)
		return mr_fail(err, -r, "cannot read '%s'", path);
	r = mr_json_parse(path, json, strlen(json), &doc, err);
	if (r < 0)
		return r;
	const struct mr_json *root = doc.root;
	r = mr_status_check(path, &root, err);
	if (r < 0)
		return r;
	if (root != doc.root) {
		struct mr_json_writer w = { .pretty = true };
		mr_json_put_node(&w, NULL, root);
		*ret = mr_str_take(&w.out);
	} else {
		*ret = mr_take_ptr(json);
	}
	return *ret ? 0 : mr_fail(err, ENOMEM, "the record '%s'", path);
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
	} else if (r == -ENOENT && mr_is_id(name) &&
		   mr_kept_read(root ? root : mr_default_root(), name, &json, err) == 0) {
		r = 0;
	} else if (r == -ENOENT) {
		r = read_status_file(name, &json, err);
	}
	return r < 0 ? r : mr_status_template(name, json, format, ret, err);
}
