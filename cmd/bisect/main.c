/* SPDX-License-Identifier: Apache-2.0 */
/* minirun-bisect, a companion: options, a table while it looks, the answer. */
#include "bisect/bisect.h"
#include "options.h"

#include "base/errors.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

struct args {
	const char *min, *max, *tolerance, *slowdown, *timeout;
	int runs;
	struct option_list expect;
	bool json, output;
};

#define ROW(name, kind, member, value, help)                                             \
	{                                                                                \
		name, 0, kind, offsetof(struct args, member), value, help, GROUP_COMMON, \
			NULL                                                             \
	}
static const struct option rows[] = {
	ROW("min", OPTION_TEXT, min, "SIZE", "smallest limit to try; 8m"),
	ROW("max", OPTION_TEXT, max, "SIZE", "largest; 1g"),
	ROW("tol", OPTION_TEXT, tolerance, "PERCENT", "how near is near enough; 5%"),
	ROW("runs", OPTION_NUMBER, runs, "N", "runs a limit, the majority decides; 3"),
	ROW("slowdown", OPTION_TEXT, slowdown, "FACTOR",
		"must also not take FACTOR times as long as under --max"),
	ROW("expect", OPTION_LIST, expect, "EXPR", "what works means; no-oom and exit=0"),
	ROW("timeout", OPTION_TEXT, timeout, "TIME", "end a run after TIME; 10m"),
	ROW("output", OPTION_FLAG, output, NULL, "let the program's output through"),
	ROW("json", OPTION_FLAG, json, NULL, "print one JSON object"),
	{0},
};

static void usage(void)
{
	fputs("Usage: minirun bisect [OPTION]... -- PROGRAM [ARG]...\n\n"
	      "Looks for the smallest memory limit under which PROGRAM works, swap included.\n\n"
	      "Options:\n",
		stdout);
	options_print(rows, stdout);
	fputs("\nExit status: 0 found, 1 no limit up to --max works, 125 error.\n",
		stdout);
}

/* --- what is printed --- */

static const char *first_how(const struct probe *p)
{
	for (int i = 0; i < p->n; i++)
		if (p->attempts[i].works == p->works)
			return p->attempts[i].how;
	return p->attempts[0].how;
}

static void tell_nothing(const struct search *s, const struct probe *p)
{
	(void)s;
	(void)p;
}

static void tell(const struct search *s, const struct probe *p)
{
	char size[24], wall[24] = "-", waited[24] = "-";
	double seconds = probe_wall(p), most = NAN;

	for (int i = 0; i < p->n; i++)
		most = fmax(most, p->attempts[i].waited / p->attempts[i].wall);
	if (!isnan(seconds))
		snprintf(wall, sizeof(wall), "%.2f s", seconds);
	if (!isnan(most))
		snprintf(waited, sizeof(waited), "%.0f %%", fmin(100, 100 * most));
	if (s->n == 1)
		printf("%12s  %-5s  %5s  %9s  %6s  %s\n", "LIMIT", "WORKS", "RUNS",
			"WALL", "WAITED", "HOW IT ENDED");
	printf("%12s  %-5s  %2d/%-2d  %9s  %6s  %s%s\n",
		mr_format_size((uint64_t)p->limit, size), p->works ? "yes" : "no",
		p->n_works, p->n, wall, waited, first_how(p),
		!p->works && s->slowdown > 0 && p->attempts[0].slowdown > s->slowdown
			? ", too slow"
			: "");
	fflush(stdout);
}

static void conclude(const struct search *s, int found, int64_t limit)
{
	char size[24], max[24];

	if (!found)
		printf("no limit up to %s works\n",
			mr_format_size((uint64_t)s->max, max));
	else
		printf("smallest limit that works: %s%s (%lld bytes)\n",
			limit <= s->min ? "at most " : "",
			mr_format_size((uint64_t)limit, size), (long long)limit);
	if (bisect_is_noisy(s))
		fputs("minirun-bisect: warning: a run failed where another worked under the same or a "
		      "smaller limit: the answer is noisy, raise --runs\n",
			stderr);
}

static void put_known(struct mr_json_writer *w, const char *key, double v)
{
	if (isnan(v) || v < 0)
		mr_json_put_null(w, key);
	else
		mr_json_put_int(w, key, (int64_t)v);
}

static void put_probe(struct mr_json_writer *w, const struct probe *p)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_int(w, "limit", p->limit);
	mr_json_put_bool(w, "works", p->works);
	mr_json_begin_array(w, "runs");
	for (int i = 0; i < p->n; i++) {
		const struct attempt *a = &p->attempts[i];
		mr_json_begin_object(w, NULL);
		mr_json_put_bool(w, "works", a->works);
		mr_json_put_text(w, "how", a->how);
		put_known(w, "wall_usec", a->wall * 1e6);
		put_known(w, "psi_full_usec", a->waited * 1e6);
		put_known(w, "oom_kills", (double)a->oom_kills);
		put_known(w, "peak_anon", (double)a->anon);
		mr_json_end(w);
	}
	mr_json_end(w);
	mr_json_end(w);
}

static int print_json(
	const struct search *s, int found, int64_t limit, struct mr_error *err)
{
	struct mr_json_writer w = {.pretty = true};

	mr_json_begin_object(&w, NULL);
	if (found)
		mr_json_put_int(&w, "limit", limit);
	else
		mr_json_put_null(&w, "limit");
	mr_json_put_bool(&w, "at_most", found && limit <= s->min);
	mr_json_put_bool(&w, "noisy", bisect_is_noisy(s));
	mr_json_put_int(&w, "min", s->min);
	mr_json_put_int(&w, "max", s->max);
	mr_json_begin_array(&w, "expect");
	for (size_t i = 0; s->expect[i]; i++)
		mr_json_put_text(&w, NULL, s->expect[i]);
	mr_json_end(&w);
	mr_json_begin_array(&w, "probes");
	for (int i = 0; i < s->n; i++)
		put_probe(&w, &s->probes[i]);
	mr_json_end(&w);
	mr_json_end(&w);
	autofree char *text = mr_str_take(&w.out);
	if (!text)
		return mr_fail(err, ENOMEM, "result");
	puts(text);
	return 0;
}

/* --- options --- */

/* "5%", "1.5": from @least on; @percent: the sign may follow. */
static int take_number(const char *name, const char *text, double least, bool percent,
	double *ret, struct mr_error *err)
{
	char *end;

	*ret = strtod(text, &end);
	if (percent && *end == '%')
		end++;
	if (end == text || *end || !isfinite(*ret) || *ret < least)
		return mr_fail_text(err, EINVAL,
			"option --%s: expected a number from %g on, found '%s'", name,
			least, text);
	return 0;
}

static int take_size(
	const char *name, const char *text, int64_t *ret, struct mr_error *err)
{
	if (mr_size_value(text, ret) < 0 || *ret <= 0)
		return mr_fail_text(err, EINVAL,
			"option --%s: expected a size as 64m, found '%s'", name, text);
	return 0;
}

static int take_args(const struct args *a, struct search *s, struct mr_error *err)
{
	static const char *const works[] = {"no-oom", "exit=0", NULL};
	double percent = 5;
	int64_t ms;
	int r = take_size("min", a->min ? a->min : "8m", &s->min, err);

	if (r == 0)
		r = take_size("max", a->max ? a->max : "1g", &s->max, err);
	if (r == 0)
		r = take_number("tol", a->tolerance ? a->tolerance : "5%", 0.1, true,
			&percent, err);
	if (r == 0 && a->slowdown)
		r = take_number("slowdown", a->slowdown, 1, false, &s->slowdown, err);
	s->tolerance = percent / 100;
	s->runs = a->runs ? a->runs : 3;
	s->timeout = a->timeout ? a->timeout : "10m";
	s->expect = a->expect.n ? a->expect.items : works;
	s->output = a->output;
	if (r == 0 && s->min >= s->max)
		r = mr_fail_text(err, EINVAL, "option --min is not below --max");
	if (r == 0 && (s->runs > MAX_RUNS || s->runs % 2 == 0))
		r = mr_fail_text(err, EINVAL,
			"option --runs: a majority needs an odd number up to %d, found %d",
			MAX_RUNS, s->runs);
	if (r == 0 && mr_duration_value(s->timeout, &ms) < 0)
		r = mr_fail_text(err, EINVAL,
			"option --timeout: expected a time as 10m, found '%s'",
			s->timeout);
	return r;
}

/* The one that has called us, or the one beside us. */
static void find_minirun(char ret[static PATH_MAX])
{
	const char *told = getenv("MINIRUN");
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);

	if (told && *told) {
		snprintf(ret, PATH_MAX, "%s", told);
		return;
	}
	ret[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(ret, '/');
	if (slash && slash - ret < PATH_MAX - 10)
		memcpy(slash, "/minirun", sizeof("/minirun"));
	if (!slash || access(ret, X_OK) < 0)
		memcpy(ret, "minirun", sizeof("minirun"));
}

static int look(struct search *s, const struct args *a, struct mr_error *err)
{
	char minirun[PATH_MAX], directory[PATH_MAX];
	const char *tmp = getenv("TMPDIR");
	int64_t limit = 0;
	sigset_t set;

	find_minirun(minirun);
	snprintf(directory, sizeof(directory), "%s/minirun-bisect-XXXXXX",
		tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(directory))
		return mr_fail(err, errno, "mkdir '%s'", directory);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	autoclose int signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	s->signal_fd = signal_fd;
	s->minirun = minirun;
	s->directory = directory;
	int r = bisect_search(s, a->json ? tell_nothing : tell, &limit, err);
	if (rmdir(directory) < 0) {
		char file[PATH_MAX + 16];
		snprintf(file, sizeof(file), "%s/status.json", directory);
		unlink(file);
		rmdir(directory);
	}
	if (r < 0)
		return r;
	int failed = a->json ? print_json(s, r, limit, err) : 0;
	if (!a->json)
		conclude(s, r, limit);
	return failed < 0 ? failed : !r;
}

int main(int argc, char **argv)
{
	struct args a = {0};
	struct arguments args;
	struct mr_error err = {0};
	const struct option_set sets[] = {{rows, &a}, {0}};
	struct search *s = calloc(1, sizeof(*s));
	int r = s ? options_parse(sets, argc, argv, false, &args, &err)
		  : mr_fail(&err, ENOMEM, "search");

	if (r == 0 && args.help) {
		usage();
		free(s);
		return 0;
	}
	if (r == 0)
		r = take_args(&a, s, &err);
	if (r == 0 && args.n == 0)
		r = mr_fail_text(&err, EINVAL,
			"a program is missing: minirun bisect ... -- PROGRAM");
	if (r == 0) {
		s->command = args.items;
		r = look(s, &a, &err);
	}
	option_list_clear(&a.expect);
	free(s);
	if (r >= 0)
		return r;
	fprintf(stderr, "minirun-bisect: %s\n", err.message);
	return MR_EXIT_FAILURE;
}
