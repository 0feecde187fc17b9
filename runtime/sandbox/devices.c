/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev: the nodes and links that every container may expect, and those of its spec.
 *
 * Everything is made relative to a descriptor of the directory, and the directory /dev
 * itself must be no link: an image whose /dev is one would have its nodes made elsewhere
 * (CVE-2026-41579). What stands in a node's place and is not that very device, by type
 * and number, is replaced: an image's "/dev/null" that is a link or a file must never
 * receive anybody's output (CVE-2025-31133).
 *
 * In a user namespace mknod(2) of a device is refused (user_namespaces(7)): a node is
 * bound there, after the same check; of the spec's devices one that the parent has made, in
 * a file system that is mounted nowhere, of the default ones the host's.
 *
 * /dev/console is the container's pty, bound by the descriptor that the terminal room
 * opened, not by a name that somebody could exchange (CVE-2025-52565).
 *
 * Manual pages: mknod(2), null(4), tty(4), pts(4).
 */
#include "sandbox/devices.h"

#include "base/io.h"
#include "base/libc.h"
#include "sandbox/mount_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct {
	const char *path;
	unsigned major, minor;
} defaults[] = {
	{"/dev/null", 1, 3},
	{"/dev/zero", 1, 5},
	{"/dev/full", 1, 7},
	{"/dev/random", 1, 8},
	{"/dev/urandom", 1, 9},
	{"/dev/tty", 5, 0},
};
#define N_DEFAULTS (sizeof(defaults) / sizeof(defaults[0]))

static const char *const links[][2] = {
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
};
#define N_LINKS (sizeof(links) / sizeof(links[0]))

/* --- pure --- */

/** Is there a /dev of the container's own that may be filled? */
static bool is_needed(const struct mr_spec *spec)
{
	const struct mr_spec_namespace *mount_ns =
		mr_spec_namespace_of(spec, MR_NS_MOUNT);
	bool own_tree = !mr_streq(spec->root.path, "/");

	if (!mount_ns || mount_ns->path)
		return false;
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct mr_spec_mount *m = &spec->mounts.items[i];
		if (!mr_streq(m->destination, "/dev") &&
			!mr_streq(m->destination, "/dev/"))
			continue;
		own_tree = !mr_streq(m->type, "bind") && !mr_streq(m->type, "rbind") &&
			   !mr_streq(m->type, "devtmpfs");
		for (size_t k = 0; k < m->options.n; k++)
			if (mr_streq(m->options.items[k], "bind") ||
				mr_streq(m->options.items[k], "rbind"))
				own_tree = false;
	}
	return own_tree;
}

static bool has_device(const struct mr_linux *l, const char *path)
{
	for (size_t i = 0; i < l->devices.n; i++)
		if (mr_streq(l->devices.items[i].path, path))
			return true;
	return false;
}

static int check_device(const struct mr_device *d, size_t i, struct mr_error *err)
{
	if (!d->path || d->path[0] != '/' || mr_path_has_dotdot(d->path) ||
		strspn(d->path, "/") == strlen(d->path))
		return mr_fail_text(err, EINVAL,
			"linux.devices[%zu].path: '%s' is no absolute path of a node", i,
			d->path ? d->path : "");
	if (!strchr("cbup", d->type))
		return mr_fail_text(err, EINVAL,
			"linux.devices[%zu].type: '%c' is none of c b u p", i, d->type);
	if (d->type != 'p' &&
		(d->major < 0 || d->minor < 0 || d->major > 0xfff || d->minor > 0xfffff))
		return mr_fail_text(err, ERANGE,
			"linux.devices[%zu]: %lld:%lld is no device number", i,
			(long long)d->major, (long long)d->minor);
	return 0;
}

int mr_devices_plan(const struct mr_spec *spec, bool in_userns, struct mr_arena *arena,
	struct mr_devices_plan *ret, struct mr_error *err)
{
	const struct mr_linux *l = spec->linux_;

	memset(ret, 0, sizeof(*ret));
	ret->needed = is_needed(spec);
	ret->bind = in_userns;
	ret->terminal = spec->process && spec->process->terminal;
	ret->uids = &l->uid_mappings;
	ret->gids = &l->gid_mappings;
	ret->nodes.items = mr_arena_alloc(
		arena, (N_DEFAULTS + l->devices.n) * sizeof(*ret->nodes.items));
	ret->made = mr_arena_alloc(arena, (N_DEFAULTS + l->devices.n) * sizeof(*ret->made));
	if (!ret->nodes.items || !ret->made)
		return mr_fail(err, ENOMEM, "devices");
	for (size_t i = 0; i < N_DEFAULTS + l->devices.n; i++)
		ret->made[i] = -1;
	ret->n_of_spec = l->devices.n;
	for (size_t i = 0; i < N_DEFAULTS; i++) {
		if (has_device(l, defaults[i].path))
			continue;
		struct mr_device *d = &ret->nodes.items[ret->nodes.n++];
		d->path = mr_arena_strdup(arena, defaults[i].path);
		d->type = 'c';
		d->major = defaults[i].major;
		d->minor = defaults[i].minor;
		if (!d->path)
			return mr_fail(err, ENOMEM, "devices");
	}
	for (size_t i = 0; i < l->devices.n; i++) {
		int r = check_device(&l->devices.items[i], i, err);
		if (r < 0)
			return r;
		struct mr_device *d = &ret->nodes.items[ret->nodes.n++];
		*d = l->devices.items[i];
		size_t n = strlen(d->path);
		while (d->path[n - 1] == '/') /* check_device(): it is more than these */
			n--;
		d->path = mr_arena_strndup(arena, d->path, n);
		if (!d->path)
			return mr_fail(err, ENOMEM, "devices");
	}
	return 0;
}

/* --- effects --- */

static mode_t type_of(const struct mr_device *d)
{
	return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static dev_t number_of(const struct mr_device *d)
{
	return d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
}

static bool is_device(const struct stat *st, const struct mr_device *d)
{
	return (st->st_mode & S_IFMT) == type_of(d) &&
	       (d->type == 'p' || st->st_rdev == number_of(d));
}

bool mr_is_char_device(int fd, unsigned major_number, unsigned minor_number)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(major_number, minor_number);
}

/** An empty file named @name in @dir to bind on; a link in its place is removed. */
static int open_bind_target(int dir, const char *name, struct mr_error *err)
{
	struct stat st;

	if (mknodat(dir, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return mr_fail(err, errno, "create '%s'", name);
	autoclose int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return mr_fail(err, errno, "open '%s'", name);
	if (!S_ISLNK(st.st_mode))
		return mr_take_fd(&fd);
	mr_close(&fd);
	if (unlinkat(dir, name, 0) < 0 || mknodat(dir, name, S_IFREG | 0644, 0) < 0)
		return mr_fail(err, errno, "replace the link '%s'", name);
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? mr_fail(err, errno, "open '%s'", name) : mr_take_fd(&fd);
}

#define CLONE_NODE (OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)

/** @made a mount of it that is there already, or -1 */
static int bind_node(const struct mr_device *d, int made, int dir, const char *name,
	struct mr_error *err)
{
	struct stat st;
	autoclose int own = made < 0 ? open_tree(AT_FDCWD, d->path, CLONE_NODE) : -1;
	const int source = made < 0 ? own : made;

	if (source < 0 || fstat(source, &st) < 0)
		return mr_fail(err, errno, "the host's '%s'", d->path);
	if (!is_device(&st, d))
		return mr_fail_text(err, ENODEV,
			"the host's '%s' is not the device %c %lld:%lld", d->path,
			d->type, (long long)d->major, (long long)d->minor);
	autoclose int target = open_bind_target(dir, name, err);
	if (target < 0)
		return target;
	int ret = mr_mount_fd_attach(source, target);
	return ret < 0 ? mr_fail(err, -ret, "bind the host's '%s'", d->path) : 0;
}

static int make_node(
	const struct mr_device *d, int dir, const char *name, struct mr_error *err)
{
	mode_t mode = type_of(d) |
		      (d->file_mode.set ? (mode_t)d->file_mode.value & 07777 : 0666);
	struct stat st;
	int ret = mknodat(dir, name, mode, number_of(d));

	if (ret < 0 && errno == EEXIST) {
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			is_device(&st, d))
			return 0;
		if (unlinkat(dir, name, 0) < 0)
			return mr_fail(err, errno, "remove what is not the device '%s'",
				d->path);
		ret = mknodat(dir, name, mode, number_of(d));
	}
	if (ret < 0)
		return -errno;
	if ((d->uid.value || d->gid.value) &&
		fchownat(dir, name, (uid_t)d->uid.value, (gid_t)d->gid.value,
			AT_SYMLINK_NOFOLLOW) < 0)
		return mr_fail(err, errno, "chown of '%s'", d->path);
	return 0;
}

static int add_node(const struct mr_devices_plan *plan, size_t i, const struct mr_rootfs *r,
	int dev, struct mr_error *err)
{
	const struct mr_device *d = &plan->nodes.items[i];
	const char *name = d->path + strlen("/dev/");
	autoclose int parent = -1;
	int dir = dev;
	bool bind = plan->bind && d->type != 'p';

	if (!mr_has_prefix(d->path, "/dev/") || strchr(name, '/')) {
		parent = mr_resolve_make_parent(r->root_fd, d->path, &name);
		if (parent < 0)
			return mr_fail(
				err, -parent, "directory of the device '%s'", d->path);
		dir = parent;
	}
	err->err = 0;
	int ret = bind ? 0 : make_node(d, dir, name, err);
	/* No CAP_MKNOD, or no devices for us: what the host has can still be bound. */
	if (bind || (ret == -EPERM && err->err == 0))
		ret = bind_node(d, plan->made[i], dir, name, err);
	if (ret < 0 && err->err == 0)
		return mr_fail(err, -ret, "mknod of '%s'", d->path);
	return ret;
}

static uint32_t outside(const struct mr_id_mappings *maps, uint64_t id)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct mr_id_mapping *m = &maps->items[i];
		if (id >= m->container_id && id - m->container_id < m->size)
			return m->host_id + (uint32_t)(id - m->container_id);
	}
	return 0;
}

int mr_devices_make(struct mr_devices_plan *plan, struct mr_error *err)
{
	const struct mr_fs_config tmpfs = {.type = "tmpfs", .source = "tmpfs"};

	if (!plan->needed || !plan->bind || plan->n_of_spec == 0 || plan->uids->n == 0)
		return 0;
	autoclose int fs = mr_mount_fd_create(&tmpfs, err);
	if (fs < 0)
		return fs;
	for (size_t i = plan->nodes.n - plan->n_of_spec; i < plan->nodes.n; i++) {
		struct mr_device d = plan->nodes.items[i];
		char name[24];

		snprintf(name, sizeof(name), "%zu", i);
		d.uid.value = outside(plan->uids, d.uid.value);
		d.gid.value = outside(plan->gids, d.gid.value);
		mode_t mask = umask(0);
		int ret = d.type == 'p' ? 0 : make_node(&d, fs, name, err);
		umask(mask);
		if (ret == -EPERM)
			break;
		if (ret < 0)
			return err->err ? ret : mr_fail(err, -ret, "mknod of '%s'", d.path);
		if (d.type != 'p')
			plan->made[i] = open_tree(fs, name, CLONE_NODE); /* or -1 */
	}
	return 0;
}

void mr_devices_keep_host(const struct mr_devices_plan *plan)
{
	for (size_t i = 0; plan->needed && plan->bind && i < plan->nodes.n; i++) {
		const struct mr_device *d = &plan->nodes.items[i];
		if (plan->made[i] < 0 && d->type != 'p')
			plan->made[i] = open_tree(AT_FDCWD, d->path, CLONE_NODE); /* or -1 */
	}
}

void mr_devices_close(struct mr_devices_plan *plan)
{
	for (size_t i = 0; i < plan->nodes.n; i++)
		mr_close(&plan->made[i]);
}

static int add_link(int dev, const char *text, const char *name, struct mr_error *err)
{
	char old[PATH_MAX];

	if (symlinkat(text, dev, name) == 0)
		return 0;
	if (errno != EEXIST)
		return mr_fail(err, errno, "link /dev/%s", name);
	ssize_t n = readlinkat(dev, name, old, sizeof(old));
	if (n == (ssize_t)strlen(text) && !memcmp(old, text, (size_t)n))
		return 0;
	if (unlinkat(dev, name, 0) < 0) /* EISDIR: an image's own arrangement */
		return errno == EISDIR ? 0 : mr_fail(err, errno, "replace /dev/%s", name);
	return symlinkat(text, dev, name) < 0 ? mr_fail(err, errno, "link /dev/%s", name)
					      : 0;
}

/** The pty slave becomes /dev/console. */
static int bind_console(const struct mr_rootfs *r, int dev, struct mr_error *err)
{
	struct stat st;
	struct statfs fs;

	if (fstat(r->console_fd, &st) < 0 || fstatfs(r->console_fd, &fs) < 0)
		return mr_fail(err, errno, "stat of the terminal");
	/* Majors 136 to 143 are the slaves of Unix98 ptys. */
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) < UNIX98_PTY_SLAVE_MAJOR ||
		major(st.st_rdev) >= UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT ||
		fs.f_type != DEVPTS_SUPER_MAGIC)
		return mr_fail_text(
			err, ENOTTY, "the terminal for /dev/console is no pty");
	autoclose int target = open_bind_target(dev, "console", err);
	if (target < 0)
		return target;
	autoclose int tree = mr_mount_fd_clone(r->console_fd, false);
	int ret = tree < 0 ? tree : mr_mount_fd_attach(tree, target);
	return ret < 0 ? mr_fail(err, -ret, "bind the terminal on /dev/console") : 0;
}

int mr_devices_apply(
	const struct mr_devices_plan *plan, struct mr_rootfs *r, struct mr_error *err)
{
	int ret = 0;

	if (!plan->needed)
		return 0;
	autoclose int dev =
		mr_resolve_make(r->root_fd, "/dev", S_IFDIR, MR_RESOLVE_NO_SYMLINKS);
	if (dev == -ELOOP)
		return mr_fail_text(err, ELOOP,
			"/dev is a link in the container's root; it must "
			"be a directory");
	if (dev < 0)
		return mr_fail(err, -dev, "open /dev of the container");
	mode_t mask = umask(0);
	for (size_t i = 0; i < plan->nodes.n && ret == 0; i++)
		ret = add_node(plan, i, r, dev, err);
	for (size_t i = 0; i < N_LINKS && ret == 0; i++)
		ret = add_link(dev, links[i][0], links[i][1], err);
	if (ret == 0 && plan->terminal && r->console_fd >= 0)
		ret = bind_console(r, dev, err);
	umask(mask);
	return ret;
}
