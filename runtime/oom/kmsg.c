/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading /dev/kmsg: see kmsg.h. The parser of what it says is in report.c.
 *
 * Each read(2) gives one record: "prio,seq,usec,flags;text\n", then lines that start with
 * a blank ("SUBSYSTEM=..."), which are no text. Non-printable bytes and backslashes come
 * as \xNN, so a newline in a process name cannot begin a record. Records numbered with a
 * facility (prio of 8 and more) were written by a program and are never believed.
 *
 * The ring holds about 48 OOM reports. EPIPE says that records were overwritten before
 * they were read; that costs detail and nothing else.
 *
 * Needs CAP_SYSLOG when kernel.dmesg_restrict is 1. See the kernel's
 * Documentation/ABI/testing/dev-kmsg; syslog(2), proc_sys_kernel(5)
 */
#include "oom/kmsg.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void mr_kmsg_open_oldest(struct mr_kmsg *k)
{
	*k = (struct mr_kmsg){.fd = -1};
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (k->fd < 0) {
		const char *what = errno == EPERM || errno == EACCES
					   ? "needs CAP_SYSLOG (kernel.dmesg_restrict)"
					   : mr_reason(errno);
		snprintf(k->why, sizeof(k->why), "/dev/kmsg: %s", what);
	}
}

void mr_kmsg_open(struct mr_kmsg *k)
{
	mr_kmsg_open_oldest(k);
	/* Kernel's own meaning of SEEK_END: behind the newest record. A plain file or the
	 * null device in its place cannot be told apart here, and yields no report. */
	if (k->fd >= 0 && lseek(k->fd, 0, SEEK_END) < 0) {
		snprintf(
			k->why, sizeof(k->why), "/dev/kmsg: lseek: %s", mr_reason(errno));
		mr_close(&k->fd);
	}
}

void mr_kmsg_close(struct mr_kmsg *k)
{
	mr_close(&k->fd);
}

/* The second number of the prefix; 0 when there is none. */
static uint64_t sequence_of(const char *record)
{
	unsigned long long seq;
	return sscanf(record, "%*u,%llu,", &seq) == 1 ? seq : 0;
}

size_t mr_kmsg_read(struct mr_kmsg *k, char *buf, size_t cap, bool *ret_lost)
{
	while (k->fd >= 0) {
		ssize_t n = read(k->fd, buf, cap - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) {
			*ret_lost = true;
			k->next_sequence = 0;
			continue;
		}
		if (n <= 0)
			break;
		buf[n] = '\0';
		uint64_t seq = sequence_of(buf);
		if (k->next_sequence && seq > k->next_sequence)
			*ret_lost = true;
		k->next_sequence = seq + 1;
		return (size_t)n;
	}
	return 0;
}

int mr_kmsg_drain(struct mr_kmsg *k, struct mr_oom_log *log)
{
	char buf[MR_KMSG_RECORD];
	size_t n;
	int n_records = 0;

	while (n_records < 16384 && (n = mr_kmsg_read(k, buf, sizeof(buf), &log->lost)) > 0) {
		mr_oom_log_feed(log, buf, n);
		n_records++;
	}
	return n_records;
}
