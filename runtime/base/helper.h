/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_HELPER_H
#define MR_BASE_HELPER_H

#include <stddef.h>

/* Programs that are run for a part of the work. */

/**
 * Find the companion minirun-NAME: beside this program (a build directory), in
 * ../libexec/minirun from there, in the libexec directory of the build, then in PATH,
 * whose empty and relative parts are passed over, because the current directory may be
 * anybody's. Near this program only files of the program's own owner count, and no symbolic
 * links: whoever could make those could have replaced the program as well, and a copy in
 * /tmp executes nothing that a stranger left there.
 *
 * @return 0, -ENOENT, or -EINVAL: that is no name
 */
int mr_helper_find(const char *name, char *ret, size_t cap);

/** Path of this program, also when it runs from its read-only bind. @return 0 or -errno */
int mr_helper_own_path(char *ret, size_t cap);

/**
 * Run @args[0], which is a path, with @env (NULL: ours) and with stdout and stderr into
 * @output, NUL-terminated and cut at @cap; it inherits nothing else. @return wait status or
 * -errno
 */
int mr_helper_run(char *const *args, char *const *env, char *output, size_t cap);

#endif
