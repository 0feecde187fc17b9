/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdint.h>
#include <stdio.h>

/* Texts for people and programs. */

#define TIME_TEXT_SIZE 40
/** RFC 3339 with nanoseconds, UTC. */
void format_time(int64_t realtime_ns, char ret[static TIME_TEXT_SIZE]);
/** docker's words for a span: "4 minutes", "About an hour", "Less than a second". */
void format_span(int64_t ns, char ret[static 32]);

/** A JSON string with its quotes; what is no UTF-8 becomes U+FFFD. */
void put_json_text(FILE *out, const char *text);
/** Control characters as \xNN. */
void put_clean_text(FILE *out, const char *text);

/** Lines whose columns are as wide as their widest cell. */
struct table {
	int columns;
	size_t n; /* cells so far */
	char **cells;
};
void table_add(struct table *t, const char *text);
void table_print(const struct table *t, FILE *out);
void table_clear(struct table *t);

#endif
