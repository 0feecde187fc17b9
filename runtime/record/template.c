/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of docker's --format that people use: {{.State.OOMKilled}} and {{json
 * .State}}.
 *
 * Go's template language is not wanted here: loops and functions belong into jq. What is
 * not one of the known forms is refused, and so is a key that the record does not have: a
 * typing mistake must not look like "no OOM".
 */
#include "record/status.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

struct template
{
	const char *name; /* of the record, for errors */
	const struct mr_json *root;
	struct mr_str out;
};

static int refuse(struct mr_error *err, const char *action, size_t n)
{
	mr_fail_text(err, EINVAL, "template: '{{%.*s}}' is not understood",
		(int)(n < 60 ? n : 60), action);
	mr_hint(err,
		"literal text, {{.A.B}} and {{json .A.B}} are; for more, pipe the record "
		"into jq");
	err->exit_code = 1;
	return -EINVAL;
}

/* @path without its first '.'; "" is the whole record. Below null all is null. */
static int look_up(const struct template *t, const char *path, size_t n,
	const struct mr_json **ret, struct mr_error *err)
{
	const struct mr_json *node = t->root;
	for (size_t at = 0; at < n && node->type != MR_JSON_NULL;) {
		char key[128];
		size_t len = 0;
		while (at + len < n && path[at + len] != '.')
			len++;
		if (len == 0 || len >= sizeof(key))
			return refuse(err, path, n);
		memcpy(key, path + at, len);
		key[len] = '\0';
		node = mr_json_get(node, key);
		if (!node) {
			mr_fail_text(err, ENOKEY,
				"template: '.%.*s' is not in the record of '%s'",
				(int)(n < 200 ? n : 200), path, t->name);
			err->exit_code = 1;
			return -ENOKEY;
		}
		at += len + 1;
	}
	*ret = node;
	return 0;
}

static void put_json(struct template *t, const struct mr_json *node)
{
	struct mr_json_writer w = {0};
	mr_json_put_node(&w, NULL, node);
	autofree char *text = mr_str_take(&w.out);
	if (text)
		mr_str_append(&t->out, text);
	else
		t->out.failed = true;
}

static void put_plain(struct template *t, const struct mr_json *node)
{
	if (node->type == MR_JSON_NULL)
		mr_str_append(&t->out, "<no value>");
	else if (node->type == MR_JSON_STRING)
		mr_str_append(&t->out, node->text);
	else
		put_json(t, node);
}

static bool is_path(const char *path, size_t n)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_.";
	if (n == 0 || path[0] != '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!strchr(allowed, path[i]))
			return false;
	}
	return true;
}

/* What stands between the braces. */
static int put_action(
	struct template *t, const char *action, size_t n, struct mr_error *err)
{
	static const char json[] = "json";
	const struct mr_json *node;
	const char *p = action, *end = action + n;
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	bool as_json = end - p > 5 && memcmp(p, json, 4) == 0 && p[4] == ' ';
	if (as_json) {
		for (p += 4; p < end && *p == ' ';)
			p++;
	}
	if (!is_path(p, (size_t)(end - p)) || (!as_json && end - p == 1))
		return refuse(err, action, n);
	int r = look_up(t, p + 1, (size_t)(end - p - 1), &node, err);
	if (r < 0)
		return r;
	if (as_json)
		put_json(t, node);
	else
		put_plain(t, node);
	return 0;
}

static int put_template(struct template *t, const char *format, struct mr_error *err)
{
	while (*format) {
		const char *open = strstr(format, "{{");
		if (!open) {
			mr_str_append(&t->out, format);
			return 0;
		}
		mr_str_append_n(&t->out, format, (size_t)(open - format));
		const char *close = strstr(open, "}}");
		if (!close)
			return refuse(err, open + 2, strlen(open + 2));
		int r = put_action(t, open + 2, (size_t)(close - open - 2), err);
		if (r < 0)
			return r;
		format = close + 2;
	}
	return 0;
}

static int put_indented(struct template *t)
{
	struct mr_json_writer w = {.pretty = true};
	mr_json_put_node(&w, NULL, t->root);
	t->out = w.out;
	return 0;
}

int mr_status_template(const char *name, const char *json, const char *format, char **ret,
	struct mr_error *err)
{
	auto_json doc = {0};
	struct template t = {.name = name};

	int r = mr_json_parse(name, json, strlen(json), &doc, err);
	if (r < 0)
		return r;
	if (doc.root->type != MR_JSON_OBJECT)
		return mr_fail_text(err, EBADMSG, "%s: not a record of minirun", name);
	t.root = doc.root;
	r = format ? put_template(&t, format, err) : put_indented(&t);
	if (r < 0) {
		mr_str_clear(&t.out);
		return r;
	}
	*ret = mr_str_take(&t.out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "template");
}
