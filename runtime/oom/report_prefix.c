/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before the text of a log line: see report.h.
 *
 *   6,58053,2924453659,-;text                         /dev/kmsg
 *   <6>[ 2924.453659] text                            dmesg -r, pstore
 *   [ 2924.453659] text                               dmesg, serial consoles
 *   [ 2924.453659] [    T1] text                      with CONFIG_PRINTK_CALLER
 *   [Mon Nov 23 03:54:03 2026] text                   dmesg -T
 *   [ 2924.453659 <    0.000002>] text                dmesg -d
 *   kern  :info  : [ 2924.453659] text                dmesg -x
 *   2026-11-23T03:54:03,453659+00:00 text             dmesg --time-format iso
 *   Nov 23 03:54:03 host kernel: text                 journalctl -k
 *   Nov 23 03:54:03 host kernel: [ 2924.453659] text  syslog's kern.log
 *   [ 2924.453659] host kernel: text                  journalctl -k -o short-monotonic
 *
 * A row of the task table begins with "[  32685]", which is no time: it has no '.' or
 * ':'. Records of another facility than the kernel's were written by a program. A saved
 * text says so only with -r and -x: what else it claims can be no more than told on.
 */
#include "oom/report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* /dev/kmsg writes what is not printable, and '\', as \xNN. */
static void undo_escapes(const char *raw, size_t n, bool escaped, char *out, size_t cap)
{
	size_t k = 0;
	for (size_t i = 0; i < n && k + 1 < cap; i++) {
		if (escaped && raw[i] == '\\' && i + 3 < n && raw[i + 1] == 'x' &&
			hex(raw[i + 2]) >= 0 && hex(raw[i + 3]) >= 0) {
			int c = hex(raw[i + 2]) * 16 + hex(raw[i + 3]);
			out[k++] = c ? (char)c : '?';
			i += 3;
		} else {
			out[k++] = raw[i] ? raw[i] : '?';
		}
	}
	out[k] = '\0';
}

/* "6,58053,2924453659,-;" or with more fields before the semicolon. */
static bool take_kmsg_prefix(const char *head, struct mr_oom_line *line,
	const char **ret_rest, bool *ret_foreign)
{
	uint64_t prio, usec;
	const char *p = head;
	if (!mr_oom_take_number(&p, &prio) || *p++ != ',' ||
		!mr_oom_take_number(&p, &line->sequence) || *p++ != ',' ||
		!mr_oom_take_number(&p, &usec) || *p != ',')
		return false;
	p = strchr(p, ';');
	if (!p)
		return false;
	line->time_usec = usec <= INT64_MAX ? (int64_t)usec : -1;
	*ret_foreign = prio >= 8;
	*ret_rest = p + 1;
	return true;
}

/* --- saved texts: each returns where the rest begins, or NULL --- */

static const char *skip_priority(const char *p, bool *ret_foreign)
{
	uint64_t prio;
	if (*p++ != '<' || !mr_oom_take_number(&p, &prio) || *p++ != '>')
		return NULL;
	*ret_foreign = *ret_foreign || prio >= 8;
	return p;
}

static const char *skip_facility(const char *p, bool *ret_foreign)
{
	char facility[16], level[16];
	int n = 0;
	if (sscanf(p, "%9[a-z0-9] :%9[a-z] :%n", facility, level, &n) != 2 || n == 0)
		return NULL;
	*ret_foreign = *ret_foreign || strcmp(facility, "kern") != 0;
	return p + n + (p[n] == ' ');
}

static const char *skip_bracket(const char *p, struct mr_oom_line *line)
{
	unsigned long long seconds;
	unsigned micros;
	size_t n = strcspn(p, "]"), in = 1 + strspn(p + (*p == '['), " ");
	if (*p != '[' || p[n] != ']')
		return NULL;
	bool caller = (p[in] == 'T' || p[in] == 'C') &&
		      in + 1 + strspn(p + in + 1, "0123456789") == n;
	bool date = strspn(p + in, "ADFJMNOSTW") > 0 && memchr(p, ':', n);
	bool clock = strspn(p + in, "0123456789.+<> ") == n - in && memchr(p, '.', n);
	if (!caller && !date && !clock)
		return NULL;
	if (clock && sscanf(p + in, "%llu.%6u", &seconds, &micros) == 2 &&
		seconds < (1ull << 40))
		line->time_usec = (int64_t)(seconds * 1000000 + micros);
	p += n + 1;
	return p + strspn(p, " ");
}

static const char *skip_date(const char *p)
{
	char month[4];
	unsigned day, hour, minute, second, year;
	int n = 0;
	if (sscanf(p, "%3[A-Za-z] %2u %2u:%2u:%2u%n", month, &day, &hour, &minute,
		    &second, &n) == 5 &&
		n > 0)
		return p[n] == ' ' ? p + n + 1 : NULL;
	if (sscanf(p, "%4u-%2u-%2u%*1[T ]%2u:%2u:%2u%n", &year, &day, &day, &hour,
		    &minute, &second, &n) != 6 ||
		n == 0)
		return NULL;
	p += n;
	p += strspn(p, "0123456789.,:+-Z"); /* fraction and zone */
	return *p == ' ' ? p + 1 : NULL;
}

static const char *skip_tag(const char *p)
{
	static const char tag[] = " kernel: ";
	const char *host = p + strcspn(p, " ");
	if (host != p && mr_has_prefix(host, tag))
		return host + strlen(tag);
	return mr_has_prefix(p, tag + 1) ? p + strlen(tag + 1) : NULL;
}

static const char *skip_saved(
	const char *head, struct mr_oom_line *line, bool *ret_foreign)
{
	const char *p = head, *next = head;
	for (int round = 0; next && round < 6; round++) {
		p = next;
		next = skip_bracket(p, line);
		next = next ? next : skip_priority(p, ret_foreign);
		next = next ? next : skip_facility(p, ret_foreign);
		next = next ? next : skip_date(p);
		/* Only behind a time: a process can have the name "x kernel: ". */
		if (!next && p != head)
			next = skip_tag(p);
	}
	return p;
}

bool mr_oom_line_split(const char *text, size_t len, struct mr_oom_line *ret)
{
	char head[160];
	const char *rest = head;
	bool foreign = false;

	const char *end = memchr(text, '\n', len);
	if (end)
		len = (size_t)(end - text);
	if (len > 0 && text[len - 1] == '\r')
		len--;
	ret->sequence = 0;
	ret->time_usec = -1;
	size_t n_head = len < sizeof(head) - 1 ? len : sizeof(head) - 1;
	memcpy(head, text, n_head);
	head[n_head] = '\0';

	bool escaped = take_kmsg_prefix(head, ret, &rest, &foreign);
	if (!escaped) {
		ret->sequence = 0;
		rest = skip_saved(head, ret, &foreign);
	}
	size_t skip = (size_t)(rest - head);
	ret->raw = text + skip;
	ret->raw_len = len - skip;
	undo_escapes(ret->raw, ret->raw_len, escaped, ret->text, sizeof(ret->text));
	return !foreign;
}
