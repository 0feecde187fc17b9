/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the one who waits would otherwise have to find out: see monitor_tell.h.
 *
 * pid 1 of a pid namespace gets only those signals that it has a handler for, or has blocked
 * to wait for them; SIGKILL and SIGSTOP from outside are the exception (pid_namespaces(7)).
 */
#include "launch/monitor_tell.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* @name of a mask of signals in proc(5) status: "SigCgt:" */
static uint64_t mask_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

void mr_monitor_tell_unheeded(const struct mr_monitor *m, int sig)
{
	const struct mr_plan *p = m->plan;
	autofree char *status = NULL;
	char path[40], text[320];

	if (p->exec || p->options.init || !p->options.stand_alone || !p->ns.create[MR_NS_PID])
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)m->pid);
	if (mr_read_file_at(AT_FDCWD, path, 64u << 10, &status, NULL) < 0 ||
		(mask_of(status, "\nSigCgt:") | mask_of(status, "\nSigBlk:")) >> (sig - 1) & 1)
		return;
	snprintf(text, sizeof(text),
		"SIG%s does nothing: the program is pid 1 and has no handler for it "
		"(pid_namespaces(7)). To end it: minirun kill %.64s KILL. Another time: run --init",
		sigabbrev_np(sig), p->id);
	note(m, text);
}
