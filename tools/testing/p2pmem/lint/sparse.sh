#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# sparse.sh ARGUMENT...: what kbuild calls as CHECK, after it has compiled a file.
#
# Passes sparse's findings on, marked as such, and fails when there are any, so that the object goes
# and the next build says them again. Left out is what is said of the headers of the kernel, which are
# not ours (what is below $LINT_TREE is), and what sparse cannot parse there.
set -eu

status=0
out=$(sparse "$@" 2>&1) || status=$?
if printf '%s\n' "$out" | grep -F "$LINT_TREE/" | sed 's/^/sparse: /' | grep .; then
	exit 1
fi
# 1: it found something, elsewhere
if [ "$status" -gt 1 ] || { [ "$status" = 1 ] && [ -z "$out" ]; }; then
	echo "sparse failed ($status): $out"
	exit 1
fi
