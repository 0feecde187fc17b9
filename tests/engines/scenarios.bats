# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# Endings of containers through docker, podman and ctr, each with runc and with minirun: what
# the engine says of OOMKilled (ctr: was there an event), beside minirun's own record. Only
# the record is asserted. Engines lose events of containers that end quickly, so their cells
# are not the same each time.
# shellcheck disable=SC2154,SC2016
load common
load dockerd
load podman
load containerd

COLUMNS="docker-runc docker-minirun podman-runc podman-minirun ctr-runc ctr-minirun"

setup_file() {
	needs dockerd docker containerd ctr podman conmon runc jq
	[ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] || skip "needs cgroup v1"
	engine_dir
	dockerd_begin dockerd
	podman_begin
	containerd_begin
	mkdir /sys/fs/cgroup/memory/mrs-parent
	echo 24M >/sys/fs/cgroup/memory/mrs-parent/memory.limit_in_bytes
}

teardown_file() {
	local ids
	[ -n "${W:-}" ] || return 0
	mapfile -t ids < <(docker ps --all --quiet)
	[ ${#ids[@]} -eq 0 ] || docker rm --force "${ids[@]}" >/dev/null
	end dockerd
	podman_end >/dev/null
	containerd_end
	# podman leaves its conmon's.
	find /sys/fs/cgroup -depth -type d -path '*/mrs-parent*' -exec rmdir {} +
	remove_dir
}

docker() {
	docker_of dockerd "$@"
}

# start COLUMN NAME "OPTION..." PROGRAM...: OPTION is memory=MIB, parent, disable.
start() {
	local column=$1 name=$2 option options=() engine=${1%-*} runtime=${1#*-}
	for option in $3; do
		case $engine-$option in
		ctr-memory=*) options+=("--memory-limit=$((${option#*=} << 20))") ;;
		ctr-parent) options+=("--cgroup=/mrs-parent/$name") ;;
		*-memory=*) options+=(-m "${option#*=}m" --memory-swap "${option#*=}m") ;;
		*-parent) options+=(--cgroup-parent /mrs-parent) ;;
		*-disable) options+=(--oom-kill-disable) ;;
		esac
	done
	shift 3
	case $engine in
	docker) docker run --detach --runtime "$runtime" --network none --name "$name" "${options[@]}" memlab "$@" ;;
	podman) _podman "$column" run --detach --name "$name" "${options[@]}" memlab "$@" ;;
	ctr)
		BINARY=$W/minirun
		[ "$runtime" = minirun ] || BINARY=$(command -v runc)
		BINARY=$BINARY ctr_run --detach "${options[@]}" "$name" "$@"
		;;
	esac >/dev/null
}

_podman() {
	local runtime=minirun
	[ "$1" = podman-minirun ] || runtime=$(command -v runc)
	shift
	podman --runtime "$runtime" "$@"
}

pid_of() {
	case $1 in
	docker-*) docker inspect --format '{{.State.Pid}}' "$2" ;;
	podman-*) podman inspect --format '{{.State.Pid}}' "$2" ;;
	ctr-*) ctr tasks ls | awk -v id="$2" '$1 == id { print $2 }' ;;
	esac
}

# memory_of PID: its cgroup.
memory_of() {
	echo "/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' "/proc/$1/cgroup")"
}

inside() {
	local column=$1 name=$2
	shift 2
	case $column in
	docker-*) docker exec "$name" "$@" ;;
	podman-*) _podman "$column" exec "$name" "$@" ;;
	ctr-*) ctr tasks exec --exec-id "x$RANDOM" "$name" "$@" ;;
	esac
}

stop() {
	case $1 in
	docker-*) docker kill "$2" ;;
	podman-*) _podman "$1" kill "$2" ;;
	ctr-*) ctr tasks kill --signal KILL "$2" ;;
	esac >/dev/null
}

_task_stopped() {
	ctr tasks ls | grep -q "^$1 .*STOPPED"
}

# Waits for the end; what containerd has to say about it is said by then.
await() {
	case $1 in
	docker-*) docker wait "$2" ;;
	podman-*) podman wait "$2" ;;
	ctr-*) wait_for 60 _task_stopped "$2" && ctr tasks delete "$2" || true ;;
	esac >/dev/null
}

says() {
	case $1 in
	docker-*) docker inspect --format '{{.State.OOMKilled}}' "$2" ;;
	podman-*) podman inspect --format '{{.State.OOMKilled}}' "$2" ;;
	ctr-*) grep -q "/tasks/oom.*\"$2\"" "$W/events" && echo true || echo false ;;
	esac
}

recorded() {
	case $1 in
	docker-*) record "$W/dockerd/exec/runtime-runc/moby" "$(docker inspect --format '{{.Id}}' "$2")" ;;
	podman-*) record "$W/state" "$(podman inspect --format '{{.Id}}' "$2")" ;;
	ctr-*) record "$W/state/tests" "$2" ;;
	esac
}

# scenario NAME TRUTH FUNCTION [COLUMNS-THAT-CANNOT]: FUNCTION COLUMN NAME starts a container
# and brings about its end. A row of the table; "*" is wrong.
scenario() {
	local column name said line="$1|$2"
	for column in $COLUMNS; do
		name=$column-$BATS_TEST_NUMBER
		# shellcheck disable=SC2053 # a pattern
		if [[ $column == ${4:-} ]]; then
			line="$line|-"
			continue
		fi
		"$3" "$column" "$name"
		await "$column" "$name"
		said=$(says "$column" "$name")
		[ "$said" = "$2" ] || said="$said*"
		line="$line|$said"
		[[ $column != *-minirun ]] ||
			assert_eq "$(recorded "$column" "$name")" "$2" "minirun's record of: $1, $column"
	done
	printf '%s|%s\n' "$line" "$2" >>"${ENGINE_TABLE:-/dev/stderr}"
}

# simple "OPTION..." SCRIPT: for a scenario that needs nothing from outside.
simple() {
	SIMPLE=("$@")
}

_simple() {
	start "$1" "$2" "${SIMPLE[0]}" /bin/sh -c "${SIMPLE[1]}"
}

@test "scenarios: init" {
	simple memory=16 'exec /bin/memlab anon 80M'
	scenario "init is OOM-killed" true _simple
}

@test "scenarios: a child, init exits 0" {
	simple memory=16 '/bin/memlab anon 80M; exit 0'
	scenario "a child is OOM-killed, init exits 0" true _simple
}

@test "scenarios: a child, init exits 1" {
	simple memory=16 '/bin/memlab anon 80M; exit 1'
	scenario "a child is OOM-killed, init exits 1" true _simple
}

@test "scenarios: a child, init exits 137" {
	simple memory=16 '/bin/memlab anon 80M; exit 137'
	scenario "a child is OOM-killed, init exits 137" true _simple
}

@test "scenarios: ten children" {
	simple memory=16 'for i in 0 1 2 3 4 5 6 7 8 9; do /bin/memlab anon 80M; done; exit 0'
	scenario "ten children are OOM-killed" true _simple
}

_killed() {
	start "$1" "$2" memory=16 /bin/sleep 1000
	stop "$1" "$2"
}

@test "scenarios: kill" {
	scenario "the user kills it (137)" false _killed
}

@test "scenarios: exit 137" {
	simple memory=16 'exit 137'
	scenario "it exits with 137 by itself" false _simple
}

@test "scenarios: no address space" {
	simple memory=64 'ulimit -v 20000; /bin/memlab anon 80M; exit 1'
	scenario "malloc fails under RLIMIT_AS" false _simple
}

@test "scenarios: a crash" {
	simple memory=64 'kill -SEGV $$'
	scenario "it crashes (SIGSEGV)" false _simple
}

_exec_killed() {
	start "$1" "$2" memory=16 /bin/sleep 1000
	inside "$1" "$2" /bin/memlab anon 80M >/dev/null 2>&1 || true
	stop "$1" "$2"
}

@test "scenarios: exec" {
	scenario "an exec is OOM-killed, then the user kills" true _exec_killed
}

# A container that waits, and then goes on in a sub-cgroup of its own with limit $1.
_nested() {
	local dir pid
	rm -f "$W/image/tmp/go"
	start "$1" "$2" memory=32 /bin/sh -c \
		'while [ ! -e /tmp/go ]; do /bin/sleep 0.1; done; /bin/memlab anon 80M; exit 0'
	pid=$(pid_of "$1" "$2")
	dir=$(memory_of "$pid")
	mkdir "$dir/sub"
	[ -z "$limit" ] || echo "$limit" >"$dir/sub/memory.limit_in_bytes"
	echo "$pid" >"$dir/sub/cgroup.procs"
	: >"/proc/$pid/root/tmp/go"
}

@test "scenarios: a sub-cgroup with a lower limit" {
	limit=16M
	scenario "limit of its own sub-cgroup" true _nested
}

@test "scenarios: a victim in a sub-cgroup" {
	limit=
	scenario "its limit, the victim in a sub-cgroup" true _nested
}

@test "scenarios: the limit of the parent" {
	simple "memory=64 parent" 'exec /bin/memlab anon 80M'
	scenario "the parent's limit" true _simple
}

_bystander() {
	start "$1" "$2" "memory=64 parent" /bin/sleep 1000
	start "$1" "$2-hog" "memory=64 parent" /bin/memlab anon 80M
	await "$1" "$2-hog"
	stop "$1" "$2"
}

@test "scenarios: a bystander" {
	scenario "bystander: the parent's limit, another dies" false _bystander
}

_hang() {
	start "$1" "$2" "memory=16 disable" /bin/memlab anon 80M
	wait_for 20 _under_oom "$(pid_of "$1" "$2")"
	stop "$1" "$2"
}

_under_oom() {
	grep -qx 'under_oom 1' "$(memory_of "$1")/memory.oom_control"
}

@test "scenarios: a disabled killer" {
	scenario "killer disabled, it hangs, the user kills" false _hang 'ctr-*'
}

@test "scenarios: page cache" {
	simple memory=16 '/bin/busybox dd if=/dev/zero of=/tmp/file bs=1M count=40 2>/dev/null; exit 0'
	scenario "page cache to the limit" false _simple
}

@test "scenarios: a tmpfs" {
	simple memory=16 '/bin/busybox dd if=/dev/zero of=/dev/shm/file bs=1M count=40 2>/dev/null; exit 0'
	scenario "files in /dev/shm to the limit" true _simple
}

_again() {
	start "$1" "$2" memory=16 /bin/sh -c \
		'[ -e /tmp/second ] && exit 0; echo >/tmp/second; exec /bin/memlab anon 80M'
	await "$1" "$2"
	case $1 in
	docker-*) docker start "$2" ;;
	podman-*) _podman "$1" start "$2" ;;
	esac >/dev/null
}

@test "scenarios: a restart" {
	scenario "restarted after an OOM kill, this time clean" false _again 'ctr-*'
}
