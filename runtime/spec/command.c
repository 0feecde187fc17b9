/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command mode: flags to config.json, see command.h. What is printed is what runs, so
 * every value that would otherwise be inherited is written out: user, groups,
 * capabilities, environment, working directory, oom_score_adj.
 *
 * There is no seccomp profile: the program is one of the host, run as it would run there
 * but for its limits; a filter would change what is measured (no io_uring, no ptrace, no
 * perf). A spec has one if it asks for it (`minirun spec`).
 *
 * oom_score_adj is 0 unless asked for otherwise, so that a caller that is protected (sshd
 * -1000) or a preferred victim does not pass that on. Lowering it needs CAP_SYS_RESOURCE;
 * without it a positive value stays.
 */
#include "spec/command.h"

#include "base/io.h"
#include "base/json.h"
#include "base/json_internal.h"
#include "base/str.h"
#include "spec/command_parts.h"
#include "spec/spec.h"
#include "spec/subids.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct builder {
	const struct mr_command *c;
	struct mr_caller caller;
	struct mr_command_user user;
	char *root; /* absolute */
	struct mr_json_writer w;
	struct mr_error *err;
};

/* --- texts must survive JSON --- */

static int check_text(const char *what, const char *text, struct mr_error *err)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = text ? strlen(text) : 0;
	while (left > 0) {
		size_t n = mr_utf8_length(p, left);
		if (n == 0) {
			auto_str shown = {0};
			mr_str_append_printable(&shown, text);
			return mr_fail_text(err, EILSEQ,
				"%s is not UTF-8 and cannot stand in a spec: \"%.100s\"",
				what, mr_str_text(&shown));
		}
		p += n;
		left -= n;
	}
	return 0;
}

static int check_list(const char *what, const char *const *list, struct mr_error *err)
{
	int r = 0;
	for (; list && *list && r == 0; list++)
		r = check_text(what, *list, err);
	return r;
}

static int check_texts(const struct mr_command *c, struct mr_error *err)
{
	const struct {
		const char *what, *text;
	} texts[] = {
		{"--workdir", c->workdir},
		{"--hostname", c->hostname},
		{"--rootfs", c->rootfs},
	};
	int r = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && r == 0; i++)
		r = check_text(texts[i].what, texts[i].text, err);
	for (char *const *a = c->args; *a && r == 0; a++)
		r = check_text("an argument", *a, err);
	if (r == 0)
		r = check_list("--env", c->env, err);
	if (r == 0)
		r = check_list("--volume", c->volumes, err);
	return r < 0 ? r : check_list("--cgroup-conf", c->cgroup_conf, err);
}

/* --- environment --- */

static size_t name_length(const char *entry)
{
	return strcspn(entry, "=");
}

static bool is_replaced(const struct mr_command *c, const char *entry)
{
	size_t n = name_length(entry);
	for (const char *const *e = c->env; e && *e; e++) {
		if (strncmp(*e, entry, n) == 0 && (*e)[n] == '=')
			return true;
	}
	return false;
}

static int put_inherited(struct builder *b)
{
	for (char **e = environ; e && *e; e++) {
		/* A nameless entry cannot be set by any shell and is no spec's. */
		if (name_length(*e) == 0 || !strchr(*e, '=') || is_replaced(b->c, *e))
			continue;
		char what[80];
		snprintf(what, sizeof(what), "the environment variable %.40s", *e);
		what[strcspn(what, "=")] = '\0';
		int r = check_text(what, *e, b->err);
		if (r < 0) {
			mr_hint(b->err, "unset it, or set it to another value with -e "
					"NAME=VALUE");
			return r;
		}
		mr_json_put_text(&b->w, NULL, *e);
	}
	return 0;
}

/* NAME alone copies the caller's value: it is among the inherited ones already. */
static int put_env(struct builder *b)
{
	mr_json_begin_array(&b->w, "env");
	int r = put_inherited(b);
	for (const char *const *e = b->c->env; e && *e && r == 0; e++) {
		if (name_length(*e) == 0)
			return mr_command_refuse(
				b->err, "--env", *e, "expected NAME=VALUE or NAME");
		if (strchr(*e, '='))
			mr_json_put_text(&b->w, NULL, *e);
	}
	mr_json_end(&b->w);
	return r;
}

/* --- process --- */

static int put_cwd(struct builder *b)
{
	char cwd[PATH_MAX];
	const char *dir = b->c->workdir;
	if (dir && dir[0] != '/')
		return mr_command_refuse(
			b->err, "--workdir", dir, "expected an absolute path");
	if (!dir && b->c->rootfs)
		dir = "/";
	if (!dir) {
		dir = getcwd(cwd, sizeof(cwd));
		if (!dir)
			return mr_fail(b->err, errno, "the current directory");
		int r = check_text("the current directory", dir, b->err);
		if (r < 0)
			return r;
	}
	mr_json_put_text(&b->w, "cwd", dir);
	return 0;
}

static int put_oom_score_adj(struct builder *b)
{
	const char *text = b->c->oom_score_adj;
	int64_t value = 0;
	if (text && (mr_parse_i64(text, &value) < 0 || value < -1000 || value > 1000))
		return mr_command_refuse(
			b->err, "--oom-score-adj", text, "expected -1000 to 1000");
	if (!text && !(b->caller.effective >> CAP_SYS_RESOURCE & 1)) {
		char own[32];
		if (mr_read_line_at(
			    AT_FDCWD, "/proc/self/oom_score_adj", own, sizeof(own)) < 0 ||
			mr_parse_i64(own, &value) < 0 || value < 0)
			value = 0;
	}
	mr_json_put_int(&b->w, "oomScoreAdj", value);
	return 0;
}

static void put_user(struct builder *b)
{
	struct mr_json_writer *w = &b->w;
	mr_json_begin_object(w, "user");
	mr_json_put_uint(w, "uid", b->user.uid);
	mr_json_put_uint(w, "gid", b->user.gid);
	if (b->user.n_groups > 0) {
		mr_json_begin_array(w, "additionalGids");
		for (size_t i = 0; i < b->user.n_groups; i++)
			mr_json_put_uint(w, NULL, b->user.groups[i]);
		mr_json_end(w);
	}
	mr_json_end(w);
}

static int put_process(struct builder *b)
{
	struct mr_json_writer *w = &b->w;
	mr_json_begin_object(w, "process");
	if (b->c->tty)
		mr_json_put_bool(w, "terminal", true);
	put_user(b);
	mr_json_begin_array(w, "args");
	for (char *const *a = b->c->args; *a; a++)
		mr_json_put_text(w, NULL, *a);
	mr_json_end(w);

	int r = put_env(b);
	if (r == 0)
		r = put_cwd(b);
	if (r == 0)
		r = mr_command_capabilities(b->c, &b->caller, b->user.uid, w, b->err);
	if (r == 0)
		r = mr_command_ulimits(b->c, w, b->err);
	if (r == 0)
		r = put_oom_score_adj(b);
	mr_json_end(w);
	return r;
}

/* --- linux --- */

static void put_namespace(struct mr_json_writer *w, const char *type)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "type", type);
	mr_json_end(w);
}

static void put_mapping(struct mr_json_writer *w, const char *key,
	const struct mr_subid_range *range, uint32_t in, uint32_t out)
{
	struct mr_id_mapping lines[3];
	size_t n = mr_subids_map(range, in, out, lines);

	mr_json_begin_array(w, key);
	for (size_t i = 0; i < n; i++) {
		mr_json_begin_object(w, NULL);
		mr_json_put_uint(w, "containerID", lines[i].container_id);
		mr_json_put_uint(w, "hostID", lines[i].host_id);
		mr_json_put_uint(w, "size", lines[i].size);
		mr_json_end(w);
	}
	mr_json_end(w);
}

/* An image may have files of many users; a program of the host runs as its caller, and then
 * newuidmap(1) would only cost time. */
static int put_mappings(struct builder *b)
{
	struct mr_subid_range uids = {0}, gids = {0};
	int r = b->c->rootfs ? mr_subids_find("", b->caller.uid, &uids, &gids, b->err) : 0;

	if (r < 0)
		return r;
	if (r == 0)
		uids.count = gids.count = 0;
	put_mapping(&b->w, "uidMappings", &uids, b->user.uid, b->caller.uid);
	put_mapping(&b->w, "gidMappings", &gids, b->user.gid, b->caller.gid);
	return 0;
}

static int put_linux(struct builder *b)
{
	struct mr_json_writer *w = &b->w;
	const char *network = b->c->network;
	if (network && strcmp(network, "none") != 0 && strcmp(network, "host") != 0)
		return mr_command_refuse(b->err, "--network", network,
			"only none (no network but loopback) and host are known");

	mr_json_begin_object(w, "linux");
	mr_json_begin_array(w, "namespaces");
	if (b->caller.user_ns)
		put_namespace(w, "user");
	put_namespace(w, "pid");
	put_namespace(w, "mount");
	put_namespace(w, "ipc");
	put_namespace(w, "cgroup");
	if (b->c->hostname)
		put_namespace(w, "uts");
	if (mr_streq(network, "none"))
		put_namespace(w, "network");
	mr_json_end(w);
	int r = b->caller.user_ns ? put_mappings(b) : 0;
	if (r == 0)
		r = mr_command_resources(b->c, w, b->err);
	mr_json_end(w);
	return r;
}

/* --- the document --- */

static int find_root(struct builder *b)
{
	const char *root = b->c->rootfs ? b->c->rootfs : "/";
	b->root = realpath(root, NULL);
	return b->root ? 0 : mr_fail(b->err, errno, "--rootfs '%.200s'", root);
}

static int put_annotations(struct builder *b)
{
	const char *policy;
	int r = mr_command_oom_kill_disable(b->c, &policy, b->err);

	if (policy) {
		mr_json_begin_object(&b->w, "annotations");
		mr_json_put_text(&b->w, MR_ANNOTATION_OOM_DISABLE, policy);
		mr_json_end(&b->w);
	}
	return r < 0 ? r : 0;
}

static int put_document(struct builder *b)
{
	struct mr_json_writer *w = &b->w;
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "ociVersion", MR_SPEC_VERSION);
	int r = put_process(b);
	mr_json_begin_object(w, "root");
	mr_json_put_text(w, "path", b->root);
	mr_json_put_bool(w, "readonly", b->c->read_only);
	mr_json_end(w);
	if (b->c->hostname)
		mr_json_put_text(w, "hostname", b->c->hostname);
	if (r == 0)
		r = mr_command_mounts(b->c, &b->caller, w, b->err);
	if (r == 0)
		r = put_annotations(b);
	if (r == 0)
		r = put_linux(b);
	mr_json_end(w);
	mr_str_append(&w->out, "\n");
	return r;
}

static int build(struct builder *b)
{
	if (!b->c->args || !b->c->args[0] || !*b->c->args[0])
		return mr_fail_text(b->err, EINVAL, "no program is given");
	int r = check_texts(b->c, b->err);
	if (r == 0)
		r = mr_caller_read(&b->caller, b->err);
	if (r == 0)
		r = find_root(b);
	if (r == 0)
		r = mr_command_user(b->c->user, b->root, &b->caller, &b->user, b->err);
	return r < 0 ? r : put_document(b);
}

int mr_command_to_spec(
	const struct mr_command *command, char **ret_json, struct mr_error *err)
{
	struct builder b = {.c = command, .err = err, .w.pretty = true};
	int r = build(&b);
	if (r == 0) {
		*ret_json = mr_str_take(&b.w.out);
		r = *ret_json ? 0 : mr_fail(err, ENOMEM, "the spec of the command");
	}
	mr_str_clear(&b.w.out);
	mr_caller_clear(&b.caller);
	mr_command_user_clear(&b.user);
	free(b.root);
	return r;
}
