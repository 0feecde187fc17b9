#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The log of a detached container: bounded, and never in the way of the record.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups
}

# detached_shell SCRIPT [FLAG...]: a shell of the host's, to its end.
detached_shell() {
	local script=$1
	shift
	launch run -d --name "$ID" "$@" -- /bin/sh -c "$script"
	assert_status 0
	minirun wait "$ID" >/dev/null
}

# numbers FROM TO: lines of 100 bytes.
NUMBERS='numbers() { i=$1; while [ "$i" -le "$2" ]; do printf "%099d\n" "$i"; i=$((i + 1)); done; }; '

# on_full_run SCRIPT: with a state root of 1 MiB in a mount namespace of the script's own.
# $M is minirun on that root.
on_full_run() {
	mkdir -p "$BATS_TEST_TMPDIR/small"
	run --separate-stderr timeout "$MINIRUN_TEST_TIMEOUT" unshare -m sh -c '
		mount -t tmpfs -o size=1m,mode=700 none "$1" || exit 99
		M="$2 --root $1" ROOT=$1 NAME=$3 MEMLAB=$4
		eval "$5"
		r=$?
		$M delete --force "$NAME"
		exit "$r"' - "$BATS_TEST_TMPDIR/small" "$MINIRUN" "$ID" "$MEMLAB" "$1" 3>&- 4>&-
	[ "$status" != 99 ] || skip "cannot mount a tmpfs here"
}

warnings() {
	state '.Warnings | join("\n")'
}

@test "logs: a log that fills the file system does not cost the record" {
	requires memory
	on_full_run '
		$M run -d --name "$NAME" -m 64m -- sh -c "yes | head -c 400000; $MEMLAB anon 200M; exit 3" >/dev/null
		$M wait "$NAME"
		$M inspect --format "{{.State.OOMKilled}} {{.State.ExitCode}} {{json .Warnings}}" "$NAME"
		$M list -q
		$M logs "$NAME" | wc -c'
	assert_status 0
	assert_eq "${lines[0]}" 3
	assert_matches "${lines[1]}" '^true 3 \["[0-9]{6} bytes of the output are not in the log: no space was left'
	assert_eq "${lines[2]}" "$ID"
	assert_eq "${lines[3]}" 0
	assert_eq "$stderr" ""
}

# More than a pipe holds: the program goes on when most of it was read, and lost.
@test "logs: output that could not be written is told in the record" {
	on_full_run '
		$M run -d --name "$NAME" -- sh -c "echo first; until [ -e $ROOT/go ]; do sleep 0.02; done; rm $ROOT/go
			head -c 2000000 /dev/zero >$ROOT/fill; seq -f %0999g 200; rm $ROOT/fill; echo last" >/dev/null
		until $M logs "$NAME" | grep -q first; do :; done
		: >$ROOT/go
		$M wait "$NAME"
		$M inspect --format "{{json .Warnings}}" "$NAME"
		$M logs "$NAME" | sed -n "1p;\$p"'
	assert_status 0
	assert_eq "${lines[0]}" 0
	assert_matches "${lines[1]}" '^\["[0-9]{5,6} bytes of the output are not in the log: No space left on device"\]$'
	assert_eq "${lines[2]}" first
	assert_eq "${lines[3]}" last
}

@test "logs: the oldest output goes when there is more than --log-size" {
	local n
	detached_shell "$NUMBERS numbers 1 5000" --log-size 256k
	assert_between "$(stat -c %s "$ROOT/$ID/log.json")" 1 131072
	assert_between "$(stat -c %s "$ROOT/$ID/log.json.1")" 100000 131072
	run minirun logs "$ID"
	assert_status 0
	n=${#lines[@]}
	assert_between "$n" 600 1600 "lines that are left"
	assert_eq "$((10#${lines[n - 1]}))" 5000
	assert_eq "$((10#${lines[0]}))" "$((5001 - n))" "the first that is left"
	assert_eq "$(warnings)" "$((100 * (5000 - n))) bytes of the output are not in the log: more came than --log-size has room for"
	minirun delete "$ID"
	refute_exists "$ROOT/$ID"
}

@test "logs: within --log-size all is kept, and there is no warning" {
	detached_shell "$NUMBERS numbers 1 1000" --log-size 1m
	refute_exists "$ROOT/$ID/log.json.1"
	run minirun logs "$ID"
	assert_eq "${#lines[@]}" 1000
	assert_eq "$(warnings)" ""
}

@test "logs: without --log-size 16 MiB is the bound" {
	detached_shell 'yes | head -c 600000'
	assert_between "$(stat -c %s "$ROOT/$ID/log.json.1")" 8000000 8388608
	assert_between "$(stat -c %s "$ROOT/$ID/log.json")" 1 8388608
	assert_contains "$(warnings)" "more came than --log-size has room for"
}

@test "logs: --follow goes on from file to file" {
	local out
	mkfifo "$BATS_TEST_TMPDIR/go"
	launch run -d --name "$ID" --log-size 256k -- /bin/sh -c \
		"$NUMBERS numbers 1 700; read -r go <'$BATS_TEST_TMPDIR/go'; numbers 701 1400"
	assert_status 0
	background minirun logs --follow "$ID"
	out=$OUT
	_has() { [ "$(wc -l <"$out")" -ge "$1" ]; }
	wait_for _has 700
	echo >"$BATS_TEST_TMPDIR/go"
	wait_background
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$(wc -l <"$out")" 1400
	assert_eq "$(sort -u "$out" | wc -l)" 1400
}

@test "logs: a size that is none, or too small for a line, is refused" {
	local size
	for size in 0 127k x ''; do
		run --separate-stderr minirun run -d --name "$ID" --log-size "$size" -- /bin/true
		assert_status 125
		assert_contains "$stderr" "option --log-size: expected a size of 128k or more, found '$size'"
		refute_exists "$ROOT/$ID"
	done
}

@test "list: a container whose record cannot be completed is broken, not absent" {
	on_full_run '
		$M run -d --name "$NAME" -- sleep 60 >/dev/null
		monitor=$(cut -d" " -f4 "/proc/$($M state "$NAME" | sed -n "s/.*\"pid\": *\([0-9]*\).*/\1/p")/stat")
		head -c 2000000 /dev/zero >"$ROOT/fill" 2>/dev/null
		kill -KILL "$monitor"
		while [ -d "/proc/$monitor" ]; do sleep 0.02; done
		sleep 0.2
		$M list | sed -n 2p
		$M list --format json
		$M ps -a | sed -n 2p
		rm "$ROOT/fill"
		$M list | sed -n 2p'
	assert_status 0
	assert_matches "${lines[0]}" "^$ID +0 +broken"
	assert_contains "${lines[1]}" '"status":"broken"'
	assert_matches "${lines[2]}" "^$ID .*Broken"
	assert_matches "${lines[3]}" "^$ID +0 +stopped"
}
