/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's cgroup driver, the pure half: names, places, and limits as properties.
 *
 * A scope is a unit for processes that somebody else has started. It is delegated to us:
 * systemd owns its cgroup, and all below is ours (systemd.scope(5), "Control Group APIs and
 * Delegation"). The container's own cgroup is SCOPE/container, as crun's is:
 *
 *   machine.slice/minirun-ID.scope             the unit's limits
 *   machine.slice/minirun-ID.scope/keeper      see scope.c
 *   machine.slice/minirun-ID.scope/container   the same limits, exactly as the spec has them;
 *                                              run.oci.systemd.subgroup is another name
 *
 * So limits, device program and counters are as under the other driver, and systemd, which
 * writes its own values again at each daemon-reload, does not touch them. The unit's own
 * limits are a second fence, a little further out, so that the container's is hit first and
 * is exactly what the spec says: one task more, the keeper; and HEADROOM more memory, because
 * the kernel charges a cgroup with the structures of those below it, some KiB a processor
 * (kernel 5.10).
 *
 * systemd.unit(5), systemd.slice(5), systemd.resource-control(5)
 */
#include "cgroup/systemd.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROPERTY_PREFIX "org.systemd.property."
#define FIELD "linux.cgroupsPath"
#define SUBGROUP "run.oci.systemd.subgroup"
#define HEADROOM (4u << 20)

/* --- names --- */

static int check_name(const char *name, const char *what, struct mr_error *err)
{
	static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789:_.\\@-";

	if (strspn(name, valid) != strlen(name))
		return mr_fail_text(err, EINVAL,
			FIELD ": %s '%.200s': a unit's name has only letters, digits and "
			"the characters : _ . \\ @ -",
			what, name);
	return 0;
}

static bool is_slice(const char *slice)
{
	return mr_streq(slice, "-.slice") ||
	       (mr_has_suffix(slice, ".slice") && strlen(slice) < MR_UNIT_MAX &&
		       slice[0] != '-' && slice[0] != '.' && !strstr(slice, "--") &&
		       !strstr(slice, "-.slice"));
}

static int copy_slice(
	const char *text, size_t len, struct mr_scope_plan *ret, struct mr_error *err)
{
	const char *fallback = ret->user ? "user.slice" : "system.slice";

	if (len >= MR_UNIT_MAX)
		return mr_fail_text(err, ENAMETOOLONG, FIELD ": slice '%.80s...'", text);
	snprintf(ret->slice, sizeof(ret->slice), "%.*s", len ? (int)len : (int)strlen(fallback),
		len ? text : fallback);
	int r = check_name(ret->slice, "slice", err);
	if (r < 0 || is_slice(ret->slice))
		return r;
	mr_fail_text(err, EINVAL, FIELD ": '%s' is no slice", ret->slice);
	mr_hint(err, "a slice's name ends in .slice, and its parts are joined by single dashes: "
		     "machine.slice, a-b.slice");
	return -EINVAL;
}

static int copy_unit(const char *prefix, size_t prefix_len, const char *name,
	struct mr_scope_plan *ret, struct mr_error *err)
{
	if (!*name)
		return mr_fail_text(err, EINVAL, FIELD ": the third part, the name, is empty");
	int n = snprintf(ret->unit, sizeof(ret->unit), "%.*s%s%s.scope", (int)prefix_len,
		prefix, prefix_len ? "-" : "", name);
	if (n < 0 || (size_t)n >= sizeof(ret->unit))
		return mr_fail_text(err, ENAMETOOLONG,
			FIELD ": the unit '%.80s...' has a name of more than 255 bytes",
			ret->unit);
	return check_name(ret->unit, "unit", err);
}

static int plan_names(
	const char *wanted, const char *id, struct mr_scope_plan *ret, struct mr_error *err)
{
	static const char ours[] = "minirun";

	if (!wanted || !*wanted) {
		/* The one character that an id may have and a unit's name may not. */
		auto_str escaped = {0};
		for (; *id; id++)
			mr_str_appendf(&escaped, *id == '+' ? "\\x2b" : "%c", *id);
		if (!mr_str_ok(&escaped))
			return mr_fail(err, ENOMEM, "plan the scope");
		int r = copy_slice("", 0, ret, err);
		return r < 0 ? r : copy_unit(ours, strlen(ours), escaped.data, ret, err);
	}
	const char *prefix = strchr(wanted, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	if (!name || strchr(name + 1, ':')) {
		mr_fail_text(err, EINVAL,
			FIELD ": '%.200s': the systemd driver expects slice:prefix:name",
			wanted);
		mr_hint(err, "as in machine.slice:minirun:%s; a path belongs to "
			     "--cgroup-manager cgroupfs", id);
		return -EINVAL;
	}
	int r = copy_slice(wanted, (size_t)(prefix - wanted), ret, err);
	return r < 0 ? r
		     : copy_unit(prefix + 1, (size_t)(name - prefix - 1), name + 1, ret, err);
}

/* --- places --- */

/* Where the manager's own tree begins: its cgroup is ROOT/init.scope. */
static void read_manager_root(const char *root, struct mr_str *out)
{
	static const char scope[] = "/init.scope";
	char path[512], line[MR_CGROUP_PATH_MAX] = "";

	snprintf(path, sizeof(path), "%s/proc/1/cgroup", root);
	autofree char *text = NULL;
	if (mr_read_file_at(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return;
	for (const char *p = text; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		const char *colon = strstr(p, mr_has_prefix(p, "0::") ? "::" : ":name=systemd:");
		if (colon && colon < p + len) {
			colon = strchr(colon + 1, ':') + 1;
			snprintf(line, sizeof(line), "%.*s", (int)(p + len - colon), colon);
			if (mr_has_suffix(line, scope))
				break;
		}
		p += len;
	}
	if (mr_has_suffix(line, scope))
		mr_str_append_n(out, line, strlen(line) - strlen(scope));
}

/* Whom the kernel, outside of any user namespace, takes us for. */
static uid_t outer_uid(const char *root, uid_t euid)
{
	char path[512];
	autofree char *text = NULL;
	unsigned inside, outside;

	snprintf(path, sizeof(path), "%s/proc/self/uid_map", root);
	if (mr_read_file_at(AT_FDCWD, path, 4096, &text, NULL) == 0 &&
		sscanf(text, "%u %u", &inside, &outside) == 2 && inside == euid)
		return outside;
	return euid;
}

/* "a-b.slice" is in "a.slice". */
static void expand_slice(const char *slice, struct mr_str *out)
{
	if (mr_streq(slice, "-.slice"))
		return;
	for (const char *dash = slice; (dash = strpbrk(dash, "-.")); dash++) {
		mr_str_appendf(out, "/%.*s.slice", (int)(dash - slice), slice);
		if (*dash == '.')
			return;
	}
}

static int plan_path(const char *root, uid_t uid, struct mr_scope_plan *ret, struct mr_error *err)
{
	auto_str path = {0};

	read_manager_root(root, &path);
	if (ret->user)
		mr_str_appendf(&path, "/user.slice/user-%u.slice/user@%u.service",
			(unsigned)uid, (unsigned)uid);
	ret->manager_len = path.len;
	expand_slice(ret->slice, &path);
	mr_str_appendf(&path, "/%s", ret->unit);
	if (!mr_str_ok(&path))
		return mr_fail(err, ENOMEM, "plan the scope");
	if (path.len + sizeof("/container") > sizeof(ret->path))
		return mr_fail_text(err, ENAMETOOLONG, FIELD ": slice '%.80s...'", ret->slice);
	snprintf(ret->path, sizeof(ret->path), "%s", mr_str_text(&path));
	return 0;
}

static int take_annotations(const struct mr_spec *spec, bool take, struct mr_scope_plan *ret,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_map *notes = &spec->annotations;
	int r = 0;

	for (size_t i = 0; r == 0 && i < notes->n; i++) {
		const char *key = notes->items[i].key;
		if (!mr_has_prefix(key, PROPERTY_PREFIX))
			continue;
		r = take ? mr_strv_addf(&ret->annotations, "%s=%s",
				   key + strlen(PROPERTY_PREFIX), notes->items[i].value)
			 : mr_strv_addf(warnings, "annotation %.100s: not applied, because it "
						  "could make systemd run anything; "
						  "--systemd-properties allows it",
				   key);
	}
	return r < 0 ? mr_fail(err, ENOMEM, "annotations") : 0;
}

/* crun's name for the container's own cgroup. "" asks for none: but the scope itself would
 * lose its counters with its last process, see scope.c. */
static int choose_subgroup(const struct mr_spec *spec, const char **ret, struct mr_strv *warnings,
	struct mr_error *err)
{
	const char *name = mr_spec_annotation(spec, SUBGROUP);

	*ret = name && *name ? name : "container";
	if (name && !*name)
		return mr_strv_add(warnings, "annotation " SUBGROUP ": '' is not applied: the "
					     "container's cgroup is always below the scope's") < 0
			       ? mr_fail(err, ENOMEM, "warn")
			       : 0;
	if (strchr(*ret, '/') || mr_streq(*ret, ".") || mr_streq(*ret, "..") ||
		mr_streq(*ret, MR_SCOPE_KEEPER) || mr_has_prefix(*ret, "cgroup."))
		return mr_fail_text(err, EINVAL,
			"annotation " SUBGROUP ": '%.100s': the name of a cgroup is needed", name);
	return 0;
}

int mr_scope_plan(struct mr_spec *spec, const struct mr_host *host, const char *root,
	const char *id, bool annotations, struct mr_scope_plan *ret, struct mr_strv *warnings,
	struct mr_error *err)
{
	const uid_t uid = outer_uid(root, host->euid);
	const char *subgroup = NULL;
	char *own;

	/* Its own v1 tree, name=systemd, is none of ours. */
	if (host->unified < 0) {
		mr_fail_text(err, EOPNOTSUPP, "the systemd driver needs a cgroup2 mount");
		mr_hint(err, "boot without systemd.legacy_systemd_cgroup_controller, or use "
			     "--cgroup-manager cgroupfs");
		return -EOPNOTSUPP;
	}
	ret->used = true;
	ret->user = host->rootless;
	int r = plan_names(spec->linux_->cgroups_path, id, ret, err);
	if (r == 0)
		r = plan_path(root, uid, ret, err);
	if (r == 0)
		r = take_annotations(spec, annotations, ret, warnings, err);
	if (r == 0)
		r = choose_subgroup(spec, &subgroup, warnings, err);
	if (r < 0)
		return r;
	own = mr_arena_printf(&spec->arena, "%s/%s", ret->path, subgroup);
	if (!own)
		return mr_fail(err, ENOMEM, "plan the scope");
	spec->linux_->cgroups_path = own;
	return 0;
}

void mr_scope_plan_clear(struct mr_scope_plan *plan)
{
	mr_strv_clear(&plan->properties);
	mr_strv_clear(&plan->annotations);
}

/* --- limits --- */

/* What is a number or "max" in a file, and a number in a property. */
static const struct {
	const char *file, *property;
	unsigned more; /* in the scope than in the container */
} plain[] = {
	{"memory.max", "MemoryMax", HEADROOM},
	{"memory.high", "MemoryHigh", HEADROOM},
	{"memory.low", "MemoryLow", 0},
	{"memory.min", "MemoryMin", 0},
	{"memory.swap.max", "MemorySwapMax", 0},
	{"memory.limit_in_bytes", "MemoryLimit", HEADROOM},
	{"cpu.weight", "CPUWeight", 0},
	{"cpu.shares", "CPUShares", 0},
	{"io.weight", "IOWeight", 0},
	{"blkio.weight", "BlockIOWeight", 0},
	{"pids.max", "TasksMax", 1},
};

/* systemd's "infinity" */
static int number_of(const char *text, uint64_t *ret)
{
	*ret = UINT64_MAX;
	return mr_streq(text, "max") || mr_streq(text, "-1") ? 0 : mr_parse_u64(text, ret);
}

static int put_plain(const char *file, const char *value, struct mr_strv *ret)
{
	uint64_t number;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!mr_streq(file, plain[i].file) || number_of(value, &number) < 0)
			continue;
		if (number < UINT64_MAX - plain[i].more)
			number += plain[i].more;
		return mr_strv_addf(ret, "%s:t=%" PRIu64, plain[i].property, number);
	}
	return 0;
}

/* systemd keeps whole percents: rounded up, so that the container gets what it asks for. */
static int put_quota(uint64_t quota, uint64_t period, struct mr_strv *ret)
{
	const uint64_t percent = 10000;
	uint64_t per_second = UINT64_MAX;

	if (period == 0)
		period = 100000;
	if (quota < UINT64_MAX / 1000000)
		per_second = (quota * 1000000 / period + percent - 1) / percent * percent;
	int r = mr_strv_addf(ret, "CPUQuotaPerSecUSec:t=%" PRIu64, per_second);
	return r < 0 ? r : mr_strv_addf(ret, "CPUQuotaPeriodUSec:t=%" PRIu64, period);
}

static const char *value_of(const struct mr_cgroup_rows *rows, const char *file)
{
	for (size_t i = 0; i < rows->n; i++)
		if (mr_streq(rows->items[i].file, file))
			return rows->items[i].value;
	return NULL;
}

static int put_cpu(const struct mr_cgroup_rows *rows, struct mr_strv *ret)
{
	const char *max = value_of(rows, "cpu.max"), *v1 = value_of(rows, "cpu.cfs_quota_us");
	const char *v1_period = value_of(rows, "cpu.cfs_period_us");
	uint64_t quota, period = 0;
	char text[32];
	int r = 0;

	if (max) {
		size_t len = strcspn(max, " ");
		snprintf(text, sizeof(text), "%.*s", (int)len, max);
		if (number_of(text, &quota) == 0 &&
			(!max[len] || mr_parse_u64(max + len + 1, &period) == 0))
			r = put_quota(quota, period, ret);
	} else if (v1 && number_of(v1, &quota) == 0 &&
		   (!v1_period || mr_parse_u64(v1_period, &period) == 0)) {
		r = put_quota(quota, period, ret);
	}
	/* cpu.idle is the weight 0 ("idle", systemd 252). */
	if (r == 0 && mr_streq(value_of(rows, "cpu.idle"), "1"))
		r = mr_strv_add(ret, "CPUWeight:t=0");
	return r;
}

static int put_cpuset(const struct mr_cgroup_rows *rows, struct mr_strv *ret)
{
	const char *cpus = value_of(rows, "cpuset.cpus"), *mems = value_of(rows, "cpuset.mems");
	int r = cpus ? mr_strv_addf(ret, "AllowedCPUs:ay=%s", cpus) : 0;

	return r == 0 && mems ? mr_strv_addf(ret, "AllowedMemoryNodes:ay=%s", mems) : r;
}

int mr_scope_properties(
	const struct mr_cgroup_rows *rows, struct mr_strv *ret, struct mr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->n; i++) {
		const struct mr_cgroup_row *row = &rows->items[i];
		r = put_plain(row->file, row->value, ret);
		if (r == 0 && row->else_file)
			r = put_plain(row->else_file, row->else_value, ret);
	}
	if (r == 0)
		r = put_cpu(rows, ret);
	if (r == 0)
		r = put_cpuset(rows, ret);
	return r < 0 ? mr_fail(err, ENOMEM, "properties of the scope") : 0;
}
