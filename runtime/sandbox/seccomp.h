/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_SECCOMP_H
#define MR_SANDBOX_SECCOMP_H

#include "spec/host.h"
#include "spec/spec.h"

#include <linux/filter.h>

/** A compiled filter, ready to load. */
struct mr_seccomp_plan {
	bool active;
	struct sock_filter *filter; /* malloc()ed */
	unsigned short n;           /* instructions */
	unsigned flags;             /* SECCOMP_FILTER_FLAG_* */
	bool notify;                /* a listener descriptor comes out of loading */
	const char *listener_path, *listener_metadata;
	bool from_cache;
};

/**
 * Compile the profile by libseccomp in the parent, or take the program from @cache_dir: file
 * named by a hash of profile, architecture and library version; the file holds the
 * profile's canonical text, which must equal ours, and a checksum; a file that is not
 * ours, not 0600, or wrong in any way is ignored and replaced.
 *
 * @param cache_dir NULL: no cache; made with mode 0700 if its parent exists
 */
int mr_seccomp_plan(const struct mr_spec *spec, const char *cache_dir,
	struct mr_seccomp_plan *ret, struct mr_strv *warnings, struct mr_error *err);
void mr_seccomp_clear(struct mr_seccomp_plan *plan);

/** Load the filter into the calling process.
 * @return 0, or with plan->notify the listener (O_CLOEXEC) */
int mr_seccomp_apply(const struct mr_seccomp_plan *plan, struct mr_error *err);

/**
 * Parent: send the listener and the ContainerProcessState to listenerPath.
 *
 * @param listener   stays the caller's
 * @param pid        of the process that has the filter: init, or one that exec has started
 * @param state_json the OCI state document of the container
 */
int mr_seccomp_send_listener(const struct mr_seccomp_plan *plan, int listener, pid_t pid,
	const char *state_json, struct mr_error *err);

/** What linux.seccomp.flags takes; NULL beyond the last one.
 * @param ret_supported does the running kernel? */
const char *mr_seccomp_flag_name(size_t i, bool *ret_supported);

#endif
