/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_SHAPE_H
#define MR_OOM_SHAPE_H

#include "oom/timeline.h"

/** Was the limit too small for an honest program, or is it a leak? A shape is a hint. */
struct mr_shape {
	const char *kind;  /* "limit-too-small", "still-growing", ...: static */
	char reason[240];  /* the figures behind it, one line */
};

/**
 * From the samples of a life that ended with an OOM kill. Pure.
 * @param begin_usec, end_usec from the exec to the first kill
 * @param limit                the one that was hit, bytes
 */
void mr_shape_take(const struct mr_samples *s, int64_t begin_usec, int64_t end_usec,
	uint64_t limit, struct mr_shape *ret);

#endif
