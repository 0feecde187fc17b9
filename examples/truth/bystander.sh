#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two containers in a group that may use 48 MiB together. One writes 64 MiB and is killed. The
# other sleeps, is asked to end, and ends with 0. Was the sleeper OOM-killed?
#
# cgroup v1 notifies every cgroup below the limit that was hit. Who takes the notification for
# a death calls the sleeper OOM-killed.

# shellcheck source=examples/truth/common.bash
. "${BASH_SOURCE[0]%/*}/common.bash"

sleeper=(/memlab anon 1M + handle TERM + hold 60)
hog=(/memlab anon 64M)

with_minirun() {
	local verdict='OOMKilled {{.State.OOMKilled}}, exit {{.State.ExitCode}}'
	m run -d --no-init --name sleeper --cgroup-parent "/$tag" --rootfs "$rootfs" -- "${sleeper[@]}" >/dev/null
	m run --no-init --name hog --cgroup-parent "/$tag" --rootfs "$rootfs" -- "${hog[@]}" >/dev/null
	m kill sleeper TERM
	m wait sleeper >/dev/null
	row "minirun" "$(say sleeper "$verdict")" "$(say hog "$verdict")"
	row "" "" "limit of: $(say hog '{{.OOM.Scope}} {{.OOM.LimitCgroup}}')"
}

with_engine() {
	local verdict='OOMKilled {{.State.OOMKilled}}, exit {{.State.ExitCode}}'
	cli run -d --name "$tag-s" --cgroup-parent "/$tag" "${image[@]}" "${sleeper[@]}" >/dev/null
	cli run --name "$tag" --cgroup-parent "/$tag" "${image[@]}" "${hog[@]}" >/dev/null
	cli kill --signal TERM "$tag-s" >/dev/null
	cli wait "$tag-s" >/dev/null
	row "$against $version" "$(cli inspect --format "$verdict" "$tag-s")" \
		"$(cli inspect --format "$verdict" "$tag")"
	cli rm --force "$tag-s" >/dev/null
}

make_group $((48 << 20))
row "" "the sleeper" "the one that wrote"
row "the truth" "was not killed, exit 0" "was killed by the kernel"
with_minirun
each_engine with_engine docker podman
