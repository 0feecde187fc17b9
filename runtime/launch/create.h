/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_CREATE_H
#define MR_LAUNCH_CREATE_H

#include "launch/launch_state.h"

/**
 * The container waits for its start: leave a watcher with it, write the record, let the
 * child go its own way. Everything is given back if that fails. The caller exits afterwards:
 * only then is the container the child of whoever adopts orphans.
 */
int mr_launch_hand_over(struct mr_launch *l, struct mr_error *err);

#endif
