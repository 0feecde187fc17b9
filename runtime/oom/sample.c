/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peaks by kind. The kernel keeps a peak of the sum (memory.peak, max_usage_in_bytes) and
 * on v1 of kernel memory, but none of anonymous memory, which is what a limit should be
 * sized by. So it is sampled. memory.stat is read only while the sum is at its highest:
 * below that a part may have a peak of its own unseen, which is why the result is called
 * a lower bound.
 */
#include "oom/sample.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

void mr_sampler_init(struct mr_sampler *s, const struct mr_cgroup *cg)
{
	*s = (struct mr_sampler){ .usage_fd = -1, .stat_fd = -1, .swap_fd = -1 };
	s->interval_ms = MR_SAMPLE_MIN_MS;
	s->dir = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	s->v2 = mr_host_is_v2(cg->host, MR_CTL_MEMORY);
}

static void open_files(struct mr_sampler *s)
{
	int dir = s->dir;

	s->usage_fd = openat(dir, s->v2 ? "memory.current" : "memory.usage_in_bytes",
		O_RDONLY | O_CLOEXEC);
	s->stat_fd = openat(dir, "memory.stat", O_RDONLY | O_CLOEXEC);
	struct sysinfo host;
	s->has_swap = sysinfo(&host) == 0 && host.totalswap > 0;
	if (s->v2 && s->has_swap)
		s->swap_fd = openat(dir, "memory.swap.current", O_RDONLY | O_CLOEXEC);
}

void mr_sampler_close(struct mr_sampler *s)
{
	int *fds[] = { &s->usage_fd, &s->stat_fd, &s->swap_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static int read_number(int fd, uint64_t *ret)
{
	char buf[32];
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return -1;
	buf[n] = '\0';
	*ret = strtoull(buf, NULL, 10);
	return 0;
}

static void keep_larger(struct mr_uint *peak, uint64_t value)
{
	if (!peak->set || value > peak->value)
		*peak = (struct mr_uint){ true, value };
}

/* "name value" at the start of a line. */
static void take_stat(const char *text, const char *name, struct mr_uint *peak)
{
	size_t len = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, len) == 0 && p[len] == ' ') {
			keep_larger(peak, strtoull(p + len + 1, NULL, 10));
			return;
		}
	}
}

static void read_stat(struct mr_sampler *s)
{
	char text[8192];
	ssize_t n = s->stat_fd < 0 ? -1 : pread(s->stat_fd, text, sizeof(text) - 1, 0);
	uint64_t swap;

	if (n <= 0)
		return;
	text[n] = '\0';
	take_stat(text, s->v2 ? "anon" : "total_rss", &s->peak_anon);
	if (s->v2)
		take_stat(text, "kernel", &s->peak_kernel);
	else if (s->has_swap)
		take_stat(text, "total_swap", &s->peak_swap);
	if (read_number(s->swap_fd, &swap) == 0)
		keep_larger(&s->peak_swap, swap);
}

void mr_sampler_tick(struct mr_sampler *s)
{
	uint64_t now;

	if (s->usage_fd < 0 && s->dir >= 0)
		open_files(s);
	if (read_number(s->usage_fd, &now) < 0)
		return;
	bool moved = now > s->last + s->last / 64 || s->last > now + now / 64;
	if (now >= s->highest) {
		s->highest = now;
		read_stat(s);
	}
	s->last = now;
	if (moved)
		s->interval_ms = MR_SAMPLE_MIN_MS;
	else if (s->interval_ms < MR_SAMPLE_MAX_MS)
		s->interval_ms *= 2;
}
