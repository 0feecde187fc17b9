/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One verb, several containers: a failure at one does not keep the others from it, and
 * the invocation still ends with exactly one error for the log.
 */
#include "cmd.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>

/* Of the outcomes @r of several calls: keep the first failure, show later ones at once.
 */
static int keep_first(const struct context *ctx, int first, int r,
	const struct mr_error *now, struct mr_error *err)
{
	if (r >= 0)
		return first;
	if (first >= 0) {
		*err = *now;
		return r;
	}
	struct context plain = *ctx;
	plain.log_path = NULL;
	report_error(&plain, now);
	return first;
}

int ids_each(const struct context *ctx, char *const *ids, id_fn fn, void *arg,
	struct mr_error *err)
{
	int first = 0;

	for (; *ids; ids++) {
		struct mr_error now = {0};
		int r = fn(ctx, *ids, arg, &now);
		first = keep_first(ctx, first, r, &now, err);
	}
	return first;
}

int ids_matching(const struct context *ctx, list_fn list, const char *pattern, id_fn fn,
	void *arg, struct mr_error *err)
{
	struct mr_status *all = NULL;
	size_t n = 0;
	regex_t regex;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return fail(err, EINVAL, "'%s' is no regular expression", pattern);
	int first = list(ctx->root, &all, &n, err);
	for (size_t i = 0; first >= 0 && i < n; i++) {
		struct mr_error now = {0};
		if (regexec(&regex, all[i].id, 0, NULL, 0) != 0)
			continue;
		int r = fn(ctx, all[i].id, arg, &now);
		first = keep_first(ctx, first, r, &now, err);
	}
	free(all);
	regfree(&regex);
	return first;
}
