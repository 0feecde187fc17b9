/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - what the container process is before it becomes the program: environment,
 * limits, OOM score, user and groups.
 *
 * The kernel idea: credentials, limits and scores belong to the process and pass through
 * execve(2). Raising any of them needs a capability, so the raising comes first and the
 * user last: setresuid(2) away from 0 gives the capabilities up.
 *
 * Order constraints: rlimits and oom_score_adj before the user (CAP_SYS_RESOURCE); groups
 * before gid before uid (CAP_SETGID, CAP_SETUID); PR_SET_KEEPCAPS (see caps.h) before the
 * uid where capabilities are to survive. RLIMIT_NPROC takes effect on the new user.
 *
 * Manual pages: prlimit(2), proc_pid_oom_score_adj(5), setgroups(2), setresuid(2),
 * credentials(7).
 */
#include "sandbox/process.h"

#include "base/io.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define OOM_SCORE_ADJ_SAFE                                                               \
	(-999) /* at or below, the OOM killer takes nearly anyone else */

/* --- plan --- */

/* Order by name; of the same name, by place. */
static int compare_env(const void *a, const void *b)
{
	char *const *left = *(char *const *const *)a, *const *right =
							      *(char *const *const *)b;
	size_t n_left = strcspn(*left, "="), n_right = strcspn(*right, "=");
	size_t n = n_left < n_right ? n_left : n_right;
	int c = memcmp(*left, *right, n);

	if (c != 0)
		return c;
	if (n_left != n_right)
		return n_left < n_right ? -1 : 1;
	return left < right ? -1 : 1;
}

/* Programs disagree on which of two values of one variable counts, and we need PATH.
 * Sorted, so that a huge environment does not cost quadratic time. */
static int drop_repeated(char **env, size_t *n)
{
	autofree char ***order = malloc((*n + 1) * sizeof(*order));
	size_t kept = 0;

	if (order == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		order[i] = &env[i];
	qsort(order, *n, sizeof(*order), compare_env);
	for (size_t i = 0; i + 1 < *n; i++) {
		size_t len = strcspn(*order[i], "=");
		const char *next = *order[i + 1];
		if (strcspn(next, "=") == len && memcmp(*order[i], next, len) == 0)
			*order[i] = NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		if (env[i] != NULL)
			env[kept++] = env[i];
	}
	*n = kept;
	env[kept] = NULL;
	return 0;
}

static int plan_warnings(const struct mr_spec *spec, bool keep_groups, struct mr_strv *warnings)
{
	char text[32];
	int64_t score;
	int r = 0;

	if (warnings == NULL)
		return 0;
	if (!spec->process->oom_score_adj.set &&
		mr_read_line_at(
			AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) > 0 &&
		mr_parse_i64(text, &score) == 0 && score <= OOM_SCORE_ADJ_SAFE)
		r = mr_strv_addf(warnings,
			"process.oomScoreAdj is absent, and the container inherits %lld: "
			"the OOM killer will spare it (set process.oomScoreAdj to 0)",
			(long long)score);
	if (r == 0 && keep_groups && spec->process->additional_gids.n > 0)
		r = mr_strv_add(warnings, "process.user.additionalGids are ignored: the annotation "
					  MR_ANNOTATION_KEEP_GROUPS " keeps the caller's");
	const struct mr_personality *personality = spec->linux_->personality;
	if (r == 0 && personality != NULL && personality->flags.n > 0)
		r = mr_strv_add(warnings, "linux.personality.flags are ignored: the "
					  "specification defines none");
	return r;
}

int mr_process_plan(const struct mr_spec *spec, const struct mr_host *host,
	struct mr_arena *arena, struct mr_process_plan *ret, struct mr_strv *warnings,
	struct mr_error *err)
{
	const struct mr_spec_process *process = spec->process;
	(void)host;

	memset(ret, 0, sizeof(*ret));
	ret->process = process;
	ret->keep_groups = mr_streq(mr_spec_annotation(spec, MR_ANNOTATION_KEEP_GROUPS), "1");
	ret->n_env = process->env.n;
	ret->env = mr_arena_alloc(arena, (ret->n_env + 2) * sizeof(*ret->env));
	if (ret->env == NULL)
		return mr_fail(err, ENOMEM, "process.env: %zu entries", ret->n_env);
	if (ret->n_env > 0)
		memcpy(ret->env, process->env.items, ret->n_env * sizeof(*ret->env));
	int r = drop_repeated(ret->env, &ret->n_env);
	if (r < 0)
		return mr_fail(err, -r, "process.env: %zu entries", ret->n_env);
	/* An empty one is none, as in other runtimes. */
	for (size_t i = 0; i < ret->n_env; i++) {
		if (!mr_has_prefix(ret->env[i], "HOME="))
			continue;
		ret->has_home = ret->env[i][5] != '\0';
		if (!ret->has_home)
			memmove(ret->env + i, ret->env + i + 1,
				(ret->n_env-- - i) * sizeof(*ret->env));
		break;
	}
	r = plan_warnings(spec, ret->keep_groups, warnings);
	return r < 0 ? mr_fail(err, -r, "process: plan") : 0;
}

/* --- limits --- */

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};
#define N_RLIMITS (sizeof(rlimit_names) / sizeof(rlimit_names[0]))

static const char *format_limit(rlim_t value, char buf[static 24])
{
	if (value == RLIM_INFINITY)
		return "unlimited";
	snprintf(buf, 24, "%llu", (unsigned long long)value);
	return buf;
}

static void hint_rlimit(struct mr_error *err, int resource)
{
	struct rlimit now;
	char buf[24];

	if (mr_prlimit(resource, NULL, &now) < 0)
		return;
	mr_hint(err,
		"the hard limit in force is %s; a higher one needs CAP_SYS_RESOURCE%s",
		format_limit(now.rlim_max, buf),
		resource == RLIMIT_NOFILE ? ", and none may exceed sysctl fs.nr_open"
					  : "");
}

static int set_rlimit(const struct mr_rlimit *wanted, size_t index, struct mr_error *err)
{
	struct rlimit limit = {.rlim_cur = wanted->soft, .rlim_max = wanted->hard};
	char soft[24], hard[24];
	size_t i = 0;

	while (i < N_RLIMITS && !mr_streq(rlimit_names[i].name, wanted->type))
		i++;
	if (i == N_RLIMITS)
		return mr_fail_text(err, EINVAL,
			"process.rlimits[%zu]: unknown type '%s'", index,
			wanted->type ? wanted->type : "");
	int resource = rlimit_names[i].resource;
	int e = -mr_prlimit(resource, &limit, NULL);
	if (e == 0)
		return 0;
	mr_fail(err, e, "process.rlimits[%zu]: set %s to soft %s, hard %s", index,
		wanted->type, format_limit(limit.rlim_cur, soft),
		format_limit(limit.rlim_max, hard));
	if (e == EPERM)
		hint_rlimit(err, resource);
	return -e;
}

int mr_process_set_rlimits(const struct mr_process_plan *plan, struct mr_error *err)
{
	for (size_t i = 0; i < plan->process->rlimits.n; i++) {
		int r = set_rlimit(&plan->process->rlimits.items[i], i, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int mr_process_set_oom_score_adj(
	const struct mr_process_plan *plan, int proc_fd, struct mr_error *err)
{
	char text[24];

	if (!plan->process->oom_score_adj.set)
		return 0;
	snprintf(text, sizeof(text), "%lld",
		(long long)plan->process->oom_score_adj.value);
	int r = mr_write_file_at(proc_fd, "self/oom_score_adj", text);
	if (r == 0)
		return 0;
	mr_fail(err, -r, "process.oomScoreAdj: write %s to oom_score_adj", text);
	if (r == -EACCES)
		mr_hint(err, "a value below the one inherited needs CAP_SYS_RESOURCE on "
			     "the host");
	return r;
}

/* --- user --- */

int mr_process_own_stdio(const struct mr_process_plan *plan, struct mr_error *err)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			continue; /* closed by the caller */
		if (st.st_uid == plan->process->uid ||
			(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
			continue;
		/* EINVAL: the owner or we have no mapping in the user namespace. */
		if (fchown(fd, plan->process->uid, (gid_t)-1) < 0 && errno != EINVAL &&
			errno != EPERM && errno != EROFS && errno != ENOSYS)
			return mr_fail(err, errno, "give descriptor %d to user %u", fd,
				plan->process->uid);
	}
	return 0;
}

static void hint_user(struct mr_error *err, int e)
{
	if (e == EINVAL)
		mr_hint(err,
			"an id must be mapped: linux.uidMappings, linux.gidMappings");
	else if (e == EPERM)
		mr_hint(err,
			"a change of user or groups needs CAP_SETUID and CAP_SETGID: run "
			"as root, or give the container a user namespace");
}

static int set_groups(
	const struct mr_process_plan *plan, bool denied, struct mr_error *err)
{
	const struct mr_spec_process *process = plan->process;

	if (plan->keep_groups)
		return 0;
	if (denied && process->additional_gids.n > 0) {
		mr_fail_text(err, EPERM,
			"process.user.additionalGids: setgroups(2) is denied in this "
			"user namespace");
		mr_hint(err,
			"groups need gid mappings written by root or by newgidmap(1)");
		return -EPERM;
	}
	/* Even when empty: the caller's groups must not come along (CVE-2022-2989). */
	if (!denied && setgroups(process->additional_gids.n,
			       process->additional_gids.items) < 0) {
		int e = errno;
		mr_fail(err, e, "setgroups: %zu additional groups",
			process->additional_gids.n);
		hint_user(err, e);
		return -e;
	}
	return 0;
}

int mr_process_set_user(
	const struct mr_process_plan *plan, bool setgroups_denied, struct mr_error *err)
{
	const struct mr_spec_process *process = plan->process;
	int r = set_groups(plan, setgroups_denied, err);

	if (r < 0)
		return r;
	if (setresgid(process->gid, process->gid, process->gid) < 0) {
		r = mr_fail(
			err, errno, "process.user.gid: become group %u", process->gid);
		hint_user(err, -r);
		return r;
	}
	if (setresuid(process->uid, process->uid, process->uid) < 0) {
		r = mr_fail(err, errno, "process.user.uid: become user %u", process->uid);
		hint_user(err, -r);
		return r;
	}
	if (process->umask.set)
		umask((mode_t)(process->umask.value & 0777));
	return 0;
}

int mr_process_set_no_new_privs(const struct mr_process_plan *plan, struct mr_error *err)
{
	if (!plan->process->no_new_privileges)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return mr_fail(err, errno,
			"process.noNewPrivileges: prctl(PR_SET_NO_NEW_PRIVS)");
	return 0;
}
