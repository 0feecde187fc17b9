/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a record by a verb: pause and resume, and the end of a container whose
 * supervisor was killed. All other members are copied as they are. */
#include "record/patch.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

static void put_state(struct mr_json_writer *w, const struct mr_json *state,
	const struct mr_state_patch *p)
{
	bool runs = !mr_streq(p->status, "exited");

	mr_json_begin_object(w, "State");
	for (const struct mr_json *m = state->child; m; m = m->next) {
		if (mr_streq(m->key, "Status"))
			mr_json_put_text(w, m->key, p->status);
		else if (mr_streq(m->key, "Running"))
			mr_json_put_bool(w, m->key, runs);
		else if (mr_streq(m->key, "Paused"))
			mr_json_put_bool(w, m->key, mr_streq(p->status, "paused"));
		else if (mr_streq(m->key, "Pid") && !runs)
			mr_json_put_int(w, m->key, 0);
		else if (mr_streq(m->key, "OOMKilled") && p->lost)
			mr_json_put_null(w, m->key);
		else if (mr_streq(m->key, "ExitCode") && p->lost)
			mr_json_put_null(w, m->key);
		else if (mr_streq(m->key, "Error") && p->lost)
			mr_json_put_text(w, m->key, p->lost);
		else
			mr_json_put_node(w, m->key, m);
	}
	mr_json_end(w);
}

static void put_lost_oom(struct mr_json_writer *w, const char *why)
{
	mr_json_begin_object(w, "OOM");
	mr_json_put_null(w, "Kills");
	mr_json_put_null(w, "InitKilled");
	mr_json_put_text(w, "Why", why);
	mr_json_put_bool(w, "Certain", false);
	mr_json_end(w);
}

int mr_record_patch(const char *json, const struct mr_state_patch *patch, char **ret_json,
	struct mr_error *err)
{
	struct mr_json_writer w = { .pretty = true };
	auto_json doc = { 0 };
	int ret = mr_json_parse("status.json", json, strlen(json), &doc, err);

	if (ret < 0)
		return ret;
	mr_json_begin_object(&w, NULL);
	for (const struct mr_json *m = doc.root->child; m; m = m->next) {
		if (mr_streq(m->key, "State") && m->type == MR_JSON_OBJECT)
			put_state(&w, m, patch);
		else if (!mr_streq(m->key, "OOM") || !patch->lost)
			mr_json_put_node(&w, m->key, m);
	}
	if (patch->lost)
		put_lost_oom(&w, patch->lost);
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	*ret_json = mr_str_take(&w.out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "record");
}
