#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # stderr is bats'
# Every lab is run once: what it expects holds, and its texts show what happened.

load common
load labs

# lab N - a lab as `minirun lab run` does it; skipped with its reason.
lab() {
	local readme
	requires root
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR
	run --separate-stderr minirun lab run --en "$1"
	[ "$status" != 3 ] || skip "$(sed -n 's/^ *cannot run here: //p' <<<"$output")"
	assert_eq "$stderr" "" "stderr"
	assert_status 0
	assert_contains "$output" "--- what was expected"
	refute_contains "$output" "NOT AS EXPECTED"
	if command -v gnuplot >/dev/null; then
		assert_contains "$(head -c 200 "$BATS_TEST_TMPDIR"/minirun/labs/"$1"-*/chart.svg)" "<svg"
	fi
	# Of what was left out there is no story to compare with.
	[[ $output != *': left out '* ]] || return 0
	story <<<"$output" >"$BATS_TEST_TMPDIR/story"
	for readme in "$TOP"/examples/"$1"-*/README.md "$TOP"/examples/"$1"-*/README.zh.md; do
		block "$readme" "$MEMORY_VERSION" >"$BATS_TEST_TMPDIR/block"
		run same_story "$BATS_TEST_TMPDIR/block" "$BATS_TEST_TMPDIR/story"
		assert_eq "$output" "" "$readme"
	done
}

@test "lab 01: a program over its limit" {
	lab 01
}

@test "lab 02: the kernel's report of a kill" {
	lab 02
}

@test "lab 03: a promise is not memory" {
	lab 03
}

@test "lab 04: VIRT and RSS" {
	lab 04
}

@test "lab 05: whom the kernel chooses" {
	lab 05
}

@test "lab 06: a container that waits instead of dying" {
	lab 06
}

@test "lab 07: the lower limit counts" {
	lab 07
}

@test "lab 08: the page cache makes room" {
	lab 08
}

@test "lab 09: what memory.stat tells" {
	lab 09
}

@test "lab 10: the limit is too small" {
	lab 10
}

@test "lab 11: a leak" {
	lab 11
}

@test "lab 12: killed without memory of its own" {
	# The largest RSS of a process is that before its exec as well: minirun's.
	[ -z "${MINIRUN_TEST_SANITIZED:-}" ] || skip "needs no-sanitizer: a sanitized program has an RSS of 8 MiB"
	lab 12
}

@test "lab 13: memory that outlives its process" {
	lab 13
}

@test "lab 14: PID 1 lives, its child does not" {
	lab 14
}

@test "lab 15: signals to PID 1" {
	lab 15
}

@test "lab 16: swap hides the kill" {
	lab 16
}

@test "lab 17: the kill that never comes" {
	lab 17
}

@test "lab 18: slowed down instead of killed" {
	lab 18
}

@test "lab 19: a heap limit is not a memory limit" {
	lab 19
}

@test "lab 20: huge pages do not count" {
	lab 20
}

@test "lab 21: when malloc says no" {
	lab 21
}

@test "lab 22: shared pages are counted once" {
	lab 22
}

@test "lab 23: a limit below what is in use" {
	lab 23
}

@test "lab 24: writing a file larger than the limit" {
	lab 24
}

@test "lab 25: the same container under three engines" {
	lab 25
}

@test "lab list names every lab; its folder is whole, in both languages" {
	local dir file
	run --separate-stderr minirun lab list
	assert_status 0
	for dir in "$TOP"/examples/[0-9]*/; do
		dir=${dir%/}
		assert_matches "$output" $'(^|\n)'"$(basename "$dir" | cut -c1-2)  "
		for file in lab expect spec.json README.md README.zh.md answers.md; do
			assert_exists "$dir/$file"
		done
		for file in "$dir"/README*.md; do
			! grep -q '(chart.svg)' "$file" || assert_exists "$dir/chart.svg"
		done
		# The same sections in the same order.
		assert_eq "$(grep -c '^## ' "$dir/README.md")" 9 "$dir/README.md"
		assert_eq "$(grep -c '^## ' "$dir/README.zh.md")" 9 "$dir/README.zh.md"
	done
}

@test "every spec of a lab can be planned on v1, v2 and hybrid hosts" {
	local host spec
	for spec in "$TOP"/examples/[0-9]*/spec*.json; do
		for host in v1 v2 hybrid; do
			case $host:$spec in
			# What these labs show is in one version only.
			v[2]:*06-* | v1:*-group.json | hybrid:*-group.json) continue ;;
			v1:*18-*/spec.json | hybrid:*18-*/spec.json) continue ;;
			esac
			run minirun plan --host "$TOP/tests/fixtures/host/$host" "$spec"
			assert_status 0
		done
	done
}

@test "lab show prints the text, in the language that is asked for" {
	run --separate-stderr minirun lab show 01
	assert_status 0
	assert_contains "$output" "## Predict first"
	run --separate-stderr env -u LC_ALL -u LC_MESSAGES LANG=zh_CN.UTF-8 "$MINIRUN" lab show 01
	assert_contains "$output" "## 先猜一猜"
	run --separate-stderr minirun lab show --zh 1
	assert_contains "$output" "## 先猜一猜"
	refute_contains "$output" "教师"
}

@test "lab check says expected and actual, and fails when one does not hold" {
	local labs=$BATS_TEST_TMPDIR/labs
	requires root memory
	mkdir -p "$labs"
	cp -r "$TOP"/examples/01-oom-killed "$labs"
	printf 'peak < 1M\nvictim = nobody\nno_such_word > 0\n' >>"$labs/01-oom-killed/expect"
	export MINIRUN_LABS=$labs
	run --separate-stderr minirun lab check 01
	assert_status 1
	assert_matches "$output" 'oomkilled +=  ?true +true +ok'
	assert_matches "$output" 'peak +< 1M +6[34]M +NOT AS EXPECTED'
	assert_matches "$output" 'victim +=  ?nobody +memlab +NOT AS EXPECTED'
	assert_matches "$output" 'no_such_word +> 0 +unknown +NOT AS EXPECTED'
	assert_contains "$output" "0 as expected, 1 not, 0 cannot run here"
}

@test "a lab that cannot run here says why and offers the virtual machine" {
	local labs=$BATS_TEST_TMPDIR/labs
	requires root memory
	mkdir -p "$labs"
	cp -r "$TOP"/examples/01-oom-killed "$labs"
	echo "needs='v$((3 - MEMORY_VERSION))'" >>"$labs/01-oom-killed/lab"
	export MINIRUN_LABS=$labs
	run --separate-stderr minirun lab run 01
	assert_status 3
	assert_contains "$output" "cannot run here: needs cgroup v$((3 - MEMORY_VERSION)) memory"
	assert_contains "$output" "make lab-vm LAB=01"
	run --separate-stderr minirun lab list
	assert_contains "$output" "[needs cgroup v$((3 - MEMORY_VERSION)) memory]"
}

@test "lab refuses what it does not know" {
	local words
	for words in "" "frob" "run" "run 01 02" "list 01" "--frob list" "show x" "show 99"; do
		# shellcheck disable=SC2086
		run --separate-stderr minirun lab $words
		assert_status 125
		assert_eq "$output" "" "stdout of lab $words"
	done
}

@test "an interrupted lab leaves nothing behind" {
	requires root memory
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR TMPDIR=$BATS_TEST_TMPDIR
	status=0
	background_minirun lab run 05
	wait_for grep -q 'big: anon 160M' "$OUT"
	kill -TERM "$BG_PID"
	wait "$BG_PID" || status=$?
	assert_eq "$status" 143
	assert_eq "$(find "$BATS_TEST_TMPDIR" -name 'minirun-lab.*')" "" "scratch"
	assert_eq "$(find /sys/fs/cgroup -type d -path '*minirun/lab-05-*')" "" "cgroups"
}
