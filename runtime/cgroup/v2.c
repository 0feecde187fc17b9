/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources of the spec as writes into cgroup v2 files. Pure.
 *
 * The spec speaks v1's language, so numbers are converted: memory+swap becomes swap
 * alone, shares (2 to 262144) become a weight (1 to 10000), quota and period share
 * cpu.max. What v2 has no word for is an error and never dropped, except where the wish
 * is v2's only behaviour anyway (useHierarchy true, disableOOMKiller false).
 *
 * swap.max is written before max: with the swap closed first, lowering the limit of a
 * running container cannot push its memory out to swap in between.
 *
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst
 */
#include "cgroup/v2.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- weights --- */

__extension__ typedef unsigned __int128 u128;

/* log2(v) with 40 binary digits behind the point: square, and see whether it passed 2. */
static uint64_t log2_fixed(uint64_t v)
{
	const unsigned point = 62; /* x is in [1, 2) */
	unsigned whole = 63u - (unsigned)__builtin_clzll(v);
	uint64_t x = whole > point ? v >> (whole - point) : v << (point - whole);
	uint64_t result = whole;

	for (int i = 0; i < 40; i++) {
		u128 square = (u128)x * x;
		unsigned over = (square >> (2 * point + 1)) != 0;
		x = (uint64_t)(square >> (point + over));
		result = result << 1 | over;
	}
	return result;
}

/*
 * weight = ceil(10^((l^2 + 125 l) / 612 - 7 / 34)), l = log2(shares): 2, 1024 and 262144
 * map to 1, 100 and 10000. The exponent is compared with log10 of each weight instead of
 * being raised: no floating point, so no ceil() that lands on 101 for want of one bit.
 */
uint64_t mr_cgroup_shares_to_weight(uint64_t shares)
{
	const uint64_t one = UINT64_C(1) << 40;
	const uint64_t log2_of_10 = log2_fixed(10);
	const uint64_t tolerance = one >> 34; /* the last digits are not exact */

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;

	uint64_t l = log2_fixed(shares);
	/* 612 times the exponent: 612 * 7 / 34 = 126. */
	uint64_t exponent = (uint64_t)(((u128)l * l) >> 40) + 125 * l - 126 * one;

	uint64_t low = 1, high = 10000;
	while (low < high) {
		uint64_t mid = (low + high) / 2;
		u128 log10 = ((u128)log2_fixed(mid) << 40) / log2_of_10;
		if ((u128)612 * (log10 + tolerance) >= exponent)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* blkio's 10 to 1000 to io.weight's 1 to 10000. */
static uint64_t io_weight(uint64_t blkio)
{
	if (blkio < 10)
		blkio = 10;
	if (blkio > 1000)
		blkio = 1000;
	return 1 + (blkio - 10) * 9999 / 990;
}

/* --- memory --- */

static int lacks(const struct mr_row_writer *w, const char *field, const char *why,
	const char *hint)
{
	int r = mr_fail_text(w->err, EOPNOTSUPP, "%s: %s", field, why);
	mr_hint(w->err, "%s", hint);
	return r;
}

static int memory_lacks(const struct mr_row_writer *w, const struct mr_memory *m)
{
	if (m->disable_oom_killer.set && m->disable_oom_killer.value)
		return lacks(w, "linux.resources.memory.disableOOMKiller",
			"cgroup v2 cannot switch the OOM killer off (docker's --oom-kill-disable)",
			"--oom-kill-disable=emulate, or the annotation "
			"org.minirun.oomKillDisablePolicy=emulate: minirun stops the tasks itself");
	if (m->swappiness.set)
		return lacks(w, "linux.resources.memory.swappiness",
			"cgroup v2 has no swappiness of its own (docker's --memory-swappiness)",
			"leave it out, or forbid swap: linux.resources.memory.swap equal to the limit");
	if (m->use_hierarchy.set && !m->use_hierarchy.value)
		return lacks(w, "linux.resources.memory.useHierarchy",
			"false is impossible: cgroup v2 always counts hierarchically",
			"leave it out");
	return 0;
}

static int put_bytes(
	const struct mr_row_writer *w, const char *field, const char *file, int64_t value)
{
	if (value < 0)
		return mr_row_putf(w, field, file, "max");
	return mr_row_putf(w, field, file, "%" PRId64, value);
}

static int memory_rows(const struct mr_row_writer *w, const struct mr_memory *m)
{
	static const char swap[] = "linux.resources.memory.swap";

	if (!m)
		return 0;
	MR_ROW_TRY(mr_row_check_memory(m, w->err));
	MR_ROW_TRY(memory_lacks(w, m));
	bool unlimited = m->limit.set && m->limit.value == -1;
	/* A kernel without swap lacks the file, and then there is nothing to limit. */
	if ((m->swap.set && m->swap.value == -1) || (unlimited && !m->swap.set))
		MR_ROW_TRY(mr_row_put_optionalf(w, swap, "memory.swap.max", "max"));
	if (m->swap.set && m->swap.value > 0)
		MR_ROW_TRY(mr_row_putf(w, swap, "memory.swap.max", "%" PRId64,
			m->swap.value - m->limit.value));
	if (m->limit.set && m->limit.value != 0)
		MR_ROW_TRY(put_bytes(
			w, "linux.resources.memory.limit", "memory.max", m->limit.value));
	if (m->reservation.set && m->reservation.value != 0)
		MR_ROW_TRY(put_bytes(w, "linux.resources.memory.reservation",
			"memory.low", m->reservation.value));
	if ((m->kernel.set && m->kernel.value > 0) ||
		(m->kernel_tcp.set && m->kernel_tcp.value > 0)) {
		const char *text =
			"linux.resources.memory.kernel, kernelTCP: ignored: cgroup v2 "
			"has no separate limit; memory.limit includes kernel memory";
		if (mr_strv_add(w->warnings, text) < 0)
			return mr_fail(w->err, ENOMEM, "warn");
	}
	return 0;
}

/*
 * Above memory.high each page fault sleeps, the longer the further above; so tasks that go
 * on for a moment stay below the limit: an eighth of it, 256 KiB to 256 MiB, half at most.
 */
uint64_t mr_cgroup_v2_high(uint64_t limit, long page_size)
{
	const uint64_t least = 256 << 10, most = 256 << 20;
	uint64_t gap = limit / 8;

	if (gap < least)
		gap = least < limit / 2 ? least : limit / 2;
	if (gap > most)
		gap = most;
	limit -= gap;
	return limit - limit % (uint64_t)page_size;
}

/* --- cpu --- */

static int cpu_max(const struct mr_row_writer *w, const struct mr_cpu *c)
{
	bool quota = c->quota.set && c->quota.value != 0;
	bool period = c->period.set && c->period.value != 0;
	const char *field =
		quota ? "linux.resources.cpu.quota" : "linux.resources.cpu.period";
	uint64_t us = period ? c->period.value : 100000;

	if (!quota && !period)
		return 0;
	if (quota && c->quota.value > 0)
		return mr_row_putf(
			w, field, "cpu.max", "%" PRId64 " %" PRIu64, c->quota.value, us);
	return mr_row_putf(w, field, "cpu.max", "max %" PRIu64, us);
}

static int cpu_rows(const struct mr_row_writer *w, const struct mr_cpu *c)
{
	static const char why[] = "cgroup v2 has no realtime limits";
	static const char hint[] =
		"leave it out, or use a host with the v1 cpu controller";

	if (!c)
		return 0;
	if (c->realtime_runtime.set && c->realtime_runtime.value)
		return lacks(w, "linux.resources.cpu.realtimeRuntime", why, hint);
	if (c->realtime_period.set && c->realtime_period.value)
		return lacks(w, "linux.resources.cpu.realtimePeriod", why, hint);
	/* Before cpu.idle: an idle cgroup refuses a weight. */
	if (c->shares.set && c->shares.value)
		MR_ROW_TRY(mr_row_putf(w, "linux.resources.cpu.shares", "cpu.weight",
			"%" PRIu64, mr_cgroup_shares_to_weight(c->shares.value)));
	MR_ROW_TRY(cpu_max(w, c));
	if (c->burst.set)
		MR_ROW_TRY(mr_row_put_zeroable(w, "linux.resources.cpu.burst",
			"cpu.max.burst", c->burst.value));
	if (c->idle.set)
		MR_ROW_TRY(mr_row_put_zeroable(
			w, "linux.resources.cpu.idle", "cpu.idle", c->idle.value));
	return 0;
}

/* --- io --- */

static int put_weight(const struct mr_row_writer *w, const char *field,
	const char *device, const struct mr_uint *weight)
{
	if (!weight->set || weight->value == 0)
		return 0;
	const char *blank = *device ? " " : "";
	const char *bfq = mr_row_format(w, "%s%s%" PRIu64, device, blank, weight->value);
	const char *io =
		mr_row_format(w, "%s%s%" PRIu64, device, blank, io_weight(weight->value));
	if (!bfq || !io)
		return -ENOMEM;
	return mr_row_put_either(w, field, "io.bfq.weight", bfq, "io.weight", io);
}

static int no_leaf_weight(
	const struct mr_row_writer *w, const char *field, const struct mr_uint *leaf)
{
	if (!leaf->set || leaf->value == 0)
		return 0;
	return lacks(w, field,
		"cgroup v2 has no leaf weight: processes live in leaves only",
		"leave it out");
}

static int weight_devices(const struct mr_row_writer *w, const struct mr_block_io *b)
{
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct mr_weight_device *d = &b->weight_device.items[i];
		const char *field =
			mr_row_format(w, "linux.resources.blockIO.weightDevice[%zu]", i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_device(d->major, d->minor, field, w->err));
		MR_ROW_TRY(no_leaf_weight(w, field, &d->leaf_weight));
		const char *device =
			mr_row_format(w, "%" PRId64 ":%" PRId64, d->major, d->minor);
		if (!device)
			return -ENOMEM;
		MR_ROW_TRY(put_weight(w, field, device, &d->weight));
	}
	return 0;
}

static int throttle(const struct mr_row_writer *w, const struct mr_throttle_list *list,
	const char *name, const char *key)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct mr_throttle_device *d = &list->items[i];
		const char *field =
			mr_row_format(w, "linux.resources.blockIO.%s[%zu]", name, i);
		if (!field)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_check_device(d->major, d->minor, field, w->err));
		/* v1's 0 takes a limit away; v2 calls that max and refuses 0. */
		const char *rate =
			d->rate ? mr_row_format(w, "%" PRIu64, d->rate) : "max";
		if (!rate)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_putf(w, field, "io.max",
			"%" PRId64 ":%" PRId64 " %s=%s", d->major, d->minor, key, rate));
	}
	return 0;
}

static int io_rows(const struct mr_row_writer *w, const struct mr_block_io *b)
{
	if (!b)
		return 0;
	MR_ROW_TRY(
		no_leaf_weight(w, "linux.resources.blockIO.leafWeight", &b->leaf_weight));
	MR_ROW_TRY(put_weight(w, "linux.resources.blockIO.weight", "", &b->weight));
	MR_ROW_TRY(weight_devices(w, b));
	MR_ROW_TRY(throttle(
		w, &b->throttle_read_bps_device, "throttleReadBpsDevice", "rbps"));
	MR_ROW_TRY(throttle(
		w, &b->throttle_write_bps_device, "throttleWriteBpsDevice", "wbps"));
	MR_ROW_TRY(throttle(
		w, &b->throttle_read_iops_device, "throttleReadIOPSDevice", "riops"));
	return throttle(
		w, &b->throttle_write_iops_device, "throttleWriteIOPSDevice", "wiops");
}

/* --- the rest --- */

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
		const char *rsvd = mr_row_format(w, "hugetlb.%s.rsvd.max", h->page_size);
		const char *plain = mr_row_format(w, "hugetlb.%s.max", h->page_size);
		const char *value = mr_row_format(w, "%" PRIu64, h->limit);
		if (!rsvd || !plain || !value)
			return -ENOMEM;
		MR_ROW_TRY(mr_row_put_either(w, field, rsvd, value, plain, value));
	}
	return 0;
}

static int no_network(
	const struct mr_row_writer *w, const struct mr_network *n, bool class)
{
	static const char hint[] =
		"leave it out; match the cgroup itself in nftables (socket "
		"cgroupv2) or in a BPF program";

	if (n && class && n->class_id.set && n->class_id.value)
		return lacks(w, "linux.resources.network.classID",
			"cgroup v2 has no net_cls controller", hint);
	if (n && !class && n->priorities.n)
		return lacks(w, "linux.resources.network.priorities",
			"cgroup v2 has no net_prio controller", hint);
	return 0;
}

int mr_cgroup_v2_rows(const struct mr_resources *r, enum mr_controller c,
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
		return io_rows(&w, r->block_io);
	case MR_CTL_HUGETLB:
		return hugetlb_rows(&w, r);
	case MR_CTL_NET_CLS:
		return no_network(&w, r->network, true);
	case MR_CTL_NET_PRIO:
		return no_network(&w, r->network, false);
	case MR_CTL_RDMA:
		return mr_row_put_rdma(&w, r);
	case MR_CTL_DEVICES: /* a BPF program: bpf.c */
	case MR_CTL_CPUACCT:
	case MR_CTL_FREEZER:
	case MR_CTL_MISC:
	case MR_CTL_PERF_EVENT:
	case MR_CONTROLLERS:
		return 0;
	}
	return 0;
}
