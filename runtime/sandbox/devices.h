/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_DEVICES_H
#define MR_SANDBOX_DEVICES_H

#include "sandbox/resolve.h" /* struct mr_rootfs */
#include "spec/host.h"
#include "spec/spec.h"

struct mr_devices_plan {
	bool needed; /* false: /dev is the host's or a bind, nothing is made */
	bool bind;   /* in a user namespace: bind the host's nodes, or what was made */
	struct {
		struct mr_device *items; /* defaults first, then the spec's */
		size_t n;
	} nodes;
	bool terminal; /* bind the pty slave on /dev/console */
	int *made;        /* per node a mount of it, or -1 */
	size_t n_of_spec; /* that many of the nodes, the last ones */
	const struct mr_id_mappings *uids, *gids; /* of the new user namespace */
};

/** Pure. Defaults: null zero full random urandom tty, and the usual links. */
int mr_devices_plan(const struct mr_spec *spec, bool in_userns, struct mr_arena *arena,
	struct mr_devices_plan *ret, struct mr_error *err);
/**
 * Privileged parent of a container in a new user namespace, before the clone: the spec's
 * nodes, with owner and mode, which the container could not make and the host need not have.
 * Without CAP_MKNOD, or before kernel 6.15, which clones mounts that are attached nowhere,
 * none: then the host's are bound as they are. mr_devices_close() after the clone.
 */
int mr_devices_make(struct mr_devices_plan *plan, struct mr_error *err);
void mr_devices_close(struct mr_devices_plan *plan);
/** In the container's mount namespace, where its root is the host's: before a mount on /dev covers
 * the host's nodes that are to be bound there. */
void mr_devices_keep_host(const struct mr_devices_plan *plan);
int mr_devices_apply(
	const struct mr_devices_plan *plan, struct mr_rootfs *r, struct mr_error *err);

/** Is @fd the character device @major:@minor? By what was opened, never by its name. */
bool mr_is_char_device(int fd, unsigned major, unsigned minor);

#endif
