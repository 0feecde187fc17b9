# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Where runc, crun and minirun differ: the same command lines through the three. A case is a
# function that says with `note` what it observed; `compare CASE` runs it with each. An
# observation in which the three are not alike must be a row of differences.md, with a
# reason, and a row that was not observed is a failure as well.

PEERS="runc crun minirun"
DIFFERENCES=$TOP/tests/engines/differences.md

# peers_begin [WORD...]: skips where the list is about other versions, and what `requires`
# says.
peers_begin() {
	local peer version
	requires root memory jq runc crun "$@"
	for peer in runc crun; do
		version=$("$peer" --version 2>/dev/null | sed -n '1s/.* version //p')
		grep -qF "$peer $version" "$DIFFERENCES" ||
			skip "needs the $peer that differences.md is about, not ${version:-none}"
	done
}

setup() {
	:
}

teardown() {
	sweep
}

# rt ARGS...: the runtime, with nothing of bats open.
rt() {
	local program=$PEER
	[ "$PEER" != minirun ] || program=$MINIRUN
	timeout -k 5 30 "$program" --root "$ROOT" "$@" 3>&- 4>&-
}

# note KEY VALUE
note() {
	printf '%s\t%s\n' "$1" "${2//$'\n'/ }" >>"$NOTES"
}

# notes PREFIX: lines "KEY VALUE" of stdin.
notes() {
	local key value
	while read -r key value; do
		note "$1 $key" "$value"
	done
}

# look_process ['|KEY...']: a script for the container that sets $me and prints lines "KEY VALUE" of
# its status and limits.
look_process() {
	sed "s/MORE/${1:-}/" <<'SH'
me=/proc/$$
sed -nE 's/^(Umask|Uid|Gid|Groups|Cap[A-Za-z]*|NoNewPrivs|Seccomp|SigBlk|SigCgtMORE):\s*/status \1 /p' $me/status
# Of 32 and 33, which belong to the C library, runc resets one.
ign=$(sed -n 's/^SigIgn:\s*//p' $me/status)
echo "status SigIgn $((0x$ign & ~0x180000000))"
sed -nE 's/^Max (([a-z]+ )*[a-z]+)  +([^ ]+) +([^ ]+) .*/\1=\3 \4/p' $me/limits | tr ' ' '_' |
	sed 's/=/ /; s/^/limit /'
SH
}

# class TEXT: which of the words that engines look for are in it.
class() {
	local word found=
	[ -n "$1" ] || { echo silent; return; }
	for word in 'container not running' 'no such process' 'process already finished' \
		'does not exist' 'permission denied' 'operation not permitted' \
		'executable file not found' 'no such file or directory' 'not a directory' \
		'is a directory'; do
		[[ ${1,,} != *"$word"* ]] || found="$found, $word"
	done
	[ -n "$found" ] && echo "\"${found#, }\"" || echo "other text"
}

# log_of FILE: the levels of its objects.
log_of() {
	[ -s "$1" ] || { echo empty; return; }
	jq -rs 'map(.level // "no level") | join(" ")' "$1" 2>/dev/null || echo 'no JSON'
}

# try KEY ARGS...: a command line, for its exit code, class of text, log and whether it wrote
# to stdout. $OUT and $ERR hold what it wrote.
try() {
	local key=$1 code=0 more=
	shift
	OUT=$WORK/out ERR=$WORK/err
	: >"$WORK/log"
	rt --log "$WORK/log" --log-format json "$@" >"$OUT" 2>"$ERR" </dev/null || code=$?
	[ ! -s "$OUT" ] || more=", stdout"
	note "$key" "exit $code, $(class "$(<"$ERR")"), log $(log_of "$WORK/log")$more"
	[ "${PEERS_SHOW:-0}" = 0 ] || sed "s/^/$PEER $key: /" "$ERR" >&2
}

status_of() {
	rt state "$ID" 2>/dev/null | jq -r .status
}

_has_status() {
	[ "$(status_of)" = "$1" ]
}

# cell VALUE: for a table.
cell() {
	[ "$1" = absent ] || printf '`%s`' "${1//|/\\|}"
}

# not_asked KEY: of a peer that has no such command.
not_asked() {
	note "$1" "not asked"
}

# The rows of differences.md without their reasons, which nobody may leave out.
rows() {
	sed -nE 's/^(\| [^ |]+: .* \|) [^|]*[^| ] \|$/\1/p' "$DIFFERENCES"
}

# read_notes PEER: into keys and value.
read_notes() {
	local key text
	while IFS=$'\t' read -r key text; do
		[ -n "${seen["$key"]+x}" ] || keys+=("$key")
		seen["$key"]=1
		[ -n "${value["$1 $key"]+x}" ] || value["$1 $key"]=$text
	done <"$WORK/$1.notes"
}

# put_row CASE KEY: sets $row to that of differences.md without its reason, or to nothing
# where all three are alike. The last cell names the peer that minirun is like.
put_row() {
	local peer cells='' cell mine
	for peer in $PEERS; do
		cell=
		[ -z "${value["$peer $2"]+x}" ] || cell="\`${value["$peer $2"]//|/\\|}\`"
		mine=$cell
		[ "$peer" = minirun ] || cells="$cells $cell |"
	done
	for peer in crun runc; do
		[ "${value["$peer $2"]-absent}" != "${value["minirun $2"]-absent}" ] || mine=$peer
	done
	row="| $1: $2 |$cells $mine |"
	if [ "$mine" = runc ] && [[ ${value["crun $2"]-absent} == "${value["runc $2"]-absent}" ||
		${value["crun $2"]-absent} == "not asked" ]]; then
		row=
	fi
}

# judge CASE: the observations side by side. A difference without a row fails; "…" in a row
# stands for anything, and the row is marked as seen.
judge() {
	local peer key row
	local -a keys=()
	local -A value=() seen=()
	for peer in $PEERS; do
		read_notes "$peer"
	done
	for key in "${keys[@]}"; do
		put_row "$1" "$key"
		[ -z "$row" ] || printf '%s\n' "$row"
	done >"$WORK/rows"
	rows >"$WORK/list"
	awk -v n=0 -v seen="$SEEN" '
		FNR == NR {
			list[n] = $0
			split($0, parts, "…")
			start[n] = parts[1]
			gsub(/[][\\.^$*+?(){}|\/]/, "\\\\&")
			gsub(/…/, ".*")
			pattern[n++] = "^" $0 "$"
			next
		}
		{
			for (i = 0; i < n; i++)
				if (index($0, start[i]) == 1 && $0 ~ pattern[i])
					break
			if (i < n)
				print list[i] >>seen
			else
				print
		}' "$WORK/list" "$WORK/rows" >"$WORK/new"
	[ -s "$WORK/new" ] || return 0
	tee -a "${PEERS_NEW:-/dev/null}" <"$WORK/new" >&2
	fail "not in $DIFFERENCES"
}

# compare CASE: the three must have observed something, and the same keys count as well.
compare() {
	WORK=$BATS_TEST_TMPDIR/$1
	mkdir "$WORK"
	for PEER in $PEERS; do
		NOTES=$WORK/$PEER.notes
		ROOT=$WORK/$PEER.root
		BUNDLE=$WORK/$PEER
		ID=mrp$$-$PEER # one of its own: a keyring of that name goes some time after it
		PLACE=/mrp$$/peer
		mkdir -m 700 "$ROOT" "$BUNDLE"
		"case_$1"
		[ -s "$NOTES" ] || fail "$PEER: nothing was observed"
		tidy
	done
	judge "$1"
}

# bundle [FILTER...]: the specification, with a cgroup that all three agree about.
bundle() {
	make_spec "$BUNDLE/config.json" '.ociVersion = "1.0.2"' ".linux.cgroupsPath = \"$PLACE\"" "$@"
}

# tidy: deletes, and says what stays all the same.
tidy() {
	local dir
	for dir in "$ROOT"/*/; do
		[ -d "$dir" ] || continue
		dir=${dir%/}
		[[ $dir == */@* ]] || rt delete --force "${dir##*/}" >/dev/null 2>&1 || true
	done
	for dir in /sys/fs/cgroup/*"$PLACE" "/sys/fs/cgroup$PLACE"; do
		[ ! -e "$dir/tasks" ] && [ ! -e "$dir/cgroup.type" ] || { note "left cgroup" "${dir#/sys/fs/cgroup}"; _empty "$dir"; }
	done
	rmdir /sys/fs/cgroup/*/"${PLACE%/*}" "/sys/fs/cgroup/${PLACE%/*}" 2>/dev/null || true
}

# What a peer leaves must not fail the next one.
_empty() {
	local pid
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null || true
	done <"$1/cgroup.procs"
	wait_for rmdir "$1"
}

# sweep: after a case that broke off.
sweep() {
	for PEER in $PEERS; do
		for ROOT in "$BATS_TEST_TMPDIR"/*/"$PEER.root"; do
			WORK=${ROOT%/*} NOTES=/dev/null PLACE=/mrp$$/peer
			[ ! -d "$ROOT" ] || tidy
		done
	done
}
