/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of minirun.h for records that outlive their containers: see record/kept.h. */
#include "launch/container.h"

#include "base/str.h"
#include "record/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int mr_list_kept(const char *root, struct mr_status **ret, size_t *ret_n, struct mr_error *err)
{
	auto_strv ids = { 0 };
	int r = mr_kept_list(root ? root : mr_default_root(), &ids, err);

	if (r < 0)
		return r;
	struct mr_status *list = calloc(ids.n + 1, sizeof(*list));
	if (!list)
		return mr_fail(err, ENOMEM, "list of records");
	for (size_t i = 0; i < ids.n; i++)
		snprintf(list[i].id, sizeof(list[i].id), "%s", ids.items[i]);
	*ret = list;
	*ret_n = ids.n;
	return 0;
}

int mr_forget(const char *root, const char *id, struct mr_error *err)
{
	int ret = mr_check_id(id, err);
	return ret < 0 ? ret : mr_kept_remove(root ? root : mr_default_root(), id, err);
}
