#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fields
#
# A field that a host cannot honour is an error that names it, and nothing is left.

load common

setup() {
	common_setup
	requires root cgroups busybox
}

# refuses FIELD FILTER
refuses() {
	make_spec "$BUNDLE/config.json" "$2"
	run minirun run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "$1"
	assert_nothing_left
}

@test "linux.resources.rdma without the controller" {
	! has_controller rdma || skip "the rdma controller is here"
	refuses linux.resources.rdma '.linux.resources.rdma = {mlx5_1: {hcaHandles: 3}}'
}

@test "linux.resources.network without the controllers" {
	! has_controller net_cls || skip "the net_cls controller is here"
	refuses linux.resources.network.classID '.linux.resources.network = {classID: 1048577}'
	refuses linux.resources.network.priorities \
		'.linux.resources.network = {priorities: [{name: "lo", priority: 5}]}'
}

@test "labels without their security module" {
	[ ! -d /sys/fs/selinux ] || skip "SELinux is here"
	[ ! -d /sys/kernel/security/apparmor ] || skip "AppArmor is here"
	refuses process.selinuxLabel '.process.selinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0"'
	refuses process.apparmorProfile '.process.apparmorProfile = "no-such-profile"'
	refuses context= '.linux.mountLabel = "system_u:object_r:svirt_sandbox_file_t:s0"'
}

@test "linux.intelRdt without resctrl" {
	! grep -q ' - resctrl ' /proc/self/mountinfo || skip "resctrl is mounted"
	refuses "linux.intelRdt: no resctrl file system is mounted" '.linux.intelRdt = {}'
}

@test "linux.resources.hugepageLimits of a size that is not there" {
	has_controller hugetlb || skip "needs hugetlb"
	refuses linux.resources.hugepageLimits '.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 0}]'
}

@test "linux.memoryPolicy of a node that is not there" {
	[ -d /sys/devices/system/node ] || skip "no NUMA support"
	refuses linux.memoryPolicy '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "99"}'
}

@test "linux.resources.unified of a controller that cgroup v1 holds" {
	requires cgroup-v1
	refuses linux.resources.unified '.linux.resources.unified = {"memory.high": "100M"}'
}
