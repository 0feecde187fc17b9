/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources.unified: cgroup v2 files by name. Pure.
 *
 * The kernel checks the values; here it is checked that the file belongs to the
 * container's own cgroup2 directory, to a controller that the cgroup2 hierarchy really
 * holds (on a hybrid host v1 may hold it), and not to the launch itself.
 */
#include "cgroup/v2.h"

#include <errno.h>
#include <string.h>

/* Files of the core are in every cgroup but the root, whatever controllers are there. */
static bool is_core_file(const char *key)
{
	return mr_has_prefix(key, "cgroup.") || mr_has_suffix(key, ".pressure");
}

static int controller_of(const char *key, enum mr_controller *ret)
{
	static const enum mr_controller known[] = {MR_CTL_MEMORY, MR_CTL_PIDS, MR_CTL_CPU,
		MR_CTL_CPUSET, MR_CTL_BLKIO, MR_CTL_HUGETLB, MR_CTL_RDMA, MR_CTL_MISC};
	size_t n = strcspn(key, ".");

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *name = mr_controller_name(known[i], true);
		if (strlen(name) == n && strncmp(name, key, n) == 0) {
			*ret = known[i];
			return 0;
		}
	}
	return -ENOENT;
}

/* What the launch itself writes; another value there would stop it half-way. */
static bool is_reserved(const char *key)
{
	static const char *const reserved[] = {"cgroup.procs", "cgroup.threads",
		"cgroup.kill", "cgroup.freeze", "cgroup.type", "cgroup.subtree_control"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (mr_streq(key, reserved[i]))
			return true;
	}
	return false;
}

static int check_key(const char *key, const char *field, struct mr_error *err)
{
	int r = mr_row_check_word(key, field, err);
	if (r < 0)
		return r;
	if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.')
		return mr_fail_text(err, EINVAL,
			"%s: the name of a cgroup v2 file is needed, as memory.high",
			field);
	if (is_reserved(key))
		return mr_fail_text(
			err, EINVAL, "%s: this file is the launcher's own", field);
	return 0;
}

static int no_such_controller(const struct mr_host *host, const char *key,
	const char *field, struct mr_error *err)
{
	int n = (int)strcspn(key, ".");
	enum mr_controller c;

	if (host->unified < 0)
		return mr_fail_text(
			err, EOPNOTSUPP, "%s: this host has no cgroup2 hierarchy", field);
	if (controller_of(key, &c) < 0)
		return mr_fail_text(err, EINVAL, "%s: '%.*s' is no cgroup v2 controller",
			field, n, key);
	if (host->owner[c] >= 0) {
		mr_fail_text(err, EOPNOTSUPP,
			"%s: invalid configuration: on this host the %.*s controller belongs to cgroup v1 (%s)",
			field, n, key, host->hierarchies[host->owner[c]].mount_point);
		mr_hint(err, "memory, cpu, pids, blockIO and hugepageLimits of linux.resources "
			     "work on v1 and v2");
		return -EOPNOTSUPP;
	}
	return mr_fail_text(err, EOPNOTSUPP, "%s: cgroup2 at %s has no %.*s controller",
		field, host->hierarchies[host->unified].mount_point, n, key);
}

int mr_cgroup_unified_rows(const struct mr_resources *r, const struct mr_host *host,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_error *err)
{
	for (size_t i = 0; r && i < r->unified.n; i++) {
		const char *key = r->unified.items[i].key;
		struct mr_row_writer w = {
			MR_CTL_FREEZER, is_core_file(key), arena, rows, NULL, err};

		const char *field = mr_row_format(&w, "linux.resources.unified.%s", key);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(check_key(key, field, err));
		bool held = host->unified >= 0;
		if (held && !w.core)
			held = controller_of(key, &w.controller) == 0 &&
			       host->owner[w.controller] == host->unified;
		if (!held)
			return no_such_controller(host, key, field, err);
		MR_ROW_TRY(mr_row_putf(&w, field, key, "%s", r->unified.items[i].value));
	}
	return 0;
}
