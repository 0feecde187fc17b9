# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The texts of the labs against a run. Loaded by labs.bats and by tests/lab-texts.

# story - what happened, out of the output of `minirun lab run`.
story() {
	printf '%s\n' "$(awk '/^--- what was expected/ { exit }
		inside; /^--- what happens$/ { inside = 1 }')"
}

# block README VERSION - the first text block of a README that holds for that cgroup
# version: ```text is for both, ```text v1 and ```text v2 are for one.
block() {
	awk -v own="\`\`\`text v$2" '
		/^```/ { if (inside) exit; if ($0 == "```text" || $0 == own) { inside = 1; next } }
		inside' "$1"
}

# same_story EXPECTED ACTUAL - two files, alike but for what differs from run to run: sizes
# by 2 MiB or 7 %, peaks by 40 % (a garbage collector decides), bars by as much, numbers with ~, times and pids at all. Lines with | are
# quotations, of the kernel's log for instance, and differ from kernel to kernel. Whom the kernel killed is compared elsewhere: under a flood of OOM
# kills its log loses that. When the end of a child is seen is a matter of luck, too.
same_story() {
	local ends='^[a-z]+ (died of SIG[A-Z]+|ended with [0-9]+)$'
	diff <(grep -E "$ends" "$1" | sort) <(grep -E "$ends" "$2" | sort) || return 1
	awk -v expected="$1" -v actual="$2" -v ends="$ends" '
	function number(text) { return text ~ /^-?[0-9.]+$/ }
	function close_to(a, b, share) {
		difference = a > b ? a - b : b - a
		return difference <= 2 || difference <= (share ? share : 0.07) * (a > b ? a : b)
	}
	function unit(text) { return text ~ /^-?[0-9.]+[MG]$/ }
	function bar(text) { return text ~ /^[acsk.]+\|$/ }
	function same_bar(a, b,   i, letter) {
		for (i = 1; i <= 5; i++) {
			letter = substr("acsk.", i, 1)
			difference = gsub("[" letter "]", "", a) - gsub("[" letter "]", "", b)
			if (difference > 2 || difference < -2)
				return 0
		}
		return 1
	}
	function same(a, b, before, after) {
		gsub(/[(),;:]/, "", a); gsub(/[(),;:]/, "", b)
		if (a == b)
			return 1
		if (a ~ /^~/ && b ~ /^~/)
			return 1
		if (bar(a) && bar(b))
			return same_bar(a, b)
		if (unit(a) && unit(b) && substr(a, length(a)) == substr(b, length(b)))
			return close_to(a + 0, b + 0)
		if (number(a) && number(b))
			return before == "pid" || after == "ms:" || after == "ms," || after == "ms" || close_to(a + 0, b + 0, before == "peak" ? 0.4 : 0.07)
		return 0
	}
	# 256 KiB are 0.25 MiB
	function small_units(line,   at) {
		while (match(line, /[0-9.]+ KiB/)) {
			at = substr(line, RSTART, RLENGTH)
			line = substr(line, 1, RSTART - 1) sprintf("%.2f MiB", (at + 0) / 1024) substr(line, RSTART + RLENGTH)
		}
		return line
	}
	# the next that is neither a quotation nor the end of a child, into text
	function next_line(file) {
		while ((getline text < file) > 0)
			if (text !~ /^\|/ && text !~ ends)
				return 1
		return 0
	}
	BEGIN {
		while (next_line(expected)) {
			line = text
			n++
			if (!next_line(actual)) { print "missing: " line; exit 1 }
			line = small_units(line); other = small_units(text)
			sub(/^=> OOM-killed .* after/, "=> OOM-killed after", line)
			sub(/^=> OOM-killed .* after/, "=> OOM-killed after", other)
			m = split(line, a, " ")
			bad = m != split(other, b, " ")
			for (i = 1; i <= m && !bad; i++)
				bad = !same(a[i], b[i], a[i - 1], a[i + 1])
			if (bad) { print "expected: " line "\nactual:   " other; exit 1 }
		}
		if (next_line(actual)) { print "one line too many: " text; exit 1 }
		if (!n) { print "no text to compare with"; exit 1 }
	}'
}
