/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions on a record: "oomkilled", "exit=0", "peak<60M". A word a row; what a row says is
 * looked up in the status document and nowhere else, so that a record of last year and one
 * that has just been written are judged alike.
 *
 * What the record does not know never holds: a peak that nobody counted is not below 60M.
 */
#include "minirun.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum operator { OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_NE };

/* What may stand behind a word. */
enum operand {
	OPERAND_NONE,
	OPERAND_EXIT,
	OPERAND_SIGNAL,
	OPERAND_VICTIM,
	OPERAND_LIMIT,
	OPERAND_COUNT,
	OPERAND_SIZE,
	OPERAND_TIME,
	OPERAND_SHARE, /* a time, or % of the wall time */
};

struct word {
	const char *name;
	enum operand operand;
	const char *object, *key; /* where the record tells it */
	const char *missing;      /* why it may not */
	bool wanted;              /* OPERAND_NONE: it holds when the record says this */
	const char *yes, *no;
};

static const char no_counter[] = "no memory counter", no_end[] = "no end of the program";
#define VALUE(name, operand, object, key, missing)                                       \
	{                                                                                \
		name, operand, object, key, missing, false, NULL, NULL                   \
	}
static const struct word words[] = {
	{"oomkilled", OPERAND_NONE, "State", "OOMKilled", no_counter, true, "OOM-killed",
		"not OOM-killed"},
	{"no-oom", OPERAND_NONE, "State", "OOMKilled", no_counter, false, "OOM-killed",
		"not OOM-killed"},
	{"init-killed", OPERAND_NONE, "OOM", "InitKilled", "no evidence", true,
		"init OOM-killed", "init not OOM-killed"},
	{"timeout", OPERAND_NONE, "Exit", "TimedOut", no_end, true, "timed out",
		"not timed out"},
	VALUE("exit", OPERAND_EXIT, "Exit", "Code", no_end),
	VALUE("signal", OPERAND_SIGNAL, "Exit", "Signal", no_end),
	VALUE("oom_kills", OPERAND_COUNT, "OOM", "Kills", no_counter),
	VALUE("victim", OPERAND_VICTIM, "OOM", "Victims", "not all are in the kernel log"),
	VALUE("limit_cgroup", OPERAND_LIMIT, "OOM", "Scope", "no evidence"),
	VALUE("peak", OPERAND_SIZE, "Memory", "PeakBytes", no_counter),
	VALUE("peak_anon", OPERAND_SIZE, "Memory", "PeakAnonBytes", "no sample"),
	VALUE("peak_kernel", OPERAND_SIZE, "Memory", "PeakKernelBytes", no_counter),
	VALUE("max_rss", OPERAND_SIZE, "Memory", "MaxRssBytes", no_end),
	VALUE("failcnt", OPERAND_COUNT, "Memory", "Failcnt", no_counter),
	VALUE("wall", OPERAND_TIME, "Exit", "WallUsec", no_end),
	VALUE("cpu", OPERAND_SHARE, "Exit", NULL, no_end),
	VALUE("psi_some", OPERAND_SHARE, "Memory.Pressure", "SomeTotalUsec", "no PSI"),
	VALUE("psi_full", OPERAND_SHARE, "Memory.Pressure", "FullTotalUsec", "no PSI"),
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* limit_cgroup in the user's words, and OOM.Scope. */
static const char *const scopes[][2] = {{"own", "container"}, {"nested", "nested"},
	{"ancestor", "ancestor"}, {"host", "host"}, {"mixed", "mixed"}};

/* An expression, taken apart. */
struct expr {
	const char *text; /* as written */
	const struct word *word;
	enum operator op;
	const char *value;
	int64_t number; /* bytes, microseconds, a count, or thousandths of a percent */
	bool percent;
};

/* --- the text --- */

static int refuse(const struct expr *e, const char *expected, struct mr_error *err)
{
	return mr_fail_text(
		err, EINVAL, "expectation '%s': expected %s", e->text, expected);
}

static int refuse_word(const struct expr *e, struct mr_error *err)
{
	auto_str list = {0};

	for (size_t i = 0; i < N_WORDS; i++)
		mr_str_appendf(&list, "%s%s", i ? " " : "", words[i].name);
	mr_fail_text(err, EINVAL, "expectation '%s' does not begin with a known word",
		e->text);
	mr_hint(err, "the words are %s", mr_str_text(&list));
	return -EINVAL;
}

static const struct word *find_word(const char *name, size_t len)
{
	for (size_t i = 0; i < N_WORDS; i++) {
		if (strlen(words[i].name) == len && !memcmp(words[i].name, name, len))
			return &words[i];
	}
	return NULL;
}

/* The operator at *@p; moves *@p to the value. */
static int take_operator(const char **p, enum operator *ret)
{
	static const struct {
		const char *text;
		enum operator op;
	} known[] = {{"<=", OP_LE}, {">=", OP_GE}, {"!=", OP_NE}, {"<", OP_LT},
		{">", OP_GT}, {"=", OP_EQ}};

	*p += strspn(*p, " ");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (mr_has_prefix(*p, known[i].text)) {
			*ret = known[i].op;
			*p += strlen(known[i].text);
			*p += strspn(*p, " ");
			return 0;
		}
	}
	return -EINVAL;
}

/* "12.5%" in thousandths: read like seconds, which become milliseconds. */
static int parse_percent(const char *text, int64_t *ret)
{
	char number[24];
	size_t n = strspn(text, "0123456789.");

	if (strcmp(text + n, "%") != 0 || n >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, n);
	number[n] = '\0';
	return mr_parse_duration(number, ret);
}

static int parse_time(struct expr *e, struct mr_error *err)
{
	bool share = e->word->operand == OPERAND_SHARE;

	if (share && parse_percent(e->value, &e->number) == 0) {
		e->percent = true;
		return 0;
	}
	if (mr_parse_duration(e->value, &e->number) < 0 || e->number > INT64_MAX / 1000)
		return refuse(e,
			share ? "a time as 1.5s or 300ms, or a share of the wall time as "
				"10%"
			      : "a time as 1.5s or 300ms",
			err);
	e->number *= 1000;
	return 0;
}

static int parse_limit(const struct expr *e, struct mr_error *err)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strcmp(e->value, scopes[i][0]) == 0)
			return 0;
	}
	return refuse(e, "own, nested, ancestor, host or mixed", err);
}

static int parse_value(struct expr *e, struct mr_error *err)
{
	switch (e->word->operand) {
	case OPERAND_EXIT:
		if (mr_parse_i64(e->value, &e->number) < 0 || e->number < 0 ||
			e->number > 255)
			return refuse(e, "an exit code from 0 to 255", err);
		return 0;
	case OPERAND_SIGNAL:
		e->number = mr_signal_number(e->value);
		return e->number < 0 ? refuse(e, "a signal as KILL or 9", err) : 0;
	case OPERAND_COUNT:
		if (mr_parse_i64(e->value, &e->number) < 0 || e->number < 0)
			return refuse(e, "a number", err);
		return 0;
	case OPERAND_SIZE:
		if (mr_parse_size(e->value, &e->number) < 0)
			return refuse(e, "a size as 60M", err);
		return 0;
	case OPERAND_TIME:
	case OPERAND_SHARE:
		return parse_time(e, err);
	case OPERAND_LIMIT:
		return parse_limit(e, err);
	case OPERAND_VICTIM:
		return *e->value ? 0 : refuse(e, "a process name", err);
	case OPERAND_NONE:
		break;
	}
	return 0;
}

static int parse(const char *text, struct expr *ret, struct mr_error *err)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_-");
	const char *p = text + len;

	*ret = (struct expr){.text = text, .word = find_word(text, len)};
	if (!ret->word)
		return refuse_word(ret, err);
	if (ret->word->operand == OPERAND_NONE)
		return *p ? refuse(ret, "nothing behind that word", err) : 0;
	bool compares = ret->word->operand >= OPERAND_COUNT;
	if (take_operator(&p, &ret->op) < 0 ||
		(!compares && ret->op != OP_EQ && ret->op != OP_NE))
		return refuse(ret,
			compares ? "one of < <= = >= > != and a value"
				 : "= or != and a value",
			err);
	ret->value = p;
	return parse_value(ret, err);
}

/* --- the record --- */

static void unknown(const struct expr *e, const struct mr_json *record,
	struct mr_expectation *ret)
{
	const char *why = mr_json_text(mr_json_get(record, "OOM"), "Why", NULL);
	bool lost = why && (e->word->operand == OPERAND_NONE || !strcmp(e->word->object, "OOM"));

	ret->held = -1;
	snprintf(ret->actual, sizeof(ret->actual), "unknown (%.120s)",
		lost ? why : e->word->missing);
}

static bool compare(int64_t actual, enum operator op, int64_t wanted)
{
	switch (op) {
	case OP_LT:
		return actual < wanted;
	case OP_LE:
		return actual <= wanted;
	case OP_EQ:
		return actual == wanted;
	case OP_GE:
		return actual >= wanted;
	case OP_GT:
		return actual > wanted;
	case OP_NE:
		break;
	}
	return actual != wanted;
}

static void judge_flag(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	const struct mr_json *node =
		mr_json_get(mr_json_get(record, e->word->object), e->word->key);

	if (!node || node->type != MR_JSON_BOOL) {
		unknown(e, record, ret);
		return;
	}
	ret->held = node->boolean == e->word->wanted;
	snprintf(ret->actual, sizeof(ret->actual), "%s",
		node->boolean ? e->word->yes : e->word->no);
}

/* Of a program that was killed the code is not unknown: there is none. */
static void judge_exit(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	const struct mr_json *exit = mr_json_get(record, "Exit");
	int64_t code = mr_json_int(exit, "Code", -1);
	const char *signal = mr_json_text(exit, "Signal", NULL);
	int64_t actual = code;

	if (code < 0 && !signal) {
		unknown(e, record, ret);
		return;
	}
	if (e->word->operand == OPERAND_SIGNAL)
		actual = signal ? mr_signal_number(signal) : -1;
	ret->held = compare(actual, e->op, e->number);
	if (signal)
		snprintf(ret->actual, sizeof(ret->actual), "signal %.40s",
			mr_has_prefix(signal, "SIG") ? signal + 3 : signal);
	else
		snprintf(ret->actual, sizeof(ret->actual), "exit %d", (int)code);
}

static void judge_victim(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	enum { COMM_LEN = 15 }; /* the kernel keeps no more of a name */
	const struct mr_json *oom = mr_json_get(record, "OOM");
	const struct mr_json *list = mr_json_get(oom, "Victims");
	bool found = false;
	auto_str names = {0};

	for (const struct mr_json *v = list ? list->child : NULL; v; v = v->next) {
		const char *comm = mr_json_text(v, "Comm", "?");
		found = found || strncmp(comm, e->value, COMM_LEN) == 0;
		mr_str_append(&names, names.len ? ", " : "");
		mr_str_append_printable(&names, comm);
	}
	bool all = mr_json_int(oom, "Kills", -1) >= 0 &&
		   mr_json_int(oom, "VictimsWithoutDetail", -1) == 0;
	if (!found && !all) {
		unknown(e, record, ret);
		return;
	}
	ret->held = found == (e->op == OP_EQ);
	snprintf(ret->actual, sizeof(ret->actual), "%.150s",
		names.len ? mr_str_text(&names) : "nobody");
}

static void judge_limit(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	const struct mr_json *oom = mr_json_get(record, "OOM");
	const char *scope = mr_json_text(oom, "Scope", NULL), *actual = NULL;

	for (size_t i = 0; scope && i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (strcmp(scope, scopes[i][1]) == 0)
			actual = scopes[i][0];
	}
	if (!scope && mr_json_int(oom, "Kills", -1) == 0)
		actual = "none";
	if (!actual) {
		unknown(e, record, ret);
		return;
	}
	ret->held = (strcmp(actual, e->value) == 0) == (e->op == OP_EQ);
	snprintf(ret->actual, sizeof(ret->actual), "%s", actual);
}

/* The figure that a word is about, -1 when the record has none. */
static int64_t figure(const struct word *word, const struct mr_json *record)
{
	const struct mr_json *object = mr_json_path(record, word->object);

	if (word->key)
		return mr_json_int(object, word->key, -1);
	int64_t user = mr_json_int(object, "UserUsec", -1);
	int64_t system = mr_json_int(object, "SystemUsec", -1);
	return user < 0 || system < 0 ? -1 : user + system;
}

static void judge_figure(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	int64_t v = figure(e->word, record);
	int64_t wall = mr_json_int(mr_json_get(record, "Exit"), "WallUsec", -1);
	char size[24];

	if (v < 0 || (e->percent && wall <= 0)) {
		unknown(e, record, ret);
		return;
	}
	if (e->percent)
		v = (int64_t)((double)v * 100000 / (double)wall);
	ret->held = compare(v, e->op, e->number);
	if (e->percent)
		snprintf(ret->actual, sizeof(ret->actual), "%.1f%% of %.3f s",
			(double)v / 1000, (double)wall / 1e6);
	else if (e->word->operand == OPERAND_SIZE)
		snprintf(ret->actual, sizeof(ret->actual), "%s",
			mr_format_size((uint64_t)v, size));
	else if (e->word->operand == OPERAND_COUNT)
		snprintf(ret->actual, sizeof(ret->actual), "%lld", (long long)v);
	else
		snprintf(ret->actual, sizeof(ret->actual), "%.3f s", (double)v / 1e6);
}

static void judge(
	const struct expr *e, const struct mr_json *record, struct mr_expectation *ret)
{
	switch (e->word->operand) {
	case OPERAND_NONE:
		judge_flag(e, record, ret);
		break;
	case OPERAND_EXIT:
	case OPERAND_SIGNAL:
		judge_exit(e, record, ret);
		break;
	case OPERAND_VICTIM:
		judge_victim(e, record, ret);
		break;
	case OPERAND_LIMIT:
		judge_limit(e, record, ret);
		break;
	case OPERAND_COUNT:
	case OPERAND_SIZE:
	case OPERAND_TIME:
	case OPERAND_SHARE:
		judge_figure(e, record, ret);
		break;
	}
}

int mr_expect(const char *text, const char *record, struct mr_expectation *ret,
	struct mr_error *err)
{
	struct expr e;
	auto_json doc = {0};
	int r = parse(text, &e, err);

	if (r < 0 || !record)
		return r;
	r = mr_json_parse("record", record, strlen(record), &doc, err);
	if (r == 0)
		judge(&e, doc.root, ret);
	return r;
}
