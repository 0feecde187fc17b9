/* SPDX-License-Identifier: Apache-2.0 */
/* What a record leaves to the next run of its name: see history.h. */
#include "record/history.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

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
	mr_json_put_node(&w, "Id", mr_json_get(doc.root, "Id"));
	mr_json_put_node(&w, "FinishedAt", mr_json_get(state, "FinishedAt"));
	mr_json_put_node(&w, "ExitCode", mr_json_get(state, "ExitCode"));
	mr_json_put_node(&w, "OOMKilled", mr_json_get(state, "OOMKilled"));
	mr_json_put_node(&w, "Kills", mr_json_get(oom, "Kills"));
	mr_json_end(&w);
	mr_json_end(&w);
	*ret_json = mr_str_take(&w.out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "history");
}
