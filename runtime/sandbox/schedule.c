/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule - when and where the kernel runs the process and puts its memory: scheduler,
 * I/O priority, personality, memory policy. All of them pass through execve(2).
 *
 * Order constraints: before the user is set (CAP_SYS_NICE), and after the cpuset is
 * joined: SCHED_DEADLINE refuses a process that may not use all CPUs of its root domain,
 * and a memory policy is checked against cpuset.mems.
 *
 * Manual pages: sched_setattr(2), sched(7), ioprio_set(2), personality(2),
 * set_mempolicy(2).
 */
#include "sandbox/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

struct name {
	const char *name;
	uint64_t value;
};

/* Names of linux/sched.h, which cannot be included beside libc's sched.h. */
static const struct name policies[] = {
	{"SCHED_OTHER", 0},
	{"SCHED_FIFO", 1},
	{"SCHED_RR", 2},
	{"SCHED_BATCH", 3},
	{"SCHED_ISO", 4},
	{"SCHED_IDLE", 5},
	{"SCHED_DEADLINE", 6},
};
static const struct name schedule_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", 0x01},
	{"SCHED_FLAG_RECLAIM", 0x02},
	{"SCHED_FLAG_DL_OVERRUN", 0x04},
	{"SCHED_FLAG_KEEP_POLICY", 0x08},
	{"SCHED_FLAG_KEEP_PARAMS", 0x10},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};
static const struct name io_classes[] = {
	{"IOPRIO_CLASS_RT", 1},
	{"IOPRIO_CLASS_BE", 2},
	{"IOPRIO_CLASS_IDLE", 3},
};
static const struct name memory_modes[] = {
	{"MPOL_DEFAULT", 0}, {"MPOL_PREFERRED", 1}, {"MPOL_BIND", 2},
	{"MPOL_INTERLEAVE", 3}, {"MPOL_LOCAL", 4},
	{"MPOL_PREFERRED_MANY", 5},      /* kernel 5.15 */
	{"MPOL_WEIGHTED_INTERLEAVE", 6}, /* kernel 6.9 */
};
static const struct name memory_flags[] = {
	{"MPOL_F_STATIC_NODES", 1u << 15}, {"MPOL_F_RELATIVE_NODES", 1u << 14},
	{"MPOL_F_NUMA_BALANCING", 1u << 13}, /* kernel 5.12 */
};

const char *mr_memory_flag_name(size_t i)
{
	return i < sizeof(memory_flags) / sizeof(memory_flags[0]) ? memory_flags[i].name
								  : NULL;
}

static int look_up(const struct name *names, size_t n, const char *text,
	const char *field, uint64_t *ret, struct mr_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (mr_streq(names[i].name, text)) {
			*ret = names[i].value;
			return 0;
		}
	}
	return mr_fail_text(
		err, EINVAL, "%s: unknown value '%s'", field, text ? text : "");
}

static int look_up_flags(const struct name *names, size_t n, const struct mr_list *list,
	const char *field, uint64_t *ret, struct mr_error *err)
{
	*ret = 0;
	for (size_t i = 0; i < list->n; i++) {
		uint64_t flag = 0;
		int r = look_up(names, n, list->items[i], field, &flag, err);
		if (r < 0)
			return r;
		*ret |= flag;
	}
	return 0;
}

/* sched_setattr(2) has no wrapper before glibc 2.41. */
struct schedule_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set_scheduler(const struct mr_scheduler *s, struct mr_error *err)
{
	struct schedule_attr attr = {
		.size = sizeof(attr),
		.nice = (int32_t)(s->nice.set ? s->nice.value : 0),
		.priority = (uint32_t)(s->priority.set ? s->priority.value : 0),
		.runtime = s->runtime.set ? s->runtime.value : 0,
		.deadline = s->deadline.set ? s->deadline.value : 0,
		.period = s->period.set ? s->period.value : 0,
	};
	uint64_t policy = 0;
	int r = look_up(policies, N_ELEMENTS(policies), s->policy,
		"process.scheduler.policy", &policy, err);

	if (r == 0)
		r = look_up_flags(schedule_flags, N_ELEMENTS(schedule_flags), &s->flags,
			"process.scheduler.flags", &attr.flags, err);
	if (r < 0)
		return r;
	attr.policy = (uint32_t)policy;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) == 0)
		return 0;
	int e = errno;
	mr_fail(err, e,
		"process.scheduler: sched_setattr %s, nice %d, priority %u, runtime "
		"%llu, deadline %llu, period %llu ns",
		s->policy, attr.nice, attr.priority, (unsigned long long)attr.runtime,
		(unsigned long long)attr.deadline, (unsigned long long)attr.period);
	if (e == EPERM && mr_streq(s->policy, "SCHED_DEADLINE"))
		mr_hint(err, "needs CAP_SYS_NICE and every CPU: this process scheduler "
			     "can't be used together with AllowedCPUs (linux.resources.cpu.cpus)");
	else if (e == EPERM)
		mr_hint(err, "needs CAP_SYS_NICE; on cgroup v1 also a non-zero "
			     "cpu.rt_runtime_us for real-time policies");
	else if (e == EBUSY)
		mr_hint(err,
			"the CPUs have no such share of time left for SCHED_DEADLINE");
	return -e;
}

static int set_io_priority(const struct mr_io_priority *io, struct mr_error *err)
{
	int64_t priority = io->priority.set ? io->priority.value : 0;
	uint64_t class = 0;
	int r = look_up(io_classes, N_ELEMENTS(io_classes), io->class,
		"process.ioPriority.class", &class, err);

	if (r < 0)
		return r;
	if (priority < 0 || priority > 7)
		return mr_fail_text(err, EINVAL,
			"process.ioPriority.priority: %lld is not between 0 and 7",
			(long long)priority);
	long value = (long)((class << IOPRIO_CLASS_SHIFT) | (uint64_t)priority);
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) == 0)
		return 0;
	int e = errno;
	mr_fail(err, e, "process.ioPriority: ioprio_set %s, %lld", io->class,
		(long long)priority);
	if (e == EPERM)
		mr_hint(err, "IOPRIO_CLASS_RT needs CAP_SYS_NICE or CAP_SYS_ADMIN on the "
			     "host");
	return -e;
}

static int set_personality(const struct mr_personality *p, struct mr_error *err)
{
	unsigned long domain;

	if (mr_streq(p->domain, "LINUX"))
		domain = PER_LINUX;
	else if (mr_streq(p->domain, "LINUX32"))
		domain = PER_LINUX32;
	else
		return mr_fail_text(err, EINVAL,
			"linux.personality.domain: unknown value '%s' (LINUX, LINUX32)",
			p->domain ? p->domain : "");
	if (personality(domain) < 0)
		return mr_fail(err, errno, "linux.personality: domain %s", p->domain);
	return 0;
}

/* --- memory policy --- */

#define MAX_NODES 1024 /* the kernel's CONFIG_NODES_SHIFT is at most 10 */
#define WORD_BITS (sizeof(unsigned long) * CHAR_BIT)

static const char *parse_number(const char *at, unsigned *ret)
{
	unsigned value = 0;

	if (*at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (unsigned)(*at - '0');
		if (value >= MAX_NODES)
			return NULL;
	}
	*ret = value;
	return at;
}

/* "0-3,7", of nodes or CPUs. @return 0 or -EINVAL */
static int parse_list(const char *at, unsigned long mask[static MAX_NODES / WORD_BITS])
{
	while (true) {
		unsigned first = 0, last;

		at = parse_number(at, &first);
		last = first;
		if (at != NULL && *at == '-')
			at = parse_number(at + 1, &last);
		if (at == NULL || last < first)
			return -EINVAL;
		for (unsigned node = first; node <= last; node++)
			mask[node / WORD_BITS] |= 1UL << (node % WORD_BITS);
		if (*at == '\0')
			return 0;
		if (*at++ != ',')
			return -EINVAL;
	}
}

static int set_memory_policy(const struct mr_memory_policy *policy, struct mr_error *err)
{
	unsigned long mask[MAX_NODES / WORD_BITS] = {0};
	bool has_nodes = policy->nodes != NULL && policy->nodes[0] != '\0';
	uint64_t mode = 0, flags = 0;
	int r = look_up(memory_modes, N_ELEMENTS(memory_modes), policy->mode,
		"linux.memoryPolicy.mode", &mode, err);

	if (r == 0)
		r = look_up_flags(memory_flags, N_ELEMENTS(memory_flags), &policy->flags,
			"linux.memoryPolicy.flags: invalid memory policy flag", &flags, err);
	if (r < 0)
		return r;
	if (has_nodes && parse_list(policy->nodes, mask) < 0)
		return mr_fail_text(err, EINVAL,
			"linux.memoryPolicy.nodes: invalid memory policy nodes: '%s' is no list "
			"such as \"0-3,7\" below %d",
			policy->nodes, MAX_NODES);
	/* The kernel takes one bit less than it is told. */
	if (syscall(SYS_set_mempolicy, (long)(mode | flags), has_nodes ? mask : NULL,
		    has_nodes ? MAX_NODES + 1UL : 0UL) == 0)
		return 0;
	int e = errno;
	mr_fail(err, e, "linux.memoryPolicy: set_mempolicy %s, nodes \"%s\"",
		policy->mode, has_nodes ? policy->nodes : "");
	if (e == EINVAL)
		mr_hint(err, "the nodes must exist and be in cpuset.mems; MPOL_DEFAULT "
			     "and MPOL_LOCAL take none; MPOL_PREFERRED_MANY needs kernel "
			     "5.15, MPOL_WEIGHTED_INTERLEAVE 6.9");
	return -e;
}

int mr_process_set_affinity(const char *cpus, const char *field, struct mr_error *err)
{
	unsigned long mask[MAX_NODES / WORD_BITS] = {0};

	if (parse_list(cpus, mask) < 0)
		return mr_fail_text(err, EINVAL,
			"%s: '%s' is no list such as \"0-3,7\" of CPUs below %d", field, cpus,
			MAX_NODES);
	if (syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
		return mr_fail(err, errno, "%s: sched_setaffinity to '%s'", field, cpus);
	return 0;
}

int mr_process_reset_affinity(struct mr_error *err)
{
	struct mr_cpus all;

	memset(&all, 0xff, sizeof(all));
	if (syscall(SYS_sched_setaffinity, 0, sizeof(all), &all) < 0)
		return mr_fail(err, errno, "sched_setaffinity to all CPUs of the cgroup");
	return 0;
}

int mr_process_read_affinity(struct mr_cpus *ret, struct mr_error *err)
{
	memset(ret, 0, sizeof(*ret));
	if (syscall(SYS_sched_getaffinity, 0, sizeof(*ret), ret) < 0)
		return mr_fail(err, errno, "sched_getaffinity");
	return 0;
}

int mr_process_keep_affinity(const struct mr_cpus *cpus, struct mr_error *err)
{
	/* EINVAL: the cgroup has none of them. */
	if (syscall(SYS_sched_setaffinity, 0, sizeof(*cpus), cpus) < 0 && errno != EINVAL)
		return mr_fail(err, errno, "sched_setaffinity to the CPUs of the caller");
	return 0;
}

int mr_process_set_scheduling(const struct mr_process_plan *plan,
	const struct mr_spec *spec, struct mr_error *err)
{
	int r = 0;

	if (plan->process->scheduler != NULL)
		r = set_scheduler(plan->process->scheduler, err);
	if (r == 0 && plan->process->io_priority != NULL)
		r = set_io_priority(plan->process->io_priority, err);
	if (r == 0 && spec->linux_->personality != NULL)
		r = set_personality(spec->linux_->personality, err);
	if (r == 0 && spec->linux_->memory_policy != NULL)
		r = set_memory_policy(spec->linux_->memory_policy, err);
	return r;
}
