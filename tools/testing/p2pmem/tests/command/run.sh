#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem on captured machines, as it is built and under the address and undefined behaviour
# sanitizers: run.py. Its man page and completions: page.sh. Prints TAP.
#
# run.sh BUILD_DIR [--update]		--update writes expected/
#
# Exit status: 0 all passed, 1 a test failed or the build did, 2 wrong call.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [--update]" >&2
	exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
command=$here/../../../../pci/p2pmem
mkdir -p "$1"
build=$(cd "$1" && pwd)
shift

for kind in plain sanitized; do
	san=0
	[ $kind = plain ] || san=1
	if ! make -s -C "$command" O="$build/$kind" SAN=$san >"$build/$kind.log" 2>&1; then
		sed 's/^/# /' "$build/$kind.log"
		echo "Bail out! the command does not build ($kind)"
		exit 1
	fi
done
status=0
python3 -B "$here/run.py" "$build/plain/p2pmem" "$build/sanitized/p2pmem" "$build/machines" "$@" || status=$?
exit $status
