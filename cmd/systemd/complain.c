/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, in the words that the runtime hands on. */
#include "systemd/systemd.h"

#include <stdarg.h>
#include <stdio.h>

int complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}
