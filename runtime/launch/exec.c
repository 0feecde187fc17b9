/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: a further process in a container that runs.
 *
 * It is planned as a launch in which nothing is new: the namespaces are those of the
 * container's init, the cgroups are opened instead of made, the root is the one that the
 * joined mount namespace has. The container's own spec gives what the process object does
 * not have, its seccomp profile above all.
 *
 * The namespaces are found by init's pid, and are right if init lives after they have been
 * opened; so its pidfd is asked then (setns(2), namespaces(7)).
 */
#include "launch/exec.h"

#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "launch/launch.h"
#include "spec/parse.h"
#include "spec/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- the process --- */

/* The container's own, whose warnings its launch has told. */
static int read_spec(struct mr_container *c, struct mr_plan *p, struct mr_error *err)
{
	const char *name = c->live.config[0] ? c->live.config : "config.json";
	autofree char *text = NULL;
	size_t len;
	int ret;

	if (c->live.config[0]) {
		ret = mr_spec_read(name, &p->spec, NULL, err);
	} else {
		ret = mr_read_file_at(c->state.dir, name, MR_JSON_MAX_BYTES, &text, &len);
		if (ret < 0)
			return mr_fail(err, -ret, "read the spec of container '%s'", c->state.id);
		ret = mr_spec_parse(name, text, len, &p->spec, NULL, err);
	}
	return ret < 0 ? ret : mr_spec_validate(p->spec, name, NULL, err);
}

/* What confines the container's process confines this one, too, unless the object says
 * otherwise. */
static int read_process(const char *path, struct mr_spec *spec, struct mr_strv *warnings,
	struct mr_error *err)
{
	const struct mr_spec_process *own = spec->process;
	autofree char *text = NULL;
	size_t len;
	int ret = mr_read_file_at(AT_FDCWD, path, MR_JSON_MAX_BYTES, &text, &len);

	if (ret < 0)
		return mr_fail(err, -ret, "read the process '%s'", path);
	ret = mr_spec_parse_process(path, text, len, spec, warnings, err);
	if (ret < 0)
		return ret;
	struct mr_spec_process *p = spec->process;
	if (!p->capabilities)
		p->capabilities = own->capabilities;
	if (!p->apparmor_profile)
		p->apparmor_profile = own->apparmor_profile;
	if (!p->selinux_label)
		p->selinux_label = own->selinux_label;
	if (!p->oom_score_adj.set)
		p->oom_score_adj = own->oom_score_adj;
	return 0;
}

static int add_texts(struct mr_arena *arena, const char *const *texts, const char *prefix,
	struct mr_list *list, struct mr_error *err)
{
	size_t n = 0;

	while (texts && texts[n])
		n++;
	if (n == 0)
		return 0;
	char **items = mr_arena_alloc(arena, (list->n + n + 1) * sizeof(*items));
	if (!items)
		return mr_fail(err, ENOMEM, "process");
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	for (size_t i = 0; i < n; i++) {
		bool whole = mr_has_prefix(texts[i], prefix);
		items[list->n + i] =
			mr_arena_printf(arena, "%s%s", whole ? "" : prefix, texts[i]);
		if (!items[list->n + i])
			return mr_fail(err, ENOMEM, "process");
	}
	*list = (struct mr_list){ .items = items, .n = list->n + n, .set = true };
	return 0;
}

/* A number, never a name that the image's passwd may give another meaning (CVE-2016-3697). */
static int take_user(const char *text, struct mr_spec_process *p, struct mr_error *err)
{
	const char *colon = strchr(text, ':');
	autofree char *uid = strndup(text, colon ? (size_t)(colon - text) : strlen(text));

	if (!uid)
		return mr_fail(err, ENOMEM, "user");
	if (mr_parse_id(uid, &p->uid) < 0 || (colon && mr_parse_id(colon + 1, &p->gid) < 0))
		return mr_fail_text(err, EINVAL,
			"user '%s': expected UID or UID:GID, numbers up to 2147483647", text);
	return 0;
}

static int take_groups(struct mr_arena *arena, const char *const *texts,
	struct mr_spec_process *p, struct mr_error *err)
{
	size_t n = 0;

	while (texts && texts[n])
		n++;
	if (n == 0)
		return 0;
	p->additional_gids.items = mr_arena_alloc(arena, n * sizeof(*p->additional_gids.items));
	if (!p->additional_gids.items)
		return mr_fail(err, ENOMEM, "additional groups");
	p->additional_gids.n = n;
	for (size_t i = 0; i < n; i++)
		if (mr_parse_id(texts[i], &p->additional_gids.items[i]) < 0)
			return mr_fail_text(err, EINVAL,
				"additional group '%s': expected a number up to 2147483647",
				texts[i]);
	return 0;
}

/* Never the inheritable set (CVE-2022-29162). */
static int add_caps(struct mr_arena *arena, const char *const *names, struct mr_spec_process *p,
	struct mr_error *err)
{
	if (!names || !names[0])
		return 0;
	if (!p->capabilities)
		p->capabilities = mr_arena_alloc(arena, sizeof(*p->capabilities));
	if (!p->capabilities)
		return mr_fail(err, ENOMEM, "capabilities");
	struct mr_list *const sets[] = { &p->capabilities->bounding, &p->capabilities->effective,
		&p->capabilities->permitted };
	int ret = 0;
	for (size_t i = 0; ret == 0 && i < sizeof(sets) / sizeof(sets[0]); i++)
		ret = add_texts(arena, names, "CAP_", sets[i], err);
	return ret;
}

static int check_options(const struct mr_exec_options *o, struct mr_error *err)
{
	for (const char *const *e = o->env; e && *e; e++)
		if (!strchr(*e, '=') || **e == '=')
			return mr_fail_text(err, EINVAL, "--env '%.60s': expected NAME=VALUE", *e);
	return o->cwd && o->cwd[0] != '/'
		       ? mr_fail_text(err, EINVAL, "--cwd '%.200s': expected an absolute path", o->cwd)
		       : 0;
}

/* The container's own process, with what the command line changes. */
static int change_process(
	const struct mr_exec_options *o, struct mr_spec *spec, struct mr_error *err)
{
	struct mr_spec_process *p = spec->process;
	struct mr_arena *arena = &spec->arena;
	int ret = check_options(o, err);

	if (ret < 0)
		return ret;
	spec->text = NULL; /* says no more what the process is */
	p->terminal = o->tty;
	p->args = (struct mr_list){ .set = true };
	if ((ret = add_texts(arena, (const char *const *)o->args, "", &p->args, err)) < 0 ||
		(ret = add_texts(arena, o->env, "", &p->env, err)) < 0 ||
		(ret = add_caps(arena, o->capabilities, p, err)) < 0 ||
		(ret = take_groups(arena, o->additional_gids, p, err)) < 0 ||
		(o->user && (ret = take_user(o->user, p, err)) < 0))
		return ret;
	if (o->cwd)
		p->cwd = mr_arena_strdup(arena, o->cwd);
	if (o->apparmor)
		p->apparmor_profile = mr_arena_strdup(arena, o->apparmor);
	if (o->process_label)
		p->selinux_label = mr_arena_strdup(arena, o->process_label);
	p->no_new_privileges = p->no_new_privileges || o->no_new_privs;
	return (o->cwd && !p->cwd) || (o->apparmor && !p->apparmor_profile) ||
			       (o->process_label && !p->selinux_label)
		       ? mr_fail(err, ENOMEM, "process")
		       : 0;
}

/* --- the plan --- */

/* Every namespace that is not ours already. */
static int plan_namespaces(pid_t init, struct mr_plan *p, struct mr_error *err)
{
	static const char *const files[MR_NS_TYPES] = { "user", "pid", "net", "ipc", "uts",
		"cgroup", "time", "mnt" };

	for (int i = 0; i < MR_NS_TYPES; i++) {
		char theirs[48], ours[48];
		struct stat a, b;
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)init, files[i]);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", files[i]);
		if (stat(ours, &b) < 0)
			continue; /* a kernel without that kind */
		if (stat(theirs, &a) < 0)
			return mr_fail_text(err, ESRCH, "container not running");
		if (a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			continue;
		p->ns.join[i] = mr_arena_strdup(&p->arena, theirs);
		if (!p->ns.join[i])
			return mr_fail(err, ENOMEM, "namespaces");
	}
	mr_ns_order(&p->ns, &p->host);
	return p->ns.join[MR_NS_USER] || p->host.rootless ? mr_plan_read_setgroups(init, p, err) : 0;
}

/* In a user namespace that is joined we hold every capability, also when the spec names none:
 * an ordinary user's container has been given one, mr_spec_add_user_namespace(). */
static int plan_caps(struct mr_plan *p, struct mr_strv *warnings, struct mr_error *err)
{
	struct mr_host there = p->host;

	if (p->ns.join[MR_NS_USER])
		there.effective_caps = UINT64_MAX;
	return mr_caps_plan(p->spec, &there, &p->caps, warnings, err);
}

/* The root is what the joined mount namespace has; without one, the container's directory. */
static void plan_root(const struct mr_container *c, struct mr_plan *p)
{
	p->rootfs.host = &p->host;
	p->rootfs.is_host = p->ns.join[MR_NS_MOUNT] || mr_streq(c->live.rootfs, "/");
	p->rootfs.path = p->rootfs.is_host ? "/" : c->live.rootfs;
	p->rootfs.cwd = p->spec->process->cwd;
	if (p->ns.join[MR_NS_MOUNT] && mr_streq(c->live.rootfs, "/"))
		snprintf(p->exec_root, sizeof(p->exec_root), "/proc/%d/root",
			(int)c->live.init.pid);
}

static int check_terminal(const struct mr_plan *p, struct mr_error *err)
{
	const struct mr_run_options *o = &p->options;
	bool terminal = p->spec->process->terminal;

	if (o->console_socket && !(terminal && o->detach))
		return mr_fail_text(err, EINVAL, "--console-socket needs a terminal and --detach");
	if (terminal && o->detach && !o->console_socket)
		return mr_fail_text(err, EINVAL,
			"a terminal and --detach are asked for: a --console-socket is needed");
	return 0;
}

static void set_options(const struct mr_container *c, const struct mr_exec_options *e,
	struct mr_plan *p)
{
	p->options = (struct mr_run_options){
		.root = e->root,
		.id = c->state.id,
		.detach = e->detach,
		.preserve_fds = e->preserve_fds,
		.pid_file = e->pid_file,
		.console_socket = e->console_socket,
		.pidfd_socket = e->pidfd_socket,
		.message = e->message,
		.message_arg = e->message_arg,
		.trace = e->trace,
	};
	p->exec = true;
	p->own_session = true;
	p->exec_cgroups = e->cgroups;
	snprintf(p->id, sizeof(p->id), "%s", c->state.id);
	p->bundle = c->live.bundle;
	p->root = c->state.root;
}

static int plan_process(struct mr_container *c, const struct mr_exec_options *o, struct mr_plan *p,
	struct mr_error *err)
{
	int ret = read_spec(c, p, err);

	if (ret == 0)
		ret = o->process ? read_process(o->process, p->spec, &p->warnings, err)
				 : change_process(o, p->spec, err);
	if (ret == 0)
		ret = mr_spec_validate_process(p->spec, o->process ? o->process : "exec",
			o->process ? &p->warnings : NULL, err);
	if (ret < 0)
		return ret;
	memset(p->spec->hooks, 0, sizeof(p->spec->hooks));
	mr_plan_take_window_size(p->spec->process);
	return check_terminal(p, err);
}

int mr_exec_plan(struct mr_container *c, int init, const struct mr_exec_options *o,
	struct mr_plan *p, struct mr_error *err)
{
	struct mr_intent intent;
	char cache[PATH_MAX + 16];
	/* What is the container's own was told at its launch. */
	struct mr_strv *told = o->process ? &p->warnings : NULL;
	const bool caps = o->capabilities && o->capabilities[0];
	int ret;

	mr_plan_init(p);
	set_options(c, o, p);
	p->exec_init = init;
	p->exec_init_pid = c->live.init.pid;
	p->exec_status = c->live.status;
	p->exec_state = c->state.dir;
	snprintf(cache, sizeof(cache), "%s/@seccomp", p->root);
	if ((ret = plan_process(c, o, p, err)) < 0 ||
		(ret = mr_host_read(&p->host, "", err)) < 0 ||
		(ret = mr_state_read_intent(&c->state, &intent, err)) < 0 ||
		(ret = plan_namespaces(c->live.init.pid, p, err)) < 0 ||
		(ret = plan_caps(p, caps ? &p->warnings : told, err)) < 0 ||
		(ret = mr_process_plan(p->spec, &p->host, &p->arena, &p->process, told, err)) < 0 ||
		(ret = mr_seccomp_plan(p->spec, cache, &p->seccomp, NULL, err)) < 0)
		return ret;
	if (intent.n_mount_points == 0)
		mr_host_forget_cgroups(&p->host);
	memcpy(p->cgroup.path, intent.cgroup_path, sizeof(p->cgroup.path));
	p->scope.user = intent.user_scope;
	p->resctrl = intent.resctrl;
	plan_root(c, p);
	return 0;
}

/* --- the verb --- */

static int check_state(struct mr_container *c, bool ignore_paused, struct mr_error *err)
{
	int ret = mr_container_refuse_damaged(c, err);

	if (ret < 0)
		return ret;
	const char *status = mr_container_oci_status(c);
	if (mr_streq(status, "creating"))
		return mr_container_not_running(c, err);
	if (mr_streq(status, "stopped"))
		return mr_fail_text(err, ESRCH, "cannot exec in a stopped container: "
						"container not running");
	if (mr_streq(status, "paused") && !ignore_paused)
		return mr_fail_text(err, EBUSY,
			"cannot exec in a paused container: resume it, or use --ignore-paused");
	return 0;
}

int mr_exec(const struct mr_exec_options *options, int *ret_exit_code, struct mr_error *err)
{
	struct mr_container *c = NULL;
	struct mr_result result = { 0 };
	struct mr_plan plan;
	autoclose int init = -1;

	int ret = mr_container_open(options->root, options->id, &c, err);
	if (ret < 0)
		return ret;
	ret = check_state(c, options->ignore_paused, err);
	if (ret == 0)
		ret = init = mr_container_open_init(c, err);
	if (ret >= 0) {
		ret = mr_exec_plan(c, init, options, &plan, err);
		if (ret == 0) {
			mr_plan_warn(&plan, &plan.warnings);
			ret = mr_launch(&plan, -1, &result, err);
		}
		mr_plan_clear(&plan);
	}
	mr_container_close(c);
	*ret_exit_code = result.exit_code;
	return ret < 0 ? ret : 0;
}
