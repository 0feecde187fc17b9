/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minirun-systemd: what the runtime has to say to systemd, and the only program of ours that
 * is linked with libsystemd. The runtime executes it; it is no command for users.
 *
 *   minirun-systemd start  [--user] --unit U --slice S --pid P [--property=NAME:TYPE=VALUE]...
 *                          [--annotation=NAME=TEXT]...     prints the unit's cgroup
 *   minirun-systemd attach [--user] --unit U --pid P --cgroup /BELOW
 *   minirun-systemd update [--user] --unit U [--property=NAME:TYPE=VALUE]...
 *   minirun-systemd stop   [--user] --unit U
 *   minirun-systemd delegated --user --pid P    prints the cgroup of its unit if that is the
 *                          unit's own business: Delegate=yes
 *
 * Exit status 0, or 1 with a line that says why and perhaps a second one, the cure. Nothing
 * takes longer than TIMEOUT_S: a bus that has stopped answering must not hang an engine; the
 * alarm's default action is the way out of every wait there is.
 */
#include "systemd/systemd.h"

#include "base/str.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S 25
#define MAX_PROPERTIES 256

static int parse(int argc, char **argv, struct request *q)
{
	static const struct option options[] = {
		{"user", no_argument, NULL, 'u'},
		{"unit", required_argument, NULL, 'n'},
		{"slice", required_argument, NULL, 's'},
		{"pid", required_argument, NULL, 'p'},
		{"cgroup", required_argument, NULL, 'c'},
		{"property", required_argument, NULL, 'P'},
		{"annotation", required_argument, NULL, 'A'},
		{0},
	};
	static const char *properties[MAX_PROPERTIES], *annotations[MAX_PROPERTIES];

	uint64_t number;

	q->properties = properties;
	q->annotations = annotations;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if ((c == 'P' && q->n_properties == MAX_PROPERTIES) ||
			(c == 'A' && q->n_annotations == MAX_PROPERTIES))
			return complain("more than %d properties", MAX_PROPERTIES);
		if (c == 'u')
			q->user = true;
		else if (c == 'n')
			q->unit = optarg;
		else if (c == 's')
			q->slice = optarg;
		else if (c == 'p' && mr_parse_u64(optarg, &number) == 0 && number <= INT_MAX)
			q->pid = (unsigned)number;
		else if (c == 'c')
			q->cgroup = optarg;
		else if (c == 'P')
			properties[q->n_properties++] = optarg;
		else if (c == 'A')
			annotations[q->n_annotations++] = optarg;
		else
			return 1;
	}
	q->verb = argv[optind];
	return 0;
}

int main(int argc, char **argv)
{
	struct request q = {0};

	if (parse(argc, argv, &q) != 0)
		return 1;
	alarm(TIMEOUT_S);
	if (q.verb && strcmp(q.verb, "delegated") == 0 && q.pid)
		return print_delegated(&q);
	if (!q.verb || !q.unit)
		return complain("minirun-systemd is run by minirun --systemd-cgroup");
	if (strcmp(q.verb, "start") == 0 && q.slice && q.pid)
		return start_scope(&q);
	if (strcmp(q.verb, "attach") == 0 && q.pid && q.cgroup)
		return attach_process(&q);
	if (strcmp(q.verb, "update") == 0)
		return update_scope(&q);
	if (strcmp(q.verb, "stop") == 0)
		return stop_scope(&q);
	return complain("unknown verb '%s'", q.verb);
}
