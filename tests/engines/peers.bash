# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The same command lines through runc, crun and minirun. A case is a function that says
# with `note` what it observed; `compare CASE` runs it with each runtime. An observation in
# which the three are not alike must be a row of differences.md, with a reason, and a row
# that was not observed is a failure as well.

PEERS="runc crun minirun"
DIFFERENCES=$TOP/tests/engines/differences.md

# peers_begin: skips where the list is about other versions. crun cannot run while a cgroup2
# tree beside v1 holds a controller; for all three alike it is unmounted, in a mount
# namespace of this suite's own (tests/engines/peers).
peers_begin() {
	local peer version
	for peer in runc crun; do
		version=$("$peer" --version 2>/dev/null | sed -n '1s/.* version //p')
		grep -qF "$peer $version" "$DIFFERENCES" ||
			skip "needs the $peer that differences.md is about, not ${version:-none}"
	done
	export SEEN=$BATS_FILE_TMPDIR/seen
	: >"$SEEN"
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

# class FILE: which of the words that engines look for are in the text.
class() {
	local word found=
	[ -s "$1" ] || { echo silent; return; }
	for word in 'container not running' 'no such process' 'process already finished' \
		'does not exist' 'permission denied' 'operation not permitted' \
		'executable file not found' 'no such file or directory' 'not a directory' \
		'is a directory'; do
		! grep -qiF "$word" "$1" || found="$found, $word"
	done
	echo "${found:+\"${found#, }\"}${found:-other text}" | sed 's/"\(.*\)".*/"\1"/'
}

# log_of FILE: what podman and containerd parse, "" when there is one object of level error
# whose text is in the stderr, too.
log_of() {
	local said
	said=$(jq -rs 'map(.level // "no level") | join(" ")' "$1" 2>/dev/null) || said='no JSON'
	echo "${said:-empty}"
}

# try KEY ARGS...: a command line, for its exit code, class of text, log and size of stdout.
# $OUT and $ERR hold what it wrote.
try() {
	local key=$1 code=0 lines
	shift
	OUT=$WORK/out ERR=$WORK/err
	rm -f "$WORK/log"
	: >"$WORK/log"
	rt --log "$WORK/log" --log-format json "$@" >"$OUT" 2>"$ERR" </dev/null || code=$?
	lines=$(wc -l <"$OUT")
	[ "$lines" = 0 ] || lines=", stdout"
	note "$key" "exit $code, $(class "$ERR"), log $(log_of "$WORK/log")${lines#0}"
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

# row_of KEY: of differences.md without its reason, or nothing where all three are alike. The
# last cell names the peer that minirun is like.
row_of() {
	local peer row="| $1 |" mine
	local -A value
	for peer in $PEERS; do
		value[$peer]=$(awk -F '\t' -v key="$1" '$1 == key { print $2; found = 1; exit }
			END { if (!found) print "absent" }' "$WORK/$peer.notes")
	done
	mine=$(cell "${value[minirun]}")
	for peer in crun runc; do
		[ "${value[$peer]}" != "${value[minirun]}" ] || mine=$peer
	done
	if [ "$mine" != runc ] || [ "${value[crun]}" != "${value[runc]}" ]; then
		echo "| $1 | $(cell "${value[runc]}") | $(cell "${value[crun]}") | $mine |"
	fi
}

# The rows of differences.md without their reasons, which nobody may leave out.
rows() {
	sed -nE 's/^(\| [a-z_]+: .* \|) [^|]*[^| ] \|$/\1/p' "$DIFFERENCES"
}

# is_listed ROW: "…" in a row of the list stands for anything. Its row is marked as seen.
is_listed() {
	local row pattern
	while IFS= read -r row; do
		pattern=$(sed -e 's/[][*?\\]/\\&/g' -e 's/…/*/g' <<<"$row")
		# shellcheck disable=SC2053 # a pattern
		if [[ $1 == $pattern ]]; then
			printf '%s\n' "$row" >>"$SEEN"
			return 0
		fi
	done < <(rows)
	return 1
}

# judge CASE: the observations side by side; a difference without a row fails.
judge() {
	local key row result=0
	while IFS= read -r key; do
		row=$(row_of "$key")
		[ -n "$row" ] || continue
		row="| $1: ${row#| }"
		is_listed "$row" || { printf '%s\n' "$row" | tee -a "${PEERS_NEW:-/dev/null}" >&2; result=1; }
	done < <(cut -f 1 "$WORK"/*.notes | awk '!seen[$0]++')
	[ "$result" = 0 ] || fail "not in $DIFFERENCES"
}

# compare CASE: the three must have observed something, and the same keys count as well.
compare() {
	WORK=$BATS_TEST_TMPDIR/$1
	mkdir "$WORK"
	for PEER in $PEERS; do
		NOTES=$WORK/$PEER.notes
		ROOT=$WORK/$PEER.root
		BUNDLE=$WORK/$PEER
		ID=mrp$$-peer
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
