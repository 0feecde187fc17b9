# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# podman and conmon with minirun as their runtime.
# shellcheck disable=SC2154
load common
load podman

setup_file() {
	needs podman conmon
	engine_dir
	podman_begin
}

teardown_file() {
	[ -n "${W:-}" ] || return 0
	podman_end
	remove_dir
}

# inspect NAME FIELD
inspect() {
	podman inspect --format "{{.$2}}" "$1"
}

@test "podman: run" {
	run podman run --rm memlab /bin/sh -c 'echo out; exit 7'
	assert_eq "$status" 7
	assert_contains "$output" out
	run -127 podman run --rm memlab /no/such/program
	assert_eq "$status" 127
	run podman run --rm memlab /etc
	assert_eq "$status" 126
}

@test "podman: run -t, run -i" {
	run podman run --rm -t memlab /bin/tty
	assert_contains "$output" /dev/pts/0
	run podman run --rm -i memlab /bin/cat <<<word
	assert_contains "$output" word
}

@test "podman: exec, exec -t" {
	podman run --detach --name exec memlab /bin/sleep 1000
	run podman exec exec /bin/sh -c 'echo inside; exit 3'
	assert_eq "$status" 3
	assert_contains "$output" inside
	run podman exec -t exec /bin/tty
	assert_contains "$output" /dev/pts/
}

@test "podman: logs" {
	podman run --name logs memlab /bin/sh -c 'echo one; echo two >&2'
	run podman logs logs
	assert_contains "$output" one
	assert_contains "$output" two
}

# The signal is for one that has its trap.
_says_ready() {
	podman logs "$1" | grep -q ready
}

@test "podman: stop, kill" {
	podman run --detach --name stop memlab /bin/sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for 20 _says_ready stop
	podman stop --time 20 stop
	assert_eq "$(inspect stop State.ExitCode)" 5
	podman run --detach --name kill memlab /bin/sleep 1000
	podman kill kill
	assert_eq "$(podman wait kill)" 137
}

@test "podman: pause, unpause" {
	podman run --detach --name pause memlab /bin/sleep 1000
	podman pause pause
	assert_eq "$(inspect pause State.Status)" paused
	podman unpause pause
	assert_eq "$(inspect pause State.Status)" running
}

@test "podman: update" {
	local id
	podman run --detach --name update -m 64m --memory-swap 64m memlab /bin/sleep 1000
	id=$(inspect update Id)
	run podman update -m 32m --memory-swap 32m update
	assert_eq "$status" 0
	assert_eq "$("$MINIRUN" --root "$W/state" events --stats "$id" | jq .data.memory.usage.limit)" \
		$((32 << 20))
	# What the container was made without, too.
	podman update --cpus 0.5 update
}

_has_used_cpu() {
	! podman stats --no-stream --format '{{.CPUNano}}' "$1" | grep -qx 0
}

@test "podman: stats" {
	podman run --detach --name stats memlab /bin/sh -c 'while :; do :; done'
	wait_for 20 _has_used_cpu stats
	podman kill stats
}

@test "podman: OOM kill" {
	local id
	run podman run --name oom -m 16m --memory-swap 16m memlab /bin/memlab anon 80M
	assert_eq "$status" 137
	id=$(inspect oom Id)
	verdict "podman run, init killed" "$(inspect oom State.OOMKilled)" "$(record "$W/state" "$id")" true
	run podman run --name child -m 16m --memory-swap 16m memlab /bin/sh -c '/bin/memlab anon 80M; true'
	assert_eq "$status" 0
	id=$(inspect child Id)
	verdict "podman run, child killed" "$(inspect child State.OOMKilled)" "$(record "$W/state" "$id")" true
	run podman run --name other memlab /bin/sh -c 'kill -KILL $$; exit 137'
	id=$(inspect other Id)
	verdict "podman run, exit 137" "$(inspect other State.OOMKilled)" "$(record "$W/state" "$id")" false
}

@test "podman: pod" {
	podman pod create --name pod
	run podman run --rm --pod pod memlab /bin/echo inside
	assert_eq "$status" 0
	assert_contains "$output" inside
	podman pod rm --force --time 0 pod
}

@test "podman: play kube with a memory limit" {
	cat >"$W/pod.yaml" <<-'YAML'
		apiVersion: v1
		kind: Pod
		metadata: {name: kube}
		spec:
		  restartPolicy: Never
		  containers:
		  - name: hog
		    image: localhost/memlab:latest
		    imagePullPolicy: Never
		    command: [/bin/memlab, anon, 80M]
		    resources: {limits: {memory: 16Mi}}
	YAML
	podman play kube "$W/pod.yaml"
	assert_eq "$(podman wait kube-hog)" 137
	verdict "podman play kube, init killed" "$(inspect kube-hog State.OOMKilled)" \
		"$(record "$W/state" "$(inspect kube-hog Id)")" true
	podman play kube --down "$W/pod.yaml"
}

@test "podman: healthcheck" {
	podman run --detach --name health --health-cmd 'CMD-SHELL /bin/cat /tmp/fine' --health-retries 1 \
		memlab /bin/sleep 1000
	run podman healthcheck run health
	assert_eq "$status" 1
	podman exec health /bin/sh -c 'echo >/tmp/fine'
	run podman healthcheck run health
	assert_eq "$status" 0
}

@test "podman: rm leaves nothing" {
	local ids id
	mapfile -t ids < <(podman ps --all --quiet --no-trunc)
	[ ${#ids[@]} -gt 3 ]
	podman rm --force --time 0 --all
	assert_eq "$("$MINIRUN" --root "$W/state" list -q)" ""
	for id in "${ids[@]}"; do
		assert_eq "$(find /sys/fs/cgroup -type d -name "*$id")" ""
	done
}
