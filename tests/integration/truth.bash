# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bats and its `run` have status and stderr; the functions are used by the suites.
# shellcheck disable=SC2154,SC2034
#
# For the suites that hold the verdict to what the kernel did. A scenario is a function
# that makes one ending and checks the record of it; `repeat` runs it MINIRUN_TRUTH_REPEAT
# times (default 1) and adds a line to the table of `make matrix`. Load it after common
# and launching.

MINIRUN_TRUTH_REPEAT=${MINIRUN_TRUTH_REPEAT:-1}

# repeat ROW TITLE FUNCTION: each time as a new container of the name $ID.
repeat() {
	local row=$1 title=$2 scenario=$3 i right=0
	CELL=$BATS_TEST_TMPDIR/cell
	: >"$CELL"
	for ((i = 1; i <= MINIRUN_TRUTH_REPEAT; i++)); do
		TURN=$i
		# In the background: errexit holds there although its end is looked at here.
		(
			trap - ERR DEBUG EXIT
			set -e
			"$scenario"
		) &
		if wait $!; then
			right=$((right + 1))
		else
			echo "row $row, time $i of $MINIRUN_TRUTH_REPEAT is not as it must be" >&2
			_show_records
		fi
	done
	[ -z "${MINIRUN_TRUTH_TABLE:-}" ] ||
		printf '%s\t%s\t%s\t%s\t%s\n' "$row" "$title" \
			"$(sort "$CELL" | uniq -c | sort -rn | sed 's/^ *[0-9]* //' | tr '\n' ' ')" \
			"$right" "$MINIRUN_TRUTH_REPEAT" >>"$MINIRUN_TRUTH_TABLE"
	[ "$right" = "$MINIRUN_TRUTH_REPEAT" ]
}

# fields [-i ID] FIELD...: of the record, one a line; a bare name is one of the
# object OOM, a list is its elements with blanks between.
fields() {
	local id=$ID key filter=''
	if [ "$1" = -i ]; then
		id=$2
		shift 2
	fi
	for key; do
		case $key in [A-Z]*) key=.OOM.$key ;; esac
		filter+="${filter:+,}($key)"
	done
	jq -r "$filter | if type == \"array\" then map(tostring) | join(\" \") else tostring end" \
		"$(status_file "$id")"
}

# holds [-i ID] FIELD=TEXT|FIELD~REGEX...: of the record, see fields.
holds() {
	local id=$ID pair i=0 keys=() have
	if [ "$1" = -i ]; then
		id=$2
		shift 2
	fi
	for pair; do
		keys+=("${pair%%[=~]*}")
	done
	mapfile -t have < <(fields -i "$id" "${keys[@]}")
	[ "${#have[@]}" = $# ] || fail "fields cannot be read: ${keys[*]}" "${have[@]}" || return 1
	for pair; do
		case ${pair:${#keys[i]}:1} in
		=) [ "${have[i]}" = "${pair#*=}" ] ;;
		'~') [[ ${have[i]} =~ ${pair#*\~} ]] ;;
		*) false ;;
		esac || fail "$id: expected $pair, actual '${have[i]}'" || return 1
		i=$((i + 1))
	done
}

# truth [-i ID] OOMKILLED/EXITCODE KILLS [FIELD=TEXT|FIELD~REGEX...]: what the record must
# say of an ended container; beside the given fields what always holds.
truth() {
	local id=$ID cell kills
	if [ "$1" = -i ]; then
		id=$2
		shift 2
	fi
	cell=$1 kills=$2
	shift 2
	printf '%s/%s\n' "$(state .State.OOMKilled "$id")" "$(state .State.ExitCode "$id")" >>"${CELL:-/dev/null}"
	holds -i "$id" .State.Status=exited .State.OOMKilled="${cell%/*}" .State.ExitCode="${cell#*/}" \
		Kills="$kills" "$@"
	[ "${TURN:-1}" != 1 ] || [ -n "$(_missing jsonschema)" ] || assert_valid_status "$id"
	case $kills in
	null) holds -i "$id" Certain=false Evidence= Why~. Scope=null LimitCgroup=null ;;
	# Whatever is known of the limit, nobody of ours was its victim.
	0) holds -i "$id" InitKilled=false Victims= Phase=null Evidence~counter Certain=true ;;
	*) holds -i "$id" "[(.OOM.Victims | length) + .OOM.VictimsWithoutDetail]=$kills" Evidence~counter \
		GroupKill=false Hanging=false ;;
	esac
}

# told [-i ID]: did the kernel's log have every victim's name? It has always one's that ran
# into its own limit; of others only if nobody else's report was in its way: it prints 10 in
# 5 s for the whole host.
told() {
	[ "$(state .OOM.VictimsWithoutDetail "${2:-$ID}")" = 0 ]
}

# reported [-i ID]: has the log our whole report, with the names of the cgroups?
reported() {
	told "$@" && state '.OOM.KernelLog[]' "${2:-$ID}" | grep -q '^.*oom-kill:'
}

# victim [-i ID] COMM ISINIT [EXEC]: each victim that is named; all are, see told.
victim() {
	local id=$ID scope
	if [ "$1" = -i ]; then
		id=$2
		shift 2
	fi
	if ! told -i "$id"; then
		scope=$(state .OOM.Scope "$id")
		[ "$scope" != container ] || [ "${MINIRUN_TEST_SHARED:-0}" = 1 ] ||
			fail "$id: $(state .OOM.VictimsWithoutDetail "$id") victims of the own limit are not named"
		return
	fi
	holds -i "$id" Source=/dev/kmsg Evidence~kmsg "[.OOM.Victims[].Comm] | unique=$1" \
		"[.OOM.Victims[].IsInit] | unique=$2" "[.OOM.Victims[].Exec] | unique~${3:-null}" \
		'[.OOM.Victims[].AnonRssBytes] | min~^[1-9]' '.OOM.KernelLog | last~Killed process'
}

# own_limit BYTES: the fields of a kill by the container's own limit, which `memory` has
# set equal for memory and memory+swap.
own_limit() {
	local kind=memory
	[ ! -e "$(cgroup_root memory)/memory.memsw.usage_in_bytes" ] || kind=memory+swap
	OWN_LIMIT=(Scope=container "LimitCgroup~/$ID\$" LimitBytes="$1" LimitKind="$kind" Phase=run
		Evidence~ladder Certain=true)
}

# without_log: sets WITH, what to put in front of minirun so that it cannot read the kernel's
# log: without CAP_SYSLOG, or, where that is not enough (kernels on which CAP_SYS_ADMIN will
# do), with a node that cannot be opened.
without_log() {
	WITH=(setpriv --bounding-set=-syslog)
	"${WITH[@]}" sh -c ': </dev/kmsg' 2>/dev/null || return 0
	mkdir -p "$BATS_TEST_TMPDIR/nodev"
	WITH=(unshare -m sh -c 'mount -t tmpfs -o nodev none "$0" && mknod "$0/kmsg" c 1 11 &&
		mount --bind "$0/kmsg" /dev/kmsg && exec "$@"' "$BATS_TEST_TMPDIR/nodev")
}

# until_told ID TEXT: that the container's output has it.
until_told() {
	_output_has() { minirun logs "$1" | grep -q -- "$2"; }
	wait_for -t 30 _output_has "$1" "$2"
}

# cgroup_mount: a filter for a writable cgroup mount.
cgroup_mount() {
	mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw
}

# inner_cgroup BYTES: shell text that makes the sub-cgroup `inner`, limited unless BYTES is
# empty, and stays in the directory above it.
inner_cgroup() {
	if [ "$MEMORY_VERSION" = 1 ]; then
		echo 'cd /sys/fs/cgroup/memory; mkdir inner'
	else
		# Only the leaves of a tree have both processes and limits.
		echo 'cd /sys/fs/cgroup; mkdir leaf inner; echo 0 >leaf/cgroup.procs
			echo +memory >cgroup.subtree_control'
	fi
	[ -n "$1" ] || return 0
	echo "echo $1 >inner/$(memory_file limit)"
	case $MEMORY_VERSION in
	1) printf '[ ! -e inner/memory.memsw.limit_in_bytes ] || echo %s >inner/memory.memsw.limit_in_bytes\n' "$1" ;;
	2) echo '[ ! -e inner/memory.swap.max ] || echo 0 >inner/memory.swap.max' ;;
	esac
}
