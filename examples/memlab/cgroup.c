/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process's cgroup holds, as the kernel counts it: the figures beside which
 * the process's own (report.c) are to be read. A container sees them when its spec
 * mounts the `cgroup` file system; otherwise they are unknown.
 *
 * The two cgroup versions count alike and name differently: the table below is the
 * dictionary. "cache" holds shmem (tmpfs, shared memory) on both. What is in usage and
 * in no part of memory.stat is kernel memory: v1 has a file for it, v2 since kernel 5.18
 * a line.
 *
 * Manual pages: cgroups(7), proc_pid_cgroup(5), proc_pid_mountinfo(5).
 */
#include "memlab.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
	bool known, v2;
	char memory[512];   /* directory of the hierarchy that limits memory */
	char pressure[544]; /* PSI file: always in the cgroup2 tree */
};

static const struct {
	const char *name, *v1, *v2;
} parts[] = {
	{"anon", "total_rss", "anon"},
	{"cache", "total_cache", "file"},
	{"shmem", "total_shmem", "shmem"},
	{"inactive_file", "total_inactive_file", "inactive_file"},
	{"active_file", "total_active_file", "active_file"},
	{"dirty", "total_dirty", "file_dirty"},
};

static bool has_word(const char *list, size_t len, const char *word)
{
	size_t want = strlen(word);

	while (len > 0) {
		const char *comma = memchr(list, ',', len);
		size_t here = comma != NULL ? (size_t)(comma - list) : len;

		if (here == want && memcmp(list, word, want) == 0)
			return true;
		here += comma != NULL;
		list += here;
		len -= here;
	}
	return false;
}

/* Line "7:memory:/a" has the path "/a" for memory, line "0::/a" for cgroup2 (""). */
static bool own_path(const char *controller, char *ret, size_t size)
{
	static char text[4096];
	char *save, *line;

	if (slurp("/proc/self/cgroup", text, sizeof(text)) <= 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':');
		char *path = list != NULL ? strchr(++list, ':') : NULL;
		bool ours = path != NULL && (*controller == '\0' ? path == list
				: has_word(list, (size_t)(path - list), controller));

		if (ours)
			return snprintf(ret, size, "%s", path + 1) < (int)size;
	}
	return false;
}

/*
 * A cgroup mount shows the hierarchy from its own root (field 4) downwards. In a
 * cgroup namespace a mount inherited from outside has a root such as "/..": then
 * our path does not begin with it and the place stays unknown.
 */
static bool locate(const char *controller, char *ret, size_t size)
{
	static char mounts[65536];
	char path[256], *save, *line;
	bool v2 = *controller == '\0';

	if (!own_path(controller, path, sizeof(path)) ||
		slurp("/proc/self/mountinfo", mounts, sizeof(mounts)) <= 0)
		return false;
	for (line = strtok_r(mounts, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char root[256], point[256], options[256];
		const char *tail = strstr(line, v2 ? " - cgroup2 " : " - cgroup ");
		size_t cut;

		if (tail == NULL || sscanf(tail, " - %*s %*s %255s", options) != 1 ||
			!(v2 || has_word(options, strlen(options), controller)) ||
			sscanf(line, "%*s %*s %*s %255s %255s", root, point) != 2)
			continue;
		cut = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(path, root, cut) == 0 &&
			(cut == 0 || path[cut] == '/' || path[cut] == '\0'))
			return snprintf(ret, size, "%s%s", point, path + cut) < (int)size;
	}
	return false;
}

static const struct place *own_place(void)
{
	static struct place place;
	static bool looked;
	char tree[512];

	if (looked)
		return &place;
	looked = true;
	place.known = locate("memory", place.memory, sizeof(place.memory));
	if (locate("", tree, sizeof(tree))) {
		snprintf(place.pressure, sizeof(place.pressure), "%s/memory.pressure", tree);
		if (!place.known) {
			place.known = place.v2 = true;
			memcpy(place.memory, tree, sizeof(tree));
		}
	}
	return &place;
}

/* Line "NAME VALUE" of a text such as memory.stat; -1 when there is none. */
static int64_t line_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text != NULL && *text != '\0'; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, name, len) == 0 && text[len] == ' ')
			return strtoll(text + len, NULL, 10);
	}
	return -1;
}

/* The value of a file with one number; -1 for none and for no limit ("max", v1: 2^63). */
static int64_t file_value(const struct place *place, const char *name)
{
	char path[600], text[32];
	int64_t value;

	snprintf(path, sizeof(path), "%s/%s", place->memory, name);
	if (slurp(path, text, sizeof(text)) <= 0 || text[0] < '0' || text[0] > '9')
		return -1;
	value = strtoll(text, NULL, 10);
	return value < INT64_MAX / 4096 * 4096 ? value : -1;
}

/* Microseconds in which every task of the cgroup stood still for want of memory. */
static int64_t full_stall(const struct place *place)
{
	char text[256];
	const char *full, *total;

	if (place->pressure[0] == '\0' || slurp(place->pressure, text, sizeof(text)) <= 0)
		return -1;
	full = strstr(text, "full ");
	total = full != NULL ? strstr(full, "total=") : NULL;
	return total != NULL ? strtoll(total + 6, NULL, 10) : -1;
}

static void add(struct outcome *out, const char *name, int64_t value)
{
	const char *comma = out->extra_len > 0 ? "," : "";

	if (value >= 0)
		outcome_add(out, "%s\"%s\":%" PRId64, comma, name, value);
	else
		outcome_add(out, "%s\"%s\":null", comma, name);
}

const char *cgroup_figures(void)
{
	static char path[600], stat[16384];
	static struct outcome out;
	const struct place *place = own_place();

	if (!place->known)
		return NULL;
	out.extra_len = 0;
	snprintf(path, sizeof(path), "%s/memory.stat", place->memory);
	if (slurp(path, stat, sizeof(stat)) <= 0)
		stat[0] = '\0';
	add(&out, "limit",
		file_value(place, place->v2 ? "memory.max" : "memory.limit_in_bytes"));
	add(&out, "usage",
		file_value(place, place->v2 ? "memory.current" : "memory.usage_in_bytes"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		add(&out, parts[i].name,
			line_value(stat, place->v2 ? parts[i].v2 : parts[i].v1));
	add(&out, "kernel",
		place->v2 ? line_value(stat, "kernel")
			  : file_value(place, "memory.kmem.usage_in_bytes"));
	add(&out, "swap",
		place->v2 ? file_value(place, "memory.swap.current")
			  : line_value(stat, "total_swap"));
	add(&out, "stall", full_stall(place));
	return out.extra;
}
