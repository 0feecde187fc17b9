/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun spec: a config.json to start from. It never overwrites one.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spec {
	const char *bundle, *file;
	bool rootless;
};

#define AT(member) offsetof(struct spec, member)
static const struct option options[] = {
	{"bundle", 'b', OPTION_TEXT, AT(bundle), "DIR", "write it there; default .",
		GROUP_COMMON, NULL},
	{"file", 'f', OPTION_TEXT, AT(file), "FILE",
		"its name; - is stdout; default config.json", GROUP_COMMON, NULL},
	{"rootless", 0, OPTION_FLAG, AT(rootless), NULL, "for an ordinary user",
		GROUP_COMMON, NULL},
	{0},
};

static int create_file(const struct spec *s, const char *name, struct mr_error *err)
{
	int dir = AT_FDCWD;

	if (s->bundle) {
		dir = open(s->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return fail(err, errno, "cannot open the bundle '%s' (%s)",
				s->bundle, mr_errno_name(errno));
	}
	int fd = openat(
		dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r = errno;
	if (dir >= 0)
		close(dir);
	if (fd >= 0)
		return fd;
	if (r == EEXIST)
		return fail(err, r, "'%s' is already there and is not overwritten", name);
	return fail(err, r, "cannot create '%s' (%s)", name, mr_errno_name(r));
}

static int write_spec(const struct spec *s, const char *text, struct mr_error *err)
{
	const char *name = s->file ? s->file : "config.json";
	size_t len = strlen(text);

	if (!strcmp(name, "-")) {
		fputs(text, stdout);
		return 0;
	}
	int fd = create_file(s, name, err);
	if (fd < 0)
		return fd;
	FILE *out = fdopen(fd, "we");
	if (!out) {
		close(fd);
		return fail(err, ENOMEM, "out of memory");
	}
	bool written = fwrite(text, 1, len, out) == len;
	if (fclose(out) != 0 || !written)
		return fail(err, EIO, "cannot write '%s' (%s)", name, mr_errno_name(errno));
	return 0;
}

int cmd_spec(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	struct spec s = {0};
	struct arguments args;
	char *text = NULL;

	int r = command_parse(ctx, options, &s, argc, argv, &args, err);
	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 0, err);
	if (r == 0)
		r = mr_spec_template(s.rootless, &text, err);
	if (r == 0)
		r = write_spec(&s, text, err);
	free(text);
	return r;
}
