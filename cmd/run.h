/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cmd.h"

/** What the user of run wrote, as far as it is not already what the runtime takes. */
struct run_args {
	struct mr_run_options run;
	struct mr_command command;
	const char *name, *log_size;
	int init; /* -1: the mode decides */
	bool print_spec, dry_run, summary, quiet, no_subreaper;
	struct option_list expect;
	bool skip_unknown;
	struct option_list env, volumes, ulimits, cap_add, cap_drop, cgroup_conf;
	char generated_id[96];
	char *spec_text;
};

enum run_mode { RUN_SPEC, RUN_COMMAND, RUN_OCI };

#define AT(member) offsetof(struct run_args, member)
#define ROW(name, letter, kind, member, value, help) \
	{ name, letter, kind, AT(member), value, help, GROUP_COMMON, NULL }
#define BUNDLE(name, letter, kind, member, value, help) \
	{ name, letter, kind, AT(member), value, help, GROUP_BUNDLE, NULL }

/** What `run` has in its OCI form and `create` has. */
#define OCI_ROWS \
	BUNDLE("bundle", 'b', OPTION_TEXT, run.bundle, "DIR", \
		"holds config.json; default ."), \
	BUNDLE("config", 'f', OPTION_TEXT, run.config, "FILE", \
		"instead of DIR/config.json"), \
	ROW("pid-file", 0, OPTION_TEXT, run.pid_file, "FILE", \
		"write the host's pid of init"), \
	ROW("console-socket", 0, OPTION_TEXT, run.console_socket, "SOCKET", \
		"receives the terminal when detached"), \
	ROW("no-pivot", 0, OPTION_FLAG, run.no_pivot, NULL, \
		"move the root mount, no pivot_root"), \
	ROW("no-new-keyring", 0, OPTION_FLAG, run.no_new_keyring, NULL, \
		"keep the session keyring"), \
	ROW("pidfd-socket", 0, OPTION_TEXT, run.pidfd_socket, "SOCKET", \
		"receives a pidfd of init"), \
	ROW("preserve-fds", 0, OPTION_NUMBER, run.preserve_fds, "N", \
		"pass on descriptors 3 to 3+N-1"), \
	ROW("no-subreaper", 0, OPTION_FLAG, no_subreaper, NULL, \
		"accepted, has no effect")

/** The table of `minirun run`. */
extern const struct option run_options[];

void run_args_init(struct run_args *a);
void run_args_clear(struct run_args *a);
/** Fill in what the options before the command say of a launch. */
void run_take_context(struct run_args *a, struct context *ctx);
/** Print every step of the launch, with its values, and do none. */
int run_show_plan(const struct run_args *a, struct mr_error *err);

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
