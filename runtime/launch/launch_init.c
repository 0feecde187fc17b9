/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one launch: filled from the plan, cleared at the end. */
#include "launch/launch_state.h"

#include "base/io.h"
#include "base/json.h"
#include "launch/child.h"
#include "launch/late_hooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 64 hex digits, as docker's ids: derived from the name, the boot and the time. */
static void make_full_id(struct mr_launch *l)
{
	struct timespec now = mr_now_real();
	uint64_t h = mr_hash64(l->plan->id, strlen(l->plan->id)) ^ (uint64_t)getpid();

	for (int i = 0; i < 4; i++) {
		uint64_t part[3] = { h, (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec };
		h = mr_hash64(part, sizeof(part));
		snprintf(l->full_id + 16 * i, 17, "%016llx", (unsigned long long)h);
	}
}

static int annotations_json(const struct mr_spec *spec, char **ret, struct mr_error *err)
{
	struct mr_json_writer w = { 0 };

	if (spec->annotations.n == 0)
		return 0;
	mr_json_begin_object(&w, NULL);
	for (size_t i = 0; i < spec->annotations.n; i++)
		mr_json_put_text(
			&w, spec->annotations.items[i].key, spec->annotations.items[i].value);
	mr_json_end(&w);
	*ret = mr_str_take(&w.out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "annotations");
}

/* What later verbs need to know. */
static int fill_live(struct mr_launch *l, struct mr_error *err)
{
	const struct mr_plan *p = l->plan;
	struct mr_live *live = &l->live;

	live->bundle = strdup(p->bundle);
	live->config = strdup(p->config);
	live->rootfs = strdup(p->rootfs.path);
	if (!live->bundle || !live->config || !live->rootfs)
		return mr_fail(err, ENOMEM, "the state of '%s'", p->id);
	snprintf(live->oci_version, sizeof(live->oci_version), "%s", p->spec->oci_version);
	l->record.created = mr_now_real();
	mr_format_time(l->record.created, live->created);
	live->terminal = p->process.process->terminal;
	live->pid_namespace = p->ns.create[MR_NS_PID];
	live->engine = p->options.create;
	live->keep_record = p->options.keep_record;
	live->exit_code = -1;
	int ret = annotations_json(p->spec, &live->annotations_json, err);
	return ret < 0 ? ret : mr_late_hooks_format(p->spec, &live->hooks_json, err);
}

int mr_launch_init(struct mr_launch *l, struct mr_plan *plan, int ready_fd,
	struct mr_error *err)
{
	l->plan = plan;
	l->ready_fd = ready_fd;
	l->null_fd = l->watched_fd = l->start_fd = l->root_fd = -1;
	for (int i = 0; i < MR_NS_TYPES; i++)
		l->ns_fds[i] = -1;
	mr_state_init(&l->state);
	mr_cgroup_init(&l->cgroup);
	mr_monitor_init(&l->monitor);
	l->monitor.plan = plan;
	l->monitor.cgroup = &l->cgroup;
	l->monitor.watch = &l->watch;
	l->monitor.events = mr_launch_events(l);
	l->monitor.silent = mr_child_is_silent(plan);
	make_full_id(l);
	memcpy(l->record.full_id, l->full_id, sizeof(l->full_id));
	l->record.id = plan->id;
	l->record.spec = plan->spec;
	l->record.error = "";
	l->record.wall_usec = -1;
	l->record.cgroup = &plan->cgroup;
	l->record.limits = &l->limits;
	l->record.warnings = &plan->warnings;
	l->record.auto_remove = plan->options.remove;
	l->record.tty = plan->process.process->terminal;
	l->record.open_stdin = plan->options.interactive;
	if (plan->options.command) {
		l->record.command_mode = true;
		l->record.cap_add = plan->options.command->cap_add;
		l->record.cap_drop = plan->options.command->cap_drop;
	}
	l->record.rootfs = plan->rootfs.path;
	l->record.runtime_version = mr_version();
	return fill_live(l, err);
}

/* A SIGPIPE that was blocked has had its effect, EPIPE; unblocked it would kill us. */
static void drop_pending_sigpipe(void)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
}

void mr_launch_clear(struct mr_launch *l)
{
	mr_monitor_clear(&l->monitor);
	if (l->has_watch)
		mr_oom_watch_close(&l->watch);
	if (l->has_timeline)
		mr_timeline_close(&l->timeline);
	mr_verdict_clear(&l->verdict);
	free(l->history);
	mr_cgroup_usage_clear(&l->usage);
	mr_cgroup_close(&l->cgroup);
	mr_ns_close(l->ns_fds);
	mr_close(&l->root_fd);
	mr_close(&l->null_fd);
	mr_close(&l->watched_fd);
	mr_close(&l->start_fd);
	mr_close(&l->monitor.signal_fd);
	if (l->masked)
		drop_pending_sigpipe();
	if (l->masked)
		sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	free(l->record.execs);
	mr_live_clear(&l->live);
	mr_state_close(&l->state);
}
