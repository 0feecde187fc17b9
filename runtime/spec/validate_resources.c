/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for linux.resources: see validate.h.
 *
 * memory.swap is memory plus swap, as in cgroup v1: 0 and absent mean "not set", -1 is
 * unlimited, and any other value below the limit, or without one, has no meaning.
 * What depends on the cgroup version or the machine is decided by the rooms that apply
 * it.
 */
#include "spec/rules.h"

#include <stdio.h>
#include <string.h>

static int check_memory(const struct mr_rules *c)
{
	const struct mr_memory *m =
		c->spec->linux_->resources ? c->spec->linux_->resources->memory : NULL;
	if (!m)
		return 0;
	int64_t limit = m->limit.value, swap = m->swap.value; /* 0 when absent */

	if (swap > 0 && limit <= 0)
		return mr_rule_fail(c, "linux.resources.memory.swap",
			"needs a memory limit (it is memory plus swap: set memory.limit "
			"too)");
	if (swap > 0 && swap < limit)
		return mr_rule_fail(c, "linux.resources.memory.swap",
			"%lld is below the limit %lld (it is memory plus swap: %lld "
			"allows no swap)",
			(long long)swap, (long long)limit, (long long)limit);
	if (limit > 0 && m->reservation.value > limit)
		mr_rule_warn(c, "linux.resources.memory.reservation",
			"%lld is above the limit %lld and has no effect",
			(long long)m->reservation.value, (long long)limit);
	return 0;
}

static int check_cpu_list(const struct mr_rules *c, const char *path, const char *list)
{
	if (list && strspn(list, "0123456789-, \n") != strlen(list))
		return mr_rule_fail(
			c, path, "\"%.60s\" is no list of numbers (\"0-3,7\")", list);
	return 0;
}

static int check_cpu(const struct mr_rules *c)
{
	const struct mr_cpu *cpu =
		c->spec->linux_->resources ? c->spec->linux_->resources->cpu : NULL;
	if (!cpu)
		return 0;
	int r = check_cpu_list(c, "linux.resources.cpu.cpus", cpu->cpus);
	if (r == 0)
		r = check_cpu_list(c, "linux.resources.cpu.mems", cpu->mems);
	if (r == 0 && cpu->idle.set && cpu->idle.value != 0 && cpu->idle.value != 1)
		r = mr_rule_fail(c, "linux.resources.cpu.idle", "%lld is neither 0 nor 1",
			(long long)cpu->idle.value);
	return r;
}

static int check_weight(
	const struct mr_rules *c, const char *path, const struct mr_uint *weight)
{
	if (weight->value == 0 || (weight->value >= 10 && weight->value <= 1000))
		return 0;
	return mr_rule_fail(c, path, "%llu is out of range (10 to 1000)",
		(unsigned long long)weight->value);
}

static int check_block_io(const struct mr_rules *c)
{
	const struct mr_block_io *b =
		c->spec->linux_->resources ? c->spec->linux_->resources->block_io : NULL;
	static const char list[] = "linux.resources.blockIO.weightDevice";
	char path[MR_RULE_PATH];
	if (!b)
		return 0;
	int r = check_weight(c, "linux.resources.blockIO.weight", &b->weight);
	if (r == 0)
		r = check_weight(
			c, "linux.resources.blockIO.leafWeight", &b->leaf_weight);
	for (size_t i = 0; i < b->weight_device.n && r == 0; i++) {
		const struct mr_weight_device *d = &b->weight_device.items[i];
		if (!d->weight.set && !d->leaf_weight.set)
			return mr_rule_fail(c, mr_rule_path(path, list, i, ""),
				"neither weight nor leafWeight is given");
		r = check_weight(c, mr_rule_path(path, list, i, ".weight"), &d->weight);
		if (r == 0)
			r = check_weight(c, mr_rule_path(path, list, i, ".leafWeight"),
				&d->leaf_weight);
	}
	return r;
}

/* "2MB", "1GB": digits and one of KB MB GB, as in the cgroup's file names. */
static bool is_page_size(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n > 0 && text[0] != '0' && strlen(text + n) == 2 &&
	       strchr("KMGT", text[n]) && text[n + 1] == 'B';
}

static int check_hugepages(const struct mr_rules *c)
{
	const struct mr_resources *r = c->spec->linux_->resources;
	char path[MR_RULE_PATH];
	for (size_t i = 0; r && i < r->hugepage_limits.n; i++) {
		const char *size = r->hugepage_limits.items[i].page_size;
		if (!is_page_size(size))
			return mr_rule_fail(c,
				mr_rule_path(path, "linux.resources.hugepageLimits", i,
					".pageSize"),
				"\"%.40s\" is no page size (\"2MB\", \"1GB\")", size);
	}
	return 0;
}

static int check_device_rules(const struct mr_rules *c)
{
	const struct mr_resources *r = c->spec->linux_->resources;
	char path[MR_RULE_PATH];
	for (size_t i = 0; r && i < r->devices.n; i++) {
		const char *access = r->devices.items[i].access;
		if (access && strspn(access, "rwm") != strlen(access))
			return mr_rule_fail(c,
				mr_rule_path(
					path, "linux.resources.devices", i, ".access"),
				"\"%.40s\" is not made of r, w and m", access);
	}
	return 0;
}

/* A key is one file in the container's cgroup directory. */
static int check_unified(const struct mr_rules *c)
{
	const struct mr_resources *r = c->spec->linux_->resources;
	for (size_t i = 0; r && i < r->unified.n; i++) {
		const char *key = r->unified.items[i].key;
		const char *dot = strchr(key, '.');
		if (!dot || dot == key || !dot[1] || strchr(key, '/'))
			return mr_rule_fail(c, "linux.resources.unified",
				"\"%.60s\" is no cgroup file (\"memory.high\")", key);
	}
	return 0;
}

static int check_network(const struct mr_rules *c)
{
	const struct mr_resources *r = c->spec->linux_->resources;
	const struct mr_network *n = r ? r->network : NULL;
	char path[MR_RULE_PATH];
	for (size_t i = 0; n && i < n->priorities.n; i++) {
		const char *name = n->priorities.items[i].name;
		if (!*name || strpbrk(name, " \t\n"))
			return mr_rule_fail(c,
				mr_rule_path(path, "linux.resources.network.priorities",
					i, ".name"),
				"\"%.40s\" is no name of a network device", name);
	}
	return 0;
}

/* What is written to rdma.max begins with the device's name. */
static int check_rdma(const struct mr_rules *c)
{
	const struct mr_resources *r = c->spec->linux_->resources;
	for (size_t i = 0; r && i < r->rdma.n; i++) {
		const struct mr_rdma *d = &r->rdma.items[i];
		if (!*d->device || strpbrk(d->device, " \t\n"))
			return mr_rule_fail(c, "linux.resources.rdma",
				"\"%.40s\" is no name of a device", d->device);
		if (!d->hca_handles.set && !d->hca_objects.set)
			return mr_rule_fail(c, "linux.resources.rdma",
				"%.40s: neither hcaHandles nor hcaObjects is given",
				d->device);
	}
	return 0;
}

const mr_rule mr_resource_rules[] = {
	check_memory,
	check_cpu,
	check_block_io,
	check_hugepages,
	check_device_rules,
	check_unified,
	check_network,
	check_rdma,
	NULL,
};
