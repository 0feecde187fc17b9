/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags of `update`, runc's and docker's, to the document that --resources takes: so
 * ranges and names of fields are known in one place. See update.h.
 */
#include "spec/update.h"

#include "base/json.h"
#include "spec/command_parts.h"
#include "spec/parse.h"

#include <errno.h>
#include <string.h>

enum kind {
	SIZE,   /* docker's sizes; -1 is no limit */
	NUMBER, /* an integer */
	PIDS,   /* as docker: 0 is no limit either, in the document it is a limit of none */
	CPUS,   /* 1.5: quota and period */
	TEXT,
};

struct row {
	const char *object, *key, *flag;
	enum kind kind;
	size_t offset;
};

#define ROW(object, key, flag, kind, member)                                             \
	{                                                                                \
		object, key, flag, kind, offsetof(struct mr_update, member)              \
	}

/* Rows of an object stand together. */
static const struct row rows[] = {
	ROW("memory", "limit", "--memory", SIZE, memory),
	ROW("memory", "swap", "--memory-swap", SIZE, memory_swap),
	ROW("memory", "reservation", "--memory-reservation", SIZE, memory_reservation),
	ROW("memory", "kernel", "--kernel-memory", SIZE, kernel_memory),
	ROW("memory", "kernelTCP", "--kernel-memory-tcp", SIZE, kernel_memory_tcp),
	ROW("cpu", "shares", "--cpu-shares", NUMBER, cpu_shares),
	ROW("cpu", "quota", "--cpus", CPUS, cpus),
	ROW("cpu", "quota", "--cpu-quota", NUMBER, cpu_quota),
	ROW("cpu", "period", "--cpu-period", NUMBER, cpu_period),
	ROW("cpu", "burst", "--cpu-burst", NUMBER, cpu_burst),
	ROW("cpu", "idle", "--cpu-idle", NUMBER, cpu_idle),
	ROW("cpu", "realtimeRuntime", "--cpu-rt-runtime", NUMBER, cpu_rt_runtime),
	ROW("cpu", "realtimePeriod", "--cpu-rt-period", NUMBER, cpu_rt_period),
	ROW("cpu", "cpus", "--cpuset-cpus", TEXT, cpuset_cpus),
	ROW("cpu", "mems", "--cpuset-mems", TEXT, cpuset_mems),
	ROW("pids", "limit", "--pids-limit", PIDS, pids_limit),
	ROW("blockIO", "weight", "--blkio-weight", NUMBER, blkio_weight),
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *value_of(const struct mr_update *u, const struct row *row)
{
	const char *text;
	memcpy(&text, (const char *)u + row->offset, sizeof(text));
	return text;
}

static int put(const struct row *row, const char *text, struct mr_json_writer *w,
	struct mr_error *err)
{
	int64_t v;

	switch (row->kind) {
	case TEXT:
		mr_json_put_text(w, row->key, text);
		return 0;
	case CPUS:
		if (mr_command_quota(text, &v, err) < 0)
			return -EINVAL;
		mr_json_put_int(w, "period", MR_COMMAND_PERIOD);
		break;
	case SIZE:
		if (strcmp(text, "-1") == 0)
			v = -1;
		else if (mr_parse_size(text, &v) < 0)
			return mr_command_refuse(err, row->flag, text,
				"expected a size such as 64m, 1.5g or 67108864, or -1 "
				"for no limit");
		break;
	case NUMBER:
	case PIDS:
		if (mr_parse_i64(text, &v) < 0)
			return mr_command_refuse(
				err, row->flag, text, "expected a number");
		if (row->kind == PIDS && v == 0)
			v = -1;
		break;
	}
	mr_json_put_int(w, row->key, v);
	return 0;
}

/* @return how many flags were given, or -errno */
static int put_flags(
	const struct mr_update *u, struct mr_json_writer *w, struct mr_error *err)
{
	const char *open = NULL;
	int given = 0, r = 0;

	mr_json_begin_object(w, NULL);
	for (size_t i = 0; i < N_ROWS && r == 0; i++) {
		const char *text = value_of(u, &rows[i]);
		if (!text)
			continue;
		if (open && strcmp(open, rows[i].object) != 0) {
			mr_json_end(w);
			open = NULL;
		}
		if (!open)
			mr_json_begin_object(w, rows[i].object);
		open = rows[i].object;
		given++;
		r = put(&rows[i], text, w, err);
	}
	if (open)
		mr_json_end(w);
	mr_json_end(w);
	return r < 0 ? r : given;
}

int mr_update_parse(
	const struct mr_update *u, struct mr_spec *holder, struct mr_error *err)
{
	struct mr_json_writer w = {0};

	if (u->cpus && (u->cpu_quota || u->cpu_period))
		return mr_fail_text(err, EINVAL,
			"--cpus says the same as --cpu-quota and --cpu-period");
	int given = put_flags(u, &w, err);
	autofree char *text = mr_str_take(&w.out);
	if (given < 0)
		return given;
	if (given > 0 && u->resources)
		return mr_fail_text(err, EINVAL,
			"--resources says everything: other limits cannot be given too");
	bool rdt = u->l3_cache_schema || u->mem_bw_schema;
	if (rdt && (given > 0 || u->resources))
		return mr_fail_text(err, EINVAL,
			"--l3-cache-schema and --mem-bw-schema cannot be given with other limits");
	if (given == 0 && !u->resources && !rdt)
		return mr_fail_text(err, EINVAL, "no limit to change is given");
	if (u->resources)
		return mr_spec_parse_resources(u->resources_name, u->resources,
			strlen(u->resources), holder, err);
	if (!text)
		return mr_fail(err, ENOMEM, "limits to change");
	return mr_spec_parse_resources("command line", text, strlen(text), holder, err);
}
