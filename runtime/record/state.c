/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state root and the directory of one container: see state.h.
 *
 * Whoever can write below the root can make us signal processes and remove cgroups: so it
 * must be ours and closed to all others (mode 0700), and it is opened without following a
 * link at its end. Everything below is reached through directory descriptors.
 *
 * The lock is flock(2) on the directory itself: it goes with its holder, however that
 * dies, and there is no lock file that a removal could take from under a waiter. It
 * cannot be waited for by poll(2), and a blocking flock() could be given up only by a
 * signal; so it is tried again after pauses that grow from 1 to 20 ms, up to the given
 * time. A directory can be removed while we wait for its lock: the link count tells.
 *
 * Order: intent before the first cgroup; removal in the reverse order, intent last.
 */
#include "record/state.h"

#include "base/io.h"
#include "record/document.h"
#include "spec/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* In the order of removal. */
static const char *const names[] = {
	"start",
	"notify/notify.sock",
	"notify",
	"config.json",
	"execs",
	"refused",
	"log.json",
	"log.json.1",
	"update.json",
	"status.json",
	"state.json",
	"intent.json",
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

void mr_state_init(struct mr_state *s)
{
	memset(s, 0, sizeof(*s));
	s->dir = s->lock = -1;
}

void mr_state_close(struct mr_state *s)
{
	mr_state_unlock(s);
	mr_close(&s->dir);
}

/* --- root --- */

static int make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*p = '/';
		if (r < 0 && r != -EROFS && r != -EACCES) /* it may exist all the same */
			return r;
	}
	return 0;
}

static int check_root(int fd, const char *root, struct mr_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return mr_fail(err, errno, "state root '%s'", root);
	if (st.st_uid != geteuid()) {
		mr_fail_text(err, EPERM,
			"state root '%s' belongs to user %u, not to user %u who "
			"runs this: refused",
			root, (unsigned)st.st_uid, (unsigned)geteuid());
		mr_hint(err, "name another directory with --root, or remove that one");
		return -EPERM;
	}
	/* Others may see which containers there are, if whoever made it lets them; what is
	 * inside a container's directory they may not: that is 0700, its files 0600. */
	if (st.st_mode & 022) {
		mr_fail_text(err, EPERM,
			"state root '%s' has mode %04o, others may write to it: refused",
			root, (unsigned)st.st_mode & 07777u);
		mr_hint(err, "chmod 0700 '%s', if nobody else has written to it", root);
		return -EPERM;
	}
	return 0;
}

static int fail_root(const char *root, int errnum, const char *what, struct mr_error *err)
{
	struct stat st;
	bool found = errnum == ENOTDIR && lstat(root, &st) == 0;
	if (found && !S_ISLNK(st.st_mode))
		return mr_fail_text(err, ENOTDIR, "the state root '%s' is no directory", root);
	if (found) {
		mr_fail_text(err, ENOTDIR, "the state root '%s' is a link, which is not followed",
			root);
		mr_hint(err, "name the directory itself");
		return -ENOTDIR;
	}
	mr_fail(err, errnum, "%s the state root '%s'", what, root);
	if (errnum == EACCES && mr_is_rootless())
		mr_hint(err, "set XDG_RUNTIME_DIR, or name a directory of your own with --root");
	return -errnum;
}

int mr_state_root_open(const char *root, bool create, struct mr_error *err)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s", root);
	if (n <= 0 || (size_t)n >= sizeof(path))
		return mr_fail_text(
			err, EINVAL, "state root '%s': empty or too long", root);
	/* A '/' at the end would make the kernel follow a link. */
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The sticky bit keeps it from what tidies up $XDG_RUNTIME_DIR (basedir-spec). */
	if (fd < 0 && errno == ENOENT && create) {
		int r = make_parents(path);
		if (r == 0 && mkdir(path, mr_is_rootless() ? 01700 : 0700) < 0 && errno != EEXIST)
			r = -errno;
		if (r < 0)
			return fail_root(path, -r, "make", err);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_root(path, errno, "open", err);
	int r = check_root(fd, root, err);
	return r < 0 ? r : mr_take_fd(&fd);
}

/* --- one container --- */

int mr_check_id(const char *id, struct mr_error *err)
{
	auto_str text = { 0 };

	if (mr_is_id(id))
		return 0;
	for (const char *s = id; *s && !text.len; s++) {
		const char one[] = { *s, 0 };
		if (!mr_is_id(one) && *s != '-' && *s != '.')
			mr_str_append_printable(&text, one);
	}
	if (text.len)
		mr_fail_text(err, EINVAL, "container ID '%.80s': invalid character '%s'", id,
			mr_str_text(&text));
	else
		mr_fail_text(err, EINVAL, "container ID '%.80s': invalid", id);
	mr_hint(err, "an id is made of A-Z a-z 0-9 _ + - . with no '-' at the beginning, 255 at "
		     "most, and is not '.' or '..'");
	return -EINVAL;
}

static int set_name(
	struct mr_state *s, const char *root, const char *id, struct mr_error *err)
{
	mr_state_init(s);
	int ret = mr_check_id(id, err);
	if (ret < 0)
		return ret;
	if (strlen(root) >= sizeof(s->root))
		return mr_fail_text(err, EINVAL, "state root '%s': too long", root);
	snprintf(s->root, sizeof(s->root), "%s", root);
	snprintf(s->id, sizeof(s->id), "%s", id);
	return 0;
}

static int open_directory(int root_fd, struct mr_state *s)
{
	s->dir = openat(root_fd, s->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->dir < 0 ? -errno : 0;
}

/* Fresh from mkdirat(2); until we have its lock, somebody else may remove it as ended. */
static int enter_new(int root_fd, struct mr_state *s, struct mr_error *err)
{
	int r = open_directory(root_fd, s);
	if (r < 0 && r != -ENOENT)
		mr_fail(err, -r, "open '%s/%s'", s->root, s->id);
	if (r == 0)
		r = mr_state_lock(s, 1000, err);
	if (r < 0)
		mr_state_close(s);
	return r;
}

int mr_state_create(
	const char *root, const char *id, struct mr_state *ret, struct mr_error *err)
{
	int r = set_name(ret, root, id, err);
	if (r < 0)
		return r;
	autoclose int root_fd = mr_state_root_open(root, true, err);
	if (root_fd < 0)
		return root_fd;
	for (int i = 0; i < 10; i++) {
		if (mkdirat(root_fd, id, 0700) < 0) {
			if (errno == EEXIST)
				return mr_fail_text(
					err, EEXIST, "container '%s' already exists", id);
			return mr_fail(err, errno, "make '%s/%s'", root, id);
		}
		r = enter_new(root_fd, ret, err);
		if (r != -ENOENT)
			break;
	}
	/* Without the lock: whoever has taken it since removes the directory itself. */
	if (r < 0)
		unlinkat(root_fd, id, AT_REMOVEDIR);
	return r < 0 ? mr_prefix(err, "new container '%s'", id) : 0;
}

static int no_container(const char *id, struct mr_error *err)
{
	mr_fail_text(err, ENOENT, "container does not exist: '%s'", id);
	mr_hint(err, "minirun ps -a lists those of this state directory");
	return -ENOENT;
}

int mr_state_open(
	const char *root, const char *id, struct mr_state *ret, struct mr_error *err)
{
	struct mr_error reason = {0};
	int r = set_name(ret, root, id, err);
	if (r < 0)
		return r;
	autoclose int root_fd = mr_state_root_open(root, false, &reason);
	if (root_fd == -ENOENT)
		return no_container(id, err);
	if (root_fd < 0) {
		*err = reason;
		return root_fd;
	}
	r = open_directory(root_fd, ret);
	if (r == -ENOENT)
		return no_container(id, err);
	return r < 0 ? mr_fail(err, -r, "open '%s/%s'", root, id) : 0;
}

/* --- lock --- */

#define WATCHERS_MS 500

static int wait_for_lock(int fd, int timeout_ms)
{
	int64_t end = mr_now_mono_ns() + (int64_t)timeout_ms * 1000000;
	for (int pause_ms = 1;; pause_ms = pause_ms < 10 ? pause_ms * 2 : 20) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (mr_now_mono_ns() >= end)
			return -EAGAIN;
		poll(NULL, 0, pause_ms);
	}
}

int mr_state_lock(struct mr_state *s, int timeout_ms, struct mr_error *err)
{
	struct stat st;
	if (s->lock >= 0)
		return 0;
	/* An open file description of its own: s->dir may have been inherited or shared.
	 */
	autoclose int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) /* ENOENT: it was removed */
		return errno == ENOENT
			       ? no_container(s->id, err)
			       : mr_fail(err, errno, "open container '%s'", s->id);
	int r = wait_for_lock(fd, timeout_ms);
	if (r == -EAGAIN)
		return mr_fail_text(err, EAGAIN,
			"container '%s' is being changed by another minirun", s->id);
	if (r < 0)
		return mr_fail(err, -r, "lock container '%s'", s->id);
	if (fstat(fd, &st) < 0)
		return mr_fail(err, errno, "stat of container '%s'", s->id);
	if (st.st_nlink == 0)
		return no_container(s->id, err);
	s->lock = mr_take_fd(&fd);
	return 0;
}

void mr_state_unlock(struct mr_state *s)
{
	mr_close(&s->lock);
}

static int open_intent(const struct mr_state *s)
{
	return openat(s->dir, "intent.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int mr_state_watch(const struct mr_state *s, struct mr_error *err)
{
	autoclose int fd = open_intent(s);
	if (fd < 0)
		return errno == ENOENT ? no_container(s->id, err)
				       : mr_fail(err, errno, "open container '%s'", s->id);
	/* Who waits for us holds the other lock for a moment only. */
	while (flock(fd, LOCK_SH) < 0) {
		if (errno != EINTR)
			return mr_fail(err, errno, "watch container '%s'", s->id);
	}
	return mr_take_fd(&fd);
}

bool mr_state_is_watched(const struct mr_state *s)
{
	autoclose int fd = open_intent(s);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void mr_state_await_watchers(const struct mr_state *s)
{
	autoclose int fd = open_intent(s);
	if (fd >= 0)
		(void)wait_for_lock(fd, WATCHERS_MS);
}

/* --- the spec --- */

int mr_state_write_config(struct mr_state *s, const char *text, struct mr_error *err)
{
	autoclose int fd = openat(s->dir, "config.json",
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : mr_write_all(fd, text, strlen(text));
	return r < 0 ? mr_fail(err, -r, "write '%s/%s/config.json'", s->root, s->id) : 0;
}

/* --- the record for users --- */

int mr_state_write_status(
	struct mr_state *s, const char *json, bool last, struct mr_error *err)
{
	int r = (last ? mr_write_durable_at : mr_write_atomic_at)(
		s->dir, "status.json", json, strlen(json), 0600);
	return r < 0 ? mr_fail(err, -r, "write '%s/%s/status.json'", s->root, s->id) : 0;
}

int mr_state_read_status(const struct mr_state *s, char **ret_json, struct mr_error *err)
{
	int r = mr_read_file_at(s->dir, "status.json", MR_JSON_MAX_BYTES, ret_json, NULL);
	if (r != -ENOENT)
		return r < 0 ? mr_fail(err, -r, "read '%s/%s/status.json'", s->root, s->id) : 0;
	mr_fail_text(err, ENOENT,
		"container '%s' has no record: it is still being set up, or that was cut short", s->id);
	mr_hint(err, "minirun delete --force %s removes it", s->id);
	return -ENOENT;
}

/* --- removal --- */

/* ".state.json.123.0": a replacement of state.json that was cut off. */
static bool is_temporary(const char *name)
{
	for (size_t i = 0; name[0] == '.' && i < N_NAMES; i++) {
		size_t n = strlen(names[i]);
		if (strncmp(name + 1, names[i], n) == 0 && name[n + 1] == '.')
			return true;
	}
	return false;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Before anything is removed: is there something that we would leave? */
static int check_names(
	struct mr_state *s, struct mr_strv *ret_temporary, struct mr_error *err)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;
	if (!d) {
		r = mr_fail(err, errno, "list '%s/%s'", s->root, s->id);
		mr_close(&fd);
		return r;
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			is_known(e->d_name))
			continue;
		if (is_temporary(e->d_name))
			r = mr_strv_add(ret_temporary, e->d_name);
		else
			r = mr_fail_text(err, ENOTEMPTY,
				"'%s/%s/%s' is not minirun's: remove it "
				"by hand",
				s->root, s->id, e->d_name);
	}
	closedir(d);
	return r;
}

static int unlink_below(struct mr_state *s, const char *name, struct mr_error *err)
{
	int r = unlinkat(s->dir, name, strcmp(name, "notify") == 0 ? AT_REMOVEDIR : 0);
	if (r < 0 && errno != ENOENT)
		return mr_fail(err, errno, "remove '%s/%s/%s'", s->root, s->id, name);
	return 0;
}

int mr_state_remove(struct mr_state *s, struct mr_error *err)
{
	auto_strv temporary = {0};
	int r = check_names(s, &temporary, err);
	for (size_t i = 0; r == 0 && i < temporary.n; i++)
		r = unlink_below(s, temporary.items[i], err);
	for (size_t i = 0; r == 0 && i < N_NAMES; i++)
		r = unlink_below(s, names[i], err);
	if (r < 0)
		return r;
	autoclose int root_fd = mr_state_root_open(s->root, false, err);
	if (root_fd < 0)
		return root_fd;
	if (unlinkat(root_fd, s->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return mr_fail(err, errno, "remove '%s/%s'", s->root, s->id);
	mr_state_unlock(s);
	return 0;
}

/* --- list --- */

static int add_container(int dir, const char *name, struct mr_strv *ret)
{
	struct stat st;
	const bool is_one = mr_is_id(name) &&
			    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    S_ISDIR(st.st_mode);

	return is_one ? mr_strv_add(ret, name) : 0;
}

int mr_state_list(const char *root, struct mr_strv *ret, struct mr_error *err)
{
	struct mr_error reason = {0};
	int r = mr_state_root_open(root, false, &reason);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		*err = reason;
		return r;
	}
	r = mr_list_names(r, add_container, ret);
	return r < 0 ? mr_fail(err, -r, "list the state root '%s'", root) : 0;
}

int mr_state_read_owner(const struct mr_state *s, char ret[static 64])
{
	struct stat st;

	if (fstat(s->dir, &st) < 0)
		return -errno;
	snprintf(ret, 64, "#%u", (unsigned)st.st_uid);
	/* getpwuid(3) may load modules, which a static program cannot. */
	FILE *passwd = fopen("/etc/passwd", "re");
	for (struct passwd *p; passwd && (p = fgetpwent(passwd));)
		if (p->pw_uid == st.st_uid) {
			snprintf(ret, 64, "%s", p->pw_name);
			break;
		}
	if (passwd)
		fclose(passwd);
	return 0;
}
