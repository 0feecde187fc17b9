#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `minirun run` of a spec file or a bundle, and the verbs for what it starts.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2012

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
}

# --- which spec, which id ---

@test "run: the id is the stem of the spec's file name" {
	make_spec "$BUNDLE/$ID.json" "$(args echo hello)"
	run --separate-stderr minirun run "$BUNDLE/$ID.json"
	assert_status 0
	assert_eq "$output" hello
	assert_eq "$stderr" ""
	assert_eq "$(state .Name)" "/$ID"
	assert_eq "$(minirun list -q)" "$ID"
}

@test "run: the id of a config.json is the name of its directory" {
	local dir=$BATS_TEST_TMPDIR/$ID
	make_spec "$dir/config.json" "$(args cat /proc/self/comm)"
	cd "$dir"
	run minirun run config.json
	assert_status 0
	assert_eq "$output" cat
	assert_eq "$(minirun list -q)" "$ID"
}

@test "run: --name overrides the default id" {
	make_spec "$BUNDLE/$ID.json"
	run minirun run --name "$(id_of other)" "$BUNDLE/$ID.json"
	assert_status 0
	assert_eq "$(minirun list -q)" "$(id_of other)"
}

@test "run: an ended record of the id is replaced" {
	local first
	in_container 'exit 3'
	assert_status 3
	first=$(state .Id)
	assert_eq "$(state .State.ExitCode)" 3
	inside 'exit 0'
	assert_eq "$(state .State.ExitCode)" 0
	assert_ne "$(state .Id)" "$first" "the full id of two containers"
	assert_eq "$(minirun list -q)" "$ID"
}

@test "run: a container gives way only after its supervisor has told its end" {
	requires memory busybox
	local init supervisor record=$BATS_TEST_TMPDIR/record.json
	mkfifo "$BUNDLE/gate"
	make_spec "$BUNDLE/config.json" "$(memory 32M)" "$(args /bin/sh -c 'read -r _ </gate; exec /memlab anon 48M')" \
		"$(mount_spec /gate bind "$BUNDLE/gate" bind)"
	background_minirun run --name "$ID" --status "$record" "$BUNDLE/config.json"
	supervisor=$BG_PID
	wait_for is_running
	kill -STOP "$supervisor"
	init=$(init_pid)
	echo >"$BUNDLE/gate"
	wait_for is_zombie "$init"
	run --separate-stderr minirun run --name "$ID" -- true
	assert_status 125
	assert_contains "$stderr" "its supervisor, process $supervisor, has not finished"
	kill -CONT "$supervisor"
	wait "$supervisor" || status=$?
	assert_eq "$status" 137
	assert_eq "$(jq .State.OOMKilled "$record")" true
	assert_eq "$(state .State.OOMKilled)" true
	run minirun run --name "$ID" -- true
	assert_status 0
}

has_begun() { [ "$(state .Path)" = "$MEMLAB" ]; } # running, or ended by now
is_zombie() { grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }

@test "run: the same name again and again, as fast as its end is seen" {
	local i end
	for i in {1..15}; do
		background_minirun run --name "$ID" -m 32M -- "$MEMLAB" anon 48M
		wait_for has_begun
		end=0
		until run_again; do [ "$((end += 1))" -lt 3000 ] || fail "$(cat "$BATS_TEST_TMPDIR/again")"; done
		status=0
		wait "$BG_PID" || status=$?
		assert_eq "$status" 137 "round $i: $(cat "$ERR")"
	done
}

# "is running" is an answer, any other failure is none.
run_again() {
	minirun run --name "$ID" -- true 2>"$BATS_TEST_TMPDIR/again" && return
	grep -q 'exists and is running' "$BATS_TEST_TMPDIR/again" || fail "$(cat "$BATS_TEST_TMPDIR/again")"
	return 1
}

@test "run: a live container of the id is an error and stays" {
	start_container
	run_spec
	assert_status 125
	assert_contains "$stderr" "'$ID'"
	assert_contains "$stderr" running
	run_spec --status "$BATS_TEST_TMPDIR/record.json"
	assert_status 125
	refute_contains "$stderr" warning
	assert_contains "$(jq -r .State.Error "$BATS_TEST_TMPDIR/record.json")" "exists and is running"
	assert_eq "$(oci_state .status)" running
	assert_eq "$(init_pid)" "$PID"
	kill -0 "$PID"
}

@test "run: a relative root.path is looked for beside the spec, wherever we are" {
	make_spec "$BUNDLE/sub/config.json" "$(args cat /mark)"
	echo beside >"$BUNDLE/sub/rootfs/mark"
	mkdir -p "$BATS_TEST_TMPDIR/elsewhere/rootfs"
	cd "$BATS_TEST_TMPDIR/elsewhere"
	run minirun run --name "$ID" "$BUNDLE/sub/config.json"
	assert_status 0
	assert_eq "$output" beside
	cd "$BUNDLE"
	run minirun run --name "$ID" sub/config.json
	assert_eq "$output" beside
	cd sub
	run minirun run --name "$ID" ../sub/./config.json
	assert_eq "$output" beside
}

@test "run: an absolute root.path" {
	make_rootfs "$BATS_TEST_TMPDIR/other"
	echo there >"$BATS_TEST_TMPDIR/other/mark"
	inside 'cat /mark; ls -d /data' ".root.path = \"$BATS_TEST_TMPDIR/other\""
	assert_eq "$output" $'there\n/data'
}

@test "run: the OCI form, with --bundle, --config and from the current directory" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo config; exit 4')"
	make_spec "$BUNDLE/second.json" "$(args sh -c 'echo second; exit 5')"
	run minirun run -b "$BUNDLE" "$ID"
	assert_status 4
	assert_eq "$output" config
	refute_exists "$ROOT/$ID"
	run minirun run --bundle "$BUNDLE" --config "$BUNDLE/second.json" "$ID"
	assert_status 5
	assert_eq "$output" second
	cd "$BUNDLE"
	run minirun run --keep "$ID"
	assert_status 4
	assert_eq "$(state .Name)" "/$ID"
}

@test "run: the OCI form refuses a used id, and all its failures are 1" {
	make_spec "$BUNDLE/config.json"
	minirun run --keep -b "$BUNDLE" "$ID"
	run --separate-stderr minirun run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "$ID"
	minirun delete "$ID"
	make_spec "$BUNDLE/config.json" "$(args /none)"
	run --separate-stderr minirun run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "no such file or directory"
	refute_exists "$ROOT/$ID"
	run --separate-stderr minirun run -b "$BUNDLE/none" "$ID"
	assert_status 1
	assert_contains "$stderr" "$BUNDLE/none/config.json"
}

# --- exit codes ---

@test "run: the exit code is the program's" {
	local code
	for code in 0 1 42 124 125 255; do
		in_container "exit $code"
		assert_status "$code"
		assert_eq "$(state .State.ExitCode)" "$code"
		assert_eq "$(state .Exit.Code)" "$code"
		assert_eq "$(state .Exit.Signal)" null
	done
}

@test "run: 128+n for a program that a signal ends" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'kill -$SIGNAL $$; sleep 10')"
	local pair
	for pair in KILL:137 TERM:143 SEGV:139 USR1:138; do
		jq --arg s "SIGNAL=${pair%:*}" '.process.env += [$s] | .process.rlimits =
			[{type: "RLIMIT_CORE", soft: 0, hard: 0}]' \
			"$BUNDLE/config.json" >"$BUNDLE/$ID.json"
		run minirun run --init "$BUNDLE/$ID.json"
		assert_status "${pair#*:}"
		assert_eq "$(state .Exit.Signal)" "SIG${pair%:*}"
		assert_eq "$(state .Exit.Code)" null
		assert_eq "$(state .State.ExitCode)" "${pair#*:}"
	done
}

@test "run: 137 when init is killed from outside" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
	assert_eq "$(state .Exit.Signal)" SIGKILL
	assert_eq "$(state .State.OOMKilled)" false
}

@test "run: --timeout is 124, with SIGTERM first" {
	make_spec "$BUNDLE/config.json" \
		"$(args sh -c 'trap "echo term; exit 9" TERM; echo ready; while :; do sleep 0.05; done')"
	SECONDS=0
	run_spec --timeout 300ms
	assert_status 124
	assert_eq "$output" $'ready\nterm'
	assert_between "$SECONDS" 0 5 "seconds"
	assert_eq "$(state .Exit.TimedOut)" true
	assert_eq "$(state .State.ExitCode)" 9
	assert_eq "$(state .Exit.Code)" 9 "the program's own code"
	assert_eq "$stderr" "minirun: the timeout of 0.3 s is over: SIGTERM sent, SIGKILL follows in 10 s"
}

@test "run: --timeout kills what SIGTERM does not end after --stop-timeout" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'trap "" TERM; sleep 60 & wait; sleep 60')"
	SECONDS=0
	run_spec --timeout 200ms --stop-timeout 200ms
	assert_status 124
	assert_between "$SECONDS" 0 5 "seconds"
	assert_eq "$(state .Exit.TimedOut)" true
	assert_eq "$(state .State.OOMKilled)" false
	run_spec --timeout=0.1s --stop-timeout=0
	assert_status 124
	assert_eq "$stderr" "minirun: the timeout of 0.1 s is over: SIGKILL sent"
	run_spec --quiet --timeout=0.1s --stop-timeout=0
	assert_eq "$stderr" ""
}

@test "run: a signal that pid 1 has no handler for is told, with what would end it" {
	local init
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	init=$(init_pid)
	kill -TERM "$BG_PID"
	wait_for grep -q "SIGTERM does nothing: .* minirun kill $ID KILL. Another time: run --init" "$ERR"
	[ -d "/proc/$init" ]
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
	# Whoever has a handler, or a minimal init, is told nothing.
	make_spec "$BUNDLE/config.json" "$(args sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done')"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for grep -q ready "$OUT"
	kill -TERM "$BG_PID"
	wait_background
	assert_eq "$status $stderr" "3 "
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	background_minirun run --init --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	kill -TERM "$BG_PID"
	wait_background
	assert_eq "$status $stderr" "143 "
}

@test "run: --timeout leaves a faster program alone" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 7')"
	run_spec --timeout 20s
	assert_status 7
	assert_eq "$(state .Exit.TimedOut)" false
}

@test "run: 127 for a missing program, in the words that engines know" {
	make_spec "$BUNDLE/config.json" "$(args /bin/none)"
	refused 127 'exec "/bin/none": no such file or directory'
	make_spec "$BUNDLE/config.json" "$(args none)"
	refused 127 'exec "none": executable file not found in $PATH'
	make_spec "$BUNDLE/config.json" "$(args true)" '.process.env = []'
	refused 127 'executable file not found in $PATH'
}

@test "run: 127 for a program whose interpreter is missing, with a hint" {
	make_spec "$BUNDLE/config.json" "$(args /script)"
	printf '#!/none\n' >"$BUNDLE/rootfs/script"
	chmod 755 "$BUNDLE/rootfs/script"
	refused 127 'exec /script: no such file or directory'
	assert_contains "$stderr" "interpreter"
}

@test "run: 126 for what cannot be executed" {
	make_spec "$BUNDLE/config.json" "$(args /etc/passwd)"
	refused 126 'exec "/etc/passwd": permission denied'
	make_spec "$BUNDLE/config.json" "$(args /etc)"
	refused 126 'exec "/etc": permission denied'
	make_spec "$BUNDLE/config.json" "$(args /noformat)"
	echo 'no program' >"$BUNDLE/rootfs/noformat"
	chmod 755 "$BUNDLE/rootfs/noformat"
	refused 126 'exec "/noformat": exec format error'
	mkfifo "$BUNDLE/rootfs/fifo"
	make_spec "$BUNDLE/config.json" "$(args /fifo)"
	refused 126 'exec "/fifo": permission denied'
}

@test "run: 125 for minirun's own failures" {
	make_spec "$BUNDLE/config.json" '.root.path = "none"'
	refused 125 "$BUNDLE/none"
	refute_contains "$stderr" "o such file or directory"
	make_spec "$BUNDLE/config.json" "$(mount_spec /data none /none/such bind)"
	refused 125 /none/such
	refute_contains "$stderr" "o such file or directory"
}

# --- options ---

@test "run: --rm forgets the record, not the exit code" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 6')"
	run_spec --rm
	assert_status 6
	refute_exists "$ROOT/$ID"
	assert_eq "$(minirun list -q)" ""
	assert_nothing_left
}

@test "run: --status writes the final record to a file, also with --rm" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 6')"
	cd "$BATS_TEST_TMPDIR"
	run_spec --rm --status out.json
	assert_status 6
	assert_eq "$(jq -r .State.Status out.json)" exited
	assert_eq "$(jq -r .State.ExitCode out.json)" 6
	assert_eq "$(jq -r .Name out.json)" "/$ID"
	run_spec --status "$BATS_TEST_TMPDIR/out2.json"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/out2.json")" "$(cat "$(status_file)")"
	# Only complete files, no temporary ones.
	assert_eq "$(find . -maxdepth 1 -name '*out*json*' | sort | tr '\n' ' ')" "./out.json ./out2.json "
}

@test "run: --status - writes the record to stdout, after the program's output" {
	make_spec "$BUNDLE/config.json" "$(args echo hello)"
	run_spec --status -
	assert_status 0
	assert_eq "${lines[0]}" hello
	assert_eq "$(sed 1d <<<"$output" | jq -r .State.Status)" exited
}

@test "run: a --status that cannot be written is refused before anything starts" {
	local file
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo RAN; exit 3')"
	mkdir "$BATS_TEST_TMPDIR/dir"
	for file in /none/such/file '' "$BATS_TEST_TMPDIR/dir" /dev/null "$BUNDLE/config.json/x"; do
		run_spec --rm --status "$file"
		assert_status 125
		assert_eq "$output" ""
		assert_contains "$stderr" "--status '$file': "
		refute_contains "$stderr" "Invalid argument"
		refute_exists "$ROOT/$ID"
	done
	run_spec -d --status -
	assert_status 125
	assert_contains "$stderr" "name a file: --status FILE"
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "run: with -d a --status that fails at the end is a warning in the record, which stays" {
	local keep dir=$BATS_TEST_TMPDIR/dir
	make_spec "$BUNDLE/config.json" "$(args sh -c 'sleep 0.5; exit 3')"
	for keep in '' --rm; do
		mkdir "$dir"
		# shellcheck disable=SC2086
		launch run -d $keep --name "$ID" --status "$dir/s.json" "$BUNDLE/config.json"
		assert_status 0
		rmdir "$dir"
		run minirun wait "$ID"
		assert_eq "$output" 3
		assert_contains "$(state '.Warnings | join("")')" "cannot write the status file '$dir/s.json': missing (ENOENT)"
		minirun delete "$ID"
	done
}

@test "run: -d --bundle --status writes the record at the end, too" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 3')"
	launch run -d --bundle "$BUNDLE" --status "$BATS_TEST_TMPDIR/s.json" "$ID"
	assert_status 0
	wait_for test -s "$BATS_TEST_TMPDIR/s.json"
	assert_code "$(jq .State.ExitCode "$BATS_TEST_TMPDIR/s.json")" 3
}

@test "run: --log-format json gets one object for a failure and none for success" {
	local log=$BATS_TEST_TMPDIR/log
	make_spec "$BUNDLE/config.json"
	run --separate-stderr minirun --log "$log" --log-format json run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$(cat "$log")" ""
	make_spec "$BUNDLE/config.json" "$(args /none)"
	run -127 --separate-stderr minirun --log "$log" --log-format json run --name "$ID" "$BUNDLE/config.json"
	assert_eq "$(jq -s length "$log")" 1
	assert_eq "$(wc -l <"$log" | tr -d ' ')" 1
	assert_eq "$(jq -r .level "$log")" error
	assert_contains "$(jq -r .msg "$log")" 'exec "/none": no such file or directory'
	# A program that fails is no failure of ours.
	in_container 'exit 9'
	assert_eq "$(jq -s length "$log")" 1
}

@test "run: --trace shows every step with its values and its duration, of both sides" {
	make_spec "$BUNDLE/config.json" "$(args echo out)" "$(memory 32M)"
	run_spec --trace
	assert_status 0
	assert_eq "$output" out
	assert_matches "$stderr" ' [0-9]+\.[0-9]{3} ms  parent  create-cgroups'
	assert_matches "$stderr" ' [0-9]+\.[0-9]{3} ms  parent  clone'
	assert_matches "$stderr" ' [0-9]+\.[0-9]{3} ms  child   mounts'
	assert_matches "$stderr" ' [0-9]+\.[0-9]{3} ms  child   exec +echo out'
	assert_matches "$stderr" ' [0-9]+\.[0-9]{3} ms  parent  verdict'
	assert_matches "$stderr" " parent  record +$ROOT/$ID"
	assert_matches "$stderr" " parent  remove-cgroups .*/minirun/$ID"
	assert_contains "$stderr" "=33554432"
}

@test "run: plan names the steps that --trace shows, with their values" {
	local step
	make_spec "$BUNDLE/config.json" "$(args echo out)" "$(memory 32M)" '.hostname = "boxname"'
	run_spec --trace
	sed -n 's/.* ms  \(parent\|child\) *\([a-z-]*\).*/\2/p' <<<"$stderr" | sort -u >"$BATS_TEST_TMPDIR/traced"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/traced")" -gt 15 ]
	run --separate-stderr minirun plan --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	while read -r step; do
		assert_matches "$output" "  $step +"
	done <"$BATS_TEST_TMPDIR/traced"
	assert_contains "$output" 33554432
	assert_contains "$output" boxname
	assert_contains "$output" "echo out"
	assert_contains "$output" "$ID"
}

@test "run: --summary says how it ended, on stderr only" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 3')"
	run_spec --summary
	assert_status 3
	assert_eq "$output" ""
	assert_eq "$(grep -c . <<<"$stderr")" 1
	assert_contains "$stderr" 3
	run_spec
	assert_eq "$stderr" ""
}

@test "run: with --rm the figures are read where somebody sees them" {
	requires memory
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 8M)" "$(memory 32M)"
	run_spec --rm --summary
	assert_matches "$stderr" 'exited 0 .* peak [1-9]'
	run_spec --rm --status -
	assert_between "$(grep -v '^{"step"' <<<"$output" | jq .Memory.PeakBytes)" 8388608 33554432 PeakBytes
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 32M)"
	run_spec --rm
	assert_status 137
	assert_matches "$stderr" 'OOM-killed memlab .* 32 MiB of 32 MiB'
	refute_exists "$ROOT/$ID"
}

@test "run: --pid-file holds init's pid without a newline" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	launch run -d --pid-file "$BATS_TEST_TMPDIR/pid" --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$(cat "$BATS_TEST_TMPDIR/pid"; echo .)" "$(init_pid)."
	assert_eq "$(cat "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/comm")" sleep
}

@test "run: --keep leaves the cgroup until delete" {
	requires memory
	local dir
	make_spec "$BUNDLE/config.json" "$(args sh -c 'cat /proc/self/cgroup')" "$(memory 32M)" \
		'.linux.namespaces |= map(select(.type != "cgroup"))'
	run minirun run --keep -b "$BUNDLE" "$ID"
	assert_status 0
	dir=$(_snapshot_cgroups | grep "/$ID$" | head -n 1)
	assert_exists "$dir"
	minirun delete "$ID"
	refute_exists "$dir"
	run -125 minirun run --rm --keep --name "$ID" -- true
	assert_contains "$output" "--rm and --keep"
}

# --- stdio, descriptors ---

@test "run: a seccomp filter leaves stdin open" {
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'read -r line; echo "got $line"')" \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
	run minirun run --rm --name "$ID" "$BUNDLE/config.json" <<<hello
	assert_status 0
	assert_contains "$output" "got hello"
}

@test "run: stdin, stdout and stderr are the caller's" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'cat; echo oops >&2')"
	run --separate-stderr bash -c 'printf "one\ntwo" | "$@"' - "$MINIRUN" --root "$ROOT" \
		run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$output" $'one\ntwo'
	assert_eq "$stderr" oops
}

@test "run: a megabyte of binary data passes unchanged both ways" {
	head -c 1048576 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	make_spec "$BUNDLE/config.json" "$(args cat)"
	minirun run --name "$ID" "$BUNDLE/config.json" <"$BATS_TEST_TMPDIR/data" >"$BATS_TEST_TMPDIR/copy"
	cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/copy"
}

@test "run: exactly descriptors 0, 1 and 2 are open inside" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	exec 7</dev/null 9>"$BATS_TEST_TMPDIR/nine"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	exec 7<&- 9>&-
	wait_for state_is .State.Status running
	assert_eq "$(ls "/proc/$(init_pid)/fd" | tr '\n' ' ')" "0 1 2 "
	minirun kill "$ID" KILL
	wait_background
	assert_status 137
}

@test "run: detached, exactly descriptors 0, 1 and 2 are open, and none is the caller's" {
	start_container
	assert_eq "$(ls "/proc/$PID/fd" | tr '\n' ' ')" "0 1 2 "
	assert_eq "$(readlink "/proc/$PID/fd/0")" /dev/null
	assert_matches "$(readlink "/proc/$PID/fd/1")" '^pipe:'
}

@test "run: detached, nobody keeps a descriptor of the caller's" {
	local held=$BATS_TEST_TMPDIR/held
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	(
		flock 9
		launch run -d --name "$ID" "$BUNDLE/config.json"
	) 9>"$held"
	minirun state "$ID" | grep -q running
	flock -n "$held" true
	minirun delete -f "$ID"
}

@test "run: --preserve-fds passes on that many descriptors" {
	echo three >"$BATS_TEST_TMPDIR/3"
	echo four >"$BATS_TEST_TMPDIR/4"
	make_spec "$BUNDLE/config.json" "$(args sh -c 'cat <&3; cat <&4; (: <&5) 2>/dev/null || echo closed')"
	run bash -c 'exec "$1" --root "$2" run --name "$3" --preserve-fds 2 "$4" 3<"$5/3" 4<"$5/4" 5</dev/null' \
		- "$MINIRUN" "$ROOT" "$ID" "$BUNDLE/config.json" "$BATS_TEST_TMPDIR"
	assert_status 0
	assert_eq "$output" $'three\nfour\nclosed'
}

@test "run: without --preserve-fds nothing of the caller's is passed on" {
	make_spec "$BUNDLE/config.json" "$(args sh -c '(: <&3) 2>/dev/null || echo closed')"
	run bash -c 'exec "$1" --root "$2" run --name "$3" "$4" 3</dev/null' \
		- "$MINIRUN" "$ROOT" "$ID" "$BUNDLE/config.json"
	assert_eq "$output" closed
}

# --- signals to minirun ---

@test "run: TERM, INT, HUP, USR1 and USR2 are passed on to the program" {
	local signal
	make_spec "$BUNDLE/config.json" "$(args sh -c '
		for s in TERM INT HUP USR1 USR2; do trap "echo got $s" $s; done
		trap "echo bye; exit 33" QUIT
		echo ready; while :; do sleep 0.02; done')"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for grep -q ready "$OUT"
	for signal in TERM INT HUP USR1 USR2; do
		kill -s "$signal" "$BG_PID"
		wait_for grep -q "got $signal" "$OUT"
	done
	kill -s QUIT "$BG_PID"
	wait_background
	assert_status 33
	assert_eq "$(tail -n 1 "$OUT")" bye
}

@test "run: with --init a program without handlers ends by a signal" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	background_minirun run --init --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	kill -s INT "$BG_PID"
	wait_background
	assert_status 130
	assert_eq "$(state .Exit.Signal)" SIGINT
}

# killed_by SIGNAL: minirun dies by it with a running container.
killed_by() {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'sleep 60 & sleep 61')" "$(memory 32M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	PID=$(init_pid)
	kill -s "$1" "$BG_PID"
}

@test "run: SIGKILL of minirun ends the container, and delete -f leaves nothing" {
	killed_by KILL
	wait_background
	assert_status 137
	wait_for _is_gone "$PID"
	assert_eq "$(oci_state .status)" stopped
	minirun delete -f "$ID"
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "run: SIGKILL of minirun, then a new run of the same id" {
	killed_by KILL
	wait_for _is_gone "$PID"
	inside 'echo again'
	assert_eq "$output" again
}

@test "run: SIGTERM and SIGINT of minirun while the container is being set up leave nothing" {
	local signal
	make_spec "$BUNDLE/config.json" ".hooks.createRuntime = [{path: \"/bin/sh\",
		args: [\"sh\", \"-c\", \"touch $BATS_TEST_TMPDIR/hook; sleep 0.3\"], env: [\"PATH=$PATH\"]}]"
	for signal in TERM INT; do
		rm -f "$BATS_TEST_TMPDIR/hook"
		background_minirun run --name "$ID" "$BUNDLE/config.json"
		wait_for test -e "$BATS_TEST_TMPDIR/hook"
		kill -s "$signal" "$BG_PID"
		wait_background
		case $signal in TERM) assert_status 143 ;; INT) assert_status 130 ;; esac
		refute_exists "$ROOT/$ID"
		assert_nothing_left
	done
}

@test "run: SIGKILL of minirun while the container is being set up, then delete -f" {
	make_spec "$BUNDLE/config.json" "$(memory 32M)" ".hooks.createRuntime = [{path: \"/bin/sh\",
		args: [\"sh\", \"-c\", \"touch $BATS_TEST_TMPDIR/hook; sleep 0.5\"], env: [\"PATH=$PATH\"]}]"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for test -e "$BATS_TEST_TMPDIR/hook"
	kill -s KILL "$BG_PID"
	wait_background
	assert_exists "$ROOT/$ID"
	minirun delete -f "$ID"
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

# --- detached, and the verbs ---

@test "verbs: -d prints the id, the container runs on, logs and wait tell the rest" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo out; echo err >&2; sleep 0.3; printf last; exit 5')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$output" "$ID"
	assert_eq "$stderr" ""
	assert_eq "$(oci_state .status)" running
	run minirun wait "$ID"
	assert_status 0
	assert_eq "$output" 5
	run --separate-stderr minirun logs "$ID"
	assert_status 0
	assert_eq "$output" $'out\nlast'
	assert_eq "$stderr" err
	assert_eq "$(state .State.ExitCode)" 5
	assert_eq "$(jq -r .stream "$ROOT/$ID/log.json" | sort -u | tr '\n' ' ')" "stderr stdout "
	assert_matches "$(jq -r .time "$ROOT/$ID/log.json" | head -n 1)" '^[0-9-]{10}T[0-9:]{8}\.[0-9]+Z$'
}

@test "verbs: -d of a program that cannot start says so and leaves nothing" {
	make_spec "$BUNDLE/config.json" "$(args /none)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 127
	assert_eq "$output" ""
	assert_contains "$stderr" 'exec "/none": no such file or directory'
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "verbs: wait tells the exit code of a container that is forgotten at its end" {
	local i
	mkfifo "$BUNDLE/gate"
	make_spec "$BUNDLE/config.json" "$(args sh -c 'read -r _ </gate; exit 3')" \
		"$(mount_spec /gate bind "$BUNDLE/gate" bind)"
	for i in {1..10}; do
		launch run -d --rm --name "$ID" "$BUNDLE/config.json"
		background_minirun wait "$ID"
		wait_for is_watched
		echo >"$BUNDLE/gate"
		wait "$BG_PID" || fail "wait: $(cat "$ERR")"
		assert_eq "$(cat "$OUT")" 3
		refute_exists "$ROOT/$ID"
	done
	assert_nothing_left
}

is_watched() { ! flock --exclusive --nonblock "$ROOT/$ID/intent.json" true; }

@test "verbs: -d --rm forgets the record at the end" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	launch run -d --rm --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	minirun kill "$ID" KILL
	_no_record() { [ ! -e "$ROOT/$ID" ]; }
	wait_for _no_record
	assert_nothing_left
}

@test "verbs: wait blocks until the end and prints the code of several" {
	local one two
	one=$(id_of one) two=$(id_of two)
	make_spec "$BUNDLE/config.json" "$(args sh -c 'sleep 0.3; exit $CODE')" '.process.env += ["CODE=3"]'
	launch run -d --name "$one" "$BUNDLE/config.json"
	jq '.process.env += ["CODE=4"]' "$BUNDLE/config.json" >"$BUNDLE/two.json"
	launch run -d --name "$two" "$BUNDLE/two.json"
	run minirun wait "$one" "$two"
	assert_status 0
	assert_eq "$output" $'3\n4'
}

@test "verbs: stop sends TERM, then KILL after --time" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for grep -qs ready "$ROOT/$ID/log.json"
	minirun stop "$ID"
	assert_eq "$(state .State.ExitCode)" 9
	minirun stop "$ID"
	start_container
	SECONDS=0
	minirun stop -t 200ms "$ID"
	assert_between "$SECONDS" 0 5 "seconds of stop"
	assert_eq "$(state .State.ExitCode)" 137
	assert_eq "$(state .State.Status)" exited
}

@test "verbs: kill by number, NAME and SIGNAME; default TERM" {
	local form
	make_spec "$BUNDLE/config.json" "$(args sh -c '
		trap "echo usr" USR1; trap "echo term" TERM; echo ready; while :; do sleep 0.02; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for grep -qs ready "$ROOT/$ID/log.json"
	local n=0
	for form in "$ID USR1" "$ID SIGUSR1" "$ID 10" "-s usr1 $ID" "--signal=SIGUSR1 $ID"; do
		# shellcheck disable=SC2086 # words are meant
		minirun kill $form
		n=$((n + 1))
		_usr_count() { [ "$(grep -c usr "$ROOT/$ID/log.json")" = "$n" ]; }
		wait_for _usr_count
	done
	minirun kill "$ID"
	wait_for grep -q term "$ROOT/$ID/log.json"
	minirun kill -s KILL "$ID"
	assert_eq "$(minirun wait "$ID")" 137
}

@test "verbs: kill of an ended container is an error that engines know; --all is not" {
	inside true
	run --separate-stderr minirun kill "$ID"
	assert_status 1
	assert_contains "$stderr" "container not running"
	minirun kill --all "$ID" KILL
}

@test "verbs: kill --all signals every process" {
	make_spec "$BUNDLE/config.json" "$(args sh -c '
		(trap "echo child; exit" USR1; echo ready; while :; do sleep 0.02; done) &
		trap "echo init" USR1; echo ready; while :; do sleep 0.02; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	_both_ready() { [ "$(grep -c ready "$ROOT/$ID/log.json")" = 2 ]; }
	wait_for _both_ready
	minirun kill --all "$ID" USR1
	wait_for grep -q child "$ROOT/$ID/log.json"
	wait_for grep -q init "$ROOT/$ID/log.json"
}

@test "verbs: pause stops every process, resume goes on, the status says so" {
	local before
	make_spec "$BUNDLE/config.json" "$(args sh -c 'while :; do echo x; sleep 0.01; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for grep -qs x "$ROOT/$ID/log.json"
	minirun pause "$ID"
	assert_eq "$(oci_state .status)" paused
	assert_eq "$(state .State.Status)" paused
	assert_eq "$(state .State.Paused)" true
	# The monitor may still be writing what it has read.
	sleep 0.2
	before=$(wc -c <"$ROOT/$ID/log.json")
	sleep 0.2
	assert_eq "$(wc -c <"$ROOT/$ID/log.json")" "$before" "output while paused"
	run --separate-stderr minirun pause "$ID"
	assert_status 1
	assert_contains "$stderr" paused
	minirun resume "$ID"
	assert_eq "$(oci_state .status)" running
	assert_eq "$(state .State.Paused)" false
	_grew() { [ "$(wc -c <"$ROOT/$ID/log.json")" -gt "$before" ]; }
	wait_for _grew
	run --separate-stderr minirun resume "$ID"
	assert_status 1
}

@test "verbs: a paused container can be killed, stopped and deleted" {
	start_container
	minirun pause "$ID"
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	start_container
	minirun pause "$ID"
	minirun stop -t 100ms "$ID"
	assert_eq "$(state .State.Status)" exited
	start_container
	minirun pause "$ID"
	minirun delete -f "$ID"
	refute_exists "$ROOT/$ID"
	assert_nothing_left
}

@test "verbs: pause of an ended container is refused" {
	inside true
	run --separate-stderr minirun pause "$ID"
	assert_status 1
	assert_contains "$stderr" "not running"
}

@test "verbs: delete needs an ended container or --force" {
	start_container
	run --separate-stderr minirun delete "$ID"
	assert_status 1
	assert_contains "$stderr" running
	kill -0 "$PID"
	minirun delete --force "$ID"
	_is_gone "$PID"
	refute_exists "$ROOT/$ID"
	inside true
	minirun rm "$ID"
	refute_exists "$ROOT/$ID"
}

@test "verbs: ps, ps -a and list show what runs and what has ended" {
	local ended
	ended=$(id_of ended)
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit 3')"
	run minirun run --name "$ended" "$BUNDLE/config.json"
	start_container
	run minirun ps
	assert_status 0
	assert_contains "$output" "$ID"
	assert_matches "$output" 'Up '
	refute_contains "$output" "$ended"
	run minirun ps -a
	assert_matches "$output" "Exited \(3\) .*$ended"
	run minirun ps -a --format json
	assert_eq "$(jq -rs 'length' <<<"$output")" 2
	run minirun list --format json
	assert_eq "$(jq -r --arg id "$ended" '.[] | select(.id == $id).status' <<<"$output")" stopped
	assert_eq "$(jq -r --arg id "$ID" '.[] | select(.id == $id).pid' <<<"$output")" "$PID"
	assert_eq "$(jq -r --arg id "$ID" '.[] | select(.id == $id).bundle' <<<"$output")" "$BUNDLE"
	run minirun list
	assert_matches "$output" "$ID +$PID +running"
	assert_matches "$output" "$ended +0 +stopped"
}

@test "verbs: ps ID shows the processes, as a table and as JSON pids" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'sleep 61 & sleep 62 & wait')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	_three() { [ "$(minirun ps --format json "$ID" | jq length)" = 3 ]; }
	wait_for _three
	run minirun ps --format json "$ID"
	assert_contains "$(jq -r '.[]' <<<"$output")" "$(init_pid)"
	requires ps
	run minirun ps "$ID"
	assert_status 0
	assert_matches "${lines[0]}" 'PID'
	assert_eq "${#lines[@]}" 4
	assert_contains "$output" "sleep 61"
}

@test "verbs: the OCI state while running and after the end" {
	start_container '.annotations = {"org.example.key": "value"}'
	run minirun state "$ID"
	assert_eq "$(jq -r .ociVersion <<<"$output")" 1.3.0
	assert_eq "$(jq -r .id <<<"$output")" "$ID"
	assert_eq "$(jq -r .status <<<"$output")" running
	assert_eq "$(jq -r .bundle <<<"$output")" "$BUNDLE"
	assert_eq "$(jq -r '.annotations["org.example.key"]' <<<"$output")" value
	assert_eq "$(jq -r .exitCode <<<"$output")" null
	assert_matches "$(jq -r .created <<<"$output")" '^[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z$'
	minirun kill "$ID" KILL
	minirun wait "$ID"
	run minirun state "$ID"
	assert_eq "$(jq -r .status <<<"$output")" stopped
	assert_eq "$(jq -r .pid <<<"$output")" 0
	assert_eq "$(jq -r .exitCode <<<"$output")" 137
	assert_eq "$(jq -r .oomKilled <<<"$output")" false
}

@test "verbs: logs --follow ends with the container" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'for i in 1 2 3; do echo $i; sleep 0.1; done')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	run minirun logs --follow "$ID"
	assert_status 0
	assert_eq "$output" $'1\n2\n3'
}

@test "verbs: wait of a container whose supervisor was killed says that it is not known" {
	killed_by KILL
	wait_for _is_gone "$PID"
	run --separate-stderr minirun wait "$ID"
	assert_status 1
	assert_eq "$output" ""
	assert_contains "$stderr" "not known"
}

@test "run: ten at once, each with its own end" {
	local i
	make_spec "$BUNDLE/config.json" "$(args sh -c 'exit $N')"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		jq --arg n "N=$i" '.process.env += [$n]' "$BUNDLE/config.json" >"$BUNDLE/$ID-$i.json"
		minirun run "$BUNDLE/$ID-$i.json" &
	done
	wait
	for i in 1 2 3 4 5 6 7 8 9 10; do
		assert_eq "$(state .State.ExitCode "$ID-$i")" "$i"
	done
}
