#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Hostile root file systems, specs and command lines. Each test is named after the published
# flaws of container runtimes that it tries. Everything runs in mount, pid and uts namespaces of
# the test's own with a tmpfs on /run; baits are namespaced (kernel.domainname). $OUTSIDE holds
# marker files that no container may reach: the same names, inodes, times and contents before
# and after. Nothing may take longer than 10 s.

# bats sets stderr and status; the single quotes are meant.
# shellcheck disable=SC2154,SC2016

load common

setup() {
	common_setup
	requires root root-mount unshare
	OUTSIDE=$BATS_TEST_TMPDIR/outside
	ROOTFS=$BUNDLE/rootfs
	SPEC=$BUNDLE/config.json
	mkdir -p "$OUTSIDE/dir"
	echo marker >"$OUTSIDE/marker"
	echo marker >"$OUTSIDE/dir/marker"
	: >"$OUTSIDE/ptmx"
	make_rootfs "$ROOTFS"
	outside >"$BATS_TEST_TMPDIR/outside.before"
}

# What a listing of $OUTSIDE shows: type, mode, inode, size, times, contents.
outside() {
	(
		cd "$OUTSIDE" || exit 1
		find . -exec stat -c '%n %f %i %s %Y %Z' {} + | sort
		find . -type f -exec sha256sum {} + | sort
	)
}

assert_outside_unchanged() {
	outside >"$BATS_TEST_TMPDIR/outside.after"
	diff "$BATS_TEST_TMPDIR/outside.before" "$BATS_TEST_TMPDIR/outside.after" ||
		fail "the outside has changed"
}

# in_private COMMAND...: in namespaces of its own, at most 10 s. Its pid 1 is a shell.
in_private() {
	timeout -k 2 $((10 * MINIRUN_TEST_PATIENCE)) unshare -m -p -u --fork --mount-proc --propagation private "$BASH" -c \
		'mount -t tmpfs tmpfs /run && "$@"' - "$@" 3>&- 4>&- </dev/null
}

# hostile ARGS...: `minirun ARGS` so; sets status, output, stderr. No hang, nothing outside.
hostile() {
	run --separate-stderr in_private "$MINIRUN" --root "$ROOT" "$@"
	[ "$status" != 124 ] && [ "$status" != 137 ] || fail "hangs: $status $stderr"
	assert_outside_unchanged
}

# start [FILTER...]: makes the spec and runs it.
start() {
	make_spec "$SPEC" "$@"
	hostile run --rm --name "$ID" "$SPEC"
}

assert_refused() {
	assert_between "$status" 125 127 "exit status"
	assert_contains "$stderr" "minirun: "
	assert_eq "$(ls -A "$ROOT")" "" "state entries"
}

# Either is fine: refused, or done inside the container's root.
assert_refused_or_contained() {
	[ "$status" = 0 ] || assert_refused
}

without_dev() {
	echo '.mounts |= map(select(.destination | startswith("/dev") | not))'
}

# --- /proc, /sys and /dev of the image ---

@test "CVE-2019-19921 CVE-2023-27561 CVE-2023-28642: /proc of the image is a link" {
	rmdir "$ROOTFS/proc"
	mkdir "$ROOTFS/elsewhere"
	for target in "$OUTSIDE" "$OUTSIDE/new" /elsewhere ../../outside loop; do
		ln -sfn "$target" "$ROOTFS/proc"
		ln -sfn proc "$ROOTFS/loop"
		start
		assert_refused
		assert_contains "$stderr" "/proc"
	done
	assert_eq "$(ls -A "$ROOTFS/elsewhere")" ""
}

@test "CVE-2023-28642: /sys of the image is a link" {
	rmdir "$ROOTFS/sys"
	for target in "$OUTSIDE" /tmp; do
		ln -sfn "$target" "$ROOTFS/sys"
		start
		assert_refused
		assert_contains "$stderr" "/sys"
	done
}

@test "CVE-2026-41579 CVE-2026-47766: /dev of the image is a link outwards" {
	rmdir "$ROOTFS/dev"
	ln -s "$OUTSIDE" "$ROOTFS/dev"
	start "$(without_dev)"
	assert_refused
	start
	assert_refused_or_contained
}

@test "CVE-2025-24965: links outwards in place of every name that minirun makes in /dev" {
	for name in null zero full random urandom tty console ptmx fd stdin stdout stderr core pts shm mqueue; do
		ln -s "$OUTSIDE/$name" "$ROOTFS/dev/$name"
	done
	start "$(without_dev)" "$(args sh -c 'stat -c "%F %t:%T" /dev/null; echo x >/dev/null; echo done')"
	assert_refused_or_contained
	[ "$status" != 0 ] || assert_eq "$output" "character special file 1:3"$'\n'done
}

# --- destinations ---

@test "CVE-2019-18837 CVE-2024-45310: destinations that are links outwards, for each kind of mount" {
	echo source >"$BATS_TEST_TMPDIR/file"
	mkdir "$BATS_TEST_TMPDIR/source"
	up=../../../../../../../../../../..$OUTSIDE
	for target in "$OUTSIDE/new" "$OUTSIDE/dir" "$up/new/deep"; do
		ln -sfn "$target" "$ROOTFS/vol"
		for mount in "bind $BATS_TEST_TMPDIR/source rbind" "bind $BATS_TEST_TMPDIR/file bind" \
			"tmpfs tmpfs rw" "mqueue mqueue rw" "cgroup cgroup ro" "devpts devpts rw"; do
			# shellcheck disable=SC2086 # three words
			start "$(mount_spec /vol $mount)" && assert_refused_or_contained
			# shellcheck disable=SC2086
			start "$(mount_spec /vol/sub $mount)" && assert_refused_or_contained
		done
		for type in proc sysfs; do
			start "$(mount_spec /vol $type $type)"
			assert_refused
		done
	done
}

@test "CVE-2021-30465: a destination through a volume that holds a link to /" {
	mkdir "$BATS_TEST_TMPDIR/volume"
	ln -s / "$BATS_TEST_TMPDIR/volume/d"
	start "$(mount_spec /data bind "$BATS_TEST_TMPDIR/volume" rbind)" \
		"$(mount_spec "/data/d$OUTSIDE/dir" tmpfs tmpfs)" "$(args ls -A "$OUTSIDE/dir")"
	assert_refused_or_contained
	refute_contains "$output" marker
}

@test "links without end, in a destination, the cwd and the program" {
	ln -s loop "$ROOTFS/loop"
	start "$(mount_spec /loop/x tmpfs tmpfs)"
	assert_refused
	assert_contains "$stderr" "symbolic links"
	start '.process.cwd = "/loop"'
	assert_refused
	assert_contains "$stderr" "symbolic links"
	start "$(args /loop)"
	assert_refused
	assert_contains "$stderr" "symbolic links"
}

@test "a FIFO and a socket as destination of a bind" {
	requires python3
	echo source >"$BATS_TEST_TMPDIR/file"
	mkfifo "$ROOTFS/fifo"
	(cd "$ROOTFS" && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")')
	for name in fifo socket; do
		start "$(mount_spec "/$name" bind "$BATS_TEST_TMPDIR/file" bind ro)" "$(args cat "/$name")"
		assert_status 0
		assert_eq "$output" source
	done
}

@test "the root itself is a link" {
	mv "$ROOTFS" "$BUNDLE/real"
	ln -s real "$ROOTFS"
	start
	assert_refused
	assert_contains "$stderr" "symbolic link"
}

@test "CVE-2019-16884: nothing but procfs on /proc, nothing below it but a few files" {
	ln -s /proc "$ROOTFS/link"
	for place in /proc /proc/self /proc/sys /proc/sys/kernel /proc/../proc/self /link/self /link/sys/kernel \
		/proc/version; do
		start "$(mount_spec "$place" tmpfs tmpfs)"
		assert_refused
		start "$(mount_spec "$place" bind "$OUTSIDE/dir" rbind)"
		assert_refused
	done
	start ".mounts[0] = {destination: \"/proc\", type: \"bind\", source: \"$OUTSIDE\", options: [\"rbind\"]}"
	assert_refused
	start "$(mount_spec /proc/meminfo bind "$OUTSIDE/marker" bind ro)" "$(args cat /proc/meminfo)"
	assert_status 0
	assert_eq "$output" marker
}

# --- masks and devices ---

@test "CVE-2025-31133 CVE-2025-62161: /dev/null of the image leads to a bait" {
	ln -s /proc/sys/kernel/domainname "$ROOTFS/dev/null"
	echo secret >"$ROOTFS/etc/secret"
	start "$(without_dev)" '.domainname = "before"' \
		'.linux.maskedPaths = ["/etc/secret", "/proc/timer_list", "/proc/kcore"]' \
		"$(args sh -c 'echo to-stdout; echo to-stderr >&2; echo bait >/etc/secret
			echo bait >/dev/null; cat /etc/secret /proc/sys/kernel/domainname; stat -c "%F %t:%T" /dev/null')"
	assert_refused_or_contained
	if [ "$status" = 0 ]; then
		assert_eq "$output" "to-stdout"$'\n'"before"$'\n'"character special file 1:3"
		assert_contains "$stderr" to-stderr
	fi
	assert_eq "$(cat "$ROOTFS/etc/secret")" secret
}

@test "CVE-2025-31133: /dev/null of the image is a regular file" {
	echo file >"$ROOTFS/dev/null"
	echo secret >"$ROOTFS/etc/secret"
	start "$(without_dev)" '.linux.maskedPaths = ["/etc/secret"]' \
		"$(args sh -c 'echo to-stdout; echo x >/etc/secret; cat /etc/secret; stat -c %F /dev/null')"
	assert_refused_or_contained
	[ "$status" != 0 ] || assert_eq "$output" "to-stdout"$'\n'"character special file"
	assert_eq "$(cat "$ROOTFS/etc/secret")" secret
	# Detached, stdin is the null device: never that of the image.
	make_spec "$SPEC" "$(without_dev)" "$(args sh -c 'read -r line; echo "read:$line"')"
	echo file >"$ROOTFS/dev/null.new" && mv "$ROOTFS/dev/null.new" "$ROOTFS/dev/null"
	# In one namespace: with its end the supervisor would end, too.
	# shellcheck disable=SC2016
	run --separate-stderr in_private sh -c '
		"$1" --root "$2" run -d --name "$3" "$4" && "$1" --root "$2" wait "$3" &&
			"$1" --root "$2" logs "$3"' - "$MINIRUN" "$ROOT" "$ID" "$SPEC"
	assert_outside_unchanged
	[ "$status" != 0 ] || assert_eq "$output" "$ID"$'\n0\nread:'
}

@test "masked and read-only paths cannot be written" {
	echo secret >"$ROOTFS/etc/secret"
	mkdir "$ROOTFS/etc/hidden"
	echo secret >"$ROOTFS/etc/hidden/file"
	start '.linux.maskedPaths = ["/etc/secret", "/etc/hidden", "/missing"]' \
		'.linux.readonlyPaths = ["/proc/sys", "/tmp", "/missing"]' \
		'.process.capabilities.bounding = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]' \
		"$(args sh -c 'cat /etc/secret; ls -A /etc/hidden; echo x >/etc/secret; echo x >/etc/hidden/file
			echo x >/proc/sys/kernel/domainname; echo x >/tmp/file; mkdir /etc/hidden/dir; echo end')"
	assert_status 0
	assert_eq "$output" end
	assert_eq "$(cat "$ROOTFS/etc/secret" "$ROOTFS/etc/hidden/file")" "secret"$'\n'"secret"
	assert_eq "$(ls -A "$ROOTFS/tmp")" ""
}

@test "GHSA-g54h-m393-cpwq: devices are denied unless allowed" {
	requires devices
	start '.linux.resources.devices = [{allow: false, access: "rwm"}]' \
		'.process.capabilities |= map_values(["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"])' \
		"$(args sh -c 'mknod /tmp/disk b 8 0; mknod /tmp/mem c 1 1
			for node in disk mem; do dd if=/tmp/$node of=/dev/null count=1 && echo "opened $node"; done
			echo x >/dev/null && head -c 1 /dev/zero | wc -c')"
	assert_status 0
	assert_eq "$output" 1
}

@test "CVE-2023-25809: the cgroup mount is not writable" {
	requires cgroups memory
	for options in '"ro"' '"nosuid"'; do
		start '.linux.namespaces |= map(select(.type != "cgroup"))' "$(memory 64M)" \
			".mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"cgroup\", options: [$options]}]" \
			"$(args sh -c 'cd /sys/fs/cgroup || exit 1
				for dir in . memory unified; do
					mkdir $dir/new && echo "made $dir"; touch $dir/file && echo "touched $dir"
				done
				for file in memory/memory.limit_in_bytes memory.max memory/cgroup.procs cgroup.procs; do
					{ echo 1 >$file; } && echo "wrote $file"
				done; echo end')"
		assert_status 0
		assert_eq "$output" end "with $options"
	done
}

# --- descriptors, the cwd, the own binary ---

@test "CVE-2024-21626: the cwd is /proc/self/fd/N" {
	for n in $(seq 3 63); do
		start ".process.cwd = \"/proc/self/fd/$n\"" "$(args ls -a .)"
		assert_refused
		refute_contains "$output" marker
	done
}

@test "CVE-2024-21626: the cwd is /proc/self/fd/N, and the caller left directories open" {
	exec 7<"$OUTSIDE" 8<"$OUTSIDE/dir" 9</
	for n in 7 8 9 10 63; do
		for cwd in "/proc/self/fd/$n" "/proc/self/fd/$n/.." "/link$n"; do
			ln -sfn "/proc/self/fd/$n" "$ROOTFS/link$n"
			start ".process.cwd = \"$cwd\"" "$(args ls -a .)"
			assert_refused
			refute_contains "$output" marker
		done
	done
	exec 7<&- 8<&- 9<&-
}

@test "CVE-2016-9962 CVE-2024-21626: inside there are the descriptors 0, 1 and 2" {
	exec 7<"$OUTSIDE" 8<"$OUTSIDE/marker" 9>>"$BATS_TEST_TMPDIR/scratch"
	start "$(args sh -c 'ls /proc/1/fd; :')"
	exec 7<&- 8<&- 9<&-
	assert_status 0
	assert_eq "${output//$'\n'/ }" "0 1 2"
}

@test "CVE-2019-5736: the program is /proc/self/exe, directly, by a link and by #!" {
	cp "$MINIRUN" "$BATS_TEST_TMPDIR/minirun-copy"
	MINIRUN=$BATS_TEST_TMPDIR/minirun-copy
	sum=$(sha256sum <"$MINIRUN")
	printf '#!/proc/self/exe\n' >"$ROOTFS/bin/script"
	chmod 755 "$ROOTFS/bin/script"
	ln -s /proc/self/exe "$ROOTFS/bin/link"
	for program in /proc/self/exe /bin/link /bin/script /proc/1/exe; do
		start "$(args "$program" --version)"
		assert_eq "$(sha256sum <"$MINIRUN")" "$sum" "the binary"
	done
}

@test "CVE-2019-5736 CVE-2016-9962: a container cannot open what is being started beside it" {
	cp "$MINIRUN" "$BATS_TEST_TMPDIR/minirun-copy"
	MINIRUN=$BATS_TEST_TMPDIR/minirun-copy
	sum=$(sha256sum <"$MINIRUN")
	make_spec "$SPEC" '.process.capabilities |= map_values(["CAP_DAC_OVERRIDE"])' \
		"$(args sh -c 'for i in 1 2; do ( while :; do for p in /proc/[0-9]*; do
			case $(cat $p/comm 2>/dev/null) in minirun*)
				(: >>$p/exe) 2>/dev/null && echo opened
				ls $p/root$0/marker $p/cwd$0/marker 2>/dev/null; readlink $p/fd/3;; esac
			done; done ) & done; wait' "$OUTSIDE")"
	launch run -d --name "$ID" "$SPEC"
	assert_status 0
	jq "$(args true) | .linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$(init_pid)/ns/pid\" else . end)" \
		"$SPEC" >"$BUNDLE/second.json"
	for _ in $(seq 25); do
		minirun run --rm --name "$(id_of second)" "$BUNDLE/second.json"
	done
	minirun kill "$ID" KILL
	minirun wait "$ID"
	assert_eq "$(minirun logs "$ID")" ""
	assert_eq "$(sha256sum <"$MINIRUN")" "$sum" "the binary"
	assert_outside_unchanged
}

# --- files that are read in the root ---

@test "a FIFO as program" {
	mkfifo -m 755 "$ROOTFS/bin/fifo"
	start "$(args /bin/fifo)"
	assert_status 126
	assert_contains "$stderr" "permission denied"
}

# HOME is looked up in the image's passwd, in 16 MiB; an endless file would never end.
home_is_root() {
	make_spec "$SPEC" '.process.env = ["PATH=/bin"]' "$(args sh -c 'echo "$HOME"')" "$(memory 16M)"
	hostile run --rm --name "$ID" "$SPEC"
	assert_status 0
	assert_eq "$output" /
}

@test "CVE-2026-47262: passwd is a FIFO, /dev/zero, one line of 8 MiB, a loop, a directory" {
	requires memory
	rm "$ROOTFS/etc/passwd"
	mkfifo "$ROOTFS/etc/passwd"
	home_is_root
	ln -sfn /dev/zero "$ROOTFS/etc/passwd"
	home_is_root
	ln -sfn passwd "$ROOTFS/etc/passwd"
	home_is_root
	rm "$ROOTFS/etc/passwd"
	head -c 8388608 /dev/zero | tr '\0' x >"$ROOTFS/etc/passwd"
	home_is_root
	rm "$ROOTFS/etc/passwd"
	mkdir "$ROOTFS/etc/passwd"
	home_is_root
}

@test "CVE-2026-47262: group and passwd of 1 GiB" {
	requires memory
	rm "$ROOTFS/etc/passwd"
	truncate -s 1G "$ROOTFS/etc/group" "$ROOTFS/etc/passwd"
	home_is_root
	# What was read is in the page cache.
	local file
	for file in group passwd; do
		assert_between "$(fincore -bnro RES "$ROOTFS/etc/$file")" 0 33554432 "read of $file"
	done
}

# --- users, groups, capabilities ---

@test "CVE-2024-40635 CVE-2026-46680: ids beyond 2^31-1, and what is no number, are refused" {
	for id in -1 2147483648 4294967295 4294967296 1.5 '"0"' '""' null true; do
		start ".process.user.uid = $id" "$(args id -u)"
		[ "$id" = null ] || assert_refused
		refute_contains "$output" uid=0
		start ".process.user.gid = $id"
		[ "$id" = null ] || assert_refused
		start ".process.user.additionalGids = [$id]"
		assert_refused
	done
	start '.process.user.uid = 2147483647' "$(args id -u)"
	assert_status 0
	assert_eq "$output" 2147483647
}

# as_user WORD: `run -u WORD` with a passwd that calls root 1000 and 1.
as_user() {
	printf '1000:x:0:0::/:/bin/sh\n1:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n' >"$BATS_TEST_TMPDIR/passwd"
	printf '1000:x:0:\n2:x:0:\n' >"$BATS_TEST_TMPDIR/group"
	run --separate-stderr in_private "$BASH" -c 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group &&
		shift 2 && exec "$@"' - "$BATS_TEST_TMPDIR/passwd" "$BATS_TEST_TMPDIR/group" \
		"$MINIRUN" --root "$ROOT" run --rm --name "$ID" -u "$1" -- "$BUSYBOX" id
}

@test "CVE-2016-3697 CVE-2026-30892: a number is a uid, whatever passwd says" {
	for user in 1000 1 1:2; do
		as_user "$user"
		assert_status 0
		assert_contains "$output" "uid=${user%:*}"
	done
	assert_contains "$output" "gid=2"
	as_user 0
	assert_contains "$output" "uid=0"
	for user in 0x1 '1 ' ' 1' -1 4294967295 4294967296 2147483648 1: 1:2:3 1:-1 01x 1.0 nobody-here; do
		as_user "$user"
		assert_between "$status" 125 127 "exit status of '$user'"
		refute_contains "$output" "uid="
	done
	for user in '' :2; do
		as_user "$user"
		[ "$status" != 0 ] || assert_contains "$output" "uid=$(id -u)"
	done
}

@test "CVE-2022-2989 CVE-2022-2990 CVE-2022-2995 CVE-2023-25173: supplementary groups are exactly those of the spec" {
	make_spec "$SPEC" '.process.user = {uid: 1000, gid: 1000}' "$(args grep ^Groups: /proc/self/status)"
	run --separate-stderr in_private setpriv --groups 4,20,27 "$MINIRUN" --root "$ROOT" run --rm --name "$ID" "$SPEC"
	assert_status 0
	assert_eq "$(tr -d ' \t' <<<"$output")" "Groups:"
	start '.process.user = {uid: 1000, gid: 1000, additionalGids: [7, 9]}' "$(args grep ^Groups: /proc/self/status)"
	assert_status 0
	assert_eq "$(tr -s ' \t' ' ' <<<"$output" | sed 's/ $//')" "Groups: 7 9"
}

@test "CVE-2022-24769 CVE-2022-27650 CVE-2022-29162 CVE-2025-27612: nothing inheritable unless the spec says so" {
	caps='["CAP_CHOWN", "CAP_NET_RAW"]'
	start ".process.capabilities = {bounding: $caps, permitted: $caps, effective: $caps}" \
		"$(args grep -E '^Cap(Inh|Amb|Prm|Bnd)' /proc/self/status)"
	assert_status 0
	assert_eq "$(tr '\t\n' '  ' <<<"$output")" \
		"CapInh: 0000000000000000 CapPrm: 0000000000002001 CapBnd: 0000000000002001 CapAmb: 0000000000000000 "
	start ".process.capabilities = {bounding: $caps, permitted: $caps, effective: $caps, ambient: $caps}" \
		"$(args grep -E '^Cap(Inh|Amb)' /proc/self/status)"
	[ "$status" != 0 ] || assert_eq "$(tr '\t\n' '  ' <<<"$output")" "CapInh: 0000000000000000 CapAmb: 0000000000000000 "
}

# --- sessions, sockets ---

@test "CVE-2020-15257: no abstract socket is minirun's" {
	make_spec "$SPEC" '.linux.namespaces |= map(select(.type != "network"))' "$(args cat /proc/net/unix)"
	run --separate-stderr timeout -k 2 $((10 * MINIRUN_TEST_PATIENCE)) unshare -n "$MINIRUN" --root "$ROOT" run --rm --name "$ID" "$SPEC" 3>&- 4>&-
	assert_status 0
	assert_contains "$output" RefCount
	refute_contains "$output" @
}

@test "CVE-2016-10124 CVE-2017-5226: a container has a session of its own, not the caller's terminal" {
	requires script
	make_spec "$SPEC" "$(args sh -c 'read -r pid comm state parent group session rest </proc/1/stat
		echo "session $session"; (: </dev/tty) 2>/dev/null && echo "has a terminal"; echo end')"
	run in_private script -qec "'$MINIRUN' --root '$ROOT' run --rm --name $ID '$SPEC'" /dev/null
	assert_status 0
	assert_eq "$(tr -d '\r' <<<"$output")" "session 1"$'\n'end
	assert_outside_unchanged
}

# --- procfs ---

@test "CVE-2025-52881: sysctls are not redirected to what the image has at /proc" {
	mkdir -p "$ROOTFS/decoy/sys/kernel" "$ROOTFS/proc/sys/kernel"
	echo decoy >"$ROOTFS/proc/sys/kernel/domainname"
	ln -s /decoy "$ROOTFS/proc/self"
	ln -s "$OUTSIDE/marker" "$ROOTFS/decoy/sys/kernel/domainname"
	start '.linux.sysctl = {"kernel.domainname": "changed"}' "$(args cat /proc/sys/kernel/domainname)"
	assert_status 0
	assert_eq "$output" changed
	assert_eq "$(cat "$ROOTFS/proc/sys/kernel/domainname")" decoy
	start 'del(.mounts[0]) | .linux.sysctl = {"kernel.domainname": "changed"} | .process.oomScoreAdj = 500' \
		"$(args cat /proc/sys/kernel/domainname)"
	assert_status 0
	assert_eq "$output" decoy
}

@test "CVE-2022-0811: keys and values of sysctls" {
	for sysctl in '"kernel.domainname+x": "y"' '"kernel/../kernel/domainname": "y"' '"kernel..domainname": "y"' \
		'"/kernel/domainname": "y"' '"": "y"' '"kernel.domainname": "a\nb"' '"kernel.core_pattern": "|/x"'; do
		start ".linux.sysctl = {$sysctl}"
		assert_refused
	done
}

@test "CVE-2025-52881: no absolute path of /proc is opened for writing" {
	requires strace
	make_spec "$SPEC" '.linux.sysctl = {"kernel.domainname": "changed"} | .process.oomScoreAdj = 500' "$(memory 64M)"
	# Of a program with sanitizers: the search for leaks needs ptrace for itself.
	ASAN_OPTIONS=detect_leaks=0 run --separate-stderr in_private strace -f -qq -s 200 -e trace=open,openat,openat2,creat \
		-o "$BATS_TEST_TMPDIR/strace" "$MINIRUN" --root "$ROOT" run --rm --name "$ID" "$SPEC"
	assert_status 0
	grep -q 'sys/kernel/domainname' "$BATS_TEST_TMPDIR/strace" || fail "the trace lacks the sysctl"
	if grep -E '"/proc/.*(O_WRONLY|O_RDWR|O_CREAT)' "$BATS_TEST_TMPDIR/strace"; then
		fail "opened for writing by an absolute path"
	fi
}

# --- ids, directories, files of the caller ---

@test "ill-formed ids are refused by every verb, delete included" {
	make_spec "$SPEC"
	mkdir -m 700 "$OUTSIDE/root"
	outside >"$BATS_TEST_TMPDIR/outside.before"
	long=$(printf '%0300d' 0)
	for id in .. . '' a/b a/../b ../dir "$long" 'a b' $'a\nb' -x ünïcödé; do
		for verb in 'run --bundle BUNDLE' 'run --name ID SPEC' delete 'delete --force' rm kill stop pause resume state \
			wait logs inspect 'ps'; do
			# shellcheck disable=SC2206 # words
			words=($verb)
			for i in "${!words[@]}"; do
				case ${words[i]} in
				BUNDLE) words[i]=$BUNDLE ;;
				SPEC) words[i]=$SPEC ;;
				ID) words[i]=$id ;;
				esac
			done
			[[ $verb == *ID* ]] || words+=("$id")
			run --separate-stderr timeout -k 2 $((10 * MINIRUN_TEST_PATIENCE)) "$MINIRUN" --root "$OUTSIDE/root" "${words[@]}" 3>&- 4>&-
			[ "$status" != 0 ] || fail "'$id' is accepted by $verb"
			assert_contains "$stderr" "minirun: "
			assert_outside_unchanged
		done
	done
}

@test "CVE-2020-5291: a state directory that others can write, or own, or that is a link, is refused" {
	make_spec "$SPEC"
	for mode in 0775 0777 1777 0702; do
		chmod "$mode" "$ROOT"
		hostile run --name "$ID" "$SPEC"
		assert_between "$status" 125 127
		hostile delete --force "$ID"
		assert_ne "$status" 0
	done
	chmod 0700 "$ROOT"
	chown 1000 "$ROOT"
	hostile run --name "$ID" "$SPEC"
	assert_between "$status" 125 127
	chown 0 "$ROOT"
	ln -s "$ROOT" "$BATS_TEST_TMPDIR/link"
	for root in "$BATS_TEST_TMPDIR/link" "$BATS_TEST_TMPDIR/link/"; do
		run --separate-stderr in_private "$MINIRUN" --root "$root" run --name "$ID" "$SPEC"
		assert_between "$status" 125 127
	done
	assert_eq "$(ls -A "$ROOT")" ""
}

@test "CVE-2026-53488 CVE-2026-53489: links in place of log, status and pid files are not followed" {
	make_spec "$SPEC"
	for option in --status --pid-file; do
		ln -sfn "$OUTSIDE/marker" "$BATS_TEST_TMPDIR/file"
		case $option in
		--pid-file) hostile run --pid-file "$BATS_TEST_TMPDIR/file" --bundle "$BUNDLE" "$ID" ;;
		*) hostile run --name "$ID" $option "$BATS_TEST_TMPDIR/file" "$SPEC" ;;
		esac
		hostile delete --force "$ID"
	done
	ln -sfn "$OUTSIDE/marker" "$BATS_TEST_TMPDIR/file"
	hostile --log "$BATS_TEST_TMPDIR/file" run --name "$ID" /missing.json
	assert_ne "$status" 0
	ln -sfn "$OUTSIDE/new" "$BATS_TEST_TMPDIR/file"
	hostile --log "$BATS_TEST_TMPDIR/file" run --name "$ID" /missing.json
	assert_ne "$status" 0
}

# --- values ---

@test "CVE-2021-43784: what is too long is refused, not cut" {
	long=$(printf '%070000d' 0)
	start ".hostname = \"$long\""
	assert_refused
	start ".linux.namespaces[0].path = \"/$long\""
	assert_refused
	start '.linux.namespaces += [{type: "user"}]' \
		'.linux.uidMappings = [range(5000) | {containerID: ., hostID: (100000 + . * 2), size: 1}]' \
		'.linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	assert_refused
}

@test "CVE-2024-3154: annotations set no properties" {
	start '.annotations = {"org.systemd.property.ExecStopPost": "[\"/bin/touch\", \"'"$OUTSIDE"'/new\"]",
		"org.systemd.property.Delegate": "true"}' "$(args echo ran)"
	assert_status 0
	assert_eq "$output" ran
}

@test "CVE-2025-47291: the container is in its cgroup in every hierarchy that it has one in" {
	requires cgroups memory
	make_spec "$SPEC" "$(args sleep 100)" "$(memory 64M)"
	launch run -d --name "$ID" "$SPEC"
	assert_status 0
	pid=$(init_pid)
	found=0
	while read -r _ _ _ point; do
		dir=$point/minirun/$ID
		[ -d "$dir" ] || continue
		found=$((found + 1))
		grep -qx "$pid" "$dir/cgroup.procs" || fail "$pid is not in $dir"
	done < <(cgroup_mounts)
	assert_between "$found" 1 20 "cgroups"
	minirun delete --force "$ID"
}

@test "CVE-2018-6556: minirun is not set-uid" {
	[ ! -u "$MINIRUN" ] && [ ! -g "$MINIRUN" ] || fail "set-uid or set-gid: $MINIRUN"
	start '.process.capabilities |= map_values([])' "$(args grep NoNewPrivs /proc/self/status)"
	assert_status 0
	assert_matches "$output" '1$'
}
