/* SPDX-License-Identifier: Apache-2.0 */
/* What a launcher writes: the two documents of the state directory, and the files and
 * messages that the caller asked for. */
#include "launch/launch_state.h"

#include "base/io.h"
#include "launch/updated.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mr_launch_format_record(const struct mr_launch *l, char **ret_json, struct mr_error *err)
{
	int ret = mr_status_format(&l->record, ret_json, err);

	return ret < 0 || !l->has_state
		       ? ret
		       : mr_updated_apply(&l->state, &l->limits, ret_json, err);
}

/* The users' record first: whoever finds that the other says "running" and nobody runs
 * completes this one, unless it tells of the end already. */
static int write_both(struct mr_launch *l, struct mr_error *err)
{
	autofree char *json = NULL;

	l->record.output_loss = mr_logs_loss(&l->monitor.logs);
	int ret = mr_launch_format_record(l, &json, err);
	if (ret == 0)
		ret = mr_state_write_status(
			&l->state, json, mr_streq(l->record.status, "exited"), err);
	return ret == 0 ? mr_state_write_live(&l->state, &l->live, err) : ret;
}

int mr_launch_write_record(struct mr_launch *l, const char *status, struct mr_error *err)
{
	int ret;

	l->record.status = status;
	if (status != l->live.status)
		snprintf(l->live.status, sizeof(l->live.status), "%s", status);
	/* The verdict goes before the output: it may be that which has filled the place. */
	do
		ret = write_both(l, err);
	while ((ret == -ENOSPC || ret == -EDQUOT) && mr_logs_give_way(&l->monitor.logs));
	return ret;
}

/* A file of the caller's, replaced as a whole: what is no regular file (a device, a link)
 * would be replaced, too, and is refused. */
static int write_for_caller(const char *what, const char *path, const char *text, size_t len,
	struct mr_error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return mr_fail_text(err, EINVAL, "cannot write the %s '%s': it is no regular file",
			what, path);
	int ret = mr_write_atomic_at(AT_FDCWD, path, text, len, 0644);
	return ret < 0 ? mr_fail(err, -ret, "cannot write the %s '%s'", what, path) : 0;
}

int mr_launch_write_status_copy(struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->status_path;
	autofree char *json = NULL;

	if (!path[0])
		return 0;
	/* Beside it, so that the two can be moved together. */
	const char *timeline = l->record.timeline;
	size_t dir = (size_t)(mr_path_base(path) - path);
	if (timeline && strncmp(path, timeline, dir) == 0 && !strchr(timeline + dir, '/'))
		l->record.timeline += dir;
	l->record.output_loss = mr_logs_loss(&l->monitor.logs);
	int ret = mr_launch_format_record(l, &json, err);
	l->record.timeline = timeline;
	if (ret < 0)
		return ret;
	if (strcmp(path, "-") != 0)
		return write_for_caller("status file", path, json, strlen(json), err);
	ret = mr_write_all(STDOUT_FILENO, json, strlen(json));
	return ret < 0 ? mr_fail(err, -ret, "cannot write the record to standard output") : 0;
}

int mr_launch_write_end(struct mr_launch *l, bool forget, struct mr_error *err)
{
	struct mr_error later;
	int ret = forget ? 0 : mr_launch_write_record(l, "exited", err);

	if (ret < 0)
		return ret;
	ret = mr_launch_write_status_copy(l, err);
	/* Whoever has left hears of it in the record, if anywhere. */
	if (ret < 0 && l->plan->options.detach &&
		mr_strv_add(&l->plan->warnings, err->message) == 0)
		(void)mr_launch_write_record(l, "exited", &later);
	return ret;
}

/* Only for a start that hooks make long: otherwise "running" replaces it within a
 * millisecond. */
int mr_launch_write_created(struct mr_launch *l, struct mr_error *err)
{
	autofree char *json = NULL;

	l->record.status = "created";
	int ret = mr_status_format(&l->record, &json, err);
	return ret == 0 ? mr_state_write_status(&l->state, json, false, err) : ret;
}

static int write_pid_file(const struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->options.pid_file;
	char text[16];

	if (!path)
		return 0;
	int n = snprintf(text, sizeof(text), "%d", (int)l->monitor.pid);
	return write_for_caller("pid file", path, text, (size_t)n, err);
}

static int send_pidfd(const struct mr_launch *l, struct mr_error *err)
{
	const char *path = l->plan->options.pidfd_socket, *what = "--pidfd-socket";

	if (!path && !l->plan->exec) {
		what = MR_ANNOTATION_PIDFD_RECEIVER;
		path = mr_spec_annotation(l->plan->spec, what);
	}
	if (!path)
		return 0;
	autoclose int sock = mr_socket_connect(path, what, err);
	if (sock < 0)
		return sock;
	int ret = mr_socket_send(sock, "pidfd", 5, l->monitor.pidfd);
	return ret < 0 ? mr_fail(err, -ret, "%s: send to '%s'", what, path) : 0;
}

int mr_launch_tell_pid(const struct mr_launch *l, struct mr_error *err)
{
	int ret = send_pidfd(l, err);

	return ret < 0 ? ret : write_pid_file(l, err);
}

bool mr_launch_refresh(struct mr_launch *l)
{
	struct mr_error ignored;
	struct mr_live now;

	if (mr_state_read_live(&l->state, &now, &ignored) < 0)
		return false;
	bool fresh = mr_updated_refresh(&l->state, &l->cgroup, &l->limits, &ignored) == 0;
	/* Those of a watcher were written after it was forked. */
	l->live.init = now.init;
	l->live.monitor = now.monitor;
	memcpy(l->live.status, now.status, sizeof(now.status));
	memcpy(l->live.started, now.started, sizeof(now.started));
	if (l->live.engine) {
		l->record.started = mr_parse_time(now.started);
		l->monitor.started_mono_ns = l->live.started_mono_ns = now.started_mono_ns;
		l->monitor.program = l->live.program = now.program;
	}
	mr_live_clear(&now);
	return fresh;
}

/* Who of the victims was a process of `exec`? What is not known has no phase. */
void mr_launch_read_execs(struct mr_launch *l)
{
	free(l->record.execs);
	ssize_t n = mr_state_read_execs(&l->state, &l->record.execs);
	l->record.n_execs = n > 0 ? (size_t)n : 0;
	l->record.execs_lost = n < 0;
}

/* In their own pid namespace: 1, and the first child of the minimal init. Before that fork
 * there is but one, and no program so far. */
void mr_launch_name_init(const struct mr_launch *l, struct mr_verdict_input *in)
{
	const struct mr_monitor *m = &l->monitor;
	const bool own = l->plan->ns.create[MR_NS_PID];
	const bool minimal = l->plan->options.init && m->program && m->program != m->pid;

	in->init_pid = minimal ? m->program : m->pid;
	in->init_container_pid = !own ? 0 : minimal ? 2 : 1;
	in->minimal_init_pid = minimal ? m->pid : 0;
	in->minimal_init_container_pid = own && minimal ? 1 : 0;
}

