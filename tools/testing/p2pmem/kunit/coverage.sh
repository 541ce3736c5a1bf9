#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh: report the lines of the core that the suites executed, from the counters that the
# guests of the tests kunit-* sent last. Prints the table of coverage.py, and TAP.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
build=$(cd "${BUILD:-$top/build}" && pwd)
# shellcheck disable=SC1091
. "$build/lanes/debug/kernel/env"
# counters of an earlier build do not match
find -L "$build/lanes/debug/vm" -path '*/check*-kunit-*/files/gcda.tar' -newer "$build/lanes/debug/built" >"$build/lanes/debug/gcda.list"
word="not ok"
status=1
if [ -s "$build/lanes/debug/gcda.list" ]; then
	# shellcheck disable=SC2046	# split into one word per file
	python3 "$here/coverage.py" "$KDIR" "$here/unreached" $(cat "$build/lanes/debug/gcda.list") &&
		word=ok status=0
else
	echo "# no counters of kunit-* found: run \"make kunit\""
fi
echo "$word 1 - at least 95 % of the lines of drivers/pci/p2pdma were executed, and every other has a reason"
echo "1..1"
exit $status
