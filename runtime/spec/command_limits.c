/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command mode: docker's limit flags to linux.resources and process.rlimits. See
 * command_parts.h.
 *
 * One thing differs from docker on purpose: without --memory-swap the swap limit equals
 * the memory limit, not twice of it. A test of a memory limit wants that limit, and not
 * the host's swap.
 */
#include "spec/command_parts.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mr_command_refuse(
	struct mr_error *err, const char *flag, const char *value, const char *fmt, ...)
{
	char reason[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	auto_str shown = {0};
	mr_str_append_printable(&shown, value);
	return mr_fail_text(err, EINVAL, "invalid argument \"%.200s\" for %s: %s",
		mr_str_text(&shown), flag, reason);
}

/* --- memory --- */

struct memory {
	int64_t limit, swap, reservation, swappiness; /* -1 unlimited or not given */
	bool has_limit, has_swap, has_reservation, has_swappiness;
};

/* 0 means "no limit", as if the flag was absent. */
static int read_size(const char *flag, const char *text, int64_t *ret, bool *ret_has,
	struct mr_error *err)
{
	*ret_has = false;
	if (!text)
		return 0;
	if (mr_parse_size(text, ret) < 0)
		return mr_command_refuse(
			err, flag, text, "expected a size such as 64m, 1.5g or 67108864");
	*ret_has = *ret > 0;
	return 0;
}

static int read_swap(const struct mr_command *c, struct memory *m, struct mr_error *err)
{
	static const char flag[] = "--memory-swap";
	if (c->memory_swap && strcmp(c->memory_swap, "-1") == 0) {
		m->swap = -1;
		m->has_swap = m->has_limit;
		return 0;
	}
	int r = read_size(flag, c->memory_swap, &m->swap, &m->has_swap, err);
	if (r < 0)
		return r;
	if (m->has_swap && !m->has_limit)
		return mr_command_refuse(err, flag, c->memory_swap,
			"it is memory plus swap, so --memory must be given too");
	if (m->has_swap && m->swap < m->limit)
		return mr_command_refuse(err, flag, c->memory_swap,
			"it is memory plus swap and cannot be less than --memory %s",
			c->memory);
	if (!m->has_swap && m->has_limit) {
		m->swap = m->limit;
		m->has_swap = true;
	}
	return 0;
}

static int read_memory(const struct mr_command *c, struct memory *m, struct mr_error *err)
{
	int r = read_size("--memory", c->memory, &m->limit, &m->has_limit, err);
	if (r == 0)
		r = read_swap(c, m, err);
	if (r == 0)
		r = read_size("--memory-reservation", c->memory_reservation,
			&m->reservation, &m->has_reservation, err);
	if (r < 0)
		return r;
	if (m->has_reservation && m->has_limit && m->reservation > m->limit)
		return mr_command_refuse(err, "--memory-reservation",
			c->memory_reservation, "it cannot be more than --memory %s",
			c->memory);
	if (!c->memory_swappiness)
		return 0;
	if (mr_parse_i64(c->memory_swappiness, &m->swappiness) < 0 ||
		m->swappiness < -1 || m->swappiness > 100)
		return mr_command_refuse(err, "--memory-swappiness", c->memory_swappiness,
			"expected 0 to 100, or -1 for the host's");
	m->has_swappiness = m->swappiness >= 0;
	return 0;
}

int mr_command_oom_kill_disable(
	const struct mr_command *c, const char **ret_policy, struct mr_error *err)
{
	static const char *const policies[] = {"error", "warn", "emulate"};
	const char *text = c->oom_kill_disable;

	*ret_policy = NULL;
	if (!text || mr_streq(text, "false") || mr_streq(text, "0"))
		return 0;
	if (mr_streq(text, "true") || mr_streq(text, "1"))
		return 1;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (mr_streq(text, policies[i]))
			*ret_policy = text;
	}
	if (*ret_policy)
		return 1;
	return mr_command_refuse(err, "--oom-kill-disable", text,
		"expected true or false; for cgroup v2 error, warn or emulate");
}

static int put_memory(const struct mr_command *c, const struct memory *m,
	struct mr_json_writer *w, struct mr_error *err)
{
	const char *policy;
	int disable = mr_command_oom_kill_disable(c, &policy, err);

	if (disable < 0)
		return disable;
	if (!m->has_limit && !m->has_reservation && !m->has_swappiness &&
		!disable)
		return 0;
	mr_json_begin_object(w, "memory");
	if (m->has_limit)
		mr_json_put_int(w, "limit", m->limit);
	if (m->has_swap)
		mr_json_put_int(w, "swap", m->swap);
	if (m->has_reservation)
		mr_json_put_int(w, "reservation", m->reservation);
	if (m->has_swappiness)
		mr_json_put_int(w, "swappiness", m->swappiness);
	if (disable)
		mr_json_put_bool(w, "disableOOMKiller", true);
	mr_json_end(w);
	return 0;
}

/* --- cpu --- */

/* Digits only, no floating point. */
int mr_command_quota(const char *text, int64_t *ret, struct mr_error *err)
{
	const int64_t period = MR_COMMAND_PERIOD;
	const char *p = text;
	int64_t quota = 0, unit = period;
	*ret = 0;
	if (!text)
		return 0;
	for (; *p >= '0' && *p <= '9' && quota <= INT32_MAX; p++)
		quota = quota * 10 + (*p - '0') * period;
	bool digits = p > text;
	if (digits && *p == '.') {
		digits = p[1] != '\0';
		for (p++; *p >= '0' && *p <= '9'; p++) {
			unit /= 10;
			quota += (*p - '0') * unit;
		}
	}
	if (!digits || *p)
		return mr_command_refuse(err, "--cpus", text,
			"expected a number of CPUs such as 2 or 0.5");
	if (quota != 0 && quota < period / 100)
		return mr_command_refuse(err, "--cpus", text, "0.01 is the least");
	*ret = quota;
	return 0;
}

static int put_cpu(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	int64_t quota;
	const char *cpus = c->cpuset_cpus;
	int r = mr_command_quota(c->cpus, &quota, err);
	if (r < 0)
		return r;
	if (cpus && (!*cpus || strspn(cpus, "0123456789-,") != strlen(cpus)))
		return mr_command_refuse(err, "--cpuset-cpus", cpus,
			"expected a list of CPUs such as 0-3,7");
	if (quota == 0 && !cpus)
		return 0;
	mr_json_begin_object(w, "cpu");
	if (quota > 0) {
		mr_json_put_int(w, "quota", quota);
		mr_json_put_int(w, "period", MR_COMMAND_PERIOD);
	}
	if (cpus)
		mr_json_put_text(w, "cpus", cpus);
	mr_json_end(w);
	return 0;
}

/* --- pids and files of cgroup v2 --- */

static int put_pids(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	int64_t limit;
	if (!c->pids_limit)
		return 0;
	if (mr_parse_i64(c->pids_limit, &limit) < 0 || limit < -1)
		return mr_command_refuse(err, "--pids-limit", c->pids_limit,
			"expected a number of processes, or -1 for no limit");
	mr_json_begin_object(w, "pids");
	/* docker: 0 is no limit; in the spec 0 is a limit of none. */
	mr_json_put_int(w, "limit", limit == 0 ? -1 : limit);
	mr_json_end(w);
	return 0;
}

/* Length of the key of the i-th KEY=VALUE, checked. */
static int check_conf(const char *const *list, size_t i, struct mr_error *err)
{
	static const char flag[] = "--cgroup-conf";
	const char *equals = strchr(list[i], '=');
	if (!equals || equals == list[i])
		return mr_command_refuse(
			err, flag, list[i], "expected KEY=VALUE such as memory.high=60M");
	size_t n = (size_t)(equals - list[i]);
	for (size_t k = 0; k < i; k++) {
		if (strncmp(list[k], list[i], n + 1) == 0)
			return mr_command_refuse(
				err, flag, list[i], "the key was given before");
	}
	return 0;
}

static int put_unified(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	const char *const *list = c->cgroup_conf;
	if (!list || !*list)
		return 0;
	mr_json_begin_object(w, "unified");
	for (size_t i = 0; list[i]; i++) {
		int r = check_conf(list, i, err);
		if (r < 0)
			return r;
		autofree char *key = strdup(list[i]);
		if (!key)
			return mr_fail(err, ENOMEM, "--cgroup-conf");
		key[strcspn(key, "=")] = '\0';
		mr_json_put_text(w, key, strchr(list[i], '=') + 1);
	}
	mr_json_end(w);
	return 0;
}

int mr_command_resources(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	struct memory m = {0};
	int r = read_memory(c, &m, err);
	if (r < 0)
		return r;
	mr_json_begin_object(w, "resources");
	r = put_memory(c, &m, w, err);
	if (r == 0)
		r = put_cpu(c, w, err);
	if (r == 0)
		r = put_pids(c, w, err);
	if (r == 0)
		r = put_unified(c, w, err);
	mr_json_end(w);
	return r;
}

/* --- ulimits --- */

static int read_ulimit_value(
	const char *text, const char *value, uint64_t *ret, struct mr_error *err)
{
	if (strcmp(value, "-1") == 0 || strcmp(value, "unlimited") == 0) {
		*ret = UINT64_MAX; /* RLIM_INFINITY */
		return 0;
	}
	if (mr_parse_u64(value, ret) < 0)
		return mr_command_refuse(err, "--ulimit", text,
			"\"%.40s\" is no number (-1 is unlimited)", value);
	return 0;
}

/* NAME=SOFT[:HARD] taken apart. */
struct ulimit {
	char *name; /* owns the text that the others point into */
	const char *soft, *hard;
	int index; /* among the known ones */
};

static int split_ulimit(const char *text, struct ulimit *ret, struct mr_error *err)
{
	static const char *const known[] = {"as", "core", "cpu", "data", "fsize", "locks",
		"memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
		"rttime", "sigpending", "stack"};
	ret->name = strdup(text);
	if (!ret->name)
		return mr_fail(err, ENOMEM, "--ulimit");

	char *soft = strchr(ret->name, '='), *hard = NULL;
	if (soft) {
		*soft++ = '\0';
		hard = strchr(soft, ':');
		if (hard)
			*hard++ = '\0';
	}
	ret->soft = soft;
	ret->hard = hard ? hard : soft;
	for (size_t i = 0; soft && i < sizeof(known) / sizeof(known[0]); i++) {
		ret->index = (int)i;
		if (strcmp(known[i], ret->name) == 0)
			return 0;
	}
	return mr_command_refuse(err, "--ulimit", text,
		"expected NAME=SOFT[:HARD] such as nofile=1024:4096 (as, core, cpu, data, fsize, "
		"locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, "
		"stack)");
}

static int put_ulimit(
	const char *text, uint32_t *seen, struct mr_json_writer *w, struct mr_error *err)
{
	struct ulimit u = {0};
	uint64_t soft = 0, hard = 0;
	int r = split_ulimit(text, &u, err);
	autofree char *name = u.name;
	if (r < 0)
		return r;
	if (*seen & 1u << u.index)
		return mr_command_refuse(
			err, "--ulimit", text, "%s was given before", name);
	*seen |= 1u << u.index;
	r = read_ulimit_value(text, u.soft, &soft, err);
	if (r == 0)
		r = read_ulimit_value(text, u.hard, &hard, err);
	if (r < 0)
		return r;
	if (soft > hard)
		return mr_command_refuse(
			err, "--ulimit", text, "the soft limit is above the hard limit");

	char type[32];
	snprintf(type, sizeof(type), "RLIMIT_%.20s", name);
	for (char *p = type; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "type", type);
	mr_json_put_uint(w, "soft", soft);
	mr_json_put_uint(w, "hard", hard);
	mr_json_end(w);
	return 0;
}

int mr_command_ulimits(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	uint32_t seen = 0;
	int r = 0;
	if (!c->ulimits || !*c->ulimits)
		return 0;
	mr_json_begin_array(w, "rlimits");
	for (const char *const *u = c->ulimits; *u && r == 0; u++)
		r = put_ulimit(*u, &seen, w, err);
	mr_json_end(w);
	return r;
}
