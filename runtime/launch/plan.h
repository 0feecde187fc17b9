/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_PLAN_H
#define MR_LAUNCH_PLAN_H

#include "cgroup/cgroup.h"
#include "cgroup/resctrl.h"
#include "cgroup/systemd.h"
#include "minirun.h"
#include "sandbox/caps.h"
#include "sandbox/ns.h"
#include "sandbox/process.h"
#include "sandbox/rootfs.h"
#include "sandbox/seccomp.h"
#include "spec/host.h"
#include "spec/spec.h"

#define MR_LISTEN_PID_SIZE sizeof("LISTEN_PID=2147483647")

/**
 * Everything that a launch will do, decided before anything is done. From here on nobody
 * reads the spec's JSON: only these structs, whose strings live in the spec's arena or in
 * `arena`.
 */
struct mr_plan {
	struct mr_arena arena;
	struct mr_spec *spec;
	struct mr_host host;
	struct mr_run_options options; /* strings borrowed from the caller */
	char id[256];
	struct mr_ns_plan ns;
	struct mr_scope_plan scope;
	struct mr_cgroup_plan cgroup;
	struct mr_resctrl resctrl;
	struct mr_rootfs_plan rootfs;
	struct mr_caps_plan caps;
	struct mr_seccomp_plan seccomp;
	struct mr_process_plan process;
	struct mr_strv warnings;
	char *listen_pid; /* "LISTEN_PID=..." of the environment, for socket activation; or NULL */
	bool own_session;  /* setsid: not for a command that shares our terminal */
	bool notify;       /* the container has a socket for sd_notify(3): notify.h */
	bool hooks_before_start; /* any list that runs before the program */
	bool exec; /* a further process of a container that runs: exec.h */
	int exec_init, exec_state; /* pidfd of its init, state directory; borrowed */
	pid_t exec_init_pid;
	const char *exec_status; /* of the container: created, running, paused; borrowed */
	char exec_root[32]; /* of a container in the host's tree: its root, which may be a chroot */
	const char *const *exec_cgroups; /* sub-cgroups to join, NULL-terminated, or NULL */
	const char *root;   /* state root, absolute */
	const char *bundle; /* directory that relative paths start from, absolute */
	const char *spec_name; /* what errors call the spec: its file, as it was named */
	const char *config; /* the spec's file, absolute; "" when it was a text */
	const char *status_path; /* copy of the record: absolute, "-" or "" */
	const char *timeline_path; /* absolute, or "" */
};

/**
 * Read, parse, validate the spec and plan every room. Nothing on the host is changed, but
 * for the seccomp cache below the state root (only when @for_launch).
 */
int mr_plan_make(const struct mr_run_options *options, bool for_launch, struct mr_plan *ret,
	struct mr_error *err);
/** Everything zero; for whoever makes a plan in another way. */
void mr_plan_init(struct mr_plan *plan);
/** The terminal begins with the size of ours: a change later would raise SIGWINCH. */
void mr_plan_take_window_size(struct mr_spec_process *process);
/** Of a user namespace in which @pid is: whether setgroups(2) was given up for good, as it is
 * where an ordinary user wrote the map. */
int mr_plan_read_setgroups(pid_t pid, struct mr_plan *plan, struct mr_error *err);
void mr_plan_clear(struct mr_plan *plan);
/** Tell them where the caller takes messages. */
void mr_plan_warn(const struct mr_plan *plan, const struct mr_strv *texts);
/** Warnings that come later: into the record as well. */
int mr_plan_add_warnings(
	struct mr_plan *plan, const struct mr_strv *texts, struct mr_error *err);
/** The values that a step will use, with a blank before each, into an empty string. */
typedef void (*mr_describe_fn)(const struct mr_plan *plan, struct mr_str *out);
/** The line of `plan` for a step. @describe may be NULL */
void mr_plan_describe_step(const struct mr_plan *plan, const char *name, const char *manual,
	mr_describe_fn describe, struct mr_str *out);
/** The line of --trace for a step of @side (parent, child) that took @ns, if it is asked for. */
void mr_plan_trace_step(const struct mr_plan *plan, const char *side, const char *name,
	mr_describe_fn describe, int64_t ns);
/** Each of @texts as a warning; @message may be NULL. */
void mr_warn(mr_message_fn message, void *arg, const struct mr_strv *texts);

#endif
