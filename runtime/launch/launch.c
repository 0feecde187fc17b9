/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's half of a launch: one table up to the clone, then the monitor, then the
 * end in fixed order. What a step takes is owned by struct mr_launch and given back by
 * mr_launch_clear(), so no failure path needs to know what was done before it.
 *
 * Order constraints:
 *  - signals are taken before there is anything that a death by one would leave;
 *  - the intent record is written before the first cgroup is made;
 *  - systemd makes the scope's cgroup itself, and the container's is below it;
 *  - limits are written while the cgroup is empty: there is nothing to reclaim or kill;
 *  - baselines of the OOM counters are taken before the container can move them; what else
 *    must be watched before the program runs is set up beside the child's own set-up, on
 *    another processor, and the child waits for it before its first foreign instruction;
 *  - a container that is created only is handed over to a watcher: see create.c;
 *  - at the end: counters are read after the last process is gone; the record is on disk
 *    before the cgroup, which is the evidence, is removed.
 */
#include "launch/launch.h"

#include "base/io.h"
#include "launch/create.h"
#include "launch/launch_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct launch_step {
	const char *name, *manual;
	bool (*wanted)(const struct mr_plan *plan);
	int (*run)(struct mr_launch *l, struct mr_error *err);
	mr_describe_fn describe; /* may be NULL */
};

#define IF(x) mr_launch_wants_##x
#define DO(x) mr_launch_step_##x
#define SHOW(x) mr_launch_describe_##x

static const struct launch_step steps[] = {
	{ "signals", "signalfd(2)", NULL, DO(signals), NULL },
	{ "record", "flock(2)", IF(new), DO(record), SHOW(record) },
	{ "intent", "rename(2)", IF(new), DO(intent), NULL },
	{ "scope", "systemd.scope(5)", IF(scope), DO(scope), SHOW(scope) },
	{ "notify-socket", "sd_notify(3)", IF(notify), DO(notify), NULL },
	{ "create-cgroups", "cgroups(7)", IF(new), DO(cgroup), SHOW(cgroup) },
	{ "limits", "cgroups(7)", IF(new), DO(limits), SHOW(limits) },
	{ "create-resctrl", "mount(8)", IF(new_resctrl), DO(new_resctrl), SHOW(resctrl) },
	{ "count-oom", "cgroups(7)", IF(new), DO(watch), NULL },
	{ "open-cgroups", "cgroups(7)", IF(exec), DO(open_cgroups), SHOW(cgroup) },
	{ "timeline", "open(2)", IF(timeline), DO(timeline), SHOW(timeline) },
	{ "open-tasks", "cgroups(7)", NULL, DO(tasks), NULL },
	{ "logs", "pipe(2)", IF(logs), DO(logs), NULL },
	{ "namespaces", "setns(2)", IF(namespaces), DO(namespaces), SHOW(namespaces) },
	{ "start-socket", "unix(7)", IF(start_socket), DO(start_socket), NULL },
	{ "clone", "clone3(2)", NULL, DO(clone), SHOW(clone) },
	{ "join-resctrl", "mount(8)", IF(resctrl), DO(resctrl), SHOW(resctrl) },
	{ "watch-oom", "eventfd(2)", IF(new), DO(observe), NULL },
	{ "release", "eventfd(2)", NULL, DO(release), NULL },
	{ "creator", "pidfd_open(2)", IF(new), DO(creator), NULL },
};

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static int run_steps(struct mr_launch *l, struct mr_error *err)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		if (steps[i].wanted && !steps[i].wanted(l->plan))
			continue;
		int64_t begin = mr_now_mono_ns();
		int ret = steps[i].run(l, err);
		if (ret < 0) {
			mr_launch_abandon(l);
			snprintf(err->step, sizeof(err->step), "%s", steps[i].name);
			return ret;
		}
		mr_plan_trace_step(l->plan, "parent", steps[i].name, steps[i].describe,
			mr_now_mono_ns() - begin);
	}
	return 0;
}

int mr_launch(struct mr_plan *plan, int ready_fd, struct mr_result *ret_result,
	struct mr_error *err)
{
	/* Most of it are buffers for terminals and logs, whose pages nobody touches. */
	struct mr_launch *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l == MAP_FAILED)
		return mr_fail(err, errno, "memory for the launch");
	int ret = mr_launch_init(l, plan, ready_fd, err);

	memcpy(ret_result->id, plan->id, sizeof(plan->id));
	if (ret == 0)
		ret = run_steps(l, err);
	if (ret == 0)
		ret = mr_monitor_run(&l->monitor, err);
	if (ret < 0) {
		mr_launch_give_up(l, err);
		ret_result->oom_killed = mr_launch_oom_killed(l);
	} else if (l->plan->exec)
		mr_launch_end_exec(l, ret_result);
	else if (l->monitor.created)
		ret = mr_launch_hand_over(l, err);
	else
		ret = mr_launch_finish(l, ret_result, err);
	mr_launch_clear(l);
	munmap(l, sizeof(*l));
	return ret;
}

void mr_launch_describe(const struct mr_plan *plan, struct mr_str *out)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		if (steps[i].wanted && !steps[i].wanted(plan))
			continue;
		mr_plan_describe_step(
			plan, steps[i].name, steps[i].manual, steps[i].describe, out);
	}
}
