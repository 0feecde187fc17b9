# SPDX-License-Identifier: Apache-2.0
# minirun score: who would be killed next. The prediction is held against what the kernel
# then does.
# shellcheck disable=SC2154 # status, output and stderr are set by run
load common
load launching

# Trials of the comparison with the kernel; MINIRUN_TEST_SEED repeats a run. One takes 8 s
# in the virtual machine.
TRIALS=${MINIRUN_TEST_VM:+5}
TRIALS=${MINIRUN_TEST_SCORE_TRIALS:-${TRIALS:-15}}

# holders ID LIMIT STEPS...: memlab with these steps as init of a container, in the
# background; goes on when N of its children hold their memory.
holders() {
	local id=$1 limit=$2 n=$3
	shift 3
	make_spec "$BUNDLE/config.json" "$(args /memlab "$@" + wait)" "$(memory "$limit")" \
		"${FILTER:-.}"
	background_minirun run --name "$id" "$BUNDLE/config.json"
	wait_for -t 30 _steps_are_done anon "$n"
}

_steps_are_done() {
	[ "$(grep -c "\"step\":\"$1\"" "$OUT")" -ge "$2" ]
}

# ended: names of memlab's children that were killed.
ended() {
	jq -r 'select(.step == "end" and .signal == "KILL") | .name' "$OUT"
}

@test "the one with the highest points comes first, with their parts" {
	requires root memory memlab
	holders "$ID" 64M 3 spawn big@0 'anon 14M + hold 60' + spawn keeper@400 'anon 5M + hold 60' + \
		spawn small@0 'anon 3M + hold 60'
	run --separate-stderr minirun score --json "$ID"
	assert_status 0
	assert_eq "$stderr" ""
	local first=$output
	assert_eq "$(jq -r '.Processes | map(.Comm) | join(" ")' <<<"$first")" "keeper big small memlab"
	assert_eq "$(jq -r '.Next == .Processes[0].HostPid' <<<"$first")" true
	assert_eq "$(jq -r '[.Scope, .LimitBytes, .TooClose, .Partial, .GroupKill] | join(" ")' <<<"$first")" \
		"container 67108864 false false false"
	# 64 MiB is 16384 pages: a thousandth of it, times 400.
	assert_eq "$(jq -r '.Processes[0] | [.AdjPages, .OomScoreAdj] | join(" ")' <<<"$first")" "6400 400"
	assert_eq "$(jq -r '[.Processes[] | .Points == .RssAnonPages + .RssFilePages + .RssShmemPages
		+ .SwapPages + .PgtablesPages + .AdjPages] | all' <<<"$first")" true
	assert_between "$(jq .Processes[1].RssAnonPages <<<"$first")" $((3584 - 128)) 3700 "pages of 14 MiB"
	assert_eq "$(jq -r '.Processes[] | select(.Comm == "memlab") | .Pid' <<<"$first")" 1
	assert_eq "$(jq -r .Processes[0].HostPid <<<"$first")" \
		"$(jq -r ".Processes[] | \"/proc/\(.HostPid)/comm\"" <<<"$first" | xargs grep -l "^keeper\$" |
			cut -d / -f 3)"
	run minirun score "$ID"
	assert_status 0
	assert_matches "${lines[0]}" '^Next to be killed would be PID [0-9]+ \(keeper\) with [0-9]+ points, '
	assert_contains "$output" "Limit: 64 MiB, of "
}

@test "who may not be killed is last and marked" {
	requires root memory memlab cap_sys_resource
	FILTER='.process.capabilities = (["bounding", "effective", "permitted"]
		| map({(.): ["CAP_SYS_RESOURCE"]}) | add)'
	holders "$ID" 64M 2 spawn saint@-1000 'anon 14M + hold 60' + spawn small@0 'anon 3M + hold 60'
	run minirun score --json "$ID"
	assert_status 0
	assert_eq "$(jq -r '.Processes[0].Comm' <<<"$output")" small
	assert_eq "$(jq -r '.Processes[-1] | [.Comm, .Exempt, .Points] | tostring' <<<"$output")" \
		'["saint",true,null]'
	run minirun score "$ID"
	assert_matches "$output" '- +exempt .* saint'
}

@test "two alike are too close to call" {
	requires root memory memlab
	holders "$ID" 64M 2 spawn twin1@0 'anon 8M + hold 60' + spawn twin2@0 'anon 8M + hold 60'
	run minirun score --json "$ID"
	assert_eq "$(jq -r '[.TooClose, .NoisePages > 0] | join(" ")' <<<"$output")" "true true"
	run minirun score "$ID"
	assert_matches "${lines[0]}" '^Too close to call: .*\(twin[12]\) or .*\(twin[12]\), '
}

@test "an ancestor's smaller limit brings its other processes in" {
	requires root memory memlab
	local other mount
	other=$(id_of other)
	limited_parent $((48 << 20)) "/$ID-parent"
	make_spec "$BUNDLE/config.json" "$(args /memlab --name neighbour anon 9M + hold 60)" \
		".linux.cgroupsPath = \"/$ID-parent/$other\""
	launch run -d --name "$other" "$BUNDLE/config.json"
	make_spec "$BUNDLE/config.json" "$(args /memlab --name mine anon 2M + hold 60)" "$(memory 64M)" \
		".linux.cgroupsPath = \"/$ID-parent/$ID\""
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for has_done anon "$other"
	wait_for has_done anon
	run minirun score --json "$ID"
	assert_status 0
	assert_eq "$(jq -r '[.Scope, .LimitCgroup, .LimitBytes] | join(" ")' <<<"$output")" \
		"ancestor /$ID-parent $((48 << 20))"
	assert_eq "$(jq -r '.Processes | map("\(.Comm) \(.Inside)") | join(", ")' <<<"$output")" \
		"neighbour false, mine true"
	run minirun score "$ID"
	assert_contains "${lines[0]}" "(neighbour, not of this container)"
	minirun delete -f "$ID" && minirun delete -f "$other"
	for mount in $(cgroup_mounts | cut -d ' ' -f 4); do
		[ ! -d "$mount/$ID-parent" ] || rmdir "$mount/$ID-parent"
	done
}

@test "without any limit the host's processes compete" {
	requires root memory memlab
	make_spec "$BUNDLE/config.json" "$(args /memlab --name free anon 2M + hold 60)"
	launch run -d --name "$ID" "$BUNDLE/config.json"
	wait_for has_done anon
	run minirun score --json "$ID"
	assert_status 0
	assert_eq "$(jq -r '[.Scope, .LimitCgroup] | tostring' <<<"$output")" '["host",null]'
	assert_eq "$(jq -r '[.Processes[] | select(.Inside) | .Comm] | join(" ")' <<<"$output")" free
	assert_eq "$(jq -r '.Processes[] | select(.HostPid == 1) | .Exempt' <<<"$output")" true
}

@test "only a running container has a next one" {
	requires root memory
	make_spec "$BUNDLE/config.json"
	run minirun run --name "$ID" "$BUNDLE/config.json"
	run --separate-stderr minirun score "$ID"
	assert_status 1
	assert_eq "$output" ""
	assert_contains "$stderr" "container not running"
	assert_contains "$stderr" "minirun explain $ID"
	run --separate-stderr minirun score "$ID-none"
	assert_status 1
	assert_contains "$stderr" "does not exist"
}

# Holders of random size and adjustment, and a last one that grows until the limit is
# reached: the prediction is made before it grows.
@test "the prediction is what the kernel does" {
	requires root memory memlab kmsg dd
	local trial id n total size adj steps agree=0 close=0 seed=${MINIRUN_TEST_SEED:-$RANDOM}
	echo "# seed $seed" >&3
	RANDOM=$seed
	make_spec "$BUNDLE/config.json"
	mkfifo "$BUNDLE/rootfs/data/go"
	for ((trial = 1; trial <= TRIALS; trial++)); do
		id=$(id_of $trial) n=$((2 + RANDOM % 5)) total=0 steps=()
		for ((i = 1; i <= n; i++)); do
			size=$((8 + RANDOM % 17)) adj=$((RANDOM % 9 * 100))
			total=$((total + size))
			steps+=(spawn "holder$i@$adj" "anon ${size}M + hold 60" +)
		done
		holders "$id" $((total + 6))M "$n" "${steps[@]}" spawn trigger@0 "read /data/go + anon 8M"
		run minirun score --json "$id"
		assert_status 0
		judge_trial "$trial" "$id" "$output"
		minirun delete -f "$id"
	done
	echo "# $agree agree, $close too close to call, of $TRIALS" >&3
	[ $((agree + close)) -eq "$TRIALS" ]
	[ "$close" -le $((TRIALS / 3)) ] || fail "$close of $TRIALS were too close: not much of a test"
}

# judge_trial TRIAL ID SCORE: let the trigger go, see who dies.
judge_trial() {
	local victim before
	before=$(kernel_log | sed -nE '$s/^[0-9]+,([0-9]+),.*/\1/p')
	timeout 10 sh -c 'echo >"$0"' "$BUNDLE/rootfs/data/go"
	wait_for -t 30 _somebody_ended
	# What a victim frees can come too late for a second one: the log knows who was first.
	wait_for killed_first "$before" "$3"
	victim=$(killed_first "$before" "$3")
	wait_for _has_ended "$victim"
	if [ "$victim" = "$(jq -r '.Processes[0].Comm' <<<"$3")" ]; then
		agree=$((agree + 1))
	elif jq -e --arg who "$victim" '.NoisePages as $noise | .Processes as $all
		| $all[] | select(.Comm == $who) | .Points + $noise >= $all[0].Points' <<<"$3" >&2; then
		close=$((close + 1))
	else
		fail "trial $1: predicted, and killed $victim" "$3" "$(cat "$OUT")"
	fi
}


# killed_first SEQUENCE SCORE: the candidate whose Killed line came first behind SEQUENCE;
# these lines are never suppressed.
killed_first() {
	kernel_log | sed -nE 's/^[0-9]+,([0-9]+),.*Killed process ([0-9]+) \(.*/\1 \2/p' |
		jq -Rnr --argjson after "$1" --argjson score "$2" '
			($score.Processes | map({key: "\(.HostPid)", value: .Comm}) | from_entries) as $name
			| first(inputs / " " | select((.[0] | tonumber) > $after and $name[.[1]]) | $name[.[1]])
			// error("nobody")'
}

_has_ended() {
	ended | grep -qx "$1"
}

_somebody_ended() {
	[ -n "$(ended)" ]
}
