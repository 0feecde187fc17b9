/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SPEC_SUBIDS_H
#define MR_SPEC_SUBIDS_H

#include "base/errors.h"
#include "spec/host.h"
#include "spec/spec.h"

/* Which ids an ordinary user may map: subuid(5), subgid(5). */

#define MR_NEWUIDMAP "/usr/bin/newuidmap"
#define MR_NEWGIDMAP "/usr/bin/newgidmap"

struct mr_subid_range {
	uint32_t start, count;
};

/**
 * The first range that /etc/subuid (subgid) grants to a user.
 *
 * @param host_root "" for the real machine
 * @param file "etc/subuid" or "etc/subgid"
 * @return 1 found, 0 none, or -errno
 */
int mr_subids_read(const char *host_root, const char *file, uid_t uid,
	struct mr_subid_range *ret, struct mr_error *err);

/** Both ranges of @uid, where also newuidmap(1), which writes such maps, is installed.
 * @return 1, 0, or -errno */
int mr_subids_find(const char *host_root, uid_t uid, struct mr_subid_range *ret_uids,
	struct mr_subid_range *ret_gids, struct mr_error *err);

/** Pure: @inside is the caller's own id @outside, every other id from 0 up one of @range (its
 * count may be 0). @return number of lines */
size_t mr_subids_map(const struct mr_subid_range *range, uint32_t inside, uint32_t outside,
	struct mr_id_mapping ret[static 3]);

/**
 * Mappings for a new user namespace without any, which is added to a spec whose caller can
 * make no other namespace: root inside is the caller, further ids are the caller's
 * subordinate ones. Nothing to do for anybody else.
 */
int mr_spec_add_user_namespace(struct mr_spec *spec, const struct mr_host *host,
	const char *host_root, struct mr_error *err);

#endif
