/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below a hostile root.
 *
 * What exists is opened by one openat2(2) with RESOLVE_IN_ROOT (kernel 5.6): absolute
 * links and ".." stop at the root, races included. RESOLVE_NO_MAGICLINKS keeps
 * /proc/PID/{root,cwd,fd/N} from leading out.
 *
 * What is missing is made by walking: each component is opened alone (O_PATH|O_NOFOLLOW)
 * relative to the directory that was reached, links are read and put before the rest of
 * the path, and mkdirat(2) or mknodat(2) get one name and a descriptor. A racer who
 * exchanges a directory for a link meanwhile gets at most a directory in a place that it
 * could write itself (CVE-2021-30465, CVE-2024-45310). For ".." the parent is looked up
 * again from the root by the names walked so far, which are no links.
 */
#include "sandbox/resolve.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40 /* as the kernel's own limit, path_resolution(7) */

int mr_resolve(int root_fd, const char *path, unsigned flags)
{
	uint64_t how = O_PATH | O_CLOEXEC;
	uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

	if (flags & MR_RESOLVE_NOFOLLOW)
		how |= O_NOFOLLOW;
	if (flags & MR_RESOLVE_NO_SYMLINKS)
		resolve |= RESOLVE_NO_SYMLINKS;
	return mr_openat2(root_fd, path, how, 0, resolve);
}

/** A walk in progress. */
struct walk {
	int root_fd;
	int dir;            /* directory reached; owned */
	struct mr_str done; /* its path from the root, free of links: "", "/a", "/a/b" */
	char *rest;         /* what is still to be walked; owned */
	size_t pos;         /* how far in rest */
	int links;
	mode_t type;
	unsigned flags;
};

static int walk_to(struct walk *w)
{
	int fd = w->done.len == 0 ? fcntl(w->root_fd, F_DUPFD_CLOEXEC, 3)
				  : mr_openat2(w->root_fd, w->done.data,
					    O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
					    RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS |
						    RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return w->done.len == 0 ? -errno : fd;
	mr_close(&w->dir);
	w->dir = fd;
	return 0;
}

static void drop_done(struct walk *w, size_t len)
{
	w->done.len = len;
	if (w->done.data)
		w->done.data[len] = '\0';
}

static int walk_up(struct walk *w)
{
	char *slash = w->done.len ? strrchr(w->done.data, '/') : NULL;

	if (!slash)
		return 0;
	drop_done(w, (size_t)(slash - w->done.data));
	return walk_to(w);
}

/** Put the text of the link @fd before the rest of the path. */
static int walk_link(struct walk *w, int fd)
{
	char target[PATH_MAX];
	auto_str rest = {0};

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	ssize_t n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	mr_str_append_n(&rest, target, (size_t)n);
	mr_str_append(&rest, "/");
	mr_str_append(&rest, w->rest + w->pos);
	free(w->rest);
	w->rest = mr_str_take(&rest);
	w->pos = 0;
	if (!w->rest)
		return -ENOMEM;
	if (target[0] != '/')
		return 0;
	drop_done(w, 0);
	return walk_to(w);
}

/** Open the single name @name, making it when it is missing. @return fd or -errno */
static int open_or_make(const struct walk *w, const char *name, bool last)
{
	for (int tries = 0; tries < 3; tries++) {
		int fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
		int ret = last && w->type != S_IFDIR
				  ? mknodat(w->dir, name, S_IFREG | 0644, 0)
				  : mkdirat(w->dir, name, 0755);
		if (ret < 0 && errno != EEXIST)
			return -errno;
	}
	return -EAGAIN;
}

/** Walk one component. @return 1 with @ret_fd set at the end, 0 to go on, or -errno */
static int walk_step(struct walk *w, int *ret_fd)
{
	w->pos += strspn(w->rest + w->pos, "/");
	const char *name = w->rest + w->pos;
	size_t len = strcspn(name, "/");
	bool last = name[len + strspn(name + len, "/")] == '\0';
	struct stat st;

	if (len == 0) {
		*ret_fd = mr_take_fd(&w->dir);
		return 1;
	}
	w->pos += len;
	if (len == 1 && name[0] == '.')
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return walk_up(w);

	autofree char *one = strndup(name, len);
	if (!one)
		return -ENOMEM;
	autoclose int fd = open_or_make(w, one, last);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && (w->flags & MR_RESOLVE_NOFOLLOW)))
		return w->flags & MR_RESOLVE_NO_SYMLINKS ? -ELOOP : walk_link(w, fd);
	if (last) {
		*ret_fd = mr_take_fd(&fd);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	mr_str_append(&w->done, "/");
	mr_str_append(&w->done, one);
	if (!mr_str_ok(&w->done))
		return -ENOMEM;
	mr_close(&w->dir);
	w->dir = mr_take_fd(&fd);
	return 0;
}

int mr_resolve_make(int root_fd, const char *path, mode_t type, unsigned flags)
{
	int fd = mr_resolve(root_fd, path, flags);

	if (fd != -ENOENT)
		return fd;
	struct walk w = {.root_fd = root_fd, .dir = -1, .type = type, .flags = flags};
	w.rest = strdup(path);
	int ret = w.rest ? walk_to(&w) : -ENOMEM;
	while (ret == 0)
		ret = walk_step(&w, &fd);
	mr_close(&w.dir);
	mr_str_clear(&w.done);
	free(w.rest);
	return ret < 0 ? ret : fd;
}

int mr_resolve_make_parent(int root_fd, const char *path, const char **ret_name)
{
	const char *name = mr_path_base(path);
	autofree char *dir = strndup(path, (size_t)(name - path));

	if (!dir)
		return -ENOMEM;
	if (name[0] == '\0' || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	*ret_name = name;
	return mr_resolve_make(root_fd, dir[0] ? dir : "/", S_IFDIR, 0);
}
