/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SYSTEMD_SYSTEMD_H
#define CMD_SYSTEMD_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

/** Say why on stderr; a second line is the cure. @return 1, the exit status */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** What the command line asks for. */
struct request {
	const char *verb, *unit, *slice, *cgroup;
	unsigned pid; /* 0: not given */
	bool user;
	const char **properties, **annotations;
	size_t n_properties, n_annotations;
};

/* --- properties.c: text to the (sv) of a message; errors are told --- */

/** "MemoryMax:t=67108864", "AllowedCPUs:ay=0-3". @return 0 or -errno */
int append_property(sd_bus_message *m, const char *text);
/** "TimeoutStopUSec=uint64 5000000": the value in GVariant's text format; a name that ends
 * in Sec is in seconds, as in a unit's file. @return 0 or -errno */
int append_annotation(sd_bus_message *m, const char *text);

/* --- bus.c: each returns the exit status --- */

int start_scope(const struct request *q);
int attach_process(const struct request *q);
int print_delegated(const struct request *q);
int update_scope(const struct request *q);
int stop_scope(const struct request *q);

#endif
