# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# From create to delete, in and out of turn.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin
}

case_lifecycle() {
	bundle "$(args /bin/sleep 100)"
	try create create --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	note "pid file" "$(tr '0-9' n <"$WORK/pid" | tr -s n | od -An -c)"
	note "status created" "$(status_of)"
	try start start "$ID"
	note "status running" "$(status_of)"
	try pause pause "$ID"
	note "status paused" "$(status_of)"
	try resume resume "$ID"
	try kill kill "$ID" KILL
	wait_for _has_status stopped
	try "kill on stopped" kill "$ID" KILL
	try "kill --all on stopped" kill --all "$ID" KILL
	try delete delete "$ID"
	try "second delete" delete "$ID"
}

@test "peers: a life" {
	compare lifecycle
}

# be STATE: a container in that state, a new one if the last verb has changed it.
be() {
	[ "$(status_of)" != "$1" ] || return 0
	rt delete --force "$ID" >/dev/null 2>&1 || true
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	[ "$1" != created ] || return 0
	rt start "$ID"
	case $1 in
	paused) rt pause "$ID" ;;
	stopped) rt kill "$ID" KILL ;;
	esac
	wait_for _has_status "$1"
}

# verbs STATE: each verb in that state, and the state after it.
verbs() {
	local verb name
	bundle "$(args /bin/sleep 100)" "$(memory 32M)"
	for verb in "create --bundle $BUNDLE $ID" "state $ID" "ps $ID" "exec $ID /bin/true" \
		"update --memory 16777216 $ID" "events --stats $ID" "start $ID" "pause $ID" \
		"resume $ID" "kill $ID 0" "kill $ID KILL" "kill --all $ID KILL" "delete $ID" \
		"delete --force $ID"; do
		name=${verb/ --bundle $BUNDLE/}
		name=${name/$ID/ID}
		if [ "$PEER ${verb%% *}" = "crun events" ]; then
			not_asked "$name"
			not_asked "$name, then"
			continue
		fi
		be "$1"
		# shellcheck disable=SC2086
		try "$name" $verb
		case $verb in
		kill*KILL) wait_for -t 1 _has_status stopped 2>/dev/null || true ;;
		esac
		note "$name, then" "$(status_of)"
	done
}

case_created() {
	verbs created
}

@test "peers: each verb on a created container" {
	compare created
}

case_running() {
	verbs running
}

@test "peers: each verb on a running container" {
	compare running
}

case_paused() {
	verbs paused
}

@test "peers: each verb on a paused container" {
	compare paused
}

case_stopped() {
	verbs stopped
}

@test "peers: each verb on a stopped container" {
	compare stopped
}

case_signals() {
	local signal
	bundle "$(args /bin/sleep 100)"
	for signal in "" TERM SIGTERM term sigterm 15 KILL SIGKILL 9 SIGRTMIN+1 RTMIN+1 RTMAX-1 64 65 -1 NOSUCH 9x; do
		be running
		# shellcheck disable=SC2086
		try "kill ID $signal" kill "$ID" $signal
	done
}

@test "peers: signals" {
	compare signals
}

# Init is gone, its pid is somebody else's now: in a pid namespace of its own, where pids can
# be chosen.
reused_pid() {
	local pid bystander verb alive
	rt create --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID" >/dev/null 2>&1 </dev/null
	rt start "$ID"
	pid=$(cat "$WORK/pid")
	kill -KILL "$pid"
	wait_for test ! -e "/proc/$pid"
	wait
	echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 100 >/dev/null 2>&1 3>&- 4>&- &
	bystander=$!
	[ "$bystander" = "$pid" ] || fail "the pid is $bystander, not $pid" || return 1
	note "state" "$(status_of)"
	for verb in "kill $ID KILL" "kill --all $ID KILL" "exec $ID /bin/true" "delete $ID" \
		"delete --force $ID"; do
		# shellcheck disable=SC2086
		try "${verb/$ID/ID}" $verb
		_is_alive "$pid" && alive=yes || alive=no
		note "${verb/$ID/ID}, the bystander lives" "$alive"
	done
	kill -KILL "$bystander" 2>/dev/null || true
}

case_reused() {
	bundle "$(args /bin/sleep 100)"
	export PEER ROOT BUNDLE ID WORK NOTES TOP
	unshare --pid --mount-proc --fork bash -ec '
		bats_require_minimum_version() { :; }
		source "$TOP/tests/integration/common.bash"
		source "$TOP/tests/engines/peers/common.bash"
		source /dev/stdin
		trap "kill -KILL -1 2>/dev/null || true" EXIT
		reused_pid' <<<"$(declare -f reused_pid)"
}

@test "peers: the pid of a dead init is somebody else's" {
	compare reused
}

case_shared_pid() {
	bundle "$(args /bin/sh -c '/bin/sleep 1000 & /bin/sleep 1000 & exec /bin/sleep 100')" \
		'del(.linux.namespaces[] | select(.type == "pid"))'
	be running
	wait_for _processes 3
	try kill kill "$ID" KILL
	wait_for -t 1 _processes 0 2>/dev/null || true
	note "processes after kill" "$(_count)"
	try "kill --all" kill --all "$ID" KILL
	wait_for -t 1 _processes 0 2>/dev/null || true
	note "processes after kill --all" "$(_count)"
	try delete delete "$ID"
}

_count() {
	wc -l <"/sys/fs/cgroup/memory$PLACE/cgroup.procs"
}

_processes() {
	[ "$(_count)" = "$1" ]
}

@test "peers: a shared pid namespace" {
	requires cgroup-v1
	compare shared_pid
}

case_run() {
	local program
	for program in '/bin/sh -c "exit 7"' '/bin/sh -c "kill -KILL \$\$"' nosuchprogram \
		/no/such/program /etc/passwd /etc ./bin/true bin/true true '""'; do
		eval "bundle \"\$(args $program)\""
		try "run $program" run --bundle "$BUNDLE" "$ID"
		note "run $program, then" "$(status_of)"
	done
	printf '#!/no/such/interpreter\n' >"$BUNDLE/rootfs/bin/script"
	printf 'no program' >"$BUNDLE/rootfs/bin/text"
	chmod 755 "$BUNDLE/rootfs/bin/script" "$BUNDLE/rootfs/bin/text"
	for program in script text; do
		bundle "$(args "/bin/$program")"
		try "run $program" run --bundle "$BUNDLE" "$ID"
	done
	bundle "$(args /bin/true)" '.process.cwd = "/no/such"'
	try "run in a missing cwd" run --bundle "$BUNDLE" "$ID"
	bundle "$(args /bin/true)" '.process.cwd = "/etc/passwd"'
	try "run in a file" run --bundle "$BUNDLE" "$ID"
}

@test "peers: run" {
	compare run
}
