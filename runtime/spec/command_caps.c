/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command mode: capabilities. See command_parts.h.
 *
 * The program keeps what the caller has, written out so that the printed spec does the
 * same everywhere. With -u to another user it has none, as after su(1); then a capability
 * that
 * --cap-add asks for must be ambient, or execve(2) would take it away again (kernel 4.3).
 * The bounding set stays, so that set-uid programs work as on the host.
 *
 * capabilities(7)
 */
#include "spec/command_parts.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The kernel's numbers; CAP_CHECKPOINT_RESTORE came last (kernel 5.9). */
static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))
#define KNOWN ((UINT64_C(1) << N_NAMES) - 1)

struct sets {
	uint64_t bounding, effective, ambient;
};

/* A list of names to a mask; ALL is told apart. */
static int read_list(const char *const *list, const char *flag, uint64_t *ret,
	bool *ret_all, struct mr_error *err)
{
	*ret = 0;
	*ret_all = false;
	for (; list && *list; list++) {
		const char *name = *list;
		if (strncasecmp(name, "CAP_", 4) == 0)
			name += 4;
		if (strcasecmp(*list, "ALL") == 0) {
			*ret_all = true;
			continue;
		}
		size_t i = 0;
		while (i < N_NAMES && strcasecmp(names[i], name) != 0)
			i++;
		if (i == N_NAMES)
			return mr_command_refuse(err, flag, *list,
				"unknown capability (NET_ADMIN, SYS_PTRACE, ALL; "
				"capabilities(7))");
		*ret |= UINT64_C(1) << i;
	}
	return 0;
}

static void put_set(struct mr_json_writer *w, const char *key, uint64_t set)
{
	char name[40];
	mr_json_begin_array(w, key);
	for (size_t i = 0; i < N_NAMES; i++) {
		if (!(set >> i & 1))
			continue;
		snprintf(name, sizeof(name), "CAP_%s", names[i]);
		mr_json_put_text(w, NULL, name);
	}
	mr_json_end(w);
}

static struct sets initial_sets(
	const struct mr_caller *caller, bool other_user, uint32_t uid, uint64_t grantable)
{
	struct sets s = {
		.bounding = grantable,
		.effective = caller->effective & KNOWN,
		.ambient = caller->ambient & KNOWN,
	};
	if (!other_user)
		return s;
	s.effective = uid == 0 ? grantable : 0;
	s.ambient = 0;
	return s;
}

int mr_command_capabilities(const struct mr_command *c, const struct mr_caller *caller,
	uint32_t uid, struct mr_json_writer *w, struct mr_error *err)
{
	uint64_t add, drop;
	bool add_all, drop_all;
	int r = read_list(c->cap_add, "--cap-add", &add, &add_all, err);
	if (r == 0)
		r = read_list(c->cap_drop, "--cap-drop", &drop, &drop_all, err);
	if (r < 0)
		return r;

	/* In a user namespace of its own a process can be given all that is not bounded.
	 */
	uint64_t grantable =
		(caller->user_ns ? caller->bounding : caller->effective) & KNOWN;
	struct sets s =
		initial_sets(caller, c->user && uid != caller->uid, uid, grantable);
	uint64_t kept = drop_all ? 0 : ~drop;
	if (add_all)
		add = grantable & ~drop;
	s.bounding = (s.bounding & kept) | add;
	s.effective = (s.effective & kept) | add;
	s.ambient = (s.ambient & kept) | (uid != 0 ? add : 0);

	mr_json_begin_object(w, "capabilities");
	put_set(w, "bounding", s.bounding);
	put_set(w, "effective", s.effective);
	put_set(w, "inheritable", s.ambient);
	put_set(w, "permitted", s.effective);
	put_set(w, "ambient", s.ambient);
	mr_json_end(w);
	return 0;
}
