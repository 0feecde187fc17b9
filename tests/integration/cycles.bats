# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# Many containers, as engines lead them, at the same time.
# shellcheck disable=SC2154
load common

WORKERS=8
LIVES=25

_is_stopped() {
	[ "$(oci_state .status "$1")" = stopped ]
}

# lives WORKER: create, start, kill, delete, again and again.
lives() {
	local i id
	for ((i = 0; i < LIVES; i++)); do
		id=$(id_of "$1.$i")
		minirun create --bundle "$BUNDLE.$1" "$id" </dev/null || return
		minirun start "$id" || return
		minirun kill "$id" KILL || return
		wait_for -t 30 _is_stopped "$id" || return
		minirun delete "$id" || return
	done
}

@test "cycles: 200 lives, 8 at a time, leave nothing" {
	requires root memory
	local n pids=() fds
	for ((n = 0; n < WORKERS; n++)); do
		make_spec "$BUNDLE.$n/config.json" "$(args /bin/sleep 1000)" "$(memory 16M)" \
			".linux.cgroupsPath = \"/$(id_of "$n")\""
	done
	fds=(/proc/$$/fd/*)
	for ((n = 0; n < WORKERS; n++)); do
		lives "$n" >"$BATS_TEST_TMPDIR/worker.$n" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	for ((n = 0; n < WORKERS; n++)); do
		wait "${pids[n]}" || fail "worker $n: $(cat "$BATS_TEST_TMPDIR/worker.$n")"
		assert_eq "$(cat "$BATS_TEST_TMPDIR/worker.$n")" "" "worker $n"
	done
	assert_eq "$(echo /proc/$$/fd/*)" "${fds[*]}" "descriptors"
	assert_eq "$(minirun list -q)" ""
	assert_nothing_left
}
