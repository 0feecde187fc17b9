/* SPDX-License-Identifier: Apache-2.0 */
/* update: flags to resources, what holds now makes them whole, the record's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/json.h"
#include "cgroup/cgroup.h"
#include "record/patch.h"
#include "spec/update.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mr_spec *parse(const struct mr_update *u)
{
	struct mr_error err = {0};
	struct mr_spec *spec = calloc(1, sizeof(*spec));

	assert_non_null(spec);
	if (mr_update_parse(u, spec, &err) < 0)
		fail_msg("%s", err.message);
	return spec;
}

static void refused(const struct mr_update *u, const char *text)
{
	struct mr_error err = {0};
	auto_spec *spec = calloc(1, sizeof(*spec));

	assert_non_null(spec);
	assert_int_equal(mr_update_parse(u, spec, &err), -EINVAL);
	if (!strstr(err.message, text))
		fail_msg("'%s' is not in '%s'", text, err.message);
}

static void test_flags(void **state)
{
	(void)state;
	const struct mr_update u = {.memory = "64m",
		.memory_swap = "-1",
		.kernel_memory_tcp = "1k",
		.cpus = "1.5",
		.cpuset_cpus = "0-2",
		.pids_limit = "0",
		.blkio_weight = "300"};
	auto_spec *spec = parse(&u);
	const struct mr_resources *r = spec->linux_->resources;

	assert_int_equal(r->memory->limit.value, 64 << 20);
	assert_int_equal(r->memory->swap.value, -1);
	assert_int_equal(r->memory->kernel_tcp.value, 1024);
	assert_false(r->memory->reservation.set);
	assert_int_equal(r->cpu->quota.value, 150000);
	assert_int_equal(r->cpu->period.value, 100000);
	assert_string_equal(r->cpu->cpus, "0-2");
	assert_false(r->cpu->shares.set);
	assert_true(r->has_pids);
	assert_int_equal(r->pids_limit.value, -1);
	assert_int_equal(r->block_io->weight.value, 300);
}

static void test_document(void **state)
{
	(void)state;
	const struct mr_update u = {
		.resources = "{\"pids\": {\"limit\": 0}}", .resources_name = "r"};
	auto_spec *spec = parse(&u);

	assert_int_equal(spec->linux_->resources->pids_limit.value, 0);
	assert_null(spec->linux_->resources->memory);
}

static void test_refused(void **state)
{
	(void)state;
	refused(&(struct mr_update){0}, "no limit to change");
	refused(&(struct mr_update){.memory = "-2"}, "for --memory: expected a size");
	refused(&(struct mr_update){.cpu_shares = "many"}, "for --cpu-shares: expected");
	refused(&(struct mr_update){.cpus = "x"}, "for --cpus");
	refused(&(struct mr_update){.cpus = "1", .cpu_period = "1000"}, "says the same");
	refused(&(struct mr_update){.pids_limit = "-2"}, "out of range");
	refused(&(struct mr_update){.resources = "{", .resources_name = "r"}, "r:1:");
	refused(&(struct mr_update){
			.resources = "{}", .resources_name = "r", .memory = "1m"},
		"cannot be given too");
}

static struct mr_memory complete(
	int64_t limit, int64_t swap, struct mr_cgroup_limits now)
{
	struct mr_memory m = {.limit = {limit != 0, limit}, .swap = {swap != 0, swap}};

	mr_cgroup_complete_memory(&m, &now);
	return m;
}

static void test_completion(void **state)
{
	(void)state;
	const struct mr_cgroup_limits v1 = {.memory_version = 1,
		.memory = {true, 100},
		.memory_swap = {true, 130}};
	struct mr_cgroup_limits v2 = v1, free_swap = v1, none = {.memory_version = 1};
	v2.memory_version = 2;
	free_swap.memory_swap.set = false;

	/* The amount of swap stays. */
	assert_int_equal(complete(200, 0, v1).swap.value, 230);
	assert_int_equal(complete(50, 0, v1).swap.value, 80);
	assert_false(complete(200, 0, v2).swap.set);
	assert_false(complete(200, 0, free_swap).swap.set);
	assert_false(complete(200, 0, none).swap.set);
	assert_int_equal(complete(200, 210, v1).swap.value, 210);
	/* No limit of memory, none of both. */
	assert_int_equal(complete(-1, 0, v1).swap.value, -1);
	assert_int_equal(complete(-1, 0, v2).swap.value, -1);
	/* Swap alone goes with the limit that holds. */
	assert_int_equal(complete(0, 150, v1).limit.value, 100);
	assert_int_equal(complete(0, 150, v2).limit.value, 100);
	assert_false(complete(0, 150, none).limit.set);
	assert_false(complete(0, -1, v1).limit.set);
	assert_false(complete(0, 0, v1).limit.set);
}

static void test_record(void **state)
{
	(void)state;
	const char *before =
		"{\"Id\":\"x\",\"Memory\":{\"LimitBytes\":1,\"SwapLimitBytes\":2,"
		"\"RequestedLimitBytes\":1,\"PeakBytes\":7},\"HostConfig\":{\"Memory\":1,"
		"\"MemorySwap\":2,\"PidsLimit\":null,\"Runtime\":\"minirun\"}}";
	const struct mr_updated updated = {
		.memory = {true, -1}, .memory_swap = {true, -1}, .pids_limit = {true, 9}};
	const struct mr_cgroup_limits limits = {
		.effective_memory = {true, 500}, .effective_cgroup = "/a"};
	autofree char *after = NULL;
	auto_json doc = {0};
	struct mr_error err = {0};

	assert_int_equal(
		mr_record_patch_limits(before, &updated, &limits, &after, &err), 0);
	assert_int_equal(mr_json_parse("x", after, strlen(after), &doc, &err), 0);
	const struct mr_json *memory = mr_json_get(doc.root, "Memory");
	const struct mr_json *config = mr_json_get(doc.root, "HostConfig");
	assert_int_equal(mr_json_get(memory, "LimitBytes")->type, MR_JSON_NULL);
	assert_int_equal(mr_json_get(memory, "SwapLimitBytes")->type, MR_JSON_NULL);
	assert_int_equal(mr_json_get(memory, "RequestedLimitBytes")->type, MR_JSON_NULL);
	assert_int_equal(mr_json_int(memory, "PeakBytes", 0), 7);
	assert_int_equal(mr_json_int(config, "Memory", -5), 0);
	assert_int_equal(mr_json_int(config, "MemorySwap", -5), -1);
	assert_int_equal(mr_json_int(config, "PidsLimit", -5), 9);
	assert_string_equal(mr_json_text(config, "Runtime", ""), "minirun");
	assert_string_equal(mr_json_text(doc.root, "Id", ""), "x");
}

static void test_updates_add_up(void **state)
{
	(void)state;
	char root[] = "/tmp/minirun-update-XXXXXX";
	struct mr_error err = {0};
	struct mr_state s;
	struct mr_updated u = {.memory = {true, 5}}, read;

	assert_non_null(mkdtemp(root));
	mr_state_init(&s);
	assert_int_equal(mr_state_create(root, "c", &s, &err), 0);
	assert_int_equal(mr_state_read_updated(&s, &read, &err), -ENOENT);
	assert_int_equal(mr_state_add_updated(&s, &u, &err), 0);
	u = (struct mr_updated){.memory_swap = {true, -1}, .pids_limit = {true, 3}};
	assert_int_equal(mr_state_add_updated(&s, &u, &err), 0);
	assert_int_equal(mr_state_read_updated(&s, &read, &err), 0);
	assert_memory_equal(&read, &u, sizeof(read));
	assert_int_equal(read.memory.value, 5);
	assert_int_equal(read.memory_swap.value, -1);
	assert_int_equal(read.pids_limit.value, 3);
	assert_false(read.nano_cpus.set);
	assert_int_equal(mr_state_remove(&s, &err), 0);
	mr_state_close(&s);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_updates_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
