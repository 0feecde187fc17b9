/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process, over the reuse of pids: see state.h.
 *
 * kernel 6.9: a pidfd lives in pidfs, where each process has an inode number of its own
 * that is never used twice in one boot. Before, all pidfds share one anonymous inode, and
 * the start time in /proc/PID/stat tells processes apart. It counts clock ticks, 10 ms
 * each, and a pid does not come back so soon unless somebody forks around all of them.
 *
 * pidfd_open(2), proc_pid_stat(5), fstatfs(2)
 */
#include "record/state.h"

#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PROC_MAGIC 0x9fa0
#define PIDFS_MAGIC 0x50494446

static uint64_t pidfs_inode(int pidfd)
{
	struct statfs fs;
	struct stat st;
	if (fstatfs(pidfd, &fs) < 0 || (unsigned long)fs.f_type != PIDFS_MAGIC ||
		fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

/* Field 22; the name in field 2 can hold blanks and parentheses, so count from its end.
 */
static int parse_start_ticks(const char *stat_line, uint64_t *ret)
{
	const char *p = strrchr(stat_line, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	unsigned long long ticks;
	if (!p || sscanf(p, " %llu", &ticks) != 1)
		return -EBADMSG;
	*ret = ticks;
	return 0;
}

static int read_start_ticks(pid_t pid, uint64_t *ret)
{
	struct statfs fs;
	char path[32], line[2048];
	autoclose int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -errno;
	/* Whatever else is mounted there would be believed otherwise. */
	if (fstatfs(proc, &fs) < 0 || fs.f_type != PROC_MAGIC)
		return -ENOTSUP;
	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	ssize_t n = mr_read_line_at(proc, path, line, sizeof(line));
	return n < 0 ? (int)n : parse_start_ticks(line, ret);
}

int mr_process_id_read(
	int pidfd, pid_t pid, struct mr_process_id *ret, struct mr_error *err)
{
	*ret = (struct mr_process_id){.pid = pid, .pidfs_inode = pidfs_inode(pidfd)};
	if (ret->pidfs_inode == 0 && read_start_ticks(pid, &ret->start_ticks) < 0)
		ret->start_ticks = 0;
	/* Not reaped up to here: so the pid was this process' while we read. */
	int r = mr_pidfd_send_signal(pidfd, 0);
	if (r < 0 && r != -EPERM)
		return mr_fail(err, -r, "identify process %d", (int)pid);
	if (ret->pidfs_inode == 0 && ret->start_ticks == 0)
		return mr_fail_text(err, ENOTSUP,
			"identify process %d: neither pidfs (kernel 6.9) "
			"nor /proc",
			(int)pid);
	return 0;
}

int mr_process_id_open(const struct mr_process_id *id)
{
	uint64_t ticks;
	if (id->pid <= 0)
		return -ESRCH;
	autoclose int pidfd = pidfd_open(id->pid, 0);
	if (pidfd < 0)
		return errno == EINVAL ? -ESRCH
				       : -errno; /* EINVAL: a thread has the number now */
	uint64_t inode = id->pidfs_inode ? pidfs_inode(pidfd) : 0;
	if (inode)
		return inode == id->pidfs_inode ? mr_take_fd(&pidfd) : -ESRCH;
	if (id->start_ticks == 0 || read_start_ticks(id->pid, &ticks) < 0 ||
		ticks != id->start_ticks)
		return -ESRCH;
	/* The pidfd came first: if that process still is there, the time was its own. */
	int r = mr_pidfd_send_signal(pidfd, 0);
	return r < 0 && r != -EPERM ? -ESRCH : mr_take_fd(&pidfd);
}

int mr_boot_id(char ret[static 40], struct mr_error *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	ssize_t n = mr_read_line_at(AT_FDCWD, path, ret, 40);
	return n < 0 ? mr_fail(err, (int)-n, "read %s", path) : 0;
}
