/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: its verbs, its options, and the loop that runs the steps.
 *
 * Transparent huge pages are switched off first. Where they are `always`, one
 * written byte would otherwise cost 2 MiB and no size below would be exact.
 *
 * Manual pages: prctl(2), proc_pid_oom_score_adj(5).
 */
#include "memlab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

const struct verb memlab_verbs[] = {
	{"anon", "s", "RE", "SIZE [--rate R] [--every SIZE]", step_anon},
	{"virt", "s", "", "SIZE", step_virt},
	{"touch", "s", "", "SIZE", step_touch},
	{"zread", "s", "", "SIZE", step_zread},
	{"free", "", "", "", step_free},
	{"plateau", "st", "E", "SIZE SEC [--every SIZE]", step_plateau},
	{"leak", "s", "E", "RATE [--every SIZE]", step_leak},
	{"file", "ps", "", "PATH SIZE", step_file},
	{"read", "p", "D", "PATH [--drop]", step_read},
	{"write", "ps", "FE", "PATH SIZE [--fsync] [--every SIZE]", step_write},
	{"thrash", "pst", "", "PATH SIZE SEC", step_thrash},
	{"pgtables", "s", "E", "SPAN [--every SIZE]", step_pgtables},
	{"pipes", "n", "E", "N [--every SIZE]", step_pipes},
	{"shm", "s", "E", "SIZE [--every SIZE]", step_shm},
	{"huge", "s", "", "SIZE", step_huge},
	{"mallocs", "ns", "", "N SIZE", step_mallocs},
	{"cow", "s", "", "SIZE", step_cow},
	{"spawn", "wb", "", "NAME[@ADJ] 'STEPS'", step_spawn},
	{"ready", "", "", "", step_ready},
	{"wait", "", "S", "[--strict]", step_wait},
	{"signal", "g", "", "SIG", step_signal},
	{"handle", "g", "", "SIG", step_handle},
	{"hold", "t", "", "SEC", step_hold},
	{"exit", "c", "", "CODE", step_exit},
	{"true", "", "", "", step_true},
	{"abort", "", "", "", step_abort},
	{NULL, NULL, NULL, NULL, NULL},
};

const char *memlab_name = "memlab";

int memlab_set_name(const char *name)
{
	memlab_name = name;
	return prctl(PR_SET_NAME, name, 0, 0, 0) < 0 ? -errno : 0;
}

int memlab_set_adj(int adj)
{
	char text[16];
	ssize_t written;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", adj);
	int error = 0;

	if (fd < 0)
		return -errno;
	written = write(fd, text, (size_t)len);
	if (written < 0)
		error = -errno;
	close(fd);
	return error;
}

int memlab_run(const struct step *first)
{
	for (const struct step *step = first; step != NULL; step = step->next) {
		struct outcome out = {.bytes = 0};
		double start = now();
		int result = step->verb->run(step, &out);

		report(step->verb->name, &out, now() - start, result < 0 ? -result : 0);
		if (result < 0)
			return MEMLAB_STEP_FAILED;
		if (result > 0)
			return result;
	}
	return MEMLAB_DONE;
}

static int usage(void)
{
	fputs("usage: memlab [--name N] [--adj N] STEP [+ STEP]...\n"
	      "Sizes are binary (64M = 67108864). Steps:\n",
		stderr);
	for (const struct verb *verb = memlab_verbs; verb->name != NULL; verb++)
		fprintf(stderr, "  %s %s\n", verb->name, verb->usage);
	return MEMLAB_USAGE;
}

static int fail_early(const char *what, int error)
{
	struct outcome out = {.bytes = 0};

	report(what, &out, 0, -error);
	return MEMLAB_STEP_FAILED;
}

int main(int argc, char **argv)
{
	const char *name = NULL;
	bool has_adj = false;
	int adj = 0, at = 1, error;
	const struct step *steps;

	report_begin();
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--name") == 0) {
			name = argv[at + 1];
			if (parse_name(name) < 0)
				return MEMLAB_USAGE;
		} else if (strcmp(argv[at], "--adj") == 0) {
			has_adj = true;
			if (parse_adj(argv[at + 1], &adj) < 0)
				return MEMLAB_USAGE;
		} else {
			return usage();
		}
	}
	if (at >= argc || argv[at][0] == '-')
		return usage();
	steps = parse_steps(argv + at);
	if (steps == NULL)
		return MEMLAB_USAGE;

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_early("thp-disable", -errno);
	if (name != NULL && (error = memlab_set_name(name)) < 0)
		return fail_early("name", error);
	if (has_adj && (error = memlab_set_adj(adj)) < 0)
		return fail_early("adj", error);
	return memlab_run(steps);
}
