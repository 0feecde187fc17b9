/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_REAP_H
#define MR_LAUNCH_REAP_H

#include "launch/monitor.h"

/** Init is our child and has ended, or ends now: wait for it; status, rusage, time. Corrects
 * `started` for one that died inside execve(2). */
int mr_reap(struct mr_monitor *m, struct mr_error *err);

/** After mr_reap(): nothing was executed, and the child could not say why. @return negative */
int mr_reap_unexecuted(const struct mr_monitor *m, struct mr_error *err);

/** Init is somebody else's child, and its pidfd readable: the same without waiting;
 * has_status says whether the status could still be had. */
void mr_reap_foreign(struct mr_monitor *m);

#endif
