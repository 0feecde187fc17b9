/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount options, as mount(8) and the OCI runtime specification name them, in the kernel's
 * terms.
 *
 * Some options belong to the mount (one place in one tree: nosuid), some to the file
 * system itself (all its mounts: sync), some to both (ro), some to the way the mount
 * passes on what is mounted below it (shared). The three kinds go to the kernel in
 * different calls, so each row says where its option goes.
 *
 * Access times are one value in three bits, not three flags: whoever sets it must clear
 * all of it (mount_setattr(2)).
 *
 * Manual pages: mount(8), mount_setattr(2), mount_namespaces(7).
 */
#include "sandbox/mount_options.h"

#include "base/libc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum target {
	NOTHING, /* known, and what the kernel does anyway */
	ATTR,    /* the mount */
	SUPER,   /* the file system */
	BOTH,    /* ro, rw */
	SPREAD,  /* propagation */
	SWITCH,  /* a bool of struct mr_mount; set is its offset */
};

struct option {
	const char *name; /* ATTR rows exist with a leading 'r', too: recursively */
	enum target target;
	uint64_t set, clear;
};

#define ATIME MOUNT_ATTR__ATIME
#define FLAG(member) offsetof(struct mr_mount, member), 0

static const struct option options[] = {
	{"defaults", NOTHING, 0, 0},
	{"silent", NOTHING, 0, 0},
	{"loud", NOTHING, 0, 0},
	{"ro", BOTH, MOUNT_ATTR_RDONLY, 0},
	{"rw", BOTH, 0, MOUNT_ATTR_RDONLY},
	{"nosuid", ATTR, MOUNT_ATTR_NOSUID, 0},
	{"suid", ATTR, 0, MOUNT_ATTR_NOSUID},
	{"nodev", ATTR, MOUNT_ATTR_NODEV, 0},
	{"dev", ATTR, 0, MOUNT_ATTR_NODEV},
	{"noexec", ATTR, MOUNT_ATTR_NOEXEC, 0},
	{"exec", ATTR, 0, MOUNT_ATTR_NOEXEC},
	{"nodiratime", ATTR, MOUNT_ATTR_NODIRATIME, 0},
	{"diratime", ATTR, 0, MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0},
	{"symfollow", ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW},
	{"noatime", ATTR, MOUNT_ATTR_NOATIME, ATIME},
	{"atime", ATTR, MOUNT_ATTR_RELATIME, ATIME},
	{"relatime", ATTR, MOUNT_ATTR_RELATIME, ATIME},
	{"strictatime", ATTR, MOUNT_ATTR_STRICTATIME, ATIME},
	{"nostrictatime", ATTR, MOUNT_ATTR_RELATIME, ATIME},
	/* relatime has been the kernel's default since 2.6.30: nothing to unset. */
	{"norelatime", NOTHING, 0, 0},
	{"rnorelatime", NOTHING, 0, 0},
	{"sync", SUPER, MS_SYNCHRONOUS, 0},
	{"async", SUPER, 0, MS_SYNCHRONOUS},
	{"dirsync", SUPER, MS_DIRSYNC, 0},
	{"lazytime", SUPER, MS_LAZYTIME, 0},
	{"nolazytime", SUPER, 0, MS_LAZYTIME},
	{"mand", SUPER, MS_MANDLOCK, 0},
	{"nomand", SUPER, 0, MS_MANDLOCK},
	{"noiversion", NOTHING, 0, 0},
	{"private", SPREAD, MS_PRIVATE, 0},
	{"rprivate", SPREAD, MS_PRIVATE | MS_REC, 0},
	{"shared", SPREAD, MS_SHARED, 0},
	{"rshared", SPREAD, MS_SHARED | MS_REC, 0},
	{"slave", SPREAD, MS_SLAVE, 0},
	{"rslave", SPREAD, MS_SLAVE | MS_REC, 0},
	{"unbindable", SPREAD, MS_UNBINDABLE, 0},
	{"runbindable", SPREAD, MS_UNBINDABLE | MS_REC, 0},
	{"bind", SWITCH, FLAG(bind)},
	{"rbind", SWITCH, FLAG(recursive)},
	{"remount", SWITCH, FLAG(remount)},
	{"idmap", SWITCH, FLAG(idmap)},
	{"ridmap", SWITCH, FLAG(idmap_recursive)},
	{"tmpcopyup", SWITCH, FLAG(copy_up)},
	{"copy-symlink", SWITCH, FLAG(copy_symlink)},
	{"src-nofollow", SWITCH, FLAG(src_nofollow)},
	{"dest-nofollow", SWITCH, FLAG(dest_nofollow)},
};

const char *mr_mount_option_name(size_t i, bool *ret_recursive)
{
	if (i >= sizeof(options) / sizeof(options[0]))
		return NULL;
	*ret_recursive = options[i].target == ATTR || options[i].target == BOTH;
	return options[i].name;
}

void mr_mount_option_hint(const char *option, const char *type, struct mr_error *err)
{
	struct mr_typo typo = {.word = option};

	if (strchr(option, '='))
		return; /* its value may be wrong: the kernel has said it */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		mr_typo_try(&typo, options[i].name);
	if (typo.nearest)
		mr_hint(err, "did you mean '%s'?", typo.nearest);
	else
		mr_hint(err, "it is no option of mount(8) that every file system has, so %s was "
			     "asked", type);
}

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

uint64_t mr_mount_propagation(const char *name)
{
	const struct option *o = find(name);

	return o && o->target == SPREAD ? o->set : 0;
}

/** A later option overrides an earlier one that meant the same bits. */
static void change(uint64_t *set, uint64_t *clear, const struct option *o)
{
	*set = (*set & ~o->clear) | o->set;
	*clear = (*clear & ~(o->set & ~(uint64_t)ATIME)) | o->clear;
}

static void apply(const struct option *o, struct mr_mount *m)
{
	switch (o->target) {
	case NOTHING:
		break;
	case BOTH:
		m->sb_flags &= ~(uint64_t)MS_RDONLY;
		m->sb_flags |= o->set ? MS_RDONLY : 0;
		change(&m->attr_set, &m->attr_clear, o);
		break;
	case ATTR:
		change(&m->attr_set, &m->attr_clear, o);
		break;
	case SUPER:
		m->sb_flags = (m->sb_flags & ~o->clear) | o->set;
		break;
	case SPREAD:
		m->propagation = o->set;
		break;
	case SWITCH:
		*(bool *)((char *)m + o->set) = true;
		break;
	}
}

int mr_mount_options(const struct mr_list *list, struct mr_arena *arena,
	struct mr_mount *m, struct mr_error *err)
{
	/* Room for the file system's options, a label and a mode. */
	m->data.items = mr_arena_alloc(arena, (list->n + 3) * sizeof(char *));
	if (!m->data.items)
		return mr_fail(err, ENOMEM, "mount options");
	for (size_t i = 0; i < list->n; i++) {
		const char *name = list->items[i];
		const struct option *o = find(name);
		if (o) {
			apply(o, m);
			continue;
		}
		o = name[0] == 'r' ? find(name + 1) : NULL;
		if (o && (o->target == ATTR || o->target == BOTH))
			change(&m->rec_set, &m->rec_clear, o);
		else if (name[0])
			m->data.items[m->data.n++] = list->items[i];
	}
	m->bind = m->bind || m->recursive;
	m->idmap = m->idmap || m->idmap_recursive;
	return 0;
}
