/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c, fields.c, spec.c: every member of a full document arrives, and each file of
 * tests/fixtures/bad-specs is refused with the text that stands in its .err neighbour.
 * Runs in the source's root directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/json.h"
#include "spec/parse.h"
#include "spec/validate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BAD_SPECS "tests/fixtures/bad-specs"
#define FULL_SPEC "tests/fixtures/specs/full.json"

static struct mr_error err;

static int parse(const char *text, struct mr_spec **ret, struct mr_strv *warnings)
{
	return mr_spec_parse("c.json", text, strlen(text), ret, warnings, &err);
}

/* --- the full document --- */

static struct mr_spec *full;

static int read_full(void **state)
{
	(void)state;
	auto_strv warnings = {0};
	int r = mr_spec_read(FULL_SPEC, &full, &warnings, &err);
	if (r < 0)
		print_error("%s\n", err.message);
	return r < 0 || warnings.n > 0 ? -1 : 0;
}

static int free_full(void **state)
{
	(void)state;
	mr_spec_free(full);
	return 0;
}

static void test_document(void **state)
{
	(void)state;
	assert_string_equal(full->oci_version, "1.3.0");
	assert_string_equal(full->root.path, "rootfs");
	assert_true(full->root.readonly);
	assert_string_equal(full->hostname, "box");
	assert_string_equal(full->domainname, "example.org");
	assert_string_equal(mr_spec_annotation(full, "org.example.key"), "value");
	assert_string_equal(mr_spec_annotation(full, "empty"), "");
	assert_null(mr_spec_annotation(full, "absent"));

	assert_int_equal(full->mounts.n, 3);
	const struct mr_spec_mount *m = &full->mounts.items[1];
	assert_string_equal(m->destination, "data");
	assert_string_equal(m->type, "bind");
	assert_string_equal(m->source, "/srv/data");
	assert_int_equal(m->options.n, 3);
	assert_string_equal(m->options.items[1], "rro");
	assert_null(m->options.items[3]);
	assert_int_equal(m->uid_mappings.items[0].host_id, 100000);
	assert_int_equal(m->gid_mappings.items[0].size, 65536);
}

static void test_process(void **state)
{
	(void)state;
	const struct mr_spec_process *p = full->process;
	assert_true(p->terminal);
	assert_int_equal(p->console_height.value, 40);
	assert_int_equal(p->console_width.value, 120);
	assert_int_equal(p->uid, 1000);
	assert_int_equal(p->gid, 100);
	assert_true(p->umask.set);
	assert_int_equal(p->umask.value, 022);
	assert_int_equal(p->additional_gids.n, 2);
	assert_int_equal(p->additional_gids.items[1], INT32_MAX);
	assert_string_equal(p->args.items[2], "exit 0");
	assert_null(p->args.items[3]);
	assert_string_equal(p->env.items[1], "EMPTY=");
	assert_string_equal(p->cwd, "/home");
	assert_int_equal(p->capabilities->bounding.n, 2);
	assert_true(p->capabilities->inheritable.set);
	assert_int_equal(p->capabilities->inheritable.n, 0);
	assert_string_equal(p->capabilities->ambient.items[0], "CAP_NOT_YET_KNOWN");
	assert_string_equal(p->rlimits.items[0].type, "RLIMIT_NOFILE");
	assert_int_equal(p->rlimits.items[0].soft, 1024);
	assert_true(p->rlimits.items[0].hard == UINT64_MAX);
	assert_true(p->no_new_privileges);
	assert_string_equal(p->apparmor_profile, "minirun");
	assert_non_null(strstr(p->selinux_label, "c1,c2"));
	assert_true(p->oom_score_adj.set);
	assert_int_equal(p->oom_score_adj.value, -500);
	assert_string_equal(p->scheduler->policy, "SCHED_DEADLINE");
	assert_int_equal(p->scheduler->deadline.value, 2000000);
	assert_true(p->scheduler->period.value == UINT64_MAX);
	assert_string_equal(p->scheduler->flags.items[0], "SCHED_FLAG_RESET_ON_FORK");
	assert_false(p->scheduler->nice.set);
	assert_string_equal(p->io_priority->class, "IOPRIO_CLASS_BE");
	assert_int_equal(p->io_priority->priority.value, 4);
	assert_string_equal(p->exec_cpu_affinity_initial, "0-1");
	assert_string_equal(p->exec_cpu_affinity_final, "3,5");
}

static void test_hooks(void **state)
{
	(void)state;
	static const size_t counts[MR_HOOK_KINDS] = {1, 1, 2, 1, 1, 1};
	static const char *const names[MR_HOOK_KINDS] = {"prestart", "createRuntime",
		"createContainer", "startContainer", "poststart", "poststop"};
	for (int k = 0; k < MR_HOOK_KINDS; k++) {
		assert_int_equal(full->hooks[k].n, counts[k]);
		assert_string_equal(mr_hook_kind_name((enum mr_hook_kind)k), names[k]);
	}
	const struct mr_hook *h = full->hooks[MR_HOOK_PRESTART].items;
	assert_string_equal(h->path, "/bin/a");
	assert_string_equal(h->args.items[1], "1");
	assert_string_equal(h->env.items[0], "K=V");
	assert_int_equal(h->timeout.value, 30);
	assert_false(full->hooks[MR_HOOK_POSTSTOP].items[0].timeout.set);
	assert_string_equal(
		full->hooks[MR_HOOK_CREATE_CONTAINER].items[1].path, "/bin/c2");
}

static void test_linux(void **state)
{
	(void)state;
	const struct mr_linux *l = full->linux_;
	assert_int_equal(l->namespaces.n, 8);
	assert_string_equal(
		mr_spec_namespace_of(full, MR_NS_NETWORK)->path, "/run/netns/x");
	assert_null(mr_spec_namespace_of(full, MR_NS_PID)->path);
	for (int t = 0; t < MR_NS_TYPES; t++) {
		const struct mr_spec_namespace *ns =
			mr_spec_namespace_of(full, (enum mr_ns_type)t);
		assert_non_null(ns);
		assert_int_equal(ns->type, t);
	}
	assert_string_equal(mr_ns_type_name(MR_NS_TIME), "time");
	assert_int_equal(l->uid_mappings.n, 1);
	assert_int_equal(l->gid_mappings.n, 2);
	assert_int_equal(l->gid_mappings.items[1].container_id, 65536);
	assert_int_equal(l->time_offsets.n, 2);
	assert_string_equal(l->time_offsets.items[0].clock, "monotonic");
	assert_int_equal(l->time_offsets.items[0].secs, -5);
	assert_int_equal(l->time_offsets.items[0].nanosecs, 999999999);
	assert_string_equal(l->time_offsets.items[1].clock, "boottime");

	assert_int_equal(l->devices.n, 3);
	assert_int_equal(l->devices.items[0].minor, 229);
	assert_int_equal(l->devices.items[0].file_mode.value, 0666);
	assert_int_equal(l->devices.items[1].type, 'c');
	assert_false(l->devices.items[1].uid.set);
	assert_int_equal(l->devices.items[2].type, 'p');
	assert_int_equal(l->net_devices.n, 2);
	assert_string_equal(l->net_devices.items[0].host_name, "eth1");
	assert_string_equal(l->net_devices.items[0].name, "ctr0");
	assert_null(l->net_devices.items[1].name);

	assert_string_equal(l->cgroups_path, "/minirun/box");
	assert_string_equal(l->intel_rdt->clos_id, "guaranteed");
	assert_string_equal(l->intel_rdt->schemata.items[0], "L3:0=ff");
	assert_string_equal(l->intel_rdt->l3_cache_schema, "L3:0=7f0");
	assert_string_equal(l->intel_rdt->mem_bw_schema, "MB:0=20");
	assert_true(l->intel_rdt->enable_monitoring);
	assert_string_equal(l->memory_policy->mode, "MPOL_INTERLEAVE");
	assert_string_equal(l->memory_policy->nodes, "0-1");
	assert_int_equal(l->memory_policy->flags.n, 1);
	assert_int_equal(l->sysctl.n, 5);
	assert_string_equal(l->sysctl.items[0].key, "fs.mqueue.queues_max");
	assert_string_equal(l->sysctl.items[0].value, "10");
	assert_string_equal(l->rootfs_propagation, "rslave");
	assert_string_equal(l->masked_paths.items[0], "/proc/kcore");
	assert_string_equal(l->readonly_paths.items[1], "/proc/bus");
	assert_non_null(strstr(l->mount_label, "svirt_sandbox"));
	assert_string_equal(l->personality->domain, "LINUX32");
	assert_true(l->personality->flags.set);
}

static void test_seccomp(void **state)
{
	(void)state;
	const struct mr_seccomp *s = full->linux_->seccomp;
	assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
	assert_int_equal(s->default_errno_ret.value, 38);
	assert_string_equal(s->architectures.items[0], "SCMP_ARCH_X86_64");
	assert_string_equal(s->flags.items[0], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(s->listener_path, "/run/l.sock");
	assert_string_equal(s->listener_metadata, "m");
	assert_int_equal(s->syscalls.n, 2);
	assert_string_equal(s->syscalls.items[0].names.items[1], "write");
	assert_false(s->syscalls.items[0].errno_ret.set);
	const struct mr_seccomp_arg *a = s->syscalls.items[1].args.items;
	assert_int_equal(a->index, 5);
	assert_true(a->value == UINT64_MAX);
	assert_int_equal(a->value_two, 2114060288);
	assert_string_equal(a->op, "SCMP_CMP_MASKED_EQ");
}

static void test_memory_and_cpu(void **state)
{
	(void)state;
	const struct mr_resources *r = full->linux_->resources;
	assert_int_equal(r->memory->limit.value, 536870912);
	assert_int_equal(r->memory->reservation.value, 268435456);
	assert_int_equal(r->memory->swap.value, -1);
	assert_int_equal(r->memory->kernel.value, -1);
	assert_int_equal(r->memory->kernel_tcp.value, 1048576);
	assert_true(r->memory->swappiness.set);
	assert_int_equal(r->memory->swappiness.value, 0);
	assert_true(r->memory->disable_oom_killer.set &&
		    !r->memory->disable_oom_killer.value);
	assert_true(r->memory->use_hierarchy.set && r->memory->use_hierarchy.value);
	assert_true(r->memory->check_before_update.value);
	assert_int_equal(r->cpu->shares.value, 1024);
	assert_int_equal(r->cpu->quota.value, -1);
	assert_int_equal(r->cpu->burst.value, 1000);
	assert_int_equal(r->cpu->period.value, 500000);
	assert_int_equal(r->cpu->realtime_runtime.value, 950000);
	assert_int_equal(r->cpu->realtime_period.value, 1000000);
	assert_string_equal(r->cpu->cpus, "2-3");
	assert_string_equal(r->cpu->mems, "0-7");
	assert_int_equal(r->cpu->idle.value, 1);
	assert_true(r->has_pids && r->pids_limit.set);
	assert_int_equal(r->pids_limit.value, 0);
}

static void test_other_resources(void **state)
{
	(void)state;
	const struct mr_resources *r = full->linux_->resources;
	assert_int_equal(r->devices.n, 2);
	assert_false(r->devices.items[0].allow);
	assert_int_equal(r->devices.items[0].type, 0);
	assert_false(r->devices.items[0].major.set);
	assert_int_equal(r->devices.items[1].type, 'c');
	assert_int_equal(r->devices.items[1].major.value, 10);
	assert_false(r->devices.items[1].minor.set); /* -1 is any */
	assert_string_equal(r->devices.items[1].access, "rw");

	const struct mr_block_io *b = r->block_io;
	assert_int_equal(b->weight.value, 10);
	assert_int_equal(b->leaf_weight.value, 1000);
	assert_int_equal(b->weight_device.items[0].weight.value, 500);
	assert_int_equal(b->weight_device.items[0].leaf_weight.value, 300);
	assert_int_equal(b->throttle_read_bps_device.items[0].rate, 1048576);
	assert_int_equal(b->throttle_write_bps_device.n, 1);
	assert_int_equal(b->throttle_read_iops_device.items[0].major, 8);
	assert_int_equal(b->throttle_write_iops_device.items[0].minor, 16);
	assert_true(b->throttle_write_iops_device.items[0].rate == UINT64_MAX);
	assert_string_equal(r->hugepage_limits.items[0].page_size, "2MB");
	assert_true(r->hugepage_limits.items[0].limit == UINT64_MAX);
	assert_int_equal(r->network->class_id.value, 1048577);
	assert_string_equal(r->network->priorities.items[0].name, "eth0");
	assert_int_equal(r->network->priorities.items[0].priority, 500);
	assert_string_equal(r->rdma.items[0].device, "mlx5_1");
	assert_int_equal(r->rdma.items[0].hca_handles.value, 3);
	assert_int_equal(r->rdma.items[0].hca_objects.value, 10000);
	assert_int_equal(r->unified.n, 2);
	assert_string_equal(r->unified.items[1].key, "memory.oom.group");
}

static void test_full_document_is_valid(void **state)
{
	(void)state;
	auto_strv warnings = {0};
	assert_int_equal(mr_spec_validate(full, "full.json", &warnings, &err), 0);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"full.json:21:19: mounts[1].destination: \"data\" is not absolute: taken as \"/data\"");
	mr_strv_clear(&warnings);
}

/* --- absence --- */

static void test_absent_is_not_zero(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	assert_int_equal(parse("{\"ociVersion\": \"1.0.2\"}", &s, NULL), 0);
	assert_null(s->root.path);
	assert_null(s->process);
	assert_non_null(s->linux_);
	assert_null(s->linux_->resources);
	assert_null(s->linux_->seccomp);
	assert_false(s->linux_->masked_paths.set);
	assert_null(mr_spec_namespace_of(s, MR_NS_PID));
}

static void test_null_is_absent(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	auto_strv w = {0};
	assert_int_equal(
		parse("{\"ociVersion\": \"1.0.2\", \"linux\": null, \"hostname\": null, \"mounts\": "
		      "null, \"process\": {\"cwd\": \"/\", \"args\": null, \"oomScoreAdj\": null}}",
			&s, &w),
		0);
	assert_null(s->hostname);
	assert_false(s->process->oom_score_adj.set);
	assert_false(s->process->args.set);
	assert_int_equal(w.n, 0);
	mr_spec_free(mr_take_ptr(s));
	assert_int_equal(parse("{\"ociVersion\": null}", &s, NULL), -EINVAL);
	assert_string_equal(
		err.message, "c.json:1:1: the member \"ociVersion\" is missing");
}

static void test_minus_one_may_mean_absent(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	assert_int_equal(
		parse("{\"ociVersion\": \"1.0.2\", \"linux\": {\"resources\": {\"memory\": "
		      "{\"swappiness\": 18446744073709551615, \"limit\": -1}}}}",
			&s, NULL),
		0);
	assert_false(s->linux_->resources->memory->swappiness.set);
	assert_true(s->linux_->resources->memory->limit.set);
	assert_int_equal(s->linux_->resources->memory->limit.value, -1);
}

/* --- unknown members --- */

static void test_unknown_members(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	auto_strv w = {0};
	assert_int_equal(
		parse("{\n  \"ociVersion\": \"1.0.2\",\n  \"future\": {\"x\": [1]},\n"
		      "  \"windows\": {}, \"linux\": {\"resources\": {\"memory\": "
		      "{\"limti\": 5}}}\n}",
			&s, &w),
		0);
	assert_int_equal(w.n, 2);
	assert_string_equal(w.items[0], "c.json:3:13: future: unknown member ignored");
	assert_string_equal(w.items[1],
		"c.json:4:62: linux.resources.memory.limti: unknown member ignored (did you mean "
		"\"limit\"?)");
}

static void test_warnings_are_bounded(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	auto_strv w = {0};
	auto_str text = {0};
	mr_str_append(&text, "{\"ociVersion\": \"1.0.2\"");
	for (int i = 0; i < 100000; i++)
		mr_str_appendf(&text, ",\"u%d\":0", i);
	mr_str_append(&text, "}");
	assert_int_equal(parse(mr_str_text(&text), &s, &w), 0);
	assert_int_equal(w.n, 33);
	assert_string_equal(w.items[32], "c.json: 99968 more unknown members ignored");
}

/* --- files --- */

static void test_files_that_are_none(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	char dir[] = "/tmp/minirun-test-parse-XXXXXX", path[80], expected[160];
	assert_non_null(mkdtemp(dir));

	snprintf(expected, sizeof(expected), "read spec '%s': it is a directory (EISDIR)",
		dir);
	assert_int_equal(mr_spec_read(dir, &s, NULL, &err), -EISDIR);
	assert_string_equal(err.message, expected);

	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(expected, sizeof(expected), "read spec '%s': not a regular file", path);
	alarm(5);
	assert_int_equal(mr_spec_read(path, &s, NULL, &err), -EINVAL);
	alarm(0);
	assert_string_equal(err.message, expected);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(mr_spec_read(path, &s, NULL, &err), -ENOENT);
	snprintf(expected, sizeof(expected), "read spec '%s': missing (ENOENT)", path);
	assert_string_equal(err.message, expected);

	/* A sparse file of 16 MiB and one byte. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, MR_JSON_MAX_BYTES + 1), 0);
	close(fd);
	assert_int_equal(mr_spec_read(path, &s, NULL, &err), -EFBIG);
	snprintf(expected, sizeof(expected), "read spec '%s': larger than 16 MiB", path);
	assert_string_equal(err.message, expected);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_null(s);
}

static void check_bad_spec(const char *name)
{
	char path[300];
	auto_spec *s = NULL;
	autofree char *text = NULL, *expected = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), BAD_SPECS "/%s", name);
	assert_int_equal(mr_read_file_at(AT_FDCWD, path, 1 << 20, &text, &len), 0);
	snprintf(path, sizeof(path), BAD_SPECS "/%.*s.err", (int)strlen(name) - 5, name);
	assert_int_equal(mr_read_file_at(AT_FDCWD, path, 1 << 20, &expected, NULL), 0);
	expected[strcspn(expected, "\n")] = '\0';

	int r = mr_spec_parse(name, text, len, &s, NULL, &err);
	if (r == 0)
		r = mr_spec_validate(s, name, NULL, &err);
	if (r >= 0 || strcmp(err.message, expected) != 0)
		print_error("%s\n", path);
	assert_true(r < 0);
	assert_string_equal(err.message, expected);
}

static void test_bad_specs(void **state)
{
	(void)state;
	DIR *d = opendir(BAD_SPECS);
	size_t n = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (!mr_has_suffix(e->d_name, ".json"))
			continue;
		check_bad_spec(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 100);
}

static void test_deep_nesting(void **state)
{
	(void)state;
	auto_spec *s = NULL;
	auto_str text = {0};
	mr_str_append(&text, "{\"ociVersion\": \"1.0.2\", \"x\": ");
	for (int i = 0; i < 1000000; i++)
		mr_str_append(&text, "[");
	assert_int_equal(parse(mr_str_text(&text), &s, NULL), -EINVAL);
	assert_string_equal(err.message, "c.json:1:157: nested deeper than 128: refused");
}

/* --- lone objects --- */

static void test_lone_resources(void **state)
{
	(void)state;
	auto_spec *holder = calloc(1, sizeof(*holder));
	const char *text =
		"{\"memory\": {\"limit\": 1048576}, \"pids\": {\"limit\": -1}}";
	assert_int_equal(
		mr_spec_parse_resources("r.json", text, strlen(text), holder, &err), 0);
	assert_int_equal(holder->linux_->resources->memory->limit.value, 1048576);
	assert_int_equal(holder->linux_->resources->pids_limit.value, -1);

	const char *bad = "{\"memory\": 5}";
	const struct mr_resources *before = holder->linux_->resources;
	assert_int_equal(
		mr_spec_parse_resources("r.json", bad, strlen(bad), holder, &err),
		-EINVAL);
	assert_string_equal(
		err.message, "r.json:1:12: memory: expected an object, found a number");
	assert_ptr_equal(holder->linux_->resources, before);
}

static void test_lone_process(void **state)
{
	(void)state;
	auto_spec *holder = calloc(1, sizeof(*holder));
	const char *text = "{\"cwd\": \"/\", \"args\": [\"id\"], \"user\": {\"uid\": 7},\n\"envv\": []}";
	auto_strv warnings = {0};
	assert_int_equal(mr_spec_parse_process("p.json", text, strlen(text), holder,
				 &warnings, &err),
		0);
	assert_int_equal(holder->process->uid, 7);
	assert_string_equal(holder->process->args.items[0], "id");
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"p.json:2:9: envv: unknown member ignored (did you mean \"env\"?)");
	assert_int_equal(
		mr_spec_parse_process("p.json", "{}", 2, holder, NULL, &err), -EINVAL);
	assert_string_equal(err.message, "p.json:1:1: the member \"cwd\" is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_memory_and_cpu),
		cmocka_unit_test(test_other_resources),
		cmocka_unit_test(test_full_document_is_valid),
		cmocka_unit_test(test_absent_is_not_zero),
		cmocka_unit_test(test_null_is_absent),
		cmocka_unit_test(test_minus_one_may_mean_absent),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(test_warnings_are_bounded),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_lone_resources),
		cmocka_unit_test(test_lone_process),
	};
	return cmocka_run_group_tests(tests, read_full, free_full);
}
