/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount API of descriptors (kernel 5.2, mount_setattr 5.12), with errors that say
 * what the file system said.
 *
 * A mount is made without being visible anywhere, gets its attributes, and only then is
 * attached, to a descriptor. So no path string is walked twice, nobody sees a bind mount
 * that is not read-only yet, and no link can stand in for the target.
 *
 * Manual pages: mount_setattr(2); fsopen, fsconfig, fsmount, open_tree and move_mount
 * have theirs in man-pages 6.10 and the kernel's Documentation/filesystems/mount_api.rst.
 */
#include "sandbox/mount_fd.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/str.h"
#include "sandbox/mount_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/** Fail with the last message of a file system context; each read(2) gives one. */
static int fail_with_log(
	int fs, struct mr_error *err, int errnum, const char *what, const char *type)
{
	char line[512], last[sizeof(line)] = "";
	ssize_t n;

	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		/* "e text": error, "w text": warning, "i text": information */
		if (line[0] == 'e' && line[1] == ' ')
			memcpy(last, line + 2, sizeof(last) - 2);
	}
	if (last[0])
		return mr_fail(
			err, errnum, "%s %s: the kernel says \"%s\"", what, type, last);
	return mr_fail(err, errnum, "%s %s", what, type);
}

static int set_flags(int fs, const struct mr_fs_config *config, struct mr_error *err)
{
	static const struct {
		uint64_t flag;
		const char *name;
	} names[] = {
		{MS_RDONLY, "ro"},
		{MS_SYNCHRONOUS, "sync"},
		{MS_DIRSYNC, "dirsync"},
		{MS_LAZYTIME, "lazytime"},
		{MS_MANDLOCK, "mand"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((config->sb_flags & names[i].flag) &&
			fsconfig(fs, FSCONFIG_SET_FLAG, names[i].name, NULL, 0) < 0)
			return fail_with_log(fs, err, errno, names[i].name, config->type);
	}
	return 0;
}

static int set_data(int fs, const struct mr_fs_config *config, struct mr_error *err)
{
	for (size_t i = 0; config->data && i < config->data->n; i++) {
		const char *item = config->data->items[i];
		const char *eq = strchr(item, '=');
		int ret;

		if (eq) {
			autofree char *key = strndup(item, (size_t)(eq - item));
			if (!key)
				return mr_fail(err, ENOMEM, "mount option %s", item);
			ret = fsconfig(fs, FSCONFIG_SET_STRING, key, eq + 1, 0);
		} else {
			ret = fsconfig(fs, FSCONFIG_SET_FLAG, item, NULL, 0);
		}
		if (ret < 0) {
			int e = errno;
			auto_str what = {0};
			mr_str_appendf(&what, "option '%s' of", item);
			fail_with_log(fs, err, e, mr_str_text(&what), config->type);
			if (e == EINVAL)
				mr_mount_option_hint(item, config->type, err);
			return -e;
		}
	}
	return 0;
}

int mr_mount_fd_create(const struct mr_fs_config *config, struct mr_error *err)
{
	autoclose int fs = fsopen(config->type, FSOPEN_CLOEXEC);

	if (fs < 0 && errno == ENODEV)
		return mr_fail_text(err, ENODEV,
			"this kernel has no file system type '%s'", config->type);
	if (fs < 0)
		return mr_fail(err, errno, "fsopen %s", config->type);
	if (config->source &&
		fsconfig(fs, FSCONFIG_SET_STRING, "source", config->source, 0) < 0)
		return fail_with_log(fs, err, errno, "source of", config->type);
	int ret = set_flags(fs, config, err);
	if (ret == 0)
		ret = set_data(fs, config, err);
	if (ret < 0)
		return ret;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_with_log(fs, err, errno, "create", config->type);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)config->attr);
	if (fd < 0)
		return fail_with_log(fs, err, errno, "fsmount", config->type);
	return fd;
}

int mr_mount_fd_reconfigure(
	int fd, const struct mr_fs_config *config, struct mr_error *err)
{
	autoclose int fs = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	if (fs < 0)
		return mr_fail(err, errno, "fspick");
	int ret = set_flags(fs, config, err);
	if (ret == 0)
		ret = set_data(fs, config, err);
	if (ret < 0)
		return ret;
	if (fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return fail_with_log(fs, err, errno, "reconfigure", config->type);
	return 0;
}

static int setattr(int fd, bool recursive, struct mount_attr *attr)
{
	unsigned flags = AT_EMPTY_PATH | (recursive ? (unsigned)AT_RECURSIVE : 0);

	return mount_setattr(fd, "", flags, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/** The attributes that are in force on the mount of @fd. */
static uint64_t attributes_of(int fd)
{
	struct statvfs st;
	uint64_t attr = 0;

	if (fstatvfs(fd, &st) < 0)
		return 0;
	if (st.f_flag & ST_RDONLY)
		attr |= MOUNT_ATTR_RDONLY;
	if (st.f_flag & ST_NOSUID)
		attr |= MOUNT_ATTR_NOSUID;
	if (st.f_flag & ST_NODEV)
		attr |= MOUNT_ATTR_NODEV;
	if (st.f_flag & ST_NOEXEC)
		attr |= MOUNT_ATTR_NOEXEC;
	if (st.f_flag & ST_NODIRATIME)
		attr |= MOUNT_ATTR_NODIRATIME;
	return attr;
}

int mr_mount_fd_change(int fd, const struct mr_mount_change *change)
{
	struct mount_attr attr = {
		.attr_set = change->set,
		.attr_clr = change->clear,
		.propagation = change->propagation,
		.userns_fd =
			change->set & MOUNT_ATTR_IDMAP ? (unsigned)change->userns_fd : 0,
	};
	int ret = setattr(fd, change->recursive, &attr);

	if (ret != -EPERM || change->clear == 0)
		return ret;
	/* One of the restrictions to be lifted is locked. First keep those in force, then
	 * also the way in which access times are kept. */
	uint64_t keep =
		change->recursive ? ~(uint64_t)MOUNT_ATTR__ATIME : attributes_of(fd);
	attr.attr_clr &= ~keep;
	ret = setattr(fd, change->recursive, &attr);
	if (ret != -EPERM || !(attr.attr_clr & MOUNT_ATTR__ATIME))
		return ret;
	attr.attr_clr &= ~(uint64_t)MOUNT_ATTR__ATIME;
	attr.attr_set &= ~(uint64_t)(MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME);
	return setattr(fd, change->recursive, &attr);
}

int mr_mount_fd_propagate(int fd, uint64_t propagation)
{
	struct mount_attr attr = {.propagation = propagation & ~(uint64_t)MS_REC};

	return setattr(fd, propagation & MS_REC, &attr);
}

int mr_mount_fd_clone(int fd, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int copy = open_tree(fd, "", flags | (recursive ? (unsigned)AT_RECURSIVE : 0));

	return copy < 0 ? -errno : copy;
}

int mr_mount_fd_attach(int fd, int target)
{
	return move_mount(fd, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}
