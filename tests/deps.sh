#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install the Debian packages that are missing: `deps.sh build`, `deps.sh test` or
# `deps.sh engines`.
set -eu

build="gcc make libc6-dev musl-tools pkgconf libseccomp-dev libcap-dev libyajl-dev libsystemd-dev"
test="$build bash bats jq libcmocka-dev busybox-static strace shellcheck mandoc
	python3-jsonschema uidmap procps util-linux util-linux-extra iproute2 clang libclang-rt-dev git
	qemu-system-x86 cpio e2fsprogs zstd gnuplot-nox systemd dbus dbus-user-session runc crun"
engines="$build bats jq busybox-static iproute2 util-linux bsdutils podman conmon docker.io
	containerd runc crun"

case "${1:-build}" in
build) wanted=$build ;;
test) wanted=$test ;;
engines) wanted=$engines ;;
*) echo "usage: deps.sh build|test|engines" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
	case "$status" in
	ii*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" -ne 0 ]; then
	echo "run as root: apt-get install$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if ! { apt-get install -y --no-install-recommends $missing >"$log" 2>&1 ||
	{ apt-get update >"$log" 2>&1 &&
		apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; }; }; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
