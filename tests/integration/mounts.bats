#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The root and what is mounted in it: types and options, propagation, recursive attributes,
# devices, masked and read-only paths.

# bats sets status, output, stderr; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common
load launching

setup() {
	common_setup
	requires root cgroups busybox
	SRC=$BATS_TEST_TMPDIR/src
	mkdir "$SRC"
	echo data >"$SRC/file"
}

teardown() {
	unmount_below "$SRC"
	common_teardown
}

# unmount_below DIR: what a test has mounted on the host.
unmount_below() {
	local point
	sed -n "s:^[^ ]* [^ ]* [^ ]* [^ ]* \($1[^ ]*\) .*:\1:p" /proc/self/mountinfo | sort -r |
		while read -r point; do umount "$point"; done
}

# options_of POINT: a program that prints the mount's options and those of the file system.
options_of() {
	printf "sed -n 's:^[^ ]* [^ ]* [^ ]* [^ ]* %s \([^ ]*\) \(.* \)*- [^ ]* [^ ]* \(.*\):\\\\1 \\\\3:p' /proc/self/mountinfo" "$1"
}

# --- file systems ---

@test "mounts: proc, sysfs, devpts, tmpfs, mqueue are what they say" {
	inside 'sed -n "s/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - \([^ ]*\) .*/\1 \2/p" /proc/self/mountinfo | sort' \
		"$(mount_spec /dev/mqueue mqueue mqueue nosuid noexec nodev)"
	assert_contains "$output" "/proc proc"
	assert_contains "$output" "/sys sysfs"
	assert_contains "$output" "/dev tmpfs"
	assert_contains "$output" "/dev/pts devpts"
	assert_contains "$output" "/dev/shm tmpfs"
	assert_contains "$output" "/dev/mqueue mqueue"
}

@test "mounts: nothing of the host's tree is visible" {
	inside 'cat /proc/self/mountinfo | cut -d " " -f 5; ls /'
	refute_contains "$output" "$BATS_TEST_TMPDIR"
	refute_contains "$output" "$TOP"
	assert_eq "$(grep -c '^/$' <<<"$output")" 1
}

@test "mounts: options of a mount" {
	inside "$(options_of /mnt); touch /mnt/new 2>/dev/null || echo denied" \
		"$(mount_spec /mnt tmpfs tmpfs nosuid nodev noexec noatime ro)"
	assert_contains "$output" "ro,nosuid,nodev,noexec,noatime"
	assert_contains "$output" denied
}

@test "mounts: tmpfs size, mode, uid and gid" {
	in_container "$(options_of /mnt); stat -c '%a %u %g' /mnt; head -c 2097152 /dev/zero >/mnt/big || echo full" \
		"$(all_caps)" "$(mount_spec /mnt tmpfs tmpfs size=1m mode=1750 uid=5 gid=6)"
	assert_contains "$output" size=1024k
	assert_contains "$output" "1750 5 6"
	assert_contains "$output" full
}

@test "mounts: a tmpfs without a mode has that of what it covers, else 1777" {
	requires root
	inside 'stat -c "%a" /root /new' "$(mount_spec /root tmpfs tmpfs)" "$(mount_spec /new tmpfs tmpfs)"
	assert_eq "$(stat -c %a "$BUNDLE/rootfs/root")"$'\n1777' "$output"
}

@test "mounts: a later option overrides an earlier one" {
	inside "$(options_of /mnt); touch /mnt/new && echo written" "$(mount_spec /mnt tmpfs tmpfs ro nosuid rw suid)"
	assert_contains "$output" written
	refute_contains "$output" nosuid
}

@test "mounts: a new devpts has a ptmx of its own" {
	inside 'ls -l /dev/ptmx | sed "s/.* -> //"; ls /dev/pts'
	assert_eq "$output" $'pts/ptmx\nptmx'
}

@test "mounts: an option that nobody knows is an error naming it" {
	make_spec "$BUNDLE/config.json" "$(mount_spec /mnt tmpfs tmpfs nosuchoption)"
	refused 125 nosuchoption
	assert_contains "$stderr" /mnt
	make_spec "$BUNDLE/config.json" "$(mount_spec /mnt tmpfs tmpfs size=nonsense)"
	refused 125 nonsense
	make_spec "$BUNDLE/config.json" "$(mount_spec /mnt nosuchfs none)"
	refused 125 nosuchfs
}

@test "mounts: a missing destination is made, also a relative one" {
	in_container 'ls -d /made/deep /relative/too; touch /made/deep/x && echo ok' \
		"$(mount_spec /made/deep tmpfs tmpfs)" "$(mount_spec relative/too tmpfs tmpfs)"
	assert_status 0
	assert_contains "$output" ok
	assert_eq "$(grep -c . <<<"$stderr")" 1 "lines on stderr"
	assert_contains "$stderr" "\"relative/too\" is not absolute"
}

# --- binds ---

@test "mounts: bind, writable and read-only" {
	inside 'cat /mnt/file; echo new >/mnt/new && echo written' "$(mount_spec /mnt none "$SRC" bind)"
	assert_eq "$output" $'data\nwritten'
	assert_eq "$(cat "$SRC/new")" new
	in_container 'cat /mnt/file; echo x >/mnt/ro || echo denied' "$(mount_spec /mnt none "$SRC" bind ro)"
	assert_eq "$output" $'data\ndenied'
	refute_exists "$SRC/ro"
}

@test "mounts: bind of a file, with options of its own" {
	inside "cat /etc/file; $(options_of /etc/file)" "$(mount_spec /etc/file none "$SRC/file" bind ro nosuid nodev noexec)"
	assert_eq "${lines[0]}" data
	assert_contains "${lines[1]}" "ro,nosuid,nodev,noexec"
}

@test "mounts: a missing source, and a directory on a file, are errors" {
	make_spec "$BUNDLE/config.json" "$(mount_spec /mnt none /none/such bind)"
	refused 125 /none/such
	refute_contains "$stderr" "o such file"
	make_spec "$BUNDLE/config.json" "$(mount_spec /etc/passwd none "$SRC" bind)"
	refused 125 /etc/passwd
}

@test "mounts: a relative source is looked for beside the spec" {
	mkdir -p "$BUNDLE/beside"
	echo beside >"$BUNDLE/beside/file"
	cd /
	inside 'cat /mnt/file' "$(mount_spec /mnt none beside bind)"
	assert_eq "$output" beside
}

@test "mounts: rbind takes what is mounted below, bind does not" {
	mkdir "$SRC/sub"
	mount -t tmpfs none "$SRC/sub"
	touch "$SRC/sub/below"
	inside 'ls /mnt/sub' "$(mount_spec /mnt none "$SRC" rbind)"
	assert_eq "$output" below
	inside 'ls /mnt/sub' "$(mount_spec /mnt none "$SRC" bind)"
	assert_eq "$output" ""
}

@test "mounts: ro of an rbind is the top's only, rro is recursive" {
	mkdir "$SRC/sub"
	mount -t tmpfs none "$SRC/sub"
	local try='touch /mnt/new 2>/dev/null || echo top; touch /mnt/sub/new 2>/dev/null || echo sub'
	inside "$try" "$(mount_spec /mnt none "$SRC" rbind ro)"
	assert_eq "$output" top
	rm -f "$SRC/sub/new"
	inside "$try" "$(mount_spec /mnt none "$SRC" rbind rro)"
	assert_eq "$output" $'top\nsub'
}

@test "mounts: the other recursive attributes" {
	mkdir "$SRC/sub"
	mount -t tmpfs none "$SRC/sub"
	inside "$(options_of /mnt/sub)" "$(mount_spec /mnt none "$SRC" rbind rnosuid rnodev rnoexec rnoatime)"
	assert_contains "$output" "nosuid,nodev,noexec,noatime"
	inside "$(options_of /mnt/sub)" "$(mount_spec /mnt none "$SRC" rbind)"
	refute_contains "$output" nosuid
}

# --- propagation ---

# propagation OPTION: what /proc/self/mountinfo says of a bind with it, and whether a mount
# made later on the host appears inside.
propagation() {
	make_spec "$BUNDLE/config.json" "$(args sh -c '
		sed -n "s:^[^ ]* [^ ]* [^ ]* [^ ]* /mnt [^ ]* \(.*\) *- .*:\1:p" /proc/self/mountinfo
		echo ready; until [ -e /mnt/go ]; do sleep 0.02; done; ls /mnt/later')" \
		"$(mount_spec /mnt none "$SRC" rbind ${1:+"$1"})" ${2:+"$2"}
	background_minirun run --name "$ID" "$BUNDLE/config.json"
	wait_for grep -q ready "$OUT"
	mkdir -p "$SRC/later"
	mount -t tmpfs none "$SRC/later"
	touch "$SRC/later/arrived" "$SRC/go"
	wait_background
	umount "$SRC/later"
	rm "$SRC/go"
	minirun delete "$ID"
}

@test "mounts: propagation slave, shared, private" {
	mount --bind "$SRC" "$SRC"
	mount --make-shared "$SRC"
	propagation rslave
	assert_contains "$output" master:
	assert_contains "$output" arrived
	propagation rshared
	assert_contains "$output" shared:
	assert_contains "$output" arrived
	propagation rprivate
	refute_contains "$output" shared:
	refute_contains "$output" master:
	refute_contains "$output" arrived
}

@test "mounts: a mount made inside a shared bind appears on the host, and only there" {
	requires root-mount
	mount --bind "$SRC" "$SRC"
	mount --make-shared "$SRC"
	mkdir "$SRC/out"
	inside 'mount -t tmpfs none /mnt/out && touch /mnt/out/inside' "$(all_caps)" "$(mount_spec /mnt none "$SRC" rbind rshared)" \
		'.linux.rootfsPropagation = "shared"'
	assert_exists "$SRC/out/inside"
	umount "$SRC/out"
	inside 'mount -t tmpfs none /mnt/out && touch /mnt/out/inside' "$(all_caps)" "$(mount_spec /mnt none "$SRC" rbind rslave)"
	refute_exists "$SRC/out/inside"
}

@test "mounts: rootfsPropagation of the root" {
	requires root-mount
	local show='sed -n "s:^[^ ]* [^ ]* [^ ]* [^ ]* / [^ ]* \(.*\) *- .*:\1.:p" /proc/self/mountinfo'
	inside "$show" '.linux.rootfsPropagation = "private"'
	assert_eq "$output" .
	inside "$show" '.linux.rootfsPropagation = "shared"'
	assert_contains "$output" shared:
	make_spec "$BUNDLE/config.json" '.linux.rootfsPropagation = "loud"'
	refused 125 linux.rootfsPropagation
}

# --- tmpcopyup, idmap ---

@test "mounts: tmpcopyup fills a tmpfs with what it covers" {
	make_spec "$BUNDLE/config.json"
	mkdir -p "$BUNDLE/rootfs/data/sub"
	echo original >"$BUNDLE/rootfs/data/sub/file"
	chmod 640 "$BUNDLE/rootfs/data/sub/file"
	ln -s sub/file "$BUNDLE/rootfs/data/link"
	inside 'cat /data/link; stat -c %a /data/sub/file; echo changed >/data/sub/file; cat /data/sub/file' \
		"$(mount_spec /data tmpfs tmpfs tmpcopyup)"
	assert_eq "$output" $'original\n640\nchanged'
	assert_eq "$(cat "$BUNDLE/rootfs/data/sub/file")" original
}

@test "mounts: an id-mapped bind" {
	requires kernel-5.12 userns
	chown 1000:1000 "$SRC/file"
	make_spec "$BUNDLE/config.json" "$(args stat -c '%u %g' /mnt/file)" '.mounts += [{destination: "/mnt", type: "none",
		source: "'"$SRC"'", options: ["bind", "idmap"],
		uidMappings: [{containerID: 1000, hostID: 7000, size: 1}],
		gidMappings: [{containerID: 1000, hostID: 7001, size: 1}]}]'
	run_spec
	if [ "$status" != 0 ]; then
		assert_status 125
		assert_contains "$stderr" /mnt
		skip "needs an id-mappable file system: $(stat -f -c %T "$SRC")"
	fi
	assert_eq "$output" "7000 7001"
	assert_eq "$(stat -c %u "$SRC/file")" 1000
}

@test "mounts: idmap without mappings and without a user namespace is refused" {
	make_spec "$BUNDLE/config.json" "$(mount_spec /mnt none "$SRC" bind idmap)"
	refused 125 mounts
}

# --- cgroup ---

@test "mounts: a cgroup mount shows the container's own cgroup, read-only" {
	inside 'find /sys/fs/cgroup -name cgroup.procs | head -n 1 | xargs sed -n 1p; (echo 1 >"$(find /sys/fs/cgroup -name cgroup.procs | head -n 1)") 2>/dev/null || echo denied' \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro)" "$(memory 32M)"
	assert_eq "$output" $'1\ndenied'
}

@test "mounts: the memory limit is seen in the cgroup mount" {
	requires memory
	inside "cat /sys/fs/cgroup/$([ "$MEMORY_VERSION" = 2 ] || echo memory/)$(memory_file limit)" \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro)" "$(memory 32M)"
	assert_eq "$output" 33554432
}

@test "mounts: a writable cgroup mount lets the container make sub-cgroups" {
	requires memory
	local top=/sys/fs/cgroup
	[ "$MEMORY_VERSION" = 2 ] || top=$top/memory
	inside "mkdir $top/inner && ls -d $top/inner" \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime rw)" "$(memory 32M)"
	assert_eq "$output" "$top/inner"
}

# --- devices ---

@test "mounts: default devices work" {
	inside 'for d in null zero full random urandom tty; do stat -c "%n %F %t:%T %a" /dev/$d; done
		echo x >/dev/null && head -c 2 /dev/zero | wc -c; (echo x >/dev/full) 2>/dev/null || echo full; head -c 2 /dev/urandom | wc -c'
	assert_contains "$output" "/dev/null character special file 1:3 666"
	assert_contains "$output" "/dev/zero character special file 1:5 666"
	assert_contains "$output" "/dev/full character special file 1:7 666"
	assert_contains "$output" "/dev/random character special file 1:8 666"
	assert_contains "$output" "/dev/urandom character special file 1:9 666"
	assert_contains "$output" "/dev/tty character special file 5:0 666"
	assert_contains "$output" $'2\nfull\n2'
}

@test "mounts: default links" {
	inside 'for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done; echo through >/dev/stdout'
	assert_eq "$output" $'/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\nthrough'
}

@test "mounts: devices of the spec, with mode and owner" {
	inside 'stat -c "%F %t:%T %a %u %g" /dev/my/zero /dev/pipe; head -c 4 /dev/my/zero | wc -c' \
		"$(all_caps)" '.linux.devices = [{path: "/dev/my/zero", type: "c", major: 1, minor: 5, fileMode: 416, uid: 7, gid: 8},
			{path: "/dev/pipe//", type: "p", fileMode: 384}]'
	assert_eq "$output" $'character special file 1:5 640 7 8\nfifo 0:0 600 0 0\n4'
}

# --- read-only and masked ---

@test "mounts: a read-only root, with writable mounts in it" {
	in_container 'touch /new || echo denied; touch /tmp/x || echo denied; touch /mnt/x && echo mount' \
		'.root.readonly = true' "$(mount_spec /mnt tmpfs tmpfs)"
	assert_eq "$output" $'denied\ndenied\nmount'
	refute_exists "$BUNDLE/rootfs/new"
}

@test "mounts: masked paths are empty, files and directories" {
	echo secret >"$SRC/secret"
	mkdir -p "$SRC/dir"
	echo secret >"$SRC/dir/x"
	inside 'cat /mnt/secret; ls /mnt/dir; cat /proc/keys; ls /none-such 2>/dev/null; echo done' \
		"$(mount_spec /mnt none "$SRC" bind)" \
		'.linux.maskedPaths = ["/mnt/secret", "/mnt/dir", "/proc/keys", "/none/such"]'
	assert_eq "$output" "done"
	assert_eq "$(cat "$SRC/secret")" secret
}

@test "mounts: a masked directory cannot be written" {
	in_container 'touch /data/x || echo denied' '.linux.maskedPaths = ["/data"]'
	assert_eq "$output" denied
	refute_exists "$BUNDLE/rootfs/data/x"
}

@test "mounts: read-only paths" {
	in_container 'touch /data/x || echo denied; (echo 1 >/proc/sys/kernel/shmmax) || echo sys; touch /tmp/ok && echo ok' "$(all_caps)" \
		'.linux.readonlyPaths = ["/data", "/proc/sys", "/none/such"]'
	assert_eq "$output" $'denied\nsys\nok'
	refute_exists "$BUNDLE/rootfs/data/x"
}

# --- a hostile rootfs ---

@test "mounts: symbolic links of the rootfs do not lead out of it" {
	make_spec "$BUNDLE/config.json"
	mkdir "$BATS_TEST_TMPDIR/outside"
	rm -rf "$BUNDLE/rootfs"/{data,sys}
	ln -s "$BATS_TEST_TMPDIR/outside" "$BUNDLE/rootfs/data"
	ln -s ../../../../../../../../../../../tmp "$BUNDLE/rootfs/up"
	inside 'cat /data/file /up/inner/file' "$(mount_spec /data/. none "$SRC" bind)" "$(mount_spec /up/inner none "$SRC" bind)" || true
	assert_eq "$(ls "$BATS_TEST_TMPDIR/outside")" "" "outside the root"
	refute_exists /tmp/inner
}

@test "mounts: a rootfs whose /proc or /dev is a link to the host's is no way out" {
	make_spec "$BUNDLE/config.json" "$(args sh -c 'echo ran')"
	mkdir "$BATS_TEST_TMPDIR/outside"
	rm -rf "$BUNDLE/rootfs/dev" "$BUNDLE/rootfs/proc"
	ln -s "$BATS_TEST_TMPDIR/outside" "$BUNDLE/rootfs/dev"
	ln -s "$BATS_TEST_TMPDIR/outside" "$BUNDLE/rootfs/proc"
	run_spec
	assert_eq "$(ls "$BATS_TEST_TMPDIR/outside")" ""
	[ "$status" = 0 ] || assert_status 125
}

@test "mounts: root.path must be a directory, no link" {
	make_spec "$BUNDLE/config.json"
	ln -s rootfs "$BUNDLE/link"
	make_spec "$BUNDLE/config.json" '.root.path = "link"'
	refused 125 link
	make_spec "$BUNDLE/config.json" '.root.path = "rootfs/etc/passwd"'
	refused 125 passwd
}
