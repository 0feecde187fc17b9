/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_VERDICT_H
#define MR_OOM_VERDICT_H

#include "oom/watch.h"

enum mr_oom_scope {
	MR_SCOPE_NONE,
	MR_SCOPE_CONTAINER, /* its own limit */
	MR_SCOPE_NESTED,    /* a lower limit inside */
	MR_SCOPE_ANCESTOR,
	MR_SCOPE_HOST,
	MR_SCOPE_MIXED,
	MR_SCOPE_UNKNOWN,
};
const char *mr_oom_scope_name(
	enum mr_oom_scope s); /* "container", ...; NULL for NONE, UNKNOWN */

/** What the caller knows of the processes it started. */
struct mr_verdict_input {
	pid_t init_pid;  /* host pid of the program (under a minimal init: the program) */
	int init_status; /* wait status of it, or of a minimal init that did not live to
			    tell it; -1 unknown */
	bool we_killed_init; /* minirun itself sent SIGKILL before the counter moved */
	bool started;        /* the program was executed (phase run), else set-up */
	bool cgroup_killed;  /* everything was killed by us after init's end */
	/* Each may stay 0, which means not known. */
	pid_t init_container_pid; /* init's pid in its own namespace: 1 normally */
	pid_t minimal_init_pid;   /* host pid of the minimal init above the program; it is
				     init, too: the container ends with either */
	pid_t minimal_init_container_pid;
	bool init_alone;     /* the cgroup never had another process (pids.peak is 1) */
};

struct mr_victim {
	struct mr_oom_kill kill;
	pid_t container_pid; /* 0 unknown */
	bool is_init;
};

/** The only answer to "was it OOM-killed?". */
struct mr_verdict {
	int version; /* memory hierarchy: 1, 2; 0: no memory controller */
	bool known;  /* counters were read; otherwise `why` */
	char why[160]; /* also when only a part was lost: then kills is what was seen */
	uint64_t kills;  /* OOMKilled is kills > 0, and nothing else sets it */
	int init_killed; /* 1, 0, -1 not known */
	bool group_kill;
	uint64_t events; /* OOM handling began so often: a wake-up count, no kill count */
	bool setup;      /* the program had not been executed */
	enum mr_oom_scope scope;
	char limit_cgroup[MR_CGROUP_PATH_MAX]; /* "" unknown or host */
	struct mr_uint limit;                  /* bytes */
	const char *limit_kind;                /* "memory", "memory+swap", NULL */
	bool bystander; /* an ancestor ran out, somebody else died */
	bool hanging;   /* now, with the killer disabled */
	int64_t hung_ns; /* so long in all, 0: never */
	struct mr_victim *victims;
	size_t n_victims;
	uint64_t victims_without_detail;
	struct mr_oom_task *tasks; /* the kernel's table of the last report */
	size_t n_tasks;
	pid_t trigger_pid;
	char trigger_comm[32];
	struct mr_strv kernel_log;           /* our raw lines */
	const char *source;                  /* "/dev/kmsg" or NULL */
	bool incomplete;                     /* log records were lost */
	bool by_counter, by_ladder, by_kmsg; /* which evidence spoke */
	bool certain;                        /* they agree */
	bool so_far; /* of a record: the container had not ended; nothing is decided yet */
};

/**
 * Decide. May also be called while the container runs, for the kills so far; takes
 * nothing out of @w. The final call is made by the process that waited, after the last
 * process is gone and before the cgroup is removed: the kernel raises the counter before
 * it sends SIGKILL, so a victim that was waited for has been counted (v1 and v2,
 * kernels 5.10 to 6.18). Fails only for lack of memory: counters that cannot be read give
 * `known` false and `why`.
 * @param ret overwritten: clear an older verdict first
 */
int mr_verdict_take(struct mr_oom_watch *w, const struct mr_verdict_input *in,
	struct mr_verdict *ret, struct mr_error *err);
void mr_verdict_clear(struct mr_verdict *v);

/** "The kernel killed ... because ...", for one kill that a log tells of. */
void mr_kill_explain(const struct mr_oom_kill *kill, struct mr_str *out);
/** One English sentence, without a newline. */
void mr_verdict_explain(const struct mr_verdict *v, struct mr_str *out);

#endif
