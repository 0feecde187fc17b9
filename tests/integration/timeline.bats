#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `minirun run --timeline`: what the memory did, and the hint on leak or limit.

# bats sets status, output, stderr.
# shellcheck disable=SC2154

load common
load launching

setup() {
	common_setup
	requires root memory memlab
	TIMELINE=$BATS_TEST_TMPDIR/timeline.jsonl
}

# record MEMLAB-STEP...: a command under 64 MiB, with a timeline.
record() {
	run --separate-stderr minirun run --name "$ID" --timeline "$TIMELINE" -m 64m -- "$MEMLAB" "$@"
}

# lines JQ-FILTER: the result of a filter over the array of all lines.
lines() {
	jq -sr "$1" "$TIMELINE"
}

@test "timeline: a kill, from the first sample to the exit" {
	requires kmsg
	record anon 90M --rate 200M
	assert_status 137
	[ "$(state '.OOM.Victims | length')" = 1 ] || skip "needs a kernel log that kept our report: it did not"
	assert_eq "$(lines '.[0].timeline')" 1
	assert_eq "$(lines '.[0].id')" "$ID"
	assert_eq "$(lines '.[0].interval_ms')" 5
	assert_eq "$(lines '[.[].t | numbers] | . == sort')" true "times in order"
	# "oom" comes by a wake-up of its own, which may be late.
	assert_eq "$(lines '[.[] | select(.event and .event != "oom") | .event] | join(" ")')" "start exec oom-kill exit"
	assert_eq "$(lines '.[] | select(.event == "oom-kill") | .comm')" memlab
	assert_eq "$(lines '.[] | select(.event == "exit") | .signal')" SIGKILL
	# 64 MiB at 200 a second are 0.32 s, on a slow host more: every 5 ms one, on a busy host fewer,
	# and one at the kill.
	assert_between "$(lines 'map(select(.usage)) | length')" 6 "$(lines 'map(select(.usage)) | (.[-1].t - .[0].t) / 5000 + 3 | floor')" samples
	assert_eq "$(lines '[.[] | select(.usage) | .limit] | unique | join(" ")')" 67108864
	assert_between "$(lines '[.[].anon | numbers] | max')" 50000000 67108864 "largest anon"
	# The parts are the whole, but for what the kernel counts in batches; a busy host may
	# have had a pause between reading the one and the other.
	assert_eq "$(lines '[.[] | select(.usage) | .usage - .anon - .file - .shmem - .kernel | fabs] | sort | .[length * 8 / 10 | floor] < 3000000')" true
	assert_matches "$(lines '.[] | select(.comm == "memlab" and .process) | "\(.oom_killed) \(.signal)"')" \
		"^true (SIGKILL$(kernel_at_least 6.15 || echo '|null'))\$"
	assert_eq "$(lines '.[] | select(.event == "oom-kill") | .pid')" \
		"$(lines '.[] | select(.comm == "memlab" and .process) | .process')"
}

@test "timeline: the record names the file and the shape" {
	record leak 40M
	assert_status 137
	assert_eq "$(state .Timeline)" "$TIMELINE"
	assert_eq "$(state .Verdict.Kind)" still-growing
	assert_matches "$(state .Verdict.Reason)" 'MiB a second.*minirun bisect'
	assert_contains "$stderr" "leak or limit? still-growing: "
	[ -n "$(_missing jsonschema)" ] || assert_valid_status
	assert_between "$(state .Memory.PeakAnonBytes)" 60000000 67108864 PeakAnonBytes
}

@test "timeline: a flat stretch and a jump are a limit too small" {
	# To touch the memory must take little of the time.
	record plateau 90M "$MINIRUN_TEST_PATIENCE"
	assert_status 137
	assert_eq "$(state .Verdict.Kind)" limit-too-small
	assert_matches "$(state .Verdict.Reason)" 'stood at [45][0-9]\.[0-9] MiB'
}

@test "timeline: kernel memory is no matter of leak or limit" {
	record pgtables 64G
	assert_status 137
	case $(state .Verdict.Kind) in
	kernel-memory) ;;
	undecided) assert_matches "$(state .Verdict.Reason)" 'life too short' ;;
	*) fail "Verdict: $(state .Verdict)" ;;
	esac
}

@test "timeline: beside the copy of the record its name is relative" {
	record true
	assert_status 0
	run minirun run --rm --name "$ID" --timeline "$TIMELINE" --status "$BATS_TEST_TMPDIR/s.json" -m 64m -- "$MEMLAB" true
	assert_status 0
	assert_eq "$(jq -r .Timeline "$BATS_TEST_TMPDIR/s.json")" timeline.jsonl
	mkdir "$BATS_TEST_TMPDIR/other"
	run minirun run --rm --name "$ID" --timeline "$TIMELINE" --status "$BATS_TEST_TMPDIR/other/s.json" -m 64m -- "$MEMLAB" true
	assert_status 0
	assert_eq "$(jq -r .Timeline "$BATS_TEST_TMPDIR/other/s.json")" "$TIMELINE"
	assert_eq "$(jq -r 'has("Verdict")' "$BATS_TEST_TMPDIR/s.json")" false
}

@test "timeline: without the option there is neither file nor shape" {
	run --separate-stderr minirun run --name "$ID" -m 64m -- "$MEMLAB" anon 90M
	assert_status 137
	assert_eq "$(state .Timeline)" null
	assert_eq "$(jq 'has("Verdict")' "$(status_file)")" false
	refute_contains "$stderr" "leak or limit"
}

@test "timeline: the processes, and how each of them ended" {
	record spawn good 'anon 4M + hold 1' + spawn big 'anon 90M --rate 400M' + spawn odd 'anon 2M + hold 0.1 + exit 3' + wait
	assert_status 0
	local ends='.[] | select(.process and .comm == $c) | "\(.code) \(.signal) \(.oom_killed)"' want=("0 null null" "3 null null")
	kernel_at_least 6.15 || want=("null null null" "null null null")
	assert_eq "$(jq -sr --arg c good "$ends" "$TIMELINE")" "${want[0]}"
	assert_eq "$(jq -sr --arg c odd "$ends" "$TIMELINE")" "${want[1]}"
	assert_between "$(lines '.[] | select(.process and .comm == "big") | .max_rss')" 40000000 67108864 "rss of big"
	assert_between "$(lines '.[] | select(.process and .comm == "good") | .max_rss')" 4194304 8000000 "rss of good"
	assert_eq "$(lines '.[] | select(.process and .comm == "good") | .end > .begin + 150000')" true
	# The kernel's log is everybody's, and may have lost our report.
	[ "$(state '.OOM.Victims | length')" = 0 ] ||
		assert_eq "$(lines '.[] | select(.process and .comm == "big") | .oom_killed')" true
}

@test "timeline: a limit that moves, and a lower one above" {
	local dir
	background_minirun run --name "$ID" --timeline "$TIMELINE" --cgroup-parent "/$ID-parent" -m 64m -- "$MEMLAB" anon 8M + hold 60
	wait_for grep -q '"event":"exec"' "$TIMELINE"
	wait_for state_is .State.Status running
	dir=$(cgroup_dir memory "$(init_pid)")
	echo 33554432 >"$dir/$(memory_file limit)" 2>/dev/null || fail "limit of $dir"
	wait_for grep -q '"event":"limit","from":67108864,"to":33554432' "$TIMELINE"
	echo 25165824 >"${dir%/*}/$(memory_file limit)" || fail "limit above $dir"
	wait_for grep -q '"event":"ancestor-limit","to":25165824' "$TIMELINE"
	minirun kill "$ID" KILL
	wait_background
	assert_eq "$(lines 'map(select(.usage))[-1].ancestor_limit')" 25165824
	assert_eq "$(lines '[.[] | select(.event == "limit" or .event == "ancestor-limit") | .event] | join(" ")')" "limit ancestor-limit"
	find /sys/fs/cgroup -maxdepth 2 -name "$ID-parent" -exec rmdir {} +
}

@test "timeline: a limit that update could not set" {
	background_minirun run --name "$ID" --timeline "$TIMELINE" -m 100m --memory-swap 100m -- \
		"$MEMLAB" anon 60M + hold 0.5
	wait_for grep -q '"step":"anon"' "$OUT"
	run minirun update -m 40m "$ID"
	assert_status 1
	wait "$BG_PID"
	assert_eq "$(lines '[.[] | select(.event == "limit-refused") | .to] | join(" ")')" 41943040
	assert_eq "$(lines '[.[].t | numbers] | . == sort')" true "times in order"
}

@test "timeline: --progress on a terminal, and nothing elsewhere" {
	command -v script >/dev/null || skip "script is not installed"
	run script -qec "$MINIRUN --root $ROOT run --rm --name $ID --progress -m 64m -- $MEMLAB anon 40M + hold 0.5" /dev/null
	assert_status 0
	assert_matches "$output" $'\r''\[#############\.......\] 4[01]/64M anon 40 cache 0'
	run --separate-stderr minirun run --rm --name "$ID" --progress -m 64m -- "$MEMLAB" anon 1M
	assert_status 0
	assert_eq "$stderr" ""
}

@test "timeline: a sample each 5 ms costs about 1 % of a CPU, and no more than 2" {
	local before used
	requires real-cpu
	# What others do on a busy host only adds to it.
	for _ in 1 2 3; do
		background_minirun run --name "$ID" --timeline "$TIMELINE" -m 64m -- "$MEMLAB" anon 60M --rate 20M + hold 1
		wait_for state_is .State.Status running
		before=$(cut -d ' ' -f 1 "/proc/$BG_PID/schedstat")
		wait_for grep -q '"step":"anon"' "$OUT"
		used=$(($(cut -d ' ' -f 1 "/proc/$BG_PID/schedstat") - before))
		wait "$BG_PID"
		[ "$used" -gt 60000000 ] || break
	done
	assert_between "$used" 1000000 60000000 "ns of CPU time in 3 s"
}

@test "timeline: tasks that stand still" {
	requires cgroup-v1
	background_minirun run --name "$ID" --timeline "$TIMELINE" --oom-kill-disable -m 32m -- "$MEMLAB" anon 48M
	wait_for grep -q '"event":"under-oom","hanging":true' "$TIMELINE"
	minirun kill "$ID" KILL
	wait_background
	assert_eq "$(lines '[.[] | select(.event == "oom-kill")] | length')" 0
	assert_between "$(lines 'map(select(.usage)) | map(.usage) | max')" 32000000 33554432 usage
}

@test "timeline: it survives a supervisor that is killed" {
	background_minirun run --name "$ID" --timeline "$TIMELINE" -m 64m -- "$MEMLAB" anon 8M + hold 60
	wait_for _has_samples 20
	kill -KILL "$BG_PID"
	wait_background
	assert_status 137
	assert_eq "$(lines '.[0].timeline')" 1
	assert_between "$(lines 'map(select(.usage)) | length')" 20 1000 samples
	wait_for _no_processes_of_ours
}

_has_samples() {
	[ "$(grep -c '"usage"' "$TIMELINE")" -ge "$1" ]
}

_no_processes_of_ours() {
	[ -z "$(_snapshot_processes)" ]
}

@test "timeline: what is no place for a file is refused before anything runs" {
	local path
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	mknod "$BATS_TEST_TMPDIR/null" c 1 3
	for path in "$BATS_TEST_TMPDIR/null" "$BATS_TEST_TMPDIR/fifo" "$BATS_TEST_TMPDIR/no/such" "$BATS_TEST_TMPDIR"; do
		run --separate-stderr minirun run --name "$ID" --timeline "$path" -m 64m -- "$MEMLAB" true
		assert_status 125
		assert_contains "$stderr" "timeline file '$path'"
		assert_eq "$output" ""
		refute_exists "$ROOT/$ID"
	done
	[ -c "$BATS_TEST_TMPDIR/null" ] && [ -p "$BATS_TEST_TMPDIR/fifo" ]
	run --separate-stderr minirun run --name "$ID" --timeline "$TIMELINE" --timeline-interval 2h -m 64m -- "$MEMLAB" true
	assert_status 125
	assert_contains "$stderr" "expected 1ms to 1h"
}

@test "timeline: a start that fails leaves no file" {
	run -127 --separate-stderr minirun run --name "$ID" --timeline "$TIMELINE" -m 64m -- /no/such/program
	refute_exists "$TIMELINE"
}

@test "timeline: the interval is taken" {
	run minirun run --name "$ID" --timeline "$TIMELINE" --timeline-interval 50ms -m 64m -- "$MEMLAB" hold 0.5
	assert_status 0
	assert_eq "$(lines '.[0].interval_ms')" 50
	assert_between "$(lines 'map(select(.usage)) | length')" 3 $(($(state .Exit.WallUsec) / 50000 + 2)) samples
}
