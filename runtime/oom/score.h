/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_SCORE_H
#define MR_OOM_SCORE_H

#include "oom/kmsg.h"

/*
 * oom_badness(): the number by which the kernel chooses whom to kill. Pure.
 *
 *   points = resident pages + swapped pages + pages of page tables
 *            + oom_score_adj * (total / 1000)          (integer division first)
 *
 * total: the pages that the cgroup out of memory may have, swap included; for the host
 * RAM and swap. /proc/PID/oom_score is always scaled to the host, which makes it useless
 * for telling whom a cgroup's limit will kill.
 */

/** Pages by which what can be read may be off, a CPU (kernel 6.2: per-CPU counters that
 * are summed up only now and then; before: up to 64 pages kept back by each thread). */
#define MR_SCORE_NOISE 64

#define MR_SCORE_NEVER (-1000) /* oom_score_adj of those whom the kernel passes over */

struct mr_score {
	bool known;        /* every figure that counts was there */
	bool exempt;       /* never chosen; has no points */
	int64_t held, adj; /* the two parts, in pages */
	int64_t points;    /* their sum; can be negative */
};

/** Can it be chosen, as far as known? */
static inline bool mr_score_counts(const struct mr_score *s)
{
	return s->known && !s->exempt;
}

/** Its points, if it counts. */
static inline struct mr_int mr_score_points(const struct mr_score *s)
{
	return (struct mr_int){.set = mr_score_counts(s), .value = s->points};
}

/** @param total in pages; needed only for an oom_score_adj other than 0 */
void mr_score_task(const struct mr_oom_task *task, struct mr_uint total, long page_size,
	struct mr_score *ret);

/**
 * Total of a limit: mem_cgroup_get_max().
 * @param room bytes of swap that the cgroup may have beyond @limit; unset: any number
 * @param swap bytes of the host's swap areas
 */
struct mr_uint mr_score_total(
	struct mr_uint limit, struct mr_uint room, uint64_t swap, long page_size);
/** The same for the kill that a log reports. @param swap unset: unknown, taken for none
 */
struct mr_uint mr_score_total_of_kill(
	const struct mr_oom_kill *kill, struct mr_uint swap, long page_size);

/** Did the kernel choose as the formula does? */
enum mr_choice {
	MR_CHOICE_UNKNOWN, /* no table, or the victim is not in it */
	MR_CHOICE_AGREES,
	MR_CHOICE_CLOSE, /* within the noise of who has most */
	MR_CHOICE_DIFFERS,
};
struct mr_prediction {
	enum mr_choice choice;
	size_t first, second; /* indices into the table; its size: there is none */
	int64_t lead;         /* points between these two */
};
/**
 * Whom does the formula choose from a table? Among equals it is the later one
 * (kernel 5.9).
 * @param victim 0: only predict
 */
void mr_score_predict(const struct mr_score *scores, const struct mr_oom_task *tasks,
	size_t n, pid_t victim, int64_t noise, struct mr_prediction *ret);

#endif
