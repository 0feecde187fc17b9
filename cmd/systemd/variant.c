/* SPDX-License-Identifier: Apache-2.0 */
/* Values of properties from text, pure. */
#include "systemd/variant.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- lists of processors and memory nodes --- */

static int parse_bit(const char **p, unsigned *ret)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	unsigned long n = strtoul(*p, &end, 10);
	if (n >= MASK_BYTES * 8)
		return -ERANGE;
	*ret = (unsigned)n;
	*p = end;
	return 0;
}

int mask_parse(const char *list, uint8_t mask[static MASK_BYTES])
{
	unsigned from, to, last = 0;

	memset(mask, 0, MASK_BYTES);
	for (const char *p = list; *p; p += *p == ',') {
		int r = parse_bit(&p, &from);
		to = from;
		if (r == 0 && *p == '-') {
			p++;
			r = parse_bit(&p, &to);
		}
		if (r < 0 || to < from || (*p && *p != ','))
			return r < 0 ? r : -EINVAL;
		for (unsigned i = from; i <= to; i++)
			mask[i / 8] |= (uint8_t)(1u << i % 8);
		last = to > last ? to : last;
	}
	return *list ? (int)(last / 8 + 1) : 0;
}

/* --- one value --- */

/* Words that give a number its type; without one it is an int32. */
static const struct {
	const char *word;
	char type;
	int64_t min;
	uint64_t max;
} numbers[] = {
	{"int32", 'i', INT32_MIN, INT32_MAX},
	{"byte", 'y', 0, UINT8_MAX},
	{"int16", 'n', INT16_MIN, INT16_MAX},
	{"uint16", 'q', 0, UINT16_MAX},
	{"uint32", 'u', 0, UINT32_MAX},
	{"int64", 'x', INT64_MIN, INT64_MAX},
	{"uint64", 't', 0, UINT64_MAX},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\n");
}

static int scan_text(const char **p, struct scalar *ret)
{
	const char quote = *(*p)++;
	auto_str out = {0};

	for (; **p && **p != quote; (*p)++) {
		if (**p == '\\' && (*p)[1])
			(*p)++;
		mr_str_append_n(&out, *p, 1);
	}
	if (!**p)
		return -EINVAL;
	(*p)++;
	ret->type = 's';
	ret->text = mr_str_take(&out);
	return ret->text ? 0 : -ENOMEM;
}

static int scan_integer(const char **p, size_t kind, struct scalar *ret)
{
	const bool negative = **p == '-';
	char *end;

	if (!isdigit((unsigned char)(*p)[negative]))
		return -EINVAL;
	errno = 0;
	ret->type = numbers[kind].type;
	if (negative) {
		long long n = strtoll(*p, &end, 0);
		if (n < numbers[kind].min)
			errno = ERANGE;
		ret->u = (uint64_t)n;
	} else {
		ret->u = strtoull(*p, &end, 0);
		if (ret->u > numbers[kind].max)
			errno = ERANGE;
	}
	*p = end;
	return errno ? -ERANGE : 0;
}

static int scan_double(const char **p, struct scalar *ret)
{
	char *end;

	ret->type = 'd';
	ret->d = strtod(*p, &end);
	if (end == *p)
		return -EINVAL;
	*p = end;
	return 0;
}

static bool take_word(const char **p, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(*p, word, len) != 0 || isalnum((unsigned char)(*p)[len]))
		return false;
	*p = skip_blanks(*p + len);
	return true;
}

static int scan(const char **p, struct scalar *ret)
{
	memset(ret, 0, sizeof(*ret));
	*p = skip_blanks(*p);
	if (**p == '\'' || **p == '"')
		return scan_text(p, ret);
	ret->type = 'b';
	ret->u = take_word(p, "true");
	if (ret->u || take_word(p, "false"))
		return 0;
	if (take_word(p, "double"))
		return scan_double(p, ret);
	for (size_t i = 0; i < N_NUMBERS; i++)
		if (take_word(p, numbers[i].word))
			return scan_integer(p, i, ret);
	const char *after = *p + strspn(*p, "-0123456789");
	return *after == '.' || *after == 'e' ? scan_double(p, ret) : scan_integer(p, 0, ret);
}

/* --- a value or a list --- */

static int add_item(const char **p, struct variant *v)
{
	struct scalar *items = realloc(v->items, (v->n + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	v->items = items;
	int r = scan(p, &items[v->n]);
	v->n++;
	if (r == 0 && v->n > 1 && items[v->n - 1].type != v->type)
		r = -EINVAL;
	v->type = items[0].type;
	*p = skip_blanks(*p);
	return r;
}

int variant_parse(const char *text, struct variant *ret)
{
	const char *p = skip_blanks(text);
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->list = *p == '[';
	if (ret->list) {
		do {
			p++;
			r = add_item(&p, ret);
		} while (r == 0 && *p == ',');
		if (r == 0 && *p++ != ']')
			r = -EINVAL;
	} else {
		r = add_item(&p, ret);
	}
	return r == 0 && *skip_blanks(p) ? -EINVAL : r;
}

void variant_clear(struct variant *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i].text);
	free(v->items);
	memset(v, 0, sizeof(*v));
}

int variant_to_usec(struct variant *v)
{
	const double million = 1e6;
	struct scalar *s = v->items;

	if (v->list || v->n != 1 || !strchr("yquitxnd", v->type))
		return -EINVAL;
	if (v->type == 'd' && s->d >= 0 && s->d < 1e13)
		s->u = (uint64_t)(s->d * million);
	else if (v->type != 'd' && s->u <= UINT64_MAX / 1000000)
		s->u *= 1000000;
	else
		return -ERANGE;
	v->type = s->type = 't';
	return 0;
}
