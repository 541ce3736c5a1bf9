#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh BUILD: unpack the whole source of the kernel that the rig found, for a graft
#
# Run rig/kernel.sh first. Unpacks Debian's package BUILD/kernel/source-package, of the version in
# BUILD/kernel/version, to BUILD/kernel/KVER/linux (about 1.5 GB) and prints that path as the
# last line. A second run only prints the path. Nothing is installed.
set -eu

build=$(cd "$1" && pwd)
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$(dirname "$0")/../testing/p2pmem/rig/archive.sh"

die() { printf 'graft: error: %s\n' "$*" >&2; exit 1; }

[ -s "$build/kernel/version" ] ||
	die 'the kernel was set by KDIR=, not taken from a package: set KSRC= to its whole source'
version=$(cat "$build/kernel/version")
package=$(cat "$build/kernel/source-package")
# the package lists that the kernel came from; those of the machine if there are none
archive_conf=$(cat "$build/kernel/apt-conf" 2>/dev/null || :)
# shellcheck disable=SC1091
. "$build/kernel/env"
dir=$build/kernel/$KVER
tree=$dir/linux
# the first users may be several
exec 9>"$dir/.source.lock"
flock 9
if [ "$(cat "$tree.unpacked" 2>/dev/null)" != "$version" ]; then
	rm -rf "$tree.unpacked" "$tree" "$tree.new" "$dir/deb"
	mkdir -p "$tree.new" "$dir/deb"
	printf 'graft: downloading %s %s (140 MB)\n' "$package" "$version" >&2
	archive_fetch "$dir/deb" "$package=$version" >&2 || die "apt cannot download $package=$version (see above)"
	printf 'graft: unpacking %s to %s\n' "$package" "$tree" >&2
	# a line of progress for every 160 MB
	dpkg-deb --fsys-tarfile "$dir"/deb/*.deb | tar -xOf - "./usr/src/$package.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$tree.new" --strip-components=1 --no-same-owner \
			--checkpoint=16000 --checkpoint-action=echo='graft: %{}T' >&2 ||
		die "cannot unpack $package (see above)"
	[ -f "$tree.new/MAINTAINERS" ] || die "$package contains no kernel source"
	rm -rf "$dir/deb"
	mv "$tree.new" "$tree"
	echo "$version" >"$tree.unpacked"
fi
echo "$tree"
