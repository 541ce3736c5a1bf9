#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Cuts the power of a Debian system (QEMU is killed) while packages or install.sh install or exchange the
# modules: it boots each time with one set of modules that is whole, and the next run comes to its
# end. Prints TAP.
#
# power.sh BUILD_DIR debian12|debian13
#
# CUTS="1 4" in the environment: only these lines of the table below.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testing/p2pmem/boot/lib.sh
. "$here/lib.sh"

# WHAT  SECONDS AFTER  a line of the report, see steps/cut.sh
cuts="
first     1  data begin
first     0  data before mv .*updates/p2pmem
first     0  data before mv .*modules.dep.bin
first     0  data before update-initramfs
first     8  data before update-initramfs
first     0  data before mv .*initrd
upgrade   2  data begin
upgrade   0  data before mv .*modules.dep.bin
upgrade   8  data before update-initramfs
script    0  data before mv .*updates/p2pmem
script    0  data before mv .*modules.dep.bin
script    8  data before update-initramfs
"

"$here/../rig/deps.sh" debootstrap e2fsprogs >/dev/null || bail "debootstrap cannot be installed"
find_releases
check "the packages" build_packages
check "an image of $distro" "$here/image.sh" "$distro" "$boot" "${kvers[0]}"
[ $failed = 0 ] || { echo "1..$n"; exit 1; }
export DISK_SIZE=64M
rm -rf "$work/tree" "$work/next"
packages=("${debs[0]}"/p2pmem-modules-"${kvers[0]}"_*.deb "${debs[0]}"/p2pmem_*.deb)

# the same modules with a higher version
next_package()
{
	dpkg-deb -R "${packages[0]}" "$work/next" && sed -i 's/^Version: .*/&.1/' "$work/next/DEBIAN/control" &&
		dpkg-deb --root-owner-group -b "$work/next" "$work/next.deb"
}

check "a package of a higher version" next_package
check "a clone for install.sh" clone
disk=$work/disk.raw
number_of_cut=0
while read -r what after line; do
	[ -n "$what" ] || continue
	number_of_cut=$((number_of_cut + 1))
	case " ${CUTS:-$number_of_cut} " in *" $number_of_cut "*) ;; *) continue ;; esac
	from=$boot/base.raw
	case $what in
	first)
		files=("${packages[@]}")
		echo "dpkg -i ./p2pmem*.deb" >"$work/command"
		;;
	upgrade)
		# the system as the first installation leaves it
		if [ ! -e "$work/installed.raw" ]; then
			cp --sparse=always "$boot/base.raw" "$work/installed.raw"
			step before-upgrade install "$work/installed.raw" -- "${packages[@]}" \
				"${lanes[0]}/stock/${kvers[0]}/modules/p2pmem_rnic.ko" </dev/null
		fi
		from=$work/installed.raw
		files=("$work/next.deb")
		echo "dpkg -i ./next.deb" >"$work/command"
		;;
	script)
		files=("$work/tree")
		echo "KVER=${kvers[0]} ./tree/tools/packaging/install.sh install" >"$work/command"
		;;
	esac
	name=$number_of_cut-$what
	rm -f "$disk"
	cp --sparse=always "$from" "$disk"
	step "$name" cut "$disk" --kernel "${kvers[0]}" --cut "$line" --after "$after" -- "$work/command" "${files[@]}" </dev/null
	check "$name: the power was cut $after s after: $line" grep -Eq "$line" "$work/$name/report.log"
	step "$name-boot" after-cut "$disk" --kernel "${kvers[0]}" -- "$work/command" "${files[@]}" </dev/null
done <<<"$cuts"
[ $failed != 0 ] || rm -f "$disk" "$work/installed.raw" "$work/next.deb"
rm -rf "$work/tree" "$work/next"
echo "1..$n"
[ $failed = 0 ]
