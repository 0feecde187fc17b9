#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the container's process is: user, environment, limits, capabilities, seccomp,
# terminal, scheduling; and the hooks around it.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
}

# in_status KEY: a script that prints that line of the program's own /proc status.
in_status() {
	printf 'sed -n "s/^%s:[[:space:]]*//p" /proc/self/status' "$1"
}

# --- user ---

@test "process: user, group and additional groups" {
	inside 'id -u; id -g; id -G' '.process.user = {uid: 1234, gid: 2345, additionalGids: [10, 20, 4000000]}'
	assert_eq "$output" $'1234\n2345\n2345 10 20 4000000'
}

@test "process: the caller's groups are passed on only by annotation" {
	requires root
	local keep='.annotations = {"run.oci.keep_original_groups": "1"}'
	make_spec "$BUNDLE/config.json" "$(args id -G)" "$keep"
	run --separate-stderr setpriv --groups 77,78 "$MINIRUN" --root "$ROOT" run --name "$ID" "$BUNDLE/config.json"
	assert_eq "$output" "0 77 78"
	in_container 'id -G' "$keep" '.process.user.additionalGids = [9]'
	assert_status 0
	assert_contains "$stderr" "additionalGids are ignored"
}

@test "process: the caller's groups are not passed on" {
	inside 'id -G; grep Groups: /proc/self/status'
	assert_eq "${lines[0]}" 0
	assert_matches "${lines[1]}" '^Groups:[[:space:]]*$'
}

@test "process: umask, and 0022 without one, whatever the caller's" {
	inside umask '.process.user.umask = 63'
	assert_eq "$output" 0077
	umask 0007
	inside umask
	umask 0022
	assert_eq "$output" 0022
}

@test "process: no signal is ignored, whatever the caller ignores" {
	# No shell in it, which ignores SIGQUIT.
	make_spec "$BUNDLE/config.json" "$(args sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status)"
	# 34 is the first real-time one, of which some C libraries make their own.
	run --separate-stderr bash -c 'trap "" USR1 34 40 64; "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" \
		"$BUNDLE/config.json"
	assert_status 0
	assert_eq "$output" 0000000000000000
}

# --- environment and cwd ---

@test "process: the environment is the spec's and nothing else" {
	FROM_HOST=1 inside '/bin/env' '.process.env = ["A=1", "PATH=/bin", "HOME=/x", "EMPTY=", "EQ=a=b c"]'
	assert_eq "$(grep -v '^\(PWD\|SHLVL\|OLDPWD\|_\)=' <<<"$output" | sort)" $'A=1\nEMPTY=\nEQ=a=b c\nHOME=/x\nPATH=/bin'
}

@test "process: of a variable that is given twice the last counts" {
	inside 'echo $A; env | grep -c ^A=' '.process.env += ["A=first", "A=last"]'
	assert_eq "$output" $'last\n1'
}

@test "process: HOME comes from the image's passwd where it is not given" {
	inside 'echo $HOME' '.process.env = ["PATH=/bin"]' '.process.user = {uid: 1000, gid: 1000}'
	assert_eq "$output" /home
	inside 'echo $HOME' '.process.env = ["PATH=/bin"]' '.process.user = {uid: 4242, gid: 0}'
	assert_eq "$output" /
}

@test "process: cwd, and one that is missing is made" {
	inside pwd '.process.cwd = "/data"'
	assert_eq "$output" /data
	inside 'pwd; [ -d /made/for/it ] && echo dir' '.process.cwd = "/made/for/it"'
	assert_eq "$output" $'/made/for/it\ndir'
	assert_exists "$BUNDLE/rootfs/made/for/it"
}

@test "process: a cwd in a mount is the mount's" {
	inside 'pwd; touch here; ls' '.process.cwd = "/mnt"' "$(mount_spec /mnt tmpfs tmpfs)"
	assert_eq "$output" $'/mnt\nhere'
	refute_exists "$BUNDLE/rootfs/mnt/here"
}

@test "process: a program name without a slash is searched in the spec's PATH" {
	make_spec "$BUNDLE/config.json" "$(args tool)" '.process.env = ["PATH=/none:/tools:/bin"]'
	mkdir "$BUNDLE/rootfs/tools"
	printf '#!/bin/sh\necho found $0\n' >"$BUNDLE/rootfs/tools/tool"
	chmod 755 "$BUNDLE/rootfs/tools/tool"
	run_spec
	assert_status 0
	assert_eq "$output" "found /tools/tool"
}

# --- limits ---

@test "process: rlimits, soft and hard" {
	inside 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; sed -n "s/^Max stack size *//p" /proc/self/limits' \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
			{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_STACK", soft: 1048576, hard: 2097152}]'
	assert_eq "$(tr -s ' ' <<<"$output")" $'100\n200\n0\n0\n1048576 2097152 bytes '
}

@test "process: an rlimit that cannot be is an error naming it" {
	make_spec "$BUNDLE/config.json" \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1, hard: 99999999999}]'
	refused 125 'process.rlimits[0]: set RLIMIT_NOFILE'
	refute_contains "$stderr" "Operation not permitted"
}

@test "process: oomScoreAdj" {
	inside 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 432'
	assert_eq "$output" 432
}

@test "process: without oomScoreAdj the value is inherited" {
	make_spec "$BUNDLE/config.json" "$(args cat /proc/self/oom_score_adj)" 'del(.process.oomScoreAdj)'
	run --separate-stderr bash -c 'echo 111 >/proc/$$/oom_score_adj; "$@"' - \
		"$MINIRUN" --root "$ROOT" run --name "$ID" "$BUNDLE/config.json"
	assert_eq "$output" 111
	assert_eq "$stderr" ""
}

@test "process: an inherited oom_score_adj of -1000 is never passed on silently" {
	requires cap_sys_resource
	make_spec "$BUNDLE/config.json" "$(args cat /proc/self/oom_score_adj)" 'del(.process.oomScoreAdj)'
	run --separate-stderr bash -c 'echo -1000 >/proc/$$/oom_score_adj; "$@"' - \
		"$MINIRUN" --root "$ROOT" run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$output" -1000
	assert_contains "$stderr" "process.oomScoreAdj is absent"
	assert_contains "$stderr" "-1000"
	assert_contains "$(state '.Warnings[0]')" oomScoreAdj
}

@test "process: an oomScoreAdj that needs a privilege which is not there is an error" {
	has_cap cap_sys_resource && skip "has CAP_SYS_RESOURCE"
	make_spec "$BUNDLE/config.json" '.process.oomScoreAdj = -900'
	refused 125 process.oomScoreAdj
}

# --- capabilities ---

# All five sets in the order of /proc/self/status, without leading zeros.
CAPS='sed -n "s/^Cap\(...\):[[:space:]]*0*\([0-9a-f]\)/\1=\2/p" /proc/self/status | tr "\n" " "'

@test "process: five capability sets of an ordinary user" {
	inside "$CAPS" '.process.user = {uid: 1000, gid: 1000}' '.process.capabilities = {
		bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
		permitted: ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"],
		effective: ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"],
		inheritable: ["CAP_NET_BIND_SERVICE"],
		ambient: ["CAP_NET_BIND_SERVICE"]}'
	# Through execve(2) only the ambient set survives (capabilities(7)).
	assert_eq "$output" "Inh=400 Prm=400 Eff=400 Bnd=421 Amb=400 "
}

@test "process: capabilities of root are those of the bounding set" {
	inside "$CAPS" '.process.capabilities = {
		bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"],
		effective: ["CAP_CHOWN", "CAP_KILL"], inheritable: [], ambient: []}'
	assert_eq "$output" "Inh=0 Prm=21 Eff=21 Bnd=21 Amb=0 "
	inside "$CAPS" '.process.capabilities = {bounding: [], permitted: [], effective: [], inheritable: [], ambient: []}'
	assert_eq "$output" "Inh=0 Prm=0 Eff=0 Bnd=0 Amb=0 "
}

@test "process: a dropped capability is really gone" {
	inside 'chown 5 /data 2>&1 || true; stat -c %u /data'
	assert_contains "$output" "not permitted"
	assert_eq "${lines[1]}" 0
	inside 'chown 5 /data; stat -c %u /data' "$(all_caps)"
	assert_eq "$output" 5
}

@test "process: an unknown capability is a warning, not a failure" {
	in_container "$CAPS" '.process.capabilities = {bounding: ["CAP_NO_SUCH", "CAP_CHOWN"],
		permitted: ["CAP_NO_SUCH", "CAP_CHOWN"], effective: ["CAP_CHOWN"]}'
	assert_status 0
	assert_contains "$output" "Bnd=1 "
	assert_contains "$stderr" CAP_NO_SUCH
	assert_contains "$(state '.Warnings | join(" ")')" CAP_NO_SUCH
}

@test "process: a capability that the caller has not is a warning" {
	has_cap cap_sys_resource && skip "has CAP_SYS_RESOURCE"
	in_container "$CAPS" '.process.capabilities = {bounding: ["CAP_SYS_RESOURCE", "CAP_CHOWN"],
		permitted: ["CAP_SYS_RESOURCE", "CAP_CHOWN"], effective: ["CAP_SYS_RESOURCE", "CAP_CHOWN"]}'
	assert_status 0
	assert_contains "$output" "Bnd=1 "
	assert_contains "$stderr" CAP_SYS_RESOURCE
}

@test "process: noNewPrivileges, and not" {
	inside "$(in_status NoNewPrivs)"
	assert_eq "$output" 1
	inside "$(in_status NoNewPrivs)" '.process.noNewPrivileges = false'
	assert_eq "$output" 0
}

# --- seccomp ---

# filter ACTION SYSCALL [JQ-OBJECT]: everything is allowed but that call.
filter() {
	printf '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["%s"], action: "%s"} + %s]}' "$2" "$1" "${3:-{\}}"
}

@test "seccomp: ERRNO gives EPERM, or the errno that is named" {
	requires seccomp
	in_container 'mkdir /new || echo denied' "$(filter SCMP_ACT_ERRNO mkdir)"
	assert_eq "$output" denied
	assert_contains "$stderr" "Operation not permitted"
	in_container 'mkdir /new || echo denied' "$(filter SCMP_ACT_ERRNO mkdir '{errnoRet: 71}')"
	assert_eq "$output" denied
	assert_contains "$stderr" "Protocol error"
	refute_exists "$BUNDLE/rootfs/new"
	inside "$(in_status Seccomp)" "$(filter SCMP_ACT_ERRNO mkdir)"
	assert_eq "$output" 2
}

@test "seccomp: every KILL action and TRAP end the program with 159" {
	requires seccomp
	local action
	for action in KILL KILL_PROCESS KILL_THREAD TRAP; do
		make_spec "$BUNDLE/config.json" "$(args mkdir /new)" "$(filter "SCMP_ACT_$action" mkdir)" \
			'.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]'
		run_spec
		assert_status 159
		assert_eq "$(state .Exit.Signal)" SIGSYS
		assert_eq "$(state .State.OOMKilled)" false
	done
	refute_exists "$BUNDLE/rootfs/new"
}

@test "seccomp: LOG allows, TRACE without a tracer is ENOSYS" {
	requires seccomp
	inside 'mkdir /logged && echo made' "$(filter SCMP_ACT_LOG mkdir)"
	assert_eq "$output" made
	in_container 'mkdir /new || echo denied' "$(filter SCMP_ACT_TRACE mkdir)"
	assert_eq "$output" denied
	assert_contains "$stderr" "Function not implemented"
}

@test "seccomp: arguments decide" {
	requires seccomp
	# umask(027) is refused, and then the former mask stays.
	inside 'umask 077; umask 027; umask; umask 070; umask' \
		"$(filter SCMP_ACT_ERRNO umask '{args: [{index: 0, value: 23, op: "SCMP_CMP_EQ"}]}')"
	assert_eq "$output" $'0077\n0070'
	inside 'umask 077; umask 027; umask' \
		"$(filter SCMP_ACT_ERRNO umask '{args: [{index: 0, value: 24, op: "SCMP_CMP_EQ"}]}')"
	assert_eq "$output" 0027
	inside 'umask 077; umask 027; umask' "$(filter SCMP_ACT_ERRNO umask \
		'{args: [{index: 0, value: 7, valueTwo: 7, op: "SCMP_CMP_MASKED_EQ"}]}')"
	assert_eq "$output" 0022
}

@test "seccomp: defaultErrnoRet and a list of what is allowed" {
	requires seccomp
	make_spec "$BUNDLE/config.json" "$(args mkdir /new)"
	# The profile without mkdir.
	jq --slurpfile p "$TOP/configs/seccomp-default.json" '.linux.seccomp = ($p[0]
		| .defaultErrnoRet = 71 | .syscalls |= map(.names -= ["mkdir", "mkdirat"]))' \
		"$BUNDLE/config.json" >"$BUNDLE/$ID.json"
	run --separate-stderr minirun run "$BUNDLE/$ID.json"
	assert_status 1
	assert_contains "$stderr" "Protocol error"
}

@test "seccomp: the default profile blocks mount and unshare, and allows ordinary work" {
	requires seccomp
	make_spec "$BUNDLE/config.json" "$(all_caps)" "$(args sh -c '
		mount -t tmpfs none /mnt 2>&1 || echo no-mount
		unshare -m true 2>&1 || echo no-unshare
		cat /etc/passwd >/dev/null && mkdir /dir && ls -d /dir; sleep 0.01; echo x | grep x')"
	mkdir -p "$BUNDLE/rootfs/mnt"
	run_spec
	assert_eq "$output" $'/dir\nx'
	rmdir "$BUNDLE/rootfs/dir"
	jq --slurpfile p "$TOP/configs/seccomp-default.json" '.linux.seccomp = $p[0]' \
		"$BUNDLE/config.json" >"$BUNDLE/$ID.json"
	run --separate-stderr minirun run "$BUNDLE/$ID.json"
	assert_status 0
	assert_contains "$output" no-mount
	assert_contains "$output" no-unshare
	assert_contains "$output" $'/dir\nx'
}

@test "seccomp: what 'minirun spec' writes has the default profile and runs" {
	requires seccomp
	make_rootfs "$BUNDLE/rootfs"
	minirun spec -b "$BUNDLE"
	assert_eq "$(jq -S .linux.seccomp "$BUNDLE/config.json")" "$(jq -S . "$TOP/configs/seccomp-default.json")"
	jq '.process.terminal = false | .process.args = ["sh", "-c", "grep ^Seccomp: /proc/self/status; mount -t tmpfs none /tmp || echo no"]' \
		"$BUNDLE/config.json" >"$BUNDLE/$ID.json"
	run --separate-stderr minirun run "$BUNDLE/$ID.json"
	assert_status 0
	assert_eq "$output" $'Seccomp:\t2\nno'
}

@test "seccomp: without noNewPrivileges, too" {
	requires seccomp
	in_container 'mkdir /new || echo denied' "$(filter SCMP_ACT_ERRNO mkdir)" '.process.noNewPrivileges = false'
	assert_eq "$output" denied
}

@test "seccomp: a filter with a flag, and one that is unknown" {
	requires seccomp
	in_container 'mkdir /new || echo denied' "$(filter SCMP_ACT_ERRNO mkdir)" \
		'.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]'
	assert_eq "$output" denied
	make_spec "$BUNDLE/config.json" "$(filter SCMP_ACT_ERRNO mkdir)" '.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_NO_SUCH"]'
	refused 125 SECCOMP_FILTER_FLAG_NO_SUCH
}

# seccomp_agent N: takes N listeners in the background, and prints what came with each.
seccomp_agent() {
	cat >"$BATS_TEST_TMPDIR/agent.py" <<'PY'
import array, json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
open(sys.argv[1] + ".ready", "w").close()
for _ in range(int(sys.argv[2])):
    c, _ = s.accept()
    text, ancillary, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(16))
    fds = array.array("i", ancillary[0][2])
    state = json.loads(text)
    state["link"] = os.readlink("/proc/self/fd/%d" % fds[0])
    print(json.dumps(state))
PY
	background timeout 20 python3 "$BATS_TEST_TMPDIR/agent.py" "$BATS_TEST_TMPDIR/agent" "$1"
	agent=$OUT agent_pid=$BG_PID
	wait_for test -e "$BATS_TEST_TMPDIR/agent.ready"
}

@test "seccomp: NOTIFY sends the listener and the state to listenerPath" {
	requires seccomp python3
	local agent agent_pid
	seccomp_agent 1
	inside 'echo ran' "$(filter SCMP_ACT_NOTIFY mknod)" \
		".linux.seccomp += {listenerPath: \"$BATS_TEST_TMPDIR/agent\", listenerMetadata: \"meta\"}"
	assert_eq "$output" ran
	wait "$agent_pid"
	assert_eq "$(jq -r .metadata "$agent")" meta
	assert_eq "$(jq -r '.fds[0]' "$agent")" seccompFd
	assert_eq "$(jq -r .state.id "$agent")" "$ID"
	assert_contains "$(jq -r .link "$agent")" seccomp
}

@test "seccomp: the listener of an exec comes with its pid, and with the state of the container" {
	requires seccomp python3
	local agent agent_pid init
	seccomp_agent 2
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(filter SCMP_ACT_NOTIFY mknod)" \
		".linux.seccomp += {listenerPath: \"$BATS_TEST_TMPDIR/agent\"}"
	minirun run -d --name "$ID" "$BUNDLE/config.json"
	init=$(init_pid)
	minirun exec "$ID" true
	wait "$agent_pid"
	assert_eq "$(jq -sc 'map([.state.status, .state.pid])' "$agent")" "[[\"creating\",$init],[\"running\",$init]]"
	assert_eq "$(jq -sc --argjson init "$init" 'map(.pid == $init)' "$agent")" '[true,false]'
	minirun delete -f "$ID"
}

# --- terminal ---

@test "terminal: a new one, with the size of consoleSize, on all three descriptors" {
	in_container 'tty; stty size; readlink /proc/self/fd/1 /proc/self/fd/2; test -t 2 && echo tty2; ls /dev/console' \
		'.process.terminal = true | .process.consoleSize = {height: 33, width: 77}'
	assert_status 0
	output=$(tr -d '\r' <<<"$output")
	assert_eq "$(head -n 2 <<<"$output")" $'/dev/pts/0\n33 77'
	assert_contains "$output" tty2
	assert_contains "$output" /dev/console
}

@test "terminal: input reaches the program, ^D ends it, its exit code comes back" {
	requires script
	make_spec "$BUNDLE/config.json" "$(args sh -c 'read line; echo "<$line>"; exit 7')" '.process.terminal = true'
	run bash -c '{ sleep 0.5; echo typed; sleep 0.5; } | script -qec "$1 --root $2 run --name $3 $4" /dev/null' \
		- "$MINIRUN" "$ROOT" "$ID" "$BUNDLE/config.json"
	assert_status 7
	assert_contains "$output" "<typed>"
}

@test "terminal: a resize of the caller's terminal reaches the program" {
	requires script
	make_spec "$BUNDLE/config.json" '.process.terminal = true' "$(args sh -c '
		trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.02; done')"
	printf '%s\n' 'stty rows 20 cols 30' \
		"$MINIRUN --root $ROOT run --name $ID $BUNDLE/config.json &" \
		"while [ ! -e $BATS_TEST_TMPDIR/go ]; do sleep 0.02; done" \
		'stty rows 41 cols 42' wait >"$BATS_TEST_TMPDIR/resize"
	background script -qfec "bash $BATS_TEST_TMPDIR/resize" "$BATS_TEST_TMPDIR/typescript"
	wait_for grep -qs ready "$BATS_TEST_TMPDIR/typescript"
	touch "$BATS_TEST_TMPDIR/go"
	wait_for grep -qs "41 42" "$BATS_TEST_TMPDIR/typescript"
	wait_background
}

@test "terminal: detached it is sent to --console-socket" {
	requires python3
	cat >"$BATS_TEST_TMPDIR/console.py" <<'PY'
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
open(sys.argv[1] + ".ready", "w").close()
c, _ = s.accept()
_, ancillary, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(16))
fd = array.array("i", ancillary[0][2])[0]
text = b""
try:
    while b"end" not in text:
        text += os.read(fd, 4096)
except OSError:
    pass
print(text.decode())
PY
	background timeout 20 python3 "$BATS_TEST_TMPDIR/console.py" "$BATS_TEST_TMPDIR/c.sock"
	local out=$OUT pid=$BG_PID
	wait_for test -e "$BATS_TEST_TMPDIR/c.sock.ready"
	make_spec "$BUNDLE/config.json" "$(args sh -c 'tty; echo end; sleep 60')" '.process.terminal = true'
	launch run -d --console-socket "$BATS_TEST_TMPDIR/c.sock" --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	wait "$pid"
	assert_contains "$(cat "$out")" /dev/pts/0
	assert_eq "$(oci_state .status)" running
}

@test "terminal: a console socket that does not fit is an error" {
	make_spec "$BUNDLE/config.json" '.process.terminal = true'
	refused 125 "--console-socket" -d
	refused 125 "--console-socket" --console-socket "$BATS_TEST_TMPDIR/none"
	make_spec "$BUNDLE/config.json"
	refused 125 "--console-socket" -d --console-socket "$BATS_TEST_TMPDIR/none"
}

# --- scheduling, personality, memory policy ---

@test "process: personality LINUX32" {
	[ "$(uname -m)" = x86_64 ] || skip "needs x86_64: $(uname -m)"
	inside 'uname -m' '.linux.personality = {domain: "LINUX32"}'
	assert_eq "$output" i686
	inside 'uname -m' '.linux.personality = {domain: "LINUX"}'
	assert_eq "$output" x86_64
}

@test "process: scheduler policy and nice value" {
	local show='sed "s/.*) //" /proc/self/stat | cut -d " " -f 17,39'
	inside "$show" '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
	assert_eq "$output" "5 3"
	inside "$show" '.process.scheduler = {policy: "SCHED_IDLE"}'
	assert_eq "$output" "$(nice) 5"
	inside "$show"
	assert_eq "$output" "$(nice) 0"
}

@test "process: ioPriority" {
	requires ionice
	start_container '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	assert_eq "$(ionice -p "$PID")" "best-effort: prio 6"
	minirun delete -f "$ID"
	start_container '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
	assert_contains "$(ionice -p "$PID")" idle
}

@test "process: memoryPolicy" {
	[ -e /proc/self/numa_maps ] || skip "needs NUMA: no /proc/self/numa_maps"
	inside 'cut -d " " -f 2 /proc/self/numa_maps | sort -u' '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0"}'
	assert_contains "$output" "bind:0"
}
