#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The truth matrix, part two: whose limit was it? Sub-cgroups that the container made,
# ancestors at every level, neighbours below the same ancestor. See truth.bash.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching
load truth

setup() {
	common_setup
	requires root cgroups busybox memory memlab
}

# --- below ---

# in_nested LIMIT SCRIPT: the shell makes the sub-cgroup inner with that limit, "" for
# none, in a container of 32 MiB.
in_nested() {
	in_container "$(inner_cgroup "$1")
		hog() { sh -c 'echo 0 >inner/cgroup.procs && exec /memlab anon 64M'; }
		$2" "$(memory 32M)" "$(cgroup_mount)"
}

nested_lower() {
	in_nested 8388608 'hog; exit 0'
	assert_status 0
	truth true/0 1 Phase=run InitKilled=false
	! reported || holds Scope=nested "LimitCgroup~/$ID/inner\$" LimitBytes=8388608 Certain=true "[.OOM.Victims[].Cgroup] | first~/$ID/inner\$"
	victim memlab false
}

# The kill has been seen by then.
nested_removed() {
	rm -f "$BUNDLE/rootfs/data/go"
	make_spec "$BUNDLE/config.json" "$(memory 32M)" "$(cgroup_mount)" "$(args sh -c "$(inner_cgroup 8388608)
		sh -c 'echo 0 >inner/cgroup.procs && exec /memlab anon 64M'
		while [ ! -e /data/go ]; do sleep 0.02; done
		until rmdir inner; do :; done 2>/dev/null; exit 7")"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for state_is .State.OOMKilled true
	touch "$BUNDLE/rootfs/data/go"
	assert_eq "$(minirun wait "$ID")" 7
	truth true/7 1 InitKilled=false
	! reported || holds Scope=nested "LimitCgroup~/$ID/inner\$" LimitBytes=8388608 Certain=true
	victim memlab false
}

# v1 counts in the sub-cgroup, and removing it takes the count away, perhaps before anybody
# was scheduled to read it. Then the kernel log decides; if that was suppressed (10 reports in
# 5 s for the whole host), nobody knows. But it is never "no".
nested_race() {
	in_nested 8388608 'hog; until rmdir inner; do :; done 2>/dev/null; exit 7'
	assert_status 7
	if [ "$(state .OOM.Kills)" = null ] && [ "$MEMORY_VERSION" = 1 ]; then
		truth null/7 null Why~sub-cgroup InitKilled=null
	else
		truth true/7 1 InitKilled=false
	fi
}

nested_own_limit() {
	in_nested '' 'hog; exit 0'
	assert_status 0
	own_limit 33554432
	truth true/0 1 InitKilled=false Phase=run
	! reported || holds "${OWN_LIMIT[@]}" "[.OOM.Victims[].Cgroup] | first~/$ID/inner\$"
	victim memlab false
}

@test "oom: a lower limit of a sub-cgroup that the container made" {
	repeat 9 "OOM in the container's own sub-cgroup" nested_lower
}

@test "oom: the container's limit, the victim in a sub-cgroup" {
	repeat 9b "victim in sub-cgroup, container's limit" nested_own_limit
}

@test "oom: a sub-cgroup that is removed before the end" {
	repeat 9c "OOM in a sub-cgroup, removed before the end" nested_removed
	repeat 9d "OOM in a sub-cgroup, removed at once" nested_race
}

# --- above ---

# below_parent NAME LIMIT PROGRAM...: a spec for the container $ID-NAME below $PARENT, its
# own limit LIMIT; all share one root file system. Further jq filters are in FILTERS.
below_parent() {
	local name=$1 limit=$2
	shift 2
	make_spec "$BUNDLE/$name.json" "$(args "$@")" "$(memory "$limit")" \
		".linux.cgroupsPath = \"$PARENT/$(id_of "$name")\"" "${FILTERS[@]}"
}

# A tree of three levels above the container; the limit is at one of them.
at_level() {
	local level=$1 path=/$RUN_TAG-parent sizes=(200M 200M 200M) i limits
	sizes[level - 1]=16M
	limits=("$path" "$path/a" "$path/a/b")
	for i in 0 1 2; do
		limited_parent "$(bytes "${sizes[i]}")" "${limits[i]}"
	done
	LIMIT_CGROUP=${limits[level - 1]}
}

ancestor_at() {
	FILTERS=()
	at_level "$1"
	below_parent c 100M /memlab anon 64M
	run --separate-stderr "${WITH[@]}" "$MINIRUN" --root "$ROOT" run --name "$(id_of c)" "$BUNDLE/c.json"
	remove_parent "/$RUN_TAG-parent"
	assert_status 137
	truth -i "$(id_of c)" true/137 1 Scope=ancestor "LimitCgroup=$LIMIT_CGROUP" LimitBytes=16777216 \
		Phase=run Evidence~ladder Certain=true .Memory.LimitBytes=104857600
}

ancestor_logged() {
	WITH=()
	ancestor_at "$1"
	! told -i "$(id_of c)" || holds -i "$(id_of c)" InitKilled=true
	victim -i "$(id_of c)" memlab true
}

ancestor_1() { ancestor_logged 3; }
ancestor_2() { ancestor_logged 2; }
ancestor_3() { ancestor_logged 1; }

@test "oom: the limit of an ancestor, one, two and three levels up" {
	repeat 10 "ancestor's limit, 1 level up" ancestor_1
	repeat 10b "ancestor's limit, 2 levels up" ancestor_2
	repeat 10c "ancestor's limit, 3 levels up" ancestor_3
}

@test "oom: the ladder tells the ancestor without the kernel log" {
	requires setpriv
	local level
	without_log
	for level in 1 2 3; do
		ancestor_at "$level"
		holds -i "$(id_of c)" Source=null Victims= VictimsWithoutDetail=1 "Evidence=counter ladder" 'InitKilled~true|null'
	done
}

# --- beside ---

# Three below one parent of 56 MiB: who holds 24 MiB and is liked best by the killer, who
# waits, and who takes 40 MiB. Who forked while the victim still dies would be killed next.
three_once() {
	PARENT=''
	rm -f "$BUNDLE/rootfs/data/go"
	limited_parent $((56 << 20))
	FILTERS=('.process.oomScoreAdj = 1000')
	below_parent victim 100M /memlab anon 24M + hold 60
	FILTERS=()
	below_parent sleeper 100M sh -c 'read -r _ </data/go'
	mkfifo "$BUNDLE/rootfs/data/go"
	below_parent trigger 100M /memlab anon 40M + exit 0
	launch run -d --name "$(id_of victim)" "$BUNDLE/victim.json"
	until_told "$(id_of victim)" '"anon"'
	launch run -d --name "$(id_of sleeper)" "$BUNDLE/sleeper.json"
	launch run --name "$(id_of trigger)" "$BUNDLE/trigger.json"
	TRIGGER=$status
	assert_eq "$(minirun wait "$(id_of victim)")" 137
	echo 1<>"$BUNDLE/rootfs/data/go"
	assert_eq "$(minirun wait "$(id_of sleeper)")" 0
	remove_parent "$PARENT"
	ANCESTOR=(Scope=ancestor LimitCgroup="$PARENT" LimitBytes=$((56 << 20)))
}

# On a busy machine the kernel kills the trigger as well, when the victim takes long to give
# its memory back. Then that is what the trigger's record must say, and it is tried again.
three() {
	local try
	for try in 1 2 3 4 5; do
		three_once
		[ "$TRIGGER" != 0 ] || return 0
		assert_eq "$TRIGGER" 137 "exit status of the trigger, time $try"
		holds -i "$(id_of trigger)" .State.OOMKilled=true Kills=1 "${ANCESTOR[@]}"
	done
	fail "the kernel has killed two of three five times"
}

sibling_victim() {
	three
	truth -i "$(id_of victim)" true/137 1 "${ANCESTOR[@]}" InitKilled=true Phase=run Certain=true .OOM.Note=null
	victim -i "$(id_of victim)" memlab true
}

sibling_bystander() {
	three
	truth -i "$(id_of sleeper)" false/0 0 "${ANCESTOR[@]}" Note=bystander Source=null KernelLog=
}

sibling_trigger() {
	three
	truth -i "$(id_of trigger)" false/0 0 "${ANCESTOR[@]}" Note=bystander Source=null KernelLog=
}

@test "oom: an ancestor's limit, and a sibling is the victim: each of the three" {
	repeat 11 "ancestor's limit, the victim" sibling_victim
	repeat "11'" "ancestor's limit, a sleeping bystander" sibling_bystander
	repeat "11''" "ancestor's limit, the trigger that survives" sibling_trigger
}

# --- at once ---

# Which of eight children dies is the kernel's choice; whoever is alive at the end gets a
# SIGTERM. Its shell exits as it has ended.
eight_below_one() {
	local i ended dead=0 id
	rm -f "$BUNDLE/rootfs/data/go"
	limited_parent $((64 << 20))
	FILTERS=()
	for i in 1 2 3 4 5 6 7 8; do
		below_parent "$i" 100M sh -c '/memlab anon 16M + hold 60 & read -r _ </data/go; kill $!; wait $!'
		[ "$i" != 1 ] || mkfifo "$BUNDLE/rootfs/data/go"
		launch run -d --name "$(id_of "$i")" "$BUNDLE/$i.json"
		assert_status 0
	done
	_all_took() {
		local n
		for i in 1 2 3 4 5 6 7 8; do
			n=$(minirun logs "$(id_of "$i")" | grep -c '"anon"' || true)
			[ "$n" -gt 0 ] || [ "$(state .State.OOMKilled "$(id_of "$i")")" = true ] || return 1
		done
	}
	wait_for -t 30 _all_took
	printf '\n\n\n\n\n\n\n\n' 1<>"$BUNDLE/rootfs/data/go" # each reads one
	for i in 1 2 3 4 5 6 7 8; do
		id=$(id_of "$i")
		ended=$(minirun wait "$id")
		case $ended in
		143) truth -i "$id" false/143 0 ;;
		137)
			dead=$((dead + 1))
			truth -i "$id" true/137 1 Scope=ancestor LimitCgroup="$PARENT" Certain=true InitKilled=false
			;;
		*) fail "$id has ended with $ended" ;;
		esac
	done
	remove_parent "$PARENT"
	[ "$dead" -ge 4 ] || fail "8 times 16 MiB in 64 MiB, and $dead have died"
}

@test "oom: eight at once below one ancestor, each told apart" {
	repeat T3 "8 at once below one ancestor" eight_below_one
}

@test "oom: eight at once, each by its own limit" {
	local i pids=()
	make_spec "$BUNDLE/config.json" "$(args /memlab anon 64M)" "$(memory 8M)"
	for i in 1 2 3 4 5 6 7 8; do
		minirun run --name "$(id_of "$i")" "$BUNDLE/config.json" >/dev/null 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" && fail "not killed" || assert_eq "$?" 137
	done
	for i in 1 2 3 4 5 6 7 8; do
		ID=$(id_of "$i") own_limit 8388608
		truth -i "$(id_of "$i")" true/137 1 "${OWN_LIMIT[@]}" InitKilled=true
		victim -i "$(id_of "$i")" memlab true
	done
}

# --- all or none ---

@test "oom: memory.oom.group kills all, and the first is not counted twice" {
	requires cgroup-v2
	in_container '/memlab anon 4M + hold 60 & /memlab anon 4M + hold 60 & sleep 0.3; exec /memlab anon 64M' \
		"$(memory 32M)" '.linux.resources.unified = {"memory.oom.group": "1"}'
	assert_status 137
	holds .State.OOMKilled=true GroupKill=true InitKilled=true Kills=3 Scope=container Certain=true \
		'[.OOM.Victims[].HostPid] | unique | length=3' VictimsWithoutDetail=0
}
