/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to steps. Everything is checked before the first step runs, bodies of
 * `spawn` included, and nothing is allocated: steps come from a static pool, so
 * that parsing costs no heap that a small memory limit would feel.
 */
#include "memlab.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 256
#define MAX_WORDS 128
#define MAX_NAME 15 /* TASK_COMM_LEN - 1: the kernel cuts longer names */

static struct step pool[MAX_STEPS];
static size_t pool_used;

static int complain(const char *what, const char *text)
{
	fprintf(stderr, "memlab: %s: '%s'\n", what, text);
	return -1;
}

static int unit_shift(const char *unit)
{
	static const char letters[] = "kmgt";
	char lower = (char)(unit[0] | 0x20);
	const char *found;

	if (unit[0] == '\0' || (lower == 'b' && unit[1] == '\0'))
		return 0;
	found = strchr(letters, lower);
	if (found == NULL || *found == '\0')
		return -1;
	if (unit[1] != '\0' && strcmp(unit + 1, "i") != 0 && strcmp(unit + 1, "iB") != 0)
		return -1;
	return 10 * (int)(found - letters + 1);
}

static int parse_size(const char *text, uint64_t *ret)
{
	char *end;
	double value;
	int shift;

	if (text[0] < '0' || text[0] > '9')
		return complain("not a size", text);
	value = strtod(text, &end);
	shift = unit_shift(end);
	if (shift < 0)
		return complain("not a size", text);
	value *= (double)((uint64_t)1 << shift);
	if (!(value >= 1) || value > (double)((uint64_t)1 << 52))
		return complain("size out of range", text);
	*ret = (uint64_t)value;
	return 0;
}

static int parse_long(const char *text, long min, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || *ret < min || *ret > max)
		return complain("not a number in range", text);
	return 0;
}

static int parse_seconds(const char *text, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	if (end == text || *end != '\0' || !(*ret >= 0) || *ret > 1e6)
		return complain("not a number of seconds", text);
	return 0;
}

static int parse_signal(const char *text, int *ret)
{
	const char *bare = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
	long number;

	for (int sig = 1; sig < NSIG; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known != NULL && strcmp(known, bare) == 0) {
			*ret = sig;
			return 0;
		}
	}
	if (parse_long(text, 1, NSIG - 1, &number) < 0)
		return -1;
	*ret = (int)number;
	return 0;
}

/* Names reach JSON lines unescaped, hence the narrow alphabet. */
int parse_name(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_.-";
	size_t len = strlen(text);

	if (len == 0 || len > MAX_NAME || strspn(text, allowed) != len)
		return complain("not a name of 1 to 15 of A-Za-z0-9_.-", text);
	return 0;
}

int parse_adj(const char *text, int *ret)
{
	long value;

	if (parse_long(text, -1000, 1000, &value) < 0)
		return -1;
	*ret = (int)value;
	return 0;
}

static int parse_child(char *text, struct step *step)
{
	char *at = strchr(text, '@');

	if (at != NULL) {
		*at = '\0';
		step->has_adj = true;
		if (parse_adj(at + 1, &step->adj) < 0)
			return -1;
	}
	step->name = text;
	return parse_name(text);
}

/* Splits at blanks in place; a word in single or double quotes keeps its blanks. */
static int split(char *text, char **words)
{
	size_t count = 0;

	for (;;) {
		char close;

		text += strspn(text, " \t\n");
		if (*text == '\0')
			break;
		if (count == MAX_WORDS)
			return complain("too many words", text);
		close = *text == '\'' || *text == '"' ? *text : '\0';
		words[count++] = close != '\0' ? ++text : text;
		text += close != '\0' ? strcspn(text, (char[]){close, '\0'})
				      : strcspn(text, " \t\n");
		if (*text == '\0') {
			if (close != '\0')
				return complain("open quote", words[count - 1]);
			break;
		}
		*text++ = '\0';
	}
	words[count] = NULL;
	return 0;
}

static int parse_body(char *text, struct step *step)
{
	char *words[MAX_WORDS + 1];

	if (split(text, words) < 0)
		return -1;
	step->body = parse_steps(words);
	return step->body == NULL ? -1 : 0;
}

static int parse_operand(char kind, char *word, struct step *step)
{
	uint64_t size;
	long number;

	switch (kind) {
	case 's':
		if (parse_size(word, &size) < 0)
			return -1;
		step->size = (size_t)size;
		return 0;
	case 'n':
		if (parse_long(word, 1, 1 << 20, &number) < 0)
			return -1;
		step->count = (uint64_t)number;
		return 0;
	case 'c':
		if (parse_long(word, 0, 255, &number) < 0)
			return -1;
		step->exit_code = (int)number;
		return 0;
	case 't':
		return parse_seconds(word, &step->seconds);
	case 'g':
		return parse_signal(word, &step->signal);
	case 'w':
		return parse_child(word, step);
	case 'b':
		return parse_body(word, step);
	default:
		step->path = word;
		return 0;
	}
}

/* Returns how many words the option took, or -1. */
static int parse_option(char **words, struct step *step)
{
	static const struct {
		const char *name;
		char letter;
	} known[] = {
		{"--rate", 'R'}, {"--every", 'E'}, {"--drop", 'D'}, {"--fsync", 'F'},
		{"--strict", 'S'}};
	char letter = '\0';

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(words[0], known[i].name) == 0)
			letter = known[i].letter;
	if (letter == '\0' || strchr(step->verb->options, letter) == NULL)
		return complain("unknown option", words[0]);
	step->drop |= letter == 'D';
	step->fsync |= letter == 'F';
	step->strict |= letter == 'S';
	if (letter != 'R' && letter != 'E')
		return 1;
	if (words[1] == NULL)
		return complain("option needs a value", words[0]);
	return parse_size(words[1], letter == 'R' ? &step->rate : &step->every) < 0 ? -1 : 2;
}

/* Returns how many words the step took, or -1. */
static int parse_step(char **words, struct step *step)
{
	const struct verb *verb = memlab_verbs;
	const char *operand;
	int at = 1, taken;

	while (verb->name != NULL && strcmp(verb->name, words[0]) != 0)
		verb++;
	if (verb->name == NULL)
		return complain("unknown step", words[0]);
	step->verb = verb;
	operand = verb->operands;
	for (; words[at] != NULL && strcmp(words[at], "+") != 0; at += taken) {
		taken = 1;
		if (strncmp(words[at], "--", 2) == 0)
			taken = parse_option(words + at, step);
		else if (*operand == '\0')
			return complain("one word too many", words[at]);
		else if (parse_operand(*operand++, words[at], step) < 0)
			return -1;
		if (taken < 0)
			return -1;
	}
	if (*operand != '\0') {
		fprintf(stderr, "memlab: usage: %s %s\n", verb->name, verb->usage);
		return -1;
	}
	return at;
}

struct step *parse_steps(char **words)
{
	struct step *first = NULL, **link = &first;
	int taken;

	for (;; words += taken + 1) {
		struct step *step;

		if (words[0] == NULL) {
			complain("a step is missing", "+");
			return NULL;
		}
		if (pool_used == MAX_STEPS) {
			complain("too many steps", words[0]);
			return NULL;
		}
		step = &pool[pool_used++];
		taken = parse_step(words, step);
		if (taken < 0)
			return NULL;
		*link = step;
		link = &step->next;
		if (words[taken] == NULL)
			return first;
	}
}
