/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON line a step, by one write(2), so that the lines of several processes
 * on the same pipe never mix (PIPE_BUF is 4096). Every buffer is on the stack or
 * static: at the edge of a memory limit an allocation here would be the one that
 * kills. A figure that cannot be read is null, never 0.
 *
 * `vm` and `rss` are this process's, `cgroup` is what all processes of the container
 * and the kernel on their behalf hold together.
 *
 * Manual pages: proc_pid_statm(5), clock_nanosleep(2).
 */
#include "memlab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* An absolute wake-up time: a signal or a late scheduler does not add up. */
void sleep_until(double when)
{
	struct timespec ts = {.tv_sec = (time_t)when};

	ts.tv_nsec = (long)((when - (double)ts.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

void outcome_add(struct outcome *out, const char *format, ...)
{
	va_list args;
	size_t left = sizeof(out->extra) - out->extra_len;
	int len;

	va_start(args, format);
	len = vsnprintf(out->extra + out->extra_len, left, format, args);
	va_end(args);
	/* Half a JSON member is worse than none: what does not fit is left out. */
	if (len < 0 || (size_t)len >= left)
		out->extra[out->extra_len] = '\0';
	else
		out->extra_len += (size_t)len;
}

ssize_t slurp(const char *path, char *buffer, size_t size)
{
	size_t have = 0;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (have < size - 1 && (got = read(fd, buffer + have, size - 1 - have)) > 0)
		have += (size_t)got;
	close(fd);
	buffer[have] = '\0';
	return got < 0 ? -1 : (ssize_t)have;
}

/* The size and resident columns of statm, in bytes. */
static bool own_sizes(uint64_t *vm, uint64_t *rss)
{
	char text[128];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (slurp("/proc/self/statm", text, sizeof(text)) <= 0)
		return false;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, vm, rss) != 2)
		return false;
	*vm *= page;
	*rss *= page;
	return true;
}

static double began;

void report_begin(void)
{
	began = now();
}

void report(const char *step, const struct outcome *out, double seconds, int error)
{
	char line[1536], sizes[80] = "\"vm\":null,\"rss\":null", fault[64] = "";
	const char *name = error != 0 ? strerrorname_np(error) : NULL;
	const char *cgroup = cgroup_figures();
	uint64_t vm, rss;
	ssize_t written;
	int len;

	if (own_sizes(&vm, &rss))
		snprintf(sizes, sizeof(sizes), "\"vm\":%" PRIu64 ",\"rss\":%" PRIu64, vm,
			rss);
	if (error != 0)
		snprintf(fault, sizeof(fault), ",\"errno\":%d,\"error\":\"%s\"", error,
			name != NULL ? name : "?");
	len = snprintf(line, sizeof(line),
		"{\"step\":\"%s\",\"comm\":\"%s\",\"bytes\":%" PRIu64
		",%s,\"seconds\":%.6f,\"at\":%.6f%s%s,\"cgroup\":%s%s%s}\n",
		step, memlab_name, out->bytes, sizes, seconds, now() - began, out->extra, fault,
		cgroup != NULL ? "{" : "null", cgroup != NULL ? cgroup : "",
		cgroup != NULL ? "}" : "");
	do
		written = write(STDOUT_FILENO, line, (size_t)len);
	while (written < 0 && errno == EINTR);
}

void tell(const struct step *step, uint64_t before, uint64_t after, double seconds)
{
	struct outcome out = {.bytes = after};

	if (step->every == 0 || before / step->every == after / step->every)
		return;
	outcome_add(&out, ",\"more\":true");
	report(step->verb->name, &out, seconds, 0);
}
