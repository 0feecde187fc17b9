# SPDX-License-Identifier: Apache-2.0
# ---------------------------------------------------------------------------
# The commands

usage() {
	cat <<'END'
Usage: minirun lab list
       minirun lab show N
       minirun lab run [--full] N
       minirun lab check [--full] [N...]

Container memory, one experiment each. Labs are numbered 01, 02, ...

  list   the labs, and why one of them cannot run on this host
  show   the text of a lab: question, what to look at, why
  run    run it, tell what happens while it happens, then compare with what is expected
  check  only compare, as a test; without N all labs

Options:
      --full    the sizes and times of the original course (512 MiB)
      --zh      the Chinese text; the default when LANG says so
      --en      the English text

Results of `run` are kept in $XDG_CACHE_HOME/minirun/labs (default ~/.cache/...).
Exit status: 0 all held, 1 something did not, 3 the host lacks what the lab needs,
125 usage or error.
END
}

die() {
	printf 'minirun lab: %s\n' "$*" >&2
	exit 125
}

# find_labs - the folder that holds them: as installed, or of the source tree that this
# program was built in.
find_labs() {
	local here dir
	here=$(dirname "$(realpath "$0")")
	for dir in "${MINIRUN_LABS:-}" "$here/../../share/minirun/labs" "$here/../examples"; do
		if [ -n "$dir" ] && [ -e "$dir/01-oom-killed/lab" ]; then
			LABS=$(realpath "$dir")
			return
		fi
	done
	die "the labs are not found (MINIRUN_LABS names their folder)"
}

find_memlab() {
	local here
	here=$(dirname "$(realpath "$0")")
	MEMLAB=${MEMLAB:-$here/memlab}
	[ -x "$MEMLAB" ] || die "no workload program $MEMLAB"
}

# all_labs - their numbers, one a line.
all_labs() {
	local dir
	for dir in "$LABS"/[0-9][0-9]-*/; do
		dir=${dir%/}
		dir=${dir##*/}
		printf '%s\n' "${dir%%-*}"
	done
}

# open_lab N - reads its file; sets NUMBER, DIR and what the file sets.
open_lab() {
	local dirs
	[[ $1 =~ ^[0-9]{1,2}$ ]] || die "'$1' is not the number of a lab"
	NUMBER=$(printf '%02d' "$((10#$1))")
	dirs=("$LABS/$NUMBER"-*/)
	DIR=${dirs[0]%/}
	[ -e "$DIR/lab" ] || die "there is no lab $NUMBER (minirun lab list)"
	title='' look='' hint='' title_zh='' look_zh='' hint_zh='' needs='' full='' verdict=no chart=main lines=''
	columns='vm rss usage anon cache kernel'
	experiment() {
		container main spec.json
	}
	# shellcheck source=/dev/null
	. "$DIR/lab"
	if [ "$LANGUAGE_ZH" = yes ]; then
		title=$title_zh look="看点：$look_zh" hint="记住：$hint_zh"
	else
		look="look at: $look" hint="remember: $hint"
	fi
}

lab_readme() {
	if [ "$LANGUAGE_ZH" = yes ]; then
		printf '%s/README.zh.md\n' "$DIR"
	else
		printf '%s/README.md\n' "$DIR"
	fi
}

# lab_section N - the text below the Nth heading of the lab's README.
lab_section() {
	printf '%s\n' "$(awk -v want="$1" '/^## / { at++; next } at == want' "$(lab_readme)" |
		sed '/./,$!d')"
}

list_labs() {
	local number reason
	for number in $(all_labs); do
		open_lab "$number"
		reason=$(lab_misses)
		printf '%s  %s%s\n' "$number" "$title" "${reason:+  [${reason%%;*}]}"
	done
}

run_lab() {
	local guess='' ok
	open_lab "$1"
	cannot_run && return 3
	OUT=${XDG_CACHE_HOME:-$HOME/.cache}/minirun/labs/${DIR##*/}
	mkdir -p "$OUT" || exit 125
	printf '%s  %s\n\n' "$NUMBER" "$title"
	lab_section 1
	echo
	lab_section 2
	if [ -t 0 ] && [ -t 1 ]; then
		read -r -p '> ' guess
	fi
	printf '\n%s\n\n--- what happens\n' "$look"
	perform tell
	printf '\n--- what was expected%s\n' "${guess:+, by you: $guess}"
	compare && ok=0 || ok=1
	draw_chart
	printf '\n%s\nwhy:     minirun lab show %s\nchart:   %s\nrecords: %s\n' "$hint" "$NUMBER" \
		"$CHART" "$OUT"
	return "$ok"
}

# check_lab N - one lab as a test; counts in PASSED, FAILED and SKIPPED.
check_lab() {
	open_lab "$1"
	printf '%s  %s\n' "$NUMBER" "${DIR##*/[0-9][0-9]-}"
	if cannot_run; then
		SKIPPED=$((SKIPPED + 1))
		return
	fi
	OUT=$SCRATCH/out
	mkdir -p "$OUT"
	perform quiet
	if compare; then
		PASSED=$((PASSED + 1))
	else
		FAILED=$((FAILED + 1))
	fi
}

check_labs() {
	local number numbers=("$@")
	PASSED=0 FAILED=0 SKIPPED=0
	[ $# -gt 0 ] || mapfile -t numbers < <(all_labs)
	for number in "${numbers[@]}"; do
		check_lab "$number"
	done
	printf '%d as expected, %d not, %d cannot run here\n' "$PASSED" "$FAILED" "$SKIPPED"
	[ "$FAILED" -eq 0 ] || return 1
	[ "$PASSED" -gt 0 ] || return 3
}

main() {
	local command='' words=()
	LANGUAGE_ZH=no FULL=no
	case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in zh*) LANGUAGE_ZH=yes ;; esac
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help)
			usage
			exit 0
			;;
		--full) FULL=yes ;;
		--zh) LANGUAGE_ZH=yes ;;
		--en) LANGUAGE_ZH=no ;;
		-*) die "unknown option $1 (minirun lab --help)" ;;
		*)
			[ -n "$command" ] || command=$1
			words+=("$1")
			;;
		esac
		shift
	done
	set -- "${words[@]:1}"
	case $command:$# in
	list:0 | show:1 | run:1 | check:*) ;;
	list:* | show:* | run:*) die "$command: wrong number of words (minirun lab --help)" ;;
	:*)
		usage >&2
		exit 125
		;;
	*) die "unknown command '$command' (minirun lab --help)" ;;
	esac
	MINIRUN=${MINIRUN:-$(dirname "$(realpath "$0")")/minirun}
	find_labs
	ask_host
	case $command in
	list) list_labs ;;
	show)
		open_lab "$1"
		cat "$(lab_readme)"
		;;
	run)
		open_scratch
		run_lab "$1"
		;;
	check)
		open_scratch
		check_labs "$@"
		;;
	esac
}

main "$@"
