# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A dockerd with a directory of its own and minirun as its default runtime.

# dockerd_begin NAME [COMMAND...]: by COMMAND, as nsenter. Its ulimits are less than its own
# default, which not every root may raise its limits to.
dockerd_begin() {
	local name=$1 dir=$W/$1
	shift
	mkdir -p "$dir"
	jq -n --arg path "$MINIRUN" --arg dir "$dir" '{
		"runtimes": {minirun: {path: $path, runtimeArgs: ["--keep-record"]}},
		"default-runtime": "minirun",
		"data-root": "\($dir)/root", "exec-root": "\($dir)/exec", "pidfile": "\($dir)/pid",
		"hosts": ["unix://\($dir)/sock"], "storage-driver": "vfs", "bridge": "none",
		"iptables": false, "ip6tables": false, "userland-proxy": false,
		"default-ulimits": {
			nofile: {Name: "nofile", Soft: 1024, Hard: 1024},
			nproc: {Name: "nproc", Soft: 1024, Hard: 1024}}
	}' >"$dir/daemon.json"
	begin "$name" "$@" dockerd --config-file "$dir/daemon.json"
	wait_for 60 docker_of "$name" version || { tail -n 20 "$W/$name.log" >&2; return 1; }
	docker_of "$name" import "$W/image.tar" memlab
}

docker_of() {
	local name=$1
	shift
	timeout -k 5 "$TIMEOUT" docker --host "unix://$W/$name/sock" "$@" 3>&- 4>&-
}
