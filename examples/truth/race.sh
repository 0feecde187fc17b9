#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Containers of which a child is OOM-killed at once, and whose first process then exits with
# 0; six at a time, while every processor is busy. An engine that learns of the kill by one
# event and of the end by another, and answers when the second arrives, answers wrong whenever
# the first comes later or never. minirun reads the kernel's counter after the end.
#
#     race.sh [COUNT]      default 30

# shellcheck source=examples/truth/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"

count=${1:-30}
program=(/memlab spawn kid 'anon 64M' + wait)

# six_at_a_time FUNCTION: calls it with 1 ... $count.
six_at_a_time() {
	local i jobs=()
	for ((i = 1; i <= count; i++)); do
		"$1" "$i" &
		jobs+=($!)
		[ $((i % 6)) != 0 ] && [ "$i" != "$count" ] && continue
		wait "${jobs[@]}"
		jobs=()
	done
}

with_minirun() {
	m run --no-init -m 16m --name "c$1" --rootfs "$rootfs" -- "${program[@]}" >/dev/null
}

with_engine() {
	cli run --name "$tag-$1" "${limit[@]}" "${image[@]}" "${program[@]}" >/dev/null
}

# show NAME: counts the answers on stdin.
show() {
	local yes all
	all=$(cat)
	yes=$(grep -cx true <<<"$all")
	row "$1" "$yes" "$(grep -cvx true <<<"$all")"
}

engine_series() {
	local names
	six_at_a_time with_engine
	mapfile -t names < <(seq -f "$tag-%.0f" "$count")
	cli inspect --format '{{.State.OOMKilled}}' "${names[@]}" | show "$against $version"
	cli rm --force "${names[@]}" >/dev/null
}

for ((i = 0; i < 3 * $(nproc); i++)); do
	busy_loop &
	loops+=($!)
done
row "of $count OOM kills" "said OOMKilled true" "not said"
row "the truth" "$count" 0
six_at_a_time with_minirun
for ((i = 1; i <= count; i++)); do
	say "c$i" '{{.State.OOMKilled}}'
done | show minirun
each_engine engine_series docker podman
