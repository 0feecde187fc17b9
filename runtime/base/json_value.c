/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into a parsed JSON tree: see json.h.
 *
 * Line and column are counted only when an error needs them. Numbers are the text of the
 * document until a getter converts them, exactly or not at all: 2^64-1 is an ordinary
 * rlimit and a seccomp argument, and a double would round it.
 */
#include "base/json.h"
#include "base/json_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- places in the text --- */

static void position_of(const struct mr_json_doc *doc, size_t offset, size_t *ret_line,
	size_t *ret_column)
{
	size_t line = 1, start = 0;
	if (offset > doc->len)
		offset = doc->len;
	for (size_t i = 0; i < offset; i++) {
		if (doc->text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*ret_line = line;
	*ret_column = offset - start + 1;
}

int mr_json_fail_at(const struct mr_json_doc *doc, size_t offset, struct mr_error *err,
	const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	size_t line, column;
	position_of(doc, offset, &line, &column);
	return mr_fail_text(err, EINVAL, "%s:%zu:%zu: %s", doc->name, line, column, text);
}

/* A member's name in a path: bare when it is an ordinary word, else quoted and cut. */
static void format_key(const char *key, bool first, struct mr_str *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-";
	char cut[61];
	size_t n = strlen(key);

	if (n > 0 && n < sizeof(cut) && strspn(key, plain) == n) {
		mr_str_appendf(out, "%s%s", first ? "" : ".", key);
		return;
	}
	snprintf(cut, sizeof(cut), "%.*s", (int)sizeof(cut) - 1, key);
	mr_str_append(out, "[\"");
	mr_str_append_printable(out, cut);
	mr_str_append(out, n < sizeof(cut) ? "\"]" : "...\"]");
}

void mr_json_format_path(const struct mr_json *node, struct mr_str *out)
{
	const struct mr_json *line[MR_JSON_MAX_DEPTH + 2];
	size_t n = 0;
	for (; node && node->parent && n < sizeof(line) / sizeof(line[0]);
		node = node->parent)
		line[n++] = node;

	while (n > 0) {
		node = line[--n];
		if (node->key) {
			format_key(node->key, node->parent->parent == NULL, out);
			continue;
		}
		unsigned index = 0;
		for (const struct mr_json *e = node->parent->child; e != node;
			e = e->next)
			index++;
		mr_str_appendf(out, "[%u]", index);
	}
}

int mr_json_fail_in(const struct mr_json_doc *doc, const struct mr_json *node, size_t offset,
	struct mr_error *err, const char *text)
{
	auto_str path = {0};
	mr_json_format_path(node, &path);
	return mr_json_fail_at(doc, offset, err, "%s%s%s", mr_str_text(&path),
		path.len ? ": " : "", text);
}

int mr_json_fail(const struct mr_json_doc *doc, const struct mr_json *node,
	struct mr_error *err, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mr_json_fail_in(doc, node, node->offset, err, text);
}

/* --- looking things up --- */

static const struct mr_json *member(const struct mr_json *obj, const char *key, size_t n)
{
	if (!obj || obj->type != MR_JSON_OBJECT)
		return NULL;
	for (const struct mr_json *m = obj->child; m; m = m->next) {
		if (strncmp(m->key, key, n) == 0 && m->key[n] == '\0')
			return m;
	}
	return NULL;
}

const struct mr_json *mr_json_get(const struct mr_json *obj, const char *key)
{
	return member(obj, key, strlen(key));
}

const struct mr_json *mr_json_path(const struct mr_json *obj, const char *path)
{
	while (obj && *path) {
		size_t n = strcspn(path, ".");
		obj = member(obj, path, n);
		path += n;
		path += *path == '.';
	}
	return obj;
}

/* The child that a path begins with; moves @path behind it. NULL when there is none. */
static const struct mr_json *step(const struct mr_json *node, const char **path)
{
	const char *p = *path;

	if (*p == '[' && p[1] != '"') {
		unsigned long i = strtoul(p + 1, NULL, 10);
		const struct mr_json *e = node->type == MR_JSON_ARRAY ? node->child : NULL;
		for (; e && i > 0; i--)
			e = e->next;
		*path = p + strcspn(p, "]") + 1;
		return e;
	}
	bool quoted = *p == '[';
	p += quoted ? 2 : *p == '.';
	size_t n = strcspn(p, quoted ? "\"" : ".[");
	*path = p + n + (quoted ? strlen("\"]") : 0);
	const struct mr_json *found = member(node, p, n);
	if (found || quoted)
		return found;
	/* A key with dots in it, as a file of cgroup v2 has and a sysctl. */
	*path = p + strlen(p);
	return mr_json_get(node, p);
}

bool mr_json_locate(const struct mr_json_doc *doc, const char *path, size_t *ret_line,
	size_t *ret_column)
{
	const struct mr_json *node = doc->root, *next = node;

	while (*path && next) {
		next = step(node, &path);
		node = next ? next : node;
	}
	position_of(doc, node->offset, ret_line, ret_column);
	return next != NULL;
}

const char *mr_json_text(const struct mr_json *obj, const char *key, const char *fallback)
{
	const struct mr_json *m = mr_json_get(obj, key);
	return m && m->type == MR_JSON_STRING ? m->text : fallback;
}

int64_t mr_json_int(const struct mr_json *obj, const char *key, int64_t fallback)
{
	const struct mr_json *m = mr_json_get(obj, key);
	int64_t v;
	if (!m || m->type != MR_JSON_NUMBER || mr_parse_i64(m->text, &v) < 0)
		return fallback;
	return v;
}

bool mr_json_bool(const struct mr_json *obj, const char *key, bool fallback)
{
	const struct mr_json *m = mr_json_get(obj, key);
	return m && m->type == MR_JSON_BOOL ? m->boolean : fallback;
}

/* --- strict getters --- */

const char *mr_json_type_name(enum mr_json_type type)
{
	static const char *const names[] = {
		[MR_JSON_NULL] = "null",
		[MR_JSON_BOOL] = "true or false",
		[MR_JSON_NUMBER] = "a number",
		[MR_JSON_STRING] = "a string",
		[MR_JSON_ARRAY] = "an array",
		[MR_JSON_OBJECT] = "an object",
	};
	return names[type];
}

/* What stands there, for "found ...": the value itself where it is short. */
static void format_found(const struct mr_json *node, struct mr_str *out)
{
	char cut[81];
	switch (node->type) {
	case MR_JSON_BOOL:
		mr_str_append(out, node->boolean ? "true" : "false");
		break;
	case MR_JSON_NUMBER:
		mr_str_appendf(out, "%.80s", node->text);
		break;
	case MR_JSON_STRING:
		snprintf(cut, sizeof(cut), "%s", node->text);
		mr_str_append(out, "\"");
		mr_str_append_printable(out, cut);
		mr_str_append(out, strlen(node->text) < sizeof(cut) ? "\"" : "...\"");
		break;
	default:
		mr_str_append(out, mr_json_type_name(node->type));
	}
}

static int fail_type(const struct mr_json_doc *doc, const struct mr_json *node,
	const char *expected, struct mr_error *err)
{
	auto_str found = {0};
	format_found(node, &found);
	return mr_json_fail(
		doc, node, err, "expected %s, found %s", expected, mr_str_text(&found));
}

int mr_json_as_string(const struct mr_json_doc *doc, const struct mr_json *node,
	const char **ret, struct mr_error *err)
{
	if (node->type != MR_JSON_STRING)
		return fail_type(doc, node, "a string", err);
	*ret = node->text;
	return 0;
}

int mr_json_as_bool(const struct mr_json_doc *doc, const struct mr_json *node, bool *ret,
	struct mr_error *err)
{
	if (node->type != MR_JSON_BOOL)
		return fail_type(doc, node, "true or false", err);
	*ret = node->boolean;
	return 0;
}

/* No integer. A text that is one, or a size, gets the value to write instead. */
static int fail_integer(
	const struct mr_json_doc *doc, const struct mr_json *node, struct mr_error *err)
{
	auto_str found = {0};
	char size[24];
	int64_t bytes;

	format_found(node, &found);
	if (node->type != MR_JSON_STRING || mr_parse_size(node->text, &bytes) < 0)
		return mr_json_fail(doc, node, err, "expected an integer, found %s",
			mr_str_text(&found));
	if (strspn(node->text, "0123456789") == strlen(node->text))
		return mr_json_fail(doc, node, err,
			"expected an integer, found %s (write it without quotes)",
			mr_str_text(&found));
	return mr_json_fail(doc, node, err,
		"expected an integer, found %s (bytes; %s is %lld)", mr_str_text(&found),
		mr_format_size((uint64_t)bytes, size), (long long)bytes);
}

int mr_json_as_i64(const struct mr_json_doc *doc, const struct mr_json *node, int64_t min,
	int64_t max, int64_t *ret, struct mr_error *err)
{
	int64_t v = 0;
	int r = node->type == MR_JSON_NUMBER ? mr_parse_i64(node->text, &v) : -EINVAL;
	if (r == -EINVAL)
		return fail_integer(doc, node, err);
	if (r < 0 || v < min || v > max)
		return mr_json_fail(doc, node, err,
			"%.40s is out of range (%lld to %lld)", node->text,
			(long long)min, (long long)max);
	*ret = v;
	return 0;
}

int mr_json_as_u64(const struct mr_json_doc *doc, const struct mr_json *node,
	uint64_t max, uint64_t *ret, struct mr_error *err)
{
	uint64_t v = 0;
	int64_t negative;
	int r = node->type == MR_JSON_NUMBER ? mr_parse_u64(node->text, &v) : -EINVAL;
	if (r == -EINVAL && node->type == MR_JSON_NUMBER &&
		mr_parse_i64(node->text, &negative) != -EINVAL)
		r = -ERANGE;
	if (r == -EINVAL)
		return fail_integer(doc, node, err);
	if (r < 0 || v > max)
		return mr_json_fail(doc, node, err, "%.40s is out of range (0 to %llu)",
			node->text, (unsigned long long)max);
	*ret = v;
	return 0;
}
