#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# userland.sh BUILD: programs for guests of another architecture than this machine's
#
# Prints the directory below which the packages of the programs that initramfs.sh copies are unpacked, with
# all packages that these depend on. They come from the package lists that BUILD/kernel/apt-conf names, and
# are never installed. Fetched once for each architecture, about 70 MB.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
# shellcheck disable=SC1091
. "$build/kernel/env"
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$here/archive.sh"
packages="busybox-static kmod util-linux nvme-cli fio iproute2 e2fsprogs pciutils"

die()
{
	echo "userland: $*" >&2
	exit 1
}

archive_conf=$(cat "$build/kernel/apt-conf" 2>/dev/null) || archive_conf=
[ -n "$archive_conf" ] ||
	die "the kernel is for $KARCH and was not selected by KERNEL=: its guest programs are not known, use KERNEL= with a line of $here/kernels"
shared=${SHARED_BUILD:-$build}
root=$shared/userland/$KARCH
mkdir -p "$root"
root=$(cd "$root" && pwd)

exec 9>"$root/.lock"
flock 9
want="$packages $(sha256sum <"$0")"
if [ "$(cat "$root/.whole" 2>/dev/null)" != "$want" ]; then
	rm -rf "$root/.whole" "$root/deb" "$root/root"
	mkdir -p "$root/deb" "$root/root/usr"
	# with a merged /usr, as the guest's loader expects it
	for d in bin sbin lib; do
		mkdir "$root/root/usr/$d"
		ln -s "usr/$d" "$root/root/$d"
	done
	echo "userland: fetching programs for guests of $KARCH" >&2
	# shellcheck disable=SC2086	# one word a package is meant
	apt-get -c "$archive_conf" -s --no-install-recommends install $packages >"$root/plan" 2>&1 ||
		die "apt does not know what they depend on: $(tail -n 1 "$root/plan")"
	# perl is for scripts among them, which no guest runs
	# shellcheck disable=SC2046
	archive_fetch_newest "$root/deb" $(awk '$1 == "Inst" && $2 !~ /perl/ { print $2 }' "$root/plan") >&2 ||
		die "apt cannot download them (its message is above): is there a network?"
	for deb in "$root"/deb/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -xf - -C "$root/root" --no-same-owner --keep-directory-symlink \
				--exclude='./usr/share/*' --exclude='./var/*' --exclude='./dev/*'
	done
	rm -rf "$root/deb"
	echo "$want" >"$root/.whole"
fi
echo "$root/root"
