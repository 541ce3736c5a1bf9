#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# smoke.sh BUILD_DIR KERNEL [full]: another kernel of the archive (rig/kernels): its packages and source
# are fetched, the modules built and checked, the kernel booted, and the demo's path of a few files
# is gone, with its proof by addresses. "full": instead all tests of guests on the distribution's kernel.
# Prints TAP. What was fetched and built stays in $BUILD/lanes/KERNEL.
#
# Skipped: if KERNEL= or KDIR= selects another kernel, which is then the only one that is tested; a kernel
# that the archive lacks; an archive that cannot be reached. run-tests.sh does not call it for the kernel
# of the machine's own distribution.
set -eu

kernel=$2 full=${3:-}
selected=${KERNEL:-${KDIR:+KDIR}}
set -- "$1"
# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
rig=$top/tools/testing/p2pmem/rig
export KERNEL="$kernel" SHARED_BUILD="$BUILD"
lane=$BUILD/lanes/$kernel
unset KVER KDIR KSRC KIMAGE KPATH RELEASE
mkdir -p "$lane"

# of the distribution's exports none may have another version, and there must have been some to compare. Of this
# release: builds of earlier ones are kept
checked()
{
	# shellcheck disable=SC1091
	log=$lane/stock/$(. "$lane/kernel/env" && echo "$KVER")/check.log
	cat "$log" && grep -Eq '^check-(crc|layout): [1-9][0-9]* ' "$log"
}

# shellcheck disable=SC1091
own=$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")
[ -z "$selected" ] || [ "$selected" = "$own" ] || skip_all "$kernel" "$selected is selected, and only that kernel is tested"

status=0
"$rig/kernel.sh" "$lane" >"$work/out" 2>&1 || status=$?
[ $status != 3 ] || skip_all "$kernel" "$(grep -E '^(kernel|toolchain): ' "$work/out" | tail -n 1)"
name="$kernel: image, headers and source of one version are in the archive, and unpacked"
if [ $status = 0 ]; then ok "$name"; else not_ok "$name"; fi
if [ $failed = 0 ]; then
	check "$kernel: the modules build, and what they share with the distribution's is unchanged" "$rig/modules.sh" "$lane"
	check "$kernel: that was compared" checked
fi
if [ $failed = 0 ]; then
	# shellcheck disable=SC1091
	echo "# $kernel is $(. "$lane/kernel/env" && echo "$KVER")"
	if [ -n "$full" ]; then
		# tests of guests take it from the build directory
		mkdir -p "$lane/command"
		[ ! -e "$BUILD/command/p2pmem" ] || cp "$BUILD/command/p2pmem" "$lane/command/"
		check "$kernel: the stock lane passes" env BUILD="$lane" GUESTS=1 "$top/tools/testing/p2pmem/run-tests.sh"
	else
		check "$kernel: files go through a provider's memory, by the addresses that QEMU saw" \
			env BUILD="$lane" SMALL=1 "$top/tools/testing/p2pmem/demo/demo.sh"
	fi
fi
echo "1..$n"
[ $failed = 0 ]
