/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of minirun.h for records that outlive their containers: see record/kept.h. */
#include "launch/container.h"

#include "base/io.h"
#include "base/str.h"
#include "record/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY "@records" /* of ROOT/@records/ID.json */
#define SUFFIX ".json"

/* @return a descriptor, or -errno with its message */
static int open_directory(const char *root, struct mr_error *err)
{
	autoclose int root_fd = mr_state_root_open(root, false, err);

	if (root_fd < 0)
		return root_fd;
	int fd = openat(root_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? mr_fail(err, errno, "open '%s/" DIRECTORY "'", root) : fd;
}

/* What has another name is no record. */
static int add_id(const char *name, struct mr_strv *ret)
{
	char id[sizeof(((struct mr_status *)NULL)->id)];
	const size_t n = strlen(name), suffix = sizeof(SUFFIX) - 1;

	if (n <= suffix || n - suffix >= sizeof(id) || !mr_has_suffix(name, SUFFIX))
		return 0;
	snprintf(id, sizeof(id), "%.*s", (int)(n - suffix), name);
	return mr_is_id(id) ? mr_strv_add(ret, id) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_ids(const char *root, struct mr_strv *ret, struct mr_error *err)
{
	struct mr_error reason = { 0 };
	int fd = open_directory(root, &reason);

	if (fd == -ENOENT)
		return 0; /* nothing was ever kept */
	if (fd < 0) {
		*err = reason;
		return fd;
	}
	DIR *dir = fdopendir(fd);
	int r = dir ? 0 : mr_fail(err, errno, "list '%s/" DIRECTORY "'", root);
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (add_id(e->d_name, ret) < 0)
			r = mr_fail(err, ENOMEM, "list of records");
	if (dir)
		closedir(dir);
	else
		mr_close(&fd);
	if (ret->n > 1)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare);
	return r;
}

int mr_list_kept(const char *root, struct mr_status **ret, size_t *ret_n, struct mr_error *err)
{
	auto_strv ids = { 0 };
	int r = read_ids(root ? root : mr_default_root(), &ids, err);

	if (r < 0)
		return r;
	struct mr_status *list = calloc(ids.n + 1, sizeof(*list));
	if (!list)
		return mr_fail(err, ENOMEM, "list of records");
	for (size_t i = 0; i < ids.n; i++)
		snprintf(list[i].id, sizeof(list[i].id), "%s", ids.items[i]);
	*ret = list;
	*ret_n = ids.n;
	return 0;
}

int mr_forget(const char *root, const char *id, struct mr_error *err)
{
	int ret = mr_check_id(id, err);
	return ret < 0 ? ret : mr_kept_remove(root ? root : mr_default_root(), id, err);
}
