#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh BUILD: find the kernel to build for and to boot.
#
# Leaves BUILD/kernel/env, a shell and make fragment with
#   KVER=    its release, as uname -r says it
#   KDIR=    headers to build modules against, with Module.symvers
#   KSRC=    source of the same version: the paths that the file source-dirs names
#   KIMAGE=  directory with boot/vmlinuz-KVER and lib/modules/KVER
#
# Given in the environment, KDIR, KSRC and KIMAGE are taken as they are (KIMAGE is
# needed for virtual machines only). Otherwise it is the newest 6.12 kernel of which
# Debian's archive has image, headers and source of one version. Its packages are unpacked
# under BUILD/kernel and never installed: Debian's headers depend on the image, and a kernel
# more is no business of ours. Found once, it stays until BUILD is removed.

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

# Newest release whose image, headers and source have one version: "KVER VERSION IMAGE_PACKAGE"
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

# fetch VERSION PACKAGE...: into $top/deb
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
			download "$p=$version") || die "apt could not download $p=$version"
		mv "$top"/deb/new/*.deb "$top/deb/$p.deb"
	done
}

# The paths of source-dirs, out of the tarball inside the package
unpack_source()
{
	sum=$(sha256sum <"$here/source-dirs" | cut -c1-16)-$1
	[ "$(cat "$2/.unpacked" 2>/dev/null)" = "$sum" ] && return
	fetch "$1" $src_pkg
	echo "kernel: unpacking what is needed of $src_pkg"
	rm -rf "$2" "$2.new"
	mkdir -p "$2.new"
	sed 's/#.*//' "$here/source-dirs" | awk -v top="$src_pkg" 'NF { print top "/" $1 }' >"$top/members"
	dpkg-deb --fsys-tarfile "$top/deb/$src_pkg.deb" | tar -xOf - "./usr/src/$src_pkg.tar.xz" |
		xz -dc -T0 | tar -xf - -C "$2.new" --strip-components=1 --no-same-owner -T "$top/members" ||
		die "$src_pkg lacks a path of $here/source-dirs (named above): correct the list"
	echo "$sum" >"$2.new/.unpacked"
	mv "$2.new" "$2"
}

# Packages below one directory. The headers name each other by absolute path in one line.
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
	# releases before the merge of /usr and after it
	[ -e "$dest/lib" ] || ln -s usr/lib "$dest/lib"
	[ -s "$dest/boot/vmlinuz-$release" ] || die "the image package has no boot/vmlinuz-$release"
	sed -i "s,^include /usr/src/,include $dest/usr/src/," "$dest/usr/src/linux-headers-$release/Makefile"
	[ "$(MAKEFLAGS='' make -s --no-print-directory -C "$dest/usr/src/linux-headers-$release" kernelrelease)" = "$release" ] ||
		die "the headers below $dest do not work there: install linux-headers-$release and give KDIR="
	echo "$version" >"$dest/.unpacked"
}

if [ -n "${KDIR:-}" ]; then
	[ -e "$KDIR/Module.symvers" ] ||
		die "KDIR=$KDIR has no Module.symvers: give prepared headers or a built kernel"
	[ -e "${KSRC:-/nonexistent}/drivers/nvme/host/pci.c" ] ||
		die "KDIR is given, and KSRC=${KSRC:-} is not its source: give both, of one version"
	kver=$(MAKEFLAGS='' make -s --no-print-directory -C "$KDIR" kernelrelease) || die "KDIR=$KDIR does not tell its release"
	write_env "$kver" "$(cd "$KDIR" && pwd)" "$(cd "$KSRC" && pwd)" "${KIMAGE:-}"
	exit 0
fi

# Found before, and still whole?
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
	echo "kernel: the package lists know no $series kernel: apt-get update"
	if [ "$(id -u)" = 0 ]; then apt-get -q update; else sudo apt-get -q update; fi
	found=$(discover)
fi
[ -n "$found" ] ||
	die "no $series kernel of which image, headers and source have one version: is bookworm-security among apt's sources? Or give KDIR=, KSRC= and KIMAGE="
# shellcheck disable=SC2086
set -- $found
kver=$1 ver=$2 image=$3
echo "kernel: $kver ($ver)"

others=$(apt-cache depends "linux-headers-$kver" | awk '$1 ~ /Depends/ && $2 ~ /^linux-(headers|kbuild)-/ { print $2 }')
# shellcheck disable=SC2086	# one word a package is meant
unpack_packages "$ver" "$top/$kver/root" "$kver" "$image" "linux-headers-$kver" $others
unpack_source "$ver" "$top/$kver/source"
rm -rf "$top/deb"
echo "$ver" >"$top/version"
write_env "$kver" "$top/$kver/root/usr/src/linux-headers-$kver" "$top/$kver/source" "$top/$kver/root"
