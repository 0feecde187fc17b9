/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun exec: a further process in a container, as engines call it (--process) and as
 * people do (`minirun exec ID sh`).
 */
#include "cmd.h"

#include <errno.h>

#define EXIT_EXEC_FAILED 255 /* as runc and crun */

struct exec {
	struct mr_exec_options run;
	struct option_list env, caps, gids, cgroups;
	bool interactive;
};

#define AT(member) offsetof(struct exec, member)
#define ROW(name, letter, kind, member, value, help)                                     \
	{                                                                                \
		name, letter, kind, AT(member), value, help, GROUP_COMMON, NULL          \
	}
static const struct option options[] = {
	ROW("process", 'p', OPTION_TEXT, run.process, "FILE",
		"the OCI process object to run"),
	ROW("detach", 'd', OPTION_FLAG, run.detach, NULL, "return once the program runs"),
	ROW("tty", 't', OPTION_FLAG, run.tty, NULL, "give it a terminal"),
	ROW("interactive", 'i', OPTION_FLAG, interactive, NULL,
		"accepted: stdin is always passed on"),
	ROW("user", 'u', OPTION_TEXT, run.user, "UID[:GID]", "numbers"),
	ROW("additional-gids", 'g', OPTION_LIST, gids, "GID", "a supplementary group"),
	ROW("cwd", 0, OPTION_TEXT, run.cwd, "DIR", "working directory"),
	ROW("env", 'e', OPTION_LIST, env, "NAME=VALUE", "environment variable"),
	ROW("cap", 'c', OPTION_LIST, caps, "CAP", "add a capability"),
	ROW("no-new-privs", 0, OPTION_FLAG, run.no_new_privs, NULL,
		"set-uid programs gain nothing"),
	ROW("process-label", 0, OPTION_TEXT, run.process_label, "LABEL", "SELinux label"),
	ROW("apparmor", 0, OPTION_TEXT, run.apparmor, "PROFILE", "AppArmor profile"),
	ROW("cgroup", 0, OPTION_LIST, cgroups, "[CONTROLLER:]PATH",
		"a cgroup below the container's"),
	ROW("ignore-paused", 0, OPTION_FLAG, run.ignore_paused, NULL,
		"also in a paused container"),
	ROW("pid-file", 0, OPTION_TEXT, run.pid_file, "FILE", "write the host's pid"),
	ROW("console-socket", 0, OPTION_TEXT, run.console_socket, "SOCKET",
		"receives the terminal when detached"),
	ROW("pidfd-socket", 0, OPTION_TEXT, run.pidfd_socket, "SOCKET",
		"receives a pidfd of the process"),
	ROW("preserve-fds", 0, OPTION_NUMBER, run.preserve_fds, "N",
		"pass on descriptors 3 to 3+N-1"),
	{0},
};

static int run_exec(
	struct context *ctx, struct exec *e, struct arguments *args, struct mr_error *err)
{
	int exit_code = 0;
	int r = mr_protect_own_binary(ctx->argv, err);

	e->run.root = ctx->root;
	e->run.id = args->items[0];
	e->run.args = args->items + 1;
	e->run.env = e->env.items;
	e->run.capabilities = e->caps.items;
	e->run.additional_gids = e->gids.items;
	e->run.cgroups = e->cgroups.items;
	e->run.trace = context_traces(ctx, false);
	e->run.message = report_message;
	e->run.message_arg = ctx;
	if (r == 0)
		r = mr_exec(&e->run, &exit_code, err);
	return r < 0 ? r : exit_code;
}

int cmd_exec(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct exec e = {0};
	struct arguments args;

	ctx->failure = EXIT_EXEC_FAILED;
	int r = command_parse(ctx, options, &e, argc, argv, &args, err);
	if (r == 1)
		r = command_count(ctx, &args, 1, -1, err);
	else
		return r;
	if (r == 0 && !e.run.process && args.n < 2)
		r = fail(err, EINVAL, "exec needs a program, or --process FILE");
	if (r == 0 && e.run.process && args.n > 1)
		r = fail(err, EINVAL, "exec: --process names the program, '%s' is too much",
			args.items[1]);
	if (r == 0)
		r = run_exec(ctx, &e, &args, err);
	option_list_clear(&e.env);
	option_list_clear(&e.caps);
	option_list_clear(&e.gids);
	option_list_clear(&e.cgroups);
	return r;
}
