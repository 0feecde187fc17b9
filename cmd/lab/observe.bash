#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# minirun-lab: the companion behind `minirun lab`.
#
# A lab is a folder: its containers (spec.json), what is expected of them (expect), what
# to do (lab: a few lines of bash with the title, the needs, and the function
# `experiment` when it is more than to run spec.json once) and its text. Built from the
# files of cmd/lab/, in this order: observe (what became of a run, and the comparison with
# what was expected), narrate (what a run prints), run, main.

set -u

# ---------------------------------------------------------------------------
# Observations: V["RUN.WORD"], in bytes, milliseconds and counts; absent = unknown.
#
# Two kinds. The words of `minirun run --expect` come from the record that the run left
# (learn_status); the words STEP.FIELD from the lines that memlab printed (learn_steps):
# touch.rss is the RSS after the step `touch`, read2.cache the container's page cache
# after the second `read`, kid.anon.rss that of the process `kid`.

declare -A V=() LEFT_OUT=()

# What the record calls it. Times there are microseconds.
WORDS="oomkilled=State.OOMKilled exit=Exit.Code exit_code=State.ExitCode signal=Exit.Signal
	oom_kills=OOM.Kills lost=OOM.VictimsWithoutDetail init_killed=OOM.InitKilled group_kill=OOM.GroupKill
	limit_cgroup=OOM.Scope oom_limit=OOM.LimitBytes
	limit=Memory.LimitBytes effective_limit=Memory.EffectiveLimitBytes
	peak=Memory.PeakBytes peak_anon=Memory.PeakAnonBytes
	peak_kernel=Memory.PeakKernelBytes swap_peak=Memory.SwapPeakBytes
	max_rss=Memory.MaxRssBytes failcnt=Memory.Failcnt
	wall=Exit.WallUsec psi_some=Memory.Pressure.SomeTotalUsec
	psi_full=Memory.Pressure.FullTotalUsec timed_out=Exit.TimedOut"

# learn RUN WORD VALUE
learn() {
	case $3 in
	'' | null | '<no value>') ;;
	*) V["$1.$2"]=$3 ;;
	esac
}

# learn_status RUN FILE
learn_status() {
	local run=$1 file=$2 word format='' value
	for word in $WORDS; do
		format+="${word%%=*} {{.${word#*=}}}"$'\n'
	done
	while read -r word value; do
		case $word in
		limit_cgroup) [ "$value" != container ] || value=own ;;
		wall | psi_*) [[ $value != [0-9]* ]] || value=$((value / 1000)) ;;
		signal) value=${value#SIG} ;;
		esac
		learn "$run" "$word" "$value"
	done < <("$MINIRUN" inspect --format "$format" "$file")
	value=$("$MINIRUN" inspect --format '{{json .OOM.Victims}}' "$file") || return
	field "$value" Comm
	learn "$run" victim "$REPLY"
	value=$("$MINIRUN" inspect --format '{{json .OOM.KernelLog}}' "$file") || return
	learn "$run" reports "$(grep -o '"oom-kill:' <<<"$value" | wc -l)"
	# Only a life that ended with a kill has one.
	learn "$run" verdict "$("$MINIRUN" inspect --format '{{.Verdict.Kind}}' "$file" 2>/dev/null)"
}

# field LINE NAME - sets REPLY to a member of a line of JSON; '' when it is null.
field() {
	REPLY=
	[[ $1 =~ \"$2\":\ ?\"?([^,\"}]*) ]] || return 0
	REPLY=${BASH_REMATCH[1]}
	[ "$REPLY" != null ] || REPLY=
}

# learn_steps RUN FILE - FILE has memlab's lines. A second step of a name is NAME2.
learn_steps() {
	local run=$1 line key name
	local -A seen=()
	while IFS= read -r line; do
		field "$line" step
		key=$REPLY
		field "$line" comm
		[ "${REPLY:-memlab}" = memlab ] || key=$REPLY.$key
		case $key in
		*end)
			field "$line" name
			key=end.$REPLY
			;;
		esac
		if [[ $line != *'"more":true'* ]]; then
			seen[$key]=$((${seen[$key]:-0} + 1))
		fi
		[ "${seen[$key]:-1}" = 1 ] || key+=${seen[$key]}
		for name in vm rss code signal index passes error limit usage anon cache shmem \
			inactive_file active_file dirty kernel swap stall; do
			field "$line" "$name"
			learn "$run" "$key.$name" "$REPLY"
		done
	done < <(grep '^{"step":' "$2")
}

# ---------------------------------------------------------------------------
# Expectations: a line each, `LEFT OP RIGHT` with = != < <= > >=, or a bare word:
# oomkilled, no-oom, init-killed. Both sides may add and multiply words and numbers:
# 64M, 95%limit, 2s, touch.rss-virt.rss. A line [RUN] names the run of those that follow;
# other.WORD is a word of another run. [RUN v1] and [RUN v2] are for one cgroup version.

# amount TEXT - sets REPLY to its value; fails when a word in it is unknown, or it is a text.
amount() {
	local text=${1// /} sum='' word
	while [ -n "$text" ]; do
		if [[ $text =~ ^([0-9]+)% ]]; then
			sum+="${BASH_REMATCH[1]}*"
			[ -n "${text#*%}" ] || text+=wall
			[[ ${text#*%} =~ ^([a-z][a-z0-9_.]*) ]] || return 1
			word=${BASH_REMATCH[1]}
			text=${text#*%"$word"}
			value_of "$word" || return 1
			sum+="$REPLY/100"
		elif [[ $text =~ ^([0-9]+)([KMGs]?) ]]; then
			text=${text#"${BASH_REMATCH[0]}"}
			case ${BASH_REMATCH[2]} in
			K) word=1024 ;;
			M) word=1048576 ;;
			G) word=1073741824 ;;
			s) word=1000 ;;
			*) word=1 ;;
			esac
			sum+="${BASH_REMATCH[1]}*$word"
		elif [[ $text =~ ^[a-z][a-z0-9_.]* ]]; then
			word=${BASH_REMATCH[0]}
			text=${text#"$word"}
			value_of "$word" || return 1
			sum+=$REPLY
		elif [[ $text =~ ^[-+*] ]]; then
			sum+=${text:0:1}
			text=${text:1}
		else
			return 1
		fi
	done
	REPLY=$((sum))
}

# value_of WORD - sets REPLY to its number.
value_of() {
	REPLY=${V[$1]:-${V[$RUN.$1]:-}}
	[[ $REPLY =~ ^-?[0-9]+$ ]]
}

# text_of WORD - sets REPLY, "unknown" when it was not observed.
text_of() {
	REPLY=${V[$1]:-${V[$RUN.$1]:-unknown}}
}

# holds LEFT OP RIGHT - whether it does; sets ACTUAL, for the reader.
holds() {
	local left right
	if ! amount "$3" || ! right=$REPLY || ! amount "$1"; then
		text_of "$1"
		ACTUAL=$REPLY
		case $2 in
		=) [ "$ACTUAL" = "$3" ] ;;
		'!=') [ "$ACTUAL" != "$3" ] && [ "$ACTUAL" != unknown ] ;;
		*) false ;;
		esac
		return
	fi
	left=$REPLY
	ACTUAL=$left
	if [ "${left#-}" -ge 1048576 ] || [[ $3 =~ [0-9][KMG]|limit|rss|usage ]]; then
		ACTUAL=$(mib "$left")
	fi
	case $2 in
	=) ((left == right)) ;;
	'!=') ((left != right)) ;;
	'<') ((left < right)) ;;
	'<=') ((left <= right)) ;;
	'>') ((left > right)) ;;
	'>=') ((left >= right)) ;;
	esac
}

# logged WORD - whether only the kernel log tells it, and the log has not all of this run's
# kills: it was overrun, or had more than the ten reports in 5 s that the kernel prints.
logged() {
	case $1 in
	victim | killed.rss) [ "${V[$RUN.lost]:-0}" -gt 0 ] ;;
	scored | table.rss | oom_memcg | task_memcg)
		[ "${V[$RUN.reports]}" -lt "${V[$RUN.oom_kills]:-0}" ]
		;;
	*) false ;;
	esac
}

# compare - the lab's expectations with what was observed; prints the table.
compare() {
	local line left op right ok failed=0 count=0
	RUN=main
	printf '    %-34s %-26s %-12s\n' observation expected actual
	while IFS= read -r line; do
		line=${line%%#*}
		line=$(full_size "${line// /}")
		[[ $line == '['* ]] || [ -z "${LEFT_OUT[$RUN]:-}" ] || continue
		case $line in
		'') continue ;;
		'['*']')
			RUN=${line:1:-1}
			[ -z "${LEFT_OUT[$RUN]:-}" ] ||
				printf '    %-34s %s\n' "$RUN: left out" "${LEFT_OUT[$RUN]}"
			continue
			;;
		oomkilled) left=oomkilled op='=' right=true ;;
		no-oom) left=oomkilled op='=' right=false ;;
		init-killed) left=init_killed op='=' right=true ;;
		*)
			[[ $line =~ ^([^=!<>]+)(=|!=|<=|>=|<|>)(.+)$ ]] ||
				die "$DIR/expect: '$line' is not understood"
			left=${BASH_REMATCH[1]} op=${BASH_REMATCH[2]} right=${BASH_REMATCH[3]}
			;;
		esac
		ok=ok count=$((count + 1))
		if ! holds "$left" "$op" "$right"; then
			# The kernel log is short and everybody's: what it lost is no failure.
			if [ "$ACTUAL" = unknown ] && logged "$left"; then
				ok='not in the kernel log'
			else
				ok='NOT AS EXPECTED' failed=1
			fi
		fi
		[ "$RUN" = main ] || left="$RUN: $left"
		printf '    %-34s %-26s %-12s %s\n' "$left" "$op $right" "$ACTUAL" "$ok"
	done < <(expectations)
	[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
}

# expectations - the lab's file without what is for the other cgroup version.
expectations() {
	awk -v other="v$((3 - MEMORY_VERSION))" '
		sub(/^\[/, "") { sub(/\]$/, ""); leave = $2 == other; print "[" $1 "]"; next }
		!leave' "$DIR/expect"
}
