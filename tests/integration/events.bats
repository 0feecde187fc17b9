#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun events: each OOM kill exactly once, those before the watch too; figures in runc's
# schema; asleep otherwise; the end with the container's.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common
load launching

setup() {
	common_setup
	requires root cgroups memory memlab
}

# gated SCRIPT [JQ-FILTER...]: a detached container of 32 MiB whose shell runs SCRIPT; "go" in
# it waits for `go`. The last writer may not have closed the pipe yet: that is no line.
gated() {
	local script=$1
	shift
	GATE=$BUNDLE/gate
	make_rootfs "$BUNDLE/rootfs"
	mkdir "$GATE"
	mkfifo "$GATE/fifo"
	make_spec "$BUNDLE/config.json" "$(memory 32M)" \
		"$(args /bin/sh -c "go() { until read -r _ </gate/fifo; do :; done; }; oom() { /memlab anon 48M; }; $script")" \
		"$(mount_spec /gate bind "$GATE" bind rw)" "$@"
	launch run -d --name "$ID" ${RM:+--rm} "$BUNDLE/config.json"
	assert_status 0
	PID=$(init_pid)
}

go() {
	echo >"$GATE/fifo"
}

# watch: `minirun events` in the background; its lines are in $OUT.
watch() {
	background_minirun events --interval 1h "$ID"
}

# watching: the watcher holds its place.
watching() {
	local fd
	for fd in "/proc/$BG_PID/fd"/*; do
		[ "$(readlink "$fd")" != "$ROOT/$ID/intent.json" ] || return 0
	done
	return 1
}

# kills FIELD: of all objects, on one line.
kills() {
	jq -r "select(.type == \"oom\").data.$1" "$OUT" | tr '\n' ' '
}

oom_lines() {
	[ "$(grep -c '"type":"oom"' "$OUT")" = "$1" ]
}

# ended: the watcher has left by itself, without a word on stderr.
ended() {
	wait_background
	assert_eq "$status" 0 "exit status of events"
	assert_eq "$stderr" "" "stderr of events"
}

@test "events: each kill once, before and after the watch began, the last one too" {
	gated 'oom; oom; go; oom; go; exec /memlab anon 48M'
	wait_for state_is .OOM.Kills 2
	watch
	wait_for oom_lines 2
	go
	wait_for oom_lines 3
	assert_eq "$(oci_state .status)" running
	go
	ended
	assert_eq "$(kills kill)" "1 2 3 4 "
	assert_eq "$(kills kills)" "2 2 3 4 "
	assert_eq "$(kills beforeWatch)" "true true false false "
	assert_eq "$(jq -r .id "$OUT" | sort -u)" "$ID"
	assert_eq "$(grep -vc '"type":"oom"' "$OUT")" 0 "other lines"
	assert_eq "$(state .OOM.Kills)" 4
	# Where the kernel limits its reports a victim can be told only when all have died.
	if [ "$(state '[.OOM.Victims[].Cgroup | strings] | length')" = 4 ]; then
		assert_eq "$(kills comm | tr ' ' '\n' | sort -u | tr -d '\n')" memlab
		assert_eq "$(kills hostPid)" "$(state '.OOM.Victims[].HostPid' | tr '\n' ' ')"
		assert_eq "$(kills init)" "null null null 1 "
	fi
}

@test "events: many kills at once are told one by one, by every watcher" {
	local first
	gated 'go; for i in 1 2 3 4 5 6 7 8 9 10; do oom & oom & oom & wait; done; go'
	watch
	first=$OUT
	wait_for watching
	watch
	wait_for watching
	go
	wait_for -t 60 state_is .OOM.Kills 30
	go
	ended
	minirun wait "$ID"
	assert_eq "$(state .OOM.Kills)" 30
	assert_eq "$(kills kill)" "$(seq -s ' ' 30) "
	OUT=$first
	wait_for oom_lines 30
	assert_eq "$(kills kill)" "$(seq -s ' ' 30) "
}

@test "events: with --rm, where no record is left, the last kill is told all the same" {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		ID=$(id_of "rm$i")
		BUNDLE=$BATS_TEST_TMPDIR/bundle$i
		RM=1 gated 'go; exec /memlab anon 48M'
		watch
		wait_for watching
		go
		ended
		assert_eq "$(kills kill)" "1 " "kills of run $i"
		wait_for refute_exists "$ROOT/$ID"
	done
}

@test "events: a bystander of another's kill has none" {
	requires busybox
	local parent dir sibling
	parent=/$RUN_TAG-parent
	gated go ".linux.cgroupsPath = \"$parent/$ID\""
	dir=$(dirname "$(cgroup_dir memory "$PID")")
	limit_memory "$dir" 50331648
	watch
	wait_for watching
	sibling=$(id_of sibling)
	minirun run --name "$sibling" --cgroup-parent "$parent" -- "$MEMLAB" anon 96M || status=$?
	assert_eq "$status" 137
	assert_eq "$(state .OOM.Scope "$sibling")" ancestor
	go
	ended
	assert_eq "$(cat "$OUT")" ""
	assert_eq "$(state .State.OOMKilled)" false
	minirun delete "$sibling"
	minirun delete "$ID"
	cgroup_mounts | while read -r _ _ _ point; do
		[ ! -d "$point$parent" ] || rmdir "$point$parent"
	done
}

@test "events: a kill in a sub-cgroup, also in one that is gone" {
	local top=/sys/fs/cgroup inner
	[ "$MEMORY_VERSION" = 2 ] || top=$top/memory
	inner="mkdir $top/inner && sh -c 'echo \$\$ >$top/inner/cgroup.procs; exec /memlab anon 48M'; go"
	gated "$inner; until rmdir $top/inner; do sleep 0.01; done; go; $inner" \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw)"
	wait_for state_is .OOM.Kills 1
	go
	wait_for refute_exists "$(cgroup_dir memory "$PID")/inner"
	watch
	wait_for oom_lines 1
	go
	wait_for oom_lines 2
	go
	ended
	assert_eq "$(kills kill)" "1 2 "
	assert_eq "$(kills beforeWatch)" "true false "
}

@test "events: it ends with the container, however that ends; then there is nothing to watch" {
	gated go
	watch
	wait_for watching
	minirun delete -f "$ID"
	ended
	start_container
	watch
	wait_for watching
	minirun kill "$ID" KILL
	ended
	assert_eq "$(cat "$OUT")" ""
	minirun wait "$ID"
	run --separate-stderr minirun events "$ID"
	assert_status 1
	assert_contains "$stderr" "container not running"
	run --separate-stderr minirun events --stats "$ID"
	assert_status 1
	assert_contains "$stderr" "container not running"
}

@test "events: --format json is docker's: create, start, oom, die" {
	gated 'oom; go; exit 3'
	wait_for state_is .OOM.Kills 1
	background_minirun events --format json "$ID"
	wait_for watching
	go
	ended
	assert_eq "$(jq -r .Action "$OUT" | tr '\n' ' ')" "create start oom die "
	assert_eq "$(jq -r .status "$OUT" | tr '\n' ' ')" "create start oom die "
	assert_eq "$(jq -r .Actor.Attributes.name "$OUT" | sort -u)" "$ID"
	assert_eq "$(jq -r 'select(.Action == "die").Actor.Attributes.exitCode' "$OUT")" 3
	assert_eq "$(jq -r 'select(.Action == "oom").Actor.Attributes.kills' "$OUT")" 1
	assert_eq "$(jq -r .id "$OUT" | sort -u)" "$(state .Id)"
	assert_eq "$(jq -r 'select((.timeNano / 1000000000 | floor) != .time)' "$OUT")" ""
}

# --- figures ---

@test "events: --stats is one line in runc's schema, with the kernel's numbers" {
	make_spec "$BUNDLE/config.json" "$(memory 64M)" '.linux.resources.pids.limit = 20' \
		"$(args /bin/sh -c '/memlab anon 20M + hold 60 & wait')"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	PID=$(init_pid)
	wait_for has_done anon
	run --separate-stderr minirun events --stats "$ID"
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$(wc -l <<<"$output")" 1
	assert_eq "$(jq -r .type <<<"$output")" stats
	assert_eq "$(jq -r .id <<<"$output")" "$ID"
	assert_eq "$(jq -r '.data | keys_unsorted | join(" ")' <<<"$output")" \
		"cpu cpuset memory pids blkio hugetlb intel_rdt network_interfaces"
	assert_eq "$(jq -r .data.memory.usage.limit <<<"$output")" 67108864
	assert_between "$(jq -r .data.memory.usage.usage <<<"$output")" 20971520 67108864
	assert_between "$(jq -r .data.memory.peak <<<"$output")" 20971520 67108864
	# Without cgroup2 the container is in no cgroup that counts processor time.
	if [ -n "$CGROUP2_MOUNT" ]; then
		assert_between "$(jq -r .data.cpu.usage.total <<<"$output")" 1000000 60000000000
	else
		assert_eq "$(jq -r .data.cpu.usage.total <<<"$output")" null
	fi
	assert_eq "$(jq -r .data.pids.limit <<<"$output")" 20
	assert_eq "$(jq -r .data.pids.current <<<"$output")" "$(cgroup_file pids pids.current)"
	if [ "$MEMORY_VERSION" = 1 ]; then
		assert_eq "$(jq -r .data.memory.swap.limit <<<"$output")" 67108864
		assert_between "$(jq -r .data.memory.raw.total_rss <<<"$output")" 20971520 67108864
	else
		assert_between "$(jq -r .data.memory.raw.anon <<<"$output")" 20971520 67108864
	fi
	[ ! -e /proc/pressure/memory ] || requires cgroup2
	[ ! -e /proc/pressure/memory ] ||
		assert_eq "$(jq -r '.data.memory.psi | keys_unsorted | join(" ")' <<<"$output")" "some full"
}

@test "events: --interval says how often, and must be more than 0" {
	gated go
	background_minirun events --interval 100ms "$ID"
	stats_lines() { [ "$(grep -c '"type":"stats"' "$OUT")" -ge 5 ]; }
	wait_for stats_lines
	go
	ended
	run --separate-stderr minirun events --interval 0 "$ID"
	assert_status 1
	assert_contains "$stderr" "--interval"
	run --separate-stderr minirun events --interval soon "$ID"
	assert_status 1
	run --separate-stderr minirun events
	assert_status 1
	run --separate-stderr minirun events "$(id_of nosuch)"
	assert_status 1
	assert_contains "$stderr" "does not exist"
}

@test "events: while nothing happens nobody wakes up" {
	local before
	gated go
	watch
	wait_for watching
	switches() { awk '/_ctxt_switches/ { n += $2 } END { print n }' "/proc/$BG_PID/status"; }
	asleep() { [ "$(awk '/^State/ { print $2 }' "/proc/$BG_PID/status")" = S ]; }
	wait_for asleep
	before=$(switches)
	# Not a synchronisation: the time in which nothing may happen.
	sleep 1
	assert_eq "$(switches)" "$before" "context switches"
	go
	ended
}

@test "events: who listens takes nothing from the verdict" {
	requires root busybox memory
	make_spec "$BUNDLE/config.json" "$(memory 32M)" "$(args /bin/sleep 60)"
	# Without a log that would rule a kill out in sub-cgroups that nobody has seen.
	mkdir "$BATS_TEST_TMPDIR/nodev"
	unshare -m sh -c 'mount -t tmpfs -o nodev none "$0" && mknod "$0/kmsg" c 1 11 &&
		mount --bind "$0/kmsg" /dev/kmsg && exec "$@"' "$BATS_TEST_TMPDIR/nodev" \
		"$MINIRUN" --root "$ROOT" run -d --name "$ID" "$BUNDLE/config.json" \
		</dev/null >/dev/null 2>&1
	watch
	wait_for watching
	minirun kill "$ID" KILL
	minirun wait "$ID"
	assert_eq "$(state .State.OOMKilled)" false
}
