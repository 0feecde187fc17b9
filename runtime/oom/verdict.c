/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that decides whether a container was OOM-killed.
 *
 * OOMKilled is: the kernel's own count of OOM kills in the container's cgroups has moved.
 * Nothing else says yes - no exit code 137, no SIGKILL, no usage at the limit, no event,
 * no line in a log; and if the count cannot be read, nothing says yes or no. What the
 * events and the kernel log add is who, by which limit, and how sure we are: two
 * witnesses beside the judge. Where they contradict each other `certain` is false.
 *
 * The final call comes after the last process is gone and before rmdir(2): the kernel
 * counts before it sends SIGKILL ("task reaper must see this" in mm/oom_kill.c), so
 * nothing is late, and rmdir would take the count away.
 */
#include "oom/verdict.h"

#include "base/io.h"
#include "oom/counters.h"
#include "oom/evidence.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_LOG_LINES 512

/* --- victims --- */

static bool is_process(
	const struct mr_oom_watch *w, const struct mr_oom_kill *kill, pid_t pid)
{
	return w->view == MR_OOM_VIEW_HOST && pid > 0 && kill->pid == pid;
}

/* The program or a minimal init above it: the container ends with either. */
static bool is_init(const struct mr_oom_watch *w, const struct mr_verdict_input *in,
	const struct mr_oom_kill *kill)
{
	return is_process(w, kill, in->init_pid) ||
	       is_process(w, kill, in->minimal_init_pid);
}

/* Which of the two. @return its pid in its own namespace, 0: not known */
static pid_t init_container_pid(const struct mr_oom_watch *w,
	const struct mr_verdict_input *in, const struct mr_oom_kill *kill)
{
	return is_process(w, kill, in->init_pid) ? in->init_container_pid
						 : in->minimal_init_container_pid;
}

static bool is_named(const struct mr_oom_kill *kill)
{
	return kill->oom_memcg[0] || kill->task_memcg[0];
}

/* Killed lines that can be ours: they say so, or they do not say whose they are. */
struct lines {
	uint64_t named, unnamed, unnamed_memcg;
};

static struct lines count_lines(
	const struct mr_oom_watch *w, const struct mr_verdict_input *in)
{
	struct lines l = {.named = w->log.dropped};
	for (size_t i = 0; i < w->log.n_kills; i++) {
		const struct mr_oom_kill *kill = &w->log.kills[i];
		bool named = is_named(kill) || is_init(w, in, kill);
		l.named += named;
		l.unnamed += !named;
		l.unnamed_memcg += !named && kill->memcg;
	}
	return l;
}

/*
 * A line that names no cgroup was robbed of it by the rate limit. It is ours if its pid
 * is init's, whose pidfd we hold. And if there are exactly as many such lines as kills of
 * ours lack one, they are all ours: each kill has its line, never suppressed, and nothing
 * was lost. That holds only if ours are all written: those who ran into the container's
 * own limit were in it, and are gone; who ran into an ancestor's may be still on the way
 * to printk.
 */
static bool unnamed_are_ours(const struct mr_oom_watch *w,
	const struct mr_verdict_input *in, const struct mr_ladder *ladder, uint64_t kills)
{
	const unsigned own =
		MR_SCOPE_BIT(MR_SCOPE_CONTAINER) | MR_SCOPE_BIT(MR_SCOPE_NESTED);
	struct lines l = count_lines(w, in);
	return in->init_status >= 0 && ladder->known && (ladder->scopes & ~own) == 0 &&
	       !w->log.lost && w->log.dropped == 0 && l.named + l.unnamed_memcg == kills;
}

/* The first victim of a group kill is counted and logged twice. */
static bool is_repeated(const struct mr_verdict *v, const struct mr_oom_kill *kill)
{
	for (size_t i = 0; kill->group && i < v->n_victims; i++) {
		if (v->victims[i].kill.pid == kill->pid)
			return true;
	}
	return false;
}

static void copy_lines(const struct mr_oom_log *log, const struct mr_oom_kill *kill,
	struct mr_verdict *ret)
{
	size_t end = kill->first_line + kill->n_lines, from = kill->first_line;
	if (ret->kernel_log.n + kill->n_lines > MAX_LOG_LINES && kill->n_lines > 0)
		from = end - 1; /* of later reports the Killed line only */
	for (size_t i = from; i < end && i < log->lines.n; i++)
		mr_strv_add(&ret->kernel_log, log->lines.items[i]);
}

static int take_victims(struct mr_oom_watch *w, const struct mr_verdict_input *in,
	const struct mr_ladder *ladder, struct mr_verdict *ret)
{
	bool all = unnamed_are_ours(w, in, ladder, ret->kills);
	ret->victims = calloc(w->log.n_kills + 1, sizeof(*ret->victims));
	if (!ret->victims)
		return -ENOMEM;
	for (size_t i = 0; i < w->log.n_kills; i++) {
		const struct mr_oom_kill *kill = &w->log.kills[i];
		if (!is_named(kill) && !is_init(w, in, kill) && !(all && kill->memcg))
			continue;
		copy_lines(&w->log, kill, ret);
		ret->group_kill = ret->group_kill || kill->group;
		if (is_repeated(ret, kill))
			continue;
		struct mr_victim *v = &ret->victims[ret->n_victims++];
		v->kill = *kill;
		v->is_init = is_init(w, in, kill);
		v->container_pid = v->is_init ? init_container_pid(w, in, kill) : 0;
	}
	return 0;
}

static int take_table(const struct mr_oom_watch *w, struct mr_verdict *ret)
{
	const struct mr_oom_log *log = &w->log;
	if (log->table.n == 0 || ret->n_victims == 0)
		return 0;
	ret->tasks = malloc(log->table.n * sizeof(*ret->tasks));
	if (!ret->tasks)
		return -ENOMEM;
	memcpy(ret->tasks, log->table.items, log->table.n * sizeof(*ret->tasks));
	ret->n_tasks = log->table.n;
	ret->trigger_pid = log->trigger_pid;
	memcpy(ret->trigger_comm, log->trigger_comm, sizeof(ret->trigger_comm));
	return 0;
}

static int read_log(struct mr_oom_watch *w, const struct mr_verdict_input *in,
	const struct mr_ladder *ladder, struct mr_verdict *ret)
{
	if (ret->kills == 0 && !w->nested_unseen && w->nested_gone == 0)
		return 0;
	if (w->kmsg.fd < 0 || mr_log_is_foreign(w))
		return 0;
	mr_log_await(w, ret->kills);
	ret->source = "/dev/kmsg";
	ret->incomplete = w->log.lost;
	int r = take_victims(w, in, ladder, ret);
	return r < 0 ? r : take_table(w, ret);
}

/* --- was init the victim? --- */

static int judge_init(const struct mr_verdict_input *in, const struct mr_verdict *v)
{
	if (v->kills == 0)
		return 0;
	for (size_t i = 0; i < v->n_victims; i++) {
		if (v->victims[i].is_init)
			return 1;
	}
	if (in->init_status >= 0 &&
		!(WIFSIGNALED(in->init_status) && WTERMSIG(in->init_status) == SIGKILL))
		return 0;
	if (in->we_killed_init || in->init_status < 0)
		return in->we_killed_init ? 0 : -1;
	if (v->group_kill || in->init_alone)
		return 1;
	/* Everybody is named, and init is not among them. */
	if (v->n_victims == v->kills && !v->incomplete && in->init_pid > 0)
		return 0;
	/* That it ended long after the last kill says nothing: a victim can take its time. */
	return -1;
}

/* --- which limit --- */

static enum mr_oom_scope single(unsigned scopes)
{
	static const enum mr_oom_scope all[] = {
		MR_SCOPE_CONTAINER, MR_SCOPE_NESTED, MR_SCOPE_ANCESTOR, MR_SCOPE_HOST};
	enum mr_oom_scope found = scopes ? MR_SCOPE_MIXED : MR_SCOPE_UNKNOWN;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (scopes == MR_SCOPE_BIT(all[i]))
			found = all[i];
	}
	return found;
}

/* Limits that were hit although nobody of ours died. */
static void judge_without_kill(const struct mr_ladder *ladder, struct mr_verdict *ret)
{
	ret->by_ladder = ladder->known;
	ret->bystander = ladder->scopes & MR_SCOPE_BIT(MR_SCOPE_ANCESTOR);
	if (ret->bystander)
		ret->scope = MR_SCOPE_ANCESTOR;
	else if (ladder->scopes)
		ret->scope = single(ladder->scopes);
}

/* What the log says of the victims; @ret_all whether it told of each. */
static unsigned log_scopes(
	const struct mr_oom_watch *w, const struct mr_verdict *v, bool *ret_all)
{
	unsigned scopes = 0;
	size_t told = 0;
	for (size_t i = 0; i < v->n_victims; i++) {
		unsigned s = mr_log_scope(&v->victims[i].kill, w->log.own);
		scopes |= s;
		told += s != 0;
	}
	*ret_all = told > 0 && told == v->kills;
	return scopes;
}

static void judge_scope(const struct mr_oom_watch *w, const struct mr_ladder *ladder,
	struct mr_verdict *ret)
{
	bool all;
	unsigned log = log_scopes(w, ret, &all), steps = ladder->scopes;
	unsigned allowed = steps;
	if (ladder->nested_maybe)
		allowed |= MR_SCOPE_BIT(MR_SCOPE_NESTED);

	bool agree = !ladder->known || (log & ~allowed) == 0;
	ret->by_kmsg = ret->n_victims > 0;
	ret->by_ladder = ladder->known && agree && steps != 0;
	if (log && (all || !ladder->known || !agree))
		ret->scope = single(log);
	else
		ret->scope = single(steps);
	/* On v1 two OOMs at once may notify only once: what is silent need not be the host. */
	bool told = ladder->known && !ladder->nested_maybe && !(w->version == 1 && ladder->silent);
	ret->certain = agree && ret->scope != MR_SCOPE_UNKNOWN && (all || told);
}

/* --- all together --- */

static int not_known(struct mr_verdict *ret, const char *why)
{
	ret->known = ret->certain = ret->by_counter = false;
	ret->init_killed = -1;
	snprintf(ret->why, sizeof(ret->why), "%.*s", (int)sizeof(ret->why) - 1, why);
	return 0;
}

/* A group's first victim is counted and logged twice: then the names are the truth. */
static void judge_number(
	const struct mr_oom_watch *w, const struct lines *l, struct mr_verdict *ret)
{
	uint64_t group = 0;
	if (w->version == 2 &&
		mr_counter_read_one(w->counter, "oom_group_kill", &group) == 0 &&
		group > w->base.groups)
		ret->group_kill = true;
	if (ret->group_kill && l->named == ret->kills && ret->n_victims > 0 &&
		!ret->incomplete)
		ret->kills = ret->n_victims;
	/* Counts that went with their sub-cgroups (v1): that it is no 0 is the counter's
	 * word. */
	if (!ret->group_kill && ret->kills > 0 && l->named > ret->kills)
		ret->kills = l->named;
	if (ret->kills > ret->n_victims)
		ret->victims_without_detail = ret->kills - ret->n_victims;
}

/* Can more have died than was counted? Only in sub-cgroups that went unread (v1). */
static bool is_doubtful(
	const struct mr_oom_watch *w, const struct lines *l, const struct mr_verdict *v)
{
	if (w->nested_unseen)
		return !v->source || v->incomplete || l->named + l->unnamed > v->kills;
	return l->named > v->kills;
}

static int judge(struct mr_oom_watch *w, const struct mr_verdict_input *in,
	struct mr_verdict *ret, struct mr_error *err)
{
	struct mr_ladder ladder;

	mr_oom_watch_events(w);
	mr_ladder_read(w, ret->kills, ret->setup, &ladder);
	ret->events = w->level[0].events;
	if (read_log(w, in, &ladder, ret) < 0)
		return mr_fail(err, ENOMEM, "list of OOM victims");
	struct lines lines = {0};
	if (w->log.n_kills + w->log.dropped > 0 && !mr_log_is_foreign(w))
		lines = count_lines(w, in);
	bool doubtful = is_doubtful(w, &lines, ret);
	if (doubtful && ret->kills == 0)
		return not_known(ret,
			"a sub-cgroup was removed before its count was read, and the "
			"kernel log does not rule out a kill in it");

	judge_number(w, &lines, ret);
	ret->certain = true;
	if (ret->kills == 0)
		judge_without_kill(&ladder, ret);
	else
		judge_scope(w, &ladder, ret);
	ret->certain = ret->certain && !doubtful;
	if (ret->kills > 0 && !ret->certain && ret->setup && w->late)
		snprintf(ret->why, sizeof(ret->why),
			"the kill came early in the set-up, before the kernel's events and "
			"its log were listened to");
	ret->init_killed = judge_init(in, ret);
	mr_limit_find(w, &ladder, ret);
	ret->hanging = mr_oom_watch_hanging(w);
	ret->hung_ns = w->hung_ns;
	if (ret->hanging)
		ret->hung_ns += mr_now_mono_ns() - w->hanging_since;
	return 0;
}

int mr_verdict_take(struct mr_oom_watch *w, const struct mr_verdict_input *in,
	struct mr_verdict *ret, struct mr_error *err)
{
	struct mr_error reason = {0};

	memset(ret, 0, sizeof(*ret));
	ret->version = w->version;
	ret->setup = !in->started;
	if (w->version == 0)
		return not_known(ret, "no memory controller");
	mr_oom_watch_settle(w);
	int r = mr_oom_watch_kills(w, &ret->kills, &reason);
	const char *lost = r == -ENODEV ? "the cgroup was removed before its counters were read"
			   : r < 0	? reason.message
					: NULL;
	if (lost && ret->kills == 0)
		return not_known(ret, lost);
	ret->known = ret->by_counter = true;
	r = judge(w, in, ret, err);
	if (lost) { /* what had been seen before has happened */
		ret->certain = false;
		snprintf(ret->why, sizeof(ret->why), "at least: %.140s", lost);
	}
	if (r < 0)
		mr_verdict_clear(ret);
	return r;
}

void mr_verdict_clear(struct mr_verdict *v)
{
	free(v->victims);
	free(v->tasks);
	mr_strv_clear(&v->kernel_log);
	memset(v, 0, sizeof(*v));
}
