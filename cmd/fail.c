/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's own failures; how they are told: report.c. */
#include "cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct mr_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	err->err = errnum;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return -errnum;
}
