/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers of the cgroup2 hierarchy on their way to a container.
 *
 * A cgroup has only the controllers that its parent's cgroup.subtree_control names, and
 * the parent can name only what it has itself: so each ancestor is told, from the root
 * down. When other containers run below the same parent, one look there finds that all is
 * done.
 *
 * The kernel refuses with EBUSY where the ancestor has processes of its own (no internal
 * processes), and with EOPNOTSUPP in a threaded tree. A cgroup that was delegated to a user
 * is handed over with processes in it, the caller's own among them: whoever wants cgroups
 * below it moves them into a leaf first.
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CALLERS "minirun-callers"
#define MAX_PROCS (4u << 20)

/* "+memory +pids" for those of @wanted that the list lacks; "" when it has them all. */
static void missing_from(const char *list, unsigned wanted, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (int c = 0; c < MR_CONTROLLERS; c++) {
		const char *name = mr_controller_name((enum mr_controller)c, true);
		if (!(wanted >> c & 1) || mr_has_word(list, name))
			continue;
		int n = snprintf(out + len, cap - len, "%s+%s", len ? " " : "", name);
		if (n < 0 || (size_t)n >= cap - len)
			return;
		len += (size_t)n;
	}
}

static int explain_enable(
	const char *dir, const char *wanted, int errnum, struct mr_error *err)
{
	char text[256] = "unknown";
	autoclose int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *file = errnum == ENOENT ? "cgroup.controllers" : "cgroup.type";

	if (dirfd >= 0)
		mr_read_line_at(dirfd, file, text, sizeof(text));
	mr_fail(err, errnum, "write '%s' to %s/cgroup.subtree_control", wanted, dir);
	if (errnum == EBUSY)
		mr_hint(err,
			"%s has processes of its own, and cgroup2 gives controllers only to "
			"the children of a cgroup without any: move them into a cgroup below "
			"it, or choose another place (linux.cgroupsPath)",
			dir);
	else if (errnum == EOPNOTSUPP)
		mr_hint(err,
			"the type of %s is '%s': a threaded tree cannot have controllers "
			"like memory",
			dir, text);
	else if (errnum == ENOENT)
		mr_hint(err, "delegated to %s are only: %s", dir, *text ? text : "none");
	return -errnum;
}

/* Switch the controllers on for the children of one cgroup. What is wanted but not
 * required (counters for the record) may fail. */
static int enable_at(
	const char *dir, unsigned wanted, unsigned required, struct mr_error *err)
{
	char list[512], file[MR_CGROUP_FULL_MAX + 32], text[256];

	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", dir);
	ssize_t n = mr_read_line_at(AT_FDCWD, file, list, sizeof(list));
	if (n < 0)
		return mr_fail(err, (int)-n, "read %s", file);
	missing_from(list, wanted, text, sizeof(text));
	if (!*text)
		return 0;
	int r = mr_write_file_at(AT_FDCWD, file, text);
	if (r == 0)
		return 0;
	if (required == wanted)
		return explain_enable(dir, text, -r, err);
	missing_from(list, required, text, sizeof(text));
	if (!*text)
		return 0;
	r = mr_write_file_at(AT_FDCWD, file, text);
	return r < 0 ? explain_enable(dir, text, -r, err) : 0;
}

static bool all_enabled(const char *dir, unsigned wanted)
{
	char list[512], file[MR_CGROUP_FULL_MAX + 32], text[256];

	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", dir);
	if (mr_read_line_at(AT_FDCWD, file, list, sizeof(list)) < 0)
		return false;
	missing_from(list, wanted, text, sizeof(text));
	return !*text;
}

/* Move who is in the cgroup into a leaf below it, where they stay: the leaf goes with the
 * cgroup. */
static int vacate(const char *dir, struct mr_error *err)
{
	char leaf[MR_CGROUP_FULL_MAX + 32], procs[MR_CGROUP_FULL_MAX + 32];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
	/* Who is moved may have forked meanwhile. */
	for (int tries = 0; tries < 100; tries++) {
		autofree char *list = NULL;
		size_t len = 0;
		int r = mr_read_file_at(AT_FDCWD, procs, MAX_PROCS, &list, &len);
		if (r < 0)
			return mr_fail(err, -r, "read %s", procs);
		if (len == 0)
			return 0;
		snprintf(leaf, sizeof(leaf), "%s/" CALLERS, dir);
		if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
			return mr_fail(err, errno, "make the cgroup %s", leaf);
		snprintf(leaf, sizeof(leaf), "%s/" CALLERS "/cgroup.procs", dir);
		for (char *rest = list, *pid; (pid = strsep(&rest, "\n")) != NULL;) {
			r = *pid ? mr_write_file_at(AT_FDCWD, leaf, pid) : 0;
			if (r < 0 && r != -ESRCH)
				return mr_fail(err, -r, "write '%s' to %s", pid, leaf);
		}
	}
	return mr_fail_text(err, EBUSY, "the processes in %s fork too fast to be moved", dir);
}

static unsigned enableable(const struct mr_host *host, int h, unsigned controllers)
{
	unsigned mask = 0;

	for (int c = 0; c < MR_CONTROLLERS; c++) {
		if ((controllers >> c & 1) && host->owner[c] == h &&
			mr_cgroup_in_subtree_control((enum mr_controller)c))
			mask |= 1u << c;
	}
	return mask;
}

/* From the root down: a cgroup can pass on only what it was given. */
int mr_cgroup_enable_controllers(const struct mr_cgroup_plan *plan,
	const struct mr_host *host, int h, struct mr_error *err)
{
	const unsigned wanted = enableable(host, h, plan->controllers);
	const unsigned required = enableable(host, h, plan->required);
	char full[MR_CGROUP_FULL_MAX], dir[MR_CGROUP_FULL_MAX];

	if (wanted == 0)
		return 0;
	mr_cgroup_full(host, h, plan->path, full);
	memcpy(dir, full, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	if (all_enabled(dir, wanted)) /* the common case: others run below this parent */
		return 0;

	const size_t mount = strlen(full) - strlen(plan->path);
	for (size_t end = mount; full[end];) {
		memcpy(dir, full, end);
		dir[end] = '\0';
		int r = 0;
		if (host->has_delegated && strcmp(dir + mount, host->delegated) == 0 &&
			!all_enabled(dir, wanted))
			r = vacate(dir, err);
		if (r == 0)
			r = enable_at(end ? dir : "/", wanted, required, err);
		if (r < 0)
			return r;
		end += 1 + strcspn(full + end + 1, "/");
	}
	return 0;
}
