/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps that fill the page cache, and pipes, whose buffers are kernel memory.
 *
 * The cache of a file is charged to the cgroup that touched a page first. So
 * `file` asks for its own pages to be dropped again: a later `read` pays for them.
 * It asks for that one file only; /proc/sys/vm/drop_caches would empty the cache
 * of the whole host.
 *
 * Manual pages: posix_fadvise(2), fsync(2), pipe(7).
 */
#include "memlab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES ((size_t)65536)

static unsigned char buffer[256 * 1024];

static int write_all(int fd, const struct step *step, uint64_t *ret_written)
{
	double begin = now();

	fill(buffer, sizeof(buffer));
	for (*ret_written = 0; *ret_written < step->size;) {
		size_t left = step->size - *ret_written;
		ssize_t put =
			write(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

		if (put < 0 && errno != EINTR)
			return -errno;
		if (put <= 0)
			continue;
		*ret_written += (uint64_t)put;
		if (*ret_written < step->size)
			tell(step, *ret_written - (uint64_t)put, *ret_written,
				now() - begin);
	}
	return 0;
}

static int create(const struct step *step, bool sync, bool drop, uint64_t *ret_written)
{
	int fd = open(step->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, step, ret_written);
	if (error == 0 && sync && fsync(fd) < 0)
		error = -errno;
	/* Only clean pages are dropped, hence after the fsync. */
	if (error == 0 && drop)
		error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (close(fd) < 0 && error == 0)
		error = -errno;
	return error;
}

int step_file(const struct step *step, struct outcome *out)
{
	return create(step, true, true, &out->bytes);
}

int step_write(const struct step *step, struct outcome *out)
{
	return create(step, step->fsync, false, &out->bytes);
}

int step_read(const struct step *step, struct outcome *out)
{
	int fd = open(step->path, O_RDONLY | O_CLOEXEC);
	int error = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	if (step->drop)
		error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while (error == 0) {
		got = read(fd, buffer, sizeof(buffer));
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			error = -errno;
		if (got > 0)
			out->bytes += (uint64_t)got;
	}
	close(fd);
	return error;
}

/* The clock is read every 64 pages: one pass over a thrashing disk takes long. */
static void touch_passes(
	const unsigned char *start, const struct step *step, struct outcome *out)
{
	const volatile unsigned char *byte = start;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	double end = now() + step->seconds;
	uint64_t pages = 0, passes = 0;
	unsigned sum = 0;
	bool late = false;

	while (!late) {
		for (size_t at = 0; at < step->size && !late; at += page) {
			sum += byte[at];
			late = ++pages % 64 == 0 && now() >= end;
		}
		passes += !late;
		late = late || now() >= end;
	}
	(void)sum;
	out->bytes = pages * page;
	outcome_add(out, ",\"passes\":%" PRIu64 ",\"pages\":%" PRIu64, passes, pages);
}

int step_thrash(const struct step *step, struct outcome *out)
{
	int fd = open(step->path, O_RDONLY | O_CLOEXEC);
	void *start = MAP_FAILED;
	struct stat st;
	int error = 0;

	if (fd < 0)
		return -errno;
	/* A touch beyond the end of the file would be a SIGBUS. */
	if (fstat(fd, &st) < 0)
		error = -errno;
	else if ((uint64_t)st.st_size < step->size)
		error = -EINVAL;
	else
		start = mmap(NULL, step->size, PROT_READ, MAP_SHARED, fd, 0);
	if (error == 0 && start == MAP_FAILED)
		error = -errno;
	close(fd);
	if (error < 0)
		return error;
	touch_passes(start, step, out);
	munmap(start, step->size);
	return 0;
}

static int fill_pipe(uint64_t *bytes)
{
	int ends[2];
	size_t done = 0;

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	while (done < PIPE_BYTES) {
		ssize_t put = write(ends[1], buffer, PIPE_BYTES - done);

		/* Beyond its user's share a pipe is smaller than 64 KiB: full is full. */
		if (put < 0 && errno == EAGAIN)
			break;
		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0)
			done += (size_t)put;
	}
	*bytes += done;
	return 0;
}

int step_pipes(const struct step *step, struct outcome *out)
{
	struct rlimit files;
	double begin = now();
	uint64_t made = 0;
	int error = 0;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	fill(buffer, PIPE_BYTES);
	while (made < step->count && error == 0) {
		uint64_t before = out->bytes;

		error = fill_pipe(&out->bytes);
		made += error == 0;
		tell(step, before, out->bytes, now() - begin);
	}
	outcome_add(out, ",\"pipes\":%" PRIu64, made);
	return error;
}
