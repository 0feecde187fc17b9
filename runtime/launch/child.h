/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_CHILD_H
#define MR_LAUNCH_CHILD_H

#include "launch/plan.h"

/** Name of the process until its exec: in the kernel's log, and to tell a death in execve(2)
 * from one of the program. */
#define MR_CHILD_COMM "minirun-start"

/** What the container process works with; inherited over clone3. */
struct mr_child {
	struct mr_plan *plan;
	struct mr_cgroup *cgroup;
	int sock; /* the child's end of the protocol */
	int parent_sock; /* the other end, closed first; -1 in tests */
	int lock;        /* the launcher's lock on the state, closed as well; -1 */
	const int *ns_fds; /* namespaces to join, per type */
	int root_fd;       /* and the root to enter there; -1: that of the mount namespace */
	int watched_fd;    /* eventfd: written to when the parent watches for OOMs */
	int start_fd;      /* created only: where `start` connects; -1 */
	const struct mr_cpus *cpus; /* the launcher's, mr_child_wants_caller_cpus() */
	bool in_cgroup2;   /* clone3 has put it into its cgroup2 directory */
	int stdio[3];      /* to be dup'ed over 0, 1, 2; -1: as they are */
	/* set on the way */
	struct mr_rootfs rootfs;
	mode_t umask; /* the caller's, for a command without one of its own */
	bool oom_score_adj_done;
	int pty_slave;
	struct mr_arena arena;
	const char *program;
};

/** Run all steps; ends in exec, or reports and exits. */
_Noreturn void mr_child_main(struct mr_child *child);

/** Middle process of a launch into an existing user namespace: join it, clone the real
 * child into the new namespaces as a sibling of ours (CLONE_PARENT), exit. */
_Noreturn void mr_child_middle(struct mr_child *child);

/** Does the child say nothing before its program that the parent must take at once: a question,
 * a descriptor, a trace? */
bool mr_child_is_silent(const struct mr_plan *plan);

/** Is it bound to the CPUs of its launcher, which are read before the clone? */
bool mr_child_wants_caller_cpus(const struct mr_plan *plan);

/** Append what would be done, one line a step. */
void mr_child_describe(const struct mr_plan *plan, struct mr_str *out);
/** Step @index of the table has taken @ns: a line of --trace, in the parent. */
void mr_child_trace(const struct mr_plan *plan, uint32_t index, int64_t ns);

#endif
