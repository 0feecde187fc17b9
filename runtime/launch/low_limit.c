/* SPDX-License-Identifier: Apache-2.0 */
/* A memory limit below what a start needs: see low_limit.h. Under a few KiB execve(2) fails
 * with ENOMEM or E2BIG; above, the kernel kills (kernel 6.18). */
#include "launch/low_limit.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

void mr_explain_low_limit(const struct mr_cgroup_limits *limits, int64_t asked, uint64_t kills,
	struct mr_error *err)
{
	const unsigned long long kept = limits->memory.value;
	const unsigned long long bytes = kept ? kept : (unsigned long long)asked;
	const bool refused = err->err == ENOMEM || err->err == E2BIG;
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
			"memory limit %s (%llu bytes) is too low: the kernel's OOM killer "
			"killed init before the program ran",
			limit, bytes);
	else
		mr_prefix(err, "memory limit %s (%llu bytes) is too low to start in", limit, bytes);
	mr_hint(err, "256 KiB (262144) start a small static program, 2 MiB a dynamically linked "
		     "one");
}
