/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the child's barriers to the last event before the end: hooks, the start, news of the
 * OOM killer. The monitor calls, see mr_launch_events().
 */
#include "launch/launch_state.h"

#include "base/io.h"
#include "launch/oci_state.h"
#include "launch/protect.h"
#include "sandbox/hooks.h"
#include "sandbox/netdev.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run_hooks(struct mr_launch *l, enum mr_hook_kind kind, const char *status,
	struct mr_error *err)
{
	const struct mr_hook_guard guard = {
		.fds = { &l->monitor.signal_fd, &l->monitor.timer_fd },
		.check = mr_monitor_check,
		.arg = &l->monitor,
	};
	autofree char *state = NULL;

	if (l->plan->spec->hooks[kind].n == 0)
		return 0;
	int ret = mr_oci_state_of_plan(l->plan, status,
		strcmp(status, "stopped") ? l->monitor.pid : 0, &state, err);
	return ret < 0 ? ret
		       : mr_hooks_run(&l->plan->spec->hooks[kind], kind, l->plan->bundle,
				 NULL, state, &guard, err);
}

static int on_barrier(void *arg, enum mr_barrier b, struct mr_error *err)
{
	struct mr_launch *l = arg;

	if (b == MR_BARRIER_MAPS)
		return mr_ns_write_maps(&l->plan->ns, l->monitor.pid, err);
	if (b == MR_BARRIER_CGROUP)
		return mr_scope_attach(l->plan->cgroup.path, l->monitor.pid, err);
	int ret = mr_launch_write_created(l, err);
	if (ret == 0) { /* hooks may take long: on_slow() need not wait for that */
		l->monitor.slow_ns = 0;
		ret = mr_state_write_live(&l->state, &l->live, err);
	}
	if (ret == 0 && l->plan->spec->linux_->net_devices.n > 0)
		ret = mr_netdev_move(l->plan->spec->linux_, l->monitor.pidfd, err);
	/* runtime-spec, "Lifecycle": "created" from the end of step 2, and hooks are 3 to 5. */
	if (ret == 0)
		ret = run_hooks(l, MR_HOOK_PRESTART, "created", err);
	return ret < 0 ? ret : run_hooks(l, MR_HOOK_CREATE_RUNTIME, "created", err);
}

/* Who is making it: `delete --force` need not wait until we are done. */
static int on_slow(void *arg, struct mr_error *err)
{
	struct mr_launch *l = arg;

	return l->plan->exec ? 0 : mr_state_write_live(&l->state, &l->live, err);
}

static int on_listener(void *arg, int fd, struct mr_error *err)
{
	struct mr_launch *l = arg;
	const struct mr_plan *p = l->plan;
	const pid_t pid = l->monitor.pid;
	autofree char *state = NULL;
	int ret = mr_oci_state_of_plan(p, p->exec ? p->exec_status : "creating",
		p->exec ? p->exec_init_pid : pid, &state, err);

	return ret < 0 ? ret : mr_seccomp_send_listener(&p->seccomp, fd, pid, state, err);
}

/* The one who waits for a detached start hears that it is done. */
static void tell_ready(struct mr_launch *l)
{
	struct mr_error none = { 0 };

	if (l->ready_fd < 0)
		return;
	/* Who has heard it may expect that nothing of its own is held any more. */
	const bool left = mr_leave_caller() == 0;
	(void)mr_write_all(l->ready_fd, &none, sizeof(none));
	/* The pipe is the caller's too, but its number must stay: a later failure is written
	 * to it. */
	if (!left || dup3(STDIN_FILENO, l->ready_fd, O_CLOEXEC) < 0)
		close(l->ready_fd);
	l->ready_fd = -1;
}

/* A further process: it has no record of its own, and detached we are done. */
static int on_exec_started(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_launch_tell_pid(l, err);

	if (ret == 0 && (ret = mr_state_add_exec(l->plan->exec_state, l->monitor.pid)) < 0)
		mr_fail(err, -ret, "note the process in the state of '%s'", l->plan->id);
	l->monitor.created = ret == 0 && l->plan->options.detach;
	return ret;
}

static int on_started(void *arg, struct mr_error *err)
{
	struct mr_launch *l = arg;

	mr_protect_release(); /* the program starts meanwhile */
	if (l->plan->exec)
		return on_exec_started(l, err);
	l->record.started = mr_now_real();
	l->record.pid = l->monitor.pid;
	l->live.program = l->monitor.program;
	int ret = mr_process_id_read(l->monitor.pidfd, l->monitor.pid, &l->live.init, err);
	if (ret == 0)
		ret = mr_launch_write_record(l, "running", err);
	mr_state_unlock(&l->state);
	if (ret == 0)
		ret = mr_launch_tell_pid(l, err);
	if (ret == 0)
		ret = run_hooks(l, MR_HOOK_POSTSTART, "running", err);
	if (ret == 0)
		tell_ready(l);
	return ret;
}

/* While it runs the record tells a kill at once: who, if the log has it by now; and that it
 * hangs, which no exit will ever tell. */
static void on_oom(void *arg, int hang)
{
	struct mr_launch *l = arg;
	struct mr_error ignored;
	struct mr_verdict_input in = {
		.init_status = -1,
		.started = true,
	};

	if (hang)
		mr_launch_tell_hang(l, hang > 0);
	if (!l->monitor.started || mr_state_lock(&l->state, 1000, &ignored) < 0)
		return; /* the record at the end will tell */
	const bool fresh = mr_launch_refresh(l);
	mr_launch_name_init(l, &in);
	mr_verdict_clear(&l->verdict);
	if (mr_verdict_take(&l->watch, &in, &l->verdict, &ignored) == 0) {
		l->record.verdict = &l->verdict;
		mr_launch_read_execs(l);
		if (fresh)
			mr_launch_write_record(l, l->live.status, &ignored);
	}
	mr_state_unlock(&l->state);
}

static bool is_paused(void *arg)
{
	struct mr_launch *l = arg;

	return mr_launch_refresh(l) && strcmp(l->live.status, "paused") == 0;
}

struct mr_monitor_events mr_launch_events(struct mr_launch *l)
{
	return (struct mr_monitor_events){
		.arg = l,
		.barrier = on_barrier,
		.slow = on_slow,
		.started = on_started,
		.listener = on_listener,
		.oom = on_oom,
		.paused = is_paused,
	};
}

