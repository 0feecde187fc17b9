/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_MOUNT_OPTIONS_H
#define MR_SANDBOX_MOUNT_OPTIONS_H

#include "base/errors.h"
#include "base/str.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <stdint.h>

enum mr_mount_kind {
	MR_MOUNT_BIND,
	MR_MOUNT_FS,      /* fsopen(type) */
	MR_MOUNT_PROC,    /* the private procfs is attached here */
	MR_MOUNT_CGROUP,  /* this host's hierarchies, as far as the container's own */
	MR_MOUNT_REMOUNT, /* change attributes of what is there */
};

/** One mount in the kernel's terms: mount_setattr(2) attributes, fsconfig(2) data. */
struct mr_mount {
	enum mr_mount_kind kind;
	const char *destination; /* as the spec names it, made absolute and clean */
	const char *type, *source;
	uint64_t attr_set, attr_clear; /* MOUNT_ATTR_* of the mount */
	uint64_t rec_set, rec_clear;   /* the same, AT_RECURSIVE (rro, rnosuid, ...) */
	uint64_t propagation;          /* MS_PRIVATE, MS_SLAVE|MS_REC, ... or 0 */
	uint64_t sb_flags;  /* options that fsconfig takes as flags: ro, sync, ... */
	bool bind, remount; /* the options of that name */
	bool recursive;     /* rbind */
	bool copy_up;       /* tmpcopyup */
	bool idmap, idmap_recursive;
	bool src_nofollow, dest_nofollow, copy_symlink;
	bool cgroup_ns;     /* MR_MOUNT_CGROUP: the container has its own namespace */
	bool late_readonly; /* read-only only once the devices are made in it */
	struct mr_id_mappings uid_mappings, gid_mappings;
	const char *idmap_ns_path; /* idmap by a user namespace that is joined, or NULL */
	int tree_fd;               /* bind: source opened by the parent, or -1; owned */
	struct mr_list data;       /* "key=value" and flags for fsconfig(2) */
};

/**
 * Pure: read the options into @ret, in their order (a later one wins). What is not in
 * the table is collected in ret->data for the file system.
 */
int mr_mount_options(const struct mr_list *options, struct mr_arena *arena,
	struct mr_mount *ret, struct mr_error *err);

/** The options that are not left to the file system; NULL beyond the last one.
 * @param ret_recursive does it exist with a leading 'r', too? */
const char *mr_mount_option_name(size_t i, bool *ret_recursive);

/** Of an option without a value that the file system @type did not know: the cure. */
void mr_mount_option_hint(const char *option, const char *type, struct mr_error *err);

/** "shared", "rslave", ... to MS_* flags. @return 0 when it is no propagation type */
uint64_t mr_mount_propagation(const char *name);

#endif
