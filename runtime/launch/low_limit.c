/* SPDX-License-Identifier: Apache-2.0 */
/* A memory limit below what a start needs: see low_limit.h. Under a few KiB execve(2) fails
 * with ENOMEM or E2BIG; above, the kernel kills: in the set-up, and above that after the exec,
 * when the program's first pages come in, or those of the minimal init (kernel 6.18). */
#include "launch/low_limit.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

#define ENOUGH (2 << 20) /* bytes */
#define ENOUGH_STATIC (512 << 10)
#define ENOUGH_TEXT "2 MiB (2097152) start a dynamically linked program"
#define ENOUGH_STATIC_TEXT \
	"512 KiB (524288) start a small static program, 2 MiB a dynamically linked one"
#define START_MS 1000 /* also on a host that is short of everything */

static const char *what_is_enough(uint64_t limit)
{
	return limit < ENOUGH_STATIC ? ENOUGH_STATIC_TEXT : ENOUGH_TEXT;
}

bool mr_limit_is_low(const struct mr_resources *r)
{
	return r && r->memory && r->memory->limit.set && r->memory->limit.value >= 0 &&
	       r->memory->limit.value < ENOUGH;
}

void mr_explain_low_limit(const struct mr_cgroup_limits *limits, int64_t asked, uint64_t kills,
	struct mr_error *err)
{
	const unsigned long long kept = limits->memory.value;
	const unsigned long long bytes = asked > 0 ? (unsigned long long)asked : kept;
	const char *what = asked > 0 ? "linux.resources.memory.limit:" : "memory limit";
	/* ECHILD: it died, as it does where the killer is disabled. */
	const bool refused = kept < ENOUGH && (err->err == ENOMEM || err->err == E2BIG ||
						      err->err == ECHILD);
	char limit[24];

	if (!limits->memory.set || (kills == 0 && !refused))
		return;
	/* What the kernel made of it: whole pages. */
	if (kept == 0)
		snprintf(limit, sizeof(limit), "below one page");
	else
		mr_format_size(kept, limit);
	if (kills > 0)
		mr_fail_text(err, ENOMEM,
			"%s %s (%llu bytes) is too low: the kernel's OOM killer "
			"killed init before the program ran",
			what, limit, bytes);
	else
		mr_prefix(err, "%s %s (%llu bytes) is too low to start in", what, limit, bytes);
	mr_hint(err, "%s", what_is_enough(kept));
}

int mr_warn_low_limit(const struct mr_verdict *v, int64_t wall_usec, struct mr_strv *warnings)
{
	char limit[24];

	if (v->kills == 0 || v->init_killed == 0 || v->scope != MR_SCOPE_CONTAINER ||
		!v->limit.set || v->limit.value >= ENOUGH)
		return 0;
	if (wall_usec < 0 || wall_usec >= START_MS * INT64_C(1000))
		return 0;
	return mr_strv_addf(warnings,
		"memory limit %s (%llu bytes) may be too low to start in: the container was "
		"OOM-killed %lld ms after its start; %s; minirun bisect finds what this one needs",
		mr_format_size(v->limit.value, limit), (unsigned long long)v->limit.value,
		(long long)wall_usec / 1000, what_is_enough(v->limit.value));
}
