/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal - a pseudoterminal for the container.
 *
 * The kernel idea: opening ptmx makes a pair. The slave is what programs in the container
 * see as their terminal (line discipline, signals, window size); the master is the other
 * end of the wire. A pair belongs to the devpts mount that the ptmx stands on, so it must
 * be the container's own: then ttyname(3) and /dev/pts/N work inside.
 *
 * The names below the rootfs are hostile: dev/pts/0 can be replaced by a link between any
 * two of our calls (CVE-2025-52565). So no slave is ever opened by name: TIOCGPTPEER
 * gives the descriptor, and both ends are verified by type and device number.
 *
 * Order constraints: after the container's devpts is mounted. A terminal becomes the
 * controlling one only of a session leader that has none: setsid(2) first. The session is
 * also what keeps the container from the caller's terminal (TIOCSTI, CVE-2017-5226).
 *
 * Manual pages: pty(7), ioctl_tty(2), setsid(2), TIOCGPTPEER(2const).
 */
#include "sandbox/terminal.h"

#include "base/io.h"
#include "base/sys.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#ifndef TIOCGPTPEER /* kernel 4.13 */
#define TIOCGPTPEER _IO('T', 0x41)
#endif
#define PTMX_DEVICE makedev(5, 2)
#define PTY_SLAVE_MAJOR 136

static bool is_ptmx(int fd, bool on_devpts)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != PTMX_DEVICE)
		return false;
	return !on_devpts || (fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC);
}

/* Looked at through O_PATH first: opening an unknown device can have effects. The name
 * may mean something else by the second call, so the result is looked at, too.
 * @return the master, or -errno; -ENODEV: there is something else under this name */
static int open_ptmx(int dir_fd, const char *path, bool on_devpts, uint64_t resolve)
{
	autoclose int look = mr_openat2(dir_fd, path, O_PATH | O_CLOEXEC, 0, resolve);

	if (look < 0)
		return look;
	if (!is_ptmx(look, on_devpts))
		return -ENODEV;
	autoclose int master =
		mr_openat2(dir_fd, path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0, resolve);
	if (master >= 0 && !is_ptmx(master, on_devpts))
		return -ENODEV;
	return master < 0 ? master : mr_take_fd(&master);
}

/*
 * The container's devpts by itself, then through the container's /dev/ptmx (a devpts
 * mounted without ptmxmode is closed to all but root), then the host's. The driver behind
 * 5:2 only ever uses the devpts mount beside the name that was opened.
 */
static int open_master(int root_fd, struct mr_error *err)
{
	const uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	int master = open_ptmx(root_fd, "dev/pts/ptmx", true, inside);

	if (master < 0)
		master = open_ptmx(root_fd, "dev/ptmx", false, inside);
	if (master < 0)
		master = open_ptmx(AT_FDCWD, "/dev/ptmx", false, 0);
	if (master < 0) {
		mr_fail(err, -master, "open a new pseudoterminal at /dev/ptmx");
		mr_hint(err, "process.terminal is true: add a mount of type devpts at "
			     "/dev/pts");
	}
	return master;
}

int mr_terminal_open(int root_fd, unsigned rows, unsigned cols, int *ret_master,
	int *ret_slave, struct mr_error *err)
{
	struct winsize size = {
		.ws_row = (unsigned short)rows,
		.ws_col = (unsigned short)cols,
	};
	struct stat st;
	int unlock = 0;
	autoclose int master = open_master(root_fd, err);

	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return mr_fail(err, errno, "unlock the pseudoterminal");
	autoclose int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return mr_fail(
			err, errno, "open the pseudoterminal's slave (TIOCGPTPEER)");
	if (fstat(slave, &st) < 0 || !S_ISCHR(st.st_mode) ||
		major(st.st_rdev) != PTY_SLAVE_MAJOR)
		return mr_fail_text(err, ENODEV, "the new terminal is no pseudoterminal");
	if (rows > 0 && cols > 0 && ioctl(slave, TIOCSWINSZ, &size) < 0)
		return mr_fail(err, errno, "set the window size to %u rows, %u columns",
			rows, cols);
	*ret_master = mr_take_fd(&master);
	*ret_slave = mr_take_fd(&slave);
	return 0;
}

int mr_terminal_keep_newlines(int master, struct mr_error *err)
{
	struct termios t;

	if (isatty(STDOUT_FILENO))
		return 0;
	if (tcgetattr(master, &t) < 0)
		return mr_fail(err, errno, "read the terminal's modes");
	t.c_oflag &= ~(tcflag_t)ONLCR;
	return tcsetattr(master, TCSANOW, &t) < 0 ? mr_fail(err, errno, "set the terminal's modes")
						  : 0;
}

int mr_terminal_take(int slave, struct mr_error *err)
{
	/* A process that leads its session already is as good. */
	if (setsid() < 0 && getsid(0) != getpid())
		return mr_fail(err, errno, "setsid");
	/* A caller may have started us with closed stdio, so that the slave is one of 0
	 * to 2: dup2(2) of a descriptor onto itself would leave it close-on-exec. */
	autoclose int copy = fcntl(slave, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return mr_fail(err, errno, "duplicate the terminal");
	if (ioctl(copy, TIOCSCTTY, 0) < 0)
		return mr_fail(
			err, errno, "make the terminal the controlling one (TIOCSCTTY)");
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(copy, fd) < 0)
			return mr_fail(err, errno, "make the terminal descriptor %d", fd);
	}
	return 0;
}

int mr_terminal_send(const char *socket_path, int master, struct mr_error *err)
{
	/* Receivers show the bytes as the terminal's name. */
	static const char name[] = "/dev/ptmx";
	autoclose int sock = mr_socket_connect(socket_path, "--console-socket", err);

	if (sock < 0)
		return sock;
	int r = mr_socket_send(sock, name, sizeof(name) - 1, master);
	return r < 0 ? mr_fail(err, -r, "--console-socket: send the terminal to '%s'",
			       socket_path)
		     : 0;
}
