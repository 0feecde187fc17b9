# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# podman with its default cgroup manager, systemd, and minirun as its runtime: by root, and by
# an ordinary user with a manager of his own. Needs systemd as pid 1 and a user "tester" with
# subordinate ids: tests/vm/run systemd tests/engines/systemd.bats
# shellcheck disable=SC2154
load common
load podman

USER_NAME=tester
export TIMEOUT=300 # in an emulated machine

setup() {
	needs podman conmon
	[ -d /run/systemd/system ] || skip "systemd is not running"
	export PODMAN_CGROUPS=systemd
	AS=()
	SYSTEMCTL=(systemctl)
}

teardown() {
	[ -n "${W:-}" ] || return 0
	podman_end
	remove_dir
	wait_for 10 no_units
	# With podman's own pause process.
	[ ${#AS[@]} -eq 0 ] || systemctl stop "user@$(id -u "$USER_NAME")"
}

# become_user: what podman and systemctl run as from now on.
become_user() {
	local uid
	uid=$(id -u "$USER_NAME") || skip "no user $USER_NAME"
	systemctl start "user@$uid"
	AS=(setpriv --reuid "$USER_NAME" --regid "$USER_NAME" --init-groups
		env "HOME=$W" "XDG_RUNTIME_DIR=/run/user/$uid")
	SYSTEMCTL=("${AS[@]}" systemctl --user)
	chown -R "$USER_NAME:" "$W"
}

no_units() {
	[ -z "$("${SYSTEMCTL[@]}" list-units --all --plain --no-legend 'libpod*' 'minirun*')" ]
}

# inspect NAME FIELD
inspect() {
	podman inspect --format "{{.$2}}" "$1"
}

# A container's whole life.
case_life() {
	local id pid cgroup
	podman run --detach --name life -m 64m --pids-limit 50 memlab \
		/bin/sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	id=$(inspect life Id)
	pid=$(inspect life State.Pid)
	assert_eq "$("${SYSTEMCTL[@]}" show --value -p MemoryMax "libpod-$id.scope")" $((68 << 20))
	assert_eq "$("${SYSTEMCTL[@]}" show --value -p TasksMax "libpod-$id.scope")" 51
	cgroup=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
	assert_contains "$cgroup" "/libpod-$id.scope/container"
	assert_eq "$(cat "$cgroup/memory.max")" $((64 << 20))
	run podman exec life /bin/sh -c 'echo inside; exit 3'
	assert_eq "$status" 3
	assert_contains "$output" inside
	podman update -m 48m life
	assert_eq "$(cat "$cgroup/memory.max")" $((48 << 20))
	assert_eq "$("${SYSTEMCTL[@]}" show --value -p MemoryMax "libpod-$id.scope")" $((52 << 20))
	podman pause life
	assert_eq "$(inspect life State.Status)" paused
	podman unpause life
	podman stop --time 30 life
	assert_eq "$(inspect life State.ExitCode)" 5
	assert_eq "$(record "$W/state" "$id")" false
	podman rm life
}

case_oom() {
	run podman run --name oom -m 64m --memory-swap 64m memlab /bin/memlab anon 200M
	assert_eq "$status" 137
	verdict "podman run, systemd, init killed" "$(inspect oom State.OOMKilled)" \
		"$(record "$W/state" "$(inspect oom Id)")" true
	run podman run --name child -m 64m --memory-swap 64m memlab \
		/bin/sh -c '/bin/memlab anon 200M; true'
	assert_eq "$status" 0
	verdict "podman run, systemd, child killed" "$(inspect child State.OOMKilled)" \
		"$(record "$W/state" "$(inspect child Id)")" true
	podman rm oom child
}

@test "systemd: podman of root" {
	engine_dir
	podman_begin
	case_life
	case_oom
}

@test "systemd: podman of an ordinary user" {
	engine_dir
	become_user
	podman_begin
	case_life
	case_oom
}
