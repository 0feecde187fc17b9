/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict in words: see verdict.h. Names that a process or a cgroup gave itself are
 * written in printable ASCII.
 */
#include "oom/verdict.h"

#include <string.h>

const char *mr_oom_scope_name(enum mr_oom_scope s)
{
	switch (s) {
	case MR_SCOPE_CONTAINER:
		return "container";
	case MR_SCOPE_NESTED:
		return "nested";
	case MR_SCOPE_ANCESTOR:
		return "ancestor";
	case MR_SCOPE_HOST:
		return "host";
	case MR_SCOPE_MIXED:
		return "mixed";
	case MR_SCOPE_NONE:
	case MR_SCOPE_UNKNOWN:
		break;
	}
	return NULL;
}

static void put_victim(const struct mr_victim *v, struct mr_str *out)
{
	char size[24];
	if (v->container_pid > 0)
		mr_str_appendf(out, "PID %d (", (int)v->container_pid);
	else
		mr_str_appendf(out, "process %d of the host (", (int)v->kill.pid);
	mr_str_append_printable(out, v->kill.comm);
	if (v->kill.anon_rss.set)
		mr_str_appendf(out, ", %s anonymous",
			mr_format_size(v->kill.anon_rss.value, size));
	mr_str_append(out, ")");
}

static void put_victims(const struct mr_verdict *v, struct mr_str *out)
{
	unsigned long long kills = v->kills;
	if (v->n_victims == 0) {
		mr_str_appendf(out, "%llu process%s (not named in its log)", kills,
			kills == 1 ? "" : "es");
		return;
	}
	if (kills > 1)
		mr_str_appendf(out, "%llu processes, the last known of them ", kills);
	put_victim(&v->victims[v->n_victims - 1], out);
	if (v->group_kill)
		mr_str_append(out, ", as one group");
}

/* @what stands before the name if it is known, and alone after "a" if it is not. */
static void put_limit(const struct mr_verdict *v, const char *what, const char *whose,
	struct mr_str *out)
{
	char size[24];
	if (v->limit_cgroup[0]) {
		mr_str_appendf(
			out, "%s%s%s", *what ? "the " : "", what, *what ? " " : "");
		mr_str_append_printable(out, v->limit_cgroup);
	} else {
		mr_str_appendf(out, "a %s", *what ? what : "cgroup");
	}
	mr_str_appendf(out, " reached %s limit", whose);
	if (v->limit.set)
		mr_str_appendf(out, " of %s", mr_format_size(v->limit.value, size));
	if (v->limit_kind)
		mr_str_appendf(out, " (%s)", v->limit_kind);
}

static void put_reason(const struct mr_verdict *v, struct mr_str *out)
{
	switch (v->scope) {
	case MR_SCOPE_CONTAINER:
		mr_str_append(out, " because ");
		put_limit(v, "", "its own", out);
		break;
	case MR_SCOPE_NESTED:
		mr_str_append(out, " because ");
		put_limit(v, "sub-cgroup", "its", out);
		break;
	case MR_SCOPE_ANCESTOR:
		mr_str_append(out, " because ");
		put_limit(v, "parent cgroup", "its", out);
		break;
	case MR_SCOPE_HOST:
		mr_str_append(out, " because the whole host ran out of memory");
		break;
	case MR_SCOPE_MIXED:
		mr_str_append(out, " because more than one limit was reached");
		break;
	case MR_SCOPE_NONE:
	case MR_SCOPE_UNKNOWN:
		mr_str_append(out, "; whose limit it was is not known");
		break;
	}
}

static void put_evidence(const struct mr_verdict *v, struct mr_str *out)
{
	mr_str_append(out, " Evidence: counter");
	if (v->by_ladder)
		mr_str_append(out, v->version == 1 ? ", eventfd" : ", memory.events");
	if (v->by_kmsg) {
		mr_str_append(out, ", kernel log");
		uint64_t seq =
			v->n_victims ? v->victims[v->n_victims - 1].kill.sequence : 0;
		if (seq)
			mr_str_appendf(out, " #%llu", (unsigned long long)seq);
	}
	mr_str_append(out,
		v->certain  ? "."
		: v->so_far ? ", read while it has not ended: so far."
			    : "; not certain: they differ, or some was lost.");
}

static void explain_no(const struct mr_verdict *v, struct mr_str *out)
{
	mr_str_append(out,
		"OOMKilled: no. The kernel's OOM killer killed no process of the "
		"container");
	if (v->bystander) {
		mr_str_append(out, ": ");
		put_limit(v, "parent cgroup", "its", out);
		mr_str_append(out, ", and somebody else died");
	} else if (v->scope == MR_SCOPE_CONTAINER) {
		mr_str_append(out, ", although ");
		put_limit(v, "", "its own", out);
	}
	mr_str_append(out,
		v->hanging ? "; tasks stand still because the killer is disabled." : ".");
	put_evidence(v, out);
}

void mr_kill_explain(const struct mr_oom_kill *kill, struct mr_str *out)
{
	struct mr_victim victim = {.kill = *kill};
	struct mr_verdict v = {.kills = 1, .victims = &victim, .n_victims = 1,
		.group_kill = kill->group, .limit = kill->memory_limit};

	if (!kill->memcg)
		v.scope = MR_SCOPE_HOST;
	else if (!kill->oom_memcg[0])
		v.scope = MR_SCOPE_UNKNOWN;
	else
		v.scope = strcmp(kill->oom_memcg, kill->task_memcg) == 0 ? MR_SCOPE_CONTAINER
									  : MR_SCOPE_ANCESTOR;
	if (kill->memsw_limit.set && kill->memory_limit.set &&
		kill->memsw_limit.value <= kill->memory_limit.value)
		v.limit_kind = "memory+swap";
	memcpy(v.limit_cgroup, kill->oom_memcg, sizeof(kill->oom_memcg));
	mr_str_append(out, "The kernel killed ");
	put_victims(&v, out);
	put_reason(&v, out);
	mr_str_append(out, ".");
}

void mr_verdict_explain(const struct mr_verdict *v, struct mr_str *out)
{
	if (!v->known) {
		mr_str_appendf(out, "OOMKilled: unknown: %s.", v->why);
		return;
	}
	if (v->kills == 0) {
		explain_no(v, out);
		return;
	}
	mr_str_append(out, "OOMKilled: yes. The kernel killed ");
	put_victims(v, out);
	put_reason(v, out);
	mr_str_appendf(out, ". %llu kill%s.", (unsigned long long)v->kills,
		v->kills == 1 ? "" : "s");
	put_evidence(v, out);
}
