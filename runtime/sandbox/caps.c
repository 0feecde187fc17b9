/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps - the five capability sets of the container process.
 *
 * The kernel idea: the bounding set limits what an execve(2) can give, so it is the wall
 * for root inside the container (a program run by uid 0 gets bounding | inheritable);
 * permitted and effective say what the process may do until then; inheritable and ambient
 * say what a user other than root keeps over the execve.
 *
 * Order constraints:
 *  - The bounding set is cut while CAP_SETPCAP is still effective, so before the user.
 *  - setresuid(2) away from 0 empties the permitted set unless PR_SET_KEEPCAPS is on, and
 *    empties the effective set always. So the sets are written after it, in one
 * capset(2).
 *  - A capability becomes ambient only when it is permitted and inheritable, so last.
 *
 * A bit of the bounding set is dropped without asking first whether it is there: mostly it
 * is. Only who may not drop has to ask.
 *
 * Manual pages: capabilities(7), capset(2), prctl(2), cap_from_name(3).
 */
#include "sandbox/caps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define BIT(cap) (UINT64_C(1) << (cap))

const char *mr_cap_name(int cap)
{
	static char names[64][32];

	if (cap < 0 || cap > 63)
		return NULL;
	if (names[cap][0] == '\0') {
		char *name = cap_to_name((cap_value_t)cap);
		/* Beyond the last name libcap answers with the number. */
		if (name == NULL || name[0] != 'c') {
			cap_free(name);
			return NULL;
		}
		for (size_t i = 0; name[i] != '\0' && i < sizeof(names[cap]) - 1; i++)
			names[cap][i] = name[i] >= 'a' && name[i] <= 'z'
						? (char)(name[i] - 'a' + 'A')
						: name[i];
		cap_free(name);
	}
	return names[cap];
}

/* -1 for anything but the exact name: cap_from_name(3) takes numbers and lower case. */
static int cap_number(const char *name)
{
	cap_value_t value;

	if (!mr_has_prefix(name, "CAP_") || cap_from_name(name, &value) < 0 || value > 63)
		return -1;
	return mr_streq(mr_cap_name((int)value), name) ? (int)value : -1;
}

/* The same name usually stands in several sets: one warning is enough. */
static int warn_once(struct mr_strv *warnings, const char *text)
{
	if (warnings == NULL)
		return 0;
	for (size_t i = 0; i < warnings->n; i++) {
		if (mr_streq(warnings->items[i], text))
			return 0;
	}
	return mr_strv_add(warnings, text);
}

static int warn_left_out(struct mr_strv *warnings, const char *name, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "process.capabilities: '%.64s' is left out of every set: %s",
		name, why);
	return warn_once(warnings, text);
}

static int plan_set(const struct mr_list *names, uint64_t known, uint64_t held,
	uint64_t *ret, struct mr_strv *warnings)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->items[i];
		int cap = cap_number(name);
		int r = 0;

		if (cap < 0)
			r = warn_left_out(warnings, name, "there is no such capability");
		else if ((known & BIT(cap)) == 0)
			r = warn_left_out(warnings, name, "the kernel does not know it");
		else if ((held & BIT(cap)) == 0)
			r = warn_left_out(warnings, name,
				"minirun does not hold it, and the container has no user "
				"namespace of its own");
		else
			*ret |= BIT(cap);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Take from @set what is not in @limit: the kernel would refuse the whole capset(2). */
static int cut_to(uint64_t *set, uint64_t limit, const char *set_name, const char *why,
	struct mr_strv *warnings)
{
	uint64_t excess = *set & ~limit;

	*set &= limit;
	for (int cap = 0; cap < 64; cap++) {
		char text[256];

		if ((excess & BIT(cap)) == 0)
			continue;
		snprintf(text, sizeof(text),
			"process.capabilities.%s: %s is left out: %s", set_name,
			mr_cap_name(cap), why);
		int r = warn_once(warnings, text);
		if (r < 0)
			return r;
	}
	return 0;
}

int mr_caps_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_caps_plan *ret, struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_capabilities *caps =
		spec->process != NULL ? spec->process->capabilities : NULL;
	int bits = (int)cap_max_bits();
	uint64_t known = bits > 0 && bits < 64 ? BIT(bits) - 1 : UINT64_MAX;
	/* A process in a user namespace starts with every capability there, and with a
	 * full bounding set. */
	bool userns = mr_spec_namespace_of(spec, MR_NS_USER) != NULL;
	uint64_t held = userns ? UINT64_MAX : host->effective_caps;

	memset(ret, 0, sizeof(*ret));
	if (caps == NULL)
		return 0;

	int r = plan_set(&caps->bounding, known, held, &ret->bounding, warnings);
	if (r == 0)
		r = plan_set(&caps->permitted, known, held, &ret->permitted, warnings);
	if (r == 0)
		r = plan_set(&caps->effective, known, held, &ret->effective, warnings);
	if (r == 0)
		r = plan_set(
			&caps->inheritable, known, held, &ret->inheritable, warnings);
	if (r == 0)
		r = plan_set(&caps->ambient, known, held, &ret->ambient, warnings);
	if (r == 0)
		r = cut_to(&ret->effective, ret->permitted, "effective",
			"it is not in permitted", warnings);
	if (r == 0)
		r = cut_to(&ret->inheritable, ret->bounding, "inheritable",
			"it is not in bounding", warnings);
	if (r == 0)
		r = cut_to(&ret->ambient, ret->permitted & ret->inheritable, "ambient",
			"it is not both in permitted and in inheritable", warnings);
	return r < 0 ? mr_fail(err, -r, "process.capabilities: plan") : 0;
}

int mr_caps_before_user(const struct mr_caps_plan *plan, struct mr_error *err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (plan->bounding & BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		int e = errno;
		int there = e == EINVAL ? -1 : prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (there < 0)
			break; /* EINVAL: beyond the last capability of this kernel */
		if (there == 0)
			continue;
		const char *name = mr_cap_name(cap);
		mr_fail(err, e, "drop %s (%d) from the bounding set",
			name ? name : "capability", cap);
		if (e == EPERM)
			mr_hint(err, "needs CAP_SETPCAP: run as root, or give the "
				     "container a user namespace");
		return -e;
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return mr_fail(err, errno, "prctl(PR_SET_KEEPCAPS, 1)");
	return 0;
}

static int raise_ambient(uint64_t ambient, struct mr_error *err)
{
	/* What the caller had ambient and the plan keeps inheritable would stay. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return mr_fail(err, errno, "clear the ambient capabilities");
	for (int cap = 0; cap < 64; cap++) {
		if ((ambient & BIT(cap)) == 0)
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return mr_fail(err, errno, "make %s ambient", mr_cap_name(cap));
	}
	return 0;
}

int mr_caps_after_user(const struct mr_caps_plan *plan, struct mr_error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(plan->effective >> (32 * half));
		data[half].permitted = (uint32_t)(plan->permitted >> (32 * half));
		data[half].inheritable = (uint32_t)(plan->inheritable >> (32 * half));
	}
	if (capset(&header, data) < 0)
		return mr_fail(err, errno,
			"capset: effective %#llx, permitted %#llx, inheritable %#llx",
			(unsigned long long)plan->effective,
			(unsigned long long)plan->permitted,
			(unsigned long long)plan->inheritable);
	int r = raise_ambient(plan->ambient, err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return mr_fail(err, errno, "prctl(PR_SET_KEEPCAPS, 0)");
	return 0;
}
