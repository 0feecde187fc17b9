/* SPDX-License-Identifier: Apache-2.0 */
/* The state document: runtime-spec, "State". Hooks get it on stdin, `state` prints it. */
#include "launch/oci_state.h"

#include "base/json.h"

#include <errno.h>

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

int mr_oci_state_of_live(const struct mr_state *state, const struct mr_live *live,
	const char *status, char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };
	bool runs = !mr_streq(status, "stopped");

	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "ociVersion", live->oci_version);
	mr_json_put_text(&w, "id", state->id);
	mr_json_put_int(&w, "pid", runs ? live->init.pid : 0);
	mr_json_put_text(&w, "status", status);
	mr_json_put_text(&w, "bundle", live->bundle);
	mr_json_put_text(&w, "rootfs", live->rootfs);
	mr_json_put_text(&w, "created", live->created);
	if (live->annotations_json)
		mr_json_put_raw(&w, "annotations", live->annotations_json);
	if (!runs && live->exit_code >= 0)
		mr_json_put_int(&w, "exitCode", live->exit_code);
	return finish(&w, ret_json, err);
}
