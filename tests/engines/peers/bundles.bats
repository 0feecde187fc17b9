# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# Bundles with which nothing can be done.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin
}

# refused WHAT [FILTER...]: create of such a bundle, and whether an entry of it stays.
refused() {
	local what=$1
	shift
	[ $# -eq 0 ] || bundle "$@"
	try "$what" create --bundle "$BUNDLE" "$ID"
	[ ! -e "$ROOT/$ID" ] || { note "$what, then" "$(status_of)"; rt delete --force "$ID" || true; }
}

case_bundles() {
	try "no bundle" create --bundle /no/such/bundle "$ID"
	refused "no config.json"
	: >"$BUNDLE/config.json"
	refused "an empty config.json"
	echo '{"ociVersion": "1.0.2",' >"$BUNDLE/config.json"
	refused "broken JSON"
	echo '[]' >"$BUNDLE/config.json"
	refused "an array"
	refused "no root" 'del(.root)'
	refused "no process" 'del(.process)'
	refused "no args" '.process.args = []'
	refused "a missing root" '.root.path = "/no/such/root"'
	refused "a newer major version" '.ociVersion = "2.0.0"'
	refused "no version" 'del(.ociVersion)'
	refused "a number as text" '.process.user.uid = "0"'
	refused "a relative cwd" '.process.cwd = "tmp"'
	refused "an unknown namespace" '.linux.namespaces += [{type: "nosuch"}]'
	refused "a namespace twice" '.linux.namespaces += [{type: "pid"}]'
	refused "an unknown mount type" "$(mount_spec /mnt nosuchfs none)"
	refused "a missing mount source" "$(mount_spec /mnt bind /no/such/source bind)"
	refused "a directory on a file" "$(mount_spec /etc/passwd bind /etc bind)"
	refused "an unknown rlimit" '.process.rlimits = [{type: "RLIMIT_NOSUCH", soft: 1, hard: 1}]'
	refused "an unknown capability" '.process.capabilities.bounding = ["CAP_NOSUCH"]'
	refused "a missing namespace" '.linux.namespaces |= map(if .type == "ipc" then .path = "/no/such/ns" else . end)'
	refused "a namespace of another kind" '.linux.namespaces |= map(if .type == "ipc" then .path = "/proc/self/ns/uts" else . end)'
	refused "a hostname of the host" 'del(.linux.namespaces[] | select(.type == "uts"))'
	refused "user ids of nowhere" '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	refused "an unknown system call" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["nosuchcall"], action: "SCMP_ACT_ERRNO"}]}'
	refused "an unknown architecture" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_NOSUCH"]}'
	refused "an unknown member" '.nosuch = {a: 1} | .process.nosuch = true'
	refused "a cgroup above" '.linux.cgroupsPath = "/../../peer"'
	refused "an AppArmor profile" '.process.apparmorProfile = "nosuch"'
	refused "an SELinux label" '.process.selinuxLabel = "a:b:c:s0"'
	refused "an unknown propagation" '.linux.rootfsPropagation = "nosuch"'
	refused "a relative destination" "$(mount_spec relative tmpfs tmpfs)"
	refused "an unknown mount option" "$(mount_spec /mnt tmpfs tmpfs nosuchoption)"
	refused "a device of no type" '.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 3}]'
	refused "an rlimit twice" '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	refused "a soft limit above the hard one" '.process.rlimits = [{type: "RLIMIT_CORE", soft: 2, hard: 1}]'
	refused "a hook that fails" '.hooks = {prestart: [{path: "/bin/false"}]}'
	refused "a missing hook" '.hooks = {prestart: [{path: "/no/such/hook"}]}'
	refused "a sysctl of the host" '.linux.sysctl = {"vm.swappiness": "1"}'
	refused "an unknown seccomp action" '.linux.seccomp = {defaultAction: "SCMP_ACT_NOSUCH"}'
	refused "swap below memory" '.linux.resources.memory = {limit: 67108864, swap: 33554432}'
}

@test "peers: bundles with which nothing can be done" {
	compare bundles
}
