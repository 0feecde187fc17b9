/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom - what the truth costs.
 *
 *   watcher  what a launch pays for being watched: baselines, events of every level, the
 *            kernel log, the verdict at the end, giving it all back. Linked with the
 *            runtime, on a cgroup that it makes for itself.
 *   record   from the victim's death, as its pidfd tells it, to the finished record in the
 *            state directory, as inotify tells it. By the whole program; who looks runs
 *            with real-time priority, or it would hear of both at once.
 *
 * Usage: oom MINIRUN MEMLAB [ROUNDS]. Needs root. Exit status: 0 when both medians are
 * below what is demanded, 1 when not, 2 when it could not be measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "oom/verdict.h"

#define MOST_WATCHER_MS 0.3
#define MOST_RECORD_MS 5.0
#define MAX_ROUNDS 1000

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "oom: %s: %s\n", what, why);
	exit(2);
}

static int compare(const void *left, const void *right)
{
	const double *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static bool report(const char *name, double *ms, size_t n, double most)
{
	qsort(ms, n, sizeof(*ms), compare);
	double median = ms[n / 2];
	printf("%-8s  median %6.3f  p95 %6.3f  max %6.3f ms, at most %.1f demanded: %s\n",
		name, median, ms[n * 95 / 100], ms[n - 1], most,
		median <= most ? "ok" : "FAILED");
	return median <= most;
}

/* --- the watcher --- */

static double watch_once(const struct mr_cgroup *cg)
{
	const struct mr_verdict_input in = {.init_pid = getpid(), .started = true};
	struct mr_oom_watch w;
	struct mr_verdict v;
	struct mr_error err;
	int64_t begin = mr_now_mono_ns();

	if (mr_oom_watch_prepare(&w, cg, &err) < 0)
		die("prepare", err.message);
	mr_oom_watch_listen(&w, true);
	if (mr_verdict_take(&w, &in, &v, &err) < 0)
		die("verdict", err.message);
	if (!v.known || v.kills != 0)
		die("verdict", "of an empty cgroup it is not 'no'");
	mr_verdict_clear(&v);
	mr_oom_watch_close(&w);
	return (double)(mr_now_mono_ns() - begin) / 1e6;
}

static bool watcher(size_t rounds)
{
	static struct mr_host host;
	static struct mr_cgroup_plan plan;
	static double ms[MAX_ROUNDS];
	struct mr_cgroup cg;
	struct mr_error err;

	if (mr_host_read(&host, "", &err) < 0)
		die("host", err.message);
	int owner = host.owner[MR_CTL_MEMORY];
	if (owner < 0)
		die("host", "no memory controller");
	plan.hierarchy[owner] = true;
	plan.controllers = plan.required = 1u << MR_CTL_MEMORY;
	snprintf(plan.path, sizeof(plan.path), "/minirun/bench-oom-%d", (int)getpid());
	mr_cgroup_init(&cg);
	if (mr_cgroup_create(&plan, &host, &cg, &err) < 0)
		die("cgroup", err.message);
	for (size_t i = 0; i < rounds; i++)
		ms[i] = watch_once(&cg);
	if (mr_cgroup_remove(&cg, &err) < 0)
		die("cgroup", err.message);
	mr_cgroup_close(&cg);
	return report("watcher", ms, rounds, MOST_WATCHER_MS);
}

/* --- the record --- */

static char directory[] = "/dev/shm/minirun-bench-XXXXXX";

/* All of "State" that is needed. @return 1 when the record says @status */
static int read_record(const char *status, pid_t *ret_pid)
{
	autofree char *text = NULL;
	char path[128], wanted[64];

	snprintf(path, sizeof(path), "%s/victim/status.json", directory);
	if (mr_read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		return 0;
	snprintf(wanted, sizeof(wanted), "\"Status\": \"%s\"", status);
	const char *pid = strstr(text, "\"Pid\": ");
	*ret_pid = pid ? (pid_t)strtol(pid + 7, NULL, 10) : 0;
	return strstr(text, wanted) != NULL;
}

static pid_t start(const char *minirun, const char *memlab)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	execl(minirun, "minirun", "--root", directory, "run", "--name", "victim", "-m", "16m",
		"--no-init", "--", memlab, "hold", "0.05", "+", "anon", "64M", (char *)NULL);
	_exit(127);
}

/* Moments of the death and of the record, in whichever order they are heard of. */
static double observe(int pidfd, int notify)
{
	int64_t death = 0, end = 0, limit = mr_now_mono_ns() + INT64_C(10000000000);
	pid_t ignored;

	while ((!death || !end) && mr_now_mono_ns() < limit) {
		_Alignas(struct inotify_event) char buf[4096];
		struct pollfd p[] = {{death ? -1 : pidfd, POLLIN, 0}, {notify, POLLIN, 0}};
		poll(p, 2, 1000);
		int64_t now = mr_now_mono_ns();
		if (p[0].revents)
			death = now;
		if (p[1].revents && read(notify, buf, sizeof(buf)) > 0 &&
			read_record("exited", &ignored))
			end = now;
	}
	if (!death || !end)
		die("record", "no end was seen within 10 s");
	return (double)(end - death) / 1e6;
}

static double record_once(const char *minirun, const char *memlab)
{
	char path[128];
	int status;
	pid_t init = 0, pid = start(minirun, memlab);
	int64_t limit = mr_now_mono_ns() + INT64_C(10000000000);

	while (!read_record("running", &init) && mr_now_mono_ns() < limit)
		usleep(500);
	autoclose int pidfd = (int)pidfd_open(init, 0);
	autoclose int notify = inotify_init1(IN_CLOEXEC);
	snprintf(path, sizeof(path), "%s/victim", directory);
	if (pidfd < 0 || inotify_add_watch(notify, path, IN_MOVED_TO) < 0)
		die("victim", "it was not seen alive");
	double ms = observe(pidfd, notify);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		WEXITSTATUS(status) != 137)
		die("minirun", "it has not ended with 137");
	return ms;
}

static void forget(const char *minirun)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(minirun, "minirun", "--root", directory, "delete", "--force", "victim",
			(char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	rmdir(directory);
}

static bool record(const char *minirun, const char *memlab, size_t rounds)
{
	static double ms[MAX_ROUNDS];

	const struct sched_param realtime = {.sched_priority = 1};

	if (!mkdtemp(directory))
		die(directory, strerror(errno));
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &realtime) < 0)
		die("real-time priority", strerror(errno));
	for (size_t i = 0; i < rounds; i++)
		ms[i] = record_once(minirun, memlab);
	forget(minirun);
	return report("record", ms, rounds, MOST_RECORD_MS);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 40;

	if (argc < 3 || rounds < 1 || rounds > MAX_ROUNDS)
		die("usage", "oom MINIRUN MEMLAB [ROUNDS], up to 1000");
	printf("The cost of the truth, %zu rounds.\n", rounds);
	bool good = watcher(rounds);
	return record(argv[1], argv[2], rounds) && good ? 0 : 1;
}
