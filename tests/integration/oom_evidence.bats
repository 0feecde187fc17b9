#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The verdict when evidence is missing, hostile, or taken away: it is never a guess. And
# what waiting for it costs. See truth.bash.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching
load truth

setup() {
	common_setup
	requires root cgroups busybox memory memlab
}

# --- the kernel log ---

# run_with COMMAND...: minirun started by it.
run_with() {
	run --separate-stderr "$@" "$MINIRUN" --root "$ROOT" run --name "$ID" "$BUNDLE/config.json"
}

@test "oom: without the kernel log the verdict is the same, the detail missing" {
	requires setpriv
	without_log
	own_limit 16777216
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 16M)"
	run_with "${WITH[@]}"
	assert_status 137
	truth true/137 1 "${OWN_LIMIT[@]}" "Evidence=counter ladder" Source=null Victims= VictimsWithoutDetail=1 \
		KernelLog= Processes= Trigger=null 'InitKilled~true|null'
	in_container '/memlab anon 64M; exit 4' "$(memory 16M)"
	run_with "${WITH[@]}"
	assert_status 4
	truth true/4 1 "${OWN_LIMIT[@]}" InitKilled=false VictimsWithoutDetail=1
	in_container 'kill -KILL $PPID; exit 137' "$(memory 16M)"
	run_with "${WITH[@]}"
	assert_status 137
	truth false/137 0
}

# As a container or a lab may have it: readable, and it says nothing.
@test "oom: with a silent /dev/kmsg the verdict is the same" {
	own_limit 16777216
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 16M)"
	run_with unshare -m sh -c 'mount --bind /dev/null /dev/kmsg && exec "$@"' -
	assert_status 137
	truth true/137 1 "${OWN_LIMIT[@]}" "Evidence=counter ladder" Victims= VictimsWithoutDetail=1
}

# The log is everybody's: what a program writes there is not the kernel's word.
@test "oom: forged lines in the kernel log are not believed" {
	requires kmsg
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(memory 16M)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	PID=$(init_pid)
	echo "<3>Memory cgroup out of memory: Killed process $PID (sleep) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0" >/dev/kmsg
	kill -KILL "$PID"
	assert_eq "$(minirun wait "$ID")" 137
	truth false/137 0 Scope=null
}

@test "oom: the log's ring is overrun while nobody reads" {
	[ -n "${MINIRUN_TEST_VM:-}" ] || skip "needs a machine of its own (tests/vm/run): the kernel log is everybody's"
	own_limit 16777216
	make_spec "$BUNDLE/config.json" "$(memory 16M)" \
		"$(args sh -c '/memlab anon 64M; while [ ! -e /data/go ]; do sleep 0.02; done; /memlab anon 64M; exit 3')"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .OOM.Kills 1
	PID=$(init_pid)
	kill -STOP "$BG_PID"
	touch "$BUNDLE/rootfs/data/go"
	_is_zombie() { grep -q '^State:.Z' "/proc/$1/status"; }
	wait_for _is_zombie "$PID"
	echo on >/proc/sys/kernel/printk_devkmsg
	local i line
	line=$(printf '%900s' filler) # one write is one record, of at most 1024 bytes
	for ((i = 0; i < 1000; i++)); do
		echo "$line" >/dev/kmsg
	done
	kill -CONT "$BG_PID"
	wait_background
	assert_status 3
	truth true/3 2 "${OWN_LIMIT[@]}" InitKilled=false Incomplete=true VictimsWithoutDetail=1
}

# --- the counters ---

# stopped_at_the_end SCRIPT: a container whose end its supervisor, stopped, has not seen.
# Sets CGROUP, the directory that has the counters.
stopped_at_the_end() {
	make_spec "$BUNDLE/config.json" "$(args sh -c "$1; sleep 60")" "$(memory 16M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	[ -z "$2" ] || wait_for state_is .State.OOMKilled "$2"
	PID=$(init_pid)
	CGROUP=$(cgroup_dir memory "$PID")
	kill -STOP "$BG_PID"
	kill -KILL "$PID"
	_is_empty() { [ -z "$(cat "$CGROUP/cgroup.procs")" ]; }
	wait_for _is_empty
}

foreign_rmdir() {
	stopped_at_the_end true ''
	wait_for rmdir "$CGROUP"
	kill -CONT "$BG_PID"
	wait_background
	assert_status 137
	truth null/137 null 'Why~removed before its counters were read' InitKilled=null .Exit.Signal=SIGKILL
	assert_eq "$(oci_state .oomKilled)" null
	assert_matches "$(minirun ps -a)" "$ID"
}

@test "oom: somebody removed the cgroup first: null, with the reason" {
	repeat T9 "foreign rmdir of the cgroup" foreign_rmdir
}

@test "oom: somebody removed the cgroup, but a kill had been seen: it stays true" {
	stopped_at_the_end '/memlab anon 64M' true
	wait_for rmdir "$CGROUP"
	kill -CONT "$BG_PID"
	wait_background
	assert_status 137
	holds .State.OOMKilled=true Kills=1 Certain=false 'Why~at least' InitKilled=false
	[ -n "$(_missing jsonschema)" ] || assert_valid_status
}

@test "oom: the supervisor is killed after a kill was recorded: it stays true" {
	make_spec "$BUNDLE/config.json" "$(args sh -c '/memlab anon 64M; sleep 60')" "$(memory 16M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.OOMKilled true
	PID=$(init_pid)
	kill -KILL "$BG_PID"
	wait_background
	wait_for _is_gone "$PID"
	assert_eq "$(minirun inspect --format '{{.State.OOMKilled}}' "$ID")" true
	holds .State.Status=exited .State.ExitCode=null Kills=1 Certain=false Why~supervisor Scope=container
	[ -n "$(_missing jsonschema)" ] || assert_valid_status
}

# --- names ---

# A process names itself as the log's own syntax, a cgroup has commas and equals signs.
@test "oom: hostile names of processes and cgroups" {
	local name path=",oom_memcg=/x,task_memcg=/y,pid=1"
	own_limit 16777216
	# The kernel's name of a process is the first 15 bytes of its file's.
	for name in ') total-vm:1kB,' 'a (b) c,pid=1' $'new\nline' 'ü]\x'; do
		[ -d "$BUNDLE/rootfs" ] || make_rootfs "$BUNDLE/rootfs"
		cp "$MEMLAB" "$BUNDLE/rootfs/$name"
		make_spec "$BUNDLE/config.json" "$(args "/$name" anon 64M)" "$(memory 16M)" \
			".linux.cgroupsPath = \"/minirun/$RUN_TAG-$path/$ID\""
		run_spec
		assert_status 137
		truth true/137 1 "${OWN_LIMIT[@]}" "LimitCgroup=/minirun/$RUN_TAG-$path/$ID" InitKilled=true
		assert_eq "$(state '.OOM.Victims[0].Comm')" "$name"
		assert_eq "$(state '.OOM.Victims[0].Cgroup')" "/minirun/$RUN_TAG-$path/$ID"
		assert_eq "$(state '.OOM.Victims[0].HostPid')" "$(state .OOM.Trigger.HostPid)"
		assert_eq "$(grep -c . <<<"$stderr")" 1 "lines on stderr"
	done
	remove_parent "/minirun/$RUN_TAG-$path"
}

# --- what it costs while nothing happens ---

switches() {
	sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status"
}

# wakes_up PID SECONDS MOST: in that time at most so often.
wakes_up() {
	local before
	before=$(switches "$1")
	sleep "$2" # the length of the measurement
	[ $(($(switches "$1") - before)) -le "$3" ]
}

@test "oom: under an engine the supervisor does not wake up while nothing happens" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(memory 16M)"
	background_minirun run -b "$BUNDLE" "$ID"
	wait_for state_is .State.Status running
	wait_for wakes_up "$BG_PID" 0.2 0
	wakes_up "$BG_PID" 2 0
	minirun kill "$ID" KILL
	wait_background
}

# Stand-alone it samples peaks: every 5 ms while memory moves, once a second at rest. The
# kernel gives pages back from per-CPU stocks when it likes: there must be a time of rest.
@test "oom: stand-alone the supervisor wakes up once a second at most" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(memory 16M)"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	wait_for -t 30 wakes_up "$BG_PID" 3 4
	minirun kill "$ID" KILL
	wait_background
}
