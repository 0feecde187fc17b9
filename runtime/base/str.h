/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_STR_H
#define MR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Growing strings, lists of strings, an arena, strict numbers and safe paths.
 *
 * Memory that cannot be had is no condition that a launcher can work around: a growing
 * string remembers it (`failed`) and is checked once, by mr_str_ok() or mr_str_take().
 */

static inline void mr_free_ptr(void *p)
{
	free(*(void **)p);
}
/** Frees a malloc()ed pointer when it goes out of scope. */
#define autofree __attribute__((cleanup(mr_free_ptr)))

/** Move a pointer out of an owning variable. */
#define mr_take_ptr(p)                                                                        \
	__extension__({                                                                       \
		__typeof__(p) mr_taken = (p);                                                 \
		(p) = NULL;                                                                   \
		mr_taken;                                                                     \
	})

/* --- growing string --- */

struct mr_str {
	char *data; /* NUL-terminated once anything was appended; NULL before */
	size_t len, cap;
	bool failed;
};

void mr_str_append(struct mr_str *s, const char *text);
void mr_str_append_n(struct mr_str *s, const char *data, size_t n);
void mr_str_appendf(struct mr_str *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool mr_str_ok(const struct mr_str *s);
/** The text, "" when empty; owned by @s. */
const char *mr_str_text(const struct mr_str *s);
/** Move the text out (never NULL unless memory ran out); @s is empty afterwards. */
char *mr_str_take(struct mr_str *s);
void mr_str_clear(struct mr_str *s);
#define auto_str __attribute__((cleanup(mr_str_clear))) struct mr_str

/* --- list of strings --- */

/** Always NULL-terminated once it holds something, so `items` serves as argv or envp. */
struct mr_strv {
	char **items;
	size_t n, cap;
};

/** Append a copy. @return 0 or -ENOMEM */
int mr_strv_add(struct mr_strv *v, const char *text);
int mr_strv_addf(struct mr_strv *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void mr_strv_clear(struct mr_strv *v);
#define auto_strv __attribute__((cleanup(mr_strv_clear))) struct mr_strv

/* --- arena: everything that lives as long as one document --- */

struct mr_arena {
	struct mr_arena_block *blocks;
};

/** Zeroed memory, aligned for any type; NULL when memory ran out. */
void *mr_arena_alloc(struct mr_arena *a, size_t n);
char *mr_arena_strdup(struct mr_arena *a, const char *text);
char *mr_arena_strndup(struct mr_arena *a, const char *text, size_t n);
char *mr_arena_printf(struct mr_arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void mr_arena_clear(struct mr_arena *a);

/* --- numbers: unknown or absent is not 0 --- */

struct mr_int {
	bool set;
	int64_t value;
};
struct mr_uint {
	bool set;
	uint64_t value;
};
struct mr_bool {
	bool set;
	bool value;
};

/* --- strict numbers: the whole string must be consumed, no blanks, in range --- */

/** Decimal, optional '-'. @return 0, -EINVAL (not a number) or -ERANGE */
int mr_parse_i64(const char *text, int64_t *ret);
int mr_parse_u64(const char *text, uint64_t *ret);
/** A uid, gid or pid: 0 to 2^31-1 (2^32-1 means "unchanged" to setresuid(2)). */
int mr_parse_id(const char *text, uint32_t *ret);
/** docker's sizes: 64m, 1.5g, 512k, 100 or 100b (bytes), Ki Mi Gi Ti; binary units. */
int mr_parse_size(const char *text, int64_t *ret_bytes);
/** docker's durations: 1.5s, 300ms, 2m, 1h, plain seconds. @ret_ms milliseconds */
int mr_parse_duration(const char *text, int64_t *ret_ms);
/** "64 MiB", "1.5 GiB", "700 KiB", "12 B": shortest exact or one decimal. */
const char *mr_format_size(uint64_t bytes, char buf[static 24]);

/* --- texts --- */

bool mr_has_prefix(const char *text, const char *prefix);
/** Is @word one of @list, whose words stand between blanks, commas or newlines? */
bool mr_has_word(const char *list, const char *word);
bool mr_has_suffix(const char *text, const char *suffix);
bool mr_streq(const char *a, const char *b); /* NULL equals only NULL */

/** An id: one or more of A-Za-z0-9_+-. , not "." or "..", no leading '-', at most 255. */
bool mr_is_id(const char *text);

/** Copy @text with every byte that is not printable ASCII written as \xNN. */
void mr_str_append_printable(struct mr_str *s, const char *text);

/* --- paths (lexical; what lies below a rootfs is resolved by the kernel instead) --- */

/**
 * Clean an absolute or relative path: no empty parts, no ".", ".." resolved and never
 * above the start. @return malloc()ed, "/" or "." when nothing is left; NULL: no memory
 */
char *mr_path_clean(const char *path);
/** @base "/" @name, cleaned so that the result never leaves @base. malloc()ed. */
char *mr_path_join(const char *base, const char *name);
/** Does any component equal ".."? */
bool mr_path_has_dotdot(const char *path);
/** The part after the last '/'. */
const char *mr_path_base(const char *path);
/** Is @path equal to @dir or below it? Both clean and absolute; "", for unknown, is and has
 * none. */
bool mr_path_is_below(const char *path, const char *dir);

/** FNV-1a, 64 bit: names of cache files and checksums against torn writes; not secure. */
uint64_t mr_hash64(const void *data, size_t n);

#endif
