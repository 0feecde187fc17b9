/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user namespace of an idmapped mount.
 *
 * An idmapped mount shows every owner on disk as another one. The kernel takes the
 * mapping from a user namespace, of which nothing but the mapping is used; and a user
 * namespace is only made around a process. So a child is born in a new one, waits, gets
 * its maps written from outside, and is killed once a descriptor holds the namespace.
 *
 * Manual pages: mount_setattr(2) (ID-mapped mounts), user_namespaces(7).
 */
#include "sandbox/idmap.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "sandbox/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_map(int proc_fd, pid_t pid, const char *name,
	const struct mr_id_mappings *maps, struct mr_error *err)
{
	char path[MR_PROCFS_PATH_MAX];
	auto_str text = {0};

	for (size_t i = 0; i < maps->n; i++)
		mr_str_appendf(&text, "%u %u %u\n", maps->items[i].container_id,
			maps->items[i].host_id, maps->items[i].size);
	if (!mr_str_ok(&text))
		return mr_fail(err, ENOMEM, "id mappings");
	snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	int ret = mr_procfs_write(proc_fd, path, mr_str_text(&text));
	return ret < 0 ? mr_fail(err, -ret, "write the %s of an idmapped mount", name)
		       : 0;
}

static int open_ns(int proc_fd, pid_t pid, struct mr_error *err)
{
	char path[MR_PROCFS_PATH_MAX];

	/* A magic link, so not by mr_procfs_open_at(): first its directory, then the
	 * link. */
	snprintf(path, sizeof(path), "%d/ns", (int)pid);
	autoclose int dir = mr_procfs_open_at(proc_fd, path, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return mr_fail(err, -dir, "namespaces of process %d", (int)pid);
	int fd = openat(dir, "user", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? mr_fail(err, errno, "user namespace of process %d", (int)pid)
		      : fd;
}

int mr_idmap_open(const struct mr_id_mappings *uids, const struct mr_id_mappings *gids,
	int proc_fd, struct mr_error *err)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t parent = getpid();
	pid_t pid = mr_clone3(&args);

	if (pid < 0)
		return mr_fail(err, -pid, "user namespace of an idmapped mount");
	if (pid == 0) {
		/* The parent may be gone before the signal is armed: then nobody kills
		 * us. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	int ret = write_map(proc_fd, pid, "uid_map", uids, err);
	if (ret == 0)
		ret = write_map(proc_fd, pid, "gid_map", gids, err);
	if (ret == 0)
		ret = open_ns(proc_fd, pid, err);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return ret;
}
