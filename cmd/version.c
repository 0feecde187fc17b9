/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun version: dockerd looks for a line with `version` and one that starts `commit:`.
 * The build says what was linked, since the binary is static.
 */
#include "cmd.h"

#ifndef MR_COMMIT
#define MR_COMMIT ""
#endif

void print_version(FILE *out)
{
	fprintf(out, "minirun version %s\n", mr_version());
	fprintf(out, "commit: %s\n", *MR_COMMIT ? MR_COMMIT : "unknown");
	fprintf(out, "spec: %s\n", MR_SPEC_VERSION);
#ifdef MR_LIBRARIES
	fprintf(out, "libraries: %s\n", MR_LIBRARIES);
#endif
}

int cmd_version(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct arguments args;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 0, err);
	if (r == 0)
		print_version(stdout);
	return r;
}
