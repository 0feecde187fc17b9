/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.intelRdt: shares of the last-level cache and of memory bandwidth.
 *
 * The resctrl file system is much like a cgroup hierarchy of one level: a directory is a
 * class of service, its `schemata` says what it may use ("L3:0=7f0;1=1f", "MB:0=20"), its
 * `tasks` who is in it, and children are born where their parent is. Below a class,
 * mon_groups/NAME counts for some of its tasks. The hardware has a few classes only, so
 * containers share those that have a name (closID); without one the container gets its own.
 *
 * The reason of a refusal is in info/last_cmd_status.
 *
 * Documentation/filesystems/resctrl.rst, runtime-spec config-linux.md
 */
#include "cgroup/resctrl.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (64u << 10)

/* --- plan --- */

/* The mount point is the fifth field, the type follows " - ". @return 1 found, 0, -errno */
static int find_mount(const char *host_root, char *ret, size_t cap, struct mr_error *err)
{
	autofree char *text = NULL;
	char path[4096], *rest, *line;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", host_root);
	int r = mr_read_file_at(AT_FDCWD, path, 64u << 20, &text, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read %s", path);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		if (!strstr(line, " - resctrl "))
			continue;
		for (int i = 0; i < 4; i++)
			strsep(&line, " ");
		const char *point = strsep(&line, " ");
		return point && snprintf(ret, cap, "%s%s", host_root, point) < (int)cap;
	}
	return 0;
}

static bool has_schemata(const struct mr_intel_rdt *rdt)
{
	return rdt->l3_cache_schema || rdt->mem_bw_schema || rdt->schemata.n > 0;
}

int mr_resctrl_plan(const struct mr_intel_rdt *rdt, const char *host_root, const char *id,
	struct mr_resctrl *ret, struct mr_error *err)
{
	char root[128];
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (!rdt)
		return 0;
	int r = find_mount(host_root, root, sizeof(root), err);
	if (r < 0)
		return r;
	if (r == 0) {
		mr_fail_text(err, EOPNOTSUPP, "linux.intelRdt: no resctrl file system is mounted");
		mr_hint(err, "with a CPU that has RDT: mount -t resctrl resctrl /sys/fs/resctrl");
		return -EOPNOTSUPP;
	}
	ret->own = !rdt->clos_id;
	snprintf(ret->group, sizeof(ret->group), "%s/%s", root, ret->own ? id : rdt->clos_id);
	if (rdt->enable_monitoring)
		snprintf(ret->monitor, sizeof(ret->monitor), "%s/mon_groups/%s", ret->group, id);
	bool there = stat(ret->group, &st) == 0;
	if (there && ret->own)
		return mr_fail_text(err, EEXIST, "linux.intelRdt: the group '%s' is there already",
			ret->group);
	if (!there && !ret->own && !has_schemata(rdt))
		return mr_fail_text(err, ENOENT,
			"linux.intelRdt.closID: there is no group '%s', and no schemata to make it",
			ret->group);
	return 0;
}

/* --- effects --- */

static int write_line(const char *dir, const char *file, const char *text, const char *field,
	struct mr_error *err)
{
	char path[768], status[768], reason[160] = "";

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int r = mr_write_file_at(AT_FDCWD, path, text);
	if (r == 0)
		return 0;
	snprintf(status, sizeof(status), "%.*s/info/last_cmd_status",
		(int)(mr_path_base(dir) - dir), dir);
	(void)mr_read_line_at(AT_FDCWD, status, reason, sizeof(reason)); /* if there is one */
	mr_fail(err, -r, "%s: write '%.*s' to %s", field, (int)strcspn(text, "\n"), text, path);
	if (*reason)
		mr_hint(err, "the kernel says: %s", reason);
	return r;
}

/* Each of the spec's lines, in the order in which they are to be written. A line MB: in
 * l3CacheSchema gives way to memBwSchema. @all one line each, with its end */
static int list_schemata(const char *l3, const char *mem_bw, const struct mr_list *more,
	struct mr_str *all)
{
	for (const char *p = l3; p && *p;) {
		int n = (int)strcspn(p, "\n");
		if (n > 0 && !(mem_bw && mr_has_prefix(p, "MB:")))
			mr_str_appendf(all, "%.*s\n", n, p);
		p += n;
		p += *p == '\n';
	}
	if (mem_bw)
		mr_str_appendf(all, "%s\n", mem_bw);
	for (size_t i = 0; more && i < more->n; i++)
		mr_str_appendf(all, "%s\n", more->items[i]);
	return mr_str_ok(all) ? 0 : -ENOMEM;
}

/* The kernel pads names with blanks and lists every domain of a resource. */
static bool holds(const char *present, const char *line)
{
	size_t name = strcspn(line, ":");
	const char *p = present;

	for (; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		p += strspn(p, " ");
		if (strncmp(p, line, name + 1) == 0)
			break;
	}
	autofree char *there = strndup(p, strcspn(p, "\n"));
	autofree char *wanted = strndup(line, strcspn(line, "\n"));
	if (!*p || !there || !wanted)
		return false;
	char *rest = wanted + name + (wanted[name] == ':'), *part;
	while ((part = strsep(&rest, ";")) != NULL) {
		const char *at = strstr(there, part);
		if (!at || !strchr(":;", at[-1]) || !strchr(";", at[strlen(part)]))
			return false;
	}
	return true;
}

static int compare_schemata(const char *group, const char *wanted, struct mr_error *err)
{
	autofree char *present = NULL;
	char path[768];

	snprintf(path, sizeof(path), "%s/schemata", group);
	int r = mr_read_file_at(AT_FDCWD, path, MAX_FILE, &present, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read %s", path);
	for (const char *p = wanted; *p; p += strcspn(p, "\n") + 1)
		if (!holds(present, p))
			return mr_fail_text(err, EINVAL,
				"linux.intelRdt: the group '%s' is there, and its schemata are not "
				"'%.*s'",
				group, (int)strcspn(p, "\n"), p);
	return 0;
}

static int write_schemata(const char *group, const char *lines, struct mr_error *err)
{
	int r = 0;

	for (const char *p = lines; *p && r == 0;) {
		size_t n = strcspn(p, "\n") + 1;
		autofree char *line = strndup(p, n);
		r = line ? write_line(group, "schemata", line, "linux.intelRdt", err)
			 : mr_fail(err, ENOMEM, "schemata");
		p += n;
	}
	return r;
}

int mr_resctrl_create(const struct mr_intel_rdt *rdt, const struct mr_resctrl *where,
	struct mr_error *err)
{
	auto_str lines = {0};

	if (list_schemata(rdt->l3_cache_schema, rdt->mem_bw_schema, &rdt->schemata, &lines) < 0)
		return mr_fail(err, ENOMEM, "schemata");
	int r = mkdir(where->group, 0755) < 0 ? -errno : 0;
	const bool made = r == 0;
	if (r < 0 && (r != -EEXIST || where->own)) {
		mr_fail(err, -r, "linux.intelRdt: make the group '%s'", where->group);
		if (r == -ENOSPC)
			mr_hint(err, "the hardware has no further class of service: share one by "
				     "closID");
		return r;
	}
	r = r == -EEXIST ? compare_schemata(where->group, mr_str_text(&lines), err)
			 : write_schemata(where->group, mr_str_text(&lines), err);
	if (r == 0 && *where->monitor && mkdir(where->monitor, 0755) < 0)
		r = mr_fail(err, errno, "linux.intelRdt.enableMonitoring: make '%s'", where->monitor);
	if (r < 0 && made)
		rmdir(where->group);
	return r;
}

int mr_resctrl_enter(const struct mr_resctrl *where, pid_t pid, struct mr_error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%d\n", (int)pid);
	int r = write_line(where->group, "tasks", text, "linux.intelRdt", err);
	if (r == 0 && *where->monitor)
		r = write_line(where->monitor, "tasks", text, "linux.intelRdt.enableMonitoring", err);
	return r;
}

int mr_resctrl_update(const struct mr_resctrl *where, const char *l3, const char *mem_bw,
	struct mr_error *err)
{
	auto_str lines = {0};

	if (!*where->group)
		return mr_fail_text(err, EINVAL, "linux.intelRdt: the container was made without");
	if (list_schemata(l3, mem_bw, NULL, &lines) < 0)
		return mr_fail(err, ENOMEM, "schemata");
	return write_schemata(where->group, mr_str_text(&lines), err);
}

int mr_resctrl_remove(const struct mr_resctrl *where, struct mr_error *err)
{
	/* The kernel removes the monitoring groups of a class with it, and moves the tasks. */
	const char *path = where->own ? where->group : where->monitor;

	if (*path && rmdir(path) < 0 && errno != ENOENT)
		return mr_fail(err, errno, "remove '%s'", path);
	return 0;
}
