/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: which are new, which are joined, and what is written into them.
 *
 * A namespace belongs to the user namespace of the process that made it, and privilege
 * over it means privilege there. That gives the order: a user namespace first, everything
 * else inside of it. clone3(2) keeps that order when all are new; when the user namespace
 * is joined and others are new, a middle process joins it and clones the container
 * process. Without privilege a pid namespace can be joined only from inside of the user
 * namespace that owns it, so then the middle process does that, too.
 *
 * Three kinds are entered in their own ways: a pid namespace counts for children only, so
 * the parent joins it before it clones; a time namespace takes its offsets only while it
 * is empty, so the parent makes it, writes them and clones into it; the root of a cgroup
 * namespace is where its maker stands, so the child makes it once its cgroups are joined.
 *
 * Manual pages: namespaces(7), user_namespaces(7), time_namespaces(7), setns(2),
 * ioctl_ns(2), newuidmap(1).
 */
#include "sandbox/ns.h"

#include "base/helper.h"
#include "base/io.h"
#include "base/sys.h"
#include "sandbox/procfs.h"
#include "spec/subids.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static const int clone_flag[MR_NS_TYPES] = {
	[MR_NS_USER] = CLONE_NEWUSER,
	[MR_NS_PID] = CLONE_NEWPID,
	[MR_NS_NETWORK] = CLONE_NEWNET,
	[MR_NS_IPC] = CLONE_NEWIPC,
	[MR_NS_UTS] = CLONE_NEWUTS,
	[MR_NS_CGROUP] = CLONE_NEWCGROUP,
	[MR_NS_TIME] = CLONE_NEWTIME,
	[MR_NS_MOUNT] = CLONE_NEWNS,
};

/* Below /proc/self/ns, of those that may belong to another user namespace than the one that is
 * joined with them. */
static const char *const proc_name[MR_NS_TYPES] = {
	[MR_NS_NETWORK] = "net",
	[MR_NS_IPC] = "ipc",
	[MR_NS_UTS] = "uts",
	[MR_NS_CGROUP] = "cgroup",
	[MR_NS_TIME] = "time",
};

/* --- pure --- */

static int format_map(const struct mr_id_mappings *maps, struct mr_arena *arena,
	const char **ret, struct mr_error *err)
{
	auto_str text = {0};

	for (size_t i = 0; i < maps->n; i++)
		mr_str_appendf(&text, "%u %u %u\n", maps->items[i].container_id,
			maps->items[i].host_id, maps->items[i].size);
	*ret = mr_str_ok(&text) ? mr_arena_strdup(arena, mr_str_text(&text)) : NULL;
	return *ret ? 0 : mr_fail(err, ENOMEM, "id mappings");
}

/** May the caller write this map without privilege: one id, its own? */
static bool maps_only_self(const struct mr_id_mappings *maps)
{
	return maps->n == 1 && maps->items[0].size == 1;
}

static int plan_maps(const struct mr_linux *l, const struct mr_host *host,
	struct mr_arena *arena, struct mr_ns_plan *ret, struct mr_error *err)
{
	const struct mr_id_mappings *uids = &l->uid_mappings, *gids = &l->gid_mappings;
	bool privileged =
		mr_host_has_cap(host, CAP_SETUID) && mr_host_has_cap(host, CAP_SETGID);

	if (!ret->create[MR_NS_USER])
		return 0;
	if (uids->n == 0 || gids->n == 0)
		return mr_fail_text(err, EINVAL,
			"linux.uidMappings and linux.gidMappings are needed for a new "
			"user "
			"namespace");
	int r = format_map(uids, arena, &ret->uid_map, err);
	if (r == 0)
		r = format_map(gids, arena, &ret->gid_map, err);
	if (r < 0 || privileged)
		return r;
	bool self = maps_only_self(uids) && maps_only_self(gids) &&
		    uids->items[0].host_id == host->euid;
	ret->map_by_helper = !self;
	/* Kernel 3.19: without privilege a gid map is taken only after setgroups(2) is
	 * given up, since a group may also be there to withhold something. */
	ret->deny_setgroups = self;
	return 0;
}

static int plan_offsets(const struct mr_linux *l, struct mr_arena *arena,
	struct mr_ns_plan *ret, struct mr_error *err)
{
	auto_str text = {0};

	if (l->time_offsets.n == 0)
		return 0;
	if (!ret->create[MR_NS_TIME])
		return mr_fail_text(err, EINVAL,
			"linux.timeOffsets needs a new time namespace in "
			"linux.namespaces");
	for (size_t i = 0; i < l->time_offsets.n; i++) {
		const struct mr_time_offset *o = &l->time_offsets.items[i];
		if (!mr_streq(o->clock, "monotonic") && !mr_streq(o->clock, "boottime"))
			return mr_fail_text(err, EINVAL,
				"linux.timeOffsets: no clock '%s' (monotonic, boottime)",
				o->clock ? o->clock : "");
		if (o->nanosecs >= 1000000000)
			return mr_fail_text(err, ERANGE,
				"linux.timeOffsets.%s.nanosecs: %u is not below "
				"1000000000",
				o->clock, o->nanosecs);
		mr_str_appendf(
			&text, "%s %lld %u\n", o->clock, (long long)o->secs, o->nanosecs);
	}
	ret->time_offsets =
		mr_str_ok(&text) ? mr_arena_strdup(arena, mr_str_text(&text)) : NULL;
	return ret->time_offsets ? 0 : mr_fail(err, ENOMEM, "time offsets");
}

void mr_ns_order(struct mr_ns_plan *plan, const struct mr_host *host)
{
	/* Without privilege the pid namespace is joined after the user namespace, and root of
	 * a user namespace (rootless podman) could not return from it. */
	plan->pid_by_middle =
		plan->join[MR_NS_PID] &&
		(host->rootless || (plan->join[MR_NS_USER] &&
					   !mr_host_has_cap(host, CAP_SYS_ADMIN)));
	plan->middle = plan->pid_by_middle ||
		       (plan->join[MR_NS_USER] && plan->clone_flags != 0);
}

int mr_ns_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_arena *arena, struct mr_ns_plan *ret, struct mr_error *err)
{
	const struct mr_linux *l = spec->linux_;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct mr_spec_namespace *ns = &l->namespaces.items[i];
		if (ret->create[ns->type] || ret->join[ns->type])
			return mr_fail_text(err, EINVAL,
				"linux.namespaces: '%s' is there twice",
				mr_ns_type_name(ns->type));
		if (ns->path && ns->path[0] != '/')
			return mr_fail_text(err, EINVAL,
				"linux.namespaces: path '%s' of '%s' is not absolute",
				ns->path, mr_ns_type_name(ns->type));
		ret->join[ns->type] = ns->path;
		ret->create[ns->type] = ns->path == NULL;
		if (!ns->path && ns->type != MR_NS_CGROUP && ns->type != MR_NS_TIME)
			ret->clone_flags |= (uint64_t)clone_flag[ns->type];
	}
	mr_ns_order(ret, host);
	ret->hostname = spec->hostname;
	ret->domainname = spec->domainname;
	ret->loopback = ret->create[MR_NS_NETWORK];
	int r = plan_maps(l, host, arena, ret, err);
	return r < 0 ? r : plan_offsets(l, arena, ret, err);
}

void mr_ns_hint(const struct mr_ns_plan *plan, int errnum, struct mr_error *err)
{
	if (errnum == ENOSPC || errnum == EUSERS)
		mr_hint(err, "a limit in /proc/sys/user/max_*_namespaces is reached");
	else if (errnum == EPERM && plan->create[MR_NS_USER])
		mr_hint(err,
			"no user namespace can be made in a chroot, and they may be switched off: "
			"see the sysctls kernel.unprivileged_userns_clone, "
			"user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns");
	else if (errnum == EPERM)
		mr_hint(err,
			"this needs CAP_SYS_ADMIN: run as root, or add a user namespace "
			"with id mappings to the spec");
	else if (errnum == EINVAL)
		mr_hint(err, "this kernel may lack one of these namespaces");
}

/* --- joining --- */

static int open_ns(const char *path, enum mr_ns_type type, struct mr_error *err)
{
	/* O_NONBLOCK: a path that names a FIFO must not stop us here. */
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct statfs fs;

	if (fd < 0)
		return mr_fail(
			err, errno, "%s namespace '%s'", mr_ns_type_name(type), path);
	if (fstatfs(fd, &fs) < 0)
		return mr_fail(err, errno, "statfs of '%s'", path);
	int kind = fs.f_type == NSFS_MAGIC ? ioctl(fd, NS_GET_NSTYPE) : -1;
	if (kind != clone_flag[type])
		return mr_fail_text(err, EINVAL, "'%s' is not a %s namespace", path,
			mr_ns_type_name(type));
	return mr_take_fd(&fd);
}

int mr_ns_open(
	const struct mr_ns_plan *plan, int ret_fds[MR_NS_TYPES], struct mr_error *err)
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		ret_fds[i] = -1;
	for (int i = 0; i < MR_NS_TYPES; i++) {
		if (!plan->join[i])
			continue;
		ret_fds[i] = open_ns(plan->join[i], (enum mr_ns_type)i, err);
		if (ret_fds[i] < 0) {
			mr_ns_close(ret_fds);
			return -err->err;
		}
	}
	return 0;
}

void mr_ns_close(int fds[MR_NS_TYPES])
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		mr_close(&fds[i]);
}

/** Is @fd the namespace of this type that we are in? Joining the own user namespace is
 * refused by the kernel, though nothing needs to be done. */
static bool is_current(int fd, const char *name)
{
	struct stat joined, own;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return fstat(fd, &joined) == 0 && stat(path, &own) == 0 &&
	       joined.st_dev == own.st_dev && joined.st_ino == own.st_ino;
}

static int join_ns(const struct mr_ns_plan *plan, const int *fds, enum mr_ns_type type,
	struct mr_error *err)
{
	if (fds[type] < 0)
		return 0;
	if (type == MR_NS_USER && is_current(fds[type], "user"))
		return 0;
	if (setns(fds[type], clone_flag[type]) == 0)
		return 0;
	int e = errno;
	if (e == EPERM && proc_name[type] && is_current(fds[type], proc_name[type]))
		return 0; /* by join_outer() */
	mr_fail(err, e, "join the %s namespace '%s'", mr_ns_type_name(type),
		plan->join[type] ? plan->join[type] : "");
	if (e == EPERM)
		mr_hint(err,
			"CAP_SYS_ADMIN is needed in the user namespace that owns it: a "
			"container with its own user namespace can only join what was "
			"made "
			"there");
	return -e;
}

/* What an outer user namespace owns, as a time namespace whose offsets were written before
 * the container had its own, can be joined only from there. What cannot be is left for later. */
static void join_outer(const int *fds)
{
	if (fds[MR_NS_USER] < 0 || is_current(fds[MR_NS_USER], "user"))
		return;
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (proc_name[i] && fds[i] >= 0)
			(void)setns(fds[i], clone_flag[i]);
}

int mr_ns_join(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err)
{
	int ret = 0;

	join_outer(fds);
	for (int i = 0; i < MR_NS_TYPES && ret == 0; i++) {
		if (i == MR_NS_PID) /* counts for children: mr_ns_prepare() */
			continue;
		ret = join_ns(plan, fds, (enum mr_ns_type)i, err);
		if (ret == 0 && i == MR_NS_USER && fds[i] >= 0)
			ret = mr_ns_become_root(err);
	}
	return ret;
}

int mr_ns_join_first(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err)
{
	join_outer(fds);
	int ret = join_ns(plan, fds, MR_NS_USER, err);

	if (ret == 0 && plan->pid_by_middle)
		ret = join_ns(plan, fds, MR_NS_PID, err);
	return ret < 0 ? ret : mr_ns_become_root(err);
}

int mr_ns_become_root(struct mr_error *err)
{
	/* EINVAL: a namespace without a root, as a command of an ordinary user has, where the
	 * caller is mapped. */
	if ((setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) && errno != EINVAL)
		return mr_fail(err, errno, "become root of the user namespace");
	return 0;
}

/* --- around the clone --- */

static int make_time_ns(const struct mr_ns_plan *plan, struct mr_error *err)
{
	char path[MR_PROCFS_PATH_MAX];

	if (unshare(CLONE_NEWTIME) < 0) {
		int ret = mr_fail(err, errno, "new time namespace");
		mr_ns_hint(plan, errno, err);
		return ret;
	}
	if (!plan->time_offsets)
		return 0;
	autoclose int proc = mr_procfs_open_host(err);
	if (proc < 0)
		return proc;
	int ret = mr_procfs_self_path(proc, "timens_offsets", path);
	if (ret == 0)
		ret = mr_procfs_write(proc, path, plan->time_offsets);
	if (ret < 0)
		return mr_fail(err, -ret, "write the time offsets '%.*s'",
			(int)strcspn(plan->time_offsets, "\n"), plan->time_offsets);
	return 0;
}

int mr_ns_prepare(
	const struct mr_ns_plan *plan, const int fds[MR_NS_TYPES], struct mr_error *err)
{
	int ret = plan->pid_by_middle ? 0 : join_ns(plan, fds, MR_NS_PID, err);

	if (ret == 0 && plan->create[MR_NS_TIME])
		ret = make_time_ns(plan, err);
	return ret;
}

/** Children are made in our own namespace again. */
static int leave_ns(const char *path, int flag, struct mr_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, flag) < 0)
		return mr_fail(err, errno, "return to the own namespace '%s'", path);
	return 0;
}

int mr_ns_leave(const struct mr_ns_plan *plan, struct mr_error *err)
{
	int ret = 0;

	/* These links show where we are, not where our children go. */
	if (plan->join[MR_NS_PID] && !plan->pid_by_middle)
		ret = leave_ns("/proc/self/ns/pid", CLONE_NEWPID, err);
	if (ret == 0 && plan->create[MR_NS_TIME])
		ret = leave_ns("/proc/self/ns/time", CLONE_NEWTIME, err);
	return ret;
}

/* --- id maps --- */

static int add_map_args(const char *map, struct mr_strv *args)
{
	/* "a b c\nd e f\n" to a, b, c, d, e, f */
	while (*map) {
		size_t len = strcspn(map, " \n");
		if (len && mr_strv_addf(args, "%.*s", (int)len, map) < 0)
			return -ENOMEM;
		map += len;
		map += strspn(map, " \n");
	}
	return 0;
}

static int map_by_helper(
	const char *program, pid_t pid, const char *map, struct mr_error *err)
{
	char path[] = "PATH=/usr/bin:/bin";
	char *const env[] = {path, NULL};
	auto_strv args = {0};
	char output[400] = "";

	if (mr_strv_add(&args, program) < 0 || mr_strv_addf(&args, "%d", (int)pid) < 0 ||
		add_map_args(map, &args) < 0)
		return mr_fail(err, ENOMEM, "arguments of %s", program);
	int status = mr_helper_run(args.items, env, output, sizeof(output));
	if (status == -ENOENT) {
		mr_fail(err, ENOENT, "%s", program);
		mr_hint(err, "install the package that holds newuidmap (uidmap, "
			     "shadow-utils)");
		return -ENOENT;
	}
	if (status < 0)
		return mr_fail(err, -status, "run %s", program);
	if (status == 0)
		return 0;
	output[strcspn(output, "\n")] = '\0';
	mr_fail_text(err, EPERM, "%s refused the map '%.*s' (status %d): %s", program,
		(int)strcspn(map, "\n"), map,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output);
	mr_hint(err,
		"the ids must be granted to the user in /etc/subuid and /etc/subgid");
	return -EPERM;
}

static int write_map(
	int proc, pid_t pid, const char *name, const char *text, struct mr_error *err)
{
	char path[MR_PROCFS_PATH_MAX];

	snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	int ret = mr_procfs_write(proc, path, text);
	if (ret == 0)
		return 0;
	autofree char *shown = strdup(text);
	for (char *c = shown; c && *c; c++)
		*c = *c == '\n' ? (c[1] ? ',' : '\0') : *c;
	mr_fail(err, -ret, "linux.%cidMappings: write '%.200s' to %s", name[0] == 'u' ? 'u' : 'g',
		shown ? shown : "", name);
	if (ret == -EINVAL)
		mr_hint(err, "a line is first id inside, first id outside, how many; none may overlap");
	return ret;
}

int mr_ns_write_maps(const struct mr_ns_plan *plan, pid_t pid, struct mr_error *err)
{
	if (plan->map_by_helper) {
		int ret = map_by_helper(MR_NEWUIDMAP, pid, plan->uid_map, err);
		return ret < 0 ? ret
			       : map_by_helper(
					 MR_NEWGIDMAP, pid, plan->gid_map, err);
	}
	autoclose int proc = mr_procfs_open_host(err);
	if (proc < 0)
		return proc;
	int ret = 0;
	if (plan->deny_setgroups)
		ret = write_map(proc, pid, "setgroups", "deny", err);
	if (ret == 0)
		ret = write_map(proc, pid, "gid_map", plan->gid_map, err);
	if (ret == 0)
		ret = write_map(proc, pid, "uid_map", plan->uid_map, err);
	return ret;
}

/* --- inside --- */

int mr_ns_unshare_cgroup(struct mr_error *err)
{
	return unshare(CLONE_NEWCGROUP) < 0 ? mr_fail(err, errno, "new cgroup namespace")
					    : 0;
}

int mr_ns_set_names(const struct mr_ns_plan *plan, struct mr_error *err)
{
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		return mr_fail(err, errno, "set the hostname '%.80s'", plan->hostname);
	if (plan->domainname &&
		setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
		return mr_fail(
			err, errno, "set the domain name '%.80s'", plan->domainname);
	return 0;
}

int mr_ns_loopback_up(struct mr_error *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	/* Any socket answers interface requests; AF_UNIX is always there. */
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return mr_fail(err, errno, "socket for the loopback interface");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return mr_fail(err, errno, "bring up the loopback interface");
	return 0;
}
