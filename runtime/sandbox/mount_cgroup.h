/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_MOUNT_CGROUP_H
#define MR_SANDBOX_MOUNT_CGROUP_H

#include "sandbox/mount_options.h"
#include "sandbox/resolve.h"
#include "spec/host.h"

/** One hierarchy as the container is to see it. */
struct mr_cgroup_view {
	bool v2;
	char name[128];    /* directory below the destination; "" for all of it (v2) */
	char options[128]; /* fsconfig flags, comma separated: "cpu,cpuacct",
			      "none,name=systemd" */
	char links[128]; /* names that link to it, comma separated: "cpu,cpuacct" or "" */
	char host_path[512]; /* directory of the own cgroup on the host; "": not visible
				there */
};

/**
 * Pure: rows from the text of /proc/PID/cgroup. Hierarchies that are mounted nowhere are
 * left out.
 * @return number of rows, at most MR_MAX_HIERARCHIES
 */
int mr_cgroup_views(const struct mr_host *host, const char *proc_cgroup,
	struct mr_cgroup_view rows[static MR_MAX_HIERARCHIES]);

/** Make the mount of @m on the directory @target. */
int mr_mount_cgroup(const struct mr_mount *m, const struct mr_host *host,
	struct mr_rootfs *r, int target, struct mr_error *err);

#endif
