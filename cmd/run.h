/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cmd.h"

/** What the user of run wrote, as far as it is not already what the runtime takes. */
struct run_args {
	struct mr_run_options run;
	struct mr_command command;
	const char *name;
	int init; /* -1: the mode decides */
	bool print_spec, dry_run, summary, quiet, no_subreaper;
	struct option_list expect;
	bool skip_unknown;
	struct option_list env, volumes, ulimits, cap_add, cap_drop, cgroup_conf;
	char generated_id[96];
	char *spec_text;
};

enum run_mode { RUN_SPEC, RUN_COMMAND, RUN_OCI };

/** The table of `minirun run`. */
extern const struct option run_options[];

void run_args_init(struct run_args *a);
void run_args_clear(struct run_args *a);

/** Which of the three forms this is; fails when options and arguments do not fit it. */
int run_choose_mode(const struct run_args *a, const struct arguments *args,
	enum run_mode *ret, struct mr_error *err);
/** Are the words behind the command's name those of the OCI form? For errors that come up
 * before everything is parsed. */
bool run_is_oci(int argc, char **argv);
/** Fill a->run (and a->spec_text) in for that mode. */
int run_prepare(struct run_args *a, const struct arguments *args, enum run_mode mode,
	struct mr_error *err);

#endif
