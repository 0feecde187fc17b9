/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_BISECT_BISECT_H
#define CMD_BISECT_BISECT_H

#include "minirun.h"

/* minirun bisect: which is the smallest memory limit under which a program works? */

/** One run of the program under one limit. */
struct attempt {
	bool works;
	char how[48]; /* "exit 0", "OOM-killed", "did not start" */
	double wall,
		waited; /* seconds; of them all tasks waiting for memory; NAN unknown */
	int64_t oom_kills, anon; /* -1 unknown */
	double slowdown;         /* against the largest limit; NAN: not asked */
};

#define MAX_RUNS 99
/** One limit. */
struct probe {
	int64_t limit;
	bool works; /* the majority does */
	int n, n_works;
	struct attempt attempts[MAX_RUNS];
};

#define MAX_PROBES 128
struct search {
	int64_t min, max; /* bytes */
	double tolerance; /* a part of the limit, as 0.05 */
	double slowdown;  /* 0: any */
	int runs;         /* a probe, odd */
	const char *timeout;
	const char *const *expect; /* NULL-terminated */
	char *const *command;
	bool output; /* the program's goes through */
	const char *minirun, *directory;
	int signal_fd; /* SIGINT, SIGTERM */
	struct probe probes[MAX_PROBES];
	int n;
	double wall_at_max; /* median, NAN before */
};

/**
 * Look. Calls @tell after each probe.
 * @return 1 found, *ret the smallest limit that works; 0 none up to max does; negative:
 * the program could not be run at all, or we were interrupted
 */
int bisect_search(struct search *s,
	void (*tell)(const struct search *, const struct probe *), int64_t *ret,
	struct mr_error *err);
/** Did a run fail under a limit larger than one under which another worked? */
bool bisect_is_noisy(const struct search *s);
/** Median wall time of the runs that work, or of all; NAN unknown. */
double probe_wall(const struct probe *p);

/**
 * `minirun run` once, and its record. @fatal: a start that fails is an error.
 * @return 0 or negative errno
 */
int attempt_run(const struct search *s, int64_t limit, bool fatal, struct attempt *ret,
	struct mr_error *err);

#endif
