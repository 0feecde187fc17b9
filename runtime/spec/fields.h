/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_FIELDS_H
#define MR_SPEC_FIELDS_H

#include "spec/spec.h"

#include <stddef.h>

/*
 * config.json as data: one row a member, used by parse.c only. To add a member: a field
 * in spec.h, a row in fields.c.
 */

enum mr_field_kind {
	MR_FIELD_STRING,   /* char * */
	MR_FIELD_WORD,     /* char *, one of `words`; "" counts as absent */
	MR_FIELD_ENUM,     /* an enum: the index in `words` */
	MR_FIELD_LETTER,   /* char: one of the one-letter `words` */
	MR_FIELD_BOOL,     /* bool */
	MR_FIELD_SET_BOOL, /* struct mr_bool */
	MR_FIELD_I64,      /* int64_t */
	MR_FIELD_SET_INT,  /* struct mr_int */
	MR_FIELD_U32,      /* uint32_t */
	MR_FIELD_U64,      /* uint64_t */
	MR_FIELD_SET_UINT, /* struct mr_uint */
	MR_FIELD_LIST,     /* struct mr_list: array of strings */
	MR_FIELD_MAP,      /* struct mr_map: object of strings */
	MR_FIELD_U32S,     /* struct { uint32_t *items; size_t n; } */
	MR_FIELD_SAME,     /* object whose members live in the same struct */
	MR_FIELD_OBJECT,   /* pointer to a struct of its own, NULL when absent */
	MR_FIELD_ARRAY,    /* struct { X *items; size_t n; } from an array of objects */
	MR_FIELD_MEMBERS,  /* the same from an object: each member's name is a X's first
			      field */
};

enum mr_field_flags {
	MR_FIELD_REQUIRED = 1,
	MR_FIELD_MINUS_ONE = 2, /* -1 (or 2^64-1) means absent */
};

struct mr_table;

struct mr_field {
	const char *name; /* the specification's; NULL ends a table */
	enum mr_field_kind kind;
	unsigned flags;
	size_t offset;
	int64_t min; /* of numbers */
	uint64_t max;
	const char *const *words; /* NULL-terminated */
	const struct mr_table *table;
	size_t present; /* offset of a bool that tells presence, 0: none */
};

struct mr_table {
	const struct mr_field *fields;
	size_t size; /* of the struct */
	const char *const
		*silent; /* members of other platforms: ignored without a word */
};

extern const struct mr_table mr_config_table;    /* struct mr_spec */
extern const struct mr_table mr_process_table;   /* struct mr_spec_process */
extern const struct mr_table mr_resources_table; /* struct mr_resources */

/** The words that these fields take, each list ending with NULL. */
extern const char *const mr_seccomp_actions[], *const mr_seccomp_operators[];
extern const char *const mr_memory_modes[];

#endif
