/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_COPY_UP_H
#define MR_SANDBOX_COPY_UP_H

#include "base/errors.h"

/**
 * Copy everything below the directory @from into the empty directory @to (both may be
 * O_PATH): files, directories, links, nodes, with modes, owners and times; and mode and
 * owner of @from itself. Never follows a link, never opens what could block.
 */
int mr_copy_up(int from, int to, struct mr_error *err);

#endif
