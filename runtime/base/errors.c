/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error value: see errors.h. Messages are cut at the end of the buffer, never
 * allocated. errno names are the kernel's (errno(3)); a reader can search for them, and no
 * engine mistakes them for "command not found".
 */
#include "base/errors.h"

#include "base/libc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mr_reason(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return "missing (ENOENT)";
	case EACCES:
		return "access refused (EACCES)";
	case EPERM:
		return "not allowed (EPERM)";
	case EISDIR:
		return "it is a directory (EISDIR)";
	case ENOTDIR:
		return "a part of the path is no directory (ENOTDIR)";
	default:
		break;
	}
	const char *text = strerrordesc_np(errnum);
	return text ? text : "unknown error";
}

const char *mr_errno_name(int errnum)
{
	const char *name = strerrorname_np(errnum);
	return name ? name : "unknown error";
}

__attribute__((format(printf, 4, 0))) static int fail_va(struct mr_error *err, int errnum,
	int reason, const char *fmt, va_list ap)
{
	if (errnum == 0)
		errnum = EINVAL;
	err->err = errnum;
	err->hint[0] = '\0';
	int n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
	if (reason && n >= 0 && (size_t)n < sizeof(err->message))
		snprintf(err->message + n, sizeof(err->message) - (size_t)n, ": %s",
			mr_reason(errnum));
	return -errnum;
}

int mr_fail(struct mr_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int ret = fail_va(err, errnum, errnum != 0, fmt, ap);
	va_end(ap);
	return ret;
}

int mr_fail_text(struct mr_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int ret = fail_va(err, errnum, 0, fmt, ap);
	va_end(ap);
	return ret;
}

int mr_prefix(struct mr_error *err, const char *fmt, ...)
{
	char old[sizeof(err->message)];
	memcpy(old, err->message, sizeof(old));

	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->message))
		snprintf(err->message + n, sizeof(err->message) - (size_t)n, ": %s", old);
	return -err->err;
}

void mr_hint(struct mr_error *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

void mr_error_clear(struct mr_error *err)
{
	memset(err, 0, sizeof(*err));
}
