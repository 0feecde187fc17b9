# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the engine tests stand on: a directory for all data of one engine, an image made of
# static busybox and memlab, since no registry can be reached, and the comparison of what
# an engine says of an OOM kill with what minirun recorded.

bats_require_minimum_version 1.5.0

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
MINIRUN=${MINIRUN:-$TOP/build/minirun}
MEMLAB=${MEMLAB:-$TOP/build/memlab}
export TIMEOUT=${ENGINE_TIMEOUT:-90} # seconds for every call of a client

fail() {
	printf '%s\n' "$@" >&2
	return 1
}

assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-values differ}" "  expected: $2" "  actual:   $1" \
		"--- output" "${output:-}"
}

assert_contains() {
	[[ $1 == *"$2"* ]] || fail "text lacks: $2" "--- text" "$1" "---"
}

# wait_for SECONDS COMMAND...: polls until COMMAND succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $*" || return 1
		sleep 0.1
	done
}

needs() {
	local program
	[ "$EUID" -eq 0 ] || skip "needs root"
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# engine_dir: $W, with a short name, since engines make sockets below it. $W/minirun keeps a
# record of what an engine deletes; its state directory is $W/state unless the engine names one.
engine_dir() {
	local applet
	W=$(mktemp -d /run/mrt.XXXXXX)
	export W
	mkdir -m 700 "$W/state"
	mkdir -p "$W"/image/{bin,proc,sys,dev,tmp,etc}
	cp /bin/busybox "$MEMLAB" "$W/image/bin/"
	for applet in sh sleep echo cat true tty kill; do
		ln -s busybox "$W/image/bin/$applet"
	done
	tar -C "$W/image" -cf "$W/image.tar" .
	printf '#!/bin/sh\nexec %s --root %s --keep-record "$@"\n' \
		"$MINIRUN" "$W/state" >"$W/minirun"
	chmod 755 "$W/minirun"
}

# begin NAME COMMAND...: a daemon, its pid in $W/NAME.pid, its words in $W/NAME.log.
begin() {
	local name=$1
	shift
	"$@" >"$W/$name.log" 2>&1 </dev/null 3>&- 4>&- &
	echo "$!" >"$W/$name.pid"
}

# end NAME: with what it says if it does not end.
end() {
	local pid
	pid=$(cat "$W/$1.pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null || true
	wait_for 30 _is_gone "$pid" || kill -KILL "$pid"
}

_is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# Processes that name the directory, which shims, monitors and minirun's watchers do.
_processes() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		[[ $(cat "$file") != *"$W"* ]] || echo "$file"
	done 2>/dev/null
}

_no_processes() {
	[ -z "$(_processes)" ]
}

# nothing_left: when the engine has ended, of all containers that minirun has a record of.
nothing_left() {
	local id left n=0
	wait_for 10 _no_processes || true
	left=$(_processes | while read -r file; do tr '\0' ' ' <"$file"; done 2>/dev/null)
	left+=$(find "$W" -name status.json)
	while read -r id; do
		left+=$(find /sys/fs/cgroup -type d \( -name "$id" -o -name "*-$id" \
			-o -name "*-$id.scope" \))
		n=$((n + 1))
	done < <(find "$W" -path '*/@records/*.json' -exec basename -s .json {} +)
	[ -z "$left" ] || fail "left behind:" "$left" || return 1
	[ "$n" -gt 0 ] || fail "there is no record of any container"
}

# Mounts first: nothing of a mounted file system may be removed.
remove_dir() {
	local point left=0
	[ -n "${W:-}" ] || return 0
	nothing_left || left=1
	sed -n "s:^[^ ]* [^ ]* [^ ]* [^ ]* \(${W}[^ ]*\) .*:\1:p" /proc/self/mountinfo | sort -r |
		while read -r point; do umount -l "$point"; done
	rm -rf "$W"
	return "$left"
}

# record STATE-ROOT ID: does minirun's record say OOMKilled?
record() {
	"${AS[@]}" "$MINIRUN" --root "$1" inspect --format '{{.State.OOMKilled}}' "$2"
}

# verdict CASE ENGINE-SAYS RECORD TRUTH: minirun must be right; of the engine it is told.
verdict() {
	assert_eq "$3" "$4" "minirun's record of: $1"
	[ "$2" = "$4" ] || printf '%s: OOMKilled is %s, the engine says %s\n' "$1" "$4" "$2" \
		>>"${ENGINE_WRONG:-/dev/null}"
}
