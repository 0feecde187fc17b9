/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_SAMPLE_H
#define MR_OOM_SAMPLE_H

#include "cgroup/cgroup.h"

/** Largest values seen of what the kernel keeps no peak for: a lower bound each. */
struct mr_sampler {
	int dir; /* of the memory cgroup, borrowed; -1: there is none */
	int usage_fd, stat_fd, swap_fd; /* -1: not to be had, or not opened so far */
	bool v2, has_swap; /* without swap its peak is unknown, not 0 */
	uint64_t last, highest;     /* memory usage, bytes */
	struct mr_uint peak_anon, peak_kernel, peak_swap;
	int interval_ms;            /* until the next tick */
};

#define MR_SAMPLE_MIN_MS 5
#define MR_SAMPLE_MAX_MS 1000

/** The files are opened at the first tick: most containers that live for less need none. */
void mr_sampler_init(struct mr_sampler *s, const struct mr_cgroup *cg);
void mr_sampler_close(struct mr_sampler *s);
/** Read, keep the largest, and choose the next interval: 5 ms while memory moves, doubling to
 * 1 s while it stands still. One tick costs about 0.5 us, with memory.stat about 6 us. */
void mr_sampler_tick(struct mr_sampler *s);

#endif
