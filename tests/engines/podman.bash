# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# podman with directories of its own and minirun as its runtime; by "${AS[@]}", if that is
# set: a command that becomes another user.

podman_begin() {
	cat >"$W/containers.conf" <<-CONF
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		netns = "none"
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "${PODMAN_CGROUPS:-cgroupfs}"
		events_logger = "file"
		runtime = "minirun"
		runtime_supports_json = ["minirun"]
		infra_image = "localhost/memlab:latest"
		[engine.runtimes]
		minirun = ["$W/minirun"]
	CONF
	# Its health checks would be systemd's timers.
	export CONTAINERS_CONF=$W/containers.conf DISABLE_HC_SYSTEMD=true
	podman import --change 'CMD ["/bin/sleep", "1000"]' "$W/image.tar" memlab
}

podman_end() {
	podman pod rm --force --time 0 --all
	podman rm --force --time 0 --all
}

# In its own place: its monitor leaves a file "oom" where the caller stands.
podman() {
	timeout -k 5 "$TIMEOUT" "${AS[@]}" env -C "$W" podman --root "$W/storage" --runroot "$W/run" --tmpdir "$W/tmp" \
		--storage-driver vfs "$@" 3>&- 4>&-
}
