# SPDX-License-Identifier: Apache-2.0
# ---------------------------------------------------------------------------
# What this host can do, in the words of `minirun check`.

declare -A HAS=() WHY=()

ask_host() {
	local item state text
	while read -r item state text; do
		case $state in ok | missing | unknown) ;; *) continue ;; esac
		HAS[$item]=$state
		WHY[$item]=$text
	done < <("$MINIRUN" check)
	MEMORY_VERSION=0
	case ${WHY[memory]:-} in
	v1*) MEMORY_VERSION=1 ;;
	v2*) MEMORY_VERSION=2 ;;
	esac
}

# missing WORD - prints why this host lacks it, and the cure; nothing when it does not.
missing() {
	local item=$1 reason=''
	case $1 in
	root) item=cap_sys_admin reason='not root and no delegation' ;;
	memory) reason='no memory controller' ;;
	swap) reason='no swap' ;;
	psi)
		reason='no PSI'
		if [ "${WHY[cgroup]:-}" = v1 ]; then
			printf 'no PSI; cure: mount a cgroup2 tree beside v1'
			return
		fi
		;;
	kmsg) reason='no kernel log access' ;;
	kmem) reason='kernel memory is not counted' ;;
	v1 | v2)
		[ "v$MEMORY_VERSION" != "$1" ] || return 0
		printf 'needs cgroup %s memory; boot another kernel or mount the other tree' "$1"
		return
		;;
	overcommit)
		[[ ${WHY[overcommit]:-} == 'mode 2'* ]] || return 0
		printf 'overcommit mode 2; cure: sysctl vm.overcommit_memory=0'
		return
		;;
	hugepages)
		[[ ${WHY[hugepages]:-0} =~ ^([0-9]+)\ free ]]
		[ "${BASH_REMATCH[1]:-0}" -lt 20 ] || return 0
		printf 'fewer than 20 free huge pages; cure: sysctl vm.nr_hugepages=20'
		return
		;;
	engines | runtimes)
		for item in ${!1}; do
			! command -v "$item" >/dev/null || return 0
		done
		printf '%s not installed; cure: apt-get install one of them' "${!1// /, }"
		return
		;;
	disk)
		case $(stat -f -c %T "$(scratch_parent)") in
		tmpfs | ramfs | overlayfs | UNKNOWN*) ;;
		*) return 0 ;;
		esac
		printf '/data is tmpfs; cure: TMPDIR=a folder on a disk'
		return
		;;
	*) die "$DIR/lab: unknown need '$1'" ;;
	esac
	[ "${HAS[$item]:-missing}" != ok ] || return 0
	printf '%s%s' "$reason" "$(sed -n 's/.*\(; cure: .*\)/\1/p' <<<"${WHY[$item]:-}")"
}

# lab_misses - the first of the open lab's needs that this host lacks.
lab_misses() {
	local word reason
	for word in root memory $needs; do
		reason=$(missing "$word")
		if [ -n "$reason" ]; then
			printf '%s' "$reason"
			return
		fi
	done
}

# cannot_run - says so, and what would make it possible.
cannot_run() {
	local reason
	reason=$(lab_misses)
	[ -n "$reason" ] || return 1
	printf '    cannot run here: %s\n' "$reason"
	# The machine has this host's programs.
	[[ $reason == *'not installed'* ]] || printf '    or in a virtual machine: make lab-vm LAB=%s%s\n' \
		"$NUMBER" "$([[ " $needs " != *' v1 '* ]] || echo ' VM=v1')"
}

# ---------------------------------------------------------------------------
# Running. Everything that a lab makes is in SCRATCH or below the state directory in it,
# and goes with it, also after Ctrl-C.

scratch_parent() {
	printf '%s' "${TMPDIR:-/var/tmp}"
}

open_scratch() {
	SCRATCH=$(mktemp -d "$(scratch_parent)/minirun-lab.XXXXXX") || exit 125
	trap close_scratch EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	find_memlab
}

close_scratch() {
	stop_daemons
	forget
	rm -rf "$SCRATCH"
}

# stop_daemons - those that a lab has started; it says how.
stop_daemons() {
	:
}

# forget - remove what is left of the lab's containers.
forget() {
	local dir
	for dir in "$SCRATCH"/state/*/; do
		[ ! -d "$dir" ] || lab_minirun delete -f "$(basename "$dir")" >/dev/null
	done
}

lab_minirun() {
	"$MINIRUN" --root "$SCRATCH/state" "$@"
}

# full_size TEXT - with --full, TEXT in the sizes of the original course: the lab's `full`
# has pairs SMALL=LARGE, each meant as a word and, in specs, as its number of bytes.
full_size() {
	local text=$1 pair old new
	if [ "$FULL" = yes ]; then
		for pair in $full; do
			old=${pair%%=*} new=${pair#*=}
			text=$(sed -E "s/\b$old\b/$new/g" <<<"$text")
			if [[ $old == *M ]]; then
				text=$(sed -E "s/\b$((${old%M} << 20))\b/$((${new%M} << 20))/g" <<<"$text")
			fi
		done
	fi
	printf '%s\n' "$text"
}

# id_of RUN - the name of its container: no two labs on a host have the same.
id_of() {
	printf 'lab-%s-%s-%d' "$NUMBER" "$1" $$
}

# bundle RUN SPEC - SPEC with a root file system of its own, memlab in it, and an empty
# folder on a disk as /data; sets BUNDLE. Folders that containers share are below
# $SCRATCH/shared.
bundle() {
	BUNDLE=$SCRATCH/$1
	mkdir -p "$BUNDLE"/rootfs/{proc,sys,dev,tmp,data,shared}
	cp "$MEMLAB" "$BUNDLE/rootfs/memlab"
	full_size "$(<"$DIR/$2")" | sed 's#"\.\./\.\./build/rootfs"#"rootfs"#' \
		>"$BUNDLE/config.json"
}

# begin RUN SPEC [OPTION...] - start a container.
begin() {
	local run=$1
	bundle "$run" "$2"
	shift 2
	rm -f "$OUT/$run".*
	mkfifo "$BUNDLE/lines"
	"$TELL" "$run" <"$BUNDLE/lines" &
	STORY=$!
	exec {PEN}>"$BUNDLE/lines"
	lab_minirun run --name "$(id_of "$run")" --summary --timeout 120s \
		--status "$OUT/$run.json" --timeline "$OUT/$run.jsonl" "$@" "$BUNDLE/config.json" \
		</dev/null >&"$PEN" {PEN}>&- 2>"$BUNDLE/stderr" &
	CHILD=$!
}

# finish RUN - wait for its end, and learn what it left.
finish() {
	local run=$1 bundle=$SCRATCH/$1
	wait "$CHILD"
	exec {PEN}>&-
	PEN=1
	wait "$STORY"
	if [ ! -s "$OUT/$run.json" ]; then
		cat "$bundle/stderr" >&2
		die "the container of lab $NUMBER left no record"
	fi
	[ "$TELL" = quiet ] || sed -e "s/-$$\b//g" -e 's/^minirun: /=> /' -e "$VERDICT" \
		"$bundle/stderr"
	learn_status "$run" "$OUT/$run.json"
	learn_steps "$run" "$OUT/$run.steps"
	rm -rf "$bundle"
}

# await COMMAND... - until it succeeds; for half a minute
await() {
	local end=$((SECONDS + 30))
	until "$@" 2>/dev/null; do
		if [ "$SECONDS" -ge "$end" ]; then
			die "lab $NUMBER: waited in vain: $*"
		fi
		sleep 0.02
	done
}

# has_printed RUN TEXT - whether a line with TEXT has come from its program
has_printed() {
	grep -qF -- "$2" "$OUT/$1.steps"
}

# hangs RUN - whether it stands still at its limit
hangs() {
	[ "$(lab_minirun inspect --format '{{.OOM.Hanging}}' "$(id_of "$1")")" = true ]
}

# runs RUN - whether verbs can reach it
runs() {
	lab_minirun state "$(id_of "$1")" | grep -q '"status": *"running"'
}

# record RUN PATH - a member of the record of a run, as JSON
record() {
	"$MINIRUN" inspect --format "{{json .$2}}" "$OUT/$1.json"
}

# log_of RUN - the kernel's report of its OOM kill
log_of() {
	record "$1" OOM.KernelLog |
		sed -e 's/^\["//' -e 's/"\]$//' -e 's/", *"/\n/g' -e 's/\\"/"/g'
}

# explain RUN PART... - parts of minirun's reading of that report: 1 the table of tasks, 2
# whose limit, 3 the victim. Learns whether the score is the kernel's own choice.
explain() {
	local run=$1 text part
	text=$("$MINIRUN" explain "$OUT/$run.json")
	shift
	for part; do
		say "$(awk -v part="$part." '/^[123]\. / { inside = $1 == part } inside' <<<"$text" | quote)"
	done
	if [[ $text == *": the kernel chose the same."* ]]; then
		learn "$run" scored same
	fi
}

# bisect RUN STEP... - the smallest limit under which memlab gets through these steps
bisect() {
	local run=$1 text
	shift
	text=$(lab_minirun bisect --min 32m --max 256m --runs 1 -- "$MEMLAB" "$@" 2>&1)
	say "$(quote <<<"$text")"
	case $text in
	*'smallest limit that works'*)
		learn "$run" smallest "$(sed -n 's/.*works: .*(\([0-9]*\) bytes).*/\1/p' <<<"$text")"
		;;
	*'no limit up to'*) learn "$run" smallest none ;;
	esac
}

# cgroup_of RUN - below the root of the hierarchies
cgroup_of() {
	"$MINIRUN" inspect --format '{{.Memory.EffectiveLimitCgroup}}' "$OUT/$1.json"
}

# container RUN SPEC [OPTION...]
container() {
	begin "$@"
	finish "$1"
}

# left_out RUN REASON - this run needs what the host lacks; nothing is expected of it.
left_out() {
	say "$2"
	LEFT_OUT[$1]=$2
}

# refused RUN SPEC - a container that minirun must refuse to start.
refused() {
	local text code=0
	bundle "$1" "$2"
	rm -f "$OUT/$1".*
	text=$(lab_minirun run --name "$(id_of "$1")" "$BUNDLE/config.json" 2>&1) || code=$?
	say "$text"
	learn "$1" exit_code "$code"
	learn "$1" refused "$([ -e "$SCRATCH/state/$(id_of "$1")" ] || echo true)"
}

# say TEXT - a line of the story, behind what the program has printed by now.
say() {
	[ "$TELL" = quiet ] || printf '%s\n' "$*" >&"$PEN"
}

# quote - lines of another program, marked as such.
quote() {
	sed -e 's/^/| /' -e "s/-$$\b//g" -e 's/ *$//'
}

tell() {
	tee "$OUT/$1.steps" | narrate
}

quiet() {
	cat >"$OUT/$1.steps"
}

# perform tell|quiet - the experiment of the open lab.
perform() {
	TELL=$1 PEN=1
	# Most lives here are too short for it; its figures differ from run to run.
	VERDICT='/^=> leak or limit/d'
	[ "$verdict" = no ] || VERDICT='s/^=> leak or limit/| leak or limit/'
	V=() LEFT_OUT=()
	mkdir -p "$SCRATCH/shared"
	experiment
	forget
}

# notes RUN - for its chart: when each step of its first process had ended; a pause belongs to
# the step before.
notes() {
	local line at until last=''
	while IFS= read -r line; do
		field "$line" step
		case $REPLY:$line in
		spawn:* | ready:* | wait:* | end:* | signal:* | handle:* | *'"more":true'*) continue ;;
		*'"comm":"memlab"'*) ;;
		*) continue ;;
		esac
		field "$line" at
		at=$REPLY
		if [[ $line != '{"step":"hold"'* ]]; then
			[ -z "$last" ] || printf '%s %s\n' "$until" "$last"
			field "$line" passes
			last="$(what "$line")${REPLY:+, $REPLY passes}"
		fi
		until=$at
	done < <(grep -s '^{"step":' "$OUT/$1.steps")
	[ -z "$last" ] || printf '%s %s\n' "$until" "$last"
}

# draw_chart - of the runs that the lab names, side by side when there are two; sets CHART.
draw_chart() {
	local run line files=() options=()
	CHART=$OUT/chart.svg
	for run in $chart; do
		[ -s "$OUT/$run.json" ] || continue # left out
		files+=("$OUT/$run.json")
		notes "$run" >"$OUT/$run.notes"
		options+=(--notes "$OUT/$run.notes")
	done
	for line in $lines; do
		options+=(--line "$line")
	done
	rm -f "$CHART"
	if [ ${#files[@]} -eq 0 ]; then
		CHART='none, no container has run'
	elif [ "${HAS[gnuplot]:-missing}" != ok ]; then
		CHART='not drawn, gnuplot-nox is not installed'
	elif "$MINIRUN" report --format svg "${options[@]}" "${files[@]}" >"$SCRATCH/chart"; then
		sed "s/-$$\b//g" "$SCRATCH/chart" >"$CHART"
	fi
}
