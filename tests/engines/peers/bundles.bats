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
	refused "a hook that fails" '.hooks = {prestart: [{path: "/bin/false"}]}'
	refused "a missing hook" '.hooks = {prestart: [{path: "/no/such/hook"}]}'
	refused "a sysctl of the host" '.linux.sysctl = {"vm.swappiness": "1"}'
	refused "an unknown seccomp action" '.linux.seccomp = {defaultAction: "SCMP_ACT_NOSUCH"}'
	refused "swap below memory" '.linux.resources.memory = {limit: 67108864, swap: 33554432}'
}

@test "peers: bundles with which nothing can be done" {
	compare bundles
}
