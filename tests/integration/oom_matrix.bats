#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The truth matrix, part one: endings of a single container. In each row existing stacks
# are asked the same two questions, OOMKilled and ExitCode; the kernel's counters have the
# answer. See truth.bash.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching
load truth

setup() {
	common_setup
	requires root cgroups busybox memory memlab
}

# --- the container's own limit ---

slow_init() {
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 40M --rate 40M)" "$(memory 24M)"
	run_spec
	assert_status 137
	own_limit 25165824
	truth true/137 1 "${OWN_LIMIT[@]}" InitKilled=true .Exit.Code=null .Exit.Signal=SIGKILL
	victim memlab true
}

@test "oom: init, slowly" {
	repeat 1 "init OOM, slow" slow_init
}

fast_init() {
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 8M)"
	run_spec
	assert_status 137
	own_limit 8388608
	truth true/137 1 "${OWN_LIMIT[@]}" InitKilled=true
	victim memlab true
}

@test "oom: init, within milliseconds" {
	repeat 2 "init OOM, fast" fast_init
}

# child_killed CODE SCRIPT: a child is killed, the shell does SCRIPT and exits CODE.
child_killed() {
	in_container "/memlab anon 64M; $2; exit $1" "$(memory 16M)"
	assert_status "$1"
	own_limit 16777216
	truth "true/$1" 1 "${OWN_LIMIT[@]}" InitKilled=false .Exit.Code="$1" .Exit.Signal=null
	victim memlab false
}

child_then_0() { child_killed 0 true; }
child_then_later() { child_killed 0 'sleep 2'; }
child_then_1() { child_killed 1 true; }
child_then_137() { child_killed 137 true; }

@test "oom: a child, init exits 0 at once" {
	repeat 3 "child OOM, init exits 0" child_then_0
}

@test "oom: a child, init exits 0 two seconds later" {
	repeat 3b "child OOM, init exits 0 2 s later" child_then_later
}

@test "oom: a child, init exits 1" {
	repeat 4a "child OOM, init exits 1" child_then_1
}

@test "oom: a child, init exits 137 as shells do" {
	repeat 4b "child OOM, init exits 137" child_then_137
}

# --- no OOM kill ---

killed_by_verb() {
	start_container "$(memory 32M)"
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 Scope=null .Exit.Signal=SIGKILL
}

killed_from_host() {
	start_container "$(memory 32M)"
	kill -KILL "$PID"
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 Scope=null .Exit.Signal=SIGKILL
}

@test "oom: not when init is killed by hand, by the verb or from the host" {
	repeat 5 "kill -9 by minirun kill" killed_by_verb
	repeat 5b "kill -9 from the host" killed_from_host
}

exits_137() {
	in_container 'exit 137' "$(memory 32M)"
	assert_status 137
	truth false/137 0 Scope=null .Exit.Code=137
}

@test "oom: not when the program exits 137 by itself" {
	repeat 6 "workload exits 137 by itself" exits_137
}

rlimit() {
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 32M)" \
		'.process.rlimits = [{type: "RLIMIT_AS", soft: 33554432, hard: 33554432}]'
	run_spec
	assert_status 3
	assert_contains "$output" '"error":'
	truth false/3 0 Scope=null
}

@test "oom: not when malloc fails under RLIMIT_AS" {
	repeat 7 "malloc NULL under RLIMIT_AS" rlimit
}

exec_and_die() {
	run minirun exec "$ID" /memlab anon 64M
	assert_status 137
	wait_for state_is .State.OOMKilled true
	holds .State.Status=running .State.ExitCode=0 Kills=1 Scope=container
}

# A process that comes into the cgroup without minirun.
enter_and_die() {
	sh -c 'echo 0 >"$1/cgroup.procs" && exec "$2" anon 64M' - "$(cgroup_dir memory "$PID")" "$MEMLAB" 3>&- 4>&- &
	wait $! && return 1 || assert_eq "$?" 137 "the one that entered"
	wait_for state_is .State.OOMKilled true
	holds .State.Status=running Kills=1 Scope=container
}

# then_killed FUNCTION [PHASE [EXEC]]: somebody who is not init's child dies in a container; then init is
# killed by hand.
then_killed() {
	start_container "$(memory 32M)"
	"$1"
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	own_limit 33554432
	OWN_LIMIT+=("Phase~${2:-run}" InitKilled~false\|null)
	truth true/137 1 "${OWN_LIMIT[@]:0:4}" "${OWN_LIMIT[@]:5}"
	! told || holds InitKilled=false
	victim memlab false "${3:-}"
}

exec_then_killed() { then_killed exec_and_die 'exec|run' '^[^n]'; }
enter_then_killed() { then_killed enter_and_die; }

# An init that forks while the victim still dies is killed next.
exec_then_0() {
	rm -f "$BUNDLE/rootfs/data/go"
	make_spec "$BUNDLE/config.json" "$(args sh -c 'read -r _ </data/go')" "$(memory 32M)"
	mkfifo "$BUNDLE/rootfs/data/go"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	exec_and_die
	echo 1<>"$BUNDLE/rootfs/data/go"
	assert_eq "$(minirun wait "$ID")" 0
	own_limit 33554432
	truth true/0 1 "${OWN_LIMIT[@]:0:4}" "${OWN_LIMIT[@]:5}" InitKilled=false 'Phase~exec|run'
	! told || holds Phase=exec
	victim memlab false '^[^n]'
}

@test "oom: an exec, then init is killed or exits 0" {
	repeat 8 "exec OOM, then kill -9" exec_then_killed
	repeat 8b "exec OOM, init exits 0" exec_then_0
}

@test "oom: a process that entered the cgroup from outside, then init is killed" {
	repeat 8c "entered process OOM, then kill -9" enter_then_killed
}

# --- the killer disabled ---

hanging() {
	rm -f "$BUNDLE/rootfs/data/go"
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 32M + exit 0)" \
		"$(memory 16M)" '.linux.resources.memory.disableOOMKiller = true'
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	wait_for state_is .OOM.Hanging true
	holds .State.Status=running .State.OOMKilled=false Kills=0 Scope=container LimitBytes=16777216
	PID=$(init_pid)
}

hang_and_raise() {
	hanging
	minirun update -m 64m "$ID"
	assert_eq "$(minirun wait "$ID")" 0
	truth false/0 0 Hanging=false Scope=container "LimitCgroup~/$ID\$" LimitBytes=16777216 'HangSeconds~^[0-9]+\.?[0-9]*$'
}

hang_and_kill() {
	hanging
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 Hanging=false Scope=container 'HangSeconds~^[0-9]+\.?[0-9]*$'
}

@test "oom: not when the killer is disabled: hanging, then raised" {
	requires cgroup-v1
	repeat 12a "oom_kill_disable: hang, limit raised" hang_and_raise
}

@test "oom: not when the killer is disabled: hanging, then killed" {
	requires cgroup-v1
	repeat 12b "oom_kill_disable: hang, user kills" hang_and_kill
}

@test "oom: Hanging ends while the container goes on" {
	requires cgroup-v1
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 24M + hold 60)" \
		"$(memory 16M)" '.linux.resources.memory.disableOOMKiller = true'
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .OOM.Hanging true
	minirun update -m 64m "$ID"
	wait_for state_is .OOM.Hanging false
	assert_eq "$(state .State.Status)" running
	assert_between "$(state '.OOM.HangSeconds | floor')" 0 60 HangSeconds
	minirun kill "$ID" KILL
}

# --- what is charged beside anonymous memory ---

# Pages of a file on a disk can be dropped; those of a tmpfs or of the initramfs cannot.
on_a_disk() {
	case $(stat -f -c %T "${1:-$BATS_TEST_TMPDIR}") in
	tmpfs | ramfs | rootfs) return 1 ;;
	esac
}

page_cache() {
	make_spec "$BUNDLE/config.json" "$(args /memlab write /data/big 64M --fsync + exit 0)" "$(memory 12M)"
	run_spec
	assert_status 0
	truth false/0 0 Scope=null .Memory.PeakBytes~^1[12]
	rm "$BUNDLE/rootfs/data/big"
}

@test "oom: not when the page cache fills the limit" {
	if ! on_a_disk "$BATS_TEST_TMPDIR"; then
		on_a_disk /var/tmp || skip "needs a file system on a disk: $BATS_TEST_TMPDIR and /var/tmp are in memory"
		BUNDLE=$(mktemp -d /var/tmp/minirun.XXXXXX)
	fi
	repeat 13 "page cache to the limit" page_cache
	rm -rf "$BUNDLE"
}

shared_memory() {
	make_spec "$BUNDLE/config.json" "$(args dd if=/dev/zero of=/dev/shm/big bs=1M count=40)" "$(memory 20M)"
	run_spec
	assert_status 137
	own_limit 20971520
	truth true/137 1 "${OWN_LIMIT[@]}" InitKilled=true
	victim dd true
}

@test "oom: a tmpfs counts" {
	repeat 14 "tmpfs 40 MB at a 20 MB limit" shared_memory
}

# --- many, and again ---

# More than the kernel has reports for: 10 in 5 s, whole host. Verdict and number stay right.
thirty() {
	in_container 'i=0; while [ $i -lt 30 ]; do /memlab anon 32M; i=$((i + 1)); done' "$(memory 8M)"
	assert_status 0
	own_limit 8388608
	truth true/0 30 "${OWN_LIMIT[@]}" InitKilled=false
	victim memlab false
}

@test "oom: thirty children in a row, each is counted" {
	repeat 15 "30 child OOM kills in a row" thirty
}

restarted() {
	local first
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 16M)"
	run_spec
	assert_status 137
	truth true/137 1
	first=$(state .Id)
	start_container "$(memory 16M)"
	holds .State.Status=running .State.OOMKilled=false Kills=0 Victims= \
		"[.OOM.History[].OOMKilled] | last=true" "[.OOM.History[].Id] | last=$first"
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 "[.OOM.History[].Kills] | last=1" "[.OOM.History[].ExitCode] | last=137"
}

@test "oom: a new run under the name of one that was killed begins with nothing" {
	repeat 18 "run 1 OOM, run 2 clean" restarted
}

# The kernel kills a program whose image does not fit once the old one is gone.
no_return() {
	in_container 'ulimit -c 0; ulimit -v 256; exec /memlab true' "$(memory 32M)"
	assert_matches "$status" '^(137|139)$'
	truth "false/$status" 0 Scope=null
}

@test "oom: not when execve dies after the point of no return" {
	repeat 20 "execve dies after the point of no return" no_return
}

# Reading a file over and over that is larger than the limit; in a machine without a disk,
# memory that is swapped in and out.
thrashing() {
	local steps=(file /data/big 32M + thrash /data/big 32M 60)
	if ! on_a_disk; then
		steps=(anon 32M + hold 60)
		make_spec "$BUNDLE/config.json" "$(memory 12M 128M)"
	else
		make_spec "$BUNDLE/config.json" "$(memory 12M)"
	fi
	jq "$(args /memlab "${steps[@]}")" "$BUNDLE/config.json" >"$BUNDLE/thrash.json"
	launch run -d --name "$ID" "$BUNDLE/thrash.json"
	PID=$(init_pid)
	# Batches of pages are charged at once: usage ends just below the limit.
	_at_the_limit() { [ "$(cgroup_file memory "$(memory_file usage)")" -gt 11000000 ]; }
	wait_for -t 30 _at_the_limit
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 Scope=null '.Memory.PeakBytes~^1[12]'
}

@test "oom: not when a container that thrashes at its limit is killed" {
	on_a_disk || requires swap
	repeat 21 "kill -9 while thrashing at the limit" thrashing
}
