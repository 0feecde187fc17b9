/* SPDX-License-Identifier: Apache-2.0 */
/* kept.c, plan.c, cleanup.c: an id that is too long for a kept record is refused before
 * anything is made, and hinders no removal. Runs in the source's root. No root. */
#include "launch/cleanup.h"
#include "minirun.h"
#include "record/kept.h"

#include "base/io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64], fits[MR_KEPT_ID_MAX + 1], too_long[MR_KEPT_ID_MAX + 2];

static int begin(void **state)
{
	(void)state;
	memset(fits, 'a', sizeof(fits) - 1);
	memset(too_long, 'a', sizeof(too_long) - 1);
	snprintf(root, sizeof(root), "/tmp/minirun-kept-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
	char records[80];

	(void)state;
	snprintf(records, sizeof(records), "%s/@records", root);
	rmdir(records);
	return rmdir(root);
}

/* An ended container that was launched with --keep-record. */
static struct mr_state ended(const char *id)
{
	struct mr_state s;
	struct mr_error err = { 0 };
	struct mr_live live = { .status = "exited",
		.bundle = strdup("/b"),
		.rootfs = strdup("/b/rootfs"),
		.config = strdup(""),
		.oci_version = "1.3.0",
		.created = "2026-11-23T03:54:03.123456789Z",
		.keep_record = true };

	assert_int_equal(mr_state_create(root, id, &s, &err), 0);
	assert_int_equal(mr_state_write_status(&s, "{}", false, &err), 0);
	assert_int_equal(mr_state_write_live(&s, &live, &err), 0);
	mr_live_clear(&live);
	return s;
}

static void the_longest_id_is_kept(void **state)
{
	(void)state;
	struct mr_error err = { 0 };
	auto_strv warnings = { 0 };
	autofree char *json = NULL;
	struct mr_state s = ended(fits);

	assert_int_equal(mr_cleanup(&s, NULL, false, &warnings, &err), 0);
	mr_state_close(&s);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(mr_kept_read(root, fits, &json, &err), 0);
	assert_string_equal(json, "{}");
	assert_int_equal(mr_forget(root, fits, &err), 0);
}

static void a_longer_one_is_deleted_all_the_same(void **state)
{
	(void)state;
	struct mr_error err = { 0 };
	auto_strv warnings = { 0 };
	struct mr_state s = ended(too_long), gone;

	/* Who asks for the record now can still do without it. */
	mr_state_unlock(&s);
	assert_int_equal(mr_delete(root, too_long, false, true, NULL, NULL, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.message, "has 251 bytes, at most 250"));
	assert_int_equal(mr_cleanup(&s, NULL, false, &warnings, &err), 0);
	mr_state_close(&s);
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.items[0], "has 251 bytes, at most 250"));
	assert_int_equal(mr_state_open(root, too_long, &gone, &err), -ENOENT);
	mr_state_close(&gone);
}

static int plan(const char *id, bool option, const char *annotations, struct mr_error *err)
{
	char spec[512];
	autofree char *text = NULL;

	snprintf(spec, sizeof(spec),
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"/bin/true\"],\"cwd\":\"/\","
		"\"user\":{\"uid\":0,\"gid\":0}},\"root\":{\"path\":\"/\"},\"linux\":{},"
		"\"annotations\":%s}",
		annotations);
	const struct mr_run_options o = { .root = root, .id = id, .keep_record = option,
		.spec_text = spec, .host_root = "tests/fixtures/host/v2" };
	return mr_plan_text(&o, &text, err);
}

static void a_launch_is_refused_in_time(void **state)
{
	(void)state;
	struct mr_error err = { 0 };

	assert_int_equal(plan(fits, true, "{}", &err), 0);
	assert_int_equal(plan(too_long, false, "{}", &err), 0);
	assert_int_equal(plan(too_long, true, "{}", &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.message, "has 251 bytes, at most 250"));
	assert_int_equal(plan(too_long, false, "{\"org.minirun.keepRecord\":\"true\"}", &err),
		-ENAMETOOLONG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_longest_id_is_kept),
		TEST(a_longer_one_is_deleted_all_the_same),
		TEST(a_launch_is_refused_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
