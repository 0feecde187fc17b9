/* SPDX-License-Identifier: Apache-2.0 */
/* status*.c, template.c, summary.c: the record for users, its templates, its one line. */
#include "record/status.h"

#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (1024u * 1024u)
#define SET(v) ((struct mr_uint){.set = true, .value = (v)})

/* A container of 64 MiB that ran `/memlab anon 77M`. */
struct fixture {
	struct mr_spec spec;
	struct mr_spec_process process;
	struct mr_linux linux_;
	struct mr_resources resources;
	struct mr_memory memory;
	struct mr_cpu cpu;
	struct mr_capabilities caps;
	struct mr_cgroup_plan plan;
	struct mr_cgroup_limits limits;
	struct mr_cgroup_usage usage;
	struct mr_verdict verdict;
	struct mr_victim victim;
	struct mr_oom_task task;
	struct mr_record r;
	struct mr_error err;
	char *json;
	struct mr_json_doc doc;
};

static char *args[] = {"/memlab", "anon", "77M", NULL};
static char *env[] = {"PATH=/bin", "X=\"", NULL};
static char *bounding[] = {"CAP_CHOWN", "CAP_SYS_ADMIN", NULL};
static char *shm_options[] = {"nosuid", "size=65536k", NULL};
static char *bind_options[] = {"rbind", "ro", NULL};

static struct mr_list list_of(char **items)
{
	struct mr_list list = {.items = items, .set = true};
	while (items[list.n])
		list.n++;
	return list;
}

static void init_spec(struct fixture *f)
{
	static struct mr_spec_mount mounts[3];
	static struct mr_rlimit rlimits[2] = {
		{"RLIMIT_NOFILE", 1024, 4096}, {"RLIMIT_CORE", 0, UINT64_MAX}};
	static struct mr_pair notes[1] = {{"k", "v"}};

	mounts[0] = (struct mr_spec_mount){.destination = "/proc", .type = "proc"};
	mounts[1] = (struct mr_spec_mount){.destination = "/dev/shm",
		.type = "tmpfs",
		.options = list_of(shm_options)};
	mounts[2] = (struct mr_spec_mount){.destination = "/data",
		.source = "/src",
		.options = list_of(bind_options)};
	f->spec.process = &f->process;
	f->spec.linux_ = &f->linux_;
	f->linux_.resources = &f->resources;
	f->resources.memory = &f->memory;
	f->resources.cpu = &f->cpu;
	f->cpu.quota = (struct mr_int){.set = true, .value = 150000};
	f->memory.limit = (struct mr_int){.set = true, .value = 64 * MIB + 1};
	f->memory.swap = (struct mr_int){.set = true, .value = -1};
	f->process.args = list_of(args);
	f->process.env = list_of(env);
	f->process.cwd = "/";
	f->process.uid = 1000;
	f->process.gid = 1001;
	f->process.no_new_privileges = true;
	f->process.capabilities = &f->caps;
	f->caps.bounding = list_of(bounding);
	f->process.rlimits.items = rlimits;
	f->process.rlimits.n = 2;
	f->spec.mounts.items = mounts;
	f->spec.mounts.n = 3;
	f->spec.annotations.items = notes;
	f->spec.annotations.n = 1;
	f->spec.hostname = "lab";
}

static void init_record(struct fixture *f)
{
	struct mr_record *r = &f->r;
	memset(r->full_id, 'a', 64);
	r->id = "lab01";
	r->spec = &f->spec;
	r->created = (struct timespec){.tv_sec = 1795406043, .tv_nsec = 123456789};
	r->status = "created";
	r->wall_usec = -1;
	r->cgroup = &f->plan;
	r->limits = &f->limits;
	r->rootfs = "/lab/rootfs";
	r->runtime_version = "0.1.0";
	snprintf(f->plan.path, sizeof(f->plan.path), "/minirun/lab01");
	f->limits.memory = f->limits.effective_memory = SET(64 * MIB);
	snprintf(f->limits.effective_cgroup, sizeof(f->limits.effective_cgroup),
		"/minirun/lab01");
	f->limits.memory_version = 1;
}

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	init_spec(f);
	init_record(f);
}

static void ended(struct fixture *f, int wait_status)
{
	struct mr_record *r = &f->r;
	r->started = r->created;
	r->finished = r->created;
	r->finished.tv_sec += 1;
	r->status = "exited";
	r->has_exit = true;
	r->wait_status = wait_status;
	r->exit_code = wait_status & 0x7f ? 128 + (wait_status & 0x7f) : wait_status >> 8;
	r->wall_usec = 67000;
	r->has_rusage = true;
	r->rusage.ru_maxrss = 65532;
	r->rusage.ru_utime.tv_usec = 4000;
	r->usage = &f->usage;
	f->usage.memory_peak = SET(64 * MIB);
	f->usage.kernel_peak = SET(425984);
	r->peak_anon = SET(60 * MIB);
	r->verdict = &f->verdict;
	f->verdict.version = 1;
	f->verdict.known = f->verdict.certain = f->verdict.by_counter = true;
	f->verdict.by_ladder = true;
}

static void oom_killed(struct fixture *f)
{
	struct mr_oom_kill *k = &f->victim.kill;
	ended(f, SIGKILL);
	k->pid = 30545;
	snprintf(k->comm, sizeof(k->comm), "memlab");
	snprintf(k->oom_memcg, sizeof(k->oom_memcg), "/minirun/lab01");
	snprintf(k->task_memcg, sizeof(k->task_memcg), "/minirun/lab01");
	k->memcg = true;
	k->time_usec = -1;
	k->anon_rss = SET(66285568);
	k->total_vm = SET(81788928);
	k->oom_score_adj.set = true;
	f->victim.container_pid = 7;
	f->victim.is_init = true;
	f->task = (struct mr_oom_task){.pid = 30545,
		.comm = "memlab",
		.rss = SET(67104768),
		.pgtables = SET(172032),
		.swap = SET(0),
		.oom_score_adj = {.set = true}};
	f->verdict.kills = 1;
	f->verdict.init_killed = 1;
	f->verdict.events = 1;
	f->verdict.scope = MR_SCOPE_CONTAINER;
	snprintf(f->verdict.limit_cgroup, sizeof(f->verdict.limit_cgroup),
		"/minirun/lab01");
	f->verdict.limit = SET(64 * MIB);
	f->verdict.limit_kind = "memory";
	f->verdict.victims = &f->victim;
	f->verdict.n_victims = 1;
	f->verdict.tasks = &f->task;
	f->verdict.n_tasks = 1;
	f->verdict.source = "/dev/kmsg";
	f->verdict.by_kmsg = true;
}

/* MINIRUN_TEST_KEEP names a directory that the documents are kept in, for other checks.
 */
static void keep(const char *json)
{
	static int n;
	const char *dir = getenv("MINIRUN_TEST_KEEP");
	char path[300];
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%d.json", dir, n++);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(json, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static const struct mr_json *format(struct fixture *f)
{
	assert_int_equal(mr_status_format(&f->r, &f->json, &f->err), 0);
	keep(f->json);
	assert_int_equal(
		mr_json_parse("status", f->json, strlen(f->json), &f->doc, &f->err), 0);
	return f->doc.root;
}

static void clear(struct fixture *f)
{
	mr_json_clear(&f->doc);
	free(f->json);
	f->json = NULL;
	mr_strv_clear(&f->verdict.kernel_log);
}

static const struct mr_json *at(const struct mr_json *root, const char *path)
{
	const struct mr_json *node = mr_json_path(root, path);
	if (!node)
		fail_msg("%s is absent", path);
	return node;
}

/* The value at @path as compact JSON. */
static void expect(const struct mr_json *root, const char *path, const char *json)
{
	struct mr_json_writer w = {0};
	mr_json_put_node(&w, NULL, at(root, path));
	autofree char *text = mr_str_take(&w.out);
	if (strcmp(text, json) != 0)
		fail_msg("%s is %s, not %s", path, text, json);
}

static void expect_keys(const struct mr_json *root, const char *path, const char *keys)
{
	auto_str text = {0};
	const struct mr_json *obj = *path ? at(root, path) : root;
	for (const struct mr_json *m = obj->child; m; m = m->next)
		mr_str_appendf(&text, "%s%s", m == obj->child ? "" : " ", m->key);
	assert_string_equal(mr_str_text(&text), keys);
}

static void keys_stand_in_the_documented_order(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	oom_killed(&f);
	const struct mr_json *d = format(&f);
	expect_keys(d, "",
		"schemaVersion Id Name Created Path Args State Memory OOM Exit "
		"Timeline Warnings HostConfig Config");
	expect_keys(d, "State",
		"Status Running Paused Restarting OOMKilled Dead Pid ExitCode "
		"Error StartedAt FinishedAt");
	expect_keys(d, "Memory",
		"LimitBytes SwapLimitBytes RequestedLimitBytes "
		"RequestedSwapBytes EffectiveLimitBytes EffectiveLimitCgroup PeakBytes "
		"PeakAnonBytes PeakKernelBytes MaxRssBytes Failcnt SwapPeakBytes Stat Pressure "
		"CgroupVersion");
	expect_keys(d, "OOM",
		"Kills InitKilled GroupKill Events Scope LimitCgroup LimitBytes "
		"LimitKind Phase Hanging Trigger Victims VictimsWithoutDetail TotalPages Processes "
		"KernelLog Source Evidence Certain");
	expect_keys(d, "Exit",
		"Code Signal CoreDumped TimedOut UserUsec SystemUsec WallUsec");
	expect_keys(d, "HostConfig",
		"Memory MemoryReservation MemorySwap MemorySwappiness "
		"OomKillDisable OomScoreAdj PidsLimit NanoCpus ShmSize KernelMemory Ulimits "
		"CapAdd CapDrop CgroupParent Runtime ReadonlyRootfs SecurityOpt Binds AutoRemove");
	expect_keys(d, "Config",
		"Hostname User Tty OpenStdin Env Cmd Entrypoint Image "
		"WorkingDir Labels");
	assert_true(mr_has_prefix(f.json, "{\n    \"schemaVersion\": 1,\n"));
	assert_true(mr_has_suffix(f.json, "\n}\n"));
	clear(&f);
}

static void created(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	const struct mr_json *d = format(&f);
	expect(d, "Name", "\"/lab01\"");
	expect(d, "Created", "\"2026-11-23T03:54:03.123456789Z\"");
	expect(d, "Path", "\"/memlab\"");
	expect(d, "Args", "[\"anon\",\"77M\"]");
	expect(d, "State.Status", "\"created\"");
	expect(d, "State.Running", "false");
	expect(d, "State.OOMKilled", "false");
	expect(d, "State.ExitCode", "0");
	expect(d, "State.StartedAt", "\"0001-01-01T00:00:00Z\"");
	expect(d, "Memory.PeakBytes", "null");
	expect(d, "OOM.Kills", "0");
	expect(d, "Exit", "null");
	expect(d, "Timeline", "null");
	assert_null(mr_json_get(d, "Verdict"));
	clear(&f);
}

static void running_after_a_childs_kill(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	oom_killed(&f);
	f.r.status = "running";
	f.r.has_exit = false;
	f.r.pid = 4711;
	f.verdict.init_killed = 0;
	const struct mr_json *d = format(&f);
	expect(d, "State.Running", "true");
	expect(d, "State.OOMKilled", "true");
	expect(d, "State.Pid", "4711");
	expect(d, "State.ExitCode", "0");
	expect(d, "OOM.Kills", "1");
	expect(d, "OOM.InitKilled", "false");
	expect(d, "Exit", "null");
	clear(&f);
	f.r.status = "paused";
	d = format(&f);
	expect(d, "State.Running", "true");
	expect(d, "State.Paused", "true");
	clear(&f);
}

static void oom_kill_in_full(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	oom_killed(&f);
	f.verdict.trigger_pid = 30545;
	snprintf(f.verdict.trigger_comm, sizeof(f.verdict.trigger_comm), "memlab");
	mr_strv_add(&f.verdict.kernel_log, "oom-kill:constraint=CONSTRAINT_MEMCG");
	const struct mr_json *d = format(&f);
	expect(d, "State.OOMKilled", "true");
	expect(d, "State.ExitCode", "137");
	expect(d, "Exit.Code", "null");
	expect(d, "Exit.Signal", "\"SIGKILL\"");
	expect(d, "Exit.WallUsec", "67000");
	expect(d, "Exit.UserUsec", "4000");
	expect(d, "Memory.LimitBytes", "67108864");
	expect(d, "Memory.RequestedLimitBytes", "67108865");
	expect(d, "Memory.RequestedSwapBytes", "null");
	expect(d, "Memory.PeakBytes", "67108864");
	/* Sampled 60 MiB, but the kernel saw more at the kill. */
	expect(d, "Memory.PeakAnonBytes", "66285568");
	expect(d, "Memory.PeakKernelBytes", "425984");
	expect(d, "Memory.MaxRssBytes", "67104768");
	expect(d, "Memory.SwapPeakBytes", "null");
	expect(d, "Memory.Stat", "null");
	expect(d, "Memory.CgroupVersion", "1");
	expect(d, "OOM.InitKilled", "true");
	expect(d, "OOM.Scope", "\"container\"");
	expect(d, "OOM.LimitCgroup", "\"/minirun/lab01\"");
	expect(d, "OOM.LimitKind", "\"memory\"");
	expect(d, "OOM.Phase", "\"run\"");
	expect(d, "OOM.Trigger", "{\"HostPid\":30545,\"Comm\":\"memlab\"}");
	expect(d, "OOM.Victims",
		"[{\"Pid\":7,\"HostPid\":30545,\"Comm\":\"memlab\","
		"\"IsInit\":true,\"Exec\":null,\"Cgroup\":\"/minirun/lab01\",\"Time\":null,\"LogSequence\":null,"
		"\"TotalVmBytes\":81788928,\"AnonRssBytes\":66285568,\"FileRssBytes\":null,"
		"\"ShmemRssBytes\":null,\"PgtablesBytes\":null,\"OomScoreAdj\":0}]");
	expect(d, "OOM.Processes",
		"[{\"HostPid\":30545,\"Comm\":\"memlab\","
		"\"RssBytes\":67104768,\"PgtablesBytes\":172032,\"SwapBytes\":0,"
		"\"OomScoreAdj\":0,\"Points\":16425}]");
	expect(d, "OOM.KernelLog", "[\"oom-kill:constraint=CONSTRAINT_MEMCG\"]");
	expect(d, "OOM.Evidence", "[\"counter\",\"ladder\",\"kmsg\"]");
	expect(d, "OOM.Certain", "true");
	clear(&f);
}

static void points_need_the_limit_only_with_adj(void **state)
{
	(void)state;
	static const struct {
		int64_t adj;
		bool limit;
		const char *points;
	} cases[] = {{0, false, "16425"}, {500, true, "24425"}, {-500, true, "8425"},
		{500, false, "null"}, {-1000, true, "null"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		init(&f);
		oom_killed(&f);
		f.task.oom_score_adj.value = cases[i].adj;
		f.victim.kill.memory_limit = f.victim.kill.memsw_limit =
			(struct mr_uint){.set = cases[i].limit, .value = 64 << 20};
		const struct mr_json *d = format(&f);
		struct mr_json_writer w = {0};
		mr_json_put_node(
			&w, NULL, mr_json_get(at(d, "OOM.Processes")->child, "Points"));
		autofree char *text = mr_str_take(&w.out);
		assert_string_equal(text, cases[i].points);
		clear(&f);
	}
}

static void lost_evidence_is_null(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	ended(&f, SIGKILL);
	f.verdict.known = f.verdict.certain = f.verdict.by_counter = f.verdict.by_ladder =
		false;
	f.verdict.init_killed = -1;
	snprintf(f.verdict.why, sizeof(f.verdict.why), "the cgroup was removed");
	const struct mr_json *d = format(&f);
	expect(d, "State.OOMKilled", "null");
	expect(d, "OOM.Kills", "null");
	expect(d, "OOM.Why", "\"the cgroup was removed\"");
	expect(d, "OOM.InitKilled", "null");
	expect(d, "OOM.Evidence", "[]");
	expect(d, "OOM.Certain", "false");
	clear(&f);
}

static void no_memory_controller_no_word(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.limits = (struct mr_cgroup_limits){0};
	const struct mr_json *d = format(&f);
	assert_null(mr_json_path(d, "State.OOMKilled"));
	expect(d, "OOM", "null");
	expect(d, "Memory.CgroupVersion", "null");
	expect(d, "Memory.LimitBytes", "null");
	clear(&f);
	ended(&f, 0);
	f.verdict.version = 0;
	f.verdict.known = false;
	d = format(&f);
	assert_null(mr_json_path(d, "State.OOMKilled"));
	expect(d, "OOM", "null");
	clear(&f);
}

static void bystander_and_host(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	ended(&f, 0);
	f.verdict.bystander = true;
	f.verdict.scope = MR_SCOPE_ANCESTOR;
	snprintf(f.verdict.limit_cgroup, sizeof(f.verdict.limit_cgroup), "/minirun");
	const struct mr_json *d = format(&f);
	expect(d, "State.OOMKilled", "false");
	expect(d, "OOM.Note", "\"bystander\"");
	expect(d, "OOM.Scope", "\"ancestor\"");
	expect(d, "OOM.Phase", "null");
	expect(d, "Exit.Code", "0");
	expect(d, "Exit.Signal", "null");
	clear(&f);
	init(&f);
	oom_killed(&f);
	f.verdict.scope = MR_SCOPE_HOST;
	f.verdict.limit_cgroup[0] = '\0';
	f.verdict.limit.set = false;
	f.verdict.limit_kind = NULL;
	d = format(&f);
	expect(d, "OOM.Scope", "\"host\"");
	expect(d, "OOM.LimitCgroup", "null");
	clear(&f);
}

static void failed_start(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.r.error = "program '/x': missing";
	f.r.exit_code = 127;
	f.r.ours = true;
	const struct mr_json *d = format(&f);
	expect(d, "State.ExitCode", "127");
	expect(d, "State.Error", "\"program '/x': missing\"");
	expect(d, "Exit.Code", "null");
	expect(d, "Exit.Signal", "null");
	expect(d, "Exit.WallUsec", "null");
	clear(&f);
}

static void usage_in_detail(void **state)
{
	(void)state;
	static struct mr_stat_entry stat[] = {{"cache", 0}, {"total_cache", 2 * MIB}};
	struct fixture f;
	init(&f);
	ended(&f, 1 << 8);
	f.usage.stat = stat;
	f.usage.n_stat = 2;
	f.usage.failcnt = SET(87);
	f.usage.memsw_failcnt = SET(3);
	f.usage.psi_some_usec = SET(2100);
	f.usage.psi_full_usec = SET(1900);
	f.usage.cpu_user_usec = SET(11);
	f.usage.cpu_system_usec = SET(22);
	f.usage.swap_peak = SET(5);
	const struct mr_json *d = format(&f);
	expect(d, "Memory.Stat", "{\"cache\":0,\"total_cache\":2097152}");
	expect(d, "Memory.Pressure", "{\"SomeTotalUsec\":2100,\"FullTotalUsec\":1900}");
	expect(d, "Memory.Failcnt", "87");
	expect(d, "Memory.SwapPeakBytes", "5");
	expect(d, "Exit.Code", "1");
	expect(d, "Exit.UserUsec", "11");
	expect(d, "Exit.SystemUsec", "22");
	clear(&f);
	f.limits.memory_swap =
		SET(64 * MIB); /* then memory+swap is the one that refuses */
	d = format(&f);
	expect(d, "Memory.Failcnt", "3");
	expect(d, "Memory.SwapLimitBytes", "67108864");
	clear(&f);
}

static void docker_keys(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	const struct mr_json *d = format(&f);
	expect(d, "HostConfig.Memory", "67108865");
	expect(d, "HostConfig.MemorySwap", "-1");
	expect(d, "HostConfig.MemorySwappiness", "null");
	expect(d, "HostConfig.OomKillDisable", "false");
	expect(d, "HostConfig.PidsLimit", "null");
	expect(d, "HostConfig.NanoCpus", "1500000000");
	expect(d, "HostConfig.ShmSize", "67108864");
	expect(d, "HostConfig.Ulimits",
		"[{\"Name\":\"nofile\",\"Hard\":4096,\"Soft\":1024},"
		"{\"Name\":\"core\",\"Hard\":-1,\"Soft\":0}]");
	expect(d, "HostConfig.CapAdd", "[\"SYS_ADMIN\"]");
	assert_int_equal(at(d, "HostConfig.CapDrop")->n, 13);
	expect(d, "HostConfig.CgroupParent", "\"/minirun\"");
	expect(d, "HostConfig.SecurityOpt",
		"[\"no-new-privileges\",\"seccomp=unconfined\"]");
	expect(d, "HostConfig.Binds", "[\"/src:/data:ro\"]");
	expect(d, "Config.User", "\"1000:1001\"");
	expect(d, "Config.Env", "[\"PATH=/bin\",\"X=\\\"\"]");
	expect(d, "Config.Cmd", "[\"/memlab\",\"anon\",\"77M\"]");
	expect(d, "Config.Labels", "{\"k\":\"v\"}");
	expect(d, "Config.Hostname", "\"lab\"");
	clear(&f);
	f.limits.memory_version = 2;
	expect(format(&f), "HostConfig.OomKillDisable", "null");
	clear(&f);
}

static void hostile_comm_stays_json(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	oom_killed(&f);
	snprintf(f.victim.kill.comm, sizeof(f.victim.kill.comm), "\"},\n\xff\x01");
	const struct mr_json *d = format(&f);
	assert_string_equal(mr_json_text(at(d, "OOM.Victims")->child, "Comm", NULL),
		"\"},\n\xef\xbf\xbd\x01");
	clear(&f);
}

/* --- templates --- */

static const char document[] = "{\"Id\":\"x\",\"State\":{\"OOMKilled\":true,\"Pid\":0,"
			       "\"Error\":\"\"},\"OOM\":null,\"Args\":[\"a\",1]}";

static void templates(void **state)
{
	(void)state;
	static const struct {
		const char *format, *result;
	} cases[] = {
		{"", ""},
		{"plain } text { }}", "plain } text { }}"},
		{"{{.State.OOMKilled}}", "true"},
		{"{{ .Id }}/{{.State.Pid}}", "x/0"},
		{"{{json .State}}", "{\"OOMKilled\":true,\"Pid\":0,\"Error\":\"\"}"},
		{"{{json  .Id }}", "\"x\""},
		{"{{.Args}}", "[\"a\",1]"},
		{"{{.OOM}}", "<no value>"},
		{"{{.OOM.Kills}}", "<no value>"},
		{"{{json .OOM}}", "null"},
		{"a{{.State.Error}}b", "ab"},
		{"{{json .}}", document},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_error err = {0};
		autofree char *text = NULL;
		assert_int_equal(
			mr_status_template("x", document, cases[i].format, &text, &err),
			0);
		assert_string_equal(text, cases[i].result);
	}
}

static void templates_refuse_the_rest(void **state)
{
	(void)state;
	static const struct {
		const char *format;
		int result;
	} cases[] = {
		{"{{.State.OomKilled}}", -ENOKEY},
		{"{{.Nothing}}", -ENOKEY},
		{"{{.Id.Deeper}}", -ENOKEY},
		{"{{range .Args}}", -EINVAL},
		{"{{.Args | len}}", -EINVAL},
		{"{{index .Args 0}}", -EINVAL},
		{"{{.State..Pid}}", -EINVAL},
		{"{{json}}", -EINVAL},
		{"{{.}}", -EINVAL},
		{"{{}}", -EINVAL},
		{"{{.Id", -EINVAL},
		{"{{Id}}", -EINVAL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_error err = {0};
		char *text = NULL;
		assert_int_equal(
			mr_status_template("x", document, cases[i].format, &text, &err),
			cases[i].result);
		assert_int_equal(err.exit_code, 1);
		assert_null(text);
		if (cases[i].result == -EINVAL)
			assert_non_null(strstr(err.hint, "{{json"));
	}
}

static void whole_document_is_indented(void **state)
{
	(void)state;
	struct mr_error err = {0};
	autofree char *text = NULL;
	assert_int_equal(mr_status_template("x", "{\"a\":[1]}", NULL, &text, &err), 0);
	assert_string_equal(text, "{\n    \"a\": [\n        1\n    ]\n}");
	char *none = NULL;
	assert_true(mr_status_template("x", "[1]", NULL, &none, &err) < 0);
	assert_true(mr_status_template("x", "{\"a\":", NULL, &none, &err) < 0);
}

/* --- summary --- */

static void expect_summary(struct fixture *f, const char *expected)
{
	auto_str text = {0};
	mr_status_summary(&f->r, &text);
	assert_string_equal(mr_str_text(&text), expected);
}

static void summaries(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	oom_killed(&f);
	expect_summary(&f, "OOM-killed memlab (pid 7) after 67 ms: 64 MiB of 64 MiB "
			   "(anon 63.2, kernel 0.4 MiB)");
	f.victim.is_init = false;
	f.victim.container_pid = 0;
	f.verdict.init_killed = 0;
	f.r.wait_status = 0;
	f.verdict.kills = 3;
	expect_summary(&f,
		"OOM-killed 3 processes, among them memlab (host pid 30545) after "
		"67 ms: 64 MiB of 64 MiB (anon 63.2, kernel 0.4 MiB); exited 0");

	init(&f);
	ended(&f, 0);
	f.usage.memory_peak = SET(1258291);
	expect_summary(&f, "exited 0 after 67 ms, peak 1.2 MiB of 64 MiB");
	f.limits.memory.set = false;
	expect_summary(&f, "exited 0 after 67 ms, peak 1.2 MiB");
	f.r.wait_status = SIGKILL;
	f.r.usage = NULL;
	expect_summary(&f, "killed by SIGKILL (not by the OOM killer) after 67 ms");
	f.r.timed_out = true;
	expect_summary(
		&f, "killed by SIGKILL (not by the OOM killer) after 67 ms, timed out");
	f.r.timed_out = false;
	f.verdict.known = false;
	expect_summary(
		&f, "killed by SIGKILL (by the OOM killer or not: unknown) after 67 ms");
	f.r.wait_status = SIGSEGV;
	f.r.wall_usec = 12340000;
	expect_summary(&f, "killed by SIGSEGV after 12.3 s");

	init(&f);
	f.r.error = "no rootfs";
	expect_summary(&f, "did not run: no rootfs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_stand_in_the_documented_order),
		cmocka_unit_test(created),
		cmocka_unit_test(running_after_a_childs_kill),
		cmocka_unit_test(oom_kill_in_full),
		cmocka_unit_test(points_need_the_limit_only_with_adj),
		cmocka_unit_test(lost_evidence_is_null),
		cmocka_unit_test(no_memory_controller_no_word),
		cmocka_unit_test(bystander_and_host),
		cmocka_unit_test(failed_start),
		cmocka_unit_test(usage_in_detail),
		cmocka_unit_test(docker_keys),
		cmocka_unit_test(hostile_comm_stays_json),
		cmocka_unit_test(templates),
		cmocka_unit_test(templates_refuse_the_rest),
		cmocka_unit_test(whole_document_is_indented),
		cmocka_unit_test(summaries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
