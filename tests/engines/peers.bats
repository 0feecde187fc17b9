# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
# runc, crun and minirun side by side: see peers.bash and differences.md.
# shellcheck disable=SC2154
load ../integration/common
load peers

setup_file() {
	requires root memory runc crun jq
	peers_begin
}

setup() {
	:
}

teardown() {
	sweep
}

case_usage() {
	local id
	try "no command"
	try "unknown command" nosuchcommand
	try "unknown option" state --nosuchoption x
	try "unknown global option" --nosuchoption state x
	try "state without an id" state
	try "two ids" state a b
	for id in ../x a/b . .. "" 'a b' 'ä'; do
		try "id '$id'" state "$id"
	done
}

@test "peers: usage" {
	compare usage
}

case_unknown() {
	try state state none
	try start start none
	try kill kill none KILL
	try "kill --all" kill --all none KILL
	try delete delete none
	try "delete --force" delete --force none
	try exec exec none /bin/true
	try ps ps none
	try "ps --format json" ps --format json none
	try pause pause none
	try resume resume none
	try update update --memory 67108864 none
	[ "$PEER" = crun ] || try "events --stats" events --stats none
}

@test "peers: an unknown id" {
	compare unknown
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

@test "peers: every row of differences.md was seen" {
	assert_eq "$(sort -u "$SEEN")" "$(rows | sort)"
}
