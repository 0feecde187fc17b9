/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_KMSG_H
#define MR_OOM_KMSG_H

#include "base/errors.h"
#include "base/str.h"
#include "spec/spec.h" /* struct mr_uint, mr_int */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The kernel's OOM report: a pure parser of its lines (kernels 3.10 to 6.18, by header
 * names), and a reader of /dev/kmsg. Only "Killed process" lines are needed; everything
 * else is detail, because up to and including "oom-kill:" the kernel prints at most 10
 * reports per 5 s for the whole host.
 */

/** One "Killed process" line, joined with the oom-kill: line of the same kill if seen. */
struct mr_oom_kill {
	uint64_t sequence; /* of the Killed line; 0: from a saved log without one */
	int64_t time_usec; /* kernel's clock (CLOCK_MONOTONIC-like), -1 unknown */
	pid_t pid;         /* global pid namespace */
	char comm[32];     /* as the task had it: the log's \xNN are undone */
	bool memcg;        /* a cgroup's limit; false: the host ran out */
	bool global;       /* oom-kill: said global_oom */
	bool group;        /* killed because of memory.oom.group */
	/* As the kernel names cgroups: from the root of the memory hierarchy. "": not
	 * known, the line was suppressed. With `group`, task_memcg may be the group's
	 * cgroup. */
	char oom_memcg[512], task_memcg[512];
	struct mr_uint total_vm, anon_rss, file_rss, shmem_rss, pgtables; /* bytes */
	/* Of oom_memcg as reported, bytes; swap alone (v2) or memory and swap (v1). */
	struct mr_uint memory_limit, memsw_limit, swap_limit;
	struct mr_uint host_ram, host_swap; /* bytes, in the report of a host's OOM */
	struct mr_int oom_score_adj;
	struct mr_uint uid;
	size_t first_line, n_lines; /* its report in mr_oom_log.lines */
};

/** One row of the task table, pages turned into bytes. */
struct mr_oom_task {
	pid_t pid;
	char comm[32];
	struct mr_uint uid, total_vm, rss, pgtables, swap; /* bytes */
	struct mr_uint rss_anon, rss_file, rss_shmem;      /* kernel 6.8: parts of rss */
	struct mr_int oom_score_adj;
};

struct mr_oom_table {
	struct mr_oom_task *items;
	size_t n, cap;
};

#define MR_OOM_MAX_KILLS 512
#define MR_OOM_MAX_TASKS 1024
#define MR_OOM_MAX_LINES 8192
#define MR_OOM_COLUMNS 16

/** The report that is being read. */
struct mr_oom_report {
	bool open; /* "invoked oom-killer" was seen, lines are kept */
	bool in_table;
	bool follows;   /* old kernels: "Kill process" was seen, "Killed" comes next */
	bool old_memcg; /* what that line said */
	struct mr_str oom_line; /* "oom-kill:...", possibly split over records */
	char oom_memcg[512], task_memcg[512]; /* old "Task in A killed ... limit of B" */
	char group[512];                      /* "Tasks in G are going to be killed" */
	char group_limit[512];                /* oom_memcg of the victim before it */
	struct mr_uint memory_limit, memsw_limit, swap_limit;
	struct mr_uint ram_pages, reserved_pages, host_swap;
	pid_t trigger_pid;
	char trigger_comm[32];
	int column[MR_OOM_COLUMNS], n_columns;
	struct mr_oom_table table;
	size_t first_line;
	bool keep; /* a kill of ours belongs to it */
};

/** Everything parsed so far. */
struct mr_oom_log {
	/* Only kills in this cgroup, below it, or by its limit are kept, and those whose
	 * cgroup the log does not tell. "": all are kept. */
	char own[1024]; /* MR_CGROUP_PATH_MAX */
	struct mr_oom_kill *kills;
	size_t n_kills;
	uint64_t dropped;          /* kills of ours beyond MR_OOM_MAX_KILLS */
	struct mr_oom_table table; /* of the latest report that is ours */
	pid_t trigger_pid;         /* who asked for the page of that report; 0 unknown */
	char trigger_comm[32];
	struct mr_strv lines; /* raw texts of our reports: invoked, limits, table, kill */
	bool lost;            /* records were overwritten before we read them */
	struct mr_oom_report report;
	long page_size;
};

/** @param own see mr_oom_log; borrowed for the call only */
void mr_oom_log_init(struct mr_oom_log *log, long page_size, const char *own);
void mr_oom_log_clear(struct mr_oom_log *log);
/** Feed one line, with or without the kmsg prefix "prio,seq,usec,flags;". Pure. */
void mr_oom_log_feed(struct mr_oom_log *log, const char *line, size_t len);

/** Drop the kills so far and their lines; a report that has begun stays. For long logs. */
void mr_oom_log_forget(struct mr_oom_log *log);

/** A read with a smaller buffer than the record fails with EINVAL. */
#define MR_KMSG_RECORD 8192
/** /dev/kmsg opened at its end. */
struct mr_kmsg {
	int fd; /* -1: not readable, see why */
	char why[96];
	uint64_t next_sequence; /* 0: nothing read so far */
};
/** Never fails: without access `fd` is -1 and `why` says so (kernel.dmesg_restrict ...).
 */
void mr_kmsg_open(struct mr_kmsg *k);
void mr_kmsg_close(struct mr_kmsg *k);
/** Opened at the oldest record there is. */
void mr_kmsg_open_oldest(struct mr_kmsg *k);
/** One record, NUL-terminated. @ret_lost is set when some before it were overwritten.
 * @return its length; 0: no more now */
size_t mr_kmsg_read(struct mr_kmsg *k, char *buf, size_t cap, bool *ret_lost);
/** Feed all records there are; sets log->lost on EPIPE or a gap. @return records read */
int mr_kmsg_drain(struct mr_kmsg *k, struct mr_oom_log *log);

#endif
