/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun features: the OCI features document. Engines read stdout and stderr together.
 */
#include "cmd.h"

#include <stdlib.h>

int cmd_features(struct context *ctx, int argc, char **argv, struct mr_error *err)
{
	static const struct option no_options[] = {{0}};
	struct arguments args;
	char *text = NULL;
	int r = command_parse(ctx, no_options, NULL, argc, argv, &args, err);

	if (r != 1)
		return r;
	r = command_count(ctx, &args, 0, 0, err);
	if (r == 0)
		r = mr_features_json(&text, err);
	if (r == 0)
		puts(text);
	free(text);
	return r;
}
