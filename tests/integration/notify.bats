#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=notify
#
# NOTIFY_SOCKET: sd_notify(3) from a container to the service manager of its runtime.

load common

setup() {
	common_setup
	requires root cgroups busybox python3
	HOST=$BATS_TEST_TMPDIR/host.sock
	LOG=$BATS_TEST_TMPDIR/heard
}

# What systemd does: prints each datagram as one line, closes the descriptor of a barrier.
listen() {
	background python3 -u -c '
import socket, sys, os
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    print("|".join(data.decode().split("\n")), len(fds))
    for fd in fds:
        os.close(fd)
' "$1"
	LOG=$OUT
	wait_for listening
}

listening() {
	[ -S "$HOST" ] || grep -q "@abstract-$ID" /proc/net/unix
}

# The container's side; python is the host's, bound into it.
say() {
	jq -nr --args '"import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ[\"NOTIFY_SOCKET\"])
" + ($ARGS.positional | join("\n"))' "$@"
}

# notify_spec LINE-OF-PYTHON...
notify_spec() {
	make_spec "$BUNDLE/config.json" '.root.path = "/"' '.mounts |= map(select(.destination == "/proc"))' \
		'.process.env += ["NOTIFY_SOCKET=/nowhere"]' \
		"$(args "$(python3 -c 'import sys; print(sys.executable)')" -c "$(say "$@")")" \
		'.mounts = [{destination: "/run", type: "tmpfs", source: "tmpfs"}] + .mounts'
}

heard() {
	grep -qxF -e "$1" "$LOG"
}

@test "run passes on what it knows, and stays the main process" {
	listen "$HOST"
	notify_spec 's.send(b"STATUS=half\nMAINPID=1\nFDSTORE=1\nX_SECRET=1")' 's.send(b"READY=1")' \
		's.send(b"FDSTORE=1")' 's.send(b"WATCHDOG=1")' 's.send(b"STOPPING=1")'
	NOTIFY_SOCKET=$HOST run minirun run --bundle "$BUNDLE" "$ID"
	assert_status 0
	wait_for heard 'STOPPING=1| 0'
	assert_eq "$(cat "$LOG")" 'STATUS=half| 0
READY=1| 0
WATCHDOG=1| 0
STOPPING=1| 0'
	assert_nothing_left_of_notify
}

assert_nothing_left_of_notify() {
	refute_exists "$ROOT/$ID"
}

@test "start returns when the container is ready, and names it as the main process" {
	listen "$HOST"
	notify_spec 'open("/run/begun", "w")' 's.send(b"READY=1\nSTATUS=up")' 'time.sleep(600)'
	NOTIFY_SOCKET=$HOST launch create --bundle "$BUNDLE" "$ID"
	assert_status 0
	run ! heard "READY=1"
	NOTIFY_SOCKET=$HOST minirun start "$ID"
	assert_eq "$(cat "$LOG")" "READY=1|STATUS=up|MAINPID=$(init_pid)| 0
BARRIER=1 1"
	minirun delete -f "$ID"
	assert_nothing_left_of_notify
}

@test "run --detach of an engine waits as start does" {
	listen "$HOST"
	notify_spec 's.send(b"READY=1")' 'time.sleep(600)'
	NOTIFY_SOCKET=$HOST launch run --detach --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_eq "$(head -n 1 "$LOG")" "READY=1|MAINPID=$(init_pid)| 0"
}

@test "a container that ends without a word ends the waiting" {
	listen "$HOST"
	notify_spec 'os._exit(3)'
	NOTIFY_SOCKET=$HOST launch create --bundle "$BUNDLE" "$ID"
	NOTIFY_SOCKET=$HOST run minirun start "$ID"
	assert_status 0
	assert_eq "$(cat "$LOG")" ""
}

@test "an abstract socket of the manager, and a user namespace" {
	requires userns
	HOST=@abstract-$ID
	background python3 -u -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + sys.argv[1])
while True:
    print(s.recv(4096).decode().strip())
' "abstract-$ID"
	LOG=$OUT
	wait_for listening
	notify_spec 's.send(b"READY=1")'
	jq "$(new_userns 0 0 65536)" "$BUNDLE/config.json" >"$BUNDLE/c.json"
	mv "$BUNDLE/c.json" "$BUNDLE/config.json"
	NOTIFY_SOCKET=$HOST run minirun run --bundle "$BUNDLE" "$ID"
	assert_status 0
	wait_for heard READY=1
	assert_eq "$(cat "$LOG")" "READY=1"
}

@test "without the variable there is no socket, and a manager that is gone is a warning" {
	notify_spec 'pass'
	run minirun run --bundle "$BUNDLE" "$ID"
	assert_status 1
	assert_contains "$output" "FileNotFoundError"
	notify_spec 's.send(b"READY=1")'
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/gone run minirun run --bundle "$BUNDLE" "$ID"
	assert_status 0
	assert_contains "$output" "NOTIFY_SOCKET: a message could not be passed on (ENOENT)"
}
