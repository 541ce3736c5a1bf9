#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# modules.sh BUILD: build the modules for the distribution's kernel, see BUILD/kernel/env
#
#   BUILD/stock/KVER/stage/      the distribution's source with our files, grafted
#   BUILD/stock/KVER/tree/       build copy of it with the objects; only changed files are copied
#   BUILD/stock/KVER/modules/    the result: *.ko without debug information, Module.symvers
#   BUILD/stock/KVER/rig-nvme/   nvme.ko for virtual machines, see rig-nvme.sh
#   BUILD/stock/KVER/build.log   the whole output of make
#
# Does nothing if no input changed since the last successful build.

set -eu
# what the compiler says is read
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
build=$(cd "$1" && pwd)
# shellcheck disable=SC1091
. "$build/kernel/env"
# the compiler of that kernel, where it is not this machine's
[ -z "${KPATH:-}" ] || PATH=$KPATH:$PATH
cross=${KCROSS:-}
if [ -n "$cross" ]; then
	# headers of a distribution say so themselves
	# shellcheck disable=SC2153	# of kernel/env
	ARCH=$KARCH CROSS_COMPILE=$cross
	export ARCH CROSS_COMPILE
fi
out=$build/stock/$KVER
stage=$out/stage
tree=$out/tree
jobs=$(nproc)
# directories of the distribution's source, and the modules with our hooks in each
grafted="drivers/infiniband/core:ib_core drivers/nvme/host:nvme drivers/nvme/target:nvmet,nvmet-rdma"
# our own directories, copied over it
overlay="drivers include tools/testing/p2pmem/rnic tools/testing/p2pmem/tool"

die()
{
	echo "modules: $*" >&2
	exit 1
}

hash_of()
{
	sha256sum | cut -c1-32
}

our_files()
{
	for d in $overlay; do
		[ ! -d "$top/$d" ] || (cd "$top" && find "$d" -type f ! -name '.*' | LC_ALL=C sort)
	done
}

contents()
{
	# names and checksums of everything that the build depends on
	{
		our_files
		(cd "$top" && find Kbuild tools/graft tools/testing/p2pmem/rig -maxdepth 1 -type f 2>/dev/null |
			grep -v '\.topo$' | LC_ALL=C sort)
		(cd "$top" && find tools/compat -type f | LC_ALL=C sort)
	} >"$out/inputs"
	(cd "$top" && xargs -d '\n' sha256sum <"$out/inputs")
	echo "$KDIR $KSRC"
	ls -lL --time-style=full-iso "$KDIR/Module.symvers" "$KDIR/include/generated/autoconf.h"
	cat "$KSRC/.unpacked" 2>/dev/null || find "$KSRC/drivers/nvme" "$KSRC/drivers/infiniband/core" -type f -printf '%p %T@\n'
}

copy_changed()
{
	# keeps objects and the times of unchanged files, so that make rebuilds only what changed
	rsync -rlp --checksum --delete --exclude='*.o' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
		--exclude='.*.cmd' --exclude='*.symvers' --exclude='modules.order' --exclude='.module-common.*' \
		"$1" "$2"
}

# Our files use the newest interface (tools/compat). The distribution's files do not: a completed
# type of a further include changes the versions of exports.
adapted()
{
	for f in "$stage/$1"/p2pmem*.c "$stage/$1"/rw_p2pmem*.c; do
		[ -e "$f" ] || continue
		f=${f##*/}
		case $f in rw_*) own=" -DP2PMEM_ADAPT_IB_CORE" ;; *) own= ;; esac
		echo "CFLAGS_${f%.c}.o += -include \$(P2PMEM_ADAPT)$own"
	done
}

# Assembles the distribution's source with our files, and grafts the hooks
assemble()
{
	graft_want=$({
		our_files
		(cd "$top" && find tools/graft -type f -exec sha256sum {} + 2>/dev/null | LC_ALL=C sort)
		cat "$KSRC/.unpacked" 2>/dev/null || find "$KSRC/drivers/nvme" "$KSRC/drivers/infiniband/core" -type f -printf '%p %T@\n'
		cat "$0" "$out/compat.h"
		(cd "$top" && find tools/compat -type f -exec sha256sum {} + | LC_ALL=C sort)
	} | hash_of)
	fresh=no
	if [ "$(cat "$out/stage.hash" 2>/dev/null)" != "$graft_want" ]; then
		rm -rf "$stage" "$out/stage.hash"
		mkdir -p "$stage/drivers/nvme"
		for d in drivers/infiniband/core drivers/nvme/common drivers/nvme/host drivers/nvme/target; do
			mkdir -p "$stage/$d"
			cp -rT "$KSRC/$d" "$stage/$d"
		done
		fresh=yes
	fi
	for d in $overlay; do
		[ -d "$top/$d" ] || continue
		mkdir -p "$stage/$d"
		rsync -rlp --checksum "$top/$d/" "$stage/$d/"
	done
	"$top/tools/compat/rewrite.sh" "$stage" "$out/compat.h" || die "our files could not be brought to this kernel (see above)"
	cp "$top/tools/compat/set.c" "$stage/drivers/pci/p2pdma/"
	printf '%s\n' "ccflags-y += -include \$(P2PMEM_ADAPT)" "p2pdma-y += set.o" >>"$stage/drivers/pci/p2pdma/Makefile"
	for d in rnic tool; do
		echo "ccflags-y += -include \$(P2PMEM_ADAPT)" >>"$stage/tools/testing/p2pmem/$d/Makefile"
	done
	mkdir -p "$stage/compat"
	rsync -rlp --checksum --delete "$top/tools/compat/include" "$top/tools/compat/adapt.h" "$stage/compat/"
	[ $fresh = yes ] || return 0
	if [ -x "$top/tools/graft/graft.sh" ]; then
		echo "modules: grafting"
		"$top/tools/graft/graft.sh" "$stage" || die "the graft failed (see above)"
	fi
	for g in $grafted; do
		{
			echo "# build only the modules with hooks"
			echo "include \$(src)/Makefile"
			echo "obj-y :="
			echo "obj-m := $(echo "${g#*:}" | sed 's/,/.o /g').o"
			adapted "${g%%:*}"
		} >"$stage/${g%%:*}/Kbuild"
	done
	echo "$graft_want" >"$out/stage.hash"
}

# kernel_make DIRECTORY [ARGUMENT...]: an external build. BTF is off because header packages lack
# pahole and vmlinux, debug information because it takes a quarter of the time. Warnings are errors.
kernel_make()
{
	dir=$1
	shift
	make -C "$KDIR" M="$dir" -j"$jobs" CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_DEBUG_INFO= KCFLAGS=-Werror \
		CONFIG_PCI_P2PMEM=m CONFIG_PCI_P2PMEM_BAR=m CONFIG_PCI_P2PMEM_SAMPLES=m CONFIG_PCI_P2PMEM_RDMA=y \
		CONFIG_PCI_P2PMEM_NVME=y CONFIG_PCI_P2PMEM_NVMET=y "$@"
}

# logged COMMAND...: shows its output except the steps of make; the log has everything
logged()
{
	rm -f "$out/rc"
	{ "$@" 2>&1 || echo $? >"$out/rc"; } | tee -a "$out/build.log" |
		grep -E -v '^make(\[|:)|^ +(CC|LD|AR|MODPOST|DESCEND) |entering|leaving' || true
	[ ! -e "$out/rc" ]
}

compile()
{
	# objects of a run that ended before its warnings were read
	[ ! -e "$out/unchecked" ] || find "$tree" -name '*.o' -delete
	: >"$out/unchecked"
	: >"$out/build.log"
	logged kernel_make "$tree" modules || die "the build failed (whole log: $out/build.log)"
	# a compiler that differs has the kernel's major version, see kernel.sh
	if grep -E -i 'warning' "$out/build.log" | grep -E -v 'the compiler differs|pahole version differs' >"$out/warnings"; then
		# so that the next run warns again
		find "$tree" -name '*.o' -delete
		die "the build has warnings (whole log: $out/build.log): $(head -n 3 "$out/warnings")"
	fi
	rm -f "$out/unchecked"
}

# in_set MODULE: whether it calls nothing of p2pdma, or can be loaded with that of this build alone (compat/set.sh)
in_set()
{
	"${cross}nm" "$1" >"$out/symbols"
	! grep -q ' U pci_p2pmem_' "$out/symbols" || grep -q ' U p2pmem_set_' "$out/symbols"
}

collect()
{
	rm -rf "$out/modules.new"
	mkdir -p "$out/modules.new"
	sed 's/\.o$/.ko/' "$tree/modules.order" | while read -r ko; do
		case $ko in /*) ;; *) ko=$tree/$ko ;; esac
		in_set "$ko" || die "$ko does not refer to the symbol of its set (tools/compat/set.sh)"
		# keeps the symbols that modules need, and drops local labels
		"${cross}strip" --strip-debug -o "$out/modules.new/$(basename "$ko")" "$ko"
	done
	cp "$tree/Module.symvers" "$out/modules.new/"
	rm -rf "$out/modules.old"
	[ ! -e "$out/modules" ] || mv "$out/modules" "$out/modules.old"
	mv "$out/modules.new" "$out/modules"
	rm -rf "$out/modules.old"
}

mkdir -p "$out"
exec 9>"$out/lock"
flock 9

want=$(contents | hash_of)
[ "$(cat "$out/built.hash" 2>/dev/null)" != "$want" ] || exit 0
rm -f "$out/built.hash"

"$top/tools/compat/probe.sh" "$KDIR" "$KSRC" "$out/compat" "$out/compat.h"
assemble
mkdir -p "$tree"
cp "$top/Kbuild" "$stage/Kbuild"
cp "$out/compat.h" "$stage/compat.h"
"$top/tools/compat/set.sh" "$stage" "$stage/compat.h"
copy_changed "$stage/" "$tree/"
echo "modules: building for $KVER"
compile
"$here/check-crc.sh" "$tree/Module.symvers" "$KDIR/Module.symvers" >"$out/check.log" || { cat "$out/check.log"; exit 1; }
export KVER KDIR KSRC KIMAGE KCROSS
"$here/check-layout.sh" "$out" >>"$out/check.log" || { cat "$out/check.log"; exit 1; }
cat "$out/check.log"
collect
"$here/rig-nvme.sh" "$out"
echo "$want" >"$out/built.hash"
grep -q "^$KVER |" "$top/tools/graft/known" ||
	echo "modules: no test has passed on $KVER yet (tools/graft/known): run make check before you rely on it"
echo "modules: $(cd "$out/modules" && echo *.ko) in $out/modules"
