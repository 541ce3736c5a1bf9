#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh: which lines of the core the suites ran, by what the guests of the tests
# kunit-* sent last. Prints coverage.py's table, and TAP.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
build=$(cd "${BUILD:-$top/build}" && pwd)
# shellcheck disable=SC1091
. "$build/lanes/debug/kernel/env"
# what an earlier build counted does not fit
find -L "$build/lanes/debug/vm" -path '*/check*-kunit-*/files/gcda.tar' -newer "$build/lanes/debug/built" >"$build/lanes/debug/gcda.list"
word="not ok"
status=1
if [ -s "$build/lanes/debug/gcda.list" ]; then
	# shellcheck disable=SC2046	# one word a file is meant
	python3 "$here/coverage.py" "$KDIR" "$here/unreached" $(cat "$build/lanes/debug/gcda.list") &&
		word=ok status=0
else
	echo "# no guest of kunit-* has sent counts: make kunit"
fi
echo "$word 1 - at least 95 % of the lines of drivers/pci/p2pdma ran, and there is a reason for every other"
echo "1..1"
exit $status
