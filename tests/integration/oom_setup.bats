#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Limits that are too low to start in, and programs that die while they are being
# executed: there is no container whose record would stay, but what --status writes and
# stderr says is held to the kernel's counters. See truth.bash.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching
load truth

setup() {
	common_setup
	requires root cgroups busybox memory
}

# start_in BYTES: the record goes to $BATS_TEST_TMPDIR/status.json, also of a failed start.
start_in() {
	make_spec "$BUNDLE/config.json" "$(args /bin/true)" "$(memory "$1")"
	rm -f "$BATS_TEST_TMPDIR/status.json"
	run --separate-stderr minirun run --name "$ID" --status "$BATS_TEST_TMPDIR/status.json" "$BUNDLE/config.json"
}

# With COPY set what `holds` looks at is that copy.
status_file() {
	if [ -n "${COPY:-}" ]; then
		echo "$BATS_TEST_TMPDIR/status.json"
	else
		printf '%s/%s/status.json\n' "$ROOT" "${1:-$ID}"
	fi
}

# What the kernel did is told by how the start ended, and the record agrees with it.
tiny() {
	local limit=$1 COPY=yes
	start_in "$limit"
	[ -z "$(_missing jsonschema)" ] && [ "${TURN:-1}" = 1 ] && assert_valid_status
	case $status in
	0) holds .State.Status=exited .State.OOMKilled=false .State.ExitCode=0 Kills=0 Certain=true ;;
	125)
		assert_contains "$stderr" "too low"
		assert_contains "$stderr" "$limit"
		assert_contains "$stderr" 524288
		refute_exists "$ROOT/$ID"
		holds .State.Status=created .State.ExitCode=125 ".State.Error~$limit" .Exit.Code=null .Exit.Signal=null \
			.State.StartedAt=0001-01-01T00:00:00Z
		if grep -q "OOM killer" <<<"$stderr"; then
			holds .State.OOMKilled=true Kills=1 Phase=setup Scope=container Certain=true InitKilled~true\|null
			! told || holds InitKilled=true Why=null
		else
			holds .State.OOMKilled=false Kills=0 Phase=null
		fi
		;;
	# The program itself: the rest of its start was too much.
	137) holds .State.OOMKilled=true .State.ExitCode=137 Kills=1 InitKilled=true Scope=container Phase=run ;;
	*) fail "with $limit bytes: exit status $status" "$stderr" ;;
	esac
	printf '%s/%s\n' "$(state .State.OOMKilled)" "$status" >>"$CELL"
}

tiny_4k() { tiny 4096; [ "$status" = 125 ]; }
tiny_16k() { tiny 16384; [ "$status" = 125 ]; }
tiny_64k() { tiny 65536; [ "$status" != 0 ]; }
tiny_100k() { tiny 102400; }
tiny_256k() { tiny 262144; }
tiny_512k() { tiny 524288; }
tiny_1m() { tiny 1048576; [ "$status" = 0 ]; }
tiny_4m() { tiny 4194304; [ "$status" = 0 ]; }

@test "oom: limits of 4 KiB to 4 MiB at the start" {
	repeat 16 "limit 4 KiB at set-up" tiny_4k
	repeat 16b "limit 16 KiB" tiny_16k
	repeat 16c "limit 64 KiB" tiny_64k
	repeat 16d "limit 100 KiB" tiny_100k
	repeat 16e "limit 256 KiB" tiny_256k
	repeat 16f "limit 512 KiB" tiny_512k
	repeat 16g "limit 1 MiB" tiny_1m
	repeat "16'" "limit 4 MiB" tiny_4m
}

# Above what the set-up needs and below what a program does: between the two ends of the start
# the hint is the same. Who is killed, and before or after the exec, is the kernel's matter.
start_command() {
	run --separate-stderr minirun run --name "$ID" -m "$1" "${@:2}" -- "$BUSYBOX" true
	case $status in
	0) return ;;
	125) refute_exists "$ROOT/$ID" ;;
	137)
		holds .State.OOMKilled=true InitKilled~true\|null Scope=container '.Warnings[0]~524288'
		assert_matches "$stderr" 'warning: memory limit [0-9.]+ KiB \([0-9]+ bytes\) may be too low'
		refute_contains "$stderr" "not by the OOM killer"
		run minirun explain "$ID"
		assert_contains "$output" "warning   memory limit"
		minirun delete "$ID"
		SEEN=$((SEEN + 1))
		;;
	*) fail "with $1: exit status $status" "$stderr" ;;
	esac
	[ "$status" = 0 ] || assert_contains "$stderr$output" 524288
}

@test "oom: a limit that is too low for a command says how much would do, before the exec or after" {
	local kib SEEN=0
	for kib in 96 112 120 128 136 144 160; do
		start_command "${kib}k"
		start_command "${kib}k" --no-init
	done
	[ "$SEEN" -gt 0 ] || skip "no limit of these kills after the exec on this host"
}

@test "oom: no word of a low limit when the program took its time, or more than it may" {
	requires memlab
	[ -z "${MINIRUN_TEST_SANITIZED:-}" ] || skip "needs no-sanitizer: a sanitized init does not start in 1 MiB"
	run --separate-stderr minirun run --name "$ID" -m 1m -- /bin/sh -c 'sleep 1.2; exec "$0" anon 4M' "$MEMLAB"
	assert_status 137
	refute_contains "$stderr" "too low"
	run --separate-stderr minirun run --name "$ID" -m 8m -- "$MEMLAB" anon 16M
	assert_status 137
	refute_contains "$stderr" "too low"
	holds .State.OOMKilled=true .Warnings=
}

# A failed start is no end of a program: 125, and no word of an OOM kill.
@test "oom: --status of a start that failed for another reason" {
	local COPY=yes
	make_spec "$BUNDLE/config.json" "$(args /none)" "$(memory 16M)"
	run -127 --separate-stderr minirun run --name "$ID" --status "$BATS_TEST_TMPDIR/status.json" "$BUNDLE/config.json"
	holds .State.Status=created .State.OOMKilled=false .State.ExitCode=127 ".State.Error~/none" Kills=0 \
		.Exit.Code=null
	[ -n "$(_missing jsonschema)" ] || assert_valid_status
}

# An rlimit of the spec: execve kills the program once its old image is gone.
execve_dies() {
	make_spec "$BUNDLE/config.json" "$(args /bin/true)" "$(memory 16M)" \
		'.process.rlimits = [{type: "RLIMIT_AS", soft: 262144, hard: 262144}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	run_spec
	assert_matches "$status" '^(137|139)$'
	truth "false/$status" 0 Scope=null
}

@test "oom: not when the spec's rlimit kills the program inside execve" {
	repeat 20b "execve dies, the spec's RLIMIT_AS" execve_dies
}
