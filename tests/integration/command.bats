#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Command mode: docker's flags, each seen from inside or in the kernel's files, and the
# spec that --print-spec prints.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups
	DIR=$BATS_TEST_TMPDIR/dir
	mkdir "$DIR"
	cd "$DIR" || return
}

# command [FLAG...] -- PROGRAM...: as the container $ID.
command_mode() {
	run --separate-stderr minirun run --name "$ID" "$@"
}

# shell SCRIPT [FLAG...]: the script of a shell of the host's.
shell() {
	local script=$1
	shift
	command_mode "$@" -- /bin/sh -c "$script"
}

# detached [FLAG...]: sets PID, the host's pid of the container's init.
detached() {
	launch run -d --name "$ID" "$@" -- sleep 60
	assert_status 0
	PID=$(init_pid)
}

# bad TEXT FLAG...: refused with 125 before anything is done.
bad() {
	local text=$1
	shift
	run --separate-stderr minirun run --name "$(id_of bad)" "$@" -- /bin/true
	assert_status 125
	assert_contains "$stderr" "$text"
	assert_eq "$output" ""
	refute_exists "$ROOT/$(id_of bad)"
}

# --- what a command sees ---

@test "command: the host's file system, cwd, user, environment and network" {
	echo here >mark
	FROM_HOST=yes shell 'pwd; cat mark; id -u; echo "$FROM_HOST"; readlink /proc/self/ns/net; readlink /proc/self/ns/uts'
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$output" "$DIR
here
$(id -u)
yes
$(readlink /proc/self/ns/net)
$(readlink /proc/self/ns/uts)"
	shell 'echo new >written; umask'
	assert_eq "$output" "$(umask)"
	assert_eq "$(cat written)" new
}

@test "command: its own pid, mount, ipc and cgroup namespaces, and a fresh /proc" {
	local kind
	shell 'for n in pid mnt ipc cgroup; do readlink /proc/self/ns/$n; done; ls -d /proc/[0-9]* | wc -l; echo $$'
	assert_status 0
	for kind in pid mnt ipc cgroup; do
		refute_contains "$output" "$(readlink "/proc/self/ns/$kind")"
		assert_contains "$output" "$kind:["
	done
	# The minimal init, the shell, ls and wc at most.
	assert_between "${lines[4]}" 2 4 "processes in /proc"
	assert_eq "${lines[5]}" 2 "pid of the program below the minimal init"
}

@test "command: mounts of the container do not reach the host" {
	shell 'mount -t tmpfs none /mnt && touch /mnt/inside && ls /mnt'
	assert_status 0
	assert_eq "$output" inside
	refute_exists /mnt/inside
}

@test "command: exit codes 0, 3, 126, 127 and 128+n" {
	shell 'exit 3'
	assert_status 3
	shell 'kill -KILL $$'
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" false
	run -127 --separate-stderr minirun run --name "$ID" -- ./none
	assert_contains "$stderr" 'exec "./none": no such file or directory'
	run -127 --separate-stderr minirun run --name "$ID" -- none-such-program
	assert_contains "$stderr" 'executable file not found in $PATH'
	echo text >plain
	command_mode -- ./plain
	assert_status 126
	assert_contains "$stderr" 'exec "./plain": permission denied'
	command_mode -- "$DIR"
	assert_status 126
}

@test "command: the id is made of the program's name" {
	run minirun run -- /bin/true
	assert_status 0
	assert_matches "$(minirun list -q)" '^true-[0-9a-f]{6}$'
	minirun delete "$(minirun list -q)"
}

@test "command: arguments pass unchanged" {
	command_mode -- printf '<%s>' 'a b' '' '*' '"' "it's" '-m' $'tab\there'
	assert_status 0
	assert_eq "$output" $'<a b><><*><"><it\'s><-m><tab\there>'
}

@test "command: ignored signals of the caller stay ignored" {
	run bash -c 'trap "" USR1; "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" -- \
		sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status
	assert_eq "$((0x$output >> 9 & 1))" 1
}

# --- memory ---

@test "command: -m limits memory, and swap equals it" {
	requires memory
	detached -m 64m
	assert_eq "$(cgroup_file memory "$(memory_file limit)")" 67108864
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.memsw.limit_in_bytes)" 67108864
	else
		assert_eq "$(cgroup_file memory memory.swap.max)" 0
	fi
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .HostConfig.Memory)" 67108864
}

@test "command: -m takes docker's units" {
	requires memory
	local pair
	for pair in 64m:67108864 32768k:33554432 0.5g:536870912 67108864b:67108864 16MiB:16777216 40M:41943040; do
		command_mode -m "${pair%:*}" -- true
		assert_status 0
		assert_eq "$(state .Memory.LimitBytes)" "${pair#*:}" "-m ${pair%:*}"
	done
}

@test "command: an OOM kill is 137, true in the record and one line on stderr" {
	requires memory memlab
	command_mode -m 32m -- "$MEMLAB" anon 64M
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Kills)" 1
	assert_eq "$(grep -c . <<<"$stderr")" 1
	assert_contains "$stderr" memlab
	command_mode --quiet -m 32m -- "$MEMLAB" anon 64M
	assert_status 137
	assert_eq "$stderr" ""
}

# killed_is COMM PID: the container ended of the OOM kill of this one of its two first processes.
killed_is() {
	wait_for state_is .State.Status exited
	assert_eq "$(state '.State | "\(.OOMKilled) \(.ExitCode)"')" "true 137"
	[ "$(state .OOM.VictimsWithoutDetail)" = 0 ] || return 0
	assert_eq "$(state '.OOM.Victims[0] | "\(.Comm) \(.Pid) \(.IsInit)"')" "$1 $2 true"
	assert_eq "$(state '.OOM | "\(.InitKilled) \(.Certain) \(.Phase)"')" "true true run"
	run --separate-stderr minirun explain "$ID"
	# Of several it tells the last.
	assert_contains "$output" "$(state '.OOM.Victims[-1] |
		(if .Pid then "PID \(.Pid)" else "process \(.HostPid) of the host" end) + " (" + .Comm')"
	assert_contains "$output" "the first process was a victim"
}

# Whom the kernel takes is told from outside, by the score; no other has as much as that.
@test "command: the minimal init is init, too, when the OOM killer takes it" {
	requires memory memlab
	background_minirun run --name "$ID" -m 32m --expect init-killed -- \
		/bin/sh -c 'until [ -e go ]; do sleep 0.05; done; "$0" anon 24M + hold 60 & "$0" anon 24M; :' "$MEMLAB"
	wait_for state_is .State.Status running
	echo 1000 >"/proc/$(init_pid)/oom_score_adj"
	touch go
	wait_background
	assert_status 0
	assert_matches "$stderr" 'OOM-killed ([0-9]+ processes, among them )?minirun-init \(pid 1\)'
	refute_contains "$stderr" "not by the OOM killer"
	killed_is minirun-init 1
}

@test "command: the program under a minimal init is init for the record and for events" {
	requires memory memlab
	launch run -d --name "$ID" -m 32m -- \
		/bin/sh -c 'until [ -e go ]; do sleep 0.05; done; exec "$0" anon 64M' "$MEMLAB"
	assert_status 0
	background_minirun events --interval 1h "$ID"
	sleep 0.3
	touch go
	wait_background
	killed_is memlab 2
	[ "$(state .OOM.VictimsWithoutDetail)" != 0 ] ||
		assert_eq "$(jq -r .data.init "$OUT")" 1
}

@test "command: python that takes too much is killed, and the record says why" {
	requires memory python3
	python3 -c 'import sys; sys.exit(0)' || skip "python3 does not run"
	run --separate-stderr minirun run --name "$ID" -m 64m -- python3 -c 'bytearray(200<<20)'
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .Memory.LimitBytes)" 67108864
	assert_eq "$(state .OOM.Scope)" container
}

@test "command: --memory-swap is memory plus swap, -1 is unlimited" {
	requires memory
	detached -m 64m --memory-swap 96m
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.memsw.limit_in_bytes)" 100663296
	else
		assert_eq "$(cgroup_file memory memory.swap.max)" 33554432
	fi
	minirun delete -f "$ID"
	detached -m 64m --memory-swap -1
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.memsw.limit_in_bytes)" 9223372036854771712
	else
		assert_eq "$(cgroup_file memory memory.swap.max)" max
	fi
	assert_eq "$(state .HostConfig.MemorySwap)" -1
}

@test "command: --memory-reservation is the soft limit, or memory.low" {
	requires memory
	detached -m 64m --memory-reservation 32m
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(cgroup_file memory memory.soft_limit_in_bytes)" 33554432
	else
		assert_eq "$(cgroup_file memory memory.low)" 33554432
	fi
	assert_eq "$(state .HostConfig.MemoryReservation)" 33554432
}

@test "command: --memory-swappiness on cgroup v1" {
	requires cgroup-v1
	detached -m 64m --memory-swappiness 7
	assert_eq "$(cgroup_file memory memory.swappiness)" 7
}

@test "command: --oom-kill-disable on cgroup v1 lets the program wait" {
	requires cgroup-v1 memlab
	launch run -d --name "$ID" -m 16m --oom-kill-disable -- "$MEMLAB" anon 64M
	assert_status 0
	# shellcheck disable=SC2034 # cgroup_file uses it
	PID=$(init_pid)
	assert_contains "$(cgroup_file memory memory.oom_control)" "oom_kill_disable 1"
	_under_oom() { cgroup_file memory memory.oom_control | grep -q 'under_oom 1'; }
	wait_for _under_oom
	wait_for state_is .OOM.Hanging true
	assert_eq "$(oci_state .status)" running
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	assert_eq "$(state .State.OOMKilled)" false
}

@test "command: --oom-kill-disable and --memory-swappiness are refused on cgroup v2" {
	requires cgroup-v2
	bad "linux.resources.memory.disableOOMKiller" -m 64m --oom-kill-disable
	bad "linux.resources.memory.swappiness" -m 64m --memory-swappiness 7
}

@test "command: --oom-score-adj, and 0 where it is not given" {
	shell 'cat /proc/self/oom_score_adj' --oom-score-adj 345
	assert_status 0
	assert_eq "$output" 345
	shell 'cat /proc/self/oom_score_adj'
	assert_eq "$output" "$(cat /proc/self/oom_score_adj)"
	[ "$output" = 0 ] || ! has_cap cap_sys_resource
	run bash -c 'echo 600 >/proc/$$/oom_score_adj; "$@"' - "$MINIRUN" --root "$ROOT" \
		run --name "$ID" -- cat /proc/self/oom_score_adj
	if has_cap cap_sys_resource; then
		assert_eq "$output" 0
	else
		assert_eq "$output" 600
	fi
}

# --- other limits ---

@test "command: --pids-limit" {
	requires pids
	detached --pids-limit 9
	assert_eq "$(cgroup_file pids pids.max)" 9
	minirun delete -f "$ID"
	# The init, the shell and no more than two others.
	shell 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait' --pids-limit 4 --timeout 3s --stop-timeout 0
	assert_matches "$stderr" '([Cc]annot fork|Resource temporarily unavailable)'
}

@test "command: --pids-limit 0 and -1 are no limit" {
	requires pids
	detached --pids-limit -1
	assert_eq "$(cgroup_file pids pids.max 2>/dev/null || echo max)" max
	minirun delete -f "$ID"
	detached --pids-limit 0
	assert_eq "$(cgroup_file pids pids.max 2>/dev/null || echo max)" max
}

@test "command: --cpus is quota and period" {
	requires cpu
	detached --cpus 0.5
	if has_controller cpuacct; then
		assert_eq "$(cgroup_file cpu cpu.cfs_quota_us)" 50000
		assert_eq "$(cgroup_file cpu cpu.cfs_period_us)" 100000
	else
		assert_eq "$(cgroup_file cpu cpu.max)" "50000 100000"
	fi
	assert_eq "$(state .HostConfig.NanoCpus)" 500000000
}

@test "command: --cpuset-cpus" {
	requires cpuset
	shell 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status' --cpuset-cpus 0
	assert_status 0
	assert_eq "$output" 0
}

@test "command: --ulimit sets soft and hard limits" {
	shell 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc' --ulimit nofile=100:200 --ulimit core=0
	assert_status 0
	assert_eq "$output" $'100\n200\n0\n0'
	assert_eq "$(jq -c '.HostConfig.Ulimits[] | select(.Name | test("nofile"; "i")) | [.Soft, .Hard]' \
		"$(status_file)")" "[100,200]"
}

@test "command: --cgroup-conf writes a cgroup v2 file" {
	requires cgroup-v2
	detached --cgroup-conf memory.high=33554432 --cgroup-conf memory.oom.group=1
	assert_eq "$(cgroup_file memory memory.high)" 33554432
	assert_eq "$(cgroup_file memory memory.oom.group)" 1
}

# --- environment, user, files ---

@test "command: -e sets, replaces and copies variables" {
	FROM=host OTHER=host shell 'echo "$FROM $OTHER $NEW <$EMPTY>"' -e OTHER=given -e NEW=x=y -e FROM -e EMPTY=
	assert_eq "$output" "host given x=y <>"
}

@test "command: -w is the working directory" {
	mkdir sub
	shell pwd -w "$DIR/sub"
	assert_eq "$output" "$DIR/sub"
	bad "--workdir" -w relative
}

@test "command: -u by number, with a group, and by name" {
	chmod 755 "$BATS_TEST_TMPDIR" "$DIR"
	cd /
	shell 'id -u; id -g; id -G' -u 1234:4321
	assert_status 0
	assert_eq "$output" $'1234\n4321\n4321'
	shell 'id -u; id -g' -u nobody
	assert_eq "$output" "$(id -u nobody)
$(id -g nobody)"
	shell 'grep CapEff /proc/self/status' -u 1234
	assert_matches "$output" 'CapEff:[[:space:]]0000000000000000'
	bad "no such user" -u no-such-user
	bad "--user" -u -1
}

@test "command: a user is looked up in the --rootfs, and a number is never a name" {
	requires busybox
	make_rootfs "$DIR/rootfs"
	printf 'root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\ninner:x:77:88::/:/bin/sh\n' >"$DIR/rootfs/etc/passwd"
	printf 'inner:x:88:\nextra:x:99:inner\n' >"$DIR/rootfs/etc/group"
	shell 'id -u' --rootfs "$DIR/rootfs" -u 1000
	assert_eq "$output" 1000
	shell 'id -u; id -g; id -G' --rootfs "$DIR/rootfs" -u inner
	assert_eq "$output" $'77\n88\n88 99'
}

@test "command: -h sets the host name in a new uts namespace" {
	shell 'hostname || cat /proc/sys/kernel/hostname; readlink /proc/self/ns/uts' -h boxed
	assert_status 0
	assert_eq "${lines[0]}" boxed
	assert_ne "${lines[1]}" "$(readlink /proc/self/ns/uts)"
	assert_ne "$(cat /proc/sys/kernel/hostname)" boxed
}

@test "command: -v binds a directory, ro read-only, rw writable" {
	mkdir from to
	echo data >from/file
	shell "cat to/file; echo x >to/new; ls to" -v "$DIR/from:$DIR/to"
	assert_status 0
	assert_eq "$output" $'data\nfile\nnew'
	assert_exists from/new
	shell "cat to/file; echo x >to/ro || echo denied" -v "$DIR/from:$DIR/to:ro"
	assert_contains "$output" denied
	assert_contains "$stderr" "ead-only file system"
	refute_exists from/ro
	assert_eq "$(ls to)" "" "the host's directory"
}

@test "command: --read-only makes all of the file system read-only" {
	requires root-mount
	mkdir mounted
	shell 'touch new || echo denied; touch /dev/shm/new || echo denied; cat /proc/self/comm' --read-only
	assert_eq "$output" $'denied\ndenied\ncat'
	refute_exists new
	shell 'touch mounted/new && echo written' --read-only -v "$DIR:$DIR/mounted"
	assert_eq "$output" written
}

@test "command: --rootfs is another root, with a /dev of its own" {
	requires busybox
	make_rootfs "$DIR/rootfs"
	shell 'ls -d /data; pwd; ls /dev/null /dev/pts/ptmx; echo >/dev/null; ls /work /home 2>/dev/null; mount | grep -c " on / "' \
		--rootfs "$DIR/rootfs"
	assert_status 0
	assert_eq "$output" $'/data\n/\n/dev/null\n/dev/pts/ptmx\n1'
	shell 'touch /new || echo denied' --rootfs "$DIR/rootfs" --read-only
	assert_eq "$output" denied
}

@test "command: --shm-size" {
	requires busybox
	make_rootfs "$DIR/rootfs"
	shell 'df -k /dev/shm | tail -n 1' --rootfs "$DIR/rootfs" --shm-size 3m
	assert_matches "$output" '[[:space:]]3072[[:space:]]'
}

@test "command: --network none has loopback, up, and nothing else; host is the host's" {
	shell 'readlink /proc/self/ns/net; sed -n "s/^ *\([a-z0-9]*\):.*/\1/p" /proc/net/dev; cat /sys/class/net/lo/flags >/dev/null; cat /proc/net/fib_trie' \
		--network none
	assert_status 0
	assert_ne "${lines[0]}" "$(readlink /proc/self/ns/net)"
	assert_eq "${lines[1]}" lo
	assert_contains "$output" 127.0.0.1
	shell 'readlink /proc/self/ns/net' --network host
	assert_eq "$output" "$(readlink /proc/self/ns/net)"
	bad "--network" --network bridge
}

@test "command: --cap-drop and --cap-add" {
	local own
	own=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
	local show='sed -n "s/^Cap\(Eff\|Prm\|Bnd\):[[:space:]]*0*\([0-9a-f]\)/\1=\2/p" /proc/self/status'
	shell "$show"
	assert_contains "$output" "Eff=$(printf %x "0x$own")"
	shell "$show" --cap-drop ALL
	assert_eq "$output" $'Prm=0\nEff=0\nBnd=0'
	shell "$show" --cap-drop ALL --cap-add CHOWN --cap-add cap_kill
	assert_eq "$output" $'Prm=21\nEff=21\nBnd=21'
	shell "$show" --cap-drop CHOWN
	assert_contains "$output" "Eff=$(printf %x $((0x$own & ~1)))"
	shell "$show" --cap-drop ALL --cap-add NET_BIND_SERVICE -u 1234
	assert_contains "$output" Eff=400
	bad "unknown capability" --cap-add NO_SUCH
}

# --- init, terminal, stdin ---

@test "command: the minimal init reaps orphans" {
	shell '(sleep 0.02 & (sleep 0.03 &)) ; sleep 0.3; cat /proc/[0-9]*/stat | grep -c ") Z " || true'
	assert_status 0
	assert_eq "$output" 0
}

@test "command: --no-init makes the program pid 1, --init is the default" {
	command_mode --no-init -- /bin/sh -c 'echo $$'
	assert_eq "$output" 1
	command_mode --init -- /bin/sh -c 'echo $$; cat /proc/1/comm'
	assert_eq "$output" $'2\nminirun-init'
}

@test "command: the minimal init passes signals on, and default actions work" {
	background_minirun run --name "$ID" -- /bin/sh -c 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.02; done'
	wait_for grep -q ready "$OUT"
	kill -s USR1 "$BG_PID"
	wait_for grep -q usr1 "$OUT"
	kill -s TERM "$BG_PID"
	wait_background
	assert_status 143
	assert_eq "$(state .Exit.Signal)" SIGTERM
}

@test "command: the other signals reach the program, too, those of real time with them" {
	local sig
	requires python3
	background_minirun run --name "$ID" -- python3 -uc 'import signal
wanted = {16, 26, 27, 29, 30, 34, 37, 50, 64}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready")
while wanted:
    wanted.remove(signal.sigwait(wanted))
print("all")'
	wait_for grep -q ready "$OUT"
	for sig in 16 26 27 29 30 34 37 50 64; do
		kill -"$sig" "$BG_PID"
	done
	wait_background
	assert_status 0
	assert_eq "$(tail -n 1 "$OUT")" all
}

@test "command: the end of the program ends what it has left running" {
	shell 'sleep 60 & exit 4' --rm
	assert_status 4
	assert_nothing_left
}

@test "command: -t gives the program a terminal with the caller's size" {
	requires script
	script -qec "stty rows 33 cols 99; $MINIRUN --root $ROOT run --name $ID -t -- sh -c 'tty; stty size; test -t 1 && echo is-a-tty'" \
		"$BATS_TEST_TMPDIR/typescript" </dev/null >/dev/null 3>&- 4>&-
	output=$(tr -d '\r' <"$BATS_TEST_TMPDIR/typescript")
	assert_matches "$output" '/dev/pts/[0-9]+'
	assert_contains "$output" "33 99"
	assert_contains "$output" is-a-tty
	assert_eq "$(state .Config.Tty)" true
}

@test "command: -t works without a terminal of the caller's, too" {
	shell 'tty >/dev/null && echo yes; exit 5' -t
	assert_status 5
	assert_contains "$output" yes
}

@test "command: without -t there is no terminal" {
	shell '[ -t 0 ] || [ -t 1 ] || echo none'
	assert_eq "$output" none
}

@test "command: stdin reaches the program, with -i and without" {
	run bash -c 'echo through | "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" -i -- cat
	assert_eq "$output" through
	run bash -c 'echo through | "$@"' - "$MINIRUN" --root "$ROOT" run --name "$ID" -- cat
	assert_eq "$output" through
}

@test "command: -d, --name and --rm as with a spec" {
	launch run -d --rm --name "$ID" -- sh -c 'echo logged; sleep 60'
	assert_status 0
	assert_eq "$output" "$ID"
	wait_for grep -qs logged "$ROOT/$ID/log.json"
	minirun kill "$ID" KILL
	_no_record() { [ ! -e "$ROOT/$ID" ]; }
	wait_for _no_record
	assert_nothing_left
}

# --- --print-spec ---

@test "command: what --print-spec prints runs the same" {
	requires memory
	local flags=(-m 48m --memory-reservation 24m --oom-score-adj 300 --ulimit nofile=64:128
		-e "GREETING=hello world" -w / -u 1234:4321 -h printed --network none
		-v "$DIR:/mnt:ro" --cap-drop ALL)
	local show='id -u; id -g; pwd; hostname || cat /proc/sys/kernel/hostname; echo "$GREETING"
		ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; cat /mnt/mark
		touch /mnt/x || echo ro; grep Cap /proc/self/status
		sed -n "s/^ *\([a-z0-9]*\):.*/\1/p" /proc/net/dev'
	chmod 755 "$BATS_TEST_TMPDIR" "$DIR"
	echo marked >mark
	command_mode "${flags[@]}" -- /bin/sh -c "$show"
	assert_status 0
	local direct=$output limit
	limit=$(state .Memory.LimitBytes)
	assert_contains "$direct" "hello world"
	assert_contains "$direct" printed
	minirun run "${flags[@]}" --print-spec -- /bin/sh -c "$show" >"$BATS_TEST_TMPDIR/spec.json"
	run --separate-stderr minirun run --name "$ID" "$BATS_TEST_TMPDIR/spec.json"
	assert_status 0
	assert_eq "$output" "$direct"
	assert_eq "$(state .Memory.LimitBytes)" "$limit"
}

@test "command: the printed spec has a rootfs, too" {
	requires busybox
	make_rootfs "$DIR/rootfs"
	minirun run --rootfs rootfs -h boxed --print-spec -- /bin/sh -c 'hostname; ls -d /data /dev/shm' >spec.json
	assert_eq "$(jq -r .root.path spec.json)" "$DIR/rootfs"
	cd /
	run minirun run --name "$ID" "$DIR/spec.json"
	assert_status 0
	assert_eq "$output" $'boxed\n/data\n/dev/shm'
}

@test "command: flags that cannot be are refused with 125, naming the flag" {
	bad "--memory" -m lots
	bad "--memory-swap" -m 64m --memory-swap 32m
	bad "--memory-swap" --memory-swap 32m
	bad "--memory-reservation" -m 64m --memory-reservation 65m
	bad "--oom-score-adj" --oom-score-adj 1001
	bad "--pids-limit" --pids-limit -2
	bad "--cpus" --cpus x
	bad "--ulimit" --ulimit nofile=9:8
	bad "--ulimit" --ulimit nosuch=1
	bad "--volume" -v relative
	bad "--env" -e =x
	bad "--rootfs" --rootfs /none/such
}

@test "command: -d with -i or -t says what is the matter in words of the command line" {
	bad "option -i with -d: nobody could write to its standard input later" -d -i
	assert_contains "$stderr" "hint: leave one of them out"
	bad "option -t with -d needs --console-socket" -d -t
	refute_contains "$stderr" process.terminal
	make_spec "$BUNDLE/config.json" "$(args true)"
	run --separate-stderr minirun run -d -i --name "$ID" "$BUNDLE/config.json"
	assert_status 125
	refute_exists "$ROOT/$ID"
	run minirun run -i --rm --name "$ID" -- cat <<<"input"
	assert_eq "$output" input
}

@test "command: the record's HostConfig tells what was asked for, and no more" {
	mkdir "$DIR/here"
	shell true -v /tmp:"$DIR/here":ro
	assert_status 0
	assert_eq "$(state '.HostConfig | [.Binds[0], .CapAdd, .CapDrop] | tojson')" "[\"/tmp:$DIR/here:ro\",null,null]"
	minirun delete "$ID"
	shell true -v /tmp:"$DIR/here" --cap-add net_admin --cap-add CAP_KILL --cap-drop all
	assert_status 0
	assert_eq "$(state '.HostConfig | [.Binds[0], .CapAdd, .CapDrop] | tojson')" \
		"[\"/tmp:$DIR/here\",[\"NET_ADMIN\",\"KILL\"],[\"ALL\"]]"
}

@test "command: errors name the options that were written" {
	touch "$DIR/file"
	mkdir "$DIR/dir"
	bad "-v /tmp:/proc/1/x: \"/proc/1/x\" is inside /proc" -v "$DIR/dir:$DIR/dir" -v /tmp:/proc/1/x
	refute_contains "$stderr" "mounts["
	bad "-v $DIR/file:$DIR/dir: mount" -v "$DIR/file:$DIR/dir"
	refute_contains "$stderr" "mounts["
	bad "--workdir '$DIR/file' is no directory" -w "$DIR/file"
	bad "--workdir '$DIR/file/x': a part of the path is no directory" -w "$DIR/file/x"
	bad "--rootfs '$DIR/file' is no directory" --rootfs "$DIR/file"
}

@test "command: a state root that is a file or a link is called so" {
	ln -s "$DIR" "$BATS_TEST_TMPDIR/link"
	touch "$DIR/file"
	run --separate-stderr minirun --root "$DIR/file" run -- true
	assert_status 125
	assert_contains "$stderr" "the state root '$DIR/file' is no directory"
	run --separate-stderr minirun --root "$BATS_TEST_TMPDIR/link/" list
	assert_status 1
	assert_contains "$stderr" "the state root '$BATS_TEST_TMPDIR/link' is a link, which is not followed"
	assert_contains "$stderr" "hint: name the directory itself"
}
