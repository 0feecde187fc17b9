#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The record: its truth about how a container ended, its schema at every transition, and
# `minirun inspect`.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
}

STATE_KEYS="Dead Error ExitCode FinishedAt OOMKilled Paused Pid Restarting Running StartedAt Status "

# truth STATUS EXITCODE OOMKILLED: what the record says, against its schema as well.
truth() {
	assert_eq "$(state .State.Status)" "$1" Status
	assert_eq "$(state .State.ExitCode)" "$2" ExitCode
	assert_eq "$(state .State.OOMKilled)" "$3" OOMKilled
	schema_holds
}

schema_holds() {
	[ -n "$(_missing jsonschema)" ] || assert_valid_status "${1:-$ID}"
	assert_eq "$(jq -r '.State | keys[]' "$(status_file "${1:-$ID}")" | tr '\n' ' ')" "$STATE_KEYS"
}

# --- the five endings ---

@test "record: init is OOM-killed" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)"
	run_spec
	assert_status 137
	truth exited 137 true
	assert_eq "$(state .OOM.Kills)" 1
	assert_eq "$(state .OOM.InitKilled)" true
	assert_eq "$(state .OOM.Scope)" container
	assert_eq "$(state .OOM.LimitBytes)" 67108864
	assert_matches "$(state .OOM.LimitCgroup)" "/$ID$"
	assert_eq "$(state .OOM.Phase)" run
	assert_eq "$(state .Exit.Signal)" SIGKILL
	assert_eq "$(state .Exit.Code)" null
	assert_between "$(state .Memory.PeakBytes)" 60000000 67108864 PeakBytes
	assert_eq "$(grep -c . <<<"$stderr")" 1
	assert_contains "$stderr" memlab
	assert_contains "$stderr" "64"
}

@test "record: the victim with the kernel's own figures" {
	requires memory memlab kmsg
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)"
	run_spec
	assert_status 137
	[ "$(state '.OOM.Victims | length')" = 1 ] || skip "needs a kernel log that kept our report: it did not"
	assert_eq "$(state '.OOM.Victims[0].Comm')" memlab
	assert_eq "$(state '.OOM.Victims[0].IsInit')" true
	assert_eq "$(state '.OOM.Victims[0].Pid')" 1
	assert_between "$(state '.OOM.Victims[0].AnonRssBytes')" 50000000 67108864 AnonRssBytes
	assert_between "$(state '.OOM.Victims[0].TotalVmBytes')" 80000000 200000000 TotalVmBytes
	assert_between "$(state '.OOM.Victims[0].PgtablesBytes')" 100000 2000000 PgtablesBytes
	assert_eq "$(state '.OOM.Victims[0].OomScoreAdj')" 0
	assert_eq "$(state .OOM.Source)" /dev/kmsg
	assert_eq "$(state .OOM.VictimsWithoutDetail)" 0
	assert_contains "$(state '.OOM.Evidence | join(" ")')" counter
	assert_contains "$(state '.OOM.KernelLog | join(" ")')" "Killed process"
}

@test "record: a child is OOM-killed and init survives with exit 0" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(args /memlab spawn kid 'anon 80M' + wait + exit 0)" "$(memory 64M)"
	run_spec
	assert_status 0
	truth exited 0 true
	assert_between "$(state .OOM.Kills)" 1 5 Kills
	assert_eq "$(state .OOM.InitKilled)" false
	assert_eq "$(state .Exit.Code)" 0
	assert_eq "$(grep -c . <<<"$stderr")" 1
}

@test "record: kill -9 by hand is no OOM kill" {
	start_container "$(memory 64M)"
	minirun kill "$ID" KILL
	assert_eq "$(minirun wait "$ID")" 137
	truth exited 137 false
	assert_eq "$(state .OOM.Kills)" 0
	assert_eq "$(state .Exit.Signal)" SIGKILL
}

@test "record: exit 137 by itself is no OOM kill" {
	in_container 'exit 137' "$(memory 64M)"
	assert_status 137
	truth exited 137 false
	assert_eq "$(state .Exit.Code)" 137
	assert_eq "$(state .Exit.Signal)" null
	assert_eq "$(state .OOM.Kills)" 0
}

@test "record: success" {
	inside 'exit 0' "$(memory 64M)"
	truth exited 0 false
	assert_eq "$(state .OOM.Kills)" 0
	assert_eq "$(state .State.Error)" ""
}

@test "record: the examples end as their README says" {
	requires memory memlab
	local example code oom dir
	[ -f "$TOP/examples/README.md" ] || skip "the examples are not here"
	for example in success:0:false exit-137:137:false oom-child:0:true; do
		IFS=: read -r dir code oom <<<"$example"
		make_rootfs "$BATS_TEST_TMPDIR/rootfs-$dir"
		jq --arg root "$BATS_TEST_TMPDIR/rootfs-$dir" '.root.path = $root' "$TOP/examples/$dir/spec.json" >"$BUNDLE/$dir.json"
		run --separate-stderr minirun run --name "$ID" "$BUNDLE/$dir.json"
		assert_status "$code"
		truth exited "$code" "$oom"
	done
}

# --- other ways to be killed ---

@test "record: several children are killed, each is counted" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(memory 64M)" "$(args /bin/sh -c '
		for i in 1 2 3; do /memlab anon 80M; done; exit 5')"
	run_spec
	assert_status 5
	truth exited 5 true
	assert_eq "$(state .OOM.Kills)" 3
	assert_eq "$(state .OOM.InitKilled)" false
}

@test "record: a kill is in the record while the container still runs" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(memory 64M)" "$(args /bin/sh -c '/memlab anon 80M; sleep 60')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.OOMKilled true
	assert_eq "$(state .State.Status)" running
	assert_eq "$(oci_state .status)" running
	assert_eq "$(state .OOM.Kills)" 1
	schema_holds
	assert_matches "$(minirun ps)" OOM
	minirun kill "$ID" KILL
	minirun wait "$ID"
	truth exited 137 true
	assert_eq "$(state .OOM.InitKilled)" false
}

@test "record: an OOM kill in a sub-cgroup that the container made is counted" {
	requires memory memlab
	local top=/sys/fs/cgroup procs=cgroup.procs
	[ "$MEMORY_VERSION" = 2 ] || top=$top/memory
	in_container "mkdir $top/inner && echo \$\$ >$top/inner/$procs && { /memlab anon 80M; echo after; }" "$(memory 64M)" \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw)"
	assert_contains "$output" after
	truth exited 0 true
	assert_eq "$(state .OOM.Kills)" 1
}

@test "record: tmpfs and pipes count, whoever is killed" {
	requires memory
	in_container 'head -c 100000000 /dev/zero >/dev/shm/big; echo $?' "$(memory 32M)" \
		'.mounts |= map(if .destination == "/dev/shm" then .options |= map(sub("size=.*"; "size=200m")) else . end)'
	assert_eq "$(state .State.OOMKilled)" true
	schema_holds
}

@test "record: a timeout is told, and is no OOM kill" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	run_spec --timeout 100ms --stop-timeout 0
	assert_status 124
	assert_eq "$(state .Exit.TimedOut)" true
	assert_eq "$(state .State.OOMKilled)" false
	schema_holds
}

# --- the life of a record ---

@test "record: running, paused, running, exited, each valid" {
	local id
	start_container "$(memory 64M)" '.hostname = "rec"'
	assert_eq "$(state .State.Status)" running
	assert_eq "$(state .State.Running)" true
	assert_eq "$(state .State.Pid)" "$PID"
	assert_eq "$(state .State.FinishedAt)" "0001-01-01T00:00:00Z"
	assert_eq "$(state .Config.Hostname)" rec
	id=$(state .Id)
	schema_holds
	minirun pause "$ID"
	assert_eq "$(state .State.Status)" paused
	assert_eq "$(state .State.Running)" true
	assert_eq "$(state .State.Paused)" true
	schema_holds
	minirun resume "$ID"
	assert_eq "$(state .State.Status)" running
	schema_holds
	minirun kill "$ID" KILL
	minirun wait "$ID"
	assert_eq "$(state .State.Running)" false
	assert_eq "$(state .State.Pid)" 0
	assert_eq "$(state .Id)" "$id"
	truth exited 137 false
}

# A hook that copies the record.
keep_created() {
	printf '.hooks.createRuntime = [{path: "%s", args: ["cp", "%s", "%s"]}]' "$(command -v cp)" \
		"$(status_file)" "$BATS_TEST_TMPDIR/created.json"
}

@test "record: created, while the hooks run" {
	inside true "$(keep_created)" "$(memory 32M)"
	assert_eq "$(jq -r .State.Status "$BATS_TEST_TMPDIR/created.json")" created
	assert_eq "$(jq -r .State.Running "$BATS_TEST_TMPDIR/created.json")" false
	assert_eq "$(jq -r .State.StartedAt "$BATS_TEST_TMPDIR/created.json")" "0001-01-01T00:00:00Z"
	assert_eq "$(jq -r .Id "$BATS_TEST_TMPDIR/created.json")" "$(state .Id)"
	mkdir "$ROOT/$(id_of copy)"
	cp "$BATS_TEST_TMPDIR/created.json" "$(status_file "$(id_of copy)")"
	schema_holds "$(id_of copy)"
	rm -r "${ROOT:?}/$(id_of copy)"
}

@test "record: a supervisor that was killed in the set-up leaves a valid record" {
	make_spec "$BUNDLE/config.json" ".hooks.createRuntime = [{path: \"/bin/sh\",
		args: [\"sh\", \"-c\", \"touch $BATS_TEST_TMPDIR/hook; sleep 0.3\"], env: [\"PATH=$PATH\"]}]"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for test -e "$BATS_TEST_TMPDIR/hook"
	kill -KILL "$BG_PID"
	wait_background
	_stopped() { [ "$(oci_state .status)" = stopped ]; }
	wait_for _stopped
	assert_eq "$(state .State.Status)" exited
	assert_eq "$(state .State.OOMKilled)" null
	schema_holds
}

@test "record: times are in order and in UTC with nanoseconds" {
	local created started finished span
	inside 'sleep 0.05'
	created=$(state .Created) started=$(state .State.StartedAt) finished=$(state .State.FinishedAt)
	for time in "$created" "$started" "$finished"; do
		assert_matches "$time" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z$'
	done
	[[ ! $created > $started && $started < $finished ]] || fail "not in order: $created $started $finished"
	# The supervisor hears of the start when it is given a processor: 0.05 s may be less.
	span=$((($(date -d "$finished" +%s%N) - $(date -d "$started" +%s%N)) / 1000))
	assert_between "$(state .Exit.WallUsec)" 1 $((span + 1000000)) WallUsec
}

@test "record: path, arguments, environment and limits as asked for" {
	inside 'exit 0' "$(memory 64M 96M)" '.process.oomScoreAdj = 7 | .process.env += ["X=y"] | .process.cwd = "/data"'
	assert_eq "$(state .Path)" /bin/sh
	assert_eq "$(state '.Args | tojson')" '["-c","exit 0"]'
	assert_eq "$(state .HostConfig.Memory)" 67108864
	assert_eq "$(state .HostConfig.MemorySwap)" 100663296
	assert_eq "$(state .HostConfig.OomScoreAdj)" 7
	assert_eq "$(state .Config.WorkingDir)" /data
	assert_contains "$(state '.Config.Env | join(" ")')" X=y
	assert_matches "$(state .Id)" '^[0-9a-f]{64}$'
	assert_eq "$(state .Name)" "/$ID"
}

@test "record: peaks by kind" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 40M + hold 0.2 + free + exit 0)" "$(memory 128M)"
	run_spec
	assert_status 0
	assert_between "$(state .Memory.PeakAnonBytes)" 40000000 60000000 PeakAnonBytes
	assert_between "$(state .Memory.PeakBytes)" 40000000 134217728 PeakBytes
	assert_between "$(state .Memory.MaxRssBytes)" 40000000 60000000 MaxRssBytes
	assert_between "$(state .Memory.PeakKernelBytes)" 10000 20000000 PeakKernelBytes
	assert_eq "$(state .Memory.CgroupVersion)" "$MEMORY_VERSION"
	assert_between "$(state '.Memory.Stat | length')" 10 200 "lines of memory.stat"
	assert_between "$(state .Memory.Failcnt)" 0 1000000 Failcnt
}

@test "record: hits of a limit are counted, or unknown, and never 0 after a kill" {
	requires memory memlab
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)"
	run_spec
	assert_status 137
	assert_ne "$(state .Memory.Failcnt)" 0 Failcnt
}

@test "record: PSI totals grow under pressure" {
	requires memory memlab psi
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)"
	run_spec
	[ -n "$CGROUP2_MOUNT" ] || { assert_eq "$(state .Memory.Pressure)" null; return; }
	assert_between "$(state .Memory.Pressure.SomeTotalUsec)" 0 60000000 SomeTotalUsec
	assert_between "$(state .Memory.Pressure.FullTotalUsec)" 0 "$(state .Memory.Pressure.SomeTotalUsec)" FullTotalUsec
}

@test "record: CPU time of the whole tree" {
	local begin=${EPOCHREALTIME/./}
	inside 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; (i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done)'
	assert_between "$(($(state .Exit.UserUsec) + $(state .Exit.SystemUsec)))" 1000 60000000 "CPU time"
	[ "$(state .Exit.UserUsec)" -le $(($(nproc) * (${EPOCHREALTIME/./} - begin))) ] || fail "more CPU time than wall clock"
}

@test "record: unknown is null or absent, never 0" {
	inside true
	assert_eq "$(state .Memory.LimitBytes)" null
	[ "$(_free_swap_kib)" != 0 ] || assert_eq "$(state .Memory.SwapPeakBytes)" null
	assert_eq "$(state '.Exit.Signal')" null
}

@test "record: warnings are in it" {
	in_container true '.process.capabilities.bounding += ["CAP_NO_SUCH"]'
	assert_contains "$(state '.Warnings | join(" ")')" CAP_NO_SUCH
	schema_holds
}

@test "record: a supervisor that was killed leaves 'not known', never a guess" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(memory 32M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	PID=$(init_pid)
	kill -KILL "$BG_PID"
	wait_background
	wait_for _is_gone "$PID"
	run --separate-stderr minirun inspect "$ID"
	assert_status 0
	truth exited "$(state .State.ExitCode)" null
	assert_eq "$(state .OOM.Kills)" null
	assert_contains "$(state .OOM.Why)" "supervisor"
	assert_eq "$(state .Exit.Code)" null
	assert_eq "$(state .Exit.Signal)" null
	assert_eq "$(oci_state .oomKilled)" null
	assert_eq "$(oci_state .exitCode)" null
}

@test "record: it is only readable by its owner's directory, and whole whenever it is read" {
	assert_eq "$(stat -c %a "$ROOT")" 700
	make_spec "$BUNDLE/config.json" "$(args sleep 60)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_eq "$(stat -c %a "$ROOT/$ID")" 700
	(while [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
		jq -e .State.Status "$(status_file)" >/dev/null || touch "$BATS_TEST_TMPDIR/torn"
	done) &
	local reader=$!
	for _ in 1 2 3 4 5 6 7 8; do
		minirun pause "$ID"
		minirun resume "$ID"
	done
	touch "$BATS_TEST_TMPDIR/stop"
	wait "$reader"
	refute_exists "$BATS_TEST_TMPDIR/torn"
}

@test "record: a damaged state is told, listed as broken, and delete -f removes it" {
	inside true
	echo '{"half' >"$ROOT/$ID/state.json"
	run --separate-stderr minirun state "$ID"
	assert_status 1
	assert_contains "$stderr" damaged
	assert_contains "$(minirun list)" broken
	minirun delete -f "$ID"
	refute_exists "$ROOT/$ID"
}

# --- inspect ---

@test "inspect: an array of objects as docker prints it" {
	local other
	other=$(id_of other)
	inside true
	run minirun run --name "$other" "$BUNDLE/config.json"
	run --separate-stderr minirun inspect "$ID" "$other"
	assert_status 0
	assert_eq "$(jq -r '.[].Name' <<<"$output" | tr '\n' ' ')" "/$ID /$other "
	assert_eq "$(jq -S '.[0]' <<<"$output")" "$(jq -S . "$(status_file)")"
	assert_eq "$stderr" ""
}

@test "inspect: --format of a value, of JSON, with text" {
	in_container 'exit 9' "$(memory 64M)"
	run minirun inspect --format '{{.State.OOMKilled}}' "$ID"
	assert_eq "$output" false
	run minirun inspect -f '{{.State.ExitCode}} {{.State.Status}}' "$ID"
	assert_eq "$output" "9 exited"
	run minirun inspect --format '{{json .State}}' "$ID"
	assert_eq "$(jq -r .ExitCode <<<"$output")" 9
	assert_eq "${#lines[@]}" 1
	run minirun inspect --format '{{json .Args}}' "$ID"
	assert_eq "$output" '["-c","exit 9"]'
	run minirun inspect --format='code={{ .State.ExitCode }}!' "$ID"
	assert_eq "$output" "code=9!"
	run minirun inspect -f '{{.Exit.Signal}}' "$ID"
	assert_eq "$output" "<no value>"
	run minirun inspect -f '{{json .Exit.Signal}}' "$ID"
	assert_eq "$output" null
}

@test "inspect: --format prints a line for each container" {
	local other
	other=$(id_of other)
	inside true
	run minirun run --name "$other" "$BUNDLE/config.json"
	run minirun inspect -f '{{.Name}}' "$ID" "$other"
	assert_eq "$output" "/$ID
/$other"
}

@test "inspect: unknown keys and other template forms are errors" {
	inside true
	run --separate-stderr minirun inspect -f '{{.State.OomKiled}}' "$ID"
	assert_status 1
	assert_contains "$stderr" .State.OomKiled
	assert_eq "$output" ""
	run --separate-stderr minirun inspect -f '{{range .Args}}x{{end}}' "$ID"
	assert_status 1
	assert_contains "$stderr" "{{.A.B}}"
	assert_contains "$stderr" "{{json"
	run --separate-stderr minirun inspect -f '{{.State' "$ID"
	assert_status 1
}

@test "inspect: a status file is read as such, for ever" {
	inside true
	cp "$(status_file)" "$BATS_TEST_TMPDIR/kept.json"
	minirun delete "$ID"
	run minirun inspect -f '{{.Name}} {{.State.ExitCode}}' "$BATS_TEST_TMPDIR/kept.json"
	assert_status 0
	assert_eq "$output" "/$ID 0"
	# Its own output, too.
	minirun inspect "$BATS_TEST_TMPDIR/kept.json" >"$BATS_TEST_TMPDIR/array.json"
	assert_eq "$(minirun inspect "$BATS_TEST_TMPDIR/array.json")" "$(cat "$BATS_TEST_TMPDIR/array.json")"
}

@test "inspect: JSON that is no record is refused, whatever is asked of it" {
	local file=$BATS_TEST_TMPDIR/other.json text
	for text in '{"a":1}' '{"schemaVersion":1}' '{}' '[]' '3'; do
		echo "$text" >"$file"
		run --separate-stderr minirun inspect "$file"
		assert_status 1
		refute_contains "$output" '"a"'
		assert_contains "$stderr" "'$file' is no record of a container: it is JSON without State"
		run --separate-stderr minirun inspect --expect oomkilled "$file"
		assert_status 125
		assert_contains "$stderr" "is no record of a container"
	done
}

@test "inspect: of what exists and what does not: the one is printed, exit 1" {
	inside true
	run --separate-stderr minirun inspect "$ID" "$(id_of none)"
	assert_status 1
	assert_eq "$(jq length <<<"$output")" 1
	assert_contains "$stderr" "$(id_of none)"
}

@test "record: --status and --pid-file replace files only, never a device or a link" {
	local file
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	ln -s "$BATS_TEST_TMPDIR/target" "$BATS_TEST_TMPDIR/link"
	for file in fifo link; do
		run minirun run --rm --status "$BATS_TEST_TMPDIR/$file" -- true
		assert_status 125
		assert_contains "$output" "no regular file"
		run minirun run --rm --pid-file "$BATS_TEST_TMPDIR/$file" -- true
		assert_status 125
		assert_matches "$output" "it is no regular file$"
	done
	assert_eq "$(stat -c %F "$BATS_TEST_TMPDIR/fifo")" fifo
	assert_eq "$(stat -c %F "$BATS_TEST_TMPDIR/link")" "symbolic link"
	refute_exists "$BATS_TEST_TMPDIR/target"
}

# --- the disk ---

@test "record: the end is on the disk before the evidence goes, and nothing else waits for it" {
	requires memory strace
	make_spec "$BUNDLE/config.json" "$(args true)" "$(memory 32M)"
	# Of a program with sanitizers: the search for leaks needs ptrace for itself.
	ASAN_OPTIONS=detect_leaks=0 run strace -o "$BATS_TEST_TMPDIR/calls" -e trace=fsync,rmdir,renameat \
		"$MINIRUN" --root "$ROOT" run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_matches "$(sed -n 's/^\(fsync\|rmdir\|renameat\).*/\1/p' "$BATS_TEST_TMPDIR/calls" | uniq | tr '\n' ' ')" \
		'^renameat fsync renameat fsync renameat rmdir $'
}
