/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of death in words and as JSON: see candidates.h. Pure. Names that processes
 * gave themselves are written in printable ASCII.
 */
#include "base/json.h"
#include "oom/candidates.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool is_close(const struct mr_ranking *r)
{
	return r->n_live > 1 &&
	       r->items[0].score.points - r->items[1].score.points <= r->noise;
}

/* --- words --- */

static void put_name(const struct mr_candidate *c, struct mr_str *out)
{
	if (c->inside && c->container_pid > 0)
		mr_str_appendf(out, "PID %d (", (int)c->container_pid);
	else
		mr_str_appendf(out, "process %d of the host (", (int)c->task.pid);
	mr_str_append_printable(out, c->task.comm);
	mr_str_append(out, c->inside ? ")" : ", not of this container)");
}

static void put_sentence(const struct mr_ranking *r, struct mr_str *out)
{
	const struct mr_candidate *first = r->items, *second = r->items + 1;
	if (r->n_live == 0) {
		mr_str_append(out, "Nobody can be killed: every process is exempt.\n");
		return;
	}
	if (is_close(r)) {
		mr_str_append(out, "Too close to call: next to be killed would be ");
		put_name(first, out);
		mr_str_append(out, " or ");
		put_name(second, out);
		mr_str_appendf(out,
			", %" PRId64 " points apart; what can be read is good to %" PRId64
			" (%d pages a CPU).\n",
			first->score.points - second->score.points, r->noise,
			MR_SCORE_NOISE);
		return;
	}
	mr_str_append(out, "Next to be killed would be ");
	put_name(first, out);
	mr_str_appendf(out, " with %" PRId64 " points", first->score.points);
	if (r->n_live > 1) {
		mr_str_appendf(out, ", %" PRId64 " more than ",
			first->score.points - second->score.points);
		put_name(second, out);
	}
	mr_str_append(out, ".\n");
}

static void put_basis(const struct mr_ranking *r, struct mr_str *out)
{
	char size[24];
	mr_str_append(out, "Limit: ");
	if (r->cgroup) {
		mr_str_appendf(out, "%s, of ", mr_format_size(r->limit.value, size));
		mr_str_append_printable(out, r->cgroup);
		mr_str_append(out,
			r->partial ? " (an ancestor out of sight: who else shares it "
				     "is not known)"
			: mr_streq(r->scope, "ancestor") ? " (an ancestor)"
							 : "");
	} else {
		mr_str_appendf(out, "none; the host has %s",
			mr_format_size(r->limit.value, size));
	}
	mr_str_appendf(out,
		". With usable swap that is %" PRIu64
		" pages of %ld bytes; a page is a point, "
		"and oom_score_adj 1 is %" PRIu64 " points.\n",
		r->total.value, r->page_size, r->total.value / 1000);
	if (r->disabled)
		mr_str_append(out,
			"The killer is disabled: at the container's limit nobody is "
			"killed, its tasks stand still.\n");
	if (r->group)
		mr_str_append(out,
			"memory.oom.group is set: all of the container are killed "
			"together.\n");
}

static void put_cell(struct mr_uint bytes, long page_size, struct mr_str *out)
{
	if (bytes.set)
		mr_str_appendf(out, " %8" PRIu64, bytes.value / (uint64_t)page_size);
	else
		mr_str_appendf(out, " %8s", "?");
}

static void put_row(const struct mr_ranking *r, size_t i, struct mr_str *out)
{
	const struct mr_candidate *c = &r->items[i];
	const struct mr_oom_task *t = &c->task;

	if (c->score.exempt)
		mr_str_appendf(out, "%4s %10s", "-", "exempt");
	else if (!c->score.known)
		mr_str_appendf(out, "%4s %10s", "?", "unknown");
	else
		mr_str_appendf(out, "%4zu %10" PRId64, i + 1, c->score.points);
	put_cell(t->rss_anon, r->page_size, out);
	put_cell(t->rss_file, r->page_size, out);
	put_cell(t->rss_shmem, r->page_size, out);
	put_cell(t->swap, r->page_size, out);
	put_cell(t->pgtables, r->page_size, out);
	if (mr_score_counts(&c->score))
		mr_str_appendf(out, " %9" PRId64, c->score.adj);
	else
		mr_str_appendf(out, " %9s", "-");
	if (t->oom_score_adj.set)
		mr_str_appendf(out, " %6" PRId64, t->oom_score_adj.value);
	else
		mr_str_appendf(out, " %6s", "?");
	mr_str_appendf(out, " %9d", (int)t->pid);
	if (c->inside && c->container_pid > 0)
		mr_str_appendf(out, " %7d ", (int)c->container_pid);
	else
		mr_str_appendf(out, " %7s ", c->inside ? "?" : "-");
	mr_str_append_printable(out, t->comm);
	mr_str_append(out, "\n");
}

void mr_ranking_text(const struct mr_ranking *r, struct mr_str *out)
{
	put_sentence(r, out);
	put_basis(r, out);
	mr_str_appendf(out, "\n%4s %10s %8s %8s %8s %8s %8s %9s %6s %9s %7s %s\n", "",
		"POINTS", "ANON", "FILE", "SHMEM", "SWAP", "PTABLES", "ADJ-PART", "ADJ",
		"HOST-PID", "PID", "NAME");
	for (size_t i = 0; i < r->n; i++)
		put_row(r, i, out);
}

/* --- JSON --- */

static void put_pages(
	struct mr_json_writer *w, const char *key, struct mr_uint bytes, long page_size)
{
	bytes.value /= (uint64_t)page_size;
	mr_json_put_known_uint(w, key, bytes);
}

static void put_candidate(struct mr_json_writer *w, const struct mr_ranking *r,
	const struct mr_candidate *c)
{
	const struct mr_oom_task *t = &c->task;

	mr_json_begin_object(w, NULL);
	mr_json_put_pid(w, "HostPid", t->pid);
	mr_json_put_pid(w, "Pid", c->inside ? c->container_pid : 0);
	mr_json_put_text(w, "Comm", t->comm);
	mr_json_put_bool(w, "Inside", c->inside);
	mr_json_put_bool(w, "Exempt", c->score.exempt);
	mr_json_put_known_int(w, "Points", mr_score_points(&c->score));
	put_pages(w, "RssAnonPages", t->rss_anon, r->page_size);
	put_pages(w, "RssFilePages", t->rss_file, r->page_size);
	put_pages(w, "RssShmemPages", t->rss_shmem, r->page_size);
	put_pages(w, "SwapPages", t->swap, r->page_size);
	put_pages(w, "PgtablesPages", t->pgtables, r->page_size);
	mr_json_put_known_int(w, "AdjPages",
		(struct mr_int){.set = mr_score_counts(&c->score), .value = c->score.adj});
	mr_json_put_known_int(w, "OomScoreAdj", t->oom_score_adj);
	mr_json_end(w);
}

int mr_ranking_json(
	const struct mr_ranking *r, const char *id, char **ret, struct mr_error *err)
{
	struct mr_json_writer w = {.pretty = true};

	mr_json_begin_object(&w, NULL);
	mr_json_put_int(&w, "schemaVersion", 1);
	mr_json_put_text(&w, "Id", id);
	mr_json_put_pid(&w, "Next", r->n_live ? r->items[0].task.pid : 0);
	mr_json_put_bool(&w, "TooClose", is_close(r));
	mr_json_put_text(&w, "Scope", r->scope);
	mr_json_put_text(&w, "LimitCgroup", r->cgroup);
	mr_json_put_uint(&w, "LimitBytes", r->limit.value);
	mr_json_put_uint(&w, "TotalPages", r->total.value);
	mr_json_put_int(&w, "PageSize", r->page_size);
	mr_json_put_int(&w, "NoisePages", r->noise);
	mr_json_put_bool(&w, "Partial", r->partial);
	mr_json_put_bool(&w, "KillerDisabled", r->disabled);
	mr_json_put_bool(&w, "GroupKill", r->group);
	mr_json_begin_array(&w, "Processes");
	for (size_t i = 0; i < r->n; i++)
		put_candidate(&w, r, &r->items[i]);
	mr_json_end(&w);
	mr_json_end(&w);
	mr_str_append(&w.out, "\n");
	*ret = mr_str_take(&w.out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "order of death");
}
