# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# Docker Swarm: a manager and a worker, two dockerd in two network namespaces.
# shellcheck disable=SC2154
load common
load dockerd

setup_file() {
	local node
	needs dockerd docker containerd jq ip nsenter
	engine_dir
	ip netns add mrt-manager
	ip netns add mrt-worker
	ip link add mrt0 netns mrt-manager type veth peer name mrt0 netns mrt-worker
	ip -n mrt-manager address add 10.213.77.1/24 dev mrt0
	ip -n mrt-worker address add 10.213.77.2/24 dev mrt0
	for node in manager worker; do
		ip -n "mrt-$node" link set lo up
		ip -n "mrt-$node" link set mrt0 up
		# Not `ip netns exec`: that hides /sys/fs/cgroup.
		dockerd_begin "$node" nsenter "--net=/run/netns/mrt-$node"
	done
}

teardown_file() {
	[ -n "${W:-}" ] || return 0
	docker_of manager service rm hog
	docker_of worker swarm leave --force
	docker_of manager swarm leave --force
	wait_for 30 _no_containers
	end worker
	end manager
	ip netns delete mrt-worker
	ip netns delete mrt-manager
	remove_dir
}

_no_containers() {
	[ -z "$(docker_of manager ps --quiet)$(docker_of worker ps --quiet)" ]
}

_two_nodes() {
	[ "$(docker_of manager node ls --format '{{.Status}}' | grep -c Ready)" = 2 ]
}

# Tasks of the service that failed.
failed() {
	docker_of manager service ps hog --no-trunc --format '{{.Node}} {{.CurrentState}} {{.Error}}' |
		grep -i '[^ ]* failed'
}

_failed_times() {
	[ "$(failed | wc -l)" -ge "$1" ]
}

# ended NODE: ids of the containers of tasks that have ended there.
ended() {
	docker_of "$1" ps --all --no-trunc --quiet --filter status=exited
}

_ended_on() {
	[ -n "$(ended "$1")" ]
}

@test "swarm: manager and worker" {
	local token
	docker_of manager swarm init --advertise-addr 10.213.77.1 --listen-addr 10.213.77.1
	token=$(docker_of manager swarm join-token --quiet worker)
	docker_of worker swarm join --token "$token" --advertise-addr 10.213.77.2 \
		--listen-addr 10.213.77.2 10.213.77.1:2377
	wait_for 60 _two_nodes
}

@test "swarm: tasks of a service with --limit-memory are OOM-killed, reported and restarted" {
	docker_of manager service create --detach --no-resolve-image --name hog --mode global \
		--network host --limit-memory 16M --restart-delay 1s memlab /bin/memlab anon 80M
	wait_for 120 _failed_times 4
	assert_contains "$(failed)" "137"
	wait_for 60 _ended_on manager
	wait_for 60 _ended_on worker
}

@test "swarm: what the engine says of the kills" {
	local node id n=0
	# No more tasks: swarm removes old containers.
	docker_of manager service update --detach --restart-condition none hog
	for node in manager worker; do
		for id in $(ended "$node"); do
			verdict "swarm, task on the $node" \
				"$(docker_of "$node" inspect --format '{{.State.OOMKilled}}' "$id")" \
				"$(record "$W/$node/exec/runtime-runc/moby" "$id")" true
			n=$((n + 1))
		done
	done
	[ "$n" -ge 2 ]
}
