/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container process, from clone3 to exec: one table, one row a step, each row a call
 * into one room. The table runs the container, names the step in errors, prints
 * `minirun plan` and `--trace`, and tells the fault tests what to break.
 *
 * Order constraints (rows that look as if they could move, but cannot):
 *  - cgroups are joined before the cgroup namespace is unshared: the namespace's root is the
 *    position at that moment (cgroup_namespaces(7));
 *  - the private procfs is opened in the new pid namespace, before pivot_root, and is the
 *    only way to /proc: labels, oom_score_adj and sysctls cannot be led astray by the image;
 *  - in a user namespace oom_score_adj is written first of all: a process that is not dumpable
 *    has proc files that belong to the real root, as it has after a change of user namespace;
 *  - the limit of open files goes for poll(2) as well, so we wait before it is set;
 *  - sysctls are written before the read-only paths cover /proc/sys;
 *  - hooks of the runtime run while both trees are visible, before pivot_root;
 *  - without no_new_privs a seccomp filter needs CAP_SYS_ADMIN to load, so it goes before
 *    the capabilities are dropped; with it, last, so that it need not allow our own calls;
 *  - a program that is not there fails `create`, not `start`, as with runc; so it is looked
 *    for before the wait, and the hooks of the start run as the container's user;
 *  - the listener of a seccomp filter goes to the launcher, which is gone after the wait;
 *  - the parent-death signal is cleared by a change of user (prctl(2)), so it is set again.
 */
#include "launch/child.h"

#include "base/io.h"
#include "base/sync.h"
#include "base/sys.h"
#include "launch/child_steps.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct child_step {
	const char *name, *manual;
	bool (*wanted)(const struct mr_plan *plan); /* NULL: always */
	int (*run)(struct mr_child *c, struct mr_error *err);
	mr_describe_fn describe; /* may be NULL */
};

#define IF(x) mr_child_wants_##x
#define DO(x) mr_child_step_##x
#define SHOW(x) mr_child_describe_##x

static const struct child_step steps[] = {
	{ "oom-score-adj", "proc(5)", IF(oom_early), DO(oom_early), SHOW(oom_score_adj) },
	{ "guard", "prctl(2)", NULL, DO(guard), NULL },
	{ "join-namespaces", "setns(2)", IF(join), DO(join), SHOW(join) },
	{ "id-maps", "user_namespaces(7)", IF(maps), DO(maps), SHOW(maps) },
	{ "cpu-affinity", "sched_setaffinity(2)", IF(initial_cpus), DO(initial_cpus), NULL },
	{ "join-cgroups", "cgroups(7)", NULL, DO(cgroup), SHOW(cgroup) },
	{ "cpu-affinity", "sched_setaffinity(2)", IF(final_cpus), DO(final_cpus), NULL },
	{ "cpu-affinity", "sched_setaffinity(2)", IF(caller_cpus), DO(caller_cpus), NULL },
	{ "cgroup-namespace", "cgroup_namespaces(7)", IF(cgroup_ns), DO(cgroup_ns), NULL },
	{ "session", "setsid(2)", IF(session), DO(session), NULL },
	{ "keyring", "keyctl(2)", IF(keyring), DO(keyring), NULL },
	{ "private-proc", "proc(5)", NULL, DO(proc), NULL },
	{ "oom-score-adj", "proc(5)", IF(oom_late), DO(oom_late), SHOW(oom_score_adj) },
	{ "names", "sethostname(2)", IF(names), DO(names), SHOW(names) },
	{ "loopback", "netdevice(7)", IF(loopback), DO(loopback), NULL },
	{ "isolate-mounts", "mount_namespaces(7)", IF(mount_ns), DO(isolate), NULL },
	{ "bind-root", "mount_setattr(2)", NULL, DO(bind), SHOW(bind) },
	{ "mounts", "mount(2)", IF(mount_ns), DO(mounts), SHOW(mounts) },
	{ "terminal", "pts(4)", IF(terminal), DO(terminal), NULL },
	{ "devices", "mknod(2)", IF(devices), DO(devices), SHOW(devices) },
	{ "runtime-hooks", "runtime-spec: hooks", IF(hooks), DO(hooks), NULL },
	{ "create-hooks", "runtime-spec: hooks", IF(create_hooks), DO(create_hooks), NULL },
	{ "sysctls", "sysctl(2)", IF(sysctls), DO(sysctls), SHOW(sysctls) },
	{ "pivot-root", "pivot_root(2)", IF(pivot), DO(pivot), NULL },
	{ "protect-paths", "mount_setattr(2)", IF(mount_ns), DO(protect), SHOW(protect) },
	{ "stdio", "dup2(2)", NULL, DO(stdio), NULL },
	{ "cwd", "chdir(2)", NULL, DO(cwd), SHOW(cwd) },
	{ "scheduling", "sched_setattr(2)", IF(scheduling), DO(scheduling), NULL },
	{ "await-watch", "eventfd(2)", NULL, DO(watched), NULL },
	{ "rlimits", "prlimit(2)", IF(rlimits), DO(rlimits), SHOW(rlimits) },
	{ "security-label", "proc(5)", IF(lsm), DO(lsm), NULL },
	{ "seccomp", "seccomp(2)", IF(seccomp_early), DO(seccomp), SHOW(seccomp) },
	{ "user", "credentials(7)", NULL, DO(user), SHOW(user) },
	{ "capabilities", "capabilities(7)", NULL, DO(caps), SHOW(caps) },
	{ "no-new-privileges", "prctl(2)", IF(nnp), DO(nnp), NULL },
	{ "find-program", "execve(2)", NULL, DO(find), NULL },
	{ "seccomp", "seccomp(2)", IF(seccomp_created), DO(seccomp), SHOW(seccomp) },
	{ "await-start", "unix(7)", IF(await_start), DO(await_start), NULL },
	{ "start-hooks", "runtime-spec: hooks", IF(start_hooks), DO(start_hooks), NULL },
	{ "seccomp", "seccomp(2)", IF(seccomp_late), DO(seccomp), SHOW(seccomp) },
	{ "init", "pid_namespaces(7)", IF(init), DO(init), NULL },
	{ "exec", "execve(2)", NULL, DO(exec), SHOW(exec) },
};

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

_Noreturn static void give_up(struct mr_child *c, const char *step, struct mr_error *err)
{
	snprintf(err->step, sizeof(err->step), "%s", step);
	/* EPIPE: the parent is gone and nobody wants to know. */
	mr_sync_send_error(c->sock, err);
	mr_exit(err->exit_code ? err->exit_code : MR_EXIT_FAILURE);
}

_Noreturn void mr_child_main(struct mr_child *c)
{
	struct mr_error err = { 0 };

	for (uint32_t i = 0; i < N_STEPS; i++) {
		const struct child_step *s = &steps[i];
		if (s->wanted && !s->wanted(c->plan))
			continue;
		int64_t begin = c->plan->options.trace ? mr_now_mono_ns() : 0;
		/* Told before the last step: after it there is nobody to tell. */
		if (c->plan->options.trace && i + 1 == N_STEPS)
			mr_sync_send(c->sock, MR_FRAME_TRACE, i, 0);
		if (s->run(c, &err) < 0)
			give_up(c, s->name, &err);
		if (c->plan->options.trace)
			mr_sync_send(c->sock, MR_FRAME_TRACE, i, mr_now_mono_ns() - begin);
	}
	mr_exit(MR_EXIT_FAILURE); /* exec has not returned 0 */
}

_Noreturn void mr_child_middle(struct mr_child *c)
{
	struct mr_error err = { 0 };
	struct clone_args args = {
		.flags = c->plan->ns.clone_flags | CLONE_PARENT,
	};

	/* Or our child, which waits for the parent, would never see its end. */
	mr_close(&c->parent_sock);
	mr_close(&c->lock);
	if (mr_child_wants_oom_early(c->plan) && mr_child_step_oom_early(c, &err) < 0)
		give_up(c, "oom-score-adj", &err);
	if (mr_ns_join_first(&c->plan->ns, c->ns_fds, &err) < 0)
		give_up(c, "join-user-namespace", &err);
	pid_t pid = mr_clone3(&args);
	if (pid < 0) {
		mr_fail(&err, -pid, "clone3 into the joined user namespace");
		give_up(c, "clone", &err);
	}
	if (pid > 0)
		_exit(0);
	/* Any frame tells the parent our host pid. */
	int ret = mr_sync_wait(c->sock, MR_BARRIER_CLONED);
	if (ret < 0) {
		mr_fail(&err, -ret, "waiting for the parent");
		give_up(c, "clone", &err);
	}
	mr_child_main(c);
}

void mr_child_describe(const struct mr_plan *plan, struct mr_str *out)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		const struct child_step *s = &steps[i];
		if (s->wanted && !s->wanted(plan))
			continue;
		mr_plan_describe_step(plan, s->name, s->manual, s->describe, out);
	}
}

void mr_child_trace(const struct mr_plan *plan, uint32_t index, int64_t ns)
{
	if (index < N_STEPS)
		mr_plan_trace_step(plan, "child", steps[index].name, steps[index].describe, ns);
}
