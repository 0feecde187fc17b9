/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm - AppArmor profile and SELinux label of the program.
 *
 * The kernel idea: a process writes the label that it wants after its next execve(2) into
 * attr/exec of its own procfs directory; the security module may refuse. AppArmor has a
 * file of its own (attr/apparmor/exec, kernel 5.8), which also works beside other
 * modules.
 *
 * A label that silently is not applied is worse than no label (CVE-2025-64750), and a
 * rootfs that has a decoy in place of /proc can swallow the write (CVE-2019-16884). So
 * the write goes through a procfs of our own, no link or mount is followed out of it, and
 * what is in force is read back.
 *
 * Order constraints: before the user is set, as a process that is not dumpable has files
 * in procfs that belong to root.
 *
 * Manual pages: proc_pid_attr(5), openat2(2).
 */
#include "sandbox/lsm.h"

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define APPARMOR_FILE "thread-self/attr/apparmor/exec"
#define COMMON_FILE "thread-self/attr/exec"

static int open_attr(int proc_fd, const char *file, uint64_t flags)
{
	return mr_openat2(proc_fd, file, flags | O_CLOEXEC, 0,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

/* Each field quoted as engines expect it: a path in backquotes. */
static int fail_attr(struct mr_error *err, int e, const char *field, const char *doing,
	const char *file, const char *label)
{
	mr_fail(err, e, "%s: %s `/proc/%s` for '%s'", field, doing, file, label);
	if (e == EINVAL || e == ENOENT)
		mr_hint(err, "is the security module enabled on this host, and the "
			     "profile or context loaded?");
	return -e;
}

/* The kernel shows an AppArmor profile as "name (mode)\n", a SELinux context as it is,
 * with or without a NUL. Stacked and namespaced names are shown in a form of the kernel's
 * own. */
static bool is_in_force(const char *shown, size_t len, const char *label)
{
	size_t n = strlen(label);

	len = strnlen(shown, len);
	if (label[0] == '&' || label[0] == ':')
		return len > 0;
	if (len < n || memcmp(shown, label, n) != 0)
		return false;
	return shown[n] == '\0' || shown[n] == '\n' || strncmp(shown + n, " (", 2) == 0;
}

static int apply_label(int proc_fd, const char *file, const char *field, const char *text,
	const char *label, struct mr_error *err)
{
	char shown[1024];
	autoclose int out = open_attr(proc_fd, file, O_WRONLY);

	if (out < 0)
		return fail_attr(err, -out, field, "open", file, label);
	/* One write(2): the kernel takes each as a whole label. */
	ssize_t n = write(out, text, strlen(text));
	if (n < 0)
		return fail_attr(err, errno, field, "write", file, label);
	if ((size_t)n != strlen(text))
		return fail_attr(err, EIO, field, "write", file, label);

	autoclose int in = open_attr(proc_fd, file, O_RDONLY);
	ssize_t got = in < 0 ? in : mr_read_full(in, shown, sizeof(shown) - 1);
	if (got < 0)
		return fail_attr(err, (int)-got, field, "read back", file, label);
	shown[got] = '\0';
	if (!is_in_force(shown, (size_t)got, label)) {
		auto_str printable = {0};
		mr_str_append_printable(&printable, shown);
		return mr_fail_text(err, EPERM,
			"%s: the kernel did not take '%s': `/proc/%s` says '%s'", field,
			label, file, mr_str_text(&printable));
	}
	return 0;
}

static int apply_apparmor(const char *profile, int proc_fd, struct mr_error *err)
{
	auto_str text = {0};
	const char *file = APPARMOR_FILE;
	int probe = open_attr(proc_fd, file, O_WRONLY);

	if (probe == -ENOENT)
		file = COMMON_FILE;
	mr_close(&probe);
	mr_str_appendf(&text, "exec %s", profile);
	if (!mr_str_ok(&text))
		return mr_fail(err, ENOMEM, "process.apparmorProfile");
	return apply_label(proc_fd, file, "process.apparmorProfile", mr_str_text(&text),
		profile, err);
}

int mr_lsm_apply(const struct mr_spec_process *process, int proc_fd, struct mr_error *err)
{
	int r = 0;

	if (process->apparmor_profile != NULL && process->apparmor_profile[0] != '\0')
		r = apply_apparmor(process->apparmor_profile, proc_fd, err);
	if (r == 0 && process->selinux_label != NULL && process->selinux_label[0] != '\0')
		r = apply_label(proc_fd, COMMON_FILE, "process.selinuxLabel",
			process->selinux_label, process->selinux_label, err);
	return r;
}
