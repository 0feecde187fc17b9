/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked and read-only paths.
 *
 * The source of a mask is never taken from the container: the null device is the host's,
 * opened before pivot_root and checked by type and number (CVE-2025-31133), and
 * directories are covered by one empty, read-only tmpfs for all of them, since each
 * superblock costs time at every start and end.
 *
 * The first mask attaches the source itself, each later one a clone of what is attached:
 * before kernel 6.15 a mount that is attached nowhere cannot be cloned.
 *
 * Manual pages: mount_setattr(2), proc(5).
 */
#include "sandbox/mask.h"

#include "base/io.h"
#include "base/libc.h"
#include "sandbox/devices.h"
#include "sandbox/mount_fd.h"
#include "sandbox/procfs.h"
#include "spec/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTINFO_MAX (16u << 20)

int mr_mask_open_null(struct mr_rootfs *r, struct mr_error *err)
{
	autoclose int fd = open_tree(AT_FDCWD, "/dev/null",
		OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (fd < 0)
		return mr_fail(err, errno, "the host's /dev/null");
	if (!mr_is_char_device(fd, 1, 3))
		return mr_fail_text(
			err, ENODEV, "the host's /dev/null is not the device c 1:3");
	mr_close(&r->null_fd);
	r->null_fd = mr_take_fd(&fd);
	return 0;
}

/** Something to cover paths with: used itself once, then by its clones. */
struct cover {
	int fd;
	bool used;
};

static int attach(struct cover *c, int target)
{
	if (!c->used) {
		int ret = mr_mount_fd_attach(c->fd, target);
		c->used = ret == 0;
		return ret;
	}
	autoclose int copy = mr_mount_fd_clone(c->fd, false);
	return copy < 0 ? copy : mr_mount_fd_attach(copy, target);
}

static int make_empty_dir(struct mr_error *err)
{
	char mode[] = "mode=555";
	char *items[] = {mode};
	struct mr_list data = {.items = items, .n = 1};
	struct mr_fs_config config = {
		.type = "tmpfs",
		.source = "tmpfs",
		.sb_flags = MS_RDONLY,
		.data = &data,
		.attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			MOUNT_ATTR_NOEXEC,
	};

	return mr_mount_fd_create(&config, err);
}

static int mask_path(const char *path, const struct mr_rootfs *r, struct cover *file,
	struct cover *dir, struct mr_error *err)
{
	autoclose int target = mr_resolve(r->root_fd, path, 0);
	struct stat st;

	if (target == -ENOENT)
		return 0;
	if (target < 0 || fstat(target, &st) < 0)
		return mr_fail(
			err, target < 0 ? -target : errno, "masked path '%s'", path);
	if (S_ISDIR(st.st_mode) && dir->fd < 0) {
		dir->fd = make_empty_dir(err);
		if (dir->fd < 0)
			return mr_prefix(err, "masked path '%s'", path);
	}
	int ret = attach(S_ISDIR(st.st_mode) ? dir : file, target);
	return ret < 0 ? mr_fail(err, -ret, "mask '%s'", path) : 0;
}

int mr_mask_paths(const struct mr_list *paths, struct mr_rootfs *r, struct mr_error *err)
{
	struct cover file = {.fd = r->null_fd}, dir = {.fd = -1};
	int ret = 0;

	for (size_t i = 0; i < paths->n && ret == 0; i++)
		ret = mask_path(paths->items[i], r, &file, &dir, err);
	mr_close(&dir.fd);
	mr_close(&r->null_fd);
	return ret;
}

/* @return 1 if it is to be hidden */
static int is_outer(char *line, const char *root, struct mr_mount_line *ret)
{
	size_t n = strlen(root);

	return (strstr(line, " - proc ") || strstr(line, " - sysfs ")) &&
	       mr_mount_line_split(line, ret) && mr_streq(ret->root, "/") &&
	       !(strncmp(ret->mount_point, root, n) == 0 && strchr("/", ret->mount_point[n]));
}

/* What hides it is mounted on a mount that is ours alone, so that no other namespace sees it.
 * One that nobody can reach, below another mount, is hidden already. */
static int hide(const char *path, struct mr_error *err)
{
	autoclose int target = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (target < 0)
		return errno == ENOENT ? 0 : mr_fail(err, errno, "hide '%s'", path);
	int ret = mr_mount_fd_propagate(target, MS_PRIVATE);
	if (ret < 0)
		return mr_fail(err, -ret, "make '%s' private", path);
	autoclose int fd = make_empty_dir(err);
	ret = fd < 0 ? fd : mr_mount_fd_attach(fd, target);
	return ret < 0 ? mr_fail(err, -ret, "hide '%s'", path) : 0;
}

int mr_mask_outer(struct mr_rootfs *r, struct mr_error *err)
{
	char link[32], root[PATH_MAX];
	autofree char *text = NULL;
	struct mr_mount_line m;
	const int proc = mr_procfs_fd(r, err);

	if (proc < 0)
		return proc;
	snprintf(link, sizeof(link), "self/fd/%d", r->root_fd);
	ssize_t n = readlinkat(proc, link, root, sizeof(root) - 1);
	if (n < 0)
		return mr_fail(err, errno, "find the path of the root");
	root[n] = '\0';
	int ret = mr_read_file_at(proc, "self/mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (ret < 0)
		return mr_fail(err, -ret, "read the mounts");
	char *rest = text;
	for (char *line; ret == 0 && (line = strsep(&rest, "\n"));)
		if (is_outer(line, root, &m))
			ret = hide(m.mount_point, err);
	return ret;
}

static int make_readonly(int root_fd, const char *path, struct mr_error *err)
{
	struct mr_mount_change change = {.recursive = true, .set = MOUNT_ATTR_RDONLY};
	autoclose int target = mr_resolve(root_fd, path, 0);

	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return mr_fail(err, -target, "read-only path '%s'", path);
	/* A mount of its own, bound over itself: attributes belong to mounts. */
	autoclose int tree = mr_mount_fd_clone(target, true);
	int ret = tree < 0 ? tree : mr_mount_fd_change(tree, &change);
	if (ret == 0)
		ret = mr_mount_fd_attach(tree, target);
	return ret < 0 ? mr_fail(err, -ret, "make '%s' read-only", path) : 0;
}

int mr_mask_readonly(
	const struct mr_list *paths, struct mr_rootfs *r, struct mr_error *err)
{
	int ret = 0;

	for (size_t i = 0; i < paths->n && ret == 0; i++)
		ret = make_readonly(r->root_fd, paths->items[i], err);
	return ret;
}
