/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OOM_COUNTERS_H
#define MR_OOM_COUNTERS_H

#include "oom/watch.h"

/* The kernel's counters, and v1's sub-cgroups. Shared by the files of this room. */

/** Value behind "@name " at the start of a line of a flat keyed file. @return found */
bool mr_counter_find(const char *text, const char *name, uint64_t *ret);
/** Read @fd from its start into @buf. @return length or -errno (-ENODEV: removed) */
int mr_counter_read(int fd, char *buf, size_t cap);
/** One value of an open file. -EOPNOTSUPP: the file has no such line. */
int mr_counter_read_one(int fd, const char *name, uint64_t *ret);
/** The same by name. */
int mr_counter_read_at(int dir, const char *file, const char *name, uint64_t *ret);
/** Has the directory sub-directories (its link count says so)? @return 1, 0, -errno */
int mr_counter_has_children(int dir);
/** Sum of @name in @file over all descendants of @dir, children first. */
int mr_counter_sum_below(int dir, const char *file, const char *name, uint64_t *ret);

/** The limits of the cgroup @dir. */
void mr_counter_limits(int dir, int version, struct mr_oom_limits *ret);
/** Register @event_fd for the OOM events of the v1 cgroup @dir. @return 0 or -errno */
int mr_v1_register(int dir, int counter, int event_fd);

/** v1: begin to follow sub-cgroups. Advisory. */
void mr_nested_open(struct mr_oom_watch *w);
void mr_nested_close(struct mr_oom_watch *w);
/** v1: take in creations, removals and readings. @return did anything happen */
bool mr_nested_step(struct mr_oom_watch *w);

#endif
