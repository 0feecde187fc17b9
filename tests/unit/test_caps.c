/* SPDX-License-Identifier: Apache-2.0 */
/* caps: names to sets, what is left out with which warning, and the sets in force. */
#include "sandbox/caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define CHOWN BIT(0)
#define KILL BIT(5)
#define NET_RAW BIT(13)

struct fixture {
	struct mr_linux linux_;
	struct mr_spec_process process;
	struct mr_capabilities caps;
	struct mr_spec spec;
	struct mr_host host;
	struct mr_strv warnings;
	struct mr_error err;
	struct mr_caps_plan plan;
};

static struct mr_list list_of(char **items)
{
	struct mr_list list = {.items = items, .set = true};
	while (items[list.n] != NULL)
		list.n++;
	return list;
}
#define LIST(...) list_of((char *[]){__VA_ARGS__, NULL})

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->process.capabilities = &f->caps;
	f->spec.process = &f->process;
	f->spec.linux_ = &f->linux_;
	f->host.effective_caps = UINT64_MAX;
}

static int plan(struct fixture *f)
{
	return mr_caps_plan(&f->spec, &f->host, &f->plan, &f->warnings, &f->err);
}

static void absent_object_gives_empty_sets(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.process.capabilities = NULL;
	memset(&f.plan, 0xff, sizeof(f.plan));
	assert_int_equal(plan(&f), 0);
	assert_true(
		f.plan.bounding == 0 && f.plan.effective == 0 && f.plan.permitted == 0);
	assert_true(f.plan.inheritable == 0 && f.plan.ambient == 0);
}

static void names_become_bits(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.caps.bounding = LIST("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW");
	f.caps.permitted = LIST("CAP_CHOWN", "CAP_KILL");
	f.caps.effective = LIST("CAP_CHOWN");
	f.caps.inheritable = LIST("CAP_KILL");
	f.caps.ambient = LIST("CAP_KILL");
	assert_int_equal(plan(&f), 0);
	assert_int_equal(f.plan.bounding, CHOWN | KILL | NET_RAW);
	assert_int_equal(f.plan.permitted, CHOWN | KILL);
	assert_int_equal(f.plan.effective, CHOWN);
	assert_int_equal(f.plan.inheritable, KILL);
	assert_int_equal(f.plan.ambient, KILL);
	assert_int_equal(f.warnings.n, 0);
}

static void unknown_names_warn_once(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.caps.bounding = LIST("CAP_NOSUCH", "cap_chown", "5", "CAP_KILL");
	f.caps.permitted = LIST("CAP_NOSUCH");
	assert_int_equal(plan(&f), 0);
	assert_int_equal(f.plan.bounding, KILL);
	assert_int_equal(f.warnings.n, 3);
	assert_non_null(strstr(f.warnings.items[0], "CAP_NOSUCH"));
	assert_non_null(strstr(f.warnings.items[1], "cap_chown"));
	assert_non_null(strstr(f.warnings.items[2], "'5'"));
	mr_strv_clear(&f.warnings);
}

static void not_held_is_left_out_without_user_namespace(void **state)
{
	(void)state;
	struct fixture f;
	struct mr_spec_namespace user = {.type = MR_NS_USER};
	init(&f);
	f.host.effective_caps = CHOWN;
	f.caps.bounding = LIST("CAP_CHOWN", "CAP_NET_RAW");
	assert_int_equal(plan(&f), 0);
	assert_int_equal(f.plan.bounding, CHOWN);
	assert_int_equal(f.warnings.n, 1);
	assert_non_null(strstr(f.warnings.items[0], "CAP_NET_RAW"));
	mr_strv_clear(&f.warnings);

	f.linux_.namespaces.items = &user;
	f.linux_.namespaces.n = 1;
	assert_int_equal(plan(&f), 0);
	assert_int_equal(f.plan.bounding, CHOWN | NET_RAW);
	assert_int_equal(f.warnings.n, 0);
}

static void sets_that_the_kernel_would_refuse_are_cut(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.caps.bounding = LIST("CAP_CHOWN");
	f.caps.permitted = LIST("CAP_CHOWN", "CAP_KILL");
	f.caps.effective = LIST("CAP_CHOWN", "CAP_NET_RAW");
	f.caps.inheritable = LIST("CAP_CHOWN", "CAP_KILL");
	f.caps.ambient = LIST("CAP_KILL", "CAP_CHOWN");
	assert_int_equal(plan(&f), 0);
	assert_int_equal(f.plan.effective, CHOWN);
	assert_int_equal(f.plan.inheritable, CHOWN);
	assert_int_equal(f.plan.ambient, CHOWN);
	assert_int_equal(f.warnings.n, 3);
	assert_non_null(strstr(f.warnings.items[2], "ambient: CAP_KILL"));
	mr_strv_clear(&f.warnings);
}

static void names_of_numbers(void **state)
{
	(void)state;
	assert_string_equal(mr_cap_name(0), "CAP_CHOWN");
	assert_string_equal(mr_cap_name(13), "CAP_NET_RAW");
	assert_null(mr_cap_name(-1));
	assert_null(mr_cap_name(63));
	assert_null(mr_cap_name(64));
}

static uint64_t status_field(const char *field)
{
	char line[256];
	unsigned long long value = 0;
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(field);

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, field, n) == 0)
			sscanf(line + n, ":%llx", &value);
	}
	if (f != NULL)
		fclose(f);
	return value;
}

/* What /proc/self/status says after the whole sequence, for user 1234. */
static void sets_are_in_force_after_a_change_of_user(void **state)
{
	(void)state;
	struct mr_caps_plan wanted = {
		.bounding = CHOWN | KILL,
		.permitted = CHOWN | KILL,
		.effective = CHOWN,
		.inheritable = KILL,
		.ambient = KILL,
	};
	struct mr_error err = {0};

	if (geteuid() != 0 || prctl(PR_CAPBSET_READ, 8, 0, 0, 0) != 1) {
		print_message("needs root with CAP_SETPCAP\n");
		skip();
	}
	uint64_t *got = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(got, MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		int r = mr_caps_before_user(&wanted, &err);
		if (r == 0 && setresuid(1234, 1234, 1234) == 0)
			r = mr_caps_after_user(&wanted, &err);
		got[0] = status_field("CapBnd");
		got[1] = status_field("CapPrm");
		got[2] = status_field("CapEff");
		got[3] = status_field("CapInh");
		got[4] = status_field("CapAmb");
		got[5] = (uint64_t)prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0);
		_exit(r == 0 ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got[0], wanted.bounding);
	assert_int_equal(got[1], wanted.permitted);
	assert_int_equal(got[2], wanted.effective);
	assert_int_equal(got[3], wanted.inheritable);
	assert_int_equal(got[4], wanted.ambient);
	assert_int_equal(got[5], 0);
	munmap(got, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_object_gives_empty_sets),
		cmocka_unit_test(names_become_bits),
		cmocka_unit_test(unknown_names_warn_once),
		cmocka_unit_test(not_held_is_left_out_without_user_namespace),
		cmocka_unit_test(sets_that_the_kernel_would_refuse_are_cut),
		cmocka_unit_test(names_of_numbers),
		cmocka_unit_test(sets_are_in_force_after_a_change_of_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
