/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel made of the limits, and what was used. Everything that cannot be read
 * stays unset: unknown is not zero.
 *
 * The limit that counts may be an ancestor's. v1 computes the smallest on the way to the
 * root itself (hierarchical_memory_limit, seen also from inside a cgroup namespace, where
 * the ancestors are not); v2 does not, so there the ancestors are read.
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* v1 shows "no limit" as the largest number of whole pages, which depends on the page
 * size; the largest pages that Linux has are 64 KiB. */
#define V1_UNLIMITED UINT64_C(0x7fffffffffff0000)

/* A cgroup file comes whole with the first read(2), if the buffer is large enough: the
 * second one that would say "end of file" is saved for each of some fifteen files of a
 * launch.
 * @return length, NUL-terminated, last newline kept; or -errno */
static ssize_t read_once(int dir, const char *file, char *buf, size_t cap)
{
	autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	ssize_t n;
	do {
		n = read(fd, buf, cap - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

struct mr_uint mr_cgroup_read_number(int dir, const char *file)
{
	struct mr_uint v = {0};
	char text[64];

	if (read_once(dir, file, text, sizeof(text)) <= 0)
		return v;
	text[strcspn(text, "\n")] = '\0';
	if (mr_streq(text, "max"))
		v = (struct mr_uint){true, UINT64_MAX};
	else
		v.set = mr_parse_u64(text, &v.value) == 0;
	return v;
}

static struct mr_uint without_unlimited(struct mr_uint v)
{
	return v.set && v.value >= V1_UNLIMITED ? (struct mr_uint){0} : v;
}

static struct mr_uint read_limit(int dir, const char *file)
{
	return without_unlimited(mr_cgroup_read_number(dir, file));
}

const char *mr_cgroup_read_text(int dir, const char *file, struct mr_cgroup_text *buffer)
{
	if (dir < 0 || read_once(dir, file, buffer->data, sizeof(buffer->data)) < 0)
		return NULL;
	return buffer->data;
}

struct mr_uint mr_cgroup_keyed_uint(const char *text, const char *key)
{
	struct mr_uint v = {0};

	v.set = text && mr_cgroup_keyed(text, key, &v.value);
	return v;
}

/* --- limits --- */

static void use_own(const struct mr_cgroup *cg, struct mr_cgroup_limits *ret)
{
	ret->effective_memory = ret->memory;
	snprintf(ret->effective_cgroup, sizeof(ret->effective_cgroup), "%s",
		ret->memory.set ? cg->path : "");
}

/* The nearest ancestor (or the cgroup itself) with the smallest limit. */
static void find_effective(const struct mr_cgroup *cg, int h, const char *file,
	struct mr_cgroup_limits *ret)
{
	char path[MR_CGROUP_PATH_MAX], full[MR_CGROUP_FULL_MAX + 64];

	use_own(cg, ret);
	snprintf(path, sizeof(path), "%s", cg->path);
	/* The root of v2 has no limit, unless it is the root of a cgroup namespace. */
	for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
		*slash = '\0';
		snprintf(full, sizeof(full), "%s%s/%s",
			cg->host->hierarchies[h].mount_point, path, file);
		struct mr_uint limit = read_limit(AT_FDCWD, full);
		if (!limit.set || (ret->effective_memory.set &&
					  limit.value >= ret->effective_memory.value))
			continue;
		ret->effective_memory = limit;
		snprintf(ret->effective_cgroup, sizeof(ret->effective_cgroup), "%s",
			*path ? path : "/");
	}
}

/* Ask the kernel first: in the usual case that saves reading the ancestors. */
static void find_effective_v1(
	const struct mr_cgroup *cg, int h, struct mr_cgroup_limits *ret)
{
	const struct mr_uint own = ret->memory;
	struct mr_cgroup_text buffer;
	const char *stat = mr_cgroup_read_text(cg->dir[h], "memory.stat", &buffer);
	struct mr_uint smallest = mr_cgroup_keyed_uint(stat, "hierarchical_memory_limit");

	if (smallest.set && smallest.value >= V1_UNLIMITED)
		return;
	if (smallest.set && own.set && own.value == smallest.value) {
		use_own(cg, ret);
		return;
	}
	find_effective(cg, h, "memory.limit_in_bytes", ret);
	if (smallest.set && (!ret->effective_memory.set ||
				    smallest.value < ret->effective_memory.value)) {
		ret->effective_memory = smallest;
		snprintf(ret->effective_cgroup, sizeof(ret->effective_cgroup), "/..");
	}
}

/* Has @file of a cgroup made by @plan still its first value? */
static bool is_untouched(
	const struct mr_cgroup *cg, const struct mr_cgroup_plan *plan, const char *file)
{
	if (!plan || cg->memory_origin == MR_CGROUP_FOUND)
		return false;
	for (size_t i = 0; i < plan->rows.n; i++) {
		if (mr_streq(plan->rows.items[i].file, file))
			return false;
	}
	return true;
}

/* A limit that a new cgroup is without. */
static struct mr_uint read_own(
	const struct mr_cgroup *cg, int h, const struct mr_cgroup_plan *plan, const char *file)
{
	return is_untouched(cg, plan, file) ? (struct mr_uint){0}
					       : read_limit(cg->dir[h], file);
}

static void memory_limits_v1(const struct mr_cgroup *cg, int h,
	const struct mr_cgroup_plan *plan, struct mr_cgroup_limits *ret)
{
	static const char control[] = "memory.oom_control";
	const bool topmost = plan && cg->memory_origin == MR_CGROUP_TOPMOST;
	struct mr_cgroup_text buffer;

	ret->memory_version = 1;
	ret->memory = read_own(cg, h, plan, "memory.limit_in_bytes");
	ret->memory_swap = read_own(cg, h, plan, "memory.memsw.limit_in_bytes");
	ret->reservation = read_own(cg, h, plan, "memory.soft_limit_in_bytes");
	/* A new cgroup has this from its parent. */
	if (topmost && is_untouched(cg, plan, control)) {
		ret->oom_kill_disable = (struct mr_bool){true, false};
	} else {
		const char *text = mr_cgroup_read_text(cg->dir[h], control, &buffer);
		struct mr_uint disabled = mr_cgroup_keyed_uint(text, "oom_kill_disable");
		ret->oom_kill_disable = (struct mr_bool){disabled.set, disabled.value != 0};
	}
	if (topmost)
		use_own(cg, ret);
	else
		find_effective_v1(cg, h, ret);
}

static void memory_limits_v2(const struct mr_cgroup *cg, int h,
	const struct mr_cgroup_plan *plan, struct mr_cgroup_limits *ret)
{
	struct mr_uint max = mr_cgroup_read_number(cg->dir[h], "memory.max");
	struct mr_uint swap = read_own(cg, h, plan, "memory.swap.max");

	/* The cgroup may be there without its parent having given it the controller. */
	if (!max.set)
		return;
	ret->memory_version = 2;
	ret->memory = without_unlimited(max);
	ret->reservation = read_own(cg, h, plan, "memory.low");
	if (ret->reservation.set && ret->reservation.value == 0)
		ret->reservation.set = false; /* v2's word for none */
	if (ret->memory.set && swap.set)
		ret->memory_swap = (struct mr_uint){true, ret->memory.value + swap.value};
	if (plan && cg->memory_origin == MR_CGROUP_TOPMOST)
		use_own(cg, ret);
	else
		find_effective(cg, h, "memory.max", ret);
}

static void cpu_limits_v2(int dir, struct mr_cgroup_limits *ret)
{
	char line[64];

	if (read_once(dir, "cpu.max", line, sizeof(line)) <= 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	char *blank = strchr(line, ' ');
	if (!blank)
		return;
	*blank = '\0';
	ret->cpu_period.set = mr_parse_u64(blank + 1, &ret->cpu_period.value) == 0;
	ret->cpu_quota.set = mr_parse_i64(line, &ret->cpu_quota.value) == 0;
}

static void cpu_limits_v1(int dir, struct mr_cgroup_limits *ret)
{
	char line[64];

	ret->cpu_period = mr_cgroup_read_number(dir, "cpu.cfs_period_us");
	if (read_once(dir, "cpu.cfs_quota_us", line, sizeof(line)) <= 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	ret->cpu_quota.set = mr_parse_i64(line, &ret->cpu_quota.value) == 0 &&
			     ret->cpu_quota.value >= 0;
}

void mr_cgroup_read_limits(const struct mr_cgroup *cg, const struct mr_cgroup_plan *plan,
	struct mr_cgroup_limits *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!cg->host)
		return;
	const int h = cg->host->owner[MR_CTL_MEMORY];
	const int pids = mr_cgroup_dir(cg, MR_CTL_PIDS),
		  cpu = mr_cgroup_dir(cg, MR_CTL_CPU);

	if (h >= 0 && cg->dir[h] >= 0) {
		if (cg->host->hierarchies[h].v2)
			memory_limits_v2(cg, h, plan, ret);
		else
			memory_limits_v1(cg, h, plan, ret);
	}
	if (pids >= 0)
		ret->pids = read_limit(pids, "pids.max");
	if (cpu >= 0 && mr_host_is_v2(cg->host, MR_CTL_CPU))
		cpu_limits_v2(cpu, ret);
	else if (cpu >= 0)
		cpu_limits_v1(cpu, ret);
}

/* --- usage --- */

static int parse_stat(const char *text, struct mr_cgroup_usage *ret)
{
	size_t lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ret->stat = calloc(lines + 1, sizeof(*ret->stat));
	if (!ret->stat)
		return -ENOMEM;

	for (const char *line = text; line && *line && ret->n_stat <= lines;) {
		struct mr_stat_entry *e = &ret->stat[ret->n_stat];
		size_t n = strcspn(line, " \n");
		if (n < sizeof(e->name) && line[n] == ' ') {
			memcpy(e->name, line, n);
			e->name[n] = '\0';
			if (mr_cgroup_keyed(line, e->name, &e->value))
				ret->n_stat++;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return 0;
}

static int memory_usage(const struct mr_cgroup *cg, struct mr_cgroup_usage *ret)
{
	const int dir = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	const bool v2 = mr_host_is_v2(cg->host, MR_CTL_MEMORY);
	struct mr_cgroup_text buffer, events_buffer;
	const char *stat = mr_cgroup_read_text(dir, "memory.stat", &buffer);

	if (dir < 0)
		return 0;
	if (v2) {
		const char *events = mr_cgroup_read_text(dir, "memory.events", &events_buffer);
		ret->memory = mr_cgroup_read_number(dir, "memory.current");
		ret->memory_peak = mr_cgroup_read_number(dir, "memory.peak"); /* kernel 5.19 */
		ret->swap = mr_cgroup_read_number(dir, "memory.swap.current");
		ret->swap_peak = mr_cgroup_read_number(dir, "memory.swap.peak"); /* kernel 6.5 */
		ret->failcnt = mr_cgroup_keyed_uint(events, "max");
		ret->anon = mr_cgroup_keyed_uint(stat, "anon");
	} else {
		ret->memory = mr_cgroup_read_number(dir, "memory.usage_in_bytes");
		ret->memory_peak = mr_cgroup_read_number(dir, "memory.max_usage_in_bytes");
		ret->kernel_peak = mr_cgroup_read_number(dir, "memory.kmem.max_usage_in_bytes");
		ret->failcnt = mr_cgroup_read_number(dir, "memory.failcnt");
		ret->memsw_failcnt = mr_cgroup_read_number(dir, "memory.memsw.failcnt");
		ret->swap = mr_cgroup_keyed_uint(stat, "total_swap");
		ret->anon = mr_cgroup_keyed_uint(stat, "total_rss");
	}
	return stat ? parse_stat(stat, ret) : 0;
}

static struct mr_uint pressure_total(const char *text, const char *kind)
{
	struct mr_uint v = {0};
	const char *line = text ? strstr(text, kind) : NULL;
	const char *total = line ? strstr(line, "total=") : NULL;

	if (total) {
		char number[24];
		size_t n = strspn(total + 6, "0123456789");
		if (n < sizeof(number)) {
			memcpy(number, total + 6, n);
			number[n] = '\0';
			v.set = mr_parse_u64(number, &v.value) == 0;
		}
	}
	return v;
}

/* A file of v1 says nanoseconds. */
static struct mr_uint read_usec(int dir, const char *file)
{
	struct mr_uint v = mr_cgroup_read_number(dir, file);
	v.value /= 1000;
	return v;
}

/* cpu.stat of v2 is part of the core: it is there without the cpu controller, also on
 * hybrid hosts. */
static void cpu_usage(const struct mr_cgroup *cg, int v2, struct mr_cgroup_usage *ret)
{
	const int v1 = mr_host_is_v2(cg->host, MR_CTL_CPUACCT)
			       ? -1
			       : mr_cgroup_dir(cg, MR_CTL_CPUACCT);
	if (v1 >= 0) {
		ret->cpu_usage_usec = read_usec(v1, "cpuacct.usage");
		ret->cpu_user_usec = read_usec(v1, "cpuacct.usage_user");
		ret->cpu_system_usec = read_usec(v1, "cpuacct.usage_sys");
		return;
	}
	struct mr_cgroup_text buffer;
	const char *stat = mr_cgroup_read_text(v2, "cpu.stat", &buffer);
	ret->cpu_usage_usec = mr_cgroup_keyed_uint(stat, "usage_usec");
	ret->cpu_user_usec = mr_cgroup_keyed_uint(stat, "user_usec");
	ret->cpu_system_usec = mr_cgroup_keyed_uint(stat, "system_usec");
}

int mr_cgroup_read_usage(
	const struct mr_cgroup *cg, struct mr_cgroup_usage *ret, struct mr_error *err)
{
	memset(ret, 0, sizeof(*ret));
	if (!cg->host)
		return 0;
	const int v2 = mr_cgroup_clone_fd(cg), pids = mr_cgroup_dir(cg, MR_CTL_PIDS);
	struct mr_cgroup_text buffer;
	const char *pressure = mr_cgroup_read_text(v2, "memory.pressure", &buffer);

	if (memory_usage(cg, ret) < 0)
		return mr_fail(err, ENOMEM, "read memory.stat");
	ret->psi_some_usec = pressure_total(pressure, "some ");
	ret->psi_full_usec = pressure_total(pressure, "full ");
	cpu_usage(cg, v2, ret);
	if (pids >= 0)
		ret->pids_peak = mr_cgroup_read_number(pids, "pids.peak"); /* kernel 6.6 */
	return 0;
}

void mr_cgroup_usage_clear(struct mr_cgroup_usage *u)
{
	free(u->stat);
	u->stat = NULL;
	u->n_stat = 0;
}
