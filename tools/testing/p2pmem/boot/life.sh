#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life of p2pmem's packages on a Debian system that boots from an NVMe drive: installed, used by a
# target that systemd restores, the kernel upgraded without and with matching packages, removed. Each
# step is a boot of its own. Prints TAP.
#
# life.sh BUILD_DIR debian12|debian13
#
# SHORT=1 in the environment: only the installation and the boot after it.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testing/p2pmem/boot/lib.sh
. "$here/lib.sh"

find_releases
base_image
need "the newer kernel's image package" image_package
echo "# older ${kvers[0]}, newer ${kvers[1]}"
check "the packages of both kernels" build_packages
[ $failed = 0 ] || { echo "1..$n"; exit 1; }

disk=$work/disk.raw
export DISK_SIZE=64M
cp --sparse=always "$boot/base.raw" "$disk"
rnic() { echo "${lanes[$1]}/stock/${kvers[$1]}/modules/p2pmem_rnic.ko"; }

step install install "$disk" -- "${debs[0]}"/p2pmem-modules-"${kvers[0]}"_*.deb "${debs[0]}"/p2pmem_*.deb "$(rnic 0)"
step configure configure "$disk"
if [ -z "${SHORT:-}" ]; then
	step upgrade-without upgrade-without "$disk" -- "$image" "$(rnic 1)"
	step upgrade-with upgrade-with "$disk" -- "${debs[1]}"/p2pmem-modules-"${kvers[1]}"_*.deb
	step remove remove "$disk"
	step removed removed "$disk"
	step removed-older removed "$disk" --kernel "${kvers[0]}"
	# the distribution's default kernel, where that is another one
	default=$("$here/boot.py" --list "$disk" | head -n 1)
	[ "$default" = "${kvers[0]}" ] || step fallback removed "$disk" --kernel "$default"
fi
[ $failed != 0 ] || rm -f "$disk" "$work"/*/disk1.raw
echo "1..$n"
[ $failed = 0 ]
