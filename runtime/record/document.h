/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_DOCUMENT_H
#define MR_RECORD_DOCUMENT_H

#include "base/json.h"

/*
 * A document of ours on disk: one line of compact JSON whose first member is
 * "formatVersion" and whose last one is "checksum", mr_hash64() in 16 hex digits over the
 * bytes of the same object without that member (that is: all before `,"checksum"`, and a
 * closing brace). It shows torn and edited files; it does not protect against somebody
 * who wants to.
 */

#define MR_DOCUMENT_VERSION 1
#define MR_DOCUMENT_MAX (4u << 20)

/** Open the object in @w, first member written. */
void mr_document_begin(struct mr_json_writer *w);
/** Close it, add the checksum, replace @name below @dir atomically; @w is empty
 * afterwards. */
int mr_document_write(
	int dir, const char *name, struct mr_json_writer *w, struct mr_error *err);

/** The text and its tree; @ret_text is owned by the caller and must outlive @ret.
 * -ENOENT: no such file; -EBADMSG: damaged or of a newer version */
int mr_document_read(int dir, const char *name, char **ret_text, struct mr_json_doc *ret,
	struct mr_error *err);

#endif
