/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record explained: one sentence, then what it stands on. The verdict is the record's
 * own; only the points of the kernel's table are computed again.
 */
#include "record/status.h"

#include "base/json.h"
#include "oom/cases.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct account {
	const struct mr_json *root;
	struct mr_verdict verdict;
	struct mr_oom_cases cases;
	struct mr_oom_judge judge;
};

/* The swap that the host had is in the record by what it made of the limit. */
static void judge_by(struct account *a)
{
	const struct mr_json *oom = mr_json_get(a->root, "OOM");
	const int64_t total = mr_json_int(oom, "TotalPages", -1);
	const long page = sysconf(_SC_PAGESIZE);

	a->judge = (struct mr_oom_judge){.page_size = page,
		.noise = MR_SCORE_NOISE * sysconf(_SC_NPROCESSORS_ONLN)};
	for (size_t i = a->cases.n; i-- > 0;) {
		const struct mr_uint limit = a->cases.items[i].kill.memory_limit;
		if (total < 0 || !limit.set ||
			(uint64_t)total * (uint64_t)page < limit.value)
			continue;
		a->judge.host_swap = (struct mr_uint){.set = true,
			.value = (uint64_t)total * (uint64_t)page - limit.value};
		return;
	}
}

static int read_account(
	const struct mr_json *root, struct account *a, struct mr_error *err)
{
	a->root = root;
	mr_oom_cases_init(&a->cases, sysconf(_SC_PAGESIZE));
	int r = mr_status_read_verdict(root, &a->verdict, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a->verdict.kernel_log.n; i++) {
		/* As /dev/kmsg gave them, but without the prefix that says so. */
		auto_str line = {0};
		mr_str_appendf(&line, "4,0,0,-;%s", a->verdict.kernel_log.items[i]);
		mr_oom_cases_feed(&a->cases, mr_str_text(&line), line.len);
	}
	for (size_t i = 0; i < a->cases.n; i++) {
		struct mr_oom_case *c = &a->cases.items[i];
		c->line = 0;
		c->stamp[0] = '\0';
		c->kill.time_usec = -1;
		for (size_t k = 0; k < a->verdict.n_victims; k++) {
			if (a->verdict.victims[k].kill.pid == c->kill.pid)
				c->kill.sequence = a->verdict.victims[k].kill.sequence;
		}
	}
	judge_by(a);
	return a->cases.failed ? mr_fail(err, ENOMEM, "kernel log of a record") : 0;
}

static void clear_account(struct account *a)
{
	mr_verdict_clear(&a->verdict);
	mr_oom_cases_clear(&a->cases);
}

/* --- the points that the sentence stands on --- */

static void put_point(struct mr_str *out, const char *name)
{
	mr_str_appendf(out, "  %-9s ", name);
}

static void put_counter(const struct account *a, struct mr_str *out)
{
	const struct mr_verdict *v = &a->verdict;
	put_point(out, "counter");
	if (!v->known)
		mr_str_append(out, "not read; nothing else decides\n");
	else
		mr_str_appendf(out,
			"%" PRIu64
			" OOM kill%s in the container's cgroups, counted by the kernel "
			"(%s)\n",
			v->kills, v->kills == 1 ? "" : "s",
			v->version == 1 ? "oom_kill in memory.oom_control"
					: "oom_kill in memory.events");
}

static void put_ladder(const struct account *a, struct mr_str *out)
{
	const struct mr_verdict *v = &a->verdict;
	char size[24];
	if (v->scope == MR_SCOPE_NONE)
		return;
	put_point(out, "limit");
	const char *scope = mr_oom_scope_name(v->scope);
	mr_str_appendf(out, "scope %s", scope ? scope : "unknown");
	if (v->limit_cgroup[0]) {
		mr_str_append(out, ": ");
		mr_str_append_printable(out, v->limit_cgroup);
	}
	if (v->limit.set)
		mr_str_appendf(out, ", %s", mr_format_size(v->limit.value, size));
	if (v->limit_kind)
		mr_str_appendf(out, " (%s)", v->limit_kind);
	mr_str_append(out, v->by_ladder
				   ? "; the events of the cgroups on the way up say so\n"
				   : "; the events of the cgroups do not tell\n");
}

static void put_log(const struct account *a, struct mr_str *out)
{
	const struct mr_verdict *v = &a->verdict;
	if (v->kills == 0)
		return;
	put_point(out, "log");
	if (!v->source)
		mr_str_append(out, "the kernel log was not readable\n");
	else
		mr_str_appendf(out,
			"%zu victim%s named by the kernel log, %" PRIu64 " not%s\n",
			v->n_victims, v->n_victims == 1 ? "" : "s",
			v->victims_without_detail,
			v->incomplete ? "; records of it were lost" : "");
	put_point(out, "init");
	mr_str_append(
		out, v->init_killed < 0
			     ? "whether the first process was a victim is not known\n"
		     : v->init_killed ? "the first process was a victim\n"
				      : "the first process was no victim\n");
}

/* @code -1: not known */
static void put_reason(const struct account *a, int64_t code, const char *sig, struct mr_str *out)
{
	if (mr_json_bool(mr_json_get(a->root, "Exit"), "TimedOut", false))
		mr_str_append(out, "; minirun stopped it at the time limit");
	else if (code == 128 + SIGKILL && a->verdict.known && a->verdict.kills == 0)
		mr_str_append(out,
			sig ? "; that signal was sent by somebody, not by the OOM killer"
			    : "; the program chose that code itself");
	else if (a->verdict.kills > 0 && code >= 0 && code != 128 + SIGKILL)
		mr_str_append(out, "; a killed child does not show in the exit code");
}

static void put_exit(const struct account *a, struct mr_str *out)
{
	const struct mr_json *state = mr_json_get(a->root, "State"),
			     *end = mr_json_get(a->root, "Exit");
	const char *sig = mr_json_text(end, "Signal", NULL);
	const char *status = mr_json_text(state, "Status", "unknown");
	const int64_t code = mr_json_int(state, "ExitCode", -1);
	const bool ended = mr_streq(status, "exited") || mr_streq(status, "dead");

	put_point(out, "exit");
	if (!ended && *mr_json_text(state, "Error", "")) {
		mr_str_append(out, "none: it did not start\n");
		return;
	}
	if (!ended) {
		mr_str_append(out, "none: it is ");
		mr_str_append_printable(out, status);
		mr_str_append(out, "\n");
		return;
	}
	if (code >= 0)
		mr_str_appendf(out, "code %" PRId64, code);
	else
		mr_str_append(out, "code not known");
	if (sig) {
		mr_str_append(out, ", ended by ");
		mr_str_append_printable(out, sig);
	}
	put_reason(a, code, sig, out);
	mr_str_append(out, "\n");
}

/* Of a start that failed, or of a supervisor that could not go on. */
static void put_error(const struct account *a, struct mr_str *out)
{
	const char *error = mr_json_text(mr_json_get(a->root, "State"), "Error", "");

	if (!*error)
		return;
	put_point(out, "error");
	mr_str_append_printable(out, error);
	mr_str_append(out, "\n");
}

static void put_memory(const struct account *a, struct mr_str *out)
{
	static const struct {
		const char *key, *text;
	} sizes[] = {{"PeakBytes", "peak"}, {"PeakAnonBytes", "anonymous at least"},
		{"PeakKernelBytes", "kernel"}, {"LimitBytes", "own limit"}};
	const struct mr_json *memory = mr_json_get(a->root, "Memory");
	const int64_t failcnt = mr_json_int(memory, "Failcnt", -1);
	char size[24];
	bool any = false;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const int64_t v = mr_json_int(memory, sizes[i].key, -1);
		if (v < 0)
			continue;
		if (!any)
			put_point(out, "memory");
		mr_str_appendf(out, "%s%s %s", any ? ", " : "", sizes[i].text,
			mr_format_size((uint64_t)v, size));
		any = true;
	}
	if (any && failcnt > 0)
		mr_str_appendf(out, ", hit %" PRId64 " time%s", failcnt,
			failcnt == 1 ? "" : "s");
	mr_str_append(out, any ? "\n" : "");
}

static void put_hang(const struct account *a, struct mr_str *out)
{
	const struct mr_json *oom = mr_json_get(a->root, "OOM");
	const struct mr_json *seconds = mr_json_get(oom, "HangSeconds");
	if (a->verdict.hanging || (seconds && seconds->type == MR_JSON_NUMBER)) {
		put_point(out, "hang");
		mr_str_append(out,
			"its tasks stood still at the limit: the killer was disabled");
		if (seconds && seconds->type == MR_JSON_NUMBER)
			mr_str_appendf(out, ", for %s s", seconds->text);
		mr_str_append(out, "\n");
	}
}

/* Leak or limit: only where the samples were kept. */
static void put_shape(const struct account *a, struct mr_str *out)
{
	const struct mr_json *verdict = mr_json_get(a->root, "Verdict");
	const char *kind = mr_json_text(verdict, "Kind", NULL);
	if (!kind)
		return;
	put_point(out, "shape");
	mr_str_append_printable(out, kind);
	mr_str_append(out, ": ");
	mr_str_append_printable(out, mr_json_text(verdict, "Reason", "no reason given"));
	mr_str_append(out, "\n");
}

static void put_certainty(const struct account *a, struct mr_str *out)
{
	put_point(out, "certain");
	if (a->verdict.certain)
		mr_str_append(out, "yes: the witnesses agree\n");
	else if (a->verdict.why[0])
		mr_str_appendf(out, "no: %s\n", a->verdict.why);
	else if (a->verdict.so_far)
		mr_str_append(out, "not yet: it has not ended\n");
	else
		mr_str_append(out, "no: they differ, or some was lost\n");
}

static void put_warnings(const struct account *a, struct mr_str *out)
{
	const struct mr_json *list = mr_json_get(a->root, "Warnings");

	for (const struct mr_json *w = list ? list->child : NULL; w; w = w->next) {
		if (w->type != MR_JSON_STRING)
			continue;
		put_point(out, "warning");
		mr_str_append_printable(out, w->text);
		mr_str_append(out, "\n");
	}
}

static void put_text(const struct account *a, size_t last, struct mr_str *out)
{
	mr_verdict_explain(&a->verdict, out);
	mr_str_append(out, "\n\nWhat this stands on:\n");
	put_counter(a, out);
	put_ladder(a, out);
	put_log(a, out);
	put_exit(a, out);
	put_error(a, out);
	put_memory(a, out);
	put_hang(a, out);
	put_shape(a, out);
	put_certainty(a, out);
	put_warnings(a, out);
	mr_oom_cases_text(&a->cases, last, &a->judge, out);
}

static void put_json(const struct account *a, const char *name, struct mr_json_writer *w)
{
	const struct mr_verdict *v = &a->verdict;
	const struct mr_json *oom = mr_json_get(a->root, "OOM");
	auto_str sentence = {0};

	mr_verdict_explain(v, &sentence);
	mr_json_begin_object(w, NULL);
	mr_json_put_int(w, "schemaVersion", 1);
	mr_json_put_text(w, "Source", "record");
	mr_json_put_text(w, "Name", name);
	mr_json_put_text(w, "Explanation", mr_str_text(&sentence));
	if (v->known)
		mr_json_put_bool(w, "OOMKilled", v->kills > 0);
	else
		mr_json_put_null(w, "OOMKilled");
	if (oom)
		mr_json_put_node(w, "OOM", oom);
	mr_oom_cases_json(&a->cases, &a->judge, w);
	mr_json_end(w);
}

int mr_status_explain(const char *name, const char *json, bool as_json, size_t last,
	struct mr_str *out, struct mr_error *err)
{
	auto_json doc = {0};
	struct account a = {0};

	int r = mr_json_parse(name, json, strlen(json), &doc, err);
	if (r < 0)
		return r;
	const struct mr_json *root = doc.root;
	r = mr_status_check(name, &root, err);
	if (r < 0) {
		mr_hint(err,
			"a status.json, what inspect prints of one id, or a kernel log");
		return r;
	}
	r = read_account(root, &a, err);
	if (r == 0 && as_json) {
		struct mr_json_writer w = {.pretty = true};
		put_json(&a, name, &w);
		*out = w.out;
	} else if (r == 0) {
		put_text(&a, last, out);
	}
	clear_account(&a);
	return r;
}
