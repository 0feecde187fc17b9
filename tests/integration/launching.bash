# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bats and its `run` have status, output and stderr; the functions are used by the suites.
# shellcheck disable=SC2154,SC2034,SC2119,SC2120
#
# Short forms for suites that look at a running container from inside or outside. Load
# it after common.

# run_spec [OPTION...]: the bundle's spec as the container $ID; the program's stdout is
# $output, everything on stderr $stderr.
run_spec() {
	run --separate-stderr minirun run --name "$ID" "$@" "$BUNDLE/config.json"
}

# in_container SCRIPT [JQ-FILTER...]: the same, with a spec whose program is a shell.
in_container() {
	local script=$1
	shift
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c "$script")" "$@"
	run_spec
}

# inside SCRIPT [JQ-FILTER...]: in_container that must end with 0 and without a word of
# minirun's own.
inside() {
	in_container "$@"
	assert_status 0
	assert_eq "$stderr" "" "stderr"
}

# start_container [JQ-FILTER...]: detached, its program waits for a signal; sets PID, the
# host's pid of its init.
start_container() {
	make_spec "$BUNDLE/config.json" "$(args /bin/sleep 60)" "$@"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	assert_status 0
	PID=$(init_pid)
	assert_between "$PID" 2 4194304 "pid of init"
}

# refused CODE TEXT [OPTION...]: the spec is refused with that exit status and with TEXT
# on stderr; nothing is on stdout, and no state entry is left.
refused() {
	local code=$1 text=$2 id
	shift 2
	id=$(id_of refused)
	run ! --separate-stderr minirun run --name "$id" "$@" "$BUNDLE/config.json"
	assert_status "$code"
	assert_eq "$output" "" "stdout"
	assert_contains "$stderr" "$text"
	refute_exists "$ROOT/$id"
}

# all_caps: a filter that gives every capability, as for a test of something that only
# root can do.
all_caps() {
	jq -nr '[("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
		NET_BIND_SERVICE NET_ADMIN NET_RAW IPC_LOCK SYS_CHROOT SYS_PTRACE SYS_ADMIN MKNOD"
		| splits("[ \n\t]+")) | "CAP_" + .] as $all
		| ".process.capabilities = ({bounding: \($all), effective: \($all), permitted: \($all),
		inheritable: [], ambient: []})"'
}

# cgroup_file CONTROLLER FILE [PID]: the content of that file of init's cgroup.
cgroup_file() {
	cat "$(cgroup_dir "$1" "${3:-$PID}")/$2"
}

# wait_background: the end of what `background` started; sets status as `run` does.
wait_background() {
	status=0
	wait "$BG_PID" || status=$?
	output=$(cat "$OUT")
	stderr=$(cat "$ERR")
}

# cgroup_root CONTROLLER: the top of its hierarchy.
cgroup_root() {
	local version controllers point
	while read -r version controllers _ point; do
		case $version,$controllers, in
		1,*,"$1",* | 1,"$1",*) echo "$point" && return ;;
		2,*) ! grep -qw "$1" "$point/cgroup.controllers" || { echo "$point" && return; } ;;
		esac
	done < <(cgroup_mounts)
}

# limit_memory DIR BYTES: of a cgroup; swap is no way out.
limit_memory() {
	echo "$2" >"$1/$(memory_file limit)"
	[ ! -e "$1/memory.memsw.limit_in_bytes" ] || echo "$2" >"$1/memory.memsw.limit_in_bytes"
	[ ! -e "$1/memory.swap.max" ] || echo 0 >"$1/memory.swap.max"
}

# limited_cgroup PATH BYTES: made below the memory hierarchy, as somebody else would leave it.
limited_cgroup() {
	local dir name
	dir=$(cgroup_root memory)
	for name in ${1//\// }; do
		[ "$MEMORY_VERSION" = 1 ] || echo +memory >"$dir/cgroup.subtree_control"
		dir+=/$name
		mkdir -p "$dir"
	done
	limit_memory "$dir" "$2"
}

# limited_parent BYTES [PATH]: a limited cgroup of the test's own, for containers to live
# below; sets PARENT, its path below the memory hierarchy.
limited_parent() {
	PARENT=${2:-/$RUN_TAG-parent}
	limited_cgroup "$PARENT" "$1"
	[ "$MEMORY_VERSION" = 1 ] || echo +memory >"$(cgroup_root memory)$PARENT/cgroup.subtree_control"
}

# remove_parent PATH: in every hierarchy. What is above the container's own cgroup stays
# after its end: to remove it would race with the start of another below it.
remove_parent() {
	local point
	while read -r _ _ _ point; do
		[ ! -d "$point$1" ] || find "$point$1" -depth -type d -exec rmdir {} +
	done < <(cgroup_mounts)
}

# has_done STEP [ID]: has that step of memlab's ended, in a detached container?
has_done() {
	minirun logs "${2:-$ID}" | grep -q "\"step\":\"$1\""
}
