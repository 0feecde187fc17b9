#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun bisect: the search, against a program whose answer is known, and for real.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	BISECT=${MINIRUN%/*}/minirun-bisect
	[ -x "$BISECT" ] || fail "no $BISECT: run make first"
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
}

# fake SCRIPT: what stands in for minirun. SCRIPT sees the limit in $limit (bytes) and the
# number of the call in $call, and sets works (0 or 1) and wall (microseconds), or exits.
fake() {
	cat >"$BATS_TEST_TMPDIR/fake" <<END
#!/bin/bash
for word; do
	case \$word in
	--memory=*) limit=\${word#*=} ;;
	--status=*) file=\${word#*=} ;;
	esac
done
echo "\$*" >>"$BATS_TEST_TMPDIR/calls"
call=\$(wc -l <"$BATS_TEST_TMPDIR/calls")
works=0 wall=100000
$1
printf '{"OOM":{"Kills":%s,"InitKilled":true},"Exit":{"Code":0,"Signal":null,"WallUsec":%s},"Memory":{"PeakAnonBytes":1}}' \$((1 - works)) \$wall >"\$file"
exit \$((1 - works))
END
	chmod +x "$BATS_TEST_TMPDIR/fake"
}

# search ARGS...: bisect with the fake.
search() {
	run --separate-stderr env MINIRUN="$BATS_TEST_TMPDIR/fake" "$BISECT" "$@" -- prog arg
	assert_eq "$(ls -A "$TMPDIR")" "" "left in TMPDIR"
}

M=$((1024 * 1024))

@test "bisect: finds the limit, largest and smallest first, then halving" {
	fake 'works=$((limit >= 94371840))'
	search --json --min 32m --max 512m
	assert_status 0
	assert_between "$(jq .limit <<<"$output")" 94371840 $((94371840 * 105 / 100)) limit
	assert_eq "$(jq -c '[.probes[].limit][:3]' <<<"$output")" "[$((512 * M)),$((32 * M)),$((128 * M))]"
	assert_eq "$(jq -c '[.noisy, .at_most, .expect]' <<<"$output")" '[false,false,["no-oom","exit=0"]]'
	# All runs under the largest, else as many as the majority needs.
	assert_eq "$(jq -c '[.probes[].runs | length] | [.[0], (.[1:] | unique)]' <<<"$output")" '[3,[2]]'
	# The bracket is near enough: the largest that fails.
	assert_between "$(jq '[.probes[] | select(.works | not) | .limit] | max' <<<"$output")" $((94371840 * 90 / 100)) 94371839
	assert_eq "$(jq -r '.probes[1].runs[0] | "\(.how) \(.oom_kills) \(.psi_full_usec)"' <<<"$output")" "OOM-killed 1 null"
	assert_matches "$(head -n 1 "$BATS_TEST_TMPDIR/calls")" '^run --rm --status=[^ ]* --timeout=10m --memory=536870912 --expect=no-oom --expect=exit=0 -- prog arg$'
}

@test "bisect: a table for people" {
	fake 'works=$((limit >= 94371840))'
	search --min 32m --max 512m --tol 20%
	assert_status 0
	assert_contains "$output" "LIMIT  WORKS"
	assert_matches "$output" '512 MiB +yes +3/3 +0\.10 s +- +exit 0'
	assert_matches "$output" '32 MiB +no +0/2 +0\.10 s +- +OOM-killed'
	assert_matches "$output" 'smallest limit that works: [0-9.]+ MiB \([0-9]+ bytes\)'
	assert_eq "$stderr" ""
}

@test "bisect: nothing up to the largest works" {
	fake 'works=0'
	search --json --min 8m --max 64m
	assert_status 1
	assert_eq "$(jq -c '[.limit, (.probes | length)]' <<<"$output")" '[null,1]'
	search --min 8m --max 64m
	assert_contains "$output" "no limit up to 64 MiB works"
}

@test "bisect: the smallest works already" {
	fake 'works=1'
	search --json --min 8m --max 64m
	assert_status 0
	assert_eq "$(jq -c '[.limit, .at_most, (.probes | length)]' <<<"$output")" "[$((8 * M)),true,2]"
}

@test "bisect: works, but too slowly, is not working" {
	fake 'works=1; [ "$limit" -ge 104857600 ] || wall=900000'
	search --json --min 8m --max 512m --slowdown 1.5
	assert_status 0
	assert_between "$(jq .limit <<<"$output")" 104857600 $((104857600 * 105 / 100)) limit
	search --json --min 8m --max 512m --slowdown 10
	assert_eq "$(jq .limit <<<"$output")" $((8 * M))
}

@test "bisect: the majority decides, and noise is told" {
	fake 'works=$((limit >= 94371840)); [ "$call" != 2 ] || works=0'
	search --min 32m --max 512m
	assert_status 0
	assert_matches "$output" '512 MiB +yes +2/3'
	assert_contains "$stderr" "noisy, raise --runs"
	rm "$BATS_TEST_TMPDIR/calls"
	search --json --min 32m --max 512m --runs 5
	assert_eq "$(jq -c '[.noisy, .probes[0].works]' <<<"$output")" '[true,true]'
	assert_between "$(jq .limit <<<"$output")" 94371840 $((94371840 * 105 / 100)) limit
}

@test "bisect: what does not start at all is an error, below it is an answer" {
	fake 'echo "minirun: no such thing" >&2; exit 127'
	search --min 8m --max 64m
	assert_status 125
	assert_eq "$stderr" "minirun-bisect: no such thing"
	rm "$BATS_TEST_TMPDIR/calls"
	fake 'works=1; [ "$limit" -ge 31457280 ] || exit 125'
	search --json --min 8m --max 64m
	assert_status 0
	assert_between "$(jq .limit <<<"$output")" 31457280 $((31457280 * 105 / 100)) limit
	assert_eq "$(jq -r '.probes[1].runs[0].how' <<<"$output")" "did not start"
}

@test "bisect: bad options are refused before anything runs" {
	local options
	fake 'works=1'
	for options in "--min 1x" "--max 0" "--min 64m --max 64m" "--tol 0" "--tol 5x" "--runs 2" "--slowdown 0.5" "--timeout x"; do
		# shellcheck disable=SC2086 # words
		search $options
		assert_status 125
		assert_contains "$stderr" "${options%% *}"
	done
	refute_exists "$BATS_TEST_TMPDIR/calls"
	run "$BISECT"
	assert_status 125
	assert_contains "$output" "a program is missing"
}

@test "bisect: for real, a program with a plateau of 90 MiB" {
	requires root memory memlab
	run --separate-stderr minirun bisect --json --min 48m --max 192m --tol 8% --runs 1 -- "$MEMLAB" plateau 90M 0.5
	assert_status 0
	assert_between "$(jq .limit <<<"$output")" $((90 * M)) $((99 * M)) limit
	assert_eq "$(jq -r '[.probes[] | select(.works | not) | .runs[0].how] | unique | join(" ")' <<<"$output")" OOM-killed
	assert_between "$(jq '.probes[0].runs[0].peak_anon' <<<"$output")" $((80 * M)) $((92 * M)) peak_anon
}

@test "bisect: a leak works under no limit" {
	requires root memory memlab
	run --separate-stderr minirun bisect --min 8m --max 64m --runs 1 -- "$MEMLAB" leak 512M
	assert_status 1
	assert_matches "$output" '64 MiB +no .*OOM-killed'
}

@test "bisect: a signal ends the run and leaves nothing" {
	requires root memory memlab
	background env MINIRUN="$MINIRUN" MINIRUN_ROOT="$ROOT" "$BISECT" --min 8m --max 64m -- "$MEMLAB" anon 1M + hold 60
	wait_for _any_container
	kill -TERM "$BG_PID"
	wait_background
	assert_status 125
	assert_contains "$stderr" interrupted
	assert_eq "$(ls -A "$TMPDIR")" ""
	wait_for _no_container
}

_any_container() {
	grep -qs '"running"' "$ROOT"/*/status.json
}

_no_container() {
	! _any_container
}

@test "bisect: the manual page has every option of --help" {
	local option
	run "$BISECT" --help
	assert_status 0
	for option in $(sed -nE 's/^ +(-., )?--([a-z-]+).*/\2/p' <<<"$output"); do
		grep -qE "^\.It .*Fl -$option( |$)" "$TOP/cmd/man/minirun-bisect.1" || fail "minirun-bisect.1 lacks --$option"
	done
}
