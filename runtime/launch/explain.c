/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mr_explain(): from whatever the user has - a container, its status file, a saved kernel
 * log, this host's - to the explanation. A log is read line by line, however long it is.
 */
#include "base/io.h"
#include "base/json.h"
#include "launch/container.h"
#include "oom/candidates.h"
#include "oom/cases.h"
#include "record/status.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct request {
	const char *name; /* shown */
	bool json;
	size_t last;
	struct mr_oom_judge judge;
};

/* --- a log --- */

static void put_summary(
	const struct request *q, const struct mr_oom_cases *cases, struct mr_str *out)
{
	if (cases->n == 0) {
		mr_str_appendf(out, "No OOM kill: none in the %" PRIu64 " lines of %s.\n",
			cases->n_lines, q->name);
		return;
	}
	mr_oom_case_sentence(&cases->items[mr_oom_cases_lead(cases, cases->n - 1)], out);
	if (cases->n_kills > 1)
		mr_str_appendf(out, " %s is the newest of %" PRIu64 " kills in %s.",
			cases->items[cases->n - 1].kill.group ? "The group" : "It",
			cases->n_kills, q->name);
	mr_str_append(out, "\n");
}

static void put_log_json(
	const struct request *q, const struct mr_oom_cases *cases, struct mr_str *out)
{
	struct mr_json_writer w = {.pretty = true};
	auto_str sentence = {0};

	put_summary(q, cases, &sentence);
	if (sentence.len)
		sentence.data[--sentence.len] = '\0';
	mr_json_begin_object(&w, NULL);
	mr_json_put_int(&w, "schemaVersion", 1);
	mr_json_put_text(&w, "Source", "log");
	mr_json_put_text(&w, "Name", q->name);
	mr_json_put_text(&w, "Explanation", mr_str_text(&sentence));
	mr_json_put_uint(&w, "Lines", cases->n_lines);
	mr_json_put_uint(&w, "KillCount", cases->n_kills);
	mr_json_put_bool(&w, "Incomplete", cases->lost);
	mr_oom_cases_json(cases, &q->judge, &w);
	mr_json_end(&w);
	*out = w.out;
}

static int tell_log(const struct request *q, const struct mr_oom_cases *cases,
	struct mr_str *out, struct mr_error *err)
{
	if (cases->failed)
		return mr_fail(err, ENOMEM, "%s", q->name);
	if (q->json) {
		put_log_json(q, cases, out);
		return 0;
	}
	put_summary(q, cases, out);
	if (cases->lost)
		mr_str_append(out,
			"Records of the log were overwritten before they were read.\n");
	mr_oom_cases_text(cases, q->last, &q->judge, out);
	return 0;
}

static int explain_host(struct request *q, struct mr_str *out, struct mr_error *err)
{
	char buf[MR_KMSG_RECORD];
	struct mr_kmsg k;
	struct mr_oom_cases cases;
	uint64_t ram;
	size_t n;

	mr_kmsg_open_oldest(&k);
	if (k.fd < 0) {
		mr_fail_text(err, EACCES, "the kernel log cannot be read: %s", k.why);
		mr_hint(err, "as root, or: journalctl -k | minirun explain -");
		return -EACCES;
	}
	q->judge.host_swap.set = mr_host_memory(&ram, &q->judge.host_swap.value) == 0;
	mr_oom_cases_init(&cases, q->judge.page_size);
	while ((n = mr_kmsg_read(&k, buf, sizeof(buf), &cases.lost)) > 0)
		mr_oom_cases_feed(&cases, buf, n);
	/* The ring always has lost its beginning: only gaps behind it are worth a word.
	 */
	mr_kmsg_close(&k);
	int r = tell_log(q, &cases, out, err);
	mr_oom_cases_clear(&cases);
	return r;
}

/* --- a file --- */

/* dmesg's lines begin with '[' too: an array that begins with an object is JSON. */
static bool is_json(const char *line)
{
	line += strspn(line, " \t\r\n");
	if (*line == '{')
		return true;
	if (*line != '[')
		return false;
	line++;
	line += strspn(line, " \t\r\n");
	return *line == '{' || *line == ']' || *line == '\0';
}

static int explain_json(const struct request *q, FILE *in, char *line, size_t len,
	struct mr_str *out, struct mr_error *err)
{
	auto_str text = {0};
	char buf[4096];
	size_t n;

	mr_str_append_n(&text, line, len);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0 && text.len <= MR_JSON_MAX_BYTES)
		mr_str_append_n(&text, buf, n);
	if (ferror(in))
		return mr_fail(err, errno, "cannot read '%s'", q->name);
	if (!mr_str_ok(&text))
		return mr_fail(err, ENOMEM, "%s", q->name);
	return mr_status_explain(q->name, mr_str_text(&text), q->json, q->last, out, err);
}

static int explain_stream(
	const struct request *q, FILE *in, struct mr_str *out, struct mr_error *err)
{
	struct mr_oom_cases cases;
	autofree char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, in);

	if (n > 0 && is_json(line))
		return explain_json(q, in, line, (size_t)n, out, err);
	mr_oom_cases_init(&cases, q->judge.page_size);
	for (; n > 0; n = getline(&line, &cap, in))
		mr_oom_cases_feed(&cases, line, (size_t)n);
	int r = ferror(in) ? mr_fail(err, errno, "cannot read '%s'", q->name)
			   : tell_log(q, &cases, out, err);
	mr_oom_cases_clear(&cases);
	return r;
}

static int explain_file(const struct request *q, struct mr_str *out, struct mr_error *err)
{
	FILE *in = fopen(q->name, "re");
	if (!in && errno == ENOENT)
		return mr_fail_text(err, ENOENT,
			"no container, status file or log named '%s'", q->name);
	if (!in)
		return mr_fail(err, errno, "cannot read '%s'", q->name);
	int r = explain_stream(q, in, out, err);
	fclose(in);
	return r;
}

int mr_explain(const char *root, const char *name, bool json, int last, char **ret,
	struct mr_error *err)
{
	struct request q = {.name = name,
		.json = json,
		.last = last > 0 ? (size_t)last : 1,
		.judge = {.page_size = sysconf(_SC_PAGESIZE),
			.noise = MR_SCORE_NOISE * sysconf(_SC_NPROCESSORS_ONLN)}};
	struct mr_container *c = NULL;
	auto_str out = {0};
	int r;

	if (!name) {
		q.name = "the kernel log";
		r = explain_host(&q, &out, err);
	} else if (mr_streq(name, "-")) {
		q.name = "stdin";
		r = explain_stream(&q, stdin, &out, err);
	} else {
		r = mr_is_id(name) ? mr_container_open(root, name, &c, err) : -ENOENT;
		if (r == 0) {
			autofree char *text = NULL;
			r = mr_state_read_status(&c->state, &text, err);
			mr_container_close(c);
			if (r == 0)
				r = mr_status_explain(
					name, text, json, q.last, &out, err);
		} else if (r == -ENOENT) {
			r = explain_file(&q, &out, err);
		}
	}
	if (r < 0)
		return r;
	if (json)
		mr_str_append(&out, "\n");
	*ret = mr_str_take(&out);
	return *ret ? 0 : mr_fail(err, ENOMEM, "explanation");
}
