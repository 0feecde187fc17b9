/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor - the kernel's part of a container launch, and nothing else.
 *
 *	floor ROOTFS PROGRAM LIMIT
 *
 * Runs PROGRAM (a path inside ROOTFS) as tests/bench/spec.json describes it: new pid,
 * mount, ipc, uts and network namespaces, loopback up, a fresh /proc, a tmpfs on /dev
 * with the default nodes and links, ROOTFS as the root, no capabilities, and at most LIMIT
 * bytes of memory. Then it waits, asks the kernel whether anybody was OOM-killed, and removes the
 * cgroup. Exits with the program's status, 128+n when signal n ended it, 125 on an error.
 *
 * No file is parsed, no state is kept, nothing can be chosen: a runtime can come close to
 * this on the same kernel but hardly below it. `bench` prints every other launcher as a
 * ratio to it. It also reads as a list of what a container is: some 50 system calls, most
 * of which depend on an earlier one. ROOTFS must hold the directories proc and dev.
 *
 * Two choices decide the speed.
 *
 * - The child enters its cgroup by itself. On v1 it writes "0", which stands for the
 *   writer, into `tasks`: one single-threaded process that moves itself. Writing another
 *   pid into `cgroup.procs` takes the lock over all thread groups, which waits for an
 *   RCU grace period: more than 10 ms on an idle machine, three times this program. On
 *   v2 the child is born in its cgroup (kernel 5.7: CLONE_INTO_CGROUP).
 * - One clone3 makes the child and all of its namespaces: no second fork to get into the
 *   pid namespace, no unshare.
 *
 * What remains is mostly the kernel's own: making the network namespace, and the grace
 * periods (expedited ones) when the old root and at the end the mount namespace go away.
 * Sharing the memory with the child until it execs (CLONE_VM | CLONE_VFORK) would save
 * another 1 to 3 %, at the price of a hand-made stack.
 *
 * Manual pages: clone(2), cgroups(7), mount(2), pivot_root(2), netdevice(7),
 * network_namespaces(7), pid_namespaces(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP_V2 "/sys/fs/cgroup"
#define CGROUP_V1 "/sys/fs/cgroup/memory"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { EXIT_OWN_FAILURE = 125 };

/* The file names in which v1 and v2 differ. */
struct hierarchy {
	const char *mount;
	const char *limit_file;
	const char *kills_file;
};

static const struct hierarchy v1 = {
	CGROUP_V1, "memory.limit_in_bytes", "memory.oom_control"};
static const struct hierarchy v2 = {CGROUP_V2, "memory.max", "memory.events"};

struct cgroup {
	const struct hierarchy *hierarchy;
	int parent; /* the directory in which it was made */
	int dir;    /* its own */
	int tasks;  /* v1: its tasks file; v2: -1 */
	char name[32];
};

/* The nodes that the OCI runtime specification promises. */
static const struct {
	const char *path;
	unsigned int major, minor;
} devices[] = {
	{"dev/null", 1, 3},
	{"dev/zero", 1, 5},
	{"dev/full", 1, 7},
	{"dev/random", 1, 8},
	{"dev/urandom", 1, 9},
	{"dev/tty", 5, 0},
};

static const struct {
	const char *target, *path;
} links[] = {
	{"/proc/self/fd", "dev/fd"},
	{"/proc/self/fd/0", "dev/stdin"},
	{"/proc/self/fd/1", "dev/stdout"},
	{"/proc/self/fd/2", "dev/stderr"},
	{"pts/ptmx", "dev/ptmx"},
};

/* ---- the child: from the clone to the exec ---- */

/* The parent reports the exit status and removes the cgroup. */
static _Noreturn void die_in_child(const char *step)
{
	dprintf(STDERR_FILENO, "floor: child: %s: %m\n", step);
	_exit(EXIT_OWN_FAILURE);
}

/* A new network namespace has a loopback interface, but it is down. */
static void bring_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_in_child("socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die_in_child("bring lo up");
	close(fd);
}

static void make_devices(void)
{
	/* Otherwise the umask takes bits off 0666. */
	umask(0);
	for (size_t i = 0; i < COUNT(devices); i++) {
		dev_t number = makedev(devices[i].major, devices[i].minor);

		if (mknod(devices[i].path, S_IFCHR | 0666, number) < 0)
			die_in_child(devices[i].path);
	}
	for (size_t i = 0; i < COUNT(links); i++) {
		if (symlink(links[i].target, links[i].path) < 0)
			die_in_child(links[i].path);
	}
	umask(022);
}

static void mount_rootfs(const char *rootfs)
{
	/*
	 * The mount namespace is a copy of the host's, peer groups included: what is
	 * mounted in a shared one appears there as well. So this comes before every other
	 * mount.
	 */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die_in_child("make / private");
	/* pivot_root wants a mount, so the directory becomes one. */
	if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		die_in_child("bind the rootfs");
	/* After the bind: before it, this would lead below the mount. */
	if (chdir(rootfs) < 0)
		die_in_child("chdir to the rootfs");
	/* proc shows the pid namespace of the process that mounts it: this one. */
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0)
		die_in_child("mount proc");
	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME,
		    "mode=755,size=65536k") < 0)
		die_in_child("mount dev");
}

/*
 * pivot_root with twice the same directory puts the old root on top of the new one. That
 * needs no directory to put it in, and "." still is the old root, so that umount finds
 * it.
 */
static void enter_rootfs(void)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		die_in_child("pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		die_in_child("umount the old root");
	if (chdir("/") < 0)
		die_in_child("chdir to /");
}

/*
 * The spec lists no capability and no group, so the program gets none: not now, and not by
 * executing a file later (the bounding set). A session and a session keyring of its own
 * part it from the caller's.
 */
static void drop_privileges(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

	if (setsid() < 0 || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "floor") < 0)
		die_in_child("a session of its own");
	/* EPERM: not held by us either; EINVAL: beyond the last one. */
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0 || errno == EPERM; cap++)
		;
	if (setgroups(0, NULL) < 0)
		die_in_child("setgroups");
	if (syscall(SYS_capset, &header, none) < 0)
		die_in_child("capset");
}

static _Noreturn void run_child(
	const struct cgroup *cgroup, const char *rootfs, char *program)
{
	char *const arguments[] = {program, NULL};
	static char path[] = "PATH=/";
	static char *const environment[] = {path, NULL};

	/* First of all: from here on the kernel charges this process's memory to it. */
	if (cgroup->tasks >= 0 && write(cgroup->tasks, "0", 1) != 1)
		die_in_child("enter the cgroup");
	bring_loopback_up();
	if (sethostname("bench", strlen("bench")) < 0)
		die_in_child("sethostname");
	mount_rootfs(rootfs);
	make_devices();
	enter_rootfs();
	drop_privileges();
	execve(program, arguments, environment);
	die_in_child("execve");
}

/* ---- the parent: cgroup, clone, wait, verdict ---- */

static _Noreturn void die(const struct cgroup *cgroup, const char *step)
{
	fprintf(stderr, "floor: %s: %m\n", step);
	if (cgroup->dir >= 0)
		unlinkat(cgroup->parent, cgroup->name, AT_REMOVEDIR);
	exit(EXIT_OWN_FAILURE);
}

static void create_cgroup(struct cgroup *cgroup, const char *limit)
{
	const struct hierarchy *hierarchy;
	int fd;

	/* On a hybrid host cgroup2 is mounted elsewhere and memory stays with v1. */
	hierarchy = access(CGROUP_V2 "/cgroup.controllers", F_OK) == 0 ? &v2 : &v1;
	*cgroup = (struct cgroup){.hierarchy = hierarchy, .dir = -1, .tasks = -1};
	snprintf(cgroup->name, sizeof(cgroup->name), "minirun-floor-%ld", (long)getpid());

	cgroup->parent = open(hierarchy->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->parent < 0 || mkdirat(cgroup->parent, cgroup->name, 0755) < 0)
		die(cgroup, "make a memory cgroup");
	cgroup->dir =
		openat(cgroup->parent, cgroup->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->dir < 0)
		die(cgroup, "open the memory cgroup");
	fd = openat(cgroup->dir, hierarchy->limit_file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, limit, strlen(limit)) < 0)
		die(cgroup, hierarchy->limit_file);
	close(fd);
	if (hierarchy == &v2)
		return;
	cgroup->tasks = openat(cgroup->dir, "tasks", O_WRONLY | O_CLOEXEC);
	if (cgroup->tasks < 0)
		die(cgroup, "open tasks");
}

/* start_child - returns twice, as fork does; the C library has no wrapper for clone3. */
static pid_t start_child(const struct cgroup *cgroup)
{
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};

	if (cgroup->hierarchy == &v2) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned int)cgroup->dir;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* read_oom_kills - how many processes of the cgroup the kernel's OOM killer has killed.
 */
static long read_oom_kills(const struct cgroup *cgroup)
{
	const char *file = cgroup->hierarchy->kills_file;
	char text[512];
	int fd = openat(cgroup->dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *figure;

	if (size < 0)
		die(cgroup, file);
	close(fd);
	text[size] = '\0';
	/* With the space: "oom_kill_disable" and "oom_kill" are lines of the same file.
	 */
	figure = strstr(text, "oom_kill ");
	if (figure == NULL) {
		errno = ENODATA;
		die(cgroup, file);
	}
	return strtol(figure + strlen("oom_kill "), NULL, 10);
}

int main(int argc, char **argv)
{
	struct cgroup cgroup;
	pid_t child;
	int status;
	long kills;

	if (argc != 4) {
		fprintf(stderr, "usage: floor ROOTFS PROGRAM LIMIT\n");
		return EXIT_OWN_FAILURE;
	}
	create_cgroup(&cgroup, argv[3]);
	child = start_child(&cgroup);
	if (child < 0)
		die(&cgroup, "clone3");
	if (child == 0)
		run_child(&cgroup, argv[1], argv[2]);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			die(&cgroup, "waitpid");
	}
	/* The order is the whole trick of a true verdict: after the last process, before
	 * rmdir. */
	kills = read_oom_kills(&cgroup);
	if (unlinkat(cgroup.parent, cgroup.name, AT_REMOVEDIR) < 0)
		die(&cgroup, "remove the memory cgroup");
	if (kills > 0)
		fprintf(stderr, "floor: OOM-killed: %ld\n", kills);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
