# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bats
#
# No row of differences.md may be about what is no longer so.
# shellcheck disable=SC2154
load ../../integration/common
load common

setup_file() {
	peers_begin
}

@test "peers: every row of differences.md was seen" {
	assert_eq "$(comm -13 <(sort -u "$SEEN") <(rows | sort))" "" "rows that were not seen"
	assert_eq "$(rows | sort | uniq -d)" "" "rows that are there twice"
}
