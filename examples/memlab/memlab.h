/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memlab: a process that does with memory exactly what it is told to, for the
 * examples, the labs and the tests of minirun.
 *
 * A run is a list of steps. The whole list is parsed before the first step
 * starts (parse.c), each step is one function (memory.c, files.c, tasks.c), and
 * each prints one JSON line when it ends (report.c), with what the process and its
 * cgroup (cgroup.c) hold by then.
 */
#ifndef MEMLAB_H
#define MEMLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMLAB_MIB ((size_t)1 << 20)

enum memlab_exit {
	MEMLAB_DONE = 0,
	MEMLAB_USAGE = 2,
	MEMLAB_STEP_FAILED = 3,
	MEMLAB_CHILD_FAILED = 4,
};

struct step;

/* What a step says about itself; `extra` holds further JSON members. */
struct outcome {
	uint64_t bytes;
	size_t extra_len;
	char extra[320];
};

/*
 * Returns 0, a negative errno (the run ends with MEMLAB_STEP_FAILED), or a
 * positive exit code to end the run with. The line is printed in every case.
 */
typedef int step_fn(const struct step *step, struct outcome *out);

struct verb {
	const char *name;
	/* One letter an operand: s size, n count, t seconds, p path, g signal,
	 * w NAME[@ADJ], b body (steps in one argument), c exit code. */
	const char *operands;
	/* One letter an allowed option: R --rate, E --every, D --drop, F --fsync,
	 * S --strict. */
	const char *options;
	const char *usage;
	step_fn *run;
};

struct step {
	const struct verb *verb;
	size_t size;
	uint64_t count;
	double seconds;
	const char *path;
	const char *name;
	int signal;
	int exit_code;
	int adj;
	bool has_adj;
	uint64_t rate; /* bytes a second, 0 = as fast as it goes */
	uint64_t every; /* a line each so many bytes, 0 = only at the end */
	bool drop;
	bool fsync;
	bool strict;
	const struct step *body;
	struct step *next;
};

/* memlab.c */
extern const struct verb memlab_verbs[];
extern const char *memlab_name;
int memlab_run(const struct step *first);
int memlab_set_name(const char *name);
int memlab_set_adj(int adj);

/* parse.c: each prints its own message on stderr and returns -1 on bad input. */
struct step *parse_steps(char **words);
int parse_adj(const char *text, int *ret);
int parse_name(const char *text);

/* report.c */
double now(void);
void sleep_until(double when);
__attribute__((format(printf, 2, 3))) void outcome_add(
	struct outcome *out, const char *format, ...);
/* Times in lines count from here. */
void report_begin(void);
void report(const char *step, const struct outcome *out, double seconds, int error);
/* --every: a line (with "more") when what is done passes another multiple of it. */
void tell(const struct step *step, uint64_t before, uint64_t after, double seconds);
/* The text of a file: its length, or -1. */
ssize_t slurp(const char *path, char *buffer, size_t size);

/* cgroup.c */
/* The JSON members that tell what this process's cgroup holds; NULL: not to be seen. */
const char *cgroup_figures(void);

/* memory.c */
step_fn step_anon, step_virt, step_touch, step_zread, step_free, step_plateau;
step_fn step_leak, step_pgtables, step_shm, step_huge, step_mallocs, step_cow;
void fill(void *start, size_t bytes);

/* files.c */
step_fn step_file, step_read, step_write, step_thrash, step_pipes;

/* tasks.c */
step_fn step_spawn, step_wait, step_signal, step_handle, step_hold, step_exit;
step_fn step_true, step_abort, step_ready;

#endif
