#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# image.sh NAME OUT RELEASE...: make the image of a small Debian system that boots its own kernel and
# initramfs from an NVMe drive: debian12 or debian13 with systemd, and the kernels RELEASE (as printed by
# uname -r). Debian 12's has its default kernel, 6.1, too. Debian 13's default kernel is the newest 6.12, which
# would boot instead of an older RELEASE.
#
#   OUT/base.raw     the file system, sparse; boot.py boots copies of it
#   OUT/image.log    what debootstrap and apt said
#
# An image of the same content is not made again. nvmetcli comes from Debian's unstable suite, which
# alone has it. The machine's own packages are not changed. MIRROR= and SECURITY= are Debian's archives.
#
# Needs root: mounts are in a namespace of their own, which ends with this script.
#
# Exit status: 0; 3 if something cannot be fetched; 1 otherwise.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../rig
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$rig/archive.sh"
# shellcheck source=tools/testing/p2pmem/rig/debian.sh
. "$rig/debian.sh"

die()
{
	echo "image: $*" >&2
	exit "${status:-1}"
}

[ $# -ge 3 ] || die "usage: image.sh NAME OUT RELEASE..."
if [ "$1" != --inside ]; then
	mkdir -p "$2"
	out=$(cd "$2" && pwd)
	exec 9>"$out/.lock"
	flock 9
	name=$1
	shift 2
	want=$({ cat "$0" "$rig/debian.sh" && find "$here/root" -type f | LC_ALL=C sort | xargs cat && echo "$name $*"; } | sha256sum | cut -c1-32)
	if [ "$(cat "$out/base.key" 2>/dev/null)" = "$want" ] && [ -s "$out/base.raw" ]; then
		exit 0
	fi
	[ "$(id -u)" = 0 ] || die "root is needed to make a system"
	rm -rf --one-file-system "$out/base.key" "$out/base.raw" "$out/root"
	echo "image: making a system of $name with $*"
	status=0
	unshare --mount --pid --fork --kill-child --mount-proc "$0" --inside "$name" "$out" "$@" >"$out/image.log" 2>&1 9>&- || status=$?
	rm -rf --one-file-system "$out/root"
	if [ $status != 0 ]; then
		tail -n 20 "$out/image.log" >&2
		reason=$(sed -n 's/^image: //p' "$out/image.log" | tail -n 1)
		die "the image cannot be made${reason:+, $reason} (whole log: $out/image.log)"
	fi
	echo "$want" >"$out/base.key"
	exit 0
fi

name=$2 out=$3
shift 3
releases=$*
root=$out/root
case $name in
debian12) suite=bookworm default=linux-image-amd64 ;;
debian13) suite=trixie default= ;;
*) die "$name is neither debian12 nor debian13" ;;
esac
archive_own
mirror=${MIRROR:-$(archive_site debian)}
security=${SECURITY:-$(archive_site debian-security)}

# inside COMMAND...: in the new system, with nothing of this one's environment but the proxy
inside()
{
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@" </dev/null
}

install_packages()
{
	inside apt-get -qq -y --no-install-recommends install "$@"
}

# nvmetcli of the unstable suite: plain Python
nvmetcli()
{
	mkdir -p "$root/tmp/sid"
	archive_open "$out/apt" amd64 sid
	! archive_stale || archive_update || return 1
	archive_fetch "$root/tmp/sid" nvmetcli || return 1
	install_packages python3-configshell-fb || return 1
	inside sh -c 'dpkg -i /tmp/sid/nvmetcli_*.deb' || return 1
	rm -r "$root/tmp/sid"
}

status=3
debootstrap --variant=minbase --include=systemd-sysv,udev,kmod "$suite" "$root" "$mirror" || die "debootstrap failed"
debian_settle "$root" "$suite" "$mirror" "$security"

uuid=c0ffee00-16a1-4b00-b007-000000000001
echo "UUID=$uuid / ext4 errors=remount-ro 0 1" >"$root/etc/fstab"
echo boot >"$root/etc/hostname"
inside apt-get -qq update || die "the package lists of $suite cannot be fetched"
# what the command p2pmem needs is there, so that its package can be installed without a network
install_packages initramfs-tools zstd e2fsprogs iproute2 nvme-cli pciutils pci.ids libpci3 'libjson-c5' python3-minimal mokutil ||
	die "a package cannot be installed"
# shellcheck disable=SC2046,SC2086	# one word each, or none
install_packages $default $(for r in $releases; do echo "linux-image-$r"; done) || die "a kernel cannot be installed"
nvmetcli || die "nvmetcli cannot be installed"
status=1

cp -r "$here/root/." "$root/"
chmod +x "$root/usr/local/sbin/step"
inside systemctl enable systemd-networkd.service step.service
# what a test does not need
inside systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
	e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service \
	nvmf-autoconnect.service systemd-tmpfiles-clean.timer
inside systemctl set-default step.target
# a full one takes minutes on an emulated processor; those that are there now are full
sed -i 's/^MODULES=.*/MODULES=dep/' "$root/etc/initramfs-tools/initramfs.conf"
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
inside apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/usr/share/locale/* "$root"/usr/share/doc/*/changelog*
umount "$root/proc" "$root/sys"
umount -R "$root/dev"

# space for another kernel and its initramfs
size=$(($(du -sm "$root" | cut -f 1) * 115 / 100 + 1200))
mke2fs -q -t ext4 -U "$uuid" -L boot -d "$root" "$out/base.new" "${size}M" || die "no file system"
mv "$out/base.new" "$out/base.raw"
