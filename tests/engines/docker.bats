# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# dockerd with minirun as its default runtime.
# shellcheck disable=SC2154
load common
load dockerd

setup_file() {
	needs dockerd docker containerd jq
	engine_dir
	dockerd_begin dockerd
}

teardown_file() {
	local ids
	[ -n "${W:-}" ] || return 0
	mapfile -t ids < <(docker ps --all --quiet)
	[ ${#ids[@]} -eq 0 ] || docker rm --force "${ids[@]}"
	end dockerd
	remove_dir
}

docker() {
	docker_of dockerd "$@"
}

# inspect NAME FIELD
inspect() {
	docker inspect --format "{{.$2}}" "$1"
}

_is() {
	[ "$(inspect "$1" "$2")" = "$3" ]
}

# docker_verdict CASE NAME TRUTH
docker_verdict() {
	local id
	id=$(inspect "$2" Id)
	verdict "$1" "$(inspect "$2" State.OOMKilled)" \
		"$(record "$W/dockerd/exec/runtime-runc/moby" "$id")" "$3"
}

@test "docker: run" {
	assert_eq "$(docker info --format '{{.DefaultRuntime}}')" minirun
	run docker run --rm --network none memlab /bin/sh -c 'echo out; exit 7'
	assert_eq "$status" 7
	assert_contains "$output" out
	run -127 docker run --rm --network none memlab /no/such/program
	run docker run --rm --network none memlab /etc
	assert_eq "$status" 126
}

@test "docker: run -t, run -i" {
	run docker run --rm -t --network none memlab /bin/tty
	assert_contains "$output" /dev/pts/0
	run docker run --rm -i --network none memlab /bin/cat <<<word
	assert_contains "$output" word
}

@test "docker: exec, exec -t" {
	docker run --detach --name exec --network none memlab /bin/sleep 1000
	run docker exec exec /bin/sh -c 'echo inside; exit 3'
	assert_eq "$status" 3
	assert_contains "$output" inside
	run docker exec -t exec /bin/tty
	assert_contains "$output" /dev/pts/
}

@test "docker: pause, unpause, top" {
	docker pause exec
	assert_eq "$(inspect exec State.Status)" paused
	docker unpause exec
	assert_eq "$(inspect exec State.Status)" running
	assert_contains "$(docker top exec)" "sleep 1000"
}

@test "docker: stats, update --memory" {
	docker run --detach --name update --network none -m 64m --memory-swap 64m memlab /bin/sleep 1000
	assert_contains "$(docker stats --no-stream --format '{{.MemUsage}}' update)" "/ 64MiB"
	docker update --memory 32m --memory-swap 32m update
	docker update --cpus 0.5 --pids-limit 50 update
	assert_eq "$(docker stats --no-stream --format '{{.PIDs}}' update)" 1
	assert_contains "$(docker stats --no-stream --format '{{.MemUsage}}' update)" "/ 32MiB"
}

# The signal is for one that has its trap.
_says_ready() {
	docker logs "$1" | grep -q ready
}

@test "docker: stop, kill" {
	docker run --detach --name stop --network none memlab /bin/sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for 20 _says_ready stop
	docker stop --time 20 stop
	assert_eq "$(inspect stop State.ExitCode)" 5
	docker kill exec
	assert_eq "$(docker wait exec)" 137
}

@test "docker: OOM kill" {
	run docker run --name oom --network none -m 16m --memory-swap 16m memlab /bin/memlab anon 80M
	assert_eq "$status" 137
	docker_verdict "docker run, init killed" oom true
	run docker run --name child --network none -m 16m --memory-swap 16m memlab /bin/sh -c '/bin/memlab anon 80M; true'
	assert_eq "$status" 0
	docker_verdict "docker run, child killed" child true
	run docker run --name other --network none memlab /bin/sh -c 'exit 137'
	assert_eq "$status" 137
	docker_verdict "docker run, exit 137" other false
}

@test "docker: restart policy after an OOM kill" {
	docker run --detach --name restart --network none -m 16m --memory-swap 16m --restart on-failure:2 \
		memlab /bin/memlab anon 80M
	wait_for 60 _is restart RestartCount 2
	wait_for 60 _is restart State.Status exited
	assert_eq "$(inspect restart State.ExitCode)" 137
	docker_verdict "docker run --restart, init killed" restart true
}

@test "docker: events" {
	run docker events --since 10m --until 0s --filter container=oom --format '{{.Action}}'
	assert_contains "$output" create
	assert_contains "$output" start
	assert_contains "$output" die
	[[ $output == *oom* ]] || printf '%s\n' "docker events: there is no event oom of a container that was OOM-killed" \
		>>"${ENGINE_WRONG:-/dev/null}"
}

@test "docker: build" {
	mkdir "$W/build"
	printf 'FROM memlab\nRUN echo built >/tmp/built\nCMD ["/bin/cat", "/tmp/built"]\n' >"$W/build/Dockerfile"
	export DOCKER_BUILDKIT=0
	docker build --network none --tag built "$W/build"
	run docker run --rm --network none built
	assert_eq "$output" built
}

# _launch_ms RUNTIME: how long a container that does nothing takes.
_launch_ms() {
	local begin=${EPOCHREALTIME/./}
	docker run --rm --runtime "$1" --network none memlab /bin/true
	echo $(((${EPOCHREALTIME/./} - begin) / 1000))
}

@test "docker: start times with runc and with minirun" {
	local runtime
	for _ in 1 2 3 4 5 6 7; do
		for runtime in runc minirun; do
			_launch_ms "$runtime" >>"$BATS_TEST_TMPDIR/$runtime"
		done
	done
	for runtime in runc minirun; do
		printf 'docker run --rm with %s: %s ms (median of 7)\n' "$runtime" \
			"$(sort -n "$BATS_TEST_TMPDIR/$runtime" | sed -n 4p)" >>"${ENGINE_TIMES:-/dev/null}"
	done
}
