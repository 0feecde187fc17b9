/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_COMMAND_PARTS_H
#define MR_SPEC_COMMAND_PARTS_H

#include "base/json.h"
#include "minirun.h"

#include <sys/types.h>

/* The parts of command.c and update.c; nobody else includes this. */

/** Who calls, and whether that is enough to make namespaces without a user namespace. */
struct mr_caller {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* malloc()ed */
	size_t n_groups;
	uint64_t effective, bounding, ambient; /* capabilities, bit masks */
	bool user_ns; /* no CAP_SYS_ADMIN: a user namespace is needed */
};

/** Who the program will be. */
struct mr_command_user {
	uint32_t uid, gid;
	uint32_t *groups; /* malloc()ed */
	size_t n_groups;
};

int mr_caller_read(struct mr_caller *ret, struct mr_error *err);
void mr_caller_clear(struct mr_caller *caller);

/**
 * -u NAME|UID[:GROUP|GID]. A numeric value is never looked up as a name. Names come from
 * /etc/passwd and /etc/group below @root ("/" or the rootfs), read with bounds.
 */
int mr_command_user(const char *text, const char *root, const struct mr_caller *caller,
	struct mr_command_user *ret, struct mr_error *err);
void mr_command_user_clear(struct mr_command_user *user);

/** Write process.capabilities. */
int mr_command_capabilities(const struct mr_command *c, const struct mr_caller *caller,
	uint32_t uid, struct mr_json_writer *w, struct mr_error *err);

/** Write process.rlimits, if any were asked for. */
int mr_command_ulimits(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err);
/** Write linux.resources, if anything was asked for. */
int mr_command_resources(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err);
/** --oom-kill-disable: is it asked for? @ret_policy for the annotation, NULL: none
 * @return 1, 0, -EINVAL */
int mr_command_oom_kill_disable(
	const struct mr_command *c, const char **ret_policy, struct mr_error *err);
/** Write mounts. */
int mr_command_mounts(const struct mr_command *c, const struct mr_caller *caller,
	struct mr_json_writer *w, struct mr_error *err);

/** --cpus: "1.5" to microseconds a period, rounding down; 0 when @text is NULL. */
#define MR_COMMAND_PERIOD 100000
int mr_command_quota(const char *text, int64_t *ret, struct mr_error *err);

/** Refuse a value: `invalid argument "x" for --flag: reason`. @return -EINVAL */
int mr_command_refuse(struct mr_error *err, const char *flag, const char *value,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
