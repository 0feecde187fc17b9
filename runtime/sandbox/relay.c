/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay - the wire between our own stdio and the master of the container's terminal, when
 * no engine holds it.
 *
 * Two bounded buffers. A side is polled only if something can be done with it: input only
 * while its buffer is empty, output only while its buffer holds something. So a reader
 * that stops (^S, a full pipe) stops the container's writer in turn; nothing is lost,
 * nothing grows, and nothing spins: poll(2) reports POLLHUP even for a descriptor that
 * waits for no event, hence such a descriptor is left out.
 *
 * Our stdio belongs to others as well (the shell, the next program in a pipeline), and
 * O_NONBLOCK would change it for them. So the master alone is switched. For stdout, the
 * same terminal or pipe is opened once more, which makes an open file of our own; where
 * that is refused, a write of at most PIPE_BUF bytes after POLLOUT does not block on a
 * pipe.
 *
 * The pty ends with EIO on the master: every slave descriptor is closed. At the end of
 * our own input the program gets the end-of-file character, if it reads lines.
 *
 * Manual pages: pty(7), poll(2), termios(3), ioctl_tty(2), pipe(7).
 */
#include "sandbox/terminal.h"

#include "base/io.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DRAIN_STALL_MS 1000

static void open_output(struct mr_terminal_relay *r)
{
	struct stat st;

	r->out_fd = STDOUT_FILENO;
	/* Opening a regular file again would start at its beginning, and never blocks
	 * anyway. */
	if (fstat(STDOUT_FILENO, &st) < 0 ||
		!(S_ISFIFO(st.st_mode) || isatty(STDOUT_FILENO)))
		return;
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		r->out_fd = fd;
		r->out_private = true;
	}
}

int mr_terminal_relay_start(struct mr_terminal_relay *r, int master, struct mr_error *err)
{
	memset(r, 0, sizeof(*r));
	r->master = master;
	r->last_in = '\n';
	r->out_fd = STDOUT_FILENO;

	int flags = fcntl(master, F_GETFL);
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
		return mr_fail(err, errno, "make the terminal's master non-blocking");
	open_output(r);
	mr_terminal_relay_resize(r);
	if (tcgetattr(STDIN_FILENO, &r->saved) == 0) {
		struct termios raw = r->saved;
		cfmakeraw(&raw);
		if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
			return mr_fail(err, errno, "put our terminal into raw mode");
		r->raw = true;
	}
	return 0;
}

bool mr_terminal_own_size(struct winsize *ret)
{
	return ioctl(STDIN_FILENO, TIOCGWINSZ, ret) == 0 ||
	       ioctl(STDOUT_FILENO, TIOCGWINSZ, ret) == 0;
}

void mr_terminal_relay_resize(const struct mr_terminal_relay *r)
{
	struct winsize size;

	if (mr_terminal_own_size(&size))
		ioctl(r->master, TIOCSWINSZ, &size);
}

int mr_terminal_relay_poll(const struct mr_terminal_relay *r, struct pollfd *fds)
{
	short master = 0;
	int n = 0;

	if (!r->in_eof && r->in_len == 0 && !r->out_eof)
		fds[n++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	if (r->out_len > 0)
		fds[n++] = (struct pollfd){.fd = r->out_fd, .events = POLLOUT};
	if (!r->out_eof && r->out_len == 0)
		master |= POLLIN;
	if (!r->out_eof && r->in_len > 0)
		master |= POLLOUT;
	if (master != 0)
		fds[n++] = (struct pollfd){.fd = r->master, .events = master};
	return n;
}

/* --- our stdin to the master --- */

/* What ^D is for a terminal in line mode; a line that was begun needs it twice, as the
 * first one only hands the line over. */
static void type_end_of_file(struct mr_terminal_relay *r)
{
	struct termios t;

	if (tcgetattr(r->master, &t) < 0 || !(t.c_lflag & ICANON))
		return;
	r->in_off = 0;
	r->in_len = r->last_in == '\n' ? 1 : 2;
	memset(r->in, t.c_cc[VEOF], r->in_len);
}

static void read_stdin(struct mr_terminal_relay *r)
{
	ssize_t n = read(STDIN_FILENO, r->in, sizeof(r->in));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		r->in_eof = true;
		type_end_of_file(r);
		return;
	}
	r->in_off = 0;
	r->in_len = (size_t)n;
	r->last_in = r->in[n - 1];
}

static void write_master(struct mr_terminal_relay *r)
{
	ssize_t n = write(r->master, r->in + r->in_off, r->in_len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) { /* nobody is there to read it */
		r->in_len = 0;
		r->in_eof = true;
		return;
	}
	r->in_off += (size_t)n;
	r->in_len -= (size_t)n;
}

/* --- the master to our stdout --- */

/* @return bytes read, 0 when there is nothing now */
static size_t read_master(struct mr_terminal_relay *r)
{
	ssize_t n = read(r->master, r->out, sizeof(r->out));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		r->out_eof = true;
		return 0;
	}
	r->out_off = 0;
	r->out_len = r->out_gone ? 0 : (size_t)n;
	return (size_t)n;
}

static void write_stdout(struct mr_terminal_relay *r)
{
	size_t len = r->out_private || r->out_len < PIPE_BUF ? r->out_len : PIPE_BUF;
	ssize_t n = -ENOTSOCK;

	if (!r->out_private) {
		n = send(
			r->out_fd, r->out + r->out_off, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		n = n < 0 ? -errno : n;
	}
	if (n == -ENOTSOCK)
		n = mr_write_no_sigpipe(r->out_fd, r->out + r->out_off, len);
	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n < 0) { /* the container must not hang because our reader has gone */
		r->out_gone = true;
		r->out_len = 0;
		return;
	}
	r->out_off += (size_t)n;
	r->out_len -= (size_t)n;
}

int mr_terminal_relay_step(struct mr_terminal_relay *r, const struct pollfd *fds, int n)
{
	for (int i = 0; i < n; i++) {
		if (fds[i].revents == 0)
			continue;
		if (fds[i].fd == r->master) {
			if (fds[i].events & POLLOUT && fds[i].revents & ~POLLIN)
				write_master(r);
			if (fds[i].events & POLLIN && fds[i].revents & ~POLLOUT)
				read_master(r);
		} else if (fds[i].events & POLLIN) {
			read_stdin(r);
		} else {
			write_stdout(r);
		}
	}
	return r->out_eof && r->out_len == 0 ? 0 : 1;
}

/* What is in the buffer and in the pty still belongs to the reader. */
static void drain(struct mr_terminal_relay *r)
{
	while (!(r->out_eof && r->out_len == 0)) {
		struct pollfd fd = {.fd = r->out_fd, .events = POLLOUT};

		if (r->out_len == 0) {
			if (read_master(r) == 0)
				return;
			continue;
		}
		int ready = poll(&fd, 1, DRAIN_STALL_MS);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return;
		write_stdout(r);
	}
}

void mr_terminal_relay_stop(struct mr_terminal_relay *r)
{
	drain(r);
	if (r->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &r->saved);
	r->raw = false;
	if (r->out_private)
		mr_close(&r->out_fd);
	r->out_private = false;
	mr_close(&r->master);
}
