/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SYSTEMD_VARIANT_H
#define CMD_SYSTEMD_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One value; @type is D-Bus's letter: s b d y n q i u x t. */
struct scalar {
	char type;
	char *text; /* 's'; malloc()ed */
	uint64_t u; /* integers, also negative ones in two's complement; 'b' */
	double d;
};

/** A value, or a list of values of one type. */
struct variant {
	char type;
	bool list;
	struct scalar *items;
	size_t n;
};

/** The subset of GVariant's text format that annotations have: true, 'text', 12, uint64 5,
 * 1.5, ['a', 'b']. @ret to be cleared, also after failure. @return 0 or -errno */
int variant_parse(const char *text, struct variant *ret);
void variant_clear(struct variant *v);
/** Turn a number of seconds into microseconds. -EINVAL: it is no such number */
int variant_to_usec(struct variant *v);

#define MASK_BYTES 1024
/** "0-3,8" as a bit mask, the lowest byte first. @return bytes used or -errno */
int mask_parse(const char *list, uint8_t mask[static MASK_BYTES]);

#endif
