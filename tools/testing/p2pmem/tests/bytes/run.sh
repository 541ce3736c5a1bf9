#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a guest that moves a known number of bytes through peer memory (guest/bytes.sh), and
# compares its counters with the addresses that QEMU traced, to the byte. Prints TAP.
#
# run.sh BUILD_DIR
#
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
here=$top/tools/testing/p2pmem
vm=$BUILD/vm/check-bytes

guest()
{
	env -u STOCK -u TRACE_EVENTS -u DISK_SIZE -u ICOUNT -u EXTRA_FILES -u APPEND -u UNTIL \
		NAME=check-bytes TRACE=1 SMP=1 TIMEOUT=300 TOPO="$here/rig/topologies/one-switch.topo" \
		RUN="$here/tests/guest/bytes.sh" python3 "$here/rig/vm.py"
}

check "the guest moves what it is told to" guest
rm -f "$work/numbers"
check "trace and counters can be read" "$here/tests/bytes/compare.py" "$vm" "$work/numbers"
if [ -e "$work/numbers" ]; then
	while read -r traced counted name; do
		echo "traced $traced, counted $counted" >"$work/out"
		if [ "$traced" = "$counted" ]; then ok "$name: $counted"; else not_ok "$name"; fi
	done <"$work/numbers"
fi
[ $failed != 0 ] || rm -f "$vm"/*.raw
echo "1..$n"
[ $failed = 0 ]
