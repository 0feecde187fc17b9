#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# minirun-report: what is in the pictures of real runs, and what a hostile name can do to them.

# bats sets status, output, stderr; jq programs stand in single quotes.
# shellcheck disable=SC2154,SC2016

load common

REPORT=${REPORT:-${MINIRUN%/*}/minirun-report}

setup() {
	common_setup
	[ -x "$REPORT" ] || fail "no $REPORT: run make first"
	cd "$BATS_TEST_TMPDIR" || return
}

# record NAME MEMLAB-STEP...: a run under 64 MiB with record and timeline.
record() {
	local name=$1
	shift
	requires root memory memlab
	minirun run --rm --quiet --name "$ID-$name" --status "$name.json" --timeline "$name.jsonl" \
		-m 64m -- "$MEMLAB" "$@" >/dev/null || true
	assert_exists "$name.json"
}

# made NAME [JQ-FILTER]: a record and a timeline by hand, where no kernel is needed. Two seconds,
# 10 to 60 MiB anon below 4 MiB of cache, one process.
made() {
	jq -n '{schemaVersion: 1, Name: "/made", State: {OOMKilled: true}, Memory: {LimitBytes: 67108864,
		EffectiveLimitBytes: 67108864, PeakBytes: 67108864},
		OOM: {Kills: 1, InitKilled: true, Scope: "container", LimitBytes: 67108864, LimitCgroup: "/minirun/made",
		Victims: [{HostPid: 9, Comm: "prog", OomScoreAdj: 0}],
		Processes: [{HostPid: 9, Comm: "prog", RssBytes: 62914560, PgtablesBytes: 131072, SwapBytes: 0, OomScoreAdj: 0, Points: 15392}],
		KernelLog: ["prog invoked oom-killer: order=0", "[  pid  ]   uid  tgid total_vm      rss name",
		"oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/minirun/made,task=prog", "Memory cgroup out of memory: Killed process 9 (prog)"]},
		Exit: {Code: null, Signal: "SIGKILL", WallUsec: 2000000},
		Verdict: {Kind: "still-growing", Reason: "it grew"}, Timeline: ($n + ".jsonl")}' --arg n "$1" |
		jq "${2:-.}" >"$1.json"
	jq -nc --arg comm "${VICTIM:-prog}" '{timeline: 1, id: "made"}, {t: 0, event: "exec"},
		(range(0; 51) | {t: (. * 40000), usage: (14680064 + . * 1048576), anon: (10485760 + . * 1048576),
		file: 4194304, shmem: 0, kernel: 0, limit: 67108864, psi_some: (. * 400), psi_full: 0}),
		{t: 1990000, event: "oom-kill", pid: 9, comm: $comm}, {t: 2000000, event: "exit", signal: "SIGKILL"},
		{process: 9, pid: 2, comm: $comm, begin: 0, end: 2000000, signal: "SIGKILL", oom_killed: true,
		max_rss: 62914560, max_vm: 70000000, points: [[0, 10485760, 1], [2000000, 62914560, 1]]}' >"$1.jsonl"
}

# texts FILE.svg: the texts that a reader sees, one a line.
texts() {
	"${PYTHON:-python3}" - "$1" <<'PY'
import sys, xml.etree.ElementTree as tree
for node in tree.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text"):
    print("".join(node.itertext()).strip())
PY
}

# layer_height FILE.svg COLOR: height in pixels of what is filled with it in the upper pane.
layer_height() {
	"${PYTHON:-python3}" - "$1" "$2" <<'PY'
import re, sys
rgb = tuple(int(sys.argv[2][i:i + 2], 16) for i in (1, 3, 5))
text, ys = open(sys.argv[1]).read(), []
for shape in re.findall(r"<(?:path|polygon)\b[^>]*>", text):
    fill = re.search(r"fill\s*=\s*['\"](?:#([0-9a-fA-F]{6})|rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\))", shape)
    if not fill:
        continue
    color = tuple(int(fill[1][i:i + 2], 16) for i in (0, 2, 4)) if fill[1] else tuple(map(int, fill.groups()[1:]))
    if color == rgb:
        points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", shape.split(" d=")[-1].split("points=")[-1])
        ys += [float(y) for _, y in points if float(y) < 420]
print(round(max(ys) - min(ys)) if ys else 0)
PY
}

# run_report ARGS...
run_report() {
	run --separate-stderr "$REPORT" "$@"
}

@test "report: SVG of a kill: the point, the limit, the victim, the areas" {
	requires gnuplot python3
	made a
	run_report -o a.svg a.json
	assert_status 0
	assert_eq "$output$stderr" ""
	run texts a.svg
	assert_contains "$output" "prog was OOM-killed at the limit of 64 MiB"
	assert_contains "$output" "limit 64 MiB"
	assert_contains "$output" "OOM kill: prog"
	assert_contains "$output" "anonymous memory"
	assert_contains "$output" "anon 60 MiB"
	assert_contains "$output" "cache 4 MiB"
	assert_contains "$output" "prog (2) 60 MiB, OOM-killed"
	assert_contains "$output" "still growing"
	refute_contains "$output" "Gnuplot"
	# 332 pixels are 64 MiB * 1.3: 60 of anon, 50 MiB of growth of the cache's place and 4.
	assert_between "$(layer_height a.svg '#E69F00')" 235 243 "height of anon"
	assert_between "$(layer_height a.svg '#56B4E9')" 208 220 "height of the cache's band"
	assert_eq "$(layer_height a.svg '#009E73')" 0
	grep -q '<title>made: prog was OOM-killed' a.svg
	grep -q '<desc>made lived 2.000 s. Largest: ' a.svg
	grep -q 'prefers-color-scheme: dark' a.svg
	run ! grep -qE '(href|src)=.http|@import|<script' a.svg
}

@test "report: a real kill has the kernel's victim, and a child's has PID 1 alive" {
	requires gnuplot python3 kmsg
	record kill anon 90M --rate 100M
	[ "$(jq '.OOM.Victims | length' kill.json)" = 1 ] || skip "needs a kernel log that kept our report: it did not"
	"$REPORT" -o kill.svg kill.json
	run texts kill.svg
	assert_contains "$output" "OOM kill: memlab"
	assert_between "$(layer_height kill.svg '#E69F00')" 215 260 "anon reaches the limit"
	record child spawn kid 'anon 80M' + wait + exit 0
	"$REPORT" -o child.svg child.json
	run texts child.svg
	assert_contains "$output" "PID 1 lived on and ended with exit code 0"
	assert_contains "$output" "memlab (2)"
}

@test "report: two runs on one scale" {
	requires gnuplot python3
	made a
	made b '.Name = "/other" | .Verdict.Kind = "limit-too-small"'
	run_report -o two.svg a.json b.json
	assert_status 0
	run texts two.svg
	assert_contains "$output" "still growing"
	assert_contains "$output" "limit is too small"
	assert_eq "$(grep -c '^limit 64 MiB$' <<<"$output")" 2
	grep -q 'viewBox="0 0 1600 640"' two.svg
}

@test "report: a lower limit above, a limit that moves, tasks that stand still" {
	requires gnuplot python3
	made a '.OOM.Scope = "ancestor" | .OOM.LimitBytes = 41943040 | .OOM.LimitCgroup = "/pod"'
	jq -c 'if .usage then .ancestor_limit = 41943040 else . end,
		if .event == "exec" then {t: 600000, event: "limit", from: 67108864, to: 57671680},
		{t: 900000, event: "under-oom", hanging: true}, {t: 1400000, event: "under-oom", hanging: false} else empty end' a.jsonl >b.jsonl
	"$REPORT" --timeline b.jsonl -o a.svg a.json
	run texts a.svg
	assert_contains "$output" "prog was OOM-killed at the limit of a parent cgroup, 40 MiB"
	assert_contains "$output" "limit of a parent cgroup 40 MiB"
	assert_contains "$output" "limit now 55 MiB"
	assert_contains "$output" "stands still"
	grep -q 'stroke-dasharray' a.svg
}

@test "report: a short death after a long life has a panel of its own" {
	requires gnuplot python3
	made a
	jq -c 'if .t then .t *= 20 else . end | if .begin == 0 then .end *= 20 else . end |
		if .usage and .t < 39000000 then . + {usage: 14680064, anon: 10485760} else . end' a.jsonl >b.jsonl
	"$REPORT" --timeline b.jsonl -o a.svg a.json
	grep -q 'viewBox="0 0 1600 640"' a.svg
	run texts a.svg
	assert_matches "$output" "the last [0-9.]+ s"
	assert_eq "$(grep -c "OOM kill: prog" <<<"$output")" 2
	"$REPORT" --timeline b.jsonl -o a.html a.json
	assert_eq "$(grep -c '<h1>' a.html)" 1
	"$REPORT" -o a.svg a.json
	run texts a.svg
	refute_contains "$output" "the last"
}

@test "report: lines over the areas" {
	requires gnuplot python3
	made a
	jq -c 'if .points then .points = [[0, 10485760, 1073741824], [1000000, 62914560, 1073741824]] else . end,
		empty' a.jsonl | jq -c 'if .usage then .inactive_file = 4194304 else . end' >b.jsonl
	"$REPORT" --timeline b.jsonl --line virt --line working-set -o a.svg a.json
	run texts a.svg
	assert_contains "$output" "VIRT of all processes 1024 MiB"
	assert_contains "$output" "working set (usage less inactive file) 59"
	assert_contains "$output" "limit 64 MiB"
	# The chart is as high as the line: 332 pixels are 1 GiB * 1.3.
	assert_between "$(layer_height a.svg '#E69F00')" 13 17 "height of anon"
	# Each process has an area, with its name on it.
	"$REPORT" --line processes -o c.svg a.json
	run texts c.svg
	assert_matches "$output" $'(^|\n)prog(\n|$)'
	refute_contains "$output" "anonymous memory"
	run_report --line nothing a.json
	assert_status 125
	assert_contains "$stderr" "expected virt, rss, working-set, dirty or processes"
}

@test "report: what the program did, above the areas" {
	requires gnuplot
	made a
	printf '%s\n' '0.8 read 40M' '1.9 it'"'"'s {bad}' >notes
	"$REPORT" --notes notes -o a.svg a.json
	run texts a.svg
	assert_contains "$output" "read 40M"
	assert_contains "$output" "it?s ?bad?"
	run env NO_COLOR=1 "$REPORT" --term --notes notes a.json
	assert_eq "${lines[2]}" "          read 40M             |it?s ?bad?                    |   "
	echo 'no number' >notes
	run_report --notes notes a.json
	assert_status 125
	assert_contains "$stderr" "expected SECONDS TEXT, found 'no number'"
}

@test "report: the samples as a table" {
	made a
	"$REPORT" -o a.csv a.json
	run tr -d '\r' <a.csv
	assert_eq "${lines[0]}" "seconds,usage,kernel,anon,shmem,file,swap,inactive_file,dirty,limit,ancestor_limit,high,psi_some_seconds,psi_full_seconds"
	assert_eq "${lines[2]}" "0.040000,15728640,0,11534336,0,4194304,,,,67108864,,,0.000400,0.000000"
	assert_eq "${#lines[@]}" 52 lines
	"$REPORT" --csv a.json | cmp - a.csv
	run_report --csv a.json a.json
	assert_status 125
	assert_contains "$stderr" "a table is of one record"
}

@test "report: a limit that was refused has a hollow mark" {
	requires gnuplot
	made a
	sed -i '/"oom-kill"/i {"t":1000000,"event":"limit-refused","to":20971520}' a.jsonl
	"$REPORT" -o a.svg a.json
	run texts a.svg
	assert_contains "$output" "limit 20 MiB refused"
	assert_contains "$output" "limit 64 MiB"
	grep -v limit-refused a.jsonl >b.jsonl
	"$REPORT" --timeline b.jsonl -o b.svg a.json
	assert_eq "$(($(grep -c "gpPt5" a.svg) - $(grep -c "gpPt5" b.svg)))" 1 "hollow circles"
}

@test "report: PNG" {
	requires gnuplot
	made a
	"$REPORT" -o a.png a.json
	assert_eq "$(head -c 8 a.png | od -An -tx1 | tr -d ' \n')" 89504e470d0a1a0a
	assert_eq "$(head -c 24 a.png | tail -c 8 | od -An -tx1 | tr -d ' \n')" 000003e800000280
}

@test "report: a page that needs nothing from the network" {
	requires gnuplot python3
	made a
	"$REPORT" -o a.html a.json
	"${PYTHON:-python3}" - a.html <<'PY'
import html.parser, json, re, sys
text = open(sys.argv[1]).read()
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.parts, self.scripts, self.cells, self.external = [], {}, {}, [], []
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.external += [v for k, v in attrs.items() if k in ("src", "href") or (k == "xlink:href" and not v.startswith("#"))]
        if tag == "script":
            self.stack.append(attrs.get("id", "code"))
        elif tag == "div" and "log" in attrs.get("class", ""):
            self.stack.append(attrs["class"])
        elif tag == "td":
            self.cells.append("")
    def handle_data(self, data):
        if self.stack:
            self.parts[self.stack[-1]] = self.parts.get(self.stack[-1], "") + data
        elif self.cells:
            self.cells[-1] += data
    def handle_endtag(self, tag):
        if tag in ("script", "div") and self.stack:
            self.stack.pop()
page = Page()
page.feed(text)
assert page.external == [], page.external
assert not re.search(r"https?://(?!www\.w3\.org/)", text)
assert json.loads(page.parts["record1"])["Name"] == "/made"
data = json.loads(page.parts["data"])
assert data["keys"][0] == "usage" and data["runs"][0]["points"][-1][1] == 67108864
assert "invoked oom-killer" in page.parts["log who"] and "Killed" not in page.parts["log who"]
assert page.parts["log limit"].startswith("oom-kill:")
assert "Killed process 9 (prog)" in page.parts["log victim"]
cells = [c.strip() for c in page.cells]
assert "15360" in cells and "60 MiB" in cells, cells  # pages of 4 KiB, and what they are
assert "<strong>still-growing</strong>: it grew." in text
assert "the container's own" in text
PY
}

@test "report: in the terminal, 90 by 22, without gnuplot" {
	made a
	run --separate-stderr env PATH=/nonexistent "$REPORT" --term a.json
	assert_status 0
	assert_contains "$output" "prog was OOM-killed at the limit of 64 MiB"
	assert_contains "$output" "a anon 60 MiB"
	assert_matches "$output" 'aaaaaaaaaaaaaaaaX'
	assert_matches "$output" '\|=*c*=*X'
	[ "$(wc -l <<<"$output")" -le 22 ] || fail "too high" "$output"
	[ "$(wc -L <<<"$output")" -le 90 ] || fail "too wide" "$output"
	refute_contains "$output" $'\033'
}

@test "report: without gnuplot exit 3 and the package" {
	made a
	run --separate-stderr env PATH=/nonexistent "$REPORT" -o a.svg a.json
	assert_status 3
	assert_contains "$stderr" "apt-get install gnuplot-nox"
	refute_exists a.svg
}

@test "report: names are data, never gnuplot's or a browser's code" {
	requires gnuplot python3
	VICTIM='`touch x`"'"'"'{@}\n</script>' made a '.OOM.Victims[0].Comm = "`touch y`</script><script>" | .Name = "/<b>'"'"';!touch z;" |
		.OOM.KernelLog[0] = "<img src=x> invoked oom-killer" | .Verdict.Reason = "<i>"'
	"$REPORT" -o a.svg a.json
	"$REPORT" -o a.html a.json
	"$REPORT" --term a.json
	refute_exists x
	refute_exists y
	refute_exists z
	run texts a.svg
	assert_contains "$output" '?touch y?</script><script>'
	assert_contains "$output" 'OOM kill: ?touch x????@??n</script>'
	run ! grep -qE '<img|<b>|<i>' a.html
	assert_eq "$(grep -o '<script' a.html | wc -l)" "$(grep -o '</script>' a.html | wc -l)"
	assert_eq "$(grep -o '<script' a.html | wc -l)" 3
}

@test "report: files that are none of ours are refused with their name" {
	made a
	for args in "no.json" "a.jsonl" "--timeline a.json a.json" "--timeline no.jsonl a.json"; do
		# shellcheck disable=SC2086 # words
		run_report -o x.svg $args
		assert_status 125
		assert_matches "$stderr" '^minirun-report: .*(no|a)\.json'
		refute_exists x.svg
	done
	jq '.Timeline = null' a.json >b.json
	run_report b.json
	assert_status 125
	assert_contains "$stderr" "has no timeline"
	assert_contains "$stderr" "--timeline FILE"
	run_report -o x.svg a.jsonl
	assert_contains "$stderr" "'a.jsonl' is a timeline: the record of its run is needed"
	jq '.Timeline = null | .State.Status = "created" | .State.Error = "no program"' a.json >b.json
	run_report b.json
	assert_contains "$stderr" "nothing to draw in 'b.json': it did not start: no program"
	run_report -o a.bmp a.json
	assert_status 125
	assert_contains "$stderr" "'bmp' is no format"
	run_report a.json a.json a.json
	assert_status 125
}

@test "report: what a crash left is drawn as far as it goes" {
	requires gnuplot
	made a
	head -n 30 a.jsonl >cut.jsonl
	printf '{"t":1200000,"usa' >>cut.jsonl
	run_report --timeline cut.jsonl -o cut.svg a.json
	assert_status 0
	head -n 2 a.jsonl >empty.jsonl
	run_report --timeline empty.jsonl -o empty.svg a.json
	assert_status 125
	assert_contains "$stderr" "nothing to draw"
}

@test "report: the manual page has every option of --help" {
	local option
	run_report --help
	assert_status 0
	for option in $(grep -oE -e '--[a-z-]+' <<<"$output" | sort -u); do
		grep -qF -e "-${option#-}" <(sed -nE 's/.*Fl -/-/p; s/.*Fl ([a-z]) .*/\1/p' "$TOP/cmd/man/minirun-report.1" | sed 's/^-/--/') ||
			[ "$option" = --status ] || fail "minirun-report.1 lacks $option"
	done
}
