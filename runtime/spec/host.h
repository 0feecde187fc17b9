/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_HOST_H
#define MR_SPEC_HOST_H

#include "base/errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What this machine is, as far as a launch needs it: cheap (a handful of system calls).
 * `minirun check` asks more: see probe.h.
 */

/** Controllers that the OCI spec can use. v1 names; blkio is io and freezer is the core's
 * cgroup.freeze on v2, devices is a BPF program there. */
enum mr_controller {
	MR_CTL_MEMORY,
	MR_CTL_PIDS,
	MR_CTL_CPU,
	MR_CTL_CPUACCT,
	MR_CTL_CPUSET,
	MR_CTL_BLKIO,
	MR_CTL_HUGETLB,
	MR_CTL_DEVICES,
	MR_CTL_FREEZER,
	MR_CTL_NET_CLS,
	MR_CTL_NET_PRIO,
	MR_CTL_RDMA,
	MR_CTL_MISC,
	MR_CTL_PERF_EVENT,
	MR_CONTROLLERS,
};

enum mr_cgroup_layout {
	MR_LAYOUT_NONE,
	MR_LAYOUT_V1,
	MR_LAYOUT_HYBRID, /* v1 hierarchies and a cgroup2 mount */
	MR_LAYOUT_V2,
};

/** One mounted hierarchy. */
struct mr_hierarchy {
	bool v2;
	char mount_point[128]; /* host path where the hierarchy's files are */
	char root[256];        /* which cgroup is visible at the mount point ("/" normally) */
};

#define MR_MAX_HIERARCHIES 16

struct mr_host {
	enum mr_cgroup_layout layout;
	struct mr_hierarchy hierarchies[MR_MAX_HIERARCHIES];
	int n_hierarchies;
	int owner[MR_CONTROLLERS]; /* index of the hierarchy that holds it, -1: not available;
				      freezer and devices on v2: the v2 hierarchy */
	int unified;               /* index of the cgroup2 hierarchy, -1: none */
	unsigned kernel_major, kernel_minor;
	uint64_t effective_caps;   /* bit mask as in capget(2) */
	uid_t euid;
	bool rootless;             /* an ordinary user, or root of a user namespace */
	/* Set by mr_host_keep_own_cgroups(): the part of the cgroup2 tree that is ours, "" for
	 * all of it, whether there is one, and the controllers that the host has but not for us. */
	char delegated[512];
	bool has_delegated;
	unsigned denied;
	long page_size;
};

/**
 * Read /proc/self/mountinfo, cgroup.controllers, uname, capabilities.
 *
 * @param root "" for the real machine; tests name a directory that holds proc/ and sys/
 */
int mr_host_read(struct mr_host *ret, const char *root, struct mr_error *err);

/** Is the caller an ordinary user, or root of a user namespace only? */
bool mr_is_rootless(void);
/** As if none were mounted: for a container that is to have no cgroup. */
void mr_host_forget_cgroups(struct mr_host *host);
/** As if the host had no other cgroups than those that the caller may make: for an ordinary
 * user whose container is to go to no place that the spec names. */
int mr_host_keep_own_cgroups(struct mr_host *host, struct mr_error *err);
/** As if the host had no other controllers than those of the cgroup2 @place: for a scope of the
 * user's manager, which has no more than that itself. */
int mr_host_keep_controllers(struct mr_host *host, const char *place, struct mr_error *err);
/** Where process @pid (0: this one) is in the cgroup2 tree, as seen at the mount point of @h; ""
 * for its root and what the mount does not show (cgroups(7), /proc/pid/cgroup). */
int mr_host_place(const struct mr_hierarchy *h, pid_t pid, char *ret, size_t cap,
	struct mr_error *err);
bool mr_host_has_controller(const struct mr_host *host, enum mr_controller c);
/** Is @c held by the cgroup2 hierarchy? */
bool mr_host_is_v2(const struct mr_host *host, enum mr_controller c);
bool mr_host_has_cap(const struct mr_host *host, int cap);
/** Is the kernel at least @major.@minor? */
bool mr_host_kernel(const struct mr_host *host, unsigned major, unsigned minor);
/** What matters of a line of mountinfo, which is cut into pieces for it. */
struct mr_mount_line {
	char *root, *mount_point, *type, *options; /* of the file system, not the mount */
};
bool mr_mount_line_split(char *line, struct mr_mount_line *ret);

/** The kernel's name of a controller; v1 and v2 differ for blkio ("io"). */
const char *mr_controller_name(enum mr_controller c, bool v2);
/** The hierarchy that holds the controller of this (v1) name of @len bytes. @return its index,
 * or -1 */
int mr_host_find_controller(const struct mr_host *host, const char *name, size_t len);
const char *mr_layout_name(enum mr_cgroup_layout layout);

#endif
