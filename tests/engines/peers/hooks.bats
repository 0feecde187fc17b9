# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# Hooks: when they run, where, with what on stdin, and what a failing one does.
# shellcheck disable=SC2154,SC2016
load ../../integration/common
load common

KINDS="prestart createRuntime createContainer startContainer poststart poststop"

setup_file() {
	peers_begin busybox
}

# hook KIND SCRIPT [JQ-OBJECT]: adds one. SCRIPT has $log, $kind and $state; startContainer's is
# run by the container's shell, and the log is in its root. All read the state: crun dies of
# SIGPIPE when a hook ends that has not.
hook() {
	local log=$BUNDLE/rootfs/log sh
	sh=$(command -v sh)
	[ "$1" != startContainer ] || log=/log sh=/bin/sh
	jq -nr --arg kind "$1" --arg sh "$sh" --arg script "kind=$1 log=$log state=\$(cat); $2" --argjson more "${3:-{\}}" \
		'".hooks.\($kind) += [\({path: $sh, args: ["sh", "-c", $script], env: ["PATH=/usr/bin:/bin", "ONE=1"]}
			+ $more | tojson)]"'
}

# What a hook finds, in lines "KEY VALUE" of its log. Of namespaces the numbers.
look() {
	cat <<'SH'
exec >>$log
echo "$kind ran"
echo "$kind state $state"
for ns in mnt pid ipc uts net user cgroup; do
	echo "$kind ns $ns $(readlink /proc/self/ns/$ns)"
done
echo "$kind cwd $(pwd -P)"
echo "$kind env $(env | grep -v ^PWD= | sort | tr '\n' ' ')"
fds=
for fd in /proc/self/fd/*; do fds="$fds ${fd##*/}"; done
echo "$kind fds$fds"
echo "$kind root $([ -e /log ] && echo container || echo host)"
echo "$kind hostname $(hostname)"
set -- $(sed 's/.*) //' /proc/self/stat)
echo "$kind session $([ "$4" = "$(sed 's/.*) //' /proc/$PPID/stat 2>/dev/null | cut -d ' ' -f 4)" ] && echo caller || echo other)"
SH
}

# hooks_of VERB...: which ran in it, in order; but that of crun is random in start.
hooks_of() {
	local before=0 log=$BUNDLE/rootfs/log
	[ ! -e "$log" ] || before=$(wc -l <"$log")
	try "$@"
	# The others return before these have run, which write to the stderr of create.
	if [[ $1 == *start ]] && grep -q '"startContainer"' "$BUNDLE/config.json"; then
		wait_for grep -qsx "startContainer${LAST:-} ran" "$log"
	fi
	[[ $1 != *create ]] || mv "$ERR" "$WORK/create.err"
	note "$1 runs" "$([ ! -e "$log" ] || tail -n "+$((before + 1))" "$log" | sed -n 's/ ran$//p' | _ordered "$1" | tr '\n' ' ')"
}

_ordered() {
	[[ $1 == *start ]] && sort || cat
}

# found KIND: notes of its lines.
found() {
	local lines ns new='' pid
	lines=$(sed -n "s/^$1 //p" "$BUNDLE/rootfs/log")
	for ns in mnt pid ipc uts net user cgroup; do
		[ "$(sed -n "s/^ns $ns //p" <<<"$lines")" = "$(readlink "/proc/self/ns/$ns")" ] || new="$new $ns"
	done
	note "$1 namespaces" "new:$new"
	sed -E '/^(ns|state|ran)/d' <<<"$lines" | sed "s:$WORK/$PEER:BUNDLE:g" | notes "$1"
	sed -n 's/^state //p' <<<"$lines" >"$WORK/state"
	pid=$(jq -r .pid "$WORK/state")
	note "$1 state keys" "$(jq -r 'keys | join(" ")' "$WORK/state")"
	note "$1 state status" "$(jq -r .status "$WORK/state")"
	case $pid in
	"$INIT") pid="init, as the host sees it" ;;
	esac
	note "$1 state pid" "$pid"
	note "$1 state id" "$(jq -r .id "$WORK/state" | sed "s:$ID:ID:")"
	note "$1 state bundle" "$(jq -r .bundle "$WORK/state" | sed "s:$BUNDLE:BUNDLE:")"
	note "$1 state annotations" "$(jq -c .annotations "$WORK/state")"
}

case_hooks() {
	local kind filters=()
	for kind in $KINDS; do
		filters+=("$(hook "$kind" "$(look)")" "$(hook "$kind" 'echo "$kind-2 ran" >>$log')")
	done
	bundle "$(args /bin/sleep 100)" "${filters[@]}" '.annotations = {"org.peers.a": "1"}'
	hooks_of create create --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	INIT=$(cat "$WORK/pid")
	LAST=-2 hooks_of start start "$ID"
	rt kill "$ID" KILL
	wait_for _has_status stopped
	hooks_of delete delete "$ID"
	for kind in $KINDS; do
		found "$kind"
	done
}

@test "peers: hooks, where and with what" {
	compare hooks
}

# Of whom a hook without an environment of its own has one.
case_hooks_env() {
	local kind filters=()
	for kind in prestart createRuntime createContainer startContainer poststop; do
		filters+=("$(hook "$kind" 'echo "$kind caller ${FROM_CALLER-no} program ${OF_PROGRAM-no}" >>$log')")
	done
	bundle "$(args true)" "${filters[@]}" 'del(.hooks[][].env) | .process.env += ["OF_PROGRAM=yes"]'
	FROM_CALLER=yes try run run --bundle "$BUNDLE" "$ID"
	notes env <"$BUNDLE/rootfs/log"
}

@test "peers: hooks without an environment" {
	compare hooks_env
}

# life: the verbs up to delete, as far as they get; and which hooks ran in each.
life() {
	hooks_of "$1 create" create --bundle "$BUNDLE" "$ID"
	_said "$1 create"
	note "$1 create, then" "$(status_of)"
	if [ "$(status_of)" = created ]; then
		hooks_of "$1 start" start "$ID"
		_said "$1 start"
		[[ $1 != @(poststart|startContainer) ]] || wait_for -t 1 _has_status stopped 2>/dev/null || true
		note "$1 start, then" "$(status_of)"
	fi
	[ "$(status_of)" != running ] || rt kill "$ID" KILL
	# crun's state may fail while init is going.
	if [ -e "$ROOT/$ID" ]; then
		wait_for _has_status stopped
		hooks_of "$1 delete" delete "$ID"
		_said "$1 delete"
	fi
	note "$1 delete, then" "$(status_of)"
	[ ! -e "$ROOT/$ID" ] || wait_for _deleted
	rm -f "$BUNDLE/rootfs/log"
}

_deleted() {
	rt delete --force "$ID"
	[ ! -e "$ROOT/$ID" ]
}

# Whether the hook's own words are to be read, and which hook and what of it are named.
_said() {
	local word said=
	[[ $1 != *create ]] || ERR=$WORK/create.err
	for word in words 3 "${1% *}" /sh; do
		! grep -qF "$word" "$ERR" || said="$said $word"
	done
	note "$1 says" "$said"
}

case_hooks_failing() {
	local kind
	for kind in $KINDS; do
		bundle "$(args /bin/sleep 100)" "$(hook "$kind" 'echo words >&2; echo "$kind ran" >>$log; exit 3')" \
			"$(hook "$kind" 'echo "$kind-2 ran" >>$log')" "$(hook poststop 'echo "last ran" >>$log')"
		life "$kind"
	done
}

@test "peers: hooks that fail" {
	compare hooks_failing
}

case_hooks_slow() {
	local kind
	for kind in createRuntime startContainer poststop; do
		bundle "$(args /bin/sleep 100)" "$(hook "$kind" 'echo "$kind ran" >>$log; exec sleep 20' '{"timeout": 1}')"
		SECONDS=0
		life "$kind"
		note "$kind ends" "$([ "$SECONDS" -lt 10 ] && echo "in time" || echo late)"
	done
}

@test "peers: hooks that do not end" {
	compare hooks_slow
}
