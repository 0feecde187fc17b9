/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HostConfig and Config of the status document: docker's keys with docker's meaning,
 * filled from the OCI spec - as asked for, not as accepted (that is Memory).
 *
 * docker writes 0 for "no limit" here, -1 for unlimited swap, null for what was not
 * given.
 */
#include "record/status_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct mr_resources *resources_of(const struct mr_spec *spec)
{
	static const struct mr_resources none;
	return spec->linux_ && spec->linux_->resources ? spec->linux_->resources : &none;
}

static const struct mr_memory *memory_of(const struct mr_spec *spec)
{
	static const struct mr_memory none;
	return resources_of(spec)->memory ? resources_of(spec)->memory : &none;
}

static const struct mr_spec_process *process_of(const struct mr_spec *spec)
{
	static const struct mr_spec_process none;
	return spec->process ? spec->process : &none;
}

static int64_t or_zero(struct mr_int v)
{
	return v.set ? v.value : 0;
}

static int64_t limit_or_zero(struct mr_int v)
{
	return v.set && v.value > 0 ? v.value : 0;
}

static bool contains(const struct mr_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i], text) == 0)
			return true;
	}
	return false;
}

/* --- memory, cpu --- */

static void put_memory(struct mr_json_writer *w, const struct mr_record *r)
{
	const struct mr_memory *m = memory_of(r->spec);
	const struct mr_spec_process *p = process_of(r->spec);
	mr_json_put_int(w, "Memory", limit_or_zero(m->limit));
	mr_json_put_int(w, "MemoryReservation", limit_or_zero(m->reservation));
	mr_json_put_int(w, "MemorySwap", or_zero(m->swap));
	mr_json_put_known_uint(w, "MemorySwappiness", m->swappiness);
	if (r->limits && r->limits->memory_version == 2)
		mr_json_put_null(w, "OomKillDisable");
	else
		mr_json_put_bool(w, "OomKillDisable",
			m->disable_oom_killer.set && m->disable_oom_killer.value);
	mr_json_put_int(w, "OomScoreAdj", or_zero(p->oom_score_adj));
}

static int64_t nano_cpus(const struct mr_cpu *cpu)
{
	uint64_t period =
		cpu && cpu->period.set && cpu->period.value ? cpu->period.value : 100000;
	if (!cpu || !cpu->quota.set || cpu->quota.value <= 0 ||
		cpu->quota.value > INT64_MAX / 1000000000)
		return 0;
	return (int64_t)((uint64_t)cpu->quota.value * 1000000000 / period);
}

/* size= of the tmpfs on /dev/shm, as the kernel reads it. */
static bool shm_size(const struct mr_spec *spec, int64_t *ret)
{
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct mr_spec_mount *m = &spec->mounts.items[i];
		if (!mr_streq(m->destination, "/dev/shm"))
			continue;
		for (size_t k = 0; k < m->options.n; k++) {
			if (mr_has_prefix(m->options.items[k], "size=") &&
				mr_parse_size(
					m->options.items[k] + strlen("size="), ret) == 0)
				return true;
		}
	}
	return false;
}

static void put_limits(struct mr_json_writer *w, const struct mr_spec *spec)
{
	const struct mr_resources *res = resources_of(spec);
	int64_t size;
	mr_json_put_known_int(w, "PidsLimit", res->pids_limit);
	mr_json_put_int(w, "NanoCpus", nano_cpus(res->cpu));
	if (shm_size(spec, &size))
		mr_json_put_int(w, "ShmSize", size);
	else
		mr_json_put_null(w, "ShmSize");
	mr_json_put_int(w, "KernelMemory", 0);
}

/* --- lists --- */

/* A limit beyond int64 is "unlimited", which docker writes as -1. */
static void put_rlimit(struct mr_json_writer *w, const char *key, uint64_t v)
{
	mr_json_put_int(w, key, v > INT64_MAX ? -1 : (int64_t)v);
}

static void put_ulimits(struct mr_json_writer *w, const struct mr_spec_process *p)
{
	mr_json_begin_array(w, "Ulimits");
	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct mr_rlimit *l = &p->rlimits.items[i];
		const char *type =
			mr_has_prefix(l->type, "RLIMIT_") ? l->type + 7 : l->type;
		char name[32] = "";
		for (size_t k = 0; type[k] && k + 1 < sizeof(name); k++)
			name[k] = (char)tolower((unsigned char)type[k]);
		mr_json_begin_object(w, NULL);
		mr_json_put_text(w, "Name", name);
		put_rlimit(w, "Hard", l->hard);
		put_rlimit(w, "Soft", l->soft);
		mr_json_end(w);
	}
	mr_json_end(w);
}

/* What docker gives without being asked. */
static char *const default_caps[] = {"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE",
	"CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
	"CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
	"CAP_SYS_CHROOT"};
#define N_DEFAULT_CAPS (sizeof(default_caps) / sizeof(default_caps[0]))

/* Those of @from that are not in @without, bare; docker writes null for none. */
static void put_caps(struct mr_json_writer *w, const char *key, char *const *from,
	size_t n, char *const *without, size_t n_without)
{
	bool open = false;
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; !found && k < n_without; k++)
			found = strcmp(from[i], without[k]) == 0;
		if (found)
			continue;
		if (!open)
			mr_json_begin_array(w, key);
		open = true;
		mr_json_put_text(
			w, NULL, mr_has_prefix(from[i], "CAP_") ? from[i] + 4 : from[i]);
	}
	if (open)
		mr_json_end(w);
	else
		mr_json_put_null(w, key);
}

/* As docker's inspect: upper case, bare, null for none. */
static void put_asked_caps(struct mr_json_writer *w, const char *key, const char *const *list)
{
	if (!list || !*list) {
		mr_json_put_null(w, key);
		return;
	}
	mr_json_begin_array(w, key);
	for (; *list; list++) {
		const char *bare = strncasecmp(*list, "CAP_", 4) == 0 ? *list + 4 : *list;
		char name[40] = "";
		for (size_t i = 0; bare[i] && i + 1 < sizeof(name); i++)
			name[i] = (char)toupper((unsigned char)bare[i]);
		mr_json_put_text(w, NULL, name);
	}
	mr_json_end(w);
}

/* A command starts from its caller's capabilities, and the spec does not say which of them
 * somebody asked for; a spec is held against docker's defaults. */
static void put_capabilities(struct mr_json_writer *w, const struct mr_record *r)
{
	const struct mr_capabilities *c = process_of(r->spec)->capabilities;

	if (r->command_mode) {
		put_asked_caps(w, "CapAdd", r->cap_add);
		put_asked_caps(w, "CapDrop", r->cap_drop);
		return;
	}
	if (!c) {
		mr_json_put_null(w, "CapAdd");
		mr_json_put_null(w, "CapDrop");
		return;
	}
	const struct mr_list *b = &c->bounding;
	put_caps(w, "CapAdd", b->items, b->n, default_caps, N_DEFAULT_CAPS);
	put_caps(w, "CapDrop", default_caps, N_DEFAULT_CAPS, b->items, b->n);
}

static void put_security(struct mr_json_writer *w, const struct mr_spec *spec)
{
	const struct mr_spec_process *p = process_of(spec);
	auto_str text = {0};
	mr_json_begin_array(w, "SecurityOpt");
	if (p->no_new_privileges)
		mr_json_put_text(w, NULL, "no-new-privileges");
	if (!spec->linux_ || !spec->linux_->seccomp)
		mr_json_put_text(w, NULL, "seccomp=unconfined");
	if (p->apparmor_profile && *p->apparmor_profile) {
		mr_str_appendf(&text, "apparmor=%s", p->apparmor_profile);
		mr_json_put_text(w, NULL, mr_str_text(&text));
	}
	mr_json_end(w);
}

/* Those that are not there by default; -v SRC:DST:ro is "rro" in the spec. */
static void append_bind_options(struct mr_str *text, const struct mr_list *options)
{
	char before = ':';

	for (size_t i = 0; i < options->n; i++) {
		const char *o = options->items[i];
		if (mr_streq(o, "bind") || mr_streq(o, "rbind") || mr_streq(o, "rprivate"))
			continue;
		mr_str_appendf(text, "%c%s", before, mr_streq(o, "rro") ? "ro" : o);
		before = ',';
	}
}

static void put_binds(struct mr_json_writer *w, const struct mr_spec *spec)
{
	mr_json_begin_array(w, "Binds");
	for (size_t i = 0; i < spec->mounts.n; i++) {
		const struct mr_spec_mount *m = &spec->mounts.items[i];
		auto_str text = {0};
		if (!mr_streq(m->type, "bind") && !contains(&m->options, "bind") &&
			!contains(&m->options, "rbind"))
			continue;
		mr_str_appendf(&text, "%s:%s", m->source ? m->source : "",
			m->destination ? m->destination : "");
		append_bind_options(&text, &m->options);
		mr_json_put_text(w, NULL, mr_str_text(&text));
	}
	mr_json_end(w);
}

/* --- the two objects --- */

static void put_cgroup_parent(struct mr_json_writer *w, const struct mr_cgroup_plan *plan)
{
	char parent[MR_CGROUP_PATH_MAX] = "";
	if (plan)
		snprintf(parent, sizeof(parent), "%s", plan->path);
	char *slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent] = '\0';
	mr_json_put_text(w, "CgroupParent", parent);
}

void mr_status_put_host_config(struct mr_json_writer *w, const struct mr_record *r)
{
	if (!r->spec) {
		mr_json_put_null(w, "HostConfig");
		return;
	}
	mr_json_begin_object(w, "HostConfig");
	put_memory(w, r);
	put_limits(w, r->spec);
	put_ulimits(w, process_of(r->spec));
	put_capabilities(w, r);
	put_cgroup_parent(w, r->cgroup);
	mr_json_put_text(w, "Runtime", "minirun");
	mr_json_put_bool(w, "ReadonlyRootfs", r->spec->root.readonly);
	put_security(w, r->spec);
	put_binds(w, r->spec);
	mr_json_put_bool(w, "AutoRemove", r->auto_remove);
	mr_json_end(w);
}

static void put_list(
	struct mr_json_writer *w, const char *key, const struct mr_list *list)
{
	mr_json_begin_array(w, key);
	for (size_t i = 0; i < list->n; i++)
		mr_json_put_text(w, NULL, list->items[i]);
	mr_json_end(w);
}

void mr_status_put_config(struct mr_json_writer *w, const struct mr_record *r)
{
	char user[32] = "";
	if (!r->spec) {
		mr_json_put_null(w, "Config");
		return;
	}
	const struct mr_spec_process *p = process_of(r->spec);
	if (p->uid || p->gid)
		snprintf(user, sizeof(user), "%u:%u", p->uid, p->gid);
	mr_json_begin_object(w, "Config");
	mr_json_put_text(w, "Hostname", r->spec->hostname ? r->spec->hostname : "");
	mr_json_put_text(w, "User", user);
	mr_json_put_bool(w, "Tty", r->tty);
	mr_json_put_bool(w, "OpenStdin", r->open_stdin);
	put_list(w, "Env", &p->env);
	put_list(w, "Cmd", &p->args);
	mr_json_put_null(w, "Entrypoint");
	mr_json_put_text(w, "Image", r->rootfs ? r->rootfs : "");
	mr_json_put_text(w, "WorkingDir", p->cwd ? p->cwd : "");
	mr_json_begin_object(w, "Labels");
	for (size_t i = 0; i < r->spec->annotations.n; i++)
		mr_json_put_text(w, r->spec->annotations.items[i].key,
			r->spec->annotations.items[i].value);
	mr_json_end(w);
	mr_json_end(w);
}
