/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LAUNCH_H
#define MR_LAUNCH_LAUNCH_H

#include "launch/plan.h"

/**
 * Launch a planned container in this process, watch it to its end, take the verdict, write
 * the record, clean up. Everything taken is given back, whichever step fails.
 *
 * @param ready_fd written to when the program runs (detached: the caller waits for it), or -1
 */
int mr_launch(struct mr_plan *plan, int ready_fd, struct mr_result *ret, struct mr_error *err);

/** Append what the parent would do, one line a step. */
void mr_launch_describe(const struct mr_plan *plan, struct mr_str *out);
/** As mr_launch_describe(), the steps after the container's end. */
void mr_launch_describe_end(const struct mr_plan *plan, struct mr_str *out);

#endif
