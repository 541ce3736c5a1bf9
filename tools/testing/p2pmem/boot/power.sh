#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Cuts the power of a Debian system while packages or install.sh install or exchange the modules: it boots
# each time with one set of modules that is whole, that of before or that of after, and the next run comes to its
# end. The system has the sums of both sets, whose files all differ. One run gives all cuts: at each of them QEMU
# is stopped and the disk is copied, which is what killing it would leave. Prints TAP.
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

find_releases
base_image
check "the packages" build_packages
[ $failed = 0 ] || { echo "1..$n"; exit 1; }
export DISK_SIZE=64M
rm -rf "$work/tree" "$work/next"
packages=("${debs[0]}"/p2pmem-modules-"${kvers[0]}"_*.deb "${debs[0]}"/p2pmem_*.deb)

# sums SET DIR: a line SET SUM MODULE for each module in DIR
sums()
{
	local m
	for m in $modules; do
		[ -s "$2/$m.ko" ] || return 1
		echo "$1 $(sha256sum <"$2/$m.ko" | cut -d ' ' -f 1) $m"
	done
}

# A package of a higher version, whose modules do the same and are other files. Writes sums.package, the set of the first
# one, and sums.next, both
next_package()
{
	local m dir=$work/next/usr/lib/p2pmem/${kvers[0]}
	dpkg-deb -R "${packages[0]}" "$work/next" && sums after "$dir" >"$work/sums.package" || return 1
	for m in $modules; do
		objcopy --add-section .p2pmem_next="$0" "$dir/$m.ko" || return 1
	done
	{ sed 's/^after /before /' "$work/sums.package" && sums after "$dir"; } >"$work/sums.next" || return 1
	(cd "$work/next" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$work/next/DEBIAN/md5sums"
	sed -i 's/^Version: .*/&.1/' "$work/next/DEBIAN/control" &&
		dpkg-deb --root-owner-group -b "$work/next" "$work/next.deb"
}

# no file of one set is one of the other
differ()
{
	cat "$work/sums.next"
	[ "$(cut -d ' ' -f 2 "$work/sums.next" | sort -u | wc -l)" = "$((2 * $(wc -w <<<"$modules")))" ]
}

# states PACKAGE...: as dpkg-query says it, when they are installed
states()
{
	local p
	for p; do
		echo "ii  $(dpkg-deb -f "$p" Package) $(dpkg-deb -f "$p" Version)"
	done | sort
}

check "a package of a higher version" next_package
check "whose modules are all other files" differ
check "a clone for install.sh" clone
check "the sums of its modules" sums after "$work/tree/build/stock/${kvers[0]}/modules"
cp "$work/out" "$work/sums.tree"
[ $failed = 0 ] || { echo "1..$n"; exit 1; }
disk=$work/disk.raw

# wanted NUMBER: whether this line of the table is wanted
wanted()
{
	case " ${CUTS:-$1} " in *" $1 "*) return 0 ;; esac
	return 1
}

# lines_of WHAT: NUMBER SECONDS LINE of the wanted cuts
lines_of()
{
	local number=0 what after line
	while read -r what after line; do
		[ -n "$what" ] || continue
		number=$((number + 1))
		[ "$what" != "$1" ] || ! wanted $number || echo "$number $after $line"
	done <<<"$cuts"
}

[ -n "$(for what in first upgrade script; do lines_of $what; done)" ] || bail "no such cut: ${CUTS:-}"
for what in first upgrade script; do
	lines_of "$what" >"$work/cuts"
	[ -s "$work/cuts" ] || continue
	cp --sparse=always "$boot/base.raw" "$disk"
	case $what in
	first)
		files=("${packages[@]}")
		echo "dpkg -i ./p2pmem*.deb" >"$work/command"
		cp "$work/sums.package" "$work/sets"
		states "${packages[@]}" >"$work/states"
		;;
	upgrade)
		# the system as the first installation leaves it
		step before-upgrade install "$disk" -- "${packages[@]}" "${lanes[0]}/stock/${kvers[0]}/modules/p2pmem_rnic.ko"
		files=("$work/next.deb")
		echo "dpkg -i ./next.deb" >"$work/command"
		cp "$work/sums.next" "$work/sets"
		states "$work/next.deb" "${packages[1]}" >"$work/states"
		;;
	script)
		files=("$work/tree")
		echo "KVER=${kvers[0]} ./tree/tools/packaging/install.sh install" >"$work/command"
		cp "$work/sums.tree" "$work/sets"
		: >"$work/states"
		;;
	esac
	options=()
	while read -r number after line; do
		options+=(--cut "$line" "$after" "$work/cut$number.raw")
	done <"$work/cuts"
	step "$what" cut "$disk" --kernel "${kvers[0]}" --append nvme_core.io_timeout=60 "${options[@]}" -- \
		"$work/command" "${files[@]}"
	while read -r number after line; do
		check "$what, cut $number: the power was cut $after s after: $line" test -s "$work/cut$number.raw"
		[ -e "$work/cut$number.raw" ] || continue
		before=$failed
		step "$number-$what" after-cut "$work/cut$number.raw" --kernel "${kvers[0]}" -- \
			"$work/command" "$work/sets" "$work/states" "${files[@]}" </dev/null
		[ $failed != "$before" ] || rm -f "$work/cut$number.raw"
	done <"$work/cuts"
done
[ $failed != 0 ] || rm -f "$disk" "$work/next.deb"
rm -rf "$work/tree" "$work/next" "$work/cuts" "$work"/sums.* "$work/sets" "$work/states" "$work/command"
echo "1..$n"
[ $failed = 0 ]
