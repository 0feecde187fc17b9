/* SPDX-License-Identifier: Apache-2.0 */
/* Records that outlive their containers: see kept.h. */
#include "record/kept.h"

#include "base/io.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY "@records"
#define SUFFIX ".json"
#define NAME_SIZE 300

/* @return a descriptor, -ENOENT: nothing was ever kept, or -errno with its message */
static int open_records(const char *root, bool create, struct mr_error *err)
{
	autoclose int root_fd = mr_state_root_open(root, false, err);

	if (root_fd < 0)
		return root_fd;
	if (create && mkdirat(root_fd, DIRECTORY, 0700) < 0 && errno != EEXIST)
		return mr_fail(err, errno, "make '%s/" DIRECTORY "'", root);
	int fd = openat(root_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? mr_fail(err, errno, "open '%s/" DIRECTORY "'", root) : fd;
}

static bool is_older(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec < b->st_mtim.tv_sec
						      : a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* Remove the oldest when there are too many. */
static void prune(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char oldest[NAME_SIZE] = "";
	struct stat oldest_st = { 0 };
	size_t n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		struct stat st;
		if (e->d_name[0] == '.' || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n++ == 0 || is_older(&st, &oldest_st)) {
			snprintf(oldest, sizeof(oldest), "%s", e->d_name);
			oldest_st = st;
		}
	}
	if (d)
		closedir(d);
	else
		mr_close(&fd);
	if (n > MR_KEPT_MAX)
		unlinkat(dir, oldest, 0);
}

int mr_kept_check_id(const char *id, struct mr_error *err)
{
	const size_t n = strlen(id);

	if (n <= MR_KEPT_ID_MAX)
		return 0;
	mr_fail_text(err, ENAMETOOLONG,
		"the record of '%.80s...' cannot be kept: the id has %zu bytes, at most %zu are possible",
		id, n, MR_KEPT_ID_MAX);
	mr_hint(err, "choose a shorter id, or do not ask for the record to be kept");
	return -ENAMETOOLONG;
}

int mr_kept_add(const struct mr_state *state, struct mr_error *err)
{
	char name[NAME_SIZE];
	int r = mr_kept_check_id(state->id, err);

	if (r < 0)
		return r;
	autoclose int dir = open_records(state->root, true, err);
	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%s" SUFFIX, state->id);
	if (renameat(state->dir, "status.json", dir, name) < 0 && errno != ENOENT)
		return mr_fail(err, errno, "keep the record of '%s'", state->id);
	prune(dir);
	return 0;
}

int mr_kept_read(const char *root, const char *id, char **ret_json, struct mr_error *err)
{
	char name[NAME_SIZE];
	autoclose int dir = open_records(root, false, err);

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%s" SUFFIX, id);
	int r = mr_read_file_at(dir, name, MR_JSON_MAX_BYTES, ret_json, NULL);
	return r < 0 ? mr_fail(err, -r, "read the kept record of '%s'", id) : 0;
}

/* What has another name is no record. */
static int add_id(int dir, const char *name, struct mr_strv *ret)
{
	char id[NAME_SIZE];

	(void)dir;
	if (!mr_has_suffix(name, SUFFIX))
		return 0;
	snprintf(id, sizeof(id), "%.*s", (int)(strlen(name) - strlen(SUFFIX)), name);
	return mr_is_id(id) ? mr_strv_add(ret, id) : 0;
}

int mr_kept_list(const char *root, struct mr_strv *ret, struct mr_error *err)
{
	struct mr_error reason = { 0 };
	int r = open_records(root, false, &reason);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		*err = reason;
		return r;
	}
	r = mr_list_names(r, add_id, ret);
	return r < 0 ? mr_fail(err, -r, "list '%s/" DIRECTORY "'", root) : 0;
}

int mr_kept_remove(const char *root, const char *id, struct mr_error *err)
{
	char name[NAME_SIZE];
	autoclose int dir = open_records(root, false, err);

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%s" SUFFIX, id);
	return unlinkat(dir, name, 0) < 0
		       ? mr_fail(err, errno, "remove the kept record of '%s'", id)
		       : 0;
}
