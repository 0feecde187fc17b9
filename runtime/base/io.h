/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_IO_H
#define MR_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct mr_strv;

/* Owned descriptors; whole files read and written relative to a directory descriptor. */

static inline void mr_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
/** Closes a descriptor when it goes out of scope; start it at -1. */
#define autoclose __attribute__((cleanup(mr_close_fd)))

/** Move a descriptor out of an owning variable. */
static inline int mr_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/** Close and set to -1; fine on -1. */
void mr_close(int *fd);

/**
 * For a process that outlives its caller: leads descriptors 0 to 2 to /dev/null, closes the
 * others that it has inherited (all that are not O_CLOEXEC) and goes to "/", so that nothing of
 * the caller's stays in use. What fails stays as it is.
 *
 * @return 0, or -errno: /dev/null cannot be opened
 */
int mr_leave_caller(void);

/**
 * The names in a directory, sorted.
 *
 * @param fd  the directory; taken, also after failure
 * @param add appends what the name stands for to @ret, or nothing; @return 0 or -errno
 */
int mr_list_names(int fd, int (*add)(int dir, const char *name, struct mr_strv *ret),
	struct mr_strv *ret);

/** Repeats on EINTR and short writes. @return 0 or -errno */
int mr_write_all(int fd, const void *data, size_t len);
/**
 * poll(2) one descriptor until CLOCK_MONOTONIC @deadline_ns, but no longer than @at_most_ms:
 * for files that tell of a change now and then only.
 *
 * @param fd     -1: just let the time pass
 * @param events POLLPRI for a kernel file whose content changes (cgroup.events)
 */
int mr_poll_until(int fd, short events, int64_t deadline_ns, int at_most_ms);

/** Read up to @cap bytes, until end of file. @return bytes read or -errno */
ssize_t mr_read_full(int fd, void *buf, size_t cap);

/**
 * Read a whole small file below @dirfd (AT_FDCWD allowed) into malloc()ed memory that is
 * NUL-terminated. Never blocks (O_NONBLOCK): a FIFO reads as empty.
 *
 * @param max      refuse more than this many bytes with -EFBIG
 * @param ret_text owned by the caller
 * @param ret_len  may be NULL
 * @return 0 or -errno
 */
int mr_read_file_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len);

/** Read a small file into @buf, NUL-terminated, trailing newline removed.
 * @return length, or -errno (-EFBIG when it does not fit) */
ssize_t mr_read_line_at(int dirfd, const char *path, char *buf, size_t cap);

/** Read one decimal number; "max" gives UINT64_MAX. @return 0 or -errno */
int mr_read_u64_at(int dirfd, const char *path, uint64_t *ret);

/** Open existing @path O_WRONLY|O_CLOEXEC|O_NOFOLLOW and write @text with one write(2), as
 * cgroup and proc files demand. @return 0 or -errno */
int mr_write_file_at(int dirfd, const char *path, const char *text);

/**
 * Replace @name below @dirfd atomically: temporary file, write, rename. A reader meets the
 * old or the new one, whenever we are killed. @return 0 or -errno; on failure the old file
 * stands untouched and the temporary file is gone
 */
int mr_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode);
/** The same, and it outlives a power failure: fsync of the file and of its directory. When
 * that of the directory fails the new file stands, and which one outlives it is not known. */
int mr_write_durable_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode);

/** Nanoseconds of CLOCK_MONOTONIC. */
int64_t mr_now_mono_ns(void);
/** CLOCK_REALTIME. */
struct timespec mr_now_real(void);
/** RFC 3339, nanoseconds, UTC: "2026-11-23T03:54:03.123456789Z". */
const char *mr_format_time(struct timespec t, char buf[static 40]);
/** The reverse, with 0 to 9 digits of a second. @return zeroes for any other text, and for
 * the year 1, which is how "has not happened" is written */
struct timespec mr_parse_time(const char *text);

#endif
