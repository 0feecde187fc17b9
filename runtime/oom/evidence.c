/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which limit was it: the ladder of events, and the kernel log.
 *
 * v1: let e0 be the events of the own cgroup, e1 of its parent and so on. An OOM at one
 * level counts there and below, so e0 - e1 began at the own limit, e1 - e2 at the
 * parent's. No events at all although somebody was killed: the host ran out, or a
 * sub-cgroup did. v2: `oom` in memory.events.local counts at the level whose limit was
 * hit; the own hierarchical `oom` minus the local one is that of sub-cgroups.
 *
 * Counts can exceed kills by far (each waiting task notifies, 3507 for one kill were
 * seen), and two OOMs at once in one hierarchy may notify only once: they serve as yes
 * and no.
 */
#include "oom/evidence.h"

#include "base/io.h"
#include "oom/counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_WAIT_MS 50

/* --- the ladder --- */

/* OOMs that began at level @i itself. */
static uint64_t own_events(const struct mr_oom_watch *w, int i)
{
	uint64_t here = w->level[i].events;
	uint64_t above =
		w->version == 1 && i + 1 < w->n_levels ? w->level[i + 1].events : 0;
	return here > above ? here - above : 0;
}

static void read_nested(struct mr_oom_watch *w, uint64_t kills, struct mr_ladder *l)
{
	uint64_t n, here = w->level[0].events;
	if (w->version == 2) {
		if (mr_counter_read_one(w->counter, "oom", &n) == 0 &&
			n - w->base.oom > here)
			l->scopes |= MR_SCOPE_BIT(MR_SCOPE_NESTED);
		return;
	}
	if (w->nested_oom && here == 0)
		l->scopes |= MR_SCOPE_BIT(MR_SCOPE_NESTED);
	l->nested_maybe = here > 0 && (w->nested_oom || w->nested_unseen);
	/* Victims in sub-cgroups whose events nobody has heard. */
	if (kills > 0 && l->scopes == 0 && (w->nested || w->nested_unseen))
		l->known = false;
}

void mr_ladder_read(
	struct mr_oom_watch *w, uint64_t kills, bool setup, struct mr_ladder *ret)
{
	*ret = (struct mr_ladder){
		.known = w->n_levels < MR_OOM_MAX_LEVELS, .ancestor = -1};
	int ancestors = 0;
	for (int i = 0; i < w->n_levels; i++) {
		ret->known = ret->known && w->level[i].has_events;
		if (!w->level[i].has_events || own_events(w, i) == 0)
			continue;
		ret->scopes |=
			MR_SCOPE_BIT(i == 0 ? MR_SCOPE_CONTAINER : MR_SCOPE_ANCESTOR);
		if (i > 0)
			ret->ancestor = ancestors++ == 0 ? i : -1;
	}
	read_nested(w, kills, ret);
	/* Silence speaks for the host only if we had listened all the time. */
	if (kills > 0 && ret->scopes == 0 && (w->late && setup))
		ret->known = false;
	ret->silent = kills > 0 && ret->scopes == 0 && ret->known;
	if (ret->silent)
		ret->scopes = MR_SCOPE_BIT(MR_SCOPE_HOST);
}

/* --- the log --- */

/* Inodes of the initial namespaces: fixed, include/linux/proc_ns.h. */
#define INIT_CGROUP_NS 0xeffffffbu
#define INIT_PID_NS 0xeffffffcu

bool mr_log_is_foreign(struct mr_oom_watch *w)
{
	struct stat st;
	if (w->view == MR_OOM_VIEW_UNKNOWN) {
		bool foreign =
			(stat("/proc/self/ns/cgroup", &st) == 0 &&
				st.st_ino != INIT_CGROUP_NS) ||
			(stat("/proc/self/ns/pid", &st) == 0 && st.st_ino != INIT_PID_NS);
		w->view = foreign ? MR_OOM_VIEW_FOREIGN : MR_OOM_VIEW_HOST;
	}
	return w->view == MR_OOM_VIEW_FOREIGN;
}

unsigned mr_log_scope(const struct mr_oom_kill *kill, const char *own)
{
	if (!kill->memcg)
		return MR_SCOPE_BIT(MR_SCOPE_HOST);
	if (kill->oom_memcg[0] == '\0')
		return 0;
	if (strcmp(kill->oom_memcg, own) == 0)
		return MR_SCOPE_BIT(MR_SCOPE_CONTAINER);
	return MR_SCOPE_BIT(mr_path_is_below(kill->oom_memcg, own) ? MR_SCOPE_NESTED
								    : MR_SCOPE_ANCESTOR);
}

void mr_log_await(struct mr_oom_watch *w, uint64_t kills)
{
	int64_t end = mr_now_mono_ns() + LOG_WAIT_MS * INT64_C(1000000);
	for (;;) {
		mr_kmsg_drain(&w->kmsg, &w->log);
		if (w->kmsg.fd < 0 || w->log.n_kills + w->log.dropped >= kills)
			return;
		/* The line is printed after SIGKILL was sent: another CPU can be late. */
		int64_t left = end - mr_now_mono_ns();
		struct pollfd p = {.fd = w->kmsg.fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)(left / 1000000) + 1) == 0)
			return;
	}
}

/* --- the limit --- */

/* v1: which of the two limits? The kernel charges memory+swap first, so with equal limits
 * it is always that one; failcnt does not move at each refusal, the peak does. */
static bool hit_memsw(int dir, const struct mr_oom_limits *l)
{
	uint64_t failcnt = 0, peak = 0;
	if (!l->memsw.set)
		return false;
	if (l->memory.set && l->memsw.value <= l->memory.value)
		return true;
	return (mr_read_u64_at(dir, "memory.memsw.failcnt", &failcnt) == 0 &&
		       failcnt > 0) ||
	       (mr_read_u64_at(dir, "memory.memsw.max_usage_in_bytes", &peak) == 0 &&
		       peak >= l->memsw.value);
}

/* The report of the last victim has the limits of that moment, the files those of now; the
 * own ones were noted when the OOM was seen. */
static void take_limit(int dir, const struct mr_oom_limits *files, struct mr_verdict *ret)
{
	struct mr_oom_limits l = *files;
	const struct mr_oom_kill *k =
		ret->n_victims ? &ret->victims[ret->n_victims - 1].kill : NULL;

	if (k && k->memory_limit.set && strcmp(k->oom_memcg, ret->limit_cgroup) == 0) {
		l.memory = k->memory_limit;
		if (k->memsw_limit.set)
			l.memsw = k->memsw_limit;
	}
	bool memsw = hit_memsw(dir, &l);
	ret->limit = memsw ? l.memsw : l.memory;
	ret->limit_kind = !ret->limit.set ? NULL : memsw ? "memory+swap" : "memory";
}

static void read_level(const struct mr_oom_watch *w, int dir, struct mr_verdict *ret)
{
	struct mr_oom_limits l = w->hit;
	if (dir != w->level[0].dir || (!l.memory.set && !l.memsw.set))
		mr_counter_limits(dir, w->version, &l);
	take_limit(dir, &l, ret);
}

static void name_from_log(struct mr_verdict *ret)
{
	const char *name = NULL;
	for (size_t i = 0; i < ret->n_victims; i++) {
		const char *path = ret->victims[i].kill.oom_memcg;
		if (path[0] == '\0')
			continue;
		if (name && strcmp(name, path) != 0)
			return; /* several: none is the one */
		name = path;
	}
	if (name)
		snprintf(ret->limit_cgroup, sizeof(ret->limit_cgroup), "%s", name);
}

void mr_limit_find(const struct mr_oom_watch *w, const struct mr_ladder *ladder,
	struct mr_verdict *ret)
{
	if (ret->scope == MR_SCOPE_CONTAINER)
		snprintf(ret->limit_cgroup, sizeof(ret->limit_cgroup), "%s",
			w->level[0].path);
	else if (ret->scope == MR_SCOPE_ANCESTOR || ret->scope == MR_SCOPE_NESTED)
		name_from_log(ret);
	if (ret->scope == MR_SCOPE_ANCESTOR && !ret->limit_cgroup[0] &&
		ladder->ancestor > 0)
		snprintf(ret->limit_cgroup, sizeof(ret->limit_cgroup), "%s",
			w->level[ladder->ancestor].path);
	if (!ret->limit_cgroup[0])
		return;
	for (int i = 0; i < w->n_levels; i++) {
		if (strcmp(w->level[i].path, ret->limit_cgroup) == 0)
			read_level(w, w->level[i].dir, ret);
	}
	if (ret->scope == MR_SCOPE_NESTED) {
		const char *below = ret->limit_cgroup + strlen(w->level[0].path);
		autoclose int dir = openat(w->level[0].dir, below + (*below == '/'),
			O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		read_level(w, dir, ret); /* also when it is gone: the report has it */
	}
}
