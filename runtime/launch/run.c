/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mr_run() and mr_plan_text() of minirun.h: from options to a launch, in this process or,
 * detached, in a monitor of its own that outlives the caller.
 */
#include "minirun.h"

#include "base/io.h"
#include "launch/child.h"
#include "launch/launch.h"
#include "launch/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The monitor: a session of its own, so that no terminal's end reaches it. */
_Noreturn static void monitor_main(struct mr_plan *plan, int ready_fd)
{
	struct mr_error err = { 0 };
	struct mr_result result = { 0 };

	setsid();
	if (mr_launch(plan, ready_fd, &result, &err) < 0)
		/* Nobody reads any more when it had started: then this is EBADF or EPIPE. */
		(void)mr_write_all(ready_fd, &err, sizeof(err));
	mr_plan_clear(plan);
	_exit(0);
}

static int run_detached(struct mr_plan *plan, struct mr_result *ret, struct mr_error *err)
{
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return mr_fail(err, errno, "pipe");
	pid_t pid = fork();
	if (pid < 0) {
		int saved = errno;
		close(ready[0]);
		close(ready[1]);
		return mr_fail(err, saved, "fork of the monitor");
	}
	if (pid == 0) {
		close(ready[0]);
		monitor_main(plan, ready[1]);
	}
	close(ready[1]);
	autoclose int from = ready[0];
	ssize_t n = mr_read_full(from, err, sizeof(*err));
	if (n < 0) {
		memset(err, 0, sizeof(*err));
		return mr_fail(err, (int)-n, "hearing from the monitor whether it has started");
	}
	memcpy(ret->id, plan->id, sizeof(plan->id));
	ret->oom_killed = -1;
	if (n != (ssize_t)sizeof(*err)) {
		waitpid(pid, NULL, 0);
		memset(err, 0, sizeof(*err));
		return mr_fail_text(err, ECHILD, "the monitor died before the program ran");
	}
	return -err->err;
}

int mr_create(const struct mr_run_options *options, struct mr_error *err)
{
	struct mr_run_options o = *options;
	struct mr_result result;
	struct mr_plan plan;

	o.create = o.detach = true;
	int r = mr_plan_make(&o, true, &plan, err);
	if (r == 0) {
		mr_plan_warn(&plan, &plan.warnings);
		r = mr_launch(&plan, -1, &result, err);
	}
	mr_plan_clear(&plan);
	return r;
}

/* An engine's `run --detach` is `create` and `start` in one. */
static int create_and_start(const struct mr_run_options *options, struct mr_error *err)
{
	struct mr_error ignored;
	struct mr_container *c = NULL;
	int r = mr_create(options, err);

	if (r < 0)
		return r;
	r = mr_container_open(options->root, options->id, &c, err);
	if (r == 0)
		r = mr_container_start(c, err);
	mr_container_close(c);
	if (r < 0)
		mr_delete(options->root, options->id, true, false, options->message,
			options->message_arg, &ignored);
	return r;
}

int mr_run(const struct mr_run_options *options, struct mr_result *ret, struct mr_error *err)
{
	struct mr_plan plan;

	memset(ret, 0, sizeof(*ret));
	if (options->detach && !options->stand_alone)
		return create_and_start(options, err);
	struct mr_run_options o = *options;
	/* As runc's: who waited for it knows how it ended; --keep leaves cgroup and record. */
	o.remove = o.remove || (!o.stand_alone && !o.keep);
	int r = mr_plan_make(&o, true, &plan, err);
	if (r == 0) {
		mr_plan_warn(&plan, &plan.warnings);
		r = options->detach ? run_detached(&plan, ret, err)
				    : mr_launch(&plan, -1, ret, err);
	}
	mr_plan_clear(&plan);
	return r;
}

int mr_plan_text(const struct mr_run_options *options, char **ret_text, struct mr_error *err)
{
	struct mr_plan plan;
	auto_str out = { 0 };
	int ret = mr_plan_make(options, false, &plan, err);

	if (ret == 0) {
		mr_plan_warn(&plan, &plan.warnings);
		mr_str_appendf(&out, "container %s\nbundle    %s\n\nparent:\n", plan.id,
			plan.bundle);
		mr_launch_describe(&plan, &out);
		mr_str_append(&out, "\nchild:\n");
		mr_child_describe(&plan, &out);
		mr_str_append(&out, "\nparent, at the end:\n");
		mr_launch_describe_end(&plan, &out);
		*ret_text = mr_str_take(&out);
		if (!*ret_text)
			ret = mr_fail(err, ENOMEM, "plan");
	}
	mr_plan_clear(&plan);
	return ret;
}
