/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each mount of the spec means: kind, options, id mappings, label. Pure.
 *
 * Manual pages: mount(8), mount_setattr(2).
 */
#include "sandbox/mount.h"

#include "base/libc.h"

#include <errno.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (mr_streq(text, *list))
			return true;
	return false;
}

static void choose_kind(const struct mr_spec_mount *in, struct mr_mount *m)
{
	if (m->remount)
		m->kind = MR_MOUNT_REMOUNT;
	else if (m->bind || mr_streq(in->type, "bind") || mr_streq(in->type, "rbind"))
		m->kind = MR_MOUNT_BIND;
	else if (mr_streq(in->type, "proc"))
		m->kind = MR_MOUNT_PROC;
	else if (mr_streq(in->type, "cgroup") || mr_streq(in->type, "cgroup2"))
		m->kind = MR_MOUNT_CGROUP;
	else
		m->kind = MR_MOUNT_FS;
	m->recursive = m->recursive || mr_streq(in->type, "rbind");
}

/** `ro` of a file system in memory or of the kernel is a matter of the mount alone. */
static bool only_mount_readonly(const char *type)
{
	static const char *const types[] = {"tmpfs", "proc", "sysfs", "devpts", "mqueue",
		"cgroup", "cgroup2", "ramfs", "devtmpfs", "securityfs", "debugfs",
		"tracefs", "bpf", NULL};

	return is_one_of(type, types);
}

static bool takes_label(const struct mr_mount *m)
{
	static const char *const without[] = {"sysfs", "mqueue", "devtmpfs", NULL};

	return m->kind == MR_MOUNT_FS && !is_one_of(m->type, without);
}

static int plan_idmap(const struct mr_spec *spec, const struct mr_spec_mount *in,
	struct mr_mount *m, struct mr_error *err)
{
	const struct mr_spec_namespace *user = mr_spec_namespace_of(spec, MR_NS_USER);

	m->uid_mappings = in->uid_mappings;
	m->gid_mappings = in->gid_mappings;
	if ((in->uid_mappings.n == 0) != (in->gid_mappings.n == 0))
		return mr_fail_text(
			err, EINVAL, "uidMappings and gidMappings are needed together");
	m->idmap = m->idmap || in->uid_mappings.n > 0;
	if (!m->idmap)
		return 0;
	if (m->kind != MR_MOUNT_BIND)
		return mr_fail_text(
			err, EINVAL, "only a bind mount can have its ids mapped");
	if (in->uid_mappings.n > 0)
		return 0;
	if (!user)
		return mr_fail_text(err, EINVAL,
			"option 'idmap' needs uidMappings and gidMappings "
			"of the mount, or a user namespace");
	/* The same mapping as the container's own: how files of the host's ids 0, 1, ...
	 * become the container's 0, 1, ... */
	m->idmap_ns_path = user->path;
	m->uid_mappings = spec->linux_->uid_mappings;
	m->gid_mappings = spec->linux_->gid_mappings;
	return 0;
}

/** Options that only a file system could have taken. */
static int drop_data(struct mr_mount *m, struct mr_strv *warnings, struct mr_error *err)
{
	for (size_t i = 0; i < m->data.n; i++)
		if (warnings &&
			mr_strv_addf(warnings,
				"mount '%s': option '%s' means nothing for a %s mount",
				m->destination, m->data.items[i],
				m->kind == MR_MOUNT_BIND ? "bind" : "cgroup") < 0)
			return mr_fail(err, ENOMEM, "warnings");
	m->data.n = 0;
	return 0;
}

/**
 * A view of a namespace can be mounted only where that belongs to the user namespace. Of a
 * namespace that is the host's there is only the host's own mount.
 */
static int plan_hosts_view(const struct mr_spec *spec, struct mr_mount *m,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_spec_namespace *user = mr_spec_namespace_of(spec, MR_NS_USER);
	const bool sysfs = mr_streq(m->type, "sysfs");
	const enum mr_ns_type owner = sysfs ? MR_NS_NETWORK : MR_NS_PID;

	if (!user || user->path || mr_spec_namespace_of(spec, owner) ||
		!(sysfs ? m->kind == MR_MOUNT_FS : m->kind == MR_MOUNT_PROC))
		return 0;
	m->kind = MR_MOUNT_BIND;
	m->source = sysfs ? "/sys" : "/proc";
	m->recursive = true;
	/* The host's cgroup mounts come along: they must not stay writable
	 * (CVE-2023-25809). */
	m->rec_set |= m->attr_set | (sysfs ? MOUNT_ATTR_RDONLY : 0);
	m->data.n = 0;
	return mr_strv_addf(warnings,
		       "mount '%s': the host's %s is bound: a user namespace without a %s "
		       "namespace of its own can have no other",
		       m->destination, m->source, mr_ns_type_name(owner)) < 0
		       ? mr_fail(err, ENOMEM, "warnings")
		       : 0;
}

static bool is_mapped(const struct mr_id_mappings *maps, uint32_t id)
{
	for (size_t i = 0; i < maps->n; i++)
		if (id >= maps->items[i].container_id &&
			id - maps->items[i].container_id < maps->items[i].size)
			return true;
	return false;
}

/** The kernel refuses a group that the container does not have. */
static int drop_unmapped_gid(const struct mr_spec *spec, struct mr_mount *m,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_id_mappings *gids = &spec->linux_->gid_mappings;
	uint32_t gid;

	for (size_t i = 0; gids->n > 0 && i < m->data.n; i++) {
		const char *option = m->data.items[i];
		if (!mr_has_prefix(option, "gid=") || mr_parse_id(option + 4, &gid) < 0 ||
			is_mapped(gids, gid))
			continue;
		m->data.items[i] = m->data.items[--m->data.n];
		return mr_strv_addf(warnings,
			       "mount '%s': option '%s' is left out: linux.gidMappings do "
			       "not have that group",
			       m->destination, option) < 0
			       ? mr_fail(err, ENOMEM, "warnings")
			       : 0;
	}
	return 0;
}

static int plan_bind(struct mr_mount *m, struct mr_strv *warnings, struct mr_error *err)
{
	if (!m->source || !m->source[0])
		return mr_fail_text(err, EINVAL, "a bind mount needs a source");
	int ret = drop_data(m, warnings, err);
	if (ret < 0)
		return ret;
	/* A recursive bind of /sys brings the host's cgroup mounts along: they would stay
	 * writable (CVE-2023-25809). */
	if (m->recursive && (m->attr_set & MOUNT_ATTR_RDONLY) &&
		mr_streq(m->destination, "/sys"))
		m->rec_set |= MOUNT_ATTR_RDONLY;
	return 0;
}

static int plan_fs(const struct mr_spec *spec, struct mr_mount *m, struct mr_arena *arena,
	struct mr_error *err)
{
	const char *label = spec->linux_->mount_label;

	if (!m->type || !m->type[0])
		return mr_fail_text(
			err, EINVAL, "a type is needed for what is no bind mount");
	if (m->copy_up && !mr_streq(m->type, "tmpfs"))
		return mr_fail_text(err, EINVAL,
			"option 'tmpcopyup' needs type tmpfs, not '%s'", m->type);
	if (only_mount_readonly(m->type))
		m->sb_flags &= ~(uint64_t)MS_RDONLY;
	if (label && label[0] && takes_label(m)) {
		m->data.items[m->data.n] = mr_arena_printf(arena, "context=%s", label);
		if (!m->data.items[m->data.n++])
			return mr_fail(err, ENOMEM, "mount label");
	}
	/* Nodes are still to be made in it: protected with the rest. */
	if (mr_streq(m->destination, "/dev") && (m->attr_set & MOUNT_ATTR_RDONLY)) {
		m->late_readonly = true;
		m->attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	return 0;
}

static int plan_one(const struct mr_spec *spec, const struct mr_spec_mount *in,
	struct mr_arena *arena, struct mr_mount *m, struct mr_strv *warnings,
	struct mr_error *err)
{
	if (!in->destination || !in->destination[0])
		return mr_fail_text(err, EINVAL, "a destination is needed");
	/* Relative ones start at / (runtime-spec 1.2 deprecates but keeps them). Only the
	 * form is cleaned here, ".." is the kernel's to resolve. */
	autofree char *clean = mr_path_has_dotdot(in->destination)
				       ? strdup(in->destination)
				       : mr_path_clean(in->destination);
	if (!clean)
		return mr_fail(err, ENOMEM, "destination");
	m->destination = clean[0] == '/' ? mr_arena_strdup(arena, clean)
					 : mr_arena_printf(arena, "/%s",
						   mr_streq(clean, ".") ? "" : clean);
	if (!m->destination)
		return mr_fail(err, ENOMEM, "destination");
	m->type = in->type;
	m->source = in->source;
	m->tree_fd = -1;
	int ret = mr_mount_options(&in->options, arena, m, err);
	if (ret < 0)
		return ret;
	choose_kind(in, m);
	if (mr_streq(m->destination, "/") && m->kind != MR_MOUNT_REMOUNT)
		return mr_fail_text(err, EINVAL,
			"the root itself cannot be a destination; it is "
			"given by root.path");
	m->cgroup_ns = mr_spec_namespace_of(spec, MR_NS_CGROUP) != NULL;
	ret = plan_idmap(spec, in, m, err);
	if (ret == 0)
		ret = plan_hosts_view(spec, m, warnings, err);
	if (ret == 0 && mr_streq(m->type, "devpts"))
		ret = drop_unmapped_gid(spec, m, warnings, err);
	if (ret < 0)
		return ret;
	if (m->kind == MR_MOUNT_BIND)
		return plan_bind(m, warnings, err);
	if (m->kind == MR_MOUNT_CGROUP)
		return drop_data(m, warnings, err);
	if (m->kind == MR_MOUNT_REMOUNT)
		return 0;
	return plan_fs(spec, m, arena, err);
}

int mr_mount_plan(const struct mr_spec *spec, const struct mr_host *host, bool in_userns,
	struct mr_arena *arena, struct mr_mount_plan *ret, struct mr_strv *warnings,
	struct mr_error *err)
{
	(void)host;
	(void)in_userns;
	ret->n = 0;
	ret->items = mr_arena_alloc(arena, (spec->mounts.n + 1) * sizeof(*ret->items));
	if (!ret->items)
		return mr_fail(err, ENOMEM, "mounts");
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct mr_spec_mount *in = &spec->mounts.items[i];
		auto_strv said = {0};
		if (plan_one(spec, in, arena, &ret->items[i], warnings ? &said : NULL, err) < 0)
			return mr_prefix(err, "mounts[%zu] '%s'", i,
				in->destination ? in->destination : "");
		for (size_t k = 0; k < said.n; k++)
			if (mr_strv_addf(warnings, "mounts[%zu]: %s", i, said.items[k]) < 0)
				return mr_fail(err, ENOMEM, "warnings");
		ret->n++;
	}
	return 0;
}
