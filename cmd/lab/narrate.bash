# SPDX-License-Identifier: Apache-2.0
# ---------------------------------------------------------------------------
# The story of a run: a row for each line of memlab, as it comes.

BAR=24

# mib BYTES - "0.7M", "64M", "64G"
mib() {
	local tenths=$((($1 * 10 + 524288) / 1048576))
	if [ "$tenths" -ge 81920 ]; then
		printf '%dG' $(((tenths + 5120) / 10240))
	elif [ "${tenths#-}" -lt 100 ]; then
		printf '%d.%dM' $((tenths / 10)) $((${tenths#-} % 10))
	else
		printf '%dM' $(((tenths + 5) / 10))
	fi
}

# bar LINE - usage below the limit, a letter for each part: a anon, c page cache, s shmem,
# k kernel; dots are room. Each part is rounded on its own.
bar() {
	local limit part letter size at='' cache shmem
	field "$1" limit
	limit=$REPLY
	[ -n "$limit" ] || return 0
	field "$1" shmem
	shmem=${REPLY:-0}
	field "$1" cache
	cache=$((${REPLY:-0} - shmem))
	for part in anon cache shmem kernel; do
		letter=${part:0:1}
		case $part in
		cache) size=$cache ;;
		shmem) size=$shmem ;;
		*)
			field "$1" "$part"
			size=${REPLY:-0}
			;;
		esac
		size=$(((size * BAR + limit / 2) / limit))
		at+=$(printf '%*s' "$size" '' | tr ' ' "$letter")
	done
	at=${at:0:BAR}
	printf '%s%s|' "$at" "$(printf '%*s' $((BAR - ${#at})) '' | tr ' ' .)"
}

# what LINE - the step in words: "anon 64M", "kid: virt 1.0M", "kid was killed (KILL)"
what() {
	local step comm bytes name
	field "$1" step
	step=$REPLY
	field "$1" comm
	comm=$REPLY
	field "$1" bytes
	bytes=$REPLY
	field "$1" name
	name=$REPLY
	case $step in
	end)
		field "$1" signal
		if [ -n "$REPLY" ]; then
			step="$name died of SIG$REPLY"
		else
			field "$1" code
			step="$name ended with $REPLY"
		fi
		;;
	signal | handle | handled)
		field "$1" signal
		step="$step $(kill -l "$REPLY")"
		;;
	cow)
		field "$1" phase
		step="cow ($REPLY)"
		;;
	thrash) ;;
	*) [ "${bytes:-0}" = 0 ] || step+=" $(mib "$bytes")" ;;
	esac
	field "$1" error
	[ -z "$REPLY" ] || step+=" $REPLY"
	[ "${comm:-memlab}" = memlab ] || step="$comm: $step"
	printf '%s' "$step"
}

# heading - the names of the columns; the bar has none.
heading() {
	local column text
	printf -v text '%-22s' step
	for column in $columns; do
		case $column in
		vm) column=VIRT ;;
		rss) column=RSS ;;
		esac
		printf -v text '%s %8s' "$text" "${column%_*}"
	done
	printf '%s\n' "$text"
}

# working_set LINE - sets REPLY to usage without the inactive part of the page cache
working_set() {
	local usage
	field "$1" usage
	usage=$REPLY
	field "$1" inactive_file
	[ -z "$usage$REPLY" ] || REPLY=$(mib $((usage - REPLY)))
}

# row LINE - by one write: a story has more than one teller.
row() {
	local column text
	printf -v text '%-22s' "$(what "$1")"
	for column in $columns; do
		field "$1" "$column"
		case $column in
		working_set) working_set "$1" ;;
		stall) REPLY=${REPLY:+~$((REPLY / 1000))ms} ;;
		dirty) REPLY=${REPLY:+~$(mib "$REPLY")} ;;
		passes) REPLY=${REPLY:+~$REPLY} ;;
		*) [ -z "$REPLY" ] || REPLY=$(mib "$REPLY") ;;
		esac
		printf -v text '%s %8s' "$text" "${REPLY:--}"
	done
	column=$(bar "$1")
	printf '%s%s\n' "$text" "${column:+  $column}"
}

# narrate - memlab's lines from stdin to rows; a line that is none passes as it is.
narrate() {
	local line headed=no
	while IFS= read -r line; do
		case $line in
		'{"step":"hold"'* | '{"step":"spawn"'* | '{"step":"ready"'*) ;;
		'{"step":'*)
			[ "$headed" = yes ] || heading
			headed=yes
			case $line in
			'{"step":"end"'*) what "$line" && echo ;;
			*) row "$line" ;;
			esac
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}
