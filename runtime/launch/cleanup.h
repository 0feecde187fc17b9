/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_CLEANUP_H
#define MR_LAUNCH_CLEANUP_H

#include "record/state.h"

/**
 * Kill the container, be it frozen, and let the monitor finish: it takes the verdict and
 * removes the cgroups. One that still sets the container up is interrupted and undoes it. When
 * it does not end in time, its turn is over. Call without the lock, which the monitor needs.
 */
void mr_cleanup_stop(const struct mr_state *state, const struct mr_host *host);

/** After init's end, for which one waits that has been killed: let the process that watched it write its last word, 5 s at most. */
void mr_cleanup_await(const struct mr_state *state);

/**
 * Bring down what is left of a container and forget it: its processes (by cgroup and by
 * init's pidfd), its cgroups in every hierarchy, its directory. Works from the intent
 * record alone when the rest is damaged. The lock must be held.
 *
 * @param keep_record the record for users stays (record/kept.h); also if it was launched so
 * @param warnings what poststop hooks failed with is added
 *
 * @return 0 only when nothing remains
 */
int mr_cleanup(struct mr_state *state, const struct mr_host *host, bool keep_record,
	struct mr_strv *warnings, struct mr_error *err);

/** Is that very process alive? What cannot be found out counts as alive. */
bool mr_cleanup_is_alive(const struct mr_process_id *id);
/** Is init of this container alive? */
bool mr_cleanup_is_live(const struct mr_live *live);

#endif
