# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# What the cgroup files of v1 hold: after create, and after each form of update.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin cgroup-v1 cpu cpuset pids blkio
}

# settings: lines "FILE=VALUE;" of every file that can be set, and which cgroups there are.
settings() {
	local dir
	for dir in /sys/fs/cgroup/*"$PLACE"; do
		dir=${dir#/sys/fs/cgroup/}
		echo "${dir%"$PLACE"}=joined;"
	done
	grep -s '' /sys/fs/cgroup/*"$PLACE"/*.* | sed 's:^[^\:]*/::' | awk -F: '
		$1 ~ /^cgroup\.|failcnt|max_usage|force_empty|usage|stat|_serviced|pressure|freezing|io_service/ { next }
		$1 ~ /\.(current|peak|events)$|effective|shown|notify|release/ { next }
		$1 == "memory.oom_control" && !/kill_disable/ { next }
		{ name = $1; sub(/^[^:]*:/, "") }
		name != last { if (last) print text ";"; last = name; text = name "=" $0; next }
		{ text = text " " $0 }
		END { if (last) print text ";" }'
}

# note_changes KEY: what is not as it was in the file "before".
note_changes() {
	settings >"$WORK/now"
	note "$1" "$(grep -vxFf "$WORK/before" "$WORK/now")"
}

# created WHAT RESOURCES: what such a container has that differs from one without resources.
created() {
	printf '%s' "${BASE/\"resources\": \{\}/\"resources\": \{$2\}}" >"$BUNDLE/config.json"
	try "$1" create --bundle "$BUNDLE" "$ID"
	[ -e "$ROOT/$ID" ] || return 0
	note_changes "$1 sets"
	rt delete --force "$ID"
}

case_settings() {
	: >"$WORK/before"
	bundle "$(args /bin/sleep 100)"
	BASE=$(<"$BUNDLE/config.json")
	created "no resources" ""
	sed -i '/^no resources sets/d' "$NOTES"
	sed 's/=/ /' "$WORK/now" | notes "no resources"
	cp "$WORK/now" "$WORK/before"
	created "a limit" '"memory": {"limit": 33554432}'
	created "a limit of no whole pages" '"memory": {"limit": 33554433}'
	created "a limit and swap" '"memory": {"limit": 33554432, "swap": 67108864}'
	created "a limit and no swap" '"memory": {"limit": 33554432, "swap": 33554432}'
	created "a limit and unlimited swap" '"memory": {"limit": 33554432, "swap": -1}'
	created "a limit and swap 0" '"memory": {"limit": 33554432, "swap": 0}'
	created "swap only" '"memory": {"swap": 67108864}'
	created "a limit of 0" '"memory": {"limit": 0}'
	created "a limit of -1" '"memory": {"limit": -1}'
	created "a limit of -1 and swap of -1" '"memory": {"limit": -1, "swap": -1}'
	created "a reservation" '"memory": {"limit": 33554432, "reservation": 16777216}'
	created "a reservation above the limit" '"memory": {"limit": 33554432, "reservation": 67108864}'
	created "swappiness" '"memory": {"limit": 33554432, "swappiness": 10}'
	created "swappiness 0" '"memory": {"swappiness": 0}'
	created "swappiness 101" '"memory": {"swappiness": 101}'
	created "a disabled killer" '"memory": {"limit": 33554432, "disableOOMKiller": true}'
	created "kernel memory" '"memory": {"limit": 33554432, "kernel": 16777216, "kernelTCP": 8388608}'
	created "hierarchy" '"memory": {"limit": 33554432, "useHierarchy": true}'
	created "shares" '"cpu": {"shares": 512}'
	created "few shares" '"cpu": {"shares": 1}'
	created "many shares" '"cpu": {"shares": 300000}'
	created "quota" '"cpu": {"quota": 50000}'
	created "quota and period" '"cpu": {"quota": 20000, "period": 50000}'
	created "period" '"cpu": {"period": 50000}'
	created "unlimited quota" '"cpu": {"quota": -1, "period": 50000}'
	created "a small quota" '"cpu": {"quota": 10}'
	created "burst" '"cpu": {"quota": 50000, "period": 100000, "burst": 10000}'
	created "idle" '"cpu": {"idle": 1}'
	created "realtime" '"cpu": {"realtimeRuntime": 0, "realtimePeriod": 500000}'
	created "cpus" '"cpu": {"cpus": "0", "mems": "0"}'
	created "missing cpus" '"cpu": {"cpus": "4000"}'
	created "pids" '"pids": {"limit": 20}'
	created "pids 0" '"pids": {"limit": 0}'
	created "pids -1" '"pids": {"limit": -1}'
	created "weight" '"blockIO": {"weight": 200}'
	created "a weight of 5" '"blockIO": {"weight": 5}'
	created "leaf weight" '"blockIO": {"leafWeight": 200}'
	created "throttles" '"blockIO": {"throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": 1048576}],
		"throttleWriteIOPSDevice": [{"major": 7, "minor": 0, "rate": 100}]}'
	created "throttles of no device" '"blockIO": {"throttleReadBpsDevice": [{"major": 250, "minor": 99, "rate": 1048576}]}'
	created "unified" '"unified": {"memory.high": "33554432"}'
	created "huge pages" '"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]'
	created "class id" '"network": {"classID": 5}'
	created "rdma" '"rdma": {"mlx5_1": {"hcaHandles": 3}}'
	created "devices that are allowed" '"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]'
	created "devices" '"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]'
}

@test "peers: cgroup files after create" {
	compare settings
}

# updated WHAT ARGS...: and which files have changed.
updated() {
	local what=$1
	shift
	try "$what" update "$@"
	note_changes "$what sets"
	mv "$WORK/now" "$WORK/before"
}

# with_flag FLAG VALUE
with_flag() {
	updated "$1 $2" "$1" "$2" "$ID"
}

# with_json WHAT JSON: from a file.
with_json() {
	printf '%s' "$2" >"$WORK/resources"
	updated "$1" --resources "$WORK/resources" "$ID"
}

case_updates() {
	bundle "$(args /bin/sleep 100)" "$(memory 32M 64M)" '.linux.resources += {cpu: {shares: 1024, quota: 50000,
		period: 100000}, pids: {limit: 100}}'
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	rt start "$ID"
	settings >"$WORK/before"
	with_flag --memory 50331648
	with_flag --memory 48M
	with_flag --memory 134217728
	with_flag --memory-swap 268435456
	with_flag --memory-swap -1
	with_flag --memory -1
	with_flag --memory 33554432
	with_flag --memory-swap 16777216
	with_flag --memory 0
	with_flag --memory 1000
	with_flag --memory-reservation 16777216
	with_flag --cpu-share 512
	with_flag --cpu-quota 30000
	with_flag --cpu-period 60000
	with_flag --cpu-quota -1
	with_flag --cpu-rt-period 500000
	with_flag --cpuset-cpus 0
	with_flag --cpuset-mems 0
	with_flag --cpuset-cpus 4000
	with_flag --pids-limit 50
	with_flag --pids-limit -1
	with_flag --pids-limit 0
	with_flag --blkio-weight 300
	with_flag --blkio-weight 5
	with_flag --memory text
	updated "no flag" "$ID"
	with_json "a file" '{"memory": {"limit": 67108864, "swap": 67108864}, "cpu": {"shares": 256, "quota": 20000,
		"period": 100000, "cpus": "0"}, "pids": {"limit": 30}, "blockIO": {"weight": 100}}'
	with_json "a file with burst and idle" '{"cpu": {"quota": 20000, "period": 100000, "burst": 5000, "idle": 1}}'
	with_json "an empty object" '{}'
	with_json "zeroes" '{"memory": {"limit": 0, "swap": 0, "reservation": 0}, "cpu": {"shares": 0, "quota": 0,
		"period": 0}, "pids": {"limit": 0}, "blockIO": {"weight": 0}}'
	with_json "broken JSON" '{"memory": '
	with_json "an unknown key" '{"memory": {"nosuch": 1}}'
	with_json "devices" '{"devices": [{"allow": false, "access": "rwm"}]}'
	updated "a missing file" --resources "$WORK/none" "$ID"
	echo '{"memory": {"limit": 100663296, "swap": 100663296}}' |
		rt update --resources - "$ID" >"$WORK/out" 2>&1 || note "standard input fails" "$(class "$(<"$WORK/out")")"
	note_changes "standard input sets"
}

@test "peers: cgroup files after update" {
	compare updates
}
