/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `minirun run`: our own, docker's (command mode), and those of an OCI
 * runtime. The last column of docker's rows says where the same thing stands in a spec
 * file.
 */
#include "run.h"

#define DOCKER(name, letter, kind, member, value, help, field)                           \
	{                                                                                \
		name, letter, kind, AT(member), value, help, GROUP_DOCKER, field         \
	}
#define TITLE(text)                                                                      \
	{                                                                                \
		"-", 0, OPTION_TITLE, 0, NULL, text, GROUP_COMMON, NULL                  \
	}

const struct option run_options[] = {
	ROW("name", 0, OPTION_TEXT, name, "ID", "id of the container"),
	ROW("rm", 0, OPTION_FLAG, run.remove, NULL, "forget the record at the end"),
	ROW("detach", 'd', OPTION_FLAG, run.detach, NULL,
		"return once the program runs; print the id"),
	ROW("log-size", 0, OPTION_TEXT, log_size, "SIZE",
		"most that its output may take then; 16m"),
	ROW("interactive", 'i', OPTION_FLAG, run.interactive, NULL, "keep stdin open"),
	ROW("init", 0, OPTION_ON, init, NULL, "run a minimal init as pid 1"),
	ROW("no-init", 0, OPTION_OFF, init, NULL, "the program itself is pid 1"),
	ROW("timeout", 0, OPTION_DURATION, run.timeout_ms, "TIME",
		"end it after TIME, exit 124; with --expect 10m"),
	ROW("stop-timeout", 0, OPTION_DURATION, run.stop_timeout_ms, "TIME",
		"from TERM to KILL then; 10s"),
	ROW("expect", 0, OPTION_LIST, expect, "EXPR",
		"oomkilled, exit=0, peak<60M: exit 0 or 1"),
	ROW("skip-unknown", 0, OPTION_FLAG, skip_unknown, NULL,
		"what is not known fails no --expect"),
	ROW("status", 0, OPTION_TEXT, run.status_path, "FILE",
		"copy of the record; - is stdout"),
	ROW("timeline", 0, OPTION_TEXT, run.timeline_path, "FILE",
		"record what the memory does"),
	ROW("timeline-interval", 0, OPTION_DURATION, run.timeline_interval_ms, "TIME",
		"between two samples; 5ms"),
	ROW("progress", 0, OPTION_FLAG, run.progress, NULL,
		"show the memory meanwhile, on a terminal"),
	ROW("summary", 0, OPTION_FLAG, summary, NULL,
		"always say how it ended, on stderr"),
	ROW("quiet", 0, OPTION_FLAG, quiet, NULL, "no warnings, no summary"),
	ROW("trace", 0, OPTION_FLAG, run.trace, NULL,
		"show every step with its values and duration"),
	ROW("dry-run", 0, OPTION_FLAG, dry_run, NULL, "show the steps, run nothing"),
	ROW("print-spec", 0, OPTION_FLAG, print_spec, NULL,
		"command mode: print the spec, run nothing"),
	ROW("cgroup-parent", 0, OPTION_TEXT, run.cgroup_parent, "PATH",
		"parent of the container's cgroup"),

	TITLE("Command mode (docker's options)"),
	DOCKER("memory", 'm', OPTION_TEXT, command.memory, "SIZE", "memory limit",
		"linux.resources.memory.limit"),
	DOCKER("memory-swap", 0, OPTION_TEXT, command.memory_swap, "SIZE",
		"limit of memory plus swap; -1: none", "linux.resources.memory.swap"),
	DOCKER("memory-reservation", 0, OPTION_TEXT, command.memory_reservation, "SIZE",
		"soft limit", "linux.resources.memory.reservation"),
	DOCKER("memory-swappiness", 0, OPTION_TEXT, command.memory_swappiness, "0..100",
		"cgroup v1", "linux.resources.memory.swappiness"),
	DOCKER("oom-kill-disable", 0, OPTION_WORD, command.oom_kill_disable, NULL,
		"hang instead of kill; v2: =emulate",
		"linux.resources.memory.disableOOMKiller"),
	DOCKER("oom-score-adj", 0, OPTION_TEXT, command.oom_score_adj, "-1000..1000",
		"default 0", "process.oomScoreAdj"),
	DOCKER("pids-limit", 0, OPTION_TEXT, command.pids_limit, "N",
		"most tasks at a time", "linux.resources.pids.limit"),
	DOCKER("cpus", 0, OPTION_TEXT, command.cpus, "N", "CPU time a second, as 1.5",
		"linux.resources.cpu.quota"),
	DOCKER("cpuset-cpus", 0, OPTION_TEXT, command.cpuset_cpus, "LIST",
		"CPUs, as 0-2,4", "linux.resources.cpu.cpus"),
	DOCKER("shm-size", 0, OPTION_TEXT, command.shm_size, "SIZE", "size of /dev/shm",
		"the size= option of its mount"),
	DOCKER("ulimit", 0, OPTION_LIST, ulimits, "NAME=SOFT[:HARD]", "resource limit",
		"process.rlimits"),
	DOCKER("env", 'e', OPTION_LIST, env, "NAME[=VALUE]", "environment variable",
		"process.env"),
	DOCKER("workdir", 'w', OPTION_TEXT, command.workdir, "DIR", "working directory",
		"process.cwd"),
	DOCKER("user", 'u', OPTION_TEXT, command.user, "USER[:GROUP]", "names or numbers",
		"process.user"),
	DOCKER("hostname", 'h', OPTION_TEXT, command.hostname, "NAME", "host name inside",
		"hostname"),
	DOCKER("volume", 'v', OPTION_LIST, volumes, "HOST:INSIDE[:ro]", "bind mount",
		"mounts"),
	DOCKER("read-only", 0, OPTION_FLAG, command.read_only, NULL,
		"read-only root file system", "root.readonly"),
	DOCKER("rootfs", 0, OPTION_TEXT, command.rootfs, "DIR",
		"root file system; default: host's", "root.path"),
	DOCKER("network", 0, OPTION_TEXT, command.network, "none|host", "default host",
		"linux.namespaces"),
	DOCKER("cap-add", 0, OPTION_LIST, cap_add, "CAP", "add a capability",
		"process.capabilities"),
	DOCKER("cap-drop", 0, OPTION_LIST, cap_drop, "CAP", "drop a capability or ALL",
		"process.capabilities"),
	DOCKER("cgroup-conf", 0, OPTION_LIST, cgroup_conf, "FILE=VALUE",
		"any cgroup v2 file", "linux.resources.unified"),
	DOCKER("tty", 't', OPTION_FLAG, command.tty, NULL, "give it a terminal",
		"process.terminal"),
	{"restart", 0, OPTION_REFUSED, 0, NULL,
		"there is no daemon that could start a container again; write a systemd "
		"unit "
		"with Restart= that calls minirun run",
		GROUP_COMMON, NULL},

	TITLE("OCI form"),
	OCI_ROWS,
	ROW("keep", 0, OPTION_FLAG, run.keep, NULL, "leave the cgroup at the end"),
	{0},
};
