/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cgroups an ordinary user may make: see mr_host_keep_own_cgroups().
 *
 * Of the cgroup2 tree a part can be delegated: its directory, cgroup.procs and
 * cgroup.subtree_control belong to the user. systemd marks such a cgroup with an extended
 * attribute (version 251); without one the highest that is the user's counts, for what was
 * delegated may hold cgroups made since. user@UID.service is the user's, too, but the
 * service manager in it is its only writer: it would switch our controllers off again. That
 * manager, which may not write the mark that the system's does, is asked about its own units;
 * what it answers is then marked, for the next time.
 *
 * v1 knows no delegation that is safe, so there only a hierarchy whose root may be written
 * is of use.
 *
 * cgroups(7) "Delegation", systemd.resource-control(5) Delegate=,
 * https://systemd.io/CGROUP_DELEGATION
 */
#include "spec/host.h"

#include "base/helper.h"
#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool may_write(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path) &&
	       faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool is_own(const char *dir)
{
	return may_write(dir, "") && may_write(dir, "cgroup.procs") &&
	       may_write(dir, "cgroup.subtree_control");
}

static bool is_marked(const char *dir)
{
	char value;

	return getxattr(dir, "user.delegate", &value, 1) == 1 && value == '1';
}

int mr_host_place(const struct mr_hierarchy *h, pid_t pid, char *ret, size_t cap,
	struct mr_error *err)
{
	autofree char *text = NULL;
	char file[32] = "/proc/self/cgroup";

	if (pid > 0)
		snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	int r = mr_read_file_at(AT_FDCWD, file, 64u << 10, &text, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read %s", file);
	const char *line = mr_has_prefix(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return mr_fail_text(err, EINVAL, "%s names no cgroup2", file);
	line += strspn(line, "\n0:");
	size_t len = strcspn(line, "\n"), root = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);
	/* Outside of what the mount shows nothing is ours. */
	if (len >= cap || len < root || strncmp(line, h->root, root) != 0)
		len = root = 0;
	snprintf(ret, cap, "%.*s", (int)(len - root), line + root);
	if (strcmp(ret, "/") == 0)
		*ret = '\0';
	return 0;
}

/* The user's manager, whose bus only the companion speaks. No answer is a no. */
static bool ask_manager(const struct mr_hierarchy *h, const char *place, char *ret, size_t cap)
{
	char path[PATH_MAX], pid[24], answer[PATH_MAX] = "";
	char *args[] = {path, "delegated", "--user", "--pid", pid, NULL};

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (mr_helper_find("systemd", path, sizeof(path)) < 0 ||
		mr_helper_run(args, NULL, answer, sizeof(answer)) != 0)
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	const size_t root = mr_streq(h->root, "/") ? 0 : strlen(h->root);
	if (strlen(answer) <= root || !mr_path_is_below(place, answer + root))
		return false;
	snprintf(ret, cap, "%s", answer + root);
	snprintf(path, sizeof(path), "%s%s", h->mount_point, ret);
	if (!is_own(path))
		return false;
	(void)setxattr(path, "user.delegate", "1", 1, 0); /* saves a question */
	return true;
}

/* @return 1 found in @ret, 0 none, or -errno */
static int find_delegated(
	const struct mr_hierarchy *h, char *ret, size_t cap, struct mr_error *err)
{
	char whole[sizeof(((struct mr_host *)NULL)->delegated)], place[sizeof(whole)];
	char dir[PATH_MAX];
	bool found = false;
	int r = mr_host_place(h, 0, whole, sizeof(whole), err);

	if (r < 0)
		return r;
	memcpy(place, whole, sizeof(place));
	for (;;) {
		snprintf(dir, sizeof(dir), "%s%s", h->mount_point, place);
		bool own = is_own(dir);
		if (found && !own)
			break;
		if (own) {
			snprintf(ret, cap, "%s", place);
			found = true;
		}
		if (!*place || (own && is_marked(dir)))
			break;
		*strrchr(place, '/') = '\0';
	}
	return found && (!mr_has_prefix(mr_path_base(ret), "user@") ||
				ask_manager(h, whole, ret, cap));
}

static void forget(struct mr_host *host, int h, const char *but)
{
	for (int c = 0; c < MR_CONTROLLERS; c++) {
		if (host->owner[c] != h ||
			mr_has_word(but, mr_controller_name((enum mr_controller)c, true)))
			continue;
		host->owner[c] = -1;
		host->denied |= 1u << c;
	}
}

static void forget_v1(struct mr_host *host)
{
	for (int h = 0; h < host->n_hierarchies; h++) {
		if (!host->hierarchies[h].v2 && !may_write(host->hierarchies[h].mount_point, ""))
			forget(host, h, "");
	}
}

/* Of cgroup2 what the cgroup at @place may use. */
static int keep_listed(struct mr_host *host, const char *place, struct mr_error *err)
{
	char path[PATH_MAX], list[512];

	snprintf(path, sizeof(path), "%s%s/cgroup.controllers",
		host->hierarchies[host->unified].mount_point, place);
	ssize_t n = mr_read_line_at(AT_FDCWD, path, list, sizeof(list) - 64);
	if (n < 0)
		return mr_fail(err, (int)-n, "read %s", path);
	/* Those of the core need no delegation; a device program needs CAP_BPF. */
	snprintf(list + n, sizeof(list) - (size_t)n, " cpuacct freezer perf_event devices");
	forget(host, host->unified, list);
	return 0;
}

static int keep_delegated(struct mr_host *host, struct mr_error *err)
{
	struct mr_hierarchy *h = &host->hierarchies[host->unified];
	int r = find_delegated(h, host->delegated, sizeof(host->delegated), err);

	if (r < 0)
		return r;
	host->has_delegated = r > 0;
	if (r == 0) {
		host->delegated[0] = '\0';
		forget(host, host->unified, "");
		host->unified = -1;
		return 0;
	}
	return keep_listed(host, host->delegated, err);
}

int mr_host_keep_controllers(struct mr_host *host, const char *place, struct mr_error *err)
{
	forget_v1(host);
	return keep_listed(host, place, err);
}

int mr_host_keep_own_cgroups(struct mr_host *host, struct mr_error *err)
{
	forget_v1(host);
	return host->unified < 0 ? 0 : keep_delegated(host, err);
}
