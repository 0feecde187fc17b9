/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for linux.* except its resources: see validate.h.
 *
 * Most of them ask that a thing which is private to a namespace comes with that
 * namespace: otherwise the container would change the host's (a sysctl, a clock, a
 * network device).
 *
 * namespaces(7), user_namespaces(7), time_namespaces(7), proc(5)
 */
#include "spec/validate.h"

#include "spec/rules.h"

#include <stdio.h>
#include <string.h>

static bool has_namespace(const struct mr_rules *c, enum mr_ns_type type)
{
	return mr_spec_namespace_of(c->spec, type) != NULL;
}

static bool has_new_namespace(const struct mr_rules *c, enum mr_ns_type type)
{
	const struct mr_spec_namespace *ns = mr_spec_namespace_of(c->spec, type);
	return ns && !ns->path;
}

static int check_namespaces(const struct mr_rules *c)
{
	const struct mr_linux *l = c->spec->linux_;
	unsigned seen = 0;
	char path[MR_RULE_PATH];

	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct mr_spec_namespace *ns = &l->namespaces.items[i];
		if (seen & 1u << ns->type)
			return mr_rule_fail(c,
				mr_rule_path(path, "linux.namespaces", i, ".type"),
				"the %s namespace stands here twice",
				mr_ns_type_name(ns->type));
		seen |= 1u << ns->type;
		if (ns->path && ns->path[0] != '/')
			return mr_rule_fail(c,
				mr_rule_path(path, "linux.namespaces", i, ".path"),
				"\"%.200s\" is not absolute", ns->path);
	}
	return 0;
}

/* The kernel takes 340 lines (4.15); a table that does not fit must not be cut. */
#define MAX_MAPPINGS 340

static int check_mapping_list(
	const struct mr_rules *c, const struct mr_id_mappings *m, const char *name)
{
	char path[MR_RULE_PATH];
	if (m->n > MAX_MAPPINGS)
		return mr_rule_fail(c, name, "has %zu entries, the kernel takes %d", m->n,
			MAX_MAPPINGS);
	for (size_t i = 0; i < m->n; i++) {
		const struct mr_id_mapping *e = &m->items[i];
		if ((uint64_t)e->container_id + e->size > UINT64_C(1) << 32 ||
			(uint64_t)e->host_id + e->size > UINT64_C(1) << 32)
			return mr_rule_fail(c, mr_rule_path(path, name, i, ""),
				"the range goes beyond the last id (4294967295)");
	}
	return 0;
}

static int check_mappings(const struct mr_rules *c)
{
	const struct mr_linux *l = c->spec->linux_;
	bool given = l->uid_mappings.n > 0 || l->gid_mappings.n > 0;

	if (given && !has_namespace(c, MR_NS_USER))
		return mr_rule_fail(c,
			l->uid_mappings.n > 0 ? "linux.uidMappings" : "linux.gidMappings",
			"needs a user namespace (add {\"type\": \"user\"} to "
			"linux.namespaces)");
	if (given && has_new_namespace(c, MR_NS_USER) && l->uid_mappings.n == 0)
		return mr_rule_fail(c, "linux.uidMappings",
			"a new user namespace needs at least one entry");
	if (given && has_new_namespace(c, MR_NS_USER) && l->gid_mappings.n == 0)
		return mr_rule_fail(c, "linux.gidMappings",
			"a new user namespace needs at least one entry");
	int r = check_mapping_list(c, &l->uid_mappings, "linux.uidMappings");
	return r < 0 ? r : check_mapping_list(c, &l->gid_mappings, "linux.gidMappings");
}

static int check_time_offsets(const struct mr_rules *c)
{
	const struct mr_linux *l = c->spec->linux_;
	if (l->time_offsets.n > 0 && !has_new_namespace(c, MR_NS_TIME))
		return mr_rule_fail(c, "linux.timeOffsets",
			"needs a new time namespace (add {\"type\": \"time\"} to "
			"linux.namespaces)");
	for (size_t i = 0; i < l->time_offsets.n; i++) {
		const char *clock = l->time_offsets.items[i].clock;
		if (!mr_streq(clock, "monotonic") && !mr_streq(clock, "boottime"))
			return mr_rule_fail(c, "linux.timeOffsets",
				"unknown clock \"%.40s\" (monotonic, boottime)", clock);
	}
	return 0;
}

static int check_devices(const struct mr_rules *c)
{
	const struct mr_linux *l = c->spec->linux_;
	char path[MR_RULE_PATH];
	for (size_t i = 0; i < l->devices.n; i++) {
		if (l->devices.items[i].path[0] != '/')
			return mr_rule_fail(c,
				mr_rule_path(path, "linux.devices", i, ".path"),
				"\"%.200s\" is not absolute", l->devices.items[i].path);
	}
	return 0;
}

/* A network device's name as the kernel sees it (dev_valid_name); '%' asks for a number.
 */
static bool is_interface_name(const char *name)
{
	return *name && strlen(name) < 16 && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !strpbrk(name, "/: \t\n\v\f\r");
}

static int check_net_devices(const struct mr_rules *c)
{
	static const char path[] = "linux.netDevices";
	const struct mr_linux *l = c->spec->linux_;

	if (l->net_devices.n > 0 && !has_namespace(c, MR_NS_NETWORK))
		return mr_rule_fail(c, path,
			"unable to move network devices without a NET namespace (add "
			"{\"type\": \"network\"} to linux.namespaces)");
	for (size_t i = 0; i < l->net_devices.n; i++) {
		const struct mr_net_device *d = &l->net_devices.items[i];
		if (!is_interface_name(d->host_name))
			return mr_rule_fail(c, path,
				"\"%.40s\" is no name of a network device", d->host_name);
		if (d->name && *d->name && !is_interface_name(d->name))
			return mr_rule_fail(c, path,
				"%s: \"%.40s\" is no name of a network device",
				d->host_name, d->name);
	}
	return 0;
}

static int check_cgroups_path(const struct mr_rules *c)
{
	const char *path = c->spec->linux_->cgroups_path;
	if (path && mr_path_has_dotdot(path))
		return mr_rule_fail(c, "linux.cgroupsPath",
			"\"%.200s\": \"..\" is not allowed", path);
	return 0;
}

/* --- sysctl --- */

char *mr_spec_sysctl_path(const char *key)
{
	/* Upper case is that of network interfaces. */
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-/";
	const char *separator = strpbrk(key, "./");
	if (!separator || strspn(key, allowed) != strlen(key))
		return NULL;
	char *path = strdup(key);
	for (char *p = path; p && *p && *separator == '.'; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}

	autofree char *clean = path ? mr_path_clean(path) : NULL;
	if (!clean || path[0] == '/' || strcmp(clean, path) != 0) {
		free(path);
		return NULL;
	}
	return path;
}

/* Which namespace a sysctl belongs to; MR_NS_TYPES: none, it is the whole machine's. */
static enum mr_ns_type sysctl_namespace(const char *path)
{
	static const struct {
		const char *prefix;
		enum mr_ns_type type;
	} rows[] = {
		{"net/", MR_NS_NETWORK},
		{"fs/mqueue/", MR_NS_IPC},
		{"kernel/msg", MR_NS_IPC},
		{"kernel/shm", MR_NS_IPC},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (mr_has_prefix(path, rows[i].prefix))
			return rows[i].type;
	}
	if (mr_streq(path, "kernel/sem") || mr_streq(path, "kernel/sem_next_id"))
		return MR_NS_IPC;
	if (mr_streq(path, "kernel/domainname") || mr_streq(path, "kernel/hostname"))
		return MR_NS_UTS;
	return MR_NS_TYPES;
}

static int check_one_sysctl(const struct mr_rules *c, const struct mr_pair *pair)
{
	auto_str shown = {0};
	mr_str_append_printable(&shown, pair->key);
	char where[MR_RULE_PATH];
	snprintf(where, sizeof(where), "linux.sysctl[\"%.60s\"]", mr_str_text(&shown));

	autofree char *path = mr_spec_sysctl_path(pair->key);
	if (!path)
		return mr_rule_fail(c, where,
			"is no name of a sysctl (parts of A-Z a-z 0-9 _ - with "
			"dots between)");
	if (strpbrk(pair->value, "\n\r"))
		return mr_rule_fail(c, where, "the value has a line break");
	if (mr_streq(path, "kernel/hostname"))
		return mr_rule_fail(c, where, "use the member \"hostname\" instead");
	enum mr_ns_type type = sysctl_namespace(path);
	if (type == MR_NS_TYPES)
		return mr_rule_fail(c, where,
			"belongs to the whole machine, not to a namespace: it cannot be "
			"set for a "
			"container");
	if (!has_namespace(c, type))
		return mr_rule_fail(c, where,
			"needs a namespace of its own (add {\"type\": \"%s\"} to "
			"linux.namespaces)",
			mr_ns_type_name(type));
	return 0;
}

static int check_sysctl(const struct mr_rules *c)
{
	int r = 0;
	for (size_t i = 0; i < c->spec->linux_->sysctl.n && r == 0; i++)
		r = check_one_sysctl(c, &c->spec->linux_->sysctl.items[i]);
	return r;
}

/* --- seccomp --- */

static bool takes_errno(const char *action)
{
	return mr_streq(action, "SCMP_ACT_ERRNO") || mr_streq(action, "SCMP_ACT_TRACE");
}

static int check_seccomp_rule(const struct mr_rules *c,
	const struct mr_seccomp_rule *rule, size_t i, bool *notify)
{
	char path[MR_RULE_PATH];
	static const char list[] = "linux.seccomp.syscalls";

	if (rule->names.n == 0)
		return mr_rule_fail(
			c, mr_rule_path(path, list, i, ".names"), "names no system call");
	if (rule->errno_ret.value != 0 && !takes_errno(rule->action))
		return mr_rule_fail(c, mr_rule_path(path, list, i, ".errnoRet"),
			"%s returns no errno", rule->action);
	if (!mr_streq(rule->action, "SCMP_ACT_NOTIFY"))
		return 0;
	*notify = true;
	/* The listener's descriptor is sent with sendmsg(); reporting errors needs
	 * write(). */
	for (size_t k = 0; k < rule->names.n; k++) {
		if (mr_streq(rule->names.items[k], "write"))
			return mr_rule_fail(c, mr_rule_path(path, list, i, ".action"),
				"SCMP_ACT_NOTIFY cannot be used for the write syscall: it would stop the start of the "
				"container");
	}
	return 0;
}

static int check_seccomp(const struct mr_rules *c)
{
	const struct mr_seccomp *s = c->spec->linux_->seccomp;
	bool notify = false;
	if (!s)
		return 0;
	if (s->default_errno_ret.value != 0 && !takes_errno(s->default_action))
		return mr_rule_fail(c, "linux.seccomp.defaultErrnoRet",
			"%s returns no errno", s->default_action);
	if (mr_streq(s->default_action, "SCMP_ACT_NOTIFY"))
		return mr_rule_fail(c, "linux.seccomp.defaultAction",
			"SCMP_ACT_NOTIFY for every call would stop the start of the "
			"container");
	for (size_t i = 0; i < s->syscalls.n; i++) {
		int r = check_seccomp_rule(c, &s->syscalls.items[i], i, &notify);
		if (r < 0)
			return r;
	}
	if (notify && !(s->listener_path && *s->listener_path))
		return mr_rule_fail(c, "linux.seccomp.listenerPath",
			"is missing: SCMP_ACT_NOTIFY needs somebody to answer");
	if (s->listener_metadata && *s->listener_metadata && !s->listener_path)
		return mr_rule_fail(
			c, "linux.seccomp.listenerMetadata", "needs listenerPath");
	return 0;
}

/* --- intelRdt --- */

static int check_intel_rdt(const struct mr_rules *c)
{
	const struct mr_intel_rdt *rdt = c->spec->linux_->intel_rdt;
	if (!rdt || !rdt->clos_id)
		return 0;
	if (!*rdt->clos_id || strchr(rdt->clos_id, '/') || mr_streq(rdt->clos_id, ".") ||
		mr_streq(rdt->clos_id, ".."))
		return mr_rule_fail(c, "linux.intelRdt.closID",
			"\"%.100s\" is no name of one directory", rdt->clos_id);
	return 0;
}

const mr_rule mr_linux_rules[] = {
	check_namespaces,
	check_mappings,
	check_time_offsets,
	check_devices,
	check_net_devices,
	check_cgroups_path,
	check_sysctl,
	check_seccomp,
	check_intel_rdt,
	NULL,
};
