#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun.bash, the helper for other people's bats files: each function when it holds, when
# it does not, and a whole file as a user would write it.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load ../../cmd/bats/minirun

setup() {
	common_setup
	requires root cgroups memory memlab
	export MINIRUN MINIRUN_ROOT=$ROOT
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "bats helper: after an OOM kill" {
	minirun_run --no-init -m 16m -- "$MEMLAB" anon 1M + anon 40M
	assert_status 137
	assert_eq "$(jq -r .step <<<"$output")" anon
	assert_contains "$stderr" "OOM-killed memlab"
	assert_eq "$(jq -r .State.OOMKilled "$MINIRUN_STATUS")" true
	assert_oomkilled
	assert_victim memlab
	assert_peak_below 17M
	assert_expect signal=KILL
	run assert_exit 137
	assert_status 1
	assert_contains "$output" 'exit=137 '
	assert_contains "${lines[-1]}" "minirun: OOM-killed memlab"
	run refute_oomkilled
	assert_status 1
	run assert_peak_below 1M
	assert_status 1
	run assert_victim nobody
	assert_status 1
}

@test "bats helper: after an ordinary end" {
	minirun_run -m 64m -- sh -c 'echo hello; echo grumble >&2; exit 3'
	assert_status 3
	assert_eq "$output" hello
	assert_contains "$stderr" grumble
	assert_exit 3
	refute_oomkilled
	assert_peak_below 64M
	run assert_oomkilled
	assert_status 1
	assert_contains "${lines[-1]}" "minirun: exited 3"
}

@test "bats helper: fails without a record, and when an --expect does not hold" {
	run minirun_run -m 64m -- /none
	assert_status 1
	assert_contains "$output" "/none"
	run minirun_run --nosuch -- true
	assert_status 1
	run minirun_run --expect no-oom -m 16m -- "$MEMLAB" anon 40M
	assert_status 1
	assert_contains "$output" "NO"
	minirun_run --expect=exit=3 -- sh -c 'exit 3'
	assert_status 0
	# A program's own --expect is none.
	minirun_run -- sh -c 'exit 1' --expect
	assert_status 1
}

@test "bats helper: skip_unless speaks as minirun check does" {
	printf '#!/bin/sh\ncat <<E\nswap missing no swap area; nothing\npsi ok here\nmemory ok v2 at /x\nE\n' >fake
	chmod +x fake
	skip() { # instead of bats'
		echo "skipped: $*"
	}
	MINIRUN=$PWD/fake run skip_unless psi v2
	assert_status 0
	assert_eq "$output" ""
	MINIRUN=$PWD/fake run skip_unless psi swap v1
	assert_eq "${lines[0]}" "skipped: swap: no swap area; nothing"
	assert_eq "${lines[1]}" "skipped: cgroup v1 does not limit memory here"
	MINIRUN=$PWD/fake run skip_unless nosuch
	assert_status 1
	# The words of the documentation are lines of the real one.
	run skip_unless "v$MEMORY_VERSION" swap psi kmsg memory
	assert_status 0
}

@test "bats helper: a file as a user writes it" {
	# bats takes an @test anywhere for one of this file.
	sed 's/^TEST/@test/' >user.bats <<-E
		load $TOP/cmd/bats/minirun.bash
		TEST "lives in 16 MiB" {
			minirun_run -m 16m --expect no-oom -- $MEMLAB anon 4M
		}
		TEST "dies in 16 MiB" {
			minirun_run -m 16m --expect no-oom -- $MEMLAB anon 40M
		}
	E
	run env -u BATS_TEST_FILENAME bats --tap user.bats
	assert_status 1
	assert_contains "$output" "ok 1 lives in 16 MiB"
	assert_contains "$output" "not ok 2 dies in 16 MiB"
	assert_contains "$output" "# no-oom        OOM-killed   NO"
}
