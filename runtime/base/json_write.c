/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON out: see json.h.
 *
 * Compact output has no blank at all and '/' stays as it is: hooks of other people
 * compare the text. Memory that ran out, and nesting beyond the writer's table, are
 * remembered in out.failed and seen by mr_str_take().
 */
#include "base/json.h"
#include "base/json_internal.h"

#include <stdio.h>
#include <string.h>

size_t mr_utf8_length(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80                   ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : (p[0] & 0xf0) == 0xe0       ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

#define WRITER_DEPTH (sizeof(((struct mr_json_writer *)0)->close))

static void new_line(struct mr_json_writer *w)
{
	if (!w->pretty)
		return;
	static const char eight[] = "\n                                ";
	mr_str_append_n(&w->out, eight, 1 + 4 * (size_t)(w->depth < 8 ? w->depth : 8));
	for (int i = 8; i < w->depth; i++)
		mr_str_append_n(&w->out, eight + 1, 4);
}

/* How many bytes stand for themselves. */
static size_t plain_length(const unsigned char *p)
{
	size_t n = 0;
	while (p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

static void put_string(struct mr_json_writer *w, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);
	static const char specials[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	mr_str_append(&w->out, "\"");
	while (left > 0) {
		size_t n = plain_length(p);
		if (n > 0) {
			mr_str_append_n(&w->out, (const char *)p, n);
			p += n;
			left -= n;
			continue;
		}
		n = mr_utf8_length(p, left);
		const char *special = strchr(specials, *p);
		if (special)
			mr_str_appendf(&w->out, "\\%c", letters[special - specials]);
		else if (n == 0)
			mr_str_append(&w->out, "\xef\xbf\xbd");
		else if (*p < 0x20 || *p == 0x7f)
			mr_str_appendf(&w->out, "\\u%04x", *p);
		else
			mr_str_append_n(&w->out, (const char *)p, n);
		n += n == 0;
		p += n;
		left -= n;
	}
	mr_str_append(&w->out, "\"");
}

/* What stands before every value: comma, new line, key. */
static void begin_value(struct mr_json_writer *w, const char *key)
{
	if (w->depth > 0 && (size_t)w->depth < WRITER_DEPTH) {
		if (!w->first[w->depth])
			mr_str_append(&w->out, ",");
		w->first[w->depth] = false;
		new_line(w);
	}
	if (key) {
		put_string(w, key);
		mr_str_append(&w->out, w->pretty ? ": " : ":");
	}
}

static void begin_container(
	struct mr_json_writer *w, const char *key, const char *open, char close)
{
	begin_value(w, key);
	mr_str_append(&w->out, open);
	w->depth++;
	if ((size_t)w->depth >= WRITER_DEPTH) {
		w->out.failed = true;
		return;
	}
	w->first[w->depth] = true;
	w->close[w->depth] = close;
}

void mr_json_begin_object(struct mr_json_writer *w, const char *key)
{
	begin_container(w, key, "{", '}');
}

void mr_json_begin_array(struct mr_json_writer *w, const char *key)
{
	begin_container(w, key, "[", ']');
}

void mr_json_end(struct mr_json_writer *w)
{
	size_t depth = (size_t)w->depth--;
	if (depth >= WRITER_DEPTH)
		return;
	if (!w->first[depth])
		new_line(w);
	mr_str_append_n(&w->out, &w->close[depth], 1);
}

void mr_json_put_raw(struct mr_json_writer *w, const char *key, const char *json)
{
	begin_value(w, key);
	mr_str_append(&w->out, json ? json : "null");
}

void mr_json_put_null(struct mr_json_writer *w, const char *key)
{
	mr_json_put_raw(w, key, NULL);
}

void mr_json_put_text(struct mr_json_writer *w, const char *key, const char *text)
{
	if (!text) {
		mr_json_put_null(w, key);
		return;
	}
	begin_value(w, key);
	put_string(w, text);
}

void mr_json_put_int(struct mr_json_writer *w, const char *key, int64_t v)
{
	begin_value(w, key);
	mr_str_appendf(&w->out, "%lld", (long long)v);
}

void mr_json_put_uint(struct mr_json_writer *w, const char *key, uint64_t v)
{
	begin_value(w, key);
	mr_str_appendf(&w->out, "%llu", (unsigned long long)v);
}

void mr_json_put_known_int(struct mr_json_writer *w, const char *key, struct mr_int v)
{
	if (v.set)
		mr_json_put_int(w, key, v.value);
	else
		mr_json_put_null(w, key);
}

void mr_json_put_known_uint(struct mr_json_writer *w, const char *key, struct mr_uint v)
{
	if (v.set)
		mr_json_put_uint(w, key, v.value);
	else
		mr_json_put_null(w, key);
}

void mr_json_put_name(struct mr_json_writer *w, const char *key, const char *text)
{
	mr_json_put_text(w, key, text && *text ? text : NULL);
}

void mr_json_put_pid(struct mr_json_writer *w, const char *key, pid_t pid)
{
	mr_json_put_known_int(w, key, (struct mr_int){.set = pid > 0, .value = pid});
}

void mr_json_put_bool(struct mr_json_writer *w, const char *key, bool v)
{
	mr_json_put_raw(w, key, v ? "true" : "false");
}

/* Depth is bounded by the parser: MR_JSON_MAX_DEPTH. */
void mr_json_put_node(
	struct mr_json_writer *w, const char *key, const struct mr_json *node)
{
	switch (node ? node->type : MR_JSON_NULL) {
	case MR_JSON_NULL:
		mr_json_put_null(w, key);
		return;
	case MR_JSON_BOOL:
		mr_json_put_bool(w, key, node->boolean);
		return;
	case MR_JSON_NUMBER:
		mr_json_put_raw(w, key, node->text);
		return;
	case MR_JSON_STRING:
		mr_json_put_text(w, key, node->text);
		return;
	case MR_JSON_ARRAY:
		mr_json_begin_array(w, key);
		break;
	case MR_JSON_OBJECT:
		mr_json_begin_object(w, key);
		break;
	}
	for (const struct mr_json *c = node->child; c; c = c->next)
		mr_json_put_node(w, c->key, c);
	mr_json_end(w);
}
