#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-layout.sh OUT: compare the structures that rebuilt and distributed modules share. Called by modules.sh, with
# the variables of BUILD/kernel/env. Versions of symbols, where a kernel has them, say what headers its exports were
# compiled with, and not that ours were the same; with them BTF is not required.
#
# The layout of a distributed module is in its BTF, that of our module is known to the compiler. A header
# is compiled as the rebuilt module sees it, with an assertion for each size and each member.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$out/layout

die()
{
	echo "check-layout: $*" >&2
	exit 1
}

# by Debian's headers of 6.1, and by those of a kernel of one's own without BTF
versions()
{
	awk '$1 != "0x00000000" { found = 1; exit } END { exit !found }' "$KDIR/Module.symvers"
}

if versions && { [ -z "${KIMAGE:-}" ] || [ ! -e "$KDIR/vmlinux" ]; }; then exit 0; fi
[ -e "$KDIR/vmlinux" ] || die "$KDIR has neither versions of symbols (CONFIG_MODVERSIONS) nor vmlinux with BTF: the modules cannot be checked"
rm -rf "$work"
mkdir -p "$work"
{
	sed -n '/^subdir-ccflags/p' "$out/tree/Kbuild" | sed "s,subdir-ccflags,ccflags,; s,\$(src)/,$out/tree/,g"
} >"$work/Kbuild"

# shared NAME MODULE HEADER STRUCTURE: a distributed module that includes HEADER
shared()
{
	module=$(find "$KIMAGE/lib/modules/$KVER/kernel" -name "$2.ko" -o -name "$2.ko.xz" | head -n 1)
	[ -n "$module" ] || die "the image has no $2"
	{
		echo "#include \"$3\""
		python3 "$here/layout.py" "$KDIR/vmlinux" "$module" "$3" "$4" || echo "#error \"no layout\""
	} >"$work/$1.c" 2>"$work/error"
	[ ! -s "$work/error" ] || die "$(cat "$work/error")"
	sed -n 's,^/\* \([0-9]*\) members of \([0-9]*\) structures \*/$,\1 \2,p' "$work/$1.c" >>"$work/counts"
	echo "obj-m += $1.o" >>"$work/Kbuild"
}

shared nvme nvme-core "$out/tree/drivers/nvme/host/nvme.h" nvme_ctrl
shared nvmet nvmet "$out/tree/drivers/nvme/target/nvmet.h" nvmet_req
common=$(sed -n 's,^include \(.*\)/Makefile$,\1,p' "$KDIR/Makefile")
shared rdma ib_core "${common:-$KDIR}/include/rdma/ib_verbs.h" ib_device
make -k -C "$KDIR" M="$work" -j"$(nproc)" nvme.o nvmet.o rdma.o >"$work/log" 2>&1 || {
	first=$(sed -n 's/.*static assertion failed: "\(.*\)"/\1/p; s/.*has no member named .\([a-z_0-9]*\).*/there is no member \1/p' "$work/log" | head -n 1)
	die "${first:-the headers cannot be compiled}: the headers that modules are built with are not those of the distributed modules; take source, headers and image of one version ($work/log)"
}
awk '{ m += $1; s += $2 } END { printf "check-layout: %d members of %d structures lie where the distribution has them\n", m, s }' "$work/counts"
