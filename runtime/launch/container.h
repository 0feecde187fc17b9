/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_CONTAINER_H
#define MR_LAUNCH_CONTAINER_H

#include "cgroup/cgroup.h"
#include "minirun.h"
#include "record/state.h"

/** A container that exists, opened by id: behind the opaque type of minirun.h. */
struct mr_container {
	struct mr_state state;
	struct mr_host host; /* has_host: read when its cgroups are first asked for */
	struct mr_live live;
	bool has_host;
	bool damaged; /* state.json cannot be read; only delete helps */
};

#define MR_LOCK_TIMEOUT_MS 10000
#define MR_LOST "the supervisor was killed before it could take the verdict"

/** The record says running, but neither init nor a monitor that would write its end lives. */
bool mr_container_is_lost(const struct mr_live *live);
/** Make such a record say what is known: ended, and nobody saw how. Takes the lock. */
int mr_container_write_lost(struct mr_container *c, struct mr_error *err);
/** @return 0, or the error that says how to get rid of a damaged one */
int mr_container_refuse_damaged(const struct mr_container *c, struct mr_error *err);
/** In the specification's words: creating, created, running, paused, stopped. */
const char *mr_container_oci_status(const struct mr_container *c);
/** Fail in the words that engines know. @return -ESRCH */
int mr_container_not_running(const struct mr_container *c, struct mr_error *err);
/** A pidfd of init, or -ESRCH with the text that engines know. */
int mr_container_open_init(struct mr_container *c, struct mr_error *err);
/** Its cgroups by the intent record. @ret to be closed, also after failure */
int mr_container_open_cgroup(
	struct mr_container *c, struct mr_cgroup *ret, struct mr_error *err);

#endif
