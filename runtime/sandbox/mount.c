/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the spec's mounts (mount_plan.c says what each one means).
 *
 * Every mount is made detached, changed, and attached to a descriptor of its destination,
 * which was resolved inside the root (resolve.h). Two destinations are special:
 *
 *  - procfs and sysfs go only on a real directory. Were /proc a link, what later writes
 * to /proc or masks parts of it would hit something else (CVE-2019-19921,
 * CVE-2023-28642);
 *  - on or below /proc nothing else is mounted, save the few files that report resources
 *    (CVE-2019-16884): the rest of the set-up must be able to trust it.
 *
 * Both are checked on what was opened, and the second by name, too.
 *
 * Manual pages: mount(8), mount_setattr(2), mount_namespaces(7), tmpfs(5).
 */
#include "sandbox/mount.h"

#include "base/io.h"
#include "base/libc.h"
#include "sandbox/copy_up.h"
#include "sandbox/idmap.h"
#include "sandbox/mount_cgroup.h"
#include "sandbox/mount_fd.h"
#include "sandbox/outer.h"
#include "sandbox/procfs.h"
#include "spec/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_DEFAULT_ATTR (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* --- what may be mounted where --- */

/** @return 1 yes, 0 no, or -errno */
static int is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 ? -errno : (long)fs.f_type == PROC_SUPER_MAGIC;
}

/** Refuse to cover procfs. @source: what is mounted, @target: where */
static int check_target(
	const struct mr_mount *m, int source, int target, struct mr_error *err)
{
	bool on_proc = mr_streq(m->destination, "/proc");

	if (on_proc && is_procfs(source) == 1)
		return 0;
	if (on_proc || (mr_path_is_below(m->destination, "/proc") &&
			       !mr_spec_may_cover_proc(m->destination))) {
		mr_fail_text(err, EPERM,
			"nothing but a procfs may be mounted on /proc, and "
			"nothing below it but files such as /proc/meminfo");
		return -EPERM;
	}
	if (mr_spec_may_cover_proc(m->destination))
		return 0;
	int covers = is_procfs(target);
	if (covers < 0)
		return mr_fail(err, -covers, "statfs of the destination");
	return covers ? mr_fail_text(err, EPERM, "the destination leads into /proc by a link")
		      : 0;
}

/** The destination of a procfs or sysfs: a real directory, reached without links. */
static int open_real_dir(
	const struct mr_mount *m, const struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int fd = mr_resolve_make(
		r->root_fd, m->destination, S_IFDIR, MR_RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (fd == -ELOOP)
		return mr_fail_text(err, ELOOP,
			"the destination is a link, or below one, in the container's "
			"root; %s must be mounted on ordinary directory",
			m->type);
	if (fd < 0)
		return mr_fail(err, -fd, "open the destination");
	if (fstat(fd, &st) < 0)
		return mr_fail(err, errno, "stat of the destination");
	if (!S_ISDIR(st.st_mode))
		return mr_fail_text(err, ENOTDIR, "the destination is no directory");
	return mr_take_fd(&fd);
}

static int open_target(const struct mr_mount *m, const struct mr_rootfs *r, mode_t type,
	struct mr_error *err)
{
	unsigned flags = m->dest_nofollow ? MR_RESOLVE_NOFOLLOW : 0;
	int fd = mr_resolve_make(r->root_fd, m->destination, type, flags);

	return fd < 0 ? mr_fail(err, -fd, "open the destination") : fd;
}

static int attach(const struct mr_mount *m, int fd, int target, struct mr_error *err)
{
	int ret = mr_mount_fd_attach(fd, target);

	if (ret < 0)
		return mr_fail(err, -ret, "attach");
	/* After attaching: below a shared mount, what is attached becomes shared. */
	if (m->propagation && (ret = mr_mount_fd_propagate(fd, m->propagation)) < 0)
		return mr_fail(err, -ret, "set the propagation");
	return 0;
}

/* --- bind --- */

static int open_source(const struct mr_mount *m, int outer_fd, struct mr_error *err)
{
	unsigned flags = OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC;

	if (m->recursive)
		flags |= (unsigned)AT_RECURSIVE;
	if (m->src_nofollow || m->copy_symlink)
		flags |= AT_SYMLINK_NOFOLLOW;
	int fd = mr_outer_open_tree(outer_fd, m->source, flags);
	if (fd >= 0)
		return fd;
	int e = -fd;
	mr_fail(err, e, "source '%s'", m->source);
	if (e == EINVAL)
		mr_hint(err,
			"mounts below the source may be locked by a user namespace: use "
			"'rbind'");
	if (e == ENOENT)
		mr_hint(err, "a bind mount shows what is on the host: make the source first");
	return -e;
}

static int open_idmap_ns(const struct mr_mount *m, int proc_fd, struct mr_error *err)
{
	if (m->uid_mappings.n == 0) {
		int fd = open(
			m->idmap_ns_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		return fd < 0 ? mr_fail(err, errno, "user namespace '%s'",
					m->idmap_ns_path)
			      : fd;
	}
	return mr_idmap_open(&m->uid_mappings, &m->gid_mappings, proc_fd, err);
}

static int map_ids(const struct mr_mount *m, int tree, int proc_fd, struct mr_error *err)
{
	autoclose int ns = open_idmap_ns(m, proc_fd, err);
	struct mr_mount_change change = {
		.recursive = m->idmap_recursive,
		.set = MOUNT_ATTR_IDMAP,
		.userns_fd = ns,
	};

	if (ns < 0)
		return ns;
	int ret = mr_mount_fd_change(tree, &change);
	if (ret == 0)
		return 0;
	mr_fail(err, -ret, "map the ids of '%s'", m->source);
	if (ret == -EINVAL)
		mr_hint(err,
			"the file system of the source may not support id-mapped mounts");
	else if (ret == -EPERM)
		mr_hint(err,
			"this needs CAP_SYS_ADMIN in the user namespace that the file "
			"system was mounted in, and a source that is not mapped already");
	return ret;
}

int mr_mount_open_source(struct mr_mount *m, bool slave, struct mr_error *err)
{
	if (m->kind != MR_MOUNT_BIND)
		return 0;
	autoclose int fd = open_source(m, -1, err);
	autoclose int proc = fd >= 0 && m->idmap ? mr_procfs_open_host(err) : -1;
	int ret = fd;
	if (fd >= 0 && m->idmap)
		ret = proc < 0 ? proc : map_ids(m, fd, proc, err);
	if (ret >= 0 && slave && (ret = mr_mount_fd_propagate(fd, MS_SLAVE | MS_REC)) < 0)
		ret = mr_fail(err, -ret, "make '%s' a slave mount", m->source);
	if (ret < 0)
		return mr_prefix(err, "mount '%s'", m->destination);
	m->tree_fd = mr_take_fd(&fd);
	return 0;
}

static int change_tree(const struct mr_mount *m, int tree, struct mr_error *err)
{
	struct mr_mount_change one = {.set = m->attr_set, .clear = m->attr_clear};
	struct mr_mount_change all = {
		.recursive = true,
		.set = m->rec_set,
		.clear = m->rec_clear,
	};
	int ret = 0;

	if (one.set || one.clear)
		ret = mr_mount_fd_change(tree, &one);
	if (ret == 0 && (all.set || all.clear))
		ret = mr_mount_fd_change(tree, &all);
	return ret < 0 ? mr_fail(err, -ret, "mount_setattr") : 0;
}

/** copy-symlink: the link itself is made again at the destination. */
static int copy_symlink(const struct mr_mount *m, const struct mr_rootfs *r, int source,
	struct mr_error *err)
{
	char text[PATH_MAX], old[PATH_MAX];
	const char *name;
	ssize_t n = readlinkat(source, "", text, sizeof(text) - 1);

	if (n < 0)
		return mr_fail(err, errno, "read the link '%s'", m->source);
	text[n] = '\0';
	autoclose int dir = mr_resolve_make_parent(r->root_fd, m->destination, &name);
	if (dir < 0)
		return mr_fail(err, -dir, "open the directory of the destination");
	if (symlinkat(text, dir, name) == 0)
		return 0;
	int e = errno;
	if (e == EEXIST && readlinkat(dir, name, old, sizeof(old)) == n &&
		!memcmp(old, text, (size_t)n))
		return 0;
	return mr_fail(err, e, "create the link to '%s'", text);
}

static int apply_bind(const struct mr_mount *m, struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int own = m->tree_fd < 0 ? open_source(m, r->outer_fd, err) : -1;
	int tree = m->tree_fd < 0 ? own : m->tree_fd;
	struct stat from, to;

	if (tree < 0)
		return tree;
	if (fstat(tree, &from) < 0)
		return mr_fail(err, errno, "stat of '%s'", m->source);
	if (S_ISLNK(from.st_mode) && m->copy_symlink)
		return copy_symlink(m, r, tree, err);
	mode_t type = S_ISDIR(from.st_mode) ? S_IFDIR : S_IFREG;
	autoclose int target = open_target(m, r, type, err);
	if (target < 0)
		return target;
	if (fstat(target, &to) < 0)
		return mr_fail(err, errno, "stat of the destination");
	/* By these words dockerd knows what was done wrong, and by no others. */
	if (S_ISDIR(from.st_mode) != S_ISDIR(to.st_mode))
		return mr_fail_text(err, EINVAL,
			"not a directory: the %s, but the %s is one (source '%s')",
			S_ISDIR(from.st_mode) ? "destination" : "source",
			S_ISDIR(from.st_mode) ? "source" : "destination", m->source);
	int ret = check_target(m, tree, target, err);
	if (ret == 0 && m->idmap && m->tree_fd < 0) {
		int proc = mr_procfs_fd(r, err);
		ret = proc < 0 ? proc : map_ids(m, tree, proc, err);
	}
	if (ret == 0)
		ret = change_tree(m, tree, err);
	return ret < 0 ? ret : attach(m, tree, target, err);
}

/* --- file systems --- */

/** A tmpfs without a mode takes that of the directory it covers (1777 of /tmp); where none
 * is, the kernel's own, 1777. */
static int inherit_mode(const struct mr_mount *m, const struct mr_rootfs *r,
	struct mr_list *data, char mode[24], struct mr_error *err)
{
	struct stat st;

	*data = m->data;
	if (!mr_streq(m->type, "tmpfs"))
		return 0;
	for (size_t i = 0; i < data->n; i++)
		if (mr_has_prefix(data->items[i], "mode="))
			return 0;
	autoclose int covered = mr_resolve(
		r->root_fd, m->destination, m->dest_nofollow ? MR_RESOLVE_NOFOLLOW : 0);
	if (covered == -ENOENT)
		return 0;
	if (covered < 0)
		return mr_fail(err, -covered, "open the destination");
	if (fstat(covered, &st) < 0)
		return mr_fail(err, errno, "stat of the destination");
	snprintf(mode, 24, "mode=%o", (unsigned)st.st_mode & 07777);
	data->items[data->n++] = mode; /* mr_mount_options() has left room */
	return 0;
}

static int apply_fs(
	const struct mr_mount *m, const struct mr_rootfs *r, struct mr_error *err)
{
	bool strict = mr_streq(m->type, "sysfs") || mr_streq(m->type, "proc");
	struct mr_list data;
	char mode[24];
	int ret = inherit_mode(m, r, &data, mode, err);

	if (ret < 0)
		return ret;
	autoclose int target =
		strict ? open_real_dir(m, r, err) : open_target(m, r, S_IFDIR, err);
	if (target < 0)
		return target;
	struct mr_fs_config config = {
		.type = m->type,
		.source = m->source ? m->source : m->type,
		.sb_flags = m->sb_flags,
		.data = &data,
		.attr = m->copy_up ? 0 : m->attr_set,
	};
	autoclose int fd = mr_mount_fd_create(&config, err);
	if (fd == -EINVAL && mr_streq(m->type, "devpts"))
		mr_hint(err, "in a user namespace its gid= must be one that is mapped");
	if (fd < 0)
		return fd;
	ret = check_target(m, fd, target, err);
	if (ret == 0 && m->copy_up)
		ret = mr_copy_up(target, fd, err);
	if (ret == 0 && (m->copy_up || m->rec_set || m->rec_clear))
		ret = change_tree(m, fd, err);
	return ret < 0 ? ret : attach(m, fd, target, err);
}

/* The private procfs is attached instead of making another one: mr_procfs_fd() has a clone in
 * its place for whoever needs it later. */
static int apply_proc(const struct mr_mount *m, struct mr_rootfs *r, struct mr_error *err)
{
	if (!r->proc_is_private || r->proc_attached || m->data.n > 0 || m->sb_flags ||
		(m->attr_set & ~(uint64_t)PROC_DEFAULT_ATTR) || m->rec_set)
		return apply_fs(m, r, err);
	autoclose int target = open_real_dir(m, r, err);
	if (target < 0)
		return target;
	int ret = check_target(m, r->proc_fd, target, err);
	if (ret == 0)
		ret = attach(m, r->proc_fd, target, err);
	if (ret < 0)
		return ret;
	r->proc_attached = r->proc_exposed = true;
	struct mr_mount_change change = {.clear = PROC_DEFAULT_ATTR & ~m->attr_set};
	if (change.clear && (ret = mr_mount_fd_change(r->proc_fd, &change)) < 0)
		return mr_fail(err, -ret, "mount_setattr");
	return 0;
}

static int apply_cgroup(const struct mr_mount *m, const struct mr_host *host,
	struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int target = open_target(m, r, S_IFDIR, err);

	if (target < 0)
		return target;
	int ret = check_target(m, -1, target, err);
	return ret < 0 ? ret : mr_mount_cgroup(m, host, r, target, err);
}

static int apply_remount(
	const struct mr_mount *m, const struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int fd = mr_resolve(
		r->root_fd, m->destination, m->dest_nofollow ? MR_RESOLVE_NOFOLLOW : 0);
	struct mr_fs_config config = {
		.type = m->type ? m->type : "file system",
		.sb_flags = m->bind ? 0 : m->sb_flags & ~(uint64_t)MS_RDONLY,
		.data = &m->data,
	};

	if (fd < 0)
		return mr_fail(err, -fd, "open the destination");
	int ret = change_tree(m, fd, err);
	if (ret == -EINVAL)
		mr_hint(err, "only what is a mount point already can be remounted");
	if (ret == 0 && (config.sb_flags || m->data.n > 0))
		ret = mr_mount_fd_reconfigure(fd, &config, err);
	if (ret == 0 && m->propagation &&
		(ret = mr_mount_fd_propagate(fd, m->propagation)) < 0)
		ret = mr_fail(err, -ret, "set the propagation");
	return ret;
}

int mr_mount_apply(const struct mr_mount *m, const struct mr_host *host,
	struct mr_rootfs *r, struct mr_error *err)
{
	int ret = 0;

	switch (m->kind) {
	case MR_MOUNT_BIND:
		ret = apply_bind(m, r, err);
		break;
	case MR_MOUNT_FS:
		ret = apply_fs(m, r, err);
		break;
	case MR_MOUNT_PROC:
		ret = apply_proc(m, r, err);
		break;
	case MR_MOUNT_CGROUP:
		ret = apply_cgroup(m, host, r, err);
		break;
	case MR_MOUNT_REMOUNT:
		ret = apply_remount(m, r, err);
		break;
	}
	return ret < 0 ? mr_prefix(err, "mount %s on '%s'",
				 m->kind == MR_MOUNT_BIND ? m->source
				 : m->type                ? m->type
							  : "again",
				 m->destination)
		       : 0;
}
