/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on how a container ended: for people, on stderr. Names that a process gave
 * itself are written in printable ASCII.
 */
#include "record/status_parts.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void put_duration(const struct mr_record *r, struct mr_str *out)
{
	if (r->wall_usec < 0)
		return;
	if (r->wall_usec < 10000000)
		mr_str_appendf(out, " after %lld ms", (long long)r->wall_usec / 1000);
	else
		mr_str_appendf(out, " after %.1f s", (double)r->wall_usec / 1e6);
}

/* The peak, and of which limit, if there was one. */
static void put_amount(const struct mr_record *r, struct mr_str *out)
{
	char peak[24], limit[24];
	if (!r->usage || !r->usage->memory_peak.set)
		return;
	mr_str_append(out, mr_format_size(r->usage->memory_peak.value, peak));
	if (r->limits && r->limits->memory.set)
		mr_str_appendf(
			out, " of %s", mr_format_size(r->limits->memory.value, limit));
}

/* --- after an OOM kill --- */

static void put_part(struct mr_str *out, int *n, const char *name, struct mr_uint v)
{
	if (!v.set)
		return;
	mr_str_appendf(out, "%s%s %.1f", (*n)++ ? ", " : " (", name,
		(double)v.value / (1024.0 * 1024.0));
}

static struct mr_uint stat_value(
	const struct mr_cgroup_usage *u, const char *v1, const char *v2)
{
	for (size_t i = 0; u && i < u->n_stat; i++) {
		if (strcmp(u->stat[i].name, v1) == 0 || strcmp(u->stat[i].name, v2) == 0)
			return (struct mr_uint){.set = true, .value = u->stat[i].value};
	}
	return (struct mr_uint){0};
}

/* In MiB, as the amounts before mostly are. */
static void put_parts(const struct mr_record *r, struct mr_str *out)
{
	int n = 0;
	put_part(out, &n, "anon", mr_status_peak_anon(r));
	put_part(out, &n, "cache", stat_value(r->usage, "total_cache", "file"));
	put_part(out, &n, "kernel", mr_status_peak_kernel(r));
	if (n > 0)
		mr_str_append(out, " MiB)");
}

static const struct mr_victim *main_victim(const struct mr_verdict *v)
{
	for (size_t i = 0; i < v->n_victims; i++) {
		if (v->victims[i].is_init)
			return &v->victims[i];
	}
	return v->n_victims ? &v->victims[v->n_victims - 1] : NULL;
}

static void put_killed(const struct mr_record *r, struct mr_str *out)
{
	const struct mr_victim *v = main_victim(r->verdict);
	unsigned long long kills = r->verdict->kills;

	mr_str_append(out, "OOM-killed ");
	if (kills > 1 || !v)
		mr_str_appendf(out, "%llu process%s", kills, kills == 1 ? "" : "es");
	if (v) {
		mr_str_append(out, kills > 1 ? ", among them " : "");
		mr_str_append_printable(out, v->kill.comm);
		if (v->container_pid > 0)
			mr_str_appendf(out, " (pid %d)", (int)v->container_pid);
		else
			mr_str_appendf(out, " (host pid %d)", (int)v->kill.pid);
	}
	put_duration(r, out);
	if (r->usage && r->usage->memory_peak.set) {
		mr_str_append(out, ": ");
		put_amount(r, out);
		put_parts(r, out);
	}
	const char *scope = mr_oom_scope_name(r->verdict->scope);
	if (scope && r->verdict->scope != MR_SCOPE_CONTAINER)
		mr_str_appendf(out, ", limit: %s%s%s", scope,
			r->verdict->limit_cgroup[0] ? " " : "", r->verdict->limit_cgroup);
}

/* --- other ends --- */

static void put_end(const struct mr_record *r, struct mr_str *out)
{
	char buf[24];
	const struct mr_verdict *v = r->verdict;
	if (!WIFSIGNALED(r->wait_status)) {
		mr_str_appendf(out, "exited %d", WEXITSTATUS(r->wait_status));
		return;
	}
	mr_str_appendf(out, "killed by %s",
		mr_status_signal_name(WTERMSIG(r->wait_status), buf));
	if (WTERMSIG(r->wait_status) != SIGKILL || !v || v->version == 0)
		return;
	if (v->known && v->init_killed == 0)
		mr_str_append(out, " (not by the OOM killer)");
	else if (!v->known)
		mr_str_append(out, " (by the OOM killer or not: unknown)");
}

void mr_status_summary(const struct mr_record *r, struct mr_str *out)
{
	if (!r->has_exit) {
		mr_str_appendf(out, "did not run%s%s", r->error && *r->error ? ": " : "",
			r->error ? r->error : "");
		return;
	}
	if (r->verdict && r->verdict->known && r->verdict->kills > 0) {
		put_killed(r, out);
		/* A minimal init may be killed when it has told of the program's end. */
		if (r->verdict->init_killed != 1 || !WIFSIGNALED(r->wait_status)) {
			mr_str_append(out, "; ");
			put_end(r, out);
		}
	} else {
		put_end(r, out);
		put_duration(r, out);
		if (r->usage && r->usage->memory_peak.set) {
			mr_str_append(out, ", peak ");
			put_amount(r, out);
		}
	}
	if (r->timed_out)
		mr_str_append(out, ", timed out");
}
