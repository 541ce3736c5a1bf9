#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a guest with peer memory behind a translating IOMMU (guest/e2e-iommu.sh). QEMU's trace must
# show that every device used I/O virtual addresses, which the IOMMU translated to the card, and
# that the pages were adjacent or separate. Prints TAP.
#
# run.sh BUILD_DIR
#
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
here=$top/tools/testing/p2pmem
vm=$BUILD/vm/check-iommu

guest()
{
	env -u STOCK -u DISK_SIZE -u ICOUNT -u EXTRA_FILES -u UNTIL \
		NAME=check-iommu TRACE=1 TRACE_EVENTS=vtd_dmar_translate SMP=1 TIMEOUT=300 \
		APPEND="intel_iommu=on nvme_core.io_timeout=10" \
		TOPO="$here/tests/topologies/iommu-host.topo" RUN="$here/tests/guest/e2e-iommu.sh" \
		python3 "$here/rig/vm.py"
}

check "the guest uses peer memory through its IOMMU" guest
rm -f "$work/numbers"
check "trace and report can be read" "$here/tests/iommu/compare.py" "$vm" "$work/numbers"
if [ -e "$work/numbers" ]; then
	while read -r got wanted name; do
		echo "got $got, wanted $wanted" >"$work/out"
		if [ "$got" = "$wanted" ]; then ok "$name: $got"; else not_ok "$name"; fi
	done <"$work/numbers"
fi
[ $failed != 0 ] || rm -f "$vm"/*.raw "$vm"/trace.log
echo "1..$n"
[ $failed = 0 ]
