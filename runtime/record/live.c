/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of intent.json, state.json and update.json: see state.h for what they are for, and
 * document.h for their frame. Every text has a bounded place to go to; one that does not
 * fit makes the document damaged rather than cut.
 */
#include "record/state.h"

#include "base/io.h"
#include "record/document.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define INTENT "intent.json"
#define LIVE "state.json"
#define UPDATED "update.json"

static int copy_text(const struct mr_json *obj, const char *key, char *dst, size_t cap)
{
	const char *text = mr_json_text(obj, key, NULL);
	if (!text || strlen(text) >= cap)
		return -EBADMSG;
	memcpy(dst, text, strlen(text) + 1);
	return 0;
}

static int take_path(const struct mr_json *obj, const char *key, char **ret)
{
	const char *text = mr_json_text(obj, key, NULL);
	if (!text || strlen(text) >= PATH_MAX)
		return -EBADMSG;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int damaged(struct mr_error *err, const struct mr_state *s, const char *name)
{
	return mr_fail_text(err, EBADMSG,
		"container '%s': %s is damaged: a member is missing, too "
		"long, or another container's",
		s->id, name);
}

/* --- intent --- */

int mr_state_write_intent(
	struct mr_state *s, const struct mr_intent *in, struct mr_error *err)
{
	struct mr_json_writer w = {0};
	mr_document_begin(&w);
	mr_json_put_text(&w, "id", s->id);
	mr_json_put_text(&w, "bootId", in->boot_id);
	mr_json_put_text(&w, "cgroupPath", in->cgroup_path);
	mr_json_begin_array(&w, "mountPoints");
	for (int i = 0; i < in->n_mount_points; i++)
		mr_json_put_text(&w, NULL, in->mount_points[i]);
	mr_json_end(&w);
	if (in->scope)
		mr_json_put_bool(&w, "userScope", in->user_scope);
	if (in->resctrl.group[0]) {
		mr_json_put_text(&w, "resctrlGroup", in->resctrl.group);
		mr_json_put_text(&w, "resctrlMonitor", in->resctrl.monitor);
		mr_json_put_bool(&w, "resctrlOwn", in->resctrl.own);
	}
	return mr_document_write(s->dir, INTENT, &w, err);
}

static int parse_intent(const struct mr_json *root, const char *id, struct mr_intent *ret)
{
	const struct mr_json *points = mr_json_get(root, "mountPoints");
	if (!mr_streq(mr_json_text(root, "id", NULL), id) ||
		copy_text(root, "bootId", ret->boot_id, sizeof(ret->boot_id)) < 0 ||
		copy_text(root, "cgroupPath", ret->cgroup_path,
			sizeof(ret->cgroup_path)) < 0 ||
		!points || points->type != MR_JSON_ARRAY ||
		points->n > MR_MAX_HIERARCHIES)
		return -EBADMSG;
	for (const struct mr_json *p = points->child; p; p = p->next) {
		char *to = ret->mount_points[ret->n_mount_points++];
		if (p->type != MR_JSON_STRING ||
			strlen(p->text) >= sizeof(ret->mount_points[0]))
			return -EBADMSG;
		memcpy(to, p->text, strlen(p->text) + 1);
	}
	if (mr_json_get(root, "resctrlGroup") &&
		(copy_text(root, "resctrlGroup", ret->resctrl.group,
			 sizeof(ret->resctrl.group)) < 0 ||
			copy_text(root, "resctrlMonitor", ret->resctrl.monitor,
				sizeof(ret->resctrl.monitor)) < 0))
		return -EBADMSG;
	ret->resctrl.own = mr_json_bool(root, "resctrlOwn", false);
	ret->scope = mr_json_get(root, "userScope");
	ret->user_scope = mr_json_bool(root, "userScope", false);
	return 0;
}

int mr_state_read_intent(
	const struct mr_state *s, struct mr_intent *ret, struct mr_error *err)
{
	autofree char *text = NULL;
	auto_json doc = {0};
	memset(ret, 0, sizeof(*ret));
	int r = mr_document_read(s->dir, INTENT, &text, &doc, err);
	if (r < 0)
		return mr_prefix(err, "container '%s'", s->id);
	return parse_intent(doc.root, s->id, ret) < 0 ? damaged(err, s, INTENT) : 0;
}

/* --- live --- */

void mr_live_clear(struct mr_live *l)
{
	char **owned[] = {
		&l->bundle, &l->rootfs, &l->config, &l->annotations_json, &l->hooks_json};

	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		free(*owned[i]);
		*owned[i] = NULL;
	}
}

static void put_process(
	struct mr_json_writer *w, const char *key, const struct mr_process_id *id)
{
	mr_json_begin_object(w, key);
	mr_json_put_int(w, "pid", id->pid);
	mr_json_put_uint(w, "pidfsInode", id->pidfs_inode);
	mr_json_put_uint(w, "startTicks", id->start_ticks);
	mr_json_end(w);
}

int mr_state_write_live(struct mr_state *s, const struct mr_live *l, struct mr_error *err)
{
	struct mr_json_writer w = {0};
	mr_document_begin(&w);
	mr_json_put_text(&w, "status", l->status);
	put_process(&w, "init", &l->init);
	mr_json_put_int(&w, "program", l->program);
	put_process(&w, "monitor", &l->monitor);
	mr_json_put_text(&w, "bundle", l->bundle);
	mr_json_put_text(&w, "rootfs", l->rootfs);
	mr_json_put_text(&w, "config", l->config);
	mr_json_put_text(&w, "ociVersion", l->oci_version);
	mr_json_put_text(&w, "created", l->created);
	mr_json_put_text(&w, "started", l->started);
	mr_json_put_int(&w, "startedMonoNs", l->started_mono_ns);
	mr_json_put_raw(&w, "annotations", l->annotations_json);
	mr_json_put_raw(&w, "hooks", l->hooks_json);
	mr_json_put_bool(&w, "terminal", l->terminal);
	mr_json_put_bool(&w, "pidNamespace", l->pid_namespace);
	mr_json_put_bool(&w, "engine", l->engine);
	mr_json_put_bool(&w, "keepRecord", l->keep_record);
	mr_json_put_int(&w, "exitCode", l->exit_code);
	mr_json_put_int(&w, "exitSignal", l->exit_signal);
	mr_json_put_uint(&w, "oomBase", l->oom_base);
	mr_json_put_bool(&w, "oomEmulated", l->oom_emulated);
	return mr_document_write(s->dir, LIVE, &w, err);
}

static int parse_process(
	const struct mr_json *root, const char *key, struct mr_process_id *ret)
{
	const struct mr_json *obj = mr_json_get(root, key);
	int64_t pid = mr_json_int(obj, "pid", -1);
	const struct mr_json *inode = mr_json_get(obj, "pidfsInode"),
			     *ticks = mr_json_get(obj, "startTicks");
	if (pid < 0 || pid > INT32_MAX || !inode || !ticks ||
		inode->type != MR_JSON_NUMBER || ticks->type != MR_JSON_NUMBER ||
		mr_parse_u64(inode->text, &ret->pidfs_inode) < 0 ||
		mr_parse_u64(ticks->text, &ret->start_ticks) < 0)
		return -EBADMSG;
	ret->pid = (pid_t)pid;
	return 0;
}

/* An object goes back to text; null stays NULL. */
static int take_object(const struct mr_json *root, const char *key, char **ret)
{
	struct mr_json_writer w = {0};
	const struct mr_json *obj = mr_json_get(root, key);
	if (!obj || (obj->type != MR_JSON_OBJECT && obj->type != MR_JSON_NULL))
		return -EBADMSG;
	if (obj->type == MR_JSON_NULL)
		return 0;
	mr_json_put_node(&w, NULL, obj);
	*ret = mr_str_take(&w.out);
	return *ret ? 0 : -ENOMEM;
}

static int parse_live(const struct mr_json *root, struct mr_live *ret)
{
	if (copy_text(root, "status", ret->status, sizeof(ret->status)) < 0 ||
		parse_process(root, "init", &ret->init) < 0 ||
		parse_process(root, "monitor", &ret->monitor) < 0 ||
		take_path(root, "bundle", &ret->bundle) < 0 ||
		take_path(root, "rootfs", &ret->rootfs) < 0 ||
		take_path(root, "config", &ret->config) < 0 ||
		copy_text(root, "ociVersion", ret->oci_version,
			sizeof(ret->oci_version)) < 0 ||
		copy_text(root, "created", ret->created, sizeof(ret->created)) < 0 ||
		copy_text(root, "started", ret->started, sizeof(ret->started)) < 0)
		return -EBADMSG;
	ret->started_mono_ns = mr_json_int(root, "startedMonoNs", 0);
	ret->program = (pid_t)mr_json_int(root, "program", 0);
	ret->terminal = mr_json_bool(root, "terminal", false);
	ret->pid_namespace = mr_json_bool(root, "pidNamespace", false);
	ret->engine = mr_json_bool(root, "engine", false);
	ret->keep_record = mr_json_bool(root, "keepRecord", false);
	ret->exit_code = (int)mr_json_int(root, "exitCode", -1);
	ret->exit_signal = (int)mr_json_int(root, "exitSignal", 0);
	ret->oom_emulated = mr_json_bool(root, "oomEmulated", false);
	ret->oom_base = (uint64_t)mr_json_int(root, "oomBase", 0);
	int r = take_object(root, "annotations", &ret->annotations_json);
	return r < 0 ? r : take_object(root, "hooks", &ret->hooks_json);
}

int mr_state_read_live(
	const struct mr_state *s, struct mr_live *ret, struct mr_error *err)
{
	autofree char *text = NULL;
	auto_json doc = {0};
	memset(ret, 0, sizeof(*ret));
	int r = mr_document_read(s->dir, LIVE, &text, &doc, err);
	if (r < 0)
		return mr_prefix(err, "container '%s'", s->id);
	r = parse_live(doc.root, ret);
	if (r < 0)
		mr_live_clear(ret);
	return r < 0 ? damaged(err, s, LIVE) : 0;
}

/* --- updated --- */

static const struct {
	const char *key;
	size_t offset;
} updated_members[] = {
	{"memory", offsetof(struct mr_updated, memory)},
	{"memorySwap", offsetof(struct mr_updated, memory_swap)},
	{"memoryReservation", offsetof(struct mr_updated, memory_reservation)},
	{"pidsLimit", offsetof(struct mr_updated, pids_limit)},
	{"nanoCpus", offsetof(struct mr_updated, nano_cpus)},
};
#define N_UPDATED (sizeof(updated_members) / sizeof(updated_members[0]))

static struct mr_int *updated_member(struct mr_updated *u, size_t i)
{
	return (void *)((char *)u + updated_members[i].offset);
}

int mr_state_add_updated(struct mr_state *s, struct mr_updated *u, struct mr_error *err)
{
	struct mr_json_writer w = {0};
	struct mr_updated before;
	int r = mr_state_read_updated(s, &before, err);
	if (r < 0 && r != -ENOENT)
		return r;
	mr_document_begin(&w);
	for (size_t i = 0; i < N_UPDATED; i++) {
		struct mr_int *v = updated_member(u, i);
		if (!v->set)
			*v = *updated_member(&before, i);
		if (v->set)
			mr_json_put_int(&w, updated_members[i].key, v->value);
	}
	return mr_document_write(s->dir, UPDATED, &w, err);
}

int mr_state_read_updated(
	const struct mr_state *s, struct mr_updated *ret, struct mr_error *err)
{
	autofree char *text = NULL;
	auto_json doc = {0};
	memset(ret, 0, sizeof(*ret));
	int r = mr_document_read(s->dir, UPDATED, &text, &doc, err);
	for (size_t i = 0; r == 0 && i < N_UPDATED; i++) {
		struct mr_int *v = updated_member(ret, i);
		v->set = mr_json_get(doc.root, updated_members[i].key);
		v->value = mr_json_int(doc.root, updated_members[i].key, 0);
	}
	return r < 0 ? mr_prefix(err, "container '%s'", s->id) : 0;
}
