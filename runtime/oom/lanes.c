/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a container as a chart shows them: from when to when, how large, and how each
 * ended. They are not our children, so their end is asked of a pidfd that is opened when the
 * process is first seen. Before kernel 6.15 it is known only of zombies.
 *
 * A process that lived between two looks is not seen. proc_pid_statm(5), pidfd_open(2)
 */
#include "oom/lanes.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int mr_lanes_open(struct mr_lanes *l, int cgroup_dir)
{
	l->dir = cgroup_dir;
	l->items = calloc(MR_LANES, sizeof(*l->items));
	return l->items ? 0 : -ENOMEM;
}

/* --- pure --- */

void mr_lane_add(struct mr_lane *lane, struct mr_lane_point point)
{
	struct mr_lane_point *last = lane->n ? &lane->points[lane->n - 1] : NULL;

	if (last && point.usec - last->usec < lane->spacing) {
		/* The peak of the interval stays. */
		if (point.rss > last->rss)
			last->rss = point.rss;
		if (point.vm > last->vm)
			last->vm = point.vm;
		return;
	}
	if (lane->n == MR_LANE_POINTS) {
		for (size_t i = 0; i < MR_LANE_POINTS / 2; i++) {
			const struct mr_lane_point *a = &lane->points[2 * i], *b = a + 1;
			lane->points[i] = (struct mr_lane_point){ a->usec,
				a->rss > b->rss ? a->rss : b->rss, a->vm > b->vm ? a->vm : b->vm };
		}
		lane->n = MR_LANE_POINTS / 2;
		lane->spacing = (lane->points[lane->n - 1].usec - lane->points[0].usec) /
				(int64_t)lane->n;
	}
	lane->points[lane->n++] = point;
}

/* --- one process --- */

static int open_of(pid_t pid, const char *name)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Its pid in the innermost namespace is the last of the NSpid line. */
static pid_t inner_pid(pid_t pid)
{
	char text[4096];
	autoclose int fd = open_of(pid, "status");
	ssize_t n = fd < 0 ? -1 : mr_read_full(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	char *line = strstr(text, "\nNSpid:");
	char *end = line ? strchr(line + 1, '\n') : NULL;
	if (!end)
		return 0;
	*end = '\0';
	return (pid_t)strtol(strrchr(line, '\t') + 1, NULL, 10);
}

/* @dying: it has given its memory back, and may not be a zombie so far. */
static void end_lane(struct mr_lanes *l, struct mr_lane *lane, int64_t usec, bool dying)
{
	int status;

	if (lane->end < 0)
		lane->end = usec;
	if (lane->pidfd >= 0 && mr_pidfd_wait_status(lane->pidfd, lane->pid, &status) == 0)
		lane->status = status;
	else if (dying)
		return;
	mr_close(&lane->pidfd);
	mr_close(&lane->statm);
	mr_close(&lane->comm_fd);
	l->alive--;
}

/* Room for one more: the smallest of those that have ended gives way. */
static struct mr_lane *free_lane(struct mr_lanes *l)
{
	struct mr_lane *smallest = NULL;

	if (l->n < MR_LANES)
		return &l->items[l->n++];
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].statm < 0 &&
			(!smallest || l->items[i].max_rss < smallest->max_rss))
			smallest = &l->items[i];
	if (smallest)
		l->given_up++;
	else
		l->waiting++;
	return smallest;
}

static void read_comm(struct mr_lane *lane)
{
	ssize_t n = pread(lane->comm_fd, lane->comm, sizeof(lane->comm) - 1, 0);

	if (n > 0)
		lane->comm[n - 1] = '\0'; /* instead of the newline */
}

static void begin_lane(struct mr_lanes *l, pid_t pid, int64_t usec)
{
	autoclose int pidfd = (int)pidfd_open(pid, 0);
	autoclose int statm = open_of(pid, "statm");
	char first = '0'; /* of a zombie, whose end is told already */
	if (statm < 0 || pread(statm, &first, 1, 0) != 1 || first == '0')
		return;
	struct mr_lane *lane = free_lane(l);
	if (!lane)
		return;
	*lane = (struct mr_lane){ .pid = pid, .inner = inner_pid(pid), .begin = usec, .end = -1,
		.status = -1, .pidfd = mr_take_fd(&pidfd), .statm = mr_take_fd(&statm),
		.comm_fd = open_of(pid, "comm") };
	l->alive++;
}

/* statm costs a fifth of stat; a zombie has no memory. */
static void look(struct mr_lanes *l, struct mr_lane *lane, int64_t usec)
{
	static uint64_t page;
	uint64_t vm, rss;
	char text[128];
	ssize_t n = pread(lane->statm, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (n <= 0 || sscanf(text, "%lu %lu", &vm, &rss) != 2) {
		end_lane(l, lane, usec, false);
		return;
	}
	if (vm == 0) {
		end_lane(l, lane, usec, true);
		return;
	}
	page = page ? page : (uint64_t)sysconf(_SC_PAGESIZE);
	const struct mr_lane_point point = { usec, rss * page, vm * page };
	/* A name is given early, if at all. */
	if (lane->looks < 8 || lane->looks % 16 == 0)
		read_comm(lane);
	lane->looks++;
	lane->max_rss = point.rss > lane->max_rss ? point.rss : lane->max_rss;
	lane->max_vm = point.vm > lane->max_vm ? point.vm : lane->max_vm;
	mr_lane_add(lane, point);
}

/* --- all of them --- */

struct mr_lane *mr_lanes_find(struct mr_lanes *l, pid_t pid)
{
	struct mr_lane *found = NULL;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].pid == pid && (!found || l->items[i].begin >= found->begin))
			found = &l->items[i];
	return found;
}

/* Who waits is met at every look, and may still get the lane of another that has ended. Of
 * one look none is counted twice: so the figure is that of the look with most of them. */
static void count_not_kept(struct mr_lanes *l)
{
	if (l->given_up + l->waiting > l->not_kept)
		l->not_kept = l->given_up + l->waiting;
}

static void find_new(struct mr_lanes *l, int64_t usec)
{
	char text[4096];
	/* Opened anew: v1 shows one opener the same list for a second. */
	autoclose int procs = openat(l->dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	ssize_t n = procs < 0 ? -1 : mr_read_full(procs, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	/* Of a longer list the last number may be cut, and then be another process's. */
	char *last = n == (ssize_t)sizeof(text) - 1 ? strrchr(text, '\n') : NULL;
	if (last)
		last[1] = '\0';
	l->waiting = 0;
	for (char *p = text; *p;) {
		pid_t pid = (pid_t)strtol(p, &p, 10);
		const struct mr_lane *known = pid > 0 ? mr_lanes_find(l, pid) : NULL;
		if (pid > 0 && (!known || known->statm < 0))
			begin_lane(l, pid, usec);
		p += *p == '\n';
		if (pid <= 0)
			break;
	}
	count_not_kept(l);
}

static void look_at_all(struct mr_lanes *l, int64_t usec)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].statm >= 0)
			look(l, &l->items[i], usec);
}

void mr_lanes_tick(struct mr_lanes *l, int64_t usec)
{
	/* At first often: much may be over soon. Later as often as one core's hundredth
	 * allows. */
	unsigned tick = l->tick++;
	if (tick >= 20 && tick % (4 + 4 * (l->alive / 8)) != 0)
		return;
	find_new(l, usec);
	look_at_all(l, usec);
}

void mr_lanes_executed(struct mr_lanes *l)
{
	l->tick = 0;
	for (size_t i = 0; i < l->n; i++)
		l->items[i].looks = 0;
}

void mr_lanes_finish(struct mr_lanes *l, int64_t usec)
{
	look_at_all(l, usec);
}

void mr_lanes_close(struct mr_lanes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mr_close(&l->items[i].pidfd);
		mr_close(&l->items[i].statm);
		mr_close(&l->items[i].comm_fd);
	}
	free(l->items);
	l->items = NULL;
	l->n = 0;
}
