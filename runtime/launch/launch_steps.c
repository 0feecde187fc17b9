/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the parent up to the clone, each a call into one room; their order and the
 * reasons for it are in launch.c. */
#include "launch/launch_state.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sync.h"
#include "base/sys.h"
#include "launch/child.h"
#include "launch/low_limit.h"
#include "launch/notify.h"
#include "launch/start_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

void mr_launch_abandon(struct mr_launch *l)
{
	if (l->monitor.pid <= 0)
		return;
	mr_pidfd_send_signal(l->monitor.pidfd, SIGKILL);
	waitpid(l->monitor.pid, NULL, 0);
}

bool mr_launch_wants_resctrl(const struct mr_plan *p)
{
	return p->resctrl.group[0];
}

bool mr_launch_wants_new_resctrl(const struct mr_plan *p)
{
	return p->resctrl.group[0] && !p->exec;
}

int mr_launch_step_new_resctrl(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_resctrl_create(l->plan->spec->linux_->intel_rdt, &l->plan->resctrl, err);

	l->has_resctrl = ret == 0;
	return ret;
}

int mr_launch_step_resctrl(struct mr_launch *l, struct mr_error *err)
{
	return mr_resctrl_enter(&l->plan->resctrl, l->monitor.pid, err);
}

void mr_launch_describe_resctrl(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s %s", p->resctrl.group, p->resctrl.monitor);
}

bool mr_launch_wants_notify(const struct mr_plan *p)
{
	return p->notify;
}

int mr_launch_step_notify(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_notify_make(&l->state, err);

	/* Of a container that is only created `start` binds it. */
	if (ret == 0 && !l->plan->options.create)
		ret = mr_notify_bind(&l->state, &l->monitor.notify_fd, err);
	return ret;
}

bool mr_launch_wants_scope(const struct mr_plan *p)
{
	return p->scope.used;
}

int mr_launch_step_scope(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_scope_start(&l->plan->scope, &l->plan->host, &l->keeper, err);

	l->has_scope = ret == 0;
	return ret;
}

void mr_launch_describe_scope(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s in %s", p->scope.unit, p->scope.slice);
	for (size_t i = 0; i < p->scope.properties.n; i++)
		mr_str_appendf(out, " %s", p->scope.properties.items[i]);
}

int mr_launch_step_cgroup(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_cgroup_create(&l->plan->cgroup, &l->plan->host, &l->cgroup, err);

	l->has_cgroup = ret == 0;
	return ret;
}

void mr_launch_describe_cgroup(const struct mr_plan *p, struct mr_str *out)
{
	for (int i = 0; i < p->host.n_hierarchies; i++)
		if (p->cgroup.hierarchy[i])
			mr_str_appendf(out, " %s%s", p->host.hierarchies[i].mount_point,
				p->cgroup.path);
}

int mr_launch_step_limits(struct mr_launch *l, struct mr_error *err)
{
	return mr_cgroup_apply(&l->plan->cgroup, &l->cgroup, &l->plan->warnings, err);
}

void mr_launch_describe_limits(const struct mr_plan *p, struct mr_str *out)
{
	for (size_t i = 0; i < p->cgroup.rows.n; i++)
		mr_str_appendf(out, " %s=%s", p->cgroup.rows.items[i].file,
			p->cgroup.rows.items[i].value);
	if (p->cgroup.device_rules)
		mr_str_appendf(out, " device program of %zu rules", p->cgroup.n_device_rules);
}

int mr_launch_step_watch(struct mr_launch *l, struct mr_error *err)
{
	int ret = mr_oom_watch_prepare(&l->watch, &l->cgroup, err);

	if (ret == 0)
		mr_oom_watch_mark(&l->watch);
	/* Otherwise it runs beside the set-up, which has killed nobody by then. */
	if (ret == 0 && mr_limit_is_low(l->plan->spec->linux_->resources))
		mr_oom_watch_listen(&l->watch, false);
	l->has_watch = ret == 0;
	l->live.oom_base = l->watch.base.kills;
	l->watch.emulate = l->live.oom_emulated = l->plan->cgroup.emulate_oom_disable;
	return ret;
}

int mr_launch_step_tasks(struct mr_launch *l, struct mr_error *err)
{
	return mr_cgroup_open_tasks(&l->cgroup, err);
}

bool mr_launch_wants_new(const struct mr_plan *p)
{
	return !p->exec;
}

bool mr_launch_wants_exec(const struct mr_plan *p)
{
	return p->exec;
}

/* Those of the container, or below them. */
int mr_launch_step_open_cgroups(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_plan *p = l->plan;
	int ret = mr_cgroup_open(&p->host, p->cgroup.path, &l->cgroup, err);

	for (size_t i = 0; ret >= 0 && p->exec_cgroups && p->exec_cgroups[i]; i++)
		ret = mr_cgroup_open_below(&l->cgroup, p->exec_cgroups[i], err);
	return ret < 0 ? ret : 0;
}

bool mr_launch_wants_namespaces(const struct mr_plan *p)
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (p->ns.join[i])
			return true;
	return p->ns.create[MR_NS_TIME];
}

static int fail_stopped(struct mr_error *err)
{
	return mr_fail_text(err, ESRCH, "container not running");
}

int mr_launch_step_namespaces(struct mr_launch *l, struct mr_error *err)
{
	const char *root = l->plan->exec_root;
	int ret = mr_ns_open(&l->plan->ns, l->ns_fds, err);

	if (ret == 0 && root[0]) {
		l->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		ret = l->root_fd < 0 ? mr_fail(err, errno, "open %s", root) : 0;
	}
	/* Opened by its pid: they are its own if it still lives. */
	if (ret == 0 && l->plan->exec && mr_pidfd_send_signal(l->plan->exec_init, 0) < 0)
		ret = fail_stopped(err);
	return ret < 0 ? ret : mr_ns_prepare(&l->plan->ns, l->ns_fds, err);
}

void mr_launch_describe_namespaces(const struct mr_plan *p, struct mr_str *out)
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (p->ns.join[i])
			mr_str_appendf(out, " %s=%s", mr_ns_type_name((enum mr_ns_type)i), p->ns.join[i]);
	if (p->ns.time_offsets)
		mr_str_appendf(out, " timens_offsets={%s}", p->ns.time_offsets);
}

bool mr_launch_wants_logs(const struct mr_plan *p)
{
	return p->options.detach && p->options.stand_alone && !p->process.process->terminal;
}

int mr_launch_step_logs(struct mr_launch *l, struct mr_error *err)
{
	l->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (l->null_fd < 0)
		return mr_fail(err, errno, "open /dev/null");
	return mr_logs_open(&l->monitor.logs, l->state.dir, l->plan->options.log_max, err);
}

bool mr_launch_wants_start_socket(const struct mr_plan *p)
{
	return p->options.create;
}

int mr_launch_step_start_socket(struct mr_launch *l, struct mr_error *err)
{
	l->start_fd = mr_start_listen(&l->state, err);
	return l->start_fd < 0 ? l->start_fd : 0;
}

int mr_launch_step_signals(struct mr_launch *l, struct mr_error *err)
{
	sigset_t set;

	mr_monitor_signals(&set);
	sigaddset(&set, SIGPIPE); /* who reads our messages may go: see mr_launch_clear() */
	if (sigprocmask(SIG_BLOCK, &set, &l->old_mask) < 0)
		return mr_fail(err, errno, "sigprocmask");
	l->masked = true;
	sigdelset(&set, SIGPIPE);
	l->monitor.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->monitor.signal_fd < 0 ? mr_fail(err, errno, "signalfd") : 0;
}

_Noreturn static void become_child(struct mr_launch *l, const int sock[2], bool in_cgroup2)
{
	struct mr_child child = {
		.plan = l->plan,
		.cgroup = &l->cgroup,
		.sock = sock[1],
		.parent_sock = sock[0],
		.lock = l->state.lock,
		.ns_fds = l->ns_fds,
		.root_fd = l->root_fd,
		.watched_fd = l->watched_fd,
		.start_fd = l->start_fd,
		.cpus = &l->cpus,
		.in_cgroup2 = in_cgroup2,
		.stdio = { l->null_fd, l->monitor.logs.write_end[0],
			l->monitor.logs.write_end[1] },
		.rootfs = MR_ROOTFS_INIT,
		.pty_slave = -1,
	};
	if (l->plan->ns.middle)
		mr_child_middle(&child);
	mr_child_main(&child);
}

/* For a further process of a container whose init has made sub-cgroups and moved into one. */
static int follow_init(struct mr_launch *l, int *into, struct mr_error *err)
{
	int ret = mr_cgroup_follow(&l->cgroup, l->plan->exec_init_pid, err);

	if (mr_pidfd_send_signal(l->plan->exec_init, 0) < 0)
		return fail_stopped(err);
	*into = mr_cgroup_clone_fd(&l->cgroup);
	return ret;
}

/* A pids.limit of 0 refuses a clone into the cgroup (EAGAIN), but not one who enters it. What
 * a user may not do (EACCES) is left to systemd: see mr_child_step_cgroup(). */
static pid_t clone_child(struct mr_launch *l, int *into)
{
	const struct mr_ns_plan *ns = &l->plan->ns;
	struct clone_args args = {
		.flags = CLONE_PIDFD | (ns->middle ? 0 : ns->clone_flags),
		.pidfd = (uint64_t)(uintptr_t)&l->monitor.pidfd,
		.exit_signal = SIGCHLD,
	};

	if (*into >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)*into;
	}
	pid_t pid = mr_clone3(&args);
	if ((pid == -EAGAIN || (pid == -EACCES && l->plan->scope.user)) && *into >= 0) {
		*into = -1;
		pid = clone_child(l, into);
	}
	return pid;
}

int mr_launch_step_clone(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_ns_plan *ns = &l->plan->ns;
	/* A middle process takes its child along: inside of the joined user namespace it
	 * could not be moved any more. */
	int into = mr_cgroup_clone_fd(&l->cgroup);
	int sock[2];

	int ret = mr_child_wants_caller_cpus(l->plan) ? mr_process_read_affinity(&l->cpus, err) : 0;
	if (ret == 0)
		ret = mr_sync_open(sock, err);
	if (ret < 0)
		return ret;
	l->watched_fd = eventfd(0, EFD_CLOEXEC);
	ret = l->watched_fd < 0 ? mr_fail(err, errno, "eventfd")
				: mr_rootfs_open_sources(&l->plan->rootfs, err);
	if (ret < 0) {
		close(sock[0]);
		close(sock[1]);
		return ret;
	}
	pid_t pid = clone_child(l, &into);
	if (pid == -EBUSY && into >= 0 && l->plan->exec && !l->plan->exec_cgroups) {
		ret = follow_init(l, &into, err);
		pid = ret < 0 ? ret : clone_child(l, &into);
	}
	if (pid == 0)
		become_child(l, sock, into >= 0);
	mr_rootfs_close_sources(&l->plan->rootfs);
	close(sock[1]);
	l->monitor.sock = sock[0];
	l->monitor.pid = pid > 0 ? pid : 0;
	if (ret < 0)
		return ret;
	if (pid < 0) {
		ret = mr_fail(err, -pid, "clone3 with flags %#llx", (unsigned long long)ns->clone_flags);
		mr_ns_hint(ns, -pid, err);
		return ret;
	}
	/* What counted for the child only is undone at once. */
	return mr_launch_wants_namespaces(l->plan) ? mr_ns_leave(ns, err) : 0;
}

/* A writable mount of cgroups, which engines never give: sub-cgroups can come and go faster
 * than they are found by chance. */
static bool can_make_cgroups(const struct mr_spec *spec)
{
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct mr_spec_mount *m = &spec->mounts.items[i];
		bool writable = mr_streq(m->type, "cgroup") || mr_streq(m->type, "cgroup2") ||
				(m->source && mr_has_prefix(m->source, "/sys/fs/cgroup"));
		for (size_t o = 0; writable && o < m->options.n; o++)
			writable = !mr_streq(m->options.items[o], "ro") &&
				   !mr_streq(m->options.items[o], "rro");
		if (writable)
			return true;
	}
	return false;
}

/* A cgroup that was there before keeps what the spec says nothing of. */
static int warn_of_found_limit(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_resources *r = l->plan->spec->linux_->resources;
	auto_strv one = { 0 };

	if (l->cgroup.memory_origin != MR_CGROUP_FOUND || !l->limits.memory.set ||
		(r && r->memory && r->memory->limit.set))
		return 0;
	if (mr_strv_addf(&one, "the cgroup '%s' was there before, with a memory limit of %llu bytes",
		    l->cgroup.path, (unsigned long long)l->limits.memory.value) < 0)
		return mr_fail(err, ENOMEM, "a warning");
	return mr_plan_add_warnings(l->plan, &one, err);
}

/* Beside the child's set-up, on another processor if there is one. */
int mr_launch_step_observe(struct mr_launch *l, struct mr_error *err)
{
	mr_oom_watch_listen(&l->watch, true);
	if (can_make_cgroups(l->plan->spec))
		mr_oom_watch_follow(&l->watch);
	mr_cgroup_read_limits(&l->cgroup, &l->plan->cgroup, &l->limits);
	return warn_of_found_limit(l, err);
}

/* The child may go on to its first foreign instruction. */
int mr_launch_step_release(struct mr_launch *l, struct mr_error *err)
{
	while (eventfd_write(l->watched_fd, 1) < 0)
		if (errno != EINTR)
			return mr_fail(err, errno, "eventfd");
	return 0;
}

/* Who is making it: to be written down if that takes long. */
int mr_launch_step_creator(struct mr_launch *l, struct mr_error *err)
{
	autoclose int self = (int)pidfd_open(getpid(), 0);

	snprintf(l->live.status, sizeof(l->live.status), "creating");
	return self < 0 ? mr_fail(err, errno, "pidfd_open of this process")
			: mr_process_id_read(self, getpid(), &l->live.monitor, err);
}

void mr_launch_describe_clone(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_append(out, " new:");
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (p->ns.create[i])
			mr_str_appendf(out, " %s", mr_ns_type_name((enum mr_ns_type)i));
	if (p->ns.middle)
		mr_str_append(out, ", by a middle process");
}
