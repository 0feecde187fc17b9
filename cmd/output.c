/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times, JSON strings and tables as commands print them: see output.h.
 */
#include "output.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

void format_time(int64_t realtime_ns, char ret[static TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm tm = {0};
	char day[24];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret, TIME_TEXT_SIZE, "%s.%09dZ", day, (int)(realtime_ns % 1000000000));
}

void format_span(int64_t ns, char ret[static 32])
{
	static const struct {
		int64_t seconds,
			limit; /* the unit, and up to how many seconds it is used */
		const char *name;
	} units[] = {
		{1, 60, "seconds"},
		{60, HOUR, "minutes"},
		{HOUR, 48 * HOUR, "hours"},
		{DAY, 14 * DAY, "days"},
		{7 * DAY, 60 * DAY, "weeks"},
		{30 * DAY, 730 * DAY, "months"},
		{365 * DAY, INT64_MAX, "years"},
	};
	int64_t s = ns / 1000000000;
	size_t i = 0;

	if (s < 1) {
		snprintf(ret, 32, "Less than a second");
	} else if (s == 1) {
		snprintf(ret, 32, "1 second");
	} else if (s >= 60 && s < 120) {
		snprintf(ret, 32, "About a minute");
	} else if (s >= HOUR && s < 2 * HOUR) {
		snprintf(ret, 32, "About an hour");
	} else {
		while (s >= units[i].limit)
			i++;
		snprintf(ret, 32, "%lld %s", (long long)(s / units[i].seconds),
			units[i].name);
	}
}

/* Length of the UTF-8 character at @p, 0 when it is none (overlong, surrogate, too
 * large). */
static size_t utf8_length(const unsigned char *p)
{
	uint32_t c;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2, c = p[0] & 0x1fu;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3, c = p[0] & 0x0fu;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4, c = p[0] & 0x07u;
	else
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff)))
		return 0;
	if (n == 4 && (c < 0x10000 || c > 0x10ffff))
		return 0;
	return n;
}

void put_json_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', out);
	while (*p) {
		size_t n = utf8_length(p);
		if (n == 0) {
			fputs("\xef\xbf\xbd", out);
			n = 1;
		} else if (*p == '"' || *p == '\\') {
			fprintf(out, "\\%c", *p);
		} else if (*p == '\n') {
			fputs("\\n", out);
		} else if (*p < 0x20 || *p == 0x7f) {
			fprintf(out, "\\u%04x", *p);
		} else {
			fwrite(p, 1, n, out);
		}
		p += n;
	}
	fputc('"', out);
}

void put_clean_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = utf8_length(p);
		/* U+0080 to U+009F are control characters too. */
		bool control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
		if (n == 0)
			n = 1, control = true;
		for (size_t i = 0; control && i < n; i++)
			fprintf(out, "\\x%02x", p[i]);
		if (!control)
			fwrite(p, 1, n, out);
		p += n;
	}
}

void table_add(struct table *t, const char *text)
{
	char *clean = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&clean, &len);

	if (!out)
		return;
	put_clean_text(out, text);
	if (fclose(out) != 0)
		return;
	char **cells = realloc(t->cells, (t->n + 1) * sizeof(*cells));
	if (!cells) {
		free(clean);
		return;
	}
	t->cells = cells;
	t->cells[t->n++] = clean;
}

/* Characters, not bytes; cells hold what put_clean_text() lets through. */
static size_t width_of(const char *cell)
{
	size_t n = 0;

	for (; *cell; cell++)
		n += ((unsigned char)*cell & 0xc0) != 0x80;
	return n;
}

void table_print(const struct table *t, FILE *out)
{
	size_t columns = (size_t)t->columns;

	for (size_t i = 0; i < t->n; i++) {
		size_t width = 0;
		for (size_t j = i % columns; j < t->n; j += columns) {
			size_t len = width_of(t->cells[j]);
			width = len > width ? len : width;
		}
		if ((i + 1) % columns == 0)
			fprintf(out, "%s\n", t->cells[i]);
		else
			fprintf(out, "%s%*s", t->cells[i],
				(int)(width - width_of(t->cells[i])) + 3, "");
	}
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){.columns = t->columns};
}
