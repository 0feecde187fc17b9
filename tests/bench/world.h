/* SPDX-License-Identifier: Apache-2.0 */
/* The directory, the rootfs, the specs and the mount namespace that all contestants
 * share. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "bench.h"

/* world_spec_path - of the spec that makes the contestant run the program. */
void world_spec_path(const struct world *world, const struct contestant *contestant,
	const char *program, char ret_path[BENCH_PATH]);
/* world_write_specs - all of the contestant's; does nothing for one that reads none. */
void world_write_specs(const struct world *world, const struct contestant *contestant);
/* world_cgroup_name - the absolute cgroup path for a contestant, without its slash. */
void world_cgroup_name(const char *contestant, char ret_name[64]);
/* world_find_tool - its absolute path; false when it is not here. */
bool world_find_tool(
	const struct world *world, const char *tool, char ret_path[BENCH_PATH]);

#endif
