/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do, for `minirun check`: the controllers, the tables of the other
 * files, and the conclusion.
 *
 * Everything is asked without changing anything: files are read, or tested with the
 * effective ids; features of the kernel are tried with arguments that fail late or have
 * no effect. What a host lacks is said with its consequence and its cure.
 */
#include "spec/probe.h"

#include "spec/probe_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

void mr_probe_answer(
	struct mr_probe_item *item, enum mr_probe_state state, const char *fmt, ...)
{
	va_list ap;

	item->state = state;
	va_start(ap, fmt);
	vsnprintf(item->value, sizeof(item->value), fmt, ap);
	va_end(ap);
}

void mr_probe_answer_errno(struct mr_probe_item *item, int errnum)
{
	mr_probe_answer(item, MR_PROBE_MISSING, "%s", mr_reason(errnum));
}

static struct mr_probe_item *add(struct mr_probe *p)
{
	if (p->n == MR_PROBE_MAX)
		return NULL;
	struct mr_probe_item *item = &p->items[p->n++];
	*item = (struct mr_probe_item){.state = MR_PROBE_UNKNOWN};
	return item;
}

/* What is there needs no cure. */
static void settle(struct mr_probe_item *item)
{
	if (item->state == MR_PROBE_OK) {
		item->affects = NULL;
		item->cure = NULL;
	}
}

/* --- controllers --- */

static const struct {
	const char *affects;
	bool v1_only;
} controller_texts[MR_CONTROLLERS] = {
	[MR_CTL_MEMORY] = {"no memory limit and no OOM verdict", false},
	[MR_CTL_PIDS] = {"no limit of tasks (--pids-limit)", false},
	[MR_CTL_CPU] = {"no CPU limit (--cpus)", false},
	[MR_CTL_CPUACCT] = {"CPU time is that of init and its children only", false},
	[MR_CTL_CPUSET] = {"no binding to CPUs (--cpuset-cpus)", false},
	[MR_CTL_BLKIO] = {"no limits of block devices", false},
	[MR_CTL_HUGETLB] = {"no limit of huge pages", false},
	[MR_CTL_DEVICES] = {"no control of device access", false},
	[MR_CTL_FREEZER] = {"no pause", false},
	[MR_CTL_NET_CLS] = {"no linux.resources.network.classID", true},
	[MR_CTL_NET_PRIO] = {"no linux.resources.network.priorities", true},
	[MR_CTL_RDMA] = {"no linux.resources.rdma", false},
	[MR_CTL_MISC] = {"no misc.max through unified", false},
	[MR_CTL_PERF_EVENT] = {"no perf by cgroup", false},
};

static const char *controller_cure(const struct mr_host *host, enum mr_controller c)
{
	if (host->layout == MR_LAYOUT_NONE)
		return "mount -t cgroup2 none /sys/fs/cgroup";
	if (controller_texts[c].v1_only && host->layout == MR_LAYOUT_V2)
		return NULL;
	if (c == MR_CTL_MEMORY)
		return "boot with cgroup_enable=memory";
	return "mount its v1 hierarchy, or a kernel with this controller";
}

void mr_probe_controllers(const struct mr_probe_env *env, struct mr_probe *ret)
{
	const struct mr_host *host = env->host;

	for (int i = 0; i < MR_CONTROLLERS; i++) {
		enum mr_controller c = (enum mr_controller)i;
		struct mr_probe_item *item = add(ret);
		if (!item)
			return;
		item->name = mr_controller_name(c, false);
		item->required = c == MR_CTL_MEMORY;
		item->affects = controller_texts[c].affects;
		item->cure = controller_cure(host, c);
		if (mr_host_has_controller(host, c))
			mr_probe_answer(item, MR_PROBE_OK, "v%d at %s",
				mr_host_is_v2(host, c) ? 2 : 1,
				host->hierarchies[host->owner[c]].mount_point);
		else
			mr_probe_answer(item, MR_PROBE_MISSING, "in no hierarchy");
		settle(item);
	}
}

/* --- the whole --- */

void mr_probe_rows(const struct mr_probe_env *env, const struct mr_probe_row *rows,
	struct mr_probe *ret)
{
	for (; rows->name; rows++) {
		struct mr_probe_item *item = add(ret);
		if (!item)
			return;
		item->name = rows->name;
		item->required = rows->required;
		item->affects = rows->affects;
		item->cure = rows->cure;
		rows->ask(env, item);
		settle(item);
	}
}

static bool is_ok(const struct mr_probe *p, const char *name)
{
	for (int i = 0; i < p->n; i++) {
		if (strcmp(p->items[i].name, name) == 0)
			return p->items[i].state == MR_PROBE_OK;
	}
	return false;
}

/* Namespaces come from CAP_SYS_ADMIN or from a user namespace; either will do. */
static bool conclude(const struct mr_probe *p)
{
	for (int i = 0; i < p->n; i++) {
		if (p->items[i].required && p->items[i].state != MR_PROBE_OK)
			return false;
	}
	return is_ok(p, "cap_sys_admin") || is_ok(p, "userns");
}

int mr_probe_run(const struct mr_host *host, struct mr_probe *ret, struct mr_error *err)
{
	struct mr_probe_env env = {.host = host};
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	memset(ret, 0, sizeof(*ret));
	if (root < 0)
		return mr_fail(err, errno, "open '/'");
	env.root = root;
	mr_probe_rows(&env, mr_probe_file_rows, ret);
	mr_probe_controllers(&env, ret);
	mr_probe_rows(&env, mr_probe_kernel_rows, ret);
	mr_probe_rows(&env, mr_probe_program_rows, ret);
	ret->ok = conclude(ret);
	return 0;
}
