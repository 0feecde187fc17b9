/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_PROBE_INTERNAL_H
#define MR_SPEC_PROBE_INTERNAL_H

#include "spec/probe.h"

/* Shared by the files of the probe, and by its test, which asks a directory instead of
 * the machine. */

struct mr_probe_env {
	const struct mr_host *host;
	int root; /* descriptor of "/" or of a test's directory with proc/, sys/, dev/ */
};

/** Answer one question into item->state and item->value; item->cure may be replaced by a
 * better one. */
typedef void (*mr_probe_ask)(const struct mr_probe_env *env, struct mr_probe_item *item);

struct mr_probe_row {
	const char *name;
	bool required;
	mr_probe_ask ask;
	const char *affects, *cure; /* when it is missing */
};

/** Set state and value. */
void mr_probe_answer(struct mr_probe_item *item, enum mr_probe_state state,
	const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** As "missing (ENOENT)": a state that follows from an errno value. */
void mr_probe_answer_errno(struct mr_probe_item *item, int errnum);

/** Controllers of the host, one item each. */
void mr_probe_controllers(const struct mr_probe_env *env, struct mr_probe *ret);
/** Ask the rows of a table that ends with a NULL name. */
void mr_probe_rows(const struct mr_probe_env *env, const struct mr_probe_row *rows,
	struct mr_probe *ret);

/** What /proc, /sys and the cgroup trees say. */
extern const struct mr_probe_row mr_probe_file_rows[];
/** What system calls say; these ask the running kernel, whatever env->root is. */
extern const struct mr_probe_row mr_probe_kernel_rows[];
/** Programs on PATH. */
extern const struct mr_probe_row mr_probe_program_rows[];

#endif
