/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the child, each a call into one room; their order and the reasons for it are
 * in child.c. */
#include "launch/child_steps.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sync.h"
#include "base/sys.h"
#include "launch/init.h"
#include "launch/oci_state.h"
#include "launch/protect.h"
#include "launch/start_socket.h"
#include "sandbox/hooks.h"
#include "sandbox/lsm.h"
#include "sandbox/outer.h"
#include "sandbox/procfs.h"
#include "sandbox/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- identity and protection --- */

int mr_child_step_guard(struct mr_child *c, struct mr_error *err)
{
	sigset_t none;

	mr_protect_release(); /* or the exec would be the last to close it, and wait */
	mr_close(&c->parent_sock);
	mr_close(&c->lock); /* or a container that waits for its start would hold it */
	c->umask = umask(0); /* what the set-up makes has exactly the modes it asks for */
	/* An unprivileged parent can write the id maps of a dumpable child only. */
	if ((!c->plan->ns.create[MR_NS_USER] && prctl(PR_SET_DUMPABLE, 0) < 0) ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NAME, MR_CHILD_COMM) < 0)
		return mr_fail(err, errno, "prctl");
	/* An image's program expects every signal to act, whatever nohup(1) or a shell's & have
	 * left ignored. A command is the caller's own and inherits that, as from any other
	 * parent. */
	int ret = c->plan->options.command ? 0 : mr_signal_defaults();
	if (ret < 0)
		return mr_fail(err, -ret, "rt_sigaction");
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? mr_fail(err, errno, "sigprocmask") : 0;
}

int mr_child_step_join(struct mr_child *c, struct mr_error *err)
{
	int fds[MR_NS_TYPES];

	memcpy(fds, c->ns_fds, sizeof(fds));
	if (c->plan->ns.middle)
		fds[MR_NS_USER] = -1; /* the middle process has joined it */
	int ret = mr_ns_join(&c->plan->ns, fds, err);
	if (ret == 0 && c->root_fd >= 0)
		ret = mr_outer_return(c->root_fd, err);
	/* Joining a user namespace changes the user, which clears it (prctl(2)). */
	if (ret == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		ret = mr_fail(err, errno, "prctl PR_SET_PDEATHSIG");
	return ret;
}

int mr_child_step_maps(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_sync_wait(c->sock, MR_BARRIER_MAPS);
	if (ret < 0)
		return mr_fail(err, -ret, "waiting for the id maps");
	ret = mr_ns_become_root(err);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return mr_fail(err, errno, "prctl");
	return 0;
}

int mr_child_step_cgroup(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_cgroup_enter(c->cgroup, c->in_cgroup2, err);

	/* From outside of the user's own tree (a login, cron) only systemd may move us. */
	if (ret != -EACCES || !c->plan->scope.user)
		return ret;
	ret = mr_sync_wait(c->sock, MR_BARRIER_CGROUP);
	return ret < 0 ? mr_fail(err, -ret, "waiting for systemd") : 0;
}

int mr_child_step_initial_cpus(struct mr_child *c, struct mr_error *err)
{
	return mr_process_set_affinity(c->plan->process.process->exec_cpu_affinity_initial,
		"process.execCPUAffinity.initial", err);
}

int mr_child_step_final_cpus(struct mr_child *c, struct mr_error *err)
{
	const char *cpus = c->plan->process.process->exec_cpu_affinity_final;

	return c->plan->exec && cpus
		       ? mr_process_set_affinity(cpus, "process.execCPUAffinity.final", err)
		       : mr_process_reset_affinity(err);
}

int mr_child_step_caller_cpus(struct mr_child *c, struct mr_error *err)
{
	return mr_process_keep_affinity(c->cpus, err);
}

int mr_child_step_cgroup_ns(struct mr_child *c, struct mr_error *err)
{
	(void)c;
	return mr_ns_unshare_cgroup(err);
}

int mr_child_step_session(struct mr_child *c, struct mr_error *err)
{
	(void)c;
	/* EPERM: already a group leader, which a fresh child never is. */
	return setsid() < 0 ? mr_fail(err, errno, "setsid") : 0;
}

/*
 * Its possessor may do anything, its user view, read and link it. What exec adds to the
 * container finds it by its name, as a process of the same user or, in a user namespace, of
 * another.
 */
#define KEYRING_OF_USER 0x3f1b0000
#define KEYRING_OF_NS 0x3f130008

int mr_child_step_keyring(struct mr_child *c, struct mr_error *err)
{
	unsigned permissions = mr_child_is_in_userns(c->plan) ? KEYRING_OF_NS : KEYRING_OF_USER;
	char name[300];

	snprintf(name, sizeof(name), "_ses.%s", c->plan->id);
	int ret = mr_join_session_keyring(name, c->plan->exec ? 0 : permissions);
	/* ENOSYS: no keyrings; EPERM, EDQUOT: nothing of the caller's is shared either way
	 * only if we succeed, so these are errors. */
	if (ret < 0 && ret != -ENOSYS)
		return mr_fail(err, -ret, "new session keyring '%s'", name);
	return 0;
}

int mr_child_step_proc(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_open_proc(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_oom_early(struct mr_child *c, struct mr_error *err)
{
	if (c->oom_score_adj_done)
		return 0;
	autoclose int proc = mr_procfs_open_host(err);
	if (proc < 0)
		return mr_take_fd(&proc);
	c->oom_score_adj_done = true;
	return mr_process_set_oom_score_adj(&c->plan->process, proc, err);
}

int mr_child_step_oom_late(struct mr_child *c, struct mr_error *err)
{
	int proc = mr_procfs_fd(&c->rootfs, err);
	return proc < 0 ? proc : mr_process_set_oom_score_adj(&c->plan->process, proc, err);
}

int mr_child_step_names(struct mr_child *c, struct mr_error *err)
{
	return mr_ns_set_names(&c->plan->ns, err);
}

int mr_child_step_loopback(struct mr_child *c, struct mr_error *err)
{
	(void)c;
	return mr_ns_loopback_up(err);
}

/* --- the tree of files --- */

int mr_child_step_isolate(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_isolate(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_bind(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_bind(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_mounts(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_mount_all(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_terminal(struct mr_child *c, struct mr_error *err)
{
	const struct mr_spec_process *p = c->plan->process.process;
	autoclose int master = -1;
	int ret = mr_terminal_open(c->rootfs.root_fd, (unsigned)p->console_height.value,
		(unsigned)p->console_width.value, &master, &c->pty_slave, err);
	if (ret == 0 && !c->plan->options.console_socket)
		ret = mr_terminal_keep_newlines(master, err);
	if (ret < 0)
		return ret;
	c->rootfs.console_fd = c->pty_slave;
	ret = mr_sync_send_fd(c->sock, MR_FD_CONSOLE, master);
	return ret < 0 ? mr_fail(err, -ret, "sending the terminal to the parent") : 0;
}

int mr_child_step_devices(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_make_devices(&c->plan->rootfs, &c->rootfs, err);
}

/* The parent runs its hooks. */
int mr_child_step_hooks(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_sync_wait(c->sock, MR_BARRIER_HOOKS);

	return ret < 0 ? mr_fail(err, -ret, "waiting for the runtime's hooks") : 0;
}

/* The pid that the state tells to hooks of the container is that which the container sees
 * (runtime-spec: hooks). */
static int run_hooks(const struct mr_child *c, enum mr_hook_kind kind, const char *status,
	const char *bundle, struct mr_error *err)
{
	autofree char *state = NULL;
	/* What runs in the container has the container's environment, as in other runtimes. */
	char *const *env = kind == MR_HOOK_START_CONTAINER ? c->plan->process.env : NULL;
	int ret = mr_oci_state_of_plan(c->plan, status, getpid(), &state, err);

	return ret < 0 ? ret
		       : mr_hooks_run(&c->plan->spec->hooks[kind], kind, bundle, env, state,
				 NULL, err);
}

int mr_child_step_create_hooks(struct mr_child *c, struct mr_error *err)
{
	int outer = c->rootfs.outer_fd;
	int ret = 0;

	/* Their paths are the caller's, also if those start in a chroot that we have left. */
	if (outer >= 0 && (ret = mr_outer_return(outer, err)) < 0)
		return ret;
	ret = run_hooks(c, MR_HOOK_CREATE_CONTAINER, "created", c->plan->bundle, err);
	if (ret < 0 || outer < 0)
		return ret;
	autoclose int again = -1;
	return mr_outer_leave_chroot(&again, err);
}

int mr_child_step_sysctls(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_write_sysctls(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_pivot(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_pivot(&c->plan->rootfs, &c->rootfs, err);
}

int mr_child_step_protect(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_protect(&c->plan->rootfs, &c->rootfs, err);
}

/* --- the process --- */

int mr_child_step_stdio(struct mr_child *c, struct mr_error *err)
{
	if (c->pty_slave >= 0)
		return mr_terminal_take(c->pty_slave, err);
	for (int i = 0; i < 3; i++)
		if (c->stdio[i] >= 0 && dup2(c->stdio[i], i) < 0)
			return mr_fail(err, errno, "dup2 to descriptor %d", i);
	return 0;
}

int mr_child_step_rlimits(struct mr_child *c, struct mr_error *err)
{
	return mr_process_set_rlimits(&c->plan->process, err);
}

int mr_child_step_scheduling(struct mr_child *c, struct mr_error *err)
{
	return mr_process_set_scheduling(&c->plan->process, c->plan->spec, err);
}

int mr_child_step_watched(struct mr_child *c, struct mr_error *err)
{
	/* Everything above stdio and what is passed on closes at exec; what is opened from here
	 * on does, too. Before the seccomp filter, which may refuse it. */
	unsigned first = 3 + (unsigned)c->plan->options.preserve_fds;

	if (close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return mr_fail(err, errno, "close_range from %u", first);
	struct pollfd p[] = { { c->watched_fd, POLLIN, 0 }, { c->sock, 0, 0 } };

	/* The parent's death is ours by PR_SET_PDEATHSIG, but not if it came before that was
	 * set, or while a change of user had cleared it. */
	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return mr_fail(err, errno, "waiting for the watch");
	return p[0].revents & POLLIN ? 0 : mr_fail(err, EPIPE, "waiting for the watch");
}

int mr_child_step_await_start(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_start_await(&c->sock, &c->start_fd);
	return ret < 0 ? mr_fail(err, -ret, "waiting for the start") : 0;
}

/* They belong to the start of a container that by now is created. */
int mr_child_step_start_hooks(struct mr_child *c, struct mr_error *err)
{
	return run_hooks(c, MR_HOOK_START_CONTAINER, "created", NULL, err);
}

int mr_child_step_lsm(struct mr_child *c, struct mr_error *err)
{
	int proc = mr_procfs_fd(&c->rootfs, err);
	return proc < 0 ? proc : mr_lsm_apply(c->plan->process.process, proc, err);
}

int mr_child_step_seccomp(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_seccomp_apply(&c->plan->seccomp, err);
	if (ret < 0 || !c->plan->seccomp.notify)
		return ret; /* 0 is no descriptor here */
	autoclose int listener = ret;
	ret = mr_sync_send_fd(c->sock, MR_FD_SECCOMP_NOTIFY, listener);
	return ret < 0 ? mr_fail(err, -ret, "sending the seccomp listener") : 0;
}

int mr_child_step_user(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_caps_before_user(&c->plan->caps, err);
	if (ret < 0)
		return ret;
	/* Not for a command: its stdio are files of the caller. */
	if (!c->plan->options.command &&
		(ret = mr_process_own_stdio(&c->plan->process, err)) < 0)
		return ret;
	umask(c->plan->options.command ? c->umask : 0022);
	ret = mr_process_set_user(&c->plan->process, c->plan->ns.deny_setgroups, err);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return mr_fail(err, errno, "prctl PR_SET_PDEATHSIG");
	return 0;
}

int mr_child_step_cwd(struct mr_child *c, struct mr_error *err)
{
	return mr_rootfs_enter_cwd(&c->plan->rootfs, err);
}

int mr_child_step_caps(struct mr_child *c, struct mr_error *err)
{
	return mr_caps_after_user(&c->plan->caps, err);
}

int mr_child_step_nnp(struct mr_child *c, struct mr_error *err)
{
	return mr_process_set_no_new_privs(&c->plan->process, err);
}

/* Who is not named by it takes no descriptors (sd_listen_fds(3)). */
static void tell_own_pid(const struct mr_child *c)
{
	if (c->plan->listen_pid)
		snprintf(c->plan->listen_pid, MR_LISTEN_PID_SIZE, "LISTEN_PID=%d",
			(int)getpid());
}

int mr_child_step_find(struct mr_child *c, struct mr_error *err)
{
	tell_own_pid(c);
	int ret = mr_process_find_home(&c->plan->process, &c->arena, err);
	if (ret < 0)
		return ret;
	return mr_process_find_program(&c->plan->process, &c->arena, &c->program, err);
}

int mr_child_step_init(struct mr_child *c, struct mr_error *err)
{
	int ret = mr_init_fork(c->sock, c->plan->own_session);
	if (ret == 0) {
		tell_own_pid(c);
		return 0;
	}
	mr_fail(err, -ret, "fork of the minimal init's child");
	if (ret == -EAGAIN)
		mr_hint(err, "the minimal init is a process besides the program: a limit of 2 processes, "
			     "or --no-init");
	else if (ret == -EMFILE)
		mr_hint(err, "the minimal init needs a few open files (RLIMIT_NOFILE, --ulimit nofile): "
			     "64 are enough, or --no-init");
	return ret;
}

int mr_child_step_exec(struct mr_child *c, struct mr_error *err)
{
	/* The parent ends when it has heard of the program; if it does before, the next
	 * frame finds nobody. */
	if (c->plan->exec && c->plan->options.detach && prctl(PR_SET_PDEATHSIG, 0) < 0)
		return mr_fail(err, errno, "prctl PR_SET_PDEATHSIG");
	int ret = mr_sync_send(c->sock, MR_FRAME_PROGRAM, 0, 0);
	if (ret < 0)
		return mr_fail(err, -ret, "telling the parent");
	return mr_process_exec(&c->plan->process, c->program, err);
}
