/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_MONITOR_TELL_H
#define MR_LAUNCH_MONITOR_TELL_H

#include "launch/monitor.h"

/* Notes for whoever waits in front of the container; nobody does behind --detach. */

/** The time is over, and @sig was sent. @next_ms until SIGKILL follows; 0: nothing follows */
void mr_monitor_tell_timeout(const struct mr_monitor *m, int sig, int64_t next_ms);
/** Before @sig is passed on to pid 1 of the container: if it does nothing there, say so. */
void mr_monitor_tell_unheeded(const struct mr_monitor *m, int sig);

#endif
