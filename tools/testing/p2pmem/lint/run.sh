#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh BUILD_DIR [CHECK...]: lint as a test of "make check"; prints TAP, one line for each check.
# The cache is not in BUILD_DIR but in $BUILD/lint, which "make lint" uses too.
set -eu

shift
exec "$(dirname "$0")/lint.py" -t "$@"
