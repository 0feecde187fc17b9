/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules across fields: see validate.h. One small function a rule, listed in tables that
 * are run in order until the first complaint. Here are the rules of the document, process
 * and hooks; mounts, linux and linux.resources have files of their own.
 *
 * A rule looks only at the spec, never at the machine, so the same document is right or
 * wrong everywhere.
 */
#include "spec/validate.h"

#include "spec/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* An error is one line, whatever the document's values hold. */
static void one_line(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

__attribute__((format(printf, 3, 0))) static void format_complaint(const struct mr_rules *c,
	const char *path, const char *fmt, va_list ap, struct mr_str *out)
{
	char text[600];
	vsnprintf(text, sizeof(text), fmt, ap);
	one_line(text);
	mr_spec_format_place(c->spec, c->name, path, out);
	mr_str_appendf(out, "%s: %s", path, text);
}

int mr_rule_fail(const struct mr_rules *c, const char *path, const char *fmt, ...)
{
	auto_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	format_complaint(c, path, fmt, ap, &text);
	va_end(ap);
	return mr_fail_text(c->err, EINVAL, "%s", mr_str_text(&text));
}

void mr_rule_warn(const struct mr_rules *c, const char *path, const char *fmt, ...)
{
	auto_str text = {0};
	va_list ap;
	va_start(ap, fmt);
	format_complaint(c, path, fmt, ap, &text);
	va_end(ap);
	if (c->warnings)
		mr_strv_add(c->warnings, mr_str_text(&text));
}

const char *mr_rule_path(
	char buf[static MR_RULE_PATH], const char *list, size_t i, const char *member)
{
	snprintf(buf, MR_RULE_PATH, "%s[%zu]%s", list, i, member);
	return buf;
}

int mr_rules_run(const struct mr_rules *c, const mr_rule *rules)
{
	int r = 0;
	for (; *rules && r == 0; rules++)
		r = (*rules)(c);
	return r;
}

/* --- the document --- */

/* 1.0.0-rc5, 1.2.0+dev: what stands behind the three numbers does not matter. */
static bool split_version(const char *text, unsigned *ret_major)
{
	for (int i = 0; i < 3; i++) {
		size_t n = strspn(text, "0123456789");
		if (n == 0 || n > 6 || (i < 2 && text[n] != '.'))
			return false;
		if (i == 0)
			*ret_major = (unsigned)strtoul(text, NULL, 10);
		text += n + (i < 2);
	}
	return strchr("-+", *text) != NULL;
}

static int check_version(const struct mr_rules *c)
{
	const char *v = c->spec->oci_version;
	unsigned major;
	if (!split_version(v, &major))
		return mr_rule_fail(c, "ociVersion",
			"\"%.40s\" is no version (write \"%s\")", v, MR_SPEC_VERSION);
	if (major != 1)
		return mr_rule_fail(c, "ociVersion",
			"version %.40s is not supported (this is runtime-spec %s: any "
			"1.x works)",
			v, MR_SPEC_VERSION);
	return 0;
}

static int check_root(const struct mr_rules *c)
{
	if (!c->spec->root.path)
		return mr_rule_fail(c, "root",
			"the member is missing (\"root\": {\"path\": \"rootfs\"})");
	if (!*c->spec->root.path)
		return mr_rule_fail(c, "root.path", "is empty");
	return 0;
}

static int check_names(const struct mr_rules *c)
{
	static const char need[] = "needs a uts namespace (add {\"type\": \"uts\"} to "
				   "linux.namespaces)";
	const struct mr_spec *s = c->spec;
	bool uts = mr_spec_namespace_of(s, MR_NS_UTS) != NULL;

	if (s->hostname && *s->hostname && !uts)
		return mr_rule_fail(c, "hostname", "%s", need);
	if (s->domainname && *s->domainname && !uts)
		return mr_rule_fail(c, "domainname", "%s", need);
	/* __NEW_UTS_LEN */
	if (s->hostname && strlen(s->hostname) > 64)
		return mr_rule_fail(c, "hostname", "is longer than 64 bytes");
	if (s->domainname && strlen(s->domainname) > 64)
		return mr_rule_fail(c, "domainname", "is longer than 64 bytes");
	return 0;
}

static int check_annotations(const struct mr_rules *c)
{
	for (size_t i = 0; i < c->spec->annotations.n; i++) {
		if (!*c->spec->annotations.items[i].key)
			return mr_rule_fail(c, "annotations", "a name is empty");
	}
	/* Who asks for a virtual machine is not to believe that this is one. */
	const char *handler = mr_spec_annotation(c->spec, MR_ANNOTATION_HANDLER);
	if (handler)
		mr_rule_warn(c, "annotations",
			"%s=%.40s is ignored: the program runs in namespaces, as any other",
			MR_ANNOTATION_HANDLER, handler);
	if (mr_spec_oom_disable_policy(c->spec) < 0)
		return mr_rule_fail(c, "annotations",
			"%s: \"%.40s\" is none of error, warn, emulate",
			MR_ANNOTATION_OOM_DISABLE,
			mr_spec_annotation(c->spec, MR_ANNOTATION_OOM_DISABLE));
	return 0;
}

/* --- process --- */

static int check_process(const struct mr_rules *c)
{
	const struct mr_spec_process *p = c->spec->process;
	if (!p)
		return mr_rule_fail(c, "process",
			"the member is missing (\"process\": {\"cwd\": \"/\", \"args\": "
			"[...]})");
	if (p->args.n == 0)
		return mr_rule_fail(c, "process.args", "%s (name the program to run)",
			p->args.set ? "is empty" : "the member is missing");
	if (!*p->args.items[0])
		return mr_rule_fail(
			c, "process.args[0]", "is empty: executable file not found in $PATH");
	if (p->cwd[0] != '/')
		return mr_rule_fail(
			c, "process.cwd", "\"%.200s\" is not absolute", p->cwd);
	return 0;
}

static int check_env(const struct mr_rules *c)
{
	const struct mr_list *env = &c->spec->process->env;
	char path[MR_RULE_PATH];
	for (size_t i = 0; i < env->n; i++) {
		const char *equals = strchr(env->items[i], '=');
		if (!equals || equals == env->items[i])
			return mr_rule_fail(c, mr_rule_path(path, "process.env", i, ""),
				"\"%.60s\" has not the form NAME=VALUE", env->items[i]);
	}
	return 0;
}

static int check_rlimits(const struct mr_rules *c)
{
	const struct mr_spec_process *p = c->spec->process;
	char path[MR_RULE_PATH];
	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct mr_rlimit *l = &p->rlimits.items[i];
		if (l->soft > l->hard)
			return mr_rule_fail(c,
				mr_rule_path(path, "process.rlimits", i, ".soft"),
				"%s: the soft limit %llu is above the hard limit %llu",
				l->type, (unsigned long long)l->soft,
				(unsigned long long)l->hard);
		for (size_t k = 0; k < i; k++) {
			if (mr_streq(p->rlimits.items[k].type, l->type))
				return mr_rule_fail(c,
					mr_rule_path(path, "process.rlimits", i, ".type"),
					"%s is set twice", l->type);
		}
		/* 16 types exist, so the first repeated one ends this early. */
	}
	return 0;
}

static int check_scheduler(const struct mr_rules *c)
{
	static const char path[] = "process.scheduler";
	const struct mr_scheduler *s = c->spec->process->scheduler;
	if (!s)
		return 0;
	bool fixed = mr_streq(s->policy, "SCHED_FIFO") || mr_streq(s->policy, "SCHED_RR");
	bool deadline = mr_streq(s->policy, "SCHED_DEADLINE");
	bool nice =
		mr_streq(s->policy, "SCHED_OTHER") || mr_streq(s->policy, "SCHED_BATCH");

	if (fixed && (!s->priority.set || s->priority.value < 1))
		return mr_rule_fail(c, path, "%s needs a priority of 1 to 99", s->policy);
	if (!fixed && s->priority.set && s->priority.value != 0)
		return mr_rule_fail(c, path,
			"%s takes no priority (SCHED_FIFO and SCHED_RR do)", s->policy);
	if (deadline && s->nice.set && s->nice.value != 0)
		mr_rule_warn(c, path, "SCHED_DEADLINE has no nice: it is ignored");
	else if (!nice && s->nice.set && s->nice.value != 0)
		return mr_rule_fail(c, path,
			"%s takes no nice (SCHED_OTHER and SCHED_BATCH do)", s->policy);
	if (!deadline && (s->runtime.value || s->deadline.value || s->period.value))
		return mr_rule_fail(c, path,
			"runtime, deadline and period belong to SCHED_DEADLINE, not to "
			"%s",
			s->policy);
	if (deadline && (!s->runtime.value || !s->deadline.value))
		return mr_rule_fail(c, path, "SCHED_DEADLINE needs runtime and deadline");
	if (deadline && (s->runtime.value > s->deadline.value ||
				(s->period.value && s->deadline.value > s->period.value)))
		return mr_rule_fail(c, path,
			"runtime <= deadline <= period does not hold (sched(7))");
	return 0;
}

static int check_io_priority(const struct mr_rules *c)
{
	const struct mr_io_priority *io = c->spec->process->io_priority;
	if (io && mr_streq(io->class, "IOPRIO_CLASS_IDLE") && io->priority.value != 0)
		return mr_rule_fail(c, "process.ioPriority.priority",
			"IOPRIO_CLASS_IDLE has only priority 0");
	return 0;
}

static int check_affinity(const struct mr_rules *c)
{
	const struct mr_spec_process *p = c->spec->process;
	const char *const lists[] = {
		p->exec_cpu_affinity_initial, p->exec_cpu_affinity_final};
	const char *const paths[] = {
		"process.execCPUAffinity.initial", "process.execCPUAffinity.final"};
	for (size_t i = 0; i < 2; i++) {
		if (lists[i] && strspn(lists[i], "0123456789-, ") != strlen(lists[i]))
			return mr_rule_fail(c, paths[i],
				"\"%.60s\" is no list of CPUs (\"0-3,7\")", lists[i]);
	}
	return 0;
}

/* --- hooks --- */

static int check_hook(const struct mr_rules *c, enum mr_hook_kind kind, size_t i)
{
	const struct mr_hook *hook = &c->spec->hooks[kind].items[i];
	char list[40], path[MR_RULE_PATH];

	snprintf(list, sizeof(list), "hooks.%s", mr_hook_kind_name(kind));
	if (hook->path[0] != '/')
		return mr_rule_fail(c, mr_rule_path(path, list, i, ".path"),
			"\"%.200s\" is not absolute", hook->path);
	for (size_t k = 0; k < hook->env.n; k++) {
		if (!strchr(hook->env.items[k], '='))
			return mr_rule_fail(c, mr_rule_path(path, list, i, ".env"),
				"\"%.60s\" has not the form NAME=VALUE",
				hook->env.items[k]);
	}
	return 0;
}

static int check_hooks(const struct mr_rules *c)
{
	int r = 0;
	for (int kind = 0; kind < MR_HOOK_KINDS; kind++) {
		for (size_t i = 0; i < c->spec->hooks[kind].n && r == 0; i++)
			r = check_hook(c, (enum mr_hook_kind)kind, i);
	}
	return r;
}

static const mr_rule document_rules[] = {
	check_version,
	check_root,
	check_names,
	check_annotations,
	check_hooks,
	NULL,
};

static const mr_rule process_rules[] = {
	check_process,
	check_env,
	check_rlimits,
	check_scheduler,
	check_io_priority,
	check_affinity,
	NULL,
};

int mr_spec_validate_process(const struct mr_spec *spec, const char *name,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_rules c = {
		.spec = spec, .name = name, .warnings = warnings, .err = err};
	return mr_rules_run(&c, process_rules);
}

int mr_spec_validate_resources(const struct mr_spec *spec, const char *name,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_rules c = {
		.spec = spec, .name = name, .warnings = warnings, .err = err};
	return mr_rules_run(&c, mr_resource_rules);
}

int mr_spec_validate(const struct mr_spec *spec, const char *name,
	struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_rules c = {
		.spec = spec, .name = name, .warnings = warnings, .err = err};
	int r = mr_rules_run(&c, document_rules);
	if (r == 0)
		r = mr_rules_run(&c, process_rules);
	if (r == 0)
		r = mr_rules_run(&c, mr_mount_rules);
	if (r == 0)
		r = mr_rules_run(&c, mr_linux_rules);
	return r < 0 ? r : mr_rules_run(&c, mr_resource_rules);
}
