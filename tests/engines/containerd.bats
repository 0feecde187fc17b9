# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# containerd, its runc shim and ctr with minirun as the shim's binary.
# shellcheck disable=SC2154
load common
load containerd

setup_file() {
	needs containerd ctr containerd-shim-runc-v2
	engine_dir
	containerd_begin
}

teardown_file() {
	[ -n "${W:-}" ] || return 0
	containerd_end
	remove_dir
}

_event() {
	grep -q "$1" "$W/events"
}

@test "containerd: run" {
	run ctr_run --rm run /bin/sh -c 'echo out; exit 7'
	assert_eq "$status" 7
	assert_contains "$output" out
}

@test "containerd: exec" {
	ctr_run --detach exec /bin/sleep 1000
	run ctr tasks exec --exec-id one exec /bin/sh -c 'echo inside; exit 3'
	assert_eq "$status" 3
	assert_contains "$output" inside
}

@test "containerd: exec -t" {
	command -v script >/dev/null || skip "script is not installed (bsdutils)"
	run script -qec "ctr --address $W/sock --namespace tests tasks exec -t --exec-id two exec /bin/tty" /dev/null
	assert_contains "$output" /dev/pts/
}

@test "containerd: ps, pause, resume" {
	assert_contains "$(ctr tasks ps exec)" "$(ctr tasks ls | sed -n 's/^exec  *\([0-9]*\).*/\1/p')"
	ctr tasks pause exec
	assert_contains "$(ctr tasks ls)" PAUSED
	ctr tasks resume exec
	assert_contains "$(ctr tasks ls)" RUNNING
}

@test "containerd: metrics" {
	[ ! -e /sys/fs/cgroup/cgroup.controllers ] || skip "asked for on cgroup v1"
	run ctr tasks metrics exec
	assert_eq "$status" 0
	assert_contains "$output" memory.usage_in_bytes
}

@test "containerd: kill" {
	ctr tasks kill --signal KILL exec
	wait_for 20 ctr tasks delete exec
	wait_for 10 _event '/tasks/exit.*exec'
}

@test "containerd: events of an OOM kill" {
	local seen=false
	run ctr_run --memory-limit=16777216 oom /bin/memlab anon 80M
	assert_eq "$status" 137
	wait_for 10 _event '/tasks/delete.*"oom"'
	! _event '/tasks/oom.*"oom"' || seen=true
	verdict "ctr run, init killed (event /tasks/oom)" "$seen" "$(record "$W/state/tests" oom)" true
}
