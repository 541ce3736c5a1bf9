#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds and runs the user-space test of drivers/pci/p2pdma/buddy.c under the address and
# undefined behaviour sanitizers. Prints TAP.
#
# run.sh BUILD_DIR [SEED]
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [SEED]" >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
core=$(cd "$here/../../../../../drivers/pci/p2pdma" && pwd)
mkdir -p "$1"
if ! ${CC:-cc} -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
	-I "$core" -I "$here" -o "$1/buddy_test" "$here/main.c" "$core/buddy.c" >"$1/build.log" 2>&1; then
	sed 's/^/# /' "$1/build.log"
	echo "Bail out! the test of the buddy does not build"
	exit 1
fi
exec timeout 300 "$1/buddy_test" ${2:+"$2"}
