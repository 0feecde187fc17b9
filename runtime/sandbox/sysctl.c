/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel settings of the container's namespaces (what names they have and which of them are
 * namespaced is the validator's knowledge).
 *
 * They are written below the private procfs, without links and without leaving it
 * (CVE-2025-52881), and before the read-only paths cover /proc/sys. A key may hold only
 * what names of the kernel hold, and a value no newline (CVE-2022-0811).
 *
 * Manual pages: sysctl(8), proc(5).
 */
#include "sandbox/sysctl.h"

#include "base/str.h"
#include "sandbox/procfs.h"
#include "spec/validate.h"

#include <errno.h>
#include <string.h>

int mr_sysctl_path(const char *key, char **ret, struct mr_error *err)
{
	autofree char *below = mr_spec_sysctl_path(key);
	auto_str path = {0};

	*ret = NULL;
	if (!below)
		return mr_fail_text(err, EINVAL,
			"linux.sysctl: '%.100s' is no name of a setting", key);
	mr_str_appendf(&path, "sys/%s", below);
	*ret = mr_str_take(&path);
	return *ret ? 0 : mr_fail(err, ENOMEM, "linux.sysctl");
}

int mr_sysctl_check(const struct mr_map *sysctl, struct mr_error *err)
{
	for (size_t i = 0; i < sysctl->n; i++) {
		autofree char *path = NULL;
		int ret = mr_sysctl_path(sysctl->items[i].key, &path, err);
		if (ret < 0)
			return ret;
		if (strchr(sysctl->items[i].value, '\n'))
			return mr_fail_text(err, EINVAL,
				"linux.sysctl.%s: the value contains a newline",
				sysctl->items[i].key);
	}
	return 0;
}

int mr_sysctl_apply(const struct mr_map *sysctl, int proc_fd, struct mr_error *err)
{
	for (size_t i = 0; i < sysctl->n; i++) {
		const struct mr_pair *s = &sysctl->items[i];
		autofree char *path = NULL;
		int ret = mr_sysctl_path(s->key, &path, err);
		if (ret == 0 && (ret = mr_procfs_write(proc_fd, path, s->value)) < 0)
			ret = mr_fail(err, -ret, "linux.sysctl.%s: set it to '%.80s'", s->key,
				s->value);
		if (ret == -EACCES || ret == -EPERM)
			mr_hint(err, "in a user namespace the kernel keeps some settings "
				     "for the "
				     "host's root; hostname and domainname can be given "
				     "as such");
		if (ret == -ENOENT)
			mr_hint(err, "this kernel has no such setting below /proc/sys, or its "
				     "module is not loaded");
		if (ret < 0)
			return ret;
	}
	return 0;
}
