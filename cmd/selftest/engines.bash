# SPDX-License-Identifier: Apache-2.0
#
# The engines of minirun selftest --against, as their users call them. engine_run and
# engine_kill run one container and set `killed`, what the engine says, and `code`. No image
# is fetched: the root file system holds the static workload and empty directories.
#
# docker and podman answer by `inspect` after the end. containerd keeps no answer; its events
# are one: was there /tasks/oom when it told that the container is gone?

engine=() events='' serial=0

# A hang is a failure, too.
cli() {
	timeout -k 5 120 "${engine[@]}" "$@" </dev/null 2>"$work/stderr"
}

engine_open() {
	command -v "$against" >/dev/null || die "$against is not installed"
	limit=(--memory 16m --memory-swap 16m)
	case $against in
	docker)
		engine=(docker)
		version=$(cli version --format '{{.Server.Version}}') ||
			die "docker does not answer, is its daemon running? $(<"$work/stderr")"
		tar -C "$rootfs" -c . | docker import - "$tag" >/dev/null 2>"$work/stderr" ||
			die "docker import: $(<"$work/stderr")"
		image=(--network none "$tag")
		;;
	podman)
		# It takes no runroot of more than 50 characters.
		engine=(podman --root "$work/podman" --runroot "/run/$tag")
		version=$(cli version --format '{{.Client.Version}}')
		# Less than podman's own default, which not every root may raise its limits to.
		image=(--network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024
			--rootfs "$rootfs")
		;;
	ctr)
		engine=(ctr --namespace "$tag")
		version=$(cli version | sed -n '/Server/,$s/^ *Version: *//p')
		[ -n "$version" ] ||
			die "containerd does not answer, is it running? $(<"$work/stderr")"
		ctr --namespace "$tag" events >"$work/events" 2>/dev/null &
		events=$!
		;;
	esac
	engine_try
}

# A container that ends at once tells whether the engine works here: podman's crun takes no
# hybrid cgroups, runc does. And it is what ctr's events begin with, once somebody listens.
engine_try() {
	engine_run /memlab true
	if [ "$code" != 0 ] && [ "$against" = podman ]; then
		engine+=(--runtime runc)
		engine_run /memlab true
	fi
	[ "$code" = 0 ] || die "$against runs no container here: $(<"$work/stderr")"
}

# What an interrupted run left, too.
remove_all() {
	local names
	mapfile -t names < <(cli ps --all --quiet --filter "name=^/?$tag")
	[ ${#names[@]} -eq 0 ] || cli rm --force "${names[@]}"
}

engine_close() {
	local parents
	[ ${#engine[@]} -gt 0 ] || return 0
	case $against in
	docker)
		remove_all
		cli rmi "$tag"
		;;
	podman)
		remove_all
		rm -rf "/run/$tag"
		;;
	ctr)
		kill "$events" && wait "$events"
		cli tasks kill --signal KILL "$tag-$serial"
		cli containers rm "$tag-$serial"
		ctr namespaces rm "$tag"
		mapfile -t parents < <(cgroup_mounts)
		rmdir "${parents[@]/%//$tag}"
		;;
	esac >/dev/null 2>&1
	engine=()
}

engine_run() {
	if [ "$against" = ctr ]; then
		ctr_run "$@"
		return
	fi
	cli run --name "$tag" "${limit[@]}" "${image[@]}" "$@" >/dev/null
	code=$? # that of inspect is 0 where podman could not start it
	inspect_and_remove
}

engine_kill() {
	if [ "$against" = ctr ]; then
		ctr_kill "$@"
		return
	fi
	cli run --detach --name "$tag" "${limit[@]}" "${image[@]}" "$@" >/dev/null
	kill_pid "$(cli inspect --format '{{.State.Pid}}' "$tag")"
	code=$(cli wait "$tag")
	inspect_and_remove
}

kill_pid() {
	[[ $1 =~ ^[1-9][0-9]+$ ]] && kill -KILL "$1"
}

# These two leave the errors of what came before in their file.
inspect_and_remove() {
	killed=$(timeout -k 5 120 "${engine[@]}" inspect --format '{{.State.OOMKilled}}' \
		"$tag" 2>/dev/null) || killed=absent
	timeout -k 5 120 "${engine[@]}" rm --force "$tag" >/dev/null 2>&1
}

# --- containerd ---

ctr_start() {
	cli run --rm --rootfs --memory-limit 16777216 "$rootfs" "$tag-$serial" "$@" >/dev/null
}

ctr_run() {
	serial=$((serial + 1))
	ctr_start "$@"
	code=$?
	ctr_answer
}

ctr_kill() {
	local job pid='' tries
	serial=$((serial + 1))
	ctr_start "$@" &
	job=$!
	for ((tries = 0; tries < 1000; tries++)); do
		pid=$(ctr --namespace "$tag" tasks ls 2>/dev/null |
			sed -n "s/^$tag-$serial  *\([0-9]*\)  *RUNNING.*/\1/p")
		[ -z "$pid" ] || break
	done
	kill_pid "$pid"
	wait "$job"
	code=$?
	ctr_answer
}

# The events come in order, or not at all; that of the deletion ends the container's.
ctr_answer() {
	local tries
	killed=false
	for ((tries = 0; tries < 500; tries++)); do
		grep -q "/containers/delete .*\"$tag-$serial\"" "$work/events" && break
		sleep 0.02
	done
	! grep -q "/tasks/oom .*\"$tag-$serial\"" "$work/events" || killed=true
}
