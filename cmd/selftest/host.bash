# SPDX-License-Identifier: Apache-2.0
#
# What minirun selftest and the experiments of examples/truth/ need to know of the host, and
# how they keep it busy.

cgroup_mounts() {
	sed -nE 's:^([^ ]+ ){4}([^ ]+) .* - cgroup2? .*:\2:p' /proc/self/mountinfo
}

# Where memory is limited.
memory_mount() {
	"$minirun" check | sed -nE 's/^memory +ok +v[12] at ([^;]*).*/\1/p'
}

# Ends with the script that started it, however that ends: it would be a load for ever.
busy_loop() {
	local i
	while kill -0 $$ 2>/dev/null; do
		for ((i = 0; i < 10000; i++)); do :; done
	done
}
