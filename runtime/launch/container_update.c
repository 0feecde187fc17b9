/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update: limits of a container that runs. What was asked for goes to update.json, because
 * two processes write the record: this one now, and the container's supervisor later, which
 * knows the spec of the start only.
 */
#include "launch/container.h"
#include "launch/plan.h"
#include "launch/updated.h"

#include "base/io.h"
#include "record/patch.h"
#include "spec/update.h"
#include "spec/validate.h"

#include <errno.h>
#include <string.h>

int mr_updated_refresh(const struct mr_state *state, const struct mr_cgroup *cg,
	struct mr_cgroup_limits *limits, struct mr_error *err)
{
	struct mr_updated updated;
	int ret = mr_state_read_updated(state, &updated, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	mr_cgroup_read_limits(cg, NULL, limits);
	return 0;
}

int mr_updated_apply(const struct mr_state *state, const struct mr_cgroup_limits *limits,
	char **json, struct mr_error *err)
{
	struct mr_updated updated;
	char *patched = NULL;
	int ret = mr_state_read_updated(state, &updated, err);

	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	ret = mr_record_patch_limits(*json, &updated, limits, &patched, err);
	if (ret < 0)
		return ret;
	free(*json);
	*json = patched;
	return 0;
}

static struct mr_int nano_cpus(const struct mr_cpu *cpu)
{
	const int64_t billion = 1000000000;

	if (!cpu || !cpu->quota.set || cpu->quota.value == 0 ||
		cpu->quota.value > INT64_MAX / billion)
		return (struct mr_int){ 0 };
	if (cpu->quota.value < 0)
		return (struct mr_int){ true, 0 };
	int64_t period = cpu->period.value > 0 ? (int64_t)cpu->period.value : 100000;
	return (struct mr_int){ true, cpu->quota.value * billion / period };
}

static void fill_updated(const struct mr_resources *r, struct mr_updated *ret)
{
	*ret = (struct mr_updated){ .pids_limit = r->pids_limit, .nano_cpus = nano_cpus(r->cpu) };
	if (!r->memory)
		return;
	ret->memory = r->memory->limit;
	ret->memory_swap = r->memory->swap;
	ret->memory_reservation = r->memory->reservation;
	/* 0 asks for nothing. */
	ret->memory.set = ret->memory.set && ret->memory.value != 0;
	ret->memory_swap.set = ret->memory_swap.set && ret->memory_swap.value != 0;
	ret->memory_reservation.set =
		ret->memory_reservation.set && ret->memory_reservation.value != 0;
}

static int record(struct mr_container *c, const struct mr_cgroup *cg,
	const struct mr_resources *r, struct mr_error *err)
{
	struct mr_cgroup_limits limits;
	struct mr_updated updated;
	autofree char *json = NULL;

	fill_updated(r, &updated);
	int ret = mr_state_add_updated(&c->state, &updated, err);
	if (ret == 0)
		ret = mr_state_read_status(&c->state, &json, err);
	/* One that an engine has only created has no record so far. */
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	mr_cgroup_read_limits(cg, NULL, &limits);
	ret = mr_updated_apply(&c->state, &limits, &json, err);
	return ret < 0 ? ret : mr_state_write_status(&c->state, json, false, err);
}

static int change(struct mr_container *c, struct mr_spec *wanted, struct mr_cgroup *cg,
	struct mr_strv *warnings, struct mr_error *err)
{
	struct mr_cgroup_limits now;
	struct mr_arena arena = { 0 };
	struct mr_memory *memory = wanted->linux_->resources->memory;
	struct mr_intent intent;

	int ret = mr_state_read_intent(&c->state, &intent, err);
	mr_cgroup_read_limits(cg, NULL, &now);
	if (ret == 0 && memory)
		mr_cgroup_complete_memory(memory, &now);
	if (ret == 0)
		ret = mr_spec_validate_resources(wanted, "update", warnings, err);
	if (ret == 0)
		ret = mr_cgroup_update(wanted, c->live.oom_emulated,
			intent.scope ? &intent.user_scope : NULL, cg, &arena, warnings, err);
	if (ret == 0)
		ret = record(c, cg, wanted->linux_->resources, err);
	mr_arena_clear(&arena);
	return ret;
}

/* For the timeline alone: the error has told the caller. */
static void note_refused(struct mr_container *c, const struct mr_memory *memory)
{
	if (memory && memory->limit.set && memory->limit.value > 0)
		mr_state_add_refused(&c->state,
			&(struct mr_refused){ mr_now_mono_ns(), (uint64_t)memory->limit.value });
}

/* No cgroup is concerned. */
static int change_rdt(const struct mr_container *c, const struct mr_update *u, struct mr_error *err)
{
	struct mr_intent intent;
	int ret = mr_state_read_intent(&c->state, &intent, err);

	return ret < 0 ? ret
		       : mr_resctrl_update(
				 &intent.resctrl, u->l3_cache_schema, u->mem_bw_schema, err);
}

int mr_container_update(struct mr_container *c, const struct mr_update *update,
	mr_message_fn message, void *arg, struct mr_error *err)
{
	auto_spec *wanted = calloc(1, sizeof(*wanted));
	auto_strv warnings = { 0 };
	struct mr_cgroup cg;

	if (!wanted)
		return mr_fail(err, ENOMEM, "update");
	int ret = mr_update_parse(update, wanted, err);
	if (ret < 0)
		return ret;
	autoclose int init = mr_container_open_init(c, err);
	if (init < 0)
		return init;
	ret = mr_state_lock(&c->state, MR_LOCK_TIMEOUT_MS, err);
	if (ret < 0)
		return ret;
	if (update->l3_cache_schema || update->mem_bw_schema) {
		ret = change_rdt(c, update, err);
		mr_state_unlock(&c->state);
		return ret;
	}
	ret = mr_container_open_cgroup(c, &cg, err);
	if (ret == 0)
		ret = change(c, wanted, &cg, &warnings, err);
	if (ret == -EBUSY)
		note_refused(c, wanted->linux_->resources->memory);
	mr_cgroup_close(&cg);
	mr_state_unlock(&c->state);
	mr_warn(message, arg, &warnings);
	return ret;
}
