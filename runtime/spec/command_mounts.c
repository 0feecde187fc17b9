/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command mode: mounts. See command_parts.h.
 *
 * On the host's files only /proc is new (the pid namespace needs its own); a rootfs gets
 * what an image expects to find. -v binds recursively and privately; "ro" is recursive
 * too, because a volume that is read-only but for what happens to be mounted below it
 * surprises everybody (rro: kernel 5.12).
 */
#include "spec/command_parts.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_mount(struct mr_json_writer *w, const char *destination, const char *type,
	const char *source, const char *const *options)
{
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "destination", destination);
	mr_json_put_text(w, "type", type);
	mr_json_put_text(w, "source", source);
	mr_json_begin_array(w, "options");
	for (; *options; options++)
		mr_json_put_text(w, NULL, *options);
	mr_json_end(w);
	mr_json_end(w);
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- -v --- */

static bool is_volume_option(const char *option)
{
	static const char *const known[] = {"rw", "nocopy", "exec", "noexec", "suid",
		"nosuid", "dev", "nodev", "shared", "rshared", "slave", "rslave",
		"private", "rprivate", "bind", "rbind", "idmap", "ridmap"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(option, known[i]) == 0)
			return true;
	}
	return false;
}

/* The options after the second colon, checked and put after the defaults. */
static int put_volume_options(
	char *options, const char *text, struct mr_json_writer *w, struct mr_error *err)
{
	char *option;
	mr_json_begin_array(w, "options");
	mr_json_put_text(w, NULL, "rbind");
	mr_json_put_text(w, NULL, "rprivate");
	while ((option = strsep(&options, ",")) != NULL) {
		if (strcmp(option, "ro") == 0)
			mr_json_put_text(w, NULL, "rro");
		else if (!is_volume_option(option))
			return mr_command_refuse(err, "--volume", text,
				"unknown option \"%.40s\"", option);
		else if (strcmp(option, "nocopy") != 0) /* about docker's named volumes */
			mr_json_put_text(w, NULL, option);
	}
	mr_json_end(w);
	return 0;
}

/* SRC as an absolute path of something that exists. */
static int resolve_source(
	const char *source, const char *text, char **ret, struct mr_error *err)
{
	struct stat st;
	if (!strchr(source, '/') && strcmp(source, ".") != 0 && strcmp(source, "..") != 0)
		return mr_command_refuse(err, "--volume", text,
			"named volumes do not exist here, give a path (\"./%.60s\")",
			source);
	if (stat(source, &st) < 0)
		return mr_fail(err, errno, "--volume: source '%.200s'", source);
	*ret = realpath(source, NULL);
	return *ret ? 0 : mr_fail(err, errno, "--volume: source '%.200s'", source);
}

static int put_volume(const char *text, struct mr_json_writer *w, struct mr_error *err)
{
	autofree char *copy = strdup(text);
	if (!copy)
		return mr_fail(err, ENOMEM, "--volume");
	char *rest = copy;
	char *source = strsep(&rest, ":"), *destination = strsep(&rest, ":");
	if (!*source || !destination || *destination != '/' ||
		(rest && strchr(rest, ':')))
		return mr_command_refuse(err, "--volume", text,
			"expected SOURCE:DESTINATION[:ro] with an absolute destination");

	autofree char *clean = mr_path_clean(destination), *absolute = NULL;
	int r = resolve_source(source, text, &absolute, err);
	if (r < 0)
		return r;
	if (!clean || strcmp(clean, "/") == 0)
		return mr_command_refuse(err, "--volume", text,
			"the destination cannot be / (see --rootfs)");
	mr_json_begin_object(w, NULL);
	mr_json_put_text(w, "destination", clean);
	mr_json_put_text(w, "type", "bind");
	mr_json_put_text(w, "source", absolute);
	r = put_volume_options(rest && *rest ? rest : NULL, text, w, err);
	mr_json_end(w);
	return r;
}

/* --- the rest --- */

static int put_shm(
	const struct mr_command *c, struct mr_json_writer *w, struct mr_error *err)
{
	int64_t bytes = 64 << 20;
	if (c->shm_size && (mr_parse_size(c->shm_size, &bytes) < 0 || bytes == 0))
		return mr_command_refuse(err, "--shm-size", c->shm_size,
			"expected a size such as 64m or 1.5g");
	char size[40];
	snprintf(size, sizeof(size), "size=%lld", (long long)bytes);
	put_mount(w, "/dev/shm", "tmpfs", "shm",
		OPTIONS("nosuid", "noexec", "nodev", "mode=1777", size));
	return 0;
}

static int put_rootfs_mounts(const struct mr_command *c, const struct mr_caller *caller,
	struct mr_json_writer *w, struct mr_error *err)
{
	put_mount(w, "/dev", "tmpfs", "tmpfs",
		OPTIONS("nosuid", "strictatime", "mode=755", "size=65536k"));
	/* gid 5 is tty; the one line of mapping of a user namespace does not have it. */
	if (caller->user_ns)
		put_mount(w, "/dev/pts", "devpts", "devpts",
			OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666",
				"mode=0620"));
	else
		put_mount(w, "/dev/pts", "devpts", "devpts",
			OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666",
				"mode=0620", "gid=5"));
	int r = put_shm(c, w, err);
	put_mount(w, "/dev/mqueue", "mqueue", "mqueue",
		OPTIONS("nosuid", "noexec", "nodev"));
	/* A new sysfs needs a network namespace of the same user namespace. */
	if (caller->user_ns && !mr_streq(c->network, "none"))
		put_mount(w, "/sys", "none", "/sys",
			OPTIONS("rbind", "nosuid", "noexec", "nodev", "rro"));
	else
		put_mount(w, "/sys", "sysfs", "sysfs",
			OPTIONS("nosuid", "noexec", "nodev", "ro"));
	return r;
}

int mr_command_mounts(const struct mr_command *c, const struct mr_caller *caller,
	struct mr_json_writer *w, struct mr_error *err)
{
	int r = 0;
	mr_json_begin_array(w, "mounts");
	put_mount(w, "/proc", "proc", "proc", OPTIONS("nosuid", "noexec", "nodev"));
	if (c->rootfs)
		r = put_rootfs_mounts(c, caller, w, err);
	else if (c->shm_size)
		r = put_shm(c, w, err);
	for (const char *const *v = c->volumes; v && *v && r == 0; v++)
		r = put_volume(*v, w, err);
	mr_json_end(w);
	return r;
}
