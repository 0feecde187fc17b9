/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands and the global options.
 */
#include "cmd.h"

#include <string.h>

const struct command commands[] = {
	{"run", cmd_run, "run a container and record how it ended",
		"[OPTIONS] SPEC.json\n[OPTIONS] -- PROGRAM [ARG...]\n"
		"[OPTIONS] --bundle DIR ID", true},
	{"plan", cmd_plan, "show every step of a run, do nothing",
		"[OPTIONS] SPEC.json\n[OPTIONS] --bundle DIR", false},
	{"create", cmd_create, "set a container up; it waits for start",
		"[OPTIONS] --bundle DIR ID", true},
	{"start", cmd_start, "execute the program of a created container", "ID", false},
	{"exec", cmd_exec, "run a further process in a container",
		"[OPTIONS] ID PROGRAM [ARG...]\n[OPTIONS] --process FILE ID", true},
	{"ps", cmd_ps, "list running containers, or the processes of one",
		"[OPTIONS]\n[OPTIONS] ID [PS-ARG...]", true},
	{"list", cmd_list, "list all containers as engines want them", "[OPTIONS]", false},
	{"inspect", cmd_inspect, "show the record of a container",
		"[--format TEMPLATE] ID|FILE...\n--expect EXPR ID|FILE...", false},
	{"explain", cmd_explain, "say why something was OOM-killed, or not",
		"[OPTIONS] [ID|FILE|-]", false},
	{"score", cmd_score, "who would be OOM-killed next, and why", "[--json] ID", false},
	{"state", cmd_state, "show the OCI state of a container", "ID", false},
	{"logs", cmd_logs, "show the output of a detached container", "[--follow] ID", false},
	{"events", cmd_events, "tell each OOM kill, and figures from time to time",
		"[OPTIONS] ID", false},
	{"wait", cmd_wait, "wait for the end, print the exit code", "ID...", false},
	{"kill", cmd_kill, "send a signal", "[OPTIONS] ID [SIGNAL]", true},
	{"stop", cmd_stop, "end a container: TERM, later KILL", "[--time T] ID...", false},
	{"pause", cmd_pause, "freeze all processes", "ID...", false},
	{"resume", cmd_resume, "thaw a paused container", "ID...", false},
	{"unpause", cmd_resume, "the same as resume", "ID...", false},
	{"update", cmd_update, "change limits while it runs",
		"[OPTIONS] ID...\n--resources FILE|- ID", false},
	{"delete", cmd_delete, "remove what is left of a container", "[OPTIONS] ID...", false},
	{"rm", cmd_delete, "the same as delete", "[OPTIONS] ID...", false},
	{"spec", cmd_spec, "write a config.json to start from", "[OPTIONS]", false},
	{"check", cmd_check, "say what this host can do", "[--json]", false},
	{"features", cmd_features, "show what it can do as an OCI runtime", "", false},
	{"version", cmd_version, "show the version", "", false},
	{"help", cmd_help, "show this, or the help of a command", "[COMMAND]", false},
	{0},
};

/* Programs of their own, for the help only. */
static const char *const companions[][2] = {
	{"bisect", "find the smallest limit under which a program works"},
	{"lab", "experiments with container memory"},
	{"report", "draw what the memory of a container did"},
	{"selftest", "see whether OOMKilled tells the truth on this host"},
};

#define AT(member) offsetof(struct context, member)
const struct option common_options[] = {
	{"root", 0, OPTION_TEXT, AT(root), "DIR", "state directory of all containers",
		GROUP_COMMON, NULL},
	{"log", 0, OPTION_TEXT, AT(log), "FILE", "append errors to FILE too",
		GROUP_COMMON, NULL},
	{"log-format", 0, OPTION_TEXT, AT(log_format), "FORMAT", "text or json",
		GROUP_COMMON, NULL},
	{"log-level", 0, OPTION_TEXT, AT(log_level), "LEVEL", "error, warning or debug",
		GROUP_COMMON, NULL},
	{"debug", 0, OPTION_FLAG, AT(debug), NULL, "the same as --log-level debug",
		GROUP_COMMON, NULL},
	{0},
};

const struct option main_options[] = {
	{"keep-record", 0, OPTION_FLAG, AT(keep_record), NULL,
		"the record outlives delete, for inspect", GROUP_COMMON, NULL},
	{"cgroup-manager", 0, OPTION_TEXT, AT(cgroup_manager), "NAME", "cgroupfs, systemd, or disabled: none",
		GROUP_COMMON, NULL},
	{"systemd-cgroup", 's', OPTION_FLAG, AT(systemd_cgroup), NULL,
		"the same as --cgroup-manager systemd", GROUP_COMMON, NULL},
	{"systemd-properties", 0, OPTION_FLAG, AT(systemd_properties), NULL,
		"apply annotations org.systemd.property.*", GROUP_COMMON, NULL},
	{"rootless", 0, OPTION_TEXT, AT(rootless), "WHEN", "true, false or auto",
		GROUP_COMMON, NULL},
	{"criu", 0, OPTION_IGNORED, 0, "PATH", "accepted, ignored", GROUP_COMMON, NULL},
	{"version", 'v', OPTION_FLAG, AT(version), NULL, "show the version", GROUP_COMMON,
		NULL},
	{"help", 'h', OPTION_FLAG, AT(help), NULL,
		"show this, or with a command its help", GROUP_COMMON, NULL},
	{0},
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

const char *command_nearest(const char *name)
{
	struct mr_typo t = { .word = name };

	for (size_t i = 0; i + 1 < sizeof(commands) / sizeof(commands[0]); i++)
		mr_typo_try(&t, commands[i].name);
	for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++)
		mr_typo_try(&t, companions[i][0]);
	return t.nearest;
}

void print_usage(FILE *out)
{
	fprintf(out, "Usage: minirun [OPTIONS] COMMAND [...]\n\nOptions:\n");
	options_print(common_options, out);
	options_print(main_options, out);
	fprintf(out, "\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-10s %s\n", c->name, c->help);
	fprintf(out, "\nCompanions:\n");
	for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++)
		fprintf(out, "  %-10s %s\n", companions[i][0], companions[i][1]);
	fprintf(out,
		"\nAny other COMMAND is the program minirun-COMMAND.\n"
		"Example: minirun run -m 64m -- python3 -c 'bytearray(200 << 20)'\n");
}
