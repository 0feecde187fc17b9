/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modes - the two questions beside the table: what a launcher keeps in memory while its
 * container lives, and whether a launch gets slower when many containers live.
 *
 * Private memory is Private_Dirty of /proc/PID/smaps_rollup: what that process has
 * written, and what one more container costs. Private_Clean is shown beside it: pages of
 * the program's file in the page cache, which a second process of the same program shares.
 * RSS also counts pages of the C library that every process shares. See proc(5).
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* ---- memory ---- */

/* read_figure - the sum of the lines of a proc file that begin with KEY, in KiB; -1:
 * none. */
static long read_figure(pid_t pid, const char *name, const char *key)
{
	char path[64], line[256];
	long sum = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strchr(line, ':');

		if (colon != NULL && strncmp(line, key, strlen(key)) == 0)
			sum = (sum < 0 ? 0 : sum) + strtol(colon + 1, NULL, 10);
	}
	fclose(file);
	return sum;
}

static bool is_idle(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "idle\n") == 0;
}

static pid_t find_idle(pid_t pid, int depth);

/* find_below - among the children that one thread has. */
static pid_t find_below(pid_t pid, long thread, int depth)
{
	char path[64];
	pid_t found = 0;
	FILE *file;
	long child;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid, thread);
	file = fopen(path, "re");
	while (file != NULL && found == 0 && fscanf(file, "%ld", &child) == 1)
		found = find_idle((pid_t)child, depth);
	if (file != NULL)
		fclose(file);
	return found;
}

/* find_idle - the container's program at or below PID: /idle, by its name; 0: none yet.
 */
static pid_t find_idle(pid_t pid, int depth)
{
	char path[64];
	struct dirent *thread;
	pid_t found = 0;
	DIR *threads;

	if (is_idle(pid))
		return pid;
	if (depth == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	threads = opendir(path);
	while (threads != NULL && found == 0 && (thread = readdir(threads)) != NULL)
		found = find_below(pid, strtol(thread->d_name, NULL, 10), depth - 1);
	if (threads != NULL)
		closedir(threads);
	return found;
}

/*
 * end - the container's end is the launcher's end. One that never came so far is killed,
 * and what it had started falls to this process, which is a subreaper.
 */
static void end(pid_t pid, pid_t idle)
{
	double begin = measure_now();
	pid_t orphan;

	if (idle == 0 || idle == pid || kill(idle, SIGKILL) < 0)
		kill(pid, SIGTERM);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (measure_now() - begin > 5000)
			kill(pid, SIGKILL);
		measure_pause(1);
	}
	while ((orphan = find_idle(getpid(), 4)) > 0) {
		kill(orphan, SIGKILL);
		measure_pause(10);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

struct memory {
	long peak_private, idle_private, clean, peak_rss;
};

/* watch - sample the launcher every millisecond until its container has lived for 200. */
static bool watch(pid_t pid, struct memory *memory, pid_t *ret_idle)
{
	double begin = measure_now(), lives = 0;

	*ret_idle = 0;
	*memory = (struct memory){-1, -1, -1, -1};
	while (measure_now() - begin < 10000 && !measure_interrupted()) {
		long private = read_figure(pid, "smaps_rollup", "Private_Dirty");
		long clean = read_figure(pid, "smaps_rollup", "Private_Clean");
		long rss = read_figure(pid, "status", "VmHWM");

		if (private > memory->peak_private)
			memory->peak_private = private;
		if (clean > memory->clean)
			memory->clean = clean;
		if (rss > memory->peak_rss)
			memory->peak_rss = rss;
		if (*ret_idle == 0) {
			*ret_idle = find_idle(pid, 4);
			lives = measure_now();
		} else if (measure_now() - lives > 200) {
			memory->idle_private = private;
			return private >= 0;
		}
		measure_pause(1);
	}
	return false;
}

static void memory_of(struct contestant *contestant, const struct world *world)
{
	char reason[BENCH_REASON];
	struct arguments arguments = {0};
	struct memory memory;
	pid_t pid, idle;

	contestant->command(contestant, world, "memory", "/idle", &arguments);
	pid = measure_spawn(arguments.values, reason);
	arguments_clear(&arguments);
	if (pid < 0) {
		contestant_disqualify(contestant, reason);
		return;
	}
	if (watch(pid, &memory, &idle))
		printf("%-16s %8ld %8ld %8ld %8ld\n", contestant->name,
			memory.peak_private, memory.idle_private, memory.clean,
			memory.peak_rss);
	else
		contestant_disqualify(contestant, "its container was not seen alive");
	end(pid, idle);
}

int memory_run(struct contest *contest, const struct world *world)
{
	int code = 0;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		bench_die("become a subreaper: %m");
	printf("Memory of the launcher's process in KiB while its container lives.\n\n");
	printf("%-16s %8s %8s %8s %8s\n", "", "private", "private", "program", "peak");
	printf("%-16s %8s %8s %8s %8s\n", "", "peak", "at rest", "text", "RSS");
	for (size_t i = 0; i < contest->count && !measure_interrupted(); i++) {
		struct contestant *contestant = &contest->all[i];

		if (!contestant->can_wait)
			continue;
		if (contestant_runs(contestant))
			memory_of(contestant, world);
		fflush(stdout);
	}
	for (size_t i = 0; i < contest->count; i++) {
		const struct contestant *contestant = &contest->all[i];

		if (contestant->can_wait && !contestant_runs(contestant))
			printf("%s %s: %s\n",
				contestant->disqualified ? "disqualified" : "absent",
				contestant->name, contestant->reason);
		if (!contestant_runs(contestant) &&
			strcmp(contestant->name, "minirun") == 0)
			code = 1;
	}
	return code;
}

/* ---- many live containers ---- */

static void live_id(size_t number, char ret_id[64])
{
	snprintf(ret_id, 64, "live-%ld-%zu", (long)getpid(), number);
}

/* The command of a launch with "-d" behind "run". */
static bool start_live(
	const struct contestant *minirun, const struct world *world, size_t number)
{
	char id[64], reason[BENCH_REASON];
	struct arguments run = {0}, detached = {0};
	struct launch launch;
	bool good;

	live_id(number, id);
	minirun->command(minirun, world, id, "/idle", &run);
	for (size_t i = 0; i < run.count; i++) {
		arguments_add(&detached, run.values[i]);
		if (i == 1)
			arguments_add(&detached, "-d");
	}
	good = measure_launch(detached.values, &launch, reason);
	if (!good)
		fprintf(stderr, "bench: start %s: %s\n", id, reason);
	arguments_clear(&run);
	arguments_clear(&detached);
	return good;
}

static void stop_live(
	const struct contestant *minirun, const struct world *world, size_t number)
{
	char id[64], root[BENCH_PATH], reason[BENCH_REASON];
	const char *const words[] = {
		minirun->path, "delete", "--root", root, "--force", id};
	struct arguments arguments = {0};
	struct launch launch;

	live_id(number, id);
	snprintf(root, sizeof(root), "%s/minirun", world->state);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		arguments_add(&arguments, words[i]);
	if (!measure_launch(arguments.values, &launch, reason))
		fprintf(stderr, "bench: delete %s: %s\n", id, reason);
	arguments_clear(&arguments);
}

static void print_live(struct contest *contest, size_t live, double *first)
{
	for (size_t i = 0; i < contest->count; i++) {
		struct contestant *contestant = &contest->all[i];
		double median;

		if (!contestant_runs(contestant) || contestant->hot.count == 0)
			continue;
		series_sort(&contestant->hot);
		median = series_median(&contestant->hot);
		if (first[i] <= 0)
			first[i] = median;
		printf("%6zu  %-16s %8.2f %8.2f %8.2f\n", live, contestant->name, median,
			series_percentile(&contestant->hot, 95), median / first[i]);
		series_clear(&contestant->hot);
	}
	fflush(stdout);
}

/* next_number - of a comma-separated list; 0 at its end. */
static size_t next_number(const char **list)
{
	char *end;
	unsigned long value;

	if (**list == '\0')
		return 0;
	value = strtoul(*list, &end, 10);
	if (end == *list || (*end != ',' && *end != '\0') || value == 0 || value > 10000)
		bench_die("--live: numbers from 1 to 10000 with commas are needed");
	*list = end + (*end == ',');
	return value;
}

int live_run(struct contest *contest, const struct world *world, const char *list,
	size_t rounds)
{
	const struct contestant *minirun = contest_find(contest, "minirun");
	double first[BENCH_CONTESTANTS] = {0};
	size_t alive = 0, wanted;
	bool good = true;

	if (minirun == NULL || !contestant_runs(minirun))
		bench_die("--live needs minirun: %s",
			minirun == NULL ? "not chosen" : minirun->reason);
	printf("Launch of a static true beside live containers, %zu rounds, ms.\n\n",
		rounds);
	printf("%6s  %-16s %8s %8s %8s\n", "live", "", "median", "p95", "/first");
	while (good && (wanted = next_number(&list)) > 0) {
		for (; alive < wanted && good && !measure_interrupted(); alive++)
			good = start_live(minirun, world, alive);
		if (measure_interrupted())
			good = false;
		if (good)
			bench_rounds(contest, world, rounds, 0);
		print_live(contest, wanted, first);
	}
	while (alive > 0)
		stop_live(minirun, world, --alive);
	return good && contestant_runs(minirun) ? 0 : 1;
}
