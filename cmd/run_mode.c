/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of its three forms a `minirun run` is.
 *
 * Engines always pass --bundle, so that decides first. Words behind "--" are a program.
 * `spec.json` is also a legal container id; of a single word the file system decides.
 * With options that only command mode has, a first word that is no JSON file is a
 * program.
 */
#include "run.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever asserts something wants an answer: 10 minutes, none otherwise. */
#define TIMEOUT_DEFAULT (-1)
#define TIMEOUT_EXPECT_MS INT64_C(600000)

void run_args_init(struct run_args *a)
{
	*a = (struct run_args){.init = -1,
		.run.timeout_ms = TIMEOUT_DEFAULT,
		.run.stop_timeout_ms = 10000};
}

void run_args_clear(struct run_args *a)
{
	option_list_clear(&a->expect);
	option_list_clear(&a->env);
	option_list_clear(&a->volumes);
	option_list_clear(&a->ulimits);
	option_list_clear(&a->cap_add);
	option_list_clear(&a->cap_drop);
	option_list_clear(&a->cgroup_conf);
	free(a->spec_text);
	a->spec_text = NULL;
}

bool run_is_oci(int argc, char **argv)
{
	static const char *const names[] = {"b", "bundle", "f", "config"};

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *word = argv[i] + strspn(argv[i], "-");
		size_t len = strcspn(word, "=");
		for (size_t k = 0; word != argv[i] && k < sizeof(names) / sizeof(*names);
			k++) {
			if (strlen(names[k]) == len && !strncmp(word, names[k], len))
				return true;
		}
	}
	return false;
}

static bool is_json_name(const char *path)
{
	size_t n = strlen(path);
	return n >= 5 && !strcmp(path + n - 5, ".json");
}

static int refuse_docker(
	const struct option *row, enum run_mode mode, struct mr_error *err)
{
	int r = fail(err, EINVAL, "option --%s belongs to command mode, not to a %s",
		row->name, mode == RUN_SPEC ? "spec file" : "bundle");
	snprintf(err->hint, sizeof(err->hint),
		"set %s in the file, or: minirun run --%s%s%s -- PROGRAM", row->field,
		row->name, row->value ? " " : "", row->value ? row->value : "");
	return r;
}

/* One word, no bundle: the file system decides. */
static int choose_by_file(const char *word, enum run_mode *ret, struct mr_error *err)
{
	struct stat st;

	if (stat(word, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			int r = fail(err, EINVAL, "'%s' is no spec file but a directory",
				word);
			snprintf(err->hint, sizeof(err->hint),
				"for a bundle: minirun run --bundle %s ID", word);
			return r;
		}
		if (!S_ISREG(st.st_mode) && strchr(word, '/'))
			return fail(err, EINVAL, "spec file '%s' is no regular file", word);
		*ret = S_ISREG(st.st_mode) ? RUN_SPEC : RUN_OCI;
		return 0;
	}
	if (errno == ENOENT && is_json_name(word)) {
		int r = fail(err, ENOENT, "there is no file '%s'", word);
		snprintf(err->hint, sizeof(err->hint),
			"give the path of a spec; to write one here: minirun spec");
		return r;
	}
	if (strchr(word, '/') || is_json_name(word))
		return fail(err, errno, "spec file '%s' cannot be used (%s)", word,
			mr_errno_name(errno));
	*ret = RUN_OCI;
	return 0;
}

static int no_arguments(struct mr_error *err)
{
	int r = fail(err, EINVAL, "run needs a spec file, a program behind --, or an id");
	snprintf(err->hint, sizeof(err->hint),
		"minirun run SPEC.json, or: minirun run -m 64m -- PROGRAM ARG...");
	return r;
}

static int too_many(const struct arguments *args, struct mr_error *err)
{
	int r = fail(err, EINVAL, "run: '%s' is one argument too many", args->items[1]);
	snprintf(err->hint, sizeof(err->hint),
		"options stand before the spec file; a program stands behind --");
	return r;
}

static int check_expect(
	const struct run_args *a, enum run_mode mode, struct mr_error *err)
{
	if (a->expect.n == 0)
		return 0;
	if (a->run.detach)
		return fail(err, EINVAL,
			"option --expect waits for the end, --detach does not");
	if (mode == RUN_OCI) {
		int r = fail(err, EINVAL,
			"option --expect: a bundle is run as engines do, "
			"with their exit statuses");
		snprintf(err->hint, sizeof(err->hint),
			"run its config.json as a spec file: "
			"minirun run --expect %s DIR/config.json",
			a->expect.items[0]);
		return r;
	}
	return expect_check(&a->expect, err);
}

/* An engine's container is the engine's: it deletes it, and nobody waits here. */
static int check_detached_bundle(const struct run_args *a, struct mr_error *err)
{
	const char *name = a->run.remove ? "--rm" : a->run.timeline_path ? "--timeline" : NULL;

	if (!name)
		return 0;
	int r = fail(err, EINVAL, "option %s with -d: nobody waits for the end of a bundle's "
				  "container, which stays until it is deleted", name);
	snprintf(err->hint, sizeof(err->hint),
		"leave out -d, or run its config.json as a spec file: minirun run -d %s%s "
		"DIR/config.json", name, a->run.remove ? "" : " FILE");
	return r;
}

/* What docker's users write as -dit: there is no `attach` to come back with. */
static int check_detach(
	const struct run_args *a, enum run_mode mode, struct mr_error *err)
{
	int r = 0;

	if (!a->run.detach)
		return 0;
	if (mode == RUN_OCI)
		return check_detached_bundle(a, err);
	if (a->run.interactive) {
		r = fail(err, EINVAL, "option -i with -d: nobody could write to its standard "
				      "input later, it is /dev/null");
		snprintf(err->hint, sizeof(err->hint),
			"leave one of them out, or let the program read a file: sh -c "
			"'PROGRAM <FILE'");
	} else if (mode == RUN_COMMAND && a->command.tty && !a->run.console_socket) {
		r = fail(err, EINVAL, "option -t with -d needs --console-socket: somebody "
				      "must take the terminal");
		snprintf(err->hint, sizeof(err->hint),
			"leave out -t: minirun logs shows what a detached container writes");
	}
	return r;
}

int run_choose_mode(const struct run_args *a, const struct arguments *args,
	enum run_mode *ret, struct mr_error *err)
{
	const struct option *docker = args->seen[GROUP_DOCKER];
	bool bundle = args->seen[GROUP_BUNDLE];
	int r = 0;

	if (args->n == 0)
		return no_arguments(err);
	*ret = RUN_OCI;
	if (!bundle && (args->dashes || (docker && !is_json_name(args->items[0]))))
		*ret = RUN_COMMAND;
	else if (args->n > 1)
		return too_many(args, err);
	else if (!bundle)
		r = choose_by_file(args->items[0], ret, err);
	if (r < 0)
		return r;
	if (docker && *ret != RUN_COMMAND)
		return refuse_docker(docker, *ret, err);
	if (a->print_spec && *ret != RUN_COMMAND)
		return fail(err, EINVAL, "option --print-spec belongs to command mode");
	r = check_detach(a, *ret, err);
	return r < 0 ? r : check_expect(a, *ret, err);
}

/* "python3-4f0c1a": what runs, and something that no other run has. */
static void make_id(const char *program, char *ret, size_t size)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;
	unsigned char random[3] = {0};
	size_t n = 0;

	for (; *base && n < 40; base++) {
		if (isalnum((unsigned char)*base) || (n > 0 && strchr("_.+-", *base)))
			ret[n++] = *base;
	}
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
		memcpy(random, &(pid_t){getpid()}, sizeof(random));
	snprintf(ret + n, size - n, "%s%02x%02x%02x", n ? "-" : "run-", random[0],
		random[1], random[2]);
}

static int prepare_command(
	struct run_args *a, const struct arguments *args, struct mr_error *err)
{
	struct mr_command *c = &a->command;

	c->args = args->items;
	c->env = a->env.items;
	c->volumes = a->volumes.items;
	c->ulimits = a->ulimits.items;
	c->cap_add = a->cap_add.items;
	c->cap_drop = a->cap_drop.items;
	c->cgroup_conf = a->cgroup_conf.items;
	int r = mr_command_to_spec(c, &a->spec_text, err);
	if (r < 0)
		return r;
	a->run.command = c;
	a->run.spec_text = a->spec_text;
	a->run.spec_name = "command line";
	if (!a->name) {
		make_id(args->items[0], a->generated_id, sizeof(a->generated_id));
		a->run.id = a->generated_id;
	}
	return 0;
}

static int take_log_size(struct run_args *a, struct mr_error *err)
{
	if (!a->log_size || (mr_size_value(a->log_size, &a->run.log_max) == 0 &&
				    a->run.log_max >= MR_LOG_SIZE_MIN))
		return 0;
	return fail(err, EINVAL, "option --log-size: expected a size of 128k or more, found '%s'",
		a->log_size);
}

int run_prepare(struct run_args *a, const struct arguments *args, enum run_mode mode,
	struct mr_error *err)
{
	if (a->run.remove && a->run.keep)
		return fail(err, EINVAL,
			"options --rm and --keep: `minirun delete` could not find the cgroup again");
	a->run.id = a->name;
	a->run.stand_alone = mode != RUN_OCI;
	/* One line of a terminal, which is nobody else's meanwhile. */
	a->run.progress = a->run.progress && !a->run.detach && isatty(STDERR_FILENO);
	a->run.want_record = a->expect.n > 0 || a->summary; /* with all figures */
	if (a->run.timeout_ms == TIMEOUT_DEFAULT)
		a->run.timeout_ms = a->expect.n > 0 ? TIMEOUT_EXPECT_MS : 0;
	a->run.init = a->init < 0 ? mode == RUN_COMMAND : a->init > 0;
	int r = take_log_size(a, err);
	if (r < 0)
		return r;
	if (mode == RUN_COMMAND)
		return prepare_command(a, args, err);
	if (mode == RUN_SPEC) {
		a->run.spec_path = args->items[0];
		return 0;
	}
	if (a->name)
		return fail(err, EINVAL, "option --name: the id '%s' is already given",
			args->items[0]);
	a->run.id = args->items[0];
	if (a->run.bundle || a->run.config)
		a->run.bundle = a->run.bundle ? a->run.bundle : ".";
	else if (access("config.json", F_OK) == 0)
		a->run.bundle = ".";
	else
		return fail(err, EINVAL,
			"'%s' is no file, and as an id it needs a bundle: "
			"there is no config.json here",
			args->items[0]);
	return 0;
}
