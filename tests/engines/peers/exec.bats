# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# exec: its errors, and what its program finds.
# shellcheck disable=SC2154,SC2016
load ../../integration/common
load common

setup_file() {
	peers_begin busybox
}

# begin_container [FILTER...]
begin_container() {
	bundle "$(args /bin/sleep 1000)" "$@"
	rt create --bundle "$BUNDLE" "$ID" >"$WORK/begin" 2>&1 </dev/null || fail "$(cat "$WORK/begin")"
	rt start "$ID"
}

case_exec() {
	local program
	begin_container
	for program in '/bin/sh -c "exit 7"' '/bin/sh -c "kill -KILL \$\$"' nosuchprogram \
		/no/such/program /etc/passwd /etc true '""'; do
		eval "try \"exec ${program//\"/}\" exec \"\$ID\" $program"
	done
	try "exec without a program" exec "$ID"
	try "exec --user" exec --user 1000:1000 "$ID" /bin/true
	try "exec --user name" exec --user nobody "$ID" /bin/true
	try "exec --cwd" exec --cwd /no/such "$ID" /bin/true
	try "exec --tty with no terminal" exec --tty "$ID" /bin/true
	try "exec --process missing" exec --process /no/such "$ID"
	echo '{"args": ["/bin/true"], "cwd": "/", "user": {}' >"$WORK/process"
	try "exec --process broken" exec --process "$WORK/process" "$ID"
	echo '{"args": ["/bin/sh", "-c", "exit 9"], "cwd": "/", "user": {"uid": 0, "gid": 0}}' >"$WORK/process"
	try "exec --process" exec --process "$WORK/process" "$ID"
	rm -f "$WORK/pid"
	try "exec --detach" exec --detach --pid-file "$WORK/pid" "$ID" /bin/sleep 100
	note "its pid file" "$(tr '0-9' n <"$WORK/pid" | tr -s n | od -An -c)"
	note "its parent" "$(sed -n 's/^PPid:\t\(1\)$/init/p' "/proc/$(cat "$WORK/pid")/status")"
	try "exec --cap" exec --cap NOSUCH "$ID" /bin/true
	try "delete with an exec" delete --force "$ID"
}

@test "peers: exec, exit codes and texts" {
	compare exec
}

# The same view as of init, where it says something of the process.
look() {
	look_process
	cat <<'SH'
echo "env $(tr '\0' '\n' <$me/environ | tr '\n' ' ')"
echo "cwd $(readlink $me/cwd)"
echo "root $(readlink $me/root)"
fds=
for fd in $me/fd/*; do fds="$fds ${fd##*/}"; done
echo "fds$fds"
for ns in pid net mnt ipc uts user cgroup time; do
	[ "$(readlink $me/ns/$ns)" = "$(readlink /proc/1/ns/$ns)" ] && echo "ns $ns init" || echo "ns $ns other"
done
cmp -s /proc/self/cgroup /proc/1/cgroup && echo "cgroups init" || echo "cgroups other"
echo "oom_score_adj $(cat $me/oom_score_adj)"
set -- $(sed 's/.*) //' $me/stat)
echo "session $([ "$4" = "$$" ] && echo own || echo other)"
echo "keyring $(grep -c "keyring.*$ID:" /proc/keys)"
SH
}

# look_in WHAT OPTION...: with and without options of exec.
look_in() {
	local what=$1
	shift
	[ "$1" = --process ] && set -- "$@" "$ID" || set -- --env "ID=$ID" "$@" "$ID" /bin/sh -c "$(look)"
	rt exec "$@" >"$WORK/out" 2>"$WORK/err" </dev/null ||
		note "$what failed" "$(class "$(<"$WORK/err")")"
	sed -E -e "s/^(status|limit|ns) ([^ ]+) ?/$what \1 \2\t/;t" -e "s/^([^ ]+) ?/$what \1\t/" "$WORK/out" |
		sed -e "s/ID=$ID *//" -e 's/[ \t]*$//' >>"$NOTES"
}

case_exec_inside() {
	begin_container \
		'.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 20], umask: 63}' \
		'.process.noNewPrivileges = false' '.process.cwd = "/data"' \
		'.process.env = ["PATH=/bin", "A=1", "HOME=/data"]' \
		'.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"],
			permitted: ["CAP_KILL"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]}' \
		'.process.oomScoreAdj = 500' '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	look_in plain
	look_in user --user 7:8
	look_in options --user 0 --cwd /tmp --env B=2 --env A=3 --cap CAP_SYS_TIME --no-new-privs
	jq -n --arg look "ID=$ID; $(look)" '{args: ["/bin/sh", "-c", $look], cwd: "/", env: ["PATH=/bin"],
		user: {uid: 3, gid: 4, additionalGids: [9]}, noNewPrivileges: true}' >"$WORK/process"
	look_in process --process "$WORK/process"
	jq '.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}] | .capabilities = {} | .oomScoreAdj = 700' \
		"$WORK/process" >"$WORK/process.more"
	look_in more --process "$WORK/process.more"
}

@test "peers: exec, what its program finds" {
	[ -z "$PEERS_IN_CHROOT" ] || skip "in a chroot the exec of runc 1.1 lands in the tree around it"
	compare exec_inside
}
