# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# The verbs that engines call: create and start, and what holds between them.

# bats sets stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

# create [JQ-FILTER...]: of the bundle, with the program that the filters name.
create() {
	make_spec "$BUNDLE/config.json" "$@"
	launch create --bundle "$BUNDLE" --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
}

status_of() {
	minirun state "$ID" | jq -r .status
}

_stopped() {
	[ "$(status_of)" = stopped ]
}

_exited() {
	[ "$(state .State.Status)" = exited ]
}

@test "oci: create, start, state, delete" {
	create "$(args /bin/sh -c 'cat /proc/self/cgroup >/dev/null; exit 7')"
	assert_status 0
	assert_eq "$output$stderr" ""
	assert_eq "$(status_of)" created
	assert_matches "$(minirun list | sed -n 2p)" "^$ID +[0-9]+ +created +$BUNDLE +[^ ]+Z +$(id -un)\$"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/pid")" "$(minirun state "$ID" | jq .pid)"
	# Engines parse the file strictly.
	assert_eq "$(tail -c 1 "$BATS_TEST_TMPDIR/pid" | tr -d 0-9)" "" "end of the pid file"
	assert_eq "$(state .State.Status)" created
	launch start "$ID"
	assert_status 0
	assert_eq "$output$stderr" ""
	wait_for _stopped
	wait_for _exited
	assert_eq "$(minirun state "$ID" | jq -c '[.pid, .oomKilled]')" '[0,false]'
	assert_code "$(minirun state "$ID" | jq .exitCode)" 7
	assert_eq "$(state .State.Running)" false
	assert_code "$(state .State.ExitCode)" 7
	minirun delete "$ID"
	run minirun state "$ID"
	assert_status 1
	assert_contains "$output" "does not exist"
	assert_nothing_left
}

@test "oci: the container is no child of ours, and its stdio is create's" {
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'echo out; echo err >&2')"
	minirun create -b "$BUNDLE" "$ID" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null
	assert_ne "$(sed -n 's/^PPid:\t//p' "/proc/$(init_pid)/status")" "$$"
	minirun start "$ID"
	wait_for _stopped
	assert_eq "$(cat "$BATS_TEST_TMPDIR/out")" out
	assert_eq "$(cat "$BATS_TEST_TMPDIR/err")" err
}

@test "oci: the watcher holds nothing of the caller open" {
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	cat "$BATS_TEST_TMPDIR/fifo" >"$BATS_TEST_TMPDIR/read" &
	echo "$!" >>"$BATS_TEST_TMPDIR/background.pids"
	minirun create -b "$BUNDLE" "$ID" 9>"$BATS_TEST_TMPDIR/fifo" </dev/null >/dev/null 2>&1
	minirun start "$ID"
	_ended() { ! kill -0 "$!"; }
	wait_for _ended
}

@test "oci: start only what is created" {
	create "$(args /bin/sleep 60)"
	minirun start "$ID"
	run minirun start "$ID"
	assert_status 1
	assert_contains "$output" "it is running"
	minirun kill "$ID" KILL
	wait_for _stopped
	run minirun start "$ID"
	assert_status 1
	assert_contains "$output" "cannot start a container that has stopped"
}

@test "oci: a second create of a live or stopped container is refused, the first unharmed" {
	create "$(args /bin/sleep 60)"
	run minirun create -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "already exists"
	assert_eq "$(status_of)" created
	minirun kill "$ID" KILL
	wait_for _stopped
	run minirun create -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "already exists"
}

@test "oci: delete refuses a created container without --force" {
	create "$(args /bin/true)"
	run minirun delete "$ID"
	assert_status 1
	minirun delete --force "$ID"
	minirun delete --force "$ID"
	assert_nothing_left
}

@test "oci: delete waits for the end of what has been killed" {
	local n
	for n in 1 2 3 4 5; do
		create "$(args /bin/sleep 60)"
		[ $n -lt 3 ] || minirun start "$ID"
		minirun kill "$ID" KILL
		minirun delete "$ID"
	done
	assert_nothing_left
}

@test "oci: a program that is not there fails create, and nothing is left" {
	create "$(args nosuchprogram)"
	assert_status 1
	assert_contains "$stderr" 'executable file not found in $PATH'
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "oci: a terminal is sent to the console socket" {
	command -v python3 >/dev/null || skip "needs python3"
	make_spec "$BUNDLE/config.json" ".process.terminal = true" "$(args /bin/sh -c 'test -t 0 && echo on a terminal')"
	background python3 -c '
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
c, _ = s.accept()
_, anc, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
fd = array.array("i", anc[0][2])[0]
out = b""
try:
    while True:
        got = os.read(fd, 4096)
        if not got: break
        out += got
except OSError: pass
sys.stdout.write(out.decode())' "$BATS_TEST_TMPDIR/console"
	wait_for test -S "$BATS_TEST_TMPDIR/console"
	run minirun create -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "--console-socket"
	minirun create -b "$BUNDLE" --console-socket "$BATS_TEST_TMPDIR/console" "$ID"
	minirun start "$ID"
	wait_for grep -q "on a terminal" "$OUT"
}

@test "oci: a pidfd of the container is sent, by option and by annotation" {
	command -v python3 >/dev/null || skip "needs python3"
	local how out pid socket=$BATS_TEST_TMPDIR/pidfd
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)"
	for how in option annotation; do
		background timeout 20 python3 -c '
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
c, _ = s.accept()
_, ancillary, _, _ = c.recvmsg(16, socket.CMSG_SPACE(4))
with open("/proc/self/fdinfo/%d" % array.array("i", ancillary[0][2])[0]) as f:
    print([l.split()[1] for l in f if l.startswith("Pid:")][0])' "$socket"
		out=$OUT pid=$BG_PID
		wait_for test -S "$socket"
		if [ $how = option ]; then
			launch run -d -b "$BUNDLE" --pidfd-socket "$socket" "$ID"
		else
			make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" \
				".annotations = {\"run.oci.pidfd_receiver\": \"$socket\"}"
			launch run -d -b "$BUNDLE" "$ID"
		fi
		assert_status 0
		wait "$pid"
		assert_eq "$(cat "$out")" "$(init_pid)" "$how"
		minirun delete --force "$ID"
		rm "$socket"
	done
}

@test "oci: what is no id is an error that shows the character" {
	make_spec "$BUNDLE/config.json"
	local id
	for id in a/b 'a b' . ..; do
		run minirun create -b "$BUNDLE" "$id"
		assert_status 1
		assert_contains "$output" "container ID '$id': invalid"
	done
	run minirun state a/b
	assert_contains "$output" "invalid character '/'"
}

@test "oci: an OOM kill is in state and record, with the exit code" {
	requires memory
	create "$(args /memlab anon 80M)" "$(memory 64M)"
	minirun start "$ID"
	wait_for _stopped
	wait_for _exited
	assert_eq "$(minirun state "$ID" | jq -c '[.oomKilled, .oomKills]')" '[true,1]'
	assert_code "$(minirun state "$ID" | jq .exitCode)" 137
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Scope)" container
	assert_eq "$(state .OOM.Phase)" run
}

@test "oci: the time that it ran is counted from its start, and is not known without one" {
	local begin
	create "$(args true)"
	begin=$(date +%s%N)
	minirun start "$ID"
	wait_for _exited
	# Before kernel 6.15 the exit code is not always known, and then Exit is null.
	if [ "$(state .Exit)" != null ] || kernel_at_least 6.15; then
		assert_between "$(state .Exit.WallUsec)" 1 $((($(date +%s%N) - begin) / 1000))
	fi
	minirun delete "$ID"
	create "$(args true)"
	minirun kill "$ID" KILL
	wait_for _exited
	assert_eq "$(state .Exit.WallUsec)" null
}

@test "oci: run --detach with a minimal init returns once the program runs, and knows who is who" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'read -r _ </gate; exec /memlab anon 96M')" \
		"$(memory 64M)" "$(mount_spec /gate bind "$BUNDLE/gate" bind)"
	mkfifo "$BUNDLE/gate"
	launch run -d --init -b "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(oci_state .status)" running
	echo >"$BUNDLE/gate"
	wait_for _exited
	assert_eq "$(state '[.State.OOMKilled, .OOM.InitKilled]' | jq -c .)" '[true,true]'
}

@test "oci: what needs somebody who waits is refused for a detached bundle" {
	make_spec "$BUNDLE/config.json" "$(args true)"
	run --separate-stderr minirun run -d --rm -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "option --rm with -d"
	run --separate-stderr minirun run -d --timeline "$BATS_TEST_TMPDIR/t" -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "option --timeline with -d"
	refute_exists "$ROOT/$ID"
}

@test "oci: --timeout ends a detached container of a bundle" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	launch run -d --timeout "$((2 * MINIRUN_TEST_PATIENCE))s" --stop-timeout 0 -b "$BUNDLE" "$ID"
	assert_status 0
	wait_for _exited
	assert_eq "$(state .Exit.TimedOut)" true
}

@test "oci: hooks of every kind run in their phases" {
	local kind filter
	for kind in prestart createRuntime createContainer poststart poststop; do
		filter="$filter | .hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"jq -r '\\\"$kind \\\" + .status' >>$BATS_TEST_TMPDIR/hooks\"], env: [\"PATH=$PATH\"]}]"
	done
	make_spec "$BUNDLE/config.json" "${filter# | }" "$(args /bin/sleep 60)"
	minirun create -b "$BUNDLE" "$ID"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/hooks")" $'prestart created\ncreateRuntime created\ncreateContainer created'
	minirun start "$ID"
	assert_eq "$(tail -n 1 "$BATS_TEST_TMPDIR/hooks")" "poststart running"
	minirun delete -f "$ID"
	assert_eq "$(tail -n 1 "$BATS_TEST_TMPDIR/hooks")" "poststop stopped"
}

@test "oci: a poststart hook that fails stops the container" {
	create '.hooks.poststart = [{path: "/bin/false"}]' "$(args /bin/sleep 60)"
	run minirun start "$ID"
	assert_status 1
	assert_contains "$output" "poststart"
	wait_for _stopped
}

@test "oci: create that is killed at any moment leaves nothing behind delete --force" {
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)"
	local i
	for i in 0 1 2 3 4 6 8 12 20; do
		timeout -s KILL "0.00$i" "$MINIRUN" --root "$ROOT" create -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 || true
		minirun delete --force "$ID"
		assert_nothing_left
	done
}

@test "oci: delete --force ends a creation that stands still, as below a frozen cgroup" {
	requires cgroup2
	local parent=$CGROUP2_MOUNT/mr-frozen-$$
	mkdir "$parent"
	echo 1 >"$parent/cgroup.freeze"
	make_spec "$BUNDLE/config.json" "$(args /bin/true)"
	background_minirun run --cgroup-parent "/mr-frozen-$$" --name "$ID" "$BUNDLE/config.json"
	wait_for test -e "$ROOT/$ID/state.json"
	minirun delete --force "$ID"
	wait_background
	find /sys/fs/cgroup -depth -type d -name "mr-frozen-$$" -exec rmdir {} +
	assert_nothing_left
}

@test "oci: a watcher that is killed costs the exit code, not the verdict's honesty" {
	create "$(args /bin/sleep 60)"
	minirun start "$ID"
	kill -KILL "$(jq .monitor.pid "$ROOT/$ID/state.json")"
	minirun kill "$ID" KILL
	wait_for _stopped
	assert_eq "$(minirun state "$ID" | jq -c '[has("exitCode"), has("oomKilled")]')" '[false,false]'
	assert_eq "$(state .State.OOMKilled)" null
	minirun delete "$ID"
}

@test "oci: run --detach leaves the container to whoever adopts orphans; run forgets it" {
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'exit 3')"
	launch run -b "$BUNDLE" "$ID"
	assert_status 3
	refute_exists "$ROOT/$ID"
	launch run -d -b "$BUNDLE" --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
	assert_status 0
	assert_eq "$output$stderr" ""
	wait_for _stopped
	wait_for _exited
	assert_code "$(minirun state "$ID" | jq .exitCode)" 3
}

@test "oci: a kept record outlives delete, asked for by option or annotation" {
	requires memory
	local option annotations
	for option in --keep-record --debug; do
		annotations='{"org.minirun.keepRecord": "true"}'
		[ "$option" = --debug ] || annotations='{}'
		make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)" \
			".annotations = $annotations"
		minirun "$option" create -b "$BUNDLE" "$ID"
		minirun start "$ID"
		wait_for _stopped
		minirun delete --force "$ID"
		run minirun state "$ID"
		assert_status 1
		assert_eq "$(minirun inspect --format '{{.State.OOMKilled}}' "$ID")" true
		assert_code "$(minirun inspect --format '{{json .State.ExitCode}}' "$ID")" 137
	done
	# It is in nobody's way, and goes when told to.
	make_spec "$BUNDLE/config.json"
	minirun create -b "$BUNDLE" "$ID"
	assert_eq "$(state .State.Status)" created
	minirun delete --force "$ID"
	minirun delete --record "$ID"
	run minirun inspect "$ID"
	assert_status 1
}

@test "oci: delete --record with --regex is about the kept records, with --force none is no error" {
	local id
	for id in "$ID.a" "$ID.b" "$ID.lives"; do
		make_spec "$BUNDLE/config.json"
		minirun create -b "$BUNDLE" "$id"
		[ "$id" = "$ID.lives" ] || minirun --keep-record delete --force "$id"
	done
	minirun inspect "$ID.a" >/dev/null
	minirun delete --record --regex "^$ID\\.(a|lives)\$"
	run minirun inspect "$ID.a"
	assert_status 1
	minirun inspect "$ID.b" >/dev/null
	assert_eq "$(minirun state "$ID.lives" | jq -r .status)" created
	run minirun delete --record "$ID.a"
	assert_status 1
	minirun delete --record --force "$ID.a" "$ID.b"
	run minirun inspect "$ID.b"
	assert_status 1
	minirun delete --force "$ID.lives"
}

@test "oci: with the watcher killed, the counter still tells a kill" {
	requires memory
	create "$(args /memlab anon 80M)" "$(memory 64M)"
	kill -KILL "$(jq .monitor.pid "$ROOT/$ID/state.json")"
	minirun start "$ID"
	wait_for _stopped
	assert_eq "$(state '[.State.OOMKilled, .State.ExitCode, .OOM.Kills, .OOM.Certain]' | jq -c .)" '[true,null,1,false]'
	minirun delete "$ID"
}

@test "oci: features name what is there, and refuse what is not" {
	local features option actions
	# Engines read stdout and stderr together.
	features=$(cd / && "$MINIRUN" features 2>&1)
	assert_eq "$(jq -c '[.ociVersionMin, .ociVersionMax, (.hooks | length)]' <<<"$features")" \
		'["1.0.0","1.3.0",6]'
	assert_eq "$(jq -c '.linux | [.namespaces, .capabilities, .cgroup, .seccomp, .apparmor, .selinux, .intelRdt,
		.memoryPolicy, .mountExtensions.idmap, .netDevices] | map(. != null) | unique' <<<"$features")" '[true]'
	assert_eq "$(jq -c '[.annotations, .potentiallyUnsafeConfigAnnotations] | map(. != null) | unique' <<<"$features")" '[true]'
	# What it says no to fails, and names the field.
	make_spec "$BUNDLE/config.json" '.linux.netDevices = {eth9: {}}'
	run minirun plan --bundle "$BUNDLE"
	assert_eq "$status" "$(jq 'if .linux.netDevices.enabled then 0 else 125 end' <<<"$features")"
	make_spec "$BUNDLE/config.json" '.linux.intelRdt = {closID: "x"}'
	run minirun plan --bundle "$BUNDLE"
	# There is none where the host has no resctrl file system, as the specification demands.
	if ! grep -q ' - resctrl ' /proc/self/mountinfo; then
		assert_status 125
		assert_contains "$output" "linux.intelRdt: no resctrl file system is mounted"
	fi
	# What it lists is taken, the rest is not.
	actions=$(jq -c '["swapon", "swapoff", "acct", "reboot", "syslog", "quotactl", "vhangup", "sync"] as $calls
		| .linux.seccomp.actions - ["SCMP_ACT_ALLOW"] | to_entries
		| map({names: [$calls[.key]], action: .value})' <<<"$features")
	make_spec "$BUNDLE/config.json" ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: $actions, listenerPath: \"/run/agent\",
		architectures: $(jq -c .linux.seccomp.archs <<<"$features"),
		flags: $(jq -c .linux.seccomp.supportedFlags <<<"$features")}"
	minirun plan --bundle "$BUNDLE" >/dev/null
	make_spec "$BUNDLE/config.json" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_NO"]}'
	run minirun plan --bundle "$BUNDLE"
	assert_eq "$status" 125
}

@test "oci: every mount option of features is minirun's own, none is left to the file system" {
	requires root
	local option others='bind rbind remount idmap ridmap tmpcopyup copy-symlink src-nofollow dest-nofollow'
	for option in $(minirun features | jq -r '.mountOptions[]'); do
		case " $others mand " in *" $option "*) continue ;; esac
		make_spec "$BUNDLE/config.json" "$(mount_spec /data tmpfs tmpfs "$option")"
		run minirun run --rm --name "$ID" "$BUNDLE/config.json"
		assert_status 0
	done
	make_spec "$BUNDLE/config.json" "$(mount_spec /data tmpfs tmpfs nosuchoption)"
	run minirun run --rm --name "$ID" "$BUNDLE/config.json"
	assert_eq "$status" 125
}

@test "oci: LISTEN_FDS is passed on only to whom it is meant, before --preserve-fds" {
	make_spec "$BUNDLE/config.json" '.process.env += ["LISTEN_FDS=9"]' \
		"$(args /bin/sh -c 'echo "$LISTEN_FDS $LISTEN_PID"; cat <&3; cat <&4; ls /proc/self/fd')"
	echo three >"$BATS_TEST_TMPDIR/3"
	echo four >"$BATS_TEST_TMPDIR/4"
	# exec keeps the pid that the shell has told.
	cat >"$BATS_TEST_TMPDIR/activate" <<-'SH'
		exec 3<"$1/3" 4<"$1/4"
		shift
		export LISTEN_PID=$((BASHPID + WRONG)) LISTEN_FDS=1
		exec "$@"
	SH
	WRONG=0 run bash "$BATS_TEST_TMPDIR/activate" "$BATS_TEST_TMPDIR" \
		"$MINIRUN" --root "$ROOT" run --preserve-fds 1 --rm --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_contains "$output" $'1 1\nthree\nfour'
	WRONG=1 run bash "$BATS_TEST_TMPDIR/activate" "$BATS_TEST_TMPDIR" \
		"$MINIRUN" --root "$ROOT" run --preserve-fds 1 --rm --name "$ID" "$BUNDLE/config.json"
	assert_contains "$output" $'9 \nthree'
	refute_contains "$output" four
	# Under the minimal init the program is another process, and is told its own pid.
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'echo "$LISTEN_FDS $LISTEN_PID $$"')"
	WRONG=0 run bash "$BATS_TEST_TMPDIR/activate" "$BATS_TEST_TMPDIR" \
		"$MINIRUN" --root "$ROOT" run --init --rm --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$output" "1 2 2"
}

@test "oci: --cgroup-manager disabled: no cgroup, no verdict, no limits" {
	requires root
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)"
	launch --cgroup-manager disabled create --bundle "$BUNDLE" "$ID"
	assert_status 0
	minirun start "$ID"
	assert_eq "$(sed 's/^[^/]*//' "/proc/$(init_pid)/cgroup")" "$(sed 's/^[^/]*//' /proc/self/cgroup)"
	run minirun exec "$ID" /bin/echo inside
	assert_status 0
	assert_eq "$output" inside
	run minirun pause "$ID"
	assert_status 1
	assert_contains "$output" "was made without a cgroup"
	run minirun kill --all "$ID" KILL
	assert_status 1
	assert_contains "$output" "was made without a cgroup"
	minirun kill "$ID" KILL
	wait_for _stopped
	wait_for _exited
	minirun kill --all "$ID" KILL
	assert_code "$(minirun state "$ID" | jq .exitCode)" 137
	assert_eq "$(minirun state "$ID" | jq 'has("oomKilled")')" false
	minirun delete "$ID"
	make_spec "$BUNDLE/config.json" "$(memory 64M)"
	run minirun --cgroup-manager disabled create --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "linux.resources.memory"
	assert_nothing_left
}
