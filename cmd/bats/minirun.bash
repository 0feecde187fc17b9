# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# minirun for bats: a test of a memory limit is one line.
#
#     load /usr/local/share/minirun/minirun.bash
#
#     @test "the server lives in 64 MiB" {
#         minirun_run -m 64m --expect no-oom --expect 'peak<60M' -- ./server --self-test
#     }
#
#     @test "the big job is refused, not killed" {
#         skip_unless psi
#         minirun_run -m 64m -- ./job --size 1g
#         assert_exit 3
#         refute_oomkilled
#     }
#
# minirun_run OPTION... -- PROGRAM... | OPTION... SPEC.json
#     Takes the arguments of `minirun run` and sets status, output (the program's stdout),
#     stderr, and MINIRUN_STATUS, the file with the record. It fails when the program did
#     not start, and when an --expect does not hold; how the program ended otherwise, is for
#     the assertions to say.
# assert_oomkilled, refute_oomkilled, assert_exit CODE, assert_peak_below SIZE,
# assert_victim NAME, assert_expect EXPR
#     Hold the record of the last minirun_run. What it does not know holds for none of them.
# skip_unless WORD...
#     v1, v2 (which cgroup version limits memory), or the name of a line of
#     `minirun check`: swap, psi, kmsg, memory, ...
#
# The program is the variable MINIRUN, or minirun in PATH.

# The variables that minirun_run sets are for the test.
# shellcheck disable=SC2034
minirun_run() {
	local word expects=
	for word; do
		case $word in
		--) break ;;
		-expect | --expect | -expect=* | --expect=*) expects=1 ;;
		esac
	done
	MINIRUN_STATUS=$(mktemp "${BATS_TEST_TMPDIR:-${TMPDIR:-/tmp}}/minirun.XXXXXX") || return 1
	status=0
	output=$("${MINIRUN:-minirun}" run --rm --summary --status "$MINIRUN_STATUS" "$@" \
		2>"$MINIRUN_STATUS.stderr" 3>&-) || status=$?
	stderr=$(cat "$MINIRUN_STATUS.stderr")
	if [ ! -s "$MINIRUN_STATUS" ] || { [ -n "$expects" ] && [ "$status" -ne 0 ]; } ||
		[ -n "$("${MINIRUN:-minirun}" inspect --format '{{.State.Error}}' "$MINIRUN_STATUS")" ]; then
		printf '%s\n' "$stderr" >&2
		return 1
	fi
}

assert_expect() {
	local table
	table=$("${MINIRUN:-minirun}" inspect --expect "$1" \
		"${MINIRUN_STATUS:?minirun_run comes first}" 2>&1) && return
	printf '%s\n' "$table" >&2
	grep '^minirun: ' "$MINIRUN_STATUS.stderr" | tail -n 1 >&2
	return 1
}

assert_oomkilled() {
	assert_expect oomkilled
}

refute_oomkilled() {
	assert_expect no-oom
}

assert_exit() {
	assert_expect "exit=$1"
}

assert_peak_below() {
	assert_expect "peak<$1"
}

assert_victim() {
	assert_expect "victim=$1"
}

skip_unless() {
	local word lines state rest
	lines=$("${MINIRUN:-minirun}" check) || true # 1: no limited run is possible here
	for word; do
		case $word in
		v1 | v2)
			grep -q "^memory .* $word at " <<<"$lines" ||
				skip "cgroup $word does not limit memory here"
			;;
		*)
			read -r _ state rest < <(grep "^$word " <<<"$lines") || {
				printf 'skip_unless: minirun check has no line %s\n' "$word" >&2
				return 1
			}
			[ "$state" = ok ] || skip "$word: $rest"
			;;
		esac
	done
}
