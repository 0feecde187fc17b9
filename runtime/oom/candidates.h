/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_CANDIDATES_H
#define MR_OOM_CANDIDATES_H

#include "cgroup/cgroup.h"
#include "oom/score.h"

/** A process that the kernel may choose, as /proc shows it now. */
struct mr_candidate {
	struct mr_oom_task task;
	pid_t container_pid; /* in the innermost pid namespace; 0 unknown */
	bool inside;         /* of the container; else it only shares the limit */
	bool host_init;      /* never chosen either */
	struct mr_score score;
};

/** Who would be killed next, and by which limit. */
struct mr_ranking {
	struct mr_candidate *items; /* first to die first; the exempt behind */
	size_t n;
	size_t n_live;        /* those that can be chosen */
	const char *scope;    /* "container", "ancestor", "host": whose limit */
	const char *cgroup;   /* of that limit; NULL: the host */
	struct mr_uint limit; /* bytes; host: RAM */
	struct mr_uint total; /* pages, see score.h */
	int64_t noise;        /* pages */
	long page_size;
	bool partial;  /* the cgroup of the limit cannot be seen: only ours are here */
	bool disabled; /* the killer is (v1): nobody dies, tasks stand still */
	bool group;    /* memory.oom.group (v2): all of the container die together */
};

/** Pure: one /proc/PID/status. @return false: it has no memory (kernel thread, zombie) */
bool mr_candidate_parse(const char *status, struct mr_candidate *ret);
/** Pure: points for all, best first. */
void mr_ranking_sort(struct mr_ranking *r);

/** Look at everybody who shares the limit of @cg that is reached first. -ESRCH: it is empty.
 * @param limits of @cg, borrowed by @ret */
int mr_ranking_read(const struct mr_cgroup *cg, const struct mr_cgroup_limits *limits,
	struct mr_ranking *ret, struct mr_error *err);
void mr_ranking_clear(struct mr_ranking *r);

/** As a text for people, or as one JSON object. @param id the container's */
void mr_ranking_text(const struct mr_ranking *r, struct mr_str *out);
int mr_ranking_json(
	const struct mr_ranking *r, const char *id, char **ret, struct mr_error *err);

/** /proc/meminfo: RAM and swap areas in bytes. @return 0 or -errno */
int mr_host_memory(uint64_t *ret_ram, uint64_t *ret_swap);

#endif
