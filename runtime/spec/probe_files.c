/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc, /sys, /dev and the cgroup trees say about this host.
 *
 * proc(5), cgroups(7), swapon(8), kernel documentation: admin-guide/cgroup-v1/memory,
 * admin-guide/cgroup-v2, accounting/psi
 */
#include "spec/probe_internal.h"

#include "base/io.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE (1u << 20)

/* --- cgroups --- */

static void ask_layout(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	const struct mr_host *host = env->host;

	mr_probe_answer(item,
		host->layout == MR_LAYOUT_NONE ? MR_PROBE_MISSING : MR_PROBE_OK, "%s",
		mr_layout_name(host->layout));
}

/* Our own cgroup's path in a hierarchy, from "ID:CONTROLLERS:PATH" of /proc/self/cgroup.
 */
static int own_path(
	const struct mr_probe_env *env, const char *controller, char ret[static PATH_MAX])
{
	autofree char *text = NULL;
	int r = mr_read_file_at(env->root, "proc/self/cgroup", MAX_FILE, &text, NULL);
	char *rest = text, *line;

	while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
		strsep(&line, ":");
		char *list = strsep(&line, ":"), *word;
		if (!line)
			continue;
		/* The cgroup2 line has an empty list. */
		while ((word = strsep(&list, ",")) != NULL) {
			if (strcmp(word, controller) == 0) {
				snprintf(ret, PATH_MAX, "%s", line);
				return 0;
			}
		}
	}
	return r < 0 ? r : -ENOENT;
}

/* The directory, relative to env->root, of our own cgroup in hierarchy @index. */
static int own_dir(const struct mr_probe_env *env, int index, const char *controller,
	char ret[static PATH_MAX])
{
	const struct mr_hierarchy *h = &env->host->hierarchies[index];
	char path[PATH_MAX];
	int r = own_path(env, h->v2 ? "" : controller, path);

	if (r < 0)
		return r;
	size_t skip = strcmp(h->root, "/") != 0 && mr_has_prefix(path, h->root)
			      ? strlen(h->root)
			      : 0;
	int n = snprintf(ret, PATH_MAX, ".%s%s", h->mount_point, path + skip);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Where containers go: root makes cgroups from the top, others below their own. */
static int parent_dir(const struct mr_probe_env *env, char ret[static PATH_MAX])
{
	const struct mr_host *host = env->host;
	int index = host->owner[MR_CTL_MEMORY] >= 0 ? host->owner[MR_CTL_MEMORY]
						    : host->unified;

	if (index < 0)
		return -ENOENT;
	if (host->euid != 0)
		return own_dir(env, index, "memory", ret);
	int n = snprintf(ret, PATH_MAX, ".%s", host->hierarchies[index].mount_point);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static void ask_delegation(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	char dir[PATH_MAX];
	int r = parent_dir(env, dir);

	if (r == 0 && faccessat(env->root, dir, W_OK | X_OK, AT_EACCESS) != 0)
		r = -errno;
	if (r == 0) {
		mr_probe_answer(item, MR_PROBE_OK, "%.140s is writable", dir + 1);
		return;
	}
	mr_probe_answer_errno(item, -r);
	if (r == -EROFS)
		item->cure = "mount the cgroup tree writable";
}

static void ask_kmem(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	autofree char *cmdline = NULL;
	char dir[PATH_MAX + 64];

	if (mr_read_file_at(env->root, "proc/cmdline", MAX_FILE, &cmdline, NULL) == 0 &&
		strstr(cmdline, "nokmem")) {
		mr_probe_answer(
			item, MR_PROBE_MISSING, "booted with cgroup.memory=nokmem");
		return;
	}
	if (!mr_host_has_controller(env->host, MR_CTL_MEMORY)) {
		mr_probe_answer(item, MR_PROBE_MISSING, "no memory controller");
		return;
	}
	if (mr_host_is_v2(env->host, MR_CTL_MEMORY)) {
		mr_probe_answer(item, MR_PROBE_OK, "part of memory.current");
		return;
	}
	snprintf(dir, sizeof(dir), ".%s/memory.kmem.usage_in_bytes",
		env->host->hierarchies[env->host->owner[MR_CTL_MEMORY]].mount_point);
	if (faccessat(env->root, dir, F_OK, 0) == 0)
		mr_probe_answer(item, MR_PROBE_OK, "memory.kmem.usage_in_bytes");
	else
		mr_probe_answer_errno(item, errno);
}

/* cgroup2's root has no memory.swap.max: look in our own cgroup, then below the root. */
static bool any_child_has(
	const struct mr_probe_env *env, const char *top, const char *file)
{
	char path[PATH_MAX];
	bool found = false;
	int fd = openat(env->root, top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
		int n = snprintf(path, sizeof(path), "%s/%s", e->d_name, file);
		found = e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(path) &&
			faccessat(dirfd(dir), path, F_OK, 0) == 0;
	}
	closedir(dir);
	return found;
}

static void ask_swap_accounting(
	const struct mr_probe_env *env, struct mr_probe_item *item)
{
	const struct mr_host *host = env->host;
	char path[PATH_MAX], file[PATH_MAX + 40];

	if (!mr_host_has_controller(host, MR_CTL_MEMORY)) {
		mr_probe_answer(item, MR_PROBE_MISSING, "no memory controller");
		return;
	}
	int index = host->owner[MR_CTL_MEMORY];
	snprintf(path, sizeof(path), ".%s", host->hierarchies[index].mount_point);
	if (!host->hierarchies[index].v2) {
		snprintf(file, sizeof(file), "%s/memory.memsw.limit_in_bytes", path);
		if (faccessat(env->root, file, F_OK, 0) == 0)
			mr_probe_answer(item, MR_PROBE_OK, "memory.memsw.limit_in_bytes");
		else
			mr_probe_answer_errno(item, errno);
		return;
	}
	bool found = any_child_has(env, path, "memory.swap.max");
	if (!found && own_dir(env, index, "memory", path) == 0) {
		snprintf(file, sizeof(file), "%s/memory.swap.max", path);
		found = faccessat(env->root, file, F_OK, 0) == 0;
	}
	mr_probe_answer(item, found ? MR_PROBE_OK : MR_PROBE_UNKNOWN,
		found ? "memory.swap.max" : "no cgroup to look into");
}

/* --- memory of the host --- */

static void ask_swap(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	autofree char *text = NULL;
	uint64_t kib = 0;
	int areas = 0;
	int r = mr_read_file_at(env->root, "proc/swaps", MAX_FILE, &text, NULL);

	if (r < 0) {
		mr_probe_answer_errno(item, -r);
		return;
	}
	char *rest = text, *line;
	strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) != NULL) {
		unsigned long long size;
		if (sscanf(line, "%*s %*s %llu", &size) != 1)
			continue;
		kib += size;
		areas++;
	}
	if (areas == 0) {
		mr_probe_answer(item, MR_PROBE_MISSING, "no swap area");
		return;
	}
	char size[24];
	mr_probe_answer(item, MR_PROBE_OK, "%s in %d area%s",
		mr_format_size(kib * 1024, size), areas, areas == 1 ? "" : "s");
}

static void ask_psi(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	char line[256];
	ssize_t n =
		mr_read_line_at(env->root, "proc/pressure/memory", line, sizeof(line));

	if (n >= 0)
		mr_probe_answer(item, MR_PROBE_OK, "/proc/pressure/memory");
	else
		mr_probe_answer_errno(item, (int)-n);
	if (n == -EOPNOTSUPP)
		item->cure = "boot with psi=1";
}

static void ask_hugepages(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	autofree char *text = NULL;
	unsigned long long free_pages = 0;
	int r = mr_read_file_at(env->root, "proc/meminfo", MAX_FILE, &text, NULL);
	const char *at = r == 0 ? strstr(text, "HugePages_Free:") : NULL;

	if (!at || sscanf(at, "HugePages_Free: %llu", &free_pages) != 1) {
		mr_probe_answer(item, MR_PROBE_MISSING, "the kernel has none");
		item->cure = "a kernel with CONFIG_HUGETLBFS";
		return;
	}
	mr_probe_answer(item, free_pages ? MR_PROBE_OK : MR_PROBE_MISSING, "%llu free",
		free_pages);
}

static void ask_overcommit(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	uint64_t mode;
	int r = mr_read_u64_at(env->root, "proc/sys/vm/overcommit_memory", &mode);

	if (r < 0)
		mr_probe_answer(item, MR_PROBE_UNKNOWN, "%s", mr_reason(-r));
	else
		mr_probe_answer(item, mode == 2 ? MR_PROBE_MISSING : MR_PROBE_OK,
			"mode %llu", (unsigned long long)mode);
}

/* --- this process --- */

static void ask_cap(const struct mr_probe_env *env, struct mr_probe_item *item, int cap)
{
	bool has = mr_host_has_cap(env->host, cap);

	mr_probe_answer(
		item, has ? MR_PROBE_OK : MR_PROBE_MISSING, has ? "held" : "not held");
}

static void ask_cap_sys_admin(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_cap(env, item, CAP_SYS_ADMIN);
}

static void ask_cap_sys_resource(
	const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_cap(env, item, CAP_SYS_RESOURCE);
}

static void ask_kmsg(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	char record[8192];
	autoclose int fd =
		openat(env->root, "dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		mr_probe_answer_errno(item, errno);
		if (errno == ENOENT)
			item->cure = "mknod /dev/kmsg c 1 11";
		return;
	}
	/* EPIPE: older records were overwritten meanwhile; the next read succeeds. */
	if (read(fd, record, sizeof(record)) >= 0 || errno == EAGAIN || errno == EPIPE)
		mr_probe_answer(item, MR_PROBE_OK, "/dev/kmsg is readable");
	else
		mr_probe_answer_errno(item, errno);
}

static void ask_subids(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	bool both = faccessat(env->root, "etc/subuid", R_OK, 0) == 0 &&
		    faccessat(env->root, "etc/subgid", R_OK, 0) == 0;

	mr_probe_answer(item, both ? MR_PROBE_OK : MR_PROBE_MISSING,
		both ? "/etc/subuid and /etc/subgid" : "no /etc/subuid or /etc/subgid");
}

/* --- namespaces and security modules: a file says whether the kernel has them --- */

static void ask_path(
	const struct mr_probe_env *env, struct mr_probe_item *item, const char *path)
{
	if (faccessat(env->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		mr_probe_answer(item, MR_PROBE_OK, "/%s", path);
	else
		mr_probe_answer(item, MR_PROBE_MISSING, "no /%s", path);
}

static void ask_timens(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_path(env, item, "proc/self/ns/time");
}

static void ask_cgroupns(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_path(env, item, "proc/self/ns/cgroup");
}

static void ask_netns(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_path(env, item, "proc/self/ns/net");
}

static void ask_apparmor(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_path(env, item, "sys/kernel/security/apparmor");
}

static void ask_selinux(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	ask_path(env, item, "sys/fs/selinux/enforce");
}

const struct mr_probe_row mr_probe_file_rows[] = {
	{"cgroup", true, ask_layout, "no limits, no verdict, no pause",
		"mount -t cgroup2 none /sys/fs/cgroup"},
	{"delegation", true, ask_delegation, "no cgroup can be made",
		"run as root, or below systemd-run --user --scope -p Delegate=yes"},
	{"swap", false, ask_swap, "nothing is swapped, --memory-swap changes nothing",
		"fallocate, mkswap and swapon a file"},
	{"swap-accounting", false, ask_swap_accounting, "no limit of memory plus swap",
		"boot with swapaccount=1"},
	{"kmem", false, ask_kmem, "kernel memory is not part of the limit",
		"boot without cgroup.memory=nokmem"},
	{"psi", false, ask_psi, "no memory pressure in the record",
		"a kernel with CONFIG_PSI"},
	{"hugepages", false, ask_hugepages, "nothing to try huge page limits with",
		"sysctl vm.nr_hugepages=64"},
	{"overcommit", false, ask_overcommit,
		"allocations fail before a limit is reached",
		"sysctl vm.overcommit_memory=0"},
	{"cap_sys_admin", false, ask_cap_sys_admin, "a user namespace is needed",
		"run as root, or set user in linux.namespaces"},
	{"cap_sys_resource", false, ask_cap_sys_resource,
		"no raising of rlimits, no lowering of oom_score_adj",
		"run as root outside any container"},
	{"kmsg", false, ask_kmsg, "no victims and no kernel report in the record",
		"run as root, or sysctl kernel.dmesg_restrict=0"},
	{"subids", false, ask_subids, "one id only in an ordinary user's user namespace",
		"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"},
	{"netns", false, ask_netns, "no network namespace",
		"a kernel with CONFIG_NET_NS"},
	{"timens", false, ask_timens, "no time namespace",
		"kernel 5.6 with CONFIG_TIME_NS"},
	{"cgroupns", false, ask_cgroupns, "no cgroup namespace", "kernel 4.6"},
	{"apparmor", false, ask_apparmor, "no process.apparmorProfile",
		"boot with lsm=...,apparmor"},
	{"selinux", false, ask_selinux, "no process.selinuxLabel and linux.mountLabel",
		"a distribution with SELinux"},
	{0},
};
