#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A disabled OOM killer: the container stands still at its limit and nothing is killed, which
# is said, and it goes on when the limit rises. On cgroup v1 by the kernel; on v2 it is an
# error unless the policy says otherwise, and minirun's emulation if it says that.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

setup() {
	common_setup
	requires root cgroups memory memlab
}

# disabled [OPTION...] -- PROGRAM...: the killer disabled, in the background.
disabled() {
	background_minirun run --name "$ID" --oom-kill-disable=emulate "$@"
	wait_for state_is .State.Status running
	PID=$(init_pid)
}

stands_still() {
	wait_for state_is .OOM.Hanging true
	[ "$MEMORY_VERSION" = 1 ] || wait_for frozen
}

# frozen: on v2 the tasks come to a stop one after the other.
frozen() {
	grep -q 'frozen 1' "$(cgroup_dir memory "$PID")/cgroup.events"
}

# no_kills: the kernel says so.
no_kills() {
	assert_contains "$(cgroup_file memory "$(memory_file events)")" "oom_kill 0"
}

# The CPU time of all its processes, in the kernel's ticks.
ticks() {
	local pid sum=0 fields
	for pid in $(cgroup_file memory cgroup.procs); do
		read -r -a fields < <(sed 's/.*) //' "/proc/$pid/stat")
		sum=$((sum + fields[11] + fields[12]))
	done
	echo "$sum"
}

@test "hang: it stands still, says so with both ways out, and goes on when the limit rises" {
	local before
	# It holds on for a moment: who is gone at once goes on unseen.
	disabled -m 32m -- "$MEMLAB" anon 64M + hold 2
	stands_still
	assert_eq "$(state .State.OOMKilled)" false
	assert_eq "$(oci_state .status)" running
	wait_for grep -q "stands still" "$ERR"
	assert_contains "$(cat "$ERR")" "minirun update -m SIZE $ID"
	assert_contains "$(cat "$ERR")" "minirun kill $ID KILL"
	assert_contains "$(cat "$ERR")" "limit of 32 MiB"
	no_kills
	before=$(ticks)
	# Not a synchronisation: the time in which nothing may happen.
	sleep 1
	assert_eq "$(ticks)" "$before" "CPU time"
	assert_eq "$(state .OOM.Hanging)" true
	minirun update -m 128m "$ID"
	wait_background
	assert_status 0
	assert_contains "$stderr" "goes on; it has stood still for"
	assert_eq "$(state .State.OOMKilled)" false
	assert_eq "$(state .OOM.Kills)" 0
	assert_eq "$(state .OOM.Hanging)" false
	assert_eq "$(state '.OOM.HangSeconds > 1')" true
	assert_eq "$(state .Memory.LimitBytes)" 134217728
	[ "$MEMORY_VERSION" = 1 ] || assert_eq "$(state .OOM.Approximate)" true
	[ "$MEMORY_VERSION" = 2 ] || assert_eq "$(state .OOM.Approximate)" null
	requires jsonschema
	assert_valid_status
}

@test "hang: while it goes on again the record says so, and the next time too" {
	disabled -m 32m -- "$MEMLAB" anon 48M + hold 1 + anon 96M + hold 60
	stands_still
	minirun update -m 96m "$ID"
	wait_for state_is .OOM.Hanging false
	assert_eq "$(oci_state .status)" running
	stands_still
	minirun update -m 256m "$ID"
	wait_for state_is .OOM.Hanging false
	no_kills
	assert_eq "$(grep -c 'stands still' "$ERR")" 2
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
}

@test "hang: killed while it stands still is no OOM kill" {
	disabled -m 32m -- "$MEMLAB" anon 64M
	stands_still
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" false
	assert_eq "$(state .OOM.Hanging)" false
	assert_eq "$(state '.OOM.HangSeconds > 0')" true
}

@test "hang: a timeout ends it" {
	background_minirun run --name "$ID" --timeout 2s --stop-timeout 200ms \
		--oom-kill-disable=emulate -m 32m -- "$MEMLAB" anon 64M
	wait_background
	assert_status 124
	assert_eq "$(state .State.OOMKilled)" false
}

# Stopped at first: at the limit a fork would fail, for want of the kernel's memory.
all_stopped() {
	local pid n=0
	for pid in $(cgroup_file memory cgroup.procs); do
		! grep -qs '^State:.T' "/proc/$pid/status" || n=$((n + 1))
	done
	[ "$n" = 8 ]
}

@test "hang: many processes that ask at the same time, none is killed" {
	local one="$MEMLAB signal STOP + anon 24M + hold 1"
	disabled -m 64m -- /bin/sh -c "for i in 1 2 3 4 5 6 7 8; do $one & done; wait"
	wait_for all_stopped
	# shellcheck disable=SC2046 # one word a pid
	kill -CONT $(cgroup_file memory cgroup.procs)
	stands_still
	no_kills
	minirun update -m 512m "$ID"
	wait_background
	assert_status 0
	assert_eq "$(state .OOM.Kills)" 0
	# On v1 a page fault waits, but a system call that needs memory fails with ENOMEM.
	[ "$MEMORY_VERSION" = 1 ] || assert_eq "$(grep -c '"step":"hold"' "$OUT")" 8
}

@test "hang: a container of an engine, by the annotation" {
	make_spec "$BUNDLE/config.json" "$(memory 32M)" "$(args /memlab anon 64M)" \
		'.linux.resources.memory.disableOOMKiller = true' \
		'.annotations["org.minirun.oomKillDisablePolicy"] = "emulate"'
	launch create --bundle "$BUNDLE" "$ID"
	assert_status 0
	PID=$(init_pid)
	minirun start "$ID"
	stands_still
	no_kills
	run --separate-stderr minirun update --resources - "$ID" \
		<<<'{"memory": {"limit": 134217728, "swap": 134217728, "disableOOMKiller": true}}'
	assert_status 0
	assert_eq "$output$stderr" ""
	wait_for state_is .State.Status exited
	assert_eq "$(state .OOM.Kills)" 0
	assert_eq "$(state '.OOM.HangSeconds > 0')" true
	minirun delete "$ID"
}

# --- v2 only ---

@test "hang: on v2 it is an error by default that names the ways" {
	requires cgroup-v2
	make_spec "$BUNDLE/config.json" "$(memory 32M)" \
		'.linux.resources.memory.disableOOMKiller = true'
	refused 125 linux.resources.memory.disableOOMKiller
	assert_contains "$stderr" "oomKillDisablePolicy=emulate"
	run --separate-stderr minirun run --oom-kill-disable -m 32m -- "$MEMLAB" true
	assert_status 125
	assert_contains "$stderr" "--oom-kill-disable=emulate"
	run --separate-stderr minirun run --oom-kill-disable=error -m 32m -- "$MEMLAB" true
	assert_status 125
}

@test "hang: policy warn on v2 runs with the killer on" {
	requires cgroup-v2
	run --separate-stderr minirun run --name "$ID" --oom-kill-disable=warn -m 32m -- "$MEMLAB" anon 64M
	assert_status 137
	assert_contains "$stderr" "warning: linux.resources.memory.disableOOMKiller: not done"
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Approximate)" null
}

@test "hang: the emulation on v2 freezes below the limit, and is no reason to freeze for swap" {
	requires cgroup-v2 swap
	disabled -m 32m -- "$MEMLAB" anon 64M
	stands_still
	assert_eq "$(cgroup_file memory memory.high)" 29360128
	[ "$(cgroup_file memory memory.current)" -le 33554432 ]
	assert_contains "$(cat "$ERR")" "warning: linux.resources.memory.disableOOMKiller: emulated"
	assert_contains "$(state '.Warnings | join(" ")')" "disableOOMKiller: emulated"
	minirun update -m 64m "$ID"
	assert_eq "$(cgroup_file memory memory.high)" 58720256
	minirun update -m -1 "$ID"
	wait_background
	assert_status 0
	minirun delete "$ID"
	run --separate-stderr minirun run --name "$ID" --oom-kill-disable=emulate -m 32m \
		--memory-swap 256m -- "$MEMLAB" anon 64M
	assert_status 0
	assert_eq "$(state .OOM.HangSeconds)" null
	assert_eq "$(state .OOM.Kills)" 0
}

@test "hang: who is paused while it stands still on v2 is thawed by resume only" {
	requires cgroup-v2
	disabled -m 32m -- "$MEMLAB" anon 64M
	stands_still
	minirun pause "$ID"
	minirun update -m 128m "$ID"
	# Not a synchronisation: the time in which nothing may happen.
	sleep 1
	assert_contains "$(cgroup_file memory cgroup.events)" "frozen 1"
	assert_eq "$(oci_state .status)" paused
	minirun resume "$ID"
	wait_background
	assert_status 0
	assert_eq "$(state .OOM.Kills)" 0
	minirun delete "$ID"
	# Without room it does not go far.
	disabled -m 32m -- "$MEMLAB" anon 64M
	stands_still
	minirun pause "$ID"
	minirun resume "$ID"
	stands_still
	no_kills
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
}

# --- any host ---

@test "hang: a policy that there is not is refused" {
	make_spec "$BUNDLE/config.json" '.annotations["org.minirun.oomKillDisablePolicy"] = "maybe"'
	refused 125 '"maybe" is none of error, warn, emulate'
	run --separate-stderr minirun run --oom-kill-disable=maybe -- true
	assert_status 125
	assert_contains "$stderr" 'invalid argument "maybe" for --oom-kill-disable'
	run --separate-stderr minirun run --oom-kill-disable=false --rm -- true
	assert_status 0
}
