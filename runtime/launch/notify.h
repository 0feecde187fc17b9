/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_NOTIFY_H
#define MR_LAUNCH_NOTIFY_H

#include "launch/plan.h"
#include "record/state.h"

/* sd_notify(3) from a container to whoever has set NOTIFY_SOCKET for us. See notify.c. */

/** Add the mount and the variable to the spec, if there is somebody to notify. Sets
 * plan->notify. Needs plan->root and plan->id. */
int mr_notify_plan(struct mr_plan *plan, struct mr_error *err);

/** Make the directory that the container is shown. */
int mr_notify_make(const struct mr_state *state, struct mr_error *err);

/** Bind the socket in it. @ret stays -1 for a container that was made without. */
int mr_notify_bind(const struct mr_state *state, int *ret, struct mr_error *err);

/** Read what is there and pass on what is known of it. @init is named as the main process if
 * we leave it behind. A failure is a warning. */
void mr_notify_step(const struct mr_plan *plan, int fd, pid_t init);

/**
 * For who returns when the container is ready: wait for READY=1, or the container's end, and
 * then until the receiver has read it (BARRIER=1, at most 5 s), since who has ended by then
 * belongs to no unit.
 */
int mr_notify_wait(int fd, int pidfd, pid_t main_pid, struct mr_error *err);

#endif
