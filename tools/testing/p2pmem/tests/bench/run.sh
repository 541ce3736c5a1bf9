#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh BUILD_DIR: bench-check as a test of "make check"; prints TAP.
set -eu

log=$1/bench.log
mkdir -p "$1"
echo "1..1"
if ! "$(dirname "$0")/../../bench/bench.py" --check >"$log" 2>&1; then
	sed 's/^/# /' "$log"
	echo "not ok 1 - costs are within 3 % of the recorded figures"
	exit 1
fi
tail -n 1 "$log" | sed 's/^/# /'
if grep -q ^skip: "$log"; then
	echo "ok 1 - costs # SKIP $(sed -n 's/^skip: //p' "$log")"
else
	echo "ok 1 - costs are within 3 % of the recorded figures"
fi
