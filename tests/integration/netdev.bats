#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=netdev
#
# linux.netDevices, with devices in a network namespace of the test's own.

load common

setup() {
	common_setup
	requires root cgroups busybox ip
	unshare -n ip link add v0 type veth peer name v1 2>/dev/null || skip "needs veth devices"
}

# with_devices COMMAND: as a host with the devices v0 and v1, which are connected.
with_devices() {
	# shellcheck disable=SC2016 # the inner shell's variable
	timeout -k 5 60 unshare -n bash -ec '
		ip link set lo up
		ip link add v0 type veth peer name v1
		ip addr add 10.9.8.7/24 dev v0
		ip -6 addr add 2001:db8::7/64 dev v0 nodad
		ip link set v0 up
		ip link set v1 up
		eval "$1"' bash "$1" 3>&- 4>&-
}

RUN='"$MINIRUN" --root "$ROOT" run --bundle "$BUNDLE" "$ID"'

# spec FILTER...: prints the container's devices and addresses.
spec() {
	export MINIRUN ROOT BUNDLE ID
	make_spec "$BUNDLE/config.json" "$@"
	ln -sf busybox "$BUNDLE/rootfs/bin/ip"
}

@test "a device moves, gets its name, keeps its addresses, and is up" {
	spec '.linux.netDevices = {v0: {name: "ctr0"}}' \
		"$(args sh -c 'ip -o addr show dev ctr0; ip link show ctr0; ! ip link show v0 2>/dev/null')"
	run with_devices "$RUN"
	assert_status 0
	assert_contains "$output" "inet 10.9.8.7/24"
	assert_contains "$output" "inet6 2001:db8::7/64"
	assert_matches "$output" "ctr0.*<[A-Z,_]*UP"
}

@test "it works: the container is reached through it" {
	spec '.linux.netDevices = {v0: {}}' '.process.capabilities |= map_values(["CAP_NET_RAW"])' \
		"$(args sh -c 'ping -c 1 -W 5 10.9.8.1 >/dev/null && echo pong')"
	ln -sf busybox "$BUNDLE/rootfs/bin/ping"
	run with_devices "ip addr add 10.9.8.1/24 dev v1; $RUN"
	assert_status 0
	assert_eq "$output" pong
}

@test "a pattern, and a number that is taken in a namespace that is joined" {
	spec '.linux.netDevices = {v0: {name: "net%d"}}' "$(args sh -c 'ip -o link; ip -o addr')" \
		'(.linux.namespaces[] | select(.type == "network")).path = "/proc/holder/ns/net"'
	# A joined namespace in which the first numbers are in use.
	run with_devices '
		unshare -n sh -c "ip link add net0 type veth peer name x; echo; exec sleep 60" >"$ROOT.ready" &
		holder=$!
		until [ -s "$ROOT.ready" ]; do sleep 0.02; done
		sed -i "s|/proc/[a-z]*/ns/net|/proc/$holder/ns/net|" "$BUNDLE/config.json"
		'"$RUN"'; code=$?
		kill $holder
		exit $code'
	assert_status 0
	assert_contains "$output" ": net0@"
	assert_contains "$output" ": net1@"
	assert_matches "$output" "net1 +inet 10.9.8.7/24"
}

@test "hooks of the runtime and sysctls see it in the container" {
	spec '.linux.netDevices = {v0: {name: "ctr0"}}' \
		'.linux.sysctl = {"net.ipv4.conf.ctr0.forwarding": "1"}' \
		'.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c",
			"! ip link show v0 >/dev/null 2>&1"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]}' \
		"$(args cat /proc/sys/net/ipv4/conf/ctr0/forwarding)"
	run with_devices "$RUN"
	assert_status 0
	assert_eq "$output" 1
}

@test "a device that is not there is an error that names it" {
	spec '.linux.netDevices = {eth9: {name: "ctr0"}}'
	run with_devices "$RUN"
	assert_status 1
	assert_contains "$output" "linux.netDevices: find 'eth9'"
	assert_nothing_left
}

@test "a name that is taken, and a device that cannot move" {
	spec '.linux.netDevices = {v0: {name: "lo"}}'
	run with_devices "$RUN"
	assert_status 1
	assert_contains "$output" "linux.netDevices: move 'v0'"
	assert_contains "$output" "the container has a device of that name"
	spec '.linux.netDevices = {lo: {name: "other"}}'
	run with_devices "$RUN"
	assert_status 1
	assert_contains "$output" "linux.netDevices: move 'lo'"
	assert_nothing_left
}

@test "exec moves nothing" {
	spec '.linux.netDevices = {v0: {name: "ctr0"}}' "$(args sleep 600)"
	run with_devices '
		"$MINIRUN" --root "$ROOT" create --bundle "$BUNDLE" "$ID" >"$ROOT.out" 2>&1 </dev/null
		"$MINIRUN" --root "$ROOT" start "$ID"
		"$MINIRUN" --root "$ROOT" exec "$ID" ip -o addr show dev ctr0'
	assert_status 0
	assert_contains "$output" "inet 10.9.8.7/24"
}
