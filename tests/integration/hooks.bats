#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The six hook lists: order, place, state on stdin, timeouts, failures.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
	DIR=$BATS_TEST_TMPDIR/hooks
	mkdir "$DIR"
	MOUNT=$(mount_spec /hooks none "$DIR" bind rw)
}

# hook KIND SCRIPT [JQ-OBJECT]: a host's shell runs SCRIPT in $DIR; startContainer's is
# the container's, which sees the same directory as /hooks (with $MOUNT).
hook() {
	local path=$DIR sh
	sh=$(command -v sh)
	[ "$1" != startContainer ] || path=/hooks sh=/bin/sh
	jq -nr --arg kind "$1" --arg sh "$sh" --arg script "cd $path; $2" --argjson more "${3:-{\}}" --arg env "PATH=$PATH:/bin" \
		'".hooks.\($kind) += [\({path: $sh, args: ["sh", "-c", $script], env: [$env]} + $more | del(.[] | nulls) | tojson)]"'
}

@test "hooks: all six lists run in order, with the state on stdin" {
	local kind filters=("$MOUNT")
	for kind in poststop poststart startContainer createContainer createRuntime prestart; do
		filters+=("$(hook $kind "cat >$kind.json; echo $kind >>order")"
			"$(hook $kind "echo $kind-2 >>order")")
	done
	# The program ends after the poststart hooks.
	inside 'echo program >>/hooks/started; until [ -e /hooks/poststart.json ]; do sleep 0.02; done; sleep 0.1' \
		"${filters[@]}" '.annotations = {"a.b": "c"}'
	assert_exists "$DIR/started"
	assert_eq "$(tr '\n' ' ' <"$DIR/order")" "prestart prestart-2 createRuntime createRuntime-2 createContainer createContainer-2 startContainer startContainer-2 poststart poststart-2 poststop poststop-2 "
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		assert_eq "$(jq -r .id "$DIR/$kind.json")" "$ID" "$kind"
		assert_eq "$(jq -r .ociVersion "$DIR/$kind.json")" 1.3.0 "$kind"
		assert_eq "$(jq -r .bundle "$DIR/$kind.json")" "$BUNDLE" "$kind"
		assert_eq "$(jq -r '.annotations["a.b"]' "$DIR/$kind.json")" c "$kind"
	done
	assert_eq "$(jq -r .status "$DIR"/{prestart,createRuntime,createContainer,startContainer,poststart,poststop}.json | tr '\n' ' ')" \
		"created created created created running stopped "
	for kind in createContainer startContainer; do
		assert_eq "$(jq -r .pid "$DIR/$kind.json")" 1 "$kind: as the container sees it"
	done
	for kind in prestart createRuntime poststart; do
		assert_between "$(jq -r .pid "$DIR/$kind.json")" 2 4194304 "pid in $kind"
	done
}

@test "hooks: each runs where its kind says" {
	inside 'true' "$MOUNT" \
		"$(hook createRuntime 'readlink /proc/self/ns/mnt >rt.mnt')" \
		"$(hook createContainer 'readlink /proc/self/ns/mnt >cc.mnt; pwd -P >cc.pwd')" \
		"$(hook startContainer 'ls -d /data >sc.root; hostname >sc.host')" \
		"$(hook poststart 'readlink /proc/self/ns/mnt >ps.mnt')"
	assert_eq "$(cat "$DIR/rt.mnt")" "$(readlink /proc/self/ns/mnt)"
	assert_ne "$(cat "$DIR/cc.mnt")" "$(readlink /proc/self/ns/mnt)"
	assert_eq "$(cat "$DIR/cc.pwd")" "$(realpath "$DIR")" "createContainer runs before the change of root"
	assert_eq "$(cat "$DIR/sc.root")" /data
	assert_eq "$(cat "$DIR/sc.host")" minirun-test
	assert_eq "$(cat "$DIR/ps.mnt")" "$(readlink /proc/self/ns/mnt)"
}

@test "hooks: the bundle is their directory, while it is there" {
	local kind filters=()
	for kind in prestart createRuntime createContainer poststart poststop; do
		filters+=(".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"pwd -P >$DIR/$kind.pwd\"]}]")
	done
	inside true "${filters[@]}"
	for kind in prestart createRuntime createContainer poststart poststop; do
		assert_eq "$(cat "$DIR/$kind.pwd")" "$(realpath "$BUNDLE")" "$kind"
	done
	make_spec "$BUNDLE/config.json" "$(args true)" "${filters[@]: -1}"
	launch create --bundle "$BUNDLE" "$(id_of gone)"
	mv "$BUNDLE" "$BUNDLE.gone"
	minirun delete --force "$(id_of gone)"
	mv "$BUNDLE.gone" "$BUNDLE"
	assert_eq "$(cat "$DIR/poststop.pwd")" "$(pwd -P)"
}

@test "hooks: delete warns of poststop hooks that fail, and runs them all" {
	make_spec "$BUNDLE/config.json" "$(args true)" "$(hook poststop 'exit 4')" "$(hook poststop 'echo >second')"
	launch create --bundle "$BUNDLE" "$ID"
	launch --log-level warning --log "$DIR/log" delete --force "$ID"
	assert_status 0
	assert_contains "$stderr" "warning: error running poststop hook #0:"
	assert_contains "$(cat "$DIR/log")" "exited with status 4"
	assert_exists "$DIR/second"
}

@test "hooks: the pid in the state is init's in the host's view" {
	inside 'true' "$(hook createRuntime 'p=$(jq -r .pid); readlink /proc/$p/ns/pid >of-pid; cat /proc/$p/comm >comm')"
	assert_matches "$(cat "$DIR/of-pid")" '^pid:'
	assert_ne "$(cat "$DIR/of-pid")" "$(readlink /proc/self/ns/pid)"
	assert_eq "$(cat "$DIR/comm")" minirun-start
}

@test "hooks: args and env are the spec's, nothing is inherited" {
	FROM_HOST=1 inside true "$(hook prestart 'env >env; ls /proc/self/fd >fds' '{"env": ["ONE=1", "PATH=/usr/bin:/bin"]}')"
	assert_contains "$(cat "$DIR/env")" ONE=1
	refute_contains "$(cat "$DIR/env")" FROM_HOST
	assert_eq "$(tr '\n' ' ' <"$DIR/fds")" "0 1 2 3 " "the last is that of ls itself"
}

@test "hooks: without env they have the caller's, of the container the program's" {
	local kind
	for kind in prestart createContainer poststop; do
		FROM_HOST=1 inside true "$(hook $kind 'env >env' '{"env": null}')"
		assert_contains "$(cat "$DIR/env")" FROM_HOST=1
	done
	FROM_HOST=1 inside true "$(hook startContainer 'env >env' '{"env": null}')" "$MOUNT" \
		'.process.env += ["OF_PROGRAM=1"]'
	assert_contains "$(cat "$DIR/env")" OF_PROGRAM=1
	refute_contains "$(cat "$DIR/env")" FROM_HOST
	FROM_HOST=1 inside true "$(hook prestart '/usr/bin/env >env' '{"env": []}')"
	refute_contains "$(cat "$DIR/env")" FROM_HOST
}

@test "hooks: a failing one is an error naming kind, number and path, and nothing is left" {
	local kind
	for kind in prestart createRuntime createContainer startContainer; do
		make_spec "$BUNDLE/config.json" "$MOUNT" "$(hook $kind true)" "$(hook $kind 'exit 3')"
		refused 125 "error running $kind hook #1: '"
		assert_contains "$stderr" "status 3"
		assert_nothing_left
	done
}

@test "hooks: one that is missing or killed is told so" {
	make_spec "$BUNDLE/config.json" '.hooks.createRuntime = [{path: "/none/hook"}]'
	refused 125 "error running createRuntime hook #0: '/none/hook'"
	refute_contains "$stderr" "o such file"
	make_spec "$BUNDLE/config.json" "$(hook prestart 'kill -TERM $$')"
	refused 125 SIGTERM
}

@test "hooks: a timeout ends a hook and what it started" {
	make_spec "$BUNDLE/config.json" \
		"$(hook createRuntime 'sleep 50 & echo $! >pid; sleep 51' '{"timeout": 1}')"
	SECONDS=0
	refused 125 "timeout of 1 s"
	assert_between "$SECONDS" 1 5 "seconds"
	wait_for _is_gone "$(cat "$DIR/pid")"
	assert_nothing_left
}

# hanging KIND: minirun in the background, whose hook has said its pid and does not end.
hanging() {
	make_spec "$BUNDLE/config.json" "$(args true)" "$(hook "$1" 'echo $$ >pid; exec sleep 100')"
	shift
	rm -f "$DIR/pid"
	background_minirun run --name "$ID" "$@" "$BUNDLE/config.json"
	wait_for test -s "$DIR/pid"
	HOOK=$(cat "$DIR/pid")
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }

@test "hooks: one that hangs keeps neither a signal nor the timeout waiting" {
	local sig
	for sig in TERM INT HUP; do
		hanging prestart
		kill -s "$sig" "$BG_PID"
		status=0
		wait "$BG_PID" || status=$?
		assert_eq "$status" $((128 + $(kill -l "$sig")))
		assert_contains "$(cat "$ERR")" "prestart hook #0"
		assert_contains "$(cat "$ERR")" "interrupted by signal"
		has_ended "$HOOK"
	done
	hanging createRuntime --timeout 300ms
	status=0
	wait "$BG_PID" || status=$?
	assert_eq "$status" 124
	has_ended "$HOOK"
	assert_nothing_left
}

@test "hooks: while one hangs, the container is being created for every verb" {
	local verb
	hanging prestart
	for verb in kill stop; do
		run --separate-stderr minirun "$verb" "$ID"
		assert_status 1
		assert_contains "$stderr" "container not running: '$ID' is still being set up"
		assert_contains "$stderr" "minirun delete --force $ID"
	done
	run --separate-stderr minirun exec "$ID" true
	assert_status 255
	assert_contains "$stderr" "is still being set up"
	assert_eq "$(minirun state "$ID" | jq -r .status)" creating
	assert_eq "$(minirun list --format json | jq -r --arg id "$ID" '.[] | select(.id == $id) | .status')" creating
	assert_eq "$(state .State.Status)" created
	minirun delete --force "$ID"
	wait "$BG_PID" || true
	has_ended "$HOOK"
	assert_nothing_left
}

@test "hooks: one that runs when minirun is killed dies with it" {
	local kind
	for kind in prestart poststart poststop; do
		hanging "$kind"
		kill -KILL "$BG_PID"
		wait_for has_ended "$HOOK"
		minirun delete --force "$ID"
	done
	assert_nothing_left
}

@test "hooks: a failing poststart ends the container" {
	make_spec "$BUNDLE/config.json" "$(args sleep 60)" "$(hook poststart 'exit 4')"
	SECONDS=0
	refused 125 "poststart hook"
	assert_between "$SECONDS" 0 5 "seconds"
	assert_nothing_left
}

@test "hooks: a failing poststop is a warning, and the others run" {
	in_container 'exit 5' "$(hook poststop 'exit 4')" "$(hook poststop 'echo second >second')"
	assert_status 5
	assert_contains "$stderr" "poststop hook"
	assert_eq "$(state .State.ExitCode)" 5
	assert_exists "$DIR/second"
}

@test "hooks: poststop runs after a failed start that had begun" {
	make_spec "$BUNDLE/config.json" "$(args /none)" "$(hook createRuntime 'echo x >created')" \
		"$(hook poststop 'echo x >stopped')"
	refused 127 /none
	assert_exists "$DIR/created"
	assert_exists "$DIR/stopped"
}

@test "hooks: one that does not read its stdin is fine" {
	inside 'echo ran' "$(hook createRuntime 'exec 0<&-; true')" \
		'.annotations = {"long": ("x" * 200000)}'
	assert_eq "$output" ran
}

@test "hooks: what a hook prints is seen, and does not disturb the program's output" {
	in_container 'echo program' "$(hook createRuntime 'echo from-hook >&2')"
	assert_status 0
	assert_eq "$output" program
	assert_contains "$stderr" from-hook
}

@test "hooks: poststop runs at delete when the supervisor was killed" {
	make_spec "$BUNDLE/config.json" "$(args /memlab hold 30)" \
		"$(hook poststop 'cat >stopped; echo >>stopped')"
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.Status running
	kill -KILL "$BG_PID"
	wait_background || true
	minirun delete --force "$ID"
	assert_exists "$DIR/stopped"
	assert_eq "$(jq -r .status "$DIR/stopped")" stopped
	assert_eq "$(jq -r .id "$DIR/stopped")" "$ID"
}
