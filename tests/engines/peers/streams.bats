# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# What a program is connected to: terminals, descriptors of the caller; and files with pids.
# shellcheck disable=SC2154,SC2016
load ../../integration/common
load common

setup_file() {
	peers_begin busybox python3
}

# Prints what comes to the socket that it makes: descriptors, words, then the terminal's size,
# modes and output.
_console() {
	cat <<'PY'
import array, fcntl, os, socket, struct, sys, termios
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
open(sys.argv[1] + ".ready", "w").close()
c, _ = s.accept()
said, ancillary, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(64))
fds = array.array("i", ancillary[0][2])
print("descriptors", len(fds))
print("message", said.decode().rstrip("\0") or "none")
out = b""
try:
    while got := os.read(fds[0], 4096):
        if not out:
            print("modes", " ".join("%o" % m for m in termios.tcgetattr(fds[0])[:4]))
        out += got
except OSError:
    pass
sys.stdout.write(out.decode().replace("\r", "\\r"))
PY
}

# with_console WHAT ARGS...: a command line whose terminal comes to a socket.
with_console() {
	local what=$1 pid
	shift
	rm -f "$WORK/console" "$WORK/console.ready"
	timeout 20 python3 -c "$(_console)" "$WORK/console" >"$WORK/terminal" 2>&1 </dev/null 3>&- 4>&- &
	pid=$!
	wait_for test -e "$WORK/console.ready"
	try "$what" "$@"
	[[ $what != create* ]] || try "$what, start" start "$ID"
	if grep -q "^exit 0" <<<"$(sed -n "s/^$what\t//p" "$NOTES" | tail -n 1)"; then
		wait "$pid" || note "$what, terminal" "nothing came"
		notes "$what terminal" <"$WORK/terminal"
	else
		kill "$pid"
		wait "$pid" || true
	fi
}

# What a program sees of its terminal.
look_tty() {
	cat <<'SH'
echo "is $(tty)"
echo "size $(stty size)"
echo "flags $(stty -a | sed 1d | tr '\n' ' ')"
echo "owner $(stat -c '%u:%g %a' $(tty))"
echo "console $(stat -c '%A %u:%g %t:%T' /dev/console 2>&1)"
echo "pts $(ls /dev/pts | tr '\n' ' ')"
set -- $(sed 's/.*) //' /proc/$$/stat)
echo "controlling $([ "$5" = 0 ] && echo no || echo yes)"
echo "leader $([ "$4" = $$ ] && echo yes || echo no)"
echo "foreground $([ "$6" = "$3" ] && echo yes || echo no)"
fds=
for fd in /proc/$$/fd/*; do fds="$fds ${fd##*/}=$(readlink $fd | sed 's/:.*//')"; done
echo "fds$fds"
echo "env TERM=$TERM"
SH
}

case_terminals() {
	bundle "$(args /bin/sh -c "$(look_tty)")" '.process.terminal = true'
	try "terminal, no socket" create --bundle "$BUNDLE" "$ID"
	note "terminal, no socket, then" "$(status_of)"
	try "terminal, a missing socket" create --bundle "$BUNDLE" --console-socket "$WORK/none" "$ID"
	note "terminal, a missing socket, then" "$(status_of)"
	try "run, no terminal here" run --bundle "$BUNDLE" "$ID"
	rt delete --force "$ID" >/dev/null 2>&1 || true
	with_console create create --bundle "$BUNDLE" --console-socket "$WORK/console" "$ID"
	rt delete --force "$ID" >/dev/null 2>&1 || true
	bundle "$(args /bin/sh -c "$(look_tty)")" '.process.terminal = true' \
		'.process.consoleSize = {height: 33, width: 77}' '.process.user = {uid: 1000, gid: 1001}'
	with_console "run --detach" run --detach --bundle "$BUNDLE" --console-socket "$WORK/console" "$ID"
	rt delete --force "$ID" >/dev/null 2>&1 || true
	bundle "$(args /bin/sleep 100)"
	try "socket, no terminal" create --bundle "$BUNDLE" --console-socket "$WORK/none" "$ID"
	note "socket, no terminal, then" "$(status_of)"
}

@test "peers: terminals" {
	compare terminals
}

case_exec_terminals() {
	bundle "$(args /bin/sleep 100)"
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	rt start "$ID"
	with_console "exec --tty" exec --detach --tty --console-socket "$WORK/console" "$ID" /bin/sh -c "$(look_tty)"
	jq -n --arg look "$(look_tty)" '{args: ["/bin/sh", "-c", $look], cwd: "/", env: ["PATH=/bin"],
		user: {uid: 3, gid: 4}, terminal: true, consoleSize: {height: 22, width: 66}}' >"$WORK/process"
	with_console "exec --process" exec --detach --process "$WORK/process" --console-socket "$WORK/console" "$ID"
	if [ "$PEER" = crun ]; then # sometimes it does, sometimes not
		sed -i '/^exec --process terminal \(size\|stty:\)/d' "$NOTES"
		not_asked "exec --process terminal size"
	fi
	try "exec --detach --tty, no socket" exec --detach --tty "$ID" /bin/true
	try "exec --detach, a socket" exec --detach --console-socket "$WORK/none" "$ID" /bin/true
	try "exec --tty, a missing socket" exec --detach --tty --console-socket "$WORK/none" "$ID" /bin/true
}

@test "peers: terminals of exec" {
	compare exec_terminals
}

# What came of the caller's descriptors 3 to 5, in which their numbers stand.
look_fds() {
	cat <<'SH'
echo "env $(env | grep ^LISTEN | sort | tr '\n' ' ')"
# No pipe meanwhile: this shell has its ends for a moment.
seen=
for fd in 3 4 5 6 7; do
	[ ! -e /proc/$$/fd/$fd ] || eval "read -r text <&$fd || text=?; seen=\"\$seen fd $fd=\$text\""
done
echo "$seen"
SH
}

# passing WHAT PID FDS ARGS...: LISTEN_PID is `own` or what is given, LISTEN_FDS absent if "".
passing() {
	local what=$1 program=$PEER
	[ "$PEER" != minirun ] || program=$MINIRUN
	timeout 30 bash -c 'exec 3<<<three 4<<<four 5<<<five
		[ -z "$2" ] || export LISTEN_PID=${1/own/$BASHPID} LISTEN_FDS=$2 LISTEN_FDNAMES=a:b
		shift 2
		exec "$@"' bash "$2" "$3" "$program" --root "$ROOT" "${@:4}" >"$WORK/out" 2>"$WORK/err" </dev/null ||
		note "$what fails" "$(class "$(<"$WORK/err")")"
	note "$what" "$(tr '\n' ' ' <"$WORK/out")"
	rt delete --force "$ID.run" >/dev/null 2>&1 || true
}

case_descriptors() {
	bundle "$(args /bin/sh -c "$(look_fds)")"
	local run=(run --bundle "$BUNDLE")
	passing "run" "" "" "${run[@]}" "$ID.run"
	passing "run --preserve-fds" "" "" "${run[@]}" --preserve-fds 2 "$ID.run"
	passing "run --preserve-fds of closed ones" "" "" "${run[@]}" --preserve-fds 9 "$ID.run"
	passing "run, LISTEN_FDS" own 2 "${run[@]}" "$ID.run"
	passing "run, LISTEN_FDS of another" 1 2 "${run[@]}" "$ID.run"
	passing "run, LISTEN_FDS and --preserve-fds" own 1 "${run[@]}" --preserve-fds 1 "$ID.run"
	bundle "$(args /bin/sh -c "$(look_fds)")" '.process.env += ["LISTEN_FDS=2"]'
	passing "run, LISTEN_FDS here and there" own 2 "${run[@]}" "$ID.run"
	bundle "$(args /bin/sleep 100)"
	rt create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1 </dev/null
	rt start "$ID"
	local look=("$ID" /bin/sh -c "$(look_fds)")
	passing "exec" "" "" exec "${look[@]}"
	passing "exec --preserve-fds" "" "" exec --preserve-fds 2 "${look[@]}"
	passing "exec, LISTEN_FDS" own 2 exec "${look[@]}"
	passing "exec, LISTEN_FDS and --preserve-fds" own 1 exec --preserve-fds 1 "${look[@]}"
}

@test "peers: descriptors that are passed on" {
	compare descriptors
}

# How many processes the container has.
_processes() {
	wc -l <"/sys/fs/cgroup/memory$PLACE/cgroup.procs"
}

case_pid_files() {
	local file
	bundle "$(args /bin/sleep 100)"
	try "create --pid-file nowhere" create --bundle "$BUNDLE" --pid-file "$WORK/no/dir" "$ID"
	note "create --pid-file nowhere, then" "$(status_of)"
	rt delete --force "$ID" >/dev/null 2>&1 || true
	try "run --detach" run --detach --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	note "its pid file" "$(tr '0-9' n <"$WORK/pid" | tr -s n | od -An -c)"
	note "its mode" "$(stat -c '%a %u:%g' "$WORK/pid")"
	note "its pid is init's" "$([ "$(cat "$WORK/pid")" = "$(rt state "$ID" | jq .pid)" ] && echo yes || echo no)"
	for file in "$WORK/pid" "$WORK/no/dir"; do
		file=${file/$WORK/WORK}
		try "exec --pid-file $file" exec --detach --pid-file "${file/WORK/$WORK}" "$ID" /bin/sleep 50
		note "exec --pid-file $file, then processes" "$(_processes)"
	done
	try "exec --pid-file, attached" exec --pid-file "$WORK/attached" "$ID" /bin/sh -c 'exit 5'
	note "its pid file is" "$([ -s "$WORK/attached" ] && echo there || echo "not there")"
	try "exec --detach of nothing" exec --detach --pid-file "$WORK/nothing" "$ID" /no/such
	note "its pid file is there" "$([ -e "$WORK/nothing" ] && echo yes || echo no)"
	try "exec --detach that fails" exec --detach "$ID" /bin/sh -c 'exit 6'
}

@test "peers: files with pids" {
	requires cgroup-v1
	compare pid_files
}
