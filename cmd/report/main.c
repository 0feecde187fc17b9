/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun-report: draws what a container's memory did, from its record and its timeline.
 * A program of its own, so that the runtime needs neither gnuplot nor a line of this.
 */
#include "options.h"
#include "report/report.h"

#include "base/errors.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_NO_GNUPLOT = 3 };

struct args {
	const char *output, *format, *timeline;
	struct option_list lines, notes;
	bool term, csv;
};

#define AT(member) offsetof(struct args, member)
static const struct option rows[] = {
	{"output", 'o', OPTION_TEXT, AT(output), "FILE",
		"write there; .svg, .png, .html or .csv", GROUP_COMMON, NULL},
	{"format", 0, OPTION_TEXT, AT(format), "FORMAT", "svg, png, html, csv or term",
		GROUP_COMMON, NULL},
	{"term", 0, OPTION_FLAG, AT(term), NULL, "draw in the terminal", GROUP_COMMON,
		NULL},
	{"csv", 0, OPTION_FLAG, AT(csv), NULL, "the samples as a table", GROUP_COMMON,
		NULL},
	{"line", 0, OPTION_LIST, AT(lines), "NAME", "virt, rss, working-set, dirty, processes",
		GROUP_COMMON, NULL},
	{"notes", 0, OPTION_LIST, AT(notes), "FILE",
		"lines SECONDS TEXT: what went on until then", GROUP_COMMON, NULL},
	{"timeline", 0, OPTION_TEXT, AT(timeline), "FILE",
		"instead of the one that the record names", GROUP_COMMON, NULL},
	{0},
};

static void usage(FILE *out)
{
	fputs("Usage: minirun-report [OPTION]... STATUS [STATUS2]\n\n"
	      "Draws the memory of a container from its record (minirun run --status FILE\n"
	      "--timeline FILE), or of two side by side on one scale.\n\nOptions:\n",
		out);
	options_print(rows, out);
	fputs("\nWithout -o: in the terminal, or SVG if standard output is none.\n", out);
}

/* "svg", "png", "html", "csv" or "term". */
static int choose_format(const struct args *a, const char **ret, struct mr_error *err)
{
	static const char *const known[] = {"svg", "png", "html", "csv", "term"};
	const char *dot = a->output ? strrchr(a->output, '.') : NULL;

	*ret = a->term ? "term" : a->csv ? "csv" : a->format ? a->format : dot ? dot + 1 : NULL;
	if (!*ret)
		*ret = a->output || !isatty(STDOUT_FILENO) ? "svg" : "term";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(*ret, known[i]))
			return 0;
	int r = mr_fail_text(err, EINVAL, "'%s' is no format", *ret);
	mr_hint(err, "-o FILE.svg, .png, .html, .csv, or --format svg|png|html|csv|term");
	return r;
}

static int draw(const struct run *const *runs, int n, const char *format,
	struct mr_str *out, struct mr_error *err)
{
	auto_str script = {0}, svg = {0};
	autofree char *picture = NULL;
	size_t len;

	bool png = !strcmp(format, "png");
	chart_script(runs, n, png ? PNG : SVG, &script);
	if (!mr_str_ok(&script))
		return mr_fail(err, ENOMEM, "chart");
	/* For developers: what gnuplot gets. */
	int r = gnuplot_run(script.data, script.len, &picture, &len, err);
	if (r < 0)
		return r;
	if (png) {
		mr_str_append_n(out, picture, len);
		return 0;
	}
	svg_finish(runs, n, picture, &svg);
	if (!strcmp(format, "html"))
		html_page(runs, n, mr_str_text(&svg), out);
	else
		mr_str_append(out, mr_str_text(&svg));
	return 0;
}

static int write_out(
	const struct args *a, const struct mr_str *text, struct mr_error *err)
{
	int r;

	if (!mr_str_ok(text))
		return mr_fail(err, ENOMEM, "report");
	if (!a->output || !strcmp(a->output, "-"))
		r = mr_write_all(STDOUT_FILENO, text->data, text->len);
	else
		r = mr_write_atomic_at(AT_FDCWD, a->output, text->data, text->len, 0644);
	return r < 0 ? mr_fail(err, -r, "cannot write '%s'",
			       a->output ? a->output : "standard output")
		     : 0;
}

static int report(
	const struct args *a, const struct run *const *runs, int n, struct mr_error *err)
{
	auto_str out = {0};
	const char *format;
	int r = choose_format(a, &format, err);

	if (r < 0)
		return r;
	if (n > 1 && strcmp(format, "csv") == 0)
		return mr_fail_text(err, EINVAL, "a table is of one record");
	/* One whose end is a stroke at the edge gets a second panel. */
	struct run end_of_it = *runs[0];
	const struct run *const both[] = {runs[0], &end_of_it};
	end_of_it.from = run_death(runs[0]);
	if (n == 1 && end_of_it.from > 0 && strcmp(format, "term") != 0)
		runs = both, n = 2;
	if (!strcmp(format, "term")) {
		for (int i = 0; i < n; i++)
			term_print(runs[i], isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
				stdout);
		return fflush(stdout) == 0 ? 0 : mr_fail(err, errno, "standard output");
	}
	if (strcmp(format, "csv") != 0)
		r = draw(runs, n, format, &out, err);
	else
		csv_table(runs[0], &out);
	return r < 0 ? r : write_out(a, &out, err);
}

static int load(
	struct run *ret, const char *path, const struct args *a, struct mr_error *err)
{
	int r = run_load(ret, path, a->timeline, err);

	for (size_t i = 0; r == 0 && i < a->lines.n; i++)
		if (run_ask(ret, a->lines.items[i]) < 0)
			r = mr_fail_text(err, EINVAL,
				"option --line: expected virt, rss, working-set, dirty or processes, found '%s'",
				a->lines.items[i]);
	return r;
}

static int run(int argc, char **argv, struct mr_error *err)
{
	struct args a = {0};
	struct arguments args;
	struct run runs[2] = {0};
	const struct run *const list[] = {&runs[0], &runs[1]};
	const struct option_set sets[] = {{rows, &a}, {0}};
	int r = options_parse(sets, argc, argv, true, &args, err);

	if (r < 0)
		return r;
	if (args.help) {
		usage(stdout);
		return 0;
	}
	if (args.n < 1 || args.n > 2 || (a.timeline && args.n > 1)) {
		r = mr_fail_text(err, EINVAL,
			a.timeline && args.n > 1 ? "--timeline is for one record"
						 : "expected one record or two");
		mr_hint(err, "minirun-report STATUS [STATUS2]; see --help");
		return r;
	}
	for (int i = 0; r == 0 && i < args.n; i++)
		r = load(&runs[i], args.items[i], &a, err);
	for (size_t i = 0; r == 0 && i < a.notes.n && i < (size_t)args.n; i++)
		r = run_take_notes(&runs[i], a.notes.items[i], err);
	if (r == 0)
		r = report(&a, list, args.n, err);
	for (int i = 0; i < args.n; i++)
		run_clear(&runs[i]);
	option_list_clear(&a.lines);
	option_list_clear(&a.notes);
	return r;
}

int main(int argc, char **argv)
{
	struct mr_error err = {0};
	int r = run(argc, argv, &err);

	if (r == 0)
		return 0;
	if (r == -ENOENT && mr_has_prefix(err.message, "cannot start gnuplot")) {
		fputs("minirun-report: gnuplot is not installed\n"
		      "minirun-report: hint: apt-get install gnuplot-nox; --term needs none\n",
			stderr);
		return EXIT_NO_GNUPLOT;
	}
	fprintf(stderr, "minirun-report: %s\n", err.message);
	if (err.hint[0])
		fprintf(stderr, "minirun-report: hint: %s\n", err.hint);
	return MR_EXIT_FAILURE;
}
