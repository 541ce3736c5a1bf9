#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh BUILD: find the kernel to build for and to boot.
#
# Writes BUILD/kernel/env, a shell and make fragment with
#   KVER=    its release, as of uname -r
#   KDIR=    headers to build modules against, with Module.symvers
#   KSRC=    source of the same version: the paths that the file source-dirs lists
#   KIMAGE=  directory with boot/vmlinuz-KVER and lib/modules/KVER
#
# KDIR, KSRC and KIMAGE are used as they are if set in the environment (KIMAGE is needed for
# virtual machines only). Otherwise the script selects the newest 6.12 kernel whose image,
# headers and source exist in Debian's archive in the same version. Its packages are unpacked
# below BUILD/kernel and never installed, because Debian's headers depend on the image and
# would install another kernel. The selection is kept until BUILD is removed.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/kernel"
top=$(cd "$1/kernel" && pwd)
series=6.12
src_pkg=linux-source-$series

die()
{
	echo "kernel: $*" >&2
	exit 1
}

write_env()
{
	printf 'KVER=%s\nKDIR=%s\nKSRC=%s\nKIMAGE=%s\n' "$1" "$2" "$3" "$4" >"$top/env.new"
	cmp -s "$top/env.new" "$top/env" 2>/dev/null && rm "$top/env.new" && return
	mv "$top/env.new" "$top/env"
}

# Newest release with image, headers and source of one version: prints "KVER VERSION IMAGE_PACKAGE"
discover()
{
	apt-cache madison $src_pkg 2>/dev/null | awk '{ print $3 }' | sort -rV -u |
	while read -r ver; do
		for h in $(apt-cache search --names-only "^linux-headers-$series.*-amd64\$" |
			   awk '{ print $1 }' | grep -Ev -- '-(cloud|rt)-amd64$' | sort -rV); do
			kver=${h#linux-headers-}
			apt-cache madison "$h" | awk '{ print $3 }' | grep -Fqx "$ver" || continue
			for i in "linux-image-$kver" "linux-image-$kver-unsigned"; do
				apt-cache madison "$i" | awk '{ print $3 }' |
					grep -Fqx "$ver" || continue
				echo "$kver $ver $i"
				exit 0
			done
		done
	done
}

# fetch VERSION PACKAGE...: downloads packages to $top/deb
fetch()
{
	version=$1
	shift
	mkdir -p "$top/deb"
	for p; do
		[ ! -e "$top/deb/$p.deb" ] || continue
		echo "kernel: downloading $p $version"
		rm -rf "$top/deb/new"
		mkdir "$top/deb/new"
		(cd "$top/deb/new" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 \
			download "$p=$version") || die "apt cannot download $p=$version (see above)"
		mv "$top"/deb/new/*.deb "$top/deb/$p.deb"
	done
}

# Unpacks the paths of source-dirs from the tarball inside the package
unpack_source()
{
	sum=$(sha256sum <"$here/source-dirs" | cut -c1-16)-$1
	[ "$(cat "$2/.unpacked" 2>/dev/null)" = "$sum" ] && return
	fetch "$1" $src_pkg
	echo "kernel: unpacking the needed parts of $src_pkg"
	rm -rf "$2" "$2.new"
	mkdir -p "$2.new"
	sed 's/#.*//' "$here/source-dirs" | awk -v top="$src_pkg" 'NF { print top "/" $1 }' >"$top/members"
	dpkg-deb --fsys-tarfile "$top/deb/$src_pkg.deb" | tar -xOf - "./usr/src/$src_pkg.tar.xz" |
		xz -dc -T0 | tar -xf - -C "$2.new" --strip-components=1 --no-same-owner -T "$top/members" ||
		die "$src_pkg lacks a path of $here/source-dirs (see above): correct the list"
	echo "$sum" >"$2.new/.unpacked"
	mv "$2.new" "$2"
}

# Unpacks packages below one directory, and corrects the one absolute path in the headers
unpack_packages()
{
	# $1: version, $2: destination, $3: kver, $4...: packages
	[ "$(cat "$2/.unpacked" 2>/dev/null)" = "$1" ] && return
	version=$1 dest=$2 release=$3
	shift 3
	fetch "$version" "$@"
	rm -rf "$dest"
	mkdir -p "$dest"
	for p; do
		dpkg -x "$top/deb/$p.deb" "$dest"
	done
	# packages with a merged /usr have no /lib
	[ -e "$dest/lib" ] || ln -s usr/lib "$dest/lib"
	[ -s "$dest/boot/vmlinuz-$release" ] || die "the image package has no boot/vmlinuz-$release"
	sed -i "s,^include /usr/src/,include $dest/usr/src/," "$dest/usr/src/linux-headers-$release/Makefile"
	[ "$(MAKEFLAGS='' make -s --no-print-directory -C "$dest/usr/src/linux-headers-$release" kernelrelease)" = "$release" ] ||
		die "the headers below $dest are not usable there: install linux-headers-$release and set KDIR="
	echo "$version" >"$dest/.unpacked"
}

if [ -n "${KDIR:-}" ]; then
	[ -e "$KDIR/Module.symvers" ] ||
		die "KDIR=$KDIR has no Module.symvers: set KDIR= to prepared headers or a built kernel"
	[ -e "${KSRC:-/nonexistent}/drivers/nvme/host/pci.c" ] ||
		die "KDIR is set, but KSRC=${KSRC:-} is not a kernel source: set both, for the same version"
	kver=$(MAKEFLAGS='' make -s --no-print-directory -C "$KDIR" kernelrelease) || die "KDIR=$KDIR: make kernelrelease failed (see above)"
	write_env "$kver" "$(cd "$KDIR" && pwd)" "$(cd "$KSRC" && pwd)" "${KIMAGE:-}"
	exit 0
fi

# selected by an earlier run, and still complete?
if [ -e "$top/env" ] && [ -e "$top/version" ]; then
	# shellcheck disable=SC1091
	. "$top/env"
	if [ -e "$KDIR/Module.symvers" ] && [ -e "$KSRC/.unpacked" ] && [ -e "$KIMAGE/.unpacked" ]; then
		unpack_source "$(cat "$top/version")" "$KSRC"
		rm -rf "$top/deb"
		exit 0
	fi
fi

found=$(discover)
if [ -z "$found" ]; then
	echo "kernel: no $series kernel in the package lists, running apt-get update"
	if [ "$(id -u)" = 0 ]; then apt-get -q update; else sudo apt-get -q update; fi
	found=$(discover)
fi
[ -n "$found" ] ||
	die "no $series kernel found with image, headers and source of one version: add bookworm-security to apt's sources, or set KDIR=, KSRC= and KIMAGE="
# shellcheck disable=SC2086
set -- $found
kver=$1 ver=$2 image=$3
echo "kernel: $kver ($ver)"

others=$(apt-cache depends "linux-headers-$kver" | awk '$1 ~ /Depends/ && $2 ~ /^linux-(headers|kbuild)-/ { print $2 }')
# shellcheck disable=SC2086	# split into one word per package
unpack_packages "$ver" "$top/$kver/root" "$kver" "$image" "linux-headers-$kver" $others
unpack_source "$ver" "$top/$kver/source"
rm -rf "$top/deb"
echo "$ver" >"$top/version"
write_env "$kver" "$top/$kver/root/usr/src/linux-headers-$kver" "$top/$kver/source" "$top/$kver/root"
