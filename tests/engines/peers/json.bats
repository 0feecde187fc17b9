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

# The members of `events --stats`, of which none that runc has may be missing; and whether
# figures are what the files of the cgroup say.
stats_members() {
	local place=/sys/fs/cgroup cpu
	# shellcheck disable=SC2016 # jq's variable
	jq -r 'paths(type != "object" and type != "array") as $p | select(all($p[]; type == "string"))
		| "\($p | join(".")):\(getpath($p) | type)"' "$OUT" | sort >"$WORK/stats.$PEER"
	note "events --stats lacks" "$(comm -23 "$WORK/stats.runc" "$WORK/stats.$PEER" | tr '\n' ' ')"
	note "events --stats has also" "$(comm -13 "$WORK/stats.runc" "$WORK/stats.$PEER" | sed "s/:number//" | tr '\n' ' ')"
	cpu=$(cat "$place/cpuacct$PLACE/cpuacct.usage")
	note "events --stats figures" "$(jq -r --argjson cpu "$cpu" --argjson rss \
		"$(cat "$place/memory$PLACE/memory.usage_in_bytes")" '.data
		| "limit \(.memory.usage.limit) \(.memory.swap.limit) \(.memory.raw.hierarchical_memory_limit)",
			"cpu \($cpu * 0.5 <= .cpu.usage.total and .cpu.usage.total <= $cpu)",
			"usage \($rss * 0.5 <= .memory.usage.usage and .memory.usage.usage <= $rss * 2)",
			"pids \(.pids.current)", "cpus \(.cpuset.cpus) \(.cpuset.mems)"' "$OUT" | tr '\n' ' ')"
}

# What changes from run to run is given by its type.
VALUES='to_entries[] | "\(.key) \(if .key | IN("pid", "created", "finished", "owner") then .value | type else .value | tojson end)"'

case_json() {
	bundle "$(args /bin/sleep 100)" "$(memory 32M)" '.annotations = {"org.peers.a": "1"}'
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	document "state created" "$VALUES" state "$ID"
	rt start "$ID"
	document "state running" "$VALUES" state "$ID"
	rt pause "$ID"
	document "state paused" "$VALUES" state "$ID"
	rt resume "$ID"
	document "list" ".[] | $VALUES" list --format json
	document "ps" '"is \(map(type) | unique | join(" ")) \(length)"' ps --format json "$ID"
	if [ "$PEER" = crun ]; then
		not_asked "events --stats"
		not_asked "events --stats objects"
		not_asked "events --stats lacks"
		not_asked "events --stats has also"
		not_asked "events --stats figures"
	else
		document "events --stats" '"objects \([paths(type == "object") | map(strings) | join(".")] | unique | join(" "))"' \
			events --stats "$ID"
		stats_members
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

# What is in every cell of the table, by the head of its column; and which columns.
table() {
	local what=$1
	shift
	try "$what" "$@"
	note "$what columns" "$(sed -n '1s/  */ /gp' "$OUT" | sed 's/ $//')"
	sed -n 2p "$OUT" | sed -E -e "s:$ID:ID:g; s:$BUNDLE:BUNDLE:" \
		-e 's/[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/' -e 's/  +/ /g' -e 's/(ID) [0-9]+/\1 PID/; s/ $//' >"$WORK/line"
	note "$what line" "$(<"$WORK/line")"
	note "$what lines" "$(wc -l <"$OUT")"
}

case_tables() {
	table "list, none" list
	try "list --quiet, none" list --quiet
	note "list --quiet, none, says" "$(<"$OUT")"
	try "list --format json, none" list --format json
	note "list --format json, none, says" "$(tr -d ' \n' <"$OUT")"
	bundle "$(args /bin/sh -c '/bin/sleep 100 & exec /bin/sleep 100')"
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	table "list" list
	rt start "$ID"
	wait_for _has_processes 2
	try "list --quiet" list --quiet
	note "list --quiet says" "$(sed "s/$ID/ID/" "$OUT")"
	try "list --format nosuch" list --format nosuch
	try "ps" ps "$ID"
	note "ps columns" "$(sed -n '1s/  */ /gp' "$OUT")"
	note "ps lines" "$(wc -l <"$OUT")"
	try "ps --format table" ps --format table "$ID"
	try "ps with arguments" ps "$ID" -o pid,comm
	note "ps with arguments says" "$(sed -E 's/[0-9]+/PID/; s/ +/ /g; s/^ //' "$OUT" | tr '\n' ' ')"
	try "ps --format json" ps --format json "$ID"
	note "ps --format json says" "$(jq -c 'map(type)' "$OUT")"
	rt kill "$ID" KILL
	wait_for _has_status stopped
	table "list stopped" list
}

_has_processes() {
	[ "$(rt ps --format json "$ID" | jq length)" = "$1" ]
}

@test "peers: tables" {
	compare tables
}

# Every member, and what it holds; mounts by their places, the seccomp profile as one.
LEAVES='(if .linux.seccomp then .linux.seccomp = "a profile" else . end)
	| (.mounts[] | "mount \(.destination)\t\(.type) \(.source) \(.options // [] | sort | join(","))"),
	(del(.mounts) | paths(type != "object" and (type != "array" or length == 0)) as $p
		| "\($p | map(if type == "number" then "[]" else . end) | join("."))\t\(getpath($p) | tojson)")'

case_spec() {
	local form
	for form in "" --rootless; do
		rm -f "$BUNDLE/config.json"
		# shellcheck disable=SC2086
		try "spec${form:+ $form}" spec --bundle "$BUNDLE" $form
		jq -r "$LEAVES" "$BUNDLE/config.json" | sort | awk -F'\t' -v form="spec${form:+ $form}" '
			$1 != last { if (NR > 1) print form " " last "\t" text; last = $1; text = $2; next }
			{ text = text " " $2 }
			END { print form " " last "\t" text }' >>"$NOTES"
		# shellcheck disable=SC2086
		try "spec${form:+ $form} again" spec --bundle "$BUNDLE" $form
	done
	try "spec, a missing bundle" spec --bundle /no/such
}

@test "peers: spec" {
	compare spec
}
