/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contest - who takes part, with which command line, and how it is found out what each of
 * them really does.
 *
 * Every contestant is a row of a table with a function that writes its command line. The
 * OCI runtimes, minirun among them, get the same spec.json, with two additions: the rootfs
 * as an absolute path, and an absolute cgroupsPath, since their own choice is a place below the
 * caller's cgroup. `minirun` has none: it is the launch of a user, who gets what the spec asks
 * for, as in floor; `minirun-oci` is the same as an engine has it, in every hierarchy.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

/* ---- command lines ---- */

void arguments_add(struct arguments *arguments, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL || arguments->count + 1 >= BENCH_ARGUMENTS)
		bench_die("a command line is too long");
	arguments->values[arguments->count++] = copy;
	arguments->values[arguments->count] = NULL;
}

void arguments_clear(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		free(arguments->values[i]);
	*arguments = (struct arguments){0};
}

/* The list ends with NULL. */
static void add(struct arguments *arguments, ...)
{
	va_list list;
	const char *value;

	va_start(list, arguments);
	while ((value = va_arg(list, const char *)) != NULL)
		arguments_add(arguments, value);
	va_end(list);
}

static void command_spawn(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char path[BENCH_PATH];

	(void)self;
	(void)id;
	snprintf(path, sizeof(path), "%s%s", world->rootfs, program);
	arguments_add(arguments, path);
}

static void command_floor(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	(void)id;
	add(arguments, self->path, world->rootfs, program, "67108864", NULL);
}

static void command_minirun(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char root[BENCH_PATH], spec[BENCH_PATH];

	snprintf(root, sizeof(root), "%s/%s", world->state, self->name);
	world_spec_path(world, self, program, spec);
	/* As the peers' run does it: when it is over, nothing is left. */
	add(arguments, self->path, "run", "--rm", "--root", root, "--name", id, spec, NULL);
}

static void command_oci(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char root[BENCH_PATH], bundle[BENCH_PATH];

	snprintf(root, sizeof(root), "%s/%s", world->state, self->name);
	world_spec_path(world, self, program, bundle);
	*strrchr(bundle, '/') = '\0';
	add(arguments, self->path, "--root", root, "run", "-b", bundle, id, NULL);
}

static void command_steps(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char steps[BENCH_PATH], root[BENCH_PATH], bundle[BENCH_PATH];

	snprintf(steps, sizeof(steps), "%s/steps", world->here);
	snprintf(root, sizeof(root), "%s/%s", world->state, self->name);
	world_spec_path(world, self, program, bundle);
	*strrchr(bundle, '/') = '\0';
	add(arguments, steps, self->path, root, bundle, id, NULL);
}

/* What all verbs but those that make a container begin with. */
static void add_verb(const struct contestant *self, const struct world *world,
	const char *verb, struct arguments *arguments)
{
	char root[BENCH_PATH];

	snprintf(root, sizeof(root), "%s/%s", world->state, self->name);
	add(arguments, self->path, "--root", root, verb, NULL);
}

static void command_exec(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	(void)id;
	add_verb(self, world, "exec", arguments);
	add(arguments, "resident", program, NULL);
}

static void command_bwrap(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	(void)id;
	add(arguments, self->path, "--unshare-pid", "--unshare-ipc", "--unshare-uts",
		"--unshare-net", "--hostname", "bench", "--bind", world->rootfs, "/",
		"--proc", "/proc", "--dev", "/dev", program, NULL);
}

static void command_unshare(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char root[BENCH_PATH];

	(void)id;
	snprintf(root, sizeof(root), "--root=%s", world->rootfs);
	add(arguments, self->path, "--pid", "--fork", "--ipc", "--uts", "--net",
		"--mount", root, "--mount-proc", program, NULL);
}

static void command_systemd_run(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char root[BENCH_PATH], unit[BENCH_PATH];

	snprintf(root, sizeof(root), "RootDirectory=%s", world->rootfs);
	snprintf(unit, sizeof(unit), "--unit=%s", id);
	add(arguments, self->path, "--quiet", "--wait", "--pipe", "--collect", unit, "-p",
		root, "-p", "MountAPIVFS=yes", "-p", "PrivateDevices=yes", "-p",
		"PrivateNetwork=yes", "-p", "PrivateIPC=yes", "-p", "ProtectHostname=yes",
		"-p", "MemoryMax=64M", program, NULL);
}

static void command_podman(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	char store[BENCH_PATH], run[BENCH_PATH], runtime[BENCH_PATH];
	char parent[80] = "/";

	snprintf(store, sizeof(store), "%s/podman", world->directory);
	snprintf(run, sizeof(run), "%s/podman", world->state);
	world_cgroup_name("podman", parent + 1);
	if (!world_find_tool(world, self->runtime, runtime))
		snprintf(runtime, sizeof(runtime), "%s", self->runtime);
	add(arguments, self->path, "--root", store, "--runroot", run, "--storage-driver",
		"vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
		"--runtime", runtime, "run", "--rm", "--name", id, "--network", "none",
		"--hostname", "bench", "--memory", "64m", "--cgroups", "no-conmon",
		"--cgroup-parent", parent, NULL);
	/* Without CAP_SYS_RESOURCE the raised limits that are its default fail. */
	add(arguments, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--rootfs", world->rootfs, program, NULL);
}

static void command_docker(const struct contestant *self, const struct world *world,
	const char *id, const char *program, struct arguments *arguments)
{
	add(arguments, self->path, "run", "--rm", "--name", id, "--network", "none",
		"--hostname", "bench", "--memory", "64m", NULL);
	if (self->runtime != NULL)
		add(arguments, "--runtime", self->runtime, NULL);
	add(arguments, world->docker_image, program, NULL);
}

/* ---- the field ---- */

static const struct contestant field[] = {
	{.name = "spawn", .command = command_spawn, .partial = "no container at all"},
	{.name = "floor", .command = command_floor, .tool = "floor", .can_wait = true},
	{.name = "minirun",
		.command = command_minirun,
		.tool = "minirun",
		.can_wait = true},
	{.name = "minirun-oci",
		.command = command_oci,
		.tool = "minirun",
		.partial = "at a cgroupsPath: in every hierarchy"},
	{.name = "crun", .command = command_oci, .tool = "crun", .can_wait = true},
	{.name = "runc", .command = command_oci, .tool = "runc", .can_wait = true},
	{.name = "minirun-steps",
		.command = command_steps,
		.tool = "minirun",
		.partial = "create, start, delete"},
	{.name = "crun-steps",
		.command = command_steps,
		.tool = "crun",
		.partial = "create, start, delete"},
	{.name = "runc-steps",
		.command = command_steps,
		.tool = "runc",
		.partial = "create, start, delete"},
	{.name = "minirun-exec",
		.command = command_exec,
		.tool = "minirun",
		.partial = "in a container that runs",
		.resident = true},
	{.name = "crun-exec",
		.command = command_exec,
		.tool = "crun",
		.partial = "in a container that runs",
		.resident = true},
	{.name = "runc-exec",
		.command = command_exec,
		.tool = "runc",
		.partial = "in a container that runs",
		.resident = true},
	{.name = "bwrap",
		.command = command_bwrap,
		.tool = "bwrap",
		.partial = "no limit",
		.can_wait = true},
	{.name = "unshare",
		.command = command_unshare,
		.tool = "unshare",
		.partial = "no limit, no /dev, no lo",
		.can_wait = true},
	{.name = "systemd-run",
		.command = command_systemd_run,
		.tool = "systemd-run",
		.partial = "no pid namespace"},
	{.name = "podman/crun",
		.command = command_podman,
		.tool = "podman",
		.runtime = "crun"},
	{.name = "podman/runc",
		.command = command_podman,
		.tool = "podman",
		.runtime = "runc"},
	{.name = "podman/minirun",
		.command = command_podman,
		.tool = "podman",
		.runtime = "minirun"},
	{.name = "docker", .command = command_docker, .tool = "docker"},
	{.name = "docker/crun",
		.command = command_docker,
		.tool = "docker",
		.runtime = "crun"},
	{.name = "docker/minirun",
		.command = command_docker,
		.tool = "docker",
		.runtime = "minirun"},
};

bool contestant_runs(const struct contestant *contestant)
{
	return contestant->reason[0] == '\0';
}

void contestant_disqualify(struct contestant *contestant, const char *reason)
{
	contestant->disqualified = true;
	snprintf(contestant->reason, sizeof(contestant->reason), "%s", reason);
}

struct contestant *contest_find(struct contest *contest, const char *name)
{
	for (size_t i = 0; i < contest->count; i++) {
		if (strcmp(contest->all[i].name, name) == 0)
			return &contest->all[i];
	}
	return NULL;
}

/* is_listed - whether the comma-separated list has the name. NULL lists everybody. */
static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (list == NULL)
		return true;
	for (const char *at = list; (at = strstr(at, name)) != NULL; at++) {
		if ((at == list || at[-1] == ',') &&
			(at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return false;
}

/* absent - why the contestant cannot take part; empty when it can. */
static void find_absence(struct contestant *contestant, const struct world *world)
{
	char runtime[BENCH_PATH];
	char *reason = contestant->reason;

	if (contestant->tool == NULL)
		return;
	if (!world_find_tool(world, contestant->tool, contestant->path))
		snprintf(reason, BENCH_REASON, "no %s here", contestant->tool);
	else if (strcmp(contestant->tool, "systemd-run") == 0 &&
		 access("/run/systemd/system", F_OK) < 0)
		snprintf(reason, BENCH_REASON, "systemd is not running");
	else if (strcmp(contestant->tool, "podman") == 0 &&
		 !world_find_tool(world, contestant->runtime, runtime))
		snprintf(reason, BENCH_REASON, "no %s here", contestant->runtime);
	else if (strcmp(contestant->tool, "docker") == 0 &&
		 world->docker_image[0] == '\0')
		snprintf(reason, BENCH_REASON, "no docker daemon answers");
}

void contest_create(struct contest *contest, const struct world *world, const char *only)
{
	contest->count = 0;
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		struct contestant *contestant = &contest->all[contest->count];
		bool engine = strncmp(field[i].name, "podman", 6) == 0 ||
			      strncmp(field[i].name, "docker", 6) == 0;

		if ((engine && !world->engines) || !is_listed(only, field[i].name))
			continue;
		*contestant = field[i];
		contest->count++;
		find_absence(contestant, world);
		if (contestant_runs(contestant))
			world_write_specs(world, contestant);
	}
}

/* The container that exec goes to. */
static bool make_resident(const struct contestant *contestant, const struct world *world,
	char reason[BENCH_REASON])
{
	struct arguments create = {0}, start = {0};
	char bundle[BENCH_PATH];
	struct launch launch;

	world_spec_path(world, contestant, "/idle", bundle);
	*strrchr(bundle, '/') = '\0';
	add_verb(contestant, world, "create", &create);
	add(&create, "-b", bundle, "resident", NULL);
	add_verb(contestant, world, "start", &start);
	add(&start, "resident", NULL);
	bool good = measure_launch(create.values, &launch, reason) &&
		    measure_launch(start.values, &launch, reason);
	arguments_clear(&create);
	arguments_clear(&start);
	return good;
}

static void delete_resident(const struct contestant *contestant, const struct world *world)
{
	struct arguments arguments = {0};
	char reason[BENCH_REASON];
	struct launch launch;

	add_verb(contestant, world, "delete", &arguments);
	add(&arguments, "--force", "resident", NULL);
	if (!measure_launch(arguments.values, &launch, reason))
		fprintf(stderr, "bench: delete the container of %s: %s\n", contestant->name,
			reason);
	arguments_clear(&arguments);
}

void contest_remove(struct contest *contest, const struct world *world)
{
	for (size_t i = 0; i < contest->count; i++) {
		if (contest->all[i].resident && contest->all[i].path[0] != '\0')
			delete_resident(&contest->all[i], world);
		series_clear(&contest->all[i].hot);
		series_clear(&contest->all[i].paused);
	}
}

/* ---- qualification ---- */

/* add_word - to a comma-separated list. */
static void add_word(char list[BENCH_REASON], const char *word)
{
	if (list[0] != '\0')
		strncat(list, ", ", BENCH_REASON - strlen(list) - 1);
	strncat(list, word, BENCH_REASON - strlen(list) - 1);
}

/* read_check - what the probe's output shows to be missing. */
static void read_check(const char *text, char missing[BENCH_REASON])
{
	char line[256];

	missing[0] = '\0';
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		char name[16], id[64], path[64], own[64];
		ssize_t size;

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		text += length + (text[length] == '\n');
		if (strncmp(line, "no ", 3) == 0)
			add_word(missing, line + 3);
		if (sscanf(line, "ns %15s %63s", name, id) != 2)
			continue;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
		size = readlink(path, own, sizeof(own) - 1);
		own[size < 0 ? 0 : size] = '\0';
		if (strcmp(own, id) == 0) {
			snprintf(line, sizeof(line), "%s namespace: the host's", name);
			add_word(missing, line);
		}
	}
}

void contestant_qualify(struct contestant *contestant, const struct world *world)
{
	char reason[BENCH_REASON] = "", missing[BENCH_REASON];
	struct arguments arguments = {0};
	struct launch launch;
	bool good;

	contestant->command(contestant, world, "qualify", "/true", &arguments);
	good = (!contestant->resident || make_resident(contestant, world, reason)) &&
	       measure_launch(arguments.values, &launch, reason);
	arguments_clear(&arguments);
	if (!good) {
		contestant_disqualify(contestant, reason);
		return;
	}
	if (contestant->partial != NULL)
		return;
	contestant->command(contestant, world, "check", "/check", &arguments);
	good = measure_launch(arguments.values, &launch, reason);
	arguments_clear(&arguments);
	if (!good) {
		contestant_disqualify(contestant, reason);
		return;
	}
	read_check(measure_log_text(), missing);
	if (strstr(measure_log_text(), "ns pid ") == NULL)
		add_word(missing, "no word from the container");
	if (missing[0] == '\0')
		return;
	snprintf(reason, sizeof(reason), "left out: %.200s", missing);
	contestant_disqualify(contestant, reason);
}
