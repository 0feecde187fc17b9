/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing strings, lists of strings, the arena and lexical paths: see str.h; the strict
 * numbers declared there are in number.c.
 *
 * Paths here are only texts: what lies below a rootfs is resolved by openat2(2) instead,
 * because a container can change it between two looks.
 */
#include "base/str.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- growing string --- */

static bool str_reserve(struct mr_str *s, size_t more)
{
	if (s->failed)
		return false;
	if (more > SIZE_MAX / 4 - s->len)
		goto fail;
	size_t need = s->len + more + 1;
	if (need <= s->cap)
		return true;

	size_t cap = s->cap ? s->cap : 64;
	while (cap < need)
		cap *= 2;
	char *data = realloc(s->data, cap);
	if (!data)
		goto fail;
	s->data = data;
	s->cap = cap;
	return true;
fail:
	s->failed = true;
	return false;
}

void mr_str_append_n(struct mr_str *s, const char *data, size_t n)
{
	if (!str_reserve(s, n))
		return;
	if (n)
		memcpy(s->data + s->len, data, n);
	s->len += n;
	s->data[s->len] = '\0';
}

void mr_str_append(struct mr_str *s, const char *text)
{
	mr_str_append_n(s, text, strlen(text));
}

void mr_str_appendf(struct mr_str *s, const char *fmt, ...)
{
	va_list ap;
	/* Mostly it fits into what is there. */
	size_t room = s->failed || !s->data ? 0 : s->cap - s->len;
	va_start(ap, fmt);
	int n = vsnprintf(room ? s->data + s->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s->failed = true;
		return;
	}
	if ((size_t)n < room) {
		s->len += (size_t)n;
		return;
	}
	if (!str_reserve(s, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

bool mr_str_ok(const struct mr_str *s)
{
	return !s->failed;
}

const char *mr_str_text(const struct mr_str *s)
{
	return s->data ? s->data : "";
}

char *mr_str_take(struct mr_str *s)
{
	mr_str_append_n(s, "", 0);
	char *data = NULL;
	if (!s->failed)
		data = mr_take_ptr(s->data);
	mr_str_clear(s);
	return data;
}

void mr_str_clear(struct mr_str *s)
{
	free(s->data);
	memset(s, 0, sizeof(*s));
}

/* --- list of strings --- */

static int strv_take(struct mr_strv *v, char *text)
{
	if (!text)
		return -ENOMEM;
	if (v->n + 2 > v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 8;
		char **items = realloc(v->items, cap * sizeof(*items));
		if (!items) {
			free(text);
			return -ENOMEM;
		}
		v->items = items;
		v->cap = cap;
	}
	v->items[v->n++] = text;
	v->items[v->n] = NULL;
	return 0;
}

int mr_strv_add(struct mr_strv *v, const char *text)
{
	return strv_take(v, strdup(text));
}

int mr_strv_addf(struct mr_strv *v, const char *fmt, ...)
{
	char *text;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : strv_take(v, text);
}

void mr_strv_clear(struct mr_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i]);
	free(v->items);
	memset(v, 0, sizeof(*v));
}

/* --- arena --- */

#define ARENA_FIRST 4096u
#define ARENA_LARGEST (256u << 10)

struct mr_arena_block {
	struct mr_arena_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

void *mr_arena_alloc(struct mr_arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + align - 1) / align * align;

	struct mr_arena_block *b = a->blocks;
	if (!b || b->size - b->used < n) {
		size_t size = b ? b->size * 2 : ARENA_FIRST;
		if (size > ARENA_LARGEST)
			size = ARENA_LARGEST;
		if (size < n)
			size = n;
		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		b->used = 0;
		b->size = size;
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = memset(b->data + b->used, 0, n);
	b->used += n;
	return p;
}

char *mr_arena_strndup(struct mr_arena *a, const char *text, size_t n)
{
	char *copy = mr_arena_alloc(a, n + 1);
	if (copy && n)
		memcpy(copy, text, n);
	return copy;
}

char *mr_arena_strdup(struct mr_arena *a, const char *text)
{
	return mr_arena_strndup(a, text, strlen(text));
}

char *mr_arena_printf(struct mr_arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = n < 0 ? NULL : mr_arena_alloc(a, (size_t)n + 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

void mr_arena_clear(struct mr_arena *a)
{
	while (a->blocks) {
		struct mr_arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
}

/* --- texts --- */

bool mr_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool mr_has_word(const char *list, const char *word)
{
	static const char separators[] = " ,\n";
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += n) {
		bool starts = p == list || strchr(separators, p[-1]);
		if (starts && strchr(separators, p[n])) /* or the '\0' */
			return true;
	}
	return false;
}

bool mr_has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), k = strlen(suffix);
	return n >= k && memcmp(text + n - k, suffix, k) == 0;
}

bool mr_streq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool mr_is_id(const char *text)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_+-.";
	size_t n = strlen(text);

	if (n == 0 || n > 255 || text[0] == '-')
		return false;
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	return strspn(text, allowed) == n;
}

void mr_str_append_printable(struct mr_str *s, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p >= 0x20 && *p < 0x7f)
			mr_str_append_n(s, (const char *)p, 1);
		else
			mr_str_appendf(s, "\\x%02x", *p);
	}
}

/* --- paths --- */

char *mr_path_clean(const char *path)
{
	size_t n = strlen(path), len = 0;
	bool absolute = path[0] == '/';
	char *out = malloc(n + 2);
	if (!out)
		return NULL;

	if (absolute)
		out[len++] = '/';
	const size_t start = len;
	for (const char *p = path; *p;) {
		size_t k = strcspn(p, "/");
		if (k == 2 && p[0] == '.' && p[1] == '.') {
			while (len > start && out[len - 1] != '/')
				len--;
			if (len > start)
				len--;
		} else if (k > 1 || (k == 1 && p[0] != '.')) {
			if (len > start)
				out[len++] = '/';
			memcpy(out + len, p, k);
			len += k;
		}
		p += k;
		p += *p == '/';
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

char *mr_path_join(const char *base, const char *name)
{
	/* @name is cleaned as if it began at "/", so that its ".." stop there. */
	autofree char *head = mr_path_clean(base);
	autofree char *rooted = NULL, *tail = NULL;
	if (asprintf(&rooted, "/%s", name) < 0)
		rooted = NULL;
	tail = rooted ? mr_path_clean(rooted) : NULL;
	if (!head || !tail)
		return NULL;
	if (strcmp(tail, "/") == 0)
		return mr_take_ptr(head);
	char *joined;
	if (asprintf(&joined, "%s%s", strcmp(head, "/") == 0 ? "" : head, tail) < 0)
		return NULL;
	return joined;
}

bool mr_path_has_dotdot(const char *path)
{
	for (const char *p = path; *p;) {
		size_t k = strcspn(p, "/");
		if (k == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += k;
		p += *p == '/';
	}
	return false;
}

const char *mr_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool mr_path_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	if (path[0] != '/' || dir[0] != '/')
		return false;
	if (n == 1)
		return true;
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

uint64_t mr_hash64(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}
