/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disabled OOM killer on cgroup v2: see emulate.h.
 *
 * Going above memory.high is no reason to stop: page cache can be reclaimed. Writing
 * memory.high, be it the same number, makes the kernel reclaim as long as it gets anywhere;
 * what is above it then cannot be had. Nobody tells when it could go on, so whoever calls
 * us comes again while it stands still.
 *
 * Documentation/admin-guide/cgroup-v2.rst: memory.high, cgroup.freeze (kernel 5.2)
 */
#include "oom/emulate.h"

#include "base/io.h"

#include <stdio.h>

struct level {
	uint64_t high, used;
};

/* Unknown is not above. */
static bool is_above(const struct mr_oom_watch *w, struct level *ret)
{
	const int dir = w->level[0].dir;

	*ret = (struct level){0};
	return mr_read_u64_at(dir, "memory.high", &ret->high) == 0 &&
	       mr_read_u64_at(dir, "memory.current", &ret->used) == 0 &&
	       ret->used > ret->high;
}

/* The limit has risen, or memory was freed that is worth it: what the processors keep in
 * stock comes back by itself, and would make us freeze and thaw in turn. */
static bool has_room(const struct mr_oom_watch *w, const struct level *l)
{
	return l->high > w->held_high || l->used + l->high / 16 <= l->high;
}

bool mr_oom_emulate_step(struct mr_oom_watch *w, bool keep_frozen)
{
	const int dir = w->level[0].dir;
	struct level l;
	char text[24];

	if (!w->emulate)
		return false;
	bool above = is_above(w, &l);
	if (above && !w->held) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)l.high);
		mr_write_file_at(dir, "memory.high", text);
		above = is_above(w, &l);
	}
	/* Again and again: the user may have resumed it. */
	if (above && mr_write_file_at(dir, "cgroup.freeze", "1") == 0) {
		w->held = true;
		w->held_high = l.high;
	} else if (!above && w->held && !keep_frozen && has_room(w, &l)) {
		w->held = mr_write_file_at(dir, "cgroup.freeze", "0") < 0;
	}
	return w->held;
}

void mr_oom_emulate_end(struct mr_oom_watch *w)
{
	if (w->held)
		mr_write_file_at(w->level[0].dir, "cgroup.freeze", "0");
	w->held = false;
}
