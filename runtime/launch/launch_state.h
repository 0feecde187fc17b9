/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_LAUNCH_STATE_H
#define MR_LAUNCH_LAUNCH_STATE_H

#include "launch/monitor.h"
#include "launch/plan.h"
#include "oom/shape.h"
#include "oom/verdict.h"
#include "record/state.h"
#include "record/status.h"

#include <signal.h>

/**
 * Everything that a launch owns; each part is given back by mr_launch_clear(). What every launch
 * touches lies together: a page costs a fault, and after the clone a copy.
 */
struct mr_launch {
	struct mr_plan *plan;
	int ready_fd;
	int ns_fds[MR_NS_TYPES];
	int root_fd; /* exec_root */
	int child_sock;
	int null_fd; /* stdin of a detached container */
	int watched_fd; /* eventfd: the child may go on to its program */
	int start_fd; /* socket on which a created container waits for `start` */
	char full_id[65];
	char *history; /* of runs under this name before */
	sigset_t old_mask;
	pid_t keeper; /* process that holds the scope; 0: none */
	bool masked, has_state, has_scope, has_cgroup, has_resctrl, has_watch, has_timeline;
	struct mr_live live;
	struct mr_record record;
	struct mr_cgroup_usage usage;
	struct mr_verdict verdict;
	struct mr_state state;
	struct mr_cgroup cgroup;
	struct mr_cgroup_limits limits;
	/* Large, and mostly used at their beginnings. */
	struct mr_oom_watch watch;
	struct mr_monitor monitor;
	struct mr_timeline timeline; /* has_timeline */
	struct mr_shape shape;
	struct mr_cpus cpus; /* that we are bound to */
};

/** @l is all zero. */
int mr_launch_init(struct mr_launch *l, struct mr_plan *plan, int ready_fd,
	struct mr_error *err);
void mr_launch_clear(struct mr_launch *l);

/** After a step that failed: end the child, if there is one, that nobody will watch. */
void mr_launch_abandon(struct mr_launch *l);

/* The steps up to the clone: launch_steps.c; their order is in launch.c. */
bool mr_launch_wants_new(const struct mr_plan *p);
bool mr_launch_wants_exec(const struct mr_plan *p);
int mr_launch_step_open_cgroups(struct mr_launch *l, struct mr_error *err);
bool mr_launch_wants_logs(const struct mr_plan *p);
bool mr_launch_wants_notify(const struct mr_plan *p);
bool mr_launch_wants_new_resctrl(const struct mr_plan *p);
bool mr_launch_wants_resctrl(const struct mr_plan *p);
bool mr_launch_wants_namespaces(const struct mr_plan *p);
int mr_launch_step_record(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_new_resctrl(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_resctrl(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_resctrl(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_notify(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_intent(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_record(const struct mr_plan *p, struct mr_str *out);
bool mr_launch_wants_scope(const struct mr_plan *p);
int mr_launch_step_scope(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_scope(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_cgroup(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_cgroup(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_limits(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_limits(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_watch(struct mr_launch *l, struct mr_error *err);
bool mr_launch_wants_timeline(const struct mr_plan *p);
int mr_launch_step_timeline(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_timeline(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_tasks(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_namespaces(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_namespaces(const struct mr_plan *p, struct mr_str *out);
int mr_launch_step_logs(struct mr_launch *l, struct mr_error *err);
bool mr_launch_wants_start_socket(const struct mr_plan *p);
int mr_launch_step_start_socket(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_signals(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_clone(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_observe(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_release(struct mr_launch *l, struct mr_error *err);
int mr_launch_step_creator(struct mr_launch *l, struct mr_error *err);
void mr_launch_describe_clone(const struct mr_plan *p, struct mr_str *out);

/** Say what stands still, and the two ways out; or that it goes on: launch_hang.c. */
void mr_launch_tell_hang(const struct mr_launch *l, bool begins);

/* What happens while it runs, the records, and the end: launch_running.c, launch_record.c,
 * launch_end.c. */

/** The events of the monitor, with @l as their argument. */
struct mr_monitor_events mr_launch_events(struct mr_launch *l);
/** The record as text, with what `update` has changed; malloc()ed. */
int mr_launch_format_record(const struct mr_launch *l, char **ret_json, struct mr_error *err);
/** Write both documents: @status is created, running, paused or exited. */
int mr_launch_write_record(struct mr_launch *l, const char *status, struct mr_error *err);
/** "created", for a start that hooks make long: otherwise "running" replaces it within a
 * millisecond. */
int mr_launch_write_created(struct mr_launch *l, struct mr_error *err);
/** The last record, unless @forget, and the copy that --status asks for. When that fails, who has
 * detached finds a record with a warning, also with @forget: to be kept then. */
int mr_launch_write_end(struct mr_launch *l, bool forget, struct mr_error *err);
/** The copy that --status asks for. */
int mr_launch_write_status_copy(struct mr_launch *l, struct mr_error *err);
/** Into the record: who was a process of `exec`? What cannot be read is nobody. */
void mr_launch_read_execs(struct mr_launch *l);
/** For a verdict: which processes are init. */
void mr_launch_name_init(const struct mr_launch *l, struct mr_verdict_input *in);
/** With the lock: take in what other verbs (start, pause) have written since into l->live, the
 * monitor (the program and its start) and the record. @return false when it cannot be read */
bool mr_launch_refresh(struct mr_launch *l);
/** Counters and figures at the end, while the cgroup still is there, into the record.
 * Without @figures, which take ten files, only the counters, unless somebody was killed. */
int mr_launch_take_verdict(struct mr_launch *l, bool figures, struct mr_error *err);
/** What the monitor has found of the end, into the record. */
void mr_launch_fill_end(struct mr_launch *l);
/** Into the record and to the caller, after both: its start was all that it did. */
int mr_launch_warn_low_limit(struct mr_launch *l, struct mr_error *err);
/** --pidfd-socket; --pid-file, without a newline as engines parse it. */
int mr_launch_tell_pid(const struct mr_launch *l, struct mr_error *err);
/** With --timeline: name the victims, judge the shape, write the file. */
int mr_launch_finish_timeline(struct mr_launch *l, struct mr_error *err);
/** The container has ended: verdict, record, removal. Fills @ret. */
int mr_launch_finish(struct mr_launch *l, struct mr_result *ret, struct mr_error *err);
/** A further process of a container has ended, or was left alone. */
void mr_launch_end_exec(struct mr_launch *l, struct mr_result *ret);
/** The program never ran: explain @err further, remove everything. Or a monitor of a detached
 * container that runs can go on no longer: then its end, with @err in the record. */
void mr_launch_give_up(struct mr_launch *l, struct mr_error *err);
/** Of the verdict so far: 1, 0, or -1 when it is not known. */
int mr_launch_oom_killed(const struct mr_launch *l);

#endif
