/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps of the child a plan needs, and with which values: for the table in child.c. Pure:
 * `minirun plan` runs this half alone. */
#include "launch/child_steps.h"

bool mr_child_wants_join(const struct mr_plan *p)
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (p->ns.join[i] && i != MR_NS_PID && !(p->ns.middle && i == MR_NS_USER))
			return true;
	return false;
}

void mr_child_describe_join(const struct mr_plan *p, struct mr_str *out)
{
	for (int i = 0; i < MR_NS_TYPES; i++)
		if (p->ns.join[i])
			mr_str_appendf(out, " %s=%s", mr_ns_type_name((enum mr_ns_type)i), p->ns.join[i]);
}

bool mr_child_wants_maps(const struct mr_plan *p)
{
	return p->ns.create[MR_NS_USER];
}

void mr_child_describe_maps(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " uid_map={%s} gid_map={%s}%s", p->ns.uid_map, p->ns.gid_map,
		p->ns.map_by_helper ? " by newuidmap(1)" : "");
	for (char *c = out->data; c && *c; c++)
		if (*c == '\n')
			*c = ' ';
}

void mr_child_describe_cgroup(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s in", p->cgroup.path);
	for (int i = 0; i < p->host.n_hierarchies; i++)
		if (p->cgroup.hierarchy[i])
			mr_str_appendf(out, " %s", p->host.hierarchies[i].mount_point);
}

/* For exec only, as the field's name says. */
bool mr_child_wants_initial_cpus(const struct mr_plan *p)
{
	return p->exec && p->process.process->exec_cpu_affinity_initial;
}

/* The affinity of who calls us is none of the container's, and would hold against its cpuset. A
 * user's own `taskset minirun run` means the program, unless CPUs are asked for. */
bool mr_child_wants_final_cpus(const struct mr_plan *p)
{
	const struct mr_resources *r = p->spec->linux_->resources;

	if (p->exec)
		return p->process.process->exec_cpu_affinity_final ||
		       !p->process.process->exec_cpu_affinity_initial;
	return !p->options.stand_alone || (r && r->cpu && r->cpu->cpus && *r->cpu->cpus);
}

bool mr_child_wants_caller_cpus(const struct mr_plan *p)
{
	int h = p->host.owner[MR_CTL_CPUSET];
	return !p->exec && !mr_child_wants_final_cpus(p) && h >= 0 && p->cgroup.hierarchy[h];
}

bool mr_child_wants_cgroup_ns(const struct mr_plan *p)
{
	return p->ns.create[MR_NS_CGROUP];
}

bool mr_child_wants_session(const struct mr_plan *p)
{
	return p->own_session;
}

bool mr_child_wants_keyring(const struct mr_plan *p)
{
	return !p->options.no_new_keyring && !p->options.command;
}

bool mr_child_is_in_userns(const struct mr_plan *p)
{
	return p->ns.create[MR_NS_USER] || p->ns.join[MR_NS_USER];
}

bool mr_child_wants_oom_early(const struct mr_plan *p)
{
	/* The middle process has done it before it joined. */
	return p->process.process->oom_score_adj.set && mr_child_is_in_userns(p);
}

bool mr_child_wants_oom_late(const struct mr_plan *p)
{
	return p->process.process->oom_score_adj.set && !mr_child_is_in_userns(p);
}

void mr_child_describe_oom_score_adj(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %lld", (long long)p->process.process->oom_score_adj.value);
}

bool mr_child_wants_names(const struct mr_plan *p)
{
	return p->ns.hostname || p->ns.domainname;
}

void mr_child_describe_names(const struct mr_plan *p, struct mr_str *out)
{
	if (p->ns.hostname)
		mr_str_appendf(out, " hostname=%s", p->ns.hostname);
	if (p->ns.domainname)
		mr_str_appendf(out, " domainname=%s", p->ns.domainname);
}

bool mr_child_wants_loopback(const struct mr_plan *p)
{
	return p->ns.loopback;
}

bool mr_child_wants_mount_ns(const struct mr_plan *p)
{
	return p->rootfs.new_mount_ns;
}

void mr_child_describe_bind(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s%s", p->rootfs.path, p->rootfs.is_host ? " (the host's)" : "");
}

void mr_child_describe_mounts(const struct mr_plan *p, struct mr_str *out)
{
	for (size_t i = 0; i < p->rootfs.mounts.n; i++) {
		const struct mr_mount *m = &p->rootfs.mounts.items[i];
		mr_str_appendf(out, " %s=%s", m->destination,
			m->kind == MR_MOUNT_BIND ? m->source : m->type ? m->type : "remount");
	}
}

bool mr_child_wants_terminal(const struct mr_plan *p)
{
	return p->process.process->terminal;
}

bool mr_child_wants_devices(const struct mr_plan *p)
{
	return p->rootfs.devices.needed;
}

void mr_child_describe_devices(const struct mr_plan *p, struct mr_str *out)
{
	for (size_t i = 0; i < p->rootfs.devices.nodes.n; i++)
		mr_str_appendf(out, " %s", p->rootfs.devices.nodes.items[i].path);
}

bool mr_child_wants_hooks(const struct mr_plan *p)
{
	return p->hooks_before_start ||
	       (!p->exec && p->spec->linux_->net_devices.n > 0);
}

bool mr_child_wants_create_hooks(const struct mr_plan *p)
{
	return p->spec->hooks[MR_HOOK_CREATE_CONTAINER].n > 0;
}

bool mr_child_wants_sysctls(const struct mr_plan *p)
{
	return p->rootfs.sysctl.n > 0;
}

void mr_child_describe_sysctls(const struct mr_plan *p, struct mr_str *out)
{
	for (size_t i = 0; i < p->rootfs.sysctl.n; i++)
		mr_str_appendf(out, " %s=%s", p->rootfs.sysctl.items[i].key,
			p->rootfs.sysctl.items[i].value);
}

bool mr_child_wants_pivot(const struct mr_plan *p)
{
	return !p->rootfs.is_host;
}

void mr_child_describe_protect(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %zu masked, %zu read-only paths, root %s",
		p->rootfs.masked_paths.n, p->rootfs.readonly_paths.n,
		p->rootfs.readonly ? "read-only" : "writable");
}

bool mr_child_wants_rlimits(const struct mr_plan *p)
{
	return p->process.process->rlimits.n > 0;
}

void mr_child_describe_rlimits(const struct mr_plan *p, struct mr_str *out)
{
	for (size_t i = 0; i < p->process.process->rlimits.n; i++) {
		const struct mr_rlimit *r = &p->process.process->rlimits.items[i];
		mr_str_appendf(out, " %s=%llu:%llu", r->type, (unsigned long long)r->soft,
			(unsigned long long)r->hard);
	}
}

bool mr_child_wants_scheduling(const struct mr_plan *p)
{
	const struct mr_spec_process *s = p->process.process;
	return s->scheduler || s->io_priority || p->spec->linux_->personality ||
	       p->spec->linux_->memory_policy;
}

bool mr_child_wants_await_start(const struct mr_plan *p)
{
	return p->options.create;
}

bool mr_child_wants_start_hooks(const struct mr_plan *p)
{
	return p->spec->hooks[MR_HOOK_START_CONTAINER].n > 0;
}

bool mr_child_wants_lsm(const struct mr_plan *p)
{
	return p->process.process->apparmor_profile || p->process.process->selinux_label;
}

bool mr_child_wants_seccomp_early(const struct mr_plan *p)
{
	return p->seccomp.active && !p->process.process->no_new_privileges;
}

bool mr_child_wants_seccomp_created(const struct mr_plan *p)
{
	return p->seccomp.active && p->process.process->no_new_privileges &&
	       p->options.create && p->seccomp.notify;
}

bool mr_child_wants_seccomp_late(const struct mr_plan *p)
{
	return p->seccomp.active && p->process.process->no_new_privileges &&
	       !mr_child_wants_seccomp_created(p);
}

void mr_child_describe_seccomp(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %u instructions%s", p->seccomp.n,
		p->seccomp.from_cache ? " (cached)" : "");
}

void mr_child_describe_user(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %u:%u, %zu supplementary groups", p->process.process->uid,
		p->process.process->gid, p->process.process->additional_gids.n);
}

void mr_child_describe_cwd(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " %s", p->rootfs.cwd);
}

void mr_child_describe_caps(const struct mr_plan *p, struct mr_str *out)
{
	mr_str_appendf(out, " effective=%llx bounding=%llx",
		(unsigned long long)p->caps.effective, (unsigned long long)p->caps.bounding);
}

bool mr_child_wants_nnp(const struct mr_plan *p)
{
	return p->process.process->no_new_privileges;
}

bool mr_child_wants_init(const struct mr_plan *p)
{
	return p->options.init;
}

void mr_child_describe_exec(const struct mr_plan *p, struct mr_str *out)
{
	const struct mr_list *args = &p->process.process->args;
	for (size_t i = 0; i < args->n; i++) {
		mr_str_append(out, " ");
		mr_str_append_printable(out, args->items[i]);
	}
}

bool mr_child_is_silent(const struct mr_plan *p)
{
	return !p->ns.middle && !mr_child_wants_maps(p) && !p->scope.user &&
	       !mr_child_wants_terminal(p) && !mr_child_wants_hooks(p) && !p->seccomp.notify &&
	       !mr_child_wants_await_start(p) && !mr_child_wants_init(p) && !p->options.trace;
}
