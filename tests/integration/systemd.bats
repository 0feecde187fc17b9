#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The systemd driver: the scope and its properties, limits and the record, update, exec, the
# end in each way, annotations, bad input. Most of it needs systemd as pid 1:
# tests/vm/run systemd.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common

setup() {
	common_setup
	requires root minirun-systemd
	UNIT=mr-$ID.scope
}

teardown() {
	common_teardown || return 1
	[ ! -d /run/systemd/system ] || no_unit
}

# sd ARGS...: with the systemd driver.
sd() {
	minirun --systemd-cgroup "$@"
}

# property NAME [UNIT]
property() {
	systemctl show --value -p "$1" "${2:-$UNIT}"
}

has_property() {
	assert_eq "$(property "$1")" "$2" "$1"
}

# no_unit: nothing of this test is loaded.
no_unit() {
	local units
	units=$(systemctl list-units --all --plain --no-legend "*$RUN_TAG-*")
	assert_eq "$units" "" "units that are left"
}

# inner FILE: of the container's cgroup.
inner() {
	cat "$CGROUP2_MOUNT/system.slice/$UNIT/container/$1"
}

outer() {
	cat "$CGROUP2_MOUNT/system.slice/$UNIT/$1"
}

# memory_is SIZE: the container's limit, and 4 MiB more for the scope.
memory_is() {
	local bytes more
	bytes=$(bytes "$1")
	more=$((bytes + (4 << 20)))
	assert_eq "$(inner memory.max)" "$bytes"
	assert_eq "$(outer memory.max)" "$more"
	has_property MemoryMax "$more"
}

# spec FILTER...: the bundle, in $UNIT of system.slice.
spec() {
	make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "system.slice:mr:'"$ID"'"' "$@"
}

# start [FILTER...]: create and start as an engine does.
start() {
	spec "$(args /bin/sleep 60)" "$@"
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	minirun start "$ID"
}

# refuses TEXT [OPTION...]: create fails and leaves nothing.
refuses() {
	local text=$1
	shift
	launch "$@" --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "$text"
	refute_exists "$ROOT/$ID"
}

# --- the scope ---

@test "systemd: a scope with the limits, in its slice, with the container below it" {
	requires systemd cgroup-v2 memory cpu pids cpuset io
	start "$(memory 64M 96M)" '.linux.resources.memory.reservation = 33554432' \
		'.linux.resources.cpu = {shares: 512, quota: 25500, period: 50000, cpus: "0"}' \
		'.linux.resources.pids.limit = 20'
	has_property ActiveState active
	has_property Slice system.slice
	has_property Delegate yes
	memory_is 64M
	has_property MemorySwapMax 33554432
	has_property MemoryLow 33554432
	# One more: the process that keeps the scope.
	has_property TasksMax 21
	has_property CPUQuotaPerSecUSec 510ms
	has_property CPUQuotaPeriodUSec 50ms
	has_property AllowedCPUs 0
	has_property ControlGroup "/system.slice/$UNIT"
	has_property CollectMode inactive-or-failed
	has_property CPUWeight "$(inner cpu.weight)"
	assert_eq "$(inner memory.swap.max)" 33554432
	assert_eq "$(inner memory.low)" 33554432
	assert_eq "$(inner pids.max)" 20
	assert_eq "$(inner cpu.max)" "25500 50000"
	assert_eq "$(inner cpuset.cpus)" 0
	assert_eq "$(inner cgroup.procs)" "$(init_pid)"
	assert_eq "$(oci_state '."systemd-scope"')" "$UNIT"
	sd delete -f "$ID"
	no_unit
	refute_exists "$CGROUP2_MOUNT/system.slice/$UNIT"
}

@test "systemd: without cgroupsPath and without limits, and the other spelling" {
	requires systemd cgroup-v2
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)"
	launch --cgroup-manager systemd create --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(property Slice "minirun-$ID.scope")" system.slice
	assert_eq "$(property MemoryMax "minirun-$ID.scope")" infinity
	minirun delete -f "$ID"
}

@test "systemd: nested slices, an empty prefix, an id that no unit's name can have" {
	requires systemd cgroup2
	local slice=mr-$BASHPID.slice
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" \
		'.linux.cgroupsPath = "'"$slice::$ID"'"'
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(property ControlGroup "$ID.scope")" "/mr.slice/$slice/$ID.scope"
	minirun delete "$ID" && fail "a created container was deleted without --force"
	minirun delete --force "$ID"
	make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = ""'
	run --separate-stderr sd run --bundle "$BUNDLE" "$ID+x"
	assert_status 0
	assert_eq "$stderr" ""
	systemctl stop "$slice" mr.slice
}

@test "systemd: run in all its forms leaves no unit" {
	requires systemd cgroup2
	spec "$(args /bin/sh -c 'exit 3')"
	run --separate-stderr sd run --name "$ID" "$BUNDLE/config.json"
	assert_status 3
	no_unit
	run --separate-stderr sd run --rm --name "$ID" -m 64m -- true
	assert_status 0
	assert_eq "$stderr" ""
	no_unit
	spec "$(args /bin/sleep 60)"
	launch --systemd-cgroup run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	has_property ActiveState active
	minirun kill "$ID" KILL
	minirun wait "$ID"
	wait_for no_unit
}

@test "systemd: plan shows the unit" {
	requires cgroup2
	spec "$(memory 64M)"
	run --separate-stderr sd plan "$BUNDLE/config.json"
	assert_status 0
	assert_matches "$output" "scope +systemd.scope\(5\) +$UNIT in system.slice"
}

@test "systemd: run.oci.systemd.subgroup names the container's own cgroup" {
	requires systemd cgroup2
	start '.annotations = {"run.oci.systemd.subgroup": "payload"}'
	assert_eq "$(cat "$CGROUP2_MOUNT/system.slice/$UNIT/payload/cgroup.procs")" "$(init_pid)"
	assert_eq "$(oci_state '."systemd-scope"')" "$UNIT"
	minirun delete -f "$ID"
	no_unit
}

# shown STAGE PEER: the properties that are no readings of this one container.
shown() {
	systemctl show "$UNIT" | grep -vE '^(InvocationID|ControlGroupId|DropInPaths|NeedDaemonReload|Effective|CPUUsage|TasksCurrent)|^Memory(Current|Available)|^I[OP][A-Za-z]+(Bytes|Operations|Packets)=|Timestamp' |
		sed -E "s/$ID/ID/; s/^TasksMax=[0-9]{4,}$/TasksMax=default/" | sort >"$BATS_TEST_TMPDIR/$1/$2"
}

# scope_of PEER: its scope for the same spec, as made and after the same update.
scope_of() {
	local rt=("$1" --root "$BATS_TEST_TMPDIR/root.$1" --systemd-cgroup)
	[ "$1" != minirun ] || rt=(minirun --systemd-cgroup)
	"${rt[@]}" create --bundle "$BUNDLE" "$ID" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- </dev/null
	shown created "$1"
	"${rt[@]}" update --resources - "$ID" 3>&- 4>&- <<<'{"memory": {"limit": 134217728, "swap": 134217728},
		"cpu": {"shares": 2048, "quota": 20000, "period": 50000}, "pids": {"limit": 30}}'
	shown updated "$1"
	"${rt[@]}" delete --force "$ID" 3>&- 4>&-
	wait_for no_unit
}

# rows_of STAGE: a row as in differences.md of each property in which the three differ.
rows_of() {
	(cd "$BATS_TEST_TMPDIR/$1" && awk -v stage="$1" '{
		at = index($0, "=")
		name = substr($0, 1, at - 1)
		of = name SUBSEP FILENAME
		before = of in value ? value[of] " " : ""
		value[of] = before substr($0, at + 1)
		names[name]
	} END {
		for (name in names) {
			r = value[name, "runc"]; c = value[name, "crun"]; m = value[name, "minirun"]
			if (r != c || r != m)
				printf "| %s, %s | `%s` | `%s` | `%s` |\n", name, stage, r, c, m
		}
	}' runc crun minirun) | sort
}

@test "systemd: the scope's properties are runc's and crun's, or differences.md says why not" {
	requires systemd cgroup-v2 memory cpu pids cpuset runc crun
	local peer
	spec "$(args /bin/sleep 60)" '.ociVersion = "1.0.2"' "$(memory 64M 96M)" \
		'.linux.resources += {cpu: {shares: 512, quota: 25500, period: 50000, cpus: "0"},
			pids: {limit: 20}}' '.linux.resources.memory.reservation = 33554432'
	mkdir "$BATS_TEST_TMPDIR/created" "$BATS_TEST_TMPDIR/updated"
	for peer in runc crun minirun; do
		scope_of "$peer"
	done
	rows_of created >"$BATS_TEST_TMPDIR/rows"
	comm -13 <(sed 's/, created/, updated/' "$BATS_TEST_TMPDIR/rows" | sort) \
		<(rows_of updated) >"$BATS_TEST_TMPDIR/more"
	sed -nE 's/^(\| [A-Z][A-Za-z]+, (created|updated) \|.*\|) [^|]*[^| ] \|$/\1/p' \
		"$TOP/tests/engines/differences.md" | sort | diff - <(sort "$BATS_TEST_TMPDIR"/{rows,more})
}

# --- OOM ---

@test "systemd: an OOM kill by the own limit is in the record, after all have gone" {
	requires systemd cgroup-v2 memory memlab
	spec "$(args /memlab anon 80M)" "$(memory 32M)"
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	minirun start "$ID"
	wait_for -t 30 state_is .State.Status exited
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Kills)" 1
	assert_eq "$(state .OOM.Scope)" container
	assert_eq "$(state .OOM.LimitCgroup)" "/system.slice/$UNIT/container"
	# The evidence is there until delete, whoever asks.
	assert_eq "$(inner memory.events | sed -n 's/^oom_kill //p')" 1
	assert_eq "$(oci_state .oomKilled)" true
	minirun delete "$ID"
	no_unit
}

@test "systemd: a watcher that was killed: delete still knows of the OOM kill" {
	requires systemd cgroup2 memory memlab
	spec "$(args /bin/sh -c 'read x </dev/null; /memlab anon 80M; /memlab anon 80M')" \
		"$(memory 32M)"
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	local watcher
	watcher=$(jq .monitor.pid "$ROOT/$ID/state.json")
	minirun start "$ID"
	kill -KILL "$watcher"
	wait_for -t 30 _is_gone "$(jq .init.pid "$ROOT/$ID/state.json")"
	minirun --keep-record delete "$ID"
	run --separate-stderr minirun inspect --format '{{.State.OOMKilled}}' "$ID"
	assert_eq "$output" true
	minirun delete --record "$ID"
	no_unit
}

@test "systemd: a limit of the slice is an ancestor's" {
	requires systemd cgroup-v2 memory memlab
	local slice=mr$BASHPID.slice
	systemctl set-property --runtime "$slice" MemoryMax=32M MemorySwapMax=0
	systemctl start "$slice"
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" \
		'.linux.cgroupsPath = "'"$slice:mr:$ID"'"'
	run --separate-stderr sd run --name "$ID" "$BUNDLE/config.json"
	assert_status 137
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Scope)" ancestor
	assert_eq "$(state .OOM.LimitCgroup)" "/$slice"
	systemctl stop "$slice"
	rm -rf "/run/systemd/system.control/$slice.d"
	systemctl daemon-reload
}

@test "systemd: a limit of 512 KiB starts a static program" {
	requires systemd cgroup2 memory memlab
	spec "$(args /memlab anon 4K)" "$(memory 512K)"
	run --separate-stderr sd run --name "$ID" "$BUNDLE/config.json"
	assert_status 0
}

# --- exec, update, pause ---

@test "systemd: exec joins the container's cgroup, and needs no option" {
	requires systemd cgroup2
	start
	minirun exec --detach "$ID" sleep 50
	assert_eq "$(inner cgroup.procs | wc -l)" 2
	run --separate-stderr minirun exec "$ID" cat /proc/self/cgroup
	assert_eq "${lines[-1]}" "0::/"
}

@test "systemd: pause, resume, kill --all" {
	requires systemd cgroup2
	start
	minirun pause "$ID"
	assert_eq "$(inner cgroup.freeze)" 1
	minirun resume "$ID"
	minirun kill --all "$ID" KILL
	wait_for state_is .State.Status exited
	has_property ActiveState active
	minirun delete "$ID"
}

@test "systemd: update changes the unit and the container's files, up and down" {
	requires systemd cgroup-v2 memory cpu pids cpuset
	start "$(memory 64M)" '.linux.resources.pids.limit = 20'
	minirun update --memory 128M --memory-swap 160M --pids-limit 30 --cpu-shares 2048 \
		--cpu-quota 40000 --cpuset-cpus 0 "$ID"
	memory_is 128M
	has_property MemorySwapMax 33554432
	has_property TasksMax 31
	has_property CPUQuotaPerSecUSec 400ms
	has_property AllowedCPUs 0
	assert_eq "$(inner pids.max)" 30
	has_property CPUWeight "$(inner cpu.weight)"
	minirun update --memory 16M --pids-limit -1 "$ID"
	memory_is 16M
	has_property TasksMax infinity
	# What systemd writes at a reload is what was asked for last.
	systemctl daemon-reload
	memory_is 16M
	minirun update --memory -1 "$ID"
	has_property MemoryMax infinity
	assert_eq "$(inner memory.max)" max
	assert_eq "$(outer memory.max)" max
}

@test "systemd: an update that fails changes neither" {
	requires systemd cgroup-v2 memory memlab
	spec "$(args /bin/sh -c '/memlab anon 40M + hold 60 & wait')" "$(memory 64M)"
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	minirun start "$ID"
	wait_for _uses 40000000
	run --separate-stderr minirun update --memory 8M "$ID"
	assert_status 1
	memory_is 64M
	run --separate-stderr minirun update --memory 128M --cpuset-cpus 4000 "$ID"
	assert_status 1
	memory_is 64M
	# Whose bus is gone: the container's own files are taken back.
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent run --separate-stderr \
		minirun update --memory 60M "$ID"
	assert_status 1
	assert_contains "$stderr" "cannot reach systemd"
	memory_is 64M
}

_uses() {
	[ "$(inner memory.current)" -gt "$1" ]
}

# --- v1 and hybrid hosts ---

@test "systemd: on v1 the scope has the limits, too, and nothing stays in any hierarchy" {
	requires systemd cgroup-v1 memory pids cpu memlab
	local dir
	spec "$(args /memlab anon 80M)" "$(memory 32M)" '.linux.resources.pids.limit = 20' \
		'.linux.resources.cpu = {shares: 512}'
	launch --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	has_property MemoryLimit $((36 << 20))
	has_property TasksMax 21
	has_property CPUShares 512
	dir=$(cgroup_dir memory "$(init_pid)")
	assert_matches "$dir" "/system.slice/$UNIT/container$"
	assert_eq "$(cat "$dir/memory.limit_in_bytes")" $((32 << 20))
	minirun update --memory 24M "$ID"
	has_property MemoryLimit $((28 << 20))
	assert_eq "$(cat "$dir/memory.limit_in_bytes")" $((24 << 20))
	minirun start "$ID"
	wait_for -t 30 state_is .State.Status exited
	assert_eq "$(state .State.OOMKilled)" true
	assert_eq "$(state .OOM.Scope)" container
	has_property ActiveState active
	minirun delete "$ID"
	no_unit
}

# --- ends ---

@test "systemd: minirun run killed by SIGKILL leaves no unit, and delete -f nothing at all" {
	requires systemd cgroup2
	spec "$(args /bin/sleep 60)"
	background_minirun --systemd-cgroup run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	kill -KILL "$BG_PID"
	wait_for no_unit
	minirun delete -f "$ID"
}

@test "systemd: create killed at any moment, then delete -f: no unit" {
	requires systemd cgroup2
	local delay
	spec "$(args /bin/sleep 60)"
	for delay in 20 60 120 180 240 320 450; do
		background_minirun --systemd-cgroup create --bundle "$BUNDLE" "$ID"
		"$BUSYBOX" usleep $((delay * 1000))
		kill -KILL "$BG_PID" 2>/dev/null || true
		wait "$BG_PID" 2>/dev/null || true
		minirun delete -f "$ID"
		no_unit
	done
}

@test "systemd: SIGKILL of the watcher, then delete -f: no unit" {
	requires systemd cgroup2
	start
	kill -KILL "$(jq .monitor.pid "$ROOT/$ID/state.json")"
	minirun delete -f "$ID"
	no_unit
}

@test "systemd: a start that fails leaves no unit" {
	requires systemd cgroup-v2
	spec "$(args /no/such/program)"
	run --separate-stderr sd run --bundle "$BUNDLE" "$ID"
	assert_status 1
	no_unit
	spec '.linux.resources.unified = {"memory.max": "nonsense"}'
	refuses "memory.max"
	no_unit
}

@test "systemd: systemctl stop ends the container, and delete works after it" {
	requires systemd cgroup2
	start
	systemctl kill --signal=KILL "$UNIT"
	wait_for no_unit
	wait_for state_is .State.Status exited
	minirun delete "$ID"
}

@test "systemd: delete without the bus empties the cgroup, and systemd forgets the unit" {
	requires systemd cgroup2
	start
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent run --separate-stderr minirun delete -f "$ID"
	assert_status 0
	wait_for no_unit
}

# --- annotations ---

@test "systemd: annotations are properties only when that is enabled" {
	requires systemd cgroup2
	start '.annotations = {"org.systemd.property.TimeoutStopSec": "7",
		"org.systemd.property.Description": "\u0027a test\u0027"}'
	assert_contains "$stderr" "org.systemd.property.TimeoutStopSec: not applied"
	has_property Description "container of minirun"
	minirun delete -f "$ID"
	launch --systemd-properties --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$stderr" ""
	has_property Description "a test"
	has_property TimeoutStopUSec 7s
}

@test "systemd: annotations of every type; bad ones are named" {
	requires systemd cgroup-v2
	spec "$(args /bin/sleep 60)" '.annotations = {
		"org.systemd.property.IOAccounting": "false",
		"org.systemd.property.After": "[\u0027basic.target\u0027, \u0027init.scope\u0027]",
		"org.systemd.property.RuntimeMaxUSec": "uint64 90000000",
		"org.systemd.property.CollectMode": "\"inactive\""}'
	launch --systemd-properties --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	has_property IOAccounting no
	has_property RuntimeMaxUSec "1min 30s"
	has_property CollectMode inactive
	assert_contains "$(property After)" basic.target
	minirun delete -f "$ID"
	spec '.annotations = {"org.systemd.property.Nonsense": "true"}'
	refuses "Nonsense" --systemd-properties
	spec '.annotations = {"org.systemd.property.RuntimeMaxUSec": "["}'
	refuses "RuntimeMaxUSec=[ is not understood" --systemd-properties
	spec '.annotations = {"org.systemd.property.a.b": "1"}'
	refuses "org.systemd.property.a.b=1 is not understood" --systemd-properties
}

# --- bad input ---

@test "systemd: a bad cgroupsPath" {
	requires cgroup2
	local path
	for path in /a/path a:b a:b:c:d plain; do
		make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "'"$path"'"'
		refuses "'$path': the systemd driver expects slice:prefix:name"
	done
	for path in noslice:a:b .slice:a:b a--b.slice:a:b -a.slice:a:b a-.slice:a:b; do
		make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "'"$path"'"'
		refuses "'${path%%:*}' is no slice"
	done
	for path in 'system.slice:a:b/c' 'sys/tem.slice:a:b' 'system.slice:a b:c'; do
		make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "'"$path"'"'
		refuses "a unit's name has only letters"
	done
	make_spec "$BUNDLE/config.json" '.linux.cgroupsPath = "system.slice:a:"'
	refuses "the third part, the name, is empty"
}

@test "systemd: a unit that exists is not taken over" {
	requires systemd cgroup2
	start
	spec "$(args /bin/sleep 60)"
	launch --systemd-cgroup create --bundle "$BUNDLE" "$(id_of two)"
	assert_status 1
	assert_contains "$stderr" "a unit of that name exists already"
	has_property ActiveState active
	assert_eq "$(inner cgroup.procs)" "$(init_pid)"
}

@test "systemd: --cgroup-parent belongs to the other driver" {
	spec
	launch --systemd-cgroup create --bundle "$BUNDLE" --cgroup-parent /x "$ID"
	assert_status 1
	assert_contains "$stderr" "--cgroup-parent belongs to the other driver"
}

@test "systemd: where it is not running the error names the cure" {
	requires cgroup2 no-systemd
	spec
	refuses "cannot reach systemd"
	assert_contains "$stderr" "--cgroup-manager cgroupfs"
}

@test "systemd: without its companion the error says what is missing" {
	requires cgroup2
	local dir=$BATS_TEST_TMPDIR/alone
	mkdir "$dir"
	cp "$MINIRUN" "$dir/minirun"
	spec
	MINIRUN=$dir/minirun PATH=/usr/bin:/bin refuses "the systemd driver needs minirun-systemd"
	assert_contains "$stderr" "--cgroup-manager cgroupfs"
}

@test "systemd: check and features say what there is" {
	run --separate-stderr minirun features
	assert_eq "$(jq -c .linux.cgroup <<<"$output")" \
		'{"v1":true,"v2":true,"systemd":true,"systemdUser":true,"rdma":true}'
	assert_eq "$(jq -c '.potentiallyUnsafeConfigAnnotations |
		index("org.systemd.property.") != null' <<<"$output")" true
	cp "$MINIRUN" "$BATS_TEST_TMPDIR/minirun"
	PATH=/usr/bin:/bin run --separate-stderr "$BATS_TEST_TMPDIR/minirun" features
	assert_eq "$(jq -c '.linux.cgroup | [.systemd, .systemdUser]' <<<"$output")" '[false,false]'
}
