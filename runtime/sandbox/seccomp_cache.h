/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_SECCOMP_CACHE_H
#define MR_SANDBOX_SECCOMP_CACHE_H

#include "base/str.h"

#include <linux/filter.h>

/* Compiled filters on disk, one file a profile. A cache may fail: then it has nothing. */

/** Open the directory, making it if its parent exists.
 * @return descriptor; -EPERM when it is not ours alone (owner, mode 0700); -errno */
int mr_seccomp_cache_open(const char *dir);

/** @return 0 with the program (malloc()ed); -ENOENT; -EBADMSG for a file not to be
 * trusted */
int mr_seccomp_cache_load(int dir_fd, const struct mr_str *key,
	struct sock_filter **ret_filter, unsigned short *ret_n);

/** Put a program, replacing what has its name. Of many profiles, old ones are forgotten.
 * @return 0 or -errno, nothing left behind */
int mr_seccomp_cache_store(int dir_fd, const struct mr_str *key,
	const struct sock_filter *filter, unsigned short n);

#endif
