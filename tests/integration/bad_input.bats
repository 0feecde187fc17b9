#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Input that cannot be: each is a clear error with its own exit status, with file, line,
# column and path where a file is at fault, and nothing is left.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
	SPEC=$BUNDLE/config.json
}

# rejected CODE TEXT [OPTION...]: $SPEC is refused so, quickly, and nothing is left.
rejected() {
	SECONDS=0
	refused "$@"
	assert_between "$SECONDS" 0 10 "seconds"
	refute_contains "$stderr" "o such file or directory"
	refute_contains "$stderr" "ermission denied"
	assert_nothing_left
}

# --- JSON ---

@test "bad input: malformed JSON, each with file, line and column" {
	local bad=$TOP/tests/fixtures/bad-specs name
	[ -d "$bad" ] || skip "the fixtures are not here"
	mkdir "$BUNDLE/rootfs"
	for name in truncated trailing-comma missing-colon single-quotes comment garbage-after raw-newline \
		bad-escape half-surrogate utf8-invalid bom nan empty blank array string null; do
		cp "$bad/$name.json" "$BUNDLE/$name.json"
		run --separate-stderr minirun run --name "$ID" "$BUNDLE/$name.json"
		assert_status 125
		assert_eq "$output" "" "stdout of $name"
		assert_contains "$stderr" "$BUNDLE/$(cat "$bad/$name.err")"
	done
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "bad input: every other bad spec is refused in the words that its fixture has" {
	local bad=$TOP/tests/fixtures/bad-specs file name
	[ -d "$bad" ] || skip "the fixtures are not here"
	mkdir "$BUNDLE/rootfs"
	for file in "$bad"/*.json; do
		name=${file##*/}
		cp "$file" "$BUNDLE/$name"
		run --separate-stderr minirun run --name "$ID" "$BUNDLE/$name"
		[ "$status" = 125 ] || fail "exit status $status of $name: $stderr"
		[[ $stderr == *"$(cat "${file%.json}.err")"* ]] || fail "$name: $stderr"
		[ -z "$output" ] || fail "output of $name: $output"
	done
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "bad input: wrong types and overflow name line, column and path" {
	make_spec "$SPEC" '.linux.resources.memory.limit = "64m"'
	rejected 125 "linux.resources.memory.limit: expected an integer, found \"64m\""
	assert_matches "$stderr" "$SPEC:[0-9]+:[0-9]+: linux\.resources\.memory\.limit: "
	make_spec "$SPEC" '.linux.resources.memory.limit = 1.5'
	rejected 125 linux.resources.memory.limit
	make_spec "$SPEC"
	sed -i 's/"resources": {}/"resources": {"memory": {"limit": 99999999999999999999}}/' "$SPEC"
	rejected 125 linux.resources.memory.limit
	assert_contains "$stderr" 99999999999999999999
	make_spec "$SPEC" '.process.user.uid = 4294967296'
	rejected 125 process.user.uid
	make_spec "$SPEC" '.process.args = "true"'
	rejected 125 process.args
	make_spec "$SPEC" '.mounts[1].options = [1]'
	rejected 125 'mounts[1].options[0]'
}

# placed CODE TEXT HINT FILTER...: refused, and the place is that of the member that TEXT names.
placed() {
	local code=$1 text=$2 hint=$3
	shift 3
	make_spec "$SPEC" "$@"
	refused "$code" ": $text"
	assert_matches "$stderr" "^minirun: $SPEC:[0-9]+:[0-9]+: "
	assert_contains "$stderr" "$hint"
	assert_nothing_left
}

@test "bad input: what only the machine can refuse has its place in the file, and the cure" {
	placed 125 "root.path '$BUNDLE/none': missing (ENOENT)" "hint: it is the directory" '.root.path = "none"'
	placed 125 "root.path '$BUNDLE/config.json' is no directory" "" '.root.path = "config.json"'
	placed 125 "mounts[5]: mount /no/such on '/x': source '/no/such': missing (ENOENT)" \
		"hint: a bind mount shows" "$(mount_spec /x bind /no/such bind)"
	placed 125 "mounts[5]: mount tmpfs on '/x': option 'nosiud' of tmpfs" "hint: did you mean 'nosuid'?" \
		"$(mount_spec /x tmpfs tmpfs nosiud)"
	placed 125 "mounts[5]: mount nosuchfs on '/x': this kernel has no file system type" "" \
		"$(mount_spec /x nosuchfs none ro)"
	placed 125 "linux.sysctl.net.ipv4.nosuch: set it to '1'" "hint: this kernel has no such" \
		'.linux.sysctl = {"net.ipv4.nosuch": "1"}'
	placed 125 "linux.namespaces: pid namespace '/no/such': missing (ENOENT)" "" \
		'.linux.namespaces |= map(if .type == "pid" then .path = "/no/such" else . end)'
	placed 125 "hooks.createRuntime[0]: error running createRuntime hook #0: '/no/such'" "" \
		'.hooks.createRuntime = [{path: "/no/such"}]'
	placed 125 "process.cwd '/bin/true' is no directory" "" '.process.cwd = "/bin/true"'
	placed 127 'process.args[0]: exec "/no/such": no such file' "" "$(args /no/such)"
	placed 127 'process.args[0]: exec "./such": no such file' "working directory, /bin" \
		"$(args ./such)" '.process.cwd = "/bin"'
	[ ! -e /sys/fs/cgroup/memory ] ||
		placed 125 "linux.resources.unified.memory.max: invalid configuration" "hint: memory, cpu" \
			'.linux.resources.unified = {"memory.max": "64m"}'
}

@test "bad input: a filter that forbids the start is named, and nothing hangs" {
	requires seccomp
	local hint="hint: allow execve, exit_group"
	# A sanitizer has calls of its own, and dies without them in its own way.
	[ -n "${MINIRUN_TEST_SANITIZED:-}" ] ||
		placed 125 "linux.seccomp: the filter forbids what the start needs" "$hint" \
			'.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO"}'
	placed 125 "linux.seccomp: the filter forbids what the start needs" "$hint" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_KILL"}'
	placed 125 "linux.seccomp: the filter forbids what the start needs" "$hint" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["execve"], action: "SCMP_ACT_KILL_PROCESS"}]}'
}

@test "bad input: a memory limit is blamed only where it can be the cause" {
	requires memory
	placed 126 'process.args[0]: exec "/bin/true": Argument list too long' "hint: one argument" \
		'.linux.resources.memory.limit = 67108864' '.process.args = ["/bin/true", "x" * 200000]'
	refute_contains "$stderr" "too low"
}

@test "bad input: limits that the minimal init cannot live with say so" {
	run -125 --separate-stderr minirun run --rm --ulimit nofile=3 -- true
	assert_contains "$stderr" "hint: the minimal init needs a few open files"
	requires pids
	run -125 --separate-stderr minirun run --rm --pids-limit 1 -- true
	assert_contains "$stderr" "hint: the minimal init is a process besides"
	make_spec "$SPEC" '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 0, hard: 0}]'
	run -0 --separate-stderr minirun run --rm --name "$ID" "$SPEC"
	assert_nothing_left
}

@test "bad input: id mappings that overlap, a file that is none" {
	placed 125 "linux.uidMappings: write '0 0 10,5 100 10' to uid_map: Invalid argument" "none may overlap" \
		'.linux.namespaces += [{type: "user"}]' \
		'.linux.uidMappings = [{containerID: 0, hostID: 0, size: 10}, {containerID: 5, hostID: 100, size: 10}]' \
		'.linux.gidMappings = [{containerID: 0, hostID: 0, size: 10}]'
	run -125 --separate-stderr minirun run /dev/null
	assert_contains "$stderr" "spec file '/dev/null' is no regular file"
}

@test "bad input: a file that is called as a member is named once" {
	make_spec "$BUNDLE/process.json" '.process.cwd = 7'
	run -125 --separate-stderr minirun run --name "$ID" "$BUNDLE/process.json"
	assert_eq "$(grep -o 'process.json' <<<"$stderr" | wc -l)" 1
}

@test "bad input: what is ignored has its place, and the member that was meant" {
	make_spec "$SPEC" '.linux.resources.memory.limt = 7' '.process.capabilities.bounding += ["CAP_FOO"]' \
		"$(mount_spec x tmpfs tmpfs ro)"
	run -0 --separate-stderr minirun run --name "$ID" "$SPEC"
	assert_matches "$stderr" "warning: $SPEC:[0-9]+:[0-9]+: linux.resources.memory.limt: unknown member ignored \(did you mean \"limit\"\?\)"
	assert_matches "$stderr" "warning: $SPEC:[0-9]+:[0-9]+: process.capabilities: 'CAP_FOO' is left out of every set"
	assert_matches "$stderr" "warning: $SPEC:[0-9]+:[0-9]+: mounts\[5\].destination: \"x\" is not absolute: taken as \"/x\""
	minirun delete "$ID"
	assert_nothing_left
}

@test "bad input: the line and column are where the value is" {
	printf '{\n  "ociVersion": "1.3.0",\n  "process": { "args": ["true"], "cwd": 7 },\n  "root": {"path": "rootfs"}\n}\n' >"$SPEC"
	rejected 125 "$SPEC:3:41: process.cwd"
}

@test "bad input: duplicate keys, also when one is escaped" {
	printf '{"ociVersion": "1.3.0", "root": {"path": "a", "path": "b"}}' >"$SPEC"
	rejected 125 "$SPEC:1:"
	assert_contains "$stderr" root.path
	printf '{"ociVersion": "1.3.0", "root": {"path": "a", "p\\u0061th": "b"}}' >"$SPEC"
	rejected 125 root.path
}

@test "bad input: a million nested arrays" {
	head -c 1000000 /dev/zero | tr '\0' '[' >"$SPEC"
	rejected 125 "$SPEC:1:"
	assert_contains "$stderr" nest
	{ printf '{"annotations": '; head -c 1000000 /dev/zero | tr '\0' '['; } >"$SPEC"
	rejected 125 "$SPEC:1:"
}

@test "bad input: NUL, raw and escaped" {
	printf '{"ociVersion": "1.3.0\\u0000"}' >"$SPEC"
	rejected 125 "NUL"
	printf '{"ociVersion": "1.3\0.0"}' >"$SPEC"
	rejected 125 "$SPEC:1:"
	make_spec "$SPEC"
	sed -i 's,"/bin/true","/bin/true\\u0000x",' "$SPEC"
	rejected 125 "NUL"
}

@test "bad input: a file of more than 16 MiB" {
	{ printf '{"ociVersion": "'; head -c 17000000 /dev/zero | tr '\0' x; printf '"}'; } >"$SPEC"
	rejected 125 "$SPEC"
	assert_contains "$stderr" "16"
	# Endless, and no regular file at all.
	run --separate-stderr timeout 10 "$MINIRUN" --root "$ROOT" run -b "$BUNDLE" -f /dev/zero "$ID"
	assert_status 1
	mkfifo "$BUNDLE/fifo"
	run --separate-stderr timeout 10 "$MINIRUN" --root "$ROOT" run -b "$BUNDLE" -f "$BUNDLE/fifo" "$ID"
	assert_status 1
	assert_contains "$stderr" fifo
	refute_exists "$ROOT/$ID"
}

@test "bad input: many members do not take long" {
	{ printf '{"ociVersion": "1.3.0", "annotations": {'; seq 1 100000 | sed 's/.*/"k&": "v",/'; printf '"end": ""}}'; } >"$SPEC"
	rejected 125 "$SPEC"
}

@test "bad input: another major version" {
	local version
	for version in 2.0.0 0.9.0 x 1 ""; do
		make_spec "$SPEC" ".ociVersion = \"$version\""
		rejected 125 ociVersion
	done
	make_spec "$SPEC" 'del(.ociVersion)'
	rejected 125 ociVersion
	make_spec "$SPEC" '.ociVersion = "1.99.0"'
	run_spec
	assert_status 0
}

# --- files ---

@test "bad input: no spec, an unreadable one, a directory" {
	run --separate-stderr minirun run --name "$ID" "$BUNDLE/none.json"
	assert_status 125
	assert_contains "$stderr" "$BUNDLE/none.json"
	run --separate-stderr minirun run -b "$BUNDLE/none" "$ID"
	assert_status 1
	assert_contains "$stderr" "$BUNDLE/none/config.json"
	mkdir "$BUNDLE/dir.json"
	run --separate-stderr minirun run --name "$ID" "$BUNDLE/dir.json"
	assert_status 125
	assert_contains "$stderr" "$BUNDLE/dir.json"
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "bad input: a missing rootfs, one that is a file, and an empty one" {
	make_spec "$SPEC" '.root.path = "none"'
	rejected 125 "$BUNDLE/none"
	make_spec "$SPEC" '.root.path = "config.json"'
	rejected 125 "$BUNDLE/config.json"
	mkdir "$BUNDLE/empty"
	make_spec "$SPEC" '.root.path = "empty"'
	refused 127 'exec "/bin/true": no such file or directory'
	assert_nothing_left
}

@test "bad input: a missing program is 127, what is none 126" {
	make_spec "$SPEC" "$(args /no/such)"
	refused 127 'exec "/no/such": no such file or directory'
	make_spec "$SPEC" "$(args no-such)"
	refused 127 'exec "no-such": executable file not found in $PATH'
	make_spec "$SPEC" "$(args /etc/passwd)"
	refused 126 'exec "/etc/passwd": permission denied'
	make_spec "$SPEC" '.process.args = []'
	rejected 125 process.args
	make_spec "$SPEC" '.process.args = [""]'
	rejected 125 'process.args[0]'
	assert_nothing_left
}

# --- values ---

@test "bad input: unknown namespaces, mounts, rlimits, actions, signals of a spec" {
	make_spec "$SPEC" '.linux.namespaces += [{type: "colour"}]'
	rejected 125 'linux.namespaces[6].type'
	make_spec "$SPEC" '.linux.namespaces += [{type: "pid"}]'
	rejected 125 'linux.namespaces'
	make_spec "$SPEC" "$(mount_spec /mnt tmpfs tmpfs nosuchoption)"
	rejected 125 nosuchoption
	make_spec "$SPEC" '.process.rlimits = [{type: "RLIMIT_COLOUR", soft: 1, hard: 1}]'
	rejected 125 RLIMIT_COLOUR
	make_spec "$SPEC" '.linux.seccomp = {defaultAction: "SCMP_ACT_MAYBE"}'
	rejected 125 SCMP_ACT_MAYBE
	make_spec "$SPEC" '.process.cwd = "relative"'
	rejected 125 process.cwd
	make_spec "$SPEC" '.process.env = ["NOEQUALS"]'
	rejected 125 'process.env[0]'
	make_spec "$SPEC" '.process.oomScoreAdj = 1001'
	rejected 125 process.oomScoreAdj
}

@test "bad input: a limit below what init needs says how much would have been enough" {
	requires memory
	make_spec "$SPEC" '.linux.resources.memory = {limit: 16384, swap: 16384}'
	rejected 125 ": linux.resources.memory.limit: 16 KiB (16384 bytes) is too low"
	assert_matches "$stderr" "^minirun: $SPEC:[0-9]+:[0-9]+: "
	assert_contains "$stderr" "512 KiB"
}

@test "bad input: ids that are paths or worse" {
	local id
	make_spec "$SPEC"
	for id in .. . a/b '../x' 'a b' $'a\nb' '' "$(head -c 300 /dev/zero | tr '\0' a)"; do
		run --separate-stderr minirun run --name "$id" "$SPEC"
		assert_status 125
		assert_eq "$output" ""
		run --separate-stderr minirun run -b "$BUNDLE" "$id"
		assert_status 1
	done
	assert_eq "$(ls -A "$ROOT")" ""
}

@test "bad input: control characters of a spec do not reach the terminal" {
	make_spec "$SPEC" '.process.args = ["/no\u001b[31m\u0007such"]'
	run -127 --separate-stderr minirun run --name "$ID" "$SPEC"
	refute_contains "$stderr" $'\e'
	refute_contains "$stderr" $'\a'
}

@test "bad input: a state root that is not ours" {
	make_spec "$SPEC"
	mkdir -m 777 "$BATS_TEST_TMPDIR/open"
	run --separate-stderr "$MINIRUN" --root "$BATS_TEST_TMPDIR/open" run --name "$ID" "$SPEC"
	assert_status 125
	assert_contains "$stderr" 0700
	ln -s "$ROOT" "$BATS_TEST_TMPDIR/link"
	run --separate-stderr "$MINIRUN" --root "$BATS_TEST_TMPDIR/link" run --name "$ID" "$SPEC"
	assert_status 125
	run --separate-stderr "$MINIRUN" --root "$SPEC" run --name "$ID" "$SPEC"
	assert_status 125
	assert_contains "$stderr" "$SPEC"
}

# --- the host ---

@test "bad input: without a cgroup hierarchy that can be written it is an error" {
	requires root-mount unshare
	make_spec "$SPEC" '.linux.resources.memory.limit = 67108864'
	# Every cgroup mount read-only, in a mount namespace of its own.
	run --separate-stderr unshare -m bash -c '
		while read -r _ _ _ _ point _; do case $point in /sys/fs/cgroup*) mount -o remount,bind,ro "$point" 2>/dev/null || true ;; esac
		done </proc/self/mountinfo
		exec "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" "$SPEC"
	assert_status 125
	assert_contains "$stderr" "/sys/fs/cgroup"
	refute_exists "$ROOT/$ID"
}

@test "bad input: without a memory controller a run says that no OOM kill is counted" {
	local copy=$BATS_TEST_TMPDIR/status.json point
	requires root-mount unshare jq memory cgroup-v1
	point=$(cgroup_root memory)
	without_memory() {
		run --separate-stderr unshare -m sh -c 'umount "$0" && exec "$@"' "$point" \
			"$MINIRUN" --root "$ROOT" "$@" --name "$ID" --rm --status "$copy" "$SPEC"
	}
	make_spec "$SPEC" 'del(.linux.resources.memory)'
	without_memory run
	assert_status 0
	assert_contains "$stderr" "warning: no OOM kill is counted"
	assert_eq "$(jq -c '[.OOM, (.State | has("OOMKilled")), (.Warnings | length)]' "$copy")" '[null,false,1]'
	assert_contains "$(jq -r '.Warnings[0]' "$copy")" "no memory controller"
	# Who asks for no cgroup is told nothing that it does not know.
	without_memory --cgroup-manager disabled run
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$(jq -c '[.OOM, .Warnings]' "$copy")" '[null,[]]'
}

@test "bad input: a limit with the cgroups switched off names the switch, in a plan as well" {
	local verb
	requires memory
	make_spec "$SPEC" '.linux.resources.memory.limit = 67108864'
	for verb in run plan; do
		run --separate-stderr minirun --cgroup-manager disabled "$verb" --name "$ID" "$SPEC"
		assert_status 125
		assert_eq "$output" ""
		assert_contains "$stderr" "linux.resources.memory.limit: this host has no memory controller"
		assert_contains "$stderr" "leave out --cgroup-manager disabled"
	done
	refute_exists "$ROOT/$ID"
}

@test "bad input: what covers a cgroup mount is taken for none" {
	requires root-mount unshare memory
	local point
	make_spec "$SPEC" '.linux.resources.memory.limit = 67108864'
	for point in /sys/fs/cgroup /sys/fs/cgroup/memory; do
		[ -d "$point" ] || continue # cgroup v2
		run --separate-stderr unshare -m bash -c 'mount -t tmpfs none "$1" && shift && exec "$@"' - "$point" \
			"$MINIRUN" --root "$ROOT" run --name "$ID" "$SPEC"
		assert_status 125
		assert_matches "$stderr" "^minirun: $SPEC:[0-9]+:[0-9]+: linux.resources.memory.limit: this host has no memory controller"
		assert_contains "$stderr" "hint: "
		refute_exists "$ROOT/$ID"
	done
}

@test "bad input: without any cgroup mount a limit is refused" {
	requires root-mount unshare
	make_spec "$SPEC" '.linux.resources.memory.limit = 67108864'
	run --separate-stderr unshare -m bash -c '
		sed -n "s:^[^ ]* [^ ]* [^ ]* [^ ]* \(/sys/fs/cgroup[^ ]*\) .*:\1:p" /proc/self/mountinfo | sort -r |
			while read -r point; do umount -l "$point" 2>/dev/null || true; done
		exec "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" "$SPEC"
	assert_status 125
	assert_contains "$stderr" cgroup
	assert_contains "$stderr" memory
	refute_exists "$ROOT/$ID"
}
