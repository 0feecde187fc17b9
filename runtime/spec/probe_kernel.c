/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What system calls and programs say about this host.
 *
 * A kernel that lacks a call answers ENOSYS before it looks at the arguments, so each is
 * made with arguments that it must refuse, or whose effect is a descriptor that is closed
 * again. The one process that is started, to try a user namespace, exits at once.
 */
#include "spec/probe_internal.h"

#include "base/helper.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FALLBACK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* @r: a descriptor, 0 or -errno; every answer but ENOSYS shows that the call exists. */
static void answer_call(struct mr_probe_item *item, int r, const char *name)
{
	if (r == -ENOSYS)
		mr_probe_answer_errno(item, ENOSYS);
	else if (r == -EPERM)
		mr_probe_answer(item, MR_PROBE_UNKNOWN, "%s: %s", name, mr_reason(EPERM));
	else
		mr_probe_answer(item, MR_PROBE_OK, "%s", name);
	if (r > 2)
		close(r);
}

static void ask_clone3(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	struct clone_args args = {.exit_signal = 1u << 20}; /* no such signal: EINVAL */

	(void)env;
	answer_call(item, (int)mr_clone3(&args), "clone3");
}

static void ask_into_cgroup(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	const struct mr_host *host = env->host;

	if (!mr_host_kernel(host, 5, 7))
		mr_probe_answer(item, MR_PROBE_MISSING, "kernel %u.%u",
			host->kernel_major, host->kernel_minor);
	else if (host->unified < 0)
		mr_probe_answer(item, MR_PROBE_MISSING, "no cgroup2 mount");
	else
		mr_probe_answer(item, MR_PROBE_OK, "CLONE_INTO_CGROUP");
}

static void ask_cgroup_kill(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	const struct mr_host *host = env->host;

	if (!mr_host_kernel(host, 5, 14))
		mr_probe_answer(item, MR_PROBE_MISSING, "kernel %u.%u",
			host->kernel_major, host->kernel_minor);
	else if (host->unified < 0)
		mr_probe_answer(item, MR_PROBE_MISSING, "no cgroup2 mount");
	else
		mr_probe_answer(item, MR_PROBE_OK, "cgroup.kill");
}

static void ask_openat2(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	int fd = mr_openat2(env->root, ".", O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
	answer_call(item, fd, "openat2");
}

static void ask_pidfd(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	int fd = pidfd_open(getpid(), 0);

	(void)env;
	answer_call(item, fd < 0 ? -errno : fd, "pidfd_open");
}

static void ask_mount_api(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	/* EPERM is answered before EBADF, ENOSYS before both. */
	int r = move_mount(-1, "", -1, "", 0) < 0 ? -errno : 0;

	(void)env;
	if (r == -EPERM)
		r = -EBADF;
	answer_call(item, r, "fsopen, fsmount, open_tree, move_mount");
}

static void ask_mount_setattr(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	int r = mount_setattr(-1, "", 0, NULL, 0) < 0 ? -errno : 0;

	(void)env;
	if (r == -EPERM)
		r = -EBADF;
	answer_call(item, r, "mount_setattr");
}

/* --- seccomp --- */

static int action_available(uint32_t action)
{
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno
									      : 0;
}

static void answer_action(struct mr_probe_item *item, int r, const char *text)
{
	if (r == 0)
		mr_probe_answer(item, MR_PROBE_OK, "%s", text);
	else
		mr_probe_answer_errno(item, -r);
}

static void ask_seccomp(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	(void)env;
	answer_action(item, action_available(SECCOMP_RET_ERRNO), "filters");
}

static void ask_seccomp_notify(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	(void)env;
	answer_action(
		item, action_available(SECCOMP_RET_USER_NOTIF), "SECCOMP_RET_USER_NOTIF");
}

/* --- user namespaces --- */

static const char *userns_cure(const struct mr_probe_env *env, int errnum)
{
	uint64_t value;

	if (errnum == ENOSPC ||
		(mr_read_u64_at(env->root, "proc/sys/user/max_user_namespaces", &value) ==
				0 &&
			value == 0))
		return "sysctl user.max_user_namespaces=10000";
	if (mr_read_u64_at(env->root, "proc/sys/kernel/unprivileged_userns_clone",
		    &value) == 0 &&
		value == 0)
		return "sysctl kernel.unprivileged_userns_clone=1";
	if (mr_read_u64_at(env->root,
		    "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		    &value) == 0 &&
		value != 0)
		return "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
	return errnum == EINVAL ? "a kernel with CONFIG_USER_NS"
				: "run outside this container";
}

static void ask_userns(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int status;
	pid_t pid = mr_clone3(&args);

	if (pid == 0)
		_exit(0);
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		mr_probe_answer(item, MR_PROBE_OK, "new ones are allowed");
		return;
	}
	if (pid == -ENOSYS) {
		mr_probe_answer(item, MR_PROBE_UNKNOWN, "clone3 is not there to try it");
		return;
	}
	mr_probe_answer_errno(item, -pid);
	item->cure = userns_cure(env, -pid);
}

const struct mr_probe_row mr_probe_kernel_rows[] = {
	{"userns", false, ask_userns, "no containers for ordinary users", NULL},
	{"seccomp", false, ask_seccomp, "no system call filter",
		"a kernel with CONFIG_SECCOMP_FILTER"},
	{"seccomp-notify", false, ask_seccomp_notify, "no SCMP_ACT_NOTIFY", "kernel 5.0"},
	{"clone3", true, ask_clone3, "no start of containers", "kernel 5.3"},
	{"clone-into-cgroup", false, ask_into_cgroup,
		"the child joins its cgroup2 by itself",
		"kernel 5.7 and a cgroup2 mount"},
	{"openat2", true, ask_openat2, "no safe path below a rootfs", "kernel 5.6"},
	{"pidfd", true, ask_pidfd, "no safe signal to a container", "kernel 5.3"},
	{"cgroup-kill", false, ask_cgroup_kill,
		"a whole container is killed by freeze and signals",
		"kernel 5.14 and a cgroup2 mount"},
	{"mount-api", true, ask_mount_api, "no mounts by descriptor", "kernel 5.2"},
	{"mount-setattr", false, ask_mount_setattr,
		"no recursive mount options, no idmapped mounts", "kernel 5.12"},
	{0},
};

/* --- programs --- */

static void ask_program(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	const char *search = getenv("PATH");
	char path[sizeof(item->value)];

	(void)env;
	if (!search || !*search)
		search = FALLBACK_PATH;
	while (*search) {
		size_t len = strcspn(search, ":");
		int n = snprintf(
			path, sizeof(path), "%.*s/%s", (int)len, search, item->name);
		if (*search == '/' && n > 0 && (size_t)n < sizeof(path) &&
			access(path, X_OK) == 0) {
			mr_probe_answer(item, MR_PROBE_OK, "%s", path);
			return;
		}
		search += len + (search[len] == ':');
	}
	mr_probe_answer(item, MR_PROBE_MISSING, "not on PATH");
}

/* The driver's two halves: sd_booted(3), and who speaks on the bus. */
static void ask_systemd(const struct mr_probe_env *env, struct mr_probe_item *item)
{
	char path[sizeof(item->value)];
	bool runs = faccessat(env->root, "run/systemd/system", F_OK, 0) == 0;
	bool found = mr_helper_find("systemd", path, sizeof(path)) == 0;

	if (runs && found)
		mr_probe_answer(item, MR_PROBE_OK, "running, %s", path);
	else
		mr_probe_answer(item, MR_PROBE_MISSING, "%s, %s minirun-systemd",
			runs ? "running" : "not running", found ? "there is" : "no");
	if (runs)
		item->cure = "build it where libsystemd-dev is, and make install";
}

const struct mr_probe_row mr_probe_program_rows[] = {
	{"systemd", false, ask_systemd, "no --systemd-cgroup",
		"a host with systemd; elsewhere --cgroup-manager cgroupfs"},
	{"newuidmap", false, ask_program,
		"one id only in an ordinary user's user namespace",
		"apt-get install uidmap"},
	{"ps", false, ask_program, "minirun ps ID prints JSON only",
		"apt-get install procps"},
	{"gnuplot", false, ask_program, "no charts", "apt-get install gnuplot-nox"},
	{"podman", false, ask_program, "not to be tried with this engine",
		"apt-get install podman"},
	{"docker", false, ask_program, "not to be tried with this engine",
		"apt-get install docker.io"},
	{"containerd", false, ask_program, "not to be tried with this engine",
		"apt-get install containerd"},
	{0},
};
