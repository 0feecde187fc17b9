/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fault an error is, in words of the one who reads it: see plan_error.h. */
#include "launch/plan_error.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a file --- */

/* "mounts[2]: ...", "root.path '...'", but not "process 17 ...": the path of a member that
 * @text begins with. */
static bool begins_with_path(const char *text, struct mr_str *ret)
{
	static const char *const members[] = { "annotations", "domainname", "hooks", "hostname",
		"linux", "mounts", "ociVersion", "process", "root" };
	size_t n = strcspn(text, ": '"), first = strcspn(text, ".[: '");

	if (first == n && text[n] != ':')
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strlen(members[i]) == first && !strncmp(members[i], text, first)) {
			mr_str_appendf(ret, "%.*s", (int)n, text);
			return true;
		}
	return false;
}

/* @return "file:line:column: text", to be freed; NULL: @text is not about a member of it */
static char *place(const struct mr_plan *plan, const char *text)
{
	auto_str path = { 0 }, out = { 0 };

	if (!plan->spec || !plan->spec->text || !begins_with_path(text, &path) ||
		mr_has_prefix(text, plan->spec_name)) /* it has its place */
		return NULL;
	mr_spec_format_place(plan->spec, plan->spec_name, mr_str_text(&path), &out);
	mr_str_append(&out, text);
	return mr_str_take(&out);
}

/* Steps that do what one member says, and name in their errors what they did. */
static const struct {
	const char *step, *member;
} done_for[] = {
	{ "namespaces", "linux.namespaces" },
	{ "join-namespaces", "linux.namespaces" },
	{ "devices", "linux.devices" },
	{ "find-program", "process.args[0]" },
	{ "exec", "process.args[0]" },
};

static char *place_step(const struct mr_plan *plan, const struct mr_error *err)
{
	auto_str out = { 0 };

	if (!plan->spec || !plan->spec->text)
		return NULL;
	for (size_t i = 0; i < sizeof(done_for) / sizeof(done_for[0]); i++) {
		const char *member = done_for[i].member;
		if (!mr_streq(err->step, done_for[i].step))
			continue;
		if (!mr_spec_format_place(plan->spec, plan->spec_name, member, &out))
			return NULL;
		mr_str_appendf(&out, "%s: %s", member, err->message);
		return mr_str_take(&out);
	}
	return NULL;
}

static void place_error(const struct mr_plan *plan, struct mr_error *err)
{
	autofree char *named = place(plan, err->message);
	autofree char *done = named ? NULL : place_step(plan, err);
	const char *text = named ? named : done;

	if (!text)
		return;
	snprintf(err->message, sizeof(err->message), "%s", text);
	err->step[0] = '\0'; /* of the launch: no matter of whoever corrects the file */
}

void mr_plan_place_warnings(struct mr_plan *plan)
{
	for (size_t i = 0; i < plan->warnings.n; i++) {
		char *text = place(plan, plan->warnings.items[i]);
		if (!text)
			continue;
		free(plan->warnings.items[i]);
		plan->warnings.items[i] = text;
	}
}

/* --- a command line --- */

/* From @member to the end of the word. */
static void rename_member(struct mr_error *err, const char *member, const char *option)
{
	char *at = strstr(err->message, member);
	char rest[sizeof(err->message)];

	if (!at)
		return;
	const char *end = at + strlen(member);
	end += strcspn(end, ": ");
	snprintf(rest, sizeof(rest), "%s", end);
	snprintf(at, sizeof(err->message) - (size_t)(at - err->message), "%s%s", option, rest);
}

/* The members that the options of command mode set, and whose values only the kernel judges. */
static const struct {
	const char *member, *option;
} options[] = {
	{ "process.cwd", "--workdir" },
	{ "process.oomScoreAdj", "--oom-score-adj" },
	{ "process.rlimits", "--ulimit" },
	{ "root.path", "--rootfs" },
	{ "linux.cgroupsPath", "--cgroup-parent" },
	{ "linux.resources.cpu.cpus", "--cpuset-cpus" },
	{ "linux.resources.cpu.period", "--cpus" },
	{ "linux.resources.cpu.quota", "--cpus" },
	{ "linux.resources.memory.limit", "--memory" },
	{ "linux.resources.memory.reservation", "--memory-reservation" },
	{ "linux.resources.memory.swap:", "--memory-swap:" },
	{ "linux.resources.pids.limit", "--pids-limit" },
};

static void name_options(const struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_command *c = plan->options.command;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		rename_member(err, options[i].member, options[i].option);
	while (c->volumes && c->volumes[n])
		n++;
	/* They are the last ones. */
	for (size_t i = 0; i < n && n <= plan->spec->mounts.n; i++) {
		char member[40], option[300];
		snprintf(member, sizeof(member), "mounts[%zu]", plan->spec->mounts.n - n + i);
		snprintf(option, sizeof(option), "-v %.290s", c->volumes[i]);
		rename_member(err, member, option);
	}
	if (err->message[0] == '-')
		err->step[0] = '\0';
}

void mr_plan_name_cause(const struct mr_plan *plan, struct mr_error *err)
{
	if (!plan->options.command)
		place_error(plan, err);
	else if (plan->spec)
		name_options(plan, err);
}
