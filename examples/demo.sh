#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `make demo` runs: a container limited to 512 MiB that writes 600 MiB, and what
# minirun recorded of its end. Fails when the record does not say what happened.
#
#     examples/demo.sh BUILD-DIRECTORY

set -u

top=$(cd "$(dirname "$0")/.." && pwd)
minirun=$(cd "${1:-$top/build}" && pwd)/minirun
name=demo-$$
root=$(mktemp -d) || exit 1

cleanup() {
	"$minirun" --root "$root" delete -f "$name" >/dev/null 2>&1
	rm -rf "$root"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

inspect() {
	"$minirun" --root "$root" inspect --format "$1" "$name"
}

# A JSON array of strings, one string a line.
lines() {
	sed -e 's/^\["//' -e 's/"\]$//' -e 's/", *"/\n/g' | sed -e 's/\\"/"/g' -e 's/^/    /'
}

spec=examples/oom-killed/spec.json
cd "$top" || exit 1
echo "== minirun run $spec: a limit of 512 MiB, a program that writes 600 MiB"
"$minirun" --root "$root" run --summary --name "$name" "$spec"
code=$?
echo "== exit code $code"

echo "== minirun inspect --format '{{json .State}}'"
inspect '{{json .State}}' || exit 1

echo "== the kernel's own report"
log=$(inspect '{{json .OOM.KernelLog}}' 2>/dev/null)
case $log in
'["'*) printf '%s\n' "$log" | lines ;;
*) echo "    not readable here (the kernel log needs CAP_SYSLOG); the counters decide" ;;
esac

killed=$(inspect '{{.State.OOMKilled}}')
if [ "$code" != 137 ] || [ "$killed" != true ]; then
	echo "demo: expected exit code 137 and OOMKilled true, got $code and $killed" >&2
	exit 1
fi
