#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The README's commands run as they stand there, after `make`: each line of a block that begins
# with build/, with the exit status and the output that its comment promises.

# bats sets status, output; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups memory memlab
	[ -f "$TOP/README.md" ] || skip "README.md is not here"
	export MINIRUN_ROOT=$ROOT
	# As after `make`, in a directory that may be written to.
	cd "$BUNDLE" || return
	ln -s "$TOP/examples" examples
	mkdir build
	ln -s "$(dirname "$MINIRUN")"/minirun* "$MEMLAB" build/
}

# commands: the lines of the README's blocks that begin with build/, each behind its exit status:
# 0, unless "echo $?  # N" follows.
commands() {
	awk '
		function flush() { if (line != "") print wanted, line; line = ""; wanted = 0 }
		/^```sh$/ { on = 1; next }
		/^```$/ { on = 0 }
		on && /^echo \$\?/ { wanted = $NF }
		on && /^build\// { flush(); line = $0 }
		END { flush() }' wanted=0 "$TOP/README.md"
}

# run_line STATUS LINE: a comment "# true" or "# false" is the whole output.
run_line() {
	local wanted=$1 line=$2
	run --separate-stderr timeout 120 bash -c "exec </dev/null 3>&- 4>&-; $line"
	[ "$status" = "$wanted" ] || fail "exit status $status, not $wanted, of: $line"$'\n'"$stderr"
	[[ ! $line =~ "# "(true|false)$ ]] || assert_eq "$output" "${BASH_REMATCH[1]}" "$line"
}

@test "README: every command of the source tree runs as it stands there" {
	requires gnuplot python3
	local line wanted n=0
	while read -r wanted line; do
		run_line "$wanted" "$line"
		n=$((n + 1))
	done < <(commands)
	assert_between "$n" 15 40 "commands"
	assert_eq "$(find report.html both.svg -size +0 | wc -l)" 2 "pictures"
	assert_eq "$(find "$ROOT" -mindepth 1 -maxdepth 1 ! -name '@*')" "" "containers that are left"
}
