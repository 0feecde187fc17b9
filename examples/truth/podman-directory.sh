#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same container is OOM-killed twice, started from two directories. Does the answer depend
# on where the user stood?
#
# podman 4.3's monitor notes an OOM kill as a file "oom" in its working directory, the
# caller's, and podman looks for it in the container's directory. A caller who happens to stand
# in the latter gets the truth, everybody else "false" and a stray file.

# shellcheck source=examples/truth/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"

mkdir "$work/here"

with_minirun() {
	local dir said=()
	for dir in "$work/here" "$work/root"; do
		cd "$dir" || exit 1
		m run --rm --no-init -m 16m --status "$work/record" --rootfs "$rootfs" -- /memlab anon 64M >/dev/null
		said+=("OOMKilled $(say "$work/record" '{{.State.OOMKilled}}')")
	done
	row minirun "${said[@]}"
}

# start_in DIRECTORY: the OOM-killed container was created before.
start_in() {
	(cd "$1" && cli start --attach "$tag" >/dev/null)
	printf 'OOMKilled %s' "$(cli inspect --format '{{.State.OOMKilled}}' "$tag")"
	[ ! -e "$work/here/oom" ] || printf ', stray file "oom"'
	rm -f "$work/here/oom"
}

with_podman() {
	local said=() dir
	for dir in "$work/here" own; do
		cli create --name "$tag" "${limit[@]}" "${image[@]}" /memlab anon 64M >/dev/null
		[ "$dir" != own ] || dir=$(cli inspect --format '{{.StaticDir}}' "$tag")
		said+=("$(start_in "$dir")")
		cli rm --force "$tag" >/dev/null
	done
	row "podman $version" "${said[@]}"
}

row "started in" "some directory" "the container's directory"
row "the truth" "killed by the kernel" "killed by the kernel"
with_minirun
each_engine with_podman podman
