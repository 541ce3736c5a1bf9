#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh BUILD: the whole kernel source with the graft, which the debug kernels are built from
#
# Prints BUILD/kernels/KVER/source. It consists of hard links to what tools/graft/source.sh
# unpacked (a graft replaces files and never writes in them), and is brought up to date
# with the work tree each time. Nothing is built in it: objects lie beside it.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
build=$(cd "$1" && pwd)
pristine=$("$top/tools/graft/source.sh" "$build")
# shellcheck disable=SC1091
. "$build/kernel/env"
dir=$build/kernels/$KVER
mkdir -p "$dir"
exec 9>"$dir/source.lock"
flock 9
if [ "$(cat "$dir/source.of" 2>/dev/null)" != "$(cat "$pristine.unpacked")" ]; then
	rm -rf "$dir/source" "$dir/source.new" "$dir/source.of"
	cp -al "$pristine" "$dir/source.new"
	mv "$dir/source.new" "$dir/source"
	cp "$pristine.unpacked" "$dir/source.of"
fi
"$top/tools/graft/intree.sh" graft "$dir/source" >"$dir/graft.log" 2>&1 || {
	cat "$dir/graft.log" >&2
	exit 1
}
echo "$dir/source"
