/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_CASES_H
#define MR_OOM_CASES_H

#include "base/json.h"
#include "oom/score.h"

/*
 * A whole kernel log as cases, one for each kill, each with its own report: what
 * `minirun explain` tells. Pure.
 */

struct mr_oom_case {
	struct mr_oom_kill kill;
	struct mr_oom_table
		table;     /* empty: no report, or it is that of the group's first */
	pid_t trigger_pid; /* 0 unknown */
	char trigger_comm[32];
	struct mr_strv lines; /* raw: its report and its Killed line */
	uint64_t line;  /* where in the log the Killed line stands; 1 is the first */
	char stamp[64]; /* what stood before that line */
};

struct mr_oom_cases {
	struct mr_oom_case *items; /* the newest MR_OOM_CASES, oldest first */
	size_t n;
	uint64_t n_kills; /* all that the log has */
	uint64_t n_lines; /* of the log */
	bool lost;        /* records were overwritten before they were read */
	bool failed;      /* no memory */
	struct mr_oom_log log;
};
#define MR_OOM_CASES 64

void mr_oom_cases_init(struct mr_oom_cases *cases, long page_size);
void mr_oom_cases_clear(struct mr_oom_cases *cases);
void mr_oom_cases_feed(struct mr_oom_cases *cases, const char *line, size_t len);

/** What is needed to judge a case beside the log. */
struct mr_oom_judge {
	long page_size;
	struct mr_uint host_swap; /* bytes; unset: unknown */
	int64_t noise;            /* pages */
};

/** Members of the open object: what the victim held, and its oom_score_adj. */
void mr_oom_kill_json(const struct mr_oom_kill *k, struct mr_json_writer *w);

/** One English sentence on a kill. */
void mr_oom_case_sentence(const struct mr_oom_case *c, struct mr_str *out);
/** The kill with whose report @i belongs: with a group, that of its first victim. */
size_t mr_oom_cases_lead(const struct mr_oom_cases *cases, size_t i);
/** The @last newest in full, those before them by their sentences. */
void mr_oom_cases_text(const struct mr_oom_cases *cases, size_t last,
	const struct mr_oom_judge *judge, struct mr_str *out);
/** All as the member "Kills" of the object that is open in @w. */
void mr_oom_cases_json(const struct mr_oom_cases *cases, const struct mr_oom_judge *judge,
	struct mr_json_writer *w);

#endif
