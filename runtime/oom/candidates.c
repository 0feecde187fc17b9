/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who could be killed next: see candidates.h.
 *
 * When a cgroup runs out of memory the kernel chooses among all processes in it and below
 * it. So if an ancestor's limit is the smallest on the way up, its other containers'
 * processes compete too, and if there is no limit at all, everybody on the host does.
 *
 * /proc shows what oom_badness() counts, in KiB of whole pages: RssAnon, RssFile,
 * RssShmem, VmSwap, VmPTE (all levels of page tables since kernel 4.15).
 * proc_pid_status(5)
 */
#include "oom/candidates.h"

#include "base/io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* --- one process --- */

/* "Name:\t   123 kB" of a line of its own, in bytes. */
static struct mr_uint kib_of(const char *status, const char *name)
{
	struct mr_uint v = {0};
	unsigned long long kib;
	const char *p = strstr(status, name);
	if (p && sscanf(p + strlen(name), "%llu kB", &kib) == 1 &&
		kib < UINT64_MAX / 1024)
		v = (struct mr_uint){.set = true, .value = kib * 1024};
	return v;
}

bool mr_candidate_parse(const char *status, struct mr_candidate *ret)
{
	struct mr_oom_task *t = &ret->task;
	unsigned uid;

	t->total_vm = kib_of(status, "\nVmSize:");
	if (!t->total_vm.set)
		return false;
	t->rss = kib_of(status, "\nVmRSS:");
	t->rss_anon = kib_of(status, "\nRssAnon:");
	t->rss_file = kib_of(status, "\nRssFile:");
	t->rss_shmem = kib_of(status, "\nRssShmem:");
	t->swap = kib_of(status, "\nVmSwap:");
	if (!t->swap.set) /* no line: a kernel without swap (CONFIG_SWAP) */
		t->swap.set = true;
	t->pgtables = kib_of(status, "\nVmPTE:");
	t->pgtables.value += kib_of(status, "\nVmPMD:").value;
	const char *p = strstr(status, "\nUid:");
	if (p && sscanf(p, "\nUid: %*u %u", &uid) == 1)
		t->uid = (struct mr_uint){.set = true, .value = uid};
	/* One number for each pid namespace, the innermost last. */
	p = strstr(status, "\nNSpid:");
	if (p) {
		const char *end = p + 1 + strcspn(p + 1, "\n");
		while (end > p && isdigit((unsigned char)end[-1]))
			end--;
		sscanf(end, "%d", &ret->container_pid);
	}
	return true;
}

static int read_status(pid_t pid, struct mr_candidate *ret)
{
	char path[64];
	autofree char *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	int r = mr_read_file_at(AT_FDCWD, path, 1u << 16, &text, NULL);
	if (r < 0)
		return r;
	return mr_candidate_parse(text, ret) ? 0 : -ESRCH;
}

/* @return 0, or negative when it has ended or has no memory */
static int read_process(pid_t pid, struct mr_candidate *ret)
{
	char path[64], text[32];

	*ret = (struct mr_candidate){.task.pid = pid, .host_init = pid == 1};
	int r = read_status(pid, ret);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	ssize_t n =
		mr_read_line_at(AT_FDCWD, path, ret->task.comm, sizeof(ret->task.comm));
	if (n < 0)
		return (int)n;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	n = mr_read_line_at(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	ret->task.oom_score_adj.set =
		mr_parse_i64(text, &ret->task.oom_score_adj.value) == 0;
	return 0;
}

/* --- the order --- */

static int compare(const void *a, const void *b)
{
	const struct mr_candidate *x = a, *y = b;
	if (mr_score_counts(&x->score) != mr_score_counts(&y->score))
		return mr_score_counts(&x->score) ? -1 : 1;
	if (x->score.points != y->score.points)
		return x->score.points > y->score.points ? -1 : 1;
	return (y->task.pid > x->task.pid) - (y->task.pid < x->task.pid);
}

void mr_ranking_sort(struct mr_ranking *r)
{
	r->n_live = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct mr_candidate *c = &r->items[i];
		mr_score_task(&c->task, r->total, r->page_size, &c->score);
		c->score.exempt = c->score.exempt || c->host_init;
		r->n_live += mr_score_counts(&c->score);
	}
	if (r->n > 1)
		qsort(r->items, r->n, sizeof(*r->items), compare);
}

/* --- everybody --- */

int mr_host_memory(uint64_t *ret_ram, uint64_t *ret_swap)
{
	autofree char *text = NULL;
	int r = mr_read_file_at(AT_FDCWD, "/proc/meminfo", 1u << 16, &text, NULL);
	if (r < 0)
		return r;
	struct mr_uint ram = {0}, swap = kib_of(text, "\nSwapTotal:");
	unsigned long long kib;
	if (sscanf(text, "MemTotal: %llu kB", &kib) == 1)
		ram = (struct mr_uint){.set = true, .value = kib * 1024};
	*ret_ram = ram.value;
	*ret_swap = swap.value;
	return ram.set ? 0 : -EBADMSG;
}

static int host_pids(pid_t **ret, size_t *ret_n, struct mr_error *err)
{
	size_t cap = 0;
	DIR *dir = opendir("/proc");
	if (!dir)
		return mr_fail(err, errno, "list /proc");
	struct dirent *e;
	int r = 0;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		uint32_t pid;
		if (mr_parse_id(e->d_name, &pid) < 0 || pid == 0)
			continue;
		if (*ret_n == cap) {
			cap = cap ? cap * 2 : 128;
			pid_t *grown = realloc(*ret, cap * sizeof(**ret));
			if (!grown) {
				r = mr_fail(err, ENOMEM, "list of processes");
				break;
			}
			*ret = grown;
		}
		(*ret)[(*ret_n)++] = (pid_t)pid;
	}
	closedir(dir);
	return r;
}

/* Only the memory hierarchy counts: elsewhere the same path can hold others. */
static int memory_pids(const struct mr_host *host, const char *path, pid_t **ret,
	size_t *ret_n, struct mr_error *err)
{
	struct mr_cgroup cg;
	int r = mr_cgroup_open(host, path, &cg, err);
	if (r >= 0) {
		for (int h = 0; h < host->n_hierarchies; h++) {
			if (h != host->owner[MR_CTL_MEMORY])
				mr_close(&cg.dir[h]);
		}
		r = mr_cgroup_pids(&cg, ret, ret_n, err);
	}
	mr_cgroup_close(&cg);
	return r;
}

static int read_everybody(struct mr_ranking *r, const pid_t *all, size_t n_all,
	const pid_t *ours, size_t n_ours, struct mr_error *err)
{
	r->items = calloc(n_all + 1, sizeof(*r->items));
	if (!r->items)
		return mr_fail(err, ENOMEM, "list of candidates");
	for (size_t i = 0; i < n_all; i++) {
		struct mr_candidate *c = &r->items[r->n];
		if (read_process(all[i], c) < 0)
			continue;
		for (size_t k = 0; k < n_ours && !c->inside; k++)
			c->inside = ours[k] == all[i];
		r->n++;
	}
	mr_ranking_sort(r);
	return 0;
}

/* What swap may be used beyond the limit: min(own, host's), none without swappiness. */
static struct mr_uint total_of(const struct mr_host *host, const char *path,
	struct mr_uint limit, uint64_t swap, long page_size)
{
	const int h = host->owner[MR_CTL_MEMORY];
	const bool v2 = host->hierarchies[h].v2;
	struct mr_uint room = {0};
	uint64_t v, swappiness = 60;
	char dir[MR_CGROUP_PATH_MAX + 128];

	snprintf(dir, sizeof(dir), "%s%s", host->hierarchies[h].mount_point, path);
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && v2 && mr_read_u64_at(fd, "memory.swap.max", &v) == 0)
		room = (struct mr_uint){.set = true, .value = v};
	if (fd >= 0 && !v2 && mr_read_u64_at(fd, "memory.memsw.limit_in_bytes", &v) == 0)
		room = (struct mr_uint){
			.set = true, .value = v > limit.value ? v - limit.value : 0};
	int r = v2 || fd < 0
			? mr_read_u64_at(AT_FDCWD, "/proc/sys/vm/swappiness", &swappiness)
			: mr_read_u64_at(fd, "memory.swappiness", &swappiness);
	return mr_score_total(
		limit, room, r == 0 && swappiness == 0 ? 0 : swap, page_size);
}

int mr_ranking_read(const struct mr_cgroup *cg, const struct mr_cgroup_limits *limits,
	struct mr_ranking *ret, struct mr_error *err)
{
	const struct mr_host *host = cg->host;
	const char *path = limits->effective_cgroup;
	autofree pid_t *ours = NULL, *all = NULL;
	size_t n_ours = 0, n_all = 0;
	uint64_t ram, swap, group = 0;

	*ret = (struct mr_ranking){.page_size = host->page_size,
		.scope = "host",
		.noise = MR_SCORE_NOISE * sysconf(_SC_NPROCESSORS_ONLN),
		.disabled = limits->oom_kill_disable.value};
	if (host->owner[MR_CTL_MEMORY] < 0)
		return mr_fail_text(err, ENOTSUP, "no memory controller");
	int r = mr_host_memory(&ram, &swap);
	if (r < 0)
		return mr_fail(err, -r, "read /proc/meminfo");
	r = memory_pids(host, cg->path, &ours, &n_ours, err);
	if (r < 0)
		return r;
	if (n_ours == 0)
		return mr_fail_text(err, ESRCH, "container not running");
	ret->group = mr_read_u64_at(mr_cgroup_dir(cg, MR_CTL_MEMORY), "memory.oom.group",
			     &group) == 0 &&
		     group == 1;
	if (!limits->effective_memory.set) {
		ret->limit = (struct mr_uint){.set = true, .value = ram};
		ret->total = mr_score_total(
			ret->limit, (struct mr_uint){0}, swap, host->page_size);
		r = host_pids(&all, &n_all, err);
		return r < 0 ? r : read_everybody(ret, all, n_all, ours, n_ours, err);
	}
	ret->limit = limits->effective_memory;
	ret->cgroup = path;
	ret->total = total_of(host, path, ret->limit, swap, host->page_size);
	ret->scope = mr_streq(path, cg->path) ? "container" : "ancestor";
	ret->partial = mr_streq(path, "/..") || mr_streq(path, "/");
	if (mr_streq(path, cg->path) || ret->partial)
		return read_everybody(ret, ours, n_ours, ours, n_ours, err);
	r = memory_pids(host, path, &all, &n_all, err);
	return r < 0 ? r : read_everybody(ret, all, n_all, ours, n_ours, err);
}

void mr_ranking_clear(struct mr_ranking *r)
{
	free(r->items);
	r->items = NULL;
	r->n = 0;
}
