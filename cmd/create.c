/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun create and start, as engines call them.
 */
#include "run.h"

#include <errno.h>

#define AT(member) offsetof(struct run_args, member)
#define ROW(name, letter, kind, member, value, help)                                     \
	{                                                                                \
		name, letter, kind, AT(member), value, help, GROUP_COMMON, NULL          \
	}
static const struct option create_options[] = {
	ROW("bundle", 'b', OPTION_TEXT, run.bundle, "DIR", "holds config.json; default ."),
	ROW("config", 'f', OPTION_TEXT, run.config, "FILE", "instead of DIR/config.json"),
	ROW("pid-file", 0, OPTION_TEXT, run.pid_file, "FILE",
		"write the host's pid of init"),
	ROW("console-socket", 0, OPTION_TEXT, run.console_socket, "SOCKET",
		"receives the terminal"),
	ROW("pidfd-socket", 0, OPTION_TEXT, run.pidfd_socket, "SOCKET",
		"receives a pidfd of init"),
	ROW("no-pivot", 0, OPTION_FLAG, run.no_pivot, NULL,
		"move the root mount, no pivot_root"),
	ROW("no-new-keyring", 0, OPTION_FLAG, run.no_new_keyring, NULL,
		"keep the session keyring"),
	ROW("preserve-fds", 0, OPTION_NUMBER, run.preserve_fds, "N",
		"pass on descriptors 3 to 3+N-1"),
	ROW("no-subreaper", 0, OPTION_FLAG, no_subreaper, NULL,
		"accepted, has no effect"),
	ROW("cgroup-parent", 0, OPTION_TEXT, run.cgroup_parent, "PATH",
		"parent of the container's cgroup"),
	ROW("trace", 0, OPTION_FLAG, run.trace, NULL,
		"show every step with its duration"),
	{0},
};

int cmd_create(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct run_args a;
	struct arguments args;

	run_args_init(&a);
	int r = command_parse(ctx, create_options, &a, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_protect_own_binary(ctx->argv, err);
	if (r < 0)
		return r;
	a.run.id = args.items[0];
	a.run.root = ctx->root;
	a.run.keep_record = ctx->keep_record;
	a.run.message = report_message;
	a.run.message_arg = ctx;
	if (!a.run.bundle)
		a.run.bundle = ".";
	return mr_create(&a.run, err);
}

int cmd_start(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct mr_container *c = NULL;
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 1, 1, err);
	if (r == 0)
		r = mr_container_open(ctx->root, args.items[0], &c, err);
	if (r == 0)
		r = mr_container_start(c, err);
	mr_container_close(c);
	return r;
}
