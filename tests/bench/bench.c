/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - how long a launch takes: minirun, the other launchers of this machine, and the
 * floor, side by side.
 *
 * The machine's mood changes from second to second, so only what is measured interleaved
 * can be compared: each round launches every contestant once, in an order that is
 * shuffled each round (with a fixed seed), because a launch pays for the asynchronous
 * work, such as tearing down network namespaces, which the one before it has left to the
 * kernel. The rounds come in two forms: without a pause, and with a pause before each
 * launch, after which caches are cold and RCU grace periods are long.
 *
 * A launcher that fails or that leaves out part of spec.json is named and not ranked.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

struct options {
	size_t rounds;
	long pause;
	const char *only;
	const char *live;
	bool memory;
	double at_most; /* 0: nothing is demanded */
	double faster;
};

static const char usage_text[] =
	"Usage: bench [OPTION...]\n"
	"\n"
	"Times the launch of a static `true` as tests/bench/spec.json describes it, by "
	"minirun,\n"
	"by the launchers installed here and by floor, the bare system calls. Needs "
	"root.\n"
	"\n"
	"  -n, --rounds N      launches of each (default 40)\n"
	"      --short         10 rounds\n"
	"      --pause MS      of the second half (default 50)\n"
	"      --only A,B,...  only these contestants\n"
	"      --engines       podman and docker as well, with each runtime\n"
	"      --live N,M,...  with N, then M, ... containers alive beside (minirun run "
	"-d)\n"
	"      --memory        private memory of each launcher while its container "
	"lives\n"
	"      --at-most R     fail unless minirun takes at most R times the floor\n"
	"      --faster R      fail unless minirun is at least R times as fast as crun\n"
	"      --minirun FILE  the binary (default ../minirun beside this program)\n"
	"      --spec FILE     the spec (default tests/bench/spec.json)\n"
	"\n"
	"Exit status: 0 measured; 1 minirun or floor is missing or failed, or a demand "
	"was not\n"
	"met; 2 usage or set-up.\n";

_Noreturn void bench_die(const char *format, ...)
{
	va_list list;
	char text[BENCH_PATH];

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(stderr, "bench: %s\n", text);
	exit(2);
}

/* ---- rounds ---- */

/* xorshift32: the same order in every run. */
static uint32_t next_random(void)
{
	static uint32_t state = 2463534242U;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void shuffle(struct contestant **order, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = next_random() % i;
		struct contestant *swap = order[i - 1];

		order[i - 1] = order[other];
		order[other] = swap;
	}
}

static void run_one(struct contestant *contestant, const struct world *world,
	size_t number, bool paused)
{
	char id[64], reason[BENCH_REASON];
	struct arguments arguments = {0};
	struct launch launch;

	snprintf(id, sizeof(id), "bench-%ld-%c%zu", (long)getpid(), paused ? 'p' : 'h',
		number);
	contestant->command(contestant, world, id, "/true", &arguments);
	if (measure_launch(arguments.values, &launch, reason)) {
		series_add(paused ? &contestant->paused : &contestant->hot,
			launch.milliseconds);
		if (launch.maxrss_kib > contestant->maxrss_kib)
			contestant->maxrss_kib = launch.maxrss_kib;
	} else if (!measure_interrupted()) {
		contestant_disqualify(contestant, reason);
	}
	arguments_clear(&arguments);
}

void bench_rounds(
	struct contest *contest, const struct world *world, size_t rounds, long pause)
{
	struct contestant *order[BENCH_CONTESTANTS];
	size_t count = 0;

	for (size_t i = 0; i < contest->count; i++) {
		if (contestant_runs(&contest->all[i]))
			order[count++] = &contest->all[i];
	}
	for (size_t round = 0; round < rounds; round++) {
		shuffle(order, count);
		for (size_t i = 0; i < count && !measure_interrupted(); i++) {
			if (!contestant_runs(order[i]))
				continue;
			if (pause > 0)
				measure_pause(pause);
			run_one(order[i], world, round, pause > 0);
		}
	}
}

/* ---- the table ---- */

static double ratio(double value, double base)
{
	return base > 0 ? value / base : 0;
}

/* base_of - the median of a contestant for the ratio columns; 0 when there is none. */
static double base_of(struct contest *contest, const char *name, bool paused)
{
	const struct contestant *base = contest_find(contest, name);

	if (base == NULL || !contestant_runs(base))
		return 0;
	return series_median(paused ? &base->paused : &base->hot);
}

static void print_ratio(double value, double base)
{
	if (base > 0)
		printf(" %7.2f", ratio(value, base));
	else
		printf(" %7s", "-");
}

static void print_half(struct contest *contest, const char *title, bool paused)
{
	double floor = base_of(contest, "floor", paused);
	double minirun = base_of(contest, "minirun", paused);

	printf("\n%-16s %8s %8s %8s %7s %7s %9s\n", title, "median", "min", "p95",
		"/floor", "/minirun", "maxrss");
	for (size_t i = 0; i < contest->count; i++) {
		struct contestant *contestant = &contest->all[i];
		struct series *series = paused ? &contestant->paused : &contestant->hot;

		if (!contestant_runs(contestant) || series->count == 0)
			continue;
		printf("%-16s %8.2f %8.2f %8.2f", contestant->name, series_median(series),
			series_percentile(series, 0), series_percentile(series, 95));
		print_ratio(series_median(series), floor);
		print_ratio(series_median(series), minirun);
		printf("  %5ld KiB%s%s\n", contestant->maxrss_kib,
			contestant->partial != NULL ? "  " : "",
			contestant->partial != NULL ? contestant->partial : "");
	}
}

static void print_absent(const struct contest *contest)
{
	printf("\n");
	for (size_t i = 0; i < contest->count; i++) {
		const struct contestant *contestant = &contest->all[i];

		if (!contestant_runs(contestant))
			printf("%s %s: %s\n",
				contestant->disqualified ? "disqualified" : "absent",
				contestant->name, contestant->reason);
	}
}

static void print_head(const struct options *options, const struct world *world)
{
	struct utsname name;

	if (uname(&name) < 0)
		bench_die("uname: %m");
	printf("Launch of a static true (%s): milliseconds, whole process.\n",
		world->spec);
	printf("%zu rounds, interleaved; Linux %s, %ld CPUs, memory cgroup %s%s.\n",
		options->rounds, name.release, sysconf(_SC_NPROCESSORS_ONLN),
		access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "v2" : "v1",
		world->unified_unmounted ? ", cgroup2 beside it hidden from all" : "");
	printf("What launchers remember of a container is on a tmpfs, as /run is.\n");
}

/* ---- what is demanded ---- */

static bool demand(
	struct contest *contest, const char *against, double factor, bool slower)
{
	bool good = true;

	for (int paused = 0; paused < 2; paused++) {
		double minirun = base_of(contest, "minirun", paused);
		double other = base_of(contest, against, paused);
		double measured = slower ? ratio(minirun, other) : ratio(other, minirun);
		bool met = measured > 0 &&
			   (slower ? measured <= factor : measured >= factor);

		printf("%s: minirun %s: %.2f %s %.2f %s%s\n", met ? "ok" : "FAILED",
			paused ? "paused" : "hot", measured,
			slower ? "times the floor, at most"
			       : "times as fast as crun, at least",
			factor, "demanded", measured > 0 ? "" : " (not measured)");
		good = good && met;
	}
	return good;
}

/* Without these two the numbers are about nothing of ours. */
static bool is_ours(const struct contestant *contestant)
{
	return strcmp(contestant->name, "minirun") == 0 ||
	       strcmp(contestant->name, "floor") == 0;
}

static int verdict(struct contest *contest, const struct options *options)
{
	bool good = true;

	if (options->at_most > 0)
		good = demand(contest, "floor", options->at_most, true) && good;
	if (options->faster > 0)
		good = demand(contest, "crun", options->faster, false) && good;
	for (size_t i = 0; i < contest->count; i++) {
		const struct contestant *contestant = &contest->all[i];

		if (!contestant_runs(contestant) && is_ours(contestant))
			good = false;
	}
	return good ? 0 : 1;
}

static int table_run(
	struct contest *contest, const struct world *world, const struct options *options)
{
	print_head(options, world);
	fflush(stdout);
	bench_rounds(contest, world, options->rounds, 0);
	if (options->pause > 0)
		bench_rounds(contest, world, options->rounds, options->pause);
	for (size_t i = 0; i < contest->count; i++) {
		series_sort(&contest->all[i].hot);
		series_sort(&contest->all[i].paused);
	}
	if (measure_interrupted())
		bench_die("interrupted");
	print_half(contest, "back to back", false);
	if (options->pause > 0) {
		char title[32];

		snprintf(title, sizeof(title), "%ld ms pauses", options->pause);
		print_half(contest, title, true);
	}
	print_absent(contest);
	return verdict(contest, options);
}

/* ---- options ---- */

static double number(const char *option, const char *text, double least)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(value >= least) || value > 1e6)
		bench_die("%s %s: a number from %g is needed", option, text, least);
	return value;
}

/* take_value - an option that has one. */
static bool take_value(struct options *options, struct world *world, const char *option,
	const char *value)
{
	if (strcmp(option, "-n") == 0 || strcmp(option, "--rounds") == 0)
		options->rounds = (size_t)number(option, value, 1);
	else if (strcmp(option, "--pause") == 0)
		options->pause = (long)number(option, value, 0);
	else if (strcmp(option, "--only") == 0)
		options->only = value;
	else if (strcmp(option, "--live") == 0)
		options->live = value;
	else if (strcmp(option, "--at-most") == 0)
		options->at_most = number(option, value, 0.01);
	else if (strcmp(option, "--faster") == 0)
		options->faster = number(option, value, 0.01);
	else if (strcmp(option, "--minirun") == 0)
		world->minirun = value;
	else if (strcmp(option, "--spec") == 0)
		world->spec = value;
	else
		return false;
	return true;
}

static void parse(int argc, char **argv, struct options *options, struct world *world)
{
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i];

		if (strcmp(option, "--short") == 0) {
			options->rounds = 10;
		} else if (strcmp(option, "--memory") == 0) {
			options->memory = true;
		} else if (strcmp(option, "--engines") == 0) {
			world->engines = true;
		} else if (strcmp(option, "-h") == 0 || strcmp(option, "--help") == 0) {
			fputs(usage_text, stdout);
			exit(0);
		} else if (i + 1 < argc &&
			   take_value(options, world, option, argv[i + 1])) {
			i++;
		} else {
			bench_die(
				"%s: unknown, or it needs a value (see --help)", option);
		}
	}
}

int main(int argc, char **argv)
{
	static struct world world = {.spec = "tests/bench/spec.json"};
	static struct contest contest;
	struct options options = {.rounds = 40, .pause = 50};
	int code;

	parse(argc, argv, &options, &world);
	measure_catch_signals();
	world_create(&world);
	contest_create(&contest, &world, options.only);
	for (size_t i = 0; i < contest.count && !measure_interrupted(); i++) {
		if (contestant_runs(&contest.all[i]))
			contestant_qualify(&contest.all[i], &world);
	}
	if (options.live != NULL)
		code = live_run(&contest, &world, options.live, options.rounds);
	else if (options.memory)
		code = memory_run(&contest, &world);
	else
		code = table_run(&contest, &world, &options);
	contest_remove(&contest, &world);
	return code;
}
