/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict numbers, sizes, durations and signals: see str.h and minirun.h.
 *
 * The C library's strtol() family skips blanks, takes "+1" and "0x1", and stops silently;
 * a uid that was read that way has made root out of a user before (CVE-2026-30892).
 *
 * Sizes and durations are computed in integers: a fraction is folded in from its last
 * digit to its first, f = (f + digit * unit) / 10, which is exact rounding down and
 * cannot overflow for the units known here.
 */
#include "base/str.h"

#include "base/libc.h"
#include "base/sys.h"
#include "minirun.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *@text; moves *@text behind them. */
static int take_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t v = 0;
	bool overflow = false;

	*ret = 0;
	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		uint64_t d = (uint64_t)(*p - '0');
		if (v > (UINT64_MAX - d) / 10)
			overflow = true;
		else
			v = v * 10 + d;
	}
	*text = p;
	*ret = v;
	return overflow ? -ERANGE : 0;
}

int mr_parse_u64(const char *text, uint64_t *ret)
{
	int r = take_digits(&text, ret);
	return *text ? -EINVAL : r;
}

int mr_parse_i64(const char *text, int64_t *ret)
{
	bool minus = *text == '-';
	uint64_t v;
	int r = mr_parse_u64(text + minus, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	if (v > INT64_MAX)
		*ret = INT64_MIN;
	else
		*ret = minus ? -(int64_t)v : (int64_t)v;
	return 0;
}

int mr_parse_id(const char *text, uint32_t *ret)
{
	uint64_t v;
	int r = mr_parse_u64(text, &v);
	if (r < 0)
		return r;
	if (v > INT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

/* A decimal number as written: whole part, and where its fraction digits are. */
struct decimal {
	uint64_t whole;
	const char *fraction;
	size_t n_fraction;
};

static int take_decimal(const char **text, struct decimal *ret)
{
	*ret = (struct decimal){0};
	int r = take_digits(text, &ret->whole);
	if (r < 0 || **text != '.')
		return r;
	ret->fraction = ++*text;
	while (is_digit(**text))
		++*text;
	ret->n_fraction = (size_t)(*text - ret->fraction);
	return ret->n_fraction ? 0 : -EINVAL;
}

static int scale_decimal(const struct decimal *d, uint64_t unit, int64_t *ret)
{
	uint64_t f = 0;
	for (size_t i = d->n_fraction; i > 0; i--)
		f = (f + (uint64_t)(d->fraction[i - 1] - '0') * unit) / 10;
	if (d->n_fraction && unit == 1)
		return -EINVAL;
	if (d->whole > ((uint64_t)INT64_MAX - f) / unit)
		return -ERANGE;
	*ret = (int64_t)(d->whole * unit + f);
	return 0;
}

int mr_parse_size(const char *text, int64_t *ret_bytes)
{
	static const char units[] = "kmgtp";
	struct decimal d;
	int r = take_decimal(&text, &d);
	if (r < 0)
		return r;

	uint64_t unit = 1;
	char lower = (char)(*text | 0x20);
	const char *at = *text ? strchr(units, lower) : NULL;
	if (at) {
		unit = UINT64_C(1) << (10 * (at - units + 1));
		text++;
		if (*text == 'i' || *text == 'I')
			text++;
	}
	if (*text == 'b' || *text == 'B')
		text++;
	if (*text)
		return -EINVAL;
	return scale_decimal(&d, unit, ret_bytes);
}

/* "ms", "s", "m" or "h" at *@text; 0 for anything else. */
static uint64_t take_time_unit(const char **text)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (mr_has_prefix(*text, units[i].name)) {
			*text += strlen(units[i].name);
			return units[i].ms;
		}
	}
	return 0;
}

int mr_parse_duration(const char *text, int64_t *ret_ms)
{
	int64_t sum = 0;
	bool first = true;

	do {
		struct decimal d;
		int r = take_decimal(&text, &d);
		if (r < 0)
			return r;
		uint64_t unit = *text == '\0' && first ? 1000 : take_time_unit(&text);
		if (unit == 0)
			return -EINVAL;
		int64_t ms;
		r = scale_decimal(&d, unit, &ms);
		if (r < 0)
			return r;
		if (ms > INT64_MAX - sum)
			return -ERANGE;
		sum += ms;
		first = false;
	} while (*text);
	*ret_ms = sum;
	return 0;
}

/* RTMIN, RTMIN+3, RTMAX-1, RTMAX: as kill(1) has them. */
static int real_time_signal(const char *name)
{
	const bool max = strncasecmp(name, "RTMAX", 5) == 0;
	int64_t n = 0;

	if (!max && strncasecmp(name, "RTMIN", 5) != 0)
		return -EINVAL;
	if (name[5] && (name[5] != (max ? '-' : '+') || mr_parse_i64(name + 6, &n) < 0 || n < 0 ||
			       n > MR_SIGRTMAX - MR_SIGRTMIN))
		return -EINVAL;
	return max ? MR_SIGRTMAX - (int)n : MR_SIGRTMIN + (int)n;
}

int mr_signal_number(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int64_t n;

	if (mr_parse_i64(text, &n) == 0)
		return n > 0 && n <= MR_SIGRTMAX ? (int)n : -EINVAL;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *known = sigabbrev_np(sig);
		if (known && strcasecmp(known, name) == 0)
			return sig;
	}
	return real_time_signal(name);
}

const char *mr_format_size(uint64_t bytes, char buf[static 24])
{
	static const char *const names[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t unit = 1;
	size_t i = 0;

	while (i + 1 < sizeof(names) / sizeof(names[0]) && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	uint64_t whole = bytes / unit, rest = bytes % unit;
	if (rest == 0) {
		snprintf(buf, 24, "%llu %s", (unsigned long long)whole, names[i]);
		return buf;
	}
	/* No overflow: a rest below 1 EiB leaves four bits. */
	unsigned tenths = (unsigned)((rest * 10 + unit / 2) / unit);
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (whole == 1024 && i + 1 < sizeof(names) / sizeof(names[0])) {
		whole = 1;
		i++;
	}
	snprintf(buf, 24, "%u.%u %s", (unsigned)whole, tenths % 10, names[i]);
	return buf;
}
