/* SPDX-License-Identifier: Apache-2.0 */
/* hooks: what a hook gets, and how each kind of end is reported. */
#include "sandbox/hooks.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mr-test-hooks-XXXXXX";
static char out_path[64];

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(out_path, sizeof(out_path), "%s/out", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(out_path);
	return rmdir(dir);
}

/* Runs `sh -c SCRIPT sh OUT` as the only hook. */
static int run_script(
	const char *script, int64_t timeout, const char *json, struct mr_error *err)
{
	char sh[] = "/bin/sh", flag[] = "-c", name[] = "sh", env[] = "HOOK=yes";
	char path_env[] = "PATH=/usr/bin:/bin";
	autofree char *text = strdup(script);
	char *args[] = {name, flag, text, name, out_path, NULL};
	char *envs[] = {env, path_env, NULL};
	struct mr_hook hook = {
		.path = sh,
		.args = {.items = args, .n = 5, .set = true},
		.env = {.items = envs, .n = 2, .set = true},
		.timeout = {.set = timeout != 0, .value = timeout},
	};
	struct mr_hook_list list = {.items = &hook, .n = 1};

	memset(err, 0, sizeof(*err));
	return mr_hooks_run(&list, MR_HOOK_CREATE_RUNTIME, NULL, NULL, json, NULL, err);
}

static char *output(void)
{
	char *text = NULL;
	assert_int_equal(mr_read_file_at(AT_FDCWD, out_path, 4u << 20, &text, NULL), 0);
	return text;
}

static void state_comes_on_stdin(void **state)
{
	(void)state;
	struct mr_error err;
	assert_int_equal(run_script("cat >\"$1\"", 0, "{\"id\":\"a/b\"}", &err), 0);
	autofree char *text = output();
	assert_string_equal(text, "{\"id\":\"a/b\"}");
}

static void large_state_comes_whole(void **state)
{
	(void)state;
	struct mr_error err;
	size_t n = 1u << 20;
	autofree char *json = malloc(n + 1);
	assert_non_null(json);
	for (size_t i = 0; i < n; i++)
		json[i] = (char)('a' + i % 26);
	json[n] = '\0';
	assert_int_equal(run_script("cat >\"$1\"", 0, json, &err), 0);
	autofree char *text = output();
	assert_true(strcmp(text, json) == 0);

	/* Neither read, nor even open: no SIGPIPE, no waiting. */
	assert_int_equal(run_script("exit 0", 0, json, &err), 0);
	assert_int_equal(run_script("exec <&-; sleep 0.1; exit 0", 0, json, &err), 0);
}

static void environment_is_exactly_what_was_given(void **state)
{
	(void)state;
	struct mr_error err;
	assert_int_equal(setenv("LEAK", "1", 1), 0);
	assert_int_equal(run_script("/usr/bin/env >\"$1\"", 0, "{}", &err), 0);
	autofree char *text = output();
	assert_non_null(strstr(text, "HOOK=yes"));
	assert_null(strstr(text, "LEAK"));
	unsetenv("LEAK");
}

static void no_descriptor_leaks(void **state)
{
	(void)state;
	struct mr_error err;
	assert_int_equal(dup2(STDERR_FILENO, 50), 50); /* on purpose without O_CLOEXEC */
	assert_int_equal(run_script("test ! -e /proc/$$/fd/50", 0, "{}", &err), 0);
	close(50);
}

static void exit_status_is_reported(void **state)
{
	(void)state;
	struct mr_error err;
	assert_true(run_script("exit 3", 0, "{}", &err) < 0);
	assert_string_equal(
		err.message, "hooks.createRuntime[0]: error running createRuntime hook #0: '/bin/sh': exited with status 3");
}

static void signal_is_reported(void **state)
{
	(void)state;
	struct mr_error err;
	assert_true(run_script("kill -SEGV $$", 0, "{}", &err) < 0);
	assert_non_null(strstr(err.message, "was killed by signal 11 (SIGSEGV)"));
}

static void timeout_kills_the_group(void **state)
{
	(void)state;
	struct mr_error err;
	int64_t start = mr_now_mono_ns();
	assert_int_equal(run_script("sleep 50 & echo $! >\"$1\"; wait", 1, "{}", &err),
		-ETIMEDOUT);
	int64_t took = (mr_now_mono_ns() - start) / 1000000;
	assert_true(took >= 1000 && took < 3000);
	assert_non_null(strstr(err.message, "timeout of 1 s"));

	autofree char *text = output();
	int pid = 0;
	assert_int_equal(sscanf(text, "%d", &pid), 1);
	/* The orphan is reaped by init or stays a zombie of it: it is not running. */
	char path[64], line[1024] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0;
		i < 100 && mr_read_line_at(AT_FDCWD, path, line, sizeof(line)) > 0; i++) {
		if (strstr(line, ") Z") != NULL)
			break;
		usleep(10000);
	}
	assert_true(access(path, F_OK) < 0 || strstr(line, ") Z") != NULL);
}

static void missing_program_is_not_a_missing_command(void **state)
{
	(void)state;
	struct mr_error err = {0};
	char path[] = "/nonexistent/hook";
	struct mr_hook hooks[2] = {{.path = path}, {.path = path}};
	struct mr_hook_list list = {.items = hooks, .n = 2};

	assert_int_equal(mr_hooks_run(&list, MR_HOOK_POSTSTOP, NULL, NULL, "{}", NULL, &err), -ENOENT);
	assert_string_equal(err.message,
		"hooks.poststop[0]: error running poststop hook #0: '/nonexistent/hook': execute: missing (ENOENT)");
	assert_int_equal(err.exit_code, 0);
}

static void blocked_and_ignored_signals_are_reset(void **state)
{
	(void)state;
	struct mr_error err;
	sigset_t set, old;
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigaction(SIGPIPE, &ignore, &before);
	int r = run_script(
		"grep -E '^Sig(Blk|Ign)' /proc/self/status >\"$1\"", 0, "{}", &err);
	sigaction(SIGPIPE, &before, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(r, 0);
	autofree char *text = output();
	assert_string_equal(
		text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void nothing_to_run_is_fine(void **state)
{
	(void)state;
	struct mr_error err = {0};
	struct mr_hook_list list = {0};
	assert_int_equal(mr_hooks_run(&list, MR_HOOK_PRESTART, NULL, NULL, "{}", NULL, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_comes_on_stdin),
		cmocka_unit_test(large_state_comes_whole),
		cmocka_unit_test(environment_is_exactly_what_was_given),
		cmocka_unit_test(no_descriptor_leaks),
		cmocka_unit_test(exit_status_is_reported),
		cmocka_unit_test(signal_is_reported),
		cmocka_unit_test(timeout_kills_the_group),
		cmocka_unit_test(missing_program_is_not_a_missing_command),
		cmocka_unit_test(blocked_and_ignored_signals_are_reset),
		cmocka_unit_test(nothing_to_run_is_fine),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
