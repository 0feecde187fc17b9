/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount of type cgroup or cgroup2: what a container sees of its limits.
 *
 * On v2 it is one mount. On v1 and hybrid hosts it is a tmpfs with a directory for each
 * hierarchy, links for names that share one (cpu -> cpu,cpuacct), and `unified`.
 *
 * With an own cgroup namespace a fresh mount of the hierarchy shows the container's
 * cgroup as its root. Without one a fresh mount would show the host's whole tree, so the
 * container's own directory is bound instead, read-only unless the spec says rw: writing
 * there would lift the limits (CVE-2023-25809).
 *
 * Manual pages: cgroups(7), cgroup_namespaces(7).
 */
#include "sandbox/mount_cgroup.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/str.h"
#include "sandbox/mount_fd.h"
#include "sandbox/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_CGROUP_MAX (64u << 10)

/* --- pure --- */

/** The hierarchy of one line's list: "cpu,cpuacct", "name=systemd" or "". */
static int find_hierarchy(const struct mr_host *host, const char *list)
{
	if (list[0] == '\0')
		return host->unified;
	bool named = mr_has_prefix(list, "name=");
	int i = named ? -1 : mr_host_find_controller(host, list, strcspn(list, ","));
	if (i >= 0 && host->hierarchies[i].v2)
		i = -1;
	const char *dir = named ? list + strlen("name=") : list;
	for (int k = 0; i < 0 && k < host->n_hierarchies; k++)
		if (!host->hierarchies[k].v2 &&
			mr_streq(mr_path_base(host->hierarchies[k].mount_point), dir))
			i = k;
	return i;
}

/** The directory of cgroup @path at a mount that shows @root. @return visible? */
static bool host_path(
	const struct mr_hierarchy *h, const char *path, char *ret, size_t cap)
{
	size_t n = mr_streq(h->root, "/") ? 0 : strlen(h->root);

	if (strncmp(path, h->root, n) != 0 || (path[n] != '/' && path[n] != '\0') ||
		mr_path_has_dotdot(path))
		return false;
	path += n;
	return (size_t)snprintf(ret, cap, "%s%s", h->mount_point,
		       mr_streq(path, "/") ? "" : path) < cap;
}

static bool fill_view(const struct mr_host *host, const char *list, const char *path,
	struct mr_cgroup_view *row)
{
	int i = find_hierarchy(host, list);
	bool named = mr_has_prefix(list, "name=");

	if (strlen(list) >= sizeof(row->links) - strlen("none,"))
		return false;
	memset(row, 0, sizeof(*row));
	snprintf(row->options, sizeof(row->options), "%s%s", named ? "none," : "", list);
	/* A tree without controllers need not be known to `host` to be mounted. */
	if (i < 0 && named && !strchr(list, '/'))
		snprintf(row->name, sizeof(row->name), "%s", list + strlen("name="));
	if (i < 0)
		return row->name[0] != '\0';
	const struct mr_hierarchy *h = &host->hierarchies[i];
	row->v2 = h->v2;
	if (!host_path(h, path, row->host_path, sizeof(row->host_path)))
		row->host_path[0] = '\0';
	if (host->layout == MR_LAYOUT_V2)
		return true;
	snprintf(row->name, sizeof(row->name), "%s",
		h->v2 ? "unified" : mr_path_base(h->mount_point));
	/* A lone controller whose directory has its name needs no link. */
	if (!h->v2 && !named && (strchr(list, ',') || !mr_streq(list, row->name)))
		snprintf(row->links, sizeof(row->links), "%s", list);
	return true;
}

int mr_cgroup_views(const struct mr_host *host, const char *text,
	struct mr_cgroup_view rows[static MR_MAX_HIERARCHIES])
{
	int n = 0;

	while (*text && n < MR_MAX_HIERARCHIES) {
		size_t len = strcspn(text, "\n");
		autofree char *line = strndup(text, len);
		text += len + (text[len] == '\n');
		char *list = line ? strchr(line, ':') : NULL;
		char *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		list++;
		/* On a v2 host only its one hierarchy is shown. */
		if (host->layout == MR_LAYOUT_V2 && list[0] != '\0')
			continue;
		n += fill_view(host, list, path, &rows[n]);
	}
	return n;
}

/* --- effects --- */

/** Attributes of each hierarchy's mount: read-only without an own namespace. */
static uint64_t view_attributes(const struct mr_mount *m, bool own_namespace)
{
	uint64_t attr = m->attr_set;

	if (!own_namespace && !(m->attr_clear & MOUNT_ATTR_RDONLY))
		attr |= MOUNT_ATTR_RDONLY;
	return attr;
}

static int bind_view(
	const struct mr_cgroup_view *row, const struct mr_mount *m, struct mr_error *err)
{
	autoclose int fd = open_tree(AT_FDCWD, row->host_path,
		OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	struct mr_mount_change change = {
		.set = view_attributes(m, false),
		.clear = m->attr_clear,
	};

	if (fd < 0)
		return mr_fail(err, errno, "the own cgroup '%s'", row->host_path);
	int ret = mr_mount_fd_change(fd, &change);
	if (ret < 0)
		return mr_fail(err, -ret, "mount_setattr '%s'", row->host_path);
	return mr_take_fd(&fd);
}

/** A mount of one hierarchy, detached. @return descriptor or -errno */
static int make_view(
	const struct mr_cgroup_view *row, const struct mr_mount *m, struct mr_error *err)
{
	char text[sizeof(row->options)];
	char *items[8];
	struct mr_list data = {.items = items};

	if (!m->cgroup_ns)
		return bind_view(row, m, err);
	memcpy(text, row->options, sizeof(text));
	for (char *save = NULL, *p = strtok_r(text, ",", &save); p && data.n < 8;
		p = strtok_r(NULL, ",", &save))
		items[data.n++] = p;
	struct mr_fs_config config = {
		.type = row->v2 ? "cgroup2" : "cgroup",
		.source = "cgroup",
		.data = &data,
		.attr = view_attributes(m, true),
	};
	return mr_mount_fd_create(&config, err);
}

static int make_links(int dir, const struct mr_cgroup_view *row, struct mr_error *err)
{
	char text[sizeof(row->links)];

	memcpy(text, row->links, sizeof(text));
	for (char *save = NULL, *p = strtok_r(text, ",", &save); p;
		p = strtok_r(NULL, ",", &save)) {
		if (!mr_streq(p, row->name) && symlinkat(row->name, dir, p) < 0 &&
			errno != EEXIST)
			return mr_fail(err, errno, "link '%s'", p);
	}
	return 0;
}

static int attach_below(int dir, const struct mr_cgroup_view *row,
	const struct mr_mount *m, struct mr_error *err)
{
	autoclose int fd = make_view(row, m, err);

	if (fd < 0)
		return fd;
	if (mkdirat(dir, row->name, 0755) < 0)
		return mr_fail(err, errno, "create '%s'", row->name);
	autoclose int target = openat(dir, row->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return mr_fail(err, errno, "open '%s'", row->name);
	int ret = mr_mount_fd_attach(fd, target);
	return ret < 0 ? mr_fail(err, -ret, "attach '%s'", row->name)
		       : make_links(dir, row, err);
}

static int mount_tree(const struct mr_cgroup_view *rows, int n, const struct mr_mount *m,
	int target, struct mr_error *err)
{
	char mode[] = "mode=755";
	char *items[] = {mode};
	struct mr_list data = {.items = items, .n = 1};
	struct mr_fs_config config = {
		.type = "tmpfs",
		.source = "cgroup",
		.data = &data,
		.attr = m->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY,
	};
	autoclose int dir = mr_mount_fd_create(&config, err);
	if (dir < 0)
		return dir;
	/* Attached first: before kernel 6.15 nothing mounts in a detached tree. */
	int ret = mr_mount_fd_attach(dir, target);
	if (ret < 0)
		return mr_fail(err, -ret, "attach the tmpfs");
	for (int i = 0; i < n && ret == 0; i++)
		if (m->cgroup_ns || rows[i].host_path[0])
			ret = attach_below(dir, &rows[i], m, err);
	struct mr_mount_change change = {
		.set = view_attributes(m, m->cgroup_ns) & MOUNT_ATTR_RDONLY,
	};
	if (ret == 0 && change.set && (ret = mr_mount_fd_change(dir, &change)) < 0)
		return mr_fail(err, -ret, "mount_setattr of the tmpfs");
	return ret;
}

int mr_mount_cgroup(const struct mr_mount *m, const struct mr_host *host,
	struct mr_rootfs *r, int target, struct mr_error *err)
{
	struct mr_cgroup_view rows[MR_MAX_HIERARCHIES];
	char path[MR_PROCFS_PATH_MAX];
	autofree char *text = NULL;

	int proc = mr_procfs_fd(r, err);
	if (proc < 0)
		return proc;
	int ret = mr_procfs_self_path(proc, "cgroup", path);
	if (ret == 0)
		ret = mr_read_file_at(proc, path, PROC_CGROUP_MAX, &text, NULL);
	if (ret < 0)
		return mr_fail(err, -ret, "read the own cgroups");
	/* In an own namespace these paths are "/", and only the names are used. */
	int n = mr_cgroup_views(host, text, rows);
	if (n == 0)
		return mr_fail_text(
			err, ENODEV, "no cgroup hierarchy is mounted on this host");
	if (host->layout != MR_LAYOUT_V2)
		return mount_tree(rows, n, m, target, err);
	autoclose int fd = make_view(&rows[0], m, err);
	if (fd < 0)
		return fd;
	ret = mr_mount_fd_attach(fd, target);
	return ret < 0 ? mr_fail(err, -ret, "attach") : 0;
}
