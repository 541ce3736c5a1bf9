#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kernels.sh BUILD: build the kernels that "make bench" compares, and what measures for each
#
#   BUILD/bench/upstream/   the kernel as it is, with CONFIG_PCI_P2PDMA
#   BUILD/bench/ours/       the kernel with the graft, with CONFIG_PCI_P2PMEM=m
#
# Both have the rest of kernel.config in common. In each directory: kernel/ (objects), bzImage,
# and for guests "e2e" and all others: a program (init-e2e, init), and modules in the order of
# loading (modules-e2e/, modules/). BUILD/bench/count.so is a plugin of QEMU. Builds only what
# depends on a changed input.

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

# inputs NAME SOURCE OPTION...: what the kernel depends on
inputs()
{
	echo "$@"
	cat "$build/kernel/version" "$here/kernel.config"
	[ "$1" = upstream ] || (
		cd "$top"
		files=$(tools/graft/files.sh drivers include tools/graft tools/compat tools/testing/p2pmem/kernels/source.sh)
		echo "$files" | xargs -d '\n' sha256sum
	)
}

# kernel NAME SOURCE OPTION...
kernel()
{
	dir=$build/bench/$1
	out=$dir/kernel
	source=$2
	mkdir -p "$out"
	inputs "$@" >"$dir/inputs"
	want=$(sha256sum <"$dir/inputs" | cut -c1-32)
	[ "$(cat "$dir/built" 2>/dev/null)" != "$want" ] || return 0
	rm -f "$dir/built"
	: >"$out.log"
	echo "bench: building kernel $1, which takes some minutes the first time"
	{ cat "$here/kernel.config"; echo "CONFIG_LOCALVERSION=\"-bench-$1\""; } >"$dir/wanted"
	shift 2
	printf '%s\n' "$@" >>"$dir/wanted"
	if ! cmp -s "$dir/wanted" "$dir/wanted.done" || [ ! -e "$out/.config" ]; then
		KCONFIG_ALLCONFIG=$dir/wanted kernel_make "$source" "$out" allnoconfig
		lost=$(grep '^CONFIG_' "$dir/wanted" | grep -Fvxf "$out/.config") || :
		[ -z "$lost" ] || die "Kconfig rejects options of $dir: $lost"
		cp "$dir/wanted" "$dir/wanted.done"
	fi
	kernel_make "$source" "$out" bzImage modules
	cp "$out/arch/x86/boot/bzImage" "$dir/bzImage"
	echo "$want" >"$dir/built"
}

# external NAME SOURCE DIRECTORY ARGUMENT...: build modules outside of the tree
external()
{
	obj=$build/bench/$1/kernel
	src=$2
	ext=$3
	what="the kernel $1"
	shift 3
	make -C "$src" O="$obj" M="$ext" -j"$jobs" KCFLAGS=-Werror "$@" modules >"$ext.log" 2>&1 || {
		tail -n 20 "$ext.log"
		die "$ext does not build for $what (whole log: $ext.log)"
	}
}

# nvme NAME SOURCE: the driver of drives without shadow doorbells, as rig/rig-nvme.sh explains
nvme()
{
	ext=$build/bench/$1/nvme
	new=$build/bench/$1/nvme.new
	rm -rf "$new"
	mkdir -p "$new" "$ext"
	cp "$2"/drivers/nvme/host/*.[ch] "$2/drivers/nvme/host/Makefile" "$new/"
	spatch --very-quiet --in-place --macro-file "$top/tools/graft/macros.h" \
		--sp-file "$here/../rig/nvme-no-shadow-doorbell.cocci" "$new/pci.c" >"$ext.log" 2>&1 ||
		die "spatch failed (see $ext.log)"
	! cmp -s "$2/drivers/nvme/host/pci.c" "$new/pci.c" || die "nvme-no-shadow-doorbell.cocci changes nothing"
	# shellcheck disable=SC2016	# make expands it
	printf 'include $(src)/Makefile\nobj-y :=\nobj-m := nvme.o\nccflags-y += -I%s\n' \
		"$2/drivers/nvme/host" >"$new/Kbuild"
	rsync -rl --checksum "$new/" "$ext/"
	rm -rf "$new"
	external "$1" "$2" "$ext"
}

# place DIRECTORY FILE...: copy modules without debug information, with their order in their names
place()
{
	to=$1
	nr=10
	shift
	rm -rf "$to"
	mkdir -p "$to"
	for f; do
		strip --strip-debug -o "$to/$nr-${f##*/}" "$f"
		nr=$((nr + 1))
	done
}

# measure NAME SOURCE: the modules that measure, and programs
measure()
{
	dir=$build/bench/$1
	drivers=$dir/kernel/drivers
	mkdir -p "$dir/module" "$dir/rnic"
	rsync -rl --checksum "$here/module/" "$here/../tool/symbol.h" "$here/plugin/marker.h" "$dir/module/"
	external "$1" "$2" "$dir/module"
	rsync -rl --checksum "$here/../rnic/" "$dir/rnic/"
	external "$1" "$2" "$dir/rnic"
	nvme "$1" "$2"
	core=
	[ "$1" = upstream ] || core=$drivers/pci/p2pdma/p2pdma.ko
	# shellcheck disable=SC2086	# no word without a core
	place "$dir/modules" $core "$dir/module/p2pmem_bench.ko"
	# shellcheck disable=SC2086
	place "$dir/modules-e2e" $core "$dir/module/p2pmem_bench.ko" "$drivers/nvme/host/nvme-core.ko" \
		"$dir/nvme/nvme.ko" "$dir/kernel/lib/dim/dimlib.ko" "$drivers/infiniband/core/ib_core.ko" \
		"$drivers/infiniband/core/ib_cm.ko" "$drivers/infiniband/core/iw_cm.ko" \
		"$drivers/infiniband/core/rdma_cm.ko" \
		"$drivers/nvme/host/nvme-fabrics.ko" "$drivers/nvme/host/nvme-rdma.ko" \
		"$drivers/nvme/target/nvmet.ko" "$drivers/nvme/target/nvmet-rdma.ko" "$dir/rnic/p2pmem_rnic.ko"
	gcc -O2 -Wall -Werror -static -o "$dir/init" "$here/init.c"
	gcc -O2 -Wall -Werror -static -o "$dir/init-e2e" "$here/e2e.c"
}

upstream=$("$top/tools/graft/source.sh" "$build" | tail -n 1)
ours=$("$top/tools/testing/p2pmem/kernels/source.sh" "$build" | tail -n 1)
mkdir -p "$build/bench"
exec 8>"$build/bench/lock"
flock 8
kernel upstream "$upstream" CONFIG_PCI_P2PDMA=y
kernel ours "$ours" CONFIG_PCI_P2PMEM=m CONFIG_PCI_P2PMEM_RDMA=y CONFIG_PCI_P2PMEM_NVME=y CONFIG_PCI_P2PMEM_NVMET=y
measure upstream "$upstream"
measure ours "$ours"
gcc -O2 -Wall -Werror -shared -fPIC -fvisibility=hidden -o "$build/bench/count.so" "$here/plugin/count.c"
