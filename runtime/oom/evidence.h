/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_EVIDENCE_H
#define MR_OOM_EVIDENCE_H

#include "oom/verdict.h"

/* Which limit was it? Sets of scopes, as bits 1 << enum mr_oom_scope. */
#define MR_SCOPE_BIT(s) (1u << (unsigned)(s))

/** What the events of the levels say. */
struct mr_ladder {
	unsigned scopes;   /* who can have been it */
	bool known;        /* the events of every level are known */
	bool nested_maybe; /* sub-cgroups had events that could not be told from our own
			    */
	bool silent;       /* it was the host, since no level tells of an event */
	int ancestor;      /* index of the level, -1: none or several */
};
/** Call mr_oom_watch_events() first. @setup the program had not been executed */
void mr_ladder_read(
	struct mr_oom_watch *w, uint64_t kills, bool setup, struct mr_ladder *ret);

/** Finds out w->view. */
bool mr_log_is_foreign(struct mr_oom_watch *w);

/** The scope that one line of the log names, as a bit; 0: it does not tell. */
unsigned mr_log_scope(const struct mr_oom_kill *kill, const char *own);

/** Whose limit and which: fills limit_cgroup, limit and limit_kind for ret->scope. */
void mr_limit_find(const struct mr_oom_watch *w, const struct mr_ladder *ladder,
	struct mr_verdict *ret);

/** Read the log until the Killed lines of @kills are there, 50 ms at most. */
void mr_log_await(struct mr_oom_watch *w, uint64_t kills);

#endif
