#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig-nvme.sh OUT: build nvme.ko for virtual machines, without shadow doorbells.
#
# QEMU 7.2 loses commands of a driver that uses them. modules.sh calls this for two builds:
#   OUT/rig-nvme/grafted/nvme.ko   with our hooks, and a parameter rig_no_compare for tests
#   OUT/rig-nvme/stock/nvme.ko     from the distribution's source, without other changes
# These are never installed on a real machine.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
log=$out/rig-nvme/build.log

die()
{
	echo "rig-nvme: $*" >&2
	exit 1
}

# variant NAME SOURCE PATCH...: builds drivers/nvme/host with patches of this directory
variant()
{
	dir=$out/rig-nvme/$1
	new=$out/rig-nvme/.new
	want=$({ cat "$2"/*.[ch] "$here"/*.cocci "$0" "$out/compat.h" "$out/tree/compat/adapt.h" "$KDIR/.config"
		 [ "$1" = stock ] ||
			cat "$out/tree/Module.symvers" "$out"/tree/include/linux/*p2pmem*.h 2>/dev/null || :; } |
	       sha256sum | cut -c1-32)
	[ "$(cat "$dir/.hash" 2>/dev/null)" != "$want" ] || return 0
	rm -rf "$new"
	mkdir -p "$new" "$dir"
	cp "$2"/*.[ch] "$2/Makefile" "$new/"
	name=$1 source=$2
	shift 2
	for patch; do
		cp "$new/pci.c" "$out/rig-nvme/.before"
		spatch --very-quiet --in-place --macro-file "$here/../../../graft/macros.h" --sp-file "$here/$patch.cocci" "$new/pci.c" >>"$log" 2>&1 ||
			die "spatch failed (see $log)"
		! cmp -s "$out/rig-nvme/.before" "$new/pci.c" ||
			die "$patch.cocci changes nothing in $source/pci.c: adapt it to this version of the driver"
	done
	{
		echo "include \$(src)/Makefile"
		echo "obj-y :="
		echo "obj-m := nvme.o"
		[ "$name" = stock ] || sed -n '/^subdir-ccflags/p' "$out/tree/Kbuild" |
			sed "s,subdir-ccflags,ccflags,; s,\$(src)/,$out/tree/,g"
		[ "$name" = stock ] || for f in "$new"/p2pmem*.c; do
			f=${f##*/}
			echo "CFLAGS_${f%.c}.o += -include $out/tree/compat/adapt.h"
		done
		# suites include files of the core's by their way from there
		[ "$name" = stock ] || echo "ccflags-y += -I$source"
	} >"$new/Kbuild"
	rsync -rl --checksum "$new/" "$dir/"
	rm -rf "$new"
	echo "rig-nvme: building $name"
	make -C "$KDIR" M="$dir" -j"$(nproc)" CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_DEBUG_INFO= KCFLAGS=-Werror \
		CONFIG_PCI_P2PMEM=m CONFIG_PCI_P2PMEM_NVME=y KBUILD_EXTRA_SYMBOLS="$out/tree/Module.symvers" \
		modules >>"$log" 2>&1 || { tail -n 20 "$log"; die "the build of $name failed (whole log: $log)"; }
	"${KCROSS:-}strip" --strip-debug "$dir/nvme.ko"
	echo "$want" >"$dir/.hash"
}

mkdir -p "$out/rig-nvme"
: >"$log"
variant grafted "$out/tree/drivers/nvme/host" nvme-no-shadow-doorbell nvme-no-compare
variant stock "$KSRC/drivers/nvme/host" nvme-no-shadow-doorbell
