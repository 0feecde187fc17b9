/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine is: see host.h.
 *
 * cgroups: each v1 hierarchy is a mount of type cgroup whose super options name the
 * controllers bound to it (several may share one: cpu,cpuacct). The cgroup2 hierarchy is
 * one mount of type cgroup2; what is bound to it stands in its root's cgroup.controllers.
 * A controller is bound to one hierarchy at a time, so a hybrid host is nothing special:
 * every controller simply has an owner.
 *
 * Freezer, perf_event, cpu accounting and device access are not in cgroup.controllers:
 * the cgroup2 core (cgroup.freeze, kernel 5.2), perf itself, cpu.stat and a BPF program
 * (kernel 4.15) do their work in every cgroup2 cgroup, unless v1 still holds them.
 *
 * cgroups(7), proc(5), capabilities(7)
 */
#include "spec/host.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAX_MOUNTINFO (64u << 20)

static const struct {
	const char *v1, *v2;
	bool core; /* works in every cgroup2 cgroup without being listed */
} controllers[MR_CONTROLLERS] = {
	[MR_CTL_MEMORY] = {"memory", "memory", false},
	[MR_CTL_PIDS] = {"pids", "pids", false},
	[MR_CTL_CPU] = {"cpu", "cpu", false},
	[MR_CTL_CPUACCT] = {"cpuacct", "cpuacct", true},
	[MR_CTL_CPUSET] = {"cpuset", "cpuset", false},
	[MR_CTL_BLKIO] = {"blkio", "io", false},
	[MR_CTL_HUGETLB] = {"hugetlb", "hugetlb", false},
	[MR_CTL_DEVICES] = {"devices", "devices", true},
	[MR_CTL_FREEZER] = {"freezer", "freezer", true},
	[MR_CTL_NET_CLS] = {"net_cls", "net_cls", false},
	[MR_CTL_NET_PRIO] = {"net_prio", "net_prio", false},
	[MR_CTL_RDMA] = {"rdma", "rdma", false},
	[MR_CTL_MISC] = {"misc", "misc", false},
	[MR_CTL_PERF_EVENT] = {"perf_event", "perf_event", true},
};

/* --- mountinfo --- */

/* \040 and its like: blanks, tabs, newlines and backslashes in paths. */
static void unescape(char *text)
{
	char *out = text;
	for (const char *p = text; *p; out++) {
		bool octal = p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
			     p[2] <= '7' && p[3] >= '0' && p[3] <= '7';
		if (octal) {
			*out = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 |
				      (p[3] - '0'));
			p += 4;
		} else {
			*out = *p++;
		}
	}
	*out = '\0';
}

bool mr_mount_line_split(char *line, struct mr_mount_line *ret)
{
	/* id parent major:minor root mount_point options [optional ...] - type source
	 * options */
	char *tail = strstr(line, " - ");
	if (!tail)
		return false;
	*tail = '\0';
	tail += 3;

	char *field[5] = {0};
	for (size_t i = 0; i < 5; i++) {
		field[i] = strsep(&line, " ");
		if (!field[i])
			return false;
	}
	ret->root = field[3];
	ret->mount_point = field[4];
	ret->type = strsep(&tail, " ");
	strsep(&tail, " ");
	ret->options = tail;
	if (!tail)
		return false;
	unescape(ret->root);
	unescape(ret->mount_point);
	return true;
}

/* A hierarchy may be mounted in several places; the view of its whole tree is the best.
 */
static int remember(struct mr_host *host, int known, const struct mr_mount_line *m, bool v2)
{
	const size_t n_point = strlen(m->mount_point), n_root = strlen(m->root);

	if (n_point >= sizeof(host->hierarchies[0].mount_point) ||
		n_root >= sizeof(host->hierarchies[0].root))
		return known;
	if (known >= 0 && (strcmp(m->root, "/") != 0 ||
				  strcmp(host->hierarchies[known].root, "/") == 0))
		return known;
	if (known < 0 && host->n_hierarchies == MR_MAX_HIERARCHIES)
		return -1;

	int i = known >= 0 ? known : host->n_hierarchies++;
	struct mr_hierarchy *h = &host->hierarchies[i];
	h->v2 = v2;
	memcpy(h->mount_point, m->mount_point, n_point + 1);
	memcpy(h->root, m->root, n_root + 1);
	return i;
}

/* @return enum mr_controller, or -1 */
static int find_controller(const char *name, size_t len)
{
	for (int c = 0; c < MR_CONTROLLERS; c++) {
		if (strncmp(controllers[c].v1, name, len) == 0 && !controllers[c].v1[len])
			return c;
	}
	return -1;
}

static void read_v1_mount(struct mr_host *host, const struct mr_mount_line *m)
{
	int index = -1;
	unsigned found = 0; /* bit per controller */
	for (const char *word = m->options; *word;) {
		size_t n = strcspn(word, ",");
		int c = find_controller(word, n);
		if (c >= 0) {
			found |= 1u << c;
			if (host->owner[c] >= 0)
				index = host->owner[c];
		}
		word += n + (word[n] == ',');
	}
	if (!found)
		return; /* name=systemd and other trees without a controller */
	index = remember(host, index, m, false);
	for (int c = 0; c < MR_CONTROLLERS && index >= 0; c++) {
		if (found >> c & 1)
			host->owner[c] = index;
	}
}

static void read_line(struct mr_host *host, char *line, bool *has_v1)
{
	struct mr_mount_line m;
	/* Most mounts of a machine are something else: do not take them apart. */
	if (!strstr(line, " - cgroup") || !mr_mount_line_split(line, &m))
		return;
	if (strcmp(m.type, "cgroup2") == 0) {
		host->unified = remember(host, host->unified, &m, true);
	} else if (strcmp(m.type, "cgroup") == 0) {
		*has_v1 = true;
		read_v1_mount(host, &m);
	}
}

static int read_mounts(struct mr_host *host, int root, struct mr_error *err)
{
	static const char path[] = "proc/self/mountinfo";
	autofree char *text = NULL;
	bool has_v1 = false;
	int r = mr_read_file_at(root, path, MAX_MOUNTINFO, &text, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read /%s", path);

	char *rest = text, *line;
	while ((line = strsep(&rest, "\n")) != NULL)
		read_line(host, line, &has_v1);
	host->layout = has_v1 ? MR_LAYOUT_V1 : MR_LAYOUT_NONE;
	return 0;
}

/* @return 1 a hierarchy is there, 0 another mount lies on it, or -errno */
static int is_reachable(const struct mr_hierarchy *h)
{
	struct statfs fs;

	if (statfs(h->mount_point, &fs) == 0)
		return (uint64_t)fs.f_type == CGROUP_SUPER_MAGIC;
	return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
}

/* What is covered is out of reach: directories would be made in whatever lies there. Where
 * that of memory is to be seen, the others are not looked at: a launch has no time for twelve
 * statfs(2), and joining one of them will fail. */
static int forget_covered(struct mr_host *host, struct mr_error *err)
{
	const int memory = host->owner[MR_CTL_MEMORY];
	bool any = false;

	if (memory >= 0 && is_reachable(&host->hierarchies[memory]) == 1)
		return 0;
	for (int i = 0; i < host->n_hierarchies; i++) {
		const struct mr_hierarchy *h = &host->hierarchies[i];
		int there = h->v2 ? 1 : is_reachable(h); /* v2: read_unified() sees */
		if (there < 0)
			return mr_fail(err, -there, "statfs of '%s'", h->mount_point);
		any = any || (there && !h->v2);
		for (int c = 0; c < MR_CONTROLLERS && !there; c++)
			if (host->owner[c] == i)
				host->owner[c] = -1;
	}
	if (!any)
		host->layout = MR_LAYOUT_NONE;
	return 0;
}

/* --- the cgroup2 tree --- */

static int read_unified(struct mr_host *host, int root, struct mr_error *err)
{
	if (host->unified < 0)
		return 0;
	char path[160], list[512];
	snprintf(path, sizeof(path), ".%s/cgroup.controllers",
		host->hierarchies[host->unified].mount_point);
	ssize_t n = mr_read_line_at(root, path, list, sizeof(list));
	if (n == -ENOENT || n == -ENOTDIR) {
		host->unified = -1; /* another mount lies on it: out of reach */
		return 0;
	}
	if (n < 0)
		return mr_fail(err, (int)-n, "read %s", path + 1);

	host->layout = host->layout == MR_LAYOUT_V1 ? MR_LAYOUT_HYBRID : MR_LAYOUT_V2;
	for (int c = 0; c < MR_CONTROLLERS; c++) {
		if (host->owner[c] < 0 &&
			(controllers[c].core || mr_has_word(list, controllers[c].v2)))
			host->owner[c] = host->unified;
	}
	return 0;
}

/* --- kernel and process --- */

static int parse_release(struct mr_host *host, const char *release, struct mr_error *err)
{
	if (sscanf(release, "%5u.%5u", &host->kernel_major, &host->kernel_minor) != 2)
		return mr_fail_text(err, EINVAL, "\"%s\" is no kernel version", release);
	return 0;
}

static int read_kernel(struct mr_host *host, int root, struct mr_error *err)
{
	static const char path[] = "proc/sys/kernel/osrelease";
	char release[128];
	ssize_t n = mr_read_line_at(root, path, release, sizeof(release));
	if (n < 0)
		return mr_fail(err, (int)-n, "read /%s", path);
	return parse_release(host, release, err);
}

static int read_process(struct mr_host *host, int root, struct mr_error *err)
{
	static const char path[] = "proc/self/status";
	autofree char *text = NULL;
	int r = mr_read_file_at(root, path, 64u << 10, &text, NULL);
	if (r < 0)
		return mr_fail(err, -r, "read /%s", path);

	unsigned long long caps;
	unsigned real, effective;
	const char *uid = strstr(text, "\nUid:"), *cap = strstr(text, "\nCapEff:");
	if (!uid || sscanf(uid, "\nUid: %u %u", &real, &effective) != 2 || !cap ||
		sscanf(cap, "\nCapEff: %llx", &caps) != 1)
		return mr_fail_text(err, EINVAL, "/%s: Uid or CapEff is not there", path);
	host->euid = effective;
	host->effective_caps = caps;
	host->rootless = effective != 0;
	return 0;
}

/* The first user namespace has had this number ever since (kernel 3.8; in a header of the
 * kernel as USER_NS_INIT_INO since 6.18). */
bool mr_is_rootless(void)
{
	struct stat st;

	return geteuid() != 0 ||
	       (stat("/proc/self/ns/user", &st) == 0 && st.st_ino != 0xEFFFFFFDu);
}

/* This machine and this process can say it themselves, at a tenth of the price. */
static int ask_kernel(struct mr_host *host, struct mr_error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	struct utsname name;

	if (uname(&name) < 0 || syscall(SYS_capget, &header, data) < 0)
		return mr_fail(err, errno, "ask for kernel version and capabilities");
	host->euid = geteuid();
	host->rootless = mr_is_rootless();
	host->effective_caps = (uint64_t)data[1].effective << 32 | data[0].effective;
	return parse_release(host, name.release, err);
}

int mr_host_read(struct mr_host *ret, const char *root, struct mr_error *err)
{
	memset(ret, 0, sizeof(*ret));
	for (int c = 0; c < MR_CONTROLLERS; c++)
		ret->owner[c] = -1;
	ret->unified = -1;
	ret->page_size = sysconf(_SC_PAGESIZE);

	const char *dir = *root ? root : "/";
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mr_fail(err, errno, "open '%s'", dir);
	int r = read_mounts(ret, fd, err);
	if (r == 0 && !*root)
		r = forget_covered(ret, err);
	if (r == 0)
		r = read_unified(ret, fd, err);
	if (r == 0 && !*root)
		return ask_kernel(ret, err);
	if (r == 0)
		r = read_kernel(ret, fd, err);
	if (r == 0)
		r = read_process(ret, fd, err);
	return r;
}

/* --- questions --- */

void mr_host_forget_cgroups(struct mr_host *host)
{
	host->layout = MR_LAYOUT_NONE;
	host->n_hierarchies = 0;
	host->unified = -1;
	for (int c = 0; c < MR_CONTROLLERS; c++)
		host->owner[c] = -1;
}

bool mr_host_has_controller(const struct mr_host *host, enum mr_controller c)
{
	return host->owner[c] >= 0;
}

bool mr_host_is_v2(const struct mr_host *host, enum mr_controller c)
{
	return host->owner[c] >= 0 && host->hierarchies[host->owner[c]].v2;
}

bool mr_host_has_cap(const struct mr_host *host, int cap)
{
	return cap >= 0 && cap < 64 && (host->effective_caps >> cap & 1);
}

bool mr_host_kernel(const struct mr_host *host, unsigned major, unsigned minor)
{
	return host->kernel_major > major ||
	       (host->kernel_major == major && host->kernel_minor >= minor);
}

const char *mr_controller_name(enum mr_controller c, bool v2)
{
	return v2 ? controllers[c].v2 : controllers[c].v1;
}

int mr_host_find_controller(const struct mr_host *host, const char *name, size_t len)
{
	int c = find_controller(name, len);

	return c < 0 ? -1 : host->owner[c];
}

const char *mr_layout_name(enum mr_cgroup_layout layout)
{
	static const char *const names[] = {
		[MR_LAYOUT_NONE] = "none",
		[MR_LAYOUT_V1] = "v1",
		[MR_LAYOUT_HYBRID] = "hybrid",
		[MR_LAYOUT_V2] = "v2",
	};
	return names[layout];
}
