#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# other.sh BUILD_DIR KERNEL SCRIPT: a test of this machine, SCRIPT of tests/, of another kernel of the archive
# (rig/kernels), which is fetched to $BUILD/lanes/KERNEL. Prints TAP.
#
# Skipped if KERNEL= or KDIR= selects another kernel, and where the archive lacks a package or cannot be reached.
set -eu

kernel=$2 script=$3
selected=${KERNEL:-${KDIR:+KDIR}}
set -- "$1"
# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
tests=$top/tools/testing/p2pmem/tests
lane=$BUILD/lanes/$kernel
unset KVER KDIR KSRC KIMAGE KPATH KARCH KCROSS RELEASE

[ -z "$selected" ] || skip_all "$kernel" "$selected is selected, and only that kernel is tested"
mkdir -p "$lane"
status=0
KERNEL=$kernel SHARED_BUILD=${SHARED_BUILD:-$BUILD} "$tests/../rig/kernel.sh" "$lane" >"$work/kernel.out" 2>&1 || status=$?
[ $status != 3 ] || skip_all "$kernel" "$(grep -E '^(kernel|toolchain): ' "$work/kernel.out" | tail -n 1)"
[ $status = 0 ] || { sed 's/^/# /' "$work/kernel.out"; echo "Bail out! $kernel cannot be fetched"; exit 1; }
BUILD=$lane exec "$tests/$script" "$work"
