/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MINIRUN_H
#define MINIRUN_H

/*
 * The public face of the runtime: what commands, companions and other programs may use.
 * ISO C and <sys/types.h> only.
 *
 * Every function returns 0 (or a documented non-negative result) on success and a negative
 * errno value on failure, with the details in *err. Nothing here prints or exits.
 * Sizes are bytes, times milliseconds unless said otherwise. Texts that a function hands
 * out are malloc()ed and the caller's to free().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MR_SPEC_VERSION "1.3.0" /* OCI runtime-spec */

/** What a stand-alone run exits with when the program could not say it; as docker. */
enum mr_exit_code {
	MR_EXIT_TIMEOUT = 124,
	MR_EXIT_FAILURE = 125,
	MR_EXIT_NOT_EXECUTABLE = 126,
	MR_EXIT_NOT_FOUND = 127,
};

/** The one error value: fixed size, owned by the caller, never allocated. */
struct mr_error {
	int err;            /* errno value, 0 while nothing failed */
	int exit_code;      /* one of enum mr_exit_code; 0 means MR_EXIT_FAILURE */
	char step[32];      /* the step of a launch that failed, or "" */
	char message[1024]; /* one line, names operation, path or field, value */
	char hint[320];     /* the cure, where it is known, or "" */
};

/** "ENOENT", or "unknown error": no words that an engine takes for a missing command. */
const char *mr_errno_name(int errnum);

/** "0.1.0" */
const char *mr_version(void);

/* --- messages while something runs --- */

enum mr_message_kind {
	MR_MESSAGE_WARNING, /* something asked for is not done as asked */
	MR_MESSAGE_TRACE,   /* --trace: a step with its values and duration */
	MR_MESSAGE_NOTE,    /* news of the container: an OOM kill, hanging */
	MR_MESSAGE_PROGRESS, /* progress: replaces the one before; "" takes it away */
};
typedef void (*mr_message_fn)(void *arg, enum mr_message_kind kind, const char *text);

/* --- run --- */

struct mr_command;

#define MR_LOG_SIZE_MIN (128 << 10) /* half of it holds the longest line */

struct mr_run_options {
	const char *root; /* state directory of all containers; NULL: mr_default_root() */
	const char *id;   /* NULL: from the spec's file name */
	/* One of: a spec file; a bundle (config.json inside, unless config is given); a text. */
	const char *spec_path;
	const char *bundle, *config;
	const char *spec_text, *spec_name; /* name shown in errors */

	bool stand_alone;  /* exit codes, defaults and --rm as docker; else as an OCI runtime */
	/* spec_text came from mr_command_to_spec(), of this command: the record tells of it what
	 * the spec does not. NULL: not so */
	const struct mr_command *command;
	bool init;         /* run a minimal init as pid 1 */
	bool detach;       /* return once the program runs; a monitor stays */
	bool create;       /* mr_create(): set everything up, wait for mr_container_start() */
	bool remove;       /* forget the record at the end */
	bool keep;         /* leave the cgroup (--keep) */
	bool keep_record;  /* the record outlives mr_delete() */
	bool no_cgroup;    /* none at all: then no limits, and OOMKilled is not known */
	bool systemd;      /* in a scope of systemd; cgroupsPath is slice:prefix:name */
	bool systemd_properties; /* apply annotations org.systemd.property.* to it */
	bool no_pivot, no_new_keyring, interactive;
	bool trace;
	bool progress;           /* ten times a second what the memory does, as a message */
	int64_t log_max; /* bytes that a detached container's output may take, at least
			    MR_LOG_SIZE_MIN; 0: 16 MiB */
	bool want_record;        /* hand the final record out, unless detached */
	int64_t timeout_ms;      /* 0: none */
	int64_t stop_timeout_ms; /* between SIGTERM and SIGKILL at the timeout */
	int preserve_fds;        /* descriptors 3 .. 3+n-1 are passed on */
	const char *status_path; /* copy of the final record; "-": stdout */
	const char *timeline_path;    /* JSON lines of what the memory did; NULL: none */
	int64_t timeline_interval_ms; /* between two samples; 0: 5 */
	const char *pid_file, *console_socket, *pidfd_socket;
	const char *cgroup_parent; /* for a relative or absent cgroupsPath; NULL: /minirun */
	const char *host_root; /* mr_plan_text() only: plan for the machine whose proc/ and sys/
				  lie below this directory; NULL: this one */
	mr_message_fn message;
	void *message_arg;
};

struct mr_result {
	int exit_code;      /* the program's, 128+n, or 124 */
	bool timed_out;
	int oom_killed;     /* 1 yes, 0 no, -1 unknown */
	char id[256];
	char summary[512];  /* one line on how it ended, "" when detached; with `remove`, an
			     * end without a kill has its figures only with want_record */
	char *record;       /* want_record: the status document; malloc()ed */
	char shape[320];    /* leak or limit, with the reason; "" without kill or timeline */
};

/** "/run/minirun", or "$XDG_RUNTIME_DIR/minirun" for an ordinary user. Static storage. */
const char *mr_default_root(void);

/**
 * Launch a container, wait for its end (unless detached), take the verdict, write the
 * record and clean up.
 */
int mr_run(const struct mr_run_options *options, struct mr_result *ret, struct mr_error *err);

/**
 * As an OCI runtime's `create`: when it returns, the container waits for
 * mr_container_start(), as a child of whoever adopts the caller's orphans. A small process of
 * its own watches it to its end, takes the verdict and writes the record; cgroup and
 * record stay until mr_delete(). (runtime-spec, "Lifecycle")
 */
int mr_create(const struct mr_run_options *options, struct mr_error *err);

/** What mr_run() would do, every step with its values; does nothing. */
int mr_plan_text(const struct mr_run_options *options, char **ret_text, struct mr_error *err);

/**
 * If the running program's own file could be reached from a container (it is on a writable
 * mount), execute it again from a detached read-only bind of itself, or from a sealed copy in
 * memory (kernel < 5.12 or no privilege). Call it first in main() of a program that
 * launches containers; returns only if nothing had to be done. (CVE-2019-5736)
 */
int mr_protect_own_binary(char *const argv[], struct mr_error *err);

/* --- command mode --- */

/** docker's flags as the user wrote them; NULL or 0 where a flag was not given. */
struct mr_command {
	char *const *args; /* program and arguments, NULL-terminated */
	const char *memory, *memory_swap, *memory_reservation, *memory_swappiness;
	/* "true", "false"; for cgroup v2 also "error", "warn", "emulate" */
	const char *oom_kill_disable;
	const char *oom_score_adj, *pids_limit, *cpus, *cpuset_cpus, *shm_size;
	const char *user, *workdir, *hostname, *network, *rootfs;
	bool read_only, tty;
	const char *const *env; /* each list NULL-terminated, or NULL */
	const char *const *volumes, *const *ulimits, *const *cap_add, *const *cap_drop;
	const char *const *cgroup_conf; /* KEY=VALUE for linux.resources.unified */
};

/** The equivalent config.json, pretty-printed: what --print-spec prints and what runs. */
int mr_command_to_spec(const struct mr_command *command, char **ret_json, struct mr_error *err);

/** The config.json that `minirun spec` prints, with the default seccomp profile. */
int mr_spec_template(bool rootless, char **ret_json, struct mr_error *err);

/* --- containers that exist --- */

/** The short form of a record, for lists. */
struct mr_status {
	char id[256];     /* the name that verbs take */
	char status[16];  /* creating, created, running, paused, exited, dead, broken */
	pid_t pid;        /* 0 when not running */
	int exit_code;    /* -1 unless ended */
	int oom_killed;   /* 1, 0, -1 unknown */
	int64_t created_ns, started_ns, finished_ns; /* CLOCK_REALTIME; 0: has not happened */
	char command[128];
	char bundle[512];
	char owner[64]; /* name, or "#1000" where the host has none; "": not known */
};

/** All containers below @root, sorted by id; a damaged record appears as "broken". */
int mr_list(const char *root, struct mr_status **ret, size_t *ret_n, struct mr_error *err);

/** A container by id (ids are checked here, in every verb). */
struct mr_container;
int mr_container_open(const char *root, const char *id, struct mr_container **ret,
	struct mr_error *err);
void mr_container_close(struct mr_container *c);

int mr_container_status(struct mr_container *c, struct mr_status *ret, struct mr_error *err);
/** Execute the program of a created container, then run the poststart hooks; when one of
 * those fails the container is killed (runtime-spec 1.3). */
int mr_container_start(struct mr_container *c, struct mr_error *err);
struct mr_exec_options {
	const char *root, *id;
	const char *process; /* file with the OCI process object; NULL: the container's own
				process with the changes below */
	char *const *args;   /* program and arguments, NULL-terminated */
	const char *user;    /* UID[:GID], numbers */
	const char *cwd, *apparmor, *process_label;
	/* NULL-terminated, or NULL: */
	const char *const *env, *const *capabilities, *const *additional_gids;
	const char *const *cgroups; /* [CONTROLLER:]PATH below the container's cgroup */
	bool tty, no_new_privs, detach, ignore_paused, trace;
	const char *pid_file, *console_socket, *pidfd_socket;
	int preserve_fds;
	mr_message_fn message;
	void *message_arg;
};

/**
 * Run a further process in a running container, with everything that `run` does for its
 * first one, and wait for its end, unless detached.
 *
 * @param ret_exit_code the program's, or 128+n
 */
int mr_exec(const struct mr_exec_options *options, int *ret_exit_code, struct mr_error *err);

/** Signal init, or with @all every process. -ESRCH: container not running. */
int mr_container_kill(struct mr_container *c, int sig, bool all, struct mr_error *err);
int mr_container_pause(struct mr_container *c, struct mr_error *err);
int mr_container_resume(struct mr_container *c, struct mr_error *err);
/** SIGTERM, then SIGKILL after @timeout_ms; returns when the container has ended. */
int mr_container_stop(struct mr_container *c, int64_t timeout_ms, struct mr_error *err);

/** What update changes, as the user wrote it; NULL where it was not given. */
struct mr_update {
	/* A LinuxResources document and its name in errors; then nothing else is valid. */
	const char *resources, *resources_name;
	const char *memory, *memory_swap, *memory_reservation; /* docker's sizes, or -1 */
	const char *kernel_memory, *kernel_memory_tcp;
	const char *cpus, *cpu_shares, *cpu_quota, *cpu_period, *cpu_burst, *cpu_idle;
	const char *cpu_rt_runtime, *cpu_rt_period, *cpuset_cpus, *cpuset_mems;
	const char *pids_limit, *blkio_weight;
	/* Schemata of linux.intelRdt; then nothing else is valid. */
	const char *l3_cache_schema, *mem_bw_schema;
};
/**
 * Change limits while it runs. All or nothing: what was written is taken back when a later
 * part fails, except limits of single devices. A memory limit that is not reached by
 * reclaiming is -EBUSY, on cgroup v2 too, where the kernel would kill instead. Access to
 * devices is never touched. The record shows what the kernel took.
 * @param message warnings go there; may be NULL
 */
int mr_container_update(struct mr_container *c, const struct mr_update *update,
	mr_message_fn message, void *arg, struct mr_error *err);

/** One JSON object, without a newline. @return negative: stop, with that result */
typedef int (*mr_line_fn)(void *arg, const char *json);
struct mr_events {
	int64_t interval_ms; /* of lines of type "stats"; 0: none */
	bool docker;         /* the shape of `docker events`, no stats; else runc's */
	mr_line_fn line;
	void *arg;
};
/** News until the container ends: each OOM kill exactly once, those before the call too. */
int mr_container_events(struct mr_container *c, const struct mr_events *options,
	struct mr_error *err);
/** One line of type "stats" in runc's schema. */
int mr_container_stats_json(struct mr_container *c, char **ret, struct mr_error *err);

/** Block until it has ended. */
int mr_container_wait(struct mr_container *c, int *ret_exit_code, struct mr_error *err);
/** Host pids of all its processes. */
int mr_container_pids(struct mr_container *c, pid_t **ret, size_t *ret_n, struct mr_error *err);
/** Path of the log of a detached container; what came before is in the same with ".1". */
int mr_container_log_path(struct mr_container *c, char **ret, struct mr_error *err);
/** Who would be killed next, in order, by the smallest limit on the way up, with the points of
 * each. -ESRCH: not running. See minirun-score(1). */
int mr_container_score(struct mr_container *c, bool json, char **ret, struct mr_error *err);
/** The OCI state document. */
int mr_container_state_json(struct mr_container *c, char **ret, struct mr_error *err);

/**
 * Remove what is left of a container: processes (@force), cgroups, mounts, record. Works
 * from the intent record when the rest is damaged. With @keep_record, or if it was
 * launched so, mr_inspect() still finds its record afterwards.
 * @param message warnings of poststop hooks go there; may be NULL
 * @return 0 only when nothing remains; -ENOENT: no such container
 */
int mr_delete(const char *root, const char *id, bool force, bool keep_record,
	mr_message_fn message, void *arg, struct mr_error *err);
/** Remove the record that was kept of a deleted container. -ENOENT: none is kept */
int mr_forget(const char *root, const char *id, struct mr_error *err);
/** As mr_list(), of the kept records; only their ids are filled in. */
int mr_list_kept(const char *root, struct mr_status **ret, size_t *ret_n, struct mr_error *err);

/**
 * docker's inspect. @name an id, or the path of a status file. Without @format the record
 * as an indented object (the caller prints the array around it); with one, the
 * template's result: literal text, {{.A.B}}, {{json .X}}.
 */
int mr_inspect(const char *root, const char *name, const char *format, char **ret,
	struct mr_error *err);

/** How an assertion stands to a record. */
struct mr_expectation {
	int held;         /* 1, 0; -1: the record does not know, which is no "yes" */
	char actual[160]; /* what the record says, or "unknown (why)" */
};
/**
 * Hold "oomkilled", "exit=0", "peak<60M" ... against a record; the words are in
 * minirun-run(1).
 * @param record the text of a status document; NULL: only check @expr, @ret is not touched
 * @return -EINVAL: @expr is none, or @record is no JSON
 */
int mr_expect(const char *expr, const char *record, struct mr_expectation *ret,
	struct mr_error *err);

/**
 * Why was it killed, or not? One sentence, then what it stands on. @name: an id, a status
 * file, a kernel log in any of the usual formats, "-": stdin; NULL: this host's kernel log.
 * @last so many of the newest kills are told in full. See minirun-explain(1).
 */
int mr_explain(const char *root, const char *name, bool json, int last, char **ret,
	struct mr_error *err);

/** Turn a log line of a detached container into its text. @return 1 stdout, 2 stderr */
int mr_log_line(const char *line, size_t len, char **ret_text, size_t *ret_len);

/** "KILL", "SIGKILL", "9", "RTMIN+3", "RTMAX-1" to a number. -EINVAL for anything else. */
int mr_signal_number(const char *text);
/** Which known word a mistyped one was meant to be: set `word`, try each, read `nearest`. */
struct mr_typo {
	const char *word, *nearest; /* nearest: NULL while none is near; the first of equals */
	size_t distance;
};
void mr_typo_try(struct mr_typo *t, const char *known);
/** docker's sizes and durations, for commands. */
int mr_size_value(const char *text, int64_t *ret_bytes);
int mr_duration_value(const char *text, int64_t *ret_ms);

/* --- programs beside this one --- */

/** The path of minirun-NAME, in @ret. @return 0, -ENOENT, or -EINVAL: that is no name */
int mr_companion_find(const char *name, char *ret, size_t size);
/** The path of the running program. @return 0 or -errno */
int mr_own_path(char *ret, size_t size);

/* --- the host --- */

/** The OCI features document (runtime-spec, "Features Structure"): what this program can do;
 * of the host only the seccomp flags. */
int mr_features_json(char **ret, struct mr_error *err);

/** What this host can do, with the cure for each lack. @ret_ok a limited run is possible */
int mr_check_text(bool json, char **ret, bool *ret_ok, struct mr_error *err);

#endif
