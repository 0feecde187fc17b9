/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for mounts, masked paths and read-only paths: see validate.h.
 *
 * What may lie on /proc: a container's security labels, sysctls and oom_score_adj are
 * written through /proc, so a fake /proc from an image would catch those writes
 * (CVE-2019-16884). Only procfs goes there; single files that show machine-wide numbers
 * may be covered, which is how lxcfs works. Where these files really lie is checked by
 * descriptor when the mount is made; here it is the text.
 */
#include "spec/validate.h"

#include "spec/rules.h"

#include <string.h>

bool mr_spec_may_cover_proc(const char *path)
{
	static const char *const files[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/loadavg",
		"/proc/meminfo",
		"/proc/net/dev",
		"/proc/slabinfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/uptime",
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(path, files[i]) == 0)
			return true;
	}
	return false;
}

static bool has_option(const struct mr_spec_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++) {
		if (strcmp(m->options.items[i], option) == 0)
			return true;
	}
	return false;
}

static bool is_bind(const struct mr_spec_mount *m)
{
	return mr_streq(m->type, "bind") || has_option(m, "bind") ||
	       has_option(m, "rbind");
}

static int check_on_proc(const struct mr_rules *c, const struct mr_spec_mount *m,
	const char *path, const char *destination)
{
	if (strcmp(destination, "/proc") == 0) {
		/* The host's own /proc is what a shared pid namespace without privilege
		 * needs. */
		bool host_proc = is_bind(m) && mr_streq(m->source, "/proc");
		if (host_proc || (!is_bind(m) && mr_streq(m->type, "proc")))
			return 0;
		return mr_rule_fail(
			c, path, "only a mount of type proc may lie on /proc");
	}
	if (mr_spec_may_cover_proc(destination))
		return 0;
	return mr_rule_fail(c, path,
		"\"%.200s\" is inside /proc: nothing may be mounted there",
		m->destination);
}

static int check_destination(
	const struct mr_rules *c, const struct mr_spec_mount *m, size_t i)
{
	char path[MR_RULE_PATH];
	mr_rule_path(path, "mounts", i, ".destination");
	if (!*m->destination)
		return mr_rule_fail(c, path, "is empty");
	autofree char *clean = mr_path_join("/", m->destination);
	if (!clean)
		return mr_rule_fail(c, path, "out of memory");
	if (m->destination[0] != '/')
		mr_rule_warn(c, path, "\"%.200s\" is not absolute: taken as \"%.200s\"",
			m->destination, clean);
	return mr_path_is_below(clean, "/proc") ? check_on_proc(c, m, path, clean) : 0;
}

/* mount_setattr(MOUNT_ATTR_IDMAP) needs a mapping: the mount's own or the container's. */
static int check_id_mapping(
	const struct mr_rules *c, const struct mr_spec_mount *m, size_t i)
{
	char path[MR_RULE_PATH];
	bool own = m->uid_mappings.n > 0, both = own == (m->gid_mappings.n > 0);
	bool option = has_option(m, "idmap") || has_option(m, "ridmap");

	if (!both)
		return mr_rule_fail(c, mr_rule_path(path, "mounts", i, ""),
			"invalid mount: uidMappings and gidMappings must be given together");
	if (option && !own && !mr_spec_namespace_of(c->spec, MR_NS_USER))
		return mr_rule_fail(c, mr_rule_path(path, "mounts", i, ".options"),
			"idmap without a mapping (give uidMappings and gidMappings, or a "
			"user "
			"namespace)");
	if (own && !is_bind(m))
		return mr_rule_fail(c, mr_rule_path(path, "mounts", i, ".uidMappings"),
			"invalid mount: only a bind mount can be id-mapped");
	return 0;
}

static int check_mounts(const struct mr_rules *c)
{
	int r = 0;
	for (size_t i = 0; i < c->spec->mounts.n && r == 0; i++) {
		const struct mr_spec_mount *m = &c->spec->mounts.items[i];
		char path[MR_RULE_PATH];
		if (is_bind(m) && !(m->source && *m->source))
			return mr_rule_fail(c, mr_rule_path(path, "mounts", i, ""),
				"a bind mount needs a source");
		if (!is_bind(m) && !(m->type && *m->type) && m->options.n == 0)
			return mr_rule_fail(c, mr_rule_path(path, "mounts", i, ""),
				"neither a type nor the option bind is given");
		r = check_destination(c, m, i);
		if (r == 0)
			r = check_id_mapping(c, m, i);
	}
	return r;
}

static int check_path_list(
	const struct mr_rules *c, const struct mr_list *list, const char *name)
{
	char path[MR_RULE_PATH];
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i][0] != '/')
			return mr_rule_fail(c, mr_rule_path(path, name, i, ""),
				"\"%.200s\" is not absolute", list->items[i]);
	}
	if (list->n > 0 && !mr_spec_namespace_of(c->spec, MR_NS_MOUNT))
		return mr_rule_fail(c, name,
			"needs a mount namespace, or the host's own files would be "
			"covered (add "
			"{\"type\": \"mount\"} to linux.namespaces)");
	return 0;
}

static int check_hidden_paths(const struct mr_rules *c)
{
	const struct mr_linux *l = c->spec->linux_;
	int r = check_path_list(c, &l->masked_paths, "linux.maskedPaths");
	return r < 0 ? r : check_path_list(c, &l->readonly_paths, "linux.readonlyPaths");
}

const mr_rule mr_mount_rules[] = {check_mounts, check_hidden_paths, NULL};
