#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Namespaces: new, joined by path and shared; user id mappings, host names, time offsets,
# sysctls, the loopback device, the view of cgroups.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
}

# A program that prints a link of every namespace.
LINKS='for n in pid mnt ipc uts net cgroup user time; do
	[ ! -e /proc/self/ns/$n ] || readlink /proc/self/ns/$n; done'

# without TYPE...: these are shared with the host.
without() {
	jq -nr '".linux.namespaces |= map(select(.type as $t | \($ARGS.positional | tojson) | index($t) | not))"' --args -- "$@"
}

# joined TYPE PATH
joined() {
	printf '.linux.namespaces |= (map(select(.type != "%s")) + [{type: "%s", path: "%s"}])' "$1" "$1" "$2"
}

host_link() {
	readlink "/proc/self/ns/$1"
}

# link_of TYPE: in the output of $LINKS.
link_of() {
	grep "^$1:" <<<"$output"
}

# --- new, shared, joined ---

@test "namespaces: each one that is asked for is new" {
	local type
	inside "$LINKS"
	for type in pid mnt ipc uts net cgroup; do
		assert_ne "$(link_of $type)" "$(host_link $type)" "the host's $type namespace"
		assert_matches "$(link_of $type)" "^$type:\[[0-9]+\]$"
	done
	assert_eq "$(link_of user)" "$(host_link user)"
}

@test "namespaces: each one that is not asked for is the host's" {
	local pair
	for pair in ipc:ipc uts:uts network:net cgroup:cgroup; do
		inside "$LINKS" "$(without "${pair%:*}")" 'if (.linux.namespaces | any(.type == "uts")) then . else del(.hostname) end'
		assert_eq "$(link_of "${pair#*:}")" "$(host_link "${pair#*:}")"
	done
}

@test "namespaces: a time namespace" {
	requires timens
	inside "$LINKS; cat /proc/self/timens_offsets" '.linux.namespaces += [{type: "time"}]' \
		'.linux.timeOffsets = {boottime: {secs: 100000, nanosecs: 0}, monotonic: {secs: 5000, nanosecs: 7}}'
	assert_ne "$(link_of time)" "$(host_link time)"
	assert_eq "$(grep -v : <<<"$output" | tr -s ' \t' ' ' | sed 's/^ //;s/ $//')" $'monotonic 5000 7\nboottime 100000 0'
	inside 'cut -d . -f 1 /proc/uptime' '.linux.namespaces += [{type: "time"}]' \
		'.linux.timeOffsets = {boottime: {secs: 100000, nanosecs: 0}}'
	assert_between "$output" 100000 200000000 "uptime"
	assert_between "$((output - $(cut -d . -f 1 /proc/uptime)))" 99990 100010 "offset of the uptime"
}

@test "namespaces: a new one is the first of its kind for the program's pid" {
	inside 'echo $$; ls -d /proc/[0-9]* | head -n 1'
	assert_eq "${lines[0]}" 1
	assert_eq "${lines[1]}" /proc/1
}

@test "namespaces: joined by path" {
	local type
	start_container '.hostname = "first"'
	local first=$PID second=$BUNDLE/second.json
	for type in ipc uts network pid cgroup; do
		local kind=${type/network/net}
		jq "$(joined "$type" "/proc/$first/ns/$kind") | $(args /bin/sh -c "$LINKS")
			| if \"$type\" == \"uts\" then del(.hostname) else . end" "$BUNDLE/config.json" >"$second"
		run --separate-stderr minirun run --name "$(id_of second)" "$second"
		assert_status 0
		assert_eq "$(link_of "$kind")" "$(readlink "/proc/$first/ns/$kind")" "$type"
	done
}

@test "namespaces: a joined pid namespace shows the processes of the other" {
	start_container
	jq "$(joined pid "/proc/$PID/ns/pid") | $(args /bin/sh -c 'cat /proc/1/cmdline | tr "\0" " "')" \
		"$BUNDLE/config.json" >"$BUNDLE/second.json"
	run --separate-stderr minirun run --name "$(id_of second)" "$BUNDLE/second.json"
	assert_status 0
	assert_eq "$output" "/bin/sleep 60 "
	assert_eq "$(oci_state .status)" running
}

@test "namespaces: without a pid namespace every process of the container is ended with init" {
	inside 'sleep 60 & exit 0' "$(without pid)" "$(without cgroup)"
	assert_nothing_left_but_record
}

assert_nothing_left_but_record() {
	minirun delete "$ID"
	assert_nothing_left
}

@test "namespaces: a path that is no namespace, or of another type, is an error" {
	make_spec "$BUNDLE/config.json" "$(joined ipc /proc/self/ns/net)"
	refused 125 "/proc/self/ns/net"
	make_spec "$BUNDLE/config.json" "$(joined ipc /etc/passwd)"
	refused 125 "/etc/passwd"
	make_spec "$BUNDLE/config.json" "$(joined network /none/such)"
	refused 125 "/none/such"
	refute_contains "$stderr" "o such file"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	make_spec "$BUNDLE/config.json" "$(joined network "$BATS_TEST_TMPDIR/fifo")"
	refused 125 "$BATS_TEST_TMPDIR/fifo"
}

@test "namespaces: host and container do not see each other's mounts" {
	inside 'mount -t tmpfs none /mnt && touch /mnt/x && ls /mnt' "$(all_caps)" "$(mount_spec /mnt tmpfs tmpfs)"
	assert_eq "$output" x
	refute_exists "$BUNDLE/rootfs/mnt/x"
}

# --- network ---

@test "namespaces: a new network namespace has lo, up, and nothing else" {
	inside 'ip link show; ip addr show lo'
	assert_contains "$output" "LOOPBACK,UP"
	assert_contains "$output" "127.0.0.1/8"
	assert_eq "$(grep -c '^[0-9]*: .*<.*UP' <<<"$output")" 2
}

@test "namespaces: loopback carries data" {
	# A client that sees the end of the server's stdin first sends nothing: then once more.
	inside 'until [ -s /tmp/got ]; do
		nc -l -p 7777 >/tmp/got & until echo hello | nc 127.0.0.1 7777 2>/dev/null
		do sleep 0.05; done; wait; done; cat /tmp/got'
	assert_eq "$output" hello
}

# --- names ---

@test "namespaces: hostname and domainname, and the host's stay" {
	local host domain
	host=$(cat /proc/sys/kernel/hostname) domain=$(cat /proc/sys/kernel/domainname)
	inside 'hostname; cat /proc/sys/kernel/domainname' '.hostname = "inner" | .domainname = "example.org"'
	assert_eq "$output" $'inner\nexample.org'
	assert_eq "$(cat /proc/sys/kernel/hostname)" "$host"
	assert_eq "$(cat /proc/sys/kernel/domainname)" "$domain"
}

@test "namespaces: a new uts namespace without a hostname has the host's name" {
	inside 'hostname' 'del(.hostname)'
	assert_eq "$output" "$(cat /proc/sys/kernel/hostname)"
}

# --- sysctls ---

@test "namespaces: sysctls of ipc, network and uts" {
	local before
	before=$(cat /proc/sys/kernel/shmmax)
	inside 'cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward /proc/sys/fs/mqueue/msg_max; hostname' \
		'.linux.sysctl = {"kernel.shmmax": "1234567", "net.ipv4.ip_forward": "1", "fs.mqueue.msg_max": "77"}'
	assert_eq "$output" $'1234567\n1\n77\nminirun-test'
	assert_eq "$(cat /proc/sys/kernel/shmmax)" "$before"
}

@test "namespaces: a sysctl that would be the host's is refused before anything is done" {
	make_spec "$BUNDLE/config.json" '.linux.sysctl = {"vm.overcommit_memory": "1"}'
	refused 125 vm.overcommit_memory
	make_spec "$BUNDLE/config.json" '.linux.sysctl = {"kernel.shmmax": "1"}' "$(without ipc)"
	refused 125 kernel.shmmax
	make_spec "$BUNDLE/config.json" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' "$(without network)"
	refused 125 net.ipv4.ip_forward
}

@test "namespaces: a sysctl with a bad value or no file is an error naming it" {
	make_spec "$BUNDLE/config.json" '.linux.sysctl = {"net.ipv4.ip_forward": "nonsense"}'
	refused 125 net.ipv4.ip_forward
	make_spec "$BUNDLE/config.json" '.linux.sysctl = {"net.ipv4.no_such": "1"}'
	refused 125 net.ipv4.no_such
}

# --- cgroup view ---

@test "namespaces: a cgroup namespace shows the own cgroup as /" {
	inside 'cut -d : -f 3 /proc/self/cgroup | sort -u'
	if [ "$CGROUP_MODE" = v2 ]; then
		assert_eq "$output" /
	else
		# Hierarchies that the container does not use show where the caller is.
		assert_contains "$output" /
		inside 'sed -n "s/^[0-9]*:\([^:]*,\)*memory\(,[^:]*\)*://p;s/^0:://p" /proc/self/cgroup | sort -u' "$(memory 32M)"
		assert_eq "$output" /
	fi
}

@test "namespaces: without a cgroup namespace the whole path is seen" {
	inside 'cat /proc/self/cgroup' "$(without cgroup)" "$(memory 32M)"
	assert_contains "$output" "/minirun/$ID"
}

# --- user namespace ---

# The ids that the container's root and user 1000 get on the host.
MAPPED=100000

# In a user namespace the rootfs belongs to its root.
mapped_rootfs() {
	make_rootfs "$BUNDLE/rootfs"
	chown -R "$MAPPED:$MAPPED" "$BUNDLE/rootfs"
	chmod 755 "$BATS_TEST_TMPDIR" "$BUNDLE"
	[ "$(stat -c %a "$BATS_RUN_TMPDIR")" = 755 ] || chmod 755 "$BATS_RUN_TMPDIR"
	chmod 755 "$(dirname "$BATS_TEST_TMPDIR")"
}

@test "userns: uid and gid inside and outside" {
	requires userns
	mapped_rootfs
	inside "$LINKS; id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups" \
		"$(new_userns $MAPPED $MAPPED 65536)"
	assert_ne "$(link_of user)" "$(host_link user)"
	assert_eq "$(grep -v : <<<"$output" | tr -s ' ')" "0
0
 0 100000 65536
 0 100000 65536
allow"
	start_container "$(new_userns $MAPPED $MAPPED 65536)" '.process.user = {uid: 7, gid: 8, additionalGids: [9]}'
	assert_eq "$(stat -c '%u %g' "/proc/$PID")" "100007 100008"
	assert_contains "$(sed -n 's/^Groups:[[:space:]]*//p' "/proc/$PID/status")" 100009
}

@test "userns: several ranges" {
	requires userns
	mapped_rootfs
	inside 'cat /proc/self/uid_map' "$(new_userns $MAPPED $MAPPED 1000)" \
		'.linux.uidMappings += [{containerID: 1000, hostID: 300000, size: 5}]'
	assert_eq "$(tr -s ' ' <<<"$output")" $' 0 100000 1000\n 1000 300000 5'
}

@test "userns: files are made as the mapped user" {
	requires userns
	mapped_rootfs
	inside 'touch /made; stat -c %u /made' "$(new_userns $MAPPED $MAPPED 65536)"
	assert_eq "$output" 0
	assert_eq "$(stat -c %u "$BUNDLE/rootfs/made")" $MAPPED
}

@test "userns: its root has capabilities over its own namespaces only" {
	requires userns
	mapped_rootfs
	inside 'hostname renamed && hostname; mknod /node c 1 3 2>/dev/null || echo no-mknod; mount -t tmpfs none /tmp && echo mounted' \
		"$(new_userns $MAPPED $MAPPED 65536)" "$(all_caps)"
	assert_eq "$output" $'renamed\nno-mknod\nmounted'
}

@test "userns: default devices work, although none can be made" {
	requires userns
	mapped_rootfs
	inside 'echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; ls /dev/tty >/dev/null; readlink /dev/fd' \
		"$(new_userns $MAPPED $MAPPED 65536)"
	assert_eq "$output" $'3\n3\n/proc/self/fd'
}

@test "userns: below the host's root, too, a /dev of its own has the default devices" {
	requires userns
	inside 'echo x >/dev/null; head -c 3 /dev/zero | wc -c; readlink /dev/fd; ls /dev/shm 2>/dev/null || echo own' \
		"$(new_userns 0 0 65536)" '.root = {path: "/"}' \
		'.mounts = [{destination: "/dev", type: "tmpfs", source: "tmpfs"}, {destination: "/proc", type: "proc"}]'
	assert_eq "$output" $'3\n/proc/self/fd\nown'
}

@test "userns: a device of the spec has its owner and mode, and need not be the host's" {
	requires userns
	mapped_rootfs
	kernel_at_least 6.15 || skip "the kernel clones no detached mount"
	inside 'stat -c "%F %t:%T %a %u %g" /dev/full2 /dev/sub/z; head -c 3 /dev/sub/z | wc -c' \
		"$(new_userns $MAPPED $MAPPED 65536)" \
		'.linux.devices = [{path: "/dev/full2", type: "c", major: 1, minor: 7, fileMode: 384},
			{path: "/dev/sub/z", type: "c", major: 1, minor: 5, fileMode: 438, uid: 10, gid: 11}]'
	assert_eq "$output" $'character special file 1:7 600 0 0\ncharacter special file 1:5 666 10 11\n3'
}

@test "userns: an existing one is joined, with new ones of the others" {
	requires userns
	mapped_rootfs
	start_container "$(new_userns $MAPPED $MAPPED 65536)"
	jq "$(joined user "/proc/$PID/ns/user") | del(.linux.uidMappings, .linux.gidMappings)
		| $(args /bin/sh -c "$LINKS; id -u")" "$BUNDLE/config.json" >"$BUNDLE/second.json"
	run --separate-stderr minirun run --name "$(id_of second)" "$BUNDLE/second.json"
	assert_status 0
	assert_eq "$(link_of user)" "$(readlink "/proc/$PID/ns/user")"
	assert_ne "$(link_of pid)" "$(readlink "/proc/$PID/ns/pid")"
	assert_ne "$(link_of pid)" "$(host_link pid)"
	assert_eq "$(grep -v : <<<"$output")" 0
}

@test "userns: without mappings its root is the caller" {
	requires userns
	inside 'id -u; for m in uid gid; do read -r in out n </proc/self/${m}_map; echo $in $out $n; done' \
		'.linux.namespaces += [{type: "user"}]'
	assert_eq "$output" "0"$'\n'"0 $(id -u) 1"$'\n'"0 $(id -g) 1"
}

@test "userns: a user that is not mapped is an error that says so" {
	requires userns
	mapped_rootfs
	make_spec "$BUNDLE/config.json" "$(new_userns $MAPPED $MAPPED 10)" '.process.user = {uid: 5000, gid: 0}'
	refused 125 5000
	make_spec "$BUNDLE/config.json" "$(new_userns $MAPPED $MAPPED 10)" '.process.user.additionalGids = [5000]'
	refused 125 additional
}

@test "userns: mappings without a user namespace, and for users only, are refused" {
	make_spec "$BUNDLE/config.json" '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	refused 125 linux.gidMappings
	make_spec "$BUNDLE/config.json" '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	refused 125 linux.uidMappings
}

# --- as an ordinary user ---

# as_user COMMAND...: uid 65534, without any capability or group.
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all "$@"
}

@test "userns: an ordinary user's command runs in a user namespace, as that user" {
	requires userns setpriv
	local root=/tmp/$ID.root
	mkdir -m 700 "$root"
	chown 65534 "$root"
	cd /
	run --separate-stderr as_user "$MINIRUN" --root "$root" run --rm --name "$ID" -- \
		sh -c 'id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user'
	rm -rf "$root"
	assert_status 0
	# No cgroup may be written, and no limit was asked for.
	assert_contains "$stderr" "no limit is enforced"
	assert_eq "${lines[0]}" 65534
	assert_ne "${lines[2]}" "$(host_link user)"
}

# --- started in a chroot ---

# from_chroot TREE: what calls minirun does so in a chroot at TREE, which shows the whole host and,
# in /mnt, a marker. A mount namespace of its own holds it.
from_chroot() {
	local wrapper=$BATS_TEST_TMPDIR/from-chroot
	mkdir -p "$1"
	cat >"$wrapper" <<-SH
		#!$BASH
		exec unshare --mount --propagation private "$BASH" -euc '
			mount --rbind / "$1" && mount -t tmpfs marked "$1/mnt" && : >"$1/mnt/marker"
			exec chroot "$1" "$MINIRUN" "\$@"' minirun "\$@"
	SH
	chmod 0755 "$wrapper"
	MINIRUN=$wrapper
}

@test "namespaces: started in a chroot that is a mount, no tree but the container's is left in its own" {
	requires root root-mount unshare
	from_chroot "$BATS_TEST_TMPDIR/tree"
	start_container
	# setns(2) leads to the root of the namespace, chroot or not.
	run nsenter --mount="/proc/$PID/ns/mnt" /bin/ls /
	assert_status 0
	assert_contains "$output" memlab
	assert_eq "$(cut -d ' ' -f 5 "/proc/$PID/mountinfo" | grep -c "$BATS_TEST_TMPDIR")" 0
	run minirun exec "$ID" ls /memlab
	assert_status 0
}

@test "namespaces: a command that was started in a chroot has it for its root, and so has an exec" {
	requires root root-mount unshare
	from_chroot "$BATS_TEST_TMPDIR/tree"
	launch run -d --name "$ID" -- sleep 60
	assert_status 0
	run minirun exec "$ID" ls /mnt
	assert_status 0
	assert_eq "$output" marker
}
