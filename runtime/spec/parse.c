/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to spec: see parse.h. What config.json consists of is in the tables of fields.c;
 * here is the one function that follows them.
 *
 * JSON null counts as absent, as for the Go programs that write most of these files. A
 * member that no table knows is ignored with a warning, as the specification demands;
 * the warnings are counted so that a hostile document cannot make them the main work.
 */
#include "spec/parse.h"

#include "base/io.h"
#include "base/json.h"
#include "spec/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_WARNINGS 32

struct parser {
	struct mr_json_doc doc;
	struct mr_arena *arena; /* where the spec lives */
	struct mr_strv *warnings;
	size_t n_unknown;
	struct mr_error *err;
};

static int read_object(struct parser *p, const struct mr_json *node,
	const struct mr_table *table, void *out);

static int no_memory(struct parser *p)
{
	return mr_fail(p->err, ENOMEM, "%s", p->doc.name);
}

static int expect(struct parser *p, const struct mr_json *node, enum mr_json_type type)
{
	if (node->type == type)
		return 0;
	return mr_json_fail(&p->doc, node, p->err, "expected %s, found %s",
		mr_json_type_name(type), mr_json_type_name(node->type));
}

/* --- single values; @at is the struct's field --- */

static int read_string(struct parser *p, const struct mr_json *node, char **ret)
{
	const char *text;
	int r = mr_json_as_string(&p->doc, node, &text, p->err);
	if (r < 0)
		return r;
	*ret = mr_arena_strdup(p->arena, text);
	return *ret ? 0 : no_memory(p);
}

/* @return index in the row's words, or -errno */
static int read_word(
	struct parser *p, const struct mr_json *node, const struct mr_field *f)
{
	const char *text;
	int r = mr_json_as_string(&p->doc, node, &text, p->err);
	if (r < 0)
		return r;
	auto_str known = {0};
	for (int i = 0; f->words[i]; i++) {
		if (strcmp(f->words[i], text) == 0)
			return i;
		mr_str_appendf(&known, "%s%s", i ? ", " : "", f->words[i]);
	}
	auto_str shown = {0};
	mr_str_append_printable(&shown, text);
	return mr_json_fail(&p->doc, node, p->err, "unknown value \"%.60s\" (one of %s)",
		mr_str_text(&shown), mr_str_text(&known));
}

static int read_text_of_words(struct parser *p, const struct mr_json *node,
	const struct mr_field *f, char **ret)
{
	if (node->type == MR_JSON_STRING && !*node->text &&
		!(f->flags & MR_FIELD_REQUIRED))
		return 0;
	int i = read_word(p, node, f);
	return i < 0 ? i : read_string(p, node, ret);
}

static int read_enum(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, void *at)
{
	int i = read_word(p, node, f);
	if (i < 0)
		return i;
	_Static_assert(
		sizeof(enum mr_ns_type) == sizeof(i), "an enum is as large as an int");
	memcpy(at, &i, sizeof(i));
	return 0;
}

static int read_letter(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, char *ret)
{
	int i = read_word(p, node, f);
	if (i < 0)
		return i;
	*ret = f->words[i][0];
	if (*ret == 'u')
		*ret = 'c'; /* unbuffered: an old name of character devices */
	return 0;
}

static int read_set_int(struct parser *p, const struct mr_json *node,
	const struct mr_field *f, struct mr_int *ret)
{
	int64_t max = f->max > INT64_MAX ? INT64_MAX : (int64_t)f->max;
	if ((f->flags & MR_FIELD_MINUS_ONE) && node->type == MR_JSON_NUMBER &&
		strcmp(node->text, "-1") == 0)
		return 0;
	int r = mr_json_as_i64(&p->doc, node, f->min, max, &ret->value, p->err);
	ret->set = r == 0;
	return r;
}

static int read_set_uint(struct parser *p, const struct mr_json *node,
	const struct mr_field *f, struct mr_uint *ret)
{
	/* Old engines write -1 as an unsigned number. */
	if ((f->flags & MR_FIELD_MINUS_ONE) && node->type == MR_JSON_NUMBER &&
		(strcmp(node->text, "-1") == 0 ||
			strcmp(node->text, "18446744073709551615") == 0))
		return 0;
	int r = mr_json_as_u64(&p->doc, node, f->max, &ret->value, p->err);
	ret->set = r == 0;
	return r;
}

static int read_u64(struct parser *p, const struct mr_json *node,
	const struct mr_field *f, uint64_t *ret)
{
	int r = mr_json_as_u64(&p->doc, node, f->max, ret, p->err);
	if (r == 0 && f->min > 0 && *ret < (uint64_t)f->min)
		return mr_json_fail(&p->doc, node, p->err,
			"%s is out of range (%lld to %llu)", node->text,
			(long long)f->min, (unsigned long long)f->max);
	return r;
}

static int read_u32(struct parser *p, const struct mr_json *node,
	const struct mr_field *f, uint32_t *ret)
{
	uint64_t v = 0;
	int r = read_u64(p, node, f, &v);
	*ret = (uint32_t)v;
	return r;
}

/* --- collections --- */

static int read_list(struct parser *p, const struct mr_json *node, struct mr_list *ret)
{
	int r = expect(p, node, MR_JSON_ARRAY);
	if (r < 0)
		return r;
	ret->items =
		mr_arena_alloc(p->arena, (node->n + (size_t)1) * sizeof(*ret->items));
	if (!ret->items)
		return no_memory(p);
	for (const struct mr_json *e = node->child; e; e = e->next) {
		r = read_string(p, e, &ret->items[ret->n]);
		if (r < 0)
			return r;
		ret->n++;
	}
	ret->set = true;
	return 0;
}

static int read_map(struct parser *p, const struct mr_json *node, struct mr_map *ret)
{
	int r = expect(p, node, MR_JSON_OBJECT);
	if (r < 0)
		return r;
	ret->items =
		mr_arena_alloc(p->arena, (node->n + (size_t)1) * sizeof(*ret->items));
	if (!ret->items)
		return no_memory(p);
	for (const struct mr_json *m = node->child; m; m = m->next) {
		struct mr_pair *pair = &ret->items[ret->n];
		r = read_string(p, m, &pair->value);
		if (r < 0)
			return r;
		pair->key = mr_arena_strdup(p->arena, m->key);
		if (!pair->key)
			return no_memory(p);
		ret->n++;
	}
	return 0;
}

/* Every { X *items; size_t n; } of spec.h has this shape; stored by memcpy, because X
 * differs. */
struct any_array {
	void *items;
	size_t n;
};
_Static_assert(
	offsetof(struct mr_id_mappings, items) == offsetof(struct any_array, items) &&
		offsetof(struct mr_id_mappings, n) == offsetof(struct any_array, n) &&
		sizeof(struct mr_id_mappings) == sizeof(struct any_array),
	"arrays of spec.h are a pointer and a count");

static int read_u32s(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, void *at)
{
	int r = expect(p, node, MR_JSON_ARRAY);
	if (r < 0)
		return r;
	uint32_t *items = mr_arena_alloc(p->arena, node->n * sizeof(*items));
	if (!items)
		return no_memory(p);
	struct any_array array = {.items = items};
	for (const struct mr_json *e = node->child; e; e = e->next) {
		r = read_u32(p, e, f, &items[array.n]);
		if (r < 0)
			return r;
		array.n++;
	}
	memcpy(at, &array, sizeof(array));
	return 0;
}

/* An array of objects, or an object of objects whose names go to the first field. */
static int read_array(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, void *at)
{
	bool named = f->kind == MR_FIELD_MEMBERS;
	int r = expect(p, node, named ? MR_JSON_OBJECT : MR_JSON_ARRAY);
	if (r < 0)
		return r;
	char *items = mr_arena_alloc(p->arena, node->n * f->table->size);
	if (!items)
		return no_memory(p);
	struct any_array array = {.items = items};
	for (const struct mr_json *e = node->child; e; e = e->next) {
		char *item = items + array.n * f->table->size;
		if (named) {
			char *key = mr_arena_strdup(p->arena, e->key);
			if (!key)
				return no_memory(p);
			memcpy(item, &key, sizeof(key));
		}
		r = read_object(p, e, f->table, item);
		if (r < 0)
			return r;
		array.n++;
	}
	memcpy(at, &array, sizeof(array));
	return 0;
}

static int read_pointer(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, void *at)
{
	void *object = mr_arena_alloc(p->arena, f->table->size);
	if (!object)
		return no_memory(p);
	memcpy(at, &object, sizeof(object));
	return read_object(p, node, f->table, object);
}

/* --- objects --- */

static int read_field(
	struct parser *p, const struct mr_json *node, const struct mr_field *f, void *out)
{
	void *at = (char *)out + f->offset;
	switch (f->kind) {
	case MR_FIELD_STRING:
		return read_string(p, node, at);
	case MR_FIELD_WORD:
		return read_text_of_words(p, node, f, at);
	case MR_FIELD_ENUM:
		return read_enum(p, node, f, at);
	case MR_FIELD_LETTER:
		return read_letter(p, node, f, at);
	case MR_FIELD_BOOL:
		return mr_json_as_bool(&p->doc, node, at, p->err);
	case MR_FIELD_SET_BOOL:
		((struct mr_bool *)at)->set = true;
		return mr_json_as_bool(
			&p->doc, node, &((struct mr_bool *)at)->value, p->err);
	case MR_FIELD_I64:
		return mr_json_as_i64(&p->doc, node, f->min,
			f->max > INT64_MAX ? INT64_MAX : (int64_t)f->max, at, p->err);
	case MR_FIELD_SET_INT:
		return read_set_int(p, node, f, at);
	case MR_FIELD_U32:
		return read_u32(p, node, f, at);
	case MR_FIELD_U64:
		return read_u64(p, node, f, at);
	case MR_FIELD_SET_UINT:
		return read_set_uint(p, node, f, at);
	case MR_FIELD_LIST:
		return read_list(p, node, at);
	case MR_FIELD_MAP:
		return read_map(p, node, at);
	case MR_FIELD_U32S:
		return read_u32s(p, node, f, at);
	case MR_FIELD_SAME:
		return read_object(p, node, f->table, out);
	case MR_FIELD_OBJECT:
		return read_pointer(p, node, f, at);
	case MR_FIELD_ARRAY:
	case MR_FIELD_MEMBERS:
		return read_array(p, node, f, at);
	}
	return -EINVAL;
}

static void warn_unknown(
	struct parser *p, const struct mr_json *node, const struct mr_table *table)
{
	if (!p->warnings || p->n_unknown++ >= MAX_WARNINGS)
		return;
	struct mr_error place = {0};
	struct mr_typo typo = {.word = node->key};
	for (unsigned i = 0; table->fields[i].name; i++)
		mr_typo_try(&typo, table->fields[i].name);
	mr_json_fail(&p->doc, node, &place, "unknown member ignored%s%s%s",
		typo.nearest ? " (did you mean \"" : "", typo.nearest ? typo.nearest : "",
		typo.nearest ? "\"?)" : "");
	mr_strv_add(p->warnings, place.message);
}

static bool is_silent(const struct mr_table *table, const char *key)
{
	for (const char *const *s = table->silent; s && *s; s++) {
		if (strcmp(*s, key) == 0)
			return true;
	}
	return false;
}

static int check_required(struct parser *p, const struct mr_json *node,
	const struct mr_table *table, uint64_t seen)
{
	for (unsigned i = 0; table->fields[i].name; i++) {
		const struct mr_field *f = &table->fields[i];
		if ((f->flags & MR_FIELD_REQUIRED) && !(seen & UINT64_C(1) << i))
			return mr_json_fail(&p->doc, node, p->err,
				"the member \"%s\" is missing", f->name);
	}
	return 0;
}

static int read_object(struct parser *p, const struct mr_json *node,
	const struct mr_table *table, void *out)
{
	uint64_t seen = 0; /* no table has more than 64 rows */
	int r = expect(p, node, MR_JSON_OBJECT);

	for (const struct mr_json *m = node->child; r == 0 && m; m = m->next) {
		unsigned i = 0;
		while (table->fields[i].name &&
			strcmp(table->fields[i].name, m->key) != 0)
			i++;
		const struct mr_field *f = &table->fields[i];
		if (!f->name && !is_silent(table, m->key))
			warn_unknown(p, m, table);
		if (!f->name || m->type == MR_JSON_NULL)
			continue;
		seen |= UINT64_C(1) << i;
		if (f->present)
			*((bool *)out + f->present) = true;
		r = read_field(p, m, f, out);
	}
	return r < 0 ? r : check_required(p, node, table, seen);
}

/* --- whole documents --- */

static int parse_document(const char *name, const char *text, size_t len,
	const struct mr_table *table, void *out, struct mr_arena *arena,
	struct mr_strv *warnings, struct mr_error *err)
{
	struct parser p = {.arena = arena, .warnings = warnings, .err = err};
	int r = mr_json_parse(name, text, len, &p.doc, err);
	if (r == 0)
		r = read_object(&p, p.doc.root, table, out);
	if (r == 0 && p.n_unknown > MAX_WARNINGS)
		mr_strv_addf(warnings, "%s: %zu more unknown members ignored", name,
			p.n_unknown - MAX_WARNINGS);
	mr_json_clear(&p.doc);
	return r;
}

/* The rooms may rely on linux_. */
static int need_linux(struct mr_spec *spec, const char *name, struct mr_error *err)
{
	if (!spec->linux_)
		spec->linux_ = mr_arena_alloc(&spec->arena, sizeof(*spec->linux_));
	return spec->linux_ ? 0 : mr_fail(err, ENOMEM, "%s", name);
}

/* Who writes JSON in Go writes "" for what is not there. */
static void drop_empty_paths(struct mr_linux *l)
{
	for (size_t i = 0; i < l->namespaces.n; i++)
		if (mr_streq(l->namespaces.items[i].path, ""))
			l->namespaces.items[i].path = NULL;
}

int mr_spec_parse(const char *name, const char *text, size_t len, struct mr_spec **ret,
	struct mr_strv *warnings, struct mr_error *err)
{
	auto_spec *spec = calloc(1, sizeof(*spec));
	if (!spec)
		return mr_fail(err, ENOMEM, "%s", name);
	int r = parse_document(
		name, text, len, &mr_config_table, spec, &spec->arena, warnings, err);
	if (r == 0)
		r = need_linux(spec, name, err);
	if (r == 0)
		drop_empty_paths(spec->linux_);
	if (r == 0 && !(spec->text = mr_arena_strndup(&spec->arena, text, len)))
		r = mr_fail(err, ENOMEM, "%s", name);
	if (r == 0)
		*ret = mr_take_ptr(spec);
	return r;
}

int mr_spec_read(const char *path, struct mr_spec **ret, struct mr_strv *warnings,
	struct mr_error *err)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		int errnum = errno;
		mr_fail(err, errnum, "read spec '%s'", path);
		if (errnum == ENOENT)
			mr_hint(err, "`minirun spec` prints one to start from");
		return -errnum;
	}
	if (S_ISDIR(st.st_mode))
		return mr_fail(err, EISDIR, "read spec '%s'", path);
	if (!S_ISREG(st.st_mode))
		return mr_fail_text(
			err, EINVAL, "read spec '%s': not a regular file", path);

	autofree char *text = NULL;
	size_t len = 0;
	int r = mr_read_file_at(AT_FDCWD, path, MR_JSON_MAX_BYTES, &text, &len);
	if (r == -EFBIG)
		return mr_fail_text(
			err, EFBIG, "read spec '%s': larger than 16 MiB", path);
	if (r < 0)
		return mr_fail(err, -r, "read spec '%s'", path);
	return mr_spec_parse(path, text, len, ret, warnings, err);
}

int mr_spec_parse_resources(const char *name, const char *text, size_t len,
	struct mr_spec *holder, struct mr_error *err)
{
	struct mr_resources *resources =
		mr_arena_alloc(&holder->arena, sizeof(*resources));
	int r = resources ? need_linux(holder, name, err)
			  : mr_fail(err, ENOMEM, "%s", name);
	if (r == 0)
		r = parse_document(name, text, len, &mr_resources_table, resources,
			&holder->arena, NULL, err);
	if (r == 0)
		holder->linux_->resources = resources;
	return r;
}

int mr_spec_parse_process(const char *name, const char *text, size_t len,
	struct mr_spec *holder, struct mr_strv *warnings, struct mr_error *err)
{
	struct mr_spec_process *process =
		mr_arena_alloc(&holder->arena, sizeof(*process));
	char *copy = mr_arena_strndup(&holder->arena, text, len);
	int r = process && copy ? need_linux(holder, name, err)
				: mr_fail(err, ENOMEM, "%s", name);
	if (r == 0)
		r = parse_document(name, text, len, &mr_process_table, process,
			&holder->arena, warnings, err);
	if (r == 0) {
		holder->process = process;
		holder->text = copy;
		holder->text_is_process = true;
	}
	return r;
}
