# SPDX-License-Identifier: Apache-2.0
#
# What is run, how it is judged, and the tables.

asked=0 wrongs=0 # of minirun

# --- the three endings, for minirun and an engine ---

# Answers by who gave them: "minirun TP", ...
declare -A answers=()

# judge WHO WANTED: all three endings leave 137, so anything else was no such ending.
judge() {
	local kind
	case $2/$killed/$code in
	true/true/137) kind=TP ;;
	true/false/137) kind=FN ;;
	false/false/137) kind=TN ;;
	false/true/137) kind=FP ;;
	*/null/* | */absent/*) kind=unknown ;;
	*) kind=failed ;;
	esac
	[ "$1" != minirun ] || [[ $kind == T[PN] ]] ||
		printf 'wrong: OOMKilled %s, exit code %s, the truth is %s/137: %s\n' \
			"$killed" "$code" "$2" "$(tail -n 1 "$work/stderr")" >&2
	answers["$1 $kind"]=$((${answers["$1 $kind"]:-0} + 1))
}

three_endings() {
	local i inside=(--no-init --rootfs "$rootfs" -- /memlab)
	for ((i = 0; i < count; i++)); do
		minirun_run "${inside[@]}" anon 64M
		judge minirun true
		minirun_kill "${inside[@]}" hold 120
		judge minirun false
		minirun_run "${inside[@]}" exit 137
		judge minirun false
		[ -n "$against" ] || continue
		engine_run /memlab anon 64M
		judge "$against" true
		engine_kill /memlab hold 120
		judge "$against" false
		engine_run /memlab exit 137
		judge "$against" false
	done
}

show_answers() {
	local who kind cells
	printf '%-26s %6s %6s %6s %6s %8s %7s\n' '' TP FN TN FP unknown failed
	for who in minirun $against; do
		cells=()
		for kind in TP FN TN FP unknown failed; do
			cells+=("${answers["$who $kind"]:-0}")
		done
		[ "$who" = minirun ] && who+=" $("$minirun" version | sed -n '1s/.* //p')" ||
			who+=" $version"
		printf '%-26s %6s %6s %6s %6s %8s %7s\n' "$who" "${cells[@]}"
	done
	cat <<-'E'

		TP  OOM-killed, and said so            TN  not OOM-killed, and said so
		FN  OOM-killed, and not said           FP  not OOM-killed, but said so
	E
	asked=$((3 * count))
	wrongs=$((asked - ${answers["minirun TP"]:-0} - ${answers["minirun TN"]:-0}))
}

# --- ten endings, for minirun ---

# OOMKilled, ExitCode, Kills and InitKilled of each.
declare -A wanted=(
	[init-oom]="true 137 1 true" [nested-oom]="true 137 1 true"
	[child-oom-0]="true 0 1 false" [child-oom-1]="true 1 1 false"
	[child-oom-137]="true 137 1 false"
	[kill]="false 137 0 false" [exit-137]="false 137 0 false"
	[malloc-null]="false 3 0 false" [segv]="false 139 0 false" [success]="false 0 0 false"
)
endings=(init-oom nested-oom child-oom-0 child-oom-1 child-oom-137 kill exit-137
	malloc-null segv success)

# A cgroup of the container's own making, with a lower limit. Of v2 only a cgroup without
# processes gives controllers to those inside.
nested='
mkdir "$1/inner" && echo 0 >"$1/inner/cgroup.procs" || exit 99
[ ! -e "$1/cgroup.subtree_control" ] || echo +memory >"$1/cgroup.subtree_control" || exit 99
for file in memory.limit_in_bytes memory.max; do
	[ ! -e "$1/inner/$file" ] || echo 8388608 >"$1/inner/$file" || exit 99
done
exec "$2" anon 64M'

# end_as ENDING [--init|--no-init]
end_as() {
	local program=(--rootfs "$rootfs" "$2" -- /memlab)
	case $1 in
	init-oom) minirun_run "${program[@]}" anon 64M ;;
	nested-oom) minirun_run --no-init -- /bin/sh -c "$nested" sh "$memory/minirun/$tag/$tag" "$memlab" ;;
	child-oom-*) minirun_run "${program[@]}" spawn kid 'anon 64M' + wait + exit "${1##*-}" ;;
	kill) minirun_kill "${program[@]}" hold 120 ;;
	exit-137) minirun_run "${program[@]}" exit 137 ;;
	malloc-null) minirun_run --ulimit as=33554432 "${program[@]}" anon 64M ;;
	# The kernel keeps such a signal from pid 1.
	segv) minirun_run --ulimit core=0 --rootfs "$rootfs" --init -- /memlab signal SEGV ;;
	success) minirun_run "${program[@]}" anon 1M ;;
	esac
}

# keep ENDING NUMBER FOUND: a wrong answer, with its record.
keep() {
	kept=${kept:-$(mktemp -d -t "minirun-selftest-wrong.XXXXXX")}
	printf '%s\n' "$record" >"$kept/$2-$1.json"
	printf 'wrong: number %s, %s: expected %s, found %s (%s)\n' \
		"$2" "$1" "${wanted[$1]}" "$3" "$kept/$2-$1.json" >&2
}

declare -A runs=() wrong=() null=() silent=()

judge_ending() {
	local want
	read -r -a want <<<"${wanted[$1]}"
	runs[$1]=$((${runs[$1]:-0} + 1))
	case $killed in
	true | false) ;;
	*) null[$1]=$((${null[$1]:-0} + 1)) && keep "$1" "$2" "$killed" && return ;;
	esac
	# Who was killed is the log's to say, and it may be cut short: then null.
	if [ "$init" = null ]; then
		silent[$1]=$((${silent[$1]:-0} + 1))
		init=${want[3]}
	fi
	[ "$killed $code $kills $init" = "${wanted[$1]}" ] ||
		{ wrong[$1]=$((${wrong[$1]:-0} + 1)) && keep "$1" "$2" "$killed $code $kills $init"; }
}

mixed_endings() {
	local i ending inits=(--init --no-init)
	memory=$(memory_mount)
	RANDOM=$seed
	for ((i = 0; i < count; i++)); do
		ending=${endings[RANDOM % ${#endings[@]}]}
		end_as "$ending" "${inits[RANDOM % 2]}"
		judge_ending "$ending" "$i"
	done
}

show_endings() {
	local ending n=(0 0 0 0)
	printf '%-14s %6s %6s %6s  %s\n' ENDING RUNS WRONG NULL 'INIT UNKNOWN'
	for ending in "${endings[@]}"; do
		printf '%-14s %6d %6d %6d  %d\n' "$ending" "${runs[$ending]:-0}" \
			"${wrong[$ending]:-0}" "${null[$ending]:-0}" "${silent[$ending]:-0}"
		n[0]=$((n[0] + ${runs[$ending]:-0})) n[1]=$((n[1] + ${wrong[$ending]:-0}))
		n[2]=$((n[2] + ${null[$ending]:-0})) n[3]=$((n[3] + ${silent[$ending]:-0}))
	done
	printf '%-14s %6d %6d %6d  %d\n' total "${n[@]}"
	asked=$count wrongs=$((n[1] + n[2]))
}

# --- all of it ---

prepare
what="containers of each of 3 endings"
[ -z "$mixed" ] || what="mixed endings, seed $seed,"
printf 'minirun selftest: %d %s under %d busy loops on %d CPUs\n\n' \
	"$count" "$what" "$load" "$cpus"
begin=$SECONDS
if [ -n "$mixed" ]; then
	mixed_endings
	show_endings
else
	three_endings
	show_answers
fi
close_all
left=$(left_behind)
printf '\n%d wrong of %d in %d seconds; left behind: %s\n' "$wrongs" "$asked" \
	$((SECONDS - begin)) "${left:-nothing}"
[ "$wrongs" = 0 ] && [ -z "$left" ]
