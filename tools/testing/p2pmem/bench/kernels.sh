#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kernels.sh BUILD: build the kernels that "make bench" compares, and its module for each
#
#   BUILD/bench/upstream/   the kernel as it is, with CONFIG_PCI_P2PDMA
#   BUILD/bench/ours/       the kernel with the graft, with CONFIG_PCI_P2PMEM=m
#
# Both have the rest of kernel.config in common. In each directory: kernel/ (objects),
# bzImage, init, and modules/ in the order of loading. Does nothing if no input changed.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
[ $# = 1 ] || { echo "usage: $0 BUILD" >&2; exit 2; }
build=$(cd "$1" && pwd)
jobs=$(nproc)

die()
{
	echo "bench: $*" >&2
	exit 1
}

# kernel_make SOURCE OUT ARGUMENT...: prints a line of progress for every 100 objects, and errors
kernel_make()
{
	s=$1
	o=$2
	shift 2
	rm -f "$o.rc"
	{ make -C "$s" O="$o" -j"$jobs" "$@" 2>&1 || echo $? >"$o.rc"; } | tee -a "$o.log" |
		awk -v name="$(basename "$(dirname "$o")")" '
		/^ +[A-Z0-9]+ / {
			if (++n % 100 == 0) { print "bench: kernel " name ": " n " steps"; fflush() }
			next
		}
		/error|warning|Error/ { print; fflush() }'
	[ ! -e "$o.rc" ] || die "the build failed (whole log: $o.log)"
}

# checksum of what the kernel NAME depends on
inputs()
{
	cat "$build/kernel/version" "$here/kernel.config" "$here/kernels.sh"
	[ "$1" = upstream ] || (
		cd "$top"
		git ls-files -- drivers/pci include tools/graft |
			while read -r f; do [ ! -f "$f" ] || sha256sum "$f"; done
	)
}

# kernel NAME SOURCE OPTION
kernel()
{
	dir=$build/bench/$1
	out=$dir/kernel
	mkdir -p "$out"
	want=$(inputs "$1" | sha256sum | cut -c1-32)
	[ "$(cat "$dir/built" 2>/dev/null)" != "$want" ] || return 0
	rm -f "$dir/built"
	: >"$out.log"
	echo "bench: building kernel $1, which takes some minutes the first time"
	{ cat "$here/kernel.config"; echo "$3"; echo "CONFIG_LOCALVERSION=\"-bench-$1\""; } >"$dir/wanted"
	if ! cmp -s "$dir/wanted" "$dir/wanted.done" || [ ! -e "$out/.config" ]; then
		KCONFIG_ALLCONFIG=$dir/wanted kernel_make "$2" "$out" allnoconfig
		lost=$(grep '^CONFIG_' "$dir/wanted" | grep -Fvxf "$out/.config") || :
		[ -z "$lost" ] || die "Kconfig rejects options of kernel $1: $lost"
		cp "$dir/wanted" "$dir/wanted.done"
	fi
	kernel_make "$2" "$out" bzImage modules
	cp "$out/arch/x86/boot/bzImage" "$dir/bzImage"
	echo "$want" >"$dir/built"
}

# measure NAME SOURCE: the module that measures, and init
measure()
{
	dir=$build/bench/$1
	mkdir -p "$dir/module" "$dir/modules"
	rsync -rl --checksum "$here/module/" "$here/../tool/symbol.h" "$dir/module/"
	make -C "$2" O="$dir/kernel" M="$dir/module" KCFLAGS=-Werror modules >"$dir/module.log" 2>&1 || {
		tail -n 20 "$dir/module.log"
		die "the module does not build for kernel $1 (whole log: $dir/module.log)"
	}
	rm -f "$dir/modules"/*
	core=$dir/kernel/drivers/pci/p2pdma/p2pdma.ko
	[ "$1" = upstream ] || strip --strip-debug -o "$dir/modules/1-p2pdma.ko" "$core"
	strip --strip-debug -o "$dir/modules/2-p2pmem_bench.ko" "$dir/module/p2pmem_bench.ko"
	gcc -O2 -Wall -Werror -static -o "$dir/init" "$here/init.c"
}

upstream=$("$top/tools/graft/source.sh" "$build" | tail -n 1)
ours=$("$top/tools/testing/p2pmem/kernels/source.sh" "$build" | tail -n 1)
mkdir -p "$build/bench"
exec 8>"$build/bench/lock"
flock 8
kernel upstream "$upstream" CONFIG_PCI_P2PDMA=y
kernel ours "$ours" CONFIG_PCI_P2PMEM=m
measure upstream "$upstream"
measure ours "$ours"
