/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_LAUNCH_MONITOR_H
#define MR_LAUNCH_MONITOR_H

#include "base/sync.h"
#include "launch/logs.h"
#include "launch/plan.h"
#include "oom/sample.h"
#include "oom/timeline.h"
#include "oom/watch.h"
#include "sandbox/terminal.h"

#include <sys/resource.h>

/** What the launcher does when the container has reached a point. */
struct mr_monitor_events {
	void *arg;
	/** The child waits at a barrier; the monitor lets it pass afterwards. */
	int (*barrier)(void *arg, enum mr_barrier b, struct mr_error *err);
	/** The set-up goes on for longer than the moment that it takes otherwise. */
	int (*slow)(void *arg, struct mr_error *err);
	/** The program was executed. */
	int (*started)(void *arg, struct mr_error *err);
	/** A seccomp listener came; borrowed. */
	int (*listener)(void *arg, int fd, struct mr_error *err);
	/** The kill count rose while it runs, or it began to hang (@hang 1), or goes on (-1). */
	void (*oom)(void *arg, int hang);
	/** Has the user paused it? */
	bool (*paused)(void *arg);
};

/** One container under watch, from clone to the last process' end. */
struct mr_monitor {
	/* given */
	const struct mr_plan *plan;
	struct mr_cgroup *cgroup;
	struct mr_oom_watch *watch;
	struct mr_timeline *timeline; /* NULL: peaks are enough */
	struct mr_monitor_events events;
	int signal_fd;
	int sock;
	bool silent; /* before its program the child says nothing that cannot wait: child.h */
	int pidfd;
	int notify_fd; /* the container's sd_notify(3), -1: none */
	pid_t pid;     /* pid 1 of the container (or the middle process until it has cloned) */
	/* found */
	pid_t program; /* host pid of the program (pid, or the child of a minimal init); 0: it
			  was not about to be executed so far */
	bool adopted;  /* the middle process has been replaced by the container's */
	bool created; /* it waits for `start`: our part is done */
	bool started, timed_out, ended;
	bool we_killed;     /* SIGKILL was sent by us */
	int status;         /* wait status of the program */
	bool has_status;    /* told by the minimal init */
	struct rusage rusage;
	uint64_t kills;
	bool hanging; /* tasks stand still: the limit is reached, the killer disabled */
	bool early_oom; /* an event came before the start was known */
	int64_t started_mono_ns, ended_mono_ns;
	struct mr_sampler sampler;
	bool relaying;
	/* own */
	int timer_fd;
	int64_t sample_ns; /* CLOCK_MONOTONIC of the next sample; 0: none */
	int64_t slow_ns; /* when the set-up takes long; 0: not asked for */
	int stage; /* of the timeout: 0 none, 1 SIGTERM sent, 2 killed */
	/* Large: see mr_monitor_init(). */
	struct mr_logs logs;
	struct mr_terminal_relay relay; /* while `relaying` */
};

void mr_monitor_init(struct mr_monitor *m);
/** While something else keeps us from the loop: take the signals and the timeout that have come.
 * @param m a struct mr_monitor
 * @return negative, with the reason: to be given up */
int mr_monitor_check(void *m, struct mr_error *err);
/** Signals to be taken by signalfd(2): all that are forwarded, and SIGWINCH. Not those of job
 * control, of faults, of our own limits, nor SIGCHLD, SIGURG and SIGPIPE. */
void mr_monitor_signals(sigset_t *ret);

/**
 * Watch until the container has ended and init is reaped; or, with `created` set, until
 * it waits for `start`.
 * @return 0 the program ran and has ended; negative: it never started (err says why), and
 *         the child is reaped all the same
 */
int mr_monitor_run(struct mr_monitor *m, struct mr_error *err);
/** Watch a container that is somebody else's child until its end, and read its wait status
 * (has_status: it is known). */
int mr_monitor_watch(struct mr_monitor *m, struct mr_error *err);
/** Kill what there is, reap, close descriptors; for failures before mr_monitor_run(). */
void mr_monitor_clear(struct mr_monitor *m);

#endif
