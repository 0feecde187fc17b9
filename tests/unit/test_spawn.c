/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.c: what the program gets, what it does not, and what comes back when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs @script by sh(1), its output into @output. @return wait status */
static int run_script(
	const char *script, int dir, bool own_group, char *output, size_t cap)
{
	char *const args[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
	char *const env[] = {"MARK=here", NULL};
	int ends[2], status;
	pid_t pid = -1;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	const struct mr_spawn how = {
		.args = args,
		.env = env,
		.stdio = {-1, ends[1], ends[1]},
		.dir = dir,
		.own_group = own_group,
	};
	assert_int_equal(mr_spawn("/bin/sh", &how, &pid), 0);
	assert_true(pid > 0);
	close(ends[1]);
	ssize_t n = mr_read_full(ends[0], output, cap - 1);
	assert_true(n >= 0);
	output[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_streams_environment_and_status(void **state)
{
	char output[64];

	(void)state;
	int status = run_script("echo $MARK; echo error >&2; exit 7", -1, false, output, sizeof(output));
	assert_string_equal(output, "here\nerror\n");
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_a_directory(void **state)
{
	char output[64];

	(void)state;
	int dir = open("/usr", O_PATH | O_CLOEXEC);
	assert_int_equal(run_script("pwd -P", dir, false, output, sizeof(output)), 0);
	close(dir);
	assert_string_equal(output, "/usr\n");
}

/* Not even one that is not close-on-exec. */
static void test_no_other_descriptor(void **state)
{
	char output[256];

	(void)state;
	int fd = fcntl(STDERR_FILENO, F_DUPFD, 50); /* the shell opens some low ones itself */
	assert_true(fd >= 50);
	int status = run_script("for f in /proc/$$/fd/*; do echo ${f##*/}; done", -1, false,
		output, sizeof(output));
	close(fd);
	assert_int_equal(status, 0);
	char name[16];
	snprintf(name, sizeof(name), "\n%d\n", fd);
	assert_null(strstr(output, name));
	assert_memory_equal(output, "0\n1\n2\n", 6);
}

static void test_signals_are_the_defaults(void **state)
{
	char output[256];
	sigset_t blocked, before;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old, old_last;
	sigaction(SIGPIPE, &ignore, &old);
	sigaction(64, &ignore, &old_last);
	int status = run_script("grep -E '^Sig(Ign|Blk)' /proc/self/status", -1, false,
		output, sizeof(output));
	sigaction(SIGPIPE, &old, NULL);
	sigaction(64, &old_last, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(status, 0);
	assert_string_equal(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	/* The caller's own mask is as it was. */
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	assert_int_equal(sigismember(&now, SIGUSR1), sigismember(&before, SIGUSR1));
}

static void test_a_group_of_its_own(void **state)
{
	/* field 5 of stat, proc(5) */
	const char *script = "read -r pid name state parent group rest </proc/$$/stat; "
			     "[ $group = $$ ] && echo own || echo inherited";
	char output[64];

	(void)state;
	assert_int_equal(run_script(script, -1, true, output, sizeof(output)), 0);
	assert_string_equal(output, "own\n");
	assert_int_equal(run_script(script, -1, false, output, sizeof(output)), 0);
	assert_string_equal(output, "inherited\n");
}

static void test_no_program_no_process(void **state)
{
	char *const args[] = {"nothing", NULL};
	char *const env[] = {NULL};
	const struct mr_spawn how = {.args = args, .env = env, .stdio = {-1, -1, -1}, .dir = -1};
	pid_t pid = -1;

	(void)state;
	assert_int_equal(mr_spawn("/nonexistent/program", &how, &pid), -ENOENT);
	assert_int_equal(mr_spawn("/etc/passwd", &how, &pid), -EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(pid, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_environment_and_status),
		cmocka_unit_test(test_a_directory),
		cmocka_unit_test(test_no_other_descriptor),
		cmocka_unit_test(test_signals_are_the_defaults),
		cmocka_unit_test(test_a_group_of_its_own),
		cmocka_unit_test(test_no_program_no_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
