/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_MONITOR_FRAMES_H
#define MR_LAUNCH_MONITOR_FRAMES_H

#include "launch/monitor.h"

/* The child's words to the monitor: monitor_frames.c. */

/** @return 1 go on, 0 the socket is at its end, negative: the launch has failed */
int mr_monitor_on_frame(struct mr_monitor *m, struct mr_error *err);
/** The socket is at its end: executed, or dead in the set-up (then the pidfd follows). */
int mr_monitor_on_closed(struct mr_monitor *m, struct mr_error *err);
/** What the child said last, when its end was noticed first: an error, a wait status. */
int mr_monitor_drain_frames(struct mr_monitor *m, struct mr_error *err);

#endif
