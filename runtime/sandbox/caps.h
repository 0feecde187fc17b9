/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_CAPS_H
#define MR_SANDBOX_CAPS_H

#include "spec/host.h"
#include "spec/spec.h"

/** The five sets as bit masks, already cut to what can be granted. */
struct mr_caps_plan {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/**
 * Pure but for libcap's name table. A name that is unknown, or that the caller cannot
 * grant (not held, and no new user namespace), is dropped with a warning, as the
 * specification demands. Absent capabilities object: all sets empty.
 */
int mr_caps_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_caps_plan *ret, struct mr_strv *warnings, struct mr_error *err);

/** Drop everything outside the bounding set, and keep the rest over a change of user
 * (PR_SET_KEEPCAPS). Before mr_process_set_user(). */
int mr_caps_before_user(const struct mr_caps_plan *plan, struct mr_error *err);
/** Effective, permitted, inheritable, then ambient; KEEPCAPS off. After the user is set. */
int mr_caps_after_user(const struct mr_caps_plan *plan, struct mr_error *err);

/** "CAP_NET_RAW" and so on; NULL beyond the last known one. Static storage. */
const char *mr_cap_name(int cap);

#endif
