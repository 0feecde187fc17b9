/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container's cgroups go and what will be written into them. Pure.
 *
 * A hybrid host is no case of its own: the host says which hierarchy owns each
 * controller, and the rows of a controller are written in the language of its owner. A
 * controller that nobody owns is an error only if the spec asks something of it that
 * would be lost.
 */
#include "cgroup/cgroup_internal.h"
#include "cgroup/v2.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool mr_cgroup_in_subtree_control(enum mr_controller c)
{
	switch (c) {
	case MR_CTL_MEMORY:
	case MR_CTL_PIDS:
	case MR_CTL_CPU:
	case MR_CTL_CPUSET:
	case MR_CTL_BLKIO:
	case MR_CTL_HUGETLB:
	case MR_CTL_RDMA:
	case MR_CTL_MISC:
		return true;
	default:
		return false;
	}
}

/* --- path --- */

int mr_cgroup_check_path(const char *path, struct mr_error *err)
{
	if (path[0] != '/' || path[1] == '\0')
		return mr_fail_text(err, EINVAL,
			"cgroup '%.200s': an absolute path below the root is needed",
			path);
	if (mr_path_has_dotdot(path))
		return mr_fail_text(
			err, EINVAL, "cgroup '%.200s': '..' is not allowed", path);
	if (strchr(path, '\n'))
		return mr_fail_text(err, EINVAL, "a cgroup's path cannot hold a newline");
	if (strlen(path) >= MR_CGROUP_PATH_MAX)
		return mr_fail_text(err, ENAMETOOLONG,
			"cgroup '%.100s...': longer than %d bytes", path,
			MR_CGROUP_PATH_MAX - 1);
	return 0;
}

void mr_cgroup_full(const struct mr_host *host, int h, const char *path,
	char ret[static MR_CGROUP_FULL_MAX])
{
	const char *mount = host->hierarchies[h].mount_point;
	snprintf(
		ret, MR_CGROUP_FULL_MAX, "%s%s", mr_streq(mount, "/") ? "" : mount, path);
}

bool mr_cgroup_is_placed(const struct mr_spec *spec, const char *parent)
{
	const char *wanted = spec->linux_->cgroups_path;

	return (wanted && wanted[0] == '/') || (parent && parent[0] == '/');
}

static int plan_path(const struct mr_spec *spec, const struct mr_host *host, const char *id,
	const char *parent, char ret[static MR_CGROUP_PATH_MAX], struct mr_error *err)
{
	const char *wanted = spec->linux_->cgroups_path;
	auto_str joined = {0};

	if (!wanted || !*wanted)
		wanted = id;
	if (!parent || !*parent)
		parent = MR_CGROUP_PARENT;
	if (wanted[0] != '/')
		mr_str_appendf(&joined, "%s%s%s/", host->delegated,
			parent[0] == '/' ? "" : "/", parent);
	mr_str_append(&joined, wanted);
	if (!mr_str_ok(&joined))
		return mr_fail(err, ENOMEM, "plan the cgroup");

	/* Before cleaning, which would resolve the "..": whoever writes one is mistaken.
	 */
	if (mr_path_has_dotdot(mr_str_text(&joined)))
		return mr_fail_text(err, EINVAL,
			"linux.cgroupsPath: '%.200s': '..' is not allowed",
			mr_str_text(&joined));
	autofree char *clean = mr_path_clean(mr_str_text(&joined));
	if (!clean)
		return mr_fail(err, ENOMEM, "plan the cgroup");
	int r = mr_cgroup_check_path(clean, err);
	if (r < 0)
		return mr_prefix(err, "linux.cgroupsPath");
	snprintf(ret, MR_CGROUP_PATH_MAX, "%s", clean);
	return 0;
}

/* --- controllers --- */

static void list_owned(const struct mr_host *host, bool v2, struct mr_str *out)
{
	const char *separator = "";

	for (int c = 0; c < MR_CONTROLLERS; c++) {
		enum mr_controller controller = (enum mr_controller)c;
		if (host->owner[c] < 0 || host->hierarchies[host->owner[c]].v2 != v2)
			continue;
		if (v2 && !mr_cgroup_in_subtree_control(controller))
			continue;
		mr_str_appendf(
			out, "%s%s", separator, mr_controller_name(controller, v2));
		separator = ", ";
	}
	if (!*separator)
		mr_str_append(out, "none");
}

static void describe_host(const struct mr_host *host, struct mr_str *out)
{
	if (host->layout == MR_LAYOUT_NONE) {
		mr_str_append(out, "no cgroup hierarchy is mounted, or none is to be used");
		return;
	}
	if (host->unified >= 0) {
		mr_str_appendf(out, "cgroup2 at %s holds only: ",
			host->hierarchies[host->unified].mount_point);
		list_owned(host, true, out);
	}
	if (host->layout != MR_LAYOUT_V2) {
		mr_str_append(
			out, host->unified >= 0 ? "; v1: " : "cgroup v1 holds only: ");
		list_owned(host, false, out);
	}
}

static int controller_missing(const struct mr_host *host, enum mr_controller c,
	const char *field, struct mr_error *err)
{
	const bool v2 = host->layout == MR_LAYOUT_V2;
	const char *name = mr_controller_name(c, v2);
	auto_str there = {0};

	describe_host(host, &there);
	int r = mr_fail_text(err, EOPNOTSUPP, "%s: this host has no %s controller (%s)",
		field, name, mr_str_text(&there));
	if (host->layout == MR_LAYOUT_NONE)
		mr_hint(err, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	else if (v2 && strcmp(host->hierarchies[host->unified].root, "/") != 0)
		mr_hint(err,
			"the parent must delegate it: cgroup.subtree_control one level up");
	else if (v2)
		mr_hint(err,
			"see cgroup.controllers and /proc/cgroups: the kernel lacks it, or it "
			"is switched off (boot parameter cgroup_disable, or cgroup_enable=%s)",
			name);
	else
		mr_hint(err,
			"if /proc/cgroups names %s: mount -t cgroup -o %s cgroup "
			"/sys/fs/cgroup/%s; otherwise this kernel lacks it%s",
			name, name, name,
			c == MR_CTL_MEMORY ? ", or boot with cgroup_enable=memory" : "");
	return r;
}

struct planner {
	const struct mr_spec *spec;
	/* The spec's, but for a disableOOMKiller that becomes something else. */
	const struct mr_resources *resources;
	const struct mr_host *host;
	struct mr_arena *arena;
	struct mr_cgroup_plan *plan;
	struct mr_strv *warnings;
	struct mr_error *err;
};

static void want(struct planner *p, enum mr_controller c, bool required)
{
	if (p->host->owner[c] < 0)
		return;
	p->plan->hierarchy[p->host->owner[c]] = true;
	p->plan->controllers |= 1u << c;
	if (required)
		p->plan->required |= 1u << c;
}

static int make_rows(struct planner *p, enum mr_controller c, bool v2,
	struct mr_cgroup_rows *rows, struct mr_strv *warnings)
{
	const struct mr_resources *r = p->resources;
	return v2 ? mr_cgroup_v2_rows(r, c, p->arena, rows, warnings, p->err)
		  : mr_cgroup_v1_rows(r, c, p->arena, rows, warnings, p->err);
}

/* The host has it, but not for this user. */
static int controller_denied(const struct mr_host *host, enum mr_controller c,
	const char *field, struct mr_error *err)
{
	int r = mr_fail_text(err, EPERM,
		"%s: no cgroup with the %s controller belongs to user %u, so it cannot be honoured",
		field, mr_controller_name(c, host->layout == MR_LAYOUT_V2), (unsigned)host->euid);
	if (host->has_delegated)
		mr_hint(err, "delegated is %s, without it: see Delegate= in "
			     "systemd.resource-control(5)",
			host->delegated);
	else if (host->unified >= 0)
		mr_hint(err, "as root: systemctl edit user@.service, with Delegate=cpu cpuset io "
			     "memory pids below [Service]; then log in again");
	else
		mr_hint(err, "get one: systemd-run --user --scope -p Delegate=yes minirun ... "
			     "(cgroup v2), or run as root");
	return r;
}

int mr_cgroup_warn_devices(struct mr_strv *warnings, struct mr_error *err)
{
	static const char text[] =
		"linux.resources.devices: not applied: not allowed in a user namespace";

	return mr_strv_add(warnings, text) < 0 ? mr_fail(err, ENOMEM, "warn") : 0;
}

/* Nobody owns the controller: find out whether the spec needs it. */
static int plan_unowned(struct planner *p, enum mr_controller c)
{
	struct mr_cgroup_rows rows = {0};
	auto_strv unused = {0};
	int r = make_rows(p, c, p->host->layout == MR_LAYOUT_V2, &rows, &unused);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rows.n; i++) {
		if (rows.items[i].optional)
			continue;
		if (c == MR_CTL_DEVICES && p->host->rootless)
			return mr_cgroup_warn_devices(p->warnings, p->err);
		return p->host->denied >> c & 1
			       ? controller_denied(p->host, c, rows.items[i].field, p->err)
			       : controller_missing(p->host, c, rows.items[i].field, p->err);
	}
	return 0;
}

/* A place was asked for, or nothing but that there be a container. */
static int check_denied(struct planner *p)
{
	const char *wanted = p->spec->linux_->cgroups_path;
	bool any = false;

	if (!(p->host->denied >> MR_CTL_MEMORY & 1))
		return 0;
	for (int h = 0; h < p->host->n_hierarchies; h++)
		any |= p->plan->hierarchy[h];
	if (wanted && *wanted && !any)
		return controller_denied(
			p->host, MR_CTL_MEMORY, "linux.cgroupsPath", p->err);
	return mr_strv_addf(p->warnings,
		       "no limit is enforced and no OOM kill is counted: no cgroup with the "
		       "memory controller belongs to user %u",
		       (unsigned)p->host->euid) < 0
		       ? mr_fail(p->err, ENOMEM, "warn")
		       : 0;
}

static int plan_controller(struct planner *p, enum mr_controller c)
{
	struct mr_cgroup_rows *rows = &p->plan->rows;
	const size_t before = rows->n;

	if (p->host->owner[c] < 0)
		return plan_unowned(p, c);
	int r = make_rows(p, c, mr_host_is_v2(p->host, c), rows, p->warnings);
	if (r < 0)
		return r;
	if (rows->n > before)
		want(p, c, true);
	return 0;
}

static int plan_device_program(struct planner *p)
{
	const struct mr_device_rule *rules;
	size_t n;

	const bool denied = p->host->denied >> MR_CTL_DEVICES & 1;

	if (denied ? p->host->layout != MR_LAYOUT_V2 : !mr_host_is_v2(p->host, MR_CTL_DEVICES))
		return 0;
	int r = mr_cgroup_device_rules(
		p->spec->linux_->resources, p->arena, &rules, &n, p->err);
	/* A program that allows everything would only cost time at each open. */
	if (r < 0 || n == 0 || mr_cgroup_devices_allow_all(rules, n))
		return r;
	/* The parent's program stays in force, and the user can make no node. */
	if (p->host->rootless)
		return mr_cgroup_warn_devices(p->warnings, p->err);
	p->plan->device_rules = rules;
	p->plan->n_device_rules = n;
	want(p, MR_CTL_DEVICES, true);
	return 0;
}

static int plan_unified(struct planner *p)
{
	struct mr_cgroup_rows *rows = &p->plan->rows;
	size_t before = rows->n;
	int r = mr_cgroup_unified_rows(
		p->spec->linux_->resources, p->host, p->arena, rows, p->err);
	for (size_t i = before; r == 0 && i < rows->n; i++) {
		if (!rows->items[i].core) /* the cgroup2 tree is joined in any case */
			want(p, rows->items[i].controller, true);
	}
	return r;
}

static bool wants_killer_disabled(const struct planner *p)
{
	const struct mr_memory *m = p->resources ? p->resources->memory : NULL;
	return m && m->disable_oom_killer.set && m->disable_oom_killer.value &&
	       mr_host_is_v2(p->host, MR_CTL_MEMORY);
}

/* Here is why there are no rows for it. */
static int plan_policy(struct planner *p)
{
	int policy = mr_spec_oom_disable_policy(p->spec);
	static const char *const texts[] = {
		[MR_OOM_DISABLE_WARN] = "not done: cgroup v2 cannot switch the OOM killer off",
		[MR_OOM_DISABLE_EMULATE] =
			"emulated on cgroup v2: a bit below the limit all tasks are frozen",
	};

	if (!wants_killer_disabled(p) || policy <= MR_OOM_DISABLE_ERROR)
		return 0;
	struct mr_resources *r = mr_arena_alloc(p->arena, sizeof(*r));
	struct mr_memory *m = mr_arena_alloc(p->arena, sizeof(*m));
	if (!r || !m ||
		mr_strv_addf(p->warnings, "linux.resources.memory.disableOOMKiller: %s",
			texts[policy]) < 0)
		return mr_fail(p->err, ENOMEM, "plan the cgroup");
	*r = *p->resources;
	*m = *r->memory;
	m->disable_oom_killer.set = false;
	r->memory = m;
	p->resources = r;
	p->plan->emulate_oom_disable = policy == MR_OOM_DISABLE_EMULATE;
	return 0;
}

int mr_cgroup_plan_high(const struct mr_int *limit, const struct mr_host *host,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_error *err)
{
	const struct mr_row_writer w = {MR_CTL_MEMORY, false, arena, rows, NULL, err};
	static const char field[] = "linux.resources.memory.disableOOMKiller";

	if (!limit->set || limit->value == 0)
		return 0;
	if (limit->value < 0)
		return mr_row_putf(&w, field, "memory.high", "max");
	return mr_row_putf(&w, field, "memory.high", "%llu",
		(unsigned long long)mr_cgroup_v2_high(
			(uint64_t)limit->value, host->page_size));
}

static bool is_memory_limit(const struct mr_cgroup_row *row)
{
	static const char *const files[] = {"memory.limit_in_bytes",
		"memory.memsw.limit_in_bytes", "memory.max", "memory.swap.max"};

	if (mr_streq(row->value, "max") || mr_streq(row->value, "-1"))
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (mr_streq(row->file, files[i]))
			return true;
	}
	return false;
}

/* Elsewhere a fork bomb must be frozen to be killed, and then it is too late to join:
 * each move of a process waits for those that are just forking, and so for the CPU. */
static bool dies_with_init(const struct mr_spec *spec)
{
	const struct mr_spec_namespace *pid = mr_spec_namespace_of(spec, MR_NS_PID);
	return pid && !pid->path;
}

/* A path elsewhere is an engine's: it reads figures and changes limits in every hierarchy,
 * and takes the cgroup it finds there for the container's. */
static bool is_engines(const char *path, const struct mr_host *host)
{
	if (mr_has_prefix(path, host->delegated))
		path += strlen(host->delegated);
	return !mr_has_prefix(path, MR_CGROUP_PARENT "/");
}

int mr_cgroup_plan(const struct mr_spec *spec, const struct mr_host *host, const char *id,
	const char *parent, struct mr_arena *arena, struct mr_cgroup_plan *ret,
	struct mr_strv *warnings, struct mr_error *err)
{
	struct planner p = {
		spec, spec->linux_->resources, host, arena, ret, warnings, err};

	memset(ret, 0, sizeof(*ret));
	int r = plan_path(spec, host, id, parent, ret->path, err);
	if (r == 0)
		r = plan_policy(&p);
	for (int c = 0; c < MR_CONTROLLERS && r == 0; c++)
		r = plan_controller(&p, (enum mr_controller)c);
	if (r == 0)
		r = plan_device_program(&p);
	if (r == 0 && ret->emulate_oom_disable)
		r = mr_cgroup_plan_high(
			&p.resources->memory->limit, host, arena, &ret->rows, err);
	if (r == 0)
		r = plan_unified(&p);
	if (r < 0)
		return r;

	want(&p, MR_CTL_MEMORY, false); /* its counters are the verdict */
	if (host->unified >= 0)
		ret->hierarchy[host->unified] = true;
	else if (ret->controllers == 0 || !dies_with_init(spec))
		want(&p, MR_CTL_FREEZER, false);
	for (int c = 0; is_engines(ret->path, host) && c < MR_CONTROLLERS; c++)
		want(&p, (enum mr_controller)c, false);
	for (size_t i = 0; i < ret->rows.n; i++)
		ret->memory_limited |= is_memory_limit(&ret->rows.items[i]);
	return check_denied(&p);
}
