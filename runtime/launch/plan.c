/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to a plan: find the spec, choose the id, parse, validate, ask the host, and
 * let every room plan its part. All of it is decided here, so that a launch that fails for
 * a bad spec has touched nothing.
 *
 * The default id is docker-like: the stem of the spec's file name, or the directory's name
 * for a file called config.json.
 */
#include "launch/plan.h"

#include "base/io.h"
#include "launch/notify.h"
#include "launch/plan_error.h"
#include "record/kept.h"
#include "sandbox/terminal.h"
#include "spec/parse.h"
#include "spec/subids.h"
#include "spec/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LISTEN_FDS 65536 /* preserve-fds adds to it */

void mr_plan_init(struct mr_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->root = plan->bundle = plan->config = plan->status_path = plan->timeline_path = "";
	plan->exec_init = plan->exec_state = -1;
}

static int absolute(
	struct mr_plan *plan, const char *path, const char **ret, struct mr_error *err)
{
	char cwd[PATH_MAX] = "";

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return mr_fail(err, errno, "cannot read the current directory");
	auto_str full = { 0 };
	mr_str_appendf(&full, "%s/%s", cwd, path);
	if (!mr_str_ok(&full))
		return mr_fail(err, ENOMEM, "path '%s'", path);
	autofree char *clean = mr_path_clean(full.data);
	if (clean && strlen(clean) >= PATH_MAX)
		return mr_fail(err, ENAMETOOLONG, "path '%.80s...'", path);
	*ret = clean ? mr_arena_strdup(&plan->arena, clean) : NULL;
	return *ret ? 0 : mr_fail(err, ENOMEM, "path '%s'", path);
}

/* The directory of the spec and the spec's own path, from whichever form was given. */
static int locate(struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_run_options *o = &plan->options;
	int ret;

	if (o->spec_text)
		return absolute(plan, ".", &plan->bundle, err);
	if (o->spec_path) {
		ret = absolute(plan, o->spec_path, &plan->config, err);
		if (ret < 0)
			return ret;
		size_t dir = (size_t)(mr_path_base(plan->config) - plan->config);
		plan->bundle =
			mr_arena_strndup(&plan->arena, plan->config, dir > 1 ? dir - 1 : dir);
		return plan->bundle ? 0 : mr_fail(err, ENOMEM, "path '%s'", plan->config);
	}
	ret = absolute(plan, o->bundle ? o->bundle : ".", &plan->bundle, err);
	if (ret < 0)
		return ret;
	if (o->config)
		return absolute(plan, o->config, &plan->config, err);
	if (strlen(plan->bundle) + sizeof("/config.json") > PATH_MAX)
		return mr_fail(err, ENAMETOOLONG, "bundle '%.80s...'", plan->bundle);
	plan->config = mr_arena_printf(&plan->arena, "%s/config.json", plan->bundle);
	return plan->config ? 0 : mr_fail(err, ENOMEM, "bundle '%s'", plan->bundle);
}

static int choose_id(struct mr_plan *plan, const char *spec_path, struct mr_error *err)
{
	char id[sizeof(plan->id)] = "";

	if (plan->options.id) {
		if (strlen(plan->options.id) < sizeof(id))
			memcpy(id, plan->options.id, strlen(plan->options.id) + 1);
	} else if (plan->options.command) {
		const char *program = mr_path_base(plan->spec->process->args.items[0]);
		snprintf(id, sizeof(id), "%.100s-%d", program, (int)getpid());
	} else {
		const char *base = mr_path_base(spec_path);
		if (mr_streq(base, "config.json"))
			snprintf(id, sizeof(id), "%s", mr_path_base(plan->bundle));
		else
			snprintf(id, sizeof(id), "%.*s",
				(int)(strrchr(base, '.') ? strrchr(base, '.') - base
							 : (long)strlen(base)),
				base);
	}
	int ret = mr_check_id(plan->options.id ? plan->options.id : id, err);
	if (ret < 0 && !plan->options.id) {
		mr_prefix(err, "the id that '%.200s' gives", spec_path);
		mr_hint(err, "give another with --name ID: A-Z a-z 0-9 _ + - . with no '-' at the "
			     "beginning");
	}
	if (ret < 0)
		return ret;
	memcpy(plan->id, id, sizeof(id));
	return 0;
}

/* Told by `delete` it would be too late. */
static int choose_record(struct mr_plan *plan, struct mr_error *err)
{
	plan->options.keep_record |=
		mr_streq(mr_spec_annotation(plan->spec, MR_ANNOTATION_KEEP_RECORD), "true");
	return plan->options.keep_record ? mr_kept_check_id(plan->id, err) : 0;
}

static int read_spec(struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_run_options *o = &plan->options;
	int ret;

	plan->spec_name = o->spec_text ? (o->spec_name ? o->spec_name : "spec")
				       : (o->spec_path ? o->spec_path : plan->config);
	if (o->spec_text)
		ret = mr_spec_parse(plan->spec_name, o->spec_text, strlen(o->spec_text),
			&plan->spec, &plan->warnings, err);
	else
		ret = mr_spec_read(plan->spec_name, &plan->spec, &plan->warnings, err);
	if (ret == 0 && o->command)
		plan->spec->text = NULL;
	return ret;
}

void mr_plan_take_window_size(struct mr_spec_process *process)
{
	struct winsize size;

	if (!process->terminal || process->console_height.set || !mr_terminal_own_size(&size))
		return;
	process->console_height = (struct mr_uint){ true, size.ws_row };
	process->console_width = (struct mr_uint){ true, size.ws_col };
}

/* Descriptors of socket activation (sd_listen_fds(3)) are for us only if LISTEN_PID says so:
 * they come first, and the program is told that they are for it, by the pid that the child fills
 * in. Of a variable that the config has, too, the last value stands. */
static int take_listen_fds(struct mr_plan *plan, struct mr_error *err)
{
	const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
	struct mr_list *env = &plan->spec->process->env;
	int64_t pid, n;

	if (!pid_text || !n_text || mr_parse_i64(pid_text, &pid) < 0 || pid != getpid() ||
		mr_parse_i64(n_text, &n) < 0 || n < 1 || n > MAX_LISTEN_FDS)
		return 0;
	char **items = mr_arena_alloc(&plan->arena, (env->n + 2) * sizeof(*items));
	char *fds = mr_arena_printf(&plan->arena, "LISTEN_FDS=%d", (int)n);
	char *to = mr_arena_alloc(&plan->arena, MR_LISTEN_PID_SIZE);
	if (!items || !fds || !to)
		return mr_fail(err, ENOMEM, "LISTEN_FDS");
	if (env->n > 0)
		memcpy(items, env->items, env->n * sizeof(*items));
	items[env->n] = fds;
	/* In most cases; the child, who knows, writes its own. */
	snprintf(to, MR_LISTEN_PID_SIZE, "LISTEN_PID=1");
	plan->listen_pid = items[env->n + 1] = to;
	*env = (struct mr_list){ .items = items, .n = env->n + 2, .set = true };
	plan->options.preserve_fds += (int)n;
	return 0;
}

/* What the user's manager cannot pass on is not there. One that does not run is told later. */
static int keep_managers(struct mr_plan *plan, struct mr_error *err)
{
	char *manager = mr_arena_printf(&plan->arena, "%.*s", (int)plan->scope.manager_len,
		plan->scope.path);
	int ret = manager ? mr_host_keep_controllers(&plan->host, manager, err)
			  : mr_fail(err, ENOMEM, "plan the scope");

	return ret == -ENOENT ? 0 : ret;
}

int mr_plan_read_setgroups(pid_t pid, struct mr_plan *plan, struct mr_error *err)
{
	char path[48], word[16];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	ssize_t n = mr_read_line_at(AT_FDCWD, path, word, sizeof(word));
	if (n < 0)
		return mr_fail(err, (int)-n, "read %s", path);
	plan->ns.deny_setgroups = mr_streq(word, "deny");
	return 0;
}

static int plan_namespaces(struct mr_plan *plan, const char *host_root, struct mr_error *err)
{
	struct mr_ns_plan *ns = &plan->ns;
	int ret = mr_ns_plan(plan->spec, &plan->host, &plan->arena, ns, err);
	const bool stays = !ns->create[MR_NS_USER] && !ns->join[MR_NS_USER];

	return ret == 0 && stays && plan->host.rootless && !*host_root
		       ? mr_plan_read_setgroups(getpid(), plan, err)
		       : ret;
}

/* As one who may use none is told, mr_cgroup_plan(); who asked for none knows. */
static int warn_uncounted(struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_host *h = &plan->host;

	if (plan->options.no_cgroup || h->owner[MR_CTL_MEMORY] >= 0 ||
		h->denied >> MR_CTL_MEMORY & 1)
		return 0;
	return mr_strv_add(&plan->warnings, "no OOM kill is counted, and no memory limit can be set: "
					    "this host has no memory controller") < 0
		       ? mr_fail(err, ENOMEM, "a warning")
		       : 0;
}

static int plan_cgroup(struct mr_plan *plan, const char *host_root, struct mr_error *err)
{
	const struct mr_run_options *o = &plan->options;
	int ret = 0;

	if (o->systemd && o->cgroup_parent)
		return mr_fail_text(err, EINVAL, "--cgroup-parent belongs to the other driver: "
						 "linux.cgroupsPath names the slice");
	if (o->no_cgroup)
		mr_host_forget_cgroups(&plan->host);
	else if (plan->host.rootless && !*host_root && !o->systemd &&
		 !mr_cgroup_is_placed(plan->spec, o->cgroup_parent))
		ret = mr_host_keep_own_cgroups(&plan->host, err);
	if (ret == 0 && o->systemd)
		ret = mr_scope_plan(plan->spec, &plan->host, host_root, plan->id,
			o->systemd_properties, &plan->scope, &plan->warnings, err);
	if (ret == 0 && plan->scope.user && !*host_root)
		ret = keep_managers(plan, err);
	if (ret == 0)
		ret = mr_cgroup_plan(plan->spec, &plan->host, plan->id, o->cgroup_parent,
			&plan->arena, &plan->cgroup, &plan->warnings, err);
	if (ret == -EOPNOTSUPP && o->no_cgroup)
		mr_hint(err, "leave out --cgroup-manager disabled, or what needs a cgroup");
	if (ret == 0)
		ret = warn_uncounted(plan, err);
	if (ret == 0 && o->systemd)
		ret = mr_scope_properties(&plan->cgroup.rows, &plan->scope.properties, err);
	plan->scope.stays = o->create || o->keep;
	if (ret == 0)
		ret = mr_resctrl_plan(plan->spec->linux_->intel_rdt, host_root, plan->id,
			&plan->resctrl, err);
	/* The container's process is a middle one's child before we can move either. */
	if (ret == 0 && plan->resctrl.group[0] && plan->ns.middle)
		ret = mr_fail_text(err, EOPNOTSUPP,
			"linux.intelRdt: not with new namespaces in a user namespace that is joined");
	return ret;
}

static int plan_rooms(struct mr_plan *plan, bool for_launch, struct mr_error *err)
{
	const struct mr_run_options *o = &plan->options;
	const struct mr_spec *spec = plan->spec;
	char cache[PATH_MAX + 16];
	const char *host_root = !for_launch && o->host_root ? o->host_root : "";
	int ret;

	snprintf(cache, sizeof(cache), "%s/@seccomp", plan->root);
	if ((ret = mr_host_read(&plan->host, host_root, err)) < 0)
		return ret;
	if ((ret = mr_spec_add_user_namespace(plan->spec, &plan->host, host_root, err)) < 0 ||
		(ret = plan_namespaces(plan, host_root, err)) < 0 ||
		(ret = plan_cgroup(plan, host_root, err)) < 0 ||
		(ret = mr_rootfs_plan(spec, &plan->host, plan->bundle, o->no_pivot, &plan->arena,
			 &plan->rootfs, &plan->warnings, err)) < 0 ||
		(ret = mr_caps_plan(spec, &plan->host, &plan->caps, &plan->warnings, err)) < 0 ||
		(ret = mr_process_plan(spec, &plan->host, &plan->arena, &plan->process,
			 &plan->warnings, err)) < 0 ||
		(ret = mr_seccomp_plan(spec, for_launch ? cache : NULL, &plan->seccomp,
			 &plan->warnings, err)) < 0)
		return ret;
	return 0;
}

/* Told at the end, the program's own exit status would be lost. */
static int check_status_file(struct mr_plan *plan, struct mr_error *err)
{
	const char *path = plan->status_path;
	size_t dir_len = (size_t)(mr_path_base(path) - path);
	const char *dir = mr_arena_strndup(&plan->arena, path, dir_len > 1 ? dir_len - 1 : 1);
	struct stat st;

	if (!dir)
		return mr_fail(err, ENOMEM, "--status '%s'", path);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return mr_fail_text(err, EINVAL, "--status '%s': it is no regular file", path);
	/* It is replaced as a whole. */
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		return mr_fail(err, errno, "--status '%s': its directory '%s'", path, dir);
	return 0;
}

static int take_status_path(struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_run_options *o = &plan->options;
	int ret;

	if (!o->status_path[0])
		return mr_fail_text(err, EINVAL, "--status '': expected a file, or - for "
						 "standard output");
	if (!mr_streq(o->status_path, "-")) {
		ret = absolute(plan, o->status_path, &plan->status_path, err);
		return ret < 0 ? ret : check_status_file(plan, err);
	}
	if (o->detach) {
		ret = mr_fail_text(err, EINVAL, "--status - with --detach: at the end "
						"standard output is the caller's no more");
		mr_hint(err, "name a file: --status FILE");
		return ret;
	}
	plan->status_path = o->status_path;
	return 0;
}

static int make_plan(const struct mr_run_options *options, bool for_launch, struct mr_plan *ret,
	struct mr_error *err)
{
	int r;

	mr_plan_init(ret);
	ret->options = *options;
	if ((r = absolute(ret, options->root ? options->root : mr_default_root(), &ret->root,
		     err)) < 0 ||
		(r = locate(ret, err)) < 0 ||
		(r = read_spec(ret, err)) < 0 ||
		(r = mr_spec_validate(ret->spec, ret->spec_name, &ret->warnings, err)) < 0 ||
		(r = choose_id(ret, ret->config, err)) < 0 || (r = choose_record(ret, err)) < 0)
		return r;
	if (ret->spec->process->terminal && !options->detach && options->console_socket)
		return mr_fail_text(err, EINVAL, "--console-socket needs --detach: the "
						 "terminal is ours otherwise");
	if (options->console_socket && !ret->spec->process->terminal)
		return mr_fail_text(err, EINVAL,
			"--console-socket given, but process.terminal is false");
	if (ret->spec->process->terminal && options->detach && !options->console_socket)
		return mr_fail_text(err, EINVAL, "process.terminal is true and --detach is "
						 "given: a --console-socket is needed");
	if (options->log_max && options->log_max < MR_LOG_SIZE_MIN)
		return mr_fail_text(err, EINVAL, "log of %lld bytes: at least %d are needed",
			(long long)options->log_max, MR_LOG_SIZE_MIN);
	if (options->status_path && (r = take_status_path(ret, err)) < 0)
		return r;
	if (options->timeline_interval_ms < 0 || options->timeline_interval_ms > 3600000)
		return mr_fail_text(err, EINVAL, "timeline interval of %lld ms: expected 1ms to 1h",
			(long long)options->timeline_interval_ms);
	if (options->timeline_path &&
		(r = absolute(ret, options->timeline_path, &ret->timeline_path, err)) < 0)
		return r;
	if ((r = take_listen_fds(ret, err)) < 0)
		return r;
	mr_plan_take_window_size(ret->spec->process);
	if ((r = mr_notify_plan(ret, err)) < 0)
		return r;
	if ((r = plan_rooms(ret, for_launch, err)) < 0)
		return r;
	mr_plan_place_warnings(ret);
	ret->own_session = !options->command || ret->spec->process->terminal ||
			   options->detach;
	for (int k = MR_HOOK_PRESTART; k <= MR_HOOK_START_CONTAINER; k++)
		ret->hooks_before_start |= ret->spec->hooks[k].n > 0;
	return 0;
}

int mr_plan_make(const struct mr_run_options *options, bool for_launch, struct mr_plan *ret,
	struct mr_error *err)
{
	int r = make_plan(options, for_launch, ret, err);

	if (r < 0)
		mr_plan_name_cause(ret, err);
	return r;
}

void mr_plan_clear(struct mr_plan *plan)
{
	mr_seccomp_clear(&plan->seccomp);
	mr_scope_plan_clear(&plan->scope);
	mr_strv_clear(&plan->warnings);
	mr_spec_free(plan->spec);
	mr_arena_clear(&plan->arena);
	plan->spec = NULL;
}

void mr_warn(mr_message_fn message, void *arg, const struct mr_strv *texts)
{
	for (size_t i = 0; i < texts->n && message; i++)
		message(arg, MR_MESSAGE_WARNING, texts->items[i]);
}

void mr_plan_warn(const struct mr_plan *plan, const struct mr_strv *texts)
{
	mr_warn(plan->options.message, plan->options.message_arg, texts);
}

int mr_plan_add_warnings(
	struct mr_plan *plan, const struct mr_strv *texts, struct mr_error *err)
{
	for (size_t i = 0; i < texts->n; i++)
		if (mr_strv_add(&plan->warnings, texts->items[i]) < 0)
			return mr_fail(err, ENOMEM, "a warning");
	mr_plan_warn(plan, texts);
	return 0;
}

void mr_plan_describe_step(const struct mr_plan *plan, const char *name, const char *manual,
	mr_describe_fn describe, struct mr_str *out)
{
	auto_str values = { 0 };

	if (describe)
		describe(plan, &values);
	mr_str_appendf(out, "  %-18s %-22s%s\n", name, manual, mr_str_text(&values));
}

void mr_plan_trace_step(const struct mr_plan *plan, const char *side, const char *name,
	mr_describe_fn describe, int64_t ns)
{
	auto_str values = { 0 };
	auto_str line = { 0 };

	if (!plan->options.trace || !plan->options.message)
		return;
	if (describe)
		describe(plan, &values);
	mr_str_appendf(&line, "%9.3f ms  %-6s  %-*s%s", (double)ns / 1e6, side,
		values.len ? 18 : 0, name, mr_str_text(&values));
	if (mr_str_ok(&line))
		plan->options.message(plan->options.message_arg, MR_MESSAGE_TRACE, line.data);
}
