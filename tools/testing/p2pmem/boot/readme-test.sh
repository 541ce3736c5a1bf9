#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the README, as it has them, on a Debian system that boots from NVMe: installed, used, checked,
# used again after a reboot, undone. Prints TAP.
#
# readme-test.sh BUILD_DIR debian12|debian13
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testing/p2pmem/boot/lib.sh
. "$here/lib.sh"

find_releases
base_image
check "the packages" build_packages
rm -rf "$work/readme" "$work/build"
check "the README's commands" "$here/readme.py" "$top/README.md" "$work/readme"
[ $failed = 0 ] || { echo "1..$n"; exit 1; }
mkdir -p "$work/build/deb"
cp "${debs[0]}"/p2pmem*.deb "$work/build/deb/"

disk=$work/disk.raw
export DISK_SIZE=64M
cp --sparse=always "$boot/base.raw" "$disk"
with=("$here/steps/readme.sh" "$work/readme")
for s in install use undo; do
	more=()
	[ $s != install ] || more=("$work/build" "${lanes[0]}/stock/${kvers[0]}/modules/p2pmem_rnic.ko")
	step $s readme-$s "$disk" --kernel "${kvers[0]}" -- "${with[@]}" "${more[@]}"
done
step removed removed "$disk" --kernel "${kvers[0]}"
[ $failed != 0 ] || rm -rf "$disk" "$work"/*/disk1.raw "$work/build" "$work/readme"
echo "1..$n"
[ $failed = 0 ]
