/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `events` tells of a container's use of resources, in the schema of runc's events
 * (types.Stats), from v1 and v2 files alike: nanoseconds of CPU time, memory+swap as one
 * number. What cannot be read is left out; runc writes 0 there. Ours beside: memory.peak
 * under its own name and, where there is a cgroup2 tree, also on hybrid hosts, pressure.
 *
 * cgroups(7), proc_pressure_memory(5), Documentation/admin-guide/cgroup-v1/,
 * cgroup-v2.rst
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const struct mr_cgroup *cg;
	struct mr_json_writer *w;
	int v2; /* the cgroup2 directory, -1: none */
	struct mr_cgroup_text text;
};

static bool is_v2(const struct reader *r, enum mr_controller c)
{
	return mr_host_is_v2(r->cg->host, c);
}

static void put(const struct reader *r, const char *key, struct mr_uint v)
{
	if (v.set)
		mr_json_put_uint(r->w, key, v.value);
}

static void put_file(const struct reader *r, const char *key, int dir, const char *file)
{
	if (dir >= 0)
		put(r, key, mr_cgroup_read_number(dir, file));
}

static struct mr_uint times(struct mr_uint v, uint64_t factor)
{
	v.value *= factor;
	return v;
}

/* --- pressure --- */

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void put_pressure_line(struct mr_json_writer *w, const char *kind, const char *text)
{
	char line[128];
	const char *at = strstr(text, kind);
	char *rest = line;

	if (!at)
		return;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	mr_json_begin_object(w, kind);
	for (char *word; (word = strsep(&rest, " ")) != NULL;) {
		char *value = strchr(word, '=');
		if (!value || !value[1] || value[1 + strspn(value + 1, "0123456789.")])
			continue;
		*value++ = '\0';
		mr_json_put_raw(w, word, value);
	}
	mr_json_end(w);
}

static void put_pressure(struct reader *r, const char *file)
{
	const char *text = mr_cgroup_read_text(r->v2, file, &r->text);

	if (!text || !*text)
		return;
	mr_json_begin_object(r->w, "psi");
	put_pressure_line(r->w, "some", text);
	put_pressure_line(r->w, "full", text);
	mr_json_end(r->w);
}

/* --- cpu --- */

/* Numbers with blanks between them. */
static void put_numbers(struct reader *r, const char *key, int dir, const char *file)
{
	const char *text = mr_cgroup_read_text(dir, file, &r->text);

	if (!text)
		return;
	mr_json_begin_array(r->w, key);
	for (size_t n; (n = strspn(text, "0123456789")) > 0; text += n + strspn(text + n, " \n")) {
		char number[24];
		uint64_t v;
		snprintf(number, sizeof(number), "%.*s", (int)n, text);
		if (mr_parse_u64(number, &v) == 0)
			mr_json_put_uint(r->w, NULL, v);
	}
	mr_json_end(r->w);
}

static void put_cpu_usage(struct reader *r, const struct mr_cgroup_usage *u)
{
	const int v1 = is_v2(r, MR_CTL_CPUACCT) ? -1 : mr_cgroup_dir(r->cg, MR_CTL_CPUACCT);

	mr_json_begin_object(r->w, "usage");
	if (v1 >= 0) {
		put_file(r, "total", v1, "cpuacct.usage");
		put_numbers(r, "percpu", v1, "cpuacct.usage_percpu");
		put_numbers(r, "percpu_kernel", v1, "cpuacct.usage_percpu_sys");
		put_numbers(r, "percpu_user", v1, "cpuacct.usage_percpu_user");
		put_file(r, "kernel", v1, "cpuacct.usage_sys");
		put_file(r, "user", v1, "cpuacct.usage_user");
	} else {
		put(r, "total", times(u->cpu_usage_usec, 1000));
		put(r, "kernel", times(u->cpu_system_usec, 1000));
		put(r, "user", times(u->cpu_user_usec, 1000));
	}
	mr_json_end(r->w);
}

static void put_throttling(struct reader *r)
{
	const bool v2 = is_v2(r, MR_CTL_CPU);
	const int dir = v2 ? r->v2 : mr_cgroup_dir(r->cg, MR_CTL_CPU);
	const char *stat = mr_cgroup_read_text(dir, "cpu.stat", &r->text);

	mr_json_begin_object(r->w, "throttling");
	put(r, "periods", mr_cgroup_keyed_uint(stat, "nr_periods"));
	put(r, "throttledPeriods", mr_cgroup_keyed_uint(stat, "nr_throttled"));
	put(r, "throttledTime",
		v2 ? times(mr_cgroup_keyed_uint(stat, "throttled_usec"), 1000)
		   : mr_cgroup_keyed_uint(stat, "throttled_time"));
	mr_json_end(r->w);
}

static void put_cpu(struct reader *r, const struct mr_cgroup_usage *u)
{
	mr_json_begin_object(r->w, "cpu");
	put_cpu_usage(r, u);
	put_throttling(r);
	put_pressure(r, "cpu.pressure");
	mr_json_end(r->w);
}

/* "0-2,5" */
static void put_list(struct reader *r, const char *key, int dir, const char *file)
{
	char line[1024];
	char *rest = line;

	if (mr_read_line_at(dir, file, line, sizeof(line)) < 0)
		return;
	mr_json_begin_array(r->w, key);
	for (char *word; (word = strsep(&rest, ",")) != NULL;) {
		uint64_t from, to;
		char *dash = strchr(word, '-');
		if (dash)
			*dash = '\0';
		if (mr_parse_u64(word, &from) < 0 ||
			mr_parse_u64(dash ? dash + 1 : word, &to) < 0 || to > UINT16_MAX)
			continue;
		for (; from <= to; from++)
			mr_json_put_uint(r->w, NULL, from);
	}
	mr_json_end(r->w);
}

static void put_cpuset(struct reader *r)
{
	static const char *const flags[][2] = {
		{"cpu_exclusive", "cpuset.cpu_exclusive"},
		{"mem_hardwall", "cpuset.mem_hardwall"},
		{"mem_exclusive", "cpuset.mem_exclusive"},
		{"memory_migrate", "cpuset.memory_migrate"},
		{"memory_spread_page", "cpuset.memory_spread_page"},
		{"memory_spread_slab", "cpuset.memory_spread_slab"},
		{"memory_pressure", "cpuset.memory_pressure"},
		{"sched_load_balance", "cpuset.sched_load_balance"},
	};
	const int dir = mr_cgroup_dir(r->cg, MR_CTL_CPUSET);
	const bool v2 = is_v2(r, MR_CTL_CPUSET);
	char level[24];
	int64_t v;

	mr_json_begin_object(r->w, "cpuset");
	if (dir >= 0) {
		put_list(r, "cpus", dir, v2 ? "cpuset.cpus.effective" : "cpuset.cpus");
		put_list(r, "mems", dir, v2 ? "cpuset.mems.effective" : "cpuset.mems");
	}
	for (size_t i = 0; !v2 && i < sizeof(flags) / sizeof(flags[0]); i++)
		put_file(r, flags[i][0], dir, flags[i][1]);
	if (!v2 && dir >= 0 &&
		mr_read_line_at(dir, "cpuset.sched_relax_domain_level", level,
			sizeof(level)) > 0 &&
		mr_parse_i64(level, &v) == 0)
		mr_json_put_int(r->w, "sched_relax_domain_level", v);
	mr_json_end(r->w);
}

/* --- memory --- */

static struct mr_uint stat_of(const struct mr_cgroup_usage *u, const char *name)
{
	for (size_t i = 0; i < u->n_stat; i++) {
		if (mr_streq(u->stat[i].name, name))
			return (struct mr_uint){true, u->stat[i].value};
	}
	return (struct mr_uint){0};
}

static struct mr_uint sum(struct mr_uint a, struct mr_uint b)
{
	if (a.value == UINT64_MAX || b.value == UINT64_MAX)
		return (struct mr_uint){a.set && b.set, UINT64_MAX};
	return (struct mr_uint){a.set && b.set, a.value + b.value};
}

static void put_entry(const struct reader *r, const char *key, struct mr_uint limit,
	struct mr_uint usage, struct mr_uint max, struct mr_uint failcnt)
{
	mr_json_begin_object(r->w, key);
	put(r, "limit", limit);
	put(r, "usage", usage);
	put(r, "max", max);
	put(r, "failcnt", failcnt);
	mr_json_end(r->w);
}

static void put_entry_v1(const struct reader *r, const char *key, int dir, const char *name)
{
	static const char *const parts[] = {
		"limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"};
	struct mr_uint v[4] = {{0}};
	char file[64];

	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "memory.%s%s", name, parts[i]);
		v[i] = mr_cgroup_read_number(dir, file);
	}
	put_entry(r, key, v[0], v[1], v[2], v[3]);
}

static void put_entries_v2(const struct reader *r, int dir, const struct mr_cgroup_usage *u)
{
	const struct mr_uint none = {0};
	struct mr_uint limit = mr_cgroup_read_number(dir, "memory.max");
	struct mr_uint swap = mr_cgroup_read_number(dir, "memory.swap.max");

	put_entry(r, "usage", limit, u->memory, u->memory_peak, u->failcnt);
	put_entry(r, "swap", sum(limit, swap), sum(u->memory, u->swap), none, none);
	put_entry(r, "kernel", none, stat_of(u, "kernel"), none, none);
	put_entry(r, "kernelTCP", none, stat_of(u, "sock"), none, none);
}

static void put_memory(struct reader *r, const struct mr_cgroup_usage *u)
{
	const int dir = mr_cgroup_dir(r->cg, MR_CTL_MEMORY);
	const bool v2 = is_v2(r, MR_CTL_MEMORY);

	mr_json_begin_object(r->w, "memory");
	put(r, "cache", stat_of(u, v2 ? "file" : "cache"));
	if (dir >= 0 && v2) {
		put_entries_v2(r, dir, u);
	} else if (dir >= 0) {
		put_entry_v1(r, "usage", dir, "");
		put_entry_v1(r, "swap", dir, "memsw.");
		put_entry_v1(r, "kernel", dir, "kmem.");
		put_entry_v1(r, "kernelTCP", dir, "kmem.tcp.");
	}
	put(r, "peak", u->memory_peak);
	mr_json_begin_object(r->w, "raw");
	for (size_t i = 0; i < u->n_stat; i++)
		mr_json_put_uint(r->w, u->stat[i].name, u->stat[i].value);
	mr_json_end(r->w);
	put_pressure(r, "memory.pressure");
	mr_json_end(r->w);
}

/* --- the rest --- */

static void put_pids(const struct reader *r)
{
	const int dir = mr_cgroup_dir(r->cg, MR_CTL_PIDS);

	mr_json_begin_object(r->w, "pids");
	put_file(r, "current", dir, "pids.current");
	if (dir >= 0) {
		struct mr_uint limit = mr_cgroup_read_number(dir, "pids.max");
		if (limit.value == UINT64_MAX)
			limit.value = 0; /* runc's word for none */
		put(r, "limit", limit);
	}
	mr_json_end(r->w);
}

static void put_block(const struct reader *r, unsigned major, unsigned minor, const char *op,
	unsigned long long value)
{
	mr_json_begin_object(r->w, NULL);
	mr_json_put_uint(r->w, "major", major);
	mr_json_put_uint(r->w, "minor", minor);
	mr_json_put_text(r->w, "op", op);
	mr_json_put_uint(r->w, "value", value);
	mr_json_end(r->w);
}

/* v1: "8:0 Read 4096", and at the end "Total 4096". */
static void put_blkio_v1(struct reader *r, const char *key, int dir, const char *file)
{
	const char *line = mr_cgroup_read_text(dir, file, &r->text);

	mr_json_begin_array(r->w, key);
	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		unsigned major, minor;
		unsigned long long value;
		char op[16];
		if (sscanf(line, "%u:%u %15s %llu", &major, &minor, op, &value) == 4)
			put_block(r, major, minor, op, value);
	}
	mr_json_end(r->w);
}

/* v2: "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0". @what "bytes" or "ios" */
static void put_blkio_v2(struct reader *r, const char *key, const char *what)
{
	static const char *const ops[][2] = {{" r", "Read"}, {" w", "Write"}, {" d", "Discard"}};
	const char *line = mr_cgroup_read_text(r->v2, "io.stat", &r->text);

	mr_json_begin_array(r->w, key);
	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		unsigned major, minor;
		unsigned long long value;
		if (sscanf(line, "%u:%u ", &major, &minor) != 2)
			continue;
		for (int i = 0; i < 3; i++) {
			char name[16];
			snprintf(name, sizeof(name), "%s%s=", ops[i][0], what);
			const char *at = strstr(line, name);
			if (at && at < line + strcspn(line, "\n") &&
				sscanf(at + strlen(name), "%llu", &value) == 1)
				put_block(r, major, minor, ops[i][1], value);
		}
	}
	mr_json_end(r->w);
}

static void put_blkio(struct reader *r)
{
	static const char bytes[] = "ioServiceBytesRecursive", ios[] = "ioServicedRecursive";
	const int dir = mr_cgroup_dir(r->cg, MR_CTL_BLKIO);

	mr_json_begin_object(r->w, "blkio");
	if (dir >= 0 && is_v2(r, MR_CTL_BLKIO)) {
		put_blkio_v2(r, bytes, "bytes");
		put_blkio_v2(r, ios, "ios");
	} else if (dir >= 0) {
		put_blkio_v1(r, bytes, dir, "blkio.throttle.io_service_bytes_recursive");
		put_blkio_v1(r, ios, dir, "blkio.throttle.io_serviced_recursive");
	}
	put_pressure(r, "io.pressure");
	mr_json_end(r->w);
}

static void put_hugetlb_part(const struct reader *r, int dir, const char *size,
	const char *key, const char *part)
{
	char file[96];

	snprintf(file, sizeof(file), "hugetlb.%s.%s", size, part);
	put_file(r, key, dir, file);
}

/* v2 has no peak, and counts refusals in a file of events. */
static void put_hugetlb_size(struct reader *r, int dir, const char *size, bool v2)
{
	char file[64];

	mr_json_begin_object(r->w, size);
	put_hugetlb_part(r, dir, size, "usage", v2 ? "current" : "usage_in_bytes");
	if (v2) {
		snprintf(file, sizeof(file), "hugetlb.%s.events", size);
		put(r, "failcnt",
			mr_cgroup_keyed_uint(mr_cgroup_read_text(dir, file, &r->text), "max"));
	} else {
		put_hugetlb_part(r, dir, size, "max", "max_usage_in_bytes");
		put_hugetlb_part(r, dir, size, "failcnt", "failcnt");
	}
	mr_json_end(r->w);
}

/* One entry a page size; the names of the files tell which there are. */
static void put_hugetlb(struct reader *r)
{
	const int dir = mr_cgroup_dir(r->cg, MR_CTL_HUGETLB);
	const bool v2 = is_v2(r, MR_CTL_HUGETLB);
	const char *suffix = v2 ? ".current" : ".usage_in_bytes";
	int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	mr_json_begin_object(r->w, "hugetlb");
	for (struct dirent *e; d && (e = readdir(d));) {
		char size[32];
		if (!mr_has_prefix(e->d_name, "hugetlb.") || !mr_has_suffix(e->d_name, suffix))
			continue;
		snprintf(size, sizeof(size), "%.*s", (int)strcspn(e->d_name + 8, "."),
			e->d_name + 8);
		if (strlen(size) + 8 + strlen(suffix) == strlen(e->d_name)) /* not .rsvd */
			put_hugetlb_size(r, dir, size, v2);
	}
	mr_json_end(r->w);
	if (d)
		closedir(d);
	else
		mr_close(&fd);
}

int mr_cgroup_put_stats(const struct mr_cgroup *cg, const char *key,
	struct mr_json_writer *w, struct mr_error *err)
{
	struct reader r = {.cg = cg, .w = w, .v2 = mr_cgroup_clone_fd(cg)};
	struct mr_cgroup_usage usage;
	int ret = mr_cgroup_read_usage(cg, &usage, err);

	if (ret < 0)
		return ret;
	mr_json_begin_object(w, key);
	put_cpu(&r, &usage);
	put_cpuset(&r);
	put_memory(&r, &usage);
	put_pids(&r);
	put_blkio(&r);
	put_hugetlb(&r);
	mr_json_begin_object(w, "intel_rdt");
	mr_json_end(w);
	mr_json_put_null(w, "network_interfaces");
	mr_json_end(w);
	mr_cgroup_usage_clear(&usage);
	return 0;
}
