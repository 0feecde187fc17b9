/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON line a step, by one write(2), so that the lines of several processes
 * on the same pipe never mix (PIPE_BUF is 4096). Every buffer is on the stack or
 * static: at the edge of a memory limit an allocation here would be the one that
 * kills. A figure that cannot be read is null, never 0.
 *
 * Manual pages: proc_pid_statm(5), cgroups(7), clock_nanosleep(2).
 */
#include "memlab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

static ssize_t slurp(const char *path, char *buffer, size_t size)
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

void report(const char *step, const struct outcome *out, double seconds, int error)
{
	char line[1024], sizes[80] = "\"vm\":null,\"rss\":null", fault[64] = "";
	const char *name = error != 0 ? strerrorname_np(error) : NULL;
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
		"{\"step\":\"%s\",\"bytes\":%" PRIu64 ",%s,\"seconds\":%.6f%s%s}\n", step,
		out->bytes, sizes, seconds, out->extra, fault);
	do
		written = write(STDOUT_FILENO, line, (size_t)len);
	while (written < 0 && errno == EINTR);
}

/* Line "7:memory:/a" gives "/a"; without one, the cgroup2 line "0::/a" does. */
static bool own_cgroup(char *text, char **ret_path, bool *ret_v2)
{
	char *save, *line = strtok_r(text, "\n", &save);
	bool found = false;

	for (; line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

		if (path == NULL)
			continue;
		*path++ = '\0';
		if (strcmp(controllers + 1, "memory") == 0) {
			*ret_path = path;
			*ret_v2 = false;
			return true;
		}
		if (controllers[1] == '\0') {
			*ret_path = path;
			*ret_v2 = true;
			found = true;
		}
	}
	return found;
}

static bool is_memory_mount(const char *tail, bool v2)
{
	const char *options = strrchr(tail, ' ');

	if (v2)
		return strncmp(tail, " - cgroup2 ", 11) == 0;
	return strncmp(tail, " - cgroup ", 10) == 0 && options != NULL &&
	       strstr(options, "memory") != NULL;
}

/*
 * A cgroup mount shows the hierarchy from its own root (field 4) downwards. In a
 * cgroup namespace a mount inherited from outside has a root such as "/..": then
 * our path does not begin with it and the usage stays unknown.
 */
static bool locate(char *mounts, const char *cgroup, bool v2, char *ret, size_t size)
{
	char *save, *line = strtok_r(mounts, "\n", &save);

	for (; line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char root[256], point[256];
		const char *tail = strstr(line, " - ");
		size_t cut;
		int len;

		if (tail == NULL || !is_memory_mount(tail, v2))
			continue;
		if (sscanf(line, "%*s %*s %*s %255s %255s", root, point) != 2)
			continue;
		cut = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(cgroup, root, cut) != 0)
			continue;
		if (cut > 0 && cgroup[cut] != '/' && cgroup[cut] != '\0')
			continue;
		len = snprintf(ret, size, "%s%s/%s", point, cgroup + cut,
			v2 ? "memory.current" : "memory.usage_in_bytes");
		return len > 0 && (size_t)len < size;
	}
	return false;
}

int64_t cgroup_usage(void)
{
	static char own[4096], mounts[65536];
	char file[800], text[32], *path = NULL;
	bool v2 = false;

	if (slurp("/proc/self/cgroup", own, sizeof(own)) <= 0 ||
		!own_cgroup(own, &path, &v2))
		return -1;
	if (slurp("/proc/self/mountinfo", mounts, sizeof(mounts)) <= 0)
		return -1;
	if (!locate(mounts, path, v2, file, sizeof(file)))
		return -1;
	if (slurp(file, text, sizeof(text)) <= 0)
		return -1;
	return strtoll(text, NULL, 10);
}
