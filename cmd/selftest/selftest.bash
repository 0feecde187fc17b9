#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# minirun selftest: is OOMKilled the truth on this host, under load? Containers end in ways
# whose truth is known by construction (a program that writes four times its limit, one that
# is killed from outside, one that exits with 137), and the record is held against it.
#
# The load are busy loops, started here and ended with this script, however it ends. All that
# is made lies in one directory and below one cgroup, both named after this process; what is
# left of them at the end is a failure like a wrong answer.
#
# Built from the files of cmd/selftest/, in this order: selftest, host, engines, endings.
set -u

usage() {
	cat <<'E'
Usage: minirun selftest [OPTIONS]

see whether OOMKilled tells the truth on this host, under load

Options:
  -n, --count N                    containers of each ending; default 100
      --against ENGINE             the same through docker, podman or ctr, in turn
      --mixed                      N containers of ten endings in random order
      --load N                     busy loops meanwhile; default 3 a CPU
      --seed N                     of the order of --mixed
  -h, --help                       show this

Exit status: 0 every answer of minirun was right and nothing is left, 1 not so,
125 it could not be tried.
E
}

die() {
	printf 'minirun selftest: %s\n' "$@" >&2
	exit 125
}

self=$(readlink -f "$0")
minirun=${MINIRUN:-$(command -v minirun)}
memlab=${MEMLAB:-${self%/*}/memlab}
cpus=$(nproc)
count=100 load=$((3 * cpus)) against='' mixed='' seed=$RANDOM

number() {
	[[ $2 =~ ^[0-9]{1,7}$ ]] || die "option $1: expected a number, found '$2'"
}

while [ $# -gt 0 ]; do
	case $1 in --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;; esac
	case $1 in
	-h | --help) usage && exit ;;
	--mixed) mixed=1 && shift && continue ;;
	-n | --count | --load | --seed | --against) [ $# -gt 1 ] || die "option '$1' needs a value" ;;
	*) die "unknown argument '$1'; see minirun selftest --help" ;;
	esac
	case $1 in
	-n | --count) number "$1" "$2" && count=$((10#$2)) ;;
	--load) number "$1" "$2" && load=$((10#$2)) ;;
	--seed) number "$1" "$2" && seed=$((10#$2)) ;;
	--against) against=$2 ;;
	esac
	shift 2
done
case $against in
'' | docker | podman | ctr) ;;
*) die "option --against: expected docker, podman or ctr, found '$against'" ;;
esac
[ -z "$against" ] || [ -z "$mixed" ] || die "--mixed and --against exclude each other"

# --- the place, the load, the end ---

# The last letter keeps it from being the beginning of another one's.
tag=selftest-$$-t loops=() work='' kept=''

end_load() {
	[ ${#loops[@]} -gt 0 ] || return 0
	kill "${loops[@]}" 2>/dev/null
	wait "${loops[@]}" 2>/dev/null
	loops=()
}

close_all() {
	end_load
	[ -z "$against" ] || engine_close
}

clean_up() {
	close_all
	[ -n "$work" ] || return
	minirun_in delete --force "$tag"
	rm -rf "$work"
}

prepare() {
	[ -x "$minirun" ] || die "there is no minirun in PATH"
	[ -x "$memlab" ] || die "the workload '$memlab' is not there"
	"$minirun" check >/dev/null ||
		die "no run under a memory limit is possible here: minirun check says why"
	work=$(mktemp -d -t "$tag.XXXXXX") || exit 125
	trap clean_up EXIT
	trap 'exit 125' INT TERM HUP
	rootfs=$work/rootfs
	mkdir -m 700 "$work/root"
	mkdir -p "$rootfs"/{proc,sys,dev,tmp,etc}
	cp "$memlab" "$rootfs/memlab"
	cd "$work" || exit 125
	[ -z "$against" ] || engine_open
	for ((i = 0; i < load; i++)); do
		busy_loop &
		loops+=($!)
	done
}

# Cgroups, processes, mounts and records that are still there.
left_behind() {
	local points
	mapfile -t points < <(cgroup_mounts)
	find "${points[@]}" -type d -path "*$tag*" 2>/dev/null
	grep -lsF "/$tag" /proc/[0-9]*/cgroup
	grep -F "$work/" /proc/self/mountinfo
	find "$work/root" -mindepth 1 -maxdepth 1 ! -name '@*'
}

# --- one container through minirun ---

minirun_in() {
	"$minirun" --root "$work/root" "$@" </dev/null >/dev/null 2>"$work/stderr"
}

# field NAME VARIABLE: the first scalar of this name in the record.
field() {
	local value=absent
	[[ ! $record =~ \"$1\":\ ([a-z0-9]+) ]] || value=${BASH_REMATCH[1]}
	printf -v "$2" %s "$value"
}

# Sets killed (true, false, null), code, kills, init.
killed='' code='' kills='' init=''
read_record() {
	record=
	[ ! -e "$1" ] || IFS= read -r -d '' record <"$1"
	field OOMKilled killed
	field ExitCode code
	field Kills kills
	field InitKilled init
}

# minirun_run OPTION... -- PROGRAM...
minirun_run() {
	: >"$work/record"
	minirun_in run --rm --quiet --name "$tag" --cgroup-parent "/minirun/$tag" --timeout 2m \
		--status "$work/record" -m 16m "$@"
	read_record "$work/record"
}

# The same, and SIGKILL from outside.
minirun_kill() {
	minirun_in run -d --quiet --name "$tag" --cgroup-parent "/minirun/$tag" --timeout 2m \
		--pid-file "$work/pid" -m 16m "$@" &&
		kill -KILL "$(<"$work/pid")" && minirun_in wait "$tag"
	read_record "$work/root/$tag/status.json"
	minirun_in delete --force "$tag"
}
