#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig-nvme.sh OUT: build nvme.ko for virtual machines, its shadow doorbells off.
#
# QEMU 7.2 loses commands of a driver that uses them. Two builds, called by modules.sh:
#   OUT/rig-nvme/grafted/nvme.ko   our hooks, and that
#   OUT/rig-nvme/stock/nvme.ko     the distribution's source, and only that
# Neither is ever installed on a real machine.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
log=$out/rig-nvme/build.log

die()
{
	echo "rig-nvme: $*" >&2
	exit 1
}

variant()
{
	# $1: name, $2: source of drivers/nvme/host
	dir=$out/rig-nvme/$1
	new=$out/rig-nvme/.new
	want=$({ cat "$2"/*.[ch] "$here/nvme-no-shadow-doorbell.cocci" "$0" "$out/compat.h" "$KDIR/.config"
		 [ "$1" = stock ] ||
			cat "$out/tree/Module.symvers" "$out"/tree/include/linux/*p2pmem*.h 2>/dev/null || :; } |
	       sha256sum | cut -c1-32)
	[ "$(cat "$dir/.hash" 2>/dev/null)" != "$want" ] || return 0
	rm -rf "$new"
	mkdir -p "$new" "$dir"
	cp "$2"/*.[ch] "$2/Makefile" "$new/"
	spatch --very-quiet --in-place --sp-file "$here/nvme-no-shadow-doorbell.cocci" "$new/pci.c" >>"$log" 2>&1 ||
		die "spatch failed (see $log)"
	! cmp -s "$2/pci.c" "$new/pci.c" ||
		die "nvme-no-shadow-doorbell.cocci changes nothing in $2/pci.c: the driver is another one now; adapt it"
	{
		echo "include \$(src)/Makefile"
		echo "obj-y :="
		echo "obj-m := nvme.o"
		[ "$1" = stock ] || sed -n '/^subdir-ccflags/p' "$out/tree/Kbuild" |
			sed "s,subdir-ccflags,ccflags,; s,\$(src)/,$out/tree/,g"
		# suites include files of the core's by their way from there
		[ "$1" = stock ] || echo "ccflags-y += -I$2"
	} >"$new/Kbuild"
	rsync -rl --checksum "$new/" "$dir/"
	rm -rf "$new"
	echo "rig-nvme: building $1"
	make -C "$KDIR" M="$dir" -j"$(nproc)" CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_DEBUG_INFO= KCFLAGS=-Werror \
		CONFIG_PCI_P2PMEM=m CONFIG_PCI_P2PMEM_NVME=y KBUILD_EXTRA_SYMBOLS="$out/tree/Module.symvers" \
		modules >>"$log" 2>&1 || { tail -n 20 "$log"; die "the build of $1 failed (whole log: $log)"; }
	strip --strip-debug "$dir/nvme.ko"
	echo "$want" >"$dir/.hash"
}

mkdir -p "$out/rig-nvme"
: >"$log"
variant grafted "$out/tree/drivers/nvme/host"
variant stock "$KSRC/drivers/nvme/host"
