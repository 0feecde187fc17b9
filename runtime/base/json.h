/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include "base/errors.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * JSON in: a small tree that remembers where each value stood. JSON out: a writer.
 * json.c is the only file that knows the JSON library.
 */

enum mr_json_type {
	MR_JSON_NULL,
	MR_JSON_BOOL,
	MR_JSON_NUMBER,
	MR_JSON_STRING,
	MR_JSON_ARRAY,
	MR_JSON_OBJECT,
};

struct mr_json {
	enum mr_json_type type;
	uint32_t offset;  /* byte offset of the value in the text */
	uint32_t n;       /* members or elements */
	bool boolean;     /* MR_JSON_BOOL */
	const char *key;  /* name, when this is a member of an object */
	const char *text; /* MR_JSON_STRING: value; MR_JSON_NUMBER: as written */
	struct mr_json *parent, *child, *next; /* first child, next sibling */
};

struct mr_json_doc {
	const char *name; /* shown in errors: file name as the user gave it */
	const char *text; /* the document; borrowed, must outlive the doc's errors */
	size_t len;
	struct mr_arena arena;
	struct mr_json *root;
};

#define MR_JSON_MAX_BYTES (16u << 20)
#define MR_JSON_MAX_DEPTH 128
#define MR_JSON_MAX_NODES 400000

/**
 * Parse a whole document. Refused, each with file:line:column: more than
 * MR_JSON_MAX_BYTES, deeper than MR_JSON_MAX_DEPTH, more than MR_JSON_MAX_NODES values,
 * duplicate keys, NUL in strings, invalid UTF-8, comments, anything after the document.
 *
 * @param name borrowed for errors; @param text borrowed, need not be NUL-terminated
 * @param ret  to be cleared by mr_json_clear(), also after failure
 */
int mr_json_parse(const char *name, const char *text, size_t len, struct mr_json_doc *ret,
	struct mr_error *err);
void mr_json_clear(struct mr_json_doc *doc);
#define auto_json __attribute__((cleanup(mr_json_clear))) struct mr_json_doc

/** Member @key of an object, NULL when absent or when @obj is no object (or NULL). */
const struct mr_json *mr_json_get(const struct mr_json *obj, const char *key);
/** Follow "A.B.C" through objects; NULL when a part is absent. */
const struct mr_json *mr_json_path(const struct mr_json *obj, const char *path);
/** Member @key if it is a string, otherwise @fallback. */
const char *mr_json_text(const struct mr_json *obj, const char *key, const char *fallback);
/** Member @key if it is an integer in range, otherwise @fallback. */
int64_t mr_json_int(const struct mr_json *obj, const char *key, int64_t fallback);
bool mr_json_bool(const struct mr_json *obj, const char *key, bool fallback);

/** "an object", "a string", ... for messages. */
const char *mr_json_type_name(enum mr_json_type type);
/** The path of a value, as linux.resources.memory.limit or mounts[2].source. */
void mr_json_format_path(const struct mr_json *node, struct mr_str *out);
/** Fail with "file:line:column: path: message". @return -EINVAL */
int mr_json_fail(const struct mr_json_doc *doc, const struct mr_json *node,
	struct mr_error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Line and column, from 1, of the value at a path as mr_json_format_path() writes it, or of
 * the last value on the way to it that there is. @return is it the value itself? */
bool mr_json_locate(const struct mr_json_doc *doc, const char *path, size_t *ret_line,
	size_t *ret_column);

/* Strict getters of one value: type and range, errors by mr_json_fail(). */
int mr_json_as_string(const struct mr_json_doc *doc, const struct mr_json *node,
	const char **ret, struct mr_error *err);
int mr_json_as_bool(const struct mr_json_doc *doc, const struct mr_json *node, bool *ret,
	struct mr_error *err);
int mr_json_as_i64(const struct mr_json_doc *doc, const struct mr_json *node, int64_t min,
	int64_t max, int64_t *ret, struct mr_error *err);
int mr_json_as_u64(const struct mr_json_doc *doc, const struct mr_json *node, uint64_t max,
	uint64_t *ret, struct mr_error *err);

/* --- writer --- */

/**
 * Values go out in call order; inside an object every call names its @key, inside an
 * array and at the top @key is NULL. NULL and what is not set write null. Texts that are not UTF-8
 * have the offending bytes replaced by U+FFFD. '/' is never escaped.
 */
struct mr_json_writer {
	struct mr_str out;
	bool pretty;
	int depth;
	bool first[64]; /* per depth: nothing written yet */
	char close[64]; /* per depth: '}' or ']' */
};

void mr_json_begin_object(struct mr_json_writer *w, const char *key);
void mr_json_begin_array(struct mr_json_writer *w, const char *key);
void mr_json_end(struct mr_json_writer *w);
void mr_json_put_text(struct mr_json_writer *w, const char *key, const char *text);
void mr_json_put_int(struct mr_json_writer *w, const char *key, int64_t v);
void mr_json_put_uint(struct mr_json_writer *w, const char *key, uint64_t v);
void mr_json_put_bool(struct mr_json_writer *w, const char *key, bool v);
void mr_json_put_null(struct mr_json_writer *w, const char *key);
void mr_json_put_known_int(struct mr_json_writer *w, const char *key, struct mr_int v);
void mr_json_put_known_uint(struct mr_json_writer *w, const char *key, struct mr_uint v);
/** A text, or null for "". */
void mr_json_put_name(struct mr_json_writer *w, const char *key, const char *text);
/** A process id, or null for 0. */
void mr_json_put_pid(struct mr_json_writer *w, const char *key, pid_t pid);
/** Copy a parsed value (and all below it). */
void mr_json_put_node(struct mr_json_writer *w, const char *key, const struct mr_json *node);
/** Put a text that is itself valid JSON. */
void mr_json_put_raw(struct mr_json_writer *w, const char *key, const char *json);

#endif
