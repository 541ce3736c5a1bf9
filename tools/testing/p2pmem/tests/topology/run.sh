#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds and runs the user-space test of drivers/pci/p2pdma/topology.c under the
# address and undefined behaviour sanitizers. Prints TAP.
#
# run.sh BUILD_DIR [SEED [TREES]]
#
# Exit status: 0 all passed, 1 a test or the build failed, 2 usage error.
set -eu

if [ $# -lt 1 ] || [ $# -gt 3 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [SEED [TREES]]" >&2
	exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)

if ! make -s -f "$here/Makefile" O="$build" >"$build/build.log" 2>&1; then
	sed 's/^/# /' "$build/build.log"
	echo "Bail out! the topology test does not build"
	exit 1
fi

# a separate exit status, to distinguish a sanitizer's abort from a test result
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}exitcode=99:print_stacktrace=1"

status=0
timeout 300 "$build/topology_test" -d "$top/Documentation/PCI/p2pmem/topology.rst" \
	${2:+-s "$2"} ${3:+-t "$3"} || status=$?
case $status in
0 | 1 | 2) exit "$status" ;;
124)
	echo "Bail out! the topology test did not finish within 300 s"
	exit 1
	;;
*)
	echo "Bail out! the topology test died with status $status"
	exit 1
	;;
esac
