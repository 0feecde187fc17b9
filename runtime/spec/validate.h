/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_VALIDATE_H
#define MR_SPEC_VALIDATE_H

#include "spec/spec.h"

/**
 * Rules across fields, without looking at the host: major of ociVersion is 1; root and
 * process present; args not empty; cwd absolute; namespaces unique; mappings only with a
 * user namespace (a new one has both lists or none); hostname needs
 * a new or joined uts namespace; sysctls only namespaced ones, and the matching namespace
 * present; cgroupsPath without ".."; masked and readonly paths absolute; device types;
 * swap without limit, swap below limit; NUL-free and "K=V" env; time offsets need a time
 * namespace; hook paths absolute; rlimit soft <= hard; and the like.
 *
 * @param name     file name for errors ("spec.json"); messages are "name:line:column: json.path:
 *                 text", where of a member that is missing it is the object's place
 * @param warnings appended to
 */
int mr_spec_validate(const struct mr_spec *spec, const char *name, struct mr_strv *warnings,
	struct mr_error *err);

/** Those of them that concern the process alone, for `exec`. */
int mr_spec_validate_process(const struct mr_spec *spec, const char *name,
	struct mr_strv *warnings, struct mr_error *err);

/** Those of them that concern linux.resources alone, for `update`. */
int mr_spec_validate_resources(const struct mr_spec *spec, const char *name,
	struct mr_strv *warnings, struct mr_error *err);

/** "net.ipv4.conf.eth0/1.rp_filter" or "net/ipv4/conf/eth0.1/rp_filter" (sysctl(8)): the first
 * separator decides. @return the path below /proc/sys, malloc()ed; NULL when it is none */
char *mr_spec_sysctl_path(const char *key);
/** A file of /proc that lxcfs and the like cover to show a container's own resources? */
bool mr_spec_may_cover_proc(const char *path);

#endif
