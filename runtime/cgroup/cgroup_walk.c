/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walk a tree of cgroups, and read which processes are in it.
 *
 * The tree may have been made by the container, to be as unpleasant as possible:
 * thousands of cgroups, or thousands of levels, longer than any path may be, changing
 * during the walk. So there is no recursion and no path: the walk holds one descriptor,
 * goes down by name and up by "..", and leaves out what vanishes.
 *
 * openat(2), readdir(3), cgroups(7)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- walking --- */

struct level {
	struct mr_strv names;
	size_t next;
};

struct walk {
	struct level *levels;
	size_t n, cap;
	int fd;
};

static int list_children(int dirfd, struct mr_strv *names)
{
	struct stat st;
	/* cgroupfs counts sub-directories in the links, so most need not be read at all.
	 */
	if (fstat(dirfd, &st) == 0 && st.st_nlink == 2)
		return 0;

	autoclose int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	DIR *dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)mr_take_fd(&fd);
	int r = 0;
	const struct dirent *entry;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		/* A cgroup may well be named ".x". */
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			r = mr_strv_add(names, entry->d_name);
	}
	closedir(dir);
	return r;
}

static int push_level(struct walk *w, const struct mr_cgroup_visitor *v)
{
	if (v->enter) {
		int r = v->enter(w->fd, v->arg);
		if (r < 0)
			return r;
	}
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 8;
		struct level *levels = realloc(w->levels, cap * sizeof(*levels));
		if (!levels)
			return -ENOMEM;
		w->levels = levels;
		w->cap = cap;
	}
	w->levels[w->n++] = (struct level){0};
	return list_children(w->fd, &w->levels[w->n - 1].names);
}

static int go(struct walk *w, const char *name)
{
	int fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	mr_close(&w->fd);
	w->fd = fd;
	return 0;
}

/* One step: down into the next child, or up. */
static int step(struct walk *w, const struct mr_cgroup_visitor *v)
{
	struct level *top = &w->levels[w->n - 1];

	if (top->next < top->names.n) {
		int r = go(w, top->names.items[top->next++]);
		if (r == -ENOENT || r == -ENODEV)
			return 0;
		return r < 0 ? r : push_level(w, v);
	}
	mr_strv_clear(&top->names);
	w->n--;
	if (w->n == 0)
		return 0;
	int r = go(w, "..");
	if (r < 0)
		return r;
	const struct level *parent = &w->levels[w->n - 1];
	return v->leave ? v->leave(w->fd, parent->names.items[parent->next - 1], v->arg)
			: 0;
}

int mr_cgroup_walk(int dirfd, const struct mr_cgroup_visitor *visitor)
{
	struct walk w = {.fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (w.fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;

	int r = push_level(&w, visitor);
	while (r == 0 && w.n > 0)
		r = step(&w, visitor);
	for (size_t i = 0; i < w.n; i++)
		mr_strv_clear(&w.levels[i].names);
	free(w.levels);
	mr_close(&w.fd);
	return r;
}

/* --- processes --- */

struct pid_list {
	pid_t *items;
	size_t n, cap;
};

static int add_pid(struct pid_list *list, pid_t pid)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		pid_t *items = realloc(list->items, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->cap = cap;
	}
	list->items[list->n++] = pid;
	return 0;
}

static int read_pids(int fd, void *arg)
{
	struct pid_list *list = arg;
	autofree char *text = NULL;
	int r = mr_read_file_at(fd, "cgroup.procs", 64u << 20, &text, NULL);

	/* Gone meanwhile; or threaded (v2), then the domain above has shown the process.
	 */
	if (r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP)
		return 0;
	char *rest = text, *line;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
		uint32_t pid;
		/* 0: a process outside of our pid namespace, nothing can be done to it.
		 */
		if (mr_parse_id(line, &pid) == 0 && pid > 0)
			r = add_pid(list, (pid_t)pid);
	}
	return r;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

bool mr_cgroup_has_pid(const pid_t *pids, size_t n, pid_t pid)
{
	return n > 0 && bsearch(&pid, pids, n, sizeof(pid), compare_pids);
}

static void sort_unique(struct pid_list *list)
{
	size_t kept = 0;

	if (list->n == 0)
		return;
	qsort(list->items, list->n, sizeof(*list->items), compare_pids);
	for (size_t i = 0; i < list->n; i++) {
		if (kept == 0 || list->items[kept - 1] != list->items[i])
			list->items[kept++] = list->items[i];
	}
	list->n = kept;
}

int mr_cgroup_pids(
	const struct mr_cgroup *cg, pid_t **ret, size_t *ret_n, struct mr_error *err)
{
	struct pid_list list = {0};
	const struct mr_cgroup_visitor visitor = {.enter = read_pids, .arg = &list};

	for (int h = 0; cg->host && h < cg->host->n_hierarchies; h++) {
		if (cg->dir[h] < 0)
			continue;
		int r = mr_cgroup_walk(cg->dir[h], &visitor);
		if (r < 0) {
			free(list.items);
			return mr_fail(err, -r, "list the processes of %s%s",
				cg->host->hierarchies[h].mount_point, cg->path);
		}
	}
	sort_unique(&list);
	*ret = list.items;
	*ret_n = list.n;
	return 0;
}

void mr_cgroup_describe_pids(const struct mr_cgroup *cg, struct mr_str *out)
{
	const size_t most = 8;
	autofree pid_t *pids = NULL;
	struct mr_error ignored = {0};
	size_t n = 0;

	if (mr_cgroup_pids(cg, &pids, &n, &ignored) < 0 || n == 0) {
		mr_str_append(out, "none that can be seen");
		return;
	}
	for (size_t i = 0; i < n && i < most; i++) {
		char path[48], comm[32];
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pids[i]);
		mr_str_appendf(out, "%s%d", i ? ", " : "", (int)pids[i]);
		if (mr_read_line_at(AT_FDCWD, path, comm, sizeof(comm)) <= 0)
			continue;
		mr_str_append(out, " (");
		mr_str_append_printable(out, comm);
		mr_str_append(out, ")");
	}
	if (n > most)
		mr_str_appendf(out, " and %zu more", n - most);
}

int mr_cgroup_refuse_own(
	const struct mr_cgroup *cg, const char *what, struct mr_error *err)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	int r = mr_cgroup_pids(cg, &pids, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (pids[i] == getpid())
			r = mr_fail_text(err, EDEADLK,
				"%s the cgroup %s: this very process (%d) is in it", what,
				cg->path, (int)getpid());
	}
	return r;
}

bool mr_cgroup_keyed(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != ' ')
			continue;
		char number[24];
		size_t digits = strcspn(line + n + 1, "\n");
		if (digits >= sizeof(number))
			return false;
		memcpy(number, line + n + 1, digits);
		number[digits] = '\0';
		return mr_parse_u64(number, ret) == 0;
	}
	return false;
}
