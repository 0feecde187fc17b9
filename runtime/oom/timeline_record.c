/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording half of the timeline: what the kernel tells of a cgroup every few
 * milliseconds, and the file that it goes into. All descriptors are opened once and read with
 * pread(2): a sample costs no path walk.
 *
 * cgroups(7), the kernel's admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst, accounting/psi.rst
 */
#include "oom/timeline.h"

#include "base/errors.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define NO_LIMIT (UINT64_C(1) << 62) /* v1 says 2^63 less a page */

#define LINES_BYTES 4096		  /* written together: 20 samples */
#define APART_BYTES (UINT64_C(1) << 20)

/* --- opening --- */

static int open_in(int dir, const char *name)
{
	return dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
}

/* v2: memory.max of every ancestor that has one; v1 has the result in memory.stat. */
static void open_above(struct mr_timeline *t, int dir)
{
	autoclose int at = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (at >= 0 && t->n_above < MR_TIMELINE_LEVELS) {
		int fd = open_in(at, "memory.max");
		if (fd < 0)
			return;
		t->above[t->n_above++] = fd;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		mr_close(&at);
		at = up;
	}
}

static void open_cgroup(struct mr_timeline *t, const struct mr_cgroup *cg)
{
	int dir = mr_cgroup_dir(cg, MR_CTL_MEMORY);
	struct sysinfo host;

	t->v2 = mr_host_is_v2(cg->host, MR_CTL_MEMORY);
	t->has_swap = sysinfo(&host) == 0 && host.totalswap > 0;
	t->usage = open_in(dir, t->v2 ? "memory.current" : "memory.usage_in_bytes");
	t->stat = open_in(dir, "memory.stat");
	t->limit = open_in(dir, t->v2 ? "memory.max" : "memory.limit_in_bytes");
	t->pressure = open_in(mr_cgroup_clone_fd(cg), "memory.pressure");
	if (t->v2) {
		t->high = open_in(dir, "memory.high");
		t->swap = t->has_swap ? open_in(dir, "memory.swap.current") : -1;
		open_above(t, dir);
	} else {
		t->kernel = open_in(dir, "memory.kmem.usage_in_bytes");
	}
}

/* A rename is going to replace it at the end: nothing but a file of ours may stand there. */
static int open_file(struct mr_timeline *t, int flags, struct mr_error *err)
{
	struct stat st;

	if (!t->path[0])
		return 0;
	t->fd = open(t->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | flags, 0644);
	if (t->fd < 0)
		return mr_fail(err, errno, "cannot create the timeline file '%s'", t->path);
	if (fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	mr_close(&t->fd);
	return mr_fail_text(err, EINVAL, "timeline file '%s': not a regular file", t->path);
}

static void write_lines(struct mr_timeline *t)
{
	int r = mr_str_ok(&t->lines) ? 0 : -ENOMEM;

	if (r == 0 && t->fd >= 0)
		r = mr_write_all(t->fd, mr_str_text(&t->lines), t->lines.len);
	if (r < 0 && !t->write_error)
		t->write_error = -r;
	t->lines.len = 0;
}

int mr_timeline_open(struct mr_timeline *t, const char *path, int interval_ms, const char *id,
	const struct mr_cgroup *cg, struct mr_error *err)
{
	int *fds[] = { &t->fd, &t->usage, &t->stat, &t->kernel, &t->swap, &t->pressure, &t->limit,
		&t->high };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		*fds[i] = -1;
	t->path = path;
	t->id = id;
	t->opened_ns = mr_now_mono_ns();
	t->opened = mr_now_real();
	t->samples.interval_ms = interval_ms > 0 ? interval_ms : MR_TIMELINE_INTERVAL_MS;
	t->samples.items = calloc(MR_TIMELINE_SAMPLES, sizeof(*t->samples.items));
	open_cgroup(t, cg);
	int r = open_file(t, O_CREAT | O_TRUNC | O_APPEND, err);
	if (r == 0 && (!t->samples.items ||
			      mr_lanes_open(&t->lanes, mr_cgroup_dir(cg, MR_CTL_MEMORY)) < 0))
		r = mr_fail(err, ENOMEM, "timeline");
	if (r == 0) {
		mr_timeline_format(t, &t->lines);
		write_lines(t);
	} else {
		mr_timeline_close(t);
	}
	return r;
}

void mr_timeline_close(struct mr_timeline *t)
{
	int *fds[] = { &t->fd, &t->usage, &t->stat, &t->kernel, &t->swap, &t->pressure, &t->limit,
		&t->high };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		mr_close(fds[i]);
	while (t->n_above > 0)
		mr_close(&t->above[--t->n_above]);
	mr_lanes_close(&t->lanes);
	free(t->samples.items);
	t->samples.items = NULL;
	t->samples.n = 0;
	mr_str_clear(&t->lines);
}

/* --- one sample --- */

static int64_t now_usec(const struct mr_timeline *t)
{
	return (mr_now_mono_ns() - t->opened_ns) / 1000;
}

static ssize_t read_text(int fd, char *buf, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* "max" and v1's huge number are no limit. */
static uint64_t read_number(int fd)
{
	char buf[32];

	if (read_text(fd, buf, sizeof(buf)) <= 0 || buf[0] < '0' || buf[0] > '9')
		return MR_UNKNOWN;
	uint64_t v = strtoull(buf, NULL, 10);
	return v >= NO_LIMIT ? MR_UNKNOWN : v;
}

/* What stands in memory.stat; of two names for one series the values are added. */
static const struct stat_row {
	const char *v1, *v2;
	enum mr_series series;
} stat_rows[] = {
	{ "total_rss", "anon", MR_SERIES_ANON },
	{ "total_cache", "file", MR_SERIES_FILE },
	{ "total_shmem", "shmem", MR_SERIES_SHMEM },
	{ NULL, "kernel", MR_SERIES_KERNEL },
	{ "total_swap", NULL, MR_SERIES_SWAP },
	{ "total_inactive_file", "inactive_file", MR_SERIES_INACTIVE_FILE },
	{ "total_dirty", "file_dirty", MR_SERIES_DIRTY },
	{ "total_writeback", "file_writeback", MR_SERIES_DIRTY },
	{ "hierarchical_memory_limit", NULL, MR_SERIES_ANCESTOR_LIMIT },
};

static void read_stat(const struct mr_timeline *t, uint64_t *value)
{
	char text[8192];

	if (read_text(t->stat, text, sizeof(text)) <= 0)
		return;
	for (char *p = text, *next; p && *p; p = next) {
		char *blank = strchr(p, ' ');
		if (!blank)
			return;
		*blank = '\0';
		/* All that count here but one begin with "total_": half of the lines do not. */
		bool wanted = t->v2 || *p == 't' || *p == 'h';
		for (size_t i = 0; wanted && i < sizeof(stat_rows) / sizeof(*stat_rows); i++) {
			const struct stat_row *row = &stat_rows[i];
			if (!mr_streq(p, t->v2 ? row->v2 : row->v1))
				continue;
			uint64_t v = strtoull(blank + 1, NULL, 10), *sum = &value[row->series];
			*sum = *sum == MR_UNKNOWN ? v : *sum + v;
		}
		next = strchr(blank + 1, '\n');
		next += next != NULL;
	}
}

static void read_pressure(int fd, uint64_t *value)
{
	char text[256];

	if (read_text(fd, text, sizeof(text)) <= 0)
		return;
	const char *some = strstr(text, "some "), *full = strstr(text, "full ");
	some = some ? strstr(some, "total=") : NULL;
	full = full ? strstr(full, "total=") : NULL;
	if (some)
		value[MR_SERIES_PSI_SOME] = strtoull(some + 6, NULL, 10);
	if (full)
		value[MR_SERIES_PSI_FULL] = strtoull(full + 6, NULL, 10);
}

/* Each page in one part only. */
static void separate(const struct mr_timeline *t, uint64_t *v)
{
	uint64_t *file = &v[MR_SERIES_FILE];

	if (*file != MR_UNKNOWN && v[MR_SERIES_SHMEM] != MR_UNKNOWN)
		*file = *file > v[MR_SERIES_SHMEM] ? *file - v[MR_SERIES_SHMEM] : 0;
	if (!t->has_swap)
		v[MR_SERIES_SWAP] = MR_UNKNOWN;
}

/* Limits seldom move, and pressure is no matter of milliseconds: of four samples one reads
 * them. What was not read is not told, but a limit stands until another is read; more in use than it
 * allows means that it has moved. */
static void read_seldom(struct mr_timeline *t, uint64_t *v)
{
	const struct mr_samples *all = &t->samples;
	const uint64_t *last = all->n ? all->items[all->n - 1].value : NULL;

	if (t->ticks++ % 4 != 0 && last && v[MR_SERIES_USAGE] <= last[MR_SERIES_LIMIT]) {
		v[MR_SERIES_LIMIT] = last[MR_SERIES_LIMIT];
		v[MR_SERIES_HIGH] = last[MR_SERIES_HIGH];
		/* v1 has it in memory.stat: both limits of the same moment, or it is none. */
		v[MR_SERIES_ANCESTOR_LIMIT] = last[MR_SERIES_ANCESTOR_LIMIT];
		return;
	}
	v[MR_SERIES_LIMIT] = read_number(t->limit);
	v[MR_SERIES_HIGH] = read_number(t->high);
	read_pressure(t->pressure, v);
	for (int i = 0; i < t->n_above; i++) {
		uint64_t limit = read_number(t->above[i]), *lowest = &v[MR_SERIES_ANCESTOR_LIMIT];
		*lowest = limit < *lowest ? limit : *lowest;
	}
}

/* @return how far the parts are from the whole */
static uint64_t read_parts(const struct mr_timeline *t, uint64_t *v)
{
	uint64_t sum = 0, usage;

	for (int i = 0; i < MR_SERIES_N; i++)
		v[i] = MR_UNKNOWN;
	read_stat(t, v);
	if (!t->v2)
		v[MR_SERIES_KERNEL] = read_number(t->kernel);
	v[MR_SERIES_USAGE] = read_number(t->usage);
	separate(t, v);
	for (int i = MR_SERIES_ANON; i <= MR_SERIES_KERNEL; i++)
		sum += v[i] == MR_UNKNOWN ? 0 : v[i];
	usage = v[MR_SERIES_USAGE];
	return usage > sum ? usage - sum : sum - usage;
}

static void read_sample(struct mr_timeline *t, struct mr_sample *s)
{
	const struct mr_samples *all = &t->samples;
	uint64_t *v = s->value, usage = read_number(t->usage);

	/* To the byte the usage of 5 ms ago: so are its parts, and one reading does. */
	if (t->ticks % 4 != 0 && all->n > 0 &&
		all->items[all->n - 1].value[MR_SERIES_USAGE] == usage) {
		memcpy(v, all->items[all->n - 1].value, sizeof(s->value));
		v[MR_SERIES_PSI_SOME] = v[MR_SERIES_PSI_FULL] = MR_UNKNOWN;
		s->usage_min = usage;
		s->anon_max = v[MR_SERIES_ANON];
		t->ticks++;
		return;
	}
	/* Several files are no single moment: if much happened in between, once more. */
	if (read_parts(t, v) > APART_BYTES)
		read_parts(t, v);
	if (t->v2 && t->has_swap)
		v[MR_SERIES_SWAP] = read_number(t->swap);
	read_seldom(t, v);
	uint64_t *above = &v[MR_SERIES_ANCESTOR_LIMIT];
	if (*above >= NO_LIMIT || *above >= v[MR_SERIES_LIMIT])
		*above = MR_UNKNOWN; /* it does not bind */
	s->usage_min = v[MR_SERIES_USAGE];
	s->anon_max = v[MR_SERIES_ANON];
}

static void add_event(struct mr_timeline *t, struct mr_timeline_event e)
{
	mr_timeline_add_event(t, &e);
	mr_timeline_format_event(&e, &t->lines);
	write_lines(t);
}

static void compare_limit(struct mr_timeline *t, const struct mr_sample *now,
	const struct mr_sample *before, enum mr_series series, enum mr_event_kind kind)
{
	uint64_t from = before->value[series], to = now->value[series];

	if (from != to)
		add_event(t, (struct mr_timeline_event){ now->usec, kind, from, to, 0, "" });
}

/* Neighbours were merged: the file shrinks with the buffer. */
static int rewrite(struct mr_timeline *t, struct mr_error *err)
{
	auto_str text = { 0 };

	if (!t->path[0])
		return 0;
	mr_timeline_format(t, &text);
	int r = mr_str_ok(&text)
			? mr_write_atomic_at(AT_FDCWD, t->path, text.data, text.len, 0644)
			: -ENOMEM;
	mr_close(&t->fd);
	t->lines.len = 0; /* they are in @text */
	return r < 0 ? mr_fail(err, -r, "cannot write the timeline file '%s'", t->path) : 0;
}

static void take_sample(struct mr_timeline *t)
{
	struct mr_samples *all = &t->samples;
	const struct mr_sample *last = all->n ? &all->items[all->n - 1] : NULL;
	struct mr_sample now = { .usec = now_usec(t) };
	struct mr_error err;

	/* OOM events bring samples of their own; a storm of them must not fill the buffer. */
	if (last && now.usec - last->usec < all->interval_ms * 200)
		return;
	read_sample(t, &now);
	if (now.value[MR_SERIES_USAGE] == MR_UNKNOWN)
		return;
	if (!last)
		mr_timeline_event(t, MR_EVENT_START, 0);
	if (last) {
		compare_limit(t, &now, last, MR_SERIES_LIMIT, MR_EVENT_LIMIT);
		compare_limit(t, &now, last, MR_SERIES_ANCESTOR_LIMIT, MR_EVENT_ANCESTOR_LIMIT);
	}
	mr_lanes_tick(&t->lanes, now.usec);
	if (mr_samples_add(all, &now)) {
		if (rewrite(t, &err) < 0 || open_file(t, O_APPEND, &err) < 0)
			t->write_error = t->write_error ? t->write_error : err.err;
		return;
	}
	mr_timeline_format_sample(&now, &t->lines);
	if (t->lines.len > LINES_BYTES)
		write_lines(t);
}

int mr_timeline_tick(struct mr_timeline *t)
{
	take_sample(t);
	return t->samples.interval_ms;
}

/* --- events --- */

void mr_timeline_event(struct mr_timeline *t, enum mr_event_kind kind, uint64_t to)
{
	if (!t)
		return;
	add_event(t, (struct mr_timeline_event){ now_usec(t), kind, 0, to, 0, "" });
	if (kind == MR_EVENT_EXEC)
		mr_lanes_executed(&t->lanes);
}

void mr_timeline_refused(struct mr_timeline *t, int64_t mono_ns, uint64_t to)
{
	struct mr_timeline_event e = { .usec = (mono_ns - t->opened_ns) / 1000,
		.kind = MR_EVENT_LIMIT_REFUSED, .to = to };
	size_t i = t->n_events;

	add_event(t, e);
	if (t->n_events == i)
		return;
	for (; i > 0 && t->events[i - 1].usec > e.usec; i--)
		t->events[i] = t->events[i - 1];
	t->events[i] = e;
}

void mr_timeline_oom(struct mr_timeline *t, uint64_t ooms, uint64_t kills, bool hanging)
{
	if (!t)
		return;
	if (ooms > t->ooms)
		mr_timeline_event(t, MR_EVENT_OOM, 0);
	t->ooms = ooms;
	for (; t->kills < kills; t->kills++)
		mr_timeline_event(t, MR_EVENT_OOM_KILL, 0);
	if (hanging != t->hanging)
		mr_timeline_event(t, MR_EVENT_UNDER_OOM, hanging);
	t->hanging = hanging;
}

void mr_timeline_victim(struct mr_timeline *t, size_t i, pid_t pid, const char *comm)
{
	struct mr_lane *lane = mr_lanes_find(&t->lanes, pid);

	if (lane)
		lane->oom_killed = true;
	for (size_t k = 0; k < t->n_events; k++) {
		struct mr_timeline_event *e = &t->events[k];
		if (e->kind != MR_EVENT_OOM_KILL || i-- > 0)
			continue;
		e->victim = pid;
		snprintf(e->comm, sizeof(e->comm), "%s", comm);
		return;
	}
}

int mr_timeline_finish(struct mr_timeline *t, struct mr_error *err)
{
	mr_lanes_finish(&t->lanes, now_usec(t));
	int r = rewrite(t, err);
	if (r == 0 && t->write_error)
		r = mr_fail(err, t->write_error, "writing the timeline file '%s'", t->path);
	return r;
}
