/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_LANES_H
#define MR_OOM_LANES_H

#include "base/str.h"

#include <sys/types.h>

#define MR_LANES 64
#define MR_LANE_POINTS 128

/** Memory of one process at one moment, bytes. */
struct mr_lane_point {
	int64_t usec;
	uint64_t rss, vm;
};

/** One process of the container, from when it was first seen. */
struct mr_lane {
	pid_t pid, inner; /* on the host; in the container, 0 unknown */
	char comm[32];	  /* as last seen */
	int64_t begin, end; /* microseconds; end -1: lives */
	uint64_t max_rss, max_vm;
	int status; /* wait status, -1 unknown */
	bool oom_killed;
	int pidfd, statm, comm_fd;
	unsigned looks;
	int64_t spacing; /* least distance of two points */
	size_t n;
	struct mr_lane_point points[MR_LANE_POINTS];
};

/** The processes of a cgroup; of those that have ended the largest are kept. */
struct mr_lanes {
	struct mr_lane *items; /* room for MR_LANES */
	size_t n;
	unsigned alive;
	/* Those that have ended and gave way; those without a lane at the last look. */
	uint64_t given_up, waiting;
	uint64_t not_kept; /* at least so many processes were seen that are not here */
	int dir; /* of the cgroup, borrowed; -1: none */
	unsigned tick;
};

int mr_lanes_open(struct mr_lanes *l, int cgroup_dir);
/** Look at every process: 3 us each with cold caches; after 20 ticks only at every fourth, or with many processes more
 * seldom. */
void mr_lanes_tick(struct mr_lanes *l, int64_t usec);
/** The program was executed: it has another name now. */
void mr_lanes_executed(struct mr_lanes *l);
/** The same now, and ask the kernel how those ended that are gone (kernel 6.15). */
void mr_lanes_finish(struct mr_lanes *l, int64_t usec);
/** The latest lane of that host pid, or NULL. */
struct mr_lane *mr_lanes_find(struct mr_lanes *l, pid_t pid);
void mr_lanes_close(struct mr_lanes *l);

/** Keep a point; halve them when there is no room. Pure. */
void mr_lane_add(struct mr_lane *lane, struct mr_lane_point point);

#endif
