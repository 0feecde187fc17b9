#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun selftest: the truth on this host, in short; and that it would notice a lie.

# bats sets status, output, stderr.
# shellcheck disable=SC2154

load common

setup() {
	common_setup
	requires root cgroups memory memlab
	export MINIRUN TMPDIR=$BATS_TEST_TMPDIR
	[ -x "${MINIRUN%/*}/minirun-selftest" ] || fail "no companion beside $MINIRUN"
}

selftest() {
	run --separate-stderr timeout -k 5 300 "$MINIRUN" selftest "$@"
}

# cells NAME: the figures of a line of the table.
cells() {
	sed -nE "s/^$1( [^ ]+)? {2,}//p" <<<"$output" | tr -s ' '
}

# a_minirun_that SCRIPT: a companion beside a program that runs SCRIPT after the real one; $@
# are the real one's arguments.
a_minirun_that() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp "${MINIRUN%/*}"/{minirun-selftest,memlab} "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/minirun" <<-E
		#!/bin/bash
		"$MINIRUN" "\$@"
		status=\$?
		$1
		exit \$status
	E
	chmod +x "$BATS_TEST_TMPDIR/bin/minirun"
	MINIRUN=$BATS_TEST_TMPDIR/bin/minirun
}

lying_selftest() {
	run --separate-stderr env MINIRUN="$MINIRUN" timeout -k 5 300 "${MINIRUN%/*}/minirun-selftest" "$@"
}

@test "selftest: every answer is right and nothing is left" {
	selftest -n 3 --load 2
	assert_status 0
	assert_eq "$stderr" ""
	assert_contains "${lines[0]}" "3 containers of each of 3 endings under 2 busy loops"
	assert_eq "$(cells minirun)" "3 0 6 0 0 0"
	assert_matches "${lines[-1]}" "^0 wrong of 9 in [0-9]+ seconds; left behind: nothing\$"
}

@test "selftest: mixed endings, right to the last detail" {
	selftest --mixed -n 40 --load=2 --seed 7
	assert_status 0
	assert_eq "$stderr" ""
	assert_contains "${lines[0]}" "40 mixed endings, seed 7, under 2"
	assert_matches "$(cells total)" "^40 0 0 "
	local ending
	for ending in init-oom nested-oom child-oom-0 child-oom-1 child-oom-137 kill exit-137 \
		malloc-null segv success; do
		assert_matches "$(cells "$ending")" "^[1-9][0-9]* 0 0 "
	done
}

@test "selftest: notices who denies an OOM kill, and who invents one" {
	a_minirun_that 'for f; do [ ! -s "$f" ] || sed -i "s/OOMKilled\": true/OOMKilled\": false/" "$f"; done'
	lying_selftest -n 2 --load 0
	assert_status 1
	assert_eq "$(cells minirun)" "0 2 4 0 0 0"
	assert_matches "${lines[-1]}" "^2 wrong of 6 "
	assert_contains "$stderr" "wrong: OOMKilled false, exit code 137, the truth is true/137"
	sed -i '/OOMKilled/s/true\(.*\)false/false\1true/' "$MINIRUN"
	lying_selftest -n 2 --load 0
	assert_status 1
	assert_eq "$(cells minirun)" "2 0 2 2 0 0"
}

@test "selftest: an unknown answer is no right one" {
	a_minirun_that 'for f; do [ ! -s "$f" ] || sed -i "s/OOMKilled\": [a-z]*/OOMKilled\": null/" "$f"; done'
	lying_selftest --mixed -n 3 --load 0
	assert_status 1
	assert_matches "$(cells total)" "^3 0 [123] "
	assert_matches "${lines[-1]}" "^[123] wrong of 3 "
	assert_contains "$stderr" "wrong: number"
	assert_exists "$(sed -n 's/.*(\(.*\.json\))$/\1/p;q' <<<"$stderr")"
}

@test "selftest: notices what a container leaves behind" {
	a_minirun_that '[[ $* != *"exit 137" ]] || mkdir "$2/$7"'
	lying_selftest -n 1 --load 0
	assert_status 1
	assert_eq "$(cells minirun)" "1 0 2 0 0 0"
	assert_matches "${lines[-1]}" "left behind: .*/root/selftest-[0-9]*-t"
}

@test "selftest: ended early it leaves nothing; killed, not its load" {
	local signal loops loop root
	for signal in TERM KILL; do
		background "${MINIRUN%/*}/minirun-selftest" -n 1000 --load 2
		wait_for test -s "$OUT"
		loops=$(grep -ls "^PPid:[[:space:]]*$BG_PID\$" /proc/[0-9]*/status) || true
		assert_between "$(grep -c . <<<"$loops")" 2 4 "children"
		kill -"$signal" "$BG_PID"
		for loop in $loops; do
			wait_for _is_gone "$(tr -dc 0-9 <<<"$loop")"
		done
		wait_for _is_gone "$BG_PID"
	done
	# Of a killed one the container that ran just then is left, for its own two minutes.
	for root in "$BATS_TEST_TMPDIR"/selftest-*/root; do
		"$MINIRUN" --root "$root" delete --force --regex .
	done
}

@test "selftest: what cannot be tried is said, exit 125" {
	local bin=$BATS_TEST_TMPDIR/path tool
	mkdir "$bin"
	for tool in bash timeout nproc readlink mktemp mkdir cp rm sed find grep; do
		ln -s "$(command -v "$tool")" "$bin/$tool"
	done
	PATH=$bin selftest --against docker
	assert_status 125
	assert_eq "$stderr" "minirun selftest: docker is not installed"
	selftest --against rkt
	assert_status 125
	assert_contains "$stderr" "expected docker, podman or ctr, found 'rkt'"
	selftest -n many
	assert_status 125
	selftest --mixed --against docker
	assert_status 125
	selftest --nosuch
	assert_status 125
	selftest --help
	assert_status 0
	assert_contains "$output" "Usage: minirun selftest"
}

@test "selftest: beside podman, which needs no daemon and no image" {
	requires podman
	selftest -n 1 --load 0 --against podman
	assert_status 0
	assert_eq "$(cells minirun)" "1 0 2 0 0 0"
	# What podman says of an OOM kill is podman's affair; that it was asked is ours.
	assert_matches "$(cells podman)" "^[01] [01] 2 0 0 0\$"
	assert_contains "${lines[-1]}" "left behind: nothing"
}

# --- examples/truth ---

# experiment SCRIPT ARGS...: without docker's daemon, which is not ours to expect.
experiment() {
	[ -d "$TOP/examples/truth" ] || skip "needs examples/truth: not here"
	run --separate-stderr env MINIRUN="$MINIRUN" DOCKER_HOST=unix:///nonexistent \
		timeout -k 5 300 "$TOP/examples/truth/$1" "${@:2}"
	assert_status 0
	assert_eq "$stderr" ""
	output=$(tr -s ' ' <<<"$output")
	! command -v docker >/dev/null || [ "$1" = podman-directory.sh ] ||
		assert_contains "$output" "docker not tried: docker does not answer"
}

@test "truth: who sleeps beside an OOM kill was not OOM-killed" {
	experiment bystander.sh
	assert_contains "$output" "minirun OOMKilled false, exit 0 OOMKilled true, exit 137"
	assert_matches "$output" "limit of: ancestor /truth-[0-9]+-t"
	local group=${output##*ancestor /} points
	mapfile -t points < <(cgroup_mounts)
	assert_eq "$(find "${points[@]##* }" -path "*${group%%$'\n'*}*" 2>/dev/null)" "" "the group"
}

@test "truth: no quick kill of a child is missed, six at a time under load" {
	experiment race.sh 6
	assert_contains "$output" "minirun 6 0"
}

@test "truth: the caller's directory does not matter" {
	experiment podman-directory.sh
	assert_contains "$output" "minirun OOMKilled true OOMKilled true"
}
