/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the one who waits would otherwise have to find out: see monitor_tell.h.
 *
 * pid 1 of a pid namespace gets only those signals that it has a handler for, or has blocked
 * to wait for them; SIGKILL and SIGSTOP from outside are the exception (pid_namespaces(7)).
 */
#include "launch/monitor_tell.h"

#include "base/libc.h"
#include "base/sys.h"

#include <stdio.h>
#include <string.h>

static void note(const struct mr_monitor *m, const char *text)
{
	const struct mr_run_options *o = &m->plan->options;

	if (o->message && !o->detach)
		o->message(o->message_arg, MR_MESSAGE_NOTE, text);
}

void mr_monitor_tell_timeout(const struct mr_monitor *m, int sig, int64_t next_ms)
{
	char text[120];
	int n = snprintf(text, sizeof(text), "the timeout of %g s is over: SIG%s sent",
		(double)m->plan->options.timeout_ms / 1000, sigabbrev_np(sig));

	if (next_ms > 0)
		snprintf(text + n, sizeof(text) - (size_t)n, ", SIGKILL follows in %g s",
			(double)next_ms / 1000);
	note(m, text);
}

void mr_monitor_tell_unheeded(const struct mr_monitor *m, int sig)
{
	const struct mr_plan *p = m->plan;
	char text[320];

	if (p->exec || p->options.init || !p->options.stand_alone || !p->ns.create[MR_NS_PID])
		return;
	if (mr_signal_is_in(m->pid, "SigCgt", sig) != 0 ||
		mr_signal_is_in(m->pid, "SigBlk", sig) != 0)
		return;
	snprintf(text, sizeof(text),
		"SIG%s does nothing: the program is pid 1 and has no handler for it "
		"(pid_namespaces(7)). To end it: minirun kill %.64s KILL. Another time: run --init",
		sigabbrev_np(sig), p->id);
	note(m, text);
}
