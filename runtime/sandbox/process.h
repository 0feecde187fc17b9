/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_PROCESS_H
#define MR_SANDBOX_PROCESS_H

#include "spec/host.h"
#include "spec/spec.h"

#define MR_MAX_CPUS 8192 /* what the kernel can be built for */

/** What a process gets before it executes the program. */
struct mr_process_plan {
	const struct mr_spec_process *process; /* args, cwd, user, rlimits ... */
	char **env; /* NULL-terminated; HOME is added by mr_process_find_home() if absent;
		       of a name given twice the last value stands */
	size_t n_env; /* there is room for one more and the NULL */
	bool has_home;
	bool keep_groups; /* those of the caller, by annotation */
};

/** Pure but for one read; warns when oom_score_adj is absent and the inherited value
 * is <= -999, and of personality flags, which nothing supports. */
int mr_process_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_arena *arena, struct mr_process_plan *ret, struct mr_strv *warnings,
	struct mr_error *err);

/* Child, in this order. */

/** prlimit(2); EPERM names CAP_SYS_RESOURCE, the limit and the hard value in force. */
int mr_process_set_rlimits(const struct mr_process_plan *plan, struct mr_error *err);
/** Write oom_score_adj through @proc_fd. */
int mr_process_set_oom_score_adj(const struct mr_process_plan *plan, int proc_fd,
	struct mr_error *err);
/** scheduler, ioPriority, personality, memoryPolicy; nothing when absent. (schedule.c) */
int mr_process_set_scheduling(const struct mr_process_plan *plan, const struct mr_spec *spec,
	struct mr_error *err);
/** What linux.memoryPolicy.flags takes; NULL beyond the last one. (schedule.c) */
const char *mr_memory_flag_name(size_t i);
/** sched_setaffinity(2) to a list such as "0-3,7"; @field is for errors. (schedule.c) */
int mr_process_set_affinity(const char *cpus, const char *field, struct mr_error *err);
/** All CPUs that the cgroup has, whatever the caller of us was bound to. (schedule.c) */
int mr_process_reset_affinity(struct mr_error *err);
/** A set of CPUs, sched_getaffinity(2). */
struct mr_cpus {
	unsigned char bits[MR_MAX_CPUS / 8];
};
/** Those that the calling thread is bound to. (schedule.c) */
int mr_process_read_affinity(struct mr_cpus *ret, struct mr_error *err);
/** Be bound to @cpus again: before kernel 6.2 who enters a cgroup with a cpuset gets all of its
 * CPUs. If it has none of @cpus, they stay. (schedule.c) */
int mr_process_keep_affinity(const struct mr_cpus *cpus, struct mr_error *err);
/** Give descriptors 0 to 2 to the user, so that /dev/stdout can be opened again by name;
 * /dev/null and what cannot be given are left. Before the user is set. */
int mr_process_own_stdio(const struct mr_process_plan *plan, struct mr_error *err);
/** setgroups (also empty, where permitted; none with keep_groups), setresgid, setresuid; umask,
 * if the spec has one: the default is the caller's to set. */
int mr_process_set_user(const struct mr_process_plan *plan, bool setgroups_denied,
	struct mr_error *err);
/** PR_SET_NO_NEW_PRIVS, if the spec asks for it. */
int mr_process_set_no_new_privs(const struct mr_process_plan *plan, struct mr_error *err);

/* The program (program.c). */

/** After pivot_root: HOME from the container's passwd (bounded, never blocking), else "/". */
int mr_process_find_home(struct mr_process_plan *plan, struct mr_arena *arena,
	struct mr_error *err);
/**
 * After the user is set: find the program (PATH of the container's env for a name without
 * '/'). Errors are those that engines match: exit_code 127 and `executable file not
 * found in $PATH` or `no such file or directory`; 126 and `permission denied`.
 * @param ret_path in @arena
 */
int mr_process_find_program(const struct mr_process_plan *plan, struct mr_arena *arena,
	const char **ret_path, struct mr_error *err);
/** execve; only returns on failure, with the same texts; ENOMEM and E2BIG under a memory
 * limit are explained by the caller. */
int mr_process_exec(const struct mr_process_plan *plan, const char *path, struct mr_error *err);

#endif
