/* SPDX-License-Identifier: Apache-2.0 */
/* terminal and relay: the pty, and a wire that loses nothing, spins never, and ends. The
 * relay works on descriptors 0 and 1, so it runs in a child that has pipes there. */
#include "sandbox/terminal.h"

#include "base/io.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void open_pty(int *master, int *slave, unsigned rows, unsigned cols)
{
	struct mr_error err = {0};
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = mr_terminal_open(root, rows, cols, master, slave, &err);

	if (r == -ENOENT || r == -ENODEV) {
		print_message("no devpts here: %s\n", err.message);
		skip();
	}
	if (r < 0)
		print_message("%s\n", err.message);
	assert_int_equal(r, 0);
}

static void pty_is_opened_and_verified(void **state)
{
	(void)state;
	int master = -1, slave = -1;
	struct stat st;
	struct winsize size;

	open_pty(&master, &slave, 33, 77);
	assert_int_equal(fstat(slave, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(major(st.st_rdev), 136);
	assert_true(fcntl(master, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(slave, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ioctl(master, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_row, 33);
	assert_int_equal(size.ws_col, 77);
	close(slave);
	close(master);
}

/* A root with something else under the name must not be believed: the host's pty is
 * taken. */
static void decoy_is_not_opened(void **state)
{
	(void)state;
	char dir[] = "/tmp/mr-test-terminal-XXXXXX", path[80];
	int master = -1, slave = -1;
	struct mr_error err = {0};
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dev", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/pts", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/pts/ptmx", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	autoclose int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = mr_terminal_open(root, 0, 0, &master, &slave, &err);
	unlink(path);
	snprintf(path, sizeof(path), "%s/dev/pts", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dev", dir);
	rmdir(path);
	rmdir(dir);
	if (r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(fstat(master, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2));
	close(slave);
	close(master);
}

/* A child with @slave as its terminal that runs sh -c @script. */
static pid_t start_shell(int master, int slave, const char *script)
{
	struct mr_error err = {0};
	pid_t pid = fork();

	if (pid == 0) {
		close(master);
		if (mr_terminal_take(slave, &err) < 0)
			_exit(99);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(98);
	}
	assert_true(pid > 0);
	return pid;
}

static int exit_status(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void taken_terminal_controls_the_session(void **state)
{
	(void)state;
	int master = -1, slave = -1;
	char text[256];
	size_t len = 0;

	open_pty(&master, &slave, 0, 0);
	pid_t pid = start_shell(master, slave,
		"test -t 0 && test -t 1 && test -t 2 && echo via-tty >/dev/tty && "
		"test ! -e /proc/self/fd/9 && exit 7");
	close(slave);
	for (ssize_t n; (n = read(master, text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	assert_string_equal(text, "via-tty\r\n");
	assert_int_equal(exit_status(pid), 7);
	close(master);
}

/* --- relay --- */

struct wire {
	int to_stdin, from_stdout; /* the test's ends */
	pid_t shell, relay;
};

/* The relay's child: exits 0 at the end of the pty, 50 + seconds of CPU time * 10
 * otherwise. */
static _Noreturn void relay_child(int in, int out, int master)
{
	struct mr_terminal_relay r;
	struct mr_error err = {0};
	struct pollfd fds[3];
	struct rusage use;
	int n;

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(2);
	close_range(3, (unsigned)master - 1, 0);
	close_range((unsigned)master + 1, ~0u, 0);
	if (mr_terminal_relay_start(&r, master, &err) < 0)
		_exit(3);
	do {
		n = mr_terminal_relay_poll(&r, fds);
		if (n > 0 && poll(fds, (nfds_t)n, -1) < 0)
			_exit(4);
	} while (mr_terminal_relay_step(&r, fds, n) == 1);
	mr_terminal_relay_stop(&r);
	if (r.master != -1)
		_exit(5);
	getrusage(RUSAGE_SELF, &use);
	int tenths = (int)((use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 10 +
			   (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 100000);
	_exit(tenths <= 1 ? 0 : 50 + tenths);
}

static void make_pair(bool sockets, int ends[2])
{
	if (sockets)
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	else
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static struct wire start(const char *script, bool sockets)
{
	struct wire w;
	int master = -1, slave = -1, in[2], out[2];

	open_pty(&master, &slave, 0, 0);
	make_pair(sockets, in);
	make_pair(sockets, out);
	w.shell = start_shell(master, slave, script);
	close(slave);
	w.relay = fork();
	if (w.relay == 0) {
		int r_in = sockets ? in[1] : in[0];
		relay_child(r_in, out[1], master);
	}
	assert_true(w.relay > 0);
	close(master);
	close(sockets ? in[1] : in[0]);
	close(out[1]);
	w.to_stdin = sockets ? in[0] : in[1];
	w.from_stdout = out[0];
	return w;
}

static void finish(struct wire *w, int shell, int relay)
{
	if (w->to_stdin >= 0)
		close(w->to_stdin);
	if (w->from_stdout >= 0)
		close(w->from_stdout);
	assert_int_equal(exit_status(w->shell), shell);
	assert_int_equal(exit_status(w->relay), relay);
}

/* All of the output, read in small pieces with pauses at first. */
static size_t count_output(struct wire *w, char **ret_tail)
{
	static char buf[4096];
	size_t total = 0;
	ssize_t n;

	for (int i = 0; (n = read(w->from_stdout, buf, sizeof(buf) - 1)) > 0; i++) {
		total += (size_t)n;
		buf[n] = '\0';
		if (i < 5)
			usleep(20000);
	}
	*ret_tail = buf;
	return total;
}

#define LINES_SCRIPT                                                                     \
	"stty -opost; i=0; while [ $i -lt 20000 ]; do echo abcdefghijklmnopqrs; "        \
	"i=$((i+1)); done; exit 5"
#define LINES_BYTES (20000u * 20u)

static void nothing_is_lost(void **state)
{
	(void)state;
	char *tail;
	for (int sockets = 0; sockets < 2; sockets++) {
		struct wire w = start(LINES_SCRIPT, sockets == 1);
		assert_int_equal(count_output(&w, &tail), LINES_BYTES);
		finish(&w, 5, 0);
	}
}

/* A reader that stops: the writer stops, no CPU is burnt, and all comes afterwards. */
static void stopped_reader_costs_nothing(void **state)
{
	(void)state;
	char *tail;
	for (int sockets = 0; sockets < 2; sockets++) {
		struct wire w = start(LINES_SCRIPT, sockets == 1);
		usleep(700000);
		assert_int_equal(waitpid(w.shell, NULL, WNOHANG), 0); /* held up */
		assert_int_equal(count_output(&w, &tail), LINES_BYTES);
		finish(&w, 5, 0);
	}
}

/* The program ends while its last output still waits for the stopped reader. */
static void stopped_reader_after_the_end_costs_nothing(void **state)
{
	(void)state;
	char *tail;
	/* 66 KB: the pipe takes 64 KiB, the rest stays in the relay and the pty. */
	struct wire w = start("stty -opost; i=0; while [ $i -lt 3300 ]; do echo "
			      "abcdefghijklmnopqrs; i=$((i+1)); done",
		false);
	assert_int_equal(exit_status(w.shell), 0);
	usleep(600000);
	assert_int_equal(count_output(&w, &tail), 3300 * 20);
	close(w.to_stdin);
	close(w.from_stdout);
	assert_int_equal(exit_status(w.relay), 0);
}

static void gone_reader_does_not_block_the_program(void **state)
{
	(void)state;
	for (int sockets = 0; sockets < 2; sockets++) {
		struct wire w = start(LINES_SCRIPT, sockets == 1);
		close(w.from_stdout);
		w.from_stdout = -1;
		finish(&w, 5, 0);
	}
}

static void input_and_its_end_reach_the_program(void **state)
{
	(void)state;
	static const char *const inputs[] = {"one\ntwo\n", "one\ntwo", ""};
	static const char *const outputs[] = {"[one\ntwo\n]", "[one\ntwo]", "[]"};
	for (size_t i = 0; i < 3; i++) {
		struct wire w = start(
			"stty -opost -echo; echo ready; printf '['; cat; printf ']'",
			false);
		char text[256] = "";
		size_t len = 0;
		/* Not before the echo is off. */
		while (len < strlen("ready\n") && read(w.from_stdout, text + len, 1) == 1)
			len++;
		assert_true(strstr(text, "ready") != NULL);
		size_t n = strlen(inputs[i]);
		assert_int_equal(write(w.to_stdin, inputs[i], n), n);
		close(w.to_stdin);
		w.to_stdin = -1;
		len = 0;
		memset(text, 0, sizeof(text));
		for (ssize_t k; (k = read(w.from_stdout, text + len,
					 sizeof(text) - 1 - len)) > 0;)
			len += (size_t)k;
		assert_non_null(strstr(text, outputs[i]));
		finish(&w, 0, 0);
	}
}

/* More input than anybody reads: bounded, no spinning, and the end is noticed. */
static void unread_input_is_held_back(void **state)
{
	(void)state;
	struct wire w = start("stty raw -echo; echo ready; sleep 0.7", false);
	char c, block[65536];
	size_t sent = 0;
	ssize_t n;
	assert_int_equal(read(w.from_stdout, &c, 1), 1);
	memset(block, 'x', sizeof(block));
	assert_int_equal(fcntl(w.to_stdin, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 50; i++) {
		while ((n = write(w.to_stdin, block, sizeof(block))) > 0)
			sent += (size_t)n;
		usleep(5000);
	}
	assert_true(sent >= 65536 && sent < 1000000);
	finish(&w, 0, 0);
}

static void master_is_sent_to_the_console_socket(void **state)
{
	(void)state;
	char dir[] = "/tmp/mr-test-terminal-XXXXXX", path[64], buf[64];
	int master = -1, slave = -1;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct mr_error err = {0};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	open_pty(&master, &slave, 0, 0);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(mr_terminal_send(path, master, &err), -ENOENT);
	assert_non_null(strstr(err.message, "--console-socket"));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(mr_terminal_send(path, master, &err), 0);
	int client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(recvmsg(client, &msg, MSG_CMSG_CLOEXEC) > 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	assert_non_null(c);
	int got, number = -1, expected = -2;
	memcpy(&got, CMSG_DATA(c), sizeof(got));
	assert_int_equal(ioctl(got, TIOCGPTN, &number), 0);
	assert_int_equal(ioctl(master, TIOCGPTN, &expected), 0);
	assert_int_equal(number, expected);
	close(got);
	close(client);
	close(server);
	close(slave);
	close(master);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pty_is_opened_and_verified),
		cmocka_unit_test(decoy_is_not_opened),
		cmocka_unit_test(taken_terminal_controls_the_session),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(stopped_reader_costs_nothing),
		cmocka_unit_test(stopped_reader_after_the_end_costs_nothing),
		cmocka_unit_test(gone_reader_does_not_block_the_program),
		cmocka_unit_test(input_and_its_end_reach_the_program),
		cmocka_unit_test(unread_input_is_held_back),
		cmocka_unit_test(master_is_sent_to_the_console_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
