/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_MOUNT_H
#define MR_SANDBOX_MOUNT_H

#include "sandbox/mount_options.h" /* struct mr_mount */
#include "sandbox/resolve.h"       /* struct mr_rootfs */
#include "spec/host.h"
#include "spec/spec.h"

struct mr_mount_plan {
	struct mr_mount *items;
	size_t n;
};

/** Pure. Unknown options go to the file system, and for a bind mount into @warnings. */
int mr_mount_plan(const struct mr_spec *spec, const struct mr_host *host, bool in_userns,
	struct mr_arena *arena, struct mr_mount_plan *ret, struct mr_strv *warnings,
	struct mr_error *err);

/**
 * Parent, before the clone: open the source of a bind mount where the container's user
 * namespace may not reach it, and map its ids, which needs privilege over the file
 * system. Sets mount->tree_fd. Nothing for other kinds.
 *
 * @param slave cut the tree off from the host's mounts (unless the spec shares it)
 */
int mr_mount_open_source(struct mr_mount *mount, bool slave, struct mr_error *err);

/** Make one mount below r->root_fd. */
int mr_mount_apply(const struct mr_mount *mount, const struct mr_host *host,
	struct mr_rootfs *r, struct mr_error *err);

#endif
