#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Assertions: run --expect, inspect --expect, and what an answer costs.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common

setup() {
	common_setup
	requires root cgroups memory memlab
}

# expect_run WORD... -- OPTION... -- PROGRAM...: each WORD becomes an --expect.
expect_run() {
	local words=()
	while [ "$1" != -- ]; do
		words+=(--expect "$1")
		shift
	done
	shift
	run --separate-stderr minirun run --name "$ID" "${words[@]}" "$@"
}

# row EXPR OK [ACTUAL]: the table has this line.
row() {
	local line
	line=$(grep -F -- "$1  " <<<"$stderr") || fail "no row for $1 in" "$stderr"
	assert_matches "$line" "   $2\$"
	[ -z "${3:-}" ] || assert_contains "$line" "$3"
}

# --- run --expect ---

@test "expect: an OOM kill, with who, where and how much, in command mode" {
	expect_run oomkilled init-killed signal=KILL victim=memlab limit_cgroup=own oom_kills=1 \
		'peak<=16m' 'peak_anon>12m' 'max_rss>12m' 'failcnt>0' 'wall<60' 'cpu<60' -- \
		--no-init -m 16m --memory-swap 20m -- "$MEMLAB" anon 40M
	assert_status 0
	assert_eq "$output" "" stdout
	assert_eq "$(grep -c ' yes$' <<<"$stderr")" 12
	row victim=memlab yes memlab
	row 'peak<=16m' yes '16 MiB'
	assert_eq "${stderr_lines[1]}" "$(grep -m 1 '^EXPECTATION  *ACTUAL  *OK$' <<<"$stderr")"
}

@test "expect: in spec mode, with a child that was killed" {
	make_spec "$BUNDLE/config.json" "$(args /memlab spawn kid 'anon 40M' + wait)" "$(memory 16M)"
	run --separate-stderr minirun run --name "$ID" --expect oomkilled --expect exit=0 \
		--expect victim=kid "$BUNDLE/config.json"
	assert_status 0
	row exit=0 yes 'exit 0'
	run --separate-stderr minirun run --name "$ID" --expect init-killed "$BUNDLE/config.json"
	assert_status 1
	row init-killed NO 'init not OOM-killed'
}

@test "expect: one that does not hold is exit 1, whatever the program said" {
	expect_run exit=0 no-oom exit=3 -- -- sh -c 'exit 3'
	assert_status 1
	row exit=0 NO 'exit 3'
	row no-oom yes
	row exit=3 yes
	expect_run exit=3 -- -- sh -c 'exit 3'
	assert_status 0
}

@test "expect: unknown fails, also the opposite; --skip-unknown lets it pass" {
	expect_run no-oom -- --status "$BATS_TEST_TMPDIR/s.json" -- true
	assert_status 0
	jq '.Memory.PeakBytes = null | .State.OOMKilled = null | .OOM.Kills = null |
		.OOM.Why = "nobody looked"' "$BATS_TEST_TMPDIR/s.json" >"$BATS_TEST_TMPDIR/lost.json"
	local word
	for word in oomkilled no-oom 'peak<1g' oom_kills=0; do
		run --separate-stderr minirun inspect --expect "$word" "$BATS_TEST_TMPDIR/lost.json"
		assert_status 1
		assert_eq "$output" ""
		row "$word" NO unknown
		run --separate-stderr minirun inspect --skip-unknown --expect "$word" \
			--expect exit=0 "$BATS_TEST_TMPDIR/lost.json"
		assert_status 0
		row "$word" skip unknown
		row exit=0 yes
	done
	assert_contains "$stderr" "nobody looked"
}

@test "expect: bad syntax is refused before the program starts" {
	local word
	for word in peak 'peak<much' exit=256 nosuch 'oomkilled=1'; do
		expect_run no-oom "$word" -- -- touch "$BATS_TEST_TMPDIR/started"
		assert_status 125
		assert_contains "$stderr" "expectation '$word'"
		refute_exists "$BATS_TEST_TMPDIR/started"
		refute_exists "$ROOT/$ID"
	done
	run --separate-stderr minirun inspect --expect nosuch "$ID"
	assert_status 125
	assert_contains "${stderr_lines[1]}" "hint: the words are oomkilled no-oom"
}

@test "expect: does not go with --detach, nor with a bundle" {
	run --separate-stderr minirun run -d --expect no-oom -- true
	assert_status 125
	assert_contains "$stderr" --detach
	make_spec "$BUNDLE/config.json"
	run --separate-stderr minirun run --expect no-oom -b "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "as a spec file"
}

@test "expect: a timeout is 124, unless it was expected" {
	expect_run no-oom -- --timeout 2s -- sleep 60
	assert_status 124
	row no-oom yes
	expect_run timeout no-oom -- --timeout 2s -- sleep 60
	assert_status 0
	row timeout yes 'timed out'
	expect_run timeout -- -- true
	assert_status 1
}

# timer_of PID: the seconds that its longest timer has left, nothing without a timer.
timer_of() {
	sed -n 's/^it_value: (\([1-9][0-9]*\), .*/\1/p' /proc/"$1"/fdinfo/* | sort -n | tail -n 1
}

@test "expect: brings a time guard of 10 minutes, --timeout replaces it, 0 takes it away" {
	local case
	for case in "--expect=no-oom 590 600" "--expect=no-oom --timeout=100 90 100" \
		"--expect=no-oom --timeout=0" "--summary"; do
		read -r -a words <<<"$case"
		# shellcheck disable=SC2086 # words are meant
		background_minirun run --name "$ID" ${case%% [0-9]*} -- sleep 60
		wait_for state_is .State.Status running
		if [ "${#words[@]}" -gt 2 ]; then
			assert_between "$(timer_of "$BG_PID")" "${words[-2]}" "${words[-1]}" "seconds left"
		else
			assert_eq "$(timer_of "$BG_PID")" "" "$case: seconds left"
		fi
		minirun kill "$ID" KILL
		minirun wait "$ID"
		minirun delete "$ID"
	done
}

@test "expect: an error of minirun is 125 to 127, not an answer" {
	run -127 --separate-stderr minirun run --name "$ID" --expect no-oom -- /none
	assert_contains "$stderr" /none
	expect_run no-oom -- -m 1x -- true
	assert_status 125
}

@test "expect: --quiet prints the table only when something fails" {
	expect_run oomkilled -- --quiet -m 16m -- "$MEMLAB" anon 40M
	assert_status 0
	assert_eq "$stderr" ""
	expect_run no-oom -- --quiet -m 16m -- "$MEMLAB" anon 40M
	assert_status 1
	row no-oom NO OOM-killed
}

@test "expect: --summary and --status go with it, also with --rm" {
	expect_run no-oom -- --rm --summary --status - -- true
	assert_status 0
	assert_eq "$(jq -r .State.OOMKilled <<<"$output")" false
	assert_matches "${stderr_lines[0]}" '^minirun: exited 0 after '
	row no-oom yes
	refute_exists "$ROOT/$ID"
}

# --- inspect --expect ---

@test "expect: a record is judged later, by id and as a file" {
	run minirun run --name "$ID" --status "$BATS_TEST_TMPDIR/s.json" -m 16m -- "$MEMLAB" anon 40M
	assert_status 137
	minirun inspect --expect oomkilled --expect 'peak<=16m' "$ID"
	run --separate-stderr minirun inspect --expect oomkilled --expect no-oom "$ID" "$BATS_TEST_TMPDIR/s.json"
	assert_status 1
	assert_eq "$output" ""
	assert_eq "$(grep -c 'no-oom .* NO$' <<<"$stderr")" 2
	run --separate-stderr minirun inspect --expect no-oom --format '{{.Id}}' "$ID"
	assert_status 125
	assert_contains "$stderr" "exclude each other"
	run --separate-stderr minirun inspect --expect no-oom nosuch
	assert_status 125
	assert_contains "$stderr" "nosuch"
}
