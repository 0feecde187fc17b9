/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_ROOTFS_H
#define MR_SANDBOX_ROOTFS_H

#include "sandbox/devices.h"
#include "sandbox/mount.h"
#include "sandbox/resolve.h" /* struct mr_rootfs: what the child holds */
#include "spec/host.h"
#include "spec/spec.h"

/*
 * The container's view of files: the root, what is mounted in it, and the change into it.
 * Everything below the root is reached through descriptors (openat2 RESOLVE_IN_ROOT);
 * no string path below the root reaches a system call that follows links.
 */

struct mr_rootfs_plan {
	const struct mr_host *host; /* borrowed */
	const char *path; /* absolute host path of the root; "/" shares the host's tree */
	bool is_host;     /* path is "/": no bind, no pivot_root */
	bool new_mount_ns; /* without one nothing is mounted (validated before) */
	bool in_userns;    /* device nodes are bound, not made */
	bool open_sources; /* the parent opens the sources of bind mounts */
	bool readonly, no_pivot;
	uint64_t propagation; /* of the old tree before anything; 0: it stays shared */
	uint64_t root_propagation; /* of the final root; 0: none asked */
	struct mr_mount_plan mounts;
	struct mr_devices_plan devices;
	struct mr_list masked_paths, readonly_paths;
	struct mr_map sysctl;
	const char *cwd;
};

/**
 * Pure. @base_dir directory that a relative root.path starts from (absolute)
 */
int mr_rootfs_plan(const struct mr_spec *spec, const struct mr_host *host,
	const char *base_dir, bool no_pivot, struct mr_arena *arena,
	struct mr_rootfs_plan *ret, struct mr_strv *warnings, struct mr_error *err);

/**
 * Parent, before the clone: a privileged caller opens the sources of bind mounts for a
 * container in a new user namespace, which could neither reach nor id-map them. The child
 * inherits the descriptors. Nothing to do otherwise. mr_rootfs_close_sources() after the
 * clone, and on failure.
 */
int mr_rootfs_open_sources(struct mr_rootfs_plan *plan, struct mr_error *err);
void mr_rootfs_close_sources(struct mr_rootfs_plan *plan);

/* The steps, in this order, in the child. Each does what its plan says. */

/** Open the private procfs: fsopen("proc") in the child's pid namespace, detached. */
int mr_rootfs_open_proc(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** Cut the old tree off from the host's (slave or private, recursively). */
int mr_rootfs_isolate(const struct mr_rootfs_plan *plan, struct mr_rootfs *r,
	struct mr_error *err);
/** Clone the root's mount (recursively), attach it over itself; sets root_fd. Without a
 * new mount namespace root_fd is the plain directory. */
int mr_rootfs_bind(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** Make every mount of the plan, in order, and the directory of the cwd. */
int mr_rootfs_mount_all(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** Nodes, links, /dev/console (r->console_fd is set before). */
int mr_rootfs_make_devices(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** Write the sysctls through the private procfs; before paths become read-only. */
int mr_rootfs_write_sysctls(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** pivot_root(".", ".") and detach of the old tree (pivot_root(2)); or MS_MOVE + chroot;
 * without a new mount namespace chroot alone. */
int mr_rootfs_pivot(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** Masked paths (null device or one shared read-only tmpfs), read-only paths, then the
 * root itself read-only. */
int mr_rootfs_protect(
	const struct mr_rootfs_plan *plan, struct mr_rootfs *r, struct mr_error *err);
/** chdir to the cwd, then verify that getcwd(3) lies inside the root. Before the user is
 * set: a directory that the container's user may not enter is a cwd, too. */
int mr_rootfs_enter_cwd(const struct mr_rootfs_plan *plan, struct mr_error *err);

#endif
