#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The life of p2pmem's packages on a Debian system that boots from an NVMe drive: installed, used by a
# target that systemd restores, the kernel upgraded without and with matching packages, removed. In a copy of the
# system apt upgrades kernel and packages together from an archive, and removes the older kernel. Each step is a
# boot of its own. Prints TAP.
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

disk=$work/disk.raw copy=$work/copy.raw
export DISK_SIZE=64M
cp --sparse=always "$boot/base.raw" "$disk"

# archive: one for apt, in which the packages of each kernel have a directory
archive()
{
	local suite
	rm -rf "$work/archive"
	mkdir -p "$work/archive/older" "$work/archive/newer"
	cp "${debs[0]}"/p2pmem*.deb "$work/archive/older/" && cp "${debs[1]}"/p2pmem-modules*.deb "$image" "$work/archive/newer/" || return 1
	for suite in older newer; do
		(cd "$work/archive/$suite" && dpkg-scanpackages --multiversion . >Packages) || return 1
	done
}

rnic() { echo "${lanes[$1]}/stock/${kvers[$1]}/modules/p2pmem_rnic.ko"; }

step install install "$disk" -- "${debs[0]}"/p2pmem-modules-"${kvers[0]}"_*.deb "${debs[0]}"/p2pmem_*.deb "$(rnic 0)"
step configure configure "$disk"
if [ -z "${SHORT:-}" ]; then
	cp --sparse=always "$disk" "$copy"
	check "an archive of the packages" archive
	step archive-upgrade archive-upgrade "$copy" -- "$work/archive" "$(rnic 1)"
	rm -rf "$work/archive"
	step archive-autoremove archive-autoremove "$copy"
	step archive-end archive-end "$copy"
	step upgrade-without upgrade-without "$disk" -- "$image" "$(rnic 1)"
	step upgrade-with upgrade-with "$disk" -- "${debs[1]}"/p2pmem-modules-"${kvers[1]}"_*.deb
	step remove remove "$disk"
	step removed removed "$disk"
	step removed-older removed "$disk" --kernel "${kvers[0]}"
	# the distribution's default kernel, where that is another one
	default=$("$here/boot.py" --list "$disk" | head -n 1)
	[ "$default" = "${kvers[0]}" ] || step fallback removed "$disk" --kernel "$default"
fi
[ $failed != 0 ] || rm -f "$disk" "$copy" "$work"/*/disk1.raw
echo "1..$n"
[ $failed = 0 ]
