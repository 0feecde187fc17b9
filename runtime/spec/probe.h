/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_PROBE_H
#define MR_SPEC_PROBE_H

#include "spec/host.h"

enum mr_probe_state { MR_PROBE_OK, MR_PROBE_MISSING, MR_PROBE_UNKNOWN };

/** One line of `minirun check`. */
struct mr_probe_item {
	const char *name; /* stable word for scripts: "memory", "psi", "swap", ... */
	enum mr_probe_state state;
	char value[160];     /* what was found */
	const char *affects; /* what is not possible without it, NULL when ok */
	const char *cure;    /* how to get it, NULL when ok or when there is none */
	bool required;       /* for a memory-limited run */
};

#define MR_PROBE_MAX 64
struct mr_probe {
	struct mr_probe_item items[MR_PROBE_MAX];
	int n;
	bool ok; /* a memory-limited run is possible */
};

/** Ask everything; changes nothing on the host. */
int mr_probe_run(const struct mr_host *host, struct mr_probe *ret, struct mr_error *err);
/** As text (one line an item) or JSON; malloc()ed. */
int mr_probe_format(const struct mr_probe *p, const struct mr_host *host, bool json,
	char **ret, struct mr_error *err);

#endif
