/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark's three rooms: measure (one launch, and figures of many), contest (who
 * takes part and with which command line, and the world that all share), and the modes of
 * bench.c.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	BENCH_PATH = 4096,
	BENCH_REASON = 256,
	BENCH_ARGUMENTS = 40,
	BENCH_CONTESTANTS = 20,
};

/* ---- measure ---- */

/* Times of launches in milliseconds. */
struct series {
	double *values;
	size_t count, room;
};

void series_add(struct series *series, double value);
/* series_sort must come before the two others; both give 0 for an empty series. */
void series_sort(struct series *series);
double series_median(const struct series *series);
double series_percentile(const struct series *series, double percent);
void series_clear(struct series *series);

struct launch {
	double milliseconds; /* from before the spawn until the process was reaped */
	int status;          /* as of wait(2) */
	long maxrss_kib;     /* of the largest process that was waited for on the way */
	bool timed_out;      /* killed after 30 s */
};

/* All output of a launch goes to the log, which measure_launch empties first. */
int measure_open_log(const char *path);
const char *measure_log_text(void);
/* spawn alone, for what is observed while it runs; -1 with the reason when it fails. */
pid_t measure_spawn(char *const argv[], char reason[BENCH_REASON]);
/* True: the launch happened and ended with status 0. False: reason says what was wrong.
 */
bool measure_launch(char *const argv[], struct launch *launch, char reason[BENCH_REASON]);
void measure_pause(long milliseconds);
double measure_now(void);
/* Set by SIGINT and SIGTERM; every loop looks at it. */
bool measure_interrupted(void);
void measure_catch_signals(void);

/* ---- contest ---- */

/* The one world of a run: a temporary directory and a private mount namespace. */
struct world {
	char directory[BENCH_PATH / 4];
	char state[BENCH_PATH / 2]; /* a tmpfs, as /run is: for what launchers remember */
	char rootfs[BENCH_PATH / 2];
	char here[BENCH_PATH / 4]; /* floor, true, probe: beside the bench program */
	const char *minirun;       /* NULL: beside the folder of bench */
	const char *spec;
	bool engines;
	bool unified_unmounted;
	char docker_image[64];
};

/* A command line under construction; the strings are its own. */
struct arguments {
	char *values[BENCH_ARGUMENTS];
	size_t count;
};

struct contestant {
	const char *name;
	/* What the contestant does not do by design, for the table; NULL: all of
	 * spec.json. */
	const char *partial;
	/* Fills in how it runs PROGRAM (a path in the rootfs) as a container called ID.
	 */
	void (*command)(const struct contestant *self, const struct world *world,
		const char *id, const char *program, struct arguments *arguments);
	const char *tool;      /* looked for in PATH */
	const char *runtime;   /* of an engine */
	char path[BENCH_PATH]; /* where the tool was found; empty: absent */
	bool resident; /* has a container that runs all the time */
	bool can_wait; /* stays as long as the container: --memory can look at it */
	bool disqualified;
	char reason[BENCH_REASON]; /* why absent or disqualified */
	struct series hot, paused;
	long maxrss_kib;
};

struct contest {
	struct contestant all[BENCH_CONTESTANTS];
	size_t count;
};

/* Makes the directory, the rootfs and the private mount namespace, which go at exit. */
void world_create(struct world *world);

void contest_create(struct contest *contest, const struct world *world, const char *only);
/* With the containers that ran all the time. */
void contest_remove(struct contest *contest, const struct world *world);
struct contestant *contest_find(struct contest *contest, const char *name);
bool contestant_runs(const struct contestant *contestant);
void contestant_disqualify(struct contestant *contestant, const char *reason);
/* One launch that is not timed, and one that finds out what the launcher did. */
void contestant_qualify(struct contestant *contestant, const struct world *world);

void arguments_add(struct arguments *arguments, const char *value);
void arguments_clear(struct arguments *arguments);

/* ---- modes beside the table ---- */

/* Each round launches every contestant that runs once, after the pause if there is one.
 */
void bench_rounds(
	struct contest *contest, const struct world *world, size_t rounds, long pause);
int live_run(struct contest *contest, const struct world *world, const char *list,
	size_t rounds);
int memory_run(struct contest *contest, const struct world *world);

_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
