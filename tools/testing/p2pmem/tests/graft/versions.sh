#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# versions.sh BUILD_DIR: every point release of 6.12 whose source the archive still has takes the graft: sites
# move from one to the next. Builds nothing. Prints TAP.
#
# The directories that are grafted (3 MB a version) are kept in BUILD_DIR; each is fetched once (140 MB).
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
# shellcheck source=tools/testing/p2pmem/rig/archive.sh
. "$top/tools/testing/p2pmem/rig/archive.sh"
dirs="drivers/nvme/host drivers/nvme/target drivers/infiniband/core"
unset KERNEL KDIR KSRC KIMAGE KVER KPATH

# unpacked PACKAGE VERSION APT: into $work/VERSION
unpacked()
{
	[ ! -e "$work/$2" ] || return 0
	archive_conf=$3
	[ "$3" != own ] || archive_own
	rm -rf "$work/tmp/deb" "$work/tmp/new"
	mkdir -p "$work/tmp/deb" "$work/tmp/new"
	archive_fetch "$work/tmp/deb" "$1=$2" || return 1
	# shellcheck disable=SC2046,SC2086	# one word a directory
	dpkg-deb --fsys-tarfile "$work/tmp/deb/"*.deb | tar -xOf - "./usr/src/$1.tar.xz" | xz -dc -T0 |
		tar -xf - -C "$work/tmp/new" --strip-components=1 --no-same-owner $(printf "$1/%s " $dirs) || return 1
	mv "$work/tmp/new" "$work/$2"
}

# grafted VERSION
grafted()
{
	rm -rf "$work/tmp/tree"
	cp -r "$work/$1" "$work/tmp/tree"
	for d in $dirs; do
		cp "$top/$d"/*p2pmem* "$work/tmp/tree/$d/"
	done
	"$top/tools/graft/graft.sh" "$work/tmp/tree"
}

status=0
SHARED_BUILD=$BUILD "$top/tools/testing/p2pmem/rig/kernel.sh" "$work/tmp" --sources >"$work/tmp/all" 2>"$work/out" || status=$?
[ $status != 3 ] || skip_all "sources of the archive" "$(grep '^kernel: ' "$work/out" | tail -n 1)"
# one of each version: 6.12.117-1~deb12u1 is 6.12.117-1, built for Debian 12
awk '{ same = $3; sub(/~.*/, "", same) } $2 == "linux-source-6.12" && !seen[same]++' "$work/tmp/all" |
	sort -V -k3 >"$work/tmp/versions"
check "the archive has sources of 6.12" test -s "$work/tmp/versions"
while read -r name package version apt; do
	if unpacked "$package" "$version" "$apt" >"$work/out" 2>&1; then
		check "$name: $package $version takes the graft" grafted "$version"
	else
		n=$((n + 1))
		echo "ok $n - $name: $package $version # SKIP it cannot be downloaded: $(tail -n 1 "$work/out")"
	fi
done <"$work/tmp/versions"
echo "1..$n"
[ $failed = 0 ]
