/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of what a container has left, whoever died when. The intent record was on disk
 * before the first cgroup was made, and names them; processes are found through the
 * cgroups, never through a bare pid from a file: a pid may belong to somebody else by now.
 * After a reboot (another boot id) there is nothing but files.
 */
#include "launch/cleanup.h"

#include "base/io.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define KILL_TIMEOUT_MS 5000

bool mr_cleanup_is_live(const struct mr_live *live)
{
	if (live->init.pid == 0)
		return false;
	autoclose int pidfd = mr_process_id_open(&live->init);
	struct pollfd p = { pidfd, POLLIN, 0 };
	/* A pidfd is readable once the process is a zombie (pidfd_open(2)). */
	return pidfd >= 0 && poll(&p, 1, 0) == 0;
}

/* SIGKILL exactly that process; wait for its end. @signal 0: only wait */
static void end_process(const struct mr_process_id *id, int signal)
{
	if (id->pid == 0 || id->pid == getpid())
		return;
	autoclose int pidfd = mr_process_id_open(id);
	if (pidfd < 0 || (signal && mr_pidfd_send_signal(pidfd, signal) < 0))
		return;
	struct pollfd p = { pidfd, POLLIN, 0 };
	poll(&p, 1, KILL_TIMEOUT_MS);
}

void mr_cleanup_stop(const struct mr_state *state)
{
	struct mr_error ignored;
	struct mr_live live;

	if (mr_state_read_live(state, &live, &ignored) < 0)
		return;
	end_process(&live.init, SIGKILL);
	end_process(&live.monitor, 0);
	end_process(&live.monitor, SIGKILL);
	mr_live_clear(&live);
}

static int remove_cgroups(const struct mr_intent *intent, const struct mr_host *host,
	struct mr_error *err)
{
	struct mr_cgroup cg;

	mr_cgroup_init(&cg);
	int ret = mr_cgroup_open(host, intent->cgroup_path, &cg, err);
	if (ret > 0)
		ret = mr_cgroup_kill(&cg, KILL_TIMEOUT_MS, err);
	if (ret >= 0)
		ret = mr_cgroup_remove(&cg, err);
	mr_cgroup_close(&cg);
	return ret < 0 ? ret : 0;
}

int mr_cleanup(struct mr_state *state, const struct mr_host *host, struct mr_error *err)
{
	struct mr_error ignored;
	struct mr_intent intent;
	char boot[40];

	int ret = mr_boot_id(boot, err);
	if (ret < 0)
		return ret;
	bool has_intent = mr_state_read_intent(state, &intent, &ignored) == 0;
	/* No intent: it was killed before anything was made. */
	if (has_intent && strcmp(intent.boot_id, boot) == 0 &&
		(ret = remove_cgroups(&intent, host, err)) < 0)
		return ret;
	return mr_state_remove(state, err);
}
