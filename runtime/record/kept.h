/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_KEPT_H
#define MR_RECORD_KEPT_H

#include "record/state.h"

/*
 * Records that outlive their containers: ROOT/@records/ID.json. An engine deletes a
 * container when it has understood its end, or thinks so; the evidence stays for `inspect`.
 * No id begins with '@', so the directory is no container. The newest MR_KEPT_MAX stay.
 */
#define MR_KEPT_MAX 1000
/* A file's name has 255 bytes. */
#define MR_KEPT_ID_MAX (255 - (sizeof(".json") - 1))

/** Can a record of that id be kept? @return 0 or -ENAMETOOLONG */
int mr_kept_check_id(const char *id, struct mr_error *err);

/** Move the record of a container that is about to be removed there, in place of an older
 * one of the same id. No record is no error. */
int mr_kept_add(const struct mr_state *state, struct mr_error *err);
/** @return 0, or -ENOENT: none is kept */
int mr_kept_read(const char *root, const char *id, char **ret_json, struct mr_error *err);
/** The ids of all that are kept, sorted. @ret is appended to */
int mr_kept_list(const char *root, struct mr_strv *ret, struct mr_error *err);
/** -ENOENT: none is kept. */
int mr_kept_remove(const char *root, const char *id, struct mr_error *err);

#endif
