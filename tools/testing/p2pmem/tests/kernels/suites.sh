#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# suites.sh BUILD_DIR NAME: all KUnit suites on the kernel of kernels/NAME.config, which is made from another
# kernel of the archive than the rig's own. Prints TAP: two tests, and the skipped cases.
#
# Skipped if KERNEL= or KDIR= selects another kernel, and where the archive lacks a package or cannot be reached.
set -eu

lane_name=$2
selected=${KERNEL:-${KDIR:+KDIR}}
set -- "$1"
# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
here=$top/tools/testing/p2pmem
lane=$BUILD/lanes/$lane_name
unset KVER KDIR KSRC KIMAGE KPATH KARCH KCROSS RELEASE

[ -z "$selected" ] || skip_all "$lane_name" "$selected is selected, and only that kernel is tested"
minimum=$(cat "$top"/drivers/pci/p2pdma/tests/*_kunit.c "$top"/drivers/nvme/*/p2pmem*kunit*.c \
	"$top"/drivers/infiniband/core/*kunit*.c | grep -c '^kunit_test_suites*(')

status=0
"$here/kernels/build.sh" "$BUILD" "$lane_name" >"$work/build.out" 2>&1 || status=$?
[ $status != 3 ] || skip_all "$lane_name" "$(grep -E '^(kernel|toolchain): ' "$work/build.out" | tail -n 1)"
arch=$(sed -n 's/^KARCH=//p' "$lane/kernel/env" 2>/dev/null) || arch=
[ $status != 0 ] || [ "$arch" = "$(dpkg --print-architecture)" ] ||
	SHARED_BUILD=${SHARED_BUILD:-$BUILD} "$here/rig/userland.sh" "$lane" >"$work/userland.out" 2>&1 ||
	skip_all "$lane_name" "$(tail -n 1 "$work/userland.out")"

built()
{
	[ $status = 0 ] || { tail -n 20 "$work/build.out"; return 1; }
}

suites()
{
	env BUILD="$lane" SHARED_BUILD="${SHARED_BUILD:-$BUILD}" NAME=suites SMP=4 TIMEOUT=3600 \
		TOPO="$here/tests/topologies/kunit.topo" RUN="$here/tests/guest/kunit.sh" \
		APPEND="mem=1G pcie_ports=compat kunit.enable=1 p2pmem.suites=$minimum p2pmem.modules=p2pdma,ib_core,nvme,nvmet" \
		python3 "$here/rig/vm.py" >"$work/vm.out" 2>&1 || { grep -v '^ok' "$work/vm.out"; return 1; }
}

# the cases that the guest skipped, as lines of TAP
skipped()
{
	python3 -c '
import json, sys
for s in json.load(open(sys.argv[1]))["tap"]["skips"]:
    print(s["name"], "# SKIP", s["reason"])' "$lane/vm/suites/report.json"
}

check "$lane_name: the kernel builds, and the consumers with it" built
if [ "$failed" = 0 ]; then
	check "$lane_name: all $minimum suites pass in a guest" suites
	sed -n 's/^vm: /# /p' "$work/vm.out"
	skipped >"$work/skipped" || :
	while read -r line; do
		n=$((n + 1))
		echo "ok $n - $line"
	done <"$work/skipped"
fi
echo "1..$n"
[ "$failed" = 0 ]
