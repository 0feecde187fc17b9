/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - what the benchmark runs inside a container besides `true`; static, one file,
 * two names in the rootfs:
 *
 *	/check	prints what the launcher has really done, one fact a line, so that a
 *		launcher which is fast because it leaves work out is found out:
 *		"ns NAME ID" for each namespace, "ok WORD", "no WORD: REASON"
 *	/idle	sleeps until it is killed
 *
 * The memory limit is tested with a child that uses more than it: only the child dies.
 */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the limit of spec.json, which is 64 MiB. */
enum { TOO_MUCH = 96 << 20 };

static void say(const char *word, int ok, const char *reason)
{
	if (ok)
		printf("ok %s\n", word);
	else
		printf("no %s: %s\n", word, reason);
}

static void check_namespaces(void)
{
	static const char *const names[] = {"pid", "mnt", "ipc", "uts", "net"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[32], id[64];
		ssize_t size;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		size = readlink(path, id, sizeof(id) - 1);
		if (size < 0)
			continue;
		id[size] = '\0';
		printf("ns %s %s\n", names[i], id);
	}
}

static void check_proc(void)
{
	char pid[16], own[16];
	ssize_t size = readlink("/proc/self", pid, sizeof(pid) - 1);

	pid[size < 0 ? 0 : size] = '\0';
	snprintf(own, sizeof(own), "%ld", (long)getpid());
	say("/proc", strcmp(pid, own) == 0, "not of this pid namespace");
}

static void check_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		say("loopback", 0, strerror(errno));
	else
		say("loopback", request.ifr_flags & IFF_UP, "down");
	if (fd >= 0)
		close(fd);
}

static void check_devices(void)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} devices[] = {
		{"/dev/null", 1, 3},
		{"/dev/zero", 1, 5},
		{"/dev/full", 1, 7},
		{"/dev/random", 1, 8},
		{"/dev/urandom", 1, 9},
		{"/dev/tty", 5, 0},
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		dev_t number = makedev(devices[i].major, devices[i].minor);
		struct stat node;

		if (stat(devices[i].path, &node) < 0 || !S_ISCHR(node.st_mode) ||
			node.st_rdev != number) {
			say("/dev", 0, devices[i].path);
			return;
		}
	}
	say("/dev", 1, NULL);
}

static void check_hostname(void)
{
	char name[64] = "";

	gethostname(name, sizeof(name) - 1);
	say("hostname", strcmp(name, "bench") == 0, name);
}

static _Noreturn void use_too_much(void)
{
	char *memory = mmap(NULL, TOO_MUCH, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < TOO_MUCH; i += 4096)
		((volatile char *)memory)[i] = 1;
	_exit(0);
}

/* With swap a limit makes the child slow, not dead: then nothing is said. */
static void check_limit(void)
{
	struct sysinfo info;
	int status = 0;
	pid_t child;

	if (sysinfo(&info) < 0 || info.totalswap > 0)
		return;
	fflush(stdout);
	child = fork();
	if (child == 0)
		use_too_much();
	if (child < 0 || waitpid(child, &status, 0) < 0)
		say("memory limit", 0, strerror(errno));
	else
		say("memory limit", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			"96 MiB could be used");
}

int main(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], "/idle") == 0) {
		for (;;)
			pause();
	}
	check_namespaces();
	check_proc();
	check_loopback();
	check_devices();
	check_hostname();
	check_limit();
	return 0;
}
