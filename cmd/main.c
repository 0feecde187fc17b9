/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun: a container launcher that says truthfully how its containers ended.
 *
 * Here is the one place where an error becomes lines on stderr and an exit status. The
 * table of commands is in commands.c; a command is a file of its own, prints only what
 * was asked for and returns.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int check_main_options(const struct context *ctx, struct mr_error *err)
{
	const char *manager = ctx->cgroup_manager ? ctx->cgroup_manager : "cgroupfs";
	const char *rootless = ctx->rootless ? ctx->rootless : "auto";

	if (strcmp(manager, "cgroupfs") != 0 && strcmp(manager, "disabled") != 0 &&
		strcmp(manager, "systemd") != 0)
		return fail(err, EINVAL,
			"option --cgroup-manager: expected cgroupfs, disabled or "
			"systemd, "
			"found '%s'",
			manager);
	if (strcmp(rootless, "auto") != 0 && strcmp(rootless, "true") != 0 &&
		strcmp(rootless, "false") != 0)
		return fail(err, EINVAL,
			"option --rootless: expected true, false or auto, found '%s'",
			rootless);
	return 0;
}

static int run_command(
	struct context *ctx, const struct arguments *args, struct mr_error *err)
{
	const char *name = args->items[0];

	ctx->command = command_find(name);
	return ctx->command ? ctx->command->function(ctx, args->n, args->items, err)
			    : companion_exec(ctx, name, args->items, err);
}

/* The exit status of failures until the command knows better, by its own words; argv[0] is its
 * name. */
static int failure_of(int argc, char **argv)
{
	const struct command *command = command_find(argv[0]);
	bool alone = command && (command->function == cmd_plan ||
			(command->function == cmd_run && !run_is_oci(argc, argv)));

	return alone ? MR_EXIT_FAILURE : EXIT_OCI_ERROR;
}

/* With an option that is none it is not known which word is the command: the first that is
 * called like one. */
static int failure_of_any(int argc, char **argv)
{
	int i = 1;

	while (i < argc && !command_find(argv[i]))
		i++;
	return i < argc ? failure_of(argc - i, argv + i) : EXIT_OCI_ERROR;
}

static int run_command_line(
	struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	const struct option_set sets[] = {
		{common_options, ctx}, {main_options, ctx}, {0}};
	struct arguments args;
	int r = options_parse(sets, argc, argv, false, &args, err);

	if (r < 0) {
		ctx->failure = failure_of_any(argc, argv);
		return r;
	}
	if (args.n > 0)
		ctx->failure = failure_of(args.n, args.items);
	if (args.help || (args.n == 0 && !ctx->version)) {
		print_usage(stdout);
		return 0;
	}
	if (ctx->version) {
		print_version(stdout);
		return 0;
	}
	r = common_check(ctx, err);
	if (r == 0)
		r = check_main_options(ctx, err);
	return r < 0 ? r : run_command(ctx, &args, err);
}

/* A file that is opened later must not become somebody's stdin, stdout or stderr. */
static void open_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_NOCTTY) < 0)
			_exit(MR_EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	struct context ctx = {.argv = argv, .failure = EXIT_OCI_ERROR};
	struct mr_error err = {0};

	open_stdio();
	int r = run_command_line(&ctx, argc, argv, &err);
	bool lost = fflush(stdout) != 0 || ferror(stdout);
	if (lost && r >= 0)
		r = fail(&err, EIO, "standard output could not be written (%s)",
			mr_errno_name(errno));
	if (r >= 0)
		return r;
	report_error(&ctx, &err);
	return ctx.failure == MR_EXIT_FAILURE && err.exit_code ? err.exit_code
							       : ctx.failure;
}
