#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The command line: options, errors, exit statuses, the log, companions, manual pages.

# bats sets stderr and stderr_lines; the single quotes are meant.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load common

MAN=$TOP/cmd/man

# minirun apart from its stderr, which goes to $stderr.
cli() {
	run --separate-stderr minirun "$@"
}

# refused CODE TEXT ARGS...: that exit status, that first line on stderr, no stdout.
refused() {
	local code=$1 text=$2
	shift 2
	cli "$@"
	assert_status "$code"
	assert_eq "$output" "" "stdout"
	assert_eq "${stderr_lines[0]}" "minirun: $text" "stderr"
}

# The words before the help of a command that say which options it has.
options_in_help() {
	"$MINIRUN" ${1:+"$1"} --help |
		sed -nE 's/^ {2,6}(-(.), )?--([a-z-]+)( .*)?$/\3 \2/p' | sed 's/ $//'
}

# "--long letter" of each item in a page.
options_in_page() {
	sed -nE -e 's/^\.It Fl (.) , Fl -([a-z-]+)( .*)?$/\2 \1/p' \
		-e 's/^\.It Fl -([a-z-]+)( .*)?$/\1/p' "$MAN/$1"
}

# page_matches PAGE COMMAND...: an empty COMMAND is minirun itself.
page_matches() {
	local page=$1 command
	shift
	[ -f "$MAN/$page" ] || skip "the manual pages are not here"
	for command; do
		options_in_help "$command"
	done | sort >"$BATS_TEST_TMPDIR/help"
	options_in_page "$page" | sort >"$BATS_TEST_TMPDIR/page"
	[ -s "$BATS_TEST_TMPDIR/help" ] || fail "no options in the help of $*"
	diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page" ||
		fail "< only in --help, > only in $page"
}

# --- help, version, commands ---

@test "cli: without a command the help, exit 0" {
	run --separate-stderr "$MINIRUN"
	assert_status 0
	assert_contains "$output" "Usage: minirun"
	assert_eq "$stderr" ""
}

@test "cli: --help of every command goes to stdout, exit 0" {
	local command
	"$MINIRUN" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
	grep -qx run "$BATS_TEST_TMPDIR/commands"
	while read -r command; do
		cli "$command" --help
		assert_status 0
		assert_contains "$output" "minirun $command"
		assert_eq "$stderr" "" "stderr of $command --help"
		assert_eq "$("$MINIRUN" help "$command")" "$output"
	done <"$BATS_TEST_TMPDIR/commands"
}

@test "cli: --version has the lines that engines look for" {
	run "$MINIRUN" --version
	assert_status 0
	assert_matches "${lines[0]}" '^minirun version [0-9]+\.[0-9]+\.[0-9]+'
	assert_matches "${lines[1]}" '^commit: .'
	assert_eq "${lines[2]}" "spec: 1.3.0"
	assert_eq "$("$MINIRUN" -v)" "$output"
	assert_eq "$("$MINIRUN" version)" "$output"
}

@test "cli: checkpoint and restore need CRIU, and say so" {
	refused 1 "checkpoint is not supported: minirun is built without CRIU" checkpoint --image-path /tmp/image --leave-running "$ID"
	refused 1 "restore is not supported: minirun is built without CRIU" restore --bundle "$BUNDLE" --detach "$ID"
}

@test "cli: an unknown command is exit 3" {
	refused 3 "unknown command 'nosuch'" nosuch
	refused 3 "unknown command 'nosuch'" help nosuch
	refused 3 "unknown command '../run'" ../run
}

@test "cli: an unknown command leads to the help, and to the one that was meant" {
	local word
	for word in inspekt:inspect pss:ps selftests:selftest; do
		refused 3 "unknown command '${word%:*}'" "${word%:*}"
		assert_contains "$stderr" "hint: did you mean minirun ${word#*:}? minirun --help lists the commands"
	done
	for word in nosuch "" "$(printf 'x%.0s' {1..500})"; do
		refused 3 "unknown command '$word'" "$word"
		assert_contains "$stderr" "hint: minirun --help lists the commands"
	done
}

@test "cli: an unknown command X executes minirun-X from PATH" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "$MINIRUN_ROOT|$*"\nexit 9\n' >"$BATS_TEST_TMPDIR/bin/minirun-hello"
	chmod +x "$BATS_TEST_TMPDIR/bin/minirun-hello"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run "$MINIRUN" --root "$ROOT" hello -x --help
	assert_status 9
	assert_eq "$output" "$ROOT|-x --help"
}

# A copy of the program with a companion beside it; the companion says who calls it.
companion_dir() {
	DIR=$BATS_TEST_TMPDIR/dir
	mkdir "$DIR"
	cp "$MINIRUN" "$DIR/minirun"
	printf '#!/bin/sh\necho "$MINIRUN|$*"\n' >"$DIR/minirun-hello"
	chmod +x "$DIR/minirun-hello"
}

@test "cli: a companion beside the program is found, whatever its arguments are" {
	companion_dir
	run "$DIR/minirun" hello run 01
	assert_status 0
	assert_eq "$output" "$DIR/minirun|run 01"
	# Installed: bin/minirun, libexec/minirun/minirun-hello
	mkdir -p "$BATS_TEST_TMPDIR/libexec/minirun"
	sed 's/echo "/echo "libexec/' "$DIR/minirun-hello" >"$BATS_TEST_TMPDIR/libexec/minirun/minirun-bye"
	chmod +x "$BATS_TEST_TMPDIR/libexec/minirun/minirun-bye"
	run "$DIR/minirun" bye
	assert_eq "$output" "libexec$DIR/minirun|"
	run "$DIR/minirun" help hello
	assert_eq "$output" "$DIR/minirun|--help"
}

@test "cli: beside the program only the same owner's files are companions" {
	requires root
	companion_dir
	chown 1234 "$DIR/minirun-hello"
	run --separate-stderr "$DIR/minirun" hello
	assert_status 3
	rm "$DIR/minirun-hello"
	ln -s /bin/true "$DIR/minirun-hello"
	run --separate-stderr "$DIR/minirun" hello
	assert_status 3
}

@test "cli: the current directory is not searched for companions" {
	cd "$BATS_TEST_TMPDIR"
	printf '#!/bin/sh\necho found\n' >minirun-hello
	chmod +x minirun-hello
	PATH=:.:$PATH run --separate-stderr "$MINIRUN" hello
	assert_status 3
	assert_eq "$output" ""
}

# --- options ---

@test "cli: an unknown option is exit 1, alone 125, and names itself" {
	refused 1 "unknown option '--nosuch'" --nosuch
	refused 1 "unknown option '--nosuch'" state --nosuch x
	refused 1 "unknown option '-nosuch'" delete -nosuch=3 x
	refused 125 "unknown option '--nosuch'" run --nosuch
	refused 125 "unknown option '--nosuch'" plan --nosuch
	refused 1 "unknown option '--nosuch'" run --bundle / --nosuch x
}

@test "cli: long options take one dash or two, and = or a word" {
	local form
	for form in --format=json -format=json "--format json" "-format json" "-f json" "-f=json"; do
		# shellcheck disable=SC2086 # two words are meant
		cli list $form
		assert_status 0
		assert_eq "$output" "[]" "list $form"
	done
	cli list --quiet=true
	assert_status 0
	assert_eq "$output" ""
	refused 1 "option --quiet: expected true or false, found 'maybe'" list --quiet=maybe
}

@test "cli: short options are not bundled, and the hint says what to write" {
	refused 125 "unknown option '-it'" run -it -- true
	assert_eq "${stderr_lines[1]}" "minirun: hint: short options stand alone: -i -t"
	refused 125 "unknown option '-m64m'" run -m64m -- true
	assert_eq "${stderr_lines[1]}" "minirun: hint: write -m 64m"
}

@test "cli: wrong values and counts are named" {
	refused 125 "option '--name' needs a value" run --name
	refused 125 "option --timeout: expected a time as 10, 1.5s, 300ms, 2m or 1h, found 'soon'" \
		run --timeout soon x.json
	refused 125 "option --preserve-fds: expected a number, found '-1'" run --preserve-fds -1 x.json
	refused 1 "state needs an argument" state
	refused 1 "state: 'b' is one argument too many" state a b
	refused 1 "list: 'x' is one argument too many" list x
	refused 1 "option --format: expected table or json, found 'xml'" list --format xml
}

@test "cli: --restart is refused with the reason" {
	cli run --restart always -- true
	assert_status 125
	assert_contains "$stderr" "there is no daemon"
}

@test "cli: values that --cgroup-manager and --rootless do not have" {
	refused 1 "option --cgroup-manager: expected cgroupfs, disabled or systemd, found 'x'" \
		--cgroup-manager x list
	refused 1 "option --rootless: expected true, false or auto, found 'maybe'" --rootless maybe list
	cli --criu /usr/sbin/criu --cgroup-manager cgroupfs --rootless auto list -q
	assert_status 0
}

@test "cli: the state root is never /" {
	local dir
	for dir in / // ''; do
		run --separate-stderr "$MINIRUN" --root "$dir" list
		assert_status 1
		assert_eq "$stderr" "minirun: --root '$dir' is no place for state directories"
	done
}

@test "cli: MINIRUN_ROOT is the state root where --root is not given" {
	mkdir -m 700 "$BATS_TEST_TMPDIR/other"
	MINIRUN_ROOT=/ run --separate-stderr "$MINIRUN" list
	assert_status 1
	MINIRUN_ROOT=$BATS_TEST_TMPDIR/other run "$MINIRUN" list -q
	assert_status 0
	MINIRUN_ROOT=/ run "$MINIRUN" --root "$ROOT" list -q
	assert_status 0
}

# --- which form of run ---

@test "cli: run tells spec file, program and id apart" {
	refused 125 "run needs a spec file, a program behind --, or an id" run
	refused 125 "there is no file './none.json'" run ./none.json
	refused 125 "there is no file 'none.json'" run none.json
	assert_contains "$stderr" "hint: give the path of a spec"
	refused 125 "'$BUNDLE' is no spec file but a directory" run "$BUNDLE"
	cd "$BATS_TEST_TMPDIR"
	refused 1 "'foo' is no file, and as an id it needs a bundle: there is no config.json here" run foo
	echo '{}' >x.json
	refused 125 "run: 'more' is one argument too many" run x.json more
}

@test "cli: docker's options are refused for a spec file, with the member that says the same" {
	echo '{}' >"$BATS_TEST_TMPDIR/x.json"
	refused 125 "option --memory belongs to command mode, not to a spec file" \
		run -m 64m "$BATS_TEST_TMPDIR/x.json"
	assert_contains "${stderr_lines[1]}" "linux.resources.memory.limit"
	refused 125 "option --print-spec belongs to command mode" run --print-spec "$BATS_TEST_TMPDIR/x.json"
}

@test "cli: --print-spec prints a spec and runs nothing" {
	cli run -m 64m -h box -e A=b --print-spec -- /bin/prog -m 1
	assert_status 0
	assert_eq "$stderr" ""
	assert_eq "$(jq -c .process.args <<<"$output")" '["/bin/prog","-m","1"]'
	assert_eq "$(jq .linux.resources.memory.limit <<<"$output")" 67108864
	assert_eq "$(jq -r .hostname <<<"$output")" box
	assert_contains "$(jq -c .process.env <<<"$output")" '"A=b"'
	cli list -q
	assert_eq "$output" ""
	# The option alone is enough for command mode.
	cli run -m 64m --print-spec /bin/prog
	assert_status 0
	assert_eq "$(jq -c .process.args <<<"$output")" '["/bin/prog"]'
}

@test "cli: plan and --dry-run show steps and leave nothing" {
	requires busybox
	make_spec "$BUNDLE/config.json"
	cli plan "$BUNDLE/config.json"
	assert_status 0
	assert_contains "$output" "$BUNDLE/rootfs"
	assert_eq "$stderr" ""
	cli run --dry-run -m 64m -- /bin/true
	assert_status 0
	assert_contains "$output" 67108864
	cli list -q
	assert_eq "$output" ""
	refused 125 "plan needs an argument" plan
}

# --- errors and the log ---

@test "cli: a missing container is an error that engines know, --force none" {
	cli state "$ID"
	assert_status 1
	assert_contains "$stderr" "does not exist"
	assert_eq "$output" ""
	cli delete "$ID"
	assert_status 1
	assert_contains "$stderr" "does not exist"
	cli delete --force "$ID"
	assert_status 0
	assert_eq "$stderr$output" ""
	cli rm -f "$ID"
	assert_status 0
}

@test "cli: ids are checked in every verb" {
	local verb id
	for verb in state kill pause resume delete stop wait logs "ps" "delete -f" "kill -a"; do
		for id in .. . a/b 'a b' ''; do
			# shellcheck disable=SC2086 # verb and option
			cli $verb "$id"
			assert_status 1
			assert_eq "$output" "" "stdout of $verb"
		done
	done
}

@test "cli: one failure of several is an error, each is said" {
	cli delete "$(id_of a)" "$(id_of b)"
	assert_status 1
	assert_eq "$(grep -vc ' hint: ' <<<"$stderr")" 2
	assert_contains "$stderr" "$(id_of a)"
	assert_contains "$stderr" "$(id_of b)"
}

@test "cli: an unknown signal is named" {
	refused 1 "unknown signal 'NOSUCH'" kill "$ID" NOSUCH
	refused 1 "unknown signal '-1'" kill "$ID" -1
	refused 1 "kill: 'TERM' is one argument too many" kill -s KILL "$ID" TERM
}

@test "cli: --log gets exactly one JSON object a failure, none for a success" {
	local log=$BATS_TEST_TMPDIR/a:b.log
	cli --log "$log" --log-format json list
	assert_status 0
	assert_eq "$(cat "$log")" ""
	cli --log "$log" --log-format=json state "$ID"
	assert_status 1
	assert_eq "$(jq -s length "$log")" 1
	assert_eq "$(jq -r .level "$log")" error
	assert_eq "minirun: $(jq -r .msg "$log")" "${stderr_lines[0]}"
	assert_matches "$(jq -r .time "$log")" '^[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{9}Z$'
	cli --log="file:$log" --log-format json delete "$(id_of a)" "$(id_of b)"
	assert_eq "$(jq -s length "$log")" 2
	assert_eq "$(stat -c %a "$log")" "$(printf '%o' $((0644 & ~$(umask))))"
}

@test "cli: a text log line, also with --log behind the command" {
	local log=$BATS_TEST_TMPDIR/log
	cli state --log "$log" "$ID"
	assert_status 1
	assert_matches "$(cat "$log")" '^level=error msg=".*does not exist.*" time="[^"]*"$'
}

# with_socket PATH COMMAND...: prints the first datagram that the command sends to PATH, where
# only the command can see it.
with_socket() {
	# shellcheck disable=SC2016 # the inner shell's variables
	unshare -m bash -ec '
		path=$1 dir=${1%/*} bin=$2
		shift 2
		[ -d "$dir" ] || { mount -t tmpfs tmpfs /run; mkdir -p "$dir"; }
		[ "$dir" = /run/systemd/journal ] || mount -t tmpfs tmpfs "$dir"
		[ -e /dev/null ] || mknod -m 666 /dev/null c 1 3
		exec python3 - "$path" "$bin" "$@"' bash "$@" <<'PY'
import socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(10)
code = subprocess.run(sys.argv[2:], stderr=subprocess.DEVNULL).returncode
print(s.recv(65536).decode(), code)
PY
}

@test "cli: errors go to the journal and to syslog" {
	requires root python3
	run with_socket /run/systemd/journal/socket "$MINIRUN" --root "$ROOT" --log journald:me state "$ID"
	assert_status 0
	assert_matches "$output" '^PRIORITY=3
SYSLOG_IDENTIFIER=me
SYSLOG_PID=[0-9]+
MESSAGE=.*does not exist.*
 1$'
	run with_socket /dev/log "$MINIRUN" --root "$ROOT" --log syslog:me state "$ID"
	assert_status 0
	assert_matches "$output" '^<11>me\[[0-9]+\]: .*does not exist.* 1$'
}

@test "cli: a log that cannot be used is an error before anything is done" {
	ln -s "$BATS_TEST_TMPDIR/target" "$BATS_TEST_TMPDIR/link"
	refused 1 "cannot open the log '$BATS_TEST_TMPDIR/link' (ELOOP)" --log "$BATS_TEST_TMPDIR/link" list
	refute_exists "$BATS_TEST_TMPDIR/target"
	refused 1 "option --log: 'journald:' lacks the identifier behind ':'" --log journald: list
	[ -e /run/systemd/journal/socket ] ||
		refused 1 "cannot open the log '/run/systemd/journal/socket' (ENOENT)" --log journald:x list
	[ -e /dev/log ] || refused 1 "cannot open the log '/dev/log' (ENOENT)" --log syslog:x list
	refused 1 "option --log-format: expected text or json, found 'xml'" --log-format xml list
	refused 1 "option --log-level: expected error, warning or debug, found 'loud'" --log-level loud list
}

@test "cli: control characters of a name do not reach the terminal" {
	cli $'no\e[1mcommand'
	assert_status 3
	assert_eq "${stderr%%$'\n'*}" "minirun: unknown command 'no\\x1b[1mcommand'"
}

@test "cli: lost output is an error" {
	[ -w /dev/full ] || skip "needs /dev/full: not there"
	run --separate-stderr bash -c '"$1" --version >/dev/full' - "$MINIRUN"
	assert_status 1
	assert_contains "$stderr" "standard output could not be written (ENOSPC)"
}

@test "cli: closed descriptors are no trap" {
	run bash -c '"$1" --root "$2" list -q <&- >&- 2>&-' - "$MINIRUN" "$ROOT"
	assert_status 0
}

# --- commands that need no container ---

@test "cli: spec writes a config.json and never overwrites one" {
	cli spec -b "$BUNDLE"
	assert_status 0
	assert_eq "$output$stderr" ""
	assert_eq "$(jq -r .ociVersion "$BUNDLE/config.json")" 1.3.0
	refused 1 "'config.json' is already there and is not overwritten" spec --bundle "$BUNDLE"
	ln -s nowhere "$BUNDLE/link.json"
	refused 1 "'link.json' is already there and is not overwritten" spec -b "$BUNDLE" -f link.json
	refute_exists "$BUNDLE/nowhere"
	cli spec --rootless --file -
	assert_status 0
	assert_eq "$(jq -r '[.linux.namespaces[].type] | index("user") != null' <<<"$output")" true
}

@test "cli: check tells what is there, in text and JSON" {
	cli check --json
	assert_eq "$stderr" ""
	assert_eq "$(jq -r .layout <<<"$output")" "$CGROUP_MODE"
	assert_eq "$(jq -r '.items[] | select(.name == "memory").state' <<<"$output")" \
		"$(has_controller memory && echo ok || echo missing)"
	assert_eq "$(jq -r '[.items[] | select(.state == "missing" and .affects == null)] | length' <<<"$output")" 0
	assert_status "$(jq -r 'if .ok then 0 else 1 end' <<<"$output")"
	jq -r '.items[].name' <<<"$output" >"$BATS_TEST_TMPDIR/names"
	cli check
	assert_eq "$(sed -n '/^$/q;s/ .*//p' <<<"$output")" "$(cat "$BATS_TEST_TMPDIR/names")"
}

@test "cli: every item of check is in its page" {
	local name
	[ -f "$MAN/minirun-check.1" ] || skip "the manual pages are not here"
	"$MINIRUN" check --json | jq -r '.items[].name' | while read -r name; do
		grep -qE "^\.It Cm (.* )?$name( .*)?$" "$MAN/minirun-check.1" ||
			fail "minirun-check.1 lacks $name"
	done
}

@test "cli: empty lists" {
	cli list
	assert_status 0
	assert_matches "$output" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER$'
	cli list --format json
	assert_eq "$output" "[]"
	cli ps
	assert_status 0
	assert_matches "$output" '^CONTAINER ID +COMMAND +CREATED +STATUS +NAME$'
	cli ps -a --format json
	assert_eq "$output" ""
	refute_exists "$ROOT/lock"
}

@test "cli: inspect of nothing prints an empty array and fails" {
	cli inspect "$ID"
	assert_status 1
	assert_eq "$output" "[]"
	assert_contains "$stderr" "$ID"
}

# --- commands on containers ---

# A detached container of command mode; it lives until it is stopped.
start_detached() {
	launch run -d --name "$ID" "$@"
	assert_status 0
	assert_eq "$output" "$ID" "stdout of run -d"
}

@test "cli: ps, list and wait show a container while it runs and after" {
	requires root cgroups
	start_detached -- sleep 1000
	cli ps
	assert_matches "${lines[1]}" "^$ID +\"sleep 1000\" +[^ ].* ago +Up [^ ].* $ID\$"
	cli ps --format json
	assert_eq "$(jq -r '[.ID, .State, .ExitCode, .Pid > 1] | @csv' <<<"$output")" "\"$ID\",\"running\",,true"
	cli list
	assert_matches "${lines[1]}" "^$ID +[0-9]+ +running "
	background_minirun wait "$ID"
	cli kill -s KILL "$ID"
	assert_status 0
	wait "$BG_PID"
	assert_eq "$(cat "$OUT")" 137
	cli ps
	assert_eq "${#lines[@]}" 1
	cli ps -a
	assert_matches "${lines[1]}" 'Exited \(137\) [^ ].* ago +[^ (]+$'
	cli list
	assert_matches "${lines[1]}" "^$ID +0 +stopped "
	cli list -q
	assert_eq "$output" "$ID"
	cli kill "$ID"
	assert_status 1
	assert_contains "$stderr" "container not running"
	cli kill --all "$ID" KILL
	assert_status 0
}

@test "cli: ps ID shows the processes of that container only" {
	requires root cgroups ps
	start_detached -- sh -c 'sleep 1001 & sleep 1002'
	wait_for _has_processes 3
	cli ps --format json "$ID"
	assert_eq "$(jq -c 'all(. > 1)' <<<"$output")" true
	jq -r '.[]' <<<"$output" | sort >"$BATS_TEST_TMPDIR/pids"
	cli ps "$ID" -o args,pid
	assert_matches "${lines[0]}" '^COMMAND +PID$'
	sed -n '2,$s/.* //p' <<<"$output" | sort >"$BATS_TEST_TMPDIR/ps"
	diff "$BATS_TEST_TMPDIR/pids" "$BATS_TEST_TMPDIR/ps"
	assert_contains "$output" "sleep 1001"
	cli ps "$ID" -o args
	assert_status 1
	assert_contains "$stderr" "no column PID"
}

_has_processes() {
	[ "$(minirun ps --format json "$ID" | jq length)" -ge "$1" ]
}

@test "cli: logs keeps the streams apart, --follow ends with the container" {
	requires root cgroups
	mkfifo "$BATS_TEST_TMPDIR/go"
	# shellcheck disable=SC2016 # for the shell inside
	start_detached -v "$BATS_TEST_TMPDIR:$BATS_TEST_TMPDIR" -- sh -c \
		"echo one; echo two >&2; read -r x <$BATS_TEST_TMPDIR/go; echo three; printf no-newline"
	background_minirun logs -f "$ID"
	wait_for grep -q one "$OUT"
	wait_for grep -q two "$ERR"
	echo >"$BATS_TEST_TMPDIR/go"
	wait "$BG_PID"
	assert_eq "$(cat "$OUT")" "$(printf 'one\nthree\nno-newline')"
	assert_eq "$(cat "$ERR")" two
	cli logs "$ID"
	assert_eq "$output" "$(cat "$OUT")"
	assert_eq "$stderr" two
}

@test "cli: stop, pause and resume take several ids" {
	requires root cgroups
	start_detached -- sleep 1000
	cli pause "$ID"
	assert_status 0
	cli ps
	assert_contains "$output" "(Paused)"
	cli unpause "$ID"
	assert_status 0
	cli stop -t 5 "$(id_of none)" "$ID"
	assert_status 1
	assert_contains "$stderr" "$(id_of none)"
	assert_eq "$(state .State.Running)" false
	cli rm "$ID"
	assert_status 0
	refute_exists "$ROOT/$ID"
}

@test "cli: one line after an OOM kill, none with --quiet, always with --summary" {
	requires root memory memlab
	cli run -m 32m --name "$ID" -- "$MEMLAB" anon 64M
	assert_status 137
	assert_matches "$stderr" '^minirun: OOM-killed memlab '
	assert_eq "${#stderr_lines[@]}" 1
	cli inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' "$ID"
	assert_eq "$output" "true 137"
	cli ps -a
	assert_contains "$output" "(OOM)"
	cli run -m 32m --rm --quiet -- "$MEMLAB" anon 64M
	assert_status 137
	assert_eq "$stderr" ""
	cli run -m 32m --rm -- true
	assert_eq "$stderr" ""
	cli run -m 32m --rm --summary -- true
	assert_eq "${#stderr_lines[@]}" 1
	assert_matches "$stderr" '^minirun: '
}

@test "cli: exit statuses of a program, and of none" {
	requires root cgroups
	cli run --rm -- sh -c 'exit 5'
	assert_status 5
	cli run --rm -- sh -c 'kill -USR1 $$'
	assert_status 138
	cli run --rm --timeout 100ms -- sleep 1000
	assert_status 124
	run -127 --separate-stderr minirun run --rm -- /nonexistent
	assert_contains "$stderr" "no such file or directory"
	run -127 --separate-stderr minirun run --rm -- "$BATS_TEST_FILENAME.d"
	cli run --rm -- /etc/passwd
	assert_status 126
	assert_contains "$stderr" "permission denied"
}

@test "cli: the OCI form exits 1 where a run alone says 127, and prints nothing of its own" {
	requires root cgroups busybox
	make_spec "$BUNDLE/config.json" "$(args /bin/none)"
	cli run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_eq "$output" ""
	run -127 --separate-stderr minirun run "$BUNDLE/config.json"
	make_spec "$BUNDLE/config.json" "$(args /bin/sh -c 'echo out; exit 4')"
	cli run -bundle "$BUNDLE" -no-subreaper "$ID"
	assert_status 4
	assert_eq "$output$stderr" out
}

# --- manual pages ---

@test "man: every option of minirun and spec is in minirun(1) and the reverse" {
	page_matches minirun.1 '' spec
}

@test "man: every option of run is in minirun-run(1) and the reverse" {
	page_matches minirun-run.1 run
}

@test "man: every option of plan is in minirun-plan(1) and the reverse" {
	page_matches minirun-plan.1 plan
}

@test "man: every option of check is in minirun-check(1) and the reverse" {
	page_matches minirun-check.1 check
}

@test "man: every option of lab is in minirun-lab(1) and the reverse" {
	page_matches minirun-lab.1 lab
}

@test "man: every option of explain is in minirun-explain(1) and the reverse" {
	page_matches minirun-explain.1 explain
}

@test "man: every option of score is in minirun-score(1) and the reverse" {
	page_matches minirun-score.1 score
}

@test "man: every option of inspect, ps, list, logs, wait is in their page and the reverse" {
	page_matches minirun-inspect.1 inspect ps list logs wait
}

@test "man: every option of events is in minirun-events(1) and the reverse" {
	page_matches minirun-events.1 events
}

@test "man: every option of update is in minirun-update(1) and the reverse" {
	page_matches minirun-update.1 update
}

@test "man: every option of the verbs is in minirun-lifecycle(1) and the reverse" {
	page_matches minirun-lifecycle.1 kill stop pause resume delete state
}

@test "man: every option of selftest is in minirun-selftest(1) and the reverse" {
	page_matches minirun-selftest.1 selftest
}

@test "man: every member of the record's schema is in minirun-status(5)" {
	local name
	[ -f "$MAN/minirun-status.5" ] || skip "the manual pages are not here"
	[ -f "$TOP/configs/status.schema.json" ] || skip "the schema is not here"
	jq -r '[.. | .properties? // empty | keys[]] | unique[]' "$TOP/configs/status.schema.json" |
		while read -r name; do
			grep -qw "$name" "$MAN/minirun-status.5" || fail "minirun-status.5 lacks $name"
		done
}

@test "man: mandoc finds nothing" {
	requires mandoc
	[ -d "$MAN" ] || skip "the manual pages are not here"
	run mandoc -T lint -W warning "$MAN"/*.[15]
	assert_status 0
	assert_eq "$output" ""
}

@test "man: every page lists exit statuses" {
	local page
	[ -d "$MAN" ] || skip "the manual pages are not here"
	for page in "$MAN"/*.[15]; do
		grep -qx '.Sh EXIT STATUS' "$page" || fail "no EXIT STATUS in $page"
	done
}

@test "man: every option of create is in minirun-oci(1) and the reverse" {
	page_matches minirun-oci.1 create start
}

@test "man: every option of exec is in minirun-exec(1) and the reverse" {
	page_matches minirun-exec.1 exec
}

@test "cli: plan of a command says what to write, --help=false is no --help" {
	run --separate-stderr minirun plan -- true
	assert_status 125
	assert_contains "$stderr" "hint: the steps of a command: minirun run --dry-run [OPTION...] -- PROGRAM"
	run minirun list --help=false --quiet
	assert_status 0
	assert_eq "$output" ""
	run --separate-stderr minirun list --help=x
	assert_contains "$stderr" "option --help: expected true or false, found 'x'"
}

@test "cli: an id that the spec's file name cannot give has --name as its cure" {
	minirun spec -f - >"$BATS_TEST_TMPDIR/a b.json"
	run --separate-stderr minirun run "$BATS_TEST_TMPDIR/a b.json"
	assert_status 125
	assert_contains "$stderr" "the id that '$BATS_TEST_TMPDIR/a b.json' gives: container ID 'a b': invalid character ' '"
	assert_contains "$stderr" "hint: give another with --name ID"
	run --separate-stderr minirun run --name 'a b' "$BATS_TEST_TMPDIR/a b.json"
	refute_contains "$stderr" "--name ID"
}

@test "cli: a bad option before the command fails with the command's own status" {
	local option
	for option in "--root /" "--log-format xml" "--log /nonexistent/x" "--cgroup-manager x" "--none"; do
		# shellcheck disable=SC2086
		{
			cli $option run -- true
			assert_status 125
			cli $option run spec.json
			assert_status 125
			cli $option plan spec.json
			assert_status 125
			cli $option run --bundle . id
			assert_status 1
			cli $option run -b . id
			assert_status 1
			cli $option list
			assert_status 1
		}
	done
}
