/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_HISTORY_H
#define MR_RECORD_HISTORY_H

#include "base/errors.h"

#define MR_HISTORY_MAX 16

/**
 * What the record of an ended run leaves to the next of its name, with what the ones before
 * have left to it: a JSON array {Id, FinishedAt, ExitCode, OOMKilled, Kills}, the latest
 * last, at most MR_HISTORY_MAX. @param ret_json malloc()ed
 */
int mr_record_history(const char *json, char **ret_json, struct mr_error *err);

#endif
