/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_RULES_H
#define MR_SPEC_RULES_H

#include "spec/spec.h"

/* The parts of validate.c; nobody else includes this. */

struct mr_rules {
	const struct mr_spec *spec;
	const char *name; /* of the file */
	struct mr_strv *warnings;
	struct mr_error *err;
};

/** One rule. @return 0, or what mr_rule_fail() returned */
typedef int (*mr_rule)(const struct mr_rules *c);

/** Fail with "file:line:column: path: text". @return -EINVAL */
int mr_rule_fail(const struct mr_rules *c, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** Add the same as a warning. */
void mr_rule_warn(const struct mr_rules *c, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** A path of the form "%s[%zu]%s" for elements of lists. */
#define MR_RULE_PATH 96
const char *mr_rule_path(
	char buf[static MR_RULE_PATH], const char *list, size_t i, const char *member);

/** Run a NULL-terminated list. */
int mr_rules_run(const struct mr_rules *c, const mr_rule *rules);

extern const mr_rule mr_mount_rules[];    /* validate_mounts.c */
extern const mr_rule mr_linux_rules[];    /* validate_linux.c */
extern const mr_rule mr_resource_rules[]; /* validate_resources.c */

#endif
