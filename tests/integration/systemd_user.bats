#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The systemd driver by an ordinary user, whose own manager (user@UID.service) makes the
# scopes, and cgroups that this manager has delegated. Needs systemd as pid 1 and a user
# "tester" with subordinate ids: tests/vm/run systemd.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common

USER_NAME=tester

setup_file() {
	[ -d /run/systemd/system ] && id "$USER_NAME" >/dev/null || return 0
	systemctl start "user@$(id -u "$USER_NAME")"
	# Its bus is started by whoever asks first.
	user busctl --user status >/dev/null
}

teardown_file() {
	[ -d /run/systemd/system ] && id "$USER_NAME" >/dev/null || return 0
	systemctl stop "user@$(id -u "$USER_NAME")"
}

setup() {
	common_setup
	requires root systemd cgroup-v2 memory pids minirun-systemd newuidmap busybox
	id "$USER_NAME" >/dev/null || skip "no user $USER_NAME"
	HERE=$(mktemp -d "${TMPDIR:-/tmp}/minirun-user.XXXXXX")
	chmod 755 "$HERE"
	BUNDLE=$HERE/bundle
	UNIT=mr-$ID.scope
	TREE=/user.slice/user-$(id -u "$USER_NAME").slice/user@$(id -u "$USER_NAME").service
	mkdir -m 700 "$HERE/run"
	chown "$USER_NAME:" "$HERE/run"
}

teardown() {
	local dir result=0
	for dir in "${HERE:-/nonexistent}"/run/*/; do
		[[ -d $dir && $dir != */@* ]] || continue
		um delete -f "$(basename "$dir")" || result=1
	done
	[ -z "${HERE:-}" ] || no_unit || result=1
	rm -rf "${HERE:-/nonexistent}"
	common_teardown || result=1
	return "$result"
}

# user COMMAND...: as the user, with this shell's cgroup, which is none of the user's.
user() {
	timeout -k 5 60 setpriv --reuid "$USER_NAME" --regid "$USER_NAME" --init-groups \
		env HOME=/ XDG_RUNTIME_DIR="/run/user/$(id -u "$USER_NAME")" "$@" \
		3>&- 4>&- </dev/null
}

# within [OPTION...] COMMAND...: in a scope of the user's.
within() {
	user systemd-run --user --scope --quiet "$@"
}

um() {
	user "$MINIRUN" --root "$HERE/run" "$@"
}

# launched COMMAND...: as common.bash's launch.
launched() {
	OUT=$HERE/launch.out
	ERR=$HERE/launch.err
	status=0
	"$@" >"$OUT" 2>"$ERR" || status=$?
	output=$(cat "$OUT")
	stderr=$(cat "$ERR")
}

# spec FILTER...: the bundle, the user's, in $UNIT of the user's user.slice.
spec() {
	make_spec "$BUNDLE/config.json" '.linux.namespaces -= [{type: "user"}] |
		del(.linux.uidMappings, .linux.gidMappings)' \
		'.linux.cgroupsPath = "user.slice:mr:'"$ID"'"' "$@"
	chown -R "$USER_NAME:" "$BUNDLE"
}

property() {
	user systemctl --user show --value -p "$1" "$UNIT"
}

no_unit() {
	local units
	units=$(user systemctl --user list-units --all --plain --no-legend "*$RUN_TAG-*")
	assert_eq "$units" "" "units that are left"
}

inner() {
	cat "$CGROUP2_MOUNT$TREE/user.slice/$UNIT/container/$1"
}

record() {
	um inspect -f "{{$1}}" "$ID"
}

@test "systemd, a user: a scope of the user's manager, from a login that is outside of its tree" {
	spec "$(memory 64M 96M)" '.linux.resources.pids.limit = 20' "$(args /bin/sleep 60)"
	launched um --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(property Delegate)" yes
	assert_eq "$(property MemoryMax)" $((68 << 20))
	assert_eq "$(property MemorySwapMax)" $((32 << 20))
	assert_eq "$(property TasksMax)" 21
	assert_eq "$(inner memory.max)" $((64 << 20))
	assert_eq "$(inner pids.max)" 20
	assert_eq "$(um state "$ID" | jq -r '."systemd-scope"')" "$UNIT"
	assert_eq "$(inner cgroup.procs)" "$(um state "$ID" | jq .pid)"
	um start "$ID"
	run um exec "$ID" cat /proc/self/cgroup
	assert_eq "$output" "0::/"
	launched um exec --detach "$ID" sleep 50
	assert_status 0
	assert_eq "$(inner cgroup.procs | wc -l)" 2
	um update --memory 128M --memory-swap 128M --pids-limit 30 "$ID"
	assert_eq "$(property MemoryMax)" $((132 << 20))
	assert_eq "$(inner memory.max)" $((128 << 20))
	assert_eq "$(property TasksMax)" 31
	um pause "$ID"
	assert_eq "$(inner cgroup.freeze)" 1
	um resume "$ID"
	um delete -f "$ID"
	refute_exists "$CGROUP2_MOUNT$TREE/user.slice/$UNIT"
	no_unit
}

@test "systemd, a user: OOMKilled, from outside and from within the user's tree" {
	requires memlab
	local place
	for place in user within; do
		launched "$place" "$MINIRUN" --root "$HERE/run" --systemd-cgroup \
			run -m 32m --name "$ID" -- "$MEMLAB" anon 200M
		assert_status 137
		assert_eq "$(record .State.OOMKilled)" true
		assert_eq "$(record .OOM.LimitCgroup)" \
			"$TREE/user.slice/minirun-$ID.scope/container"
		um delete "$ID"
		launched "$place" "$MINIRUN" --root "$HERE/run" --systemd-cgroup \
			run -m 32m --name "$ID" -- /bin/sh -c 'kill -9 $$'
		assert_status 137
		assert_eq "$(record .State.OOMKilled)" false
		um delete "$ID"
		no_unit
	done
}

@test "systemd, a user: root of a user namespace, as under rootless podman" {
	spec "$(memory 64M)" "$(args cat /proc/self/uid_map)"
	launched within unshare --map-root-user --map-auto \
		"$MINIRUN" --root "$HERE/run" --systemd-cgroup run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_matches "$output" "^ +0 +1000 +1
 +1 +[0-9]+ +6553[56]$"
	no_unit
}

@test "systemd, a user: no bus, and the error names the cure" {
	spec
	launched user env DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent \
		"$MINIRUN" --root "$HERE/run" --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "cannot reach systemd: no answer on the user's bus (ENOENT)"
	assert_contains "$stderr" "loginctl enable-linger"
	assert_contains "$stderr" "--cgroup-manager cgroupfs"
	refute_exists "$HERE/run/$ID"
}

@test "systemd, a user: delete without the bus empties the cgroup" {
	spec "$(args /bin/sleep 60)"
	launched um --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 0
	launched user env DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent \
		"$MINIRUN" --root "$HERE/run" delete -f "$ID"
	assert_status 0
	wait_for no_unit
}

@test "systemd, a user: a controller that was not delegated" {
	spec '.linux.resources.cpu = {cpus: "0"}'
	launched um --systemd-cgroup create --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "linux.resources.cpu.cpus: no cgroup with the cpuset controller"
	assert_contains "$stderr" "systemctl edit user@.service"
	refute_exists "$HERE/run/$ID"
	no_unit
}

@test "systemd, a user: a slice that the user names, and run killed by SIGKILL" {
	local pid
	spec '.linux.cgroupsPath = "mr-a.slice:mr:'"$ID"'"' "$(args /bin/sleep 60)"
	launched um --systemd-cgroup run --detach --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	assert_eq "$(property ControlGroup)" "$TREE/mr.slice/mr-a.slice/$UNIT"
	pid=$(jq .monitor.pid "$HERE/run/$ID/state.json")
	kill -KILL "$pid"
	um delete -f "$ID"
	no_unit
	user systemctl --user stop mr-a.slice mr.slice
}

@test "a user's scope with Delegate=yes: limits hold, and OOMKilled is right, more than once" {
	requires memlab
	# shellcheck disable=SC2016 # the inner shell's variables
	launched within -p Delegate=yes bash -c 'for i in 1 2; do
			"$0" --root "$1" run -m 32m --name "$2-$i" -- "$3" anon 200M
			[ $? = 137 ] || exit 1
		done
		cat /proc/self/cgroup' "$MINIRUN" "$HERE/run" "$ID" "$MEMLAB"
	assert_status 0
	assert_matches "$output" "/app.slice/run-.*\.scope/minirun-callers$"
	for i in 1 2; do
		assert_eq "$(um inspect -f '{{.State.OOMKilled}}' "$ID-$i")" true
		um delete "$ID-$i"
	done
}

@test "a user's service with Delegate=yes" {
	requires memlab
	launched user systemd-run --user --quiet --pipe --wait -p Delegate=yes -E PATH \
		"$MINIRUN" --root "$HERE/run" run -m 32m --name "$ID" -- "$MEMLAB" anon 200M
	assert_status 137
	assert_eq "$(record .State.OOMKilled)" true
	assert_matches "$(record .OOM.LimitCgroup)" "/app.slice/run-.*\.service/minirun/$ID$"
	um delete "$ID"
}

@test "a user's scope that is not delegated: a limit is an error that names the cure" {
	launched within "$MINIRUN" --root "$HERE/run" run -m 32m -- /bin/true
	assert_status 125
	assert_contains "$stderr" "systemd-run --user --scope -p Delegate=yes"
}
