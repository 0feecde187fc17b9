#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun update: each limit seen in the kernel's file and in the record; the order of memory
# and swap; what cannot be reclaimed; what fails leaves everything as it was.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

setup() {
	common_setup
	requires root cgroups memory
}

# update WORD...: of $ID, which must succeed without a word on stderr.
update() {
	run --separate-stderr minirun update "$@" "$ID"
	assert_status 0
	assert_eq "$stderr" "" "stderr"
}

# resources JSON: the same from standard input.
resources() {
	run --separate-stderr minirun update --resources - "$ID" <<<"$1"
}

# refuses TEXT WORD...: update fails and says TEXT.
refuses() {
	local text=$1
	shift
	run --separate-stderr minirun update "$@"
	assert_status 1
	assert_eq "$output" "" "stdout"
	assert_contains "$stderr" "$text"
}

# limit_is BYTES [SWAP]: memory limit and, in the kernel's own terms, memory+swap or swap.
limit_is() {
	local file=memory.swap.max
	assert_eq "$(cgroup_file memory "$(memory_file limit)")" "$1" "memory limit"
	[ $# -gt 1 ] || return 0
	[ "$MEMORY_VERSION" = 2 ] || file=memory.memsw.limit_in_bytes
	assert_eq "$(cgroup_file memory "$file")" "$2" "$file"
}

# by_version V1 V2
by_version() {
	[ "$MEMORY_VERSION" = 1 ] && echo "$1" || echo "$2"
}

# hold SIZE LIMIT: a container that holds so much anonymous memory.
hold() {
	requires memlab
	make_spec "$BUNDLE/config.json" \
		"$(args /bin/sh -c "/memlab anon $1 + hold 60 & wait")" "$(memory "$2")"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	PID=$(init_pid)
	wait_for has_done anon
}

# --- memory ---

@test "update: memory up and down, the record follows, the name is printed" {
	start_container "$(memory 64M)"
	update -m 128m
	assert_eq "$output" "$ID"
	limit_is 134217728 "$(by_version 134217728 0)"
	assert_eq "$(state .Memory.LimitBytes)" 134217728
	assert_eq "$(state .Memory.EffectiveLimitBytes)" 134217728
	assert_eq "$(state .HostConfig.Memory)" 134217728
	update --memory 32M
	limit_is 33554432 "$(by_version 33554432 0)"
	assert_eq "$(state .Memory.LimitBytes)" 33554432
	requires jsonschema
	assert_valid_status
}

@test "update: the amount of swap stays, and memory-swap is memory plus swap" {
	start_container "$(memory 64M 96M)"
	update -m 128m
	limit_is 134217728 "$(by_version 167772160 33554432)"
	update -m 64m
	limit_is 67108864 "$(by_version 100663296 33554432)"
	update --memory-swap 80m
	limit_is 67108864 "$(by_version 83886080 16777216)"
	assert_eq "$(state .HostConfig.MemorySwap)" 83886080
	update -m 256m --memory-swap 256m
	limit_is 268435456 "$(by_version 268435456 0)"
	update -m 32m --memory-swap 32m
	limit_is 33554432 "$(by_version 33554432 0)"
}

@test "update: -1 is no limit, of memory and of swap" {
	start_container "$(memory 64M)"
	update -m -1
	limit_is "$(by_version 9223372036854771712 max)" "$(by_version 9223372036854771712 max)"
	assert_eq "$(state .Memory.LimitBytes)" null
	assert_eq "$(state .Memory.RequestedLimitBytes)" null
	assert_eq "$(state .HostConfig.Memory)" 0
	assert_eq "$(state .HostConfig.MemorySwap)" -1
	refuses "needs a memory limit" --memory-swap 64m "$ID"
}

@test "update: the limit that the kernel took is rounded, and the end of the record has it" {
	start_container "$(memory 64M)"
	update -m 67109000
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .Memory.RequestedLimitBytes)" 67109000
	update --memory-reservation 32m --pids-limit 17
	minirun kill "$ID" KILL
	minirun wait "$ID"
	assert_eq "$(state .State.Status)" exited
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .Memory.RequestedLimitBytes)" 67109000
	assert_eq "$(state .HostConfig.MemoryReservation)" 33554432
	assert_eq "$(state .HostConfig.PidsLimit)" 17
}

@test "update: an OOM kill after a change names the new limit" {
	requires memlab
	make_spec "$BUNDLE/config.json" \
		"$(args /bin/sh -c 'read -r _; exec /memlab anon 64M')" "$(memory 256M)"
	mkfifo "$BATS_TEST_TMPDIR/go"
	minirun run --name "$ID" "$BUNDLE/config.json" <>"$BATS_TEST_TMPDIR/go" \
		>/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&- &
	wait_for state_is .State.Status running
	update -m 20m
	echo >"$BATS_TEST_TMPDIR/go"
	status=0
	wait $! || status=$?
	assert_status 137
	assert_eq "$(state .OOM.LimitBytes)" 20971520
	assert_eq "$(state .Memory.LimitBytes)" 20971520
	assert_contains "$(cat "$BATS_TEST_TMPDIR/err")" "of 20 MiB"
}

@test "update: what cannot be reclaimed is refused with usage and peak, and nobody dies" {
	hold 40M 64M
	refuses "cannot be reclaimed below 20 MiB" -m 20m "$ID"
	local field=limit usage
	usage=$(memory_file usage)
	# On v1 with swap the limit could be kept, since much went there, but not memory+swap's.
	if [ "$MEMORY_VERSION" = 1 ] && [ -z "$(_missing swap)" ]; then
		field=swap usage=memory.memsw.usage_in_bytes
	fi
	assert_matches "$stderr" "memory.$field"': 4[0-9]\.[0-9] MiB cannot.*in use: 4[0-9]+ bytes.*peak: 4[0-9]+'
	limit_is 67108864 "$(by_version 67108864 0)"
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(oci_state .status)" running
	[ "$(cgroup_file memory "$usage")" -gt 39000000 ]
	case $MEMORY_VERSION in
	1) assert_contains "$(cgroup_file memory memory.oom_control)" "oom_kill 0" ;;
	2) assert_contains "$(cgroup_file memory memory.events)" "oom_kill 0"
		assert_eq "$(cgroup_file memory memory.high)" max ;;
	esac
}

@test "update: what can be reclaimed is, for a lower limit" {
	requires memlab
	# Page cache of a disk goes there, that of a tmpfs (and of the VM) to swap.
	[ "$(stat -f -c %T "$BATS_TEST_TMPDIR")" != tmpfs ] || requires swap
	make_spec "$BUNDLE/config.json" \
		"$(args /bin/sh -c '/memlab write /data/f 40M --fsync + read /data/f; sleep 60')" \
		"$(memory 128M 256M)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	PID=$(init_pid)
	wait_for has_done read
	update -m 16m
	limit_is 16777216
	[ "$(cgroup_file memory "$(memory_file usage)")" -le 16777216 ]
	[ "$MEMORY_VERSION" = 1 ] || assert_eq "$(cgroup_file memory memory.high)" max
}

@test "update: checkBeforeUpdate refuses a limit below what is in use" {
	hold 40M 64M
	resources '{"memory": {"limit": 20971520, "checkBeforeUpdate": true}}'
	assert_status 1
	assert_contains "$stderr" "rejecting memory limit 20971520"
	limit_is 67108864
	resources '{"memory": {"limit": 20971520, "swap": 20971520, "checkBeforeUpdate": true}}'
	assert_status 1
	resources '{"memory": {"limit": 62914560, "checkBeforeUpdate": true}}'
	assert_status 0
	limit_is 62914560
}

# --- the other limits ---

@test "update: cpu, pids and cpuset, joined late where need be" {
	requires cpu pids cpuset busybox
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'sleep 60 & sleep 60 & wait')" \
		"$(memory 64M)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	PID=$(init_pid)
	update --cpus 0.5 --pids-limit 20 --cpuset-cpus 0
	assert_eq "$(cgroup_file pids pids.max)" 20
	assert_eq "$(cgroup_file cpuset cpuset.cpus)" 0
	if [ -e "$(cgroup_dir cpu "$PID")/cpu.max" ]; then
		assert_eq "$(cgroup_file cpu cpu.max)" "50000 100000"
	else
		assert_eq "$(cgroup_file cpu cpu.cfs_quota_us)" 50000
	fi
	# All three processes are in it.
	assert_eq "$(cgroup_file pids cgroup.procs | wc -l)" 3
	assert_eq "$(cgroup_file cpu cgroup.procs | wc -l)" 3
	assert_eq "$(state .HostConfig.NanoCpus)" 500000000
	assert_eq "$(state .HostConfig.PidsLimit)" 20
	update --cpu-quota -1 --pids-limit -1
	assert_eq "$(cgroup_file pids pids.max)" max
	assert_eq "$(state .HostConfig.NanoCpus)" 0
}

@test "update: what fails is taken back, with all that was written before" {
	requires cpu pids busybox
	start_container "$(memory 64M)" '.linux.resources.pids.limit = 30' \
		'.linux.resources.cpu = {quota: 50000, period: 100000}'
	refuses linux.resources.cpu -m 128m --pids-limit 40 --cpu-quota 3 "$ID"
	limit_is 67108864
	assert_eq "$(cgroup_file pids pids.max)" 30
	assert_eq "$(state .HostConfig.PidsLimit)" 30
	assert_eq "$(state .Memory.LimitBytes)" 67108864
}

@test "update: a path outside of /minirun has every controller from the start" {
	requires cgroup-v1 pids busybox
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" "$(memory 64M)"
	launch run -d --name "$ID" --cgroup-parent "/$RUN_TAG-parent" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$(cat "$(cgroup_dir pids "$(init_pid)")/pids.max")" max
	minirun update --pids-limit 5 "$ID"
	assert_eq "$(cat "$(cgroup_dir pids "$(init_pid)")/pids.max")" 5
	minirun delete -f "$ID"
	cgroup_mounts | while read -r _ _ _ point; do
		[ ! -d "$point/$RUN_TAG-parent" ] || rmdir "$point/$RUN_TAG-parent"
	done
}

@test "update: devices are untouched" {
	start_container "$(memory 64M)"
	[ ! -e "$(cgroup_dir devices "$PID")/devices.list" ] ||
		cgroup_file devices devices.list >"$BATS_TEST_TMPDIR/before"
	resources '{"devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 33554432}}'
	assert_status 0
	assert_eq "$output$stderr" ""
	limit_is 33554432
	[ ! -e "$BATS_TEST_TMPDIR/before" ] ||
		assert_eq "$(cgroup_file devices devices.list)" "$(cat "$BATS_TEST_TMPDIR/before")"
	nsenter -t "$PID" -a -- /bin/sh -c 'echo x >/dev/null'
}

# --- the forms of engines, and bad input ---

@test "update: --resources from a file and from stdin, quietly; zeros change nothing" {
	start_container "$(memory 64M)"
	echo '{"memory": {"limit": 33554432, "swap": 33554432}}' >"$BATS_TEST_TMPDIR/r.json"
	for form in "--resources=$BATS_TEST_TMPDIR/r.json" "-r=$BATS_TEST_TMPDIR/r.json"; do
		update "$form"
		assert_eq "$output" ""
	done
	limit_is 33554432 "$(by_version 33554432 0)"
	resources '{"memory": {"limit": 0, "swap": 0, "reservation": 0, "kernel": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""}, "blockIO": {"weight": 0}}'
	assert_status 0
	assert_eq "$output$stderr" ""
	limit_is 33554432
	run --separate-stderr minirun update --resources=- "$ID" <<<'{}'
	assert_status 0
}

@test "update: bad input names the option or the place" {
	start_container "$(memory 64M)"
	refuses "no limit to change" "$ID"
	refuses 'invalid argument "5x" for --memory' -m 5x "$ID"
	refuses 'invalid argument "two" for --pids-limit' --pids-limit two "$ID"
	refuses "out of range" --pids-limit -5 "$ID"
	refuses "--cpus says the same" --cpus 1 --cpu-quota 1000 "$ID"
	refuses "needs a memory limit" -m -1 --memory-swap 1g "$ID"
	refuses "is below the limit" -m 64m --memory-swap 32m "$ID"
	refuses "linux.intelRdt: the container was made without" --l3-cache-schema L3:0=f "$ID"
	refuses "update needs an argument" -m 64m
	refuses "cannot read '/nonexistent'" -r /nonexistent "$ID"
	refuses "container does not exist" -m 64m "$(id_of nosuch)"
	echo '{"memory": {"limit": "64m"}}' >"$BATS_TEST_TMPDIR/r.json"
	refuses "r.json:1:22: memory.limit: expected an integer" -r "$BATS_TEST_TMPDIR/r.json" "$ID"
	refuses "cannot be given too" -r "$BATS_TEST_TMPDIR/r.json" -m 64m "$ID"
	limit_is 67108864
	[ "$MEMORY_VERSION" = 1 ] || {
		resources '{"memory": {"disableOOMKiller": true}}'
		assert_status 1
		assert_contains "$stderr" linux.resources.memory.disableOOMKiller
	}
	minirun kill "$ID" KILL
	minirun wait "$ID"
	refuses "container not running" -m 64m "$ID"
}
