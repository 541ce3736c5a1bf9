# SPDX-License-Identifier: GPL-2.0-only
#
# For inside.sh, while the modules are installed: Debian's update-initramfs succeeds where it does nothing, and the
# initramfs is the one of before.
# shellcheck shell=sh disable=SC2154	# KVER and the functions are those of inside.sh

# set_aside PATTERN COMMAND...: it fails, and says two lines: why, and that it is rolled back
set_aside()
{
	why=$1
	shift
	refused "update-initramfs did not write /boot/initrd.img-$KVER: $why" "$@" &&
		grep "rolled back" /debs/said && [ "$(grep -c '^p2pmem' /debs/said)" = 2 ]
}

cp -p /usr/sbin/update-initramfs /debs/works
printf '#!/bin/sh\necho "update-initramfs: Not updating initramfs."\n' >/usr/sbin/update-initramfs
check "update-initramfs does nothing: an upgrade is rolled back" \
	set_aside "see above" dpkg -i --force-depends /debs/modules-higher.deb
check "our modules are used" ours
mkdir -p /etc/initramfs-tools
echo "update_initramfs=no" >/etc/initramfs-tools/update-initramfs.conf
check "it is configured so: the line names the file" \
	set_aside "/etc/initramfs-tools/update-initramfs.conf has update_initramfs=no, set it to yes first" \
	dpkg --configure --force-depends -a
rm -r /etc/initramfs-tools
mount --bind /boot /boot
mount -o remount,bind,ro /boot
check "/boot is read-only: the line says so" set_aside "/boot is read-only, run mount -o remount,rw /boot first" \
	dpkg --configure --force-depends -a
umount /boot
mv "/boot/initrd.img-$KVER" /debs/kept
check "a kernel without an initramfs needs none" dpkg --configure --force-depends -a
mv /debs/kept "/boot/initrd.img-$KVER"
check "our modules are used" ours
check "update-initramfs does nothing: a removal says so and succeeds" \
	says "the initramfs of $KVER cannot be renewed .* it boots, with p2pmem's modules" \
	dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "the distribution's modules are used, after a boot with that initramfs" half_distribution
mv /debs/works /usr/sbin/update-initramfs
check "update-initramfs works: the modules again" dpkg -i --force-depends /debs/modules-higher.deb
check "our modules are used" ours
