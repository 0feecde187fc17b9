# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the test VM needs to have Debian's systemd as pid 1, with its bus and nothing else: no
# udev, no journal, no login. Sourced by tests/vm/run, whose functions it uses.

# shellcheck disable=SC2034 # run reads it
systemd_packages="systemd dbus dbus-daemon"

# put_systemd ROOT - programs, unit files and the bus's configuration.
put_systemd() {
	local root=$1 files programs
	programs=(/usr/lib/systemd/systemd /usr/bin/systemctl /usr/bin/systemd-run /usr/bin/busctl
		/usr/bin/dbus-daemon)
	put "$root" "${programs[@]}"
	mapfile -t files < <(libraries "${programs[@]}")
	put "$root" "${files[@]}"
	mapfile -t files < <(dpkg -L systemd dbus dbus-system-bus-common dbus-user-session \
		dbus-session-bus-common 2>/dev/null | sort -u |
		grep -E '/systemd/(system|user)/([^/]*\.(target|slice)|dbus\.(service|socket))$|^/usr/share/dbus-1/[^/]*\.conf$|^/usr/share/dbus-1/system\.d/org\.freedesktop\.systemd1\.conf$')
	put "$root" "${files[@]}"
	mkdir -p "$root/etc/systemd/system" "$root/etc/systemd/user/sockets.target.wants" \
		"$root/var/lib"
	ln -s /usr/lib/systemd/user/dbus.socket "$root/etc/systemd/user/sockets.target.wants/"
	echo 'messagebus:x:100:100::/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
	echo 'messagebus:x:100:' >>"$root/etc/group"
	cat >"$root/etc/systemd/system/vm-job.service" <<'END'
[Unit]
Requires=dbus.socket
After=dbus.socket basic.target
[Service]
Type=oneshot
ExecStart=/init job
StandardOutput=null
StandardError=null
TasksMax=infinity
END
	# A user's manager, without the session that PAM and logind would make, and what
	# Debian's delegates to it.
	cat >"$root/etc/systemd/system/user@.service" <<'END'
[Service]
User=%i
Type=notify
ExecStartPre=+install -d -m 700 -o %i -g %i /run/user/%i
ExecStart=/usr/lib/systemd/systemd --user
Environment=XDG_RUNTIME_DIR=/run/user/%i
Slice=user-%i.slice
Delegate=pids memory cpu
TasksMax=infinity
KillMode=mixed
END
}

# shellcheck disable=SC2034 # run reads it
podman_packages="podman conmon uidmap"

# put_podman ROOT - podman with its monitor and settings, for the suites of tests/engines.
put_podman() {
	local root=$1 files programs
	programs=(/usr/bin/podman /usr/bin/conmon)
	put "$root" "${programs[@]}"
	mapfile -t files < <(libraries "${programs[@]}")
	put "$root" "${files[@]}" /etc/containers/{policy.json,registries.conf} \
		/usr/share/containers/{containers.conf,seccomp.json}
	: >"$root/etc/resolv.conf"
}
