#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh BUILD_DIR [CHECK...]: lint as a test of "make check": TAP, a line a check. What is kept
# from run to run is not in BUILD_DIR but where "make lint" finds it too, in $BUILD/lint.
set -eu

shift
exec "$(dirname "$0")/lint.py" -t "$@"
