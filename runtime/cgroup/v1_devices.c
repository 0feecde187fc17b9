/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device access list of the spec, completed by the default devices, and its form on
 * cgroup v1. Pure.
 *
 * In the spec the last rule that matches an access decides. The v1 controller keeps
 * something else: one default, allow or deny, and a flat set of exceptions without order.
 * A deny rule removes from the set only an exception with the very same numbers; for any
 * other the kernel accepts the write and changes nothing. So the rules are played through
 * here, and a rule that the set cannot express, a hole in a wildcard, is an error:
 * writing it would leave open what the spec closes.
 *
 * Documentation/admin-guide/cgroup-v1/devices.rst, security/device_cgroup.c
 */
#include "cgroup/v1.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { ACC_MKNOD = 1, ACC_READ = 2, ACC_WRITE = 4, ACC_ALL = 7 };
#define ANY INT64_C(-1)

/* What a container gets whatever its list says: mknod makes a node but opens nothing. The
 * host's console (5:1) is not among them: /dev/console in a container is a pty (136). */
static const struct {
	char type;
	int major, minor;
	const char *access;
} defaults[] = {
	{'c', -1, -1, "m"}, {'b', -1, -1, "m"}, {'c', 1, 3, "rwm"}, /* null */
	{'c', 1, 5, "rwm"},                                         /* zero */
	{'c', 1, 7, "rwm"},                                         /* full */
	{'c', 1, 8, "rwm"},                                         /* random */
	{'c', 1, 9, "rwm"},                                         /* urandom */
	{'c', 5, 0, "rwm"},                                         /* tty */
	{'c', 5, 2, "rwm"},                                         /* ptmx */
	{'c', 136, -1, "rwm"},                                      /* pseudo terminals */
};
#define N_DEFAULTS (sizeof(defaults) / sizeof(defaults[0]))

static unsigned parse_access(const char *text)
{
	unsigned bits = 0;

	if (!text || !*text)
		return ACC_ALL;
	for (; *text; text++) {
		if (*text == 'r')
			bits |= ACC_READ;
		else if (*text == 'w')
			bits |= ACC_WRITE;
		else if (*text == 'm')
			bits |= ACC_MKNOD;
	}
	return bits;
}

/* docker writes -1 for "any". */
static int64_t number_of(const struct mr_int *v)
{
	return v->set && v->value >= 0 ? v->value : ANY;
}

static bool is_any_type(const struct mr_device_rule *rule)
{
	return rule->type == 'a' || rule->type == '\0';
}

static bool is_everything(const struct mr_device_rule *rule)
{
	return is_any_type(rule) && number_of(&rule->major) == ANY &&
	       number_of(&rule->minor) == ANY && parse_access(rule->access) == ACC_ALL;
}

int mr_cgroup_device_rules(const struct mr_resources *r, struct mr_arena *arena,
	const struct mr_device_rule **ret, size_t *ret_n, struct mr_error *err)
{
	*ret = NULL;
	*ret_n = 0;
	if (!r || r->devices.n == 0)
		return 0;

	size_t n = r->devices.n + N_DEFAULTS;
	struct mr_device_rule *rules = mr_arena_alloc(arena, n * sizeof(*rules));
	if (!rules)
		return mr_fail(err, ENOMEM, "plan the device access list");
	memcpy(rules, r->devices.items, r->devices.n * sizeof(*rules));
	for (size_t i = 0; i < N_DEFAULTS; i++) {
		struct mr_device_rule *rule = &rules[r->devices.n + i];
		char *access = mr_arena_strdup(arena, defaults[i].access);
		if (!access)
			return mr_fail(err, ENOMEM, "plan the device access list");
		*rule = (struct mr_device_rule){
			.allow = true, .type = defaults[i].type, .access = access};
		rule->major = (struct mr_int){defaults[i].major >= 0, defaults[i].major};
		rule->minor = (struct mr_int){defaults[i].minor >= 0, defaults[i].minor};
	}
	*ret = rules;
	*ret_n = n;
	return 0;
}

bool mr_cgroup_devices_allow_all(const struct mr_device_rule *rules, size_t n)
{
	for (size_t i = n; i > 0; i--) {
		if (!rules[i - 1].allow)
			return false;
		if (is_everything(&rules[i - 1]))
			return true;
	}
	return false;
}

/* --- the set of exceptions --- */

struct exception {
	char type; /* b or c */
	int64_t major, minor;
	unsigned access; /* 0: taken out again */
	size_t rule;     /* the rule of the spec that made it, for errors */
};

struct access_set {
	bool allow; /* the default; exceptions are its opposite */
	struct exception *items;
	size_t n;
};

static bool number_covers(int64_t wide, int64_t narrow)
{
	return wide == ANY || wide == narrow;
}

static bool covers(const struct exception *wide, const struct exception *narrow)
{
	return wide->type == narrow->type && number_covers(wide->major, narrow->major) &&
	       number_covers(wide->minor, narrow->minor);
}

static bool overlaps(const struct exception *a, const struct exception *b)
{
	return a->type == b->type &&
	       (number_covers(a->major, b->major) || number_covers(b->major, a->major)) &&
	       (number_covers(a->minor, b->minor) || number_covers(b->minor, a->minor));
}

static void add_exception(struct access_set *set, const struct exception *e)
{
	for (size_t i = 0; i < set->n; i++) {
		struct exception *old = &set->items[i];
		if (covers(old, e) && covers(e, old)) {
			old->access |= e->access;
			return;
		}
	}
	set->items[set->n++] = *e;
}

static int take_out(
	struct access_set *set, const struct exception *e, struct mr_error *err)
{
	for (size_t i = 0; i < set->n; i++) {
		struct exception *old = &set->items[i];
		if (covers(e, old)) {
			old->access &= ~e->access;
		} else if (overlaps(e, old) && (old->access & e->access)) {
			int r = mr_fail_text(err, EINVAL,
				"linux.resources.devices[%zu]: takes a part out of what rule %zu "
				"says, which cgroup v1 cannot do",
				e->rule, old->rule);
			mr_hint(err,
				"list the single devices instead of the wildcard, or use "
				"a host with cgroup v2");
			return r;
		}
	}
	return 0;
}

static int play_rule(struct access_set *set, const struct mr_device_rule *rule,
	size_t index, struct mr_error *err)
{
	static const char types[] = "bc";

	if (is_everything(rule)) {
		set->allow = rule->allow;
		set->n = 0;
		return 0;
	}
	for (const char *type = types; *type; type++) {
		struct exception e = {*type, number_of(&rule->major),
			number_of(&rule->minor), parse_access(rule->access), index};
		if (!is_any_type(rule) && rule->type != *type)
			continue;
		if (rule->allow != set->allow) {
			add_exception(set, &e);
			continue;
		}
		int r = take_out(set, &e, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *number_text(const struct mr_row_writer *w, int64_t number)
{
	return number == ANY ? "*" : mr_row_format(w, "%" PRId64, number);
}

static int put_exception(const struct mr_row_writer *w, const struct exception *e,
	const char *file, size_t n_spec)
{
	if (e->access == 0)
		return 0;
	const char *field = "linux.resources.devices";
	if (e->rule < n_spec)
		field = mr_row_format(w, "linux.resources.devices[%zu]", e->rule);
	const char *major = number_text(w, e->major), *minor = number_text(w, e->minor);
	if (!field || !major || !minor)
		return -ENOMEM;
	return mr_row_putf(w, field, file, "%c %s:%s %s%s%s", e->type, major, minor,
		e->access & ACC_READ ? "r" : "", e->access & ACC_WRITE ? "w" : "",
		e->access & ACC_MKNOD ? "m" : "");
}

int mr_cgroup_v1_device_rows(const struct mr_resources *r, struct mr_arena *arena,
	struct mr_cgroup_rows *rows, struct mr_error *err)
{
	const struct mr_row_writer w = {MR_CTL_DEVICES, false, arena, rows, NULL, err};
	const struct mr_device_rule *rules;
	size_t n;
	int ret = mr_cgroup_device_rules(r, arena, &rules, &n, err);
	if (ret < 0 || n == 0)
		return ret;

	struct access_set set = {0};
	set.items = mr_arena_alloc(arena, 2 * n * sizeof(*set.items));
	if (!set.items)
		return mr_fail(err, ENOMEM, "plan the device access list");
	for (size_t i = 0; i < n; i++) {
		ret = play_rule(&set, &rules[i], i, err);
		if (ret < 0)
			return ret;
	}

	/* "a" sets the default and empties the list; a cgroup is born with its parent's.
	 */
	ret = mr_row_putf(&w, "linux.resources.devices",
		set.allow ? "devices.allow" : "devices.deny", "a");
	for (size_t i = 0; i < set.n && ret == 0; i++)
		ret = put_exception(&w, &set.items[i],
			set.allow ? "devices.deny" : "devices.allow", r->devices.n);
	return ret;
}
