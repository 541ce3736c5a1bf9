#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh BUILD: the whole source of the kernel that the rig found, for a graft
#
# After rig/kernel.sh. Unpacks Debian's package linux-source-6.12, of the version that
# BUILD/kernel/version says, into BUILD/kernel/KVER/linux, which is about 1.5 GB, and prints
# that path last. Done once; nothing is installed.
set -eu

build=$(cd "$1" && pwd)
package=linux-source-6.12

die() { printf 'graft: error: %s\n' "$*" >&2; exit 1; }

[ -s "$build/kernel/version" ] ||
	die 'the kernel was given with KDIR, and is of no package: give its whole source, KSRC=DIR'
version=$(cat "$build/kernel/version")
# shellcheck disable=SC1091
. "$build/kernel/env"
dir=$build/kernel/$KVER
tree=$dir/linux
if [ "$(cat "$tree.unpacked" 2>/dev/null)" != "$version" ]; then
	rm -rf "$tree.unpacked" "$tree" "$tree.new" "$dir/deb"
	mkdir -p "$tree.new" "$dir/deb"
	printf 'graft: downloading %s %s (140 MB)\n' "$package" "$version" >&2
	(cd "$dir/deb" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 \
		download "$package=$version") >&2 || die "apt could not download $package=$version"
	printf 'graft: unpacking it into %s\n' "$tree" >&2
	# a line of progress for every 160 MB
	dpkg-deb --fsys-tarfile "$dir"/deb/*.deb | tar -xOf - "./usr/src/$package.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$tree.new" --strip-components=1 --no-same-owner \
			--checkpoint=16000 --checkpoint-action=echo='graft: %{}T' >&2 ||
		die "$package could not be unpacked"
	[ -f "$tree.new/MAINTAINERS" ] || die "$package holds no kernel source"
	rm -rf "$dir/deb"
	mv "$tree.new" "$tree"
	echo "$version" >"$tree.unpacked"
fi
echo "$tree"
