/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_STATUS_PARTS_H
#define MR_RECORD_STATUS_PARTS_H

#include "base/json.h"
#include "record/status.h"

/* The objects of the status document, one function each. Shared by this room's files
 * only. */

void mr_status_put_oom(struct mr_json_writer *w, const struct mr_record *r);
void mr_status_put_host_config(struct mr_json_writer *w, const struct mr_record *r);
void mr_status_put_config(struct mr_json_writer *w, const struct mr_record *r);

/** Is there a memory controller at all, as far as known? */
static inline bool mr_status_has_memory(const struct mr_record *r)
{
	if (r->verdict)
		return r->verdict->version != 0;
	return !r->limits || r->limits->memory_version != 0;
}
/** "SIGKILL", "SIGRTMIN+3"; @buf or static storage. */
const char *mr_status_signal_name(int sig, char buf[static 24]);
/** Largest anonymous memory that was seen, sampled or in the kernel's report. */
struct mr_uint mr_status_peak_anon(const struct mr_record *r);
struct mr_uint mr_status_peak_kernel(const struct mr_record *r);

#endif
