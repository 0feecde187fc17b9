/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources of the spec as writes into the files of cgroup v1 controllers. Pure.
 *
 * The order of the rows is the order of the writes, and the kernel cares:
 * - memory+swap may never be below memory, so on a fresh cgroup, where both are
 * unlimited, memory comes first;
 * - a quota is checked against the period, a burst against the quota;
 * - cpu.shares cannot be written once cpu.idle is 1;
 * - memory.use_hierarchy (before kernel 5.11) can only change before there is any charge.
 *
 * 0 means unset for every number except pids.limit, burst, idle, swappiness and the class id;
 * engines fill in zeros for what the user did not ask.
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v1/
 */
#include "cgroup/v1.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int warn(const struct mr_row_writer *w, const char *text)
{
	return mr_strv_add(w->warnings, text) < 0 ? mr_fail(w->err, ENOMEM, "warn") : 0;
}

static int memory_limits(const struct mr_row_writer *w, const struct mr_memory *m)
{
	if (m->limit.set && m->limit.value != 0)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.limit",
			"memory.limit_in_bytes", "%" PRId64, m->limit.value));
	/* Without swap accounting memory+swap is unlimited anyway. */
	if (m->swap.set && m->swap.value == -1)
		MR_ROW_TRY(mr_row_put_optionalf(w, "linux.resources.memory.swap",
			"memory.memsw.limit_in_bytes", "-1"));
	if (m->swap.set && m->swap.value > 0)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.swap",
			"memory.memsw.limit_in_bytes", "%" PRId64, m->swap.value));
	if (m->reservation.set && m->reservation.value != 0)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.reservation",
			"memory.soft_limit_in_bytes", "%" PRId64, m->reservation.value));
	return 0;
}

static int memory_rows(const struct mr_row_writer *w, const struct mr_memory *m)
{
	if (!m)
		return 0;
	MR_ROW_TRY(mr_row_check_memory(m, w->err));
	/* kernel 5.11: always hierarchical; the file takes 1 and refuses 0 */
	if (m->use_hierarchy.set && m->use_hierarchy.value)
		MR_ROW_TRY(mr_row_put_optionalf(w, "linux.resources.memory.useHierarchy",
			"memory.use_hierarchy", "1"));
	if (m->use_hierarchy.set && !m->use_hierarchy.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.useHierarchy",
			"memory.use_hierarchy", "0"));
	MR_ROW_TRY(memory_limits(w, m));
	if (m->swappiness.set)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.swappiness",
			"memory.swappiness", "%" PRIu64, m->swappiness.value));
	if (m->disable_oom_killer.set && m->disable_oom_killer.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.memory.disableOOMKiller",
			"memory.oom_control", "1"));
	if (m->disable_oom_killer.set && !m->disable_oom_killer.value)
		MR_ROW_TRY(
			mr_row_put_optionalf(w, "linux.resources.memory.disableOOMKiller",
				"memory.oom_control", "0"));
	if (m->kernel.set && m->kernel.value > 0)
		MR_ROW_TRY(warn(w,
			"linux.resources.memory.kernel: ignored: the kernel has no separate "
			"limit for kernel memory any more; memory.limit includes it"));
	if (m->kernel_tcp.set && m->kernel_tcp.value > 0)
		MR_ROW_TRY(warn(w,
			"linux.resources.memory.kernelTCP: ignored: deprecated; memory.limit "
			"includes socket buffers"));
	return 0;
}

static int cpu_bandwidth(const struct mr_row_writer *w, const struct mr_cpu *c)
{
	if (c->period.set && c->period.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.period",
			"cpu.cfs_period_us", "%" PRIu64, c->period.value));
	if (c->quota.set && c->quota.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.quota", "cpu.cfs_quota_us",
			"%" PRId64, c->quota.value));
	if (c->burst.set)
		MR_ROW_TRY(mr_row_put_zeroable(w, "linux.resources.cpu.burst",
			"cpu.cfs_burst_us", c->burst.value));
	if (c->realtime_period.set && c->realtime_period.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.realtimePeriod",
			"cpu.rt_period_us", "%" PRIu64, c->realtime_period.value));
	if (c->realtime_runtime.set && c->realtime_runtime.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.realtimeRuntime",
			"cpu.rt_runtime_us", "%" PRId64, c->realtime_runtime.value));
	return 0;
}

static int cpu_rows(const struct mr_row_writer *w, const struct mr_cpu *c)
{
	if (!c)
		return 0;
	if (c->shares.set && c->shares.value) {
		/* The kernel takes any number and clamps it without a word. */
		if (c->shares.value < 2 || c->shares.value > 262144)
			MR_ROW_TRY(warn(w,
				"linux.resources.cpu.shares: outside 2 to 262144, the kernel "
				"uses the nearest of them"));
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.shares", "cpu.shares",
			"%" PRIu64, c->shares.value));
	}
	MR_ROW_TRY(cpu_bandwidth(w, c));
	if (c->idle.set)
		MR_ROW_TRY(mr_row_put_zeroable(
			w, "linux.resources.cpu.idle", "cpu.idle", c->idle.value));
	return 0;
}

static int cpuset_rows(const struct mr_row_writer *w, const struct mr_cpu *c)
{
	if (c && c->cpus && *c->cpus)
		MR_ROW_TRY(mr_row_putf(
			w, "linux.resources.cpu.cpus", "cpuset.cpus", "%s", c->cpus));
	if (c && c->mems && *c->mems)
		MR_ROW_TRY(mr_row_putf(
			w, "linux.resources.cpu.mems", "cpuset.mems", "%s", c->mems));
	return 0;
}

/* A weight has one file under the bfq scheduler and another under cfq (kernel < 5.0). */
static int put_weight(const struct mr_row_writer *w, const char *field,
	const char *device, const struct mr_uint *weight)
{
	if (!weight->set || weight->value == 0)
		return 0;
	const char *value = mr_row_format(w, "%s%s%" PRIu64, device ? device : "",
		device ? " " : "", weight->value);
	if (!value)
		return -ENOMEM;
	if (device)
		return mr_row_put_either(w, field, "blkio.bfq.weight_device", value,
			"blkio.weight_device", value);
	return mr_row_put_either(
		w, field, "blkio.bfq.weight", value, "blkio.weight", value);
}

static int blkio_weight_devices(
	const struct mr_row_writer *w, const struct mr_block_io *b)
{
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct mr_weight_device *d = &b->weight_device.items[i];
		const char *field =
			mr_row_format(w, "linux.resources.blockIO.weightDevice[%zu]", i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_device(d->major, d->minor, field, w->err));
		const char *device =
			mr_row_format(w, "%" PRId64 ":%" PRId64, d->major, d->minor);
		if (!device)
			return -ENOMEM;
		MR_ROW_TRY(put_weight(w, field, device, &d->weight));
		if (d->leaf_weight.set && d->leaf_weight.value)
			MR_ROW_TRY(mr_row_putf(w, field, "blkio.leaf_weight_device",
				"%s %" PRIu64, device, d->leaf_weight.value));
	}
	return 0;
}

static int blkio_throttle(const struct mr_row_writer *w,
	const struct mr_throttle_list *list, const char *name, const char *file)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct mr_throttle_device *d = &list->items[i];
		const char *field =
			mr_row_format(w, "linux.resources.blockIO.%s[%zu]", name, i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_device(d->major, d->minor, field, w->err));
		MR_ROW_TRY(mr_row_putf(w, field, file, "%" PRId64 ":%" PRId64 " %" PRIu64,
			d->major, d->minor, d->rate));
	}
	return 0;
}

static int blkio_rows(const struct mr_row_writer *w, const struct mr_block_io *b)
{
	if (!b)
		return 0;
	MR_ROW_TRY(put_weight(w, "linux.resources.blockIO.weight", NULL, &b->weight));
	if (b->leaf_weight.set && b->leaf_weight.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.blockIO.leafWeight",
			"blkio.leaf_weight", "%" PRIu64, b->leaf_weight.value));
	MR_ROW_TRY(blkio_weight_devices(w, b));
	MR_ROW_TRY(blkio_throttle(w, &b->throttle_read_bps_device,
		"throttleReadBpsDevice", "blkio.throttle.read_bps_device"));
	MR_ROW_TRY(blkio_throttle(w, &b->throttle_write_bps_device,
		"throttleWriteBpsDevice", "blkio.throttle.write_bps_device"));
	MR_ROW_TRY(blkio_throttle(w, &b->throttle_read_iops_device,
		"throttleReadIOPSDevice", "blkio.throttle.read_iops_device"));
	return blkio_throttle(w, &b->throttle_write_iops_device,
		"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device");
}

/* kernel 5.7: rsvd counts at mmap, so that too many fail there and not by SIGBUS later.
 */
static int hugetlb_rows(const struct mr_row_writer *w, const struct mr_resources *r)
{
	for (size_t i = 0; i < r->hugepage_limits.n; i++) {
		const struct mr_hugepage_limit *h = &r->hugepage_limits.items[i];
		const char *field =
			mr_row_format(w, "linux.resources.hugepageLimits[%zu]", i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_page_size(h->page_size, field, w->err));
		const char *rsvd =
			mr_row_format(w, "hugetlb.%s.rsvd.limit_in_bytes", h->page_size);
		const char *plain =
			mr_row_format(w, "hugetlb.%s.limit_in_bytes", h->page_size);
		const char *value = mr_row_format(w, "%" PRIu64, h->limit);
		if (!rsvd || !plain || !value)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_put_either(w, field, rsvd, value, plain, value));
	}
	return 0;
}

static int net_cls_rows(const struct mr_row_writer *w, const struct mr_network *n)
{
	static const char field[] = "linux.resources.network.classID";

	if (!n || !n->class_id.set)
		return 0;
	if (n->class_id.value == 0)
		return mr_row_put_optionalf(w, field, "net_cls.classid", "0");
	return mr_row_putf(w, field, "net_cls.classid", "%" PRIu64, n->class_id.value);
}

static int net_prio_rows(const struct mr_row_writer *w, const struct mr_network *n)
{
	for (size_t i = 0; n && i < n->priorities.n; i++) {
		const struct mr_interface_priority *p = &n->priorities.items[i];
		const char *field =
			mr_row_format(w, "linux.resources.network.priorities[%zu]", i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_word(p->name, field, w->err));
		MR_ROW_TRY(mr_row_putf(w, field, "net_prio.ifpriomap", "%s %" PRIu32,
			p->name, p->priority));
	}
	return 0;
}

int mr_cgroup_v1_rows(const struct mr_resources *r, enum mr_controller c,
	struct mr_arena *arena, struct mr_cgroup_rows *rows, struct mr_strv *warnings,
	struct mr_error *err)
{
	const struct mr_row_writer w = {c, false, arena, rows, warnings, err};

	if (!r)
		return 0;
	switch (c) {
	case MR_CTL_MEMORY:
		return memory_rows(&w, r->memory);
	case MR_CTL_PIDS:
		return mr_row_put_pids(&w, r);
	case MR_CTL_CPU:
		return cpu_rows(&w, r->cpu);
	case MR_CTL_CPUSET:
		return cpuset_rows(&w, r->cpu);
	case MR_CTL_BLKIO:
		return blkio_rows(&w, r->block_io);
	case MR_CTL_HUGETLB:
		return hugetlb_rows(&w, r);
	case MR_CTL_DEVICES:
		return mr_cgroup_v1_device_rows(r, arena, rows, err);
	case MR_CTL_NET_CLS:
		return net_cls_rows(&w, r->network);
	case MR_CTL_NET_PRIO:
		return net_prio_rows(&w, r->network);
	case MR_CTL_RDMA:
		return mr_row_put_rdma(&w, r);
	case MR_CTL_CPUACCT:
	case MR_CTL_FREEZER:
	case MR_CTL_MISC:
	case MR_CTL_PERF_EVENT:
	case MR_CONTROLLERS:
		return 0;
	}
	return 0;
}
