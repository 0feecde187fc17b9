/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_NS_H
#define MR_SANDBOX_NS_H

#include "spec/host.h"
#include "spec/spec.h"

#include <sys/types.h>

/** Which namespaces a container gets, and what is set inside them. */
struct mr_ns_plan {
	uint64_t clone_flags; /* CLONE_NEW* asked of clone3: all new ones but cgroup and
				 time */
	bool create[MR_NS_TYPES];
	const char *join[MR_NS_TYPES]; /* path of a namespace to join, or NULL */
	/* A user namespace is joined and others are new: the new ones must belong to it,
	 * so a middle process joins first and then clones the container process. */
	bool middle;
	bool pid_by_middle; /* the middle process joins the pid namespace; alone, if need be */
	bool map_by_helper;            /* newuidmap(1) and newgidmap(1) write the maps */
	bool deny_setgroups;           /* written before the gid map when unprivileged */
	const char *uid_map, *gid_map; /* text for /proc/PID/{uid,gid}_map */
	const char *time_offsets;      /* text for timens_offsets, or NULL */
	const char *hostname, *domainname;
	bool loopback; /* a new network namespace: bring lo up */
};

/** Pure. Strings live in @arena or in the spec. */
int mr_ns_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_arena *arena, struct mr_ns_plan *ret, struct mr_error *err);

/** Set what follows from the namespaces to join: middle, pid_by_middle. */
void mr_ns_order(struct mr_ns_plan *plan, const struct mr_host *host);

/**
 * Open the namespaces to join and check that each is of its type (NS_GET_NSTYPE,
 * ioctl_ns(2), kernel 4.11). @ret_fds one per type, -1 where nothing is joined
 */
int mr_ns_open(
	const struct mr_ns_plan *plan, int ret_fds[MR_NS_TYPES], struct mr_error *err);
void mr_ns_close(int fds[MR_NS_TYPES]);

/**
 * The parent's part before clone: setns() into a joined pid namespace (it counts for
 * children), and a new time namespace with its offsets, which must be written before any
 * process is inside (time_namespaces(7)). mr_ns_leave() undoes both after the clone.
 */
int mr_ns_prepare(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err);
int mr_ns_leave(const struct mr_ns_plan *plan, struct mr_error *err);

/** The child's part: join user first, then the others but pid. */
int mr_ns_join(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err);

/** The middle process' part: the user namespace, and the pid namespace if it must wait. */
int mr_ns_join_first(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err);
/** In a user namespace: files are made as its root; an unmapped caller could make none. */
int mr_ns_become_root(struct mr_error *err);

/** Parent: write the id maps of @pid (direct, or by newuidmap on a fixed path list). */
int mr_ns_write_maps(const struct mr_ns_plan *plan, pid_t pid, struct mr_error *err);

/** What to do when a clone3(2) or unshare(2) with this plan failed with @errnum. */
void mr_ns_hint(const struct mr_ns_plan *plan, int errnum, struct mr_error *err);

/** Child, after its cgroups are joined: their position becomes the root that it sees. */
int mr_ns_unshare_cgroup(struct mr_error *err);
/** sethostname(2), setdomainname(2). */
int mr_ns_set_names(const struct mr_ns_plan *plan, struct mr_error *err);
/** SIOCSIFFLAGS IFF_UP on lo. */
int mr_ns_loopback_up(struct mr_error *err);

#endif
