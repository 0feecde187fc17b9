/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RECORD_STATE_H
#define MR_RECORD_STATE_H

#include "base/errors.h"
#include "cgroup/resctrl.h"
#include "base/str.h"
#include "spec/host.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The directory of one container below the state root (0700, ours, otherwise refused):
 *
 *   intent.json   written and synced before the first cgroup is made, never changed: enough
 *                 to clean up alone (id, boot id, cgroup path, hierarchies)
 *   state.json    what verbs need: pid, its identity, bundle, monitor ...; replaced
 *                 atomically
 *   update.json   what `update` has changed
 *   config.json   the spec, when it was no file
 *   refused       memory limits that `update` could not set: when (monotonic), how many bytes
 *   execs         host pids of the processes that `exec` has started, a line each
 *   status.json   the record for users (status.h)
 *   log.json      output of a detached container
 *   log.json.1    what came before it, when it had grown large
 *   start         socket of a created container, on which it waits for `start`
 *   .NAME.PID.N   a write of NAME that was cut off; goes with the directory
 *
 * The directory itself is the lock, flock(2): held while somebody changes the container.
 *
 * intent.json and state.json start with a format version and end with a checksum, see
 * document.h. status.json belongs to users and is the documented text, nothing else.
 */

struct mr_state {
	char root[512];
	char id[256];
	int dir;  /* the container's directory */
	int lock; /* held lock, or -1 */
};
/** May @id be a container's? 0, or an error that says what is wrong with it. */
int mr_check_id(const char *id, struct mr_error *err);
void mr_state_init(struct mr_state *s);
void mr_state_close(struct mr_state *s);

/** Known before anything is made. */
struct mr_intent {
	char boot_id[40];
	char cgroup_path[1024];
	char mount_points[MR_MAX_HIERARCHIES][128]; /* hierarchies that get a directory */
	int n_mount_points;
	/* systemd's driver: cgroup_path is below a scope, of the user's manager or the system's */
	bool scope, user_scope;
	struct mr_resctrl resctrl; /* its group, also one that others share */
};

/** Identity of a process that survives pid reuse. */
struct mr_process_id {
	pid_t pid;
	uint64_t pidfs_inode; /* unique per boot since kernel 6.9; 0: unknown */
	uint64_t start_ticks; /* without it: field 22 of /proc/PID/stat; 0: unknown */
};
/** Fill from a live pidfd. */
int mr_process_id_read(
	int pidfd, pid_t pid, struct mr_process_id *ret, struct mr_error *err);
/** A pidfd of exactly that process, or -ESRCH: also if only a bare pid is known, and also
 * after its end, unless it is an unreaped zombie. The boot must be the same: compare boot
 * ids. */
int mr_process_id_open(const struct mr_process_id *id);

/** What verbs need about a container. */
struct mr_live {
	char status[16];           /* creating, created, running, paused, exited */
	struct mr_process_id init; /* pid 0: none */
	pid_t program; /* the same, or the child of a minimal init; 0: not known */
	struct mr_process_id monitor;
	char *bundle, *rootfs; /* malloc()ed */
	char *config; /* the spec's file; "": config.json of this directory; malloc()ed */
	char oci_version[32];
	char created[40], started[40]; /* "" while it has not happened */
	int64_t started_mono_ns; /* of a created container: CLOCK_MONOTONIC of `start`; 0: none */
	char *annotations_json; /* object text or NULL; malloc()ed */
	char *hooks_json; /* a spec of the poststart and poststop hooks, or NULL; malloc()ed */
	bool terminal;
	bool pid_namespace; /* has its own: killing init kills all */
	bool engine;        /* made by `create`: somebody else's child, kept until `delete` */
	bool keep_record;   /* `delete` keeps the record for users */
	int exit_code;      /* -1: not known */
	int exit_signal;    /* 0: none */
	bool oom_emulated;  /* v2: a disabled OOM killer is emulated */
	uint64_t oom_base;  /* what the cgroup's count of OOM kills was at the start */
};
void mr_live_clear(struct mr_live *l);

/** Check or make the state root. @return directory descriptor */
int mr_state_root_open(const char *root, bool create, struct mr_error *err);
/** Make the directory of a new container and take its lock. -EEXIST: there is one, be it
 * ended or not: whoever wants it to give way opens, checks and removes it first. */
int mr_state_create(
	const char *root, const char *id, struct mr_state *ret, struct mr_error *err);
/** Open an existing one, without the lock. -ENOENT: "container does not exist"; -EINVAL:
 * no id at all. */
int mr_state_open(
	const char *root, const char *id, struct mr_state *ret, struct mr_error *err);
/** Take the lock; waits at most @timeout_ms. Fine if we hold it. -EAGAIN: somebody else
 * does; -ENOENT: the container was removed meanwhile. */
int mr_state_lock(struct mr_state *s, int timeout_ms, struct mr_error *err);
void mr_state_unlock(struct mr_state *s);

/** Watch the container's counters: until the descriptor is closed, who removes its cgroups
 * waits (shared flock(2) on intent.json). @return descriptor or -errno */
int mr_state_watch(const struct mr_state *s, struct mr_error *err);
/** Does somebody watch? Then state.json has to tell the end. */
bool mr_state_is_watched(const struct mr_state *s);
/** Wait for those who watch to have read the last, at most half a second. */
void mr_state_await_watchers(const struct mr_state *s);

int mr_state_write_intent(
	struct mr_state *s, const struct mr_intent *in, struct mr_error *err);
int mr_state_read_intent(
	const struct mr_state *s, struct mr_intent *ret, struct mr_error *err);
int mr_state_write_live(
	struct mr_state *s, const struct mr_live *l, struct mr_error *err);
/** -ENOENT: none was written so far. -EBADMSG: damaged (checksum), or of a newer version;
 * the message tells which. */
int mr_state_read_live(
	const struct mr_state *s, struct mr_live *ret, struct mr_error *err);
/** What `update` was asked for since the start; unset: as the spec has it. */
struct mr_updated {
	struct mr_int memory, memory_swap, memory_reservation; /* bytes, -1: unlimited */
	struct mr_int pids_limit, nano_cpus;
};
/** @u is added to what was asked for before, and then is the sum of it. */
int mr_state_add_updated(struct mr_state *s, struct mr_updated *u, struct mr_error *err);
/** -ENOENT: nothing was updated. */
int mr_state_read_updated(
	const struct mr_state *s, struct mr_updated *ret, struct mr_error *err);

/** A memory limit below what could not be reclaimed. */
struct mr_refused {
	int64_t mono_ns; /* CLOCK_MONOTONIC */
	uint64_t bytes;
};
/** For the timeline; the oldest are dropped when there are thousands. */
int mr_state_add_refused(const struct mr_state *s, const struct mr_refused *r);
/** At most @room, oldest first. @return how many, or -errno */
ssize_t mr_state_read_refused(
	const struct mr_state *s, struct mr_refused *ret, size_t room);

/** Note a process of `exec`; the oldest notes are dropped when there are thousands. */
int mr_state_add_exec(int dir, pid_t pid);
/** @param ret_pids malloc()ed, NULL when there are none. @return how many, or -errno */
ssize_t mr_state_read_execs(const struct mr_state *s, pid_t **ret_pids);

/** Keep the spec of a container for which there is no file. */
int mr_state_write_config(struct mr_state *s, const char *text, struct mr_error *err);
/** The record for users: text of status.json. @last: it tells of the end, and is on the
 * disk before the evidence goes */
int mr_state_write_status(
	struct mr_state *s, const char *json, bool last, struct mr_error *err);
int mr_state_read_status(const struct mr_state *s, char **ret_json, struct mr_error *err);

/** Remove the whole directory (known names and temporary files only, never recursing);
 * call it with the lock. The intent goes last, so that a removal that was cut off can be
 * repeated. -ENOTEMPTY: there is something that is not ours, and the message names it. */
int mr_state_remove(struct mr_state *s, struct mr_error *err);
/** Whose container it is: a name of the host, or "#1000" where it has none. 0 or -errno */
int mr_state_read_owner(const struct mr_state *s, char ret[static 64]);
/** Ids below @root, sorted. A missing root is an empty list. */
int mr_state_list(const char *root, struct mr_strv *ret, struct mr_error *err);
/** /proc/sys/kernel/random/boot_id */
int mr_boot_id(char ret[static 40], struct mr_error *err);

#endif
