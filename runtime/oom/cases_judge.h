/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_CASES_JUDGE_H
#define MR_OOM_CASES_JUDGE_H

#include "oom/cases.h"

/* The kernel's choice held against the formula. Shared by the files of this room only. */

struct mr_judged {
	struct mr_uint total; /* pages */
	bool swap_unknown;    /* the total may be larger by the host's swap */
	pid_t chosen;         /* the victim, or the parent in whose place it died */
	struct mr_score *scores;
	struct mr_prediction prediction;
	size_t *order; /* rows, most points first */
};
/** @ret to be cleared, also after failure. @return false: no memory */
bool mr_case_judge(const struct mr_oom_case *c, const struct mr_oom_judge *judge,
	struct mr_judged *ret);
void mr_judged_clear(struct mr_judged *j);
/** The last line that begins with one of @heads (NULL-terminated), or NULL. */
const char *mr_case_find_line(const struct mr_oom_case *c, const char *const *heads);

#endif
