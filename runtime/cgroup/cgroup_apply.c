/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write the planned rows and attach the device program. Decides nothing, but explains:
 * the kernel answers a bad value with one errno, and here it is known which field, value
 * and file it was for.
 *
 * Each row is one write(2), as cgroup files demand; rows that go to the same file in a
 * row (the device list) share its descriptor.
 *
 * A v1 cpuset starts empty, and no process can join it before it has CPUs and memory
 * nodes: so they are copied down from the parents first.
 *
 * cgroups(7), cpuset(7)
 */
#include "cgroup/bpf.h"
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct applier {
	struct mr_cgroup *cg;
	struct mr_strv *warnings;
	struct mr_error *err;
	/* The file that the last row went to. */
	const char *file;
	int dir, fd;
	bool devices_warned;
};

/* --- errors --- */

static void describe_usage(
	int dir, const char *usage, const char *peak, struct mr_str *out)
{
	uint64_t used, highest;
	char a[24], b[24];

	if (mr_read_u64_at(dir, usage, &used) < 0)
		return;
	mr_str_appendf(
		out, " (in use: %" PRIu64 " bytes, %s", used, mr_format_size(used, a));
	if (mr_read_u64_at(dir, peak, &highest) == 0)
		mr_str_appendf(out, "; peak: %" PRIu64 ", %s", highest,
			mr_format_size(highest, b));
	mr_str_append(out, ")");
}

/* What the kernel compares a new memory limit with. */
static void describe_memory(int dir, const char *file, struct mr_str *out)
{
	if (mr_has_prefix(file, "memory.memsw."))
		describe_usage(dir, "memory.memsw.usage_in_bytes",
			"memory.memsw.max_usage_in_bytes", out);
	else if (mr_streq(file, "memory.limit_in_bytes"))
		describe_usage(
			dir, "memory.usage_in_bytes", "memory.max_usage_in_bytes", out);
	else if (mr_streq(file, "memory.max") || mr_streq(file, "memory.high"))
		describe_usage(dir, "memory.current", "memory.peak", out);
}

int mr_cgroup_fail_busy(int dir, const char *field, const char *file, const char *value,
	struct mr_error *err)
{
	const char *usage = mr_has_prefix(file, "memory.memsw.") ? "memory.memsw.usage_in_bytes"
			    : mr_streq(file, "memory.max")	 ? "memory.current"
								 : "memory.usage_in_bytes";
	uint64_t used = 0, limit = 0;
	auto_str detail = {0};
	char a[24], b[24];

	mr_read_u64_at(dir, usage, &used);
	mr_parse_u64(value, &limit);
	describe_memory(dir, file, &detail);
	mr_fail_text(err, EBUSY, "%s: %s cannot be reclaimed below %s%s", field,
		mr_format_size(used, a), mr_format_size(limit, b), mr_str_text(&detail));
	mr_hint(err, "choose a limit above what is in use");
	return -EBUSY;
}

struct hint {
	const char *prefix, *text; /* of the file's name */
};

static const char *find_hint(const struct hint *hints, size_t n, const char *file)
{
	for (size_t i = 0; i < n; i++) {
		if (mr_has_prefix(file, hints[i].prefix))
			return hints[i].text;
	}
	return NULL;
}

static const struct hint missing_file[] = {
	{"memory.memsw.",
		"this kernel does not count swap: boot with swapaccount=1, or leave "
		"linux.resources.memory.swap out"},
	{"memory.swap.", "this kernel does not count swap (CONFIG_SWAP): leave "
			 "linux.resources.memory.swap out"},
	{"cpu.cfs_burst_us", "a burst needs kernel 5.14"},
	{"cpu.max.burst", "a burst needs kernel 5.14"},
	{"cpu.idle", "idle needs kernel 5.15"},
	{"cpu.cfs_", "the kernel lacks CONFIG_CFS_BANDWIDTH"},
	{"cpu.max", "the kernel lacks CONFIG_CFS_BANDWIDTH"},
	{"cpu.rt_", "the kernel lacks CONFIG_RT_GROUP_SCHED"},
	{"blkio.throttle.", "the kernel lacks CONFIG_BLK_DEV_THROTTLING"},
	{"io.max", "the kernel lacks CONFIG_BLK_DEV_THROTTLING"},
	{"blkio.leaf_weight", "leaf weights went away with kernel 5.0"},
	{"blkio.", "weights need the bfq scheduler (modprobe bfq)"},
	{"io.", "weights need the bfq scheduler (modprobe bfq) or CONFIG_BLK_CGROUP_IOCOST"},
	{"hugetlb.", "this machine has no huge pages of that size: see "
		     "/sys/kernel/mm/hugepages"},
};

static const struct hint bad_value[] = {
	{"memory.memsw.",
		"memory and swap together cannot be less than the memory limit"},
	{"memory.use_hierarchy",
		"since kernel 5.11 a cgroup always counts those below it: leave "
		"linux.resources.memory.useHierarchy out"},
	{"memory.swappiness", "0 to 100 are possible"},
	{"cpu.cfs_quota_us",
		"a quota is at least 1000 us, and not more of the CPU than the "
		"parent has"},
	{"cpu.cfs_period_us", "a period is 1000 to 1000000 us"},
	{"cpu.max.burst", "a burst cannot be more than the quota"},
	{"cpu.max", "a quota is at least 1000 us, a period 1000 to 1000000 us"},
	{"cpu.cfs_burst_us", "a burst cannot be more than the quota"},
	{"cpu.rt_", "not more realtime than the parent has: see cpu.rt_runtime_us there"},
	{"cpuset.", "a list as 0-3,7 is needed, and each must exist and be the parent's"},
	{"blkio.", "a weight is 10 to 1000 (bfq: 1 to 1000)"},
	{"io.bfq.weight", "a weight is 1 to 1000"},
};

#define FIND_HINT(table, file) find_hint(table, sizeof(table) / sizeof((table)[0]), file)

static void hint_row(
	struct applier *a, const struct mr_cgroup_row *row, const char *file, int errnum)
{
	const char *hint = NULL;

	if (errnum == ENOENT)
		hint = FIND_HINT(missing_file, file);
	else if (errnum == EINVAL || errnum == ERANGE ||
		 (errnum == EACCES && row->controller == MR_CTL_CPUSET))
		hint = FIND_HINT(bad_value, file);
	if (hint)
		mr_hint(a->err, "%s", hint);
	else if (errnum == ENODEV && row->controller == MR_CTL_BLKIO)
		mr_hint(a->err, "no such block device (partitions cannot be limited)");
	else if (errnum == EACCES || errnum == EPERM)
		mr_hint(a->err, "run as root, or have the cgroup delegated to this user");
}

static int row_hierarchy(const struct mr_host *host, const struct mr_cgroup_row *row)
{
	return row->core ? host->unified : host->owner[row->controller];
}

static int fail_row(struct applier *a, const struct mr_cgroup_row *row, const char *file,
	const char *value, int errnum)
{
	const struct mr_host *host = a->cg->host;
	int h = row_hierarchy(host, row);
	auto_str usage = {0};

	if (errnum == EBUSY && row->controller == MR_CTL_MEMORY)
		return mr_cgroup_fail_busy(a->cg->dir[h], row->field, file, value, a->err);
	if (errnum == EINVAL)
		describe_memory(a->cg->dir[h], file, &usage);
	mr_fail(a->err, errnum, "%s: write '%s' to %s%s/%s%s", row->field, value,
		host->hierarchies[h].mount_point, a->cg->path, file, mr_str_text(&usage));
	hint_row(a, row, file, errnum);
	return -errnum;
}

static int warn(struct applier *a, const struct mr_cgroup_row *row, const char *text)
{
	if (mr_strv_addf(a->warnings, "%s: %s", row->field, text) < 0)
		return mr_fail(a->err, ENOMEM, "warn");
	return 0;
}

/* One warning for the whole list. */
static int warn_devices(struct applier *a)
{
	if (a->devices_warned)
		return 0;
	a->devices_warned = true;
	return mr_cgroup_warn_devices(a->warnings, a->err);
}

/* --- rows --- */

static int write_file(struct applier *a, int dir, const char *file, const char *value)
{
	if (a->fd < 0 || a->dir != dir || strcmp(a->file, file) != 0) {
		mr_close(&a->fd);
		a->fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		if (a->fd < 0)
			return -errno;
		a->dir = dir;
		a->file = file;
	}
	ssize_t n;
	do {
		n = write(a->fd, value, strlen(value));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * A directory that was there may have limits, and memory may not rise above memory+swap:
 * then memory+swap has to go first. On a fresh cgroup it is the other way round. So with a
 * period, which with the old quota would be more of the CPU than the parent has.
 */
static int write_partner_first(
	struct applier *a, const struct mr_cgroup_rows *rows, size_t i, int dir)
{
	const char *file = rows->items[i].file;
	const char *partner = mr_streq(file, "memory.limit_in_bytes")
				      ? "memory.memsw.limit_in_bytes"
			      : mr_streq(file, "cpu.cfs_period_us") ? "cpu.cfs_quota_us"
								    : NULL;

	for (size_t k = i + 1; partner && k < rows->n; k++) {
		if (!mr_streq(rows->items[k].file, partner))
			continue;
		int r = write_file(a, dir, partner, rows->items[k].value);
		return r < 0 ? -EINVAL
			     : write_file(
				       a, dir, rows->items[i].file, rows->items[i].value);
	}
	return -EINVAL;
}

static int write_row(struct applier *a, const struct mr_cgroup_rows *rows, size_t i)
{
	const struct mr_cgroup_row *row = &rows->items[i];
	const char *file = row->file, *value = row->value;
	int h = row_hierarchy(a->cg->host, row);
	int dir = h < 0 ? -1 : a->cg->dir[h];

	if (dir < 0)
		return mr_fail_text(a->err, EINVAL, "%s: the container has no %s cgroup",
			row->field, mr_controller_name(row->controller, false));
	int r = write_file(a, dir, file, value);
	if (r == -ENOENT && row->else_file) {
		file = row->else_file;
		value = row->else_value;
		r = write_file(a, dir, file, value);
	}
	if (r == -EINVAL)
		r = write_partner_first(a, rows, i, dir) == 0 ? 0 : r;
	if (r == 0)
		return 0;
	if (r == -ENOENT && row->optional)
		return warn(a, row, "not written, this kernel has no file for it");
	if (row->controller == MR_CTL_DEVICES && (r == -EPERM || r == -EACCES) &&
		a->cg->host->rootless)
		return warn_devices(a);
	return fail_row(a, row, file, value, -r);
}

/* --- cpuset --- */

/*
 * Make sure that the cgroup at @path has a value in @file and return it.
 *
 * @param path below the hierarchy's root; cut for the parents and restored
 */
static int copy_down(
	struct applier *a, int h, char *path, const char *file, char *value, size_t cap)
{
	char full[MR_CGROUP_FULL_MAX + 32];
	const char *mount = a->cg->host->hierarchies[h].mount_point;
	int r;

	snprintf(full, sizeof(full), "%s%s/%s", mount, path, file);
	ssize_t n = mr_read_line_at(AT_FDCWD, full, value, cap);
	if (n < 0)
		return mr_fail(a->err, (int)-n, "read %s", full);
	if (n > 0)
		return 0;
	char *slash = strrchr(path, '/');
	if (!slash)
		return mr_fail_text(a->err, EINVAL, "%s is empty", full);
	*slash = '\0';
	r = copy_down(a, h, path, file, value, cap);
	*slash = '/';
	if (r < 0)
		return r;
	r = mr_write_file_at(AT_FDCWD, full, value);
	return r < 0 ? mr_fail(a->err, -r, "write '%s' to %s", value, full) : 0;
}

static int fill_cpuset(struct applier *a)
{
	const struct mr_host *host = a->cg->host;
	int h = host->owner[MR_CTL_CPUSET];
	char path[MR_CGROUP_PATH_MAX], value[4096];

	if (h < 0 || host->hierarchies[h].v2 || a->cg->dir[h] < 0)
		return 0;
	snprintf(path, sizeof(path), "%s", a->cg->path);
	int r = copy_down(a, h, path, "cpuset.cpus", value, sizeof(value));
	return r < 0 ? r : copy_down(a, h, path, "cpuset.mems", value, sizeof(value));
}

/* --- devices --- */

static int attach_devices(struct applier *a, const struct mr_cgroup_plan *plan)
{
	autofree struct bpf_insn *insns = NULL;
	size_t n;

	if (plan->n_device_rules == 0)
		return 0;
	int r = mr_bpf_device_program(
		plan->device_rules, plan->n_device_rules, &insns, &n, a->err);
	if (r < 0)
		return r;
	r = mr_bpf_device_attach(mr_cgroup_dir(a->cg, MR_CTL_DEVICES), insns, n, a->err);
	return r < 0 ? mr_prefix(a->err, "linux.resources.devices") : 0;
}

int mr_cgroup_apply(const struct mr_cgroup_plan *plan, struct mr_cgroup *cg,
	struct mr_strv *warnings, struct mr_error *err)
{
	struct applier a = {
		.cg = cg, .warnings = warnings, .err = err, .dir = -1, .fd = -1};
	int r = fill_cpuset(&a);

	for (size_t i = 0; i < plan->rows.n && r == 0; i++)
		r = write_row(&a, &plan->rows, i);
	mr_close(&a.fd);
	return r < 0 ? r : attach_devices(&a, plan);
}
