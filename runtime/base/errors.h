/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ERRORS_H
#define MR_BASE_ERRORS_H

#include "minirun.h" /* struct mr_error */

/*
 * The one error value. It is fixed-size and owned by the caller, so that reporting an
 * error can never fail for lack of memory, and the child of a launch can send the same
 * bytes through the socket. The library fills it in and never prints.
 */

/**
 * Fill @err with a message and append the reason that belongs to @errnum.
 *
 * The reason is written so that engines, which match texts such as "no such file or
 * directory" to tell a missing command from other failures, never mistake it: the words
 * for ENOENT, EACCES, EPERM, EISDIR and ENOTDIR are replaced ("missing (ENOENT)").
 * An @errnum of 0 appends nothing and counts as EINVAL.
 *
 * @return -errnum (so that callers write `return mr_fail(...)`)
 */
int mr_fail(struct mr_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** As mr_fail(), but the text stands as it is given: no reason is appended. */
int mr_fail_text(struct mr_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Put "text: " before the message, when an error crosses a room. @return -err->err */
int mr_prefix(struct mr_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Say how the cause can be removed. The last hint given wins. */
void mr_hint(struct mr_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Forget an error that was handled. */
void mr_error_clear(struct mr_error *err);

/** The short reason for an errno value as mr_fail() writes it; static storage. */
const char *mr_reason(int errnum);

#endif
