/* SPDX-License-Identifier: Apache-2.0 */
/* Small functions of minirun.h that lower floors implement. */
#include "minirun.h"

#include "base/helper.h"
#include "base/str.h"
#include "launch/logs.h"
#include "spec/host.h"
#include "spec/probe.h"
#include "spec/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MR_VERSION
#error "MR_VERSION is set by the Makefile"
#endif

const char *mr_version(void)
{
	return MR_VERSION;
}

const char *mr_default_root(void)
{
	static char path[4096];
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (mr_is_rootless() && dir && dir[0] == '/' &&
		snprintf(path, sizeof(path), "%s/minirun", dir) < (int)sizeof(path))
		return path;
	return "/run/minirun";
}

int mr_companion_find(const char *name, char *ret, size_t size)
{
	return mr_helper_find(name, ret, size);
}

int mr_own_path(char *ret, size_t size)
{
	return mr_helper_own_path(ret, size);
}

int mr_log_line(const char *line, size_t len, char **ret_text, size_t *ret_len)
{
	return mr_logs_parse(line, len, ret_text, ret_len);
}

int mr_size_value(const char *text, int64_t *ret_bytes)
{
	return mr_parse_size(text, ret_bytes);
}

int mr_duration_value(const char *text, int64_t *ret_ms)
{
	return mr_parse_duration(text, ret_ms);
}

int mr_spec_template(bool rootless, char **ret_json, struct mr_error *err)
{
	struct mr_host host;
	int r = mr_host_read(&host, "", err);

	return r < 0 ? r
		     : mr_template_format(rootless, host.layout == MR_LAYOUT_V2, geteuid(),
			       getegid(), ret_json, err);
}

int mr_check_text(bool json, char **ret, bool *ret_ok, struct mr_error *err)
{
	struct mr_host host;
	struct mr_probe probe;
	int r = mr_host_read(&host, "", err);

	if (r == 0)
		r = mr_probe_run(&host, &probe, err);
	if (r == 0)
		r = mr_probe_format(&probe, &host, json, ret, err);
	if (r == 0)
		*ret_ok = probe.ok;
	return r;
}
