/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp - filter the system calls of the container.
 *
 * The kernel idea: a loaded filter stays for good, over fork and execve. Loading needs
 * no_new_privs or CAP_SYS_ADMIN; filters that are already there still apply, and the
 * strictest answer wins. With the action NOTIFY the call stops until a supervisor that
 * holds the listener descriptor has answered.
 *
 * Order constraints: whatever the child still does after loading must be allowed by the
 * profile, so it is loaded as late as possible. Without no_new_privs that is before the
 * capabilities are dropped, with it after everything, directly before execve.
 *
 * Manual pages: seccomp(2), seccomp_unotify(2).
 */
#include "sandbox/seccomp.h"

#include "base/io.h"
#include "base/json.h"
#include "sandbox/seccomp_cache.h"
#include "sandbox/seccomp_compile.h"
#include "sandbox/socket.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH /* kernel 5.7 */
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* kernel 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct {
	const char *name;
	unsigned flag;
} flag_names[] = {
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};
#define N_FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))

const char *mr_seccomp_flag_name(size_t i, bool *ret_supported)
{
	if (i >= N_FLAGS)
		return NULL;
	unsigned flags = flag_names[i].flag;
	if (flags == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER; /* it needs one */
	/* Flags are looked at before the program: EINVAL or EFAULT, and nothing is loaded. */
	*ret_supported = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 &&
			 errno == EFAULT;
	return flag_names[i].name;
}

static int plan_flags(const struct mr_seccomp *profile, struct mr_seccomp_plan *plan,
	struct mr_strv *warnings, struct mr_error *err)
{
	/* As engines expect when no flags are given at all: without it every program pays
	 * for the speculative-store mitigation (kernels before 5.16). */
	if (!profile->flags.set)
		plan->flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	for (size_t i = 0; i < profile->flags.n; i++) {
		size_t k = 0;
		while (k < N_FLAGS &&
			!mr_streq(flag_names[k].name, profile->flags.items[i]))
			k++;
		if (k == N_FLAGS)
			return mr_fail_text(err, EINVAL,
				"linux.seccomp.flags[%zu]: unknown flag '%s'", i,
				profile->flags.items[i]);
		plan->flags |= flag_names[k].flag;
	}
	if (!plan->notify && (plan->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)) {
		plan->flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		if (warnings != NULL &&
			mr_strv_add(warnings,
				"linux.seccomp.flags: "
				"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is left out: no "
				"system call has the action SCMP_ACT_NOTIFY") < 0)
			return mr_fail(err, ENOMEM, "linux.seccomp.flags: warning");
	}
	if (plan->notify) {
		plan->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		/* Both return a positive number; the kernel wants to know which is meant.
		 */
		if (plan->flags & SECCOMP_FILTER_FLAG_TSYNC)
			plan->flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	}
	return 0;
}

static int plan_listener(const struct mr_seccomp *profile, struct mr_seccomp_plan *plan,
	struct mr_error *err)
{
	for (size_t i = 0; i < profile->syscalls.n; i++) {
		if (mr_streq(profile->syscalls.items[i].action, "SCMP_ACT_NOTIFY"))
			plan->notify = true;
	}
	if (plan->notify && profile->listener_path == NULL)
		return mr_fail_text(err, EINVAL,
			"linux.seccomp.listenerPath: required, since a rule has the "
			"action SCMP_ACT_NOTIFY");
	if (profile->listener_metadata != NULL && profile->listener_path == NULL)
		return mr_fail_text(err, EINVAL,
			"linux.seccomp.listenerMetadata: needs "
			"linux.seccomp.listenerPath");
	plan->listener_path = profile->listener_path;
	plan->listener_metadata = profile->listener_metadata;
	return 0;
}

static int find_filter(const struct mr_seccomp *profile, const char *cache_dir,
	struct mr_seccomp_plan *plan, struct mr_error *err)
{
	auto_str key = {0};
	autoclose int dir = cache_dir != NULL ? mr_seccomp_cache_open(cache_dir) : -1;

	if (dir >= 0) {
		mr_seccomp_key(profile, &key);
		if (!mr_str_ok(&key))
			return mr_fail(err, ENOMEM, "linux.seccomp: cache key");
		plan->from_cache =
			mr_seccomp_cache_load(dir, &key, &plan->filter, &plan->n) == 0;
		if (plan->from_cache)
			return 0;
	}
	int r = mr_seccomp_compile(profile, &plan->filter, &plan->n, err);
	/* A program that could not be kept is compiled again next time: no harm is done.
	 */
	if (r == 0 && dir >= 0)
		(void)mr_seccomp_cache_store(dir, &key, plan->filter, plan->n);
	return r;
}

int mr_seccomp_plan(const struct mr_spec *spec, const char *cache_dir,
	struct mr_seccomp_plan *ret, struct mr_strv *warnings, struct mr_error *err)
{
	const struct mr_seccomp *profile = spec->linux_->seccomp;

	memset(ret, 0, sizeof(*ret));
	if (profile == NULL)
		return 0;
	int r = plan_listener(profile, ret, err);
	if (r == 0)
		r = plan_flags(profile, ret, warnings, err);
	if (r == 0)
		r = find_filter(profile, cache_dir, ret, err);
	if (r < 0) {
		mr_seccomp_clear(ret);
		return r;
	}
	ret->active = true;
	return 0;
}

void mr_seccomp_clear(struct mr_seccomp_plan *plan)
{
	free(plan->filter);
	memset(plan, 0, sizeof(*plan));
}

int mr_seccomp_apply(const struct mr_seccomp_plan *plan, struct mr_error *err)
{
	struct sock_fprog program = {.len = plan->n, .filter = plan->filter};

	if (!plan->active)
		return 0;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, plan->flags, &program);
	if (r < 0) {
		int e = errno;
		mr_fail(err, e, "seccomp: load %u instructions with flags %#x", plan->n,
			plan->flags);
		if (e == EACCES)
			mr_hint(err, "needs process.noNewPrivileges or CAP_SYS_ADMIN");
		else if (e == EBUSY)
			mr_hint(err, "a filter with SCMP_ACT_NOTIFY is already in force: "
				     "the kernel allows one for a process");
		else if (e == EINVAL)
			mr_hint(err, "the kernel may be too old for one of "
				     "linux.seccomp.flags");
		return -e;
	}
	if (plan->notify)
		return (int)r;
	if (r > 0)
		return mr_fail_text(
			err, ESRCH, "seccomp: thread %ld cannot take the filter", r);
	return 0;
}

/* The specification's ContainerProcessState; fds[0] is the descriptor that comes along.
 */
static void write_process_state(struct mr_json_writer *w, const struct mr_json *state, pid_t pid,
	const char *metadata)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_text(
		w, "ociVersion", mr_json_text(state, "ociVersion", MR_SPEC_VERSION));
	mr_json_begin_array(w, "fds");
	mr_json_put_text(w, NULL, "seccompFd");
	mr_json_end(w);
	mr_json_put_int(w, "pid", pid);
	if (metadata != NULL)
		mr_json_put_text(w, "metadata", metadata);
	mr_json_put_node(w, "state", state);
	mr_json_end(w);
}

int mr_seccomp_send_listener(const struct mr_seccomp_plan *plan, int listener, pid_t pid,
	const char *state_json, struct mr_error *err)
{
	static const char what[] = "linux.seccomp.listenerPath";
	auto_json doc = {0};
	struct mr_json_writer w = {0};

	int r = mr_json_parse("state", state_json, strlen(state_json), &doc, err);
	if (r < 0)
		return mr_prefix(err, "%s", what);
	autoclose int sock = mr_socket_connect(plan->listener_path, what, err);
	if (sock < 0)
		return mr_prefix(err, "failed to connect with seccomp agent");
	write_process_state(&w, doc.root, pid, plan->listener_metadata);
	r = mr_str_ok(&w.out) ? mr_socket_send(sock, w.out.data, w.out.len, listener)
			      : -ENOMEM;
	mr_str_clear(&w.out);
	return r < 0 ? mr_fail(err, -r, "%s: send the listener to '%s'", what,
			       plan->listener_path)
		     : 0;
}
