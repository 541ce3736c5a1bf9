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
# Debian's archive has image, headers and source of one version: headers and source are
# installed, the image is unpacked under BUILD/kernel and never installed.
# Found once, it stays until BUILD is removed.

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

unpack_source()
{
	# $1: tarball, $2: destination
	sum=$(sha256sum <"$here/source-dirs" | cut -c1-16)-$3
	[ "$(cat "$2/.unpacked" 2>/dev/null)" = "$sum" ] && return
	echo "kernel: unpacking what is needed of $1"
	rm -rf "$2" "$2.new"
	mkdir -p "$2.new"
	sed 's/#.*//' "$here/source-dirs" | awk -v top="$src_pkg" 'NF { print top "/" $1 }' >"$top/members"
	xz -dc -T0 "$1" | tar -xf - -C "$2.new" --strip-components=1 --no-same-owner -T "$top/members" ||
		die "$1 lacks a path of $here/source-dirs (named above): correct the list"
	echo "$sum" >"$2.new/.unpacked"
	mv "$2.new" "$2"
}

unpack_image()
{
	# $1: package, $2: version, $3: destination, $4: kver
	[ -e "$3/.unpacked" ] && return
	echo "kernel: downloading $1 $2"
	rm -rf "$3" "$top/deb"
	mkdir -p "$3" "$top/deb"
	(cd "$top/deb" && apt-get -q -o APT::Sandbox::User=root download "$1=$2")
	dpkg -x "$top"/deb/*.deb "$3"
	# releases before the merge of /usr and after it
	[ -e "$3/lib" ] || ln -s usr/lib "$3/lib"
	[ -s "$3/boot/vmlinuz-$4" ] || die "$1 has no boot/vmlinuz-$4"
	rm -rf "$top/deb"
	: >"$3/.unpacked"
}

if [ -n "${KDIR:-}" ]; then
	[ -e "$KDIR/Module.symvers" ] ||
		die "KDIR=$KDIR has no Module.symvers: give prepared headers or a built kernel"
	[ -e "${KSRC:-/nonexistent}/drivers/nvme/host/pci.c" ] ||
		die "KDIR is given, and KSRC=${KSRC:-} is not its source: give both, of one version"
	kver=$(make -s -C "$KDIR" kernelrelease) || die "KDIR=$KDIR does not tell its release"
	write_env "$kver" "$(cd "$KDIR" && pwd)" "$(cd "$KSRC" && pwd)" "${KIMAGE:-}"
	exit 0
fi

# Found before, and still whole?
if [ -e "$top/env" ]; then
	# shellcheck disable=SC1091
	. "$top/env"
	if [ -e "$KDIR/Module.symvers" ] && [ -e "$KSRC/.unpacked" ] && [ -e "$KIMAGE/.unpacked" ] &&
	   [ -e "$top/version" ]; then
		unpack_source "/usr/src/$src_pkg.tar.xz" "$KSRC" "$(cat "$top/version")"
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

want="linux-headers-$kver"
[ "$(dpkg-query -W -f '${Version}' $src_pkg 2>/dev/null)" = "$ver" ] || want="$want $src_pkg=$ver"
# shellcheck disable=SC2086
"$here/deps.sh" $want
unpack_source "/usr/src/$src_pkg.tar.xz" "$top/$kver/source" "$ver"
unpack_image "$image" "$ver" "$top/$kver/image" "$kver"
echo "$ver" >"$top/version"
write_env "$kver" "/usr/src/linux-headers-$kver" "$top/$kver/source" "$top/$kver/image"
