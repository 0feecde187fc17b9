/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in: see json.h. The only file that includes yajl. Looking into the tree and
 * writing are in json_value.c and json_write.c.
 *
 * yajl has had no upstream since 2015, so it is fenced: only its event interface is used,
 * the text is checked for size, NUL and UTF-8 before it sees a byte (its own check lets
 * overlong forms pass), depth and number of values are counted in the events, and numbers
 * come as raw text and are never seen by strtod.
 *
 * Positions: the whole text goes through one yajl_parse(), so yajl_get_bytes_consumed()
 * in an event is where the token ends; it began behind the end of the token before, after
 * blanks, commas and colons. yajl_complete_parse() feeds a blank of its own and restarts
 * that count: what comes then (a number as the whole document) ends where the text ends.
 *
 * RFC 8259, RFC 3629
 */
#include "base/json.h"
#include "base/json_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

static int check_text(const struct mr_json_doc *doc, struct mr_error *err)
{
	const unsigned char *p = (const unsigned char *)doc->text;
	bool blank = true;

	if (doc->len > MR_JSON_MAX_BYTES)
		return mr_fail_text(
			err, EFBIG, "%s: larger than 16 MiB: refused", doc->name);
	if (doc->len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return mr_json_fail_at(doc, 0, err,
			"a byte order mark (EF BB BF) is no JSON: remove these three "
			"bytes");
	for (size_t i = 0; i < doc->len;) {
		if (p[i] == 0)
			return mr_json_fail_at(doc, i, err, "a NUL byte is not allowed");
		size_t n = mr_utf8_length(p + i, doc->len - i);
		if (n == 0)
			return mr_json_fail_at(
				doc, i, err, "invalid UTF-8 (byte 0x%02x)", p[i]);
		blank = blank && strchr(" \t\r\n", p[i]);
		i += n;
	}
	if (doc->len == 0)
		return mr_fail_text(
			err, EINVAL, "%s: empty: expected a JSON document", doc->name);
	if (blank)
		return mr_fail_text(err, EINVAL,
			"%s: nothing but blanks: expected a JSON document", doc->name);
	return 0;
}

/* --- building the tree --- */

struct builder {
	struct mr_json_doc *doc;
	struct mr_error *err;
	yajl_handle yajl;
	bool completing; /* inside yajl_complete_parse() */
	size_t end;      /* where the last token ended */
	size_t depth, nodes;
	struct mr_json *parent;                      /* open object or array */
	struct mr_json *last[MR_JSON_MAX_DEPTH + 1]; /* last child per depth */
	const char *key;                             /* of the value to come */
};

/* @return where the present token starts; moves `end` behind it */
static size_t next_token(struct builder *b)
{
	const struct mr_json_doc *doc = b->doc;
	size_t start = b->end;
	while (start < doc->len && strchr(" \t\r\n,:", doc->text[start]))
		start++;
	b->end = b->completing ? doc->len : yajl_get_bytes_consumed(b->yajl);
	return start;
}

static struct mr_json *add_node(struct builder *b, enum mr_json_type type)
{
	struct mr_json_doc *doc = b->doc;
	size_t offset = next_token(b);

	if (++b->nodes > MR_JSON_MAX_NODES) {
		mr_json_fail_at(doc, offset, b->err, "more than %d values: refused",
			MR_JSON_MAX_NODES);
		return NULL;
	}
	struct mr_json *node = mr_arena_alloc(&doc->arena, sizeof(*node));
	if (!node) {
		mr_fail(b->err, ENOMEM, "%s", doc->name);
		return NULL;
	}
	node->type = type;
	node->offset = (uint32_t)offset;
	node->key = mr_take_ptr(b->key);
	node->parent = b->parent;
	if (!b->parent) {
		doc->root = node;
		return node;
	}
	if (b->last[b->depth])
		b->last[b->depth]->next = node;
	else
		b->parent->child = node;
	b->last[b->depth] = node;
	b->parent->n++;
	return node;
}

static int four_hex(const char *p)
{
	char digits[5] = {p[0], p[1], p[2], p[3], 0};
	return (int)strtol(digits, NULL, 16);
}

/* yajl turns \u0000 into a NUL and half a surrogate pair into '?': refuse both. */
static int check_escapes(struct builder *b, size_t start)
{
	const char *text = b->doc->text;
	for (size_t i = start; i + 1 < b->end; i++) {
		if (text[i] != '\\')
			continue;
		i++;
		if (text[i] != 'u')
			continue;
		int unit = four_hex(text + i + 1);
		if (unit == 0)
			return mr_json_fail_at(
				b->doc, i - 1, b->err, "a NUL (\\u0000) is not allowed");
		bool low_follows = i + 10 < b->end && text[i + 5] == '\\' &&
				   text[i + 6] == 'u' &&
				   (four_hex(text + i + 7) & 0xfc00) == 0xdc00;
		if ((unit & 0xfc00) == 0xdc00 ||
			((unit & 0xfc00) == 0xd800 && !low_follows))
			return mr_json_fail_at(b->doc, i - 1, b->err,
				"\\u%.4s is half of a surrogate pair", text + i + 1);
		i += (unit & 0xfc00) == 0xd800 ? 10 : 4;
	}
	return 0;
}

static const char *copy_text(struct builder *b, const void *text, size_t n)
{
	const char *copy = mr_arena_strndup(&b->doc->arena, text, n);
	if (!copy)
		mr_fail(b->err, ENOMEM, "%s", b->doc->name);
	return copy;
}

static int on_null(void *arg)
{
	return add_node(arg, MR_JSON_NULL) != NULL;
}

static int on_boolean(void *arg, int value)
{
	struct mr_json *node = add_node(arg, MR_JSON_BOOL);
	if (node)
		node->boolean = value != 0;
	return node != NULL;
}

static int on_number(void *arg, const char *text, size_t n)
{
	struct mr_json *node = add_node(arg, MR_JSON_NUMBER);
	return node && (node->text = copy_text(arg, text, n)) != NULL;
}

static int on_string(void *arg, const unsigned char *text, size_t n)
{
	struct builder *b = arg;
	struct mr_json *node = add_node(b, MR_JSON_STRING);
	return node && check_escapes(b, node->offset) == 0 &&
	       (node->text = copy_text(b, text, n)) != NULL;
}

static int on_key(void *arg, const unsigned char *text, size_t n)
{
	struct builder *b = arg;
	size_t start = next_token(b);
	return check_escapes(b, start) == 0 && (b->key = copy_text(b, text, n)) != NULL;
}

static int open_container(struct builder *b, enum mr_json_type type)
{
	struct mr_json *node = add_node(b, type);
	if (!node)
		return 0;
	if (b->depth == MR_JSON_MAX_DEPTH) {
		mr_json_fail_at(b->doc, node->offset, b->err,
			"nested deeper than %d: refused", MR_JSON_MAX_DEPTH);
		return 0;
	}
	b->parent = node;
	b->last[++b->depth] = NULL;
	return 1;
}

static int on_start_object(void *arg)
{
	return open_container(arg, MR_JSON_OBJECT);
}

static int on_start_array(void *arg)
{
	return open_container(arg, MR_JSON_ARRAY);
}

static int close_container(struct builder *b)
{
	next_token(b);
	b->parent = b->parent->parent;
	b->depth--;
	return 1;
}

static int compare_members(const void *a, const void *b)
{
	const struct mr_json *x = *(const struct mr_json *const *)a;
	const struct mr_json *y = *(const struct mr_json *const *)b;
	int c = strcmp(x->key, y->key);
	return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sorting keeps an object of any size, whatever its keys, at n log n. */
static int check_duplicates(struct builder *b, const struct mr_json *object)
{
	if (object->n < 2)
		return 0;
	const struct mr_json **sorted = malloc(object->n * sizeof(*sorted));
	if (!sorted)
		return mr_fail(b->err, ENOMEM, "%s", b->doc->name);
	size_t n = 0;
	for (const struct mr_json *m = object->child; m; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof(*sorted), compare_members);

	int r = 0;
	for (size_t i = 1; i < n && r == 0; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			r = mr_json_fail(b->doc, sorted[i], b->err,
				"a member of this name stands twice in the object");
	}
	free(sorted);
	return r;
}

static int on_end_object(void *arg)
{
	struct builder *b = arg;
	return check_duplicates(b, b->parent) == 0 && close_container(b);
}

static int on_end_array(void *arg)
{
	return close_container(arg);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_object,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

static int ends_too_early(struct builder *b)
{
	const struct mr_json_doc *doc = b->doc;
	const bool string = b->end < doc->len && doc->text[next_token(b)] == '"';
	auto_str path = {0};

	if (string)
		return mr_json_fail_at(doc, doc->len, b->err,
			"the text ends too early: a string is not closed");
	mr_json_format_path(b->parent, &path);
	if (!b->parent)
		return mr_json_fail_at(doc, doc->len, b->err, "the text ends too early");
	return mr_json_fail_at(doc, doc->len, b->err,
		"the text ends too early: the %s%s%s%s is not closed", path.len ? "" : "outermost ",
		b->parent->type == MR_JSON_ARRAY ? "array" : "object", path.len ? " " : "",
		mr_str_text(&path));
}

/* "file:line:column: path: text", where the path is that of the value that was to come, or of
 * what it would have been in. */
__attribute__((format(printf, 3, 4))) static int fail_here(
	struct builder *b, size_t offset, const char *fmt, ...)
{
	const struct mr_json coming = {.key = b->key, .parent = b->parent};
	char text[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mr_json_fail_in(
		b->doc, b->parent && b->key ? &coming : b->parent, offset, b->err, text);
}

/* NaN, True, 'text', +5: what stands where a value was to come, or a member's name. */
static int no_value(struct builder *b, size_t start)
{
	const struct mr_json_doc *doc = b->doc;
	static const char ends[] = " \t\r\n,:[]{}";
	auto_str shown = {0};
	char word[25];
	while (start > 0 && !strchr(ends, doc->text[start - 1])) /* 0x10 */
		start--;
	size_t n = start < doc->len; /* at least what was complained of */
	while (n < sizeof(word) - 1 && start + n < doc->len && !strchr(ends, doc->text[start + n]))
		n++;

	snprintf(word, sizeof(word), "%.*s", (int)n, doc->text + start);
	mr_str_append_printable(&shown, word);
	const bool name = b->parent && b->parent->type == MR_JSON_OBJECT && !b->key;
	return fail_here(b, start, "expected a %s, found %s",
		name ? "name in double quotes" : "value", mr_str_text(&shown));
}

/* yajl's own complaint as one line with a place. */
static int syntax_error(struct builder *b)
{
	const struct mr_json_doc *doc = b->doc;
	unsigned char *said = yajl_get_error(b->yajl, 0, NULL, 0);
	char text[200];
	snprintf(text, sizeof(text), "%s", said ? (const char *)said : "syntax error");
	text[strcspn(text, "\n")] = '\0';
	if (said)
		yajl_free_error(b->yajl, said);

	if (strstr(text, "premature EOF"))
		return ends_too_early(b);
	size_t consumed = b->completing ? doc->len : yajl_get_bytes_consumed(b->yajl);
	size_t start = next_token(b);
	if (mr_has_prefix(text, "lexical error")) {
		size_t at = consumed > start ? consumed - 1 : start;
		if (strstr(text, "comment"))
			return fail_here(b, start, "JSON has no comments: remove it");
		if (strstr(text, "in json text"))
			return no_value(b, start);
		return fail_here(b, at, "%s", text);
	}
	if (consumed > 0 && strchr(",:", doc->text[consumed - 1]))
		start = consumed - 1; /* the comma itself was wrong */
	size_t before = start;
	while (before > 0 && strchr(" \t\r\n", doc->text[before - 1]))
		before--;
	if (start < doc->len && strchr("]}", doc->text[start]) && before > 0 &&
		doc->text[before - 1] == ',')
		return fail_here(
			b, before - 1, "a comma before the closing '%c'", doc->text[start]);
	if (start < doc->len && strstr(text, "unallowed token"))
		return fail_here(b, start, "expected a value, found '%c'", doc->text[start]);
	if (before > 0 && before == start && start < doc->len && doc->text[start - 1] == '0' &&
		doc->text[start] >= '0' && doc->text[start] <= '9')
		return fail_here(b, start - 1, "a number begins with no 0");
	return fail_here(b, start, "%s", text);
}

int mr_json_parse(const char *name, const char *text, size_t len, struct mr_json_doc *ret,
	struct mr_error *err)
{
	*ret = (struct mr_json_doc){.name = name, .text = text, .len = len};
	int r = check_text(ret, err);
	if (r < 0)
		return r;

	struct builder b = {.doc = ret, .err = err};
	b.yajl = yajl_alloc(&callbacks, NULL, &b);
	if (!b.yajl)
		return mr_fail(err, ENOMEM, "%s", name);
	mr_error_clear(err);
	yajl_status status = yajl_parse(b.yajl, (const unsigned char *)text, len);
	if (status == yajl_status_ok) {
		b.completing = true;
		status = yajl_complete_parse(b.yajl);
	}
	if (status == yajl_status_client_canceled)
		r = err->err ? -err->err : -EINVAL;
	else if (status != yajl_status_ok)
		r = syntax_error(&b);
	else if (!ret->root)
		r = mr_json_fail_at(ret, len, err, "the text ends too early");
	yajl_free(b.yajl);
	return r;
}

void mr_json_clear(struct mr_json_doc *doc)
{
	mr_arena_clear(&doc->arena);
	doc->root = NULL;
}
