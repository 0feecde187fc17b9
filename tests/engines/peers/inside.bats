# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# What the program of a container finds: its process, mounts, devices, namespaces.
# shellcheck disable=SC2154,SC2016
load ../../integration/common
load common

setup_file() {
	peers_begin busybox
}

# The program: lines "KEY VALUE" of all that it can see of itself, as pid 1 or whatever it is.
look() {
	look_process '|NSpid|NSsid'
	cat <<'SH'
tr '\0' '\n' <$me/environ | sed 's/=/ /; s/^/env /'
echo "env order $(tr '\0' '\n' <$me/environ | cut -d = -f 1 | tr '\n' ' ')"
for link in cwd root exe; do echo "$link $(readlink $me/$link)"; done
echo "comm $(cat $me/comm)"
sed -nE 's/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ ([^ ]+) ([^ ]+) (.*)- (.*)/mount \1 \2 \3\4/p' $me/mountinfo |
	sed -E 's/(shared|master):[0-9]+/\1/'
find /dev -mindepth 1 ! -type l ! -path '/dev/pts/[0-9]*' -exec stat -c 'dev %n %A %u:%g %t:%T' {} +
find /dev -type l | while read -r link; do echo "dev $link $(readlink $link)"; done
fds=
for fd in $me/fd/*; do fds="$fds ${fd##*/}"; done
echo "fds$fds"
sed 's/:/ /; s/:/=/; s/^[0-9]* /cgroup /; s/=/ /' /proc/self/cgroup
echo "hostname $(hostname)"
echo "domainname $(cat /proc/sys/kernel/domainname)"
for ns in pid net mnt ipc uts user cgroup time; do echo "ns $ns $(readlink $me/ns/$ns)"; done
echo "oom_score_adj $(cat $me/oom_score_adj)"
echo "apparmor $(cat $me/attr/current 2>/dev/null)"
set -- $(sed 's/.*) //' $me/stat)
echo "group is session $([ "$3" = "$4" ] && echo yes || echo no)"
echo "tty $5"
echo "nice ${17}"
echo "policy ${39}"
awk '/keyring.*mrp/ { sub("_ses[.]", "", $9); print "key", $9, $5 }' /proc/keys 2>/dev/null
echo "lo $(cat /sys/class/net/lo/flags 2>/dev/null)"
echo "loginuid $(cat $me/loginuid)"
echo "uid_map $(tr -s ' ' <$me/uid_map)"
echo "setgroups $(cat $me/setgroups)"
echo "personality $(cat $me/personality 2>/dev/null)"
find / -xdev -newer /etc/passwd ! -path '/proc/*' ! -path / -exec stat -c 'made %n %A %u:%g' {} + 2>/dev/null
SH
}

# inside [FILTER...]: what it sees. Namespaces are "host" or "new", the words of the runtime
# (warnings) are not observed.
inside() {
	local ns
	bundle "$(args /bin/sh -c "$(look)")" "$@"
	touch -d '1 second' "$BUNDLE/rootfs/etc/passwd"
	rt run --bundle "$BUNDLE" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null ||
		note "failed" "$(class "$(<"$WORK/err")")"
	[ "${PEERS_SHOW:-0}" = 0 ] || sed "s/^/$PEER: /" "$WORK/err" >&2
	for ns in pid net mnt ipc uts user cgroup time; do
		sed -i -e "s/^ns $ns $(readlink "/proc/self/ns/$ns")$/ns $ns host/" \
			-e "s/^ns $ns .*\[.*/ns $ns new/" "$WORK/out"
	done
	# Words of the key, then the value. Keyrings of others go some time after them.
	sed -i "/^key /{/^key $ID:/!d}" "$WORK/out"
	sed -E -e 's/^(env order|group is session|[a-z_A-Z]+ [^ ]+|[a-z_]+) ?(.*)/\1\t\2/' \
		-e 's/^(cwd|root|exe|comm|fds|hostname|domainname|oom_score_adj|apparmor|tty|nice|policy|keys|lo|loginuid|uid_map|setgroups|personality) ([^\t]*)\t?/\1\t\2 /' \
		-e 's/[ \t]+$//' -e 's/(devtmpfs devtmpfs|tmpfs nodes) rw,.*/of the host/' -e "s:$ID:ID:g; s:mrp$$:mrp:g" "$WORK/out" >>"$NOTES"
}

case_plain() {
	inside
}

@test "peers: a container without frills" {
	compare plain
}

# What `runc spec` asks for: the usual mounts, masked and read-only paths, few capabilities.
case_usual() {
	runc spec --bundle "$WORK" 2>/dev/null
	inside "$(jq -r '"
			.mounts = \(.mounts | tojson)
			| .linux.maskedPaths = \(.linux.maskedPaths | tojson)
			| .linux.readonlyPaths = \(.linux.readonlyPaths | tojson)
			| .linux.resources = \(.linux.resources | tojson)
			| .process.capabilities = \(.process.capabilities | .ambient = [] | tojson)
			| .process.rlimits = [{type: \"RLIMIT_NOFILE\", hard: 1000, soft: 900}]
			| .root.readonly = true"' "$WORK/config.json")"
	rm "$WORK/config.json"
}

@test "peers: what runc spec asks for" {
	compare usual
}

case_user() {
	inside '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 20], umask: 63}' \
		'.domainname = "peers.test"' \
		'.process.noNewPrivileges = false' '.process.cwd = "/data"' \
		'.process.env = ["PATH=/bin", "A=1", "B=two words", "A=3", "EMPTY="]' \
		'.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"],
			permitted: ["CAP_KILL"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]}' \
		'.process.oomScoreAdj = 500' \
		'.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0},
			{type: "RLIMIT_NPROC", soft: 500, hard: 600}]'
}

@test "peers: a user with groups, capabilities, limits" {
	compare user
}

case_scarce() {
	inside 'del(.process.capabilities)' 'del(.process.oomScoreAdj)' '.process.env = ["PATH=/bin"]' \
		'del(.hostname)' '.process.noNewPrivileges = false' \
		'.linux.namespaces = [{type: "mount"}, {type: "pid"}]' \
		'.mounts |= map(select(.destination != "/sys"))'
}

@test "peers: few namespaces, nothing about capabilities" {
	compare scarce
}

case_mounts() {
	mkdir "$WORK/$PEER.source" "$WORK/$PEER.source/sub"
	touch "$WORK/$PEER.file"
	inside "$(mount_spec /made/dir bind "$WORK/$PEER.source" bind ro nosuid)" \
		"$(mount_spec /made/file bind "$WORK/$PEER.file" bind nodev noexec)" \
		"$(mount_spec /shared bind "$WORK/$PEER.source" rbind rshared)" \
		"$(mount_spec /slave bind "$WORK/$PEER.source" rbind rslave)" \
		"$(mount_spec /tmpfs tmpfs tmpfs noexec nosuid nodev noatime mode=711 size=1m uid=7)" \
		"$(mount_spec /dev/mqueue mqueue mqueue nosuid noexec nodev)" \
		"$(mount_spec /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro)" \
		"$(mount_spec /link/on tmpfs tmpfs ro)" '.root.readonly = true' \
		'.linux.rootfsPropagation = "private"'
	sed -i "s:$WORK/$PEER:WORK:" "$NOTES"
}

@test "peers: mounts" {
	compare mounts
}

case_devices() {
	inside '.linux.devices = [
			{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 416, uid: 7, gid: 8},
			{path: "/dev/sub/disk", type: "b", major: 7, minor: 0},
			{path: "/dev/pipe", type: "p", fileMode: 438}]' \
		'.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c",
			major: 1, minor: 3, access: "rw"}]' '.process.terminal = false' \
		'.linux.maskedPaths = ["/proc/keys", "/sys/kernel", "/no/such", "/etc/group"]' \
		'.linux.readonlyPaths = ["/proc/sys", "/no/such", "/bin"]' \
		'.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.domainname": "peers"}'
}

@test "peers: devices, masked paths, sysctl" {
	compare devices
}

case_userns() {
	chown -R 100000:100000 "$BUNDLE"
	chmod 755 "$BUNDLE" "$WORK" "${WORK%/*}" "${WORK%/*/*}" "${WORK%/*/*/*}"
	make_rootfs "$BUNDLE/rootfs"
	chown -R 100000:100000 "$BUNDLE/rootfs"
	inside "$(new_userns 100000 100000 65536)"
}

@test "peers: a user namespace" {
	requires userns
	compare userns
}

case_seccomp() {
	inside '.process.noNewPrivileges = false' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64"],
		syscalls: [{names: ["sethostname", "nosuchcall"], action: "SCMP_ACT_ERRNO", errnoRet: 5}]}'
}

@test "peers: seccomp" {
	compare seccomp
}

# What the default profile of minirun lets root do.
attempts() {
	cat <<'SH'
attempt() {
	words=$(/bin/busybox "$@" 2>&1 </dev/null) && code=0 || code=$?
	echo "$1${2:+_$2} $code $(echo "${words##*: }" | head -n 1)"
}
attempt mount -t tmpfs none /tmp
attempt umount /dev/shm
attempt chroot / /bin/true
attempt unshare -m /bin/true
attempt unshare -U /bin/true
attempt hostname other
attempt mknod /tmp/node c 1 3
attempt chown 5:5 /tmp
attempt setsid true
attempt nsenter -t 1 -m true
attempt pivot_root / /
attempt ip link set lo down
grep -E '^(Seccomp|NoNewPrivs)' /proc/self/status | sed 's/:\t/ /'
SH
}

case_profile() {
	local caps='["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_SYS_NICE", "CAP_NET_ADMIN",
		"CAP_SYS_PTRACE"]'
	[ -d "$WORK/spec" ] || { mkdir "$WORK/spec" && "$MINIRUN" spec --bundle "$WORK/spec"; }
	bundle "$(args /bin/busybox sh -c "$(attempts)")" \
		".process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}" \
		"$(jq -r '".linux.seccomp = \(.linux.seccomp | tojson)"' "$WORK/spec/config.json")"
	rt run --bundle "$BUNDLE" "$ID" >"$WORK/out" 2>"$WORK/err" </dev/null || note "fails" "$(class "$(<"$WORK/err")")"
	sed -E "s/^([^ ]+) /\1\t/; s/ +$//" "$WORK/out" >>"$NOTES"
}

@test "peers: the default seccomp profile" {
	compare profile
}
