# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# minirun exec: a further process gets what the first one has, and nothing more.

# bats sets stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

ex() {
	run --separate-stderr minirun exec "$@" </dev/null
}

@test "exec: its output, its exit code, its signal" {
	start_container
	ex "$ID" sh -c 'echo out; echo err >&2; exit 9'
	assert_status 9
	assert_eq "$output" out
	assert_eq "$stderr" err
	ex "$ID" sh -c 'kill -KILL $$'
	assert_status 137
}

@test "exec: it is in every namespace and cgroup of the container" {
	start_container
	local ns
	for ns in pid net ipc uts mnt cgroup; do
		ex "$ID" readlink "/proc/self/ns/$ns"
		assert_status 0
		assert_eq "$output" "$(readlink "/proc/$PID/ns/$ns")" "$ns"
	done
	launch exec -d --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 60
	assert_status 0
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	diff "/proc/$PID/cgroup" "/proc/$pid/cgroup"
	assert_ne "$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")" "$$"
}

@test "exec: user, groups, cwd, environment" {
	start_container '.process.env += ["A=container"]'
	ex -u 1000:1001 -g 7 -g 8 --cwd /bin -e B=exec "$ID" \
		sh -c 'grep -E "^(Uid|Gid|Groups)" /proc/self/status | tr -s "\t " " "; pwd; echo $A $B'
	assert_status 0
	assert_eq "$output" "Uid: 1000 1000 1000 1000
Gid: 1001 1001 1001 1001
Groups: 7 8 
/bin
container exec"
}

@test "exec: a user is a number and never root by accident" {
	start_container
	printf 'root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n' >"$BUNDLE/rootfs/etc/passwd"
	ex -u 1000 "$ID" sh -c 'grep ^Uid /proc/self/status'
	assert_contains "$output" 1000
	local user
	for user in '' x 0x1 '1 ' -1 4294967295 4294967296 1: 1:2:3 :2; do
		ex --user="$user" "$ID" true
		assert_status 255
		assert_contains "$stderr" "UID:GID"
	done
}

@test "exec: capabilities: as the container's, --cap adds, never inheritable" {
	start_container '.process.capabilities.bounding = ["CAP_KILL"] | .process.capabilities.effective = ["CAP_KILL"]
		| .process.capabilities.permitted = ["CAP_KILL"]'
	ex "$ID" sh -c 'grep -E "^Cap(Inh|Eff|Bnd)" /proc/self/status | cut -f 2'
	assert_eq "$output" $'0000000000000000\n0000000000000020\n0000000000000020'
	ex --cap CAP_NET_RAW "$ID" sh -c 'grep -E "^Cap(Inh|Eff|Bnd)" /proc/self/status | cut -f 2'
	assert_eq "$output" $'0000000000000000\n0000000000002020\n0000000000002020'
}

@test "exec: the container's seccomp profile holds" {
	start_container '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1}]}'
	ex "$ID" sh -c 'mkdir /x || grep -E "^Seccomp:" /proc/self/status'
	assert_contains "$output" $'Seccomp:\t2'
}

@test "exec: --process runs the object of a file" {
	start_container
	jq '.process | .args = ["sh", "-c", "echo from a file; exit 3"]' "$BUNDLE/config.json" >"$BATS_TEST_TMPDIR/p.json"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID"
	assert_status 3
	assert_eq "$output" "from a file"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID" sh
	assert_status 255
	jq '.process | .args = []' "$BUNDLE/config.json" >"$BATS_TEST_TMPDIR/p.json"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID"
	assert_status 255
	assert_contains "$stderr" "process.args"
}

@test "exec: an error names the document or the option that is wrong, and the place in it" {
	start_container
	ex -e A=1 -e FOO "$ID" true
	assert_status 255
	assert_contains "$stderr" "--env 'FOO': expected NAME=VALUE"
	refute_contains "$stderr" config.json
	ex --cwd bin "$ID" true
	assert_status 255
	assert_contains "$stderr" "--cwd 'bin': expected an absolute path"
	refute_contains "$stderr" config.json
	ex "$ID" ''
	assert_status 255
	assert_contains "$stderr" "process.args[0]: is empty"
	refute_contains "$stderr" config.json
	printf '{\n"cwd": "/", "args": ["true"],\n "env": ["A=1", "FOO"]}' >"$BATS_TEST_TMPDIR/p.json"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID"
	assert_status 255
	assert_contains "$stderr" "p.json:3:17: process.env[1]: \"FOO\" has not"
}

@test "exec: its warnings are told, and not again those of the container" {
	start_container '.annotations["run.oci.handler"] = "krun" | .nosuch = 1
		| .process.capabilities.bounding += ["CAP_NOSUCH"]'
	assert_contains "$stderr" run.oci.handler
	ex "$ID" true
	assert_status 0
	assert_eq "$stderr" ""
	ex --cap CAP_TYPO "$ID" true
	assert_status 0
	assert_contains "$stderr" "process.capabilities: 'CAP_TYPO' is left out"
	jq '.process | .args = ["true"] | .envv = []' "$BUNDLE/config.json" >"$BATS_TEST_TMPDIR/p.json"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID"
	assert_status 0
	assert_matches "$stderr" 'p.json:[0-9]+:[0-9]+: envv: unknown member ignored'
}

@test "exec: a failure is 255, told, and does the container no harm" {
	start_container
	ex "$ID" nosuchprogram
	assert_status 255
	assert_contains "$stderr" 'executable file not found in $PATH'
	ex --cwd /nowhere "$ID" true
	assert_status 255
	ex "$ID"
	assert_status 255
	ex "$ID" true
	assert_status 0
	minirun kill "$ID" KILL
	minirun wait "$ID"
	ex "$ID" true
	assert_status 255
	assert_contains "$stderr" "container not running"
	ex nosuch-container true
	assert_status 255
	assert_contains "$stderr" "does not exist"
}

@test "exec: a paused container refuses, --ignore-paused waits for the resume" {
	requires freezer
	start_container
	minirun pause "$ID"
	ex "$ID" true
	assert_status 255
	assert_contains "$stderr" paused
	background_minirun exec --ignore-paused "$ID" true
	minirun resume "$ID"
	wait "$BG_PID"
}

_is_alone() {
	minirun ps --format json "$ID" | jq -e 'length == 1'
}

@test "exec: one that cannot be told of ends, and the container goes on" {
	start_container
	local option
	for option in --pid-file --pidfd-socket; do
		launch exec -d "$option" "$BATS_TEST_TMPDIR/no/such" "$ID" sleep 60
		assert_status 255
		launch exec "$option" "$BATS_TEST_TMPDIR/no/such" "$ID" sleep 60
		assert_status 255
	done
	assert_eq "$(oci_state .status)" running
	wait_for _is_alone
}

@test "exec: a terminal of its own" {
	command -v script >/dev/null || skip "needs script"
	start_container
	run script -qec "$MINIRUN --root $ROOT exec -t $ID sh -c 'test -t 0 && echo on a terminal; exit 5'" /dev/null </dev/null
	assert_status 5
	assert_contains "$output" "on a terminal"
	ex -t -d "$ID" true
	assert_status 255
	assert_contains "$stderr" "--console-socket"
}

@test "exec: into a sub-cgroup, and never out of the container's" {
	requires memory cgroup-v1
	start_container
	local dir
	dir=$(cgroup_root memory)$(sed -n 's/^[0-9]*:\(.*,\)*memory\(,.*\)*:\(.*\)/\3/p' "/proc/$PID/cgroup")
	mkdir "$dir/sub"
	launch exec -d --cgroup memory:sub --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 60
	assert_status 0
	grep -qE ':memory:.*/sub$' "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/cgroup"
	local bad
	for bad in ../x memory:../x nosuch:sub missing cpu:sub; do
		ex --cgroup "$bad" "$ID" true
		assert_status 255
	done
	minirun delete -f "$ID"
	assert_nothing_left
}

@test "exec: on v2 it goes where init is, once the container has controllers for sub-cgroups" {
	requires memory cgroup-v2
	local dir
	start_container "$(memory 64M)"
	dir=$(cgroup_root memory)$(sed -n 's/^0:://p' "/proc/$PID/cgroup")
	mkdir "$dir/init"
	echo "$PID" >"$dir/init/cgroup.procs"
	echo +memory >"$dir/cgroup.subtree_control"
	launch exec -d --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 60
	assert_status 0
	assert_eq "$(cat "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/cgroup")" "$(cat "/proc/$PID/cgroup")"
	# Who names a cgroup gets that one.
	mkdir "$dir/other"
	launch exec -d --cgroup other --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 60
	assert_status 0
	grep -q '/other$' "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/cgroup"
	minirun delete -f "$ID"
	assert_nothing_left
}

@test "exec: CPU affinity before and after the cgroup is joined" {
	[ "$(nproc)" -gt 1 ] || skip "needs two CPUs"
	start_container
	jq '.process | .execCPUAffinity = {initial: "0-1", final: "1"}
		| .args = ["grep", "Cpus_allowed_list", "/proc/self/status"]' "$BUNDLE/config.json" >"$BATS_TEST_TMPDIR/p.json"
	ex --process "$BATS_TEST_TMPDIR/p.json" "$ID"
	assert_status 0
	assert_eq "$(cut -f 2 <<<"$output")" 1
}

@test "exec: into a command of the host" {
	launch run -d --name "$ID" -- sleep 60
	assert_status 0
	ex "$ID" sh -c 'cat /proc/1/comm'
	assert_status 0
	assert_contains "$output" minirun
}

@test "exec: an OOM kill of it is the container's" {
	requires memory
	start_container "$(memory 32M)"
	ex "$ID" /memlab anon 60M
	assert_status 137
	_told() { [ "$(state .State.OOMKilled)" = true ]; }
	wait_for _told
	assert_eq "$(state .State.Status)" running
	minirun kill "$ID" KILL
	minirun wait "$ID"
	assert_eq "$(state .OOM.Kills)" 1
	assert_ne "$(state .OOM.InitKilled)" true
	# The kernel may have left out whose the kill was: at most ten such reports in 5 s.
	[ "$(state .OOM.VictimsWithoutDetail)" = 0 ] || skip "the kernel's log names no victim"
	assert_eq "$(state .OOM.InitKilled)" false
	assert_eq "$(state .OOM.Phase)" exec
	assert_eq "$(state '.OOM.Victims[0] | (.HostPid | tostring) == .Exec')" true
}
