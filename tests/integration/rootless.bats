#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=rootless
#
# minirun by an ordinary user. Run as one, the tests are that user's; run as root they drop
# to uid 54321, whose name and subordinate ids exist in a mount namespace of the test only.

load common

USER_ID=54321

setup() {
	common_setup
	requires userns busybox
	# A place that the other user can reach, unlike bats' own.
	HERE=$(mktemp -d "${TMPDIR:-/tmp}/minirun-rootless.XXXXXX")
	chmod 755 "$HERE"
	RUNTIME=$HERE/run
	BUNDLE=$HERE/bundle
	DELEGATED=''
	mkdir "$RUNTIME"
	chmod 700 "$RUNTIME"
	if [ "$EUID" -eq 0 ]; then
		chown "$USER_ID:$USER_ID" "$RUNTIME"
	else
		USER_ID=$EUID
	fi
}

teardown() {
	local dir result=0
	for dir in "$RUNTIME"/minirun/*/; do
		[ -d "$dir" ] && [[ $dir != */@* ]] || continue
		as_user "$MINIRUN" delete -f "$(basename "$dir")" || result=1
	done
	[ -z "$DELEGATED" ] || wait_for remove_delegated || result=1
	rm -rf "$HERE"
	common_teardown || result=1
	return "$result"
}

remove_delegated() {
	find "$DELEGATED" -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -d "$DELEGATED" ]
}

# The user's /etc: a name, and the ids that $SUBIDS grants.
bind_etc() {
	local file
	mkdir -p "$HERE/etc"
	{ cat /etc/passwd; echo "mrtest:x:$USER_ID:$USER_ID::/:/bin/sh"; } >"$HERE/etc/passwd"
	{ cat /etc/group; echo "mrtest:x:$USER_ID:"; } >"$HERE/etc/group"
	printf '%s' "${SUBIDS-mrtest:2000000:65536
}" | tee "$HERE/etc/subuid" >"$HERE/etc/subgid"
	for file in passwd group subuid subgid; do
		[ -e "/etc/$file" ] || continue
		mount --bind "$HERE/etc/$file" "/etc/$file"
	done
}

# as_user COMMAND...: in the delegated cgroup if there is one.
as_user() {
	if [ "$EUID" -ne 0 ]; then
		env XDG_RUNTIME_DIR="$RUNTIME" timeout -k 5 60 "$@" 3>&- 4>&- </dev/null
		return
	fi
	export HERE USER_ID DELEGATED RUNTIME SUBIDS
	export -f bind_etc
	# shellcheck disable=SC2016 # the inner shell's variables
	timeout -k 5 60 unshare -m bash -ec '
		# With controllers for those below it, it holds no process itself.
		callers=$DELEGATED/minirun-callers
		[ -d "$callers" ] || callers=$DELEGATED
		[ -z "$DELEGATED" ] || echo 0 >"$callers/cgroup.procs"
		bind_etc
		exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
			env XDG_RUNTIME_DIR="$RUNTIME" "$@"' bash "$@" 3>&- 4>&- </dev/null
}

# user_minirun ARGS...: what it leaves behind must not hold bats' pipe.
user_minirun() {
	as_user "$MINIRUN" "$@"
}

# user_launch ARGS...: as launch of common.bash.
user_launch() {
	OUT=$HERE/launch.out
	ERR=$HERE/launch.err
	status=0
	as_user "$MINIRUN" "$@" >"$OUT" 2>"$ERR" || status=$?
	output=$(cat "$OUT")
	stderr=$(cat "$ERR")
}

# user_spec FILTER...: a spec for that user, who owns the root file system.
user_spec() {
	local filter='.linux.namespaces -= [{type: "user"}] | del(.linux.uidMappings, .linux.gidMappings)'
	make_spec "$BUNDLE/config.json" "$filter" "$@"
	[ "$EUID" -ne 0 ] || chown -R "$USER_ID:$USER_ID" "$BUNDLE"
}

one_id() {
	new_userns "$USER_ID" "$USER_ID" 1
}

# A cgroup of the user's own, who is in it, with what this tree can limit. An ordinary user
# has it from outside, or not.
delegate() {
	local file controllers=''
	[ "$EUID" -eq 0 ] || {
		DELEGATED=''
		[ -w "$(cgroup_dir cgroup2 $$)" ] || skip "no delegated cgroup"
		return 0
	}
	[ -n "$CGROUP2_MOUNT" ] || skip "no cgroup2 mount"
	for file in memory pids; do
		! grep -qw "$file" "$CGROUP2_MOUNT/cgroup.controllers" || controllers+=" +$file"
	done
	[ -z "$controllers" ] || echo "${controllers# }" >"$CGROUP2_MOUNT/cgroup.subtree_control"
	DELEGATED=$CGROUP2_MOUNT/$ID-delegated
	mkdir "$DELEGATED"
	chown "$USER_ID:$USER_ID" "$DELEGATED" "$DELEGATED/cgroup.procs" \
		"$DELEGATED/cgroup.threads" "$DELEGATED/cgroup.subtree_control"
}

@test "one id, the caller's own: root inside, no groups, no way back" {
	user_spec "$(one_id)" \
		"$(args sh -c 'id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /x')"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_matches "$output" "^0
 +0 +$USER_ID +1
deny$"
	assert_eq "$(stat -c %u "$BUNDLE/rootfs/x")" "$USER_ID"
}

@test "root of a user namespace that somebody else made, as podman does: run, exec, delete" {
	user_spec "$(args sleep 600)"
	# shellcheck disable=SC2016 # the inner shell's variables
	run as_user unshare --user --map-root-user --mount bash -ec '
		"$0" --cgroup-manager disabled create --bundle "$1" "$2" >/dev/null 2>&1
		"$0" start "$2"
		"$0" exec "$2" sh -c "cat /proc/1/comm; cat /proc/self/setgroups; id -u"
		"$0" delete -f "$2"' "$MINIRUN" "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$output" "sleep
deny
0"
	refute_exists "$RUNTIME/minirun/$ID"
}

@test "additional groups are refused where setgroups is denied" {
	user_spec "$(one_id)" '.process.user.additionalGids = [0]'
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "process.user.additionalGids: setgroups(2) is denied"
}

@test "without a user namespace in the spec there is one, with the ids of subuid" {
	requires newuidmap
	[ "$EUID" -eq 0 ] || requires subids
	user_spec "$(args sh -c 'cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -G')" \
		'.process.user.additionalGids = [7]'
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_matches "$output" "^ +0 +$USER_ID +1
 +1 +[0-9]+ +65536
 +0 +[0-9]+ +1
 +1 +[0-9]+ +65536
allow
0 7$"
}

@test "without subordinate ids it has one id" {
	[ "$EUID" -eq 0 ] || skip "needs root: to take the ids away"
	SUBIDS=''
	user_spec "$(args cat /proc/self/uid_map)"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_matches "$output" "^ +0 +$USER_ID +1$"
}

@test "ids that nobody granted are refused, and the files are named that could" {
	requires newuidmap
	user_spec "$(new_userns 100 100 10)"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "newuidmap refused the map '0 100 10'"
	assert_contains "$stderr" "/etc/subuid"
}

@test "create, state, start, exec, ps, list, kill and delete" {
	user_spec "$(one_id)" "$(args sleep 600)"
	user_launch create --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(stat -c %a "$RUNTIME/minirun")" 1700
	assert_eq "$(user_minirun state "$ID" | jq -r .status)" created
	user_minirun start "$ID"
	run user_minirun exec "$ID" sh -c 'id -u; cat /proc/1/comm; exit 3'
	assert_status 3
	assert_contains "$output" "0
sleep"
	run user_minirun list -q
	assert_eq "$output" "$ID"
	user_minirun kill "$ID" KILL
	wait_for user_state_is stopped
	assert_code "$(user_minirun state "$ID" | jq -r .exitCode)" 137
	user_minirun delete "$ID"
	refute_exists "$RUNTIME/minirun/$ID"
}

user_state_is() {
	[ "$(user_minirun state "$ID" | jq -r .status)" = "$1" ]
}

@test "exec into a container with the ids of subuid" {
	requires newuidmap
	[ "$EUID" -eq 0 ] || requires subids
	user_spec "$(args sleep 600)"
	user_launch create --bundle "$BUNDLE" "$ID"
	user_minirun start "$ID"
	run user_minirun exec --user 5:6 --additional-gids 7 "$ID" sh -c 'id -u; id -g; id -G'
	assert_status 0
	assert_eq "$output" "5
6
6 7"
}

@test "exec: the capabilities of a container whose spec names no user namespace" {
	# The program says its own, which exec's is to have, too.
	local script='grep -E "^Cap(Prm|Eff|Bnd)" /proc/self/status'
	user_spec '.process.capabilities |= (.bounding = ["CAP_KILL", "CAP_CHOWN"] | .effective = .bounding
		| .permitted = .bounding)' "$(args sh -c "$script >/caps; exec sleep 600")"
	user_launch run --detach --bundle "$BUNDLE" "$ID"
	assert_status 0
	wait_for test -s "$BUNDLE/rootfs/caps"
	user_launch exec "$ID" sh -c "$script"
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$output" "$(cat "$BUNDLE/rootfs/caps")"
	assert_matches "$output" "CapEff:[[:space:]]0000000000000021"
	user_minirun delete -f "$ID"
}

@test "what a user namespace cannot have is bound from the host, or left out" {
	user_spec "$(one_id)" '.linux.namespaces -= [{type: "network"}]' \
		'(.mounts[] | select(.type == "devpts")).options += ["gid=5"]' \
		"$(args sh -c 'ls /sys/kernel >/dev/null && ls -l /dev/pts/ptmx && ! touch /sys/fs/cgroup/x')"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_contains "$stderr" "mount '/sys': the host's /sys is bound"
	assert_contains "$stderr" "mount '/dev/pts': option 'gid=5' is left out"
}

@test "the host's processes are seen without a pid namespace" {
	requires cgroups
	user_spec "$(one_id)" '.linux.namespaces -= [{type: "pid"}]' "$(args cat /proc/1/comm)"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$output" "$(cat /proc/1/comm)"
	assert_contains "$stderr" "mount '/proc': the host's /proc is bound"
}

@test "devices are bound, none can be made, and the kernel's settings are not writable" {
	# shellcheck disable=SC2016 # the container's shell
	user_spec "$(one_id)" "$(mount_spec /dev/mqueue mqueue mqueue nosuid noexec nodev)" \
		"$(args sh -c '[ -c /dev/null ] && echo a >/dev/null && head -c 1 /dev/zero | wc -c
			mknod /dev/m c 1 3 2>/dev/null && echo made
			(echo 1 >/proc/sys/vm/drop_caches) 2>/dev/null && echo written
			(echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && echo written
			exit 0')"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$output" 1
}

@test "oom_score_adj rises, and to lower it is an error that names the right" {
	user_spec "$(one_id)" '.process.oomScoreAdj = 500' "$(args cat /proc/self/oom_score_adj)"
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$output" 500
	user_spec "$(one_id)" '.process.oomScoreAdj = -500'
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "process.oomScoreAdj"
	assert_contains "$stderr" "CAP_SYS_RESOURCE"
}

@test "a terminal" {
	requires script
	user_spec "$(one_id)" '.process.terminal = true' "$(args sh -c 'tty; id -u')"
	run as_user script -qec "'$MINIRUN' run --bundle '$BUNDLE' '$ID'" /dev/null
	assert_status 0
	assert_matches "$output" "/dev/(console|pts/0)"
}

# Outside of a cgroup of the user's own.
no_cgroup() {
	[ "$EUID" -eq 0 ] || skip "needs root: to be in no cgroup of the user's"
}

@test "without a cgroup: a warning, and a limit is an error that names the cure" {
	no_cgroup
	run user_minirun run --name "$ID" -- /bin/sh -c 'exit 5'
	assert_status 5
	assert_contains "$output" "warning: no limit is enforced and no OOM kill is counted"
	assert_eq "$(user_minirun inspect "$ID" | jq '.[0].State.OOMKilled')" null
	user_minirun delete "$ID"
	run user_minirun run -m 64m -- /bin/true
	assert_status 125
	assert_matches "$output" "(--memory|linux.resources.memory.swap): no cgroup"
	assert_contains "$output" "systemd-run --user --scope -p Delegate=yes"
	run user_minirun run --pids-limit 5 -- /bin/true
	assert_status 125
	assert_contains "$output" "--pids-limit"
}

@test "without a cgroup: a place that the spec names is an error" {
	no_cgroup
	user_spec "$(one_id)" '.linux.cgroupsPath = "some/where"'
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "linux.cgroupsPath"
	requires cgroups
	user_spec "$(one_id)" ".linux.cgroupsPath = \"/$ID/where\""
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$stderr" "make the cgroup"
}

@test "a device list is not applied, and said so" {
	user_spec "$(one_id)" '.linux.resources.devices = [{allow: false, access: "rwm"}]'
	user_launch run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_contains "$stderr" "linux.resources.devices: not applied"
}

@test "no runtime directory: the error names the variable" {
	[ ! -w /run ] || [ "$EUID" -eq 0 ] || skip "/run is writable"
	run as_user env -u XDG_RUNTIME_DIR "$MINIRUN" run -- /bin/true
	assert_status 125
	assert_contains "$output" "XDG_RUNTIME_DIR"
}

@test "in a delegated cgroup: the container is below it, and nothing stays" {
	delegate
	user_spec "$(one_id)" '.linux.namespaces -= [{type: "cgroup"}]' "$(args sleep 600)"
	user_launch create --bundle "$BUNDLE" "$ID"
	assert_status 0
	local pid dir
	pid=$(user_minirun state "$ID" | jq -r .pid)
	dir=$(cgroup_dir cgroup2 "$pid")
	assert_contains "$dir" "/minirun/$ID"
	[ -z "$DELEGATED" ] || assert_eq "$dir" "$DELEGATED/minirun/$ID"
	user_minirun start "$ID"
	user_minirun pause "$ID"
	user_minirun resume "$ID"
	user_minirun delete -f "$ID"
	refute_exists "$dir"
	refute_exists "${dir%/*}"
}

@test "in a delegated cgroup: limits hold, and OOMKilled is right" {
	requires cgroup-v2 memlab
	delegate
	run user_minirun run -m 32m --name "$ID" -- "$MEMLAB" anon 200M
	assert_status 137
	assert_eq "$(user_minirun inspect -f '{{.State.OOMKilled}}' "$ID")" true
	user_minirun delete "$ID"
	run user_minirun run -m 32m --name "$ID" -- /bin/sh -c 'kill -9 $$'
	assert_status 137
	assert_eq "$(user_minirun inspect -f '{{.State.OOMKilled}}' "$ID")" false
	user_minirun delete "$ID"
}

@test "in a delegated cgroup: who is in it makes room" {
	requires root cgroup-v2
	delegate
	run as_user sh -c "'$MINIRUN' run -m 32m -- /bin/true && cat /proc/self/cgroup"
	assert_status 0
	assert_contains "$output" "/${DELEGATED##*/}/minirun-callers"
	assert_eq "$(cat "$DELEGATED/cgroup.procs")" ""
}
