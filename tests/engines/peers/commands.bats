# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# Command lines that name nothing that is there.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin
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
	if [ "$PEER" = crun ]; then
		not_asked "events --stats"
	else
		try "events --stats" events --stats none
	fi
}

@test "peers: an unknown id" {
	compare unknown
}

