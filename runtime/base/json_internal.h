/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_JSON_INTERNAL_H
#define MR_BASE_JSON_INTERNAL_H

#include <stddef.h>

/* Shared by the json*.c files; mr_utf8_length() also by spec/command.c. */

struct mr_json;
struct mr_json_doc;
struct mr_error;

/** Fail with "file:line:column: text" for a byte of the document. @return -EINVAL */
int mr_json_fail_at(const struct mr_json_doc *doc, size_t offset, struct mr_error *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** The same with the path of @node (NULL: none) before @text. */
int mr_json_fail_in(const struct mr_json_doc *doc, const struct mr_json *node, size_t offset,
	struct mr_error *err, const char *text);

/** Length of the UTF-8 character at @p; 0 when it is none (overlong, surrogate, too
 * large). */
size_t mr_utf8_length(const unsigned char *p, size_t left);

#endif
