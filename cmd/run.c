/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun run: from a spec file, from docker's options and a program, or from a bundle as
 * an OCI runtime. One runtime call does all three; see run_mode.c for which it is.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

static void print_summary(const struct run_args *a, const struct mr_result *result)
{
	bool wanted = a->summary || (a->run.stand_alone && result->oom_killed == 1);

	if (!wanted || a->quiet || !result->summary[0])
		return;
	fprintf(stderr, "minirun: %s", result->summary);
	if (a->generated_id[0] && !a->run.remove)
		fprintf(stderr, " (minirun inspect %s)", result->id);
	fputc('\n', stderr);
	if (result->shape[0])
		fprintf(stderr, "minirun: leak or limit? %s\n", result->shape);
}

/* A guard that fired is no answer, unless that was asked. */
static int judge(
	const struct run_args *a, const struct mr_result *result, struct mr_error *err)
{
	bool timeout_expected = false;
	int r = expect_report(
		&a->expect, result->record, a->skip_unknown, a->quiet, err);

	for (size_t i = 0; i < a->expect.n; i++)
		timeout_expected |= !strcmp(a->expect.items[i], "timeout");
	return r >= 0 && result->timed_out && !timeout_expected ? MR_EXIT_TIMEOUT : r;
}

static int run_and_wait(
	const struct context *ctx, const struct run_args *a, struct mr_error *err)
{
	struct mr_result result = {.oom_killed = -1};
	/* May execute this program again: nothing was opened or printed so far. */
	int r = mr_protect_own_binary(ctx->argv, err);

	if (r == 0)
		r = mr_run(&a->run, &result, err);
	if (r == 0 && a->run.detach) {
		if (a->run.stand_alone)
			printf("%s\n", result.id);
	} else if (r == 0) {
		print_summary(a, &result);
		r = a->expect.n ? judge(a, &result, err) : result.exit_code;
	}
	free(result.record);
	return r;
}

void run_take_context(struct run_args *a, struct context *ctx)
{
	a->run.root = ctx->root;
	a->run.keep_record = ctx->keep_record;
	a->run.no_cgroup = context_no_cgroup(ctx);
	a->run.systemd = context_systemd(ctx);
	a->run.systemd_properties = ctx->systemd_properties;
	a->run.trace = context_traces(ctx, a->run.trace);
	a->run.message = report_message;
	a->run.message_arg = ctx;
}

int run_show_plan(const struct run_args *a, struct mr_error *err)
{
	char *text = NULL;
	int r = mr_plan_text(&a->run, &text, err);

	if (r < 0)
		return r;
	fputs(text, stdout);
	free(text);
	return 0;
}

static int show_or_run(
	const struct context *ctx, const struct run_args *a, struct mr_error *err)
{
	if (a->print_spec) {
		fputs(a->spec_text, stdout);
		return 0;
	}
	return a->dry_run ? run_show_plan(a, err) : run_and_wait(ctx, a, err);
}

int cmd_run(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct run_args a;
	struct arguments args;
	enum run_mode mode = RUN_OCI;

	run_args_init(&a);
	int r = command_parse(ctx, run_options, &a, argc, argv, &args, err);
	if (r == 1) {
		r = run_choose_mode(&a, &args, &mode, err);
		if (r == 0) {
			ctx->failure = mode == RUN_OCI ? EXIT_OCI_ERROR : MR_EXIT_FAILURE;
			ctx->quiet = a.quiet;
			run_take_context(&a, ctx);
			r = run_prepare(&a, &args, mode, err);
		}
		if (r == 0)
			r = show_or_run(ctx, &a, err);
	}
	run_args_clear(&a);
	return r;
}
