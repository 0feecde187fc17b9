/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_STATUS_H
#define MR_RECORD_STATUS_H

#include "cgroup/cgroup.h"
#include "oom/shape.h"
#include "oom/verdict.h"
#include "spec/spec.h"

#include <sys/resource.h>
#include <time.h>

/** All that the record tells, at whatever point of the life it is written. */
struct mr_record {
	char full_id[65]; /* 64 hex digits */
	const char *id;   /* the name, without '/' */
	const struct mr_spec *spec;
	struct timespec created, started, finished; /* tv_sec 0: has not happened */
	const char *status; /* created, running, paused, exited, dead */
	pid_t pid;          /* host pid of init while running, else 0 */
	bool has_exit;
	int wait_status; /* of the program */
	int exit_code;   /* 128+n for signals; 125-127 when never started */
	bool ours;       /* the exit code is minirun's (124-127): Exit.Code is null */
	bool timed_out;
	const char *error; /* "" unless the start failed */
	int64_t wall_usec; /* -1 unknown */
	bool has_rusage;
	struct rusage rusage;                  /* of init */
	const struct mr_cgroup_plan *cgroup;   /* may be NULL */
	const struct mr_cgroup_limits *limits; /* may be NULL: unknown */
	const struct mr_cgroup_usage *usage;
	const struct mr_verdict *verdict;                 /* NULL: not taken so far */
	struct mr_uint peak_anon, peak_kernel, peak_swap; /* largest seen, bytes */
	const char *timeline;         /* the file of --timeline, or NULL */
	const struct mr_shape *shape; /* NULL: no kill, or no timeline to judge by */
	pid_t *execs; /* host pids of exec's processes, malloc()ed, or NULL */
	size_t n_execs;
	bool execs_lost; /* which there were is not known */
	const struct mr_strv *warnings;
	const char *output_loss; /* one more of them; NULL: no output was lost */
	const char *history; /* of runs before, see history.h; NULL: none */
	bool auto_remove, tty, open_stdin;
	bool command_mode; /* then the capabilities asked for, as written: NULL-terminated or NULL */
	const char *const *cap_add, *const *cap_drop;
	const char *rootfs, *runtime_version;
};

/** The docker-inspect-shaped document as indented JSON with a final newline; malloc()ed.
 */
int mr_status_format(const struct mr_record *r, char **ret_json, struct mr_error *err);

/**
 * Apply docker's template to a record's text: literal text, {{.A.B}}, {{json .X}};
 * anything else is refused naming these forms. Null prints "<no value>"; an unknown key
 * fails.
 * {{json .}} is the whole record. Objects and arrays print as compact JSON.
 * @param format NULL: the whole document, re-indented
 * @param ret    without a newline at the end; malloc()ed
 * @return -ENOKEY: unknown key (exit code 1)
 */
int mr_status_template(const char *name, const char *json, const char *format, char **ret,
	struct mr_error *err);

struct mr_json;
/** A file may be any JSON: is it a record, or an array of one as inspect prints it? Then @root
 * becomes the record. @return 0, or an error that names @name */
int mr_status_check(const char *name, const struct mr_json **root, struct mr_error *err);
/** The verdict that a record holds; @ret to be cleared. Whatever is missing is unknown. */
int mr_status_read_verdict(
	const struct mr_json *record, struct mr_verdict *ret, struct mr_error *err);

/** The record explained: one sentence, then its evidence, the kernel's report of the @last
 * newest kills, or all as JSON. @param out empty; replaced */
int mr_status_explain(const char *name, const char *json, bool as_json, size_t last,
	struct mr_str *out, struct mr_error *err);

/** One line: "OOM-killed memlab (pid 7) after 67 ms: 64.0 MiB of 64 MiB (anon 63.1,
 * ...)". */
void mr_status_summary(const struct mr_record *r, struct mr_str *out);

#endif
