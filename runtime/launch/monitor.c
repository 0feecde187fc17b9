/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process a container, one poll loop, asleep unless something happens: the protocol
 * socket, init's pidfd (readable at its end, pidfd_open(2)), signals (signalfd(2)), the
 * timeout (timerfd_create(2)), OOM notifications, the kernel's log,
 * the terminal, the log pipes.
 *
 * Start: as the child says, monitor_frames.c.
 *
 * End: init's exit. Its pid namespace is empty by then: the kernel kills and reaps all
 * others before it lets init go (pid_namespaces(7)).
 */
#include "launch/monitor.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"
#include "launch/monitor_frames.h"
#include "launch/monitor_tell.h"
#include "launch/notify.h"
#include "launch/reap.h"
#include "oom/emulate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 100
#define SLOW_MS 20
#define MAX_POLL (7 + MR_OOM_MAX_LEVELS + 2 + 3 + 2)

void mr_monitor_init(struct mr_monitor *m)
{
	/* The buffers behind are most of it, and seldom used: their pages stay untouched. */
	memset(m, 0, offsetof(struct mr_monitor, logs));
	m->signal_fd = m->sock = m->pidfd = m->timer_fd = m->notify_fd = -1;
	m->sampler.dir = -1;
	m->sampler.usage_fd = m->sampler.stat_fd = m->sampler.swap_fd = -1;
	mr_logs_init(&m->logs);
}

void mr_monitor_signals(sigset_t *ret)
{
	static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGCONT, SIGWINCH, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT };

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(ret, forwarded[i]);
	for (int sig = MR_SIGRTMIN; sig <= MR_SIGRTMAX; sig++)
		mr_signal_add(ret, sig);
}

static void message(const struct mr_monitor *m, enum mr_message_kind kind, const char *text)
{
	if (m->plan->options.message)
		m->plan->options.message(m->plan->options.message_arg, kind, text);
}

static int set_timer(int fd, int64_t ms)
{
	struct itimerspec t = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 },
	};
	return timerfd_settime(fd, 0, &t, NULL) < 0 ? -errno : 0;
}

static int make_timer(int *fd, int64_t ms, struct mr_error *err)
{
	*fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (*fd < 0 || set_timer(*fd, ms) < 0)
		return mr_fail(err, errno, "timer of %lld ms", (long long)ms);
	return 0;
}

/* --- what the memory does --- */

static int sample(struct mr_monitor *m) /* @return milliseconds until the next */
{
	char line[128];

	if (m->timeline && m->plan->options.progress &&
		mr_timeline_progress(m->timeline, line, sizeof(line)))
		message(m, MR_MESSAGE_PROGRESS, line);
	if (m->timeline)
		return mr_timeline_tick(m->timeline);
	mr_sampler_tick(&m->sampler);
	return m->sampler.interval_ms;
}

/* Whoever may not read the kernel's log is not woken by it, and nobody by the end of
 * hanging. */
static bool must_look(const struct mr_monitor *m)
{
	return m->hanging || mr_oom_watch_deaf(m->watch);
}

static void on_oom(struct mr_monitor *m)
{
	struct mr_error ignored;
	uint64_t kills = m->kills;

	sample(m);
	/* A counter that cannot be read now is the verdict's matter, at the end. */
	bool killed = mr_oom_watch_step(m->watch, &kills, &ignored) == 0 && kills > m->kills;
	/* Both may be ready in one round; there is no record to correct before the start. */
	m->early_oom = !m->started;
	if (m->early_oom)
		return;
	mr_oom_emulate_step(m->watch, m->watch->held && m->events.paused(m->events.arg));
	bool hanging = mr_oom_watch_hanging(m->watch);
	m->kills = kills;
	mr_timeline_oom(m->timeline, m->watch->level[0].events, kills, hanging);
	if (killed || hanging != m->hanging)
		m->events.oom(m->events.arg, hanging - m->hanging);
	m->hanging = hanging;
	if (must_look(m) && !m->sample_ns)
		m->sample_ns = mr_now_mono_ns();
}

static void on_early_oom(struct mr_monitor *m)
{
	if (m->started && m->early_oom)
		on_oom(m);
}

/* --- signals and time --- */

static void kill_all(struct mr_monitor *m)
{
	struct mr_error ignored;
	uint64_t kills;

	/* Who has died before may have been init. */
	m->we_killed = mr_oom_watch_kills(m->watch, &kills, &ignored) < 0 || kills == 0;
	/* With a pid namespace of its own, killing init kills everything. And a container
	 * is not killed for one of its further processes. */
	mr_pidfd_send_signal(m->pidfd, SIGKILL);
	if (!m->plan->ns.create[MR_NS_PID] && !m->plan->exec)
		mr_cgroup_kill(m->cgroup, 1000, &ignored);
}

/* Sent to make somebody end. */
static bool asks_to_end(int sig)
{
	return sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT;
}

static int on_signal(struct mr_monitor *m, struct mr_error *err)
{
	struct signalfd_siginfo info;

	if (read(m->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	int sig = (int)info.ssi_signo;
	if (sig == SIGWINCH && m->relaying) {
		mr_terminal_relay_resize(&m->relay);
		return 0;
	}
	if (!m->started) {
		if (!asks_to_end(sig))
			return 0;
		mr_fail_text(err, EINTR, "interrupted by signal %d before the program ran", sig);
		err->exit_code = 128 + sig;
		return -EINTR;
	}
	if (asks_to_end(sig))
		mr_monitor_tell_unheeded(m, sig);
	/* What the terminal sent has reached the program, if it shares our session. */
	if (m->plan->own_session || info.ssi_code != SI_KERNEL)
		mr_pidfd_send_signal(m->pidfd, sig);
	return 0;
}

/* First SIGTERM, later SIGKILL. */
static int on_timeout(struct mr_monitor *m, struct mr_error *err)
{
	m->timed_out = true;
	if (!m->started) {
		mr_fail_text(err, ETIMEDOUT, "timeout of %lld ms before the program ran",
			(long long)m->plan->options.timeout_ms);
		err->exit_code = MR_EXIT_TIMEOUT;
		return -ETIMEDOUT;
	}
	if (m->stage++ == 0 && m->plan->options.stop_timeout_ms > 0) {
		mr_pidfd_send_signal(m->pidfd, SIGTERM);
		mr_monitor_tell_timeout(m, SIGTERM, m->plan->options.stop_timeout_ms);
		return set_timer(m->timer_fd, m->plan->options.stop_timeout_ms);
	}
	mr_close(&m->timer_fd);
	kill_all(m);
	if (m->plan->options.stop_timeout_ms <= 0)
		mr_monitor_tell_timeout(m, SIGKILL, 0);
	return 0;
}

int mr_monitor_check(void *monitor, struct mr_error *err)
{
	struct mr_monitor *m = monitor;
	struct pollfd fds[2] = { { m->signal_fd, POLLIN, 0 }, { m->timer_fd, POLLIN, 0 } };
	int ret = poll(fds, 2, 0);

	if (ret > 0 && fds[0].revents)
		ret = on_signal(m, err);
	if (ret >= 0 && fds[1].revents)
		ret = on_timeout(m, err);
	return ret < 0 ? ret : 0;
}

static void on_sample(struct mr_monitor *m)
{
	int next_ms = sample(m);

	mr_oom_watch_tick(m->watch);
	if (must_look(m))
		on_oom(m);
	if (must_look(m) && (next_ms == 0 || next_ms > LOOK_MS))
		next_ms = LOOK_MS;
	m->sample_ns = next_ms ? mr_now_mono_ns() + next_ms * INT64_C(1000000) : 0;
}

/* --- the loop --- */

struct poll_set {
	struct pollfd fds[MAX_POLL];
	int n;
	int sock, pid, signal, timer, notify; /* index or -1 */
	int oom, n_oom, relay, n_relay, logs, n_logs;
};

static int add(struct poll_set *p, int fd)
{
	if (fd < 0)
		return -1;
	p->fds[p->n] = (struct pollfd){ fd, POLLIN, 0 };
	return p->n++;
}

static bool ready(const struct poll_set *p, int index)
{
	return index >= 0 && p->fds[index].revents != 0;
}

static void fill(const struct mr_monitor *m, struct poll_set *p)
{
	p->n = 0;
	p->sock = add(p, m->sock);
	if (p->sock >= 0 && m->silent)
		p->fds[p->sock].events = 0; /* its end, POLLHUP: one wake-up less */
	p->pid = add(p, m->pidfd);
	p->signal = add(p, m->signal_fd);
	p->timer = add(p, m->timer_fd);
	p->notify = add(p, m->notify_fd);
	p->oom = p->n;
	p->n += p->n_oom = mr_oom_watch_poll(m->watch, p->fds + p->n);
	p->relay = p->n;
	p->n += p->n_relay = m->relaying ? mr_terminal_relay_poll(&m->relay, p->fds + p->n) : 0;
	p->logs = p->n;
	p->n += p->n_logs = mr_logs_poll(&m->logs, p->fds + p->n);
}

static bool any_ready(const struct poll_set *p, int first, int n)
{
	for (int i = first; i < first + n; i++)
		if (p->fds[i].revents)
			return true;
	return false;
}

static void dispatch_detail(struct mr_monitor *m, struct poll_set *p)
{
	if (m->sample_ns && mr_now_mono_ns() >= m->sample_ns)
		on_sample(m);
	if (any_ready(p, p->oom, p->n_oom))
		on_oom(m);
	if (ready(p, p->notify))
		mr_notify_step(m->plan, m->notify_fd, m->pid);
	if (p->n_relay &&
		mr_terminal_relay_step(&m->relay, p->fds + p->relay, p->n_relay) == 0) {
		mr_terminal_relay_stop(&m->relay);
		m->relaying = false;
	}
	if (p->n_logs)
		mr_logs_step(&m->logs, p->fds + p->logs, p->n_logs);
}

static int dispatch(struct mr_monitor *m, struct poll_set *p, struct mr_error *err)
{
	int ret = 0;

	if (ready(p, p->signal) && (ret = on_signal(m, err)) < 0)
		return ret;
	if (ready(p, p->timer) && (ret = on_timeout(m, err)) < 0)
		return ret;
	if (m->slow_ns && mr_now_mono_ns() >= m->slow_ns) {
		m->slow_ns = 0;
		if ((ret = m->events.slow(m->events.arg, err)) < 0)
			return ret;
	}
	dispatch_detail(m, p);
	if (ready(p, p->sock)) {
		ret = mr_monitor_on_frame(m, err);
		if (ret < 0)
			return ret;
		/* The middle process' pidfd may just have been replaced. */
		return ret == 0 ? mr_monitor_on_closed(m, err) : 0;
	}
	/* The end of a middle process is none, unless nobody is left who could tell of its child. */
	if (ready(p, p->pid) && (!m->plan->ns.middle || m->adopted || m->sock < 0))
		m->ended = true;
	return 0;
}

static int start_timers(struct mr_monitor *m, struct mr_error *err)
{
	int ret = 0;

	if (m->plan->options.timeout_ms > 0)
		ret = make_timer(&m->timer_fd, m->plan->options.timeout_ms, err);
	if (ret == 0 && (m->plan->options.stand_alone || m->timeline)) {
		mr_sampler_init(&m->sampler, m->cgroup);
		int64_t ms = m->timeline ? 0 : m->sampler.interval_ms;
		if (m->sampler.dir >= 0)
			m->sample_ns = mr_now_mono_ns() + ms * INT64_C(1000000);
	}
	return ret;
}

/* For poll(2): milliseconds, at least as many as are left. */
static int until_next(const struct mr_monitor *m)
{
	int64_t next = m->sample_ns;

	if (m->slow_ns && (!next || m->slow_ns < next))
		next = m->slow_ns;
	if (!next)
		return -1;
	int64_t left = next - mr_now_mono_ns();
	return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static int loop(struct mr_monitor *m, struct mr_error *err)
{
	int ret = 0;

	while (ret == 0 && !m->ended && !m->created) {
		struct poll_set p;
		fill(m, &p);
		if (poll(p.fds, (nfds_t)p.n, until_next(m)) < 0) {
			if (errno != EINTR)
				ret = mr_fail(err, errno, "poll");
			continue;
		}
		ret = dispatch(m, &p, err);
		if (ret == 0)
			on_early_oom(m);
	}
	return ret;
}

int mr_monitor_run(struct mr_monitor *m, struct mr_error *err)
{
	m->slow_ns = mr_now_mono_ns() + SLOW_MS * INT64_C(1000000);
	int ret = start_timers(m, err);

	if (ret == 0)
		ret = loop(m, err);
	m->slow_ns = 0; /* whoever watches next finds it set up */
	if (m->plan->options.progress)
		message(m, MR_MESSAGE_PROGRESS, "");
	if (ret == 0 && m->created)
		return 0;
	if (ret == 0)
		ret = mr_monitor_drain_frames(m, err);
	if (ret == 0)
		on_early_oom(m);
	/* A child that cannot be killed, since its pidfd is not known, ends with the socket. */
	if (ret < 0) {
		kill_all(m);
		mr_close(&m->sock);
	}
	struct mr_error reap_err = { 0 };
	int reaped = mr_reap(m, ret < 0 ? &reap_err : err);
	if (m->relaying)
		mr_terminal_relay_stop(&m->relay);
	m->relaying = false;
	if (ret == 0 && reaped == 0 && !m->started)
		ret = mr_reap_unexecuted(m, err);
	return ret < 0 ? ret : reaped;
}

int mr_monitor_watch(struct mr_monitor *m, struct mr_error *err)
{
	int ret = loop(m, err);

	if (ret < 0)
		return ret;
	mr_reap_foreign(m);
	return 0;
}

void mr_monitor_clear(struct mr_monitor *m)
{
	mr_sampler_close(&m->sampler);
	mr_logs_close(&m->logs);
	mr_close(&m->sock);
	mr_close(&m->pidfd);
	mr_close(&m->timer_fd);
	mr_close(&m->notify_fd);
}
