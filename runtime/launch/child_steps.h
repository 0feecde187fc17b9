/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_CHILD_STEPS_H
#define MR_LAUNCH_CHILD_STEPS_H

#include "launch/child.h"

/* The functions behind the table in child.c: `wants` and `describe` look at the plan only,
 * `step` does the one thing. */

bool mr_child_wants_join(const struct mr_plan *p);
bool mr_child_wants_maps(const struct mr_plan *p);
bool mr_child_wants_initial_cpus(const struct mr_plan *p);
bool mr_child_wants_final_cpus(const struct mr_plan *p);
bool mr_child_wants_cgroup_ns(const struct mr_plan *p);
bool mr_child_wants_session(const struct mr_plan *p);
bool mr_child_wants_keyring(const struct mr_plan *p);
bool mr_child_is_in_userns(const struct mr_plan *p);
bool mr_child_wants_oom_early(const struct mr_plan *p);
bool mr_child_wants_oom_late(const struct mr_plan *p);
bool mr_child_wants_names(const struct mr_plan *p);
bool mr_child_wants_loopback(const struct mr_plan *p);
bool mr_child_wants_mount_ns(const struct mr_plan *p);
bool mr_child_wants_terminal(const struct mr_plan *p);
bool mr_child_wants_devices(const struct mr_plan *p);
bool mr_child_wants_hooks(const struct mr_plan *p);
bool mr_child_wants_create_hooks(const struct mr_plan *p);
bool mr_child_wants_sysctls(const struct mr_plan *p);
bool mr_child_wants_pivot(const struct mr_plan *p);
bool mr_child_wants_rlimits(const struct mr_plan *p);
bool mr_child_wants_scheduling(const struct mr_plan *p);
bool mr_child_wants_await_start(const struct mr_plan *p);
bool mr_child_wants_start_hooks(const struct mr_plan *p);
bool mr_child_wants_lsm(const struct mr_plan *p);
bool mr_child_wants_seccomp_early(const struct mr_plan *p);
bool mr_child_wants_seccomp_created(const struct mr_plan *p);
bool mr_child_wants_seccomp_late(const struct mr_plan *p);
bool mr_child_wants_nnp(const struct mr_plan *p);
bool mr_child_wants_init(const struct mr_plan *p);

void mr_child_describe_join(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_maps(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_cgroup(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_oom_score_adj(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_names(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_bind(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_mounts(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_devices(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_sysctls(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_protect(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_rlimits(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_seccomp(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_user(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_cwd(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_caps(const struct mr_plan *p, struct mr_str *out);
void mr_child_describe_exec(const struct mr_plan *p, struct mr_str *out);

int mr_child_step_guard(struct mr_child *c, struct mr_error *err);
int mr_child_step_join(struct mr_child *c, struct mr_error *err);
int mr_child_step_maps(struct mr_child *c, struct mr_error *err);
int mr_child_step_cgroup(struct mr_child *c, struct mr_error *err);
int mr_child_step_initial_cpus(struct mr_child *c, struct mr_error *err);
int mr_child_step_final_cpus(struct mr_child *c, struct mr_error *err);
int mr_child_step_caller_cpus(struct mr_child *c, struct mr_error *err);
int mr_child_step_cgroup_ns(struct mr_child *c, struct mr_error *err);
int mr_child_step_session(struct mr_child *c, struct mr_error *err);
int mr_child_step_keyring(struct mr_child *c, struct mr_error *err);
int mr_child_step_proc(struct mr_child *c, struct mr_error *err);
int mr_child_step_oom_early(struct mr_child *c, struct mr_error *err);
int mr_child_step_oom_late(struct mr_child *c, struct mr_error *err);
int mr_child_step_names(struct mr_child *c, struct mr_error *err);
int mr_child_step_loopback(struct mr_child *c, struct mr_error *err);
int mr_child_step_isolate(struct mr_child *c, struct mr_error *err);
int mr_child_step_bind(struct mr_child *c, struct mr_error *err);
int mr_child_step_mounts(struct mr_child *c, struct mr_error *err);
int mr_child_step_terminal(struct mr_child *c, struct mr_error *err);
int mr_child_step_devices(struct mr_child *c, struct mr_error *err);
int mr_child_step_hooks(struct mr_child *c, struct mr_error *err);
int mr_child_step_create_hooks(struct mr_child *c, struct mr_error *err);
int mr_child_step_sysctls(struct mr_child *c, struct mr_error *err);
int mr_child_step_pivot(struct mr_child *c, struct mr_error *err);
int mr_child_step_protect(struct mr_child *c, struct mr_error *err);
int mr_child_step_stdio(struct mr_child *c, struct mr_error *err);
int mr_child_step_rlimits(struct mr_child *c, struct mr_error *err);
int mr_child_step_scheduling(struct mr_child *c, struct mr_error *err);
int mr_child_step_watched(struct mr_child *c, struct mr_error *err);
int mr_child_step_await_start(struct mr_child *c, struct mr_error *err);
int mr_child_step_start_hooks(struct mr_child *c, struct mr_error *err);
int mr_child_step_lsm(struct mr_child *c, struct mr_error *err);
int mr_child_step_seccomp(struct mr_child *c, struct mr_error *err);
int mr_child_step_user(struct mr_child *c, struct mr_error *err);
int mr_child_step_cwd(struct mr_child *c, struct mr_error *err);
int mr_child_step_caps(struct mr_child *c, struct mr_error *err);
int mr_child_step_nnp(struct mr_child *c, struct mr_error *err);
int mr_child_step_find(struct mr_child *c, struct mr_error *err);
int mr_child_step_init(struct mr_child *c, struct mr_error *err);
int mr_child_step_exec(struct mr_child *c, struct mr_error *err);

#endif
