/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_TIMELINE_H
#define MR_OOM_TIMELINE_H

#include "base/str.h"
#include "cgroup/cgroup.h"
#include "oom/lanes.h"

/** What is known at one moment; the order is that of the file. */
enum mr_series {
	MR_SERIES_USAGE,
	MR_SERIES_ANON,
	MR_SERIES_FILE, /* page cache without tmpfs and shared memory */
	MR_SERIES_SHMEM,
	MR_SERIES_KERNEL,
	MR_SERIES_SWAP,
	MR_SERIES_INACTIVE_FILE,
	MR_SERIES_DIRTY, /* dirty or under writeback */
	MR_SERIES_LIMIT,
	MR_SERIES_ANCESTOR_LIMIT, /* the lowest above it, if lower than its own */
	MR_SERIES_HIGH,		  /* v2 memory.high */
	MR_SERIES_PSI_SOME,	  /* microseconds since the cgroup was made */
	MR_SERIES_PSI_FULL,
	MR_SERIES_N,
};
#define MR_UNKNOWN UINT64_MAX

struct mr_sample {
	int64_t usec; /* since the timeline was opened */
	uint64_t value[MR_SERIES_N]; /* bytes but for PSI; MR_UNKNOWN */
	/* A merged sample is the one with the higher usage; of the others these are kept. */
	uint64_t usage_min, anon_max;
};

#define MR_TIMELINE_SAMPLES 4096
#define MR_TIMELINE_EVENTS 512
#define MR_TIMELINE_INTERVAL_MS 5
#define MR_TIMELINE_LEVELS 16

/** A week needs no more room than a second: when it is full, neighbours merge and the interval
 * doubles. */
struct mr_samples {
	struct mr_sample *items; /* room for MR_TIMELINE_SAMPLES */
	size_t n;
	int interval_ms;
	struct mr_uint peak[MR_SERIES_N]; /* of all that were added */
};

enum mr_event_kind {
	MR_EVENT_START, /* the first process exists */
	MR_EVENT_EXEC,	/* the program was executed */
	MR_EVENT_LIMIT,
	MR_EVENT_ANCESTOR_LIMIT,
	MR_EVENT_LIMIT_REFUSED, /* lower than what could be reclaimed */
	MR_EVENT_OOM,	   /* a charge could not be met: the killer begins */
	MR_EVENT_OOM_KILL, /* one process; the victim is known at the end */
	MR_EVENT_UNDER_OOM,
	MR_EVENT_EXIT,
};

struct mr_timeline_event {
	int64_t usec;
	enum mr_event_kind kind;
	uint64_t from, to; /* limits; UNDER_OOM: `to` 1 or 0; EXIT: `to` is a wait status */
	pid_t victim;	   /* host pid, 0 unknown */
	char comm[32];
};

/** The recording of one container, for --timeline. All zero: there is none. */
struct mr_timeline {
	struct mr_samples samples;
	struct mr_lanes lanes;
	struct mr_timeline_event events[MR_TIMELINE_EVENTS];
	size_t n_events;
	uint64_t events_dropped, kills, ooms;
	bool hanging;
	int64_t shown_usec; /* sample of the last line of progress */
	unsigned ticks;
	const char *path, *id; /* borrowed */
	int fd;		       /* the file, while it grows */
	int write_error;       /* errno of the first lines that could not be written */
	bool v2, has_swap;
	int usage, stat, kernel, swap, pressure, limit, high; /* descriptors, -1: none */
	int above[MR_TIMELINE_LEVELS], n_above;		      /* v2: limits of the ancestors */
	int64_t opened_ns;
	struct timespec opened;
	struct mr_str lines; /* not in the file so far */
};

/* --- pure --- */

/** Add one; when there is no room, merge first. @return were neighbours merged? */
bool mr_samples_add(struct mr_samples *s, const struct mr_sample *sample);
void mr_timeline_add_event(struct mr_timeline *t, const struct mr_timeline_event *event);
void mr_timeline_format_sample(const struct mr_sample *s, struct mr_str *out);
void mr_timeline_format_event(const struct mr_timeline_event *e, struct mr_str *out);
/** The whole as JSON lines: a head, then samples and events by time, then the processes. */
void mr_timeline_format(const struct mr_timeline *t, struct mr_str *out);
/** The last sample in a line: "[#####....] 41/64M anon 38 cache 2 kern 1 psi 3%"; what is not
 * known is left out. @return false, and no line: there was one less than 100 ms ago */
bool mr_timeline_progress(struct mr_timeline *t, char *buf, size_t size);
/** Largest value seen; unset when there was none. */
struct mr_uint mr_timeline_peak(const struct mr_timeline *t, enum mr_series series);

/* --- recording --- */

/**
 * Create the file and open what the kernel tells of @cg. @path and @id are borrowed; with
 * "" for a path there is no file.
 * The file grows while the container runs, a tenth of a second behind, so that it survives a
 * crash; it is written anew in order at the end and whenever neighbours merge.
 */
int mr_timeline_open(struct mr_timeline *t, const char *path, int interval_ms, const char *id,
	const struct mr_cgroup *cg, struct mr_error *err);
/** Take one sample: 20 to 40 us with one process. @return milliseconds until the next */
int mr_timeline_tick(struct mr_timeline *t);
/* Without a timeline (@t NULL) these two do nothing. */
void mr_timeline_event(struct mr_timeline *t, enum mr_event_kind kind, uint64_t to);
/** Where the counters stand now: OOMs, kills, tasks that stand still. */
void mr_timeline_oom(struct mr_timeline *t, uint64_t ooms, uint64_t kills, bool hanging);
/** Host pid and name of the @i-th kill, once the kernel's log has told. */
void mr_timeline_victim(struct mr_timeline *t, size_t i, pid_t pid, const char *comm);
/** A limit `to` that `update` could not set at @mono_ns; among the others by its time. */
void mr_timeline_refused(struct mr_timeline *t, int64_t mono_ns, uint64_t to);
/** Microseconds of the first such event, -1: there was none. */
int64_t mr_timeline_first(const struct mr_timeline *t, enum mr_event_kind kind);
/** Write it out. @return 0 or negative errno when it, or a line before, could not be written */
int mr_timeline_finish(struct mr_timeline *t, struct mr_error *err);
void mr_timeline_close(struct mr_timeline *t);

#endif
