/* SPDX-License-Identifier: Apache-2.0 */
/* patch.c, history.c: a record whose supervisor was killed, and what an ended record leaves
 * to the next of its name. */
#include "record/patch.h"

#include "base/json.h"
#include "record/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A record as far as this room knows one. */
static void record(char *ret, size_t size, const char *oomkilled, const char *oom)
{
	snprintf(ret, size,
		"{\"Id\":\"a1\",\"State\":{\"Status\":\"running\",\"Running\":true,"
		"\"OOMKilled\":%s,\"Pid\":7,\"ExitCode\":0,\"Error\":\"\","
		"\"FinishedAt\":\"0001-01-01T00:00:00Z\"},\"OOM\":%s}",
		oomkilled, oom);
}

/* The value at @path of the JSON text @json, compact. */
static void expect(const char *json, const char *path, const char *value)
{
	struct mr_json_writer w = {0};
	struct mr_error err;
	auto_json doc = {0};
	assert_int_equal(mr_json_parse("test", json, strlen(json), &doc, &err), 0);
	const struct mr_json *found = mr_json_path(doc.root, path);
	if (!value) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	mr_json_put_node(&w, NULL, found);
	autofree char *text = mr_str_take(&w.out);
	assert_string_equal(text, value);
}

/* @kills what the cgroup has counted by now; 0: it is gone */
static char *lose(const char *oomkilled, const char *oom, uint64_t kills)
{
	const struct mr_state_patch patch = {
		.status = "exited", .lost = "killed", .kills = kills};
	struct mr_error err;
	char text[1024], *patched = NULL;
	record(text, sizeof(text), oomkilled, oom);
	assert_int_equal(mr_record_patch(text, &patch, &patched, &err), 0);
	expect(patched, "State.Status", "\"exited\"");
	expect(patched, "State.Pid", "0");
	expect(patched, "State.ExitCode", "null");
	expect(patched, "OOM.Why", "\"killed\"");
	expect(patched, "OOM.Certain", "false");
	return patched;
}

static void lost_is_not_known(void **state)
{
	(void)state;
	autofree char *p =
		lose("false", "{\"Kills\":0,\"Certain\":true,\"Hanging\":true}", 0);
	expect(p, "State.OOMKilled", "null");
	expect(p, "OOM.Kills", "null");
	expect(p, "OOM.InitKilled", "null");
	expect(p, "OOM.Hanging", NULL);
}

static void a_kill_that_was_seen_stays(void **state)
{
	(void)state;
	autofree char *p = lose("true",
		"{\"Kills\":2,\"Scope\":\"container\",\"Certain\":true,\"Hanging\":true}",
		0);
	expect(p, "State.OOMKilled", "true");
	expect(p, "OOM.Kills", "2");
	expect(p, "OOM.Scope", "\"container\"");
	expect(p, "OOM.Hanging", "false");
}

static void what_was_counted_since_is_added(void **state)
{
	(void)state;
	static const char seen[] = "{\"Kills\":2,\"InitKilled\":false,\"GroupKill\":false,"
				   "\"VictimsWithoutDetail\":1,\"Certain\":true}";
	autofree char *same = lose("true", seen, 2);
	expect(same, "OOM.Kills", "2");
	expect(same, "OOM.InitKilled", "false");
	autofree char *more = lose("true", seen, 5);
	expect(more, "OOM.Kills", "5");
	expect(more, "OOM.InitKilled", "null");
	expect(more, "OOM.VictimsWithoutDetail", "4");
	/* A group's first victim is counted twice. */
	autofree char *group = lose("true", "{\"Kills\":2,\"GroupKill\":true}", 3);
	expect(group, "OOM.Kills", "2");
	autofree char *none = lose("false", "{\"Kills\":0,\"Certain\":true}", 1);
	expect(none, "State.OOMKilled", "true");
	expect(none, "OOM.Kills", "1");
}

static void history_of_one(void **state)
{
	(void)state;
	struct mr_error err;
	char text[1024];
	autofree char *history = NULL;
	record(text, sizeof(text), "true", "{\"Kills\":1}");
	assert_int_equal(mr_record_history(text, &history, &err), 0);
	assert_string_equal(history,
		"[{\"Id\":\"a1\",\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"ExitCode\":0,"
		"\"OOMKilled\":true,\"Kills\":1}]");
	autofree char *without = NULL;
	assert_int_equal(mr_record_history("{\"State\":{}}", &without, &err), 0);
	assert_string_equal(without,
		"[{\"Id\":null,\"FinishedAt\":null,\"ExitCode\":null,\"OOMKilled\":null,"
		"\"Kills\":null}]");
	autofree char *bad = NULL;
	assert_true(mr_record_history("{", &bad, &err) < 0);
	assert_null(bad);
}

/* The oldest goes when there are too many. */
static void history_is_bounded(void **state)
{
	(void)state;
	struct mr_error err;
	autofree char *history = NULL;
	auto_str oom = {0};
	for (int i = 0; i < MR_HISTORY_MAX + 4; i++) {
		char text[4096];
		mr_str_clear(&oom);
		mr_str_appendf(&oom, "{\"Kills\":%d%s%s}", i, history ? ",\"History\":" : "",
			history ? history : "");
		record(text, sizeof(text), "true", mr_str_text(&oom));
		free(history);
		history = NULL;
		assert_int_equal(mr_record_history(text, &history, &err), 0);
	}
	auto_json doc = {0};
	assert_int_equal(mr_json_parse("test", history, strlen(history), &doc, &err), 0);
	int n = 0;
	for (const struct mr_json *m = doc.root->child; m; m = m->next, n++)
		assert_int_equal(mr_json_int(m, "Kills", -1), n + 4);
	assert_int_equal(n, MR_HISTORY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_is_not_known),
		cmocka_unit_test(what_was_counted_since_is_added),
		cmocka_unit_test(a_kill_that_was_seen_stays),
		cmocka_unit_test(history_of_one),
		cmocka_unit_test(history_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
