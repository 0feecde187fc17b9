/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command mode: the caller, and -u. See command_parts.h.
 *
 * A value that is a number is a number: an image whose passwd has a user named "1000"
 * with uid 0 has made root out of `-u 1000` before (CVE-2016-3697). libc's getpwnam(3) is
 * of no use: it would ask the host's NSS modules, load libraries into a static program,
 * and cannot look below a rootfs. What lies there is not trusted: it is opened inside the
 * rootfs, never blocking, and read up to a bound.
 *
 * Without CAP_SYS_ADMIN the container gets a user namespace: the wanted uid inside is the
 * caller's uid outside. Without subordinate ids (subids.h) that is all of the map, and
 * setgroups(2) is denied there, so no groups are listed.
 *
 * passwd(5), group(5), openat2(2), user_namespaces(7)
 */
#include "spec/command_parts.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DATABASE (4u << 20)

/* --- the caller --- */

static int read_mask(const char *status, const char *name, uint64_t *ret)
{
	unsigned long long mask;
	const char *at = strstr(status, name);
	if (!at || sscanf(at + strlen(name), " %llx", &mask) != 1)
		return -EINVAL;
	*ret = mask;
	return 0;
}

int mr_caller_read(struct mr_caller *ret, struct mr_error *err)
{
	*ret = (struct mr_caller){.uid = geteuid(), .gid = getegid()};

	autofree char *status = NULL;
	int r = mr_read_file_at(AT_FDCWD, "/proc/self/status", 64u << 10, &status, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read /proc/self/status");
	if (read_mask(status, "\nCapEff:", &ret->effective) < 0 ||
		read_mask(status, "\nCapBnd:", &ret->bounding) < 0)
		return mr_fail_text(
			err, EINVAL, "/proc/self/status names no capabilities");
	read_mask(status, "\nCapAmb:", &ret->ambient);
	ret->user_ns = !(ret->effective >> CAP_SYS_ADMIN & 1);

	int n = getgroups(0, NULL);
	if (n < 0)
		return mr_fail(err, errno, "getgroups");
	ret->groups = calloc((size_t)n + 1, sizeof(*ret->groups));
	if (!ret->groups)
		return mr_fail(err, ENOMEM, "getgroups");
	n = getgroups(n, ret->groups);
	if (n < 0)
		return mr_fail(err, errno, "getgroups");
	ret->n_groups = (size_t)n;
	return 0;
}

void mr_caller_clear(struct mr_caller *caller)
{
	free(caller->groups);
	caller->groups = NULL;
}

/* --- passwd and group --- */

/* @return 0, -ENOENT when there is no such file, or another -errno with @err filled */
static int read_database(
	const char *root, const char *name, char **ret, struct mr_error *err)
{
	autoclose int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return mr_fail(err, errno, "open '%s'", root);
	autoclose int fd =
		mr_openat2(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0,
			RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd < 0)
		return mr_fail(err, -fd, "open '%s' in '%s'", name, root);

	struct stat st;
	if (fstat(fd, &st) < 0)
		return mr_fail(err, errno, "stat '%s' in '%s'", name, root);
	if (!S_ISREG(st.st_mode))
		return mr_fail_text(
			err, EINVAL, "'%s' in '%s' is not a regular file", name, root);
	if (st.st_size > MAX_DATABASE)
		return mr_fail_text(
			err, EFBIG, "'%s' in '%s' is larger than 4 MiB", name, root);

	autofree char *text = malloc((size_t)st.st_size + 1);
	if (!text)
		return mr_fail(err, ENOMEM, "read '%s' in '%s'", name, root);
	ssize_t n = mr_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return mr_fail(err, (int)-n, "read '%s' in '%s'", name, root);
	text[n] = '\0';
	*ret = mr_take_ptr(text);
	return 0;
}

/* Cut a line at its colons. @return number of fields, at most @max */
static size_t split_fields(char *line, char **fields, size_t max)
{
	size_t n = 0;
	while (line && n < max)
		fields[n++] = strsep(&line, ":");
	return n;
}

/* Find a user by @name, or by @uid when @name is NULL. @return found; fields filled */
struct passwd_entry {
	char *name;
	uint32_t uid, gid;
};

static bool find_user(
	char *text, const char *name, uint32_t uid, struct passwd_entry *ret)
{
	char *line, *f[7];
	while ((line = strsep(&text, "\n")) != NULL) {
		if (split_fields(line, f, 7) < 4)
			continue;
		struct passwd_entry e = {.name = f[0]};
		if (mr_parse_id(f[2], &e.uid) < 0 || mr_parse_id(f[3], &e.gid) < 0)
			continue;
		if (name ? strcmp(e.name, name) != 0 : e.uid != uid)
			continue;
		*ret = e;
		return true;
	}
	return false;
}

static bool find_group(char *text, const char *name, uint32_t *ret)
{
	char *line, *f[4];
	while ((line = strsep(&text, "\n")) != NULL) {
		if (split_fields(line, f, 4) >= 3 && strcmp(f[0], name) == 0 &&
			mr_parse_id(f[2], ret) == 0)
			return true;
	}
	return false;
}

static bool is_member(char *list, const char *user)
{
	char *name;
	while ((name = strsep(&list, ",")) != NULL) {
		if (strcmp(name, user) == 0)
			return true;
	}
	return false;
}

/* The supplementary groups of a user. */
static int find_memberships(
	char *text, const char *user, struct mr_command_user *ret, struct mr_error *err)
{
	char *line, *f[4];
	size_t cap = 0;
	uint32_t gid;
	while ((line = strsep(&text, "\n")) != NULL) {
		if (split_fields(line, f, 4) < 4 || mr_parse_id(f[2], &gid) < 0 ||
			gid == ret->gid || !is_member(f[3], user))
			continue;
		if (ret->n_groups == cap) {
			cap = cap ? cap * 2 : 16;
			uint32_t *grown = realloc(ret->groups, cap * sizeof(*grown));
			if (!grown)
				return mr_fail(err, ENOMEM, "groups of '%s'", user);
			ret->groups = grown;
		}
		ret->groups[ret->n_groups++] = gid;
	}
	return 0;
}

/* --- -u --- */

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* Like a number, but none: such a text must not be tried as a name either. */
static bool is_almost_number(const char *text)
{
	return *text && strchr("0123456789+-", *text) && !is_number(text);
}

static int parse_id(
	const char *what, const char *text, uint32_t *ret, struct mr_error *err)
{
	if (mr_parse_id(text, ret) < 0)
		return mr_command_refuse(err, "--user", text,
			"a %s is a number from 0 to 2147483647", what);
	return 0;
}

static int look_up_user(const char *name, const char *root, struct mr_command_user *ret,
	struct mr_error *err)
{
	/* @name NULL: the entry of ret->uid, for its group and memberships; it may be
	 * absent. */
	autofree char *passwd = NULL, *group = NULL;
	struct passwd_entry entry;

	int r = read_database(root, "etc/passwd", &passwd, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || !find_user(passwd, name, ret->uid, &entry)) {
		if (!name)
			return 0;
		return mr_command_refuse(err, "--user", name,
			"no such user in '%s/etc/passwd' (a uid works without an entry)",
			strcmp(root, "/") == 0 ? "" : root);
	}
	ret->uid = entry.uid;
	ret->gid = entry.gid;
	r = read_database(root, "etc/group", &group, err);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : find_memberships(group, entry.name, ret, err);
}

static int look_up_group(
	const char *name, const char *root, uint32_t *ret, struct mr_error *err)
{
	autofree char *group = NULL;
	int r = read_database(root, "etc/group", &group, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || !find_group(group, name, ret))
		return mr_command_refuse(err, "--user", name,
			"no such group in '%s/etc/group' (a gid works without an entry)",
			strcmp(root, "/") == 0 ? "" : root);
	return 0;
}

static int parse_user(const char *text, const char *root, struct mr_command_user *ret,
	struct mr_error *err)
{
	autofree char *user = strdup(text);
	if (!user)
		return mr_fail(err, ENOMEM, "--user");
	char *group = strchr(user, ':');
	if (group)
		*group++ = '\0';
	if (!*user || (group && (!*group || strchr(group, ':'))) ||
		is_almost_number(user) || (group && is_almost_number(group)))
		return mr_command_refuse(
			err, "--user", text, "expected NAME|UID[:GROUP|GID]");

	int r = 0;
	if (is_number(user))
		r = parse_id("uid", user, &ret->uid, err);
	if (r == 0 && !(is_number(user) && group))
		r = look_up_user(is_number(user) ? NULL : user, root, ret, err);
	if (r < 0 || !group)
		return r;
	ret->n_groups = 0; /* a group given by hand is the only one */
	return is_number(group) ? parse_id("gid", group, &ret->gid, err)
				: look_up_group(group, root, &ret->gid, err);
}

int mr_command_user(const char *text, const char *root, const struct mr_caller *caller,
	struct mr_command_user *ret, struct mr_error *err)
{
	*ret = (struct mr_command_user){.uid = caller->uid, .gid = caller->gid};
	if (text) {
		*ret = (struct mr_command_user){0};
		int r = parse_user(text, root, ret, err);
		if (r < 0)
			return r;
	} else {
		ret->groups = calloc(caller->n_groups + 1, sizeof(*ret->groups));
		if (!ret->groups)
			return mr_fail(err, ENOMEM, "groups of the caller");
		ret->n_groups = caller->n_groups;
		for (size_t i = 0; i < caller->n_groups; i++)
			ret->groups[i] = caller->groups[i];
	}
	if (caller->user_ns)
		ret->n_groups = 0;
	return 0;
}

void mr_command_user_clear(struct mr_command_user *user)
{
	free(user->groups);
	user->groups = NULL;
}
