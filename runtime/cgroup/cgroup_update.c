/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change the limits of a container that runs: the rows of a launch, written while somebody
 * is inside.
 *
 * - Memory and memory+swap (v1): the kernel keeps the one below the other, so memory+swap is
 *   raised first and lowered last (mr_cgroup_apply() finds out which it is). Who gives the
 *   limit alone means the amount of swap to stay, as it does on v2 anyway.
 * - A limit below what is in use: v1 reclaims and refuses the rest (EBUSY). v2 reclaims and
 *   kills the rest; so there room is made before by memory.high, which never kills.
 * - What fails half-way is taken back: each file's old text is written again.
 * - systemd's driver: the scope around the container has the same limits, and systemd writes
 *   them. What rises, rises there first; what falls, falls in the container first.
 * - A controller that no limit needed so far is joined now: on v1 a cgroup is made, gets its
 *   limits, and then the processes. If they cannot all be moved it is removed again.
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst
 */
#include "cgroup/cgroup_internal.h"
#include "cgroup/systemd.h"

#include "base/io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOVE_MS 2000

static const char limit_field[] = "linux.resources.memory.limit";
static const char swap_field[] = "linux.resources.memory.swap";

/* --- what is asked for, made whole by what holds --- */

static bool is_given(const struct mr_int *v)
{
	return v->set && v->value != 0;
}

void mr_cgroup_complete_memory(struct mr_memory *m, const struct mr_cgroup_limits *now)
{
	bool limited = now->memory.set && now->memory.value <= INT64_MAX;

	if (is_given(&m->swap)) {
		if (m->swap.value > 0 && !is_given(&m->limit) && limited)
			m->limit = (struct mr_int){true, (int64_t)now->memory.value};
		return;
	}
	if (!is_given(&m->limit))
		return;
	if (m->limit.value < 0)
		m->swap = (struct mr_int){true, -1};
	else if (now->memory_version == 1 && limited && now->memory_swap.set &&
		 now->memory_swap.value >= now->memory.value)
		m->swap = (struct mr_int){true,
			m->limit.value +
				(int64_t)(now->memory_swap.value - now->memory.value)};
}

/* --- memory.checkBeforeUpdate --- */

static int reject(const char *field, const char *what, int64_t limit, uint64_t used,
	struct mr_error *err)
{
	char a[24], b[24];

	mr_fail_text(err, EBUSY,
		"%s: rejecting %s %" PRId64 " (%s): %" PRIu64
		" bytes (%s) are in use, and checkBeforeUpdate is set",
		field, what, limit, mr_format_size((uint64_t)limit, a), used,
		mr_format_size(used, b));
	mr_hint(err, "choose a limit above what is in use");
	return -EBUSY;
}

static int check_before(const struct mr_memory *m, int dir, bool v2, struct mr_error *err)
{
	uint64_t used, swap = 0, both;

	if (!m->check_before_update.set || !m->check_before_update.value || dir < 0)
		return 0;
	const char *file = v2 ? "memory.current" : "memory.usage_in_bytes";
	int r = mr_read_u64_at(dir, file, &used);
	if (r < 0)
		return mr_fail(err, -r, "%s: read %s", limit_field, file);
	/* Without swap accounting there is no file, and nothing that could be limited. */
	if (v2)
		mr_read_u64_at(dir, "memory.swap.current", &swap);
	both = used + swap;
	if (!v2 && mr_read_u64_at(dir, "memory.memsw.usage_in_bytes", &both) < 0)
		both = used;
	if (m->limit.value > 0 && used > (uint64_t)m->limit.value)
		return reject(limit_field, "memory limit", m->limit.value, used, err);
	if (m->swap.value > 0 && both > (uint64_t)m->swap.value)
		return reject(swap_field, "memory+swap limit", m->swap.value, both, err);
	return 0;
}

/* --- v2: room below a lower limit --- */

static const char *find_row(const struct mr_cgroup_rows *rows, const char *file)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (mr_streq(rows->items[i].file, file))
			return rows->items[i].value;
	}
	return NULL;
}

/*
 * Press the usage below @limit. @ret_high what memory.high was, to be written back after the
 * limit; "" when nothing had to be done.
 */
static int make_room(
	int dir, const char *limit, char *ret_high, size_t cap, struct mr_error *err)
{
	uint64_t wanted, used;

	ret_high[0] = '\0';
	if (mr_parse_u64(limit, &wanted) < 0 ||
		mr_read_u64_at(dir, "memory.current", &used) < 0 || used <= wanted)
		return 0;
	ssize_t n = mr_read_line_at(dir, "memory.high", ret_high, cap);
	/* This very write reclaims, as long as there is progress. */
	int r = n < 0 ? (int)n : mr_write_file_at(dir, "memory.high", limit);
	if (r == 0 && mr_read_u64_at(dir, "memory.current", &used) == 0 && used > wanted) {
		mr_write_file_at(dir, "memory.high", ret_high);
		r = -EBUSY;
	}
	if (r == 0)
		return 0;
	ret_high[0] = '\0';
	return r == -EBUSY ? mr_cgroup_fail_busy(dir, limit_field, "memory.max", limit, err)
			   : mr_fail(err, -r, "%s: make room by memory.high", limit_field);
}

/* --- take back --- */

struct snapshot {
	int dir;
	const char *file;
	const char *old; /* NULL: not known; "": an empty list */
};

/* @return NULL: no memory */
static struct snapshot *take_snapshot(const struct mr_cgroup *cg,
	const struct mr_cgroup_rows *rows, struct mr_arena *arena)
{
	struct snapshot *all = mr_arena_alloc(arena, (rows->n + 1) * sizeof(*all));
	char text[4096]; /* a list of processors can be long */

	for (size_t i = 0; all && i < rows->n; i++) {
		const struct mr_cgroup_row *row = &rows->items[i];
		struct snapshot *s = &all[i];
		int h = row->core ? cg->host->unified : cg->host->owner[row->controller];
		s->dir = h < 0 ? -1 : cg->dir[h];
		s->file = row->file;
		ssize_t n = s->dir < 0 ? -1
				       : mr_read_line_at(s->dir, s->file, text, sizeof(text));
		if (n == -ENOENT && row->else_file) {
			s->file = row->else_file;
			n = mr_read_line_at(s->dir, s->file, text, sizeof(text));
		}
		/* Files of several lines are not read as they are written. */
		const bool known = n >= 0 && !strchr(text, '\n');
		s->old = known ? mr_arena_strdup(arena, text) : NULL;
		if (known && !s->old)
			return NULL;
	}
	return all;
}

/* In reverse order: it is the right one for the way back too. */
static void take_back(const struct snapshot *all, size_t n)
{
	while (n-- > 0) {
		/* A write of nothing would not reach the kernel. */
		if (all[n].old)
			mr_write_file_at(all[n].dir, all[n].file,
				all[n].old[0] ? all[n].old : "\n");
	}
}

/* --- a controller that no limit needed so far --- */

struct late {
	bool made[MR_MAX_HIERARCHIES];
};

/* What is made outside of the default parent would not be found again at the end. */
static int refuse_late(const struct mr_cgroup *cg, int h, struct mr_error *err)
{
	const char *name = mr_path_base(cg->host->hierarchies[h].mount_point);

	mr_fail_text(err, EOPNOTSUPP, "the container has no %s cgroup", name);
	mr_hint(err, "below %s it could be joined now; elsewhere give it such a limit at the "
		     "start",
		MR_CGROUP_PARENT);
	return -EOPNOTSUPP;
}

static int make_late(const struct mr_cgroup_plan *plan, struct mr_cgroup *cg,
	struct late *late, struct mr_error *err)
{
	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (!plan->hierarchy[h] || cg->dir[h] >= 0)
			continue;
		if (cg->host->hierarchies[h].v2 ||
			mr_cgroup_default_parent(cg) == 0)
			return refuse_late(cg, h, err);
		int fd = mr_cgroup_open_late(cg, h, err);
		if (fd < 0)
			return fd;
		cg->dir[h] = fd;
		late->made[h] = true;
	}
	return 0;
}

static int fill_late(struct mr_cgroup *cg, const struct late *late, struct mr_error *err)
{
	const int64_t deadline = mr_now_mono_ns() + MOVE_MS * INT64_C(1000000);
	int r = 0;

	for (int h = 0; h < cg->host->n_hierarchies && r == 0; h++) {
		if (!late->made[h])
			continue;
		/* All others are complete, so they say who there is. */
		struct mr_cgroup joined = *cg;
		for (int i = h + 1; i < cg->host->n_hierarchies; i++)
			joined.dir[i] = late->made[i] ? -1 : cg->dir[i];
		r = mr_cgroup_move_in(&joined, h, cg->dir[h], deadline, err);
	}
	return r;
}

/* Those who were moved in before it failed go to the root, which limits nothing: in a cgroup that
 * stays the others would be missed, since the next update finds it joined. */
static void drop_late(const struct mr_cgroup *cg, const struct late *late, struct mr_error *err)
{
	const int64_t deadline = mr_now_mono_ns() + MOVE_MS * INT64_C(1000000);
	char full[MR_CGROUP_FULL_MAX];

	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (!late->made[h])
			continue;
		mr_cgroup_move_out(cg, h, cg->dir[h], deadline);
		mr_cgroup_full(cg->host, h, cg->path, full);
		if (rmdir(full) == 0)
			mr_cgroup_remove_parents(cg, h);
		else
			mr_hint(err, "the cgroup %s stays: %s", full, mr_reason(errno));
	}
}

/* --- all together --- */

static int update_scope(const struct mr_cgroup *cg, const bool *user_scope,
	const struct mr_cgroup_rows *rows, struct mr_error *err)
{
	auto_strv properties = {0};

	if (!user_scope)
		return 0;
	int r = mr_scope_properties(rows, &properties, err);
	return r < 0 ? r : mr_scope_update(cg->path, *user_scope, &properties, err);
}

/* The scope as it was: what the container's own files still say. */
static void take_scope_back(const struct mr_cgroup *cg, const bool *user_scope,
	const struct mr_cgroup_rows *rows, const struct snapshot *old)
{
	struct mr_error ignored;
	struct mr_cgroup_rows before = {calloc(rows->n + 1, sizeof(*rows->items)), 0};

	for (size_t i = 0; before.items && i < rows->n; i++) {
		if (!old[i].old)
			continue;
		before.items[before.n] = (struct mr_cgroup_row){
			.controller = rows->items[i].controller,
			.file = old[i].file,
			.value = old[i].old,
		};
		before.n++;
	}
	if (before.items)
		update_scope(cg, user_scope, &before, &ignored);
	free(before.items);
}

/* Is the limit above what the container has? Then the scope must have it first. */
static bool is_raised(const char *limit, int dir)
{
	uint64_t wanted = UINT64_MAX, now;

	return limit && mr_read_u64_at(dir, "memory.max", &now) == 0 &&
	       (mr_streq(limit, "max") || mr_parse_u64(limit, &wanted) == 0) && wanted > now;
}

static int apply(const struct mr_cgroup_plan *plan, const bool *user_scope,
	const struct late *late, struct mr_cgroup *cg, struct mr_arena *arena,
	struct mr_strv *warnings, struct mr_error *err)
{
	const int memory = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	const char *limit = mr_host_is_v2(cg->host, MR_CTL_MEMORY) && memory >= 0
				    ? find_row(&plan->rows, "memory.max")
				    : NULL;
	char high[64] = "";
	const struct snapshot *old = take_snapshot(cg, &plan->rows, arena);

	if (!old)
		return mr_fail(err, ENOMEM, "change limits");
	const bool scope_first = is_raised(limit, memory);
	int r = limit ? make_room(memory, limit, high, sizeof(high), err) : 0;
	if (r == 0 && scope_first)
		r = update_scope(cg, user_scope, &plan->rows, err);
	if (r == 0) {
		r = mr_cgroup_apply(plan, cg, warnings, err);
		if (r < 0 && scope_first)
			take_scope_back(cg, user_scope, &plan->rows, old);
	}
	if (r == 0 && !scope_first)
		r = update_scope(cg, user_scope, &plan->rows, err);
	if (r == 0) {
		r = fill_late(cg, late, err);
		if (r < 0)
			take_scope_back(cg, user_scope, &plan->rows, old);
	}
	if (r < 0)
		take_back(old, plan->rows.n);
	if (high[0] && (r < 0 || !find_row(&plan->rows, "memory.high")))
		mr_write_file_at(memory, "memory.high", high);
	return r;
}

int mr_cgroup_update(struct mr_spec *wanted, bool emulate, const bool *user_scope,
	struct mr_cgroup *cg,
	struct mr_arena *arena, struct mr_strv *warnings, struct mr_error *err)
{
	struct mr_memory *m = wanted->linux_->resources->memory;
	struct mr_cgroup_plan plan;
	struct late late = {0};
	int r = 0;

	wanted->linux_->cgroups_path = cg->path;
	wanted->linux_->resources->devices.n = 0;
	if (m)
		r = check_before(m, mr_cgroup_dir(cg, MR_CTL_MEMORY),
			mr_host_is_v2(cg->host, MR_CTL_MEMORY), err);
	if (m && emulate)
		m->disable_oom_killer.set = false;
	if (r == 0)
		r = mr_cgroup_plan(wanted, cg->host, "", NULL, arena, &plan,
			warnings, err);
	if (r == 0 && m && emulate)
		r = mr_cgroup_plan_high(&m->limit, cg->host, arena, &plan.rows, err);
	if (r == 0 && cg->host->unified >= 0)
		r = mr_cgroup_enable_controllers(&plan, cg->host, cg->host->unified, err);
	if (r == 0)
		r = make_late(&plan, cg, &late, err);
	if (r == 0)
		r = apply(&plan, user_scope, &late, cg, arena, warnings, err);
	if (r < 0)
		drop_late(cg, &late, err);
	return r;
}
