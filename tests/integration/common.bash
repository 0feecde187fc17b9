# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every integration test of minirun stands on. In a test file:
#
#     load common
#
#     @test "an OOM-killed init is told apart from a killed one" {
#         requires root memory
#         make_spec "$BUNDLE/config.json" "$(args /memlab anon 80M)" "$(memory 64M)"
#         run minirun run --name "$ID" "$BUNDLE/config.json"
#         assert_status 137
#         assert_eq "$(state .State.OOMKilled)" true
#     }
#
# `setup` and `teardown` below belong to every file. A file that needs its own
# defines them and calls common_setup first, common_teardown last. teardown deletes
# each container of the test's state root and then fails the test if anything is
# left: a cgroup, a mount, a process, a state entry.
#
# Only bash, coreutils (or busybox), grep, sed and jq are used: the same suite runs
# in a small virtual machine.

bats_require_minimum_version 1.5.0

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
MINIRUN=${MINIRUN:-$TOP/build/minirun}
BUSYBOX=${BUSYBOX:-/bin/busybox}
if [ -z "${MEMLAB:-}" ]; then
	for MEMLAB in "$TOP/build/memlab" "$TOP/build/libexec/memlab" "$TOP/build/rootfs/memlab"; do
		[ -x "$MEMLAB" ] && break
	done
fi
for _var in MINIRUN BUSYBOX MEMLAB; do
	[ "${!_var#/}" != "${!_var}" ] || printf -v "$_var" '%s/%s' "$PWD" "${!_var}"
done
unset _var

# How many times slower than a usual host this one is: an emulated one is told so.
MINIRUN_TEST_PATIENCE=${MINIRUN_TEST_PATIENCE:-1}
# A limit of its own for every call, so that a hang is a failure.
MINIRUN_TEST_TIMEOUT=${MINIRUN_TEST_TIMEOUT:-$((60 * MINIRUN_TEST_PATIENCE))}

# ---------------------------------------------------------------------------
# Failures and assertions

fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# assert_eq ACTUAL EXPECTED [WHAT]
assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-values differ}" "  expected: $2" "  actual:   $1"
}

# assert_ne ACTUAL UNWANTED [WHAT]
assert_ne() {
	[ "$1" != "$2" ] || fail "${3:-unwanted value}: $1"
}

# assert_contains TEXT PART
assert_contains() {
	[[ $1 == *"$2"* ]] || fail "text lacks: $2" "--- text" "$1" "---"
}

# refute_contains TEXT PART
refute_contains() {
	[[ $1 != *"$2"* ]] || fail "text must not contain: $2" "--- text" "$1" "---"
}

# assert_matches TEXT EXTENDED-REGEX
assert_matches() {
	[[ $1 =~ $2 ]] || fail "text does not match: $2" "--- text" "$1" "---"
}

# assert_between VALUE MIN MAX [WHAT]: integers. Null or text is a failure, not 0.
assert_between() {
	[[ $1 =~ ^-?[0-9]+$ ]] || fail "${4:-value} is not a number: '$1'" || return 1
	if [ "$1" -lt "$2" ] || [ "$1" -gt "$3" ]; then
		fail "${4:-value} $1 is not within $2 .. $3"
	fi
}

# assert_status CODE: the last `run` or `launch`.
assert_status() {
	[ "${status:-}" = "$1" ] ||
		fail "exit status: expected $1, actual ${status:-none}" \
			"--- output" "${output:-}" "--- stderr" "${stderr:-}" "---"
}

assert_exists() {
	[ -e "$1" ] || [ -L "$1" ] || fail "does not exist: $1"
}

refute_exists() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		fail "exists: $1"
	fi
}

# wait_for [-t SECONDS] COMMAND...: polls until COMMAND succeeds. Never sleep a
# fixed time in a test: wait for what the next line depends on.
wait_for() {
	local seconds=10 end
	if [ "$1" = -t ]; then
		seconds=$2
		shift 2
	fi
	end=$((SECONDS + seconds * MINIRUN_TEST_PATIENCE))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "waited $((seconds * MINIRUN_TEST_PATIENCE)) s for: $*" || return 1
		sleep 0.02
	done
}

# ---------------------------------------------------------------------------
# What this host is

# Lines "VERSION CONTROLLERS ROOT MOUNTPOINT" for every cgroup mount; CONTROLLERS
# is the comma list of a v1 mount, "-" for cgroup2.
_read_cgroup_mounts() {
	local root point rest type options
	while read -r _ _ _ root point rest; do
		read -r type _ options <<<"${rest#* - }"
		case $type in
		cgroup2) printf '2 - %s %s\n' "$root" "$point" ;;
		cgroup) printf '1 %s %s %s\n' "${options#rw,}" "$root" "$point" ;;
		esac
	done </proc/self/mountinfo
}

cgroup_mounts() {
	[ -z "$CGROUP_MOUNTS" ] || printf '%s\n' "$CGROUP_MOUNTS"
}

# Sets CGROUP_MODE (v1, hybrid, v2, none), CGROUP2_MOUNT and MEMORY_VERSION (1, 2,
# or 0 where no hierarchy limits memory).
detect_cgroups() {
	local version controllers point v1=0
	CGROUP2_MOUNT='' MEMORY_VERSION=0
	CGROUP_MOUNTS=$(_read_cgroup_mounts)
	while read -r version controllers _ point; do
		if [ "$version" = 2 ]; then
			CGROUP2_MOUNT=$point
			if grep -qw memory "$point/cgroup.controllers" 2>/dev/null; then
				MEMORY_VERSION=2
			fi
			continue
		fi
		v1=1
		case ,$controllers, in *,memory,*) MEMORY_VERSION=1 ;; esac
	done < <(cgroup_mounts)
	case $v1${CGROUP2_MOUNT:+2} in
	1) CGROUP_MODE=v1 ;;
	12) CGROUP_MODE=hybrid ;;
	02) CGROUP_MODE=v2 ;;
	*) CGROUP_MODE=none ;;
	esac
}
detect_cgroups

# cgroup_dir CONTROLLER PID: where PID lives in the hierarchy of that controller;
# the word `cgroup2` means the v2 tree, whatever it controls.
cgroup_dir() {
	local version controllers root point path
	while read -r version controllers root point; do
		if [ "$version" = 2 ]; then
			[ "$1" = cgroup2 ] || grep -qw "$1" "$point/cgroup.controllers" || continue
			path=$(sed -n 's/^0:://p' "/proc/$2/cgroup")
		else
			case ,$controllers, in *,"$1",*) ;; *) continue ;; esac
			path=$(sed -n "s/^[0-9]*:\([^:]*,\)\{0,1\}$1\(,[^:]*\)\{0,1\}:\(\/.*\)/\3/p" "/proc/$2/cgroup")
		fi
		[ -n "$path" ] || continue
		[ "$root" = / ] || path=${path#"$root"}
		printf '%s%s\n' "$point" "${path%/}"
		return 0
	done < <(cgroup_mounts)
	fail "no cgroup hierarchy with '$1' here"
}

# memory_file limit|usage|peak|failcnt|events: the kernel's name on this host, "-"
# where it has none.
memory_file() {
	case $MEMORY_VERSION$1 in
	1limit) echo memory.limit_in_bytes ;;
	1usage) echo memory.usage_in_bytes ;;
	1peak) echo memory.max_usage_in_bytes ;;
	1failcnt) echo memory.failcnt ;;
	1events) echo memory.oom_control ;;
	2limit) echo memory.max ;;
	2usage) echo memory.current ;;
	2peak) echo memory.peak ;;
	2events) echo memory.events ;;
	*) echo - ;;
	esac
}

has_controller() {
	local version controllers point
	while read -r version controllers _ point; do
		case ,$controllers, in *,"$1",*) return 0 ;; esac
		[ "$version" = 1 ] || ! grep -qw "$1" "$point/cgroup.controllers" || return 0
	done < <(cgroup_mounts)
	return 1
}

# has_cap NAME, as in cap_sys_resource: the effective set of this shell. 2 for a name
# that does not exist.
has_cap() {
	local names bit hex key
	names="chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap
		linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock
		ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin
		sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease
		audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm
		block_suspend audit_read perfmon bpf checkpoint_restore"
	bit=0
	for key in $names; do
		[ "cap_$key" = "$1" ] && break
		bit=$((bit + 1))
	done
	[ "$bit" -le 40 ] || fail "unknown capability: $1" || return 2
	hex=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
	[ $(((0x$hex >> bit) & 1)) = 1 ]
}

# kernel_at_least 5.14
kernel_at_least() {
	local have want
	IFS=.- read -r -a have <<<"$(uname -r)"
	IFS=. read -r -a want <<<"$1"
	[ "${have[0]}" -gt "${want[0]}" ] ||
		{ [ "${have[0]}" -eq "${want[0]}" ] && [ "${have[1]}" -ge "${want[1]:-0}" ]; }
}

# assert_code CODE EXPECTED: of somebody else's child it is always known since kernel 6.15;
# before, if its parent has not taken it first.
assert_code() {
	if [ "$1" != null ] || kernel_at_least 6.15; then
		assert_eq "$1" "$2" "exit code"
	fi
}

_free_swap_kib() {
	sed -n 's/^SwapFree:[[:space:]]*\([0-9]*\).*/\1/p' /proc/meminfo
}

_is_static() {
	[ -x "$1" ] && ! head -c 4096 "$1" | grep -aqE 'ld-(linux|musl)'
}

# A mount's own root, or the part of the v2 tree that was delegated to us.
_writable_cgroups() {
	local point dir
	while read -r _ _ _ point; do
		[ ! -w "$point" ] || return 0
	done < <(cgroup_mounts)
	dir=$(cgroup_dir cgroup2 $$ 2>/dev/null) && [ -w "$dir" ]
}

# With kernel.dmesg_restrict the open itself demands CAP_SYSLOG.
_can_read_kmsg() {
	(: </dev/kmsg) 2>/dev/null
}

# kernel_log: all records of /dev/kmsg. A read fails with EPIPE when the next record was
# overwritten meanwhile, and with EAGAIN behind the last: only then it is all.
kernel_log() {
	local errors=$BATS_TEST_TMPDIR/kmsg.$BASHPID i
	for ((i = 0; i < 100; i++)); do
		LC_ALL=C dd if=/dev/kmsg iflag=nonblock bs=8k 2>"$errors" >"$errors.out" || true
		! grep -q 'temporarily unavailable' "$errors" || break
	done
	cat "$errors.out"
	rm -f "$errors" "$errors.out"
}

# Prints why WORD is not there; nothing when it is.
_missing() {
	case $1 in
	root) [ "$EUID" -eq 0 ] || echo "not root" ;;
	not-root) [ "$EUID" -ne 0 ] || echo "running as root" ;;
	root-mount) mountpoint -q / || echo "/ is no mount point (a chroot)" ;;
	cgroups) _writable_cgroups || echo "no writable cgroup hierarchy" ;;
	cgroup-v1) [ "$MEMORY_VERSION" = 1 ] || echo "needs cgroup v1" ;;
	cgroup-v2) [ "$MEMORY_VERSION" = 2 ] || echo "needs cgroup v2 memory" ;;
	cgroup2) [ -n "$CGROUP2_MOUNT" ] || echo "no cgroup2 mount" ;;
	hybrid | unified) [ "$CGROUP_MODE" = "${1/unified/v2}" ] || echo "cgroup layout is $CGROUP_MODE" ;;
	memory | pids | cpu | cpuset | cpuacct | devices | freezer | blkio | io | hugetlb | rdma | net_cls | net_prio | perf_event)
		has_controller "$1" || echo "no $1 controller" ;;
	swap) [ "$(_free_swap_kib)" -ge 131072 ] || echo "no swap" ;;
	systemd) [ -d /run/systemd/system ] || echo "systemd is not running" ;;
	no-systemd) [ ! -d /run/systemd/system ] || echo "systemd is running" ;;
	minirun-systemd) [ -x "${MINIRUN%/*}/minirun-systemd" ] ||
		echo "minirun-systemd is not built (libsystemd-dev)" ;;
	real-cpu) ! grep -q 'QEMU TCG' /proc/cpuinfo || echo "the processor is emulated" ;;
	psi) cat /proc/pressure/memory >/dev/null 2>&1 || echo "no PSI" ;;
	kmsg) _can_read_kmsg || echo "no kernel log access" ;;
	cap_*) has_cap "$1" && return 0 || [ $? = 1 ] || return 2
		echo "needs ${1^^}" ;;
	userns) unshare -U true 2>/dev/null || echo "user namespaces are not permitted" ;;
	timens) [ -e /proc/self/ns/time ] || echo "no time namespaces" ;;
	seccomp) grep -q '^Seccomp:' /proc/self/status || echo "no seccomp" ;;
	apparmor) [ -d /sys/kernel/security/apparmor ] || echo "no AppArmor" ;;
	selinux) [ -d /sys/fs/selinux ] || echo "no SELinux" ;;
	hugepages) [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)" -ge 20 ] ||
		echo "no free hugepages" ;;
	overcommit) [ "$(cat /proc/sys/vm/overcommit_memory)" != 2 ] || echo "overcommit mode 2" ;;
	subids) grep -qs "^$(id -un):" /etc/subuid && grep -qs "^$(id -un):" /etc/subgid ||
		echo "no subordinate ids" ;;
	jsonschema) "${PYTHON:-python3}" -c 'from jsonschema import Draft202012Validator' 2>/dev/null ||
		echo "python3-jsonschema not installed" ;;
	memlab) _is_static "$MEMLAB" || echo "no static memlab ($MEMLAB)" ;;
	busybox) _is_static "$BUSYBOX" || echo "no static busybox ($BUSYBOX)" ;;
	kernel-*) kernel_at_least "${1#kernel-}" || echo "kernel is $(uname -r)" ;;
	*) command -v "$1" >/dev/null || echo "$1 not installed" ;;
	esac
}

# requires WORD...: skips the test unless this host has every WORD; with
# MINIRUN_TEST_STRICT=1 it fails instead. Words:
#   root not-root cgroups cgroup-v1 cgroup-v2 (which of them limits memory) cgroup2
#   (mounted at all) hybrid unified, a controller's name (memory pids cpu ...), swap
#   real-cpu psi kmsg cap_NAME userns timens seccomp apparmor selinux hugepages overcommit
#   subids jsonschema memlab busybox kernel-5.14 systemd no-systemd minirun-systemd; anything else names a program
#   (newuidmap, strace, python3, docker, ...).
requires() {
	local word reason
	for word; do
		reason=$(_missing "$word") || return 1
		[ -n "$reason" ] || continue
		if [ "${MINIRUN_TEST_STRICT:-0}" = 1 ]; then
			fail "strict run: needs $word: $reason"
			return 1
		fi
		skip "needs $word: $reason"
	done
}

# ---------------------------------------------------------------------------
# Running minirun

# minirun ARGS...: with the test's own state root, at most MINIRUN_TEST_TIMEOUT
# seconds, and without bats' descriptors, on which a left process would hang bats.
minirun() {
	timeout -k 5 "$MINIRUN_TEST_TIMEOUT" "$MINIRUN" --root "$ROOT" "$@" 3>&- 4>&-
}

# launch ARGS...: like `run minirun ARGS...` for what leaves a process behind
# (create, run -d, exec -d). `run` would wait for the container to close its stdout;
# here the container's stdio are files: $output and $stderr hold what they have now,
# and $OUT and $ERR name the files.
launch() {
	OUT=$BATS_TEST_TMPDIR/launch.$RANDOM.out
	ERR=${OUT%.out}.err
	status=0
	minirun "$@" >"$OUT" 2>"$ERR" </dev/null || status=$?
	output=$(cat "$OUT")
	stderr=$(cat "$ERR")
}

# background COMMAND...: starts it with stdio in files; sets BG_PID, OUT and ERR.
# teardown ends it if it is still there.
background() {
	OUT=$BATS_TEST_TMPDIR/background.$RANDOM.out
	ERR=${OUT%.out}.err
	"$@" >"$OUT" 2>"$ERR" </dev/null 3>&- 4>&- &
	BG_PID=$!
	echo "$BG_PID" >>"$BATS_TEST_TMPDIR/background.pids"
}

# background_minirun ARGS...: minirun itself is BG_PID, so that it can be signalled.
background_minirun() {
	background "$MINIRUN" --root "$ROOT" "$@"
}

# id_of NAME: a further container id of this test. $ID is the first.
id_of() {
	printf '%s-%s\n' "$ID" "$1"
}

# status_file [ID]
status_file() {
	printf '%s/%s/status.json\n' "$ROOT" "${1:-$ID}"
}

# state FIELD [ID]: a field of the status document by a jq path, "null" when absent.
state() {
	local file
	file=$(status_file "${2:-$ID}")
	[ -f "$file" ] || fail "no status document: $file" || return 1
	jq -r "$1" "$file"
}

# state_is FIELD VALUE [ID]: for wait_for.
state_is() {
	[ "$(state "$1" "${3:-$ID}")" = "$2" ]
}

# oci_state FIELD [ID]: the same from `minirun state`.
oci_state() {
	minirun state "${2:-$ID}" | jq -r "$1"
}

# is_running [ID]: as `minirun state` says, whose document is written after the record.
is_running() {
	[ "$(oci_state .status "${1:-$ID}")" = running ]
}

# init_pid [ID]: the host's pid of the container's first process.
init_pid() {
	oci_state .pid "${1:-$ID}"
}

# assert_valid_status [ID]: the status document against its schema.
assert_valid_status() {
	"${PYTHON:-python3}" - "$TOP/configs/status.schema.json" "$(status_file "${1:-$ID}")" <<'PY'
import json, sys
from jsonschema import Draft202012Validator
schema, record = (json.load(open(path)) for path in sys.argv[1:3])
Draft202012Validator.check_schema(schema)
errors = list(Draft202012Validator(schema).iter_errors(record))
for error in errors:
    print("/".join(map(str, error.absolute_path)) or "(document)", error.message, file=sys.stderr)
sys.exit(1 if errors else 0)
PY
}

# ---------------------------------------------------------------------------
# Root file systems and specs

_APPLETS="ash awk basename cat chmod chown chroot cmp cp cut date dd df dirname echo env
	expr false find free getopt grep head hostname id ip kill ln ls mkdir mkfifo mknod
	mount mv nc nice nproc od pidof pgrep printf ps pwd readlink realpath rm rmdir sed
	seq setsid sh sha256sum sleep sort stat stty tail tee test timeout touch tr true
	tty umount uname uniq unshare usleep vi wc who whoami xargs yes"

_build_rootfs() {
	local applet
	mkdir -p "$1"/{bin,dev,etc,proc,root,sys,tmp,var/run,data}
	chmod 1777 "$1/tmp"
	cp "$BUSYBOX" "$1/bin/busybox"
	[ ! -x "$MEMLAB" ] || cp "$MEMLAB" "$1/memlab"
	for applet in $_APPLETS; do
		ln -s busybox "$1/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$1/etc/group"
}

# make_rootfs DIR: static busybox, /memlab and the usual directories. It is the
# test's own copy and may be spoilt.
make_rootfs() {
	local template=$BATS_RUN_TMPDIR/rootfs
	if [ ! -d "$template" ]; then
		_is_static "$BUSYBOX" || fail "no static busybox: $BUSYBOX (busybox-static)" || return 1
		_build_rootfs "$template.$BASHPID"
		# A neighbour may have been faster: its copy is as good.
		mv -T "$template.$BASHPID" "$template" 2>/dev/null || rm -rf "$template.$BASHPID"
	fi
	mkdir -p "${1%/*}"
	cp -a "$template" "$1"
}

# json_words WORD...: a JSON array of strings. A program for it would be started some
# thousand times.
json_words() {
	local word json=
	for word; do
		[[ $word != *[$'\x01'-$'\x08\x0b'-$'\x1f\x7f']* ]] || fail "a control character: $word" || return 1
		word=${word//\\/\\\\} word=${word//\"/\\\"}
		word=${word//$'\n'/\\n} word=${word//$'\t'/\\t}
		json+=",\"$word\""
	done
	printf '[%s]' "${json#,}"
}

# Filters for make_spec.
# args WORD...
args() {
	printf '.process.args=%s\n' "$(json_words "$@")"
}

# bytes 64M
bytes() {
	case $1 in
	-1) echo -1 ;;
	*[kK]) echo $((${1%?} << 10)) ;;
	*[mM]) echo $((${1%?} << 20)) ;;
	*[gG]) echo $((${1%?} << 30)) ;;
	*) echo $(($1)) ;;
	esac
}

# memory LIMIT [SWAP]: the OCI meaning, SWAP is memory plus swap. Default: LIMIT.
memory() {
	local limit
	limit=$(bytes "$1")
	printf '.linux.resources.memory += {limit: %s, swap: %s}\n' "$limit" "$(bytes "${2:-$limit}")"
}

# mount_spec DESTINATION TYPE SOURCE [OPTION...]
mount_spec() {
	printf '.mounts += [%s | {destination: .[0], type: .[1], source: .[2], options: .[3:]}]\n' \
		"$(json_words "$@")"
}

# new_userns [HOST-UID HOST-GID SIZE]: container id 0 is HOST-UID.
# shellcheck disable=SC2120 # the arguments are for the tests
new_userns() {
	local uid=${1:-$(id -u)} gid=${2:-$(id -g)} size=${3:-1}
	printf '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: %d, size: %d}]
		| .linux.gidMappings = [{containerID: 0, hostID: %d, size: %d}]\n' \
		"$uid" "$size" "$gid" "$size"
}

# make_spec FILE [JQ-FILTER...]: a spec that runs /bin/true in new pid, mount, ipc,
# uts, network and cgroup namespaces without capabilities; then the filters, in
# order. A missing rootfs beside FILE is made. Not as root: in a user namespace.
make_spec() {
	local file=$1 filter
	shift
	[ -d "${file%/*}" ] || mkdir -p "${file%/*}"
	[ -e "${file%/*}/rootfs" ] || make_rootfs "${file%/*}/rootfs"
	filter=.
	# shellcheck disable=SC2119 # its defaults are meant
	[ "$EUID" -eq 0 ] || filter="$filter | $(new_userns)"
	while [ $# -gt 0 ]; do
		filter="$filter | $1"
		shift
	done
	jq "$filter" >"$file" <<'JSON' || fail "bad jq filter: $filter"
{
  "ociVersion": "1.3.0",
  "process": {
    "terminal": false,
    "user": { "uid": 0, "gid": 0 },
    "args": [ "/bin/true" ],
    "env": [ "PATH=/bin", "HOME=/root" ],
    "cwd": "/",
    "capabilities": {
      "bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []
    },
    "noNewPrivileges": true,
    "oomScoreAdj": 0
  },
  "root": { "path": "rootfs", "readonly": false },
  "hostname": "minirun-test",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc",
      "options": [ "nosuid", "noexec", "nodev" ] },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
      "options": [ "nosuid", "strictatime", "mode=755", "size=65536k" ] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
      "options": [ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" ] },
    { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
      "options": [ "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" ] },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs",
      "options": [ "nosuid", "noexec", "nodev", "ro" ] }
  ],
  "linux": {
    "namespaces": [
      { "type": "pid" }, { "type": "mount" }, { "type": "ipc" },
      { "type": "uts" }, { "type": "network" }, { "type": "cgroup" }
    ],
    "resources": {}
  }
}
JSON
	[ -s "$file" ] || fail "no spec was written: $file"
}

# ---------------------------------------------------------------------------
# Nothing may be left

# Container ids of a test carry its tag, and so does the environment of its minirun
# processes. bats runs each test in a process of its own, so what carries another tag
# belongs to a neighbour on this host. What carries none is taken for ours, unless
# MINIRUN_TEST_SHARED=1 says that others use minirun here at the same time: then only
# what is tagged is looked for.
RUN_TAG=mr$$
export MINIRUN_TEST_RUN=$RUN_TAG

# The shared parents (".../minirun") may stay: to remove them would race with the
# start of a neighbour.
_snapshot_cgroups() {
	local points
	mapfile -t points < <(cgroup_mounts)
	[ ${#points[@]} -gt 0 ] || return 0
	find "${points[@]##* }" -mindepth 1 -type d \
		\( -path '*minirun*' -o -path "*$RUN_TAG-*" \) ! -name minirun 2>/dev/null
}

# Root, mount point, options, type and source; not the ids, which others renumber.
_snapshot_mounts() {
	local lines line
	mapfile -t lines </proc/self/mountinfo
	for line in "${lines[@]}"; do
		printf '%s\n' "${line#* * * }"
	done
}

# _is_ours PID
_is_ours() {
	local lines=() line tag=${MINIRUN_TEST_SHARED:-$RUN_TAG}
	{ mapfile -t lines <"/proc/$1/cgroup"; } 2>/dev/null || true
	[[ ${lines[*]} != *"/$RUN_TAG-"* ]] || return 0
	[[ ! ${lines[*]} =~ /mr[0-9]+- ]] || return 1
	# Nothing that an ordinary user started is root's.
	[ "$EUID" -eq 0 ] || ! grep -qs '^Uid:[[:space:]]*0[[:space:]]' "/proc/$1/status" || return 1
	{ mapfile -d '' -t lines <"/proc/$1/environ"; } 2>/dev/null || lines=()
	for line in "${lines[@]}"; do
		[[ $line != MINIRUN_TEST_RUN=?* ]] || tag=${line#*=}
	done
	[ "$tag" = "$RUN_TAG" ]
}

# A zombie is its parent's business, and init's after that.
_is_alive() {
	local stat
	read -r -d '' stat 2>/dev/null <"/proc/$1/stat" || [ -n "${stat:-}" ] || return 1
	stat=${stat##*) }
	[ "${stat%% *}" != Z ] && [ "${stat%% *}" != X ]
}

# "PID COMM" of what runs minirun or memlab, is named so, or lives in our cgroups.
_snapshot_processes() {
	local found file pid comm seen=' '
	# Three answers, in few programs. No match is no failure: errexit would skip the rest.
	mapfile -t found < <(
		grep -lsE "^(minirun|memlab)|/minirun/|/minirun-|/$RUN_TAG-" /proc/[0-9]*/{comm,cgroup} || true
		find /proc/[0-9]*/exe -maxdepth 0 -printf '%p %l\n' 2>/dev/null || true
	)
	for file in "${found[@]}"; do
		[[ $file != *' '* || ${file%' (deleted)'} =~ (minirun|memlab)[^/]*$ ]] || continue
		pid=${file#/proc/} pid=${pid%%/*}
		[[ $seen != *" $pid "* ]] || continue
		seen+="$pid "
		_is_alive "$pid" || continue
		read -r comm 2>/dev/null <"/proc/$pid/comm" || continue
		! _is_ours "$pid" || printf '%s %s\n' "$pid" "$comm"
	done
}

_snapshot_states() {
	local dir
	for dir in "$ROOT"/* /run/minirun/* "${XDG_RUNTIME_DIR:-/nonexistent}"/minirun/*; do
		# "@seccomp" is a cache, and no id.
		[ ! -e "$dir" ] || [[ $dir == */@* ]] || printf '%s\n' "$dir"
	done
}

# _is_neighbours LINE
_is_neighbours() {
	if [ "${MINIRUN_TEST_SHARED:-0}" = 1 ]; then
		[[ $1 != *"/$RUN_TAG-"* && $1 != *"$BATS_TEST_TMPDIR"* ]]
	else
		[[ $1 != *"/$RUN_TAG-"* && $1 =~ /mr[0-9]+- ]]
	fi
}

# snapshot_host ARRAY: counts lines "KIND ..." in an associative array.
snapshot_host() {
	local -n _seen=$1
	local kind lines line
	for kind in cgroups mounts states processes; do
		mapfile -t lines < <("_snapshot_$kind")
		for line in "${lines[@]}"; do
			[ "$kind" != processes ] && _is_neighbours "$line" && continue
			line="$kind $line"
			_seen[$line]=$((${_seen[$line]:-0} + 1))
		done
	done
}

# Something gone that was there before counts for mounts only: a neighbour's process
# may end at any time.
_differences() {
	local -A now=()
	local line
	snapshot_host now
	for line in "${!now[@]}"; do
		[ "${now[$line]}" -le "${HOST_BEFORE[$line]:-0}" ] || printf 'left %s\n' "$line"
	done
	for line in "${!HOST_BEFORE[@]}"; do
		[[ $line != mounts* ]] || [ "${now[$line]:-0}" -ge "${HOST_BEFORE[$line]}" ] ||
			printf 'lost %s\n' "$line"
	done
}

_no_differences() {
	[ -z "$(_differences)" ]
}

# assert_nothing_left: the host is as at setup. An exiting monitor gets 3 seconds.
assert_nothing_left() {
	wait_for -t 3 _no_differences 2>/dev/null ||
		fail "the host is not as before:" "$(_differences)"
}

# So that one failure does not fail every later test: ends what this test left.
# Only cgroups that carry this run's tag are touched.
_sweep() {
	local dir pid
	_snapshot_cgroups | grep "/$RUN_TAG-" | sort -r | while read -r dir; do
		while read -r pid; do
			kill -KILL "$pid" 2>/dev/null || true
		done <"$dir/cgroup.procs"
		wait_for -t 2 rmdir "$dir" 2>/dev/null || true
	done
}

_end_background() {
	local pid
	[ -f "$BATS_TEST_TMPDIR/background.pids" ] || return 0
	while read -r pid; do
		kill -TERM "$pid" 2>/dev/null || continue
		wait_for -t 5 _is_gone "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
	done <"$BATS_TEST_TMPDIR/background.pids"
}

_is_gone() {
	! _is_alive "$1"
}

# delete_all: every container of the test's root, by `delete -f`.
delete_all() {
	local dir result=0
	for dir in "$ROOT"/*/; do
		[ -d "$dir" ] && [[ $dir != */@* ]] || continue
		dir=${dir%/}
		minirun delete -f "${dir##*/}" </dev/null ||
			{ echo "delete -f ${dir##*/} failed: $?" >&2; result=1; }
	done
	return "$result"
}

_show_records() {
	local file
	for file in "$ROOT"/*/status.json; do
		[ ! -f "$file" ] || { echo "--- $file"; cat "$file"; }
	done >&2
}

common_setup() {
	[ -x "$MINIRUN" ] || fail "no $MINIRUN: run make first" || return 1
	[ ! -t 0 ] || exec </dev/null
	ID=$RUN_TAG-$BATS_TEST_NUMBER
	ROOT=$BATS_TEST_TMPDIR/root
	BUNDLE=$BATS_TEST_TMPDIR/bundle
	mkdir -m 700 "$ROOT" "$BUNDLE"
	declare -gA HOST_BEFORE=()
	snapshot_host HOST_BEFORE
}

common_teardown() {
	local result=0
	[ -d "${ROOT:-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || _show_records
	_end_background
	delete_all || result=1
	assert_nothing_left || result=1
	[ "$result" = 0 ] || _sweep
	# bats keeps them to its end: in a virtual machine they would fill its memory.
	[ "$result" != 0 ] || [ -z "${BATS_TEST_COMPLETED:-}" ] ||
		rm -rf --one-file-system "${BATS_TEST_TMPDIR:?}"/*
	return "$result"
}

setup() {
	common_setup
}

teardown() {
	common_teardown
}
