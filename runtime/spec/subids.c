/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subordinate ids: see subids.h.
 *
 * The kernel lets everybody map one id, the own one. Ranges beyond it are granted by root
 * in /etc/subuid and /etc/subgid, a line "NAME or UID:START:COUNT" each, and written into
 * the map by the set-uid programs newuidmap(1) and newgidmap(1), which check the line.
 *
 * The user's name is looked up in /etc/passwd only: getpwuid(3) would load NSS modules into
 * a static program. A user of a directory service is found by the number.
 */
#include "spec/subids.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE (4u << 20)

/* @return 1 read, 0 not there, or -errno */
static int read_table(
	const char *host_root, const char *file, char **ret, struct mr_error *err)
{
	autoclose int dir =
		open(*host_root ? host_root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return mr_fail(err, errno, "open '%s'", *host_root ? host_root : "/");
	int r = mr_read_file_at(dir, file, MAX_FILE, ret, NULL);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? mr_fail(err, -r, "read /%s", file) : 1;
}

/* Cut a line at its colons. @return number of fields, at most 3 */
static int split(char *line, char *fields[static 3])
{
	int n = 0;

	while (line && n < 3)
		fields[n++] = strsep(&line, ":");
	return n;
}

/* The name in /etc/passwd, malloc()ed; NULL: none there. */
static int find_name(const char *host_root, uid_t uid, char **ret, struct mr_error *err)
{
	autofree char *text = NULL;
	int r = read_table(host_root, "etc/passwd", &text, err);
	char *rest = text, *line, *f[3];
	uint32_t found;

	*ret = NULL;
	while (r > 0 && (line = strsep(&rest, "\n")) != NULL) {
		if (split(line, f) < 3 || mr_parse_id(strsep(&f[2], ":"), &found) < 0 ||
			found != uid)
			continue;
		*ret = strdup(f[0]);
		return *ret ? 0 : mr_fail(err, ENOMEM, "read /etc/passwd");
	}
	return r < 0 ? r : 0;
}

int mr_subids_read(const char *host_root, const char *file, uid_t uid,
	struct mr_subid_range *ret, struct mr_error *err)
{
	autofree char *text = NULL, *name = NULL;
	int r = read_table(host_root, file, &text, err);
	char *rest = text, *line, *f[3];
	uint32_t number;

	if (r > 0)
		r = find_name(host_root, uid, &name, err) < 0 ? -err->err : 1;
	while (r > 0 && (line = strsep(&rest, "\n")) != NULL) {
		if (split(line, f) < 3 || mr_parse_id(f[1], &ret->start) < 0 ||
			mr_parse_id(f[2], &ret->count) < 0 || ret->count == 0)
			continue;
		if ((name && mr_streq(f[0], name)) ||
			(mr_parse_id(f[0], &number) == 0 && number == uid))
			return 1;
	}
	return r < 0 ? r : 0;
}

int mr_subids_find(const char *host_root, uid_t uid, struct mr_subid_range *ret_uids,
	struct mr_subid_range *ret_gids, struct mr_error *err)
{
	int r = mr_subids_read(host_root, "etc/subuid", uid, ret_uids, err);

	if (r > 0)
		r = mr_subids_read(host_root, "etc/subgid", uid, ret_gids, err);
	if (r <= 0 || *host_root)
		return r;
	return access(MR_NEWUIDMAP, X_OK) == 0 && access(MR_NEWGIDMAP, X_OK) == 0;
}

size_t mr_subids_map(const struct mr_subid_range *range, uint32_t inside, uint32_t outside,
	struct mr_id_mapping ret[static 3])
{
	uint32_t below = range->count < inside ? range->count : inside;
	size_t n = 0;

	if (below > 0)
		ret[n++] = (struct mr_id_mapping){0, range->start, below};
	ret[n++] = (struct mr_id_mapping){inside, outside, 1};
	if (range->count > below)
		ret[n++] = (struct mr_id_mapping){
			inside + 1, range->start + below, range->count - below};
	return n;
}

static int put_map(struct mr_spec *spec, const struct mr_subid_range *range, uint32_t outside,
	struct mr_id_mappings *ret, struct mr_error *err)
{
	ret->items = mr_arena_alloc(&spec->arena, 3 * sizeof(*ret->items));
	if (!ret->items)
		return mr_fail(err, ENOMEM, "id mappings");
	ret->n = mr_subids_map(range, 0, outside, ret->items);
	return 0;
}

static int put_namespace(struct mr_spec *spec, struct mr_error *err)
{
	struct mr_linux *l = spec->linux_;
	const size_t n = l->namespaces.n;
	struct mr_spec_namespace *items = mr_arena_alloc(&spec->arena, (n + 1) * sizeof(*items));

	if (!items)
		return mr_fail(err, ENOMEM, "user namespace");
	if (n > 0)
		memcpy(items, l->namespaces.items, n * sizeof(*items));
	items[n] = (struct mr_spec_namespace){.type = MR_NS_USER};
	l->namespaces.items = items;
	l->namespaces.n = n + 1;
	return 0;
}

int mr_spec_add_user_namespace(struct mr_spec *spec, const struct mr_host *host,
	const char *host_root, struct mr_error *err)
{
	const struct mr_spec_namespace *user = mr_spec_namespace_of(spec, MR_NS_USER);
	struct mr_linux *l = spec->linux_;
	struct mr_subid_range uids = {0}, gids = {0};

	if (user ? user->path || l->uid_mappings.n > 0 : mr_host_has_cap(host, CAP_SYS_ADMIN))
		return 0;
	int r = mr_subids_find(host_root, host->euid, &uids, &gids, err);
	if (r < 0)
		return r;
	if (r == 0)
		uids.count = gids.count = 0;
	if ((!user && (r = put_namespace(spec, err)) < 0) ||
		(r = put_map(spec, &uids, host->euid, &l->uid_mappings, err)) < 0)
		return r;
	return put_map(spec, &gids, getegid(), &l->gid_mappings, err);
}
