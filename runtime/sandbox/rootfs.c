/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's tree of files, step by step.
 *
 * A new mount namespace starts as a copy of the host's. The copy is cut off from the
 * original, the root's directory becomes a mount, the spec's mounts are made in it, and
 * pivot_root(2) exchanges it with the old root, which is then dropped. Until that moment
 * the root is hostile ground: see resolve.h. What cannot be reached after it is taken
 * before: the null device for masks, the procfs.
 *
 * With the root "/" (a command without an image) the mounts go straight on the private
 * copy of the host's tree.
 *
 * Order constraints: the procfs comes first, everything that writes to /proc needs it;
 * the terminal's devpts is a mount of the spec, so the terminal is opened after the
 * mounts and before the devices; sysctls come before the read-only paths; the root
 * becomes read-only last.
 *
 * Manual pages: pivot_root(2), mount_namespaces(7), mount_setattr(2).
 */
#include "sandbox/rootfs.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"
#include "sandbox/mask.h"
#include "sandbox/mount_fd.h"
#include "sandbox/outer.h"
#include "sandbox/procfs.h"
#include "sandbox/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- the parent's part --- */

int mr_rootfs_open_sources(struct mr_rootfs_plan *plan, struct mr_error *err)
{
	if (!plan->open_sources)
		return 0;
	for (size_t i = 0; i < plan->mounts.n; i++) {
		int ret = mr_mount_open_source(
			&plan->mounts.items[i], plan->propagation != 0, err);
		if (ret < 0) {
			mr_rootfs_close_sources(plan);
			return ret;
		}
	}
	int ret = mr_devices_make(&plan->devices, err);
	if (ret < 0)
		mr_rootfs_close_sources(plan);
	return ret;
}

void mr_rootfs_close_sources(struct mr_rootfs_plan *plan)
{
	mr_devices_close(&plan->devices);
	for (size_t i = 0; i < plan->mounts.n; i++)
		mr_close(&plan->mounts.items[i].tree_fd);
}

/* --- before the mounts --- */

int mr_rootfs_open_proc(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	(void)plan;
	int fd = mr_procfs_open_private();
	r->proc_is_private = fd >= 0;
	/* No privilege over the pid namespace (it is shared with the host), or a procfs
	 * that is covered in part: then the host's, of which no covered part is used. */
	if (fd == -EPERM)
		fd = mr_procfs_open_host(err);
	else if (fd < 0)
		return mr_fail(err, -fd, "make a private procfs");
	if (fd < 0)
		return fd;
	mr_close(&r->proc_fd);
	r->proc_fd = fd;
	return 0;
}

static int set_propagation(uint64_t propagation)
{
	struct mount_attr attr = {.propagation = propagation & ~(uint64_t)MS_REC};
	return mount_setattr(AT_FDCWD, "/", (unsigned)AT_RECURSIVE, &attr, sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

int mr_rootfs_isolate(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	if (!plan->new_mount_ns || plan->propagation == 0)
		return 0;
	int ret = mr_outer_leave_chroot(&r->outer_fd, err);
	if (ret < 0)
		return ret;
	ret = set_propagation(plan->propagation);
	if (ret < 0)
		return mr_fail(err, -ret, "make the mounts of the new namespace %s",
			plan->propagation & MS_SLAVE ? "slaves" : "private");
	return r->outer_fd >= 0 && plan->is_host ? mr_outer_return(r->outer_fd, err) : 0;
}

/**
 * Make the mount that holds @path private: what is attached to a shared one appears on
 * the host. Only the root of a mount takes attributes, so climb to it.
 */
static int make_parent_private(const char *path, struct mr_error *err)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < PATH_MAX / 2; i++) {
		if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
			return 0;
		if (errno != EINVAL)
			break;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		mr_close(&fd);
		fd = up;
	}
	return mr_fail(err, errno, "make the mount that holds '%s' private", path);
}

static int open_root(
	const struct mr_rootfs *r, const char *path, unsigned flags, struct mr_error *err)
{
	struct stat st;
	autoclose int fd = mr_outer_open_tree(r->outer_fd, path,
		(unsigned)OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | flags);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int e = fd < 0 ? -fd : errno;
		mr_fail(err, e, "root.path '%s'", path);
		if (e == ENOENT)
			mr_hint(err, "it is the directory with the container's files; a relative "
				     "one starts at the directory of the spec");
		return -e;
	}
	if (S_ISLNK(st.st_mode))
		return mr_fail_text(err, ELOOP,
			"root.path '%s' is a symbolic link; name the directory itself",
			path);
	if (!S_ISDIR(st.st_mode))
		return mr_fail_text(err, ENOTDIR, "root.path '%s' is no directory", path);
	return mr_take_fd(&fd);
}

static int bind_host(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	struct mr_mount_change change = {.recursive = true, .set = MOUNT_ATTR_RDONLY};

	r->root_fd = open_root(r, "/", 0, err);
	if (r->root_fd < 0)
		return -err->err;
	/* Before the spec's mounts: those keep what their options say. */
	int ret = plan->readonly ? mr_mount_fd_change(r->root_fd, &change) : 0;
	if (ret == 0)
		return 0;
	mr_fail(err, -ret, "make the host's tree read-only");
	if (ret == -EINVAL)
		mr_hint(err, "in a chroot / is no mount, and only mounts can be read-only");
	return ret;
}

static int bind_dir(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int tree =
		open_root(r, plan->path, OPEN_TREE_CLONE | (unsigned)AT_RECURSIVE, err);
	if (tree < 0)
		return tree;
	int ret = 0;
	if (plan->propagation == 0) {
		ret = mr_mount_fd_propagate(tree, MS_PRIVATE | MS_REC);
		if (ret < 0)
			return mr_fail(err, -ret, "make the root private");
		ret = make_parent_private(plan->path, err);
		if (ret < 0)
			return ret;
	}
	autoclose int place = open_root(r, plan->path, 0, err);
	if (place < 0)
		return place;
	ret = mr_mount_fd_attach(tree, place);
	if (ret < 0)
		return mr_fail(err, -ret, "bind root.path '%s'", plan->path);
	r->root_fd = mr_take_fd(&tree);
	return 0;
}

int mr_rootfs_bind(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	mr_close(&r->root_fd);
	if (!plan->new_mount_ns) {
		r->root_fd = open_root(r, plan->path, 0, err);
		return r->root_fd < 0 ? -err->err : 0;
	}
	int ret = plan->is_host ? bind_host(plan, r, err) : bind_dir(plan, r, err);
	if (ret == 0 && plan->masked_paths.n > 0)
		ret = mr_mask_open_null(r, err);
	return ret;
}

/* --- the mounts --- */

/** Made as root and while the root is writable; entered later as the container's user. */
static int make_cwd(const struct mr_rootfs_plan *plan, const struct mr_rootfs *r,
	struct mr_error *err)
{
	if (plan->is_host || mr_streq(plan->cwd, "/"))
		return 0;
	autoclose int fd = mr_resolve_make(r->root_fd, plan->cwd, S_IFDIR, 0);
	return fd < 0 ? mr_fail(err, -fd, "process.cwd '%s'", plan->cwd) : 0;
}

int mr_rootfs_mount_all(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	int ret = 0;

	if (!plan->new_mount_ns)
		return 0;
	if (plan->is_host)
		mr_devices_keep_host(&plan->devices);
	/* Modes of what is made on the way are exact. */
	mode_t mask = umask(0);
	for (size_t i = 0; i < plan->mounts.n && ret == 0; i++) {
		ret = mr_mount_apply(&plan->mounts.items[i], plan->host, r, err);
		if (ret < 0)
			mr_prefix(err, "mounts[%zu]", i);
	}
	if (ret == 0)
		ret = make_cwd(plan, r, err);
	umask(mask);
	return ret;
}

int mr_rootfs_make_devices(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	return plan->new_mount_ns ? mr_devices_apply(&plan->devices, r, err) : 0;
}

int mr_rootfs_write_sysctls(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	int proc = mr_procfs_fd(r, err);
	return proc < 0 ? proc : mr_sysctl_apply(&plan->sysctl, proc, err);
}

/* --- the change into the root --- */

static int change_root(const char *what, struct mr_error *err)
{
	if (chroot(".") < 0 || chdir("/") < 0)
		return mr_fail(err, errno, "chroot into %s", what);
	return 0;
}

/**
 * Without pivot_root: the root is moved over "/". The old tree stays mounted beneath,
 * only hidden, which is why pivot_root is the default.
 */
static int move_root(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	/* Over a shared "/" the root would cover the host's, too. */
	if (plan->propagation == 0) {
		autoclose int old = open_root(r, "/", 0, err);
		int ret = old < 0 ? old : mr_mount_fd_propagate(old, MS_PRIVATE);
		if (ret < 0)
			return mr_fail(err, -ret, "make the old root private");
	}
	int masked = mr_mask_outer(r, err);
	if (masked < 0)
		return masked;
	if (move_mount(r->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return mr_fail(err, errno, "move '%s' to /", plan->path);
	return change_root(plan->path, err);
}

static int pivot(const struct mr_rootfs_plan *plan, const struct mr_rootfs *r,
	struct mr_error *err)
{
	bool shared = plan->propagation == 0;
	autoclose int old = shared ? open_root(r, "/", 0, err) : -1;

	if (shared && old < 0)
		return old;
	/* Both the same: the old root is stacked on the new one. */
	int ret = mr_pivot_root(".", ".");
	if (ret < 0) {
		mr_fail(err, -ret, "pivot_root to '%s'", plan->path);
		if (ret == -EINVAL)
			mr_hint(err, "a system that runs from its initramfs has no root "
				     "that can be pivoted: use --no-pivot");
		return ret;
	}
	/* What is detached from a shared mount would be detached on the host, too. */
	if (shared && (ret = mr_mount_fd_propagate(old, MS_SLAVE | MS_REC)) < 0)
		return mr_fail(err, -ret, "make the old root a slave");
	if (umount2(".", MNT_DETACH) < 0)
		return mr_fail(err, errno, "detach the old root");
	return chdir("/") < 0 ? mr_fail(err, errno, "chdir to the new root") : 0;
}

int mr_rootfs_pivot(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	if (plan->is_host)
		return chdir("/") < 0 ? mr_fail(err, errno, "chdir to /") : 0;
	if (fchdir(r->root_fd) < 0)
		return mr_fail(err, errno, "chdir to '%s'", plan->path);
	if (!plan->new_mount_ns)
		return change_root(plan->path, err);
	return plan->no_pivot ? move_root(plan, r, err) : pivot(plan, r, err);
}

/* --- after it --- */

static int protect_mounts(const struct mr_rootfs_plan *plan, const struct mr_rootfs *r,
	struct mr_error *err)
{
	struct mr_mount_change change = {.set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < plan->mounts.n; i++) {
		const struct mr_mount *m = &plan->mounts.items[i];
		if (!m->late_readonly)
			continue;
		autoclose int fd = mr_resolve(r->root_fd, m->destination, 0);
		int ret = fd < 0 ? fd : mr_mount_fd_change(fd, &change);
		if (ret < 0)
			return mr_fail(err, -ret, "make '%s' read-only", m->destination);
	}
	return 0;
}

int mr_rootfs_protect(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	struct mr_mount_change change = {.set = MOUNT_ATTR_RDONLY};

	if (!plan->new_mount_ns)
		return 0;
	int ret = mr_mask_readonly(&plan->readonly_paths, r, err);
	if (ret == 0)
		ret = mr_mask_paths(&plan->masked_paths, r, err);
	if (ret == 0)
		ret = protect_mounts(plan, r, err);
	if (ret < 0)
		return ret;
	if (plan->root_propagation &&
		(ret = mr_mount_fd_propagate(r->root_fd, plan->root_propagation)) < 0)
		return mr_fail(err, -ret, "set linux.rootfsPropagation");
	if (plan->readonly && !plan->is_host &&
		(ret = mr_mount_fd_change(r->root_fd, &change)) < 0)
		return mr_fail(err, -ret, "make the root read-only");
	return 0;
}

/** Not getcwd(3): of a directory outside the root the kernel's own answer tells more. */
static int check_cwd(const char *cwd, struct mr_error *err)
{
	char path[PATH_MAX];

	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return mr_fail(err, errno, "getcwd in '%s'", cwd);
	if (path[0] != '/')
		return mr_fail_text(
			err, EXDEV, "process.cwd '%s' lies outside the root", cwd);
	return 0;
}

static int fail_cwd(const char *cwd, int errnum, struct mr_error *err)
{
	struct stat st;

	/* It was reached, so it is itself what is none. */
	if (errnum == ENOTDIR && stat(cwd, &st) == 0)
		return mr_fail_text(err, ENOTDIR, "process.cwd '%s' is no directory", cwd);
	return mr_fail(err, errnum, "process.cwd '%s'", cwd);
}

int mr_rootfs_enter_cwd(const struct mr_rootfs_plan *plan, struct mr_error *err)
{
	/* Links of /proc such as self/fd/7 lead to whatever the caller left open, outside
	 * of the root, too (CVE-2024-21626). */
	autoclose int fd = mr_openat2(AT_FDCWD, plan->cwd,
		O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);

	if (fd == -ELOOP)
		return mr_fail_text(err, ELOOP,
			"process.cwd '%s' leads through a link of /proc, or "
			"through links without end (ELOOP)",
			plan->cwd);
	if (fd < 0)
		return fail_cwd(plan->cwd, -fd, err);
	if (fchdir(fd) < 0)
		return mr_fail(err, errno, "chdir to process.cwd '%s'", plan->cwd);
	return check_cwd(plan->cwd, err);
}
