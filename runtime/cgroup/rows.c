/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: what will be written into which file of which controller, as plain data. See
 * rows.h and v1.h. Everything here is pure; strings live in the plan's arena.
 */
#include "cgroup/rows.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The array doubles when its length is a power of two, so no capacity has to be kept. */
static int make_room(struct mr_cgroup_rows *rows, struct mr_arena *arena)
{
	const size_t first = 8;
	size_t n = rows->n;

	if (n != 0 && (n < first || (n & (n - 1)) != 0))
		return 0;
	size_t cap = n ? 2 * n : first;
	struct mr_cgroup_row *items = mr_arena_alloc(arena, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	if (n)
		memcpy(items, rows->items, n * sizeof(*items));
	rows->items = items;
	return 0;
}

static int copy_text(struct mr_arena *arena, const char **text)
{
	if (!*text)
		return 0;
	*text = mr_arena_strdup(arena, *text);
	return *text ? 0 : -ENOMEM;
}

int mr_cgroup_rows_add(
	struct mr_cgroup_rows *rows, struct mr_arena *arena, struct mr_cgroup_row row)
{
	if (copy_text(arena, &row.file) < 0 || copy_text(arena, &row.value) < 0 ||
		copy_text(arena, &row.field) < 0 ||
		copy_text(arena, &row.else_file) < 0 ||
		copy_text(arena, &row.else_value) < 0)
		return -ENOMEM;
	int r = make_room(rows, arena);
	if (r < 0)
		return r;
	rows->items[rows->n++] = row;
	return 0;
}

static int no_memory(struct mr_error *err)
{
	return mr_fail(err, ENOMEM, "plan the cgroup");
}

static int put(const struct mr_row_writer *w, struct mr_cgroup_row row)
{
	row.controller = w->controller;
	row.core = w->core;
	return mr_cgroup_rows_add(w->rows, w->arena, row) < 0 ? no_memory(w->err) : 0;
}

__attribute__((format(printf, 5, 0))) static int put_va(const struct mr_row_writer *w,
	bool optional, const char *field, const char *file, const char *fmt, va_list ap)
{
	char *value;
	if (vasprintf(&value, fmt, ap) < 0)
		return no_memory(w->err);
	int r = put(w, (struct mr_cgroup_row){.file = file,
			       .value = value,
			       .field = field,
			       .optional = optional});
	free(value);
	return r;
}

int mr_row_putf(const struct mr_row_writer *w, const char *field, const char *file,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = put_va(w, false, field, file, fmt, ap);
	va_end(ap);
	return r;
}

int mr_row_put_optionalf(const struct mr_row_writer *w, const char *field,
	const char *file, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = put_va(w, true, field, file, fmt, ap);
	va_end(ap);
	return r;
}

int mr_row_put_zeroable(
	const struct mr_row_writer *w, const char *field, const char *file, int64_t value)
{
	return value ? mr_row_putf(w, field, file, "%" PRId64, value)
		     : mr_row_put_optionalf(w, field, file, "0");
}

int mr_row_put_either(const struct mr_row_writer *w, const char *field, const char *file,
	const char *value, const char *else_file, const char *else_value)
{
	return put(w, (struct mr_cgroup_row){.file = file,
			      .value = value,
			      .field = field,
			      .else_file = else_file,
			      .else_value = else_value});
}

const char *mr_row_format(const struct mr_row_writer *w, const char *fmt, ...)
{
	char *text;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	const char *copy = NULL;
	if (n >= 0) {
		copy = mr_arena_strdup(w->arena, text);
		free(text);
	}
	if (!copy)
		no_memory(w->err);
	return copy;
}

static int check_bytes(const struct mr_int *v, const char *name, struct mr_error *err)
{
	if (!v->set || v->value >= -1)
		return 0;
	return mr_fail_text(err, EINVAL,
		"linux.resources.memory.%s: %" PRId64
		" is no size (bytes, or -1 for unlimited)",
		name, v->value);
}

int mr_row_check_memory(const struct mr_memory *m, struct mr_error *err)
{
	static const char field[] = "linux.resources.memory.swap";
	int r = check_bytes(&m->limit, "limit", err);
	if (r == 0)
		r = check_bytes(&m->swap, "swap", err);
	if (r == 0)
		r = check_bytes(&m->reservation, "reservation", err);
	if (r < 0 || !m->swap.set || m->swap.value <= 0)
		return r;

	if (!m->limit.set || m->limit.value <= 0) {
		r = mr_fail_text(err, EINVAL,
			"%s: %" PRId64
			" without a memory limit: swap is memory and swap together",
			field, m->swap.value);
		mr_hint(err, "set linux.resources.memory.limit as well");
		return r;
	}
	if (m->swap.value < m->limit.value)
		return mr_fail_text(err, EINVAL,
			"%s: %" PRId64 " is less than the memory limit %" PRId64
			": swap is memory and swap together",
			field, m->swap.value, m->limit.value);
	return 0;
}

int mr_row_check_page_size(const char *size, const char *field, struct mr_error *err)
{
	size_t digits = size ? strspn(size, "0123456789") : 0;
	const char *unit = size ? size + digits : "";

	if (digits > 0 && digits < 10 &&
		(mr_streq(unit, "KB") || mr_streq(unit, "MB") || mr_streq(unit, "GB")))
		return 0;
	int r = mr_fail_text(err, EINVAL, "%s.pageSize: '%.40s' is no page size", field,
		size ? size : "");
	mr_hint(err, "write it as 64KB, 2MB or 1GB");
	return r;
}

int mr_row_check_word(const char *word, const char *field, struct mr_error *err)
{
	bool ok = word && *word;
	for (const char *p = word; ok && *p; p++)
		ok = isgraph((unsigned char)*p);
	if (ok)
		return 0;
	return mr_fail_text(err, EINVAL, "%s: a name without blanks is needed", field);
}

int mr_row_check_device(
	int64_t major, int64_t minor, const char *field, struct mr_error *err)
{
	if (major >= 0 && minor >= 0 && major <= UINT32_MAX && minor <= UINT32_MAX)
		return 0;
	return mr_fail_text(err, EINVAL,
		"%s: %" PRId64 ":%" PRId64 " is no device number", field, major, minor);
}

int mr_row_put_rdma(const struct mr_row_writer *w, const struct mr_resources *r)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct mr_rdma *d = &r->rdma.items[i];
		char handles[40] = "", objects[40] = "";

		if (!d->hca_handles.set && !d->hca_objects.set)
			continue;
		const char *field =
			mr_row_format(w, "linux.resources.rdma.%s", d->device);
		if (!field)
			return -ENOMEM;
		int ret = mr_row_check_word(d->device, field, w->err);
		if (ret < 0)
			return ret;
		if (d->hca_handles.set)
			snprintf(handles, sizeof(handles), " hca_handle=%" PRIu64,
				d->hca_handles.value);
		if (d->hca_objects.set)
			snprintf(objects, sizeof(objects), " hca_object=%" PRIu64,
				d->hca_objects.value);
		ret = mr_row_putf(
			w, field, "rdma.max", "%s%s%s", d->device, handles, objects);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int mr_row_put_pids(const struct mr_row_writer *w, const struct mr_resources *r)
{
	static const char field[] = "linux.resources.pids.limit";

	if (!r->has_pids || !r->pids_limit.set)
		return 0;
	if (r->pids_limit.value < -1)
		return mr_fail_text(w->err, EINVAL,
			"%s: %" PRId64 " is no number of processes (-1 for unlimited)",
			field, r->pids_limit.value);
	if (r->pids_limit.value == -1)
		return mr_row_putf(w, field, "pids.max", "max");
	return mr_row_putf(w, field, "pids.max", "%" PRId64, r->pids_limit.value);
}
