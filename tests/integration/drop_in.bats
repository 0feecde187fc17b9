# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # stderr is set by bats
# What users and test suites of other OCI runtimes rely on without a word of it in the
# specification: with them minirun takes the other's place.
load common
load launching

setup() {
	common_setup
	make_rootfs "$BUNDLE/rootfs"
}

# Make the bundle's config.json of `minirun spec` with the FILTERs.
template() {
	rm -f "$BUNDLE/config.json"
	minirun spec -b "$BUNDLE"
	for filter; do
		jq "$filter" "$BUNDLE/config.json" >"$BUNDLE/changed.json"
		mv "$BUNDLE/changed.json" "$BUNDLE/config.json"
	done
}

@test "drop-in: a state root that was made beforehand, by an ordinary mkdir" {
	make_spec "$BUNDLE/config.json" "$(args true)"
	mkdir -m 755 "$BATS_TEST_TMPDIR/made"
	run minirun --root "$BATS_TEST_TMPDIR/made" run -b "$BUNDLE" "$ID"
	assert_status 0
	chmod 775 "$BATS_TEST_TMPDIR/made"
	run -1 minirun --root "$BATS_TEST_TMPDIR/made" run -b "$BUNDLE" "$ID"
	assert_contains "$output" "others may write to it"
}

@test "drop-in: the terminal of a program adds nothing to what goes into a pipe" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo a; test -t 1 && echo b')" \
		'.process.terminal = true'
	run minirun run -b "$BUNDLE" "$ID"
	assert_eq "$output" $'a\nb'
	make_spec "$BUNDLE/config.json" "$(args sleep 100)"
	minirun run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
	run minirun exec --tty "$ID" sh -c 'echo a; test -t 1 && echo b'
	assert_eq "$output" $'a\nb'
}

@test "drop-in: the template has a cgroup namespace where cgroup v2 is" {
	local has=false
	template
	[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || has=true
	assert_eq "$(jq 'any(.linux.namespaces[]; .type == "cgroup")' "$BUNDLE/config.json")" $has
	template '.process.args = ["true"]'
	minirun run -b "$BUNDLE" "$ID"
}

@test "drop-in: SIGKILL is for all who share the host's pid namespace, be init there or not" {
	requires cgroups
	for gone in no yes; do
		make_spec "$BUNDLE/config.json" "$(args sh -c 'sleep 100 & sleep 100 & wait')" \
			'.linux.namespaces |= map(select(.type != "pid"))' \
			".linux.cgroupsPath = \"/$ID-$gone\""
		minirun create -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
		minirun start "$ID"
		wait_for processes_are 3
		pids=$(minirun ps --format json "$ID" | jq '.[]')
		[ $gone = no ] || kill -9 "$(init_pid)"
		minirun kill "$ID" KILL
		for pid in $pids; do
			wait_for is_over "$pid"
		done
		run minirun kill "$ID" KILL
		assert_status 1
		assert_contains "$output" "container not running"
		minirun delete "$ID"
	done
}
processes_are() { [ "$(minirun ps --format json "$ID" | jq length)" -eq "$1" ]; }
is_over() { ! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }

@test "drop-in: exec --cgroup names several controllers, and refuses what is none or above" {
	requires cgroup-v1 cpu cpuacct
	make_spec "$BUNDLE/config.json" "$(args sleep 100)" \
		'.linux.namespaces |= map(select(.type != "cgroup"))' ".linux.cgroupsPath = \"/$ID\""
	minirun run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
	mkdir -p "/sys/fs/cgroup/cpu/$ID/sub" "/sys/fs/cgroup/cpuacct/$ID/sub"
	run minirun exec --cgroup cpu,cpuacct:sub "$ID" cat /proc/self/cgroup
	assert_status 0
	assert_eq "$(grep -Ec "^[0-9]*:[a-z,]*:/$ID/sub$" <<<"$output")" "$(grep -Ec '^[0-9]*:(cpu|cpuacct|cpu,cpuacct):' /proc/self/cgroup)"
	run -255 minirun exec --cgroup cpu,none:sub "$ID" true
	assert_contains "$output" "unknown controller 'none'"
	run -255 minirun exec --cgroup .. "$ID" true
	assert_contains "$output" "bad sub cgroup path '..'"
}

@test "drop-in: --debug tells the steps, on stderr or in the log" {
	make_spec "$BUNDLE/config.json" "$(args true)"
	run --separate-stderr minirun --debug run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_contains "$stderr" 'level=debug msg='
	assert_contains "$stderr" clone
	run minirun --debug --log "$BATS_TEST_TMPDIR/log" --log-format json run -b "$BUNDLE" "$ID"
	assert_eq "$output" ""
	assert_eq "$(jq -r .level "$BATS_TEST_TMPDIR/log" | sort -u)" debug
	make_spec "$BUNDLE/config.json" "$(args sleep 100)"
	minirun run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
	run --separate-stderr minirun --debug exec "$ID" true
	assert_contains "$stderr" 'level=debug msg='
}

@test "drop-in: a startContainer hook has the environment of the program, unless it has its own" {
	local hook='.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo $A $HOME"]}]'
	make_spec "$BUNDLE/config.json" "$(args true)" '.process.env = ["A=b", "PATH=/bin"]' "$hook"
	run minirun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_matches "$output" '^b /'
	make_spec "$BUNDLE/config.json" "$(args true)" '.process.env = ["A=b", "PATH=/bin"]' "$hook" \
		'.hooks.startContainer[0].env = ["A=own"]'
	run minirun run -b "$BUNDLE" "$ID"
	assert_eq "$output" own
}

@test "drop-in: an empty HOME is none, an empty namespace path, too" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo "$HOME"')" \
		'.process.env = ["PATH=/bin", "HOME=/x", "HOME="]' '.linux.namespaces |= map(.path = "")'
	run minirun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$output" "$(minirun_home)"
}
minirun_home() { awk -F: '$3 == 0 { print $6; exit }' "$BUNDLE/rootfs/etc/passwd" 2>/dev/null | grep . || echo /; }

@test "drop-in: exec enters a time namespace that the container's user namespace does not own" {
	requires root userns timens
	chmod 755 "$BATS_RUN_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")" "$BATS_TEST_TMPDIR" "$BUNDLE"
	chown -R 100000:100000 "$BUNDLE/rootfs"
	make_spec "$BUNDLE/config.json" "$(args sleep 100)" \
		'.linux.namespaces += [{type: "user"}, {type: "time"}]' \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]' \
		'.linux.gidMappings = .linux.uidMappings' \
		'.linux.timeOffsets = {monotonic: {secs: 7881}}'
	minirun run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
	run minirun exec "$ID" cat /proc/self/timens_offsets
	assert_status 0
	assert_contains "$(tr -s ' ' <<<"$output")" "monotonic 7881 0"
}

@test "drop-in: with --no-pivot no bare procfs can be mounted inside" {
	requires root
	for option in "" --no-pivot; do
		make_spec "$BUNDLE/config.json" 'del(.linux.seccomp)' \
			'.linux.maskedPaths = ["/proc/kcore", "/proc/bus"]' \
			'.process.capabilities |= map_values(["CAP_SETFCAP", "CAP_SYS_ADMIN"])' \
			"$(args unshare -mrpf sh -c 'mount -t proc none /proc && echo mounted')"
		# shellcheck disable=SC2086 # an option or none
		run minirun run $option -b "$BUNDLE" "$ID"
		assert_status 1
		refute_contains "$output" mounted
	done
	run cat /proc/self/mountinfo
	refute_contains "$output" " /proc ro,"
}

@test "drop-in: a script without its interpreter is one line" {
	printf '#!/none/sh\n' >"$BUNDLE/rootfs/script"
	chmod +x "$BUNDLE/rootfs/script"
	make_spec "$BUNDLE/config.json" "$(args /script)"
	run minirun run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_eq "${#lines[@]}" 1
	assert_contains "$output" "exec /script: no such file or directory"
}

@test "drop-in: a filter that knows none of the newer calls does not keep the program from starting" {
	requires seccomp
	make_spec "$BUNDLE/config.json" "$(args true)" '.process.noNewPrivileges = false' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["close_range", "fsopen",
			"openat2", "open_tree", "move_mount", "mount_setattr"], action: "SCMP_ACT_ERRNO", errnoRet: 38}]}'
	minirun run -b "$BUNDLE" "$ID"
}

@test "drop-in: the program has the CPUs of its cgroup, not those of the caller" {
	requires cpuset
	command -v taskset >/dev/null || skip "no taskset"
	local list first
	list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/1/status)
	first=${list%%[-,]*}
	[ "$first" != "$list" ] || skip "one CPU"
	make_spec "$BUNDLE/config.json" "$(args sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)"
	run taskset -c "$first" "$MINIRUN" --root "$ROOT" run -b "$BUNDLE" "$ID"
	assert_eq "$output" "$list"
	run --separate-stderr taskset -c "$first" "$MINIRUN" --root "$ROOT" run --rm --name "$ID" "$BUNDLE/config.json"
	assert_eq "$output" "$first"
}

@test "drop-in: burst and idle are taken back by 0, a period comes with its quota" {
	requires cgroup-v1 cpu
	local dir=/sys/fs/cgroup/cpu/$ID/c
	mkdir -p "${dir%/c}"
	echo 50000 >"${dir%/c}/cpu.cfs_quota_us"
	make_spec "$BUNDLE/config.json" "$(args sleep 100)" ".linux.cgroupsPath = \"/$ID/c\"" \
		'.linux.resources.cpu = {quota: 500000, period: 1000000}'
	minirun run -d -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
	minirun update --cpu-period 10000 --cpu-quota 3000 "$ID"
	assert_eq "$(cat "$dir/cpu.cfs_period_us" "$dir/cpu.cfs_quota_us")" $'10000\n3000'
	for value in 1000 0; do
		minirun update --cpu-burst $value "$ID"
		assert_eq "$(cat "$dir/cpu.cfs_burst_us")" $value
	done
	for value in 1 0; do
		minirun update --cpu-idle $value "$ID"
		assert_eq "$(cat "$dir/cpu.idle")" $value
	done
	minirun delete --force "$ID"
	remove_parent "/$ID"
}
