/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_REPORT_H
#define MR_OOM_REPORT_H

#include "oom/kmsg.h"

/*
 * Single lines of the kernel's OOM report, as pure functions of a text. Shared by the
 * files of this room only.
 */

/** One line without its prefix. */
struct mr_oom_line {
	char text[4096]; /* \xNN undone */
	const char *raw; /* as it came, raw_len bytes */
	size_t raw_len;
	uint64_t sequence; /* 0: none */
	int64_t time_usec; /* -1: none */
};
/** Take the prefix off: of /dev/kmsg, dmesg(1), journalctl(1), syslog, in any nesting.
 * @return false when no kernel wrote this line */
bool mr_oom_line_split(const char *line, size_t len, struct mr_oom_line *ret);

enum mr_killed_prefix {
	MR_KILLED_BARE, /* kernels before 5.2 say whose limit it was one line earlier */
	MR_KILLED_MEMCG,
	MR_KILLED_HOST,
};
/** "... Killed process 7 (x) total-vm:1kB, ...": fills pid, comm and figures. */
bool mr_oom_parse_killed(
	const char *text, struct mr_oom_kill *ret, enum mr_killed_prefix *ret_prefix);

/** Does an oom-kill: line end as complete ones do? */
bool mr_oom_line_complete(const char *text);
/**
 * "oom-kill:...,oom_memcg=A,task_memcg=B,task=C,pid=N,uid=M".
 * @param comm   the victim's name from its Killed line: it can hold any of these words
 * @param any_pid the pid may differ (a child was killed instead)
 * @return whether it is about that victim
 */
bool mr_oom_parse_oom_kill(const char *text, const char *comm, pid_t pid, bool any_pid,
	struct mr_oom_kill *ret);

/** "Task in A killed as a result of limit of B" (kernels before 5.0). */
bool mr_oom_parse_task_in(const char *text, char task_memcg[512], char oom_memcg[512]);
/** "memory: usage 1kB, limit 2kB, failcnt 3": the limit in bytes behind @name. */
bool mr_oom_parse_usage(const char *text, const char *name, struct mr_uint *ret);

/** A line that is @before, a number, @behind ("261977 pages RAM"). */
bool mr_oom_parse_count(
	const char *text, const char *before, const char *behind, struct mr_uint *ret);

/** Head of the task table: remembers which column is which. */
bool mr_oom_parse_header(const char *text, int column[MR_OOM_COLUMNS], int *ret_n);
bool mr_oom_parse_row(const char *text, const int column[MR_OOM_COLUMNS], int n,
	long page_size, struct mr_oom_task *ret);

/** Decimal digits, at least one; @p moves behind them. */
bool mr_oom_take_number(const char **p, uint64_t *ret);
/** Copy @n bytes if they fit, else leave "" (half a name is no name). */
void mr_oom_copy(char *dst, size_t cap, const char *src, size_t n);

#endif
