/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "minirun.h"
#include "options.h"

#include <string.h>

/*
 * What commands share. To add a command: 1. write cmd/NAME.c with its table of options
 * and its function, 2. declare the function here, 3. add a row to the table in
 * commands.c,
 * 4. describe its options in a page of cmd/man/.
 */

/** The exit statuses of minirun's own failures (see also enum mr_exit_code). */
enum {
	EXIT_OCI_ERROR = 1, /* as an engine's runtime */
	EXIT_UNKNOWN_COMMAND = 3,
};

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };

struct command;

/** One invocation: the global options and how to fail. */
struct context {
	char **argv; /* of main() */
	const struct command *command;
	int failure; /* exit status of an error; MR_EXIT_FAILURE: the error may name its
			own */

	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless;
	bool debug, systemd_cgroup, systemd_properties, keep_record, version, help;

	const char *log_path; /* where to, once checked; NULL: nowhere */
	const char *log_tag;  /* a socket, and this is whose message it is; NULL: a file */
	bool log_json;
	enum log_level level;
	bool quiet, trace;
};

/** --cgroup-manager disabled */
static inline bool context_no_cgroup(const struct context *ctx)
{
	return ctx->cgroup_manager && !strcmp(ctx->cgroup_manager, "disabled");
}

/** Are a launch's steps told? With --trace, which is @asked, on stderr; with --debug in the
 * log, or on stderr as in a log. */
static inline bool context_traces(struct context *ctx, bool asked)
{
	ctx->trace = asked;
	return asked || ctx->level == LOG_LEVEL_DEBUG;
}

static inline bool context_systemd(const struct context *ctx)
{
	return ctx->systemd_cgroup ||
	       (ctx->cgroup_manager && !strcmp(ctx->cgroup_manager, "systemd"));
}

/** @return the exit status, or -errno with *err filled in; argv[0] is the command's name
 */
typedef int (*command_fn)(
	struct context *ctx, int argc, char **argv, struct mr_error *err);

struct command {
	const char *name;
	command_fn function;
	const char *help;     /* one line */
	const char *synopsis; /* what follows the name; lines of their own by '\n' */
	bool own_tail; /* options after the first argument belong to somebody else */
};

/** The table, ending with a NULL name. */
extern const struct command commands[];
/** Options before the command, and those of them that may stand behind it too. */
extern const struct option main_options[], common_options[];

int cmd_check(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_create(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_delete(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_events(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_exec(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_explain(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_features(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_help(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_inspect(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_kill(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_list(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_logs(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_pause(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_plan(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_ps(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_resume(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_run(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_score(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_spec(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_start(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_state(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_stop(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_update(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_version(struct context *ctx, int argc, char **argv, struct mr_error *err);
int cmd_wait(struct context *ctx, int argc, char **argv, struct mr_error *err);

/* --- errors and news: report.c --- */

/** Fill @err in; the text stands as it is. @return -errnum */
int fail(struct mr_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** Are the log's destination, format and level usable? */
int log_check(struct context *ctx, struct mr_error *err);
/** --log, for log_check(): can it be opened? (log.c) */
int log_parse_destination(struct context *ctx, struct mr_error *err);
/** One line to the log; there must be one. A failure to write is told on stderr. */
void log_line(const struct context *ctx, enum log_level level, const char *text);
/** The same line to @out. */
void log_put(FILE *out, const struct context *ctx, enum log_level level, const char *text);
/** The one error of this invocation, to stderr and the log. */
void report_error(const struct context *ctx, const struct mr_error *err);
/** For mr_run_options.message; @arg is the context. */
void report_message(void *arg, enum mr_message_kind kind, const char *text);

/* --- parsing and help: command.c --- */

/** Check the global options that may stand behind a command, and take MINIRUN_ROOT. */
int common_check(struct context *ctx, struct mr_error *err);
/** What a command makes of its arguments: its own options, then the global ones that may
 * stand behind a command too.
 * @return 1: go on; 0: help was printed, leave with 0; -errno */
int command_parse(struct context *ctx, const struct option *rows, void *target, int argc,
	char **argv, struct arguments *ret, struct mr_error *err);
/** Fail unless min (0 or 1) <= n <= max; max -1: any number. */
int command_count(const struct context *ctx, const struct arguments *args, int min,
	int max, struct mr_error *err);
const struct command *command_find(const char *name);
/** The command that is at most two letters from @name, or NULL. */
const char *command_nearest(const char *name);
void print_usage(FILE *out);
void print_version(FILE *out);

/** Execute the companion minirun-NAME; returns only when that fails. */
int companion_exec(
	struct context *ctx, const char *name, char **argv, struct mr_error *err);

/* --- assertions: expect.c --- */

/** Is each an expression? */
int expect_check(const struct option_list *list, struct mr_error *err);
/** Hold them against a record and print the table on stderr, with @quiet only when one
 * fails. @skip_unknown: what the record does not know fails nothing
 * @return 0 all hold, 1 one does not, -errno */
int expect_report(const struct option_list *list, const char *record, bool skip_unknown,
	bool quiet, struct mr_error *err);

/* --- several containers: ids.c --- */

typedef int (*id_fn)(
	const struct context *ctx, const char *id, void *arg, struct mr_error *err);
/** Call @fn for each id; a failure does not keep the others from it. The first one is
 * returned, later ones go to stderr. */
int ids_each(const struct context *ctx, char *const *ids, id_fn fn, void *arg,
	struct mr_error *err);
/** The same for every id that @list has, mr_list() or mr_list_kept(), and that matches an
 * extended regular expression. */
typedef int (*list_fn)(const char *root, struct mr_status **ret, size_t *ret_n,
	struct mr_error *err);
int ids_matching(const struct context *ctx, list_fn list, const char *pattern, id_fn fn,
	void *arg, struct mr_error *err);
/** The only format names of list and ps. */
int parse_format(const char *text, bool *ret_json, struct mr_error *err);

#endif
