#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh BUILD: make the grafted kernel source that the debug kernels are built from
#
# Prints BUILD/kernels/KVER/source. The tree consists of hard links to the source that
# tools/graft/source.sh unpacked, which is safe because a graft replaces files and never writes
# to them. Each run updates it from the work tree. Objects are kept outside of it. One line beside the graft
# is another: the number of buckets of DMA_API_DEBUG.

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

# DMA_API_DEBUG locks each of its 16,384 buckets at each unbind, which is expensive under lockdep. What it
# finds does not depend on their number.
buckets='#define HASH_SIZE       '
grep -q "^${buckets}1024ULL\$" "$dir/source/kernel/dma/debug.c" ||
	sed -i "s/^${buckets}16384ULL\$/${buckets}1024ULL/" "$dir/source/kernel/dma/debug.c"
grep -q "^${buckets}1024ULL\$" "$dir/source/kernel/dma/debug.c" || {
	echo "kernels: $dir/source/kernel/dma/debug.c has another number of buckets: look at source.sh" >&2
	exit 1
}
echo "$dir/source"
