/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CGROUP_ROWS_H
#define MR_CGROUP_ROWS_H

#include "spec/host.h"
#include "spec/spec.h"

/** One write into one file of a controller. Pure data: what will be written where. */
struct mr_cgroup_row {
	enum mr_controller controller;
	const char *file;
	const char *value;
	const char *field; /* JSON path in the spec that asks for it, for errors */
	bool optional;     /* a kernel without the file is a warning, not an error */
	bool core; /* a file of the cgroup2 core: goes there whoever owns `controller` */
	/* Written instead on a kernel that lacks `file`; NULL: there is no second way. */
	const char *else_file, *else_value;
};

struct mr_cgroup_rows {
	struct mr_cgroup_row *items; /* in writing order */
	size_t n;
};

/** Append a row; strings are copied into @arena. @return 0 or -ENOMEM */
int mr_cgroup_rows_add(
	struct mr_cgroup_rows *rows, struct mr_arena *arena, struct mr_cgroup_row row);

/* --- what v1.c and v2.c share when they turn resources into rows --- */

/** Leave the function with the error of a call that failed. */
#define MR_ROW_TRY(call)                                                                 \
	do {                                                                             \
		int try_ret = (call);                                                    \
		if (try_ret < 0)                                                         \
			return try_ret;                                                  \
	} while (0)

struct mr_row_writer {
	enum mr_controller controller;
	bool core;
	struct mr_arena *arena;
	struct mr_cgroup_rows *rows;
	struct mr_strv *warnings;
	struct mr_error *err;
};

/** Append a row whose value is formatted. @return 0 or -ENOMEM with the error filled in
 */
int mr_row_putf(const struct mr_row_writer *w, const char *field, const char *file,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** As mr_row_putf(), for a file that not every kernel has and whose absence costs
 * nothing. */
int mr_row_put_optionalf(const struct mr_row_writer *w, const char *field,
	const char *file, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** A number of which 0 is asked for, too: where a kernel lacks the file, it is so anyway. */
int mr_row_put_zeroable(
	const struct mr_row_writer *w, const char *field, const char *file, int64_t value);

/** Append a row with a second way. */
int mr_row_put_either(const struct mr_row_writer *w, const char *field, const char *file,
	const char *value, const char *else_file, const char *else_value);

/** Format into the writer's arena. NULL: no memory, the error is filled in. */
const char *mr_row_format(const struct mr_row_writer *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Range and consistency of memory.limit, .swap and .reservation, alike on v1 and v2. */
int mr_row_check_memory(const struct mr_memory *m, struct mr_error *err);

/** A page size as the kernel spells it in file names ("2MB", "1GB", "64KB"). */
int mr_row_check_page_size(const char *size, const char *field, struct mr_error *err);

/** A name that becomes a part of a line: not empty, no blanks, nothing unprintable. */
int mr_row_check_word(const char *word, const char *field, struct mr_error *err);

/** "maj:min" checked for sign. */
int mr_row_check_device(
	int64_t major, int64_t minor, const char *field, struct mr_error *err);

/** pids.max: 0 is a limit of none, -1 means unlimited. */
int mr_row_put_pids(const struct mr_row_writer *w, const struct mr_resources *r);

/** The one line that rdma.max takes for a device, on v1 and v2. */
int mr_row_put_rdma(const struct mr_row_writer *w, const struct mr_resources *r);

#endif
