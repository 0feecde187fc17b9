/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: exactly one object for each OOM kill, also for those before we came; and figures
 * at an interval. Asleep in poll(2) otherwise.
 *
 * We watch the counters ourselves, beside the supervisor if there is one: under an engine
 * there is none. The supervisor's record is asked twice: at the beginning for the kills so
 * far, because v1 forgets those in sub-cgroups that were removed since; and at the end,
 * when it has the last word. Between the container's end and the removal of its cgroups
 * everybody who removes them waits for us to have read (mr_state_await_watchers()).
 *
 * pidfd_open(2), poll(2)
 */
#include "launch/container.h"

#include "base/io.h"
#include "base/json.h"
#include "oom/verdict.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SUPERVISOR_MS 2000
#define RETRY_MIN_MS 5
#define RETRY_MAX_MS 1000

struct events {
	struct mr_container *c;
	const struct mr_events *options;
	struct mr_cgroup cgroup;
	struct mr_oom_watch *watch;
	int init, turn;       /* init's pidfd; our place among those who watch */
	uint64_t before;      /* kills before the watch */
	uint64_t told;        /* objects so far */
	int64_t next_stats;   /* CLOCK_MONOTONIC ns, 0: never */
	int retry_ms;         /* an OOM began, and nobody will wake us for its kill */
	struct mr_error *err;
};

struct victim {
	pid_t pid; /* the host's; 0: not known who */
	const char *comm;
	bool is_init;
};

/* The supervisor's record, as far as it tells of kills. */
struct record {
	char *text;
	struct mr_json_doc doc;
	bool known, group; /* the number of kills is known */
	uint64_t kills;
};

/* --- the record --- */

static void read_record(const struct events *e, struct record *ret)
{
	struct mr_error ignored;

	*ret = (struct record){ 0 };
	if (mr_state_read_status(&e->c->state, &ret->text, &ignored) < 0 ||
		mr_json_parse("status.json", ret->text, strlen(ret->text), &ret->doc, &ignored) < 0)
		return;
	const struct mr_json *oom = mr_json_get(ret->doc.root, "OOM");
	int64_t kills = mr_json_int(oom, "Kills", -1);
	ret->known = kills >= 0;
	ret->kills = kills > 0 ? (uint64_t)kills : 0;
	ret->group = mr_json_bool(oom, "GroupKill", false);
}

static void clear_record(struct record *r)
{
	mr_json_clear(&r->doc);
	free(r->text);
}

/* The @i-th, if the log has told of all. */
static struct victim recorded_victim(const struct record *r, uint64_t i)
{
	const struct mr_json *list = mr_json_path(r->doc.root, "OOM.Victims");
	const struct mr_json *v = list && list->n == r->kills ? list->child : NULL;

	while (v && i-- > 0)
		v = v->next;
	return (struct victim){ (pid_t)mr_json_int(v, "HostPid", 0),
		mr_json_text(v, "Comm", NULL), mr_json_bool(v, "IsInit", false) };
}

/* --- objects --- */

static int send(struct events *e, struct mr_json_writer *w)
{
	mr_json_end(w);
	autofree char *text = mr_str_take(&w->out);

	if (!text)
		return mr_fail(e->err, ENOMEM, "event");
	return e->options->line(e->options->arg, text);
}

static void put_number(struct mr_json_writer *w, const char *key, int64_t v, bool as_text)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)v);
	if (as_text)
		mr_json_put_text(w, key, text);
	else
		mr_json_put_int(w, key, v);
}

/* docker's object up to Actor.Attributes, which stay open. @ns 0: now */
static void begin_docker(const struct events *e, const char *action, int64_t ns,
	const char *full_id, struct mr_json_writer *w)
{
	struct timespec now = mr_now_real();

	ns = ns ? ns : (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "status", action);
	mr_json_put_text(w, "id", full_id);
	mr_json_put_text(w, "Type", "container");
	mr_json_put_text(w, "Action", action);
	mr_json_put_int(w, "time", ns / 1000000000);
	mr_json_put_int(w, "timeNano", ns);
	mr_json_begin_object(w, "Actor");
	mr_json_put_text(w, "ID", full_id);
	mr_json_begin_object(w, "Attributes");
	mr_json_put_text(w, "name", e->c->state.id);
}

static int send_docker(struct events *e, struct mr_json_writer *w)
{
	mr_json_end(w);
	mr_json_end(w);
	return send(e, w);
}

static int tell_life(struct events *e, const struct record *r, const char *action, int64_t ns,
	int exit_code)
{
	struct mr_json_writer w = { 0 };

	if (!e->options->docker)
		return 0;
	begin_docker(e, action, ns, mr_json_text(r->doc.root, "Id", e->c->state.id), &w);
	if (exit_code >= 0)
		put_number(&w, "exitCode", exit_code, true);
	return send_docker(e, &w);
}

static int tell_kill(struct events *e, const struct record *r, uint64_t kills, bool before,
	struct victim v)
{
	const bool docker = e->options->docker;
	struct mr_json_writer w = { 0 };

	if (docker) {
		begin_docker(e, "oom", 0, mr_json_text(r->doc.root, "Id", e->c->state.id), &w);
	} else {
		mr_json_begin_object(&w, NULL);
		mr_json_put_text(&w, "type", "oom");
		mr_json_put_text(&w, "id", e->c->state.id);
		mr_json_begin_object(&w, "data");
	}
	put_number(&w, "kill", (int64_t)++e->told, docker);
	put_number(&w, "kills", (int64_t)kills, docker);
	if (before && docker)
		mr_json_put_text(&w, "beforeWatch", "true");
	else if (!docker)
		mr_json_put_bool(&w, "beforeWatch", before);
	if (v.pid > 0) {
		put_number(&w, "hostPid", v.pid, docker);
		mr_json_put_text(&w, "comm", v.comm);
	}
	if (v.pid > 0 && v.is_init)
		put_number(&w, "init", 1, docker);
	if (docker)
		return send_docker(e, &w);
	mr_json_end(&w);
	return send(e, &w);
}

/* Those of the record that were not told so far. */
static int tell_recorded(struct events *e, const struct record *r, uint64_t kills, bool before)
{
	int ret = 0;

	while (ret == 0 && e->told < kills)
		ret = tell_kill(e, r, kills, before, recorded_victim(r, e->told));
	return ret;
}

static int stats_line(struct mr_container *c, const struct mr_cgroup *cg, char **ret,
	struct mr_error *err)
{
	struct mr_json_writer w = { 0 };

	mr_json_begin_object(&w, NULL);
	mr_json_put_text(&w, "type", "stats");
	mr_json_put_text(&w, "id", c->state.id);
	int r = mr_cgroup_put_stats(cg, "data", &w, err);
	mr_json_end(&w);
	*ret = mr_str_take(&w.out);
	return r < 0 || *ret ? r : mr_fail(err, ENOMEM, "stats");
}

/* --- watching --- */

/* What the counters have by now. */
static int tell_new(struct events *e)
{
	const struct mr_live *live = &e->c->live;
	const bool minimal = live->program && live->program != live->init.pid;
	const struct mr_verdict_input in = {
		.init_pid = minimal ? live->program : live->init.pid,
		.minimal_init_pid = minimal ? live->init.pid : 0,
		.init_status = -1,
		.started = true,
	};
	struct mr_verdict v;
	struct record none = { 0 };

	int ret = mr_verdict_take(e->watch, &in, &v, e->err);
	if (ret < 0)
		return ret;
	const uint64_t kills = e->before + v.kills;
	while (ret == 0 && v.known && e->told < kills) {
		uint64_t i = e->told - e->before;
		struct victim who = { 0 };
		if (e->options->docker && !none.text)
			read_record(e, &none);
		if (v.n_victims == v.kills)
			who = (struct victim){ v.victims[i].kill.pid, v.victims[i].kill.comm,
				v.victims[i].is_init };
		ret = tell_kill(e, &none, kills, false, who);
	}
	mr_verdict_clear(&v);
	clear_record(&none);
	return ret;
}

static int on_oom(struct events *e)
{
	struct mr_error ignored;
	uint64_t before = e->watch->kills_seen, kills = before;

	/* A counter that is gone is the end's matter. */
	if (mr_oom_watch_step(e->watch, &kills, &ignored) < 0)
		return 0;
	if (!mr_oom_watch_deaf(e->watch))
		e->retry_ms = 0;
	else if (e->retry_ms < RETRY_MAX_MS)
		e->retry_ms = e->retry_ms ? 2 * e->retry_ms : RETRY_MIN_MS;
	return kills > before ? tell_new(e) : 0;
}

static int on_interval(struct events *e)
{
	autofree char *text = NULL;
	const int64_t interval = e->options->interval_ms * INT64_C(1000000);

	e->next_stats += interval;
	if (e->next_stats < mr_now_mono_ns()) /* we were stopped meanwhile */
		e->next_stats = mr_now_mono_ns() + interval;
	int ret = stats_line(e->c, &e->cgroup, &text, e->err);
	return ret < 0 ? ret : e->options->line(e->options->arg, text);
}

static int wait_ms(const struct events *e)
{
	int64_t left = e->next_stats ? e->next_stats - mr_now_mono_ns() : INT64_MAX;

	left = left <= 0 ? 0 : left / 1000000 + 1;
	if (e->retry_ms && e->retry_ms < left)
		left = e->retry_ms;
	return left > INT32_MAX ? -1 : (int)left;
}

/* @return 1 init has ended, 0 go on, or -errno */
static int step(struct events *e)
{
	struct pollfd fds[1 + MR_OOM_MAX_LEVELS + 2] = { { e->init, POLLIN, 0 } };
	int n = 1 + mr_oom_watch_poll(e->watch, fds + 1), ready;
	bool oom = false;

	ready = poll(fds, (nfds_t)n, wait_ms(e));
	if (ready < 0)
		return errno == EINTR ? 0 : mr_fail(e->err, errno, "poll");
	for (int i = 1; i < n; i++)
		oom = oom || fds[i].revents;
	int ret = oom || (ready == 0 && e->retry_ms) ? on_oom(e) : 0;
	if (ret == 0 && fds[0].revents)
		return 1;
	if (ret == 0 && e->next_stats && mr_now_mono_ns() >= e->next_stats)
		ret = on_interval(e);
	return ret;
}

/* --- beginning and end --- */

static int begin(struct events *e)
{
	struct mr_status status;
	struct record r;

	e->turn = mr_state_watch(&e->c->state, e->err);
	int ret = e->turn < 0 ? e->turn : mr_container_open_cgroup(e->c, &e->cgroup, e->err);
	if (ret == 0)
		ret = mr_oom_watch_prepare(e->watch, &e->cgroup, e->err);
	if (ret == 0)
		ret = mr_container_status(e->c, &status, e->err);
	if (ret < 0)
		return ret;
	mr_oom_watch_listen(e->watch, true);
	mr_oom_watch_follow(e->watch);
	read_record(e, &r);
	uint64_t own = e->watch->base.kills;
	own -= own < e->c->live.oom_base ? own : e->c->live.oom_base;
	/* The counter of v2 has the first victim of a group twice. */
	e->before = r.known && (r.group || r.kills > own) ? r.kills : own;
	ret = tell_life(e, &r, "create", status.created_ns, -1);
	if (ret == 0 && status.started_ns)
		ret = tell_life(e, &r, "start", status.started_ns, -1);
	if (ret == 0)
		ret = tell_recorded(e, &r, e->before, true);
	clear_record(&r);
	if (e->options->interval_ms > 0)
		e->next_stats = mr_now_mono_ns() + e->options->interval_ms * INT64_C(1000000);
	/* What came in while we looked. */
	return ret < 0 ? ret : tell_new(e);
}

static void await_supervisor(const struct mr_process_id *id)
{
	autoclose int pidfd = id->pid ? mr_process_id_open(id) : -1;
	struct pollfd p = { pidfd, POLLIN, 0 };

	if (pidfd >= 0)
		poll(&p, 1, SUPERVISOR_MS);
}

static int end(struct events *e)
{
	struct mr_error ignored;
	struct mr_status status = { .exit_code = -1 };
	struct record r;
	int ret = tell_new(e);

	mr_close(&e->turn);
	mr_oom_watch_close(e->watch);
	await_supervisor(&e->c->live.monitor);
	read_record(e, &r);
	/* With --rm there is none any more. */
	(void)mr_container_status(e->c, &status, &ignored);
	if (ret == 0 && r.known)
		ret = tell_recorded(e, &r, r.kills, false);
	if (ret == 0)
		ret = tell_life(e, &r, "die", status.finished_ns, status.exit_code);
	clear_record(&r);
	return ret;
}

int mr_container_events(struct mr_container *c, const struct mr_events *options,
	struct mr_error *err)
{
	struct events e = { .c = c, .options = options, .turn = -1, .err = err };

	mr_cgroup_init(&e.cgroup);
	e.init = mr_container_open_init(c, err);
	if (e.init < 0)
		return e.init;
	e.watch = calloc(1, sizeof(*e.watch));
	int ret = e.watch ? begin(&e) : mr_fail(err, ENOMEM, "events");
	while (ret == 0)
		ret = step(&e);
	if (ret == 1)
		ret = end(&e);
	if (e.watch)
		mr_oom_watch_close(e.watch);
	free(e.watch);
	mr_cgroup_close(&e.cgroup);
	mr_close(&e.init);
	mr_close(&e.turn);
	return ret;
}

int mr_container_stats_json(struct mr_container *c, char **ret, struct mr_error *err)
{
	struct mr_cgroup cg;
	autoclose int init = mr_container_open_init(c, err);

	if (init < 0)
		return init;
	int r = mr_container_open_cgroup(c, &cg, err);
	if (r == 0)
		r = stats_line(c, &cg, ret, err);
	mr_cgroup_close(&cg);
	return r;
}
