/* SPDX-License-Identifier: Apache-2.0 */
/* What a record leaves to the next run of its name: see history.h. */
#include "record/history.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

static void put_known(
	struct mr_json_writer *w, const char *key, const struct mr_json *value)
{
	if (value)
		mr_json_put_node(w, key, value);
	else
		mr_json_put_null(w, key);
}

int mr_record_history(const char *json, char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };
	auto_json doc = { 0 };
	int n = 0, ret = mr_json_parse("status.json", json, strlen(json), &doc, err);

	if (ret < 0)
		return ret;
	const struct mr_json *state = mr_json_get(doc.root, "State");
	const struct mr_json *oom = mr_json_get(doc.root, "OOM");
	const struct mr_json *past = mr_json_get(oom, "History");
	for (const struct mr_json *m = past ? past->child : NULL; m; m = m->next)
		n++;
	mr_json_begin_array(&w, NULL);
	for (const struct mr_json *m = past ? past->child : NULL; m; m = m->next)
		if (n-- < MR_HISTORY_MAX)
			mr_json_put_node(&w, NULL, m);
	mr_json_begin_object(&w, NULL);
	put_known(&w, "Id", mr_json_get(doc.root, "Id"));
	put_known(&w, "FinishedAt", mr_json_get(state, "FinishedAt"));
	put_known(&w, "ExitCode", mr_json_get(state, "ExitCode"));
	put_known(&w, "OOMKilled", mr_json_get(state, "OOMKilled"));
	put_known(&w, "Kills", mr_json_get(oom, "Kills"));
	mr_json_end(&w);
	mr_json_end(&w);
	*ret_json = mr_str_take(&w.out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "history");
}
