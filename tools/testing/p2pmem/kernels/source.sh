#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh BUILD: make the grafted kernel source that the debug kernels are built from
#
# Prints BUILD/kernels/KVER/source. The tree consists of hard links to the source that
# tools/graft/source.sh unpacked, which is safe because a graft replaces files and never writes
# to them. Each run updates it from the work tree. Objects are kept outside of it. Two things beside the graft
# are others: the number of buckets of DMA_API_DEBUG, and directories that KASAN and UBSAN leave out.

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

# Not what uses our objects: firmware's tables, terminals, the file system of the guest, the network below RDMA.
# Without their checkers, the debug kernel is compiled and boots faster. (A directory's Makefile decides for its
# own files only; those that are not in this source are no error.)
unchecked="drivers/acpi drivers/acpi/acpica drivers/acpi/x86 drivers/tty drivers/tty/serial drivers/tty/serial/8250
	drivers/input drivers/pnp drivers/pnp/pnpacpi drivers/rtc fs/ext4 fs/jbd2 crypto lib/crypto ipc
	net/core net/ipv4 net/ipv6 net/sched net/ethtool net/netlink net/unix net/packet"
for d in $unchecked; do
	m=$dir/source/$d/Makefile
	[ -e "$m" ] || continue
	! grep -q '^KASAN_SANITIZE := n$' "$m" || continue
	# not in place: the pristine source has the same file
	{ cat "$m" && printf '\nKASAN_SANITIZE := n\nUBSAN_SANITIZE := n\n'; } >"$m.new"
	mv "$m.new" "$m"
done
echo "$dir/source"
