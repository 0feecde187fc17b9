/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SANDBOX_TERMINAL_H
#define MR_SANDBOX_TERMINAL_H

#include "base/errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

/**
 * Child, after the mounts: open a new pty in the container's devpts (through @root_fd; the
 * opened ptmx must be a character device 5:2 on devpts) or, without one, in the host's; the
 * slave comes from TIOCGPTPEER (kernel 4.13) and must have major 136.
 *
 * @param rows,cols 0: leave
 * @param ret_master,ret_slave owned by the caller, O_CLOEXEC
 */
int mr_terminal_open(int root_fd, unsigned rows, unsigned cols, int *ret_master,
	int *ret_slave, struct mr_error *err);
/** Child: unless stdout, to which the terminal will be relayed, is a terminal itself, have
 * newlines pass as the program writes them: a pipe or a file gets no "\r\n". */
int mr_terminal_keep_newlines(int master, struct mr_error *err);
/** Child: new session, controlling terminal, stdio = slave. @slave stays the caller's. */
int mr_terminal_take(int slave, struct mr_error *err);

/** Parent: send the master over an AF_UNIX stream socket (--console-socket). */
int mr_terminal_send(const char *socket_path, int master, struct mr_error *err);

/* --- relay.c --- */

/** Parent: size of the terminal that our stdin or stdout is. @return is it one? */
struct winsize;
bool mr_terminal_own_size(struct winsize *ret);

/** Parent: relay between our stdio and a pty master. */
struct mr_terminal_relay {
	int master;
	bool raw; /* stdin is a terminal in raw mode: restore at the end */
	struct termios saved;
	/* bounded buffers, both directions */
	char in[4096], out[16384];
	size_t in_len, in_off, out_len, out_off;
	bool in_eof, out_eof;
	/* private */
	int out_fd;       /* our stdout, or the same file opened again without blocking */
	bool out_private; /* out_fd is ours: to be closed, and writes to it never block */
	bool out_gone;    /* nobody reads our stdout any more: output is thrown away */
	char last_in;     /* last byte typed into the pty */
};
/** Takes ownership of @master; raw mode and window size when stdin is a terminal. */
int mr_terminal_relay_start(struct mr_terminal_relay *r, int master, struct mr_error *err);
struct pollfd;
/** Fill up to 3 entries for poll(2): stdin, stdout, master. @return how many */
int mr_terminal_relay_poll(const struct mr_terminal_relay *r, struct pollfd *fds);
/** Move what can be moved. @return 1 while the pty lives or output waits, 0 at its end */
int mr_terminal_relay_step(struct mr_terminal_relay *r, const struct pollfd *fds, int n);
/** Copy the window size from our terminal to the pty (on SIGWINCH). */
void mr_terminal_relay_resize(const struct mr_terminal_relay *r);
/** Drain (a reader that takes nothing for a second is given up), restore the terminal,
 * close the master. */
void mr_terminal_relay_stop(struct mr_terminal_relay *r);

#endif
