# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# What the commands write for programs: the keys, and the values that must agree.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin
}

# document WHAT FILTER ARGS...: notes "KEY VALUE" lines of what jq makes of stdout.
document() {
	local what=$1 filter=$2
	shift 2
	try "$what" "$@"
	jq -rs ".[0] | $filter" "$OUT" >"$WORK/lines" 2>/dev/null || note "$what is" "no JSON"
	sed -e "s:$WORK/$PEER:BUNDLE:g; s:$ID:ID:g" "$WORK/lines" | notes "$what"
}

# What changes from run to run is given by its type.
VALUES='to_entries[] | "\(.key) \(if .key | IN("pid", "created", "finished", "owner") then .value | type else .value | tojson end)"'

case_json() {
	bundle "$(args /bin/sleep 100)" "$(memory 32M)" '.annotations = {"org.peers.a": "1"}'
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	document "state created" "$VALUES" state "$ID"
	rt start "$ID"
	document "state running" "$VALUES" state "$ID"
	document "list" ".[] | $VALUES" list --format json
	document "ps" '"is \(map(type) | unique | join(" ")) \(length)"' ps --format json "$ID"
	if [ "$PEER" = crun ]; then
		not_asked "events --stats"
		not_asked "events --stats objects"
	else
		document "events --stats" '"objects \([paths(type == "object") | map(strings) | join(".")] | unique | join(" "))"' \
			events --stats "$ID"
	fi
	rt kill "$ID" KILL
	wait_for _has_status stopped
	document "state stopped" "$VALUES" state "$ID"
	document "list stopped" ".[] | $VALUES" list --format json
	if [ "$PEER" = crun ]; then
		not_asked features
		not_asked "features keys"
		not_asked "features linux"
	else
		document features '"keys \(keys | join(" "))", "linux \(.linux | keys | join(" "))"' features
	fi
}

@test "peers: JSON" {
	compare json
}
