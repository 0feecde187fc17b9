/* SPDX-License-Identifier: Apache-2.0 */
/* The state document: runtime-spec, "State". Hooks get it on stdin, `state` prints it. The
 * specification allows further members; how a stopped container ended is told in those that
 * CRI-O decodes (exitCode, oomKilled, finished), each only when it is known. */
#include "launch/oci_state.h"

#include "base/json.h"
#include "cgroup/systemd.h"

#include <errno.h>
#include <string.h>

static int finish(struct mr_json_writer *w, char **ret_json, struct mr_error *err)
{
	mr_json_end(w);
	*ret_json = mr_str_take(&w->out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "state document");
}

int mr_oci_state_of_plan(const struct mr_plan *plan, const char *status, pid_t pid,
	char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };
	const struct mr_map *notes = &plan->spec->annotations;

	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "ociVersion", plan->spec->oci_version);
	mr_json_put_text(&w, "id", plan->id);
	mr_json_put_text(&w, "status", status);
	if (pid > 0)
		mr_json_put_int(&w, "pid", pid);
	mr_json_put_text(&w, "bundle", plan->bundle);
	if (notes->n > 0) {
		mr_json_begin_object(&w, "annotations");
		for (size_t i = 0; i < notes->n; i++)
			mr_json_put_text(&w, notes->items[i].key, notes->items[i].value);
		mr_json_end(&w);
	}
	return finish(&w, ret_json, err);
}

static void put_known_bool(struct mr_json_writer *w, const char *key, const struct mr_json *value)
{
	if (value && value->type == MR_JSON_BOOL)
		mr_json_put_bool(w, key, value->boolean);
}

/* The record is the one source of how it ended. */
static void put_end(struct mr_json_writer *w, const struct mr_state *state)
{
	autofree char *text = NULL;
	auto_json doc = { 0 };
	struct mr_error ignored;

	if (mr_state_read_status(state, &text, &ignored) < 0 ||
		mr_json_parse("status.json", text, strlen(text), &doc, &ignored) < 0)
		return;
	const struct mr_json *end = mr_json_get(doc.root, "State");
	const struct mr_json *oom = mr_json_get(doc.root, "OOM");
	put_known_bool(w, "oomKilled", mr_json_get(end, "OOMKilled"));
	put_known_bool(w, "initOomKilled", mr_json_get(oom, "InitKilled"));
	int64_t kills = mr_json_int(oom, "Kills", -1);
	if (kills >= 0)
		mr_json_put_int(w, "oomKills", kills);
	const char *finished = mr_json_text(end, "FinishedAt", "");
	if (finished[0] && !mr_has_prefix(finished, "0001-"))
		mr_json_put_text(w, "finished", finished);
}

int mr_oci_state_of_live(const struct mr_state *state, const struct mr_live *live,
	const char *status, char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };
	bool runs = !mr_streq(status, "stopped");
	struct mr_error ignored;
	struct mr_intent intent;
	char unit[MR_UNIT_MAX], owner[64];

	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "ociVersion", live->oci_version);
	mr_json_put_text(&w, "id", state->id);
	mr_json_put_int(&w, "pid", runs ? live->init.pid : 0);
	mr_json_put_text(&w, "status", status);
	mr_json_put_text(&w, "bundle", live->bundle);
	mr_json_put_text(&w, "rootfs", live->rootfs);
	mr_json_put_text(&w, "created", live->created);
	if (mr_state_read_owner(state, owner) == 0)
		mr_json_put_text(&w, "owner", owner);
	if (mr_state_read_intent(state, &intent, &ignored) == 0 && intent.scope &&
		mr_scope_unit(intent.cgroup_path, unit, &ignored) == 0)
		mr_json_put_text(&w, "systemd-scope", unit);
	if (live->annotations_json)
		mr_json_put_raw(&w, "annotations", live->annotations_json);
	if (!runs && live->exit_code >= 0)
		mr_json_put_int(&w, "exitCode", live->exit_code);
	if (!runs)
		put_end(&w, state);
	return finish(&w, ret_json, err);
}
