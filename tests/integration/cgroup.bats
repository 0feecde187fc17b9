#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every field of linux.resources, observed in the kernel's file or by trying; cgroupsPath;
# requested and effective limits; limits that are too low.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
}

# resource JQ: sets a member of linux.resources.
resource() {
	printf '.linux.resources%s' "$1"
}

# is_v1 CONTROLLER: does a v1 hierarchy own it?
is_v1() {
	local version controllers
	while read -r version controllers _; do
		[ "$version" = 1 ] || continue
		case ,$controllers, in *,"$1",*) return 0 ;; esac
	done < <(cgroup_mounts)
	return 1
}

# kernel_has CONTROLLER VERSION: skips unless that controller lives in a hierarchy of that
# version.
needs_version() {
	requires "$1"
	if is_v1 "$1"; then
		[ "$2" = 1 ] || skip "needs $1 on cgroup v2: it is on v1"
	else
		[ "$2" = 2 ] || skip "needs $1 on cgroup v1: it is on v2"
	fi
}

# --- memory ---

@test "cgroup: memory limit and swap" {
	requires memory
	start_container "$(memory 64M 96M)"
	assert_eq "$(cgroup_file memory "$(memory_file limit)")" 67108864
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.memsw.limit_in_bytes)" 100663296
	else
		assert_eq "$(cgroup_file memory memory.swap.max)" 33554432
	fi
	assert_eq "$(state .Memory.LimitBytes)" 67108864
}

@test "cgroup: memory.swap -1 is unlimited, limit -1 too" {
	requires memory
	start_container "$(memory 64M -1)"
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.memsw.limit_in_bytes)" 9223372036854771712
	else
		assert_eq "$(cgroup_file memory memory.swap.max)" max
	fi
	minirun delete -f "$ID"
	start_container "$(resource '.memory = {limit: -1}')"
	case $MEMORY_VERSION in
	1) assert_eq "$(cgroup_file memory memory.limit_in_bytes)" 9223372036854771712 ;;
	2) assert_eq "$(cgroup_file memory memory.max)" max ;;
	esac
	assert_eq "$(state .Memory.LimitBytes)" null
}

@test "cgroup: memory.reservation" {
	requires memory
	start_container "$(memory 64M)" "$(resource '.memory.reservation = 33554432')"
	case $MEMORY_VERSION in
	1) assert_eq "$(cgroup_file memory memory.soft_limit_in_bytes)" 33554432 ;;
	2) assert_eq "$(cgroup_file memory memory.low)" 33554432 ;;
	esac
}

@test "cgroup: swappiness and disableOOMKiller on v1" {
	requires cgroup-v1
	start_container "$(memory 64M)" "$(resource '.memory += {swappiness: 11, disableOOMKiller: true}')"
	assert_eq "$(cgroup_file memory memory.swappiness)" 11
	assert_contains "$(cgroup_file memory memory.oom_control)" "oom_kill_disable 1"
}

@test "cgroup: swappiness, disableOOMKiller and useHierarchy false are errors on v2" {
	requires cgroup-v2
	make_spec "$BUNDLE/config.json" "$(resource '.memory.swappiness = 11')"
	refused 125 linux.resources.memory.swappiness
	make_spec "$BUNDLE/config.json" "$(resource '.memory.disableOOMKiller = true')"
	refused 125 linux.resources.memory.disableOOMKiller
	make_spec "$BUNDLE/config.json" "$(resource '.memory.useHierarchy = false')"
	refused 125 linux.resources.memory.useHierarchy
	inside true "$(resource '.memory = {disableOOMKiller: false, useHierarchy: true}')"
}

@test "cgroup: kernel and kernelTCP are ignored with a warning" {
	requires memory
	in_container true "$(memory 64M)" "$(resource '.memory += {kernel: 8388608, kernelTCP: 8388608}')"
	assert_status 0
	assert_contains "$stderr" linux.resources.memory.kernel
	assert_contains "$stderr" kernelTCP
	assert_contains "$(state '.Warnings | join(" ")')" kernelTCP
}

@test "cgroup: zeros of an engine are no limits" {
	requires memory
	start_container "$(resource '= {memory: {limit: 0, swap: 0, reservation: 0, kernel: 0}, cpu: {shares: 0, quota: 0, period: 0, cpus: "", mems: ""}, blockIO: {weight: 0}}')"
	assert_eq "$(state .Memory.LimitBytes)" null
}

@test "cgroup: the limit that the kernel took is rounded to pages, and both are told" {
	requires memory
	start_container "$(resource '.memory.limit = 67109000')"
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .Memory.RequestedLimitBytes)" 67109000
	assert_eq "$(state .Memory.EffectiveLimitBytes)" 67108864
	assert_eq "$(cgroup_file memory "$(memory_file limit)")" 67108864
	assert_eq "$(state .HostConfig.Memory)" 67109000
}

@test "cgroup: an ancestor's lower limit is the effective one" {
	requires memory
	limited_parent 33554432
	start_container "$(memory 64M)" ".linux.cgroupsPath = \"$PARENT/$ID\""
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .Memory.EffectiveLimitBytes)" 33554432
	assert_eq "$(state .Memory.EffectiveLimitCgroup)" "$PARENT"
	minirun delete -f "$ID"
	remove_parent "$PARENT"
}

@test "cgroup: an ancestor's limit is told as the cause of an OOM kill" {
	requires memory memlab
	limited_parent 33554432
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 48M)" "$(memory 64M)" ".linux.cgroupsPath = \"$PARENT/$ID\""
	run_spec
	remove_parent "$PARENT"
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Scope)" ancestor
	assert_eq "$(state .OOM.LimitCgroup)" "$PARENT"
}

@test "cgroup: a limit that is too low for the start says so and names one that works" {
	requires memory
	local limit
	for limit in 4096 16384; do
		make_spec "$BUNDLE/config.json" "$(resource ".memory = {limit: $limit, swap: $limit}")"
		refused 125 "too low"
		assert_contains "$stderr" "$limit"
		assert_contains "$stderr" "524288"
		assert_nothing_left
	done
	make_spec "$BUNDLE/config.json" "$(resource '.memory = {limit: 10, swap: 10}')"
	refused 125 "linux.resources.memory.limit: below one page (10 bytes) is too low"
	assert_nothing_left
}

@test "cgroup: 256 KiB start a static program" {
	requires memory
	local true=$TOP/build/bench/true
	[ -x "$true" ] || skip "needs build/bench/true: not built"
	make_spec "$BUNDLE/config.json" "$(args /true)" "$(memory 256k)"
	cp "$true" "$BUNDLE/rootfs/true"
	run_spec
	assert_status 0
	assert_eq "$(state .Memory.LimitBytes)" 262144
	assert_eq "$(state .State.OOMKilled)" false
}

@test "cgroup: swap below the limit, and swap without a limit, are refused" {
	make_spec "$BUNDLE/config.json" "$(resource '.memory = {limit: 67108864, swap: 33554432}')"
	refused 125 linux.resources.memory.swap
	make_spec "$BUNDLE/config.json" "$(resource '.memory = {swap: 33554432}')"
	refused 125 linux.resources.memory.swap
}

# --- pids, cpu, cpuset ---

@test "cgroup: pids.limit, -1 is none, 0 is a limit" {
	requires pids
	start_container "$(resource '.pids.limit = 7')"
	assert_eq "$(cgroup_file pids pids.max)" 7
	minirun delete -f "$ID"
	in_container 'true & true & true & true & wait' "$(resource '.pids.limit = 2')"
	assert_contains "$stderr" "fork"
	inside 'sh -c true && echo forked' "$(resource '.pids.limit = -1')"
	assert_eq "$output" forked
	in_container 'sh -c true; echo no' "$(resource '.pids.limit = 0')"
	refute_contains "$output" forked
	assert_contains "$stderr" fork
}

@test "cgroup: cpu shares, quota, period, burst and idle on v1" {
	needs_version cpu 1
	start_container "$(resource '.cpu = {shares: 512, quota: 40000, period: 80000}')"
	assert_eq "$(cgroup_file cpu cpu.shares)" 512
	assert_eq "$(cgroup_file cpu cpu.cfs_quota_us)" 40000
	assert_eq "$(cgroup_file cpu cpu.cfs_period_us)" 80000
	minirun delete -f "$ID"
	if kernel_at_least 5.15; then
		start_container "$(resource '.cpu = {quota: 40000, period: 80000, burst: 20000}')"
		assert_eq "$(cgroup_file cpu cpu.cfs_burst_us)" 20000
		minirun delete -f "$ID"
		start_container "$(resource '.cpu = {idle: 1}')"
		assert_eq "$(cgroup_file cpu cpu.idle)" 1
	fi
}

@test "cgroup: cpu weight, max, burst and idle on v2" {
	needs_version cpu 2
	start_container "$(resource '.cpu = {shares: 1024, quota: 40000, period: 80000, burst: 20000}')"
	assert_eq "$(cgroup_file cpu cpu.weight)" 100
	assert_eq "$(cgroup_file cpu cpu.max)" "40000 80000"
	assert_eq "$(cgroup_file cpu cpu.max.burst)" 20000
	minirun delete -f "$ID"
	start_container "$(resource '.cpu = {idle: 1}')"
	assert_eq "$(cgroup_file cpu cpu.idle)" 1
	minirun delete -f "$ID"
	start_container "$(resource '.cpu = {quota: -1, period: 50000}')"
	assert_eq "$(cgroup_file cpu cpu.max)" "max 50000"
}

@test "cgroup: a quota slows a busy program down" {
	requires cpu
	local busy='i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'
	inside "$busy" "$(resource '.cpu = {quota: 5000, period: 50000}')"
	local slow used
	slow=$(state .Exit.WallUsec)
	used=$(($(state .Exit.UserUsec) + $(state .Exit.SystemUsec)))
	[ "$used" -gt 20000 ] || skip "needs a slower machine: only $used us of CPU time"
	assert_between "$slow" $((used * 3)) 60000000 "wall clock for $used us of CPU time"
}

@test "cgroup: a cpu value that the kernel refuses names field, value and file" {
	requires cpu
	make_spec "$BUNDLE/config.json" "$(resource '.cpu = {quota: 10, period: 100000}')"
	refused 125 linux.resources.cpu.quota
	assert_contains "$stderr" 10
	assert_nothing_left
}

@test "cgroup: cpuset cpus and mems" {
	requires cpuset
	inside 'sed -n "s/^\(Cpus\|Mems\)_allowed_list:[[:space:]]*//p" /proc/self/status' "$(resource '.cpu = {cpus: "0", mems: "0"}')"
	assert_eq "$output" $'0\n0'
	make_spec "$BUNDLE/config.json" "$(resource '.cpu = {cpus: "9999"}')"
	refused 125 linux.resources.cpu.cpus
	minirun delete "$ID"
	assert_nothing_left
}

# --- block I/O, huge pages, network ---

# The first whole disk as MAJOR:MINOR.
a_disk() {
	local dev
	for dev in /sys/block/{vd,sd,nvme}*/dev; do
		[ ! -e "$dev" ] || { cat "$dev" && return; }
	done
	return 1
}

@test "cgroup: blockIO throttles on v1" {
	needs_version blkio 1
	local disk device
	disk=$(a_disk) || skip "needs a disk: none"
	device="major: ${disk%:*}, minor: ${disk#*:}"
	start_container "$(resource ".blockIO = {throttleReadBpsDevice: [{$device, rate: 1048576}],
		throttleWriteBpsDevice: [{$device, rate: 2097152}], throttleReadIOPSDevice: [{$device, rate: 100}],
		throttleWriteIOPSDevice: [{$device, rate: 200}]}")"
	assert_eq "$(cgroup_file blkio blkio.throttle.read_bps_device)" "$disk 1048576"
	assert_eq "$(cgroup_file blkio blkio.throttle.write_bps_device)" "$disk 2097152"
	assert_eq "$(cgroup_file blkio blkio.throttle.read_iops_device)" "$disk 100"
	assert_eq "$(cgroup_file blkio blkio.throttle.write_iops_device)" "$disk 200"
}

@test "cgroup: blockIO throttles on v2" {
	needs_version io 2
	local disk device
	disk=$(a_disk) || skip "needs a disk: none"
	device="major: ${disk%:*}, minor: ${disk#*:}"
	start_container "$(resource ".blockIO = {throttleReadBpsDevice: [{$device, rate: 1048576}],
		throttleWriteIOPSDevice: [{$device, rate: 200}]}")"
	assert_eq "$(cgroup_file io io.max)" "$disk rbps=1048576 wbps=max riops=max wiops=200"
}

@test "cgroup: a weight where no scheduler has one is an error naming it" {
	requires memory
	if [ "$CGROUP_MODE" = v2 ]; then requires io; else requires blkio; fi
	make_spec "$BUNDLE/config.json" "$(resource '.blockIO.weight = 500')" "$(args sleep 60)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	if [ "$status" = 0 ]; then
		PID=$(init_pid)
		if is_v1 blkio; then
			assert_contains "$(cat "$(cgroup_dir blkio "$PID")"/blkio*.weight)" 500
		else
			assert_contains "$(cat "$(cgroup_dir io "$PID")"/io*.weight)" "default"
		fi
	else
		assert_status 125
		assert_contains "$stderr" linux.resources.blockIO.weight
		assert_contains "$stderr" bfq
	fi
}

@test "cgroup: hugepageLimits" {
	requires hugetlb
	local file
	start_container "$(resource '.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]')"
	for file in hugetlb.2MB.rsvd.limit_in_bytes hugetlb.2MB.rsvd.max hugetlb.2MB.limit_in_bytes hugetlb.2MB.max; do
		[ -e "$(cgroup_dir hugetlb "$PID")/$file" ] || continue
		assert_eq "$(cgroup_file hugetlb "$file")" 4194304
		return
	done
	fail "no limit file of hugetlb"
}

@test "cgroup: hugepageLimits without the controller, or of no such size, are errors" {
	make_spec "$BUNDLE/config.json" "$(resource '.hugepageLimits = [{pageSize: "3MB", limit: 4194304}]')"
	refused 125 linux.resources.hugepageLimits
	has_controller hugetlb || {
		make_spec "$BUNDLE/config.json" "$(resource '.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]')"
		refused 125 hugetlb
	}
}

@test "cgroup: network classID needs its controller" {
	make_spec "$BUNDLE/config.json" "$(resource '.network.classID = 1048577')" "$(args sleep 60)"
	if has_controller net_cls; then
		launch run -d --name "$ID" "$BUNDLE/config.json"
		assert_eq "$(cgroup_file net_cls net_cls.classid "$(init_pid)")" 1048577
	else
		refused 125 linux.resources.network
	fi
}

# --- devices ---

# Everything is denied but what the third argument of try allows.
DENY='{allow: false, access: "rwm"}'

@test "cgroup: devices are denied and allowed" {
	has_controller devices || [ "$CGROUP_MODE" = v2 ] || skip "needs devices: no controller"
	local try='for d in null zero full; do head -c 1 /dev/$d >/dev/null 2>&1 && echo $d; done;
		mknod /tmp/full c 1 7 2>/dev/null && echo made-full; mknod /tmp/null c 1 3 2>/dev/null && echo made-null; true'
	inside "$try" "$(all_caps)"
	assert_eq "$output" $'null\nzero\nfull\nmade-full\nmade-null'
	rm -f "$BUNDLE/rootfs/tmp/"*
	inside "$try" "$(all_caps)" "$(resource ".devices = [$DENY, {allow: true, type: \"c\", major: 1, minor: 3, access: \"rwm\"},
		{allow: true, type: \"c\", major: 1, minor: 5, access: \"rw\"}]")"
	# The default devices are allowed in any case (runtime-spec), but not their making.
	assert_contains "$output" null
	assert_contains "$output" zero
	assert_contains "$output" made-null
}

@test "cgroup: a device that is not in the list cannot be opened" {
	has_controller devices || [ "$CGROUP_MODE" = v2 ] || skip "needs devices: no controller"
	local node=.linux.devices+='[{path: "/dev/mem2", type: "c", major: 1, minor: 11, fileMode: 438}]'
	in_container 'ls /dev/mem2; (: </dev/mem2) 2>&1 || echo denied' "$(all_caps)" "$node" \
		"$(resource ".devices = [$DENY]")"
	assert_contains "$output" /dev/mem2
	assert_contains "$output" denied
	assert_contains "$output" "not permitted"
}

@test "cgroup: read only and write only access to a device" {
	has_controller devices || [ "$CGROUP_MODE" = v2 ] || skip "needs devices: no controller"
	# 1:11 is /dev/kmsg: its opening for reading needs nothing else with CAP_SYS_ADMIN.
	local node=.linux.devices+='[{path: "/dev/log2", type: "c", major: 1, minor: 11, fileMode: 438}]'
	in_container '(: </dev/log2) 2>/dev/null && echo read; (: >/dev/log2) 2>/dev/null && echo write; true' "$(all_caps)" "$node" \
		"$(resource ".devices = [$DENY, {allow: true, type: \"c\", major: 1, minor: 11, access: \"w\"}]")"
	assert_eq "$output" write
}

# --- unified ---

@test "cgroup: unified writes any v2 file" {
	requires cgroup-v2
	start_container "$(resource '.unified = {"memory.high": "33554432", "memory.oom.group": "1", "pids.max": "55"}')"
	assert_eq "$(cgroup_file memory memory.high)" 33554432
	assert_eq "$(cgroup_file memory memory.oom.group)" 1
	assert_eq "$(cgroup_file pids pids.max)" 55
}

@test "cgroup: unified for a controller that v2 does not own is an error" {
	requires cgroup-v1
	make_spec "$BUNDLE/config.json" "$(resource '.unified = {"memory.high": "33554432"}')"
	refused 125 memory.high
	refute_contains "$stderr" "o such file"
}

@test "cgroup: unified for the core files works wherever there is a cgroup2 mount" {
	requires cgroup2
	start_container "$(resource '.unified = {"cgroup.max.descendants": "5"}')"
	assert_eq "$(cgroup_file cgroup2 cgroup.max.descendants)" 5
}

@test "cgroup: unified with a file that does not exist is an error naming it" {
	requires cgroup-v2
	make_spec "$BUNDLE/config.json" "$(resource '.unified = {"memory.no_such": "1"}')"
	refused 125 memory.no_such
}

# --- place ---

@test "cgroup: the default place is /minirun/ID, everywhere the container has a cgroup" {
	requires memory
	start_container "$(memory 32M)"
	assert_matches "$(cgroup_dir memory "$PID")" "/minirun/$ID$"
	if [ -n "$CGROUP2_MOUNT" ]; then
		assert_matches "$(cgroup_dir cgroup2 "$PID")" "/minirun/$ID$"
	fi
}

@test "cgroup: an absolute cgroupsPath, a relative one, and --cgroup-parent" {
	requires memory
	start_container "$(memory 32M)" ".linux.cgroupsPath = \"/$RUN_TAG-place/deep/$ID\""
	assert_matches "$(cgroup_dir memory "$PID")" "/$RUN_TAG-place/deep/$ID$"
	minirun delete -f "$ID"
	start_container "$(memory 32M)" ".linux.cgroupsPath = \"$RUN_TAG-relative/$ID\""
	assert_matches "$(cgroup_dir memory "$PID")" "/minirun/$RUN_TAG-relative/$ID$"
	minirun delete -f "$ID"
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(memory 32M)"
	launch run -d --name "$ID" --cgroup-parent "/$RUN_TAG-parent" "$BUNDLE/config.json"
	assert_matches "$(cgroup_dir memory "$(init_pid)")" "/$RUN_TAG-parent/$ID$"
	minirun delete -f "$ID"
	remove_parent "/$RUN_TAG-place"
	remove_parent "/$RUN_TAG-parent"
	remove_parent "/minirun/$RUN_TAG-relative"
}

@test "cgroup: limits that another left at the container's place are not its own, and elsewhere they are told" {
	requires memory
	limited_cgroup "/minirun/$ID" 8388608
	make_rootfs "$BUNDLE/rootfs"
	inside '/memlab anon 20M'
	assert_eq "$(state .State.OOMKilled) $(state .Memory.EffectiveLimitBytes)" "false null"
	refute_exists "$(cgroup_root memory)/minirun/$ID"

	limited_cgroup "/$RUN_TAG-found/$ID" 33554432
	in_container true ".linux.cgroupsPath = \"/$RUN_TAG-found/$ID\""
	assert_status 0
	assert_contains "$stderr" "was there before, with a memory limit of 33554432 bytes"
	assert_contains "$(state '.Warnings[]')" "/$RUN_TAG-found/$ID"
	remove_parent "/$RUN_TAG-found"
}

@test "cgroup: the parents of a container's cgroup stay, empty" {
	requires memory
	local dir
	inside true "$(memory 32M)" ".linux.cgroupsPath = \"/$RUN_TAG-one/two/$ID\""
	dir=$(cgroup_root memory)/$RUN_TAG-one/two
	refute_exists "$dir/$ID"
	assert_eq "$(find "$dir" -mindepth 1 -type d)" ""
	minirun delete "$ID"
	remove_parent "/$RUN_TAG-one"
	assert_nothing_left
}

@test "cgroup: a cgroup that somebody else uses is refused and left alone" {
	requires memory
	local dir
	dir=$(cgroup_root memory)/$RUN_TAG-used
	mkdir "$dir"
	sleep 30 &
	local pid=$!
	echo "$pid" >"$dir/cgroup.procs"
	make_spec "$BUNDLE/config.json" "$(memory 32M)" ".linux.cgroupsPath = \"/$RUN_TAG-used\""
	refused 125 "$RUN_TAG-used"
	kill -0 "$pid"
	assert_eq "$(cat "$dir/cgroup.procs")" "$pid"
	kill "$pid"
	wait "$pid" || true
	wait_for rmdir "$dir"
}

@test "cgroup: a cgroupsPath that leaves the hierarchy is refused" {
	make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "/../escape"'
	refused 125 cgroupsPath
}

# --- freezer, kill, PSI ---

@test "cgroup: pause freezes in the kernel" {
	local dir file value
	start_container
	minirun pause "$ID"
	if [ -n "$CGROUP2_MOUNT" ]; then
		dir=$(cgroup_dir cgroup2 "$PID") file=cgroup.events value='frozen 1'
	else
		dir=$(cgroup_dir freezer "$PID") file=freezer.state value=FROZEN
	fi
	assert_contains "$(cat "$dir/$file")" "$value"
	minirun resume "$ID"
	refute_contains "$(cat "$dir/$file")" "$value"
}

@test "cgroup: at a path outside of /minirun every hierarchy is joined, as engines expect" {
	requires root memory
	make_spec "$BUNDLE/config.json" ".linux.cgroupsPath = \"/$ID\"" "$(args /bin/sleep 60)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$(sed -n 's/^[1-9][0-9]*:\([a-z_,]*\):/\1 /p' "/proc/$(init_pid)/cgroup" | grep -v " /$ID$")" ""
	minirun delete -f "$ID"
	assert_eq "$(find /sys/fs/cgroup -type d -name "$ID")" ""
}

@test "cgroup: on v1 the freezer cgroup is made by a pause, holds everybody, and goes" {
	requires memory freezer
	[ "$CGROUP_MODE" = v1 ] || skip "needs only cgroup v1: this host is $CGROUP_MODE"
	local dir place=/minirun/$ID
	make_spec "$BUNDLE/config.json" \
		"$(args sh -c 'while :; do (sleep 0.1 &); sleep 0.01; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	dir=$(cgroup_root freezer)$place
	_forks() { [ "$(wc -l <"$(cgroup_root memory)$place/cgroup.procs")" -ge 3 ]; }
	wait_for _forks
	refute_exists "$dir"
	minirun pause "$ID"
	assert_eq "$(cat "$dir/freezer.state")" FROZEN
	_same() { cmp -s <(sort "$dir/cgroup.procs") <(sort "$(cgroup_root memory)$place/cgroup.procs"); }
	wait_for _same
	minirun resume "$ID"
	assert_eq "$(cat "$dir/freezer.state")" THAWED
	minirun pause "$ID"
	minirun delete -f "$ID"
	refute_exists "$dir"
	assert_nothing_left
}

@test "cgroup: a cgroup2 mount without the memory controller still gives PSI" {
	requires cgroup-v1 cgroup2 psi memory
	inside true "$(memory 32M)"
	assert_ne "$(state .Memory.Pressure)" null
	assert_between "$(state .Memory.Pressure.SomeTotalUsec)" 0 60000000
}

@test "cgroup: no process of a killed container survives, double forks included" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'for i in 1 2 3 4 5; do (setsid sleep 60 &) ; done; sleep 61')" \
		'.linux.namespaces |= map(select(.type != "pid"))' "$(memory 64M)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	_six() { [ "$(minirun ps --format json "$ID" | jq length)" -ge 6 ]; }
	wait_for _six
	minirun delete -f "$ID"
	assert_nothing_left
}
