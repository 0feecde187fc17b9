/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files relative to a directory descriptor, waiting, clocks:
 * see io.h.
 *
 * Files that a container may have put there are opened with O_NONBLOCK and read up to a
 * bound, so that neither a FIFO nor an endless device can hold the launcher.
 * Kernel files are written without O_NONBLOCK: since kernel 6.16 that flag makes a write
 * to memory.max skip the reclaim.
 *
 * open(2), read(2), write(2), rename(2), fsync(2), cgroups(7)
 */
#include "base/io.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void mr_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What we have inherited is not ours to keep open; all that is ours is O_CLOEXEC. */
static void close_inherited(void)
{
	DIR *d = opendir("/proc/self/fd");
	int flags;

	for (struct dirent *e; d && (e = readdir(d));) {
		int64_t fd;
		if (mr_parse_i64(e->d_name, &fd) == 0 && fd > 2 &&
			(flags = fcntl((int)fd, F_GETFD)) >= 0 && !(flags & FD_CLOEXEC))
			close((int)fd);
	}
	if (d)
		closedir(d);
}

int mr_leave_caller(void)
{
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ret = null < 0 ? -errno : 0;

	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	close_inherited();
	if (chdir("/") < 0)
		return ret; /* then it stays in use; nothing else depends on it */
	return ret;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int mr_list_names(int fd, int (*add)(int dir, const char *name, struct mr_strv *ret),
	struct mr_strv *ret)
{
	DIR *d = fdopendir(fd);
	int r = d ? 0 : -errno;

	if (!d)
		close(fd);
	for (struct dirent *e; r == 0 && (e = readdir(d));)
		r = add(fd, e->d_name, ret);
	if (d)
		closedir(d);
	if (ret->n > 1)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare);
	return r;
}

int mr_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int mr_poll_until(int fd, short events, int64_t deadline_ns, int at_most_ms)
{
	const int64_t at_most = at_most_ms * INT64_C(1000000);
	int64_t left = deadline_ns - mr_now_mono_ns();

	left = left < 0 ? 0 : left > at_most ? at_most : left;
	struct pollfd p = {.fd = fd, .events = events};
	struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
	return ppoll(&p, 1, &t, NULL);
}

ssize_t mr_read_full(int fd, void *buf, size_t cap)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = read(fd, (char *)buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* As mr_read_full(), but a FIFO whose writer is silent has come to its end. */
static ssize_t read_ready(int fd, void *buf, size_t cap)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = read(fd, (char *)buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == EAGAIN))
			break;
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int open_for_reading(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int mr_read_file_at(
	int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	autoclose int fd = open_for_reading(dirfd, path);
	if (fd < 0)
		return fd;

	/* Kernel files say size 0, so the size is only a first guess. */
	struct stat st;
	size_t cap = 4096;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > max)
			return -EFBIG;
		cap = (size_t)st.st_size + 1;
	}

	autofree char *text = NULL;
	size_t len = 0;
	for (;;) {
		if (cap > max + 1)
			cap = max + 1; /* one more than allowed tells "too big" */
		char *grown = realloc(text, cap + 1);
		if (!grown)
			return -ENOMEM;
		text = grown;
		ssize_t n = read_ready(fd, text + len, cap - len);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len < cap)
			break;
		if (len > max)
			return -EFBIG;
		cap *= 2;
	}
	text[len] = '\0';
	*ret_text = mr_take_ptr(text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

ssize_t mr_read_line_at(int dirfd, const char *path, char *buf, size_t cap)
{
	autoclose int fd = open_for_reading(dirfd, path);
	if (fd < 0)
		return fd;
	ssize_t n = read_ready(fd, buf, cap);
	if (n < 0)
		return n;
	if ((size_t)n == cap)
		return -EFBIG;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

int mr_read_u64_at(int dirfd, const char *path, uint64_t *ret)
{
	char buf[64];
	ssize_t n = mr_read_line_at(dirfd, path, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	if (strcmp(buf, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return mr_parse_u64(buf, ret);
}

int mr_write_file_at(int dirfd, const char *path, const char *text)
{
	autoclose int fd =
		openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return -errno;
	size_t len = strlen(text);
	ssize_t n;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* A new file next to @name; its name goes to @tmp. */
static int open_temporary(int dirfd, const char *name, mode_t mode, char *tmp, size_t cap)
{
	const char *base = mr_path_base(name);
	int dir_len = (int)(base - name);

	for (unsigned i = 0; i < 100; i++) {
		int n = snprintf(
			tmp, cap, "%.*s.%s.%d.%u", dir_len, name, base, (int)getpid(), i);
		if (n < 0 || (size_t)n >= cap)
			return -ENAMETOOLONG;
		int fd = openat(dirfd, tmp,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int sync_directory_of(int dirfd, const char *name)
{
	char dir[4096];
	const char *base = mr_path_base(name);
	/* EBADF: AT_FDCWD or O_PATH; EINVAL: a file system that has nothing to sync. */
	if (base == name && (fsync(dirfd) == 0 || errno == EINVAL))
		return 0;
	if (base == name && errno != EBADF)
		return -errno;
	int n = snprintf(dir, sizeof(dir), "%.*s.", (int)(base - name), name);
	if (n < 0 || (size_t)n >= sizeof(dir))
		return -ENAMETOOLONG;
	autoclose int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int fill_temporary(int fd, const void *data, size_t len, mode_t mode, bool sync)
{
	/* The caller's umask must not decide over a record's mode. */
	if (fchmod(fd, mode) < 0)
		return -errno;
	int r = mr_write_all(fd, data, len);
	if (r < 0)
		return r;
	return sync && fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int replace_at(
	int dirfd, const char *name, const void *data, size_t len, mode_t mode, bool sync)
{
	char tmp[4096];
	autoclose int fd = open_temporary(dirfd, name, mode, tmp, sizeof(tmp));
	if (fd < 0)
		return fd;
	int r = fill_temporary(fd, data, len, mode, sync);
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, tmp, 0);
		return r;
	}
	return sync ? sync_directory_of(dirfd, name) : 0;
}

int mr_write_atomic_at(
	int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	return replace_at(dirfd, name, data, len, mode, false);
}

int mr_write_durable_at(
	int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	return replace_at(dirfd, name, data, len, mode, true);
}

/* --- clocks --- */

int64_t mr_now_mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct timespec mr_now_real(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

/* The proleptic Gregorian calendar from a day number (days since 1970-01-01, not negative):
 * gmtime_r(3) would read the time zone's file for an answer that needs none. */
static void date_of_day(int64_t day, int64_t *year, int *month, int *mday)
{
	int64_t z = day + 719468; /* days since 0000-03-01: leap days come last in a year */
	int64_t era = z / 146097;
	int64_t doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

const char *mr_format_time(struct timespec t, char buf[static 40])
{
	int64_t year, second = t.tv_sec % 86400;
	int month, mday;

	if (t.tv_sec < 0 || t.tv_sec > 253402300799) { /* the end of 9999 */
		snprintf(buf, 40, "0001-01-01T00:00:00Z");
		return buf;
	}
	date_of_day(t.tv_sec / 86400, &year, &month, &mday);
	snprintf(buf, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", (int)year, month, mday,
		(int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60), t.tv_nsec);
	return buf;
}

struct timespec mr_parse_time(const char *text)
{
	struct tm tm = { 0 };
	struct timespec t = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest || tm.tm_year <= 0)
		return t;
	if (*rest == '.')
		for (long unit = 100000000; *++rest >= '0' && *rest <= '9'; unit /= 10)
			t.tv_nsec += (*rest - '0') * unit;
	t.tv_sec = timegm(&tm);
	return t;
}
