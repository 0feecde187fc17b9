# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the three experiments share: a place, a root file system with the static workload, a
# group of containers under one limit, and the engines that are installed. Needs root and a
# build (make).

set -u
top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
minirun=$(realpath "${MINIRUN:-$top/build/minirun}")
tag=truth-$$-t # no beginning of another one's
work=$(mktemp -d -t "$tag.XXXXXX") || exit 1
cd "$work" || exit 1 # an engine may leave something where its caller stands
rootfs=$work/rootfs
loops=()
# What the engines set.
# shellcheck disable=SC2034
limit=() image=() version=''
# shellcheck source=cmd/selftest/host.bash
. "$top/cmd/selftest/host.bash"
# shellcheck source=cmd/selftest/engines.bash
. "$top/cmd/selftest/engines.bash"

# The engines make the group in every hierarchy, and podman's monitor lives in it a little
# longer than the container.
remove_group() {
	local points tries
	mapfile -t points < <(cgroup_mounts)
	for ((tries = 0; tries < 50; tries++)); do
		[ -n "$(find "${points[@]}" -type d -path "*/$tag*")" ] || return 0
		find "${points[@]}" -depth -type d -path "*/$tag*" -exec rmdir {} + && return
		sleep 0.1
	done 2>/dev/null
}

finish() {
	[ ${#loops[@]} -eq 0 ] || kill "${loops[@]}" 2>/dev/null
	"$minirun" --root "$work/root" delete --force --regex '.*' >/dev/null 2>&1
	remove_group
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

"$minirun" check >/dev/null || { echo "no memory limit works here: see $minirun check" >&2; exit 1; }
mkdir -m 700 "$work/root"
mkdir -p "$rootfs"/{proc,sys,dev,tmp,etc}
cp "${minirun%/*}/memlab" "$rootfs/memlab"

# m ARG...: minirun with a state directory of its own, without its summary line.
m() {
	"$minirun" --root "$work/root" "$@" 2>/dev/null
}

say() { # NAME FORMAT: of a record
	m inspect --format "$2" "$1"
}

row() {
	printf '%-24s %-32s %s\n' "$@"
}

# make_group BYTES: a cgroup /$tag with this limit, for memory and swap together.
make_group() {
	local group
	group=$(memory_mount)/$tag
	mkdir "$group"
	if [ -e "$group/memory.limit_in_bytes" ]; then
		echo "$1" >"$group/memory.limit_in_bytes"
		[ ! -e "$group/memory.memsw.limit_in_bytes" ] ||
			echo "$1" >"$group/memory.memsw.limit_in_bytes"
	else
		echo "$1" >"$group/memory.max"
		[ ! -e "$group/memory.swap.max" ] || echo 0 >"$group/memory.swap.max"
	fi
}

die() {
	row "$against" "not tried:" "$*"
	exit
}

# each_engine FUNCTION [ENGINE...]: with the engine open; a row tells why one is not.
each_engine() {
	local function=$1
	shift
	for against; do
		(
			trap engine_close EXIT
			engine_open && "$function"
		)
	done
}
