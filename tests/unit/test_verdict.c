/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c, evidence.c, explain.c, counters.c on directories that look like cgroups:
 * what the counters, the events and the kernel log say together. No root. */
#include "oom/verdict.h"

#include "base/io.h"
#include "oom/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define INIT 500
#define CHILD 501
#define MIB (1024u * 1024u)

struct lab {
	char top[64];
	struct mr_host host;
	struct mr_cgroup cgroup;
	struct mr_oom_watch w;
	int log; /* our end of the kernel log */
	uint64_t sequence;
	struct mr_verdict v;
	struct mr_error err;
};

static void put(const struct lab *l, const char *path, const char *text)
{
	char full[400];
	snprintf(full, sizeof(full), "%s%s", l->top, path);
	autoclose int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(mr_write_all(fd, text, strlen(text)), 0);
}

static void make(const struct lab *l, const char *path)
{
	char full[300];
	snprintf(full, sizeof(full), "%s%s", l->top, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static void put_v1(const struct lab *l, const char *path, int kills)
{
	char file[300], text[100];
	snprintf(file, sizeof(file), "%s/memory.oom_control", path);
	snprintf(text, sizeof(text), "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n",
		kills);
	put(l, file, text);
	snprintf(file, sizeof(file), "%s/memory.limit_in_bytes", path);
	put(l, file, "67108864\n");
}

static void put_v2(const struct lab *l, const char *path, const char *name, int oom,
	int kills, int groups)
{
	char file[300], text[100];
	snprintf(file, sizeof(file), "%s/%s", path, name);
	snprintf(text, sizeof(text),
		"low 0\nhigh 0\nmax 9\noom %d\noom_kill %d\n"
		"oom_group_kill %d\n",
		oom, kills, groups);
	put(l, file, text);
}

static void both_v2(const struct lab *l, const char *path, int oom, int kills)
{
	char file[300];
	put_v2(l, path, "memory.events", oom, kills, 0);
	put_v2(l, path, "memory.events.local", oom, kills, 0);
	snprintf(file, sizeof(file), "%s/memory.max", path);
	put(l, file, "67108864\n");
}

/* /P/C at the "mount point" `top`; the log is a packet socket: one record a read. */
static void begin(struct lab *l, int version)
{
	int pair[2];
	memset(l, 0, sizeof(*l));
	snprintf(l->top, sizeof(l->top), "/tmp/minirun-verdict-XXXXXX");
	assert_non_null(mkdtemp(l->top));
	make(l, "/P");
	make(l, "/P/C");
	if (version == 1) {
		put_v1(l, "/P", 0);
		put_v1(l, "/P/C", 0);
		put(l, "/release_agent", "\n");
	} else {
		both_v2(l, "/P", 0, 0);
		both_v2(l, "/P/C", 0, 0);
	}
	for (int i = 0; i < MR_CONTROLLERS; i++)
		l->host.owner[i] = -1;
	l->host.owner[MR_CTL_MEMORY] = 0;
	l->host.n_hierarchies = 1;
	l->host.page_size = 4096;
	l->host.hierarchies[0].v2 = version == 2;
	snprintf(l->host.hierarchies[0].mount_point,
		sizeof(l->host.hierarchies[0].mount_point), "%s", l->top);
	snprintf(l->host.hierarchies[0].root, sizeof(l->host.hierarchies[0].root), "/");
	mr_cgroup_init(&l->cgroup);
	l->cgroup.host = &l->host;
	snprintf(l->cgroup.path, sizeof(l->cgroup.path), "/P/C");
	char own[100];
	snprintf(own, sizeof(own), "%s/P/C", l->top);
	l->cgroup.dir[0] = open(own, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mr_oom_watch_prepare(&l->w, &l->cgroup, &l->err), 0);
	mr_oom_watch_mark(&l->w);
	assert_int_equal(l->w.n_levels, 2);
	mr_oom_watch_listen(&l->w, false);
	/* Plain files notify nobody: the test's own eventfds stand for the kernel's. */
	for (int i = 0; version == 1 && i < 2; i++) {
		assert_int_equal(l->w.level[i].event_fd, -1);
		l->w.level[i].event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		l->w.level[i].has_events = true;
	}
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
		0);
	mr_kmsg_close(&l->w.kmsg);
	l->w.kmsg.fd = pair[0];
	l->w.view = MR_OOM_VIEW_HOST;
	l->log = pair[1];
	l->sequence = 100;
}

static void remove_tree(const char *path)
{
	char command[16] = "rm", option[8] = "-rf", copy[300];
	snprintf(copy, sizeof(copy), "%s", path);
	char *const argv[] = {command, option, copy, NULL};
	pid_t pid = fork();
	if (pid == 0) {
		execvp("rm", argv);
		_exit(127);
	}
	assert_true(pid > 0);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void end(struct lab *l)
{
	mr_verdict_clear(&l->v);
	mr_oom_watch_close(&l->w);
	close(l->cgroup.dir[0]);
	close(l->log);
	remove_tree(l->top);
}

static void record(struct lab *l, int prio, const char *text)
{
	char line[700];
	int n = snprintf(line, sizeof(line), "%d,%llu,5000000,-;%s\n", prio,
		(unsigned long long)l->sequence++, text);
	assert_int_equal(write(l->log, line, (size_t)n), n);
}

static void log_kill(struct lab *l, const char *prefix, int pid)
{
	char text[300];
	snprintf(text, sizeof(text),
		"%s: Killed process %d (w) total-vm:70000kB, "
		"anon-rss:65000kB, file-rss:800kB, shmem-rss:0kB, UID:0 pgtables:168kB "
		"oom_score_adj:0",
		prefix, pid);
	record(l, 3, text);
}

/* A kill with its report: @oom ran out, the victim lived in @task; NULL: suppressed. */
static void report(struct lab *l, const char *oom, const char *task, int pid)
{
	char text[500];
	if (oom) {
		snprintf(text, sizeof(text),
			"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),"
			"cpuset=/,mems_allowed=0,oom_memcg=%s,task_memcg=%s,task=w,pid=%d,uid=0",
			oom, task, pid);
		record(l, 6, text);
	}
	log_kill(l, "Memory cgroup out of memory", pid);
}

static void event(struct lab *l, int level, uint64_t n)
{
	assert_int_equal(write(l->w.level[level].event_fd, &n, sizeof(n)), sizeof(n));
}

static const struct mr_verdict *take(struct lab *l, int init_status)
{
	struct mr_verdict_input in = {.init_pid = INIT,
		.init_status = init_status,
		.started = true,
		.init_container_pid = 1};
	mr_verdict_clear(&l->v);
	assert_int_equal(mr_verdict_take(&l->w, &in, &l->v, &l->err), 0);
	return &l->v;
}

/* --- v1 --- */

static void v1_nothing_happened(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_true(v->known && v->certain && v->by_counter && v->by_ladder);
	assert_int_equal(v->kills, 0);
	assert_int_equal(v->init_killed, 0);
	assert_int_equal(v->scope, MR_SCOPE_NONE);
	assert_null(v->source);
	end(&l);
}

static void v1_own_limit(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	report(&l, "/P/C", "/P/C", INIT);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_true(v->known && v->certain && v->by_ladder && v->by_kmsg);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->init_killed, 1);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	assert_string_equal(v->limit_cgroup, "/P/C");
	assert_int_equal(v->limit.value, 64 * MIB);
	assert_string_equal(v->limit_kind, "memory");
	assert_int_equal(v->n_victims, 1);
	assert_int_equal(v->victims[0].container_pid, 1);
	assert_int_equal(v->victims_without_detail, 0);
	assert_int_equal(v->kernel_log.n, 2);
	assert_string_equal(v->source, "/dev/kmsg");
	end(&l);
}

static void v1_equal_limits_are_memory_and_swap(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put(&l, "/P/C/memory.memsw.limit_in_bytes", "67108864\n");
	put(&l, "/P/C/memory.memsw.failcnt", "0\n");
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	assert_string_equal(take(&l, SIGKILL)->limit_kind, "memory+swap");
	put(&l, "/P/C/memory.memsw.limit_in_bytes", "134217728\n");
	put(&l, "/P/C/memory.memsw.max_usage_in_bytes", "67108864\n");
	assert_string_equal(take(&l, SIGKILL)->limit_kind, "memory");
	put(&l, "/P/C/memory.memsw.max_usage_in_bytes", "134217728\n");
	assert_string_equal(take(&l, SIGKILL)->limit_kind, "memory+swap");
	assert_int_equal(l.v.limit.value, 128 * MIB);
	put(&l, "/P/C/memory.memsw.limit_in_bytes", "9223372036854771712\n");
	assert_string_equal(take(&l, SIGKILL)->limit_kind, "memory");
	end(&l);
}

static void v1_child_dies_init_lives(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 3); /* events are no kill count */
	report(&l, "/P/C", "/P/C", CHILD);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->events, 3);
	assert_int_equal(v->init_killed, 0);
	assert_false(v->victims[0].is_init);
	assert_int_equal(v->victims[0].container_pid, 0);
	end(&l);
}

/* Whichever of the two is killed, the container ends of it. */
static void minimal_init_is_init_too(void **state)
{
	(void)state;
	static const struct {
		pid_t victim;
		int container_pid;
	} cases[] = {{INIT, 1}, {CHILD, 2}};
	for (size_t i = 0; i < 2; i++) {
		struct lab l;
		begin(&l, 1);
		put_v1(&l, "/P/C", 1);
		event(&l, 0, 1);
		report(&l, "/P/C", "/P/C", cases[i].victim);
		struct mr_verdict_input in = {.init_pid = CHILD,
			.init_container_pid = 2,
			.minimal_init_pid = INIT,
			.minimal_init_container_pid = 1,
			.init_status = SIGKILL,
			.started = true};
		assert_int_equal(mr_verdict_take(&l.w, &in, &l.v, &l.err), 0);
		assert_int_equal(l.v.init_killed, 1);
		assert_true(l.v.certain);
		assert_true(l.v.victims[0].is_init);
		assert_int_equal(l.v.victims[0].container_pid, cases[i].container_pid);
		end(&l);
	}
}

static void v1_baseline_is_subtracted(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	l.w.base.kills = 7;
	put_v1(&l, "/P/C", 9);
	event(&l, 0, 2);
	assert_int_equal(take(&l, 0)->kills, 2);
	end(&l);
}

static void v1_ancestor(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	event(&l, 1, 1);
	report(&l, "/P", "/P/C", INIT);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->scope, MR_SCOPE_ANCESTOR);
	assert_string_equal(v->limit_cgroup, "/P");
	assert_true(v->certain);
	end(&l);
}

static void v1_ancestor_without_a_log(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	mr_kmsg_close(&l.w.kmsg);
	put_v1(&l, "/P/C", 2);
	event(&l, 0, 2);
	event(&l, 1, 2);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->scope, MR_SCOPE_ANCESTOR);
	assert_string_equal(v->limit_cgroup, "/P");
	assert_int_equal(v->init_killed, -1);
	assert_int_equal(v->victims_without_detail, 2);
	assert_null(v->source);
	assert_false(v->by_kmsg);
	assert_true(v->certain);
	end(&l);
}

static void v1_bystander(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	event(&l, 0, 7);
	event(&l, 1, 7);
	report(&l, "/P", "/P/S", 700);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->kills, 0);
	assert_true(v->known && v->bystander && v->certain);
	assert_int_equal(v->scope, MR_SCOPE_ANCESTOR);
	assert_string_equal(v->limit_cgroup, "/P");
	assert_int_equal(v->n_victims, 0);
	end(&l);
}

static void v1_limit_hit_nobody_died(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	event(&l, 0, 1);
	put(&l, "/P/C/memory.oom_control",
		"oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->kills, 0);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	assert_true(v->hanging);
	assert_false(v->bystander);
	end(&l);
}

static void v1_host(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	record(&l, 6,
		"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,"
		"mems_allowed=0,global_oom,task_memcg=/P/C,task=w,pid=500,uid=0");
	log_kill(&l, "Out of memory", INIT);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->scope, MR_SCOPE_HOST);
	assert_true(v->certain);
	assert_string_equal(v->limit_cgroup, "");
	assert_false(v->limit.set);
	assert_null(v->limit_kind);
	end(&l);
}

/* Another OOM at the same time can have swallowed the event. */
static void v1_silence_is_probably_the_host(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	mr_kmsg_close(&l.w.kmsg);
	put_v1(&l, "/P/C", 1);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->scope, MR_SCOPE_HOST);
	assert_false(v->certain);
	end(&l);
}

static void v1_mixed_is_said_or_told_apart(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 2);
	event(&l, 0, 3);
	event(&l, 1, 2);
	assert_int_equal(take(&l, 0)->scope, MR_SCOPE_MIXED);
	assert_string_equal(l.v.limit_cgroup, "");
	/* The log: both by the own limit, the parent's trouble was another's. */
	report(&l, "/P/C", "/P/C", CHILD);
	report(&l, "/P/C", "/P/C", CHILD + 1);
	assert_int_equal(take(&l, 0)->scope, MR_SCOPE_CONTAINER);
	assert_true(l.v.certain);
	end(&l);
}

static void v1_contradiction_is_not_certain(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	report(&l, "/P", "/P/C", INIT);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->scope, MR_SCOPE_ANCESTOR);
	assert_false(v->certain);
	assert_false(v->by_ladder);
	end(&l);
}

static void v1_existing_sub_cgroups_count(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	make(&l, "/P/C/in");
	make(&l, "/P/C/in/deep");
	put_v1(&l, "/P/C/in", 1);
	put_v1(&l, "/P/C/in/deep", 2);
	report(&l, "/P/C/in", "/P/C/in", CHILD);
	report(&l, "/P/C/in", "/P/C/in/deep", CHILD + 1);
	report(&l, "/P/C/in", "/P/C/in/deep", CHILD + 2);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->kills, 3);
	assert_int_equal(v->scope, MR_SCOPE_NESTED);
	assert_string_equal(v->limit_cgroup, "/P/C/in");
	assert_int_equal(v->limit.value, 64 * MIB);
	assert_true(v->certain);
	end(&l);
}

/* It came and went unseen: the time of the directory tells, and the log knows more. */
static void v1_removed_sub_cgroup_is_unknown(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	make(&l, "/P/C/in");
	report(&l, "/P/C/in", "/P/C/in", CHILD);
	char path[100];
	snprintf(path, sizeof(path), "%s/P/C/in", l.top);
	assert_int_equal(rmdir(path), 0);
	const struct mr_verdict *v = take(&l, 0);
	assert_false(v->known);
	assert_int_equal(v->init_killed, -1);
	assert_non_null(strstr(v->why, "sub-cgroup"));
	end(&l);
}

static void v1_removed_sub_cgroup_without_a_kill(void **state)
{
	(void)state;
	struct lab l;
	char path[100];
	begin(&l, 1);
	snprintf(path, sizeof(path), "%s/P/C/in", l.top);
	make(&l, "/P/C/in");
	assert_int_equal(rmdir(path), 0);
	report(&l, "/other", "/other", 900); /* a named foreigner proves nothing */
	assert_true(take(&l, 0)->known);
	assert_int_equal(l.v.kills, 0);
	report(&l, NULL, NULL, 901); /* one without a name could be ours */
	assert_false(take(&l, 0)->known);
	mr_kmsg_close(&l.w.kmsg); /* and so could anything if there is no log */
	assert_false(take(&l, 0)->known);
	end(&l);
}

static void v1_counter_that_is_gone(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	mr_close(&l.w.counter);
	l.w.counter = openat(l.w.level[0].dir, ".", O_RDONLY | O_CLOEXEC); /* EISDIR */
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_false(v->known);
	assert_int_equal(v->init_killed, -1);
	assert_true(strlen(v->why) > 0);
	auto_str text = {0};
	mr_verdict_explain(v, &text);
	assert_true(mr_has_prefix(mr_str_text(&text), "OOMKilled: unknown: "));
	end(&l);
}

/* A kill that had been counted has happened; how many more is not known. */
static void v1_counter_that_is_gone_after_a_kill(void **state)
{
	(void)state;
	struct lab l;
	uint64_t kills;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	report(&l, "/P/C", "/P/C", CHILD);
	assert_int_equal(mr_oom_watch_step(&l.w, &kills, &l.err), 0);
	mr_close(&l.w.counter);
	l.w.counter = openat(l.w.level[0].dir, ".", O_RDONLY | O_CLOEXEC); /* EISDIR */
	const struct mr_verdict *v = take(&l, 0);
	assert_true(v->known);
	assert_false(v->certain);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	assert_true(mr_has_prefix(v->why, "at least: "));
	end(&l);
}

static bool polls(const struct lab *l, int fd)
{
	struct pollfd fds[MR_OOM_MAX_LEVELS + 2];
	int n = mr_oom_watch_poll(&l->w, fds);
	bool found = false;
	for (int i = 0; i < n; i++)
		found = found || fds[i].fd == fd;
	return found;
}

/* A task that finds its cgroup in OOM handling notifies nobody: the log tells of its victim. */
static void v1_kill_without_an_event(void **state)
{
	(void)state;
	struct lab l;
	uint64_t kills;
	begin(&l, 1);
	assert_false(polls(&l, l.w.kmsg.fd));
	assert_false(mr_oom_watch_deaf(&l.w));
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	assert_int_equal(mr_oom_watch_step(&l.w, &kills, &l.err), 0);
	assert_int_equal(kills, 1);
	assert_true(polls(&l, l.w.kmsg.fd));
	put_v1(&l, "/P/C", 2);
	report(&l, "/P/C", "/P/C", CHILD);
	assert_int_equal(mr_oom_watch_step(&l.w, &kills, &l.err), 0);
	assert_int_equal(kills, 2);
	mr_kmsg_close(&l.w.kmsg);
	assert_true(mr_oom_watch_deaf(&l.w));
	end(&l);
}

static void v1_hanging_is_timed(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	const char *off = "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n";
	assert_false(mr_oom_watch_hanging(&l.w));
	put(&l, "/P/C/memory.oom_control",
		"oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
	assert_true(mr_oom_watch_hanging(&l.w));
	int64_t since = l.w.hanging_since;
	assert_true(since > 0);
	assert_true(mr_oom_watch_hanging(&l.w));
	assert_int_equal(l.w.hanging_since, since);
	put(&l, "/P/C/memory.oom_control", off);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_false(v->hanging);
	assert_true(v->hung_ns > 0);
	assert_int_equal(v->kills, 0);
	assert_int_equal(take(&l, SIGKILL)->hung_ns, l.w.hung_ns);
	end(&l);
}

/* The limit that was hit, not the one of now. */
static void v1_limit_is_that_of_the_moment(void **state)
{
	(void)state;
	struct lab l;
	uint64_t kills;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	assert_int_equal(mr_oom_watch_step(&l.w, &kills, &l.err), 0);
	put(&l, "/P/C/memory.limit_in_bytes", "134217728\n");
	assert_int_equal(take(&l, SIGKILL)->limit.value, 64 * MIB);
	end(&l);
	/* The kernel's report goes before what was noted. */
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	record(&l, 4, "w invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
	record(&l, 6, "memory: usage 32768kB, limit 32768kB, failcnt 1");
	report(&l, "/P/C", "/P/C", INIT);
	assert_int_equal(take(&l, SIGKILL)->limit.value, 32 * MIB);
	assert_string_equal(l.v.limit_kind, "memory");
	end(&l);
}

/* --- suppressed reports --- */

static void suppressed_kills_are_ours_if_they_add_up(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 3);
	event(&l, 0, 3);
	report(&l, "/P/C", "/P/C", CHILD);
	report(&l, NULL, NULL, CHILD + 1);
	report(&l, NULL, NULL, CHILD + 2);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->n_victims, 3);
	assert_int_equal(v->victims_without_detail, 0);
	assert_string_equal(v->victims[2].kill.task_memcg, "");
	assert_true(v->certain);
	assert_int_equal(v->init_killed, 0);
	end(&l);
}

static void suppressed_kills_of_others_are_not_ours(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 2);
	event(&l, 0, 2);
	report(&l, "/P/C", "/P/C", CHILD);
	report(&l, NULL, NULL, 900);
	report(&l, NULL, NULL, 901);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->n_victims, 1);
	assert_int_equal(v->victims_without_detail, 1);
	/* Of init we know the pid. */
	report(&l, NULL, NULL, INIT);
	v = take(&l, SIGKILL);
	assert_int_equal(v->n_victims, 2);
	assert_int_equal(v->init_killed, 1);
	end(&l);
}

/* With an ancestor's limit a killer elsewhere may not have written its line yet. */
static void suppressed_kills_by_an_ancestor_stay_unnamed(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	event(&l, 1, 1);
	report(&l, NULL, NULL, CHILD);
	const struct mr_verdict *v = take(&l, 0);
	assert_int_equal(v->n_victims, 0);
	assert_int_equal(v->victims_without_detail, 1);
	end(&l);
}

static void late_line_is_waited_for(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	pid_t pid = fork();
	if (pid == 0) {
		struct timespec t = {.tv_nsec = 5000000};
		nanosleep(&t, NULL);
		report(&l, "/P/C", "/P/C", INIT);
		_exit(0);
	}
	assert_int_equal(take(&l, SIGKILL)->n_victims, 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end(&l);
}

static void missing_line_costs_50_ms_at_most(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	int64_t begun = mr_now_mono_ns();
	const struct mr_verdict *v = take(&l, SIGKILL);
	int64_t ms = (mr_now_mono_ns() - begun) / 1000000;
	assert_true(ms >= 49 && ms < 500); /* the rest is the machine's */
	assert_int_equal(v->victims_without_detail, 1);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	end(&l);
}

/* In a namespace of our own the log's names are not ours. */
static void foreign_view_does_not_believe_the_log(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	l.w.view = MR_OOM_VIEW_FOREIGN;
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	/* Another container, which the host calls so. */
	report(&l, "/P/C", "/P/C", INIT);
	report(&l, "/P/C", "/P/C", CHILD);
	mr_kmsg_drain(&l.w.kmsg, &l.w.log); /* as while it runs */
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->n_victims, 0);
	assert_null(v->source);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	end(&l);
}

static void late_listener_does_not_take_silence_for_the_host(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	l.w.late = true;
	put_v1(&l, "/P/C", 1);
	struct mr_verdict_input in = {.init_pid = INIT, .init_status = SIGKILL};
	assert_int_equal(mr_verdict_take(&l.w, &in, &l.v, &l.err), 0);
	assert_int_equal(l.v.kills, 1);
	assert_int_equal(l.v.scope, MR_SCOPE_UNKNOWN);
	assert_null(mr_oom_scope_name(l.v.scope));
	assert_true(l.v.setup);
	assert_false(l.v.certain);
	assert_int_equal(l.v.init_killed, -1);
	assert_non_null(strstr(l.v.why, "before the kernel's events"));
	end(&l);
}

/* --- init --- */

static void judge(struct lab *l, struct mr_verdict_input in, int expected)
{
	in.init_pid = INIT;
	in.started = true;
	mr_verdict_clear(&l->v);
	assert_int_equal(mr_verdict_take(&l->w, &in, &l->v, &l->err), 0);
	assert_int_equal(l->v.init_killed, expected);
}

static void was_init_the_victim(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	mr_kmsg_close(&l.w.kmsg);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	judge(&l, (struct mr_verdict_input){.init_status = 0}, 0);
	judge(&l, (struct mr_verdict_input){.init_status = 137 << 8}, 0);
	judge(&l, (struct mr_verdict_input){.init_status = SIGTERM}, 0);
	judge(&l, (struct mr_verdict_input){.init_status = SIGKILL}, -1);
	judge(&l, (struct mr_verdict_input){.init_status = -1}, -1);
	judge(&l, (struct mr_verdict_input){.init_status = SIGKILL, .init_alone = true},
		1);
	judge(&l,
		(struct mr_verdict_input){.init_status = SIGKILL, .we_killed_init = true},
		0);
	end(&l);
}

static void all_victims_named_and_init_is_none(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	report(&l, "/P/C", "/P/C", CHILD);
	judge(&l, (struct mr_verdict_input){.init_status = SIGKILL}, 0);
	end(&l);
}

/* --- v2 --- */

static void v2_case(struct lab *l, int oom, int local_oom, int kills, int parent_oom)
{
	begin(l, 2);
	put_v2(l, "/P/C", "memory.events", oom, kills, 0);
	put_v2(l, "/P/C", "memory.events.local", local_oom, kills, 0);
	put_v2(l, "/P", "memory.events.local", parent_oom, 0, 0);
}

static void v2_ladder(void **state)
{
	(void)state;
	static const struct {
		int oom, local, kills, parent;
		enum mr_oom_scope scope;
	} cases[] = {
		{0, 0, 0, 0, MR_SCOPE_NONE},
		{1, 1, 1, 0, MR_SCOPE_CONTAINER},
		{3507, 3507, 1, 0, MR_SCOPE_CONTAINER},
		{1, 0, 1, 0, MR_SCOPE_NESTED},
		{0, 0, 1, 1, MR_SCOPE_ANCESTOR},
		{0, 0, 1, 0, MR_SCOPE_HOST},
		{1, 1, 2, 1, MR_SCOPE_MIXED},
		{0, 0, 0, 2, MR_SCOPE_ANCESTOR},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lab l;
		v2_case(&l, cases[i].oom, cases[i].local, cases[i].kills,
			cases[i].parent);
		mr_kmsg_close(&l.w.kmsg);
		const struct mr_verdict *v = take(&l, 0);
		assert_int_equal(v->scope, cases[i].scope);
		assert_int_equal(v->kills, cases[i].kills);
		assert_int_equal(
			v->bystander, cases[i].kills == 0 && cases[i].parent > 0);
		end(&l);
	}
}

static void v2_group_counts_its_first_victim_once(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 2);
	put_v2(&l, "/P/C", "memory.events", 1, 4, 1);
	put_v2(&l, "/P/C", "memory.events.local", 1, 4, 1);
	record(&l, 4, "w invoked oom-killer: gfp_mask=0x0, order=0, oom_score_adj=0");
	record(&l, 6,
		"[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents "
		"oom_score_adj name");
	record(&l, 6,
		"[    500]     0   500     9     9    4096        0             0 w");
	record(&l, 6,
		"[    501]     0   501     9     9    4096        0             0 w");
	record(&l, 6,
		"[    502]     0   502     9     9    4096        0             0 w");
	report(&l, "/P/C", "/P/C", INIT);
	record(&l, 6, "Tasks in /P/C are going to be killed due to memory.oom.group set");
	report(&l, NULL, NULL, INIT);
	report(&l, NULL, NULL, CHILD);
	report(&l, NULL, NULL, CHILD + 1);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_true(v->group_kill);
	assert_int_equal(v->kills, 3);
	assert_int_equal(v->n_victims, 3);
	assert_int_equal(v->init_killed, 1);
	assert_int_equal(v->n_tasks, 3);
	assert_string_equal(v->trigger_comm, "w");
	end(&l);
}

/* Between the counter's base and the listening, which come before and after the clone. */
static void v2_oom_before_listening_is_the_own_limits(void **state)
{
	(void)state;
	struct lab l;
	v2_case(&l, 7, 7, 3, 0); /* of another, from before */
	mr_oom_watch_close(&l.w);
	assert_int_equal(mr_oom_watch_prepare(&l.w, &l.cgroup, &l.err), 0);
	both_v2(&l, "/P/C", 8, 4);
	mr_oom_watch_listen(&l.w, true);
	mr_kmsg_close(&l.w.kmsg);
	const struct mr_verdict *v = take(&l, SIGKILL);
	assert_int_equal(v->kills, 1);
	assert_int_equal(v->scope, MR_SCOPE_CONTAINER);
	end(&l);
}

/* memory_localevents: the own file counts the own cgroup only. */
static void v2_local_events(void **state)
{
	(void)state;
	struct lab l;
	v2_case(&l, 1, 1, 1, 0);
	make(&l, "/P/C/in");
	both_v2(&l, "/P/C/in", 2, 2);
	assert_int_equal(take(&l, 0)->kills, 3);
	end(&l);
}

static void no_memory_controller(void **state)
{
	(void)state;
	struct mr_host host = {0};
	struct mr_cgroup cg;
	struct mr_oom_watch w;
	struct mr_verdict v;
	struct mr_verdict_input in = {.init_pid = INIT};
	struct mr_error err = {0};
	struct pollfd fds[MR_OOM_MAX_LEVELS + 2];
	uint64_t kills = 1;

	for (int i = 0; i < MR_CONTROLLERS; i++)
		host.owner[i] = -1;
	mr_cgroup_init(&cg);
	cg.host = &host;
	assert_int_equal(mr_oom_watch_prepare(&w, &cg, &err), 0);
	assert_int_equal(w.version, 0);
	assert_int_equal(mr_oom_watch_poll(&w, fds), 0);
	assert_int_equal(mr_oom_watch_step(&w, &kills, &err), 0);
	assert_int_equal(kills, 0);
	assert_int_equal(mr_verdict_take(&w, &in, &v, &err), 0);
	assert_false(v.known);
	assert_int_equal(v.version, 0);
	assert_string_equal(v.why, "no memory controller");
	mr_verdict_clear(&v);
	mr_oom_watch_close(&w);
}

/* --- words --- */

static void explanations(void **state)
{
	(void)state;
	struct lab l;
	auto_str text = {0};
	begin(&l, 1);
	put(&l, "/P/C/memory.memsw.limit_in_bytes", "67108864\n");
	put_v1(&l, "/P/C", 1);
	event(&l, 0, 1);
	report(&l, "/P/C", "/P/C", INIT);
	mr_verdict_explain(take(&l, SIGKILL), &text);
	assert_string_equal(mr_str_text(&text),
		"OOMKilled: yes. The kernel killed PID 1 (w, 63.5 MiB anonymous) because /P/C "
		"reached its own limit of 64 MiB (memory+swap). 1 kill. Evidence: counter, eventfd, "
		"kernel log #101.");
	end(&l);

	mr_str_clear(&text);
	begin(&l, 1);
	event(&l, 0, 1);
	event(&l, 1, 1);
	mr_verdict_explain(take(&l, 0), &text);
	assert_string_equal(mr_str_text(&text),
		"OOMKilled: no. The kernel's OOM killer killed no process of the container: the "
		"parent cgroup /P reached its limit of 64 MiB (memory), and somebody else died. "
		"Evidence: counter, eventfd.");
	end(&l);
}

static void flat_files(void **state)
{
	(void)state;
	static const char text[] = "oom 3\noom_kill 12\noom_group_kill 0\n";
	uint64_t v;
	assert_true(mr_counter_find(text, "oom_kill", &v));
	assert_int_equal(v, 12);
	assert_true(mr_counter_find(text, "oom", &v));
	assert_int_equal(v, 3);
	assert_false(mr_counter_find(text, "kill", &v));
	assert_false(mr_counter_find(text, "oom_kill_disable", &v));
	assert_false(mr_counter_find("oom_kill x\n", "oom_kill", &v));
	assert_false(mr_counter_find("", "oom", &v));
}

static void old_kernels_have_no_count(void **state)
{
	(void)state;
	struct lab l;
	begin(&l, 1);
	struct mr_oom_watch w;
	put(&l, "/P/C/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
	assert_int_equal(mr_oom_watch_prepare(&w, &l.cgroup, &l.err), -EOPNOTSUPP);
	assert_non_null(strstr(l.err.message, "4.13"));
	assert_int_equal(w.version, 0);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v1_nothing_happened),
		cmocka_unit_test(v1_own_limit),
		cmocka_unit_test(v1_equal_limits_are_memory_and_swap),
		cmocka_unit_test(v1_child_dies_init_lives),
		cmocka_unit_test(minimal_init_is_init_too),
		cmocka_unit_test(v1_baseline_is_subtracted),
		cmocka_unit_test(v1_ancestor),
		cmocka_unit_test(v1_ancestor_without_a_log),
		cmocka_unit_test(v1_bystander),
		cmocka_unit_test(v1_limit_hit_nobody_died),
		cmocka_unit_test(v1_host),
		cmocka_unit_test(v1_silence_is_probably_the_host),
		cmocka_unit_test(v1_mixed_is_said_or_told_apart),
		cmocka_unit_test(v1_contradiction_is_not_certain),
		cmocka_unit_test(v1_existing_sub_cgroups_count),
		cmocka_unit_test(v1_removed_sub_cgroup_is_unknown),
		cmocka_unit_test(v1_removed_sub_cgroup_without_a_kill),
		cmocka_unit_test(v1_counter_that_is_gone),
		cmocka_unit_test(v1_counter_that_is_gone_after_a_kill),
		cmocka_unit_test(v1_kill_without_an_event),
		cmocka_unit_test(v1_hanging_is_timed),
		cmocka_unit_test(v1_limit_is_that_of_the_moment),
		cmocka_unit_test(suppressed_kills_are_ours_if_they_add_up),
		cmocka_unit_test(suppressed_kills_of_others_are_not_ours),
		cmocka_unit_test(suppressed_kills_by_an_ancestor_stay_unnamed),
		cmocka_unit_test(late_line_is_waited_for),
		cmocka_unit_test(missing_line_costs_50_ms_at_most),
		cmocka_unit_test(foreign_view_does_not_believe_the_log),
		cmocka_unit_test(late_listener_does_not_take_silence_for_the_host),
		cmocka_unit_test(was_init_the_victim),
		cmocka_unit_test(all_victims_named_and_init_is_none),
		cmocka_unit_test(v2_ladder),
		cmocka_unit_test(v2_group_counts_its_first_victim_once),
		cmocka_unit_test(v2_oom_before_listening_is_the_own_limits),
		cmocka_unit_test(v2_local_events),
		cmocka_unit_test(no_memory_controller),
		cmocka_unit_test(explanations),
		cmocka_unit_test(flat_files),
		cmocka_unit_test(old_kernels_have_no_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
