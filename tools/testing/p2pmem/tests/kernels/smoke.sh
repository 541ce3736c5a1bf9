#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# smoke.sh BUILD_DIR KERNEL [full]: another kernel of the archive (rig/kernels): its packages and source
# are fetched, the modules built and checked, the kernel booted, and the demo's way of a few files
# is gone, with its proof by addresses. "full": instead all tests of guests on the distribution's kernel.
# Prints TAP. What was fetched and built stays in $BUILD/lanes/KERNEL.
set -eu

kernel=$2 full=${3:-}
set -- "$1"
# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
rig=$top/tools/testing/p2pmem/rig
export KERNEL="$kernel" SHARED_BUILD="$BUILD"
lane=$BUILD/lanes/$kernel
unset KVER KDIR KSRC KIMAGE KPATH
mkdir -p "$lane"

# of the distribution's exports none may have another version, and there must have been some to compare
checked()
{
	cat "$lane"/stock/*/check.log
	grep -Eq '^check-(crc|layout): [1-9][0-9]* ' "$lane"/stock/*/check.log
}

check "$kernel: image, headers and source of one version are in the archive, and unpacked" "$rig/kernel.sh" "$lane"
if [ $failed = 0 ]; then
	check "$kernel: the modules build, and what they share with the distribution's is unchanged" "$rig/modules.sh" "$lane"
	check "$kernel: that was compared" checked
fi
if [ $failed = 0 ]; then
	# shellcheck disable=SC1091
	echo "# $kernel is $(. "$lane/kernel/env" && echo "$KVER")"
	if [ -n "$full" ]; then
		check "$kernel: the stock lane passes" env BUILD="$lane" GUESTS=1 "$top/tools/testing/p2pmem/run-tests.sh"
	else
		check "$kernel: files go through a provider's memory, by the addresses that QEMU saw" \
			env BUILD="$lane" SMALL=1 "$top/tools/testing/p2pmem/demo/demo.sh"
	fi
fi
echo "1..$n"
[ $failed = 0 ]
