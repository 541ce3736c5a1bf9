#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# sparse.sh ARGUMENT...: the command that kbuild runs as CHECK after compiling a file.
#
# Prints sparse's findings with a prefix and fails if there are any, so that kbuild removes the object
# and the next build reports them again. Findings outside $LINT_TREE, in the kernel's headers, are
# ignored, as is anything that sparse cannot parse there.
set -eu

status=0
out=$(sparse "$@" 2>&1) || status=$?
if printf '%s\n' "$out" | grep -F "$LINT_TREE/" | sed 's/^/sparse: /' | grep .; then
	exit 1
fi
# status 1: findings, but none in our files
if [ "$status" -gt 1 ] || { [ "$status" = 1 ] && [ -z "$out" ]; }; then
	echo "sparse failed ($status): $out"
	exit 1
fi
