/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's cgroups: make the directories, join them, open those of a container that
 * exists.
 *
 * Making is cheap where it matters, for containers below a parent that is there already:
 * one mkdir and one open per hierarchy. Parents are made only after an ENOENT, and as the
 * last container of the parent may take it away at any moment, that is repeated.
 *
 * Joining: on v2 clone3(CLONE_INTO_CGROUP) (kernel 5.7). On v1 the child, while it has
 * one thread, writes "0" into its own `tasks` files. Writing another's pid into
 * cgroup.procs, the obvious way, takes the lock over all thread groups and waits for an
 * RCU grace period, some 15 ms on an idle machine; it is left for kernels where the child
 * may not.
 *
 * mkdir(2), cgroups(7), clone(2)
 */
#include "cgroup/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void mr_cgroup_init(struct mr_cgroup *cg)
{
	cg->host = NULL;
	cg->path[0] = '\0';
	cg->memory_origin = MR_CGROUP_FOUND;
	for (int h = 0; h < MR_MAX_HIERARCHIES; h++)
		cg->dir[h] = cg->tasks[h] = -1;
}

void mr_cgroup_close(struct mr_cgroup *cg)
{
	for (int h = 0; h < MR_MAX_HIERARCHIES; h++) {
		mr_close(&cg->dir[h]);
		mr_close(&cg->tasks[h]);
	}
}

size_t mr_cgroup_default_parent(const struct mr_cgroup *cg)
{
	static const char parent[] = MR_CGROUP_PARENT "/";
	const char *at = cg->path;

	/* Of an ordinary user it is where a part of the tree was delegated. */
	if (cg->host && cg->host->rootless)
		at = strstr(cg->path, parent);
	return at && mr_has_prefix(at, parent) ? (size_t)(at - cg->path) + strlen(MR_CGROUP_PARENT)
					       : 0;
}

int mr_cgroup_dir(const struct mr_cgroup *cg, enum mr_controller c)
{
	int owner = cg->host ? cg->host->owner[c] : -1;
	return owner < 0 ? -1 : cg->dir[owner];
}

/* --- make the directories --- */

static void hint_mkdir(
	const struct mr_host *host, int h, int errnum, struct mr_error *err)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
		mr_hint(err, "run as root, or have a part of %s delegated to this user",
			host->hierarchies[h].mount_point);
		break;
	case EROFS:
		mr_hint(err, "%s is mounted read-only: mount -o remount,rw %s",
			host->hierarchies[h].mount_point,
			host->hierarchies[h].mount_point);
		break;
	case EAGAIN:
		mr_hint(err,
			"cgroup.max.descendants or cgroup.max.depth of a parent is reached");
		break;
	case ENOSPC:
	case ENOMEM:
		mr_hint(err,
			"the kernel keeps at most 65535 memory cgroups, dying ones included");
		break;
	default:
		break;
	}
}

/*
 * Make what is missing above the last component of @full.
 *
 * @param first_made offset of the end of the shallowest directory made here; 0: none yet
 */
static int make_parents(char *full, size_t mount_len, size_t *first_made)
{
	for (char *slash = strchr(full + mount_len + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int r = mkdir(full, 0755) < 0 ? -errno : 0;
		*slash = '/';
		if (r < 0 && r != -EEXIST)
			return r;
		size_t end = (size_t)(slash - full);
		if (r == 0 && (*first_made == 0 || end < *first_made))
			*first_made = end;
	}
	return 0;
}

/* What was made in one hierarchy. */
struct made {
	bool leaf;         /* the container's own directory, which was not found there */
	size_t first_made; /* see make_parents() */
};

static int make_directory(const struct mr_cgroup *cg, int h,
	char full[static MR_CGROUP_FULL_MAX], struct made *made, struct mr_error *err)
{
	int r = -ENOENT;

	made->first_made = 0;
	mr_cgroup_full(cg->host, h, cg->path, full);
	const size_t mount_len = strlen(full) - strlen(cg->path);
	/* A parent that was there can be gone at the next step, when the last container
	 * of another launcher ends; that cannot go on for ever. */
	for (int tries = 0; tries < 100 && r == -ENOENT; tries++) {
		r = mkdir(full, 0755) < 0 ? -errno : 0;
		/* What is left there of another has limits that are not ours; elsewhere it may be
		 * meant for us. */
		if (r == -EEXIST && mr_cgroup_default_parent(cg) && rmdir(full) == 0)
			r = mkdir(full, 0755) < 0 ? -errno : 0;
		if (r != -ENOENT)
			break;
		int parents = make_parents(full, mount_len, &made->first_made);
		if (parents < 0 && parents != -ENOENT) {
			r = parents;
			break;
		}
	}
	made->leaf = r == 0;
	if (r == 0 || r == -EEXIST)
		return 0;
	mr_fail(err, -r, "make the cgroup %s", full);
	hint_mkdir(cg->host, h, -r, err);
	return r;
}

static void remove_made(
	const struct mr_host *host, int h, const char *path, const struct made *made)
{
	char full[MR_CGROUP_FULL_MAX];

	mr_cgroup_full(host, h, path, full);
	if (made->leaf)
		rmdir(full);
	for (size_t n = strlen(full); made->first_made && n > made->first_made;) {
		while (n > 0 && full[n - 1] != '/')
			n--;
		full[--n] = '\0';
		if (rmdir(full) < 0)
			break;
	}
}

/* --- a directory that was there --- */

static int busy(const char *full, struct mr_error *err, const char *what)
{
	mr_fail_text(err, EBUSY, "container's cgroup %s: %s", what, full);
	mr_hint(err, "choose another linux.cgroupsPath, or remove what is left of the "
		     "container that used it");
	return -EBUSY;
}

static int check_reusable(int fd, bool v2, const char *full, struct mr_error *err)
{
	char line[64];
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_nlink > 2)
		return busy(full, err, "has cgroups below it");
	/* The first byte says enough; -EFBIG: more than a line of them. */
	ssize_t n = mr_read_line_at(fd, "cgroup.procs", line, sizeof(line));
	if (n != 0 && n != -EOPNOTSUPP)
		return n > 0 || n == -EFBIG
			       ? busy(full, err, "is not empty")
			       : mr_fail(err, (int)-n, "read %s/cgroup.procs", full);
	if (v2) {
		n = mr_read_line_at(fd, "cgroup.freeze", line, sizeof(line));
		if (n == 1 && line[0] == '1')
			return busy(full, err, "unexpectedly frozen");
	} else {
		n = mr_read_line_at(fd, "freezer.state", line, sizeof(line));
		if (n > 0 && strcmp(line, "THAWED") != 0)
			return busy(full, err, "unexpectedly frozen");
	}
	return 0;
}

/* A cgroup made below a threaded one can hold no process until it is threaded too. */
static int check_type(
	int fd, const struct mr_cgroup_plan *plan, const char *full, struct mr_error *err)
{
	char type[64];

	if (mr_path_is_below(plan->path, MR_CGROUP_PARENT))
		return 0;
	if (mr_read_line_at(fd, "cgroup.type", type, sizeof(type)) < 0 ||
		mr_streq(type, "domain") || mr_streq(type, "domain threaded"))
		return 0;
	mr_fail_text(err, EOPNOTSUPP,
		"the cgroup %s is of type '%s' and cannot hold a container", full, type);
	mr_hint(err, "a parent of it is threaded: choose another linux.cgroupsPath");
	return -EOPNOTSUPP;
}

/* The root of a hierarchy, which has no limits, is node 1 of its file system; the root of a
 * cgroup namespace, or of a bind mount, is another. */
static enum mr_cgroup_origin find_origin(
	const struct mr_host *host, int h, const char *full, const struct made *made)
{
	const char *mount = host->hierarchies[h].mount_point;
	const char *top = strchr(full + strlen(mount) + 1, '/'); /* behind the topmost */
	struct stat st;

	if (!made->leaf)
		return MR_CGROUP_FOUND;
	if (top && made->first_made != (size_t)(top - full))
		return MR_CGROUP_MADE;
	return stat(mount, &st) == 0 && st.st_ino == 1 ? MR_CGROUP_TOPMOST : MR_CGROUP_MADE;
}

static int create_one(const struct mr_cgroup_plan *plan, const struct mr_host *host,
	int h, struct made *made, struct mr_cgroup *cg, struct mr_error *err)
{
	const bool v2 = host->hierarchies[h].v2;
	char full[MR_CGROUP_FULL_MAX];
	int r = make_directory(cg, h, full, made, err);
	if (r < 0)
		return r;
	cg->dir[h] = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg->dir[h] < 0)
		return mr_fail(err, errno, "open the cgroup %s", full);
	if (h == host->owner[MR_CTL_MEMORY])
		cg->memory_origin = find_origin(host, h, full, made);
	if (!made->leaf)
		r = check_reusable(cg->dir[h], v2, full, err);
	if (r == 0 && v2)
		r = mr_cgroup_enable_controllers(plan, host, h, err);
	if (r == 0 && v2)
		r = check_type(cg->dir[h], plan, full, err);
	return r;
}

int mr_cgroup_create(const struct mr_cgroup_plan *plan, const struct mr_host *host,
	struct mr_cgroup *ret, struct mr_error *err)
{
	int r = mr_cgroup_check_path(plan->path, err);
	if (r < 0)
		return r;
	struct made made[MR_MAX_HIERARCHIES];

	mr_cgroup_init(ret);
	ret->host = host;
	snprintf(ret->path, sizeof(ret->path), "%s", plan->path);
	int h = 0;
	for (; h < host->n_hierarchies && r == 0; h++) {
		if (plan->hierarchy[h])
			r = create_one(plan, host, h, &made[h], ret, err);
	}
	if (r == 0)
		return 0;
	mr_cgroup_close(ret);
	while (h-- > 0) {
		if (plan->hierarchy[h])
			remove_made(host, h, plan->path, &made[h]);
	}
	return r;
}

int mr_cgroup_open(const struct mr_host *host, const char *path, struct mr_cgroup *ret,
	struct mr_error *err)
{
	char full[MR_CGROUP_FULL_MAX];
	int found = 0;

	mr_cgroup_init(ret);
	/* Whatever is done to "/" would be done to the whole machine. */
	int r = mr_cgroup_check_path(path, err);
	if (r < 0)
		return r;
	ret->host = host;
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	for (int h = 0; h < host->n_hierarchies; h++) {
		mr_cgroup_full(host, h, path, full);
		ret->dir[h] = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (ret->dir[h] >= 0) {
			found++;
		} else if (errno != ENOENT) {
			r = mr_fail(err, errno, "open the cgroup %s", full);
			mr_cgroup_close(ret);
			return r;
		}
	}
	return found;
}

/* Those that CONTROLLER[,CONTROLLER]...: names, or all of them. */
static int choose_hierarchies(const struct mr_cgroup *cg, const char *where, const char *colon,
	bool ret[MR_MAX_HIERARCHIES], struct mr_error *err)
{
	for (int h = 0; h < MR_MAX_HIERARCHIES; h++)
		ret[h] = !colon;
	for (const char *name = where; colon && name < colon;) {
		size_t n = strcspn(name, ",:");
		int h = mr_host_find_controller(cg->host, name, n);
		if (h < 0)
			return mr_fail_text(err, EINVAL,
				"unknown controller '%.*s' in cgroup '%s': this host has none",
				(int)n, name, where);
		ret[h] = true;
		name += n + (name[n] == ',');
	}
	return 0;
}

int mr_cgroup_open_below(struct mr_cgroup *cg, const char *where, struct mr_error *err)
{
	const char *colon = strchr(where, ':');
	const char *path = colon ? colon + 1 : where;
	bool wanted[MR_MAX_HIERARCHIES];
	int ret = choose_hierarchies(cg, where, colon, wanted, err);

	if (ret < 0)
		return ret;
	path += strspn(path, "/");
	if (mr_path_has_dotdot(path))
		return mr_fail_text(err, EINVAL,
			"bad sub cgroup path '%s': it leaves the container's by '..'", where);
	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (!*path || !wanted[h] || (cg->dir[h] < 0 && !colon))
			continue;
		if (cg->dir[h] < 0)
			return mr_fail_text(err, ENOENT, "cgroup '%s': the container has none in %s",
				where, cg->host->hierarchies[h].mount_point);
		int fd = openat(cg->dir[h], path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return mr_fail(err, errno, "open the cgroup '%s' below %s%s", path,
				cg->host->hierarchies[h].mount_point, cg->path);
		mr_close(&cg->dir[h]);
		cg->dir[h] = fd;
	}
	return 0;
}

static int fail_join(const struct mr_cgroup *cg, int h, int errnum, struct mr_error *err)
{
	const struct mr_hierarchy *hierarchy = &cg->host->hierarchies[h];

	mr_fail(err, errnum, "join the cgroup %s%s", hierarchy->mount_point, cg->path);
	if (errnum == ENOSPC && cg->host->owner[MR_CTL_CPUSET] == h)
		mr_hint(err, "its cpuset.cpus or cpuset.mems is empty");
	else if (errnum == EINVAL && cg->host->owner[MR_CTL_CPU] == h)
		mr_hint(err, "a realtime process needs cpu.rt_runtime_us in its cgroup");
	else if (errnum == EOPNOTSUPP && hierarchy->v2)
		mr_hint(err, "see cgroup.type: a parent of it is threaded");
	else if (errnum == EBUSY && hierarchy->v2)
		mr_hint(err,
			"it has controllers switched on for its children, so it cannot hold "
			"processes itself");
	return -errnum;
}

int mr_cgroup_follow(struct mr_cgroup *cg, pid_t pid, struct mr_error *err)
{
	const int h = cg->host->unified;
	const struct mr_hierarchy *hierarchy = &cg->host->hierarchies[h];
	char place[MR_CGROUP_PATH_MAX];
	int r = mr_host_place(hierarchy, pid, place, sizeof(place), err);

	if (r < 0)
		return r;
	if (!mr_path_is_below(place, cg->path) || mr_streq(place, cg->path))
		return fail_join(cg, h, EBUSY, err);
	int fd = openat(cg->dir[h], place + strlen(cg->path) + 1,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mr_fail(err, errno, "open the cgroup %s%s", hierarchy->mount_point, place);
	mr_close(&cg->dir[h]);
	cg->dir[h] = fd;
	return 0;
}

int mr_cgroup_open_v1_freezer(const struct mr_cgroup *cg)
{
	const int h = cg->host->owner[MR_CTL_FREEZER];
	char full[MR_CGROUP_FULL_MAX];

	if (h < 0 || cg->host->hierarchies[h].v2)
		return -EOPNOTSUPP;
	mr_cgroup_full(cg->host, h, cg->path, full);
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* --- join --- */

int mr_cgroup_clone_fd(const struct mr_cgroup *cg)
{
	return cg->host && cg->host->unified >= 0 ? cg->dir[cg->host->unified] : -1;
}

int mr_cgroup_open_tasks(struct mr_cgroup *cg, struct mr_error *err)
{
	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (cg->dir[h] < 0 || cg->host->hierarchies[h].v2 || cg->tasks[h] >= 0)
			continue;
		cg->tasks[h] = openat(cg->dir[h], "tasks", O_WRONLY | O_CLOEXEC);
		if (cg->tasks[h] < 0)
			return mr_fail(err, errno, "open %s%s/tasks",
				cg->host->hierarchies[h].mount_point, cg->path);
	}
	return 0;
}

static int enter_one(struct mr_cgroup *cg, int h, struct mr_error *err)
{
	const char *file = cg->host->hierarchies[h].v2 ? "cgroup.procs" : "tasks";
	autoclose int opened = -1;
	int fd = cg->tasks[h];

	if (fd < 0)
		fd = opened = openat(cg->dir[h], file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_join(cg, h, errno, err);
	ssize_t n;
	do {
		n = write(fd, "0", 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? fail_join(cg, h, errno, err) : 0;
}

int mr_cgroup_enter(struct mr_cgroup *cg, bool skip_v2, struct mr_error *err)
{
	for (int h = 0; h < cg->host->n_hierarchies; h++) {
		if (cg->dir[h] < 0 || (skip_v2 && cg->host->hierarchies[h].v2))
			continue;
		int r = enter_one(cg, h, err);
		if (r < 0)
			return r;
	}
	return 0;
}

