/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_PLAN_ERROR_H
#define MR_LAUNCH_PLAN_ERROR_H

#include "launch/plan.h"

/**
 * Errors of a launch that are a spec's fault begin with the JSON path of the member. Whoever
 * wrote a file is told where it stands in it ("file:line:column: " comes before); whoever
 * wrote a command line, by which option it came.
 */
void mr_plan_name_cause(const struct mr_plan *plan, struct mr_error *err);

/** The same for the plan's warnings, of a file. */
void mr_plan_place_warnings(struct mr_plan *plan);

#endif
