/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "minirun.h"

#include <stdio.h>

/*
 * The option parser of all commands: a command is a table of rows, the same table prints
 * its help.
 */

enum option_kind {
	OPTION_FLAG,     /* bool; also --x=true, --x=false */
	OPTION_ON,       /* int: 1, or 0 with --x=false; untouched when absent */
	OPTION_OFF,      /* the opposite, for --no-x */
	OPTION_TEXT,     /* const char * */
	OPTION_WORD,     /* the same, but only --x=WORD has a value; "true" without */
	OPTION_LIST,     /* struct option_list, repeatable */
	OPTION_NUMBER,   /* int, not negative */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_IGNORED,  /* takes a value, has no effect; no target */
	OPTION_REFUSED,  /* fails, `help` is the reason; no target, not in the help */
	OPTION_TITLE,    /* no option: a heading in the help */
};

/** Options of one group can be asked for together: was any of them given? */
enum option_group {
	GROUP_COMMON,
	GROUP_DOCKER, /* what only command mode has */
	GROUP_BUNDLE, /* what only the OCI form has */
	OPTION_GROUPS,
};

struct option {
	const char *name; /* long name without dashes; NULL ends the table */
	char letter;      /* short name or 0 */
	enum option_kind kind;
	size_t offset;     /* of the target in the command's struct */
	const char *value; /* what the help calls the value */
	const char *help;
	enum option_group group;
	const char *field; /* GROUP_DOCKER: the same thing in a spec file */
};

/** NULL-terminated as soon as it holds something. */
struct option_list {
	const char **items;
	size_t n;
};
void option_list_clear(struct option_list *list);

/** A table and the struct that its offsets refer to. */
struct option_set {
	const struct option *rows;
	void *target;
};

/** What follows the options. */
struct arguments {
	int n;
	char **items; /* NULL-terminated: the tail of argv */
	bool dashes;  /* they followed "--" */
	bool help;    /* --help was given; nothing else is valid then */
	const struct option *seen[OPTION_GROUPS]; /* first one given of each group */
};

/**
 * Parse options up to "--", and up to the first argument unless @mixed. A name is looked up in @sets in order,
 * the array ends with rows NULL. One dash or two, "--o V" or "--o=V"; short options are
 * not bundled, because "-no-pivot" is a long one.
 *
 * @param argv  argv[0] is the command's name and skipped
 * @param mixed options may follow arguments, as docker takes them; the arguments are
 *              moved together in @argv
 * @return 0 or -EINVAL
 */
int options_parse(const struct option_set *sets, int argc, char **argv, bool mixed,
	struct arguments *ret, struct mr_error *err);

/** The rows as help text. */
void options_print(const struct option *rows, FILE *out);

#endif
