/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the kernel's OOM counters: see counters.h.
 *
 * v1 memory.oom_control: "oom_kill_disable 0", "under_oom 0", "oom_kill N" (kernel 4.13).
 * The count is of the victims that lived in this very cgroup, whichever limit was hit; so
 * the container's number is the sum over the subtree. v2 memory.events: hierarchical, and
 * keeps what removed sub-cgroups counted; with the mount option memory_localevents it is
 * not, then again the sum over the subtree counts.
 *
 * The kernel raises the count before it sends SIGKILL, so a victim that was waited for
 * has been counted (kernels 5.10 to 6.18).
 *
 * Descendants are read children first: a sub-cgroup can only be removed after its own
 * children are.
 */
#include "oom/counters.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 32

bool mr_counter_find(const char *text, const char *name, uint64_t *ret)
{
	size_t n = strlen(name);
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, n) != 0 || p[n] != ' ')
			continue;
		char number[24];
		size_t len = strcspn(p + n + 1, "\n");
		if (len >= sizeof(number))
			return false;
		memcpy(number, p + n + 1, len);
		number[len] = '\0';
		return mr_parse_u64(number, ret) == 0;
	}
	return false;
}

int mr_counter_read(int fd, char *buf, size_t cap)
{
	ssize_t n;
	do {
		n = pread(fd, buf, cap - 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return (int)n;
}

int mr_counter_read_one(int fd, const char *name, uint64_t *ret)
{
	char buf[512];
	int r = mr_counter_read(fd, buf, sizeof(buf));
	if (r < 0)
		return r;
	return mr_counter_find(buf, name, ret) ? 0 : -EOPNOTSUPP;
}

int mr_counter_read_at(int dir, const char *file, const char *name, uint64_t *ret)
{
	autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : mr_counter_read_one(fd, name, ret);
}

int mr_counter_has_children(int dir)
{
	struct stat st;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	return st.st_nlink > 2;
}

static int add_one(int dir, const char *file, const char *name, uint64_t *sum)
{
	uint64_t v;
	int r = mr_counter_read_at(dir, file, name, &v);
	if (r == 0)
		*sum += v;
	/* Removed while we looked: it was empty, and who watches has its last reading.
	 * v2: the controller is not enabled so far down, nothing is counted there. */
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

static int sum_below(
	int dir, const char *file, const char *name, int depth, uint64_t *sum)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int r = -errno;
		mr_close(&fd);
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	}
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0)
			continue;
		autoclose int child =
			openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (child < 0) {
			r = errno == ENOENT || errno == ENODEV ? 0 : -errno;
			continue;
		}
		if (mr_counter_has_children(child) == 1)
			r = depth < MAX_DEPTH
				    ? sum_below(child, file, name, depth + 1, sum)
				    : -ELOOP;
		if (r == 0)
			r = add_one(child, file, name, sum);
	}
	closedir(d);
	return r;
}

int mr_counter_sum_below(int dir, const char *file, const char *name, uint64_t *ret)
{
	*ret = 0;
	return sum_below(dir, file, name, 0, ret);
}

static struct mr_uint read_limit(int dir, const char *file)
{
	struct mr_uint v = {0};
	/* v1 writes 2^63 rounded down to pages for "none", v2 "max". */
	if (mr_read_u64_at(dir, file, &v.value) == 0 && v.value < (1ull << 62))
		v.set = true;
	return v;
}

void mr_counter_limits(int dir, int version, struct mr_oom_limits *ret)
{
	*ret = (struct mr_oom_limits){
		.memory = read_limit(
			dir, version == 1 ? "memory.limit_in_bytes" : "memory.max")};
	if (version == 1)
		ret->memsw = read_limit(dir, "memory.memsw.limit_in_bytes");
}

int mr_v1_register(int dir, int counter, int event_fd)
{
	char text[40];
	snprintf(text, sizeof(text), "%d %d", event_fd, counter);
	return mr_write_file_at(dir, "cgroup.event_control", text);
}
