# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A containerd with directories of its own; its events are in $W/events.

containerd_begin() {
	cat >"$W/config.toml" <<-CONF
		version = 2
		root = "$W/root"
		state = "$W/exec"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$W/sock"
	CONF
	begin containerd containerd --config "$W/config.toml"
	wait_for 30 ctr version
	ctr events >"$W/events" 2>&1 3>&- 4>&- &
	echo "$!" >"$W/ctr-events.pid"
}

containerd_end() {
	local id
	for id in $(ctr tasks ls -q); do
		ctr tasks kill --signal KILL "$id" || true
		wait_for 10 ctr tasks delete "$id"
	done
	end ctr-events
	end containerd
}

ctr() {
	timeout -k 5 "$TIMEOUT" ctr --address "$W/sock" --namespace tests "$@" 3>&- 4>&-
}

# ctr_run [OPTION...] ID PROGRAM...: on the root file system of the image; BINARY is its
# runtime, minirun if not set.
ctr_run() {
	local options=(--runc-binary "${BINARY:-$W/minirun}" --runc-root "$W/state")
	while [[ $1 == -* ]]; do
		options+=("$1")
		shift
	done
	ctr run "${options[@]}" --rootfs "$W/image" "$@"
}
