/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the container's tree of files is to be: from the spec to a plan. Pure.
 *
 * Manual pages: mount_namespaces(7).
 */
#include "sandbox/rootfs.h"

#include "base/libc.h"
#include "sandbox/sysctl.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

/** @path from @base when it is relative, clean. */
static const char *absolute(const char *path, const char *base, struct mr_arena *arena)
{
	auto_str full = {0};

	if (path[0] != '/') {
		mr_str_append(&full, base);
		mr_str_append(&full, "/");
	}
	mr_str_append(&full, path);
	/* With ".." the kernel decides: the part before it may be a link. */
	if (mr_str_ok(&full) && mr_path_has_dotdot(mr_str_text(&full)))
		return mr_arena_strdup(arena, mr_str_text(&full));
	autofree char *clean =
		mr_str_ok(&full) ? mr_path_clean(mr_str_text(&full)) : NULL;
	return clean ? mr_arena_strdup(arena, clean) : NULL;
}

/**
 * Whatever the spec asks for, nothing that is mounted during the set-up may appear on the
 * host, so the old tree is cut off; only `shared` must leave it as it is, since a bind
 * mount that shares with the host is made of a mount that does. Then the root's own copy
 * is cut off alone (mr_rootfs_bind()).
 */
static int plan_propagation(
	const char *name, struct mr_rootfs_plan *ret, struct mr_error *err)
{
	uint64_t flags = name && name[0] ? mr_mount_propagation(name) : MS_SLAVE | MS_REC;

	if (flags == 0)
		return mr_fail_text(err, EINVAL,
			"linux.rootfsPropagation: '%s' is none of shared, slave, "
			"private, "
			"unbindable",
			name);
	if (flags & MS_SHARED) {
		/* On the host's own tree even the mounts of the spec would appear. */
		ret->propagation = ret->is_host ? MS_SLAVE | MS_REC : 0;
		ret->root_propagation = flags;
	} else if (flags & MS_UNBINDABLE) {
		ret->propagation = MS_PRIVATE | MS_REC;
		ret->root_propagation = flags;
	} else {
		ret->propagation = (flags & ~(uint64_t)MS_REC) | MS_REC;
	}
	return 0;
}

static int plan_sources(const char *base_dir, struct mr_arena *arena,
	struct mr_rootfs_plan *ret, struct mr_error *err)
{
	for (size_t i = 0; i < ret->mounts.n; i++) {
		struct mr_mount *m = &ret->mounts.items[i];
		if (m->kind != MR_MOUNT_BIND || m->source[0] == '/')
			continue;
		m->source = absolute(m->source, base_dir, arena);
		if (!m->source)
			return mr_fail(err, ENOMEM, "mounts");
	}
	return 0;
}

int mr_rootfs_plan(const struct mr_spec *spec, const struct mr_host *host,
	const char *base_dir, bool no_pivot, struct mr_arena *arena,
	struct mr_rootfs_plan *ret, struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_linux *l = spec->linux_;
	const struct mr_spec_namespace *mount_ns =
		mr_spec_namespace_of(spec, MR_NS_MOUNT);
	const struct mr_spec_namespace *user_ns = mr_spec_namespace_of(spec, MR_NS_USER);

	memset(ret, 0, sizeof(*ret));
	if (!spec->root.path || !spec->root.path[0])
		return mr_fail_text(err, EINVAL, "root.path is missing");
	ret->host = host;
	ret->path = absolute(spec->root.path, base_dir, arena);
	if (!ret->path)
		return mr_fail(err, ENOMEM, "root.path");
	ret->is_host = mr_streq(ret->path, "/");
	ret->new_mount_ns = mount_ns && !mount_ns->path;
	ret->in_userns = user_ns != NULL;
	ret->readonly = spec->root.readonly;
	/* The host's tree is made read-only before the spec's mounts, and what is bound
	 * from it then would be, too. */
	ret->open_sources = (user_ns || (ret->is_host && ret->readonly)) &&
			    ret->new_mount_ns && mr_host_has_cap(host, CAP_SYS_ADMIN);
	ret->no_pivot = no_pivot;
	ret->masked_paths = l->masked_paths;
	ret->readonly_paths = l->readonly_paths;
	ret->sysctl = l->sysctl;
	ret->cwd = spec->process ? spec->process->cwd : "/";
	int r = mr_sysctl_check(&l->sysctl, err);
	if (r == 0)
		r = plan_propagation(l->rootfs_propagation, ret, err);
	if (r == 0)
		r = mr_mount_plan(
			spec, host, ret->in_userns, arena, &ret->mounts, warnings, err);
	if (r == 0)
		r = plan_sources(base_dir, arena, ret, err);
	if (r == 0)
		r = mr_devices_plan(spec, ret->in_userns, arena, &ret->devices, err);
	return r;
}
