#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh KDIR: build the modules in this directory for the kernel whose headers are KDIR (by default
# of the running kernel). With grafted sources (p2pmem-source-RELEASE.tar.xz) these are all six, for that
# release only; with those of DKMS p2pdma and p2pmem-bar.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

die()
{
	echo "build.sh: $*" >&2
	exit 1
}

kdir=${1:-/lib/modules/$(uname -r)/build}
release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$kdir/include/generated/utsrelease.h" 2>/dev/null) || :
# what these sources were grafted for, unless they are those of DKMS
wanted=$(sed -n 's/^Linux \([^,]*\),.*/\1/p' "$here/VERSION" 2>/dev/null) || :
[ -n "$release" ] ||
	die "$kdir has no headers of a kernel: install linux-headers-${wanted:-$(uname -r)}, or name their directory"
[ -z "$wanted" ] || [ "$release" = "$wanted" ] ||
	die "$kdir is $release, and these sources are of $wanted alone: name the headers of $wanted, or take the archive of $release"
kdir=$(cd "$kdir" && pwd)
if [ ! -e "$here/compat.h" ]; then
	# what this kernel's interface lacks
	"$here/tools/compat/probe.sh" "$kdir" "$here" "$here/compat.probes" "$here/compat.h.new"
	"$here/tools/compat/rewrite.sh" "$here" "$here/compat.h.new"
	mkdir -p "$here/compat"
	cp -r "$here/tools/compat/include" "$here/tools/compat/adapt.h" "$here/compat/"
	"$here/tools/compat/set.sh" "$here" "$here/compat.h.new"
	mv "$here/compat.h.new" "$here/compat.h"
fi
make -C "$kdir" M="$here" -j"$(nproc)" CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_DEBUG_INFO= \
	CONFIG_PCI_P2PMEM=m CONFIG_PCI_P2PMEM_BAR=m CONFIG_PCI_P2PMEM_RDMA=y \
	CONFIG_PCI_P2PMEM_NVME=y CONFIG_PCI_P2PMEM_NVMET=y modules
