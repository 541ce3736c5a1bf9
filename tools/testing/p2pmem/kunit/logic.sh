#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# logic.sh DIRECTORY: run "make kunit-fast" as a test of a list, print TAP

set -u

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
log=$(cd "$1" && pwd)/kunit.log
want=$(sed -n 's/^p2pmem-logic-kunit.*:= \|^p2pmem-logic-kunit.*+= //p' "$here/../../../../drivers/pci/p2pdma/Makefile" |
	tr ' ' '\n' | grep -c '_kunit\.o$')

if "$here/fast.sh" "${BUILD:?}" >"$log" 2>&1; then word=ok; else word="not ok"; fi
sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -a -E 'FAILED|CRASHED|ERROR|Testing complete|Elapsed' | sed 's/^/# /'
echo "$word 1 - the suites that need no PCI device pass under UML"
ran=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -a -c '\[PASSED\] p2pmem-[a-z-]* =')
if [ "$want" -gt 0 ] && [ "$ran" = "$want" ]; then word=ok; else word="not ok"; fi
echo "$word 2 - all $want suites ran ($ran)"
echo "1..2"
