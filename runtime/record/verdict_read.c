/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object OOM of a record back to a verdict, so that what is told of it later is what
 * would have been told at once. The other direction is in status_oom.c.
 */
#include "record/status.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

int mr_status_check(const char *name, const struct mr_json **root, struct mr_error *err)
{
	static const char *const members[] = {"State", "schemaVersion"};

	if ((*root)->type == MR_JSON_ARRAY && (*root)->n == 1)
		*root = (*root)->child;
	for (size_t i = 0; i < 2; i++) {
		if (mr_json_get(*root, members[i]))
			continue;
		mr_fail_text(err, EBADMSG,
			"'%s' is no record of a container: it is JSON without %s", name,
			members[i]);
		mr_hint(err, "a status.json, or the file that run --status wrote");
		return -EBADMSG;
	}
	return 0;
}

static struct mr_uint number(const struct mr_json *obj, const char *key)
{
	const int64_t v = mr_json_int(obj, key, -1);
	return (struct mr_uint){.set = v >= 0, .value = v >= 0 ? (uint64_t)v : 0};
}

static void copy_text(const struct mr_json *obj, const char *key, char *dst, size_t cap)
{
	const char *text = mr_json_text(obj, key, "");
	if (strlen(text) < cap)
		memcpy(dst, text, strlen(text) + 1);
}

static enum mr_oom_scope scope_of(const char *name)
{
	static const enum mr_oom_scope all[] = {MR_SCOPE_CONTAINER, MR_SCOPE_NESTED,
		MR_SCOPE_ANCESTOR, MR_SCOPE_HOST, MR_SCOPE_MIXED};
	for (size_t i = 0; name && i < sizeof(all) / sizeof(all[0]); i++) {
		if (mr_streq(name, mr_oom_scope_name(all[i])))
			return all[i];
	}
	return MR_SCOPE_NONE;
}

static void read_victim(const struct mr_json *obj, struct mr_victim *ret)
{
	struct mr_oom_kill *k = &ret->kill;
	ret->container_pid = (pid_t)mr_json_int(obj, "Pid", 0);
	ret->is_init = mr_json_bool(obj, "IsInit", false);
	k->pid = (pid_t)mr_json_int(obj, "HostPid", 0);
	copy_text(obj, "Comm", k->comm, sizeof(k->comm));
	copy_text(obj, "Cgroup", k->task_memcg, sizeof(k->task_memcg));
	k->sequence = number(obj, "LogSequence").value;
	k->total_vm = number(obj, "TotalVmBytes");
	k->anon_rss = number(obj, "AnonRssBytes");
	k->file_rss = number(obj, "FileRssBytes");
	k->shmem_rss = number(obj, "ShmemRssBytes");
	k->pgtables = number(obj, "PgtablesBytes");
}

static void read_evidence(const struct mr_json *oom, struct mr_verdict *ret)
{
	const struct mr_json *list = mr_json_get(oom, "Evidence");
	for (const struct mr_json *e = list ? list->child : NULL; e; e = e->next) {
		if (e->type != MR_JSON_STRING)
			continue;
		ret->by_counter |= mr_streq(e->text, "counter");
		ret->by_ladder |= mr_streq(e->text, "ladder");
		ret->by_kmsg |= mr_streq(e->text, "kmsg");
	}
	ret->certain = mr_json_bool(oom, "Certain", false);
	ret->source = mr_json_text(oom, "Source", NULL) ? "/dev/kmsg" : NULL;
	ret->incomplete = mr_json_bool(oom, "Incomplete", false);
}

static int read_lists(const struct mr_json *oom, struct mr_verdict *ret)
{
	const struct mr_json *victims = mr_json_get(oom, "Victims"),
			     *log = mr_json_get(oom, "KernelLog");
	if (victims && victims->type == MR_JSON_ARRAY) {
		ret->victims = calloc(victims->n + 1, sizeof(*ret->victims));
		if (!ret->victims)
			return -ENOMEM;
		for (const struct mr_json *v = victims->child; v; v = v->next)
			read_victim(v, &ret->victims[ret->n_victims++]);
	}
	for (const struct mr_json *l = log ? log->child : NULL; l; l = l->next) {
		if (l->type == MR_JSON_STRING &&
			mr_strv_add(&ret->kernel_log, l->text) < 0)
			return -ENOMEM;
	}
	return 0;
}

int mr_status_read_verdict(
	const struct mr_json *record, struct mr_verdict *ret, struct mr_error *err)
{
	const struct mr_json *oom = mr_json_get(record, "OOM");
	const struct mr_uint kills = number(oom, "Kills");

	memset(ret, 0, sizeof(*ret));
	ret->version =
		(int)mr_json_int(mr_json_get(record, "Memory"), "CgroupVersion", 0);
	ret->known = kills.set;
	ret->kills = kills.value;
	/* The one text that is told as it stands. */
	auto_str why = {0};
	mr_str_append_printable(&why, mr_json_text(oom, "Why", ""));
	if (why.len < sizeof(ret->why))
		memcpy(ret->why, mr_str_text(&why), why.len + 1);
	if (!kills.set && !ret->why[0])
		memcpy(ret->why, "No memory controller", sizeof("No memory controller"));
	const struct mr_json *init = mr_json_get(oom, "InitKilled");
	ret->init_killed = init && init->type == MR_JSON_BOOL ? init->boolean : -1;
	ret->group_kill = mr_json_bool(oom, "GroupKill", false);
	ret->events = number(oom, "Events").value;
	ret->setup = mr_streq(mr_json_text(oom, "Phase", NULL), "setup");
	ret->scope = scope_of(mr_json_text(oom, "Scope", NULL));
	if (ret->scope == MR_SCOPE_NONE && ret->kills > 0)
		ret->scope = MR_SCOPE_UNKNOWN;
	copy_text(oom, "LimitCgroup", ret->limit_cgroup, sizeof(ret->limit_cgroup));
	ret->limit = number(oom, "LimitBytes");
	const char *kind = mr_json_text(oom, "LimitKind", NULL);
	if (kind)
		ret->limit_kind = mr_streq(kind, "memory") ? "memory" : "memory+swap";
	ret->hanging = mr_json_bool(oom, "Hanging", false);
	ret->bystander = mr_streq(mr_json_text(oom, "Note", NULL), "bystander");
	ret->victims_without_detail = number(oom, "VictimsWithoutDetail").value;
	read_evidence(oom, ret);
	const struct mr_json *state = mr_json_get(record, "State");
	const char *status = mr_json_text(state, "Status", "exited");
	/* Of a start that failed there is no more to come. */
	ret->so_far = !mr_streq(status, "exited") && !mr_streq(status, "dead") &&
		      !*mr_json_text(state, "Error", "");
	int r = read_lists(oom, ret);
	if (r < 0)
		mr_verdict_clear(ret);
	return r < 0 ? mr_fail(err, -r, "verdict of a record") : 0;
}
