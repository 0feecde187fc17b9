# SPDX-License-Identifier: Apache-2.0
# minirun explain: records, status files and kernel logs, as they really come.
# shellcheck disable=SC2154 # status, output and stderr are set by run
load common
load launching

# killed: a container whose program is OOM-killed.
killed() {
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 40M)" "$(memory 16M)"
	run minirun run --name "$ID" "$BUNDLE/config.json"
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" true
}

explain() {
	run --separate-stderr minirun explain "$@"
}

@test "a container: one sentence, what it stands on, the three parts" {
	requires root memory memlab kmsg
	killed
	explain "$ID"
	assert_status 0
	assert_eq "$stderr" ""
	assert_matches "${lines[0]}" "^OOMKilled: yes\. The kernel killed PID 1 \(memlab, 1[0-9.]+ MiB anonymous\) because /.*$ID reached its own limit of 16 MiB .*1 kill\. Evidence: counter, "
	assert_contains "$output" "  counter   1 OOM kill in the container's cgroups"
	assert_contains "$output" "  exit      code 137, ended by SIGKILL"
	if [ "$(state '.OOM.Victims | length')" = 1 ]; then
		assert_contains "${lines[0]}" "kernel log #$(state '.OOM.Victims[0].LogSequence')."
		assert_contains "$output" "3. The Killed line: who died, holding what"
	fi
	if [ "$(state '.OOM.Processes | length')" -gt 0 ]; then
		assert_contains "$output" ": the kernel chose the same."
		assert_eq "$(minirun explain --json "$ID" | jq -r '.Kills[0].Processes | map(.Points) | tostring')" \
			"$(state '.OOM.Processes | map(.Points) | tostring')"
	fi
}

@test "its status file and what inspect prints tell the same, also elsewhere" {
	requires root memory memlab
	killed
	explain "$ID"
	local expected=$output
	cp "$(status_file)" "$BATS_TEST_TMPDIR/saved.json"
	minirun inspect "$ID" >"$BATS_TEST_TMPDIR/inspected.json"
	minirun delete "$ID"
	explain "$BATS_TEST_TMPDIR/saved.json"
	assert_status 0
	assert_eq "$output" "$expected"
	run --separate-stderr minirun explain - <"$BATS_TEST_TMPDIR/inspected.json"
	assert_status 0
	assert_eq "$output" "$expected"
	assert_eq "$(minirun explain --json "$BATS_TEST_TMPDIR/saved.json" | jq -c '[.Source, .OOMKilled]')" \
		'["record",true]'
}

@test "137 without an OOM kill is no OOM kill, and says whence" {
	requires root memory
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'exit 137')" "$(memory 16M)"
	minirun run --name "$ID" "$BUNDLE/config.json" || true
	explain "$ID"
	assert_status 0
	assert_matches "${lines[0]}" "^OOMKilled: no\. "
	assert_contains "$output" "code 137; the program chose that code itself"
	minirun delete "$ID"
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" "$(memory 16M)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	explain "$ID"
	assert_contains "${lines[0]}" "so far."
	assert_contains "$output" "  exit      none: it is running"
	assert_contains "$output" "  certain   not yet: it has not ended"
	minirun kill "$ID" KILL
	minirun wait "$ID"
	explain "$ID"
	assert_contains "$output" "ended by SIGKILL; that signal was sent by somebody, not by the OOM killer"
}

@test "a killed child and an exit code of 0" {
	requires root memory memlab
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c '/memlab anon 40M; exit 0')" "$(memory 16M)"
	run minirun run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	explain "$ID"
	assert_matches "${lines[0]}" "^OOMKilled: yes\. "
	assert_contains "$output" "code 0; a killed child does not show in the exit code"
}

@test "without evidence it says unknown" {
	requires root memory
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" "$(memory 16M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for is_running
	kill -KILL "$BG_PID"
	wait_for _is_gone "$BG_PID"
	explain "$ID"
	assert_status 0
	assert_matches "${lines[0]}" "^OOMKilled: unknown: "
	assert_contains "$output" "  counter   not read; nothing else decides"
	assert_contains "$output" "  exit      code not known"
	assert_contains "$output" "  error     "
	assert_eq "$(minirun explain --json "$ID" | jq .OOMKilled)" null
}

# Each with the prefixes that this host's dmesg gives it.
@test "this host's kernel log in every form that dmesg has" {
	requires root memory memlab kmsg dmesg
	local pid form
	killed
	pid=$(victim_of_log)
	for form in "" "-T" "-d" "-e" "-x" "-r" "-t" "--time-format iso" "--time-format delta" "-S"; do
		# shellcheck disable=SC2086 # options are words
		dmesg $form >"$BATS_TEST_TMPDIR/log" 2>"$BATS_TEST_TMPDIR/why" || {
			grep -q 'unrecognized\|invalid option' "$BATS_TEST_TMPDIR/why" && continue
			cat "$BATS_TEST_TMPDIR/why" >&2
			return 1
		}
		explain --json "$BATS_TEST_TMPDIR/log"
		assert_status 0
		jq -e --argjson pid "$pid" '.Source == "log" and any(.Kills[]; .Victim.HostPid == $pid
			and .Victim.Comm == "memlab" and .Line > 0)' <<<"$output" >/dev/null ||
			fail "dmesg $form: no kill of $pid" "$(grep "$pid" "$BATS_TEST_TMPDIR/log")"
	done
	kernel_log >"$BATS_TEST_TMPDIR/log"
	run --separate-stderr minirun explain --json - <"$BATS_TEST_TMPDIR/log"
	assert_status 0
	jq -e --argjson pid "$pid" 'any(.Kills[]; .Victim.HostPid == $pid and .Sequence > 0)' <<<"$output"
}

@test "without an argument it is this host's kernel log" {
	requires root memory memlab kmsg dd
	local pid
	killed
	pid=$(victim_of_log)
	explain --json
	assert_status 0
	jq -e --argjson pid "$pid" '.Name == "the kernel log" and .KillCount > 0
		and any(.Kills[]; .Victim.HostPid == $pid)' <<<"$output"
	explain
	assert_status 0
	assert_matches "${lines[0]}" "^The kernel killed process [0-9]+ of the host "
	explain --last 3
	assert_status 0
	[ "$(grep -c '^1\. The task table' <<<"$output")" -le 3 ]
}

# victim_of_log: the host's pid of the newest victim called memlab in our cgroup, or, when
# its report was suppressed, of the newest called so.
victim_of_log() {
	local pid
	pid=$(state '.OOM.Victims[0].HostPid')
	[ "$pid" != null ] || pid=$(kernel_log |
		sed -nE 's/.*Killed process ([0-9]+) \(memlab\).*/\1/p' | tail -n 1)
	assert_between "$pid" 1 4194304 "pid of the victim" >&2
	echo "$pid"
}

@test "names that contain the report's own words" {
	requires root memory memlab kmsg
	local comm=') total-vm:,' path
	make_rootfs "$BUNDLE/rootfs"
	cp "$BUNDLE/rootfs/memlab" "$BUNDLE/rootfs/$comm"
	make_spec "$BUNDLE/config.json" "$(args "/$comm" anon 40M)" "$(memory 16M)" \
		".linux.cgroupsPath = \"/minirun/$ID,task_memcg=,b\""
	run minirun run --name "$ID" "$BUNDLE/config.json"
	assert_status 137
	path=$(state .OOM.LimitCgroup)
	assert_eq "$path" "/minirun/$ID,task_memcg=,b"
	explain "$ID"
	assert_status 0
	assert_contains "${lines[0]}" "because $path reached its own limit"
	# The report may have been suppressed, the Killed line never is.
	if [ "$(state '.OOM.Victims | length')" = 1 ]; then
		assert_contains "${lines[0]}" "PID 1 ($comm, "
		assert_contains "$output" "Process $(state '.OOM.Victims[0].HostPid') of the host ($comm): "
	fi
}

@test "logs of other kernels and machines" {
	local file
	[ -d "$TOP/tests/fixtures/kmsg" ] || skip "the fixtures are not here"
	for file in "$TOP"/tests/fixtures/kmsg/*.kmsg; do
		explain "$file"
		assert_status 0
		assert_matches "${lines[0]}" "^The kernel killed process [0-9]+ of the host .*Evidence: kernel log #"
		refute_contains "$output" "chose [0-9]* instead"
		run --separate-stderr minirun explain --json "$file"
		assert_status 0
		jq -e '.KillCount == (.Kills | length) and all(.Kills[]; .Choice.Formula != "differs")' \
			<<<"$output" >/dev/null || fail "$file" "$output"
	done
}

@test "a start that failed: why" {
	requires root memory busybox
	local copy=$BATS_TEST_TMPDIR/failed.json
	make_spec "$BUNDLE/config.json" "$(args /none)" "$(memory 16M)"
	run -127 --separate-stderr minirun run --name "$ID" --status "$copy" "$BUNDLE/config.json"
	explain "$copy"
	assert_status 0
	assert_contains "$output" "  exit      none: it did not start"
	assert_contains "$output" "  error     $(jq -r .State.Error "$copy")"
	refute_contains "$output" "it is created"
	make_spec "$BUNDLE/config.json" "$(args /bin/true)" "$(memory 16384)"
	run --separate-stderr minirun run --name "$ID" --status "$copy" "$BUNDLE/config.json"
	assert_status 125
	explain "$copy"
	assert_contains "$output" "  error     $(jq -r .State.Error "$copy")"
	assert_matches "$(jq -r .State.Error "$copy")" \
		"^$BUNDLE/config.json:[0-9]+:[0-9]+: linux.resources.memory.limit: 16 KiB \(16384 bytes\) is too low"
	refute_contains "$output" "so far"
	refute_contains "$output" "not yet"
}

@test "what is nothing to explain" {
	local file=$BATS_TEST_TMPDIR/file
	: >"$file"
	explain "$file"
	assert_status 0
	assert_eq "$output" "No OOM kill: none in the 0 lines of $file."
	head -c 100000 /dev/urandom >"$file"
	explain "$file"
	assert_status 0
	assert_contains "$output" "No OOM kill: none in the "
	for text in '{}' '[]' '{"State":{}}' '{"a":' '[{},{}]'; do
		echo "$text" >"$file"
		explain "$file"
		assert_status 1
		assert_eq "$output" ""
		assert_contains "$stderr" "minirun: "
	done
	explain "$BATS_TEST_TMPDIR/none"
	assert_status 1
	assert_contains "$stderr" "no container, status file or log named"
	explain "$BATS_TEST_TMPDIR"
	assert_status 1
	assert_contains "$stderr" "cannot read"
	explain a b
	assert_status 1
	assert_contains "$stderr" "one argument too many"
}
