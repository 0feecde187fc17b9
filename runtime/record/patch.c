/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a record by a verb: start, pause and resume, update, and the end of a container whose
 * supervisor was killed. All other members are copied as they are. */
#include "record/patch.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

static void put_state(struct mr_json_writer *w, const struct mr_json *state,
	const struct mr_state_patch *p)
{
	bool runs = !mr_streq(p->status, "exited");

	mr_json_begin_object(w, "State");
	for (const struct mr_json *m = state->child; m; m = m->next) {
		if (mr_streq(m->key, "Status"))
			mr_json_put_text(w, m->key, p->status);
		else if (mr_streq(m->key, "Running"))
			mr_json_put_bool(w, m->key, runs);
		else if (mr_streq(m->key, "Paused"))
			mr_json_put_bool(w, m->key, mr_streq(p->status, "paused"));
		else if (mr_streq(m->key, "Pid") && !runs)
			mr_json_put_int(w, m->key, 0);
		else if (mr_streq(m->key, "StartedAt") && p->started)
			mr_json_put_text(w, m->key, p->started);
		else if (mr_streq(m->key, "OOMKilled") && p->kills > 0)
			mr_json_put_bool(w, m->key, true);
		else if (mr_streq(m->key, "OOMKilled") && p->lost && !m->boolean)
			mr_json_put_null(w, m->key);
		else if (mr_streq(m->key, "ExitCode") && p->lost)
			mr_json_put_null(w, m->key);
		else if (mr_streq(m->key, "Error") && p->lost)
			mr_json_put_text(w, m->key, p->lost);
		else
			mr_json_put_node(w, m->key, m);
	}
	mr_json_end(w);
}

/* A kill that was seen has happened, whatever became of the supervisor; and what the cgroup has
 * counted since, except for a group's, whose first victim it counts twice. */
static void put_seen_oom(struct mr_json_writer *w, const struct mr_json *oom,
	const struct mr_state_patch *p)
{
	const struct mr_json *group = mr_json_get(oom, "GroupKill");
	const uint64_t seen = (uint64_t)mr_json_int(oom, "Kills", 0);
	const uint64_t more =
		p->kills > seen && !(group && group->boolean) ? p->kills - seen : 0;

	mr_json_begin_object(w, "OOM");
	for (const struct mr_json *m = oom->child; m; m = m->next) {
		if (mr_streq(m->key, "Certain") || mr_streq(m->key, "Hanging") ||
			mr_streq(m->key, "Why"))
			continue;
		if (mr_streq(m->key, "Kills"))
			mr_json_put_uint(w, m->key, seen + more);
		else if (mr_streq(m->key, "VictimsWithoutDetail"))
			mr_json_put_uint(w, m->key,
				(uint64_t)mr_json_int(oom, m->key, 0) + more);
		else if (mr_streq(m->key, "InitKilled") && more > 0 && !m->boolean)
			mr_json_put_null(w, m->key);
		else
			mr_json_put_node(w, m->key, m);
	}
	mr_json_put_bool(w, "Hanging", false);
	mr_json_put_text(w, "Why", p->lost);
	mr_json_put_bool(w, "Certain", false);
	mr_json_end(w);
}

static void put_lost_oom(struct mr_json_writer *w, const char *why, uint64_t kills)
{
	mr_json_begin_object(w, "OOM");
	if (kills > 0)
		mr_json_put_uint(w, "Kills", kills);
	else
		mr_json_put_null(w, "Kills");
	mr_json_put_null(w, "InitKilled");
	mr_json_put_text(w, "Why", why);
	mr_json_put_bool(w, "Certain", false);
	mr_json_end(w);
}

static bool was_killed(const struct mr_json *root)
{
	const struct mr_json *oom = mr_json_get(root, "OOM");
	return oom && oom->type == MR_JSON_OBJECT && mr_json_int(oom, "Kills", 0) > 0;
}

static int finish(struct mr_json_writer *w, char **ret_json, struct mr_error *err)
{
	mr_json_end(w);
	mr_str_append(&w->out, "\n");
	*ret_json = mr_str_take(&w->out);
	return *ret_json ? 0 : mr_fail(err, ENOMEM, "record");
}

int mr_record_patch(const char *json, const struct mr_state_patch *patch, char **ret_json,
	struct mr_error *err)
{
	struct mr_json_writer w = { .pretty = true };
	auto_json doc = { 0 };
	int ret = mr_json_parse("status.json", json, strlen(json), &doc, err);

	if (ret < 0)
		return ret;
	mr_json_begin_object(&w, NULL);
	for (const struct mr_json *m = doc.root->child; m; m = m->next) {
		if (mr_streq(m->key, "State") && m->type == MR_JSON_OBJECT)
			put_state(&w, m, patch);
		else if (!mr_streq(m->key, "OOM") || !patch->lost)
			mr_json_put_node(&w, m->key, m);
	}
	if (patch->lost && was_killed(doc.root))
		put_seen_oom(&w, mr_json_get(doc.root, "OOM"), patch);
	else if (patch->lost)
		put_lost_oom(&w, patch->lost, patch->kills);
	return finish(&w, ret_json, err);
}

/* --- limits --- */

/* One member that is replaced. */
struct change {
	const char *key;
	bool set;
	struct mr_int value; /* unset: null */
	const char *text;    /* instead of a number */
};

static void put_changed(struct mr_json_writer *w, const struct mr_json *object,
	const struct change *changes, size_t n)
{
	mr_json_begin_object(w, object->key);
	for (const struct mr_json *m = object->child; m; m = m->next) {
		const struct change *c = NULL;
		for (size_t i = 0; i < n; i++) {
			if (changes[i].set && mr_streq(changes[i].key, m->key))
				c = &changes[i];
		}
		if (!c)
			mr_json_put_node(w, m->key, m);
		else if (c->value.set)
			mr_json_put_int(w, m->key, c->value.value);
		else
			mr_json_put_text(w, m->key, c->text);
	}
	mr_json_end(w);
}

static struct mr_int number(struct mr_uint v)
{
	return (struct mr_int){v.set && v.value <= INT64_MAX, (int64_t)v.value};
}

/* -1 asks for no limit: in Memory that is null, in HostConfig.Memory docker's 0. */
static struct mr_int positive(struct mr_int v)
{
	v.set = v.set && v.value >= 0;
	return v;
}

static struct mr_int or_zero(struct mr_int v)
{
	return (struct mr_int){true, v.set && v.value > 0 ? v.value : 0};
}

static void put_memory(struct mr_json_writer *w, const struct mr_json *object,
	const struct mr_updated *u, const struct mr_cgroup_limits *l)
{
	const struct change changes[] = {
		{"LimitBytes", true, number(l->memory), NULL},
		{"SwapLimitBytes", true, number(l->memory_swap), NULL},
		{"RequestedLimitBytes", u->memory.set, positive(u->memory), NULL},
		{"RequestedSwapBytes", u->memory_swap.set, positive(u->memory_swap), NULL},
		{"EffectiveLimitBytes", true, number(l->effective_memory), NULL},
		{"EffectiveLimitCgroup", true, {0},
			l->effective_cgroup[0] ? l->effective_cgroup : NULL},
	};
	put_changed(w, object, changes, sizeof(changes) / sizeof(changes[0]));
}

static void put_host_config(struct mr_json_writer *w, const struct mr_json *object,
	const struct mr_updated *u)
{
	const struct change changes[] = {
		{"Memory", u->memory.set, or_zero(u->memory), NULL},
		{"MemorySwap", u->memory_swap.set, u->memory_swap, NULL},
		{"MemoryReservation", u->memory_reservation.set,
			or_zero(u->memory_reservation), NULL},
		{"PidsLimit", u->pids_limit.set, u->pids_limit, NULL},
		{"NanoCpus", u->nano_cpus.set, u->nano_cpus, NULL},
	};
	put_changed(w, object, changes, sizeof(changes) / sizeof(changes[0]));
}

int mr_record_patch_limits(const char *json, const struct mr_updated *updated,
	const struct mr_cgroup_limits *limits, char **ret_json, struct mr_error *err)
{
	struct mr_json_writer w = { .pretty = true };
	auto_json doc = { 0 };
	int ret = mr_json_parse("status.json", json, strlen(json), &doc, err);

	if (ret < 0)
		return ret;
	mr_json_begin_object(&w, NULL);
	for (const struct mr_json *m = doc.root->child; m; m = m->next) {
		if (mr_streq(m->key, "Memory") && m->type == MR_JSON_OBJECT)
			put_memory(&w, m, updated, limits);
		else if (mr_streq(m->key, "HostConfig") && m->type == MR_JSON_OBJECT)
			put_host_config(&w, m, updated);
		else
			mr_json_put_node(&w, m->key, m);
	}
	return finish(&w, ret_json, err);
}
