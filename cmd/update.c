/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun update: limits of a container that runs. Engines call `update --resources=FILE ID`
 * and `update --resources - ID` and want no output; who types docker's flags gets docker's
 * answer, the name.
 */
#include "cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RESOURCES (1u << 20)

#define ROW(name, letter, member, value, help)                                           \
	{                                                                                \
		name, letter, OPTION_TEXT, offsetof(struct mr_update, member), value,    \
			help, GROUP_COMMON, NULL                                         \
	}
/* Another name of the row before. */
#define ALSO(name, letter, member, value) ROW(name, letter, member, value, NULL)
static const struct option options[] = {
	ROW("resources", 'r', resources_name, "FILE", "linux.resources as JSON; - is stdin"),
	ROW("memory", 'm', memory, "SIZE", "memory limit; -1: none"),
	ROW("memory-swap", 0, memory_swap, "SIZE", "limit of memory plus swap; -1: none"),
	ROW("memory-reservation", 0, memory_reservation, "SIZE", "soft limit"),
	ROW("cpus", 0, cpus, "N", "CPU time a second, as 1.5"),
	ROW("cpu-period", 0, cpu_period, "USEC", "period of the quota"),
	ROW("cpu-quota", 0, cpu_quota, "USEC", "CPU time a period; -1: no limit"),
	ROW("cpu-burst", 0, cpu_burst, "USEC", "what may be saved up"),
	ROW("cpu-shares", 'c', cpu_shares, "N", "weight, 2 to 262144"),
	ALSO("cpu-share", 0, cpu_shares, "N"),
	ROW("cpu-idle", 0, cpu_idle, "0|1", "run only when nobody else does"),
	ROW("cpu-rt-period", 0, cpu_rt_period, "USEC", "cgroup v1: realtime period"),
	ROW("cpu-rt-runtime", 0, cpu_rt_runtime, "USEC", "cgroup v1: realtime a period"),
	ROW("cpuset-cpus", 0, cpuset_cpus, "LIST", "CPUs, as 0-2,4"),
	ROW("cpuset-mems", 0, cpuset_mems, "LIST", "memory nodes"),
	ROW("pids-limit", 0, pids_limit, "N", "most tasks at a time; -1: no limit"),
	ROW("blkio-weight", 0, blkio_weight, "N", "10 to 1000"),
	ROW("kernel-memory", 0, kernel_memory, "SIZE", "ignored with a warning"),
	ROW("kernel-memory-tcp", 0, kernel_memory_tcp, "SIZE", "ignored with a warning"),
	ROW("l3-cache-schema", 0, l3_cache_schema, "LINE", "linux.intelRdt: share of the cache"),
	ROW("mem-bw-schema", 0, mem_bw_schema, "LINE", "linux.intelRdt: memory bandwidth"),
	{"restart", 0, OPTION_REFUSED, 0, NULL,
		"there is no daemon that could start a container again", GROUP_COMMON, NULL},
	{0},
};

/* The whole of it, NUL-terminated; malloc()ed. */
static int read_resources(const char *name, char **ret, struct mr_error *err)
{
	FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");

	if (!in)
		return fail(err, errno, "cannot read '%s' (%s)", name, mr_errno_name(errno));
	char *text = calloc(1, MAX_RESOURCES + 1);
	size_t n = text ? fread(text, 1, MAX_RESOURCES + 1, in) : 0;
	int r = 0;
	if (!text)
		r = fail(err, ENOMEM, "no memory for '%s'", name);
	else if (ferror(in))
		r = fail(err, EIO, "cannot read '%s' (%s)", name, mr_errno_name(errno));
	else if (n > MAX_RESOURCES)
		r = fail(err, EFBIG, "'%s' is larger than 1 MiB", name);
	else if (strlen(text) != n)
		r = fail(err, EINVAL, "'%s' holds a NUL byte", name);
	if (in != stdin)
		fclose(in);
	if (r < 0)
		free(text);
	else
		*ret = text;
	return r;
}

static int update_one(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err)
{
	const struct mr_update *update = arg;
	struct mr_container *c = NULL;
	int r = mr_container_open(ctx->root, id, &c, err);

	if (r < 0)
		return r;
	struct context copy = *ctx;
	r = mr_container_update(c, update, report_message, &copy, err);
	mr_container_close(c);
	if (r == 0 && !update->resources)
		printf("%s\n", id);
	return r;
}

int cmd_update(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct mr_update update = {0};
	struct arguments args;
	char *text = NULL;
	int r = command_parse(ctx, options, &update, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, -1, err);
	if (r == 0 && update.resources_name) {
		r = read_resources(update.resources_name, &text, err);
		update.resources = text;
		if (strcmp(update.resources_name, "-") == 0)
			update.resources_name = "standard input";
	}
	if (r == 0)
		r = ids_each(ctx, args.items, update_one, &update, err);
	free(text);
	return r;
}
